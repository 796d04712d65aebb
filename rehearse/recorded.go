package rehearse

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"pileus/pipeline"
)

// Recording is what a recorded run tells: counts, and the causes that its events speak
// for. Nothing can be asked of a recorded run, so findings that need the state are not made.
type Recording struct {
	Chain       string      `json:"chain"`
	RelayBlocks int         `json:"relay_blocks"`
	Authored    int         `json:"authored"`
	Included    int         `json:"included"`
	Interval    *float64    `json:"interval_ms"` // between inclusions, over the whole run
	Causes      []Cause     `json:"causes"`
	Refusals    []Refusal   `json:"refusals"` // what was refused, declined, dropped or not attempted, the most frequent first
	Longest     *Standstill `json:"longest_standstill"`
}

// Cause is a finding in a recording.
type Cause struct {
	Finding  string   `json:"finding"`
	Cause    string   `json:"cause"`
	Evidence []string `json:"evidence"`
	Advice   string   `json:"advice"`
	Says     []string `json:"search_for"`
}

// Refusal counts one reason.
type Refusal struct {
	What   string `json:"what"` // "refused", "declined", "dropped", "no attempt"
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Words  string `json:"words,omitempty"` // the last ones
}

// Standstill is the longest time without an included block.
type Standstill struct {
	From uint32  `json:"from_relay_block"`
	To   uint32  `json:"to_relay_block"`
	Ms   float64 `json:"ms"`
}

// maxEventLine is the longest line of a file of events, bytes.
const maxEventLine = 1 << 20

// ReadEvents explains a recorded run: the JSON lines that `pileus simulate --events` writes.
// Its error names the line that cannot be read.
func ReadEvents(in io.Reader) (*Recording, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxEventLine)
	rec := &recorder{Recording: &Recording{Causes: []Cause{}, Refusals: []Refusal{}}, e: newEvidence()}
	n := 0
	for lines.Scan() {
		n++
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		t, err := pipeline.DecodeEvent(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rec.take(t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if rec.RelayBlocks == 0 {
		return nil, fmt.Errorf("it holds no event RelayBlock: it is not a file of events, or an empty one")
	}
	return rec.finish(), nil
}

// recorder makes a recording of events.
type recorder struct {
	*Recording
	e           *Evidence
	relay       uint32
	first, last pipeline.Timed // inclusions
	at          uint32         // relay block of the last inclusion
	blocks      int            // included after the first
}

func (r *recorder) take(t pipeline.Timed) {
	r.e.take(t.Event)
	switch e := t.Event.(type) {
	case pipeline.ParaStarted:
		r.Chain = fmt.Sprintf("%s %d, para %d", e.SpecName, e.SpecVersion, e.Para)
		r.at = e.RelayBlock
	case pipeline.RelayBlock:
		r.RelayBlocks++
		r.relay = e.Number
		r.still(t)
	case pipeline.Included:
		if r.first.Event == nil {
			r.first = t
		} else {
			r.blocks += e.Blocks
		}
		r.last, r.at = t, e.Relay
	}
}

// still keeps the longest time without an inclusion.
func (r *recorder) still(t pipeline.Timed) {
	if r.relay <= r.at+usualPause {
		return
	}
	from := r.last.At
	if r.Longest == nil || r.Longest.From == r.at || t.At-from > 0 && float64((t.At-from).Milliseconds()) > r.Longest.Ms {
		r.Longest = &Standstill{From: r.at, To: r.relay, Ms: float64((t.At - from).Milliseconds())}
	}
}

// usualPause is how many relay blocks without an inclusion are nothing to speak of.
const usualPause = 4

func (r *recorder) finish() *Recording {
	r.Authored, r.Included = r.e.Authored, r.e.Included
	if r.blocks > 0 {
		ms := float64((r.last.At - r.first.At).Milliseconds()) / float64(r.blocks)
		r.Interval = &ms
	}
	for _, x := range Explain(r.e) {
		r.Causes = append(r.Causes, Cause{x.Name, x.Cause, x.Because, x.Advice, x.Says})
	}
	for _, list := range []struct {
		what   string
		counts map[string]int
	}{{"refused", r.e.Refused}, {"declined", r.e.Declined}, {"dropped", r.e.Dropped}, {"no attempt", r.e.Passed}} {
		rest := map[string]int{}
		for k, v := range list.counts {
			rest[k] = v
		}
		for len(rest) > 0 {
			reason, n := top(rest)
			delete(rest, reason)
			r.Refusals = append(r.Refusals, Refusal{list.what, reason, n, brief(r.e.Words[reason])})
		}
	}
	return r.Recording
}

// WriteText writes the recording for a person, in 100 columns.
func (r *Recording) WriteText(out io.Writer) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s: %d relay blocks, %d blocks authored, %d included, one every %s\n", r.Chain, r.RelayBlocks, r.Authored, r.Included, interval(r.Interval))
	if s := r.Longest; s != nil {
		fmt.Fprintf(b, "Longest without an included block: relay block #%d to #%d, %s\n", s.From, s.To, span(s.Ms/1000))
	}
	if len(r.Causes) == 0 {
		b.WriteString("\nThe events speak for none of the known causes.\n")
	}
	for i, c := range r.Causes {
		fmt.Fprintf(b, "\n%d. %s\n", i+1, c.Finding)
		wrap(b, "   cause:      ", "               ", c.Cause)
		for j, e := range c.Evidence {
			head := "               "
			if j == 0 {
				head = "   evidence:   "
			}
			wrap(b, head, "               ", e)
		}
		wrap(b, "   what to do: ", "               ", c.Advice)
		wrap(b, "   search for: ", "               ", quoted(c.Says)+"; docs/findings/"+c.Finding+".md")
	}
	if len(r.Refusals) > 0 {
		b.WriteString("\nSeen\n")
		for _, x := range r.Refusals {
			text := fmt.Sprintf("%s, %d times: %s", x.What, x.Count, x.Reason)
			if x.Words != "" {
				text += " (" + x.Words + ")"
			}
			wrap(b, "- ", "  ", text)
		}
	}
	wrap(b, "\n", "", "By the events alone: what needs the state or a probe is found by `pileus rehearse`.")
	_, err := io.WriteString(out, b.String())
	return err
}

// WriteJSON writes the recording as one JSON object.
func (r *Recording) WriteJSON(out io.Writer) error { return json.NewEncoder(out).Encode(r) }
