package rehearse

import (
	"fmt"
	"strings"
)

// writeTimers writes the audit as a table of 100 columns. What is empty is only named.
func (r *Report) writeTimers(b *strings.Builder) {
	if len(r.Timers) == 0 {
		return
	}
	first, last := r.Interval, r.Interval
	if n := len(r.Stages); n > 0 {
		first, last = r.Stages[0].Interval, r.Stages[n-1].Interval
	}
	fmt.Fprintf(b, "\nTimers: what counts blocks, before (a block every %s) and after (every %s)\n", interval(first), interval(last))
	fmt.Fprintf(b, "  %-43s %9s %-5s %9s %9s  %s\n", "", "blocks", "clock", "before", "after", "")
	guesses := false
	for i := range r.Timers {
		t := &r.Timers[i]
		if t.Verdict == "empty" {
			continue
		}
		mark := " "
		if t.Guess != "" {
			mark, guesses = "?", true
		}
		name := t.Name
		if len(name) > 43 {
			name = name[:40] + "..."
		}
		fmt.Fprintf(b, "%s %-43s %9s %-5s %9s %9s  %s\n", mark, name, count(t), t.Clock, spanOf(t.BeforeS), spanOf(t.AfterS), t.Verdict)
		if t.Note != "" && (t.moved() || t.Kind == kindMapByBlock) {
			wrap(b, "      ", "      ", t.Note)
		}
	}
	if guesses {
		wrap(b, "  ", "  ", "? is a guess by the name alone: the documentation gives no unit.")
	}
	var empty []string
	for _, t := range r.Timers {
		if t.Verdict == "empty" {
			name := t.Name
			if t.Clock == RelayClock {
				name += " (relay)"
			}
			empty = append(empty, name)
		}
	}
	if len(empty) > 0 {
		wrap(b, "  Hold block numbers and are empty now: ", "  ", strings.Join(empty, ", ")+".")
	}
	r.writeStages(b)
	if r.Issuance != nil {
		var parts []string
		for i, s := range r.Issuance.Stages {
			if s != nil && i < len(r.Stages) {
				parts = append(parts, fmt.Sprintf("%s %.4g", r.Stages[i].Name, *s))
			}
		}
		wrap(b, "  Issuance per day: ", "  ", strings.Join(parts, ", ")+" ("+r.Issuance.Note+").")
	}
}

// writeStages shows the timers that change by stage, where there are more than two.
func (r *Report) writeStages(b *strings.Builder) {
	if len(r.Stages) < 3 {
		return
	}
	fmt.Fprintf(b, "\n  At the pace of each stage\n  %-43s", "")
	for _, s := range r.Stages {
		fmt.Fprintf(b, " %9s", s.Name)
	}
	b.WriteString("\n")
	shown := min(len(r.Stages), 5)
	for i := range r.Timers {
		t := &r.Timers[i]
		if !t.moved() && t.Verdict != "unchanged" || len(t.Stages) != len(r.Stages) {
			continue
		}
		name := t.Name
		if len(name) > 43 {
			name = name[:40] + "..."
		}
		fmt.Fprintf(b, "  %-43s", name)
		for _, s := range t.Stages[len(t.Stages)-shown:] {
			fmt.Fprintf(b, " %9s", spanOf(s))
		}
		b.WriteString("\n")
	}
}

func count(t *Timer) string {
	switch {
	case t.After == nil:
		return "-"
	case t.Before != nil && *t.Before != *t.After:
		return fmt.Sprintf("%d>%d", *t.Before, *t.After)
	}
	return fmt.Sprint(*t.After)
}

func spanOf(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return span(*seconds)
}
