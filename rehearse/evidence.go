package rehearse

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"pileus"
	"pileus/collator"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Evidence is what a cause is judged by: what the events of a stretch tell, and, in a
// rehearsal, what runtime, state and relay chain answer when they are asked.
type Evidence struct {
	Collator   string // its kind
	Authored   int
	Included   int
	MaxSegment int // longest unincluded segment in a state after a block
	CostMs     float64
	Passed     map[string]int    // relay parents without an attempt, by reason
	Refused    map[string]int    // attempts, by reason
	Declined   map[string]int    // candidates that validators turned down, by reason
	Dropped    map[string]int    // blocks, by reason
	Words      map[string]string // the last words heard, by reason
	RuntimeHas []string          // different words of the runtime when it refused a block, oldest first

	Upgrade  outcome
	CodeSize int // of the new code, bytes

	Asked *Asked // nil for a recorded run
}

// Asked is what was read and probed at the end of the stretch.
type Asked struct {
	SegmentAPI        uint32
	RelayParentOffset uint32
	SlotMs            uint64
	MinimumPeriodMs   uint64 // of Timestamp; 0 where it has none
	ParaSlot          uint64 // Aura.CurrentSlot
	DerivedSlot       uint64 // the slot that the newest relay block comes to by the runtime's slot duration
	Code, RelayCode   primitives.Hash
	Restricted        bool   // UpgradeRestrictionSignal
	Again             string // what the runtime says against a second block on one relay parent and slot; empty: nothing
	Authorities       string // how Aura and AuraExt disagree about them; empty: they agree
	HostConfig        string // why the stored host configuration cannot be read; empty: it can
	Lookahead         uint32
	Classic           bool
	Relay             *primitives.HostConfiguration
	BackingTimeoutMs  float64
	AuthoringMs       float64
	Before, After     *float64
	Promised          float64
	Governed          bool // the step was a relay setting
}

func newEvidence() *Evidence {
	return &Evidence{Passed: map[string]int{}, Refused: map[string]int{}, Declined: map[string]int{}, Dropped: map[string]int{}, Words: map[string]string{}}
}

// take takes one event in.
func (e *Evidence) take(event pipeline.Event) {
	switch x := event.(type) {
	case pipeline.ParaStarted:
		e.Collator = x.Collator
	case pipeline.Authored:
		e.Authored++
		e.MaxSegment, e.CostMs = max(e.MaxSegment, x.Segment), max(e.CostMs, x.CostMs)
	case pipeline.Included:
		e.Included += x.Blocks
	case pipeline.Passed:
		if x.Reason != string(collator.NotOurSlot) {
			e.Passed[x.Reason]++
			e.Words[x.Reason] = x.Detail
		}
	case pipeline.Refused:
		e.Refused[x.Reason]++
		words := inWords(x.Cause)
		e.Words[x.Reason] = words
		if x.Reason == string(collator.RefusedByRuntime) && len(e.RuntimeHas) < 8 && !slices.ContainsFunc(e.RuntimeHas, func(s string) bool { return gist(s) == gist(words) }) {
			e.RuntimeHas = append(e.RuntimeHas, words)
		}
	case pipeline.Declined:
		if !harmless[x.Reason] {
			e.Declined[x.Reason]++
			e.Words[x.Reason] = inWords(x.Detail)
		}
	case pipeline.Dropped:
		e.Dropped[x.Reason]++
	case pipeline.TransactionRefused:
		if x.Upgrade {
			e.Upgrade.poolSays = x.Cause
		}
	case pipeline.UpgradeSubmitted:
		e.Upgrade.asked, e.Upgrade.submitted, e.Upgrade.bytes = true, true, x.Bytes
	case pipeline.UpgradeDispatched:
		e.Upgrade.dispatched, e.Upgrade.err = true, x.Error
	case pipeline.Prechecked:
		if !x.Accept {
			e.Upgrade.rejected, e.Upgrade.precheck = true, x.Why
		}
	case pipeline.CodeApplied:
		e.Upgrade.applied = true
	case pipeline.Upgrade:
		e.Upgrade.scheduled = e.Upgrade.scheduled || x.Step == "UpgradeScheduled"
		e.Upgrade.aborted = e.Upgrade.aborted || x.Step == "UpgradeAborted"
		e.Upgrade.goAhead = e.Upgrade.goAhead || x.Step == "UpgradeGoAhead"
		e.Upgrade.switched = e.Upgrade.switched || x.Step == "CodeUpgraded"
	}
}

// says finds the words of the runtime's refusals that hold a fragment, whatever their case.
func (e *Evidence) says(fragments ...string) (string, bool) {
	for _, words := range e.RuntimeHas {
		for _, f := range fragments {
			if strings.Contains(strings.ToLower(words), strings.ToLower(f)) {
				return words, true
			}
		}
	}
	return "", false
}

// gist is a refusal without its numbers and place, so that equal ones are told once.
func gist(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}

var (
	// panicPlace is how a panic begins: the source file with its path, line and column.
	panicPlace = regexp.MustCompile(`panicked at (?:\S*/)?([^\s/]+/src/\S+?):(\d+):\d+:\s*(.*)$`)
	longHash   = regexp.MustCompile(`0x([0-9a-f]{4})[0-9a-f]{56}([0-9a-f]{4})`)
	inBlock    = regexp.MustCompile(`^(import )?(#|block #)\d+: (inherent \d+ of \d+: )?(\w+_\w+: )?(panic: )?`)
)

