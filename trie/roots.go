package trie

import (
	"pileus/hashing"
	"pileus/scale"
)

// Pair is a key with its value.
type Pair struct{ Key, Value []byte }

// FromPairs returns the trie of the pairs; of several with one key the last counts.
func FromPairs(v Version, pairs []Pair) *Trie { return fromPairs(v, pairs, hashing.Blake2b256) }

func fromPairs(v Version, pairs []Pair, hash hashFunc) *Trie {
	changes := make([]Change, len(pairs))
	for i, p := range pairs {
		changes[i] = Change{Key: p.Key, Value: p.Value}
	}
	t, err := (&Trie{hash: hash(emptyNode)}).apply(v, changes, nil, hash)
	if err != nil {
		panic(err) // setting keys of a trie in memory loads nothing and clears nothing
	}
	return t
}

// RootOf is the root of the trie of the pairs (host function blake2_256_root).
func RootOf(v Version, pairs []Pair) hashing.Hash { return FromPairs(v, pairs).hash }

// RootOfKeccak is [RootOf] with keccak-256 in place of blake2b-256; the node format is
// the same (host function keccak_256_root).
func RootOfKeccak(v Version, pairs []Pair) hashing.Hash { return fromPairs(v, pairs, keccak).hash }

// OrderedRoot is the root of the trie that maps the compact-encoded index to each item,
// such as an extrinsics root (host function blake2_256_ordered_root).
func OrderedRoot(v Version, items [][]byte) hashing.Hash { return RootOf(v, indexed(items)) }

// OrderedRootKeccak is [OrderedRoot] with keccak-256 (host function keccak_256_ordered_root).
func OrderedRootKeccak(v Version, items [][]byte) hashing.Hash {
	return RootOfKeccak(v, indexed(items))
}

func indexed(items [][]byte) []Pair {
	pairs := make([]Pair, len(items))
	for i, item := range items {
		pairs[i] = Pair{scale.AppendCompact(nil, uint64(i)), item}
	}
	return pairs
}

func keccak(b []byte) hashing.Hash { return hashing.Keccak256(b) }
