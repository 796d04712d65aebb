package rehearse

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"pileus/metadata"
)

// Timer is a constant of the runtime that counts blocks, and how long it is before and after.
type Timer struct {
	Name    string  `json:"name"`
	Counts  string  `json:"counts"` // "para blocks", "relay blocks"
	Before  uint64  `json:"blocks_before"`
	After   uint64  `json:"blocks_after"`
	BeforeS float64 `json:"seconds_before"`
	AfterS  float64 `json:"seconds_after"`
	Verdict string  `json:"verdict"` // "unchanged", "shorter", "longer"
	Advice  string  `json:"advice,omitempty"`
}

// names are those of constants that count blocks: FRAME has no type for them of its own.
var (
	names   = regexp.MustCompile(`(Period|Delay|Duration|Lifetime|Interval|Cooldown|Timeout|Window|Term|Lock)$`)
	relayed = regexp.MustCompile(`(?i)relay`)
)

const relayBlockMs = 6000

// audit lists the constants of the new runtime that count blocks, and what they come to at
// the intervals before and after, in milliseconds.
func audit(old, now *metadata.Metadata, before, after float64) []Timer {
	list := []Timer{}
	for i := range now.Pallets {
		p := &now.Pallets[i]
		for _, c := range p.Constants {
			if !names.MatchString(c.Name) {
				continue
			}
			blocks, ok := count(now, p.Name, c.Name)
			if !ok || blocks == 0 {
				continue
			}
			t := Timer{Name: p.Name + "." + c.Name, Counts: "para blocks", Before: blocks, After: blocks}
			if was, ok := count(old, p.Name, c.Name); ok {
				t.Before = was
			}
			from, to := before, after
			if relayed.MatchString(c.Name) {
				t.Counts, from, to = "relay blocks", relayBlockMs, relayBlockMs
			}
			t.BeforeS, t.AfterS = float64(t.Before)*from/1000, float64(t.After)*to/1000
			t.judge()
			list = append(list, t)
		}
	}
	return list
}

func (t *Timer) judge() {
	switch ratio := t.AfterS / t.BeforeS; {
	case ratio > 0.95 && ratio < 1.05:
		t.Verdict = "unchanged"
	case ratio < 1:
		t.Verdict = "shorter"
	default:
		t.Verdict = "longer"
	}
	if t.Verdict != "unchanged" {
		t.Advice = fmt.Sprintf("%s becomes %s: count it in relay chain blocks, or scale it with the block time (guide, timing by block number)",
			span(t.BeforeS), span(t.AfterS))
	}
}

// count is a constant that is a whole number of at most 64 bits and 4 bytes wide.
func count(m *metadata.Metadata, pallet, name string) (uint64, bool) {
	p := m.Pallet(pallet)
	if p == nil {
		return 0, false
	}
	v, err := m.Constant(pallet, name)
	if err != nil {
		return 0, false
	}
	for _, c := range p.Constants {
		if c.Name == name && len(c.Value) != 4 {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(v.String(), 10, 32)
	return n, err == nil
}

func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	return d.String()
}
