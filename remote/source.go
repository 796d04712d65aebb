package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"pileus/hashing"
	"pileus/trie"
)

// How many keys are asked for at once.
const (
	proofKeys = 1000 // in one proof
	firstWalk = 32   // keys ahead when a walk begins; twice as many each time it goes on
	maxWalk   = 512

	// A map of which so many keys were missed is fetched whole, unless it has more than maxMap
	// keys: every block writes another key of System.BlockHash, and needs its neighbours.
	oftenMissed = 3
	maxMap      = 5000
	mapPrefix   = 32 // bytes of pallet and item in a key
)

// source is a [trie.Finder]: nodes come from the store, and what it lacks by a proof of
// the key that is being read. A proof counts only as far as it leads from the state root
// to the key, so nothing wrong can come in, whoever answers.
type source struct {
	ctx     context.Context // of the chain: its end is the end of all requests
	client  *client         // nil: the node did not answer at the start, only what is kept is there
	store   *store
	root    hashing.Hash
	at      string            // block hash, 0x
	child   []byte            // id of a child trie; nil: the main trie
	fail    func(error) error // says which node and block
	lacking func(key []byte, err error)
	count   func(keys int)

	fetching *sync.Mutex // one at a time, so that nothing is fetched twice
	walk     walk
	missed   map[string]int // keys of the maps of the main trie
}

// walk is how far the keys ahead of a walk over a trie were fetched.
type walk struct {
	last []byte
	size int
}

// Node implements [trie.Source].
func (s *source) Node(hash hashing.Hash) ([]byte, bool) { return s.store.get(hash) }

// Child implements [trie.Finder].
func (s *source) Child(id []byte) trie.Finder {
	c := *s
	c.child, c.walk, c.missed = bytes.Clone(id), walk{}, nil
	return &c
}

// Find implements [trie.Finder].
func (s *source) Find(hash hashing.Hash, key []byte, walk bool) ([]byte, error) {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if data, ok := s.store.get(hash); ok { // while this one waited
		return data, nil
	}
	data, err := s.fetch(hash, key, walk)
	if err != nil {
		err = s.fail(err)
		if s.lacking != nil {
			s.lacking(key, err)
		}
	}
	return data, err
}

func (s *source) fetch(hash hashing.Hash, key []byte, walk bool) ([]byte, error) {
	if s.client == nil {
		return nil, fmt.Errorf("%w, and this is not among what is kept of it", ErrUnreachable)
	}
	keys := [][]byte{key}
	switch {
	case walk:
		keys = append(keys, s.ahead(key)...)
	case s.missed != nil && len(key) > mapPrefix:
		prefix := string(key[:mapPrefix])
		if s.missed[prefix]++; s.missed[prefix] == oftenMissed {
			keys = append(keys, s.whole([]byte(prefix))...)
		}
	}
	if err := s.prove(keys); err != nil {
		return nil, err
	}
	data, ok := s.store.get(hash)
	if !ok {
		return nil, ErrProof
	}
	return data, nil
}

// ahead are the keys that follow. They are a hint: a node that does not list keys, or
// lists wrong ones, costs time only.
func (s *source) ahead(key []byte) [][]byte {
	w := &s.walk
	if w.size > 0 && bytes.Compare(key, w.last) >= 0 && len(key) >= 16 && bytes.HasPrefix(w.last, key[:16]) {
		w.size = min(2*w.size, maxWalk)
	} else {
		w.size = firstWalk
	}
	from := "0x" + hex.EncodeToString(key)
	method, params := "state_getKeysPaged", []any{"0x", w.size, from, s.at}
	if s.child != nil {
		method, params = "childstate_getKeysPaged", append([]any{childKey(s.child)}, params...)
	}
	raw, err := s.client.call(s.ctx, method, params...)
	if err != nil {
		return nil
	}
	keys, err := decodeKeys(raw, w.size)
	if err != nil || len(keys) == 0 {
		return nil
	}
	w.last = keys[len(keys)-1]
	return keys
}

