//go:build wasip1

package host

import (
	"runtime"
	"unsafe"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// Host functions take and give byte strings as one i64: pointer, then length in the high
// half. Results lie in memory that the host allocated.

//go:wasmimport env ext_allocator_free_version_1
func hostFree(ptr uint32)

//go:wasmimport env ext_storage_get_version_1
func hostGet(key uint64) uint64

//go:wasmimport env ext_storage_exists_version_1
func hostExists(key uint64) uint32

//go:wasmimport env ext_storage_set_version_1
func hostSet(key, value uint64)

//go:wasmimport env ext_storage_clear_version_1
func hostClear(key uint64)

//go:wasmimport env ext_storage_append_version_1
func hostAppend(key, item uint64)

//go:wasmimport env ext_storage_clear_prefix_version_2
func hostClearPrefix(prefix, limit uint64) uint64

//go:wasmimport env ext_storage_next_key_version_1
func hostNextKey(key uint64) uint64

//go:wasmimport env ext_storage_root_version_2
func hostRoot(version uint32) uint64

//go:wasmimport env ext_storage_start_transaction_version_1
func hostBegin()

//go:wasmimport env ext_storage_commit_transaction_version_1
func hostCommit()

//go:wasmimport env ext_storage_rollback_transaction_version_1
func hostRollback()

//go:wasmimport env ext_storage_proof_size_storage_proof_size_version_1
func hostProofSize() uint64

//go:wasmimport env ext_trie_blake2_256_ordered_root_version_2
func hostOrderedRoot(items uint64, version uint32) uint32

//go:wasmimport env ext_crypto_sr25519_verify_version_2
func hostSr25519Verify(sig unsafe.Pointer, msg uint64, public unsafe.Pointer) uint32

//go:wasmimport env ext_crypto_ed25519_verify_version_1
func hostEd25519Verify(sig unsafe.Pointer, msg uint64, public unsafe.Pointer) uint32

//go:wasmimport env ext_crypto_secp256k1_ecdsa_recover_compressed_version_2
func hostEcdsaRecover(sig, hash unsafe.Pointer) uint64

//go:wasmimport env ext_crypto_sr25519_generate_version_1
func hostSr25519Generate(keyType unsafe.Pointer, seed uint64) uint32

//go:wasmimport env ext_crypto_sr25519_sign_version_1
func hostSr25519Sign(keyType, public unsafe.Pointer, msg uint64) uint64

//go:wasmimport env ext_misc_runtime_version_version_1
func hostRuntimeVersion(code uint64) uint64

//go:wasmimport env ext_logging_log_version_1
func hostLog(level uint32, target, text uint64)

func fat(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) | uint64(len(b))<<32
}

func at(ptr uint32, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), ptr)), n)
}

// take copies a result into the runtime's own memory and frees the host's.
func take(r uint64) []byte {
	ptr, n := uint32(r), int(r>>32)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	copy(b, at(ptr, n))
	hostFree(ptr)
	return b
}

func takeFixed(ptr uint32, dst []byte) {
	copy(dst, at(ptr, len(dst)))
	hostFree(ptr)
}

// option is the byte string in a result that is an Option of one.
func option(r uint64) ([]byte, bool) {
	b := at(uint32(r), int(r>>32))
	if len(b) < 2 || b[0] == 0 {
		return nil, false
	}
	n, from := int(b[1]>>2), 2
	if b[1]&3 != 0 { // 64 bytes or more
		d := scale.NewDecoder(b[1:])
		n = d.Len(len(b), 1)
		from = 1 + d.Offset()
	}
	if n != len(b)-from {
		panic("host: result is no byte string")
	}
	return b[from:], true
}

// takeOption is take for a result that is an Option of a byte string.
func takeOption(r uint64) ([]byte, bool) {
	view, ok := option(r)
	var b []byte
	if ok {
		b = make([]byte, len(view))
		copy(b, view)
	}
	hostFree(uint32(r))
	return b, ok
}

