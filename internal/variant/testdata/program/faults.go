package main

import (
	"pileus/frame"
	"pileus/frame/pallet/balances"
	"pileus/frame/pallet/timestamp"
	"pileus/hashing"
)

// faults is a pallet that fails, or does what the words say besides.
type faults struct {
	frame.Pallet
	ballast frame.Map[uint32, []byte]

	what    string
	checks  bool // inherents, in validate_block
	clock   *timestamp.Pallet
	money   *balances.Pallet // nil without accounts
	mint    uint64           // units, in each block
	entries uint32           // of ballast in the genesis state
	migrate bool
}

func (v variant) faults(clock *timestamp.Pallet) *faults {
	f := &faults{what: v["block"], checks: v["validate"] == "inherents", clock: clock, mint: v.number("mint", 0),
		entries: uint32(v.number("ballast", 0)), migrate: v["migrate"] == "1"}
	f.Crate = "variant_runtime::faults"
	f.ballast = frame.NewOptionMap(&f.Pallet, "Ballast", frame.Blake2_128Concat, frame.U32, frame.Bytes)
	if ms := v.number("block_time", 0); ms != 0 {
		frame.NewConstant(&f.Pallet, "ExpectedBlockTime", frame.U64, func() uint64 { return ms })
	}
	return f
}

// GenesisKey is the pallet's field in the genesis config.
func (f *faults) GenesisKey() string { return "faults" }

// GenesisDefault is the default of that field.
func (f *faults) GenesisDefault() string { return "{}" }

// BuildGenesis writes the ballast: hashes of hashes.
func (f *faults) BuildGenesis(*frame.Config) error {
	h := hashing.Hash{}
	for i := range f.entries {
		value := make([]byte, 0, 64<<10)
		for len(value) < 64<<10 {
			h = hashing.Blake2b256(h[:])
			value = append(value, h[:]...)
		}
		f.ballast.Put(i, value)
	}
	return nil
}

// OnRuntimeUpgrade reads all of the ballast, as a migration in a single block does.
func (f *faults) OnRuntimeUpgrade() frame.Weight {
	if f.migrate {
		f.ballast.Each(func(uint32, []byte) bool { return true })
	}
	return frame.Weight{}
}

// OnInitialize does what the words say.
func (f *faults) OnInitialize(uint32) frame.Weight {
	switch f.what {
	case "panic":
		panic("nothing works today")
	case "loop":
		for {
			f.System().DbWeight.With(frame.Weight{}, 1, 1)
		}
	}
	if f.mint > 0 {
		f.money.TotalIssuance.Mutate(func(b *frame.Balance) { *b = frame.Add(*b, frame.Units(f.mint)) })
	}
	return frame.Weight{}
}

// OnFinalize compares the timestamp with the relay chain's clock, which knows only slots.
func (f *faults) OnFinalize(uint32) {
	if f.checks && validating && f.clock.Now.Get()%6000 != 0 {
		panic("Checking inherents failed")
	}
}

// validating is set by validate_block alone.
var validating bool
