package pileus

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"pileus/collator"
	"pileus/internal/layout"
	"pileus/pipeline"
)

// WriteText writes the report for a person, in lines of at most width columns (at least 40).
func (r *Report) WriteText(out io.Writer, width int) error {
	w := &textWriter{width: max(40, min(width, 100))}
	if r.Interrupted {
		w.para("", "Interrupted: what follows is the run up to then.")
	}
	for _, line := range strings.Split(r.Verdict, "\n") {
		w.para("", strings.ToUpper(line[:1])+line[1:]+".")
	}
	for i := range r.Paras {
		w.line("")
		r.Paras[i].write(w, r)
	}
	w.line("")
	w.head("Settings")
	w.settings(r.Settings)
	w.line("")
	w.head("Simulated, not real")
	for _, s := range r.Simplified {
		w.para("- ", s)
	}
	if len(r.Notes) > 0 {
		w.line("")
		w.head("Changed before the start")
		for _, s := range r.Notes {
			w.para("- ", s)
		}
	}
	w.line("")
	w.para("", fmt.Sprintf("%d relay blocks in %s of virtual time. Events: %s", r.RelayBlocks, clock(float64(r.VirtualMs)), r.Digest))
	w.para("", fmt.Sprintf("validate_block: executed %d times, the same answer reused %d times.", r.Executions.Executed, r.Executions.Reused))
	_, err := io.WriteString(out, w.String())
	return err
}

func (p *ParaReport) write(w *textWriter, r *Report) {
	s := r.settings()
	w.head(fmt.Sprintf("Para %d · %s · %s collator", p.ID, p.Name, p.collatorKind))
	if advice := p.advice(&s.Relay, s.Rules == classic); len(advice) > 0 {
		w.line("")
		w.head("What it means")
		for _, a := range advice {
			w.para("- ", a)
		}
		w.line("")
	}
	if len(p.Stages) == 1 {
		w.row("runtime", p.Stages[0].code())
	}
	w.row("blocks authored", fmt.Sprint(p.Authored))
	w.row("candidates seconded", fmt.Sprint(p.Seconded))
	w.row("candidates backed", fmt.Sprint(p.Backed))
	w.row("blocks included", fmt.Sprint(p.Included))
	w.counts("dropped", p.Dropped)
	w.counts("refused", p.Refused)
	w.counts("no attempt", p.Passed)
	for _, stage := range p.Stages {
		w.line("")
		if len(p.Stages) > 1 {
			w.head(fmt.Sprintf("From relay block %d: %s", stage.From, stage.code()))
		}
		stage.write(w)
	}
	w.line("")
	w.depths(p.depths)
	w.line("")
	w.head("Collators")
	for _, c := range p.Collators {
		w.row(c.Name, fmt.Sprintf("%d authored, %d included", c.Authored, c.Included))
	}
	w.line("")
	w.row("PoV", fmt.Sprintf("mean %s, max %s of %s", kib(p.PoV.Mean), kib(p.PoV.Max), kib(int(p.povLimit))))
	if l := p.LatencyMs; l.Included > 0 {
		w.line("")
		w.head("From the relay parent's slot, mean")
		for _, step := range []struct {
			name string
			ms   float64
		}{{"authored", l.Authored}, {"seconded", l.Seconded}, {"backable", l.Backable}, {"backed", l.Backed}, {"included", l.Included}} {
			w.row(step.name, fmt.Sprintf("%5.2f s %s", step.ms/1000, bar(step.ms, l.Included, w.width-w.label()-13)))
		}
	}
}

func (s *Stage) code() string {
	return fmt.Sprintf("spec version %d, code %s", s.SpecVersion, s.CodeHash.Short())
}

