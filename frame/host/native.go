//go:build !wasip1

package host

import (
	"pileus/hashing"
	"pileus/trie"
)

// Native is what a runtime asks of a node besides storage, for runs outside Wasm. Nil
// functions refuse: no signature is valid, no code has a version, log lines go nowhere.
type Native struct {
	Sr25519Verify  func(sig *[64]byte, msg []byte, public *[32]byte) bool
	Ed25519Verify  func(sig *[64]byte, msg []byte, public *[32]byte) bool
	EcdsaRecover   func(sig *[65]byte, hash *[32]byte) (public [33]byte, ok bool)
	RuntimeVersion func(code []byte) (version []byte, ok bool)
	Log            func(level Level, target, text string)
}

var native Native

// SetNative replaces the functions and returns the previous ones.
func SetNative(n Native) (previous Native) {
	previous, native = native, n
	return previous
}

const noStorage = "no storage: natively a runtime runs inside host.Run"

func extGet([]byte) ([]byte, bool)                               { panic(noStorage) }
func extBorrow([]byte) ([]byte, Loan, bool)                      { panic(noStorage) }
func extReturn(Loan)                                             { panic(noStorage) }
func extExists([]byte) bool                                      { panic(noStorage) }
func extSet(_, _ []byte)                                         { panic(noStorage) }
func extClear([]byte)                                            { panic(noStorage) }
func extAppend(_, _ []byte)                                      { panic(noStorage) }
func extClearPrefix([]byte, *uint32) (uint32, bool)              { panic(noStorage) }
func extNextKey([]byte) ([]byte, bool)                           { panic(noStorage) }
func extRoot(trie.Version) hashing.Hash                          { panic(noStorage) }
func extBegin()                                                  { panic(noStorage) }
func extCommit()                                                 { panic(noStorage) }
func extRollback()                                               { panic(noStorage) }
func extProofSize() uint64                                       { panic(noStorage) }
func extSr25519Generate([4]byte, []byte) [32]byte                { panic("no keystore outside a node") }
func extOrderedRoot(v trie.Version, items [][]byte) hashing.Hash { return trie.OrderedRoot(v, items) }

func extSr25519Sign([4]byte, *[32]byte, []byte) (sig [64]byte, ok bool) {
	panic("no keystore outside a node")
}

func extSr25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	return native.Sr25519Verify != nil && native.Sr25519Verify(sig, msg, public)
}

func extEd25519Verify(sig *[64]byte, msg []byte, public *[32]byte) bool {
	return native.Ed25519Verify != nil && native.Ed25519Verify(sig, msg, public)
}

func extEcdsaRecover(sig *[65]byte, hash *[32]byte) (public [33]byte, ok bool) {
	if native.EcdsaRecover == nil {
		return public, false
	}
	return native.EcdsaRecover(sig, hash)
}

func extRuntimeVersion(code []byte) ([]byte, bool) {
	if native.RuntimeVersion == nil {
		return nil, false
	}
	return native.RuntimeVersion(code)
}

func extLog(level Level, target, text string) {
	if native.Log != nil {
		native.Log(level, target, text)
	}
}
