package relay

import (
	"errors"
	"fmt"

	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Block is a relay block: header with seal, and what its extrinsics carry.
type Block struct {
	Header    primitives.Header
	Timestamp uint64 // milliseconds since 1970
	Inherent  primitives.ParachainsInherentData
	Calls     []Call
}

// Hash is the block's hash, that of its sealed header.
func (b *Block) Hash() Hash { return b.Header.Hash() }

// Extrinsics are the block's encoded extrinsics, without their length: Timestamp.set and
// ParaInherent.enter with the pallet indices of Polkadot, then the calls under the index
// of the sudo pallet.
func (b *Block) Extrinsics() [][]byte {
	list := [][]byte{
		scale.AppendCompact([]byte{5, 3, 0}, b.Timestamp),
		b.Inherent.EncodeTo([]byte{5, 54, 0}),
	}
	for _, c := range b.Calls {
		list = append(list, c.EncodeTo([]byte{5, 255, 0}))
	}
	return list
}

// extrinsicsRoot is the root over the extrinsics with their lengths, in layout V0.
func (b *Block) extrinsicsRoot() Hash {
	list := b.Extrinsics()
	for i, e := range list {
		list[i] = scale.AppendBytes(make([]byte, 0, len(e)+5), e)
	}
	return trie.OrderedRoot(trie.V0, list)
}

// Signer signs with an authority's sr25519 key.
type Signer interface {
	Public() [32]byte
	Sign(msg []byte) [64]byte
}

// Errors of a block that is not its author's.
var (
	ErrNotAuthor      = errors.New("the slot belongs to another authority")
	ErrNoClaim        = errors.New("the header has no secondary plain BABE pre-digest as its first log")
	ErrNoSeal         = errors.New("the header's last log is not a BABE seal")
	ErrBadSeal        = errors.New("the seal is not a signature of the slot's author")
	ErrTimestamp      = errors.New("the timestamp is not the slot's")
	ErrExtrinsicsRoot = errors.New("wrong extrinsics root")
	ErrStateRoot      = errors.New("wrong state root")
	ErrDigest         = errors.New("wrong digest")
)

// SlotAuthor is the authority that may make a block for the slot on top of the state: its
// place among the validators that the chain was started with.
func SlotAuthor(s *State, slot primitives.Slot) uint32 { return author(s, s.params, slot) }

// Author makes the block of a slot: it leaves out of raw what cannot stand, leaves out
// calls that fail, executes the rest and seals it. The signer must be the slot's author.
func Author(parent *State, parentHeader *primitives.Header, slot primitives.Slot, signer Signer, raw *primitives.ParachainsInherentData, calls ...Call) (*Block, *State, []Event, []Dropped, error) {
	if err := checkAuthor(parent, slot, signer); err != nil {
		return nil, nil, nil, nil, err
	}
	x, err := begin(parent, parentHeader, PreDigest{slot, SlotAuthor(parent, slot)})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	data, dropped, err := x.process(raw)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	b := &Block{Timestamp: Timestamp(slot), Inherent: *data}
	for _, c := range calls {
		if err := c.run(x); err != nil {
			dropped = append(dropped, Dropped{What: "call " + c.String(), Reason: err.Error(), Err: err})
			continue
		}
		b.Calls = append(b.Calls, c)
	}
	state, err := x.finish()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	b.Header = x.header(state, b)
	hash := b.Header.Hash()
	sig := signer.Sign(hash[:])
	b.Header.Digest = append(b.Header.Digest, primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
	return b, state, x.events, dropped, nil
}

func checkAuthor(parent *State, slot primitives.Slot, signer Signer) error {
	place := SlotAuthor(parent, slot)
	if key := authorKey(parent, slot, place); key != signer.Public() {
		return fmt.Errorf("slot %d is that of authority %d: %w", slot, place, ErrNotAuthor)
	}
	return nil
}

func authorKey(s *State, slot primitives.Slot, place uint32) [32]byte {
	authorities := itemAuthorities
	if slot >= epochEnd(s, s.params) {
		authorities = itemNextAuthorities
	}
	return authorities.or(s)[place].key
}

// header is the header of the executed block, without seal.
func (x *execution) header(after *State, b *Block) primitives.Header {
	return primitives.Header{ParentHash: x.parentHash, Number: x.now, StateRoot: after.Root(), ExtrinsicsRoot: b.extrinsicsRoot(), Digest: x.digest}
}

// Import checks a block on top of its parent and returns the state after it: seal and
// slot author, extrinsics root, then the transition itself and its roots.
func Import(parent *State, parentHeader *primitives.Header, b *Block) (*State, []Event, error) {
	h := &b.Header
	if h.ParentHash != parentHeader.Hash() || h.Number != parentHeader.Number+1 {
		return nil, nil, fmt.Errorf("block #%d on #%d: %w", h.Number, parentHeader.Number, ErrParent)
	}
	claim, err := checkSeal(parent, h)
	if err != nil {
		return nil, nil, fmt.Errorf("block #%d: %w", h.Number, err)
	}
	if b.Timestamp != Timestamp(claim.Slot) {
		return nil, nil, fmt.Errorf("block #%d of slot %d has timestamp %d: %w", h.Number, claim.Slot, b.Timestamp, ErrTimestamp)
	}
	if root := b.extrinsicsRoot(); root != h.ExtrinsicsRoot {
		return nil, nil, fmt.Errorf("block #%d: %w: %s, header says %s", h.Number, ErrExtrinsicsRoot, root.Short(), h.ExtrinsicsRoot.Short())
	}
	state, events, digest, err := apply(parent, parentHeader, PreDigest{claim.Slot, claim.Authority}, &b.Inherent, b.Calls)
	if err != nil {
		return nil, nil, fmt.Errorf("block #%d: %w", h.Number, err)
	}
	if root := state.Root(); root != h.StateRoot {
		return nil, nil, fmt.Errorf("block #%d: %w: %s, header says %s", h.Number, ErrStateRoot, root.Short(), h.StateRoot.Short())
	}
	unsealed, _, _ := h.WithoutSeal()
	if string(digest.EncodeTo(nil)) != string(unsealed.Digest.EncodeTo(nil)) {
		return nil, nil, fmt.Errorf("block #%d: %w", h.Number, ErrDigest)
	}
	return state, events, nil
}

// checkSeal checks that the slot's author sealed the header (sc_consensus_babe check_header).
func checkSeal(parent *State, h *primitives.Header) (primitives.BabeClaim, error) {
	var claim primitives.BabeClaim
	if len(h.Digest) == 0 || h.Digest[0].Kind != primitives.DigestPreRuntime || h.Digest[0].Engine != primitives.EngineBabe ||
		scale.Decode(h.Digest[0].Data, &claim) != nil || claim.Kind != primitives.BabeSecondaryPlain {
		return claim, ErrNoClaim
	}
	if claim.Slot <= parent.Slot() {
		return claim, fmt.Errorf("slot %d after slot %d: %w", claim.Slot, parent.Slot(), ErrSlot)
	}
	if place := SlotAuthor(parent, claim.Slot); place != claim.Authority {
		return claim, fmt.Errorf("slot %d is that of authority %d, not %d: %w", claim.Slot, place, claim.Authority, ErrNotAuthor)
	}
	unsealed, seal, ok := h.WithoutSeal()
	if !ok || seal.Engine != primitives.EngineBabe || len(seal.Data) != 64 {
		return claim, ErrNoSeal
	}
	hash := unsealed.Hash()
	if !parent.params.verify([64]byte(seal.Data), hash[:], authorKey(parent, claim.Slot, claim.Authority)) {
		return claim, ErrBadSeal
	}
	return claim, nil
}
