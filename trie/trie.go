// Package trie is the state trie of the relay chain and of parachains: radix 16,
// no extension nodes, nodes addressed by blake2b-256.
//
// A [Trie] is immutable. [Trie.Apply] returns a new one that shares every node that
// did not change, so that many blocks' states live side by side and what only an old
// one needs goes with it. A node carries its encoding and hash from the moment it is
// made: nothing is hashed twice.
//
// The nodes come from memory ([New] and Apply), from a proof ([FromProof]) or from a
// store ([FromSource]); wherever they come from, the same reads and changes touch the
// same nodes, and a [Recorder] sees the same bytes. That is what a proof rests on: the
// author records on the whole state, and the validation function repeats the block on
// nothing but the recorded nodes.
//
// [State] is a main trie together with its child tries.
//
// Sources: crates sp-trie 47 (node_header, node_codec, recorder, trie_codec) and
// trie-db 0.32 (triedbmut, lookup, iterator, trie_codec, proof); the format is also
// described at https://spec.polkadot.network/chap-state.
package trie

import (
	"bytes"
	"errors"
	"fmt"

	"pileus/hashing"
)

// Version is the layout in which values are written; reading knows both.
type Version uint8

const (
	// V0 keeps every value inside its node.
	V0 Version = 0
	// V1 keeps a value of 33 or more bytes apart, the node holds its hash.
	V1 Version = 1
)

// hashedFrom is the length from which V1 stores a value apart (sp-core
// TRIE_VALUE_NODE_THRESHOLD).
const hashedFrom = 33

// EmptyRoot is the root of a trie without keys, in both versions: blake2b-256 of 0x00.
var EmptyRoot = hashing.Blake2b256(emptyNode)

var emptyNode = []byte{0}

// ErrNode is the cause of an error about bytes that are no node.
var ErrNode = errors.New("not a trie node")

// ErrUpstreamDefect is the cause of an error of [Trie.Apply] for a change on which the
// released crate corrupts its trie: clearing an absent key that ends on the edge above
// a branch which has a partial key and a value deletes that branch's value
// (paritytech/trie issue 217). A node and a validation function would agree on a wrong
// root; failing is the only answer that neither diverges nor corrupts.
var ErrUpstreamDefect = errors.New("clearing this absent key would delete another key's value (paritytech/trie #217)")

// MissingNodeError says that a read needs a node or value that the proof or store does
// not hold. It does not mean that the key is absent.
type MissingNodeError struct {
	Hash hashing.Hash // of the node or value
	Key  []byte       // that was read or changed; nil where no single key was
	Err  error        // why a [Finder] could not find it; nil of other sources
}

