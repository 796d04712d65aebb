package parachain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"pileus/executor"
	"pileus/primitives"
	"pileus/trie"
)

// CollationParams say of what a collation is made.
type CollationParams struct {
	Parent      *primitives.Header // of the first block
	ParentState *trie.State
	Blocks      []*Built // one, or a bundle whose blocks follow each other
	// SchedulingProof is the encoded proof that candidates of version 3 carry; nil without.
	SchedulingProof []byte
}

// Collation is what a collator offers to validators for one core.
type Collation struct {
	PoV         primitives.PoV                 // compressed
	BlockData   *primitives.ParachainBlockData // what the PoV holds, as a validator unpacks it
	Commitments primitives.CandidateCommitments
}

// Errors of a collation.
var (
	// ErrNoCollation says that the runtime cannot say what a candidate commits to.
	ErrNoCollation = errors.New("the runtime makes no collations")
	// ErrOneBlock says that the runtime's validate_block reads one block per PoV only.
	ErrOneBlock = errors.New("the runtime takes one block per PoV")
)

// Collation makes the PoV and the commitments of built blocks: [Host.BlockData],
// [CompressPoV] and [Host.Commitments]. (cumulus-client-collator 0.36 build_multi_block_collation)
func (h *Host) Collation(ctx context.Context, p CollationParams) (*Collation, error) {
	data, err := h.BlockData(ctx, p)
	if err != nil {
		return nil, err
	}
	commitments, err := h.Commitments(ctx, p)
	if err != nil {
		return nil, err
	}
	return &Collation{primitives.PoV{BlockData: CompressPoV(data.EncodeTo(nil))}, data, *commitments}, nil
}

// BlockData puts together what the PoV of built blocks holds. Its form follows the version of
// CollectCollationInfo at the parent: V0 below 3, V1 from 3 on, V2 with a scheduling proof.
func (h *Host) BlockData(ctx context.Context, p CollationParams) (*primitives.ParachainBlockData, error) {
	data, err := h.blockData(ctx, p)
	return data, p.failed(err)
}

// Commitments are what a candidate of built blocks commits to. The runtime is asked on the
// state after each block; the answers for a bundle are joined as the bundle's
// validate_block joins them.
func (h *Host) Commitments(ctx context.Context, p CollationParams) (*primitives.CandidateCommitments, error) {
	c, err := h.commitments(ctx, p)
	return c, p.failed(err)
}

// failed says of which block a collation failed.
func (p *CollationParams) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case len(p.Blocks) == 0:
		return err
	}
	return fmt.Errorf("collation of #%d: %w", p.Blocks[len(p.Blocks)-1].Block.Header.Number, err)
}

var errNoBlock = errors.New("collation without a block")

func (h *Host) blockData(ctx context.Context, p CollationParams) (*primitives.ParachainBlockData, error) {
	if len(p.Blocks) == 0 {
		return nil, errNoBlock
	}
	parent, err := h.At(ctx, p.ParentState, OffChain)
	if err != nil {
		return nil, err
	}
	data := &primitives.ParachainBlockData{Version: parent.BlockDataVersion()}
	switch {
	case data.Version == primitives.BlockDataV0 && len(p.Blocks) > 1:
		return nil, fmt.Errorf("%w, not %d", ErrOneBlock, len(p.Blocks))
	case data.Version == primitives.BlockDataV0 && p.SchedulingProof != nil:
		return nil, fmt.Errorf("%w and no scheduling proof", ErrOneBlock)
	case p.SchedulingProof != nil:
		data.Version, data.SchedulingProof = primitives.BlockDataV2, p.SchedulingProof
	}
	for _, b := range p.Blocks {
		data.Blocks = append(data.Blocks, b.Block)
	}
	if data.CompactProof, err = trie.EncodeCompactFrom(p.Parent.StateRoot, mergedProof(p.Blocks)); err != nil {
		return nil, fmt.Errorf("compact proof: %w", err)
	}
	return data, nil
}

func (h *Host) commitments(ctx context.Context, p CollationParams) (*primitives.CandidateCommitments, error) {
	if len(p.Blocks) == 0 {
		return nil, errNoBlock
	}
	infos := make([]*primitives.CollationInfo, 0, len(p.Blocks))
	for _, b := range p.Blocks {
		r, err := h.At(ctx, b.State, OffChain)
		if err != nil {
			return nil, err
		}
		info, err := r.CollationInfo(ctx, &b.Block.Header)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoCollation, err)
		}
		infos = append(infos, info)
	}
	c := joinInfos(infos)
	return &c, nil
}

// mergedProof joins what the blocks of a bundle have read.
func mergedProof(blocks []*Built) trie.Source {
	if len(blocks) == 1 {
		return blocks[0].recorder
	}
	return proofs(blocks)
}

type proofs []*Built

// Node implements [trie.Source].
func (p proofs) Node(hash primitives.Hash) ([]byte, bool) {
	for _, b := range p {
		if node, ok := b.recorder.Node(hash); ok {
			return node, true
		}
	}
	return nil, false
}

// joinInfos joins the outputs of a bundle's blocks: messages one after the other, the
// upward signals behind one separator, horizontal messages by recipient, the last code
// upgrade, watermark and head.
func joinInfos(infos []*primitives.CollationInfo) primitives.CandidateCommitments {
	last := infos[len(infos)-1]
	c := primitives.CandidateCommitments{HeadData: last.HeadData, HrmpWatermark: last.HrmpWatermark}
	if len(infos) == 1 {
		c.UpwardMessages, c.HorizontalMessages = last.UpwardMessages, last.HorizontalMessages
		c.NewValidationCode, c.ProcessedDownwardMessages = last.NewValidationCode, last.ProcessedDownwardMessages
		return c
	}
	var signals [][]byte
	for _, info := range infos {
		messages := info.UpwardMessages
		if i := slices.IndexFunc(messages, func(m []byte) bool { return len(m) == 0 }); i >= 0 {
			signals = append(signals, messages[i+1:]...)
			messages = messages[:i]
		}
		c.UpwardMessages = append(c.UpwardMessages, messages...)
		c.HorizontalMessages = append(c.HorizontalMessages, info.HorizontalMessages...)
		c.ProcessedDownwardMessages += info.ProcessedDownwardMessages
		if info.NewValidationCode != nil {
			c.NewValidationCode = info.NewValidationCode
		}
	}
	if len(signals) > 0 {
		c.UpwardMessages = append(append(c.UpwardMessages, []byte{}), signals...)
	}
	slices.SortStableFunc(c.HorizontalMessages, func(a, b primitives.OutboundHrmpMessage) int {
		return cmp.Compare(a.Recipient, b.Recipient)
	})
	return c
}

// encoder makes the same bytes of the same data, as it works alone on each.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("zstd options: " + err.Error()) // they are fixed
	}
	return e
})

// encoding guards the encoder, of which there is one.
var encoding sync.Mutex

// CompressPoV packs block data as collators do: prefix and zstd at level 3. Data beyond
// [primitives.PoVBombLimit], which validators would not unpack, stay as they are.
func CompressPoV(data []byte) []byte {
	if len(data) > primitives.PoVBombLimit {
		return data
	}
	encoding.Lock()
	defer encoding.Unlock()
	return encoder().EncodeAll(data, bytes.Clone(executor.CompressedPrefix))
}
