package parachain

import (
	"context"
	"syscall"
	"testing"
	"time"

	"pileus/primitives"
	"pileus/runtimeapi"
)

// BenchmarkEmptyBlock builds, and imports, blocks without transactions, each on the one before.
//
//	go test ./parachain -run '^$' -bench EmptyBlock -benchtime 200x
func BenchmarkEmptyBlock(b *testing.B) {
	for _, name := range []string{"phase3", "people-next-paseo"} {
		ctx := context.Background()
		h := testHost(b)
		var c *Chain
		if name == "phase3" {
			c = openRuntime(b, h, name)
		} else {
			c = must(openSpec(b, h, name))
		}
		for _, what := range []string{"build", "import", "collation"} {
			b.Run(name+"/"+what, func(b *testing.B) {
				relay := newStandIn(c.ParaID, c.Facts.MinRelayNumber()+100, c.Facts.MinRelaySlot()+1000)
				parent, state := &c.Genesis, c.State
				for range b.N {
					b.StopTimer()
					p := relay.next(b, parent.EncodeTo(nil), c.Facts.RelayParentOffset).params(parent, state, c)
					if what == "build" {
						b.StartTimer()
					}
					built, err := h.Build(ctx, p)
					if err != nil {
						b.Fatal(err)
					}
					if what == "import" {
						b.StartTimer()
						if _, err := h.Execute(ctx, ExecuteParams{Parent: parent, ParentState: state, Block: &built.Block, Now: p.Timestamp}); err != nil {
							b.Fatal(err)
						}
					}
					if what == "collation" {
						b.StartTimer()
						if _, err := h.Collation(ctx, CollationParams{Parent: parent, ParentState: state, Blocks: []*Built{built}}); err != nil {
							b.Fatal(err)
						}
					}
					parent, state = &built.Block.Header, built.State
				}
			})
		}
	}
}

// BenchmarkTransfers says what a pool and a chain do with a transfer: the check before it is
// taken in, and building, importing and validating a block that is full of them.
//
//	go test ./parachain -run '^$' -bench Transfers -benchtime 20x
func BenchmarkTransfers(b *testing.B) {
	for _, name := range []string{"go/phase3", "phase3"} {
		ctx := context.Background()
		h := testHost(b)
		c := openRuntime(b, h, name)
		code := must(h.CodeAt(ctx, c.State, OnChain))
		transfers := must(NewTransfers(must(code.Metadata(ctx)), c.Genesis.Hash(), c.Accounts, nil))
		relay := newStandIn(c.ParaID, c.Facts.MinRelayNumber()+100, c.Facts.MinRelaySlot()+1000)
		p := relay.next(b, c.Genesis.EncodeTo(nil), c.Facts.RelayParentOffset).params(&c.Genesis, c.State, c)
		for range 800 {
			p.Transactions = append(p.Transactions, must(transfers.Next(TransferContext{})))
		}
		built := must(h.Build(ctx, p))
		col := must(h.Collation(ctx, CollationParams{Parent: &c.Genesis, ParentState: c.State, Blocks: []*Built{built}}))
		for what, f := range map[string]func() error{
			"check": func() error {
				r, err := h.At(ctx, c.State, OffChain)
				for i := range 100 {
					if err == nil {
						_, err = r.ValidateTransactionRaw(ctx, runtimeapi.TransactionSource(2), p.Transactions[i], c.Genesis.Hash())
					}
				}
				return err
			},
			"build": func() error { _, err := h.Build(ctx, p); return err },
			"import": func() error {
				_, err := h.Execute(ctx, ExecuteParams{Parent: &c.Genesis, ParentState: c.State, Block: &built.Block, Now: p.Timestamp})
				return err
			},
			"validate": func() error {
				_, err := code.ValidateBlock(ctx, primitives.ValidationParams{
					ParentHead: c.Genesis.EncodeTo(nil), BlockData: col.BlockData.EncodeTo(nil),
					RelayParentNumber: p.Inherent.ValidationData.RelayParentNumber, RelayParentStorageRoot: p.Inherent.ValidationData.RelayParentStorageRoot,
				}, 0)
				return err
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				n := len(built.Pushed)
				if what == "check" {
					n = 100
				}
				before := cpuTime(b)
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N*n), "µs-cpu/transfer")
				b.ReportMetric(float64(n), "transfers")
			})
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
