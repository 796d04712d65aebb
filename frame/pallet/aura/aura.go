// Package aura is pallet-aura: authorities that take turns, one per slot.
package aura

import (
	"pileus/frame"
	"pileus/primitives"
	"pileus/scale"
)

// AuthorityID is an sr25519 key.
type AuthorityID [32]byte

// Config is what a runtime decides.
type Config struct {
	// SlotDuration is the length of a slot in ms. The guide sets a constant of its own in
	// phase 1; before, it is [MinimumPeriodTimesTwo].
	SlotDuration uint64
	// AllowMultipleBlocksPerSlot lets a slot have several blocks (guide, phase 3).
	AllowMultipleBlocksPerSlot bool
	MaxAuthorities             uint32
	// Now is Timestamp.Now, by which an upgrade with another slot duration finds its slot; nil: no such upgrade.
	Now func() uint64
}

// MinimumPeriodTimesTwo is the slot duration of runtimes that derive it from the minimum
// period of Timestamp.
func MinimumPeriodTimesTwo(minimumPeriod uint64) uint64 { return 2 * minimumPeriod }

// Pallet keeps authorities and slot.
type Pallet struct {
	frame.Pallet
	Config
	Authorities frame.Value[[]AuthorityID]
	CurrentSlot frame.Value[uint64]
}

var (
	typeAuthority = frame.Struct("sp_consensus_aura::sr25519::app_sr25519::Public", nil,
		frame.TypeField{Type: frame.ArrayOf(frame.TypeU8, 32), TypeName: "sr25519::Public"})
	// TypeSlot is the type of slots in the metadata.
	TypeSlot     = frame.Struct("sp_consensus_slots::Slot", nil, frame.TypeField{Type: frame.TypeU64, TypeName: "u64"})
	typeDuration = frame.Struct("sp_consensus_slots::SlotDuration", nil, frame.TypeField{Type: frame.TypeU64, TypeName: "u64"})

	authority = frame.Codec[AuthorityID]{
		Encode: func(b []byte, a AuthorityID) []byte { return append(b, a[:]...) },
		Decode: func(d *scale.Decoder) (a AuthorityID) {
			d.Array(a[:])
			return a
		},
		Type: typeAuthority,
	}
	// AuthoritiesCodec is the codec of the list of authorities.
	AuthoritiesCodec = frame.BoundedVec(authority, 100_000)
)

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	p.Crate = "pallet_aura"
	p.Authorities = frame.NewValue(&p.Pallet, "Authorities", AuthoritiesCodec)
	p.CurrentSlot = frame.NewValue(&p.Pallet, "CurrentSlot", frame.U64.Named(TypeSlot))
	frame.NewConstant(&p.Pallet, "SlotDuration", frame.U64, func() uint64 { return p.SlotDuration })
	return p
}

// OnInitialize takes the slot that the block's author claims.
func (p *Pallet) OnInitialize(uint32) frame.Weight {
	db := p.System().DbWeight
	slot, ok := p.System().Digest.Get().AuraSlot()
	if !ok {
		return db.With(frame.Weight{}, 1, 0)
	}
	current, next := p.CurrentSlot.Get(), uint64(slot)
	if p.AllowMultipleBlocksPerSlot {
		if current > next {
			panic("Slot must not decrease")
		}
	} else if current >= next {
		panic("Slot must increase")
	}
	p.CurrentSlot.Put(next)
	p.Authorities.Exists() // the proof has the path, as where the length is read
	return db.With(frame.Weight{}, 2, 1)
}

// OnTimestampSet demands that the time lies in the slot.
func (p *Pallet) OnTimestampSet(now uint64) {
	if p.SlotDuration == 0 {
		panic("Aura slot duration cannot be zero.")
	}
	if p.CurrentSlot.Get() != now/p.SlotDuration {
		panic("Timestamp slot must match `CurrentSlot`. This likely means that the configured block time in the node and/or rest of the runtime is not compatible with Aura's `SlotDuration`")
	}
}

// OnRuntimeUpgrade moves to the present slot in the measure of a new slot duration;
// without it, a longer slot would make the next slot smaller than the current one.
func (p *Pallet) OnRuntimeUpgrade() frame.Weight {
	db := p.System().DbWeight
	if p.Now == nil || p.SlotDuration == 0 {
		return frame.Weight{}
	}
	if slot := p.Now() / p.SlotDuration; slot != p.CurrentSlot.Get() {
		p.CurrentSlot.Put(slot)
		return db.With(frame.Weight{}, 2, 1)
	}
	return db.With(frame.Weight{}, 2, 0)
}

// Author is the authority whose turn the slot is.
func (p *Pallet) Author(slot uint64) (AuthorityID, bool) {
	list := p.Authorities.Get()
	if len(list) == 0 {
		return AuthorityID{}, false
	}
	return list[slot%uint64(len(list))], true
}

// ChangeAuthorities replaces the authorities and tells the node by a digest item. An
// empty list is ignored, since the chain would stop; what is above MaxAuthorities is cut off.
func (p *Pallet) ChangeAuthorities(list []AuthorityID) {
	if list = list[:min(len(list), int(p.MaxAuthorities))]; len(list) == 0 {
		return
	}
	p.Authorities.Put(list)
	data := scale.AppendVecFunc([]byte{1}, list, authority.Encode)
	p.System().DepositLog(primitives.DigestItem{Kind: primitives.DigestConsensus, Engine: primitives.EngineAura, Data: data})
}

// API is AuraApi.
func (p *Pallet) API() frame.API {
	return frame.API{Name: "AuraApi", Version: 1, Methods: []frame.Method{
		frame.Answer("slot_duration", frame.U64.Named(typeDuration), func() uint64 { return p.SlotDuration }),
		frame.Answer("authorities", frame.Vec(authority), p.Authorities.Get),
	}}
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "aura" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"authorities":[]}` }

// BuildGenesis writes the authorities.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("authorities"); err != nil {
		return err
	}
	field, err := c.Field("authorities")
	if err != nil {
		return err
	}
	items, err := field.List()
	if err != nil {
		return err
	}
	if uint64(len(items)) > uint64(p.MaxAuthorities) {
		return field.Refuse("more authorities than MaxAuthorities")
	}
	list := make([]AuthorityID, len(items))
	for i, item := range items {
		a, err := item.Account()
		if err != nil {
			return err
		}
		list[i] = AuthorityID(a)
	}
	if len(list) > 0 {
		p.Authorities.Put(list)
	}
	return nil
}
