package rehearse

import (
	"slices"
	"testing"

	"pileus"
	"pileus/collator"
	"pileus/primitives"
)

// Each finding is the cause where its evidence is there, and none where that which decides
// is taken away.
func TestEachFinding(t *testing.T) {
	refused := func(words string) func(*Evidence) {
		return func(e *Evidence) {
			e.Refused[string(collator.RefusedByRuntime)], e.RuntimeHas = 9, []string{words}
		}
	}
	silent := func(e *Evidence) { clear(e.Refused); e.RuntimeHas = nil }
	dispatched := func(err string) func(*Evidence) {
		return func(e *Evidence) { e.Upgrade = outcome{asked: true, submitted: true, dispatched: true, err: err} }
	}
	passed := func(why collator.Reason) func(*Evidence) {
		return func(e *Evidence) { e.Passed[string(why)] = 10 }
	}
	done := func(e *Evidence) { e.Upgrade = outcome{asked: true, applied: true, switched: true} }
	tried := map[string]bool{}
	for _, c := range []struct {
		finding       string
		with, without func(*Evidence)
	}{
		{"cooldown", dispatched("ParachainSystem.ProhibitedByPolkadot"), done},
		{"overlapping-upgrades", dispatched("ParachainSystem.OverlappingUpgrades"), done},
		{"code-too-large", func(e *Evidence) { dispatched("ParachainSystem.TooBig")(e); e.CodeSize = 9 << 20 }, done},
		{"spec-version", dispatched("System.SpecVersionNeedsToIncrease"), done},
		{"other-runtime", dispatched("System.InvalidSpecName"), done},
		{"upgrade-refused", dispatched("Other.Error"), done},
		{"precheck-rejected", func(e *Evidence) {
			e.Upgrade = outcome{asked: true, submitted: true, dispatched: true, rejected: true, aborted: true, precheck: "too slow"}
		}, done},
		{"upgrade-too-large-for-a-block", func(e *Evidence) {
			e.Upgrade, e.Asked.Relay.MaxPoVSize = outcome{asked: true, submitted: true, bytes: 900_000}, 1_000_000
		}, func(e *Evidence) { e.Asked.Relay.MaxPoVSize = 2_000_000 }},
		{"upgrade-not-taken", func(e *Evidence) {
			e.Upgrade, e.Included = outcome{asked: true, submitted: true, bytes: 900, poolSays: "NothingAuthorized"}, 5
		}, done},
		{"pov-too-large", func(e *Evidence) { e.Refused[string(collator.PoVTooLarge)] = 3 }, silent},
		{"relay-late", func(e *Evidence) {
			e.Upgrade, e.Asked.Code = outcome{asked: true, applied: true}, primitives.Hash{1}
		}, func(e *Evidence) { e.Upgrade.switched, e.Asked.Code = true, e.Asked.RelayCode }},
		{"authority-cache-empty", func(e *Evidence) {
			e.Asked.Authorities, e.Asked.After = "Aura.Authorities has 2, AuraExt.Authorities is empty", nil
		},
			func(e *Evidence) { e.Asked.Authorities = "" }},
		{"relay-parent-offset", func(e *Evidence) { e.Refused[string(collator.OffsetUnsupported)], e.Asked.RelayParentOffset = 9, 1 }, silent},
		{"backing-timeout", func(e *Evidence) { e.Declined["Timeout"] = 4 }, func(e *Evidence) { clear(e.Declined) }},
		{"authoring-duration", func(e *Evidence) { e.Refused[string(collator.TooExpensive)] = 4 }, silent},
		{"slot-goes-back", func(e *Evidence) {
			refused("Slot must not decrease")(e)
			e.Asked.ParaSlot, e.Asked.DerivedSlot = 200, 100
		},
			func(e *Evidence) { e.Asked.ParaSlot = 100 }},
		{"single-block-per-slot", func(e *Evidence) { refused("Slot must increase")(e); e.Asked.Again = "Slot must increase" },
			func(e *Evidence) { e.Asked.Again = "" }},
		{"minimum-period", func(e *Evidence) {
			refused("Timestamp must increment by at least 3000")(e)
			e.Asked.MinimumPeriodMs = 3000
		},
			func(e *Evidence) { e.Asked.MinimumPeriodMs = 0 }},
		{"strict-relay-numbers", refused("Relay chain block number needs to strictly increase between Parachain blocks!"), silent},
		{"hook-unwired", refused("expected parent to be included"), func(e *Evidence) { e.Asked.SegmentAPI = 0 }},
		{"no-segment-api", func(e *Evidence) { passed(collator.SegmentFull)(e); e.Asked.SegmentAPI = 0 }, func(e *Evidence) { e.Asked.SegmentAPI = 2 }},
		{"basic-collator", func(e *Evidence) { passed(collator.CoreOccupied)(e); e.Collator = pileus.Basic }, func(e *Evidence) { e.Collator = pileus.Lookahead }},
		{"window-of-one", func(e *Evidence) { e.Dropped["not_backed"], e.Asked.Lookahead = 9, 1 }, func(e *Evidence) { e.Asked.Lookahead = 3 }},
		{"candidate-depth-zero", func(e *Evidence) {
			e.Dropped["not_backed"], e.Asked.Classic, e.Asked.Relay.AsyncBackingParams = 9, true, primitives.AsyncBackingParams{}
		}, func(e *Evidence) { e.Asked.Classic = false }},
		{"capacity-1", func(e *Evidence) { passed(collator.SegmentFull)(e); e.MaxSegment = 1 }, func(e *Evidence) { e.MaxSegment = 3 }},
		{"segment-full", func(e *Evidence) { passed(collator.SegmentFull)(e); e.MaxSegment = 3 }, func(e *Evidence) { clear(e.Passed) }},
		{"slot-mismatch", refused("slot number mismatch left: Slot(1) right: Slot(2)"), silent},
		{"velocity", refused("authored blocks limit is reached for the slot"), silent},
		{"inherent", refused("Invalid relay chain state proof"), silent},
		{"runtime-refuses", refused("nothing works today"), silent},
		{"validators-refuse", func(e *Evidence) { e.Declined["InvalidCandidate"] = 4 }, func(e *Evidence) { clear(e.Declined) }},
		{"slow-slots", func(e *Evidence) {
			slow := 12000.0
			e.Asked.After, e.Asked.Promised = &slow, slow
		}, func(e *Evidence) { e.Asked.Promised = 6000 }},
	} {
		config, before, after := pileus.DefaultRelayConfig(), 6000.0, 6000.0
		e := newEvidence()
		e.Collator, e.Authored, e.MaxSegment = pileus.Lookahead, 20, 3
		e.Asked = &Asked{SegmentAPI: 2, SlotMs: 6000, Promised: 6000, Lookahead: 3, Relay: &config, Before: &before, After: &after}
		if list := Explain(e); len(list) > 0 {
			t.Fatalf("of a sound chain %s is said: %q", list[0].Name, list[0].Because)
		}
		c.with(e)
		if list := Explain(e); len(list) == 0 || list[0].Name != c.finding {
			t.Errorf("%s is not the first of %v", c.finding, names(list))
		}
		c.without(e)
		if list := Explain(e); slices.Contains(names(list), c.finding) {
			t.Errorf("%s is said without what decides: %q", c.finding, list[0].Because)
		}
		tried[c.finding] = true
	}
	for _, f := range Findings {
		if !tried[f.Name] {
			t.Errorf("no evidence for %s", f.Name)
		}
	}
}

func names(list []Explained) (names []string) {
	for _, x := range list {
		names = append(names, x.Name)
	}
	return names
}
