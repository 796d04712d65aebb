package trie

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"pileus/scale"
)

// ErrDuplicateNodes is the cause of an error of [CheckDistinct].
var ErrDuplicateNodes = errors.New("storage proof holds a node twice")

// errOddKey: a value at half a byte (trie-db ValueAtIncompleteKey).
var errOddKey = fmt.Errorf("trie: %w: a value stands at half a byte of a key", ErrNode)

// ChildRootError says that the main trie holds something else than a root where a child
// trie's root belongs.
type ChildRootError struct{ Key, Value []byte }

func (e *ChildRootError) Error() string {
	return fmt.Sprintf("key %x holds %d bytes, not a child root", e.Key, len(e.Value))
}

// Limits on what a proof from outside may hold: more than any block can carry.
const (
	maxProofNodes = 1 << 20
	maxProofNode  = 64 << 20
)

// Proof is a storage proof: the set of raw nodes and hashed values that some reads of a
// state need. It travels as Vec<Vec<u8>>, sorted by bytes (sp-trie StorageProof).
type Proof [][]byte

// EncodeTo appends the nodes as a sorted set.
func (p Proof) EncodeTo(b []byte) []byte {
	return scale.AppendBytesVec(b, sortedSet(p))
}

// DecodeFrom reads nodes in any order, repeated ones too, into a sorted set.
func (p *Proof) DecodeFrom(d *scale.Decoder) {
	*p = sortedSet(d.BytesVec(maxProofNodes, maxProofNode))
}

// CheckDistinct refuses nodes of which one is there twice (StorageProof::new_with_duplicate_nodes_check).
func CheckDistinct(nodes [][]byte) error {
	if len(sortedSet(nodes)) != len(nodes) {
		return ErrDuplicateNodes
	}
	return nil
}

func sortedSet(nodes [][]byte) [][]byte {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, bytes.Compare)
	return slices.CompactFunc(nodes, bytes.Equal)
}

// ReadProof returns the storage proof for reading the keys, present or absent, sorted.
func ReadProof(t *Trie, keys [][]byte) ([][]byte, error) {
	rec := NewRecorder()
	for _, key := range keys {
		if _, _, err := t.Get(key, rec); err != nil {
			return nil, err
		}
	}
	return rec.Proof(), nil
}

// ReadChildProof returns the storage proof for reading keys of a child trie, the main
// trie's path to its root included.
func ReadChildProof(s *State, id []byte, keys [][]byte) ([][]byte, error) {
	rec := NewRecorder()
	child, err := s.Child(id, rec)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if child == nil {
			break
		}
		if _, _, err := child.Get(key, rec); err != nil {
			return nil, err
		}
	}
	return rec.Proof(), nil
}
