package rehearse

import (
	"fmt"
	"io"
	"strings"

	"pileus/internal/layout"
)

// textWidth is how many columns the text has at most.
const textWidth = 100

// WriteText writes the report for a person, in 100 columns.
func (r *Report) WriteText(out io.Writer) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s\n\n", sentence(r))
	wrap(b, "", "", fmt.Sprintf("%s; %s collators at first; a block every %s", r.Chain, r.Collator, interval(r.Interval)))
	for i := range r.Steps {
		r.Steps[i].writeText(b, i+1)
	}
	if len(r.Warnings) > 0 {
		b.WriteString("\nWarnings\n")
		for _, w := range r.Warnings {
			wrap(b, "- ", "  ", w)
		}
	}
	if t := r.Transfers; t != nil {
		fmt.Fprintf(b, "\nTransfers: %d submitted, %d included, %d not included, %d twice; %d were signed again for new code\n",
			t.Submitted, t.Included, t.Submitted-t.Included, t.Doubled, t.Resigned)
	}
	r.writeTimers(b)
	if len(r.Notes)+len(r.Simplified) > 0 {
		b.WriteString("\nWhat was changed and what is simulated\n")
		for _, n := range append(append([]string{}, r.Notes...), r.Simplified...) {
			wrap(b, "- ", "  ", n)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (s *StepReport) writeText(b *strings.Builder, number int) {
	fmt.Fprintf(b, "\n%d. %s: %s\n", number, s.Title(), words(s.Verdict))
	if s.Code != "" {
		wrap(b, "   ", "   ", s.Code)
	}
	line := fmt.Sprintf("a block every %s, before every %s", interval(s.After), interval(s.Before))
	if s.Kind == Start {
		line = "a block every " + interval(s.After)
	}
	line += fmt.Sprintf("; the runtime promises one every %s; %s lost", interval(&s.Promised), slots(s.Lost))
	if s.Lost > 0 {
		line += " at the boundary"
	}
	wrap(b, "   ", "   ", line)
	if s.PoVBytes > 0 {
		fmt.Fprintf(b, "   PoV of the upgrade: %s of %s (%.0f %%)\n", kib(s.PoVBytes), kib(int(s.PoVLimit)), 100*float64(s.PoVBytes)/float64(s.PoVLimit))
	}
	for _, m := range s.Timeline {
		head := fmt.Sprintf("   relay #%-8d %8.1f s  ", m.Relay, float64(m.Ms)/1000)
		wrap(b, head, strings.Repeat(" ", len(head)), m.What)
	}
	if s.Cause != "" {
		wrap(b, "   cause:      ", "               ", s.Cause)
	}
	for i, e := range s.Evidence {
		head := "               "
		if i == 0 {
			head = "   evidence:   "
		}
		wrap(b, head, "               ", e)
	}
	if s.Advice != "" {
		wrap(b, "   what to do: ", "               ", s.Advice)
	}
	if f := findingOf(s.Finding); f != nil {
		wrap(b, "   search for: ", "               ", quoted(f.Says)+"; docs/findings/"+f.Name+".md")
	}
}

func findingOf(name string) *Finding {
	for i := range Findings {
		if Findings[i].Name == name {
			return &Findings[i]
		}
	}
	return nil
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%q", s))
	}
	return strings.Join(out, ", ")
}

func sentence(r *Report) string {
	switch r.Verdict {
	case GoesOn:
		return "The chain goes on through every step."
	case Degrades:
		return "The chain goes on, but not as it should."
	}
	return "The chain stalls."
}

func words(v Verdict) string { return strings.ReplaceAll(string(v), "_", " ") }

func interval(ms *float64) string {
	if ms == nil {
		return "(none)"
	}
	return fmt.Sprintf("%.1f s", *ms/1000)
}

// wrap writes words in lines of at most textWidth columns, the first behind head.
func wrap(b *strings.Builder, head, indent, words string) {
	for _, line := range layout.Wrap(head, indent, words, textWidth) {
		b.WriteString(line + "\n")
	}
}
