// Package hashing holds the hash functions of the runtime host: blake2b, xxHash64
// ("twox"), keccak and sha2, and the storage hashers made of them.
//
// blake2b of a shorter digest is blake2b with that digest length, not a truncated one.
// twox of n·64 bits is n xxHash64 with the seeds 0, 1, … each in little-endian bytes.
//
// Inside a runtime (Wasm) blake2b of 128 and 256 bits and keccak-256 are the host's
// functions: it hashes natively.
package hashing

import (
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"
)

// Hash is a 32-byte hash. Block, state and code hashes are blake2b-256.
type Hash [32]byte

// String is the hash in hex with 0x.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// MarshalText writes the hash as String does, in JSON too.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Short is the first and last two bytes, for people.
func (h Hash) Short() string {
	return "0x" + hex.EncodeToString(h[:2]) + "…" + hex.EncodeToString(h[30:])
}

// IsZero tells whether all bytes are zero.
func (h Hash) IsZero() bool { return h == Hash{} }

// EncodeTo appends the 32 bytes.
func (h Hash) EncodeTo(b []byte) []byte { return append(b, h[:]...) }

// Blake2b64 is blake2b with a digest of 8 bytes; it names runtime APIs.
func Blake2b64(b []byte) (out [8]byte) {
	h := newBlake2b(8)
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// Blake2b512 is blake2b with a digest of 64 bytes; SS58 takes its checksum from it.
func Blake2b512(b []byte) (out [64]byte) { return blake2b.Sum512(b) }

func newBlake2b(size int) hash.Hash {
	h, err := blake2b.New(size, nil)
	if err != nil {
		panic(err) // only for a size outside 1…64
	}
	return h
}

func twox(dst, b []byte) {
	for i := 0; i < len(dst)/8; i++ {
		d := xxhash.NewWithSeed(uint64(i))
		d.Write(b)
		binary.LittleEndian.PutUint64(dst[8*i:], d.Sum64())
	}
}

// Twox64 is xxHash64 with seed 0, little-endian.
func Twox64(b []byte) (out [8]byte) { twox(out[:], b); return out }

// Twox128 names pallets and storage items.
func Twox128(b []byte) (out [16]byte) { twox(out[:], b); return out }

// Twox256 is four xxHash64.
func Twox256(b []byte) (out [32]byte) { twox(out[:], b); return out }

// StorageKey is the key of a plain storage value, or the prefix of a map:
// twox128(pallet) ++ twox128(item).
func StorageKey(pallet, item string) []byte {
	p, i := Twox128([]byte(pallet)), Twox128([]byte(item))
	return append(p[:], i[:]...)
}

// Twox64Concat is the storage hasher of that name: twox64(key) ++ key.
func Twox64Concat(key []byte) []byte {
	h := Twox64(key)
	return append(h[:], key...)
}

// Blake2_128Concat is the storage hasher of that name: blake2b-128(key) ++ key.
func Blake2_128Concat(key []byte) []byte {
	h := Blake2b128(key)
	return append(h[:], key...)
}
