//go:build wasip1

package hashing

import (
	"runtime"
	"unsafe"
)

//go:wasmimport env ext_hashing_blake2_256_version_1
func hostBlake2b256(data uint64) uint32

//go:wasmimport env ext_hashing_blake2_128_version_1
func hostBlake2b128(data uint64) uint32

//go:wasmimport env ext_hashing_keccak_256_version_1
func hostKeccak256(data uint64) uint32

//go:wasmimport env ext_hashing_keccak_512_version_1
func hostKeccak512(data uint64) uint32

//go:wasmimport env ext_hashing_sha2_256_version_1
func hostSha2(data uint64) uint32

//go:wasmimport env ext_allocator_free_version_1
func hostFree(ptr uint32)

// call hashes b with a host function: pointer and, in the high half, length go in, the
// digest comes back in memory of the host's allocator.
func call(f func(uint64) uint32, b, digest []byte) {
	ptr := f(uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) | uint64(len(b))<<32)
	runtime.KeepAlive(b)
	copy(digest, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), ptr)), len(digest)))
	hostFree(ptr)
}

// Blake2b256 is the hash of headers, extrinsics, trie nodes and codes.
func Blake2b256(b []byte) (out Hash) {
	call(hostBlake2b256, b, out[:])
	return out
}

// Blake2b128 is blake2b with a digest of 16 bytes.
func Blake2b128(b []byte) (out [16]byte) {
	call(hostBlake2b128, b, out[:])
	return out
}

// Keccak256 is the original Keccak, as Ethereum uses it.
func Keccak256(b []byte) (out [32]byte) {
	call(hostKeccak256, b, out[:])
	return out
}

// Keccak512 is the original Keccak with 64 bytes.
func Keccak512(b []byte) (out [64]byte) {
	call(hostKeccak512, b, out[:])
	return out
}

// Sha2_256 is SHA-256.
func Sha2_256(b []byte) (out [32]byte) {
	call(hostSha2, b, out[:])
	return out
}
