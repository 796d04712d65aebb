// Package auraext is cumulus-pallet-aura-ext: Aura on a parachain. It ties the slots of
// the parachain to those of the relay chain and bounds how many blocks a relay slot may
// have.
package auraext

import (
	"pileus/frame"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/parachainsystem"
	"pileus/hashing"
	"pileus/scale"
)

// RelaySlot is a relay slot and how many blocks were authored in it.
type RelaySlot struct {
	Slot  uint64
	Count uint32
}

// EncodeTo appends the SCALE encoding.
func (r RelaySlot) EncodeTo(b []byte) []byte {
	return scale.AppendU32(scale.AppendU64(b, r.Slot), r.Count)
}

// DecodeFrom reads the SCALE encoding.
func (r *RelaySlot) DecodeFrom(d *scale.Decoder) { r.Slot, r.Count = d.U64(), d.U32() }

// Pallet keeps a copy of Aura's authorities, by which the next block's seal is checked
// whatever that block does to them. It is declared behind Aura.
type Pallet struct {
	frame.Pallet
	Authorities   frame.Value[[]aura.AuthorityID]
	RelaySlotInfo frame.Value[RelaySlot]
	aura          *aura.Pallet
}

// New declares the pallet.
func New(a *aura.Pallet) *Pallet {
	p := &Pallet{aura: a}
	p.Crate, p.StorageVersion = "cumulus_pallet_aura_ext", 1
	p.Authorities = frame.NewValue(&p.Pallet, "Authorities", aura.AuthoritiesCodec)
	p.RelaySlotInfo = frame.NewOptionValue(&p.Pallet, "RelaySlotInfo", frame.Sized[RelaySlot](frame.TupleOf(aura.TypeSlot, frame.TypeU32)))
	return p
}

// OnInitialize brings the authorities into the proof.
func (p *Pallet) OnInitialize(uint32) frame.Weight {
	p.Authorities.Get()
	return p.System().DbWeight.With(frame.Weight{}, 2, 1)
}

// OnFinalize copies the authorities.
func (p *Pallet) OnFinalize(uint32) { p.Authorities.Put(p.aura.Authorities.Get()) }

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "auraExt" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return "{}" }

// BuildGenesis copies the authorities.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only(); err != nil {
		return err
	}
	p.Authorities.Put(p.aura.Authorities.Get())
	return nil
}

// FixedVelocityConsensusHook is the hook of the guide's phase 1: at most Velocity + 1
// blocks per relay slot, at most Capacity blocks in the unincluded segment, and the
// parachain's slot must be the one in which the relay slot lies.
type FixedVelocityConsensusHook struct {
	Pallet                       *Pallet
	RelayChainSlotDurationMillis uint64 // RELAY_CHAIN_SLOT_DURATION_MILLIS
	BlockProcessingVelocity      uint32 // BLOCK_PROCESSING_VELOCITY
	UnincludedSegmentCapacity    uint32 // UNINCLUDED_SEGMENT_CAPACITY
}

// OnStateProof implements [parachainsystem.ConsensusHook].
func (h FixedVelocityConsensusHook) OnStateProof(proof *parachainsystem.RelayStateProof) (frame.Weight, parachainsystem.UnincludedSegmentCapacity) {
	p, velocity := h.Pallet, max(h.BlockProcessingVelocity, 1)
	relaySlot, err := proof.CurrentSlot()
	if err != nil {
		panic("failed to read relay chain slot: " + err.Error())
	}
	authored := uint32(0)
	if info, ok := p.RelaySlotInfo.TryGet(); ok {
		switch {
		case info.Slot == relaySlot:
			authored = info.Count
		case info.Slot > relaySlot:
			panic("Slot moved backwards")
		}
	}
	if authored > velocity {
		panic("authored blocks limit is reached for the slot")
	}
	p.RelaySlotInfo.Put(RelaySlot{relaySlot, authored + 1})
	derived := frame.MulDiv(frame.Amount(relaySlot), frame.Amount(h.RelayChainSlotDurationMillis), frame.Amount(p.aura.SlotDuration))
	if frame.Amount(p.aura.CurrentSlot.Get()) != derived {
		panic("Parachain slot must match relay-derived slot")
	}
	return p.System().DbWeight.With(frame.Weight{}, 1, 0), parachainsystem.UnincludedSegmentCapacity(max(h.UnincludedSegmentCapacity, 1))
}

// CanBuildUpon tells whether a block may follow in that relay slot, if the block with
// that hash is the included one. It is asked on the parent's state.
func (h FixedVelocityConsensusHook) CanBuildUpon(system *parachainsystem.Pallet, included hashing.Hash, slot uint64) bool {
	info, ok := h.Pallet.RelaySlotInfo.TryGet()
	if !ok {
		return true
	}
	if system.SizeAfterIncluded(included) >= int(max(h.UnincludedSegmentCapacity, 1)) {
		return false
	}
	if info.Slot == slot {
		return info.Count < max(h.BlockProcessingVelocity, 1)+1
	}
	return info.Slot < slot
}

// API is AuraUnincludedSegmentApi (guide, phase 1, step 7).
func (h FixedVelocityConsensusHook) API(system *parachainsystem.Pallet) frame.API {
	return frame.API{Name: "AuraUnincludedSegmentApi", Version: 2, Methods: []frame.Method{
		frame.Answer2("can_build_upon", frame.Arg("included_hash", frame.Hash), frame.Arg("slot", frame.U64.Named(aura.TypeSlot)), frame.Bool,
			func(included hashing.Hash, slot uint64) bool { return h.CanBuildUpon(system, included, slot) }),
	}}
}
