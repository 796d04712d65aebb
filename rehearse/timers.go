package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"pileus"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/scale"
)

// The clocks that count blocks.
const (
	OwnClock   = "own"   // blocks of the parachain
	RelayClock = "relay" // blocks of the relay chain, 6 s each
)

// Timer is something in a runtime that counts blocks: a constant, a part of a storage
// value, or the key of a map; and how long that is at the pace of each stage.
type Timer struct {
	Name    string     `json:"name"`
	Kind    string     `json:"kind"`  // "constant", "stored period", "stored moment", "map by block"
	Clock   string     `json:"clock"` // [OwnClock] or [RelayClock]
	Why     string     `json:"why"`   // by which rule it counts blocks, and how the clock is known
	Guess   string     `json:"guess,omitempty"`
	Entries int        `json:"entries,omitempty"` // of a storage item
	Before  *uint64    `json:"blocks_before"`
	After   *uint64    `json:"blocks_after"` // of a moment: blocks from now until then
	BeforeS *float64   `json:"seconds_before"`
	AfterS  *float64   `json:"seconds_after"`
	Stages  []*float64 `json:"seconds"` // at each stage; null where the chain stands still
	Verdict string     `json:"verdict"` // "unchanged", "unaffected" (relay clock), "shorter", "longer"; of moments "earlier", "later", "past"; "empty", "off" (0 blocks)
	Note    string     `json:"note,omitempty"`

	meaning string
}

// Issuance is how the total issuance grows without transfers, per day.
type Issuance struct {
	Stages []*float64 `json:"per_day"` // in the smallest unit; null where it was not measured
	Note   string     `json:"note"`
}

// snapshot is the chain between two steps.
type snapshot struct {
	name     string
	interval *float64 // ms
	runtime  *pileus.Runtime
	relay    uint32
	issued   *float64 // per day
	accounts []parachain.Account
	genesis  [32]byte
}

// audit lists everything that counts blocks in the newest runtime, the largest change first.
func audit(ctx context.Context, list []snapshot) ([]Timer, *Issuance, error) {
	last := list[len(list)-1]
	found := search(last.runtime.Metadata)
	clocks, err := probeClocks(ctx, last, found)
	if err != nil {
		return nil, nil, err
	}
	found = append(found, clocks.more(found)...)
	timers := []Timer{}
	for i := range found {
		x := &found[i]
		t := Timer{Name: x.name(), Kind: x.kind, Clock: OwnClock, Why: x.why, Guess: x.guess, meaning: x.meaning}
		clocks.decide(x, &t)
		if x.kind == kindConstant {
			x.constant(&t, list)
		} else if err := x.stored(&t, list); err != nil {
			return nil, nil, err
		}
		t.judge()
		timers = append(timers, t)
	}
	slices.SortStableFunc(timers, func(a, b Timer) int {
		return cmp.Or(cmp.Compare(rank(&b), rank(&a)), cmp.Compare(b.weight(), a.weight()))
	})
	return timers, issuance(list), nil
}

// constant reads a constant at every stage.
func (x *item) constant(t *Timer, list []snapshot) {
	for i, s := range list {
		blocks, ok := x.read(s.runtime.Metadata)
		if !ok {
			t.Stages = append(t.Stages, nil)
			continue
		}
		t.Stages = append(t.Stages, span64(blocks, t.Clock, s.interval))
		if i == 0 {
			t.Before, t.BeforeS = &blocks, t.Stages[i]
		}
		t.After, t.AfterS = &blocks, t.Stages[i]
	}
}

// stored reads a storage item in the last state. A period is as long as the pace makes
// it, a moment as far away; of several entries the one furthest in the future counts.
func (x *item) stored(t *Timer, list []snapshot) error {
	last := list[len(list)-1]
	values, entries, err := x.values(last.runtime.Metadata, last.runtime.State)
	if err != nil {
		return err
	}
	t.Entries = entries
	if len(values) == 0 {
		return nil
	}
	now := uint64(last.runtime.Number)
	if t.Clock == RelayClock {
		now = uint64(last.relay)
	}
	var most uint64
	for _, v := range values {
		if x.moment() {
			v -= min(v, now)
		}
		most = max(most, v)
	}
	for _, s := range list {
		t.Stages = append(t.Stages, span64(most, t.Clock, s.interval))
	}
	t.Before, t.After = &most, &most
	t.BeforeS, t.AfterS = t.Stages[0], t.Stages[len(t.Stages)-1]
	return nil
}

