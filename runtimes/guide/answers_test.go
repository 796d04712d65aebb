package guide

import (
	"fmt"
	"testing"

	"pileus/frame/frametest"
)

const firstSlot = 300_000_000

// blocksOnOne builds on one relay parent, with only genesis included, until a block is refused.
func blocksOnOne(t *testing.T, m frametest.Machine) (n int, refusal error) {
	t.Helper()
	c, err := frametest.New(m, "development")
	if err != nil {
		t.Fatal(err)
	}
	r := &frametest.Relay{Number: 101, Slot: firstSlot, Included: c.Genesis.EncodeTo(nil)}
	for n = 0; n < 8; n++ {
		if _, err := c.Advance(r); err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestBlocksOnOneRelayParent(t *testing.T) {
	for _, tc := range []struct {
		stage  string
		blocks int
		words  string
	}{
		{"sync", 1, "slot must increase"},
		{"phase1", 1, "slot must increase"},
		{"phase3", 2, "authored blocks limit"},
		{"phase3-keep-slot", 2, "authored blocks limit"},
		{"elastic", 4, "authored blocks limit"},
	} {
		t.Run(tc.stage, func(t *testing.T) {
			n, err := blocksOnOne(t, frametest.Native(stage(tc.stage).Runtime))
			if n != tc.blocks || !frametest.Refused(err, tc.words) {
				t.Errorf("%d blocks, then %v", n, err)
			}
		})
	}
}

func stage(name string) *Runtime {
	for _, s := range Stages {
		if s.Name == name {
			return New(s.Settings())
		}
	}
	panic(fmt.Sprintf("no stage %q", name))
}
