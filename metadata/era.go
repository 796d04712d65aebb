package metadata

import (
	"math/bits"

	"pileus/scale"
)

// Era is how long an extrinsic is valid (sp_runtime::generic::Era). The zero value is immortal.
// A mortal one is valid for Period blocks from its birth, which is the newest block
// before the signing whose number is Phase modulo Period.
type Era struct {
	Period uint64 // a power of two, 4 to 65536 blocks
	Phase  uint64
}

// MortalEra is the era that begins at block current (or a little before, with periods
// above 4096) and lasts at least period blocks, rounded up to a power of two within 4 to 65536.
func MortalEra(period, current uint64) Era {
	period = min(max(period, 4), 1<<16)
	if p := uint64(1) << (bits.Len64(period - 1)); p != period {
		period = p
	}
	q := quantum(period)
	return Era{Period: period, Phase: current % period / q * q}
}

// quantum is the step in which long periods count their phase, so that it fits 12 bits.
func quantum(period uint64) uint64 { return max(period>>12, 1) }

// Birth is the number of the block whose hash is signed: the first of the era that holds block current.
func (e Era) Birth(current uint64) uint64 {
	if e.Period == 0 {
		return 0
	}
	return (max(current, e.Phase)-e.Phase)/e.Period*e.Period + e.Phase
}

// Death is the first block in which the extrinsic is no longer valid, the largest number if it is immortal.
func (e Era) Death(current uint64) uint64 {
	if e.Period == 0 {
		return 1<<64 - 1
	}
	return e.Birth(current) + e.Period
}

// EncodeTo appends 00, or the two bytes of a mortal era.
func (e Era) EncodeTo(b []byte) []byte {
	if e.Period == 0 {
		return append(b, 0)
	}
	low := min(max(bits.TrailingZeros64(e.Period)-1, 1), 15)
	return scale.AppendU16(b, uint16(low)|uint16(e.Phase/quantum(e.Period))<<4)
}
