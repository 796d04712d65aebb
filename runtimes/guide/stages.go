package guide

import (
	"pileus/frame"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/parachainsystem"
)

// Settings are what the guide changes, by the names that it uses.
type Settings struct {
	SpecVersion uint32

	UnincludedSegmentCapacity    uint32 // UNINCLUDED_SEGMENT_CAPACITY, blocks
	BlockProcessingVelocity      uint32 // BLOCK_PROCESSING_VELOCITY, blocks per relay slot
	RelayChainSlotDurationMillis uint64 // RELAY_CHAIN_SLOT_DURATION_MILLIS
	MillisecsPerBlock            uint64 // MILLISECS_PER_BLOCK
	SlotDuration                 uint64 // SLOT_DURATION, ms
	MaximumBlockWeight           frame.Weight
	MinimumPeriod                uint64 // of Timestamp, ms
	CheckAssociatedRelayNumber   parachainsystem.CheckAssociatedRelayNumber
	AllowMultipleBlocksPerSlot   bool
	MaxAuthorities               uint32
	FixedVelocityConsensusHook   bool // ConsensusHook; otherwise ExpectParentIncluded
	AuraUnincludedSegmentApi     bool
	RelayParentOffset            uint32
}

// MaxPoVSize is MAX_POV_SIZE, the bytes that a PoV may have.
const MaxPoVSize = 10 << 20

// Sync is the chain before the guide: a block waits until its parent is included.
func Sync() Settings {
	const minimumPeriod = 6000
	return Settings{
		SpecVersion:                1,
		MillisecsPerBlock:          12000,
		MinimumPeriod:              minimumPeriod,
		SlotDuration:               aura.MinimumPeriodTimesTwo(minimumPeriod),
		MaximumBlockWeight:         frame.Weight{RefTime: frame.WeightRefTimePerSecond / 2, ProofSize: MaxPoVSize},
		CheckAssociatedRelayNumber: parachainsystem.RelayNumberStrictlyIncreases,
		AllowMultipleBlocksPerSlot: false,
		MaxAuthorities:             100,
	}
}

// Phase1 makes the runtime compatible with asynchronous backing; blocks stay as slow as
// they were. Phase 2 of the guide concerns the node alone.
func Phase1() Settings {
	s := Sync()
	s.SpecVersion = 2
	// Guide, phase 1, step 1: capacity and velocity.
	s.UnincludedSegmentCapacity = 1
	s.BlockProcessingVelocity = 1
	// Guide, phase 1, step 2: the relay chain's slot duration.
	s.RelayChainSlotDurationMillis = 6000
	// Guide, phase 1, step 3: block time and slot duration.
	s.MillisecsPerBlock = 12000
	s.SlotDuration = s.MillisecsPerBlock
	// Guide, phase 1, step 4: cumulus_pallet_parachain_system::Config, ConsensusHook and
	// CheckAssociatedRelayNumber.
	s.FixedVelocityConsensusHook = true
	s.CheckAssociatedRelayNumber = parachainsystem.RelayNumberMonotonicallyIncreases
	// Guide, phase 1, step 5: pallet_aura::Config. SlotDuration is the constant of step 3.
	s.AllowMultipleBlocksPerSlot = false
	// Guide, phase 1, step 6: AuraApi.slot_duration answers SlotDuration (aura.Pallet.API).
	// Guide, phase 1, step 7: AuraUnincludedSegmentApi.can_build_upon asks the hook.
	s.AuraUnincludedSegmentApi = true
	// Guide, phase 1, step 8: register_validate_block without CheckInherents, in the main
	// packages beside this one.
	return s
}

// Phase3 makes blocks twice as fast and lets them be built ahead of inclusion.
func Phase3() Settings {
	s := Phase1()
	s.SpecVersion = 3
	// Guide, phase 3, step 1: several blocks per slot, many authorities.
	s.AllowMultipleBlocksPerSlot = true
	s.MaxAuthorities = 100_000
	// Guide, phase 3, step 2: UNINCLUDED_SEGMENT_CAPACITY.
	s.UnincludedSegmentCapacity = 3
	// Guide, phase 3, step 3: MILLISECS_PER_BLOCK. What counts time in blocks of this chain
	// now runs twice as fast: see pallet Timers.
	s.MillisecsPerBlock = 6000
	s.SlotDuration = s.MillisecsPerBlock
	// Guide, phase 3, step 4: MAXIMUM_BLOCK_WEIGHT, 2 s of execution.
	s.MaximumBlockWeight = frame.Weight{RefTime: 2 * frame.WeightRefTimePerSecond, ProofSize: MaxPoVSize}
	// Guide, phase 3, step 5: MinimumPeriod of pallet_timestamp, so that blocks may share a slot.
	s.MinimumPeriod = 0
	return s
}

// Phase3KeepSlot is phase 3 for a chain that cannot change its slot duration: two blocks
// per slot of 12 s.
func Phase3KeepSlot() Settings {
	s := Phase3()
	s.SlotDuration = 12000
	return s
}

// Elastic goes beyond the guide: three blocks per relay block, on three cores or one.
func Elastic() Settings {
	s := Phase3()
	s.SpecVersion = 4
	s.BlockProcessingVelocity = 3
	s.RelayParentOffset = 1
	s.UnincludedSegmentCapacity = (3 + s.RelayParentOffset) * s.BlockProcessingVelocity
	s.MillisecsPerBlock = 2000
	s.SlotDuration = 24000
	return s
}

// Stage is a stage by its name.
type Stage struct {
	Name     string
	Settings func() Settings
}

// Stages are all stages in the order in which a chain passes them.
var Stages = []Stage{{"sync", Sync}, {"phase1", Phase1}, {"phase3", Phase3}, {"phase3-keep-slot", Phase3KeepSlot}, {"elastic", Elastic}}
