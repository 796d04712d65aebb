package guide

import (
	"testing"

	"pileus/frame/frametest"
)

// BenchmarkBlock builds and imports a block: in memory, in Go's Wasm and in Rust's.
func BenchmarkBlock(b *testing.B) {
	for name, m := range map[string]frametest.Machine{"native": frametest.Native(stage("phase3").Runtime), "go": builtIn(b, "phase3"), "rust": rust(b, "phase3")} {
		for _, transfers := range []int{0, 20} {
			label := name + "/empty"
			if transfers > 0 {
				label = name + "/20 transfers"
			}
			b.Run(label, func(b *testing.B) {
				start, err := frametest.New(m, "development")
				if err != nil {
					b.Fatal(err)
				}
				bob := frametest.Account("Bob")
				var list [][]byte
				for range transfers {
					x, err := start.Sign("Alice", 0, "Balances", "transfer_keep_alive", bob[:], uint64(Unit))
					if err != nil {
						b.Fatal(err)
					}
					list = append(list, x)
				}
				for b.Loop() {
					c := start.Clone()
					if _, err := c.Advance(&frametest.Relay{Number: 101, Slot: firstSlot, Included: c.Genesis.EncodeTo(nil)}, list...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
