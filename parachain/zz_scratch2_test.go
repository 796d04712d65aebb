package parachain

import (
	"context"
	"os"
	"testing"
	"time"

	"pileus/executor"
	"pileus/primitives"
)

func TestZZTimes(t *testing.T) {
	h := testHost(t)
	for _, name := range []string{"rust", "go"} {
		code := runtimeCode(t, "phase3")
		if name == "go" {
			code, _ = os.ReadFile("/tmp/wl/phase3.wasm")
		}
		ctx := context.Background()
		c, err := h.Open(ctx, RuntimeSpec(name, code, "development"), Options{Collators: 2, Fund: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 20, 200} {
			relay := newStandIn(c.ParaID, c.Facts.MinRelayNumber()+100, c.Facts.MinRelaySlot()+1000)
			relay.slot -= relay.slot % 4
			meta := must(must(h.CodeAt(ctx, c.State, OnChain)).Metadata(ctx))
			transfers := must(NewTransfers(meta, c.Genesis.Hash(), c.Accounts, nil))
			parent, state := &c.Genesis, c.State
			relay.number, relay.slot = relay.number+1, relay.slot+1
			point := relay.next(t, parent.EncodeTo(nil), c.Facts.RelayParentOffset)
			p := point.params(parent, state, c)
			for range n {
				p.Transactions = append(p.Transactions, must(transfers.Next(TransferContext{Number: parent.Number, Hash: parent.Hash()})))
			}
			var b *Built
			best := func(f func()) time.Duration {
				d := time.Hour
				for range 7 {
					from := time.Now()
					f()
					d = min(d, time.Since(from))
				}
				return d
			}
			build := best(func() { b = must(h.Build(ctx, p)) })
			imp := best(func() {
				must(h.Execute(ctx, ExecuteParams{Parent: parent, ParentState: state, Block: &b.Block, Now: p.Timestamp + 1}))
			})
			col := must(h.Collation(ctx, CollationParams{Parent: parent, ParentState: b.parent, Blocks: []*Built{b}}))
			data := must(executor.Decompress(col.PoV.BlockData, primitives.PoVBombLimit))
			params := primitives.ValidationParams{ParentHead: parent.EncodeTo(nil), BlockData: data, RelayParentNumber: point.number, RelayParentStorageRoot: point.root}
			cc := must(h.CodeAt(ctx, state, OnChain))
			args := params.EncodeTo(nil)
			val := best(func() { must(cc.module.Call(ctx, "validate_block", args, executor.CallOptions{})) })
			ver := best(func() { must(cc.module.Call(ctx, "Core_version", nil, executor.CallOptions{})) })
			t.Logf("%-5s %3d transfers (%d pushed): build %8v import %8v validate %8v Core_version %8v pov %d", name, n, len(b.Pushed), build, imp, val, ver, len(data))
		}
	}
}
