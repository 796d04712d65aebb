package rehearse

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for a person.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", sentence(r))
	for i := range r.Steps {
		s := &r.Steps[i]
		fmt.Fprintf(&b, "\n%d. %s %s: %s\n", i+1, strings.ReplaceAll(string(s.Kind), "_", " "), s.Arg, strings.ReplaceAll(string(s.Verdict), "_", " "))
		fmt.Fprintf(&b, "   block interval: before %s, after %s; %d slots lost at the boundary\n", interval(s.Before), interval(s.After), s.Lost)
		if s.PoVLimit > 0 {
			fmt.Fprintf(&b, "   largest PoV: %d KiB of %d KiB\n", s.PoVBytes/1024, s.PoVLimit/1024)
		}
		for _, m := range s.Timeline {
			fmt.Fprintf(&b, "   relay #%d  %7.1f s  %s\n", m.Relay, float64(m.Ms)/1000, m.What)
		}
		if s.Cause != "" {
			fmt.Fprintf(&b, "   cause: %s\n", s.Cause)
		}
		if s.Advice != "" {
			fmt.Fprintf(&b, "   what to do: %s\n", s.Advice)
		}
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "\nwarning: %s\n", w)
	}
	if len(r.Timers) > 0 {
		b.WriteString("\nTimers (constants that count blocks, by their names)\n")
		for _, t := range r.Timers {
			fmt.Fprintf(&b, "   %-36s %8d %-12s %12s -> %-12s %s\n", t.Name, t.After, t.Counts, span(t.BeforeS), span(t.AfterS), t.Verdict)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func sentence(r *Report) string {
	switch r.Verdict {
	case GoesOn:
		return "The chain goes on through every step."
	case Degrades:
		return "The chain goes on, but slower than it should."
	}
	return "The chain stalls."
}

func interval(ms *float64) string {
	if ms == nil {
		return "none"
	}
	return fmt.Sprintf("%.1f s", *ms/1000)
}
