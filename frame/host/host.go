// Package host is what a runtime may ask of the machine that runs it: storage,
// signatures, logging. Hashing is in package hashing.
//
// It has two faces. Compiled to Wasm its functions are the host functions of a node
// (ext_storage_get_version_1, ...). Natively, under go test, they work on a [Memory]
// that [Run] sets up: an overlay with transactions on a trie of package trie, of the same
// semantics. A [Memory] can also be put in the place of the node's storage under Wasm: a
// validation function has no storage but the partial trie that travels in its PoV.
//
//	pallet ─► host.Get ─► Memory installed? ─► overlay ─► trie (recorder)
//	                          └─ no, Wasm ──► ext_storage_get_version_1
//
// A runtime is one thread of execution; so is this package.
package host

import (
	"sync"

	"pileus/hashing"
	"pileus/trie"
)

// current takes the place of the node's storage if it is not nil.
var current *Memory

// Install makes m the storage of all that follows; nil goes back to the node's own. It
// returns what was installed before.
func Install(m *Memory) (previous *Memory) {
	previous, current = current, m
	return previous
}

var running sync.Mutex

// Run runs f on m. Natively only one f runs at a time; a panic of f passes through.
func Run(m *Memory, f func()) {
	running.Lock()
	previous := Install(m)
	defer func() {
		Install(previous)
		running.Unlock()
	}()
	f()
}

// Get is the value at key. The bytes must not be modified.
func Get(key []byte) (value []byte, ok bool) {
	if current != nil {
		return current.Get(key)
	}
	return extGet(key)
}

// Borrow is Get for a moment: the bytes are gone when the loan is returned, which must be
// done whether there is a value or not.
func Borrow(key []byte) (value []byte, l Loan, ok bool) {
	if current != nil {
		value, ok = current.Get(key)
		return value, 0, ok
	}
	return extBorrow(key)
}

// Loan is what [Borrow] took: an address in the host's memory, or nothing.
type Loan uint32

// Return ends the loan.
func (l Loan) Return() {
	if l != 0 {
		extReturn(l)
	}
}

// Exists tells whether key has a value, without reading it.
func Exists(key []byte) bool {
	if current != nil {
		return current.Exists(key)
	}
	return extExists(key)
}

// Set writes a value; the bytes are copied.
func Set(key, value []byte) {
	if current != nil {
		current.Set(key, value)
		return
	}
	extSet(key, value)
}

// Clear removes a key.
func Clear(key []byte) {
	if current != nil {
		current.Clear(key)
		return
	}
	extClear(key)
}

// Append adds an encoded item to the list at key, without reading the list into the
// runtime. A value that is no list is replaced.
func Append(key, item []byte) {
	if current != nil {
		current.Append(key, item)
		return
	}
	extAppend(key, item)
}

// ClearPrefix removes keys with that prefix, of those in the parent state at most limit;
// nil is no limit. It tells how many it met there and whether none is left.
func ClearPrefix(prefix []byte, limit *uint32) (removed uint32, all bool) {
	if current != nil {
		return current.ClearPrefix(prefix, limit)
	}
	return extClearPrefix(prefix, limit)
}

// NextKey is the least key greater than key.
func NextKey(key []byte) (next []byte, ok bool) {
	if current != nil {
		return current.NextKey(key)
	}
	return extNextKey(key)
}

// Root is the root of the storage as it now is.
func Root(v trie.Version) hashing.Hash {
	if current != nil {
		return current.Root(v)
	}
	return extRoot(v)
}

// Begin opens a storage transaction. Transactions nest.
func Begin() {
	if current != nil {
		current.Begin()
		return
	}
	extBegin()
}

// Commit closes the innermost transaction and keeps its changes.
func Commit() {
	if current != nil {
		current.Commit()
		return
	}
	extCommit()
}

// Rollback closes the innermost transaction and drops its changes.
func Rollback() {
	if current != nil {
		current.Rollback()
		return
	}
	extRollback()
}

// ProofSize is the size, in bytes, of the storage proof recorded so far, the largest
// number if nothing records.
func ProofSize() uint64 {
	if current != nil {
		return current.ProofSize()
	}
	return extProofSize()
}

// OrderedRoot is the root of the trie that maps indices to items: an extrinsics root.
func OrderedRoot(v trie.Version, items [][]byte) hashing.Hash { return extOrderedRoot(v, items) }

// Sr25519Verify verifies a signature in the context "substrate".
func Sr25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	return extSr25519Verify(sig, msg, public)
}

// Ed25519Verify verifies a signature.
func Ed25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	return extEd25519Verify(sig, msg, public)
}

// EcdsaRecover is the compressed public key that signed the 32-byte hash.
func EcdsaRecover(sig *[65]byte, hash *[32]byte) (public [33]byte, ok bool) {
	return extEcdsaRecover(sig, hash)
}

// Sr25519Generate makes a key in the node's keystore; seed is a key URI or nil.
func Sr25519Generate(keyType [4]byte, seed []byte) [32]byte { return extSr25519Generate(keyType, seed) }

// Sr25519Sign signs with a key of the node's keystore.
func Sr25519Sign(keyType [4]byte, public *[32]byte, msg []byte) (sig [64]byte, ok bool) {
	return extSr25519Sign(keyType, public, msg)
}

// RuntimeVersion is the encoded version of the runtime code, compressed or not; ok is
// false if it has none.
func RuntimeVersion(code []byte) (version []byte, ok bool) { return extRuntimeVersion(code) }

// Level is how serious a log line is.
type Level uint8

// The levels.
const (
	LogError Level = iota
	LogWarn
	LogInfo
	LogDebug
	LogTrace
)

// Log writes a line to the node's log.
func Log(level Level, target, text string) { extLog(level, target, text) }
