package relay

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/chacha20"
)

// Shuffle returns 0…n−1 in the order that rand 0.8 SliceRandom::shuffle gives with
// rand_chacha 0.3 ChaCha20Rng from that seed. At a session change the seed
// blake2b-256("paras" ++ NextRandomness) puts the validators in their order
// (polkadot_runtime_parachains::shared).
func Shuffle(seed [32]byte, n int) []uint32 {
	order := make([]uint32, max(n, 0))
	for i := range order {
		order[i] = uint32(i)
	}
	shuffle(NewChaChaRand(seed), order)
	return order
}

func shuffle[T any](r *ChaChaRand, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := r.Uint32Below(uint32(i + 1))
		list[i], list[j] = list[j], list[i]
	}
}

// ChaChaRand is the generator ChaCha20Rng of rand_chacha 0.3: the key stream of
// ChaCha20 under the seed, read as little-endian words. It has no source of chance but
// the seed.
type ChaChaRand struct {
	stream *chacha20.Cipher
	buf    [64]byte
	used   int // bytes of buf
}

// NewChaChaRand returns the generator of a seed (SeedableRng::from_seed).
func NewChaChaRand(seed [32]byte) *ChaChaRand {
	// rand_chacha counts blocks in 64 bits and has a zero stream id of 64 bits; the 32
	// counter bits and 96 zero bits here are the same for the first 256 GiB.
	c, err := chacha20.NewUnauthenticatedCipher(seed[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		panic(err) // only for a wrong length of key or nonce
	}
	r := &ChaChaRand{stream: c}
	r.used = len(r.buf)
	return r
}

// Uint32 is the next word of the stream (RngCore::next_u32).
func (r *ChaChaRand) Uint32() uint32 {
	if r.used == len(r.buf) {
		clear(r.buf[:])
		r.stream.XORKeyStream(r.buf[:], r.buf[:])
		r.used = 0
	}
	v := binary.LittleEndian.Uint32(r.buf[r.used:])
	r.used += 4
	return v
}

// Uint64 is the next two words, the low one first (RngCore::next_u64).
func (r *ChaChaRand) Uint64() uint64 {
	low := uint64(r.Uint32())
	return low | uint64(r.Uint32())<<32
}

// Uint32Below is a number below n: Rng::gen_range(0..n) for u32. It draws a word at
// least once, again as long as the low half of word·n falls behind the last full
// multiple, and returns the high half. For n of 0, which the crate refuses, it is 0.
func (r *ChaChaRand) Uint32Below(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	zone := n<<bits.LeadingZeros32(n) - 1
	for {
		if high, low := bits.Mul32(r.Uint32(), n); low <= zone {
			return high
		}
	}
}

// Uint64Below is the same for u64, and for usize in native code. A shuffle takes its
// indices from the form for u32.
func (r *ChaChaRand) Uint64Below(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	zone := n<<bits.LeadingZeros64(n) - 1
	for {
		if high, low := bits.Mul64(r.Uint64(), n); low <= zone {
			return high
		}
	}
}
