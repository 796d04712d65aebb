package parachain

import (
	"context"
	"errors"
	"fmt"

	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// maxSkipped is how many transactions that do not fit are passed over before a block is
// closed (sc-basic-authorship MAX_SKIPPED_TRANSACTIONS).
const maxSkipped = 8

// BuildParams say what block to build.
type BuildParams struct {
	Parent      *primitives.Header
	ParentState *trie.State
	// Digest are the items in front of Aura's own: of the slot-based collator core info and bundle info.
	Digest    []primitives.DigestItem
	Slot      primitives.Slot // of the parachain
	Timestamp uint64          // ms
	Inherent  *primitives.ParachainInherentData
	// Extra are inherent data of further providers; nil without.
	Extra primitives.InherentData
	// Transactions are the pool's, in the order in which they may go in, without length prefixes.
	Transactions [][]byte
	Limits       Limits
	// Before are the blocks of the same bundle that come first: what they have proven is free here.
	Before []*Built
	// Key seals the block.
	Key *AuraKey
	// Progress is told what the block weighs, inherents included, after each transaction; nil: not told.
	Progress func(Weight)
}

// Limits bound the transactions that a block takes from the pool; inherents they do not bound.
type Limits struct {
	// Bytes is the most that header, extrinsics and recorded proof may have together. A
	// collator gives [PoVBudget]. 0 is no bound.
	Bytes int
	// RefTime ends the block once it weighs this much; 0 is no bound. A proposer stops at
	// 90 % of its time, which here is a matter of weight, not of the clock.
	RefTime uint64
	// Count is the most transactions to take; 0 is no bound.
	Count int
}

// PoVBudget is how much of the largest PoV a block may fill: 85 % (cumulus-client-consensus-aura).
func PoVBudget(maxPoVSize uint32) int { return int(uint64(maxPoVSize) * 85 / 100) }

// EndReason says why a block takes no more transactions, in the words of
// substrate_proposer_end_proposal_reason.
type EndReason string

// The reasons.
const (
	EndNoMore    EndReason = "no_more_transactions"
	EndDeadline  EndReason = "hit_deadline"
	EndSize      EndReason = "hit_block_size_limit"
	EndWeight    EndReason = "hit_block_weight_limit"
	EndForbidden EndReason = "transactions_forbidden"
)

// Built is a block that was built here. It does not change.
type Built struct {
	Block      primitives.Block // sealed
	Hash       primitives.Hash
	State      *trie.State // after the block
	Slot       primitives.Slot
	CodeHash   primitives.Hash // of the code that it ran on
	Version    *runtimeapi.Version
	Inherents  int       // of the extrinsics, at their beginning
	Pushed     [][]byte  // transactions that went in
	Refused    []Refusal // transactions that the runtime holds for invalid
	End        EndReason
	Weight     Weight // System.BlockWeight
	ProofBytes uint64 // recorded storage proof, as the runtime measures it
	Segment    int    // length of the unincluded segment in State

	parent   *trie.State
	recorder *trie.Recorder
}

// Refusal is a transaction that can go.
type Refusal struct {
	Extrinsic []byte
	Err       error
}

// Proof is the storage proof: the nodes that the block has read, sorted by their bytes.
func (b *Built) Proof() [][]byte { return b.recorder.Proof() }

// Build authors a block on a parent: it asks the runtime for the inherents, adds
// transactions as far as the limits allow, seals the block, and keeps the proof of all
// that was read. The code is that of [OnChain].
//
//	initialize_block ─► inherent_extrinsics ─► apply_extrinsic … ─► finalize_block ─► seal
//	                    (rolled back)          (rolled back if refused)
//
// An inherent that the runtime refuses ends the attempt, since such a block could not be
// finalized: [*BlockError], in the runtime's words. (sc-basic-authorship 0.57 Proposer,
// sc-block-builder)
func (h *Host) Build(ctx context.Context, p BuildParams) (*Built, error) {
	code, err := h.CodeAt(ctx, p.ParentState, OnChain)
	if err != nil {
		return nil, fmt.Errorf("build on #%d: %w", p.Parent.Number, err)
	}
	rec := trie.NewRecorder()
	for _, b := range p.Before {
		b.ignoreIn(rec)
	}
	a := &author{p: p, session: code.session(p.ParentState, rec), rec: rec, built: &Built{
		Slot: p.Slot, CodeHash: code.Hash, Version: code.Version, parent: p.ParentState, recorder: rec,
	}}
	if stage, err := a.build(ctx); err != nil {
		return nil, &BlockError{Number: p.Parent.Number + 1, Stage: stage, Err: err}
	}
	return a.built, nil
}

// ignoreIn makes a recorder pass over what the block has read, and the nodes that it has made.
func (b *Built) ignoreIn(rec *trie.Recorder) {
	rec.Ignore(b.recorder.Hashes()...)
	b.State.Written(b.parent, func(hash primitives.Hash, _ []byte) { rec.Ignore(hash) })
}

// author builds one block.
type author struct {
	*session
	p     BuildParams
	rec   *trie.Recorder
	built *Built
	size  int // of header and extrinsics, encoded
}

func (a *author) build(ctx context.Context) (Stage, error) {
	header := primitives.Header{ParentHash: a.p.Parent.Hash(), Number: a.p.Parent.Number + 1}
	header.Digest = append(append(header.Digest, a.p.Digest...), primitives.AuraPreDigest(a.p.Slot))
	inclusion, err := a.runtime.InitializeBlock(ctx, &header)
	if err != nil {
		return StageInitialize, err
	}
	a.size = len(header.EncodeTo(nil))
	inherents, err := a.inherents(ctx)
	if err != nil {
		return StageInherents, err
	}
	for i, xt := range inherents {
		if err := a.pushInherent(ctx, xt); err != nil {
			return StageInherent, fmt.Errorf("inherent %d of %d: %w", i+1, len(inherents), err)
		}
	}
	a.built.Inherents = len(a.built.Block.Extrinsics)
	if inclusion == runtimeapi.OnlyInherents {
		a.built.End = EndForbidden
	} else if a.built.End, err = a.transactions(ctx); err != nil {
		return StageExtrinsic, err
	}
	final, err := a.runtime.FinalizeBlock(ctx)
	if err != nil {
		return StageFinalize, err
	}
	return a.close(final)
}

// inherents asks the runtime for the block's inherents. Creating them leaves no trace, neither in state nor in proof.
func (a *author) inherents(ctx context.Context) ([][]byte, error) {
	data := primitives.InherentData{}
	for id, v := range a.p.Extra {
		data[id] = v
	}
	data[primitives.InherentTimestamp] = scale.AppendU64(nil, a.p.Timestamp)
	if a.p.Inherent != nil {
		a.p.Inherent.Provide(data)
	}
	mark := a.begin()
	defer a.rollback(mark)
	return a.runtime.InherentExtrinsics(ctx, data)
}

// push applies an extrinsic. What is refused or makes the runtime panic leaves no trace.
func (a *author) push(ctx context.Context, xt []byte) error {
	mark := a.begin()
	result, err := a.runtime.ApplyExtrinsic(ctx, xt)
	if err == nil && result.Refused() {
		err = result.Invalid
	}
	if err != nil {
		a.rollback(mark)
		return err
	}
	a.commit()
	a.built.Block.Extrinsics = append(a.built.Block.Extrinsics, xt)
	a.size += encodedSize(xt)
	return nil
}

// pushInherent applies an inherent. One that is not mandatory and finds no room is left out.
func (a *author) pushInherent(ctx context.Context, xt []byte) error {
	err := a.push(ctx, xt)
	var refused *runtimeapi.ValidityError
	if errors.As(err, &refused) && refused.IsExhausted() {
		return nil
	}
	return err
}

// transactions fills the block from the pool.
func (a *author) transactions(ctx context.Context) (EndReason, error) {
	skipped := 0
	for _, xt := range a.p.Transactions {
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case a.p.Limits.Count > 0 && len(a.built.Pushed) >= a.p.Limits.Count:
			return EndNoMore, nil
		case a.p.Limits.RefTime > 0 && a.weight().RefTime >= a.p.Limits.RefTime:
			return EndDeadline, nil
		}
		if limit := a.p.Limits.Bytes; limit > 0 && a.size+int(a.rec.Size())+encodedSize(xt) > limit {
			if skipped++; skipped > maxSkipped {
				return EndSize, nil
			}
			continue
		}
		err := a.push(ctx, xt)
		var refused *runtimeapi.ValidityError
		switch {
		case err == nil:
			a.built.Pushed = append(a.built.Pushed, xt)
			if a.p.Progress != nil {
				a.p.Progress(a.weight())
			}
		case errors.As(err, &refused) && refused.IsExhausted():
			if skipped++; skipped > maxSkipped {
				return EndWeight, nil
			}
		case skipped > 0 && refused != nil && !refused.Unknown && refused.Kind == runtimeapi.InvalidFuture:
			// It waits for one that was passed over.
		case ctx.Err() != nil:
			return "", ctx.Err()
		default:
			a.built.Refused = append(a.built.Refused, Refusal{Extrinsic: xt, Err: err})
		}
	}
	return EndNoMore, nil
}

// close seals the block and takes stock.
func (a *author) close(header *primitives.Header) (Stage, error) {
	b := a.built
	var err error
	if b.State, err = a.finish(); err != nil {
		return StageState, err
	}
	if root := b.State.Root(); root != header.StateRoot {
		return StageState, fmt.Errorf("%w: the header says %s, the state is %s", ErrStateRoot, header.StateRoot, root)
	}
	b.Block.Header = *header
	if a.p.Key != nil {
		a.p.Key.Seal(&b.Block.Header)
	}
	b.Hash = b.Block.Header.Hash()
	b.Weight, b.Segment, b.ProofBytes = BlockWeight(b.State), SegmentLength(b.State), a.rec.Size()
	return "", nil
}

// encodedSize is the length of an extrinsic with its length prefix.
func encodedSize(xt []byte) int { return scale.CompactLen(uint64(len(xt))) + len(xt) }
