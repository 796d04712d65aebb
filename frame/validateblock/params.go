package validateblock

import (
	"bytes"

	"pileus/primitives"
	"pileus/scale"
)

// Limits of what a PoV may hold. Everything lies in at most 32 MiB of arguments, so these
// only keep lists sane.
const (
	maxExtrinsics = 1 << 20
	maxBlocks     = 1 << 10
	maxItems      = 1 << 20
	maxBytes      = 64 << 20
)

// versionedPrefix stands before block data of version 1 and later.
var versionedPrefix = []byte("VERSIONEDPBD")

// params are decoded ValidationParams. Bytes are views of the encoded ones: nothing of a
// PoV is copied.
type params struct {
	parentHead             []byte
	blocks                 []block
	proof                  [][]byte // compact
	relayParentNumber      uint32
	relayParentStorageRoot primitives.Hash
}

// block is a block with its seal.
type block struct {
	header     primitives.Header
	extrinsics [][]byte // without length
}

// decodeParams reads ValidationParams and the block data in them.
func decodeParams(raw []byte) *params {
	d := scale.NewDecoder(raw)
	p := &params{parentHead: view(d)}
	data := view(d)
	p.relayParentNumber = d.U32()
	d.Array(p.relayParentStorageRoot[:])
	if d.Err() != nil {
		panic("Invalid arguments to `validate_block`.")
	}
	if d.Left() > 0 { // an extension belongs to V3 descriptors, which this runtime does not serve
		panic("V3 candidates are not enabled in this runtime")
	}
	if !p.decodeBlocks(data) {
		panic("Invalid parachain block data")
	}
	return p
}

// decodeBlocks reads ParachainBlockData of any version. What follows it is ignored, and so
// is what the scheduling proof of version 2 says, in a runtime without V3.
func (p *params) decodeBlocks(data []byte) bool {
	d := scale.NewDecoder(data)
	version := primitives.BlockDataV0
	if !bytes.HasPrefix(data, versionedPrefix) {
		p.blocks = []block{decodeBlock(d)}
	} else {
		d.Fixed(len(versionedPrefix))
		version = primitives.BlockDataVersion(d.U8())
		if version != primitives.BlockDataV1 && version != primitives.BlockDataV2 {
			return false
		}
		p.blocks = scale.DecodeVecFunc(d, maxBlocks, decodeBlock)
	}
	p.proof = views(d, maxItems)
	if version == primitives.BlockDataV2 {
		skipSchedulingProof(d)
	}
	return d.Err() == nil
}

// skipSchedulingProof reads relay chain headers, one more, and maybe what a collator
// signed: core selector, claim queue offset, peer, scheduling parent, signature.
func skipSchedulingProof(d *scale.Decoder) {
	scale.DecodeVec[primitives.Header](d, maxBlocks)
	new(primitives.Header).DecodeFrom(d)
	if d.Option() {
		d.Fixed(2)
		view(d)
		d.Fixed(32 + 64)
	}
}

func decodeBlock(d *scale.Decoder) (b block) {
	b.header.DecodeFrom(d)
	b.extrinsics = views(d, maxExtrinsics)
	return b
}

// view reads a byte string without copying it.
func view(d *scale.Decoder) []byte { return d.Fixed(d.Len(maxBytes, 1)) }

func views(d *scale.Decoder, most int) [][]byte {
	n := d.Len(most, 1)
	list := make([][]byte, 0, n)
	for range n {
		list = append(list, view(d))
	}
	return list
}
