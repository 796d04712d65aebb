//go:build !wasip1

package hashing

import (
	"crypto/sha256"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/sha3"
)

// Blake2b256 is the hash of headers, extrinsics, trie nodes and codes.
func Blake2b256(b []byte) Hash { return blake2b.Sum256(b) }

// Blake2b128 is blake2b with a digest of 16 bytes.
func Blake2b128(b []byte) (out [16]byte) {
	h := newBlake2b(16)
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// Keccak256 is the original Keccak, as Ethereum uses it.
func Keccak256(b []byte) (out [32]byte) {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// Keccak512 is the original Keccak with 64 bytes.
func Keccak512(b []byte) (out [64]byte) {
	h := sha3.NewLegacyKeccak512()
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// Sha2_256 is SHA-256.
func Sha2_256(b []byte) [32]byte { return sha256.Sum256(b) }
