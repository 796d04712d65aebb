package rehearse

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report as it can be pasted into a pull request.
func (r *Report) WriteMarkdown(out io.Writer) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "## Rehearsal: %s\n\n", strings.TrimSuffix(lowerFirst(sentence(r)), "."))
	fmt.Fprintf(b, "%s; %s collators at first; a block every %s.\n\n", cell(r.Chain), r.Collator, interval(r.Interval))
	b.WriteString("| | step | verdict | block interval | promised | slots lost | PoV |\n|---|---|---|---|---|---|---|\n")
	for i := range r.Steps {
		s := &r.Steps[i]
		fmt.Fprintf(b, "| %d | %s | %s **%s** | %s → %s | %s | %d | %s |\n", i+1, cell(s.Title()), mark[s.Verdict], words(s.Verdict), interval(s.Before), interval(s.After), interval(&s.Promised), s.Lost, s.pov())
	}
	for i := range r.Steps {
		r.Steps[i].writeMarkdown(b, i+1)
	}
	if len(r.Warnings) > 0 {
		b.WriteString("\n### Warnings\n\n")
		for _, w := range r.Warnings {
			fmt.Fprintf(b, "- %s\n", plain(w))
		}
	}
	if t := r.Transfers; t != nil {
		fmt.Fprintf(b, "\nOf %d transfers %d were included, %d were not, %d were included twice.\n", t.Submitted, t.Included, t.Submitted-t.Included, t.Doubled)
	}
	r.writeMarkdownTimers(b)
	if len(r.Notes)+len(r.Simplified) > 0 {
		b.WriteString("\n<details><summary>What was changed and what is simulated</summary>\n\n")
		for _, n := range append(append([]string{}, r.Notes...), r.Simplified...) {
			fmt.Fprintf(b, "- %s\n", plain(n))
		}
		b.WriteString("\n</details>\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

var mark = map[Verdict]string{GoesOn: "🟢", Degrades: "🟠", Stalls: "🔴"}

func (s *StepReport) pov() string {
	if s.PoVBytes == 0 {
		return "–"
	}
	return fmt.Sprintf("%s of %s", kib(s.PoVBytes), kib(int(s.PoVLimit)))
}

func (s *StepReport) writeMarkdown(b *strings.Builder, number int) {
	if s.Cause != "" {
		fmt.Fprintf(b, "\n**%d. %s %s**: %s\n", number, plain(s.Title()), words(s.Verdict), plain(s.Cause))
		for _, e := range s.Evidence {
			fmt.Fprintf(b, "- %s\n", plain(e))
		}
		fmt.Fprintf(b, "\n*What to do:* %s\n", plain(s.Advice))
	}
	fmt.Fprintf(b, "\n<details><summary>%d. %s: timeline</summary>\n\n| relay block | time | |\n|---|---|---|\n", number, plain(s.Title()))
	for _, m := range s.Timeline {
		fmt.Fprintf(b, "| #%d | %.1f s | %s |\n", m.Relay, float64(m.Ms)/1000, cell(m.What))
	}
	b.WriteString("\n</details>\n")
}

func (r *Report) writeMarkdownTimers(b *strings.Builder) {
	if len(r.Timers) == 0 {
		return
	}
	b.WriteString("\n### Timers\n\n| timer | blocks | clock | before | after | |\n|---|---|---|---|---|---|\n")
	var empty []string
	for i := range r.Timers {
		t := &r.Timers[i]
		if t.Verdict == "empty" {
			empty = append(empty, "`"+t.Name+"`")
			continue
		}
		verdict := t.Verdict
		if t.moved() {
			verdict = "**" + verdict + "**: " + cell(t.Note)
		}
		if t.Guess != "" {
			verdict += " (a guess " + cell(t.Guess) + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", t.Name, strings.ReplaceAll(count(t), ">", " → "), t.Clock, spanOf(t.BeforeS), spanOf(t.AfterS), verdict)
	}
	if len(empty) > 0 {
		fmt.Fprintf(b, "\nHold block numbers and are empty now: %s.\n", strings.Join(empty, ", "))
	}
	if r.Issuance != nil {
		b.WriteString("\nIssuance per day:")
		for i, s := range r.Issuance.Stages {
			if s != nil && i < len(r.Stages) {
				fmt.Fprintf(b, " %s %.4g;", r.Stages[i].Name, *s)
			}
		}
		fmt.Fprintf(b, " %s.\n", r.Issuance.Note)
	}
}

// plain takes from text what Markdown or HTML would take for its own.
func plain(s string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "#", "\\#").Replace(strings.Join(strings.Fields(s), " "))
}

// cell is plain text in a table.
func cell(s string) string { return strings.ReplaceAll(plain(s), "|", "\\|") }

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
