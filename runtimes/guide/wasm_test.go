package guide

import (
	"bytes"
	"context"
	"testing"

	"pgregory.net/rapid"

	"pileus/executor"
	"pileus/frame/frametest"
)

// TestEnginesAgree: whatever is in the blocks, the code that is built in makes the same
// ones wherever it runs: in memory, compiled, interpreted. Blocks, results, events, proof
// sizes and refusals.
func TestEnginesAgree(t *testing.T) {
	slow, err := executor.NewEngine(context.Background(), executor.Config{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	const name = "phase3"
	machines := []struct {
		name string
		frametest.Machine
	}{{"in memory", frametest.Native(stage(name).Runtime)}, {"compiled", builtIn(t, name)}, {"interpreted", onEngine(t, slow, builtInCode(t, name))}}
	var start []*frametest.Chain
	for _, m := range machines {
		c, err := frametest.New(m.Machine, "development")
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		start = append(start, c)
	}
	blocks := 0
	rapid.Check(t, func(t *rapid.T) {
		if blocks >= 40 { // interpreting takes its time
			return
		}
		var chains []*frametest.Chain
		for _, c := range start {
			chains = append(chains, c.Clone())
		}
		for n := range rapid.IntRange(1, 3).Draw(t, "blocks") {
			blocks++
			var list [][]byte
			for range rapid.IntRange(0, 4).Draw(t, "extrinsics") {
				x, _ := step(t, [2]*frametest.Chain{chains[0], chains[0]})
				list = append(list, x[1])
			}
			if rapid.IntRange(0, 3).Draw(t, "noise") == 0 {
				list = append(list, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "bytes"))
			}
			relay := frametest.Relay{Number: 101 + uint32(n), Slot: firstSlot + uint64(n) - rapid.SampledFrom([]uint64{0, 0, 0, 0, 1}).Draw(t, "back"), Included: chains[0].Head.EncodeTo(nil)}
			var first *frametest.Block
			var firstErr error
			for i, c := range chains {
				r := relay
				b, err := c.Advance(&r, list...)
				switch {
				case i == 0:
					first, firstErr = b, err
				case (err == nil) != (firstErr == nil) || err != nil && !frametest.Refused(err, firstErr.Error()):
					t.Fatalf("%s: %v; in memory: %v", machines[i].name, err, firstErr)
				case err == nil && (b.Header.Hash() != first.Header.Hash() || b.Proof != first.Proof || !sameResults(b.Results, first.Results)):
					t.Errorf("%s: block %v, proof of %d bytes, results %x; in memory: %v, %d, %x", machines[i].name, b.Header, b.Proof, b.Results, first.Header, first.Proof, first.Results)
					for _, d := range differences(c, chains[0]) {
						t.Error(d)
					}
					t.FailNow()
				}
			}
			if firstErr != nil {
				return
			}
		}
	})
}

func sameResults(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}
