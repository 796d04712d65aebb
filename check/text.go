package check

import (
	"fmt"
	"io"
	"strings"

	"pileus/internal/layout"
)

// Style is how a report is written for people.
type Style struct {
	Width   int  // columns, at least 60
	Color   bool // escape sequences for a terminal
	Verbose bool // the evidence of every row, and all probes
}

// WriteText writes the report for a person: the verdict, what was judged, what fails and
// what to do about it, and the table of all rows.
func (r *Report) WriteText(out io.Writer, style Style) error {
	w := &writer{width: max(60, min(style.Width, 120)), Style: style}
	w.para("", r.Verdict+".")
	w.line("")
	w.about(r)
	if list := r.Failures(); len(list) > 0 {
		for _, row := range list {
			w.line("")
			w.failure(row)
		}
	}
	w.line("")
	w.table(r)
	if len(r.Notes) > 0 {
		w.line("")
		w.head("Changed in the state for the probes")
		for _, n := range r.Notes {
			w.para("- ", n)
		}
	}
	if style.Verbose {
		w.evidence(r)
	}
	_, err := io.WriteString(out, w.String())
	return err
}

// about says what was judged, and by which rules.
func (w *writer) about(r *Report) {
	w.row("runtime", fmt.Sprintf("%s-%d, code %s…%s", r.Runtime.SpecName, r.Runtime.SpecVersion, r.Runtime.CodeHash[:10], r.Runtime.CodeHash[max(0, len(r.Runtime.CodeHash)-4):]))
	w.row("release", fmt.Sprintf("parachain-system %s (%s): %s", r.Release.Crates, r.Release.SDK, r.Release.Rule))
	profile := r.Profile
	if r.Chosen {
		profile += " (chosen)"
	}
	if r.Promise > 0 {
		profile += fmt.Sprintf(": promises a block every %.4g s", float64(r.Promise)/1000)
		if r.Pace > 0 {
			profile += fmt.Sprintf(", has one every %.4g s", float64(r.Pace)/1000)
		}
	}
	w.row("profile", profile)
	if r.Next != nil {
		missing := "nothing is missing"
		if len(r.Next.Missing) > 0 {
			missing = "missing " + strings.Join(r.Next.Missing, ", ")
		}
		w.row("next: "+r.Next.Profile, missing)
	}
}

func (w *writer) failure(row Row) {
	mark := "WARNING"
	color := yellow
	if row.Severity == Error {
		mark, color = "ERROR", red
	}
	w.line(w.paint(color, mark) + " " + w.paint(bold, row.ID+" "+row.Title) + " (" + row.Step + ")")
	w.row("found", row.Found)
	w.row("expected", row.Expected)
	w.row("why", row.Why)
	when := row.Seen
	if row.Severity == Warning {
		when = "Not yet: " + when
	}
	w.row("seen as", when)
	w.row("fix", row.Fix)
	w.row("more", row.Links[0])
}

// table is all rows: verdict, id, what is asked, what was found.
func (w *writer) table(r *Report) {
	const verdict, id, asks = 8, 14, 26
	room := w.width - verdict - id - asks
	w.line(w.paint(bold, fmt.Sprintf("%-*s%-*s%-*s%s", verdict, "", id, "step", asks, "asks for", "found")))
	for _, row := range r.Rows {
		left, right := layout.Wrap("", "", row.Title, asks-2), layout.Wrap("", "", row.Found, room)
		for i := range max(len(left), len(right)) {
			a, b := "", ""
			if i < len(left) {
				a = left[i]
			}
			if i < len(right) {
				b = right[i]
			}
			mark, color := "", ""
			name := ""
			if i == 0 {
				mark, color = markOf(row)
				name = row.ID
			}
			line := w.paint(color, fmt.Sprintf("%-*s", verdict, mark)) + fmt.Sprintf("%-*s%-*s%s", id, name, asks, a, b)
			w.line(strings.TrimRight(line, " "))
		}
	}
}

func markOf(row Row) (mark, color string) {
	switch {
	case row.Verdict == Fails && row.Severity == Error:
		return "ERROR", red
	case row.Verdict == Fails:
		return "warning", yellow
	case row.Verdict == OK:
		return "ok", green
	case row.Verdict == NotKnown:
		return "unknown", ""
	}
	return "-", ""
}

// evidence lists what each verdict rests on.
func (w *writer) evidence(r *Report) {
	w.line("")
	w.head("Evidence")
	for _, row := range r.Rows {
		if len(row.Evidence) == 0 {
			continue
		}
		w.line(w.paint(bold, row.ID) + " " + string(row.Verdict))
		for _, e := range row.Evidence {
			w.para("  - ", e)
		}
	}
}

// WriteMarkdown writes the report for a pull request.
func (r *Report) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## pileus check: %s\n\n", cell(r.Verdict))
	fmt.Fprintf(&b, "`%s-%d`, code `%s`, parachain-system %s (%s), profile **%s**", r.Runtime.SpecName, r.Runtime.SpecVersion, r.Runtime.CodeHash, r.Release.Crates, r.Release.SDK, r.Profile)
	if r.Next != nil && len(r.Next.Missing) > 0 {
		fmt.Fprintf(&b, "; for %s is missing: %s", r.Next.Profile, strings.Join(r.Next.Missing, ", "))
	}
	b.WriteString("\n\n")
	for _, row := range r.Failures() {
		fmt.Fprintf(&b, "### %s: %s %s\n\n", strings.ToUpper(string(row.Severity)), row.ID, row.Title)
		fmt.Fprintf(&b, "- **Found:** %s\n- **Expected:** %s\n- **Why:** %s\n- **Seen as:** %s\n- **Fix:** %s\n", cell(row.Found), cell(row.Expected), cell(row.Why), cell(row.Seen), cell(row.Fix))
		if len(row.Evidence) > 0 {
			b.WriteString("\n<details><summary>Evidence</summary>\n\n")
			for _, e := range row.Evidence {
				fmt.Fprintf(&b, "- %s\n", cell(e))
			}
			b.WriteString("\n</details>\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("| | step | asks for | found | expected |\n|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		mark, _ := markOf(row)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", mark, row.ID, cell(row.Title), cell(row.Found), cell(row.Expected))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// markdown are the characters that mean something in a table of Markdown or in HTML.
var markdown = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ", "\r", " ", "`", "'", "*", `\*`, "_", `\_`)

func cell(s string) string { return markdown.Replace(s) }

// Escape sequences (SGR).
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// writer collects lines.
type writer struct {
	strings.Builder
	width int
	Style
}

func (w *writer) paint(color, s string) string {
	if !w.Color || color == "" || strings.TrimSpace(s) == "" {
		return s
	}
	return color + s + plain
}

func (w *writer) line(s string) { w.WriteString(s + "\n") }
func (w *writer) head(s string) { w.line(w.paint(bold, s)) }

// row writes a name and its value, in as many lines as that takes.
func (w *writer) row(name, value string) { w.para(fmt.Sprintf("  %-13s ", name), value) }

// para writes words in lines that begin with the first prefix, later with as many blanks.
func (w *writer) para(prefix, words string) {
	for _, line := range layout.Wrap(prefix, strings.Repeat(" ", layout.Width(prefix)), words, w.width) {
		w.line(line)
	}
}