func extGet(key []byte) ([]byte, bool) {
	r := hostGet(fat(key))
	runtime.KeepAlive(key)
	return takeOption(r)
}

func extBorrow(key []byte) ([]byte, Loan, bool) {
	r := hostGet(fat(key))
	runtime.KeepAlive(key)
	b, ok := option(r)
	return b, Loan(uint32(r)), ok
}

func extReturn(l Loan) { hostFree(uint32(l)) }

func extExists(key []byte) bool {
	r := hostExists(fat(key))
	runtime.KeepAlive(key)
	return r != 0
}

func extSet(key, value []byte) {
	hostSet(fat(key), fat(value))
	runtime.KeepAlive(key)
	runtime.KeepAlive(value)
}

func extClear(key []byte) {
	hostClear(fat(key))
	runtime.KeepAlive(key)
}

func extAppend(key, item []byte) {
	hostAppend(fat(key), fat(item))
	runtime.KeepAlive(key)
	runtime.KeepAlive(item)
}

func extClearPrefix(prefix []byte, limit *uint32) (uint32, bool) {
	l := scale.AppendOption(nil, limit, scale.AppendU32)
	d := scale.NewDecoder(take(hostClearPrefix(fat(prefix), fat(l))))
	runtime.KeepAlive(prefix)
	runtime.KeepAlive(l)
	all := d.Variant() == 0
	return d.U32(), all
}

func extNextKey(key []byte) ([]byte, bool) {
	r := hostNextKey(fat(key))
	runtime.KeepAlive(key)
	return takeOption(r)
}

func extRoot(v trie.Version) (h hashing.Hash) {
	copy(h[:], take(hostRoot(uint32(v))))
	return h
}

func extBegin()            { hostBegin() }
func extCommit()           { hostCommit() }
func extRollback()         { hostRollback() }
func extProofSize() uint64 { return hostProofSize() }

func extOrderedRoot(v trie.Version, items [][]byte) (h hashing.Hash) {
	list := scale.AppendBytesVec(nil, items)
	takeFixed(hostOrderedRoot(fat(list), uint32(v)), h[:])
	runtime.KeepAlive(list)
	return h
}

func extSr25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	r := hostSr25519Verify(unsafe.Pointer(sig), fat(msg), unsafe.Pointer(public))
	runtime.KeepAlive(msg)
	return r != 0
}

func extEd25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	r := hostEd25519Verify(unsafe.Pointer(sig), fat(msg), unsafe.Pointer(public))
	runtime.KeepAlive(msg)
	return r != 0
}

func extEcdsaRecover(sig *[65]byte, hash *[32]byte) (public [33]byte, ok bool) {
	b := take(hostEcdsaRecover(unsafe.Pointer(sig), unsafe.Pointer(hash)))
	if len(b) != 34 || b[0] != 0 {
		return public, false
	}
	copy(public[:], b[1:])
	return public, true
}

func extSr25519Generate(keyType [4]byte, seed []byte) (public [32]byte) {
	arg := []byte{0}
	if seed != nil {
		arg = scale.AppendBytes([]byte{1}, seed)
	}
	takeFixed(hostSr25519Generate(unsafe.Pointer(&keyType), fat(arg)), public[:])
	runtime.KeepAlive(arg)
	return public
}

func extSr25519Sign(keyType [4]byte, public *[32]byte, msg []byte) (sig [64]byte, ok bool) {
	b := take(hostSr25519Sign(unsafe.Pointer(&keyType), unsafe.Pointer(public), fat(msg)))
	runtime.KeepAlive(msg)
	if len(b) != 65 || b[0] != 1 {
		return sig, false
	}
	copy(sig[:], b[1:])
	return sig, true
}

func extRuntimeVersion(code []byte) ([]byte, bool) {
	r := hostRuntimeVersion(fat(code))
	runtime.KeepAlive(code)
	return takeOption(r)
}

func extLog(level Level, target, text string) {
	t, x := []byte(target), []byte(text)
	hostLog(uint32(level), fat(t), fat(x))
	runtime.KeepAlive(t)
	runtime.KeepAlive(x)
}