// whole are all keys of a map, none if it is large. Maps are sorted by hashes, so how much
// of their range one page covers tells how many there are. They are a hint, as with ahead.
func (s *source) whole(prefix []byte) (keys [][]byte) {
	text := "0x" + hex.EncodeToString(prefix)
	for start := any(nil); len(keys) <= maxMap; start = "0x" + hex.EncodeToString(keys[len(keys)-1]) {
		raw, err := s.client.call(s.ctx, "state_getKeysPaged", text, maxKeys, start, s.at)
		if err != nil {
			return nil
		}
		page, err := decodeKeys(raw, maxKeys)
		if err != nil {
			return nil
		}
		keys = append(keys, page...)
		if len(page) < maxKeys {
			return keys
		}
		last := append(bytes.TrimPrefix(page[len(page)-1], prefix), make([]byte, 4)...)
		if covered := binary.BigEndian.Uint32(last); uint64(len(keys))<<32 > maxMap*uint64(covered) {
			return nil
		}
	}
	return nil
}

func childKey(id []byte) string { return "0x" + hex.EncodeToString(trie.ChildKey(id)) }

// prove fetches a proof of the keys, by halves where an answer is too large, and keeps its nodes.
func (s *source) prove(keys [][]byte) error {
	for len(keys) > proofKeys {
		if err := s.prove(keys[:proofKeys]); err != nil {
			return err
		}
		keys = keys[proofKeys:]
	}
	texts := make([]string, 0, len(keys))
	for _, key := range keys {
		texts = append(texts, "0x"+hex.EncodeToString(key))
	}
	method, params := "state_getReadProof", []any{texts, s.at}
	if s.child != nil {
		method, params = "state_getChildReadProof", []any{childKey(s.child), texts, s.at}
	}
	raw, err := s.client.call(s.ctx, method, params...)
	err = explain(err)
	pruned := err
	if errors.Is(err, ErrPruned) {
		// What has not changed since has the same nodes in the newest state.
		if raw, err = s.client.call(s.ctx, "chain_getFinalizedHead"); err == nil {
			params[len(params)-1] = raw
			raw, err = s.client.call(s.ctx, method, params...)
		}
		err = explain(err)
	}
	if errors.Is(err, ErrTooLarge) && len(keys) > 1 {
		if err := s.prove(keys[:len(keys)/2]); err != nil {
			return err
		}
		return s.prove(keys[len(keys)/2:])
	}
	if err != nil {
		return err
	}
	nodes, err := decodeProof(raw)
	if err != nil {
		return err
	}
	proven, err := s.check(nodes, keys)
	if err != nil && pruned != nil {
		return pruned
	}
	if err != nil {
		return err
	}
	s.store.add(proven)
	if s.count != nil {
		s.count(len(keys))
	}
	return nil
}

// check reads the keys out of a proof and returns the nodes that it took. Those that are
// in the store already need not be in the proof.
func (s *source) check(nodes, keys [][]byte) ([]node, error) {
	set := trie.NewNodeSet(nodes)
	rec := trie.NewRecorder()
	state := trie.StateFromSource(s.root, overlay{set, s.store})
	read := state.Top()
	if s.child != nil {
		var err error
		if read, err = state.Child(s.child, rec); err != nil {
			return nil, fmt.Errorf("%w (%v)", ErrProof, err)
		}
	}
	for _, key := range keys {
		if read == nil { // there is no such child
			break
		}
		if _, _, err := read.Get(key, rec); err != nil {
			return nil, fmt.Errorf("%w (%v)", ErrProof, err)
		}
	}
	var proven []node
	for _, hash := range rec.Hashes() {
		if data, ok := set[hash]; ok {
			proven = append(proven, node{hash, data})
		}
	}
	return proven, nil
}

// overlay is a proof over the store.
type overlay struct {
	set   trie.NodeSet
	store *store
}

func (o overlay) Node(hash hashing.Hash) ([]byte, bool) {
	if data, ok := o.set.Node(hash); ok {
		return data, true
	}
	return o.store.get(hash)
}
