package guide

import (
	"context"
	"testing"

	"pileus/frame/frametest"
	"pileus/wasmlink"
)

// TestWasmAsNative: compiled and linked, the same code makes the same blocks. Building
// takes a while: not with -short.
func TestWasmAsNative(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a runtime")
	}
	linked, err := wasmlink.Build(context.Background(), "phase3", wasmlink.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d compressed", len(linked.Code), len(linked.Compressed))
	var heads [2]*frametest.Chain
	for i, m := range []frametest.Machine{frametest.Native(stage("phase3").Runtime), wasm(t, linked.Compressed)} {
		c, err := frametest.New(m, "development")
		if err != nil {
			t.Fatal(err)
		}
		bob := frametest.Account("Bob")
		for n := range 5 {
			var list [][]byte
			for range n {
				x, err := c.Sign("Alice", uint64(n), "Balances", "transfer_keep_alive", bob[:], uint64(Unit))
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, x)
			}
			relay := &frametest.Relay{Number: 101 + uint32(n), Slot: firstSlot + uint64(n), Included: c.Head.EncodeTo(nil)}
			if _, err := c.Advance(relay, list...); err != nil {
				t.Fatalf("block %d: %v", n+1, err)
			}
		}
		for _, fault := range [][]byte{nil, {0}, {0xff, 0xff}} {
			if _, err := c.Query("BlockBuilder_apply_extrinsic", fault); err == nil {
				t.Errorf("%x is an extrinsic", fault)
			}
		}
		if _, err := c.Advance(&frametest.Relay{Number: 99, Slot: firstSlot}); !frametest.Refused(err, "slot must not decrease") {
			t.Errorf("a slot that goes back: %v", err)
		}
		heads[i] = c
	}
	if heads[0].Head.Hash() != heads[1].Head.Hash() {
		t.Error("the chains differ")
		for _, d := range differences(heads[0], heads[1]) {
			t.Error(d)
		}
	}
}
