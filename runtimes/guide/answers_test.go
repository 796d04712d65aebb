package guide

import (
	"fmt"
	"testing"

	"pileus/frame/frametest"
	"pileus/primitives"
	"pileus/scale"
)

const firstSlot = 300_000_000

func stage(name string) *Runtime {
	for _, s := range Stages {
		if s.Name == name {
			return New(s.Settings())
		}
	}
	panic(fmt.Sprintf("no stage %q", name))
}

// answers are what a stage does when blocks without transactions are built on the
// development preset, with a relay chain whose slot goes up by one per relay block.
type answers struct {
	slot uint64
	// onOne: blocks in a row on one relay parent, only genesis included, and what refuses the next.
	onOne      int
	onOneWords string
	// perRelay: of six tries, one per relay block, accepted ones; a block is included three
	// relay blocks after its own. The words refuse the first that is not accepted.
	perRelay      int
	perRelayWords string
	// perTwo: of four tries, one per two relay blocks, the parent included.
	perTwo int
	// upon: can_build_upon behind the blocks of onOne; nil: there is no such function.
	upon []bool
}

var expected = map[string]answers{
	"sync":             {12000, 1, "slot must increase", 2, "slot must increase", 4, nil},
	"phase1":           {12000, 1, "slot must increase", 2, "slot must increase", 4, []bool{false, false, false}},
	"phase3":           {6000, 2, "authored blocks limit", 6, "", 4, []bool{false, true, false}},
	"phase3-keep-slot": {12000, 2, "authored blocks limit", 6, "", 4, []bool{false, true, false}},
	"elastic":          {24000, 4, "authored blocks limit", 6, "", 4, []bool{false, true, false}},
}

// TestAnswers holds the stages to the table: in memory, as they are built in, and the Rust
// ones, to which they have no difference. Every runtime is compiled: not with -short.
func TestAnswers(t *testing.T) {
	for _, s := range Stages {
		t.Run(s.Name, func(t *testing.T) { testAnswers(t, frametest.Native(New(s.Settings()).Runtime), expected[s.Name]) })
		if testing.Short() {
			continue
		}
		t.Run(s.Name+"/wasm", func(t *testing.T) { testAnswers(t, builtIn(t, s.Name), expected[s.Name]) })
		t.Run(s.Name+"/rust", func(t *testing.T) { testAnswers(t, rust(t, s.Name), expected[s.Name]) })
	}
}

func testAnswers(t *testing.T, m frametest.Machine, want answers) {
	genesis, err := frametest.New(m, "development")
	if err != nil {
		t.Fatal(err)
	}
	if genesis.SlotDuration != want.slot {
		t.Errorf("slot duration %d", genesis.SlotDuration)
	}

	c := genesis.Clone()
	relay := &frametest.Relay{Number: 101, Slot: firstSlot, Included: c.Genesis.EncodeTo(nil)}
	n := 0
	for ; n < 8 && err == nil; n++ {
		_, err = c.Advance(relay)
	}
	if n-1 != want.onOne || !frametest.Refused(err, want.onOneWords) {
		t.Errorf("%d blocks on one relay parent, then %v", n-1, err)
	}
	checkUpon(t, c, want.upon)

	c = genesis.Clone()
	heads := []primitives.Header{c.Head, c.Head, c.Head} // heads[i] is included for try i
	n, err = 0, nil
	for i := range 6 {
		relay := &frametest.Relay{Number: uint32(101 + i), Slot: firstSlot + uint64(i), Included: heads[i].EncodeTo(nil)}
		if _, refused := c.Advance(relay); refused == nil {
			n++
		} else if err == nil {
			err = refused
		}
		heads = append(heads, c.Head)
	}
	if n != want.perRelay || (err == nil) != (want.perRelayWords == "") || err != nil && !frametest.Refused(err, want.perRelayWords) {
		t.Errorf("%d of 6 blocks, one per relay block; %v", n, err)
	}

	c = genesis.Clone()
	n = 0
	for i := range 4 {
		relay := &frametest.Relay{Number: uint32(101 + 2*i), Slot: firstSlot + 2*uint64(i), Included: c.Head.EncodeTo(nil)}
		if _, err := c.Advance(relay); err == nil {
			n++
		} else {
			t.Log(err)
		}
	}
	if n != want.perTwo {
		t.Errorf("%d of 4 blocks, one per two relay blocks", n)
	}

	c = genesis.Clone()
	_, err = c.Advance(&frametest.Relay{Number: 101, Slot: firstSlot, Included: c.Genesis.EncodeTo(nil), Skew: 2 * c.SlotDuration})
	if !frametest.Refused(err, "timestamp slot must match") {
		t.Errorf("a timestamp two slots ahead: %v", err)
	}
}

func checkUpon(t *testing.T, c *frametest.Chain, want []bool) {
	for i, ask := range []struct {
		included primitives.Hash
		slot     uint64
	}{{c.Genesis.Hash(), firstSlot}, {c.Genesis.Hash(), firstSlot + 1}, {primitives.Hash{1}, firstSlot - 1}} {
		out, err := c.Query("AuraUnincludedSegmentApi_can_build_upon", scale.AppendU64(ask.included.EncodeTo(nil), ask.slot))
		if want == nil {
			if err == nil {
				t.Error("AuraUnincludedSegmentApi is there")
			}
			continue
		}
		if err != nil || len(out) != 1 || out[0] == 1 != want[i] {
			t.Errorf("can_build_upon %d: %x, %v", i, out, err)
		}
	}
}
