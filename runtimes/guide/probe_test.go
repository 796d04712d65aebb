package guide

import (
	"fmt"
	"testing"

	"pileus/frame/frametest"
)

func TestProbe(t *testing.T) {
	a, _ := frametest.New(frametest.Native(New(Phase3()).Runtime), "development")
	b, err := frametest.New(rust(t, "phase3"), "development")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		var blocks [2]*frametest.Block
		for j, c := range []*frametest.Chain{a, b} {
			r := &frametest.Relay{Number: uint32(101 + i), Slot: firstSlot + uint64(i), Included: c.Genesis.EncodeTo(nil)}
			if i > 0 {
				r.Included = c.Head.EncodeTo(nil)
			}
			var xts [][]byte
			if i > 0 {
				bob := frametest.Account("Bob")
				x, err := c.Sign("Alice", 0, "Balances", "transfer_keep_alive", bob[:], uint64(1e12))
				if err != nil {
					t.Fatal(err)
				}
				xts = append(xts, x)
			}
			blk, err := c.Advance(r, xts...)
			if err != nil {
				t.Fatal(i, j, err)
			}
			blocks[j] = blk
		}
		for k := 0; k < max(len(blocks[0].Events), len(blocks[1].Events)); k++ {
			s := [2]string{}
			for j := range blocks {
				if k < len(blocks[j].Events) {
					s[j] = blocks[j].Events[k].String()
				}
			}
			if s[0] != s[1] {
				fmt.Printf("block %d event %d\n  go   %s\n  rust %s\n", i+1, k, s[0], s[1])
			}
		}
		fmt.Println("block", i+1, "proof", blocks[0].Proof, blocks[1].Proof, blocks[0].Results, blocks[1].Results)
		for _, d := range differences(t, a, b) {
			fmt.Println(d)
		}
	}
}
