package rehearse

import (
	"context"
	"fmt"

	"pileus/pipeline"
)

// outcome is what became of an upgrade, as far as it was told.
//
//	submitted ─► in a block ─► scheduled ─► accepted ─► go-ahead ─► applied ─► switched
//	     │           │             │            └─ rejected: aborted
//	     │           └─ refused by the runtime: Error
//	     └─ refused by the pool, or never taken by a block
type outcome struct {
	asked      bool // an upgrade was tried at all
	submitted  bool
	bytes      int    // of the transaction
	poolSays   string // why the pool refused it
	dispatched bool
	err        string // the runtime's, of the call
	scheduled  bool
	precheck   string // why validators reject the code
	rejected   bool
	aborted    bool
	goAhead    bool
	applied    bool
	switched   bool

	appliedAt, switchedAt uint32 // relay blocks
	first                 bool   // a block under the new code was seen
	late                  string // what was read while the relay chain had the old code still
}

// came tells whether the new code is in force on both sides, or never will be.
func (o *outcome) over() bool {
	return o.applied && o.switched || o.err != "" || o.aborted || o.poolSays != ""
}

// failed tells whether the upgrade came to nothing.
func (o *outcome) failed() bool { return o.asked && !o.applied }

// upgrade brings the code on its way and follows it until both sides have it.
func (w *walk) upgrade(ctx context.Context, r *StepReport, code *planned) (o outcome, err error) {
	o.asked = true
	v := code.Version
	r.Code = fmt.Sprintf("%s %d, code %s", v.SpecName, v.SpecVersion, code.Hash.Short())
	if code.note != "" {
		w.moment(r, code.note)
	}
	if _, err := w.sim.Upgrade(code.raw); err != nil {
		return o, err
	}
	for _, e := range w.events {
		w.tellUpgrade(r, e, &o)
	}
	config := w.sim.Relay().Config
	wait := patience + config.ValidationUpgradeDelay + config.MinimumValidationUpgradeDelay + w.cfg.UpgradesLate
	for quiet := uint32(0); quiet < wait && !o.over(); quiet++ {
		events, err := w.advance(ctx, 1)
		if err != nil {
			return o, err
		}
		if o.applied && o.late == "" && w.relay > o.appliedAt+usualSwitch {
			if o.late, err = w.readLate(ctx); err != nil {
				return o, err
			}
		}
		before := len(r.Timeline)
		for _, e := range events {
			w.tellUpgrade(r, e, &o)
		}
		if len(r.Timeline) > before {
			quiet = 0
		}
	}
	if !o.over() {
		w.moment(r, fmt.Sprintf("no further sign of the upgrade for %d relay blocks", wait))
	}
	return o, nil
}

// usualSwitch is how many relay blocks after a block that applies new code the relay chain
// has it at the latest, if all is well: that block is included by then.
const usualSwitch = 5

// readLate says so if the parachain runs another code than the relay chain validates by.
func (w *walk) readLate(ctx context.Context) (string, error) {
	now, err := w.sim.Runtime(ctx)
	if err != nil {
		return "", err
	}
	if relay := w.sim.Relay(); relay.Code != now.Hash {
		return fmt.Sprintf("state read at relay block #%d: the parachain runs code %s, the relay chain validates by %s", relay.Number, now.Hash.Short(), relay.Code.Short()), nil
	}
	return "", nil
}

var upgradeWords = map[string]string{
	"UpgradeScheduled":    "the relay chain has the code; validators pre-check it, further upgrades are restricted",
	"UpgradeAccepted":     "pre-check: accepted",
	"UpgradeAborted":      "pre-check: rejected; the parachain sees the signal Abort and gives the upgrade up",
	"UpgradeGoAhead":      "the parachain sees the signal GoAhead",
	"CodeUpgraded":        "the relay chain validates by the new code",
	"UpgradeCooldownOver": "the cooldown is over: a further upgrade may be scheduled",
}

// tellUpgrade writes what an event says about the upgrade into the timeline.
func (w *walk) tellUpgrade(r *StepReport, seen seen, o *outcome) {
	at := func(relay uint32, format string, args ...any) {
		r.Timeline = append(r.Timeline, Moment{relay, seen.At.Milliseconds(), fmt.Sprintf(format, args...)})
	}
	switch e := seen.Event.(type) {
	case pipeline.StateEdited:
		at(seen.relay, "the state was edited: block #%d is that of its parent with %s changed, and the relay chain's root makes it the head", e.Number, e.Entry)
	case pipeline.UpgradeSubmitted:
		o.submitted, o.bytes = true, e.Bytes
		at(seen.relay, "submitted, %s: %s", kib(e.Bytes), e.How)
	case pipeline.TransactionRefused:
		if e.Upgrade && !o.dispatched {
			o.poolSays = e.Cause
			at(seen.relay, "the transaction was refused: %s", brief(e.Cause))
		}
	case pipeline.UpgradeDispatched:
		if o.dispatched {
			break // the same transaction in another block
		}
		o.dispatched, o.err = true, e.Error
		if e.Error != "" {
			at(seen.relay, "block #%d has it, and the runtime refuses the code: %s", e.Number, e.Error)
			break
		}
		at(seen.relay, "block #%d has the new code for the relay chain", e.Number)
		w.follow(r, e.Number)
	case pipeline.Prechecked:
		if !e.Accept {
			o.rejected, o.precheck = true, e.Why
			at(seen.relay, "validators vote against the code: %s", brief(e.Why))
		}
	case pipeline.CodeApplied:
		if o.applied {
			break // another collator's block of the same height
		}
		o.applied, o.appliedAt = true, seen.relay
		at(seen.relay, "block #%d puts the new code in force; the next one runs on it", e.Number)
		w.follow(r, e.Number, e.Number+1)
	case pipeline.Authored:
		if w.applied != 0 && e.Number == w.applied+1 && !o.first {
			o.first = true
			at(seen.relay, "block #%d is the first under the new code, spec version %d", e.Number, e.SpecVersion)
		}
	case pipeline.Advertised:
		w.follow(r)
	case pipeline.Refused:
		if e.PoVBytes > r.PoVBytes && o.dispatched {
			r.PoVBytes, r.PoVLimit = e.PoVBytes, w.povLimit
			at(seen.relay, "a block's PoV has %s, and validators take %s: it is not offered to them", kib(e.PoVBytes), kib(int(w.povLimit)))
		}
	case pipeline.Upgrade:
		if words := upgradeWords[e.Step]; words != "" {
			at(e.Relay, "%s", words)
		}
		o.scheduled = o.scheduled || e.Step == "UpgradeScheduled"
		o.aborted = o.aborted || e.Step == "UpgradeAborted"
		o.goAhead = o.goAhead || e.Step == "UpgradeGoAhead"
		if e.Step == "CodeUpgraded" {
			o.switched, o.switchedAt = true, e.Relay
		}
	}
}

// follow takes the PoVs of these blocks into account, and of those named before, once they are known.
func (w *walk) follow(r *StepReport, numbers ...uint32) {
	w.watched = append(w.watched, numbers...)
	for _, n := range w.watched {
		r.PoVBytes = max(r.PoVBytes, w.povs[n])
	}
	r.PoVLimit = w.povLimit
}

func kib(n int) string { return fmt.Sprintf("%d KiB", (n+1023)/1024) }
