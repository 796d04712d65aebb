package trie

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"pileus/hashing"
)

// ChildPrefix stands before the id of a child trie in the key under which the main trie
// holds the child's root: ":child_storage:default:".
const ChildPrefix = ":child_storage:default:"

// ChildKey is the key of a child trie's root in the main trie.
func ChildKey(id []byte) []byte { return append([]byte(ChildPrefix), id...) }

// State is a main trie with its child tries, immutable as they are. The root of each
// child stands in the main trie as 32 bytes at [ChildKey].
type State struct {
	top      *Trie
	children map[string]*Trie // by id; never changed once the State is made
}

// NewState returns the state of a main trie and the child tries that are at hand, by
// id. A child that is not among them is looked up in the main trie's source.
func NewState(top *Trie, children map[string]*Trie) *State {
	return &State{top: top, children: maps.Clone(children)}
}

// StateFromSource is the state with that root, main trie and child tries read from src.
func StateFromSource(root hashing.Hash, src Source) *State {
	return &State{top: FromSource(root, src)}
}

// StateFromProof is the part of a state that a storage proof shows, see [FromProof].
func StateFromProof(root hashing.Hash, nodes [][]byte) (*State, error) {
	top, err := FromProof(root, nodes)
	if err != nil {
		return nil, err
	}
	return &State{top: top}, nil
}

// Top is the main trie.
func (s *State) Top() *Trie { return s.top }

// Root is the root of the main trie: the state root.
func (s *State) Root() hashing.Hash { return s.top.hash }

// ChildRoot is the root of a child trie as the main trie has it; ok is false if there is
// no such child. It records the main trie's path. A value of another length than 32
// bytes is an error.
func (s *State) ChildRoot(id []byte, rec *Recorder) (root hashing.Hash, ok bool, err error) {
	key := ChildKey(id)
	v, ok, err := s.top.Get(key, rec)
	if err != nil || !ok {
		return root, false, err
	}
	if len(v) != len(root) {
		return root, false, fmt.Errorf("trie: %w", &ChildRootError{Key: key, Value: v})
	}
	return hashing.Hash(v), true, nil
}

// Child returns a child trie, nil if there is none. It records the main trie's path to
// its root; the host does that once per runtime call and child.
func (s *State) Child(id []byte, rec *Recorder) (*Trie, error) {
	root, ok, err := s.ChildRoot(id, rec)
	if err != nil || !ok {
		return nil, err
	}
	if c := s.children[string(id)]; c != nil && c.hash == root {
		return c, nil
	}
	return FromSource(root, childSource(s.top.src, id)), nil
}

// childSource is where the nodes of a child trie come from.
func childSource(src Source, id []byte) Source {
	if f, ok := src.(Finder); ok {
		return f.Child(id)
	}
	return src
}

// ChildIDs returns the ids of the child tries, sorted.
func (s *State) ChildIDs() ([][]byte, error) {
	it, err := s.top.Iter([]byte(ChildPrefix), nil, nil)
	if err != nil {
		return nil, err
	}
	var ids [][]byte
	for {
		key, ok, err := it.Next()
		if !ok || err != nil {
			return ids, err
		}
		ids = append(ids, key[len(ChildPrefix):])
	}
}

// ChildChanges are the changes of one child trie.
type ChildChanges struct {
	ID      []byte
	Changes []Change
}

// Apply returns the state after a block's changes: first those of the child tries, then
// those of the main trie, in which the new root of every child named is set, or deleted
// where the child has become empty. A child is named even without a change of substance
// when a block has touched it: its root key then counts as touched. An id that is named
// twice has its changes joined.
// (sp-state-machine OverlayedChanges::storage_root, Backend::full_storage_root)
func (s *State) Apply(v Version, top []Change, children []ChildChanges, rec *Recorder) (*State, error) {
	if len(children) == 0 {
		t, err := s.top.Apply(v, top, rec)
		if err != nil {
			return nil, err
		}
		return &State{t, s.children}, nil
	}
	children = slices.Clone(children)
	slices.SortStableFunc(children, func(a, b ChildChanges) int { return bytes.Compare(a.ID, b.ID) })
	next := maps.Clone(s.children)
	if next == nil {
		next = map[string]*Trie{}
	}
	top = slices.Clone(top)
	for i := 0; i < len(children); i++ {
		c := children[i]
		for i+1 < len(children) && bytes.Equal(children[i+1].ID, c.ID) {
			i++
			c.Changes = append(slices.Clone(c.Changes), children[i].Changes...)
		}
		t, err := s.Child(c.ID, rec)
		if err != nil {
			return nil, err
		}
		if t == nil {
			t = &Trie{hash: EmptyRoot, src: childSource(s.top.src, c.ID)}
		}
		if t, err = t.Apply(v, c.Changes, rec); err != nil {
			return nil, fmt.Errorf("child trie %x: %w", c.ID, err)
		}
		set := Change{Key: ChildKey(c.ID), Value: t.hash[:], Delete: t.hash == EmptyRoot}
		top = append(top, set)
		if set.Delete {
			delete(next, string(c.ID))
		} else {
			next[string(c.ID)] = t
		}
	}
	t, err := s.top.Apply(v, top, rec)
	if err != nil {
		return nil, err
	}
	return &State{t, next}, nil
}

// Written is [Trie.Written] over the main trie and the child tries.
func (s *State) Written(base *State, f func(hash hashing.Hash, data []byte)) {
	s.top.Written(base.top, f)
	for _, id := range slices.Sorted(maps.Keys(s.children)) {
		old := base.children[id]
		if old == nil {
			old = empty
		}
		if c := s.children[id]; c != old {
			c.Written(old, f)
		}
	}
}
