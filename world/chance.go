package world

import (
	"math/rand/v2"
	"time"

	"pileus/hashing"
	"pileus/scale"
)

// Chance is a stream of numbers that depends on a seed and a purpose alone, so that
// another consumer of chance does not change what this one draws.
type Chance struct{ r *rand.Rand }

// NewChance returns the stream of a purpose under a seed.
func NewChance(seed uint64, purpose string) Chance {
	key := hashing.Blake2b256(scale.AppendString(scale.AppendU64(nil, seed), purpose))
	return Chance{rand.New(rand.NewChaCha8(key))}
}

// Between draws a duration from lo to hi, to the millisecond, both ends included.
func (c Chance) Between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(c.r.Int64N(int64((hi-lo)/time.Millisecond)+1))*time.Millisecond
}

// IntN draws from 0 to n-1.
func (c Chance) IntN(n int) int { return c.r.IntN(n) }

// Uint64 draws 64 bits.
func (c Chance) Uint64() uint64 { return c.r.Uint64() }
