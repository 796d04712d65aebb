// Package rehearse walks a parachain through the guide's phases with real upgrades on a
// real relay transition, and says for every step whether the chain goes on, degrades or
// stalls, and what happens to its timers.
//
//	steady ──step──► upgrade submitted ─► relay accepts ─► go-ahead ─► first block of the new code ─► steady
//	                 collator switched ──────────────────────────────────────────────────────────────┘
//	                 relay setting ─► in force two sessions later ───────────────────────────────────┘
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"pileus"
	"pileus/pipeline"
	"pileus/runtimes"
)

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	Upgrade        Kind = "upgrade"
	SwitchCollator Kind = "switch_collator"
	SetRelay       Kind = "set_relay"
)

// Step is one step: new code from a file or a built-in stage of the guide's chain, another
// kind of collator, or a relay setting.
type Step struct {
	Kind Kind
	Arg  string
}

// Verdict is what becomes of the chain.
type Verdict string

// The verdicts, the worst last.
const (
	GoesOn   Verdict = "goes_on"
	Degrades Verdict = "degrades"
	Stalls   Verdict = "stalls"
)

var worse = map[Verdict]int{GoesOn: 0, Degrades: 1, Stalls: 2}

// How long things are looked at, in relay blocks.
const (
	window   = 20 // to measure a steady interval
	patience = 60 // for an upgrade to be applied, once submitted
)

// Moment is a line of a step's timeline.
type Moment struct {
	Relay uint32 `json:"relay_block"`
	Ms    int64  `json:"ms"`
	What  string `json:"what"`
}

// StepReport is what a step came to.
type StepReport struct {
	Kind     Kind     `json:"kind"`
	Arg      string   `json:"arg"`
	Verdict  Verdict  `json:"verdict"`
	Cause    string   `json:"cause,omitempty"`  // in the runtime's words where it has some
	Advice   string   `json:"advice,omitempty"` // what to do
	Before   *float64 `json:"interval_before_ms"`
	After    *float64 `json:"interval_after_ms"`
	Lost     int      `json:"slots_lost"` // relay blocks at the boundary on which a block was due and none was made
	PoVBytes int      `json:"pov_bytes"`  // of the largest block of the step
	PoVLimit uint32   `json:"pov_limit"`
	Timeline []Moment `json:"timeline"`
}

// Report is what a rehearsal came to.
type Report struct {
	Verdict  Verdict      `json:"verdict"`
	Steps    []StepReport `json:"steps"`
	Warnings []string     `json:"warnings"`
	Timers   []Timer      `json:"timers"`
}

// Found tells whether a stall or a degradation was found.
func (r *Report) Found() bool { return r.Verdict != GoesOn }

// Run rehearses the steps in their order. The settings say where the chain begins; their
// RelayBlocks do not matter. progress is told of each step as it begins and may be nil.
func Run(ctx context.Context, s pileus.Settings, steps []Step, progress func(step int, s Step)) (*Report, error) {
	if len(steps) == 0 {
		return nil, &pileus.SettingError{Msg: "name at least one step: --upgrade W1, --switch-collator KIND or --set-relay key=value"}
	}
	code := map[int][]byte{}
	for i, step := range steps {
		if step.Kind == Upgrade {
			b, err := os.ReadFile(step.Arg)
			if stage, ok := runtimes.Code(step.Arg); ok && errors.Is(err, os.ErrNotExist) {
				b, err = stage, nil
			}
			if err != nil {
				return nil, err
			}
			code[i] = b
		}
	}
	w := &walk{}
	sim, err := pileus.Open(ctx, s, pileus.Options{OnEvent: w.event, Steer: true})
	if err != nil {
		return nil, err
	}
	defer sim.Close()
	w.sim = sim
	first, err := sim.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{Verdict: GoesOn, Warnings: []string{}, Timers: []Timer{}}
	if _, err := w.advance(ctx, 2*window); err != nil {
		return nil, err
	}
	if w.interval() == nil {
		return nil, fmt.Errorf("the chain stands still before the first step: %s", w.why())
	}
	began := *w.interval()
	for i, step := range steps {
		if progress != nil {
			progress(i, step)
		}
		report, err := w.step(ctx, step, code[i])
		if err != nil {
			return nil, fmt.Errorf("step %d, %s %s: %w", i+1, step.Kind, step.Arg, err)
		}
		r.Steps = append(r.Steps, *report)
		if worse[report.Verdict] > worse[r.Verdict] {
			r.Verdict = report.Verdict
		}
		if report.Verdict == Stalls {
			r.Warnings = append(r.Warnings, "The steps after this one were not tried: the chain stands still.")
			break
		}
	}
	last, err := sim.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	if after := w.interval(); after != nil {
		r.Timers = audit(first.Metadata, last.Metadata, began, *after)
	}
	return r, nil
}

