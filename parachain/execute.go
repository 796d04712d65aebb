package parachain

import (
	"context"
	"errors"
	"fmt"

	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Errors of [Host.Execute] besides those of [CheckSeal].
var (
	ErrParent         = errors.New("block does not follow its parent")
	ErrStateRoot      = errors.New("state root is wrong")
	ErrExtrinsicsRoot = errors.New("extrinsics root is wrong")
	ErrInherents      = errors.New("inherents are wrong")
)

// ExecuteParams say what block to import.
type ExecuteParams struct {
	Parent      *primitives.Header
	ParentState *trie.State
	Block       *primitives.Block
	// Now is the importing node's time in ms since 1970: a slot beyond it is refused, and
	// the timestamp is compared with it. 0 leaves both out.
	Now uint64
	// Before are the earlier blocks of the same bundle, whose proofs are free for this one.
	Before []*Executed
	// Unsealed leaves the seal out of account, as for a block out of a PoV, which
	// validators have checked: it may then have one or not.
	Unsealed bool
}

// Executed is the outcome of importing a block.
type Executed struct {
	State      *trie.State
	Weight     Weight
	ProofBytes uint64
	Segment    int

	parent   *trie.State
	recorder *trie.Recorder
}

// Execute imports a block by executing it on the state of its parent:
//
//	parent and number ─► seal and slot ─► extrinsics root ─► inherents ─► execute_block ─► state root
//
// The authorities and the length of slots are those at the parent. The runtime compares
// roots and digest with what it computes itself and panics where they differ; its words
// are in the error, a [*BlockError]. The recorder runs along, since what the runtime
// measures of the proof enters the block's weight and so the state.
// (cumulus-client-consensus-aura equivocation_import_queue, sc-service call_executor)
func (h *Host) Execute(ctx context.Context, p ExecuteParams) (*Executed, error) {
	header := &p.Block.Header
	x, stage, err := h.execute(ctx, p)
	if err != nil {
		if stage == "" {
			return nil, fmt.Errorf("block #%d: %w", header.Number, err)
		}
		return nil, &BlockError{Number: header.Number, Stage: stage, Err: err}
	}
	return x, nil
}

func (h *Host) execute(ctx context.Context, p ExecuteParams) (*Executed, Stage, error) {
	header := &p.Block.Header
	if header.ParentHash != p.Parent.Hash() || header.Number != p.Parent.Number+1 {
		return nil, "", ErrParent
	}
	code, err := h.CodeAt(ctx, p.ParentState, OnChain)
	if err != nil {
		return nil, "", err
	}
	bare, err := h.verify(ctx, code, p)
	if err != nil {
		return nil, "", err
	}
	list := make([][]byte, len(p.Block.Extrinsics))
	for i, xt := range p.Block.Extrinsics {
		list[i] = scale.AppendBytes(nil, xt)
	}
	if root := trie.OrderedRoot(code.Version.ExtrinsicsVersion(), list); root != header.ExtrinsicsRoot {
		return nil, "", fmt.Errorf("%w: %s, not %s", ErrExtrinsicsRoot, header.ExtrinsicsRoot, root)
	}
	block := &primitives.Block{Header: bare, Extrinsics: p.Block.Extrinsics}
	if err := checkInherents(ctx, code, p, block); err != nil {
		return nil, "", err
	}
	rec := trie.NewRecorder()
	for _, b := range p.Before {
		rec.Ignore(b.recorder.Hashes()...)
		b.State.Written(b.parent, func(hash primitives.Hash, _ []byte) { rec.Ignore(hash) })
	}
	s := code.session(p.ParentState, rec)
	if err := s.runtime.ExecuteBlock(ctx, block); err != nil {
		return nil, StageExecute, err
	}
	state, err := s.finish()
	if err != nil {
		return nil, StageState, err
	}
	if root := state.Root(); root != header.StateRoot {
		return nil, "", fmt.Errorf("%w: the header says %s, the state is %s", ErrStateRoot, header.StateRoot, root)
	}
	return &Executed{
		State: state, Weight: BlockWeight(state), Segment: SegmentLength(state), ProofBytes: rec.Size(),
		parent: p.ParentState, recorder: rec,
	}, "", nil
}

// verify checks seal and slot and takes the seal off.
func (h *Host) verify(ctx context.Context, code *Code, p ExecuteParams) (primitives.Header, error) {
	if p.Unsealed {
		bare, _, _ := p.Block.Header.WithoutSeal()
		return bare, nil
	}
	r := code.on(p.ParentState)
	authorities, err := r.Authorities(ctx)
	if err != nil {
		return primitives.Header{}, err
	}
	scheme, err := code.scheme(ctx)
	if err != nil {
		return primitives.Header{}, err
	}
	bare, slot, err := CheckSeal(&p.Block.Header, scheme, authorities, h.engine.Verifier())
	if err != nil || p.Now == 0 {
		return bare, err
	}
	duration, err := r.SlotDuration(ctx)
	if err != nil {
		return bare, err
	}
	if now := primitives.Slot(p.Now / duration); slot > now {
		return bare, fmt.Errorf("%w: %d, now it is %d", ErrFuture, slot, now)
	}
	return bare, nil
}

// checkInherents lets the runtime compare the block's timestamp with the node's time.
func checkInherents(ctx context.Context, code *Code, p ExecuteParams, block *primitives.Block) error {
	if p.Now == 0 {
		return nil
	}
	data := primitives.InherentData{primitives.InherentTimestamp: scale.AppendU64(nil, p.Now)}
	check, err := code.on(p.ParentState).CheckInherents(ctx, block, data)
	if err != nil {
		return err
	}
	if err := check.Err(); err != nil {
		return fmt.Errorf("%w: %v", ErrInherents, err)
	}
	return nil
}