// inWords writes a refusal without the folders of the machine that built the runtime, the
// place of a panic behind its message: "Slot must increase (pallet-aura-49.0.0/src/lib.rs:173)".
func inWords(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = panicPlace.ReplaceAllString(s, "$3 ($1:$2)")
	s = strings.TrimSuffix(s, " [recovered, repanicked]") // of a runtime in Go
	return longHash.ReplaceAllString(s, "0x$1…$2")
}

// message is a refusal without the block that it is about.
func message(s string) string { return inBlock.ReplaceAllString(s, "") }

// gather makes the evidence of a stretch's events and asks what can be asked.
func (w *walk) gather(ctx context.Context, r *StepReport, o outcome, at gap) (*Evidence, error) {
	e := newEvidence()
	for _, s := range w.events {
		switch s.Event.(type) { // of an upgrade all of the step counts, of the rest the end
		case pipeline.Passed, pipeline.Refused, pipeline.Declined, pipeline.Dropped, pipeline.Authored, pipeline.Included:
			if s.relay < at.from || s.relay > at.to {
				continue
			}
		}
		e.take(s.Event)
	}
	e.Collator, e.Upgrade = w.sim.CollatorKind(), o
	var err error
	e.Asked, err = w.ask(ctx, r)
	return e, err
}

// ask reads runtime, state and relay chain.
func (w *walk) ask(ctx context.Context, r *StepReport) (*Asked, error) {
	now, err := w.sim.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	relay := w.sim.Relay()
	a := &Asked{
		SegmentAPI: now.SegmentAPI, RelayParentOffset: now.RelayParentOffset, SlotMs: now.Info.SlotDuration,
		Code: now.Hash, RelayCode: relay.Code, Restricted: relay.Restrict, Lookahead: relay.Lookahead, Relay: relay.Config,
		Classic: w.cfg.Settings.Rules == "classic", BackingTimeoutMs: float64(relay.Config.ExecutorParams.BackingTimeout().Milliseconds()),
		AuthoringMs: float64(w.cfg.Settings.AuthoringDuration.Milliseconds()), Before: r.Before, After: r.After, Governed: r.Kind == SetRelay,
		ParaSlot:    u64(now.State, "Aura", "CurrentSlot"),
		Authorities: authorities(now.State),
	}
	if a.SlotMs > 0 {
		a.DerivedSlot = uint64(relay.Slot) * relayMs / a.SlotMs
	}
	if v, err := now.Metadata.Constant("Timestamp", "MinimumPeriod"); err == nil {
		a.MinimumPeriodMs = v.Int.Lo
	}
	if err := w.sim.Again(); err != nil {
		a.Again = message(inWords(err.Error()))
	}
	a.HostConfig = hostConfig(now.Metadata, now.State)
	a.Promised = promised(now, a.Again)
	return a, nil
}

// promised is how often the runtime promises a block on one core, in milliseconds: once
// per slot, and once per relay block if its slots may have several.
func promised(now *pileus.Runtime, again string) float64 {
	slot := float64(now.Info.SlotDuration)
	if slot <= relayMs || now.SegmentAPI > 0 && again == "" {
		return relayMs
	}
	return slot
}

// u64 is a plain integer of the state, 0 if it is not there.
func u64(s *trie.State, pallet, item string) uint64 {
	v, ok, err := s.Top().Get(hashing.StorageKey(pallet, item), nil)
	if err != nil || !ok || len(v) > 8 {
		return 0
	}
	var n uint64
	for i, b := range v {
		n |= uint64(b) << (8 * i)
	}
	return n
}

// authorities compares the lists of pallet Aura and of AuraExt, which validators go by.
func authorities(s *trie.State) string {
	list := func(pallet string) (n int, raw string) {
		v, ok, err := s.Top().Get(hashing.StorageKey(pallet, "Authorities"), nil)
		if err != nil || !ok {
			return 0, ""
		}
		return scale.NewDecoder(v).Len(1<<16, 32), string(v)
	}
	n, aura := list("Aura")
	m, ext := list("AuraExt")
	switch {
	case aura == "": // the runtime keeps them elsewhere
		return ""
	case m == 0:
		return fmt.Sprintf("Aura.Authorities has %d, AuraExt.Authorities is empty", n)
	case aura != ext:
		return fmt.Sprintf("Aura.Authorities has %d, AuraExt.Authorities has %d others", n, m)
	}
	return ""
}

// hostConfig reads the relay chain's configuration that the runtime has stored by the type in its metadata.
func hostConfig(m *metadata.Metadata, s *trie.State) string {
	raw, ok, err := s.Top().Get(hashing.StorageKey("ParachainSystem", "HostConfiguration"), nil)
	if err != nil || !ok {
		return ""
	}
	if _, _, err := m.DecodeStorage("ParachainSystem", "HostConfiguration", raw); err != nil {
		return err.Error()
	}
	return ""
}

// top is the most frequent name.
func top(counts map[string]int) (name string, n int) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if counts[k] > n {
			name, n = k, counts[k]
		}
	}
	return name, n
}
