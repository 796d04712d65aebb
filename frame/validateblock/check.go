package validateblock

import (
	"fmt"

	"pileus/primitives"
	"pileus/scale"
)

// parentHeader decodes the head on which the PoV builds.
func (p *params) parentHeader() (h primitives.Header) {
	if err := scale.DecodePrefix(p.parentHead, &h); err != nil {
		panic("Invalid parent head")
	}
	return h
}

// checkBlocks demands a chain of blocks on the parent which are one bundle.
func (p *params) checkBlocks(parent *primitives.Header) {
	if len(p.blocks) == 0 {
		panic("BlockData should have at least one block")
	}
	before := parent.Hash()
	for i := range p.blocks {
		h := &p.blocks[i].header
		if h.ParentHash != before {
			if i == 0 {
				panic("Parachain head needs to be the parent of the first block")
			}
			panic(fmt.Sprintf("Not a valid chain of blocks :(; %s not a parent of %s?", before, h.Hash()))
		}
		encoded := h.EncodeTo(nil)
		if len(encoded) > primitives.MaxHeadDataSize {
			panic(fmt.Sprintf("Header size %d exceeds MAX_HEAD_DATA_SIZE %d", len(encoded), primitives.MaxHeadDataSize))
		}
		before = h.Hash()
		p.checkPlace(i)
	}
}

// checkPlace holds a block's place in its bundle against its place in the PoV.
func (p *params) checkPlace(i int) {
	n, digest := len(p.blocks), p.blocks[i].header.Digest
	info, ok := digest.Cumulus(primitives.CumulusBundleInfo)
	if _, bundled := p.blocks[0].header.Digest.Cumulus(primitives.CumulusBundleInfo); !bundled {
		if n > 1 {
			panic("A PoV without `BlockBundleInfo` may only contain a single block")
		}
		return
	}
	last := info.Bundle.IsLast || endsCore(digest)
	switch {
	case !ok:
		panic("All blocks in a bundled PoV must include `BlockBundleInfo`")
	case int(info.Bundle.Index) != i:
		panic(fmt.Sprintf("BlockBundleInfo index mismatch: expected %d, got %d", i, info.Bundle.Index))
	case last && i+1 < n:
		panic(fmt.Sprintf("Intermediate block at index %d is marked as last block in core, but more blocks follow in the PoV", i))
	case !last && i+1 == n:
		panic("Last block in PoV must include the digest that marks it as the last block in the core")
	}
}

// endsCore tells whether a block is the last on its core whatever its author said: it
// used all of it, or changed the code.
func endsCore(digest primitives.Digest) bool {
	if _, ok := digest.Cumulus(primitives.CumulusUseFullCore); ok {
		return true
	}
	for _, item := range digest {
		if item.Kind == primitives.DigestEnvironmentUpdated {
			return true
		}
	}
	return false
}
