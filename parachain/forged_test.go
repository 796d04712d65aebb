package parachain

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"pileus/executor"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// What validate_block is given, altered in one field at a time, is refused by it, with the
// runtime's own words, in Rust and in Go. The PoV holds two blocks of phase3 on one relay parent.
func TestForgedPoV(t *testing.T) {
	for _, runtime := range []string{"phase3", "go/phase3"} {
		t.Run(runtime, func(t *testing.T) { testForgedPoV(t, runtime) })
	}
}

func testForgedPoV(t *testing.T, runtime string) {
	ctx := context.Background()
	h := testHost(t)
	c := newTestChain(t, h, runtime)
	point := c.relay.next(t, c.chain.Head(), 0)
	first, firstState := c.parent, c.state
	var blocks []*Built
	var key *AuraKey
	for i := range 2 {
		p := point.params(c.parent, c.state, c.chain)
		p.Inherent.ValidationData.ParentHead = first.EncodeTo(nil)
		p.Digest = []primitives.DigestItem{
			primitives.CumulusItem{Kind: primitives.CumulusCoreInfo, Core: primitives.CoreInfo{NumberOfCores: 1}}.DigestItem(),
			primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{Index: uint8(i), IsLast: i == 1}}.DigestItem(),
		}
		p.Transactions, p.Before = c.transfers(i + 1)[i:], blocks
		b, err := h.Build(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		blocks, key = append(blocks, b), p.Key
		c.on(b)
	}
	col, err := h.Collation(ctx, CollationParams{Parent: first, ParentState: firstState, Blocks: blocks})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := executor.Decompress(col.PoV.BlockData, primitives.PoVBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	module := must(h.CodeAt(ctx, firstState, OnChain)).module
	type forgery struct {
		data   *primitives.ParachainBlockData
		params *primitives.ValidationParams
		tail   []byte // behind the block data
	}
	run := func(change func(*forgery)) (*primitives.ValidationResult, error) {
		f := &forgery{data: must(primitives.DecodeParachainBlockData(raw)), params: &primitives.ValidationParams{
			ParentHead: first.EncodeTo(nil), RelayParentNumber: point.number, RelayParentStorageRoot: point.root}}
		if change != nil {
			change(f)
		}
		f.params.BlockData = append(f.data.EncodeTo(nil), f.tail...)
		out, err := module.Call(ctx, "validate_block", f.params.EncodeTo(nil), executor.CallOptions{})
		if err != nil {
			return nil, err
		}
		var result primitives.ValidationResult
		return &result, scale.Decode(out, &result)
	}
	if r, err := run(nil); err != nil || !bytes.Equal(r.HeadData, blocks[1].Block.Header.EncodeTo(nil)) {
		t.Fatalf("as it was built: %v", err)
	}

	header := func(i int, change func(*primitives.Header)) func(*forgery) {
		return func(f *forgery) { change(&f.data.Blocks[i].Header) }
	}
	// resealed is a forger who is the author: the second block, which no other refers to, gets a new seal.
	resealed := func(change func(*primitives.Block)) func(*forgery) {
		return func(f *forgery) {
			b := &f.data.Blocks[1]
			b.Header.Digest = slices.Clone(b.Header.Digest[:len(b.Header.Digest)-1])
			change(b)
			key.Seal(&b.Header)
		}
	}
	root := func(b *primitives.Block) {
		b.Header.ExtrinsicsRoot = trie.OrderedRoot(c.chain.Version.ExtrinsicsVersion(), b.Extrinsics)
	}
	flip := func(hash *primitives.Hash) { hash[7] ^= 1 }
	digest := func(i int, kind primitives.DigestKind, change func(*primitives.DigestItem)) func(*forgery) {
		return header(i, func(h *primitives.Header) {
			at := slices.IndexFunc(h.Digest, func(d primitives.DigestItem) bool { return d.Kind == kind })
			if at < 0 {
				t.Fatalf("block %d has no digest item of kind %d", i, kind)
			}
			h.Digest = slices.Clone(h.Digest)
			h.Digest[at].Data = slices.Clone(h.Digest[at].Data)
			change(&h.Digest[at])
		})
	}
	lastByte := func(d *primitives.DigestItem) { d.Data[len(d.Data)-1] ^= 1 }
	extrinsic := func(i, n int) func(*forgery) {
		return func(f *forgery) {
			x := slices.Clone(f.data.Blocks[i].Extrinsics[n])
			x[len(x)-1] ^= 1
			f.data.Blocks[i].Extrinsics[n] = x
		}
	}
	for _, forged := range []struct {
		name, says string
		change     func(*forgery)
	}{
		{"parent hash", "needs to be the parent of the first block", header(0, func(h *primitives.Header) { flip(&h.ParentHash) })},
		{"parent hash of the second", "Not a valid chain of blocks", header(1, func(h *primitives.Header) { flip(&h.ParentHash) })},
		{"number", "Not a valid chain of blocks", header(0, func(h *primitives.Header) { h.Number++ })},
		{"state root", "Not a valid chain of blocks", header(0, func(h *primitives.Header) { flip(&h.StateRoot) })},
		{"state root of the second", "Invalid AuRa seal", header(1, func(h *primitives.Header) { flip(&h.StateRoot) })},
		{"extrinsics root", "Not a valid chain of blocks", header(0, func(h *primitives.Header) { flip(&h.ExtrinsicsRoot) })},
		{"slot in the digest", "Not a valid chain of blocks", digest(0, primitives.DigestPreRuntime, func(d *primitives.DigestItem) { d.Data[0] ^= 1 })},
		{"relay parent in the digest", "Not a valid chain of blocks", digest(0, primitives.DigestConsensus, lastByte)},
		{"digest item more", "Not a valid chain of blocks", header(0, func(h *primitives.Header) {
			h.Digest = append(slices.Clone(h.Digest), primitives.DigestItem{Kind: primitives.DigestOther, Data: []byte{1}})
		})},
		{"seal", "Not a valid chain of blocks", digest(0, primitives.DigestSeal, lastByte)},
		{"seal of the second", "Invalid AuRa seal", digest(1, primitives.DigestSeal, lastByte)},
		{"no seal", "Could not find an AuRa seal digest", header(1, func(h *primitives.Header) { h.Digest = h.Digest[:len(h.Digest)-1] })},
		{"seals exchanged", "Not a valid chain of blocks", func(f *forgery) {
			a, b := &f.data.Blocks[0].Header, &f.data.Blocks[1].Header
			a.Digest[len(a.Digest)-1], b.Digest[len(b.Digest)-1] = b.Digest[len(b.Digest)-1], a.Digest[len(a.Digest)-1]
		}},
		{"byte of the parachain inherent", "could not be decoded", extrinsic(0, 0)},
		{"byte of the timestamp", "Timestamp slot must match", extrinsic(0, 1)},
		{"byte of a transfer", "bad signature", extrinsic(0, 2)},
		{"resealed: number", "Block number must be strictly increasing", resealed(func(b *primitives.Block) { b.Header.Number++ })},
		{"resealed: parent hash", "Not a valid chain of blocks", resealed(func(b *primitives.Block) { flip(&b.Header.ParentHash) })},
		{"resealed: state root", "Storage root must match", resealed(func(b *primitives.Block) { flip(&b.Header.StateRoot) })},
		{"resealed: extrinsics root", "Transaction trie root must be valid", resealed(func(b *primitives.Block) { flip(&b.Header.ExtrinsicsRoot) })},
		{"resealed: slot", "Parachain slot must match relay-derived slot", resealed(func(b *primitives.Block) {
			at := slices.IndexFunc(b.Header.Digest, func(d primitives.DigestItem) bool { return d.Engine == primitives.EngineAura })
			b.Header.Digest[at].Data = scale.AppendU64(nil, uint64(point.slot)+2)
		})},
		{"resealed: digest item more", "Number of digest items must match", resealed(func(b *primitives.Block) {
			b.Header.Digest = append(b.Header.Digest, primitives.DigestItem{Kind: primitives.DigestOther, Data: []byte{1}})
		})},
		{"resealed: transfer left out", "Storage root must match", resealed(func(b *primitives.Block) { b.Extrinsics = b.Extrinsics[:2]; root(b) })},
		{"resealed: inherent of the first block", "Missing required set_validation_data inherent", resealed(func(b *primitives.Block) { b.Extrinsics = b.Extrinsics[1:]; root(b) })},
		{"sealed by another", "Invalid AuRa seal", func(f *forgery) {
			h := &f.data.Blocks[1].Header
			h.Digest = slices.Clone(h.Digest[:len(h.Digest)-1])
			for _, k := range c.chain.Keys {
				if k.Public != key.Public {
					k.Seal(h)
					return
				}
			}
		}},
		{"extrinsic left out", "Storage root must match", func(f *forgery) { f.data.Blocks[0].Extrinsics = f.data.Blocks[0].Extrinsics[:2] }},
		{"extrinsic twice", "Transaction is outdated", func(f *forgery) {
			f.data.Blocks[0].Extrinsics = append(f.data.Blocks[0].Extrinsics, f.data.Blocks[0].Extrinsics[2])
		}},
		{"extrinsics exchanged", "Storage root must match", func(f *forgery) {
			x := f.data.Blocks[0].Extrinsics
			x[0], x[1] = x[1], x[0]
		}},
		{"order of the blocks", "needs to be the parent of the first block", func(f *forgery) { slices.Reverse(f.data.Blocks) }},
		{"block twice", "marked as last block", func(f *forgery) { f.data.Blocks = append(f.data.Blocks, f.data.Blocks[1]) }},
		{"first block left out", "needs to be the parent of the first block", func(f *forgery) { f.data.Blocks = f.data.Blocks[1:] }},
		{"no block", "at least one block", func(f *forgery) { f.data.Blocks = nil }},
		{"byte of a proof node", "Compact proof decoding failure", func(f *forgery) {
			n := len(f.data.CompactProof) / 2
			f.data.CompactProof[n] = slices.Clone(f.data.CompactProof[n])
			f.data.CompactProof[n][len(f.data.CompactProof[n])-1] ^= 1
		}},
		{"proof node left out", "Compact proof decoding failure", func(f *forgery) { f.data.CompactProof = f.data.CompactProof[:len(f.data.CompactProof)-1] }},
		{"proof nodes exchanged", "Compact proof decoding failure", func(f *forgery) { p := f.data.CompactProof; p[0], p[1] = p[1], p[0] }},
		{"parent head", "needs to be the parent of the first block", func(f *forgery) {
			parent := *first
			flip(&parent.StateRoot)
			f.params.ParentHead = parent.EncodeTo(nil)
		}},
		{"parent head cut short", "Invalid parent head", func(f *forgery) { f.params.ParentHead = f.params.ParentHead[:40] }},
		{"relay parent number", "Relay parent number doesn't match", func(f *forgery) { f.params.RelayParentNumber++ }},
		{"relay parent storage root", "Relay parent storage root doesn't match", func(f *forgery) { flip(&f.params.RelayParentStorageRoot) }},
	} {
		r, err := run(forged.change)
		if err == nil {
			t.Errorf("%s: accepted, head %x", forged.name, r.HeadData)
			continue
		}
		words := Words(err)
		if words == err.Error() || !strings.Contains(words, forged.says) {
			t.Errorf("%s: %s; want %q in the runtime's words", forged.name, words, forged.says)
		}
	}
}
