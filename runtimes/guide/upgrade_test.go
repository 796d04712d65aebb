package guide

import (
	"testing"

	"pileus/frame/frametest"
)

// TestUpgradesAsRust: a chain passes from stage to stage as the Rust one does.
func TestUpgradesAsRust(t *testing.T) {
	start := both(t, "sync")
	relay := frametest.Relay{Number: 100, Slot: firstSlot}
	advance := func(what string, slots uint64) {
		relay.Number, relay.Slot = relay.Number+uint32(slots), relay.Slot+slots
		var blocks [2]*frametest.Block
		for i, c := range start {
			r := relay
			r.Included = c.Head.EncodeTo(nil)
			var err error
			if blocks[i], err = c.Advance(&r); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if start[0].Head.Hash() != start[1].Head.Hash() {
			t.Errorf("%s: the chains differ", what)
			for _, d := range differences(start[0], start[1]) {
				t.Error(d)
			}
			t.FailNow()
		}
	}
	advance("sync", 2)
	for _, next := range []string{"phase1", "phase3", "elastic"} {
		machines := both(t, next)
		for i, c := range start {
			c.Machine = machines[i].Machine
			if err := c.Learn(); err != nil {
				t.Fatal(err)
			}
		}
		advance("the first block of "+next, 2)
		advance("the second block of "+next, 2)
	}
}
