package parachain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/trie"
)

// testChain is a chain with a relay chain to build against.
type testChain struct {
	t      *testing.T
	host   *Host
	chain  *Chain
	relay  *standIn
	parent *primitives.Header
	state  *trie.State
}

func newTestChain(t *testing.T, h *Host, name string) *testChain {
	c := openRuntime(t, h, name)
	return &testChain{t, h, c, newStandIn(c.ParaID, 100, 1000), &c.Genesis, c.State}
}

// on goes on from a block.
func (c *testChain) on(b *Built) { c.parent, c.state = &b.Block.Header, b.State }

func (c *testChain) transfers(n int) (list [][]byte) {
	meta := must(must(c.host.CodeAt(context.Background(), c.state, OnChain)).Metadata(context.Background()))
	source := must(NewTransfers(meta, c.chain.Genesis.Hash(), c.chain.Accounts, nil))
	for range n {
		list = append(list, must(source.Next(TransferContext{})))
	}
	return list
}

// How many blocks in a row each runtime takes on one relay parent with only genesis
// included, and what refuses the next.
func TestOneRelayParent(t *testing.T) {
	h := testHost(t)
	for _, tt := range []struct {
		name   string
		blocks int
		words  string
	}{
		{"sync", 1, "slot must increase"},
		{"phase1", 1, "slot must increase"},
		{"phase3", 2, "authored blocks limit"},
		{"elastic", 4, "authored blocks limit"},
		{"f-capacity-1", 1, "no space left"},
		{"f-hook-unwired", 1, "expected parent to be included"},
		{"f-single-block-per-slot", 1, "slot must increase"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestChain(t, h, tt.name)
			point := c.relay.next(t, c.chain.Head(), c.chain.Facts.RelayParentOffset)
			for i := 0; ; i++ {
				b, err := h.Build(context.Background(), point.params(c.parent, c.state, c.chain))
				if err == nil {
					if b.Segment != i+1 {
						t.Errorf("block %d: segment of %d", i+1, b.Segment)
					}
					c.on(b)
					continue
				}
				var refused *BlockError
				if !errors.As(err, &refused) || refused.Number != uint32(i+1) || !strings.Contains(strings.ToLower(err.Error()), tt.words) {
					t.Errorf("block %d: %v, want %q in it", i+1, err, tt.words)
				}
				if i != tt.blocks {
					t.Errorf("%d blocks, want %d", i, tt.blocks)
				}
				return
			}
		})
	}
}

