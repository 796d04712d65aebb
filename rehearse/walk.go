package rehearse

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"pileus"
	"pileus/pipeline"
)

// How long things are looked at, in relay blocks.
const (
	window   = 20 // to measure a steady interval
	patience = 60 // for the next sign of an upgrade, besides the delays of the relay chain
	drain    = 60 // for the last transfers to be included
)

const relayMs = 6000 // of a relay block

// walk is a rehearsal under way.
type walk struct {
	cfg   Config
	sim   *pileus.Simulation
	codes map[int]*planned

	relay      uint32 // number of the newest relay block
	began      uint32 // the newest one when the step took effect
	events     []seen // of the step at hand
	inclusions []inclusion
	povs       map[uint32]int // compressed bytes, by block number
	povLimit   uint32
	applied    uint32   // number of the block that put the newest code in force; 0: none did in this step
	watched    []uint32 // blocks whose PoVs count for the step
	sessionAt  uint32   // relay block at which the last session ended
	snapshots  []snapshot
	issued     *float64 // per day, in the last measurement
}

// seen is an event with the relay block that was the newest then.
type seen struct {
	pipeline.Timed
	relay uint32
}

// inclusion is a candidate that a relay block has included.
type inclusion struct {
	relay  uint32
	at     time.Duration
	number uint32 // of its last block
	blocks int
}

func (w *walk) event(t pipeline.Timed) {
	switch e := t.Event.(type) {
	case pipeline.RelayBlock:
		w.relay = e.Number
	case pipeline.Included:
		w.inclusions = append(w.inclusions, inclusion{e.Relay, t.At, e.Number, e.Blocks})
	case pipeline.Advertised:
		w.povs[e.Number] = max(w.povs[e.Number], e.PoVBytes)
		w.povLimit = e.PoVLimit
	case pipeline.CodeApplied:
		w.applied = e.Number
	case pipeline.SessionChanged:
		w.sessionAt = e.Relay
	}
	w.events = append(w.events, seen{t, w.relay})
	if w.cfg.OnEvent != nil {
		w.cfg.OnEvent(t)
	}
}

// advance runs some relay blocks and returns their events.
func (w *walk) advance(ctx context.Context, slots uint32) ([]seen, error) {
	from := len(w.events)
	if _, err := w.sim.Advance(ctx, slots); err != nil {
		return nil, err
	}
	return w.events[from:], nil
}

// measure runs until the last window is free of session changes and returns its interval:
// a session's end costs a block that says nothing about the step.
func (w *walk) measure(ctx context.Context) (*float64, error) {
	from, err := w.sim.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	since := w.sim.Now()
	if _, err := w.advance(ctx, window+2); err != nil {
		return nil, err
	}
	if w.sessionAt+window+4 > w.relay {
		if _, err := w.advance(ctx, window+6); err != nil {
			return nil, err
		}
	}
	w.issued = nil
	if w.cfg.Settings.Transfers == 0 { // fees would burn
		to, err := w.sim.Runtime(ctx)
		if err != nil {
			return nil, err
		}
		perDay := (totalIssuance(to) - totalIssuance(from)) / (w.sim.Now() - since).Hours() * 24
		w.issued = &perDay
	}
	return w.interval(), nil
}

// interval is the mean interval of blocks included in the last relay blocks,
// milliseconds; nil if there were fewer than two candidates.
func (w *walk) interval() *float64 {
	var list []inclusion
	for _, i := range w.inclusions {
		if i.relay+window >= w.relay {
			list = append(list, i)
		}
	}
	if len(list) < 2 {
		return nil
	}
	blocks := 0
	for _, i := range list[1:] {
		blocks += i.blocks
	}
	ms := math.Round((list[len(list)-1].at - list[0].at).Seconds() * 1000 / float64(blocks))
	return &ms
}

