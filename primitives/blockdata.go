package primitives

import (
	"bytes"
	"errors"
	"fmt"

	"pileus/scale"
)

// Block is a parachain block: header (sealed, outside the runtime's own calls) and extrinsics.
// An extrinsic is its bytes without the length prefix.
type Block struct {
	Header     Header
	Extrinsics [][]byte
}

// EncodeTo appends the SCALE encoding.
func (k *Block) EncodeTo(b []byte) []byte {
	return scale.AppendBytesVec(k.Header.EncodeTo(b), k.Extrinsics)
}

// DecodeFrom reads the SCALE encoding.
func (k *Block) DecodeFrom(d *scale.Decoder) {
	k.Header.DecodeFrom(d)
	k.Extrinsics = d.BytesVec(maxItems, PoVBombLimit)
}

// BlockDataVersion is the form of a ParachainBlockData.
type BlockDataVersion uint8

// The forms: V0 is one block without a prefix; V1 several blocks; V2 adds a scheduling proof.
const (
	BlockDataV0 BlockDataVersion = 0
	BlockDataV1 BlockDataVersion = 1
	BlockDataV2 BlockDataVersion = 2
)

// blockDataPrefix stands before V1 and later (cumulus_primitives_core::ParachainBlockData).
var blockDataPrefix = []byte("VERSIONEDPBD")

// ErrBlockData is wrapped by errors of block data that do not decode.
var ErrBlockData = errors.New("not parachain block data")

// ParachainBlockData is what a PoV holds once decompressed: the blocks and the compact
// proof of the storage that executing them reads. SchedulingProof is kept as its bytes.
type ParachainBlockData struct {
	Version         BlockDataVersion
	Blocks          []Block
	CompactProof    [][]byte
	SchedulingProof []byte // V2
}

// EncodeTo appends the encoding of the given version.
func (p *ParachainBlockData) EncodeTo(b []byte) []byte {
	if p.Version == BlockDataV0 {
		return scale.AppendBytesVec(p.Blocks[0].EncodeTo(b), p.CompactProof)
	}
	b = append(append(b, blockDataPrefix...), byte(p.Version))
	b = scale.AppendCompact(b, uint64(len(p.Blocks)))
	for i := range p.Blocks {
		b = p.Blocks[i].EncodeTo(b)
	}
	b = scale.AppendBytesVec(b, p.CompactProof)
	return append(b, p.SchedulingProof...)
}

// DecodeParachainBlockData reads any version; nothing may be left over except in V2,
// whose scheduling proof is kept undecoded.
func DecodeParachainBlockData(raw []byte) (*ParachainBlockData, error) {
	p := &ParachainBlockData{}
	d := scale.NewDecoder(raw)
	if !bytes.HasPrefix(raw, blockDataPrefix) {
		p.Blocks = make([]Block, 1)
		p.Blocks[0].DecodeFrom(d)
	} else {
		d.Fixed(len(blockDataPrefix))
		p.Version = BlockDataVersion(d.U8())
		if p.Version != BlockDataV1 && p.Version != BlockDataV2 {
			return nil, fmt.Errorf("%w: unknown version %d", ErrBlockData, p.Version)
		}
		p.Blocks = scale.DecodeVec[Block](d, 1024)
	}
	p.CompactProof = d.BytesVec(maxItems, PoVBombLimit)
	if p.Version == BlockDataV2 {
		p.SchedulingProof = bytes.Clone(d.Rest())
		d.Fixed(d.Left())
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBlockData, err)
	}
	if len(p.Blocks) == 0 {
		return nil, fmt.Errorf("%w: no block in it", ErrBlockData)
	}
	return p, nil
}

// ExportedPoV is a PoV file as collators write it (--export-pov-to): the PoV and the
// validation data needed to check it, named <block hash>_<number>.pov.
type ExportedPoV struct {
	PoV  PoV
	Data PersistedValidationData
}

// EncodeTo appends the SCALE encoding.
func (e *ExportedPoV) EncodeTo(b []byte) []byte { return e.Data.EncodeTo(e.PoV.EncodeTo(b)) }

// DecodeFrom reads the SCALE encoding.
func (e *ExportedPoV) DecodeFrom(d *scale.Decoder) {
	e.PoV.DecodeFrom(d)
	e.Data.DecodeFrom(d)
}
