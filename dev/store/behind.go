package store

import (
	"pileus/hashing"
	"pileus/trie"
)

// Behind says where the nodes are that the store does not have: those of the live chain
// that a chain was forked from. It is called before a state is read.
func (d *DB) Behind(live trie.Finder) { d.live = live }

// Live tells whether a live chain stands behind the store.
func (d *DB) Live() bool { return d.live != nil }

// Source is where states read from: own, and what stands behind the store.
func (d *DB) Source(own trie.Source) trie.Source {
	if d.live == nil {
		return own
	}
	return behind{own, d.live}
}

// behind is a source over a live chain's state.
type behind struct {
	own  trie.Source
	live trie.Finder
}

func (b behind) Node(hash hashing.Hash) ([]byte, bool) {
	if data, ok := b.own.Node(hash); ok {
		return data, true
	}
	return b.live.Node(hash)
}

func (b behind) Find(hash hashing.Hash, key []byte, walk bool) ([]byte, error) {
	return b.live.Find(hash, key, walk)
}

func (b behind) Child(id []byte) trie.Finder { return behind{b.own, b.live.Child(id)} }