func (e *MissingNodeError) Error() string {
	s := fmt.Sprintf("trie: node %s is missing", e.Hash)
	if e.Key != nil {
		s = fmt.Sprintf("trie: key %x needs node %s, which is missing", e.Key, e.Hash)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns why it could not be found.
func (e *MissingNodeError) Unwrap() error { return e.Err }

// Source hands out nodes and hashed values by their hash. The returned bytes must stay
// unchanged; the trie keeps them. It is called by several goroutines at once.
type Source interface {
	Node(hash hashing.Hash) ([]byte, bool)
}

// Finder is a [Source] that can look elsewhere, such as at another node of the network,
// for what it does not hold. There nothing is found by its hash, only by a key.
type Finder interface {
	Source
	// Find returns the node or hashed value with that hash, which stands on the path of
	// key and which Node did not have. Where a node's place is half a byte, key is filled
	// up with zero. walk says that the keys that follow are likely to be asked for next.
	// It may wait for the network; it is called by several goroutines at once.
	Find(hash hashing.Hash, key []byte, walk bool) ([]byte, error)
	// Child is the Finder of a child trie.
	Child(id []byte) Finder
}

// Trie is one version of a trie. It is immutable: readers need no lock, and nodes that
// are loaded on first use are loaded once for all versions that share them.
type Trie struct {
	root *node // nil for the empty trie
	hash hashing.Hash
	src  Source
	gen  uint32 // number of Apply calls behind this version, see node.gen
}

var empty = &Trie{hash: EmptyRoot}

// New returns the empty trie.
func New() *Trie { return empty }

// FromSource returns the trie with that root, whose nodes src hands out on first use.
func FromSource(root hashing.Hash, src Source) *Trie {
	if root == EmptyRoot {
		return &Trie{hash: EmptyRoot, src: src}
	}
	return &Trie{root: stub(root), hash: root, src: src}
}

// FromProof returns the part of the trie with that root that nodes show. Reading
// anything else is a [*MissingNodeError]. Surplus nodes are harmless; a proof without
// the root node is an error, as in sp-trie's create_proof_check_backend.
func FromProof(root hashing.Hash, nodes [][]byte) (*Trie, error) {
	set := NewNodeSet(nodes)
	if _, ok := set.Node(root); !ok && root != EmptyRoot {
		return nil, fmt.Errorf("trie: proof without its root node: %w", &MissingNodeError{Hash: root})
	}
	return FromSource(root, set), nil
}

// NodeSet is a [Source] of nodes in memory, such as those of a proof.
type NodeSet map[hashing.Hash][]byte

// NewNodeSet hashes the nodes, which it keeps.
func NewNodeSet(nodes [][]byte) NodeSet {
	s := make(NodeSet, len(nodes))
	for _, n := range nodes {
		s[hashing.Blake2b256(n)] = n
	}
	return s
}

// Node implements [Source].
func (s NodeSet) Node(h hashing.Hash) ([]byte, bool) {
	n, ok := s[h]
	return n, ok
}

// Root is the root hash.
func (t *Trie) Root() hashing.Hash { return t.hash }

// Source is where nodes come from that are not in memory; nil if all are.
func (t *Trie) Source() Source { return t.src }

// IsEmpty tells whether the trie has no keys.
func (t *Trie) IsEmpty() bool { return t.root == nil }

// Get returns the value at key, which must not be modified. ok is false for an absent
// key; an empty value is a non-nil empty slice. It records the nodes on the path, and a
// hashed value as an entry of its own.
func (t *Trie) Get(key []byte, rec *Recorder) (value []byte, ok bool, err error) {
	n, err := t.find(key, rec)
	if n == nil || err != nil {
		return nil, false, err
	}
	value, err = n.value(t.src, &place{key: key}, rec)
	if err != nil {
		return nil, false, withKey(err, key)
	}
	return value, true, nil
}

// Has tells whether key is present. It records the nodes on the path, never a value.
func (t *Trie) Has(key []byte, rec *Recorder) (bool, error) {
	n, err := t.find(key, rec)
	return n != nil && err == nil, err
}

// ValueHash is blake2b-256 of the value at key. A hashed value is neither loaded nor
// recorded.
func (t *Trie) ValueHash(key []byte, rec *Recorder) (h hashing.Hash, ok bool, err error) {
	n, err := t.find(key, rec)
	if n == nil || err != nil {
		return h, false, err
	}
	if n.hashed != nil {
		return n.hashed.hash, true, nil
	}
	return hashing.Blake2b256(n.inline), true, nil
}

// find returns the node that holds the value of key, nil if there is none.
func (t *Trie) find(key []byte, rec *Recorder) (*node, error) {
	where := place{key: key}
	n, err := t.openRoot(&where, rec)
	if n == nil || err != nil {
		return nil, withKey(err, key)
	}
	for at, end := 0, 2*len(key); ; {
		if end-at < len(n.partial) {
			return nil, nil
		}
		for _, nib := range n.partial {
			if nibbleAt(key, at) != nib {
				return nil, nil
			}
			at++
		}
		if at == end {
			if n.vkind == noValue {
				return nil, nil
			}
			return n, nil
		}
		if n = n.child(nibbleAt(key, at)); n == nil {
			return nil, nil
		}
		at++
		if err := n.open(t.src, &where, rec); err != nil {
			return nil, withKey(err, key)
		}
	}
}

// openRoot loads and records the root node; it is nil for the empty trie, whose node
// 0x00 is recorded too.
func (t *Trie) openRoot(where *place, rec *Recorder) (*node, error) {
	if t.root == nil {
		rec.add(EmptyRoot, emptyNode)
		return nil, nil
	}
	if err := t.root.load(t.src, where); err != nil {
		return nil, err
	}
	rec.add(t.hash, t.root.enc)
	return t.root, nil
}

func nibbleAt(key []byte, i int) byte {
	if i&1 == 0 {
		return key[i>>1] >> 4
	}
	return key[i>>1] & 15
}

// withKey tells a missing node's error the key that needed it.
func withKey(err error, key []byte) error {
	var m *MissingNodeError
	if err != nil && errors.As(err, &m) && m.Key == nil {
		return &MissingNodeError{Hash: m.Hash, Key: append([]byte{}, key...), Err: m.Err}
	}
	return err
}

// appendNibbles appends the nibbles of key, high half first.
func appendNibbles(dst, key []byte) []byte {
	for _, b := range key {
		dst = append(dst, b>>4, b&15)
	}
	return dst
}

// packNibbles turns an even number of nibbles into bytes.
func packNibbles(nibbles []byte) []byte {
	key := make([]byte, len(nibbles)/2)
	for i := range key {
		key[i] = nibbles[2*i]<<4 | nibbles[2*i+1]
	}
	return key
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func hasPrefix(s, prefix []byte) bool { return bytes.HasPrefix(s, prefix) }