// start runs until the chain is steady before the first step. Where it is not well, the
// report has a step of the kind [Start] that says why.
func (w *walk) start(ctx context.Context, r *Report) error {
	if _, err := w.advance(ctx, window); err != nil {
		return err
	}
	s := &StepReport{Kind: Start}
	var err error
	if s.After, err = w.measure(ctx); err != nil {
		return err
	}
	r.Interval = s.After
	w.moment(s, "the chain as it is, "+w.sim.CollatorKind()+" collators")
	if err := w.judge(ctx, s, outcome{}, gap{}); err != nil {
		return err
	}
	if s.Verdict != GoesOn {
		r.add(*s)
	}
	return w.stage(ctx, r, s)
}

// step takes one step and judges what came of it.
func (w *walk) step(ctx context.Context, s Step, code *planned) (*StepReport, error) {
	r := &StepReport{Kind: s.Kind, Arg: s.Arg, Before: w.interval()}
	w.events, w.applied, w.watched = nil, 0, nil
	w.began = w.relay
	from := len(w.inclusions)
	var o outcome
	var err error
	switch s.Kind {
	case Upgrade:
		o, err = w.upgrade(ctx, r, code)
	case SwitchCollator:
		err = w.sim.SwitchCollator(s.Arg)
		w.moment(r, "every collator is "+s.Arg+" from here on")
	case SetRelay:
		err = w.setRelay(ctx, r)
		w.began = w.relay
		from = len(w.inclusions) // what the sessions in between cost is not the setting's
	}
	if err != nil {
		return nil, err
	}
	boundary, err := w.advance(ctx, window)
	if err != nil {
		return nil, err
	}
	for _, e := range boundary {
		w.tellUpgrade(r, e, &o)
	}
	if r.After, err = w.measure(ctx); err != nil {
		return nil, err
	}
	outage := w.countLost(r, from)
	return r, w.judge(ctx, r, o, outage)
}

func (w *walk) moment(r *StepReport, what string) {
	r.Timeline = append(r.Timeline, Moment{w.sim.RelayBlock(), w.sim.Now().Milliseconds(), what})
}

// setRelay changes the relay chain's configuration and waits until it is in force.
func (w *walk) setRelay(ctx context.Context, r *StepReport) error {
	if err := w.sim.SetRelay(r.Arg); err != nil {
		return err
	}
	w.moment(r, "scheduled by the relay chain's governance: in force two sessions later")
	for sessions, waited := 0, uint32(0); sessions < 2 && waited < 3*w.cfg.Settings.SessionBlocks; waited++ {
		events, err := w.advance(ctx, 1)
		if err != nil {
			return err
		}
		for _, e := range events {
			if c, ok := e.Event.(pipeline.SessionChanged); ok {
				sessions++
				r.Timeline = append(r.Timeline, Moment{c.Relay, e.At.Milliseconds(), fmt.Sprintf("session %d begins", c.Session)})
			}
		}
	}
	w.moment(r, "the setting is in force")
	return nil
}

// countLost counts the blocks that were due between the inclusions of the step and never
// came, and says for each gap what was seen in it. Up to the block that applies new code
// blocks are due as often as before, afterwards as often as in the end; the gap over the
// boundary itself may be as long as the longer of the two. It returns the longest gap in
// which blocks were missing.
func (w *walk) countLost(r *StepReport, from int) (longest gap) {
	every := func(ms *float64) float64 {
		if ms == nil {
			return 1
		}
		return max(1, *ms/relayMs)
	}
	before, after := every(r.Before), every(r.After)
	stood := uint32(0) // a chain that stood still before the step has lost nothing by it up to here
	if r.Before == nil {
		before, stood = after, w.began
	}
	if r.After == nil {
		after = before
	}
	list := w.inclusions[max(0, from-1):]
	for i := 1; i < len(list); i++ {
		a, b := list[i-1], list[i]
		due := after
		switch {
		case w.applied == 0 && r.Kind == Upgrade, w.applied != 0 && b.number <= w.applied:
			due = before
		case w.applied == 0 || a.number <= w.applied+1:
			due = max(before, after)
		}
		if r.After == nil || w.applied != 0 && a.number > w.applied+4 && float64(b.relay-a.relay) < 2*due {
			continue // steady again, and slower: that is no loss at the boundary
		}
		if g := (gap{max(a.relay, stood), b.relay}); w.lose(r, g, due) && g.length() > longest.length() {
			longest = g
		}
	}
	if r.After == nil && len(list) > 0 {
		w.lose(r, gap{max(list[len(list)-1].relay, stood), w.relay}, after)
	}
	return longest
}