// walk is a rehearsal under way.
type walk struct {
	sim *pileus.Simulation

	inclusions []time.Duration // all
	events     []pipeline.Timed
	relay      uint32
}

func (w *walk) event(t pipeline.Timed) {
	switch e := t.Event.(type) {
	case pipeline.RelayBlock:
		w.relay = e.Number
	case pipeline.Included:
		w.inclusions = append(w.inclusions, t.At)
	}
	w.events = append(w.events, t)
}

// advance runs some relay blocks and returns their events.
func (w *walk) advance(ctx context.Context, slots uint32) ([]pipeline.Timed, error) {
	w.events = w.events[:0]
	if _, err := w.sim.Advance(ctx, slots); err != nil {
		return nil, err
	}
	return w.events, nil
}

// interval is the mean interval of the inclusions in the last relay blocks, milliseconds;
// nil if there were fewer than two.
func (w *walk) interval() *float64 {
	from := w.sim.Now() - window*6*time.Second
	var list []time.Duration
	for _, at := range w.inclusions {
		if at >= from {
			list = append(list, at)
		}
	}
	if len(list) < 2 {
		return nil
	}
	ms := math.Round((list[len(list)-1] - list[0]).Seconds() * 1000 / float64(len(list)-1))
	return &ms
}

// why is why nothing was authored or included in the newest events.
func (w *walk) why() string {
	cause, count := "no block was attempted", map[string]int{}
	most := 0
	note := func(s string) {
		if count[s]++; count[s] > most {
			cause, most = s, count[s]
		}
	}
	for _, t := range w.events {
		switch e := t.Event.(type) {
		case pipeline.Refused:
			note(e.Cause)
		case pipeline.Declined:
			note(e.Reason + ": " + e.Detail)
		case pipeline.Passed:
			if e.Reason != "not_our_slot" {
				note(e.Reason + ": " + e.Detail)
			}
		}
	}
	return cause
}

func (w *walk) step(ctx context.Context, s Step, code []byte) (*StepReport, error) {
	r := &StepReport{Kind: s.Kind, Arg: s.Arg, Before: w.interval()}
	var err error
	switch s.Kind {
	case Upgrade:
		err = w.upgrade(ctx, r, code)
	case SwitchCollator:
		if err = w.sim.SwitchCollator(s.Arg); err == nil {
			w.moment(r, "every collator is "+s.Arg+" from here on")
			err = w.settle(ctx, r)
		}
	case SetRelay:
		err = w.setRelay(ctx, r)
	default:
		err = fmt.Errorf("unknown kind of step")
	}
	if err != nil {
		return nil, err
	}
	return r, w.judge(ctx, r)
}

func (w *walk) moment(r *StepReport, what string) {
	r.Timeline = append(r.Timeline, Moment{w.sim.RelayBlock(), w.sim.Now().Milliseconds(), what})
}

// upgrade submits the code and follows it until the first block under it.
func (w *walk) upgrade(ctx context.Context, r *StepReport, code []byte) error {
	old, err := w.sim.Runtime(ctx)
	if err != nil {
		return err
	}
	w.events = w.events[:0]
	how, err := w.sim.Upgrade(code)
	if errors.Is(err, pileus.ErrNoSudo) {
		return fmt.Errorf("%w: this rehearsal can upgrade chains with sudo only", err)
	}
	if err != nil {
		return err
	}
	w.moment(r, "submitted: "+how)
	applied := false
	for _, t := range w.events {
		if e, ok := t.Event.(pipeline.TransactionRefused); ok {
			return fmt.Errorf("the upgrade's transaction was refused: %s", e.Cause)
		}
	}
	for range patience {
		events, err := w.advance(ctx, 1)
		if err != nil {
			return err
		}
		for _, t := range events {
			w.upgradeEvent(r, t, &applied)
		}
		if applied {
			now, err := w.sim.Runtime(ctx)
			if err != nil {
				return err
			}
			if now.CodeHash != old.CodeHash {
				w.moment(r, fmt.Sprintf("the next block runs on %s %d, code %s", now.Name, now.SpecVersion, now.CodeHash.Short()))
				return w.settle(ctx, r)
			}
		}
	}
	r.Cause = w.why()
	w.moment(r, fmt.Sprintf("the new code was not applied within %d relay blocks", patience))
	return nil
}

var upgradeWords = map[string]string{
	"UpgradeScheduled": "the relay chain has the code; validators pre-check it, further upgrades are restricted",
	"UpgradeAccepted":  "validators accept the code",
	"UpgradeAborted":   "validators reject the code: the parachain sees the signal Abort",
	"UpgradeGoAhead":   "the parachain sees the signal GoAhead",
	"CodeUpgraded":     "the relay chain validates by the new code",
}