// span64 is how many seconds some blocks take.
func span64(blocks uint64, clock string, interval *float64) *float64 {
	if clock == RelayClock {
		s := float64(blocks) * relayMs / 1000
		return &s
	}
	if interval == nil {
		return nil
	}
	s := math.Round(float64(blocks) * *interval / 1000)
	return &s
}

// judge says how the timer has changed from the first stage to the last.
func (t *Timer) judge() {
	switch {
	case t.Before == nil && t.After == nil:
		t.Verdict = "empty"
	case t.After != nil && *t.After == 0 && (t.Before == nil || *t.Before == 0):
		t.Verdict = "off"
		if t.Kind == kindMoment {
			t.Verdict = "past"
		}
	case t.Clock == RelayClock && (t.Before == nil || t.After == nil || *t.Before == *t.After):
		t.Verdict = "unaffected"
	case t.BeforeS == nil || t.AfterS == nil:
		t.Verdict = "new or standing still"
	default:
		switch ratio := t.ratio(); {
		case ratio > 0.95 && ratio < 1.05:
			t.Verdict = "unchanged"
		case ratio < 1:
			t.Verdict = "shorter"
			if t.Kind == kindMoment || t.Kind == kindMapByBlock {
				t.Verdict = "earlier"
			}
		case t.Kind == kindMoment || t.Kind == kindMapByBlock:
			t.Verdict = "later"
		default:
			t.Verdict = "longer"
		}
	}
	t.Note = t.note()
}

func (t *Timer) ratio() float64 {
	if t.BeforeS == nil || t.AfterS == nil || *t.BeforeS == 0 {
		return 1
	}
	return *t.AfterS / *t.BeforeS
}

// moved tells whether the timer runs out at another time than before.
func (t *Timer) moved() bool {
	return t.Verdict == "shorter" || t.Verdict == "longer" || t.Verdict == "earlier" || t.Verdict == "later"
}

// note says what follows.
func (t *Timer) note() string {
	moved := t.moved()
	switch {
	case t.Kind == kindMapByBlock && t.Clock == RelayClock:
		return "exact match: a relay clock jumps, so entries for numbers in between are missed unless the pallet works them off"
	case t.Kind == kindMapByBlock:
		return "exact match: safe by the own clock; a relay clock would jump over entries"
	case moved && t.Kind == kindMoment:
		return "stored: needs a migration to end at the same time"
	case moved && t.Kind == kindPeriod:
		return "stored: needs a migration"
	case moved:
		return "scale it with the block time, or count relay chain blocks"
	}
	return t.meaning
}

// rank puts what changes first and what is empty last, sure ones before guesses.
func rank(t *Timer) int {
	switch t.Verdict {
	case "shorter", "longer", "earlier", "later", "new or standing still":
		if t.Guess == "" {
			return 5
		}
		return 4
	case "unchanged":
		return 3
	case "unaffected":
		return 2
	case "off", "past":
		return 1
	}
	return 0
}

// weight is how much a timer changes: the factor, and among equals the seconds.
func (t *Timer) weight() float64 {
	if t.BeforeS == nil || t.AfterS == nil || *t.BeforeS == 0 || *t.AfterS == 0 {
		return 0
	}
	return math.Abs(math.Log(t.ratio()))*1e9 + math.Abs(*t.AfterS-*t.BeforeS)/1e6
}

// issuance is nil if the issuance never changed.
func issuance(list []snapshot) *Issuance {
	i := &Issuance{Note: "measured over blocks without transfers: how much the total issuance grows in a day"}
	some := false
	for _, s := range list {
		i.Stages = append(i.Stages, s.issued)
		some = some || s.issued != nil && *s.issued != 0
	}
	if !some {
		return nil
	}
	return i
}

// totalIssuance is Balances.TotalIssuance, 0 if it is not there.
func totalIssuance(r *pileus.Runtime) float64 {
	key, err := r.Metadata.StorageKey("Balances", "TotalIssuance")
	if err != nil {
		return 0
	}
	v, ok, err := r.State.Top().Get(key, nil)
	if err != nil || !ok {
		return 0
	}
	d := scale.NewDecoder(v)
	n := d.U128()
	return float64(n.Hi)*math.Pow(2, 64) + float64(n.Lo)
}

func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// read is the constant's number of blocks in a runtime.
func (x *item) read(m *metadata.Metadata) (uint64, bool) {
	v, err := m.Constant(x.pallet, x.entry)
	if err != nil {
		return 0, false
	}
	list := numbers(v, x.path, nil)
	if len(list) == 0 {
		return 0, false
	}
	return slices.Max(list), true
}