func (s *Stage) write(w *textWriter) {
	if s.Interval == nil {
		w.row("block interval", "none: fewer than two inclusions")
		return
	}
	w.row("block interval", fmt.Sprintf("mean %.2f s, median %.1f, 95%% %.1f, max %.1f", s.Interval.Mean/1000, s.Interval.P50/1000, s.Interval.P95/1000, s.Interval.Max/1000))
	counts := map[int]int{}
	top := 0
	for _, v := range s.intervals {
		bin := int(math.Round(v / 1000))
		counts[bin]++
		top = max(top, counts[bin])
	}
	bins := make([]int, 0, len(counts))
	for b := range counts {
		bins = append(bins, b)
	}
	slices.Sort(bins)
	const most = 12
	for i, b := range bins {
		if i == most {
			w.row("", fmt.Sprintf("… and %d longer ones", len(bins)-most))
			break
		}
		w.row("", fmt.Sprintf("%3d s %3d %s", b, counts[b], bar(float64(counts[b]), float64(top), w.width-w.label()-13)))
	}
}

// depths draws the length of the unincluded segment over time, one column per authored
// block or, in longer runs, the greatest of several.
func (w *textWriter) depths(list []int) {
	if len(list) == 0 {
		return
	}
	columns := min(len(list), w.width-8)
	per := (len(list) + columns - 1) / columns
	var row []int
	top := 1
	for chunk := range slices.Chunk(list, per) {
		row = append(row, slices.Max(chunk))
		top = max(top, slices.Max(chunk))
	}
	w.head("Unincluded segment after each block")
	for level := min(top, 12); level > 0; level-- {
		var b strings.Builder
		fmt.Fprintf(&b, "%4d │", level)
		for _, d := range row {
			if d >= level {
				b.WriteRune('█')
			} else {
				b.WriteRune(' ')
			}
		}
		w.line(strings.TrimRight(b.String(), " "))
	}
	w.line("     └" + strings.Repeat("─", len(row)))
}

// counts writes how often for which reason. What belongs to any healthy run stands last.
func (w *textWriter) counts(name string, counts map[string]int) {
	if len(counts) == 0 {
		w.row(name, "0")
		return
	}
	reasons := byCount(counts)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(normal[a], normal[b]) })
	for _, reason := range reasons {
		s := fmt.Sprintf("%d %s", counts[reason], reason)
		if m := pipeline.Meaning(reason); m != reason {
			s += ": " + m
		}
		if normal[reason] != "" {
			s += " (" + normal[reason] + ")"
		}
		w.row(name, s)
		name = ""
	}
}

// normal are reasons that belong to any healthy run, and why.
var normal = map[string]string{string(collator.NotOurSlot): "normal: they take turns"}

// textWriter collects lines.
type textWriter struct {
	strings.Builder
	width int
}

func (w *textWriter) line(s string) { w.WriteString(s + "\n") }

func (w *textWriter) head(s string) { w.para("", s) }

// label is the width of the names in front of the values; narrow terminals have no room for blanks.
func (w *textWriter) label() int {
	if w.width < 60 {
		return 19
	}
	return 22
}

// row writes a name and its value, in as many lines as that takes.
func (w *textWriter) row(name, value string) {
	w.para(fmt.Sprintf("  %-*s ", w.label(), name), value)
}

// para writes words in lines that begin with the first prefix, later with as many blanks.
func (w *textWriter) para(prefix, words string) {
	room := max(16, w.width-layout.Width(prefix))
	for _, line := range layout.Wrap(prefix, strings.Repeat(" ", layout.Width(prefix)), words, room+layout.Width(prefix)) {
		w.line(line)
	}
}

func bar(v, top float64, room int) string {
	if top <= 0 || room < 1 {
		return ""
	}
	return strings.Repeat("▇", max(1, int(math.Round(v/top*float64(min(room, 40))))))
}

func kib(bytes int) string {
	if bytes >= 10<<20 || bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(bytes)/1024)
}

func clock(ms float64) string {
	s := int(ms / 1000)
	if s < 120 {
		return fmt.Sprintf("%d s", s)
	}
	return fmt.Sprintf("%d min %d s", s/60, s%60)
}
