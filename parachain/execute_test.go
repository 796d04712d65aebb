package parachain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// A block altered in any part is refused, although the forger holds the author's key and
// corrects every root that does not need the runtime.
func TestExecuteRefuses(t *testing.T) {
	ctx := context.Background()
	h := testHost(t)
	c := newTestChain(t, h, "phase3")
	p := c.relay.next(t, c.chain.Head(), 0).params(c.parent, c.state, c.chain)
	p.Transactions = c.transfers(2)
	built := must(h.Build(ctx, p))
	version := must(h.CodeAt(ctx, c.state, OnChain)).Version
	forge := func(change func(*primitives.Block)) *primitives.Block {
		b := &primitives.Block{Header: built.Block.Header, Extrinsics: slices.Clone(built.Block.Extrinsics)}
		b.Header, _, _ = b.Header.WithoutSeal()
		b.Header.Digest = slices.Clone(b.Header.Digest)
		change(b)
		if b.Header.ExtrinsicsRoot == built.Block.Header.ExtrinsicsRoot {
			var list [][]byte
			for _, xt := range b.Extrinsics {
				list = append(list, scale.AppendBytes(nil, xt))
			}
			b.Header.ExtrinsicsRoot = trie.OrderedRoot(version.ExtrinsicsVersion(), list)
		}
		p.Key.Seal(&b.Header)
		return b
	}
	execute := func(b *primitives.Block, now uint64) error {
		_, err := h.Execute(ctx, ExecuteParams{Parent: c.parent, ParentState: c.state, Block: b, Now: now})
		return err
	}
	if err := execute(forge(func(*primitives.Block) {}), p.Timestamp); err != nil {
		t.Fatal("unaltered:", err)
	}
	for name, tt := range map[string]struct {
		change func(*primitives.Block)
		want   error  // or
		words  string // of the runtime
	}{
		"parent":           {func(b *primitives.Block) { b.Header.ParentHash[0]++ }, ErrParent, ""},
		"number":           {func(b *primitives.Block) { b.Header.Number++ }, ErrParent, ""},
		"state root":       {func(b *primitives.Block) { b.Header.StateRoot[0]++ }, nil, "root"},
		"extrinsics root":  {func(b *primitives.Block) { b.Header.ExtrinsicsRoot[0]++ }, ErrExtrinsicsRoot, ""},
		"transaction gone": {func(b *primitives.Block) { b.Extrinsics = b.Extrinsics[:3] }, nil, "root"},
		"inherent gone":    {func(b *primitives.Block) { b.Extrinsics = b.Extrinsics[1:] }, nil, "set_validation_data"},
		"order":            {func(b *primitives.Block) { slices.Reverse(b.Extrinsics) }, nil, "inherent"},
		"timestamp": {func(b *primitives.Block) {
			i := slices.IndexFunc(b.Extrinsics, func(xt []byte) bool { return xt[1] != b.Extrinsics[0][1] })
			b.Extrinsics[i] = scale.AppendCompact(slices.Clone(b.Extrinsics[i][:3]), p.Timestamp+12000)
		}, nil, "slot must match"},
		"timestamp ahead": {func(b *primitives.Block) {
			i := slices.IndexFunc(b.Extrinsics, func(xt []byte) bool { return xt[1] != b.Extrinsics[0][1] })
			b.Extrinsics[i] = scale.AppendCompact(slices.Clone(b.Extrinsics[i][:3]), p.Timestamp+31000)
		}, ErrInherents, ""},
		"runtime's digest": {func(b *primitives.Block) { b.Header.Digest[1].Data = slices.Clone(b.Header.Digest[1].Data[1:]) }, nil, "digest"},
		"digest too long": {func(b *primitives.Block) {
			b.Header.Digest = append(b.Header.Digest, primitives.DigestItem{Kind: primitives.DigestOther})
		}, nil, "digest"},
		"another slot": {func(b *primitives.Block) { b.Header.Digest[0] = primitives.AuraPreDigest(p.Slot - 1) }, ErrBadSeal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := execute(forge(tt.change), p.Timestamp)
			var block *BlockError
			switch {
			case tt.want != nil && !errors.Is(err, tt.want):
				t.Errorf("%v, want %v", err, tt.want)
			case tt.want == nil && (!errors.As(err, &block) || !strings.Contains(strings.ToLower(err.Error()), tt.words)):
				t.Errorf("%v, want the runtime to speak of %q", err, tt.words)
			}
		})
	}
	if err := execute(&built.Block, p.Timestamp-1); !errors.Is(err, ErrFuture) {
		t.Error("from a slot in the future:", err)
	}
	unsealed := built.Block
	unsealed.Header, _, _ = unsealed.Header.WithoutSeal()
	if err := execute(&unsealed, p.Timestamp); !errors.Is(err, ErrNoSeal) {
		t.Error("without a seal:", err)
	}
	if _, err := h.Execute(ctx, ExecuteParams{Parent: c.parent, ParentState: c.state, Block: &unsealed, Unsealed: true}); err != nil {
		t.Error("without a seal, as out of a PoV:", err)
	}
}

// What is under :pending_code runs for building and importing, not for other questions.
func TestPendingCode(t *testing.T) {
	h := testHost(t)
	c := openRuntime(t, h, "phase3")
	pending := runtimeCode(t, "elastic")
	s := must(c.State.Apply(c.Version.StateVersion(), []trie.Change{{Key: []byte(keyPendingCode), Value: pending}}, nil, nil))
	for context_, want := range map[Context]uint32{OnChain: 4, OffChain: 3} {
		code := must(h.CodeAt(context.Background(), s, context_))
		if code.Version.SpecVersion != want || must(CodeHash(s, context_)) != code.Hash {
			t.Errorf("context %d: %s", context_, code.Version)
		}
	}
	info := must(h.Info(context.Background(), s))
	if info.SlotDuration != 24000 || info.RelayParentOffset != 1 || info.Version.SpecVersion != 4 {
		t.Errorf("on-chain questions go to the old code: %+v", info)
	}
	empty := trie.NewState(trie.New(), nil)
	if _, err := h.CodeAt(context.Background(), empty, OnChain); !errors.Is(err, ErrNoCode) {
		t.Error(err)
	}
}

func TestFacts(t *testing.T) {
	h := testHost(t)
	c := newTestChain(t, h, "phase3-keep-slot")
	if f := c.chain.Facts; f.MinRelayNumber() != 1 || f.MinRelaySlot() != 1 || f.SlotDuration != 12000 || len(f.Authorities) != 2 || f.SegmentAPI != 2 || f.CollationAPI != 3 {
		t.Errorf("genesis: %+v", f)
	}
	point := c.relay.next(t, c.chain.Head(), 0)
	b := must(h.Build(context.Background(), point.params(c.parent, c.state, c.chain)))
	f := must(h.Facts(context.Background(), b.State))
	if f.RelayNumber != point.number || f.RelaySlot != point.slot || f.ParaSlot != point.slot/2 || f.Timestamp != uint64(point.slot)*6000 {
		t.Errorf("after a block: %+v", f)
	}
	if f.MinRelayNumber() != point.number+1 || f.MinRelaySlot() < point.slot+1 || f.MinRelaySlot() > point.slot+3 {
		t.Errorf("relay chain from #%d, slot %d", f.MinRelayNumber(), f.MinRelaySlot())
	}
}
