package parachain

import (
	"context"
	"testing"
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
