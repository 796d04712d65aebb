// Package timestamp is pallet-timestamp: the time of a block, given by its author.
package timestamp

import (
	"pileus/frame"
	"pileus/primitives"
	"pileus/scale"
)

// Config is what a runtime decides.
type Config struct {
	// MinimumPeriod is the least time between two blocks, in ms. With several blocks per
	// slot it must be 0 (guide, phase 3).
	MinimumPeriod uint64
	// OnTimestampSet is told the time, in ms: Aura compares it with the slot.
	OnTimestampSet func(now uint64)
}

// Pallet keeps the time. Every block sets it exactly once, by an inherent.
type Pallet struct {
	frame.Pallet
	Config
	Now       frame.Value[uint64]
	DidUpdate frame.Value[bool]
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	p.Crate = "pallet_timestamp"
	p.Now = frame.NewValue(&p.Pallet, "Now", frame.U64)
	p.DidUpdate = frame.NewValue(&p.Pallet, "DidUpdate", frame.Bool)
	frame.NewCall1(&p.Pallet, 0, "set", frame.Weight{RefTime: 153_816_000, ProofSize: 1493},
		frame.Arg("now", frame.CompactU64).As("T::Moment"), p.set).Mandatory().
		Describe("Sets the time of the block, in ms.")
	frame.NewConstant(&p.Pallet, "MinimumPeriod", frame.U64, func() uint64 { return p.MinimumPeriod })
	return p
}

func (p *Pallet) set(o frame.Origin, now uint64) error {
	if err := frame.EnsureNone(o); err != nil {
		return err
	}
	if p.DidUpdate.Get() {
		panic("Timestamp must be updated only once in the block")
	}
	if previous := p.Now.Get(); previous != 0 && now < previous+p.MinimumPeriod {
		panic("Timestamp must increment by at least <MinimumPeriod> between sequential blocks")
	}
	p.Now.Put(now)
	p.DidUpdate.Put(true)
	if p.OnTimestampSet != nil {
		p.OnTimestampSet(now)
	}
	return nil
}

// OnInitialize counts what OnFinalize will use.
func (p *Pallet) OnInitialize(uint32) frame.Weight { return frame.Weight{RefTime: 3_246_000} }

// OnFinalize demands that the time was set.
func (p *Pallet) OnFinalize(uint32) {
	if !p.DidUpdate.Get() {
		panic("Timestamp must be updated once in the block")
	}
	p.DidUpdate.Kill()
}

// CreateInherent makes the call from what the node says the time is.
func (p *Pallet) CreateInherent(data primitives.InherentData) []byte {
	raw, ok := data[primitives.InherentTimestamp]
	if !ok {
		panic("Timestamp inherent data must be provided")
	}
	d := scale.NewDecoder(raw)
	now := d.U64()
	if d.Err() != nil {
		panic("Timestamp inherent data does not decode")
	}
	now = max(now, p.Now.Get()+p.MinimumPeriod)
	return scale.AppendCompact([]byte{p.Index, 0}, now)
}

// IsInherent tells whether the call sets the time.
func (p *Pallet) IsInherent(c *frame.Call) bool { return c.Is(&p.Pallet, "set") }