// The node's own question comes to the same as the runtime's judgement.
func TestCanBuildUpon(t *testing.T) {
	h := testHost(t)
	c := newTestChain(t, h, "phase3")
	included := c.chain.Genesis.Hash()
	point := c.relay.next(t, c.chain.Head(), 0)
	for range 2 {
		b := must(h.Build(context.Background(), point.params(c.parent, c.state, c.chain)))
		c.on(b)
	}
	r := must(h.At(context.Background(), c.state, OffChain))
	for relaySlot, want := range map[primitives.Slot]bool{point.slot: false, point.slot + 1: true} {
		if got := must(r.CanBuildUpon(context.Background(), included, 0, relaySlot)); got != want {
			t.Errorf("relay slot %d: %v, want %v", relaySlot, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	h := testHost(t)
	c := newTestChain(t, h, "phase3")
	point := c.relay.next(t, c.chain.Head(), 0)
	build := func(xts [][]byte, l Limits) *Built {
		t.Helper()
		p := point.params(c.parent, c.state, c.chain)
		p.Transactions, p.Limits = xts, l
		return must(h.Build(context.Background(), p))
	}
	xts := c.transfers(30)
	empty := build(nil, Limits{})
	all := build(xts, Limits{})
	if len(all.Pushed) != 30 || all.End != EndNoMore || len(all.Block.Extrinsics) != 32 || all.Inherents != 2 {
		t.Errorf("%d pushed, %s, %d extrinsics, %d inherents", len(all.Pushed), all.End, len(all.Block.Extrinsics), all.Inherents)
	}
	if b := build(xts, Limits{Count: 4}); len(b.Pushed) != 4 || b.End != EndNoMore {
		t.Errorf("count: %d pushed, %s", len(b.Pushed), b.End)
	}
	each := (all.Weight.RefTime - empty.Weight.RefTime) / 30
	if b := build(xts, Limits{RefTime: empty.Weight.RefTime + 5*each}); b.End != EndDeadline || len(b.Pushed) < 4 || len(b.Pushed) > 7 {
		t.Errorf("time: %d pushed, %s", len(b.Pushed), b.End)
	}
	size := len(empty.Block.EncodeTo(nil)) + int(empty.ProofBytes) + 2500
	b := build(xts, Limits{Bytes: size})
	if b.End != EndSize || len(b.Pushed) == 0 || len(b.Pushed) > 20 {
		t.Errorf("size: %d pushed, %s", len(b.Pushed), b.End)
	}
	if got := len(b.Block.EncodeTo(nil)) + int(b.ProofBytes); got > size+1500 { // finalize_block records a little more
		t.Errorf("%d bytes with a limit of %d", got, size)
	}
	// What the runtime holds for invalid is named, what waits for one passed over is not.
	broken := append([]byte(nil), xts[0]...)
	broken[40] ^= 1 // in the signature
	b = build([][]byte{broken, xts[0], xts[0], {0x85, 1, 2}}, Limits{})
	if len(b.Pushed) != 1 || len(b.Refused) != 3 {
		t.Fatalf("%d pushed, refused: %v", len(b.Pushed), b.Refused)
	}
	var refused *runtimeapi.ValidityError
	if !errors.As(b.Refused[0].Err, &refused) || refused.Kind != runtimeapi.InvalidBadProof {
		t.Error("broken signature:", b.Refused[0].Err)
	}
	if !errors.As(b.Refused[1].Err, &refused) || refused.Kind != runtimeapi.InvalidStale {
		t.Error("used nonce:", b.Refused[1].Err)
	}
	again := build(xts[:1], Limits{})
	if again.State.Root() != b.State.Root() || again.ProofBytes != b.ProofBytes || again.Hash != b.Hash {
		t.Error("refused transactions leave traces in the block")
	}
}

// Several blocks in one PoV: what the first has proven is free for the second, in the
// weights of the author, the importer and validate_block alike.
func TestBundle(t *testing.T) {
	ctx := context.Background()
	h := testHost(t)
	c := newTestChain(t, h, "elastic")
	point := c.relay.next(t, c.chain.Head(), c.chain.Facts.RelayParentOffset)
	var blocks []*Built
	importer := NewNode(c.chain)
	xts := c.transfers(6)
	first, firstState := c.parent, c.state
	for i := range 3 {
		p := point.params(c.parent, c.state, c.chain)
		p.Inherent.ValidationData.ParentHead = first.EncodeTo(nil)
		p.Digest[1] = primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{Index: uint8(i), IsLast: i == 2}}.DigestItem()
		p.Transactions, p.Before = xts[2*i:2*i+2], blocks
		b, err := h.Build(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		out := importer.Step(time.Duration(p.Timestamp)*time.Millisecond, BlockReceived{Block: &b.Block})
		job := out[0].(Execute)
		if len(job.Params.Before) != i {
			t.Errorf("block %d is executed after %d of its bundle", i, len(job.Params.Before))
		}
		x, err := h.Execute(ctx, job.Params)
		if err != nil {
			t.Fatal(err)
		}
		importer.Step(0, BlockExecuted{ID: job.ID, Result: x})
		if x.ProofBytes != b.ProofBytes || len(b.Pushed) != 2 {
			t.Errorf("block %d: proof %d built, %d imported; %d transfers", i, b.ProofBytes, x.ProofBytes, len(b.Pushed))
		}
		if i > 0 && b.ProofBytes >= blocks[0].ProofBytes {
			t.Errorf("block %d: proof of %d bytes, the first one's has %d", i, b.ProofBytes, blocks[0].ProofBytes)
		}
		blocks = append(blocks, b)
		c.on(b)
	}
	col, err := h.Collation(ctx, CollationParams{Parent: first, ParentState: firstState, Blocks: blocks})
	if err != nil {
		t.Fatal(err)
	}
	if col.BlockData.Version != primitives.BlockDataV1 || len(col.BlockData.Blocks) != 3 {
		t.Errorf("block data version %d with %d blocks", col.BlockData.Version, len(col.BlockData.Blocks))
	}
	checkCollation(t, h, col, first, firstState, point)
	// A runtime of an older form takes one block only.
	old := must(openSpec(t, h, "mythos"))
	_, err = h.Collation(ctx, CollationParams{Parent: &old.Genesis, ParentState: old.State, Blocks: blocks})
	if !errors.Is(err, ErrOneBlock) {
		t.Errorf("bundle for an old runtime: %v", err)
	}
}

// Equal parameters give equal bytes.
func TestDeterministic(t *testing.T) {
	h := testHost(t)
	var first string
	for range 2 {
		c := newTestChain(t, h, "phase3")
		p := c.relay.next(t, c.chain.Head(), 0).params(c.parent, c.state, c.chain)
		p.Transactions = c.transfers(3)
		b := must(h.Build(context.Background(), p))
		col := must(h.Collation(context.Background(), CollationParams{Parent: c.parent, ParentState: c.state, Blocks: []*Built{b}}))
		got := fmt.Sprintf("%x %x", b.Block.EncodeTo(nil), col.PoV.BlockData)
		if first != "" && got != first {
			t.Error("another block, or another PoV")
		}
		first = got
	}
}
