package validateblock

import (
	"context"
	"testing"
	"time"

	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/runtimes/guide"
	"pileus/wasmlink"
)

// TestWasm builds the stage as a user would, and gives candidates to it as a validator
// does: an empty block, a block full of bytes, a block full of transfers.
func TestWasm(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a runtime")
	}
	ctx := context.Background()
	from := time.Now()
	r, err := wasmlink.Build(ctx, "../../runtimes/guide/phase3", wasmlink.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("built in %v: %d bytes, %d compressed, %+v", time.Since(from), len(r.Code), len(r.Compressed), r.Report)
	info, err := wasmlink.Inspect(r.Compressed)
	if err != nil || !info.OK() {
		t.Fatalf("%+v, %v", info, err)
	}
	e, err := executor.NewEngine(ctx, executor.Config{CacheDir: cacheDir})
	if err != nil {
		t.Fatal(err)
	}
	m, err := pvf.New(e, true).Prepare(ctx, r.Compressed, hashing.Blake2b256(r.Compressed), 0, primitives.ExecutorParams{})
	if err != nil {
		t.Fatal(err)
	}
	c := newChain(t, guide.Phase3())
	var transfers [][]byte
	for range 3000 {
		transfers = append(transfers, c.sign(t, "Balances", "transfer_keep_alive", account("Bob"), uint64(1e12)))
	}
	large, small := newChain(t, guide.Phase3()), newChain(t, guide.Phase3())
	large.fill(t, 1250, 4096)
	small.fill(t, 40_000, 40)
	reference := rust(t, "phase3")
	for _, tc := range []struct {
		name string
		*chain
		extrinsics [][]byte
	}{
		{"empty", c, nil},
		{"a large remark", c, [][]byte{newChain(t, guide.Phase3()).sign(t, "System", "remark", make([]byte, 3<<20))}},
		{"full of transfers", c, transfers},
		{"a proof of large values", large, nil},
		{"a proof of small values", small, nil},
	} {
		c := tc.chain
		p := c.build(t, 1, false, tc.extrinsics...)
		n := len(p.data.Blocks[0].Extrinsics) - 2
		if n < min(len(tc.extrinsics), 100) {
			t.Errorf("%s: %d extrinsics are in the block", tc.name, n)
		}
		params := p.encode()
		want, err := c.native(params)
		if err != nil {
			t.Fatal(tc.name, err)
		}
		from := time.Now()
		got, err := m.Call(ctx, "validate_block", params, executor.CallOptions{MaxPages: wasmlink.MaxMemoryPages})
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %x, want %x, %v", tc.name, got, want, err)
		}
		took := time.Since(from)
		from = time.Now()
		if got, err := reference.Call(ctx, "validate_block", params, executor.CallOptions{}); err != nil || string(got) != string(want) {
			t.Errorf("%s: Rust: %x, want %x, %v", tc.name, got, want, err)
		}
		t.Logf("%s: %d extrinsics, %d bytes of arguments, %v; in Rust %v", tc.name, n, len(params), took, time.Since(from))
	}
	p := c.build(t, 1, false)
	p.RelayParentNumber++
	if _, err := m.Call(ctx, "validate_block", p.encode(), executor.CallOptions{MaxPages: wasmlink.MaxMemoryPages}); !says(err, "Relay parent number doesn't match") {
		t.Errorf("a forged number: %v", err)
	}
}
