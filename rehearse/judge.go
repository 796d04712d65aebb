package rehearse

import (
	"context"
	"fmt"
	"strings"
)

// tolerance is by how much an interval may be longer before it counts as slower.
const tolerance = 1.1

// longOutage is for how many relay blocks a chain may stand still at a boundary before that counts as worse.
const longOutage = 10

// judge compares the chain with what it was before and with what its runtime promises,
// and explains what is worse.
func (w *walk) judge(ctx context.Context, r *StepReport, o outcome, outage gap) error {
	stretch := gap{w.relay - min(window, w.relay), w.relay}
	out := r.Before != nil && r.After != nil && outage.length() >= longOutage
	if out {
		stretch = outage
	}
	e, err := w.gather(ctx, r, o, stretch)
	if err != nil {
		return err
	}
	if r.Kind == Upgrade {
		e.CodeSize = w.codeSize(r)
	}
	r.Promised = e.Asked.Promised
	what := ""
	switch {
	case r.After == nil:
		r.Verdict, what = Stalls, "no block is included any more"
		if r.Before == nil {
			what = "no block is included"
		}
	case o.failed():
		r.Verdict, what = Degrades, "the upgrade came to nothing"
	case r.Before != nil && *r.After > tolerance**r.Before:
		r.Verdict, what = Degrades, fmt.Sprintf("a block every %s, before every %s", interval(r.After), interval(r.Before))
	case *r.After > tolerance*r.Promised:
		r.Verdict, what = Degrades, fmt.Sprintf("a block every %s, the runtime promises one every %s", interval(r.After), interval(&r.Promised))
	case out:
		r.Verdict, what = Degrades, fmt.Sprintf("the chain stood still for %s at the boundary, then went on", span(float64(outage.length())*6))
	default:
		r.Verdict = GoesOn
		return nil
	}
	list := Explain(e)
	if len(list) == 0 {
		r.Cause = what
		r.Advice = "The evidence fits none of the known causes. Compare the runtime, the collators and the relay chain's settings with the guide's steps."
		return nil
	}
	main := list[0]
	r.Finding, r.Advice, r.Evidence = main.Name, main.Advice, main.Because
	r.Cause = what + ": " + main.Cause
	for _, b := range main.Because {
		if _, words, ok := strings.Cut(b, "the runtime refuses blocks: "); ok {
			r.Cause += fmt.Sprintf(" (%q)", message(words))
		} else if _, words, ok := strings.Cut(b, "the runtime refuses the code: "); ok {
			r.Cause += fmt.Sprintf(" (%s)", words)
		}
	}
	for _, other := range list[1:] {
		if o.failed() {
			continue
		}
		r.Evidence = append(r.Evidence, fmt.Sprintf("also fits %s: %s", other.Name, other.Because[0]))
	}
	return nil
}

func (w *walk) codeSize(r *StepReport) int {
	for i, s := range w.cfg.Steps {
		if p := w.codes[i]; p != nil && s.Arg == r.Arg {
			return len(p.raw)
		}
	}
	return 0
}

// stage takes stock behind a step: warnings, and what timers come to.
func (w *walk) stage(ctx context.Context, r *Report, s *StepReport) error {
	now, err := w.sim.Runtime(ctx)
	if err != nil {
		return err
	}
	name := "start"
	if s.Kind != Start {
		name = fmt.Sprintf("step %d", len(r.Stages))
	}
	r.Stages = append(r.Stages, Stage{name, s.After})
	w.snapshots = append(w.snapshots, snapshot{name: name, interval: s.After, runtime: now, relay: w.sim.Relay().Number, issued: w.issued,
		accounts: w.sim.Chain().Accounts, genesis: w.sim.Chain().GenesisHash})
	if s.Verdict == Stalls {
		return nil
	}
	list, err := w.latent(ctx, s)
	if err != nil {
		return err
	}
	for _, text := range list {
		r.warn(s, text)
	}
	return nil
}

// warn adds a warning once; steps after the first that has it do not repeat it.
func (r *Report) warn(s *StepReport, text string) {
	for _, known := range r.Warnings {
		if strings.HasSuffix(known, text) {
			return
		}
	}
	if s.Kind != Start {
		text = "After " + s.Title() + ": " + text
	}
	r.Warnings = append(r.Warnings, text)
}

// latent finds what is wrong by the guide and does no harm in this world, and says when it
// would.
func (w *walk) latent(ctx context.Context, s *StepReport) (list []string, err error) {
	a, err := w.ask(ctx, s)
	if err != nil {
		return nil, err
	}
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	again := strings.ToLower(a.Again)
	fast := a.SlotMs <= relayMs && a.SegmentAPI > 0 // as of phase 3
	switch {
	case !fast:
	case strings.Contains(again, "slot must increase"):
		say("single-block-per-slot: AllowMultipleBlocksPerSlot is false (probe: a second block in one slot is refused: %q). It bites as soon as a slot is to have two blocks: velocity above 1, several cores, or slots longer than 6 s.", a.Again)
	case strings.Contains(again, "strictly increase"):
		say("strict-relay-numbers: every block needs a relay parent with a higher number (probe: %q). It bites as soon as two blocks are built on one relay parent: velocity above 1, several cores, or a relay parent offset with bundles.", a.Again)
	}
	if fast && a.MinimumPeriodMs > 0 {
		say("minimum-period: Timestamp.MinimumPeriod is %d ms, the guide's phase 3 sets 0. It bites as soon as two blocks share a slot: their timestamps must differ by that much, and lie in the slot.", a.MinimumPeriodMs)
	}
	if fast && !a.Classic && a.Lookahead < 3 {
		say("lookahead: this relay chain's scheduling lookahead is %d, the guide asks for 3. It bites when a candidate is backed a relay block late.", a.Lookahead)
	}
	if p := a.Relay.AsyncBackingParams; fast && a.Classic && (p.MaxCandidateDepth < 3 || p.AllowedAncestryLen < 2) {
		say("async-backing-params: max_candidate_depth %d and allowed_ancestry_len %d, the guide asks for 3 and 2. It bites when a candidate is backed a relay block late.", p.MaxCandidateDepth, p.AllowedAncestryLen)
	}
	if a.Authorities != "" {
		say("authority-cache: %s. It bites at the next block: validators check the author by AuraExt.", a.Authorities)
	}
	if a.HostConfig != "" {
		say("host-configuration: the runtime's type does not fit what it has stored: %s. It bites when a pallet reads it.", a.HostConfig)
	}
	return list, nil
}
