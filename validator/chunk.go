package validator

import (
	"pileus/erasure"
	"pileus/primitives"
)

// ChunkIndex is the chunk of a candidate on the core that the validator keeps, of n validators: its own
// index, or shifted by the core with the node feature AvailabilityChunkMapping
// (polkadot_node_subsystem_util::availability_chunks). It is 0 if n is too small for erasure coding.
func ChunkIndex(features primitives.BitVec, n int, core primitives.CoreIndex, validator primitives.ValidatorIndex) uint32 {
	i, err := erasure.ChunkIndex(n, features.Get(primitives.FeatureAvailabilityChunkIndex), uint32(core), uint32(validator))
	if err != nil {
		return 0
	}
	return i
}