func (w *walk) upgradeEvent(r *StepReport, t pipeline.Timed, applied *bool) {
	at := func(relay uint32, what string) {
		r.Timeline = append(r.Timeline, Moment{relay, t.At.Milliseconds(), what})
	}
	switch e := t.Event.(type) {
	case pipeline.Upgrade:
		if words := upgradeWords[e.Step]; words != "" {
			at(e.Relay, words)
		}
	case pipeline.CodeApplied:
		*applied = true
		at(w.sim.RelayBlock(), fmt.Sprintf("block #%d puts the new code in force", e.Number))
	case pipeline.TransactionRefused:
		at(w.sim.RelayBlock(), "the transaction was refused: "+e.Cause)
	case pipeline.Advertised:
		if e.PoVBytes > r.PoVBytes {
			r.PoVBytes, r.PoVLimit = e.PoVBytes, e.PoVLimit
		}
	}
}

// setRelay waits until the setting is in force.
func (w *walk) setRelay(ctx context.Context, r *StepReport) error {
	if err := w.sim.SetRelay(r.Arg); err != nil {
		return err
	}
	w.moment(r, "the relay chain's governance has decided; in force from the session after the next on")
	for sessions := 0; sessions < 2; {
		events, err := w.advance(ctx, window)
		if err != nil {
			return err
		}
		for _, t := range events {
			if e, ok := t.Event.(pipeline.SessionChanged); ok {
				sessions++
				r.Timeline = append(r.Timeline, Moment{e.Relay, t.At.Milliseconds(), fmt.Sprintf("session %d begins", e.Session)})
			}
		}
	}
	return w.settle(ctx, r)
}

// settle runs until the chain is steady again, and counts what the boundary cost.
func (w *walk) settle(ctx context.Context, r *StepReport) error {
	events, err := w.advance(ctx, window)
	if err != nil {
		return err
	}
	every := 6000.0
	if r.Before != nil {
		every = *r.Before
	}
	authored := 0
	for _, t := range events {
		w.upgradeEvent(r, t, new(bool))
		if _, ok := t.Event.(pipeline.Authored); ok {
			authored++
		}
	}
	r.Lost = max(0, int(math.Round(window*6000/every))-authored)
	_, err = w.advance(ctx, window+2)
	return err
}

// judge compares the chain with what it was before, and with what its runtime promises.
func (w *walk) judge(ctx context.Context, r *StepReport) error {
	r.After = w.interval()
	now, err := w.sim.Runtime(ctx)
	if err != nil {
		return err
	}
	promised := float64(max(now.SlotDuration, 6*time.Second).Milliseconds())
	switch {
	case r.After == nil:
		r.Verdict = Stalls
		if r.Cause == "" {
			r.Cause = w.why()
		}
	case r.Cause != "":
		r.Verdict = Degrades
	case r.Before != nil && *r.After > 1.1**r.Before:
		r.Verdict = Degrades
		r.Cause = fmt.Sprintf("a block every %.1f s, before every %.1f s; %s", *r.After/1000, *r.Before/1000, w.why())
	case *r.After > 1.1*promised:
		r.Verdict = Degrades
		r.Cause = fmt.Sprintf("a block every %.1f s, but the runtime's slots are %.1f s; %s", *r.After/1000, promised/1000, w.why())
	default:
		r.Verdict = GoesOn
	}
	if r.Verdict != GoesOn {
		r.Advice = advice(w, now)
	}
	return nil
}

// advice is what to do, in the guide's words, by what was seen.
func advice(w *walk, now *pileus.Runtime) string {
	reasons := map[string]int{}
	for _, t := range w.events {
		switch e := t.Event.(type) {
		case pipeline.Passed:
			reasons[e.Reason]++
		case pipeline.Refused:
			reasons[e.Reason]++
		case pipeline.Declined:
			reasons[e.Reason]++
		}
	}
	switch {
	case reasons["Timeout"] > 0:
		return "Validators stop at their backing timeout: bound the weight of a block to 2 s (guide, phase 3)."
	case reasons["relay_parent_offset"] > 0:
		return "The runtime has a relay parent offset: switch to the slot-based collator first."
	case w.sim.CollatorKind() == pileus.Basic:
		return "The basic collator waits for every inclusion: switch to the lookahead collator (guide, phase 2)."
	case reasons["segment_full"] > 0 && !now.SegmentAPI:
		return "Without AuraUnincludedSegmentApi a collator builds on the included block only: implement it (guide, phase 1)."
	case reasons["segment_full"] > 0:
		return "The unincluded segment has no room: raise UNINCLUDED_SEGMENT_CAPACITY to 3 (guide, phase 3)."
	case reasons["runtime"] > 0:
		return "The runtime refuses blocks of this collator: its words are the cause."
	}
	return "Compare the runtime, the collator and the relay chain's settings with the guide's steps."
}