// gap is a stretch between two relay blocks, of which each includes a block.
type gap struct{ from, to uint32 }

func (g gap) length() uint32 { return g.to - g.from }

// lose books a gap, if blocks are missing in it.
func (w *walk) lose(r *StepReport, g gap, due float64) bool {
	n := int(math.Round(float64(g.length())/due)) - 1
	if n <= 0 {
		return false
	}
	r.Lost += n
	at := Moment{Relay: g.to, What: fmt.Sprintf("%s lost since relay block #%d: %s", slots(n), g.from, w.whyGap(g))}
	for _, e := range w.events {
		if e.relay <= g.to {
			at.Ms = e.At.Milliseconds()
		}
	}
	r.Timeline = append(r.Timeline, at)
	return true
}

// whyGap is what was told between two relay blocks that explains a missing block, the
// weightiest first: a session's end, a dropped block, a refusal, an attempt not made.
func (w *walk) whyGap(g gap) string {
	best, weight := "", 0
	long := g.length() > longOutage // the end of a session costs a few blocks only
	note := func(n int, words string) {
		if n > weight {
			best, weight = words, n
		}
	}
	for _, e := range w.events {
		if e.relay+2 < g.from || e.relay > g.to {
			continue
		}
		switch x := e.Event.(type) {
		case pipeline.StateEdited:
			note(9, "the state was edited there, and blocks beside the edit were given up")
		case pipeline.SessionChanged:
			if !long {
				note(8, "a session of the relay chain ended, and pending candidates went with it")
			}
		case pipeline.Refused:
			note(7, "an attempt was refused: "+brief(x.Cause))
		case pipeline.Declined:
			if !harmless[x.Reason] {
				note(6, "validators turned a candidate down: "+x.Reason)
			}
		case pipeline.Dropped:
			if !long || x.Reason != pipeline.DroppedSessionChange {
				note(5, "a block was dropped: "+x.Reason)
			}
		case pipeline.Passed:
			if x.Reason != "not_our_slot" {
				note(2, "no attempt: "+strings.TrimSuffix(x.Reason+": "+x.Detail, ": "))
			}
		}
	}
	if best == "" {
		best = "the turns of the collators fell otherwise"
	}
	return best
}

// harmless are refusals that a healthy network has as well.
var harmless = map[string]bool{"SecondedLimitReached": true, "DuplicateAdvertisement": true, "FetchFailed": true, "SchedulingParentOutOfWindow": true,
	"SchedulingParentNotInView": true, "SecondingLimitReached": true}

// finish lets the last transfers be included and takes stock.
func (w *walk) finish(ctx context.Context, r *Report) error {
	report := w.sim.Report()
	r.Simplified, r.Notes = report.Simplified, report.Notes
	if w.cfg.Settings.Transfers > 0 {
		w.sim.StopTransfers()
		for range drain {
			if w.sim.Transfers().Open == 0 || r.stalled() {
				break
			}
			if _, err := w.advance(ctx, 1); err != nil {
				return err
			}
		}
		count := w.sim.Transfers()
		r.Transfers = &count
		if lost := count.Submitted - count.Included; lost > 0 || count.Doubled > 0 {
			r.atLeast(Degrades)
			r.Warnings = append(r.Warnings, fmt.Sprintf("Of %d transfers %d were not included and %d were included twice.", count.Submitted, lost, count.Doubled))
		}
	}
	var err error
	r.Timers, r.Issuance, err = audit(ctx, w.snapshots)
	return err
}

func slots(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}

// brief is one line of at most 160 letters.
func brief(s string) string {
	s = strings.Join(strings.Fields(inWords(s)), " ")
	if runes := []rune(s); len(runes) > 160 {
		return string(runes[:157]) + "..."
	}
	return s
}
