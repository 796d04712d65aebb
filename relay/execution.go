package relay

import (
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// PreDigest is an author's claim of a slot.
type PreDigest struct {
	Slot      primitives.Slot
	Authority uint32 // place among the epoch's authorities
}

// Errors of a block as a whole.
var (
	ErrParent   = errors.New("the header is not that of the parent state")
	ErrSlot     = errors.New("the slot is not after the parent's")
	ErrFiltered = errors.New("InherentDataFilteredDuringExecution")
)

// Apply is the transition: the state after a block that claims a slot, carries the
// parachains inherent and, behind it, calls. Whatever [CreateInherent] would have left out
// or ordered otherwise makes the block invalid; so does a call that fails.
func Apply(parent *State, parentHeader *primitives.Header, pre PreDigest, data *primitives.ParachainsInherentData, calls ...Call) (*State, []Event, error) {
	state, events, _, err := apply(parent, parentHeader, pre, data, calls)
	return state, events, err
}

func apply(parent *State, parentHeader *primitives.Header, pre PreDigest, data *primitives.ParachainsInherentData, calls []Call) (*State, []Event, primitives.Digest, error) {
	x, err := begin(parent, parentHeader, pre)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := x.enter(data); err != nil {
		return nil, nil, nil, err
	}
	for _, c := range calls {
		if err := c.run(x); err != nil {
			return nil, nil, nil, fmt.Errorf("call %v: %w", c, err)
		}
	}
	s, err := x.finish()
	return s, x.events, x.digest, err
}

// execution is one block's way from the parent's state to its own.
type execution struct {
	tx         *tx
	params     Params
	config     *primitives.HostConfiguration // changes only with the session, at the very end
	session    primitives.SessionIndex       // of the block's candidates
	now        uint32
	parentHash Hash
	parentRoot Hash
	pre        PreDigest

	endsSession bool // the next block belongs to another session
	digest      primitives.Digest
	events      []Event
}

func (x *execution) emit(e Event) { x.events = append(x.events, e) }

// log adds an item to the block's digest.
func (x *execution) log(engine primitives.EngineID, data []byte) {
	x.digest = append(x.digest, primitives.DigestItem{Kind: primitives.DigestConsensus, Engine: engine, Data: data})
}

// begin opens a block: the pre-digest is its first log, and all on_initialize is done.
func begin(parent *State, header *primitives.Header, pre PreDigest) (*execution, error) {
	if header.Number != parent.Number() || header.StateRoot != parent.Root() {
		return nil, fmt.Errorf("block #%d, root %s; state of block #%d, root %s: %w", header.Number, header.StateRoot.Short(), parent.Number(), parent.Root().Short(), ErrParent)
	}
	if pre.Slot <= parent.Slot() {
		return nil, fmt.Errorf("slot %d after slot %d: %w", pre.Slot, parent.Slot(), ErrSlot)
	}
	x := &execution{tx: newTx(parent.store), params: parent.params, config: parent.Config(), session: parent.SessionIndexForChild(),
		now: header.Number + 1, parentHash: header.Hash(), parentRoot: header.StateRoot, pre: pre}
	claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Authority: pre.Authority, Slot: pre.Slot}
	x.digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
	itemNumber.put(x.tx, x.now)
	itemSlot.put(x.tx, pre.Slot)
	itemTimestamp.put(x.tx, Timestamp(pre.Slot))
	x.advanceEpoch()
	x.pruneCode()
	x.signalGoAhead()
	x.serveUpward()
	return x, nil
}

// Timestamp is the moment at which a slot begins, in milliseconds since 1970, and the
// timestamp of its block: authors begin with their slot.
func Timestamp(s primitives.Slot) uint64 { return uint64(s) * primitives.RelaySlotMillis }

// finish closes the block: all on_finalize, the session's end as the very last step, and
// the new root.
func (x *execution) finish() (*State, error) {
	x.vote()
	x.liftRestrictions()
	if x.endsSession {
		x.changeSession()
	}
	after, err := x.tx.commit()
	if err != nil {
		return nil, err
	}
	return &State{store: after, params: x.params, events: x.events}, nil
}

// epochEnd is the first slot that does not belong to the epoch any more.
func epochEnd(r reader, p Params) primitives.Slot {
	length := primitives.Slot(p.SessionBlocks)
	return itemGenesisSlot.or(r) + (primitives.Slot(itemEpoch.or(r))+1)*length
}

// advanceEpoch begins the next epoch with the first block behind the last one's end. The
// session ends with that block. (pallet_babe enact_epoch_change; the randomness of an
// epoch comes from the last one's alone, as no block has randomness of its own)
func (x *execution) advanceEpoch() {
	if x.now == 1 || x.pre.Slot < epochEnd(x.tx, x.params) {
		return
	}
	epoch := uint64(x.pre.Slot-itemGenesisSlot.or(x.tx)) / uint64(x.params.SessionBlocks)
	randomness := itemNextRandomness.or(x.tx)
	next := hashing.Blake2b256(scale.AppendU64(append([]byte(nil), randomness[:]...), epoch+1))
	authorities := itemNextAuthorities.or(x.tx)
	itemEpoch.put(x.tx, epoch)
	itemRandomness.put(x.tx, randomness)
	itemNextRandomness.put(x.tx, next)
	itemAuthorities.put(x.tx, authorities)
	x.log(primitives.EngineBabe, append(scale.AppendVec([]byte{1}, authorities), next[:]...))
	itemSessionIndex.put(x.tx, itemSessionIndex.or(x.tx)+1)
	x.endsSession = true
}

// author is the place of the authority that may claim the slot on top of a state. In a
// slot behind the epoch's end, however far, the next epoch's data counts.
func author(r reader, p Params, slot primitives.Slot) uint32 {
	if slot >= epochEnd(r, p) {
		return secondaryAuthor(itemNextRandomness.or(r), slot, len(itemNextAuthorities.or(r)))
	}
	return secondaryAuthor(itemRandomness.or(r), slot, len(itemAuthorities.or(r)))
}

// secondaryAuthor is blake2b-256(randomness ++ slot) as a big-endian number, modulo the
// number of authorities (sc_consensus_babe secondary_slot_author).
func secondaryAuthor(randomness Hash, slot primitives.Slot, authorities int) uint32 {
	h := hashing.Blake2b256(scale.AppendU64(randomness[:], uint64(slot)))
	var place uint64
	for _, b := range h {
		place = (place<<8 | uint64(b)) % uint64(authorities)
	}
	return uint32(place)
}
