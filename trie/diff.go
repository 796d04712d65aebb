package trie

import (
	"bytes"

	"pileus/hashing"
)

// MerkleValue is that of the closest descendant of key: of the node with the shortest
// path that begins with key. It is the node's hash, or its encoding where that is shorter
// than a hash; of the root always the hash. ok is false if no key begins with key.
// (trie-db Trie::lookup_first_descendant)
func (t *Trie) MerkleValue(key []byte) (value []byte, ok bool, err error) {
	if t.root == nil {
		return nil, false, nil
	}
	if err := t.root.load(t.src, &place{key: key}); err != nil {
		return nil, false, withKey(err, key)
	}
	n, rest := t.root, appendNibbles(nil, key)
	for {
		if hasPrefix(n.partial, rest) {
			break
		}
		if !hasPrefix(rest, n.partial) {
			return nil, false, nil
		}
		rest = rest[len(n.partial):]
		if n = n.child(rest[0]); n == nil {
			return nil, false, nil
		}
		rest = rest[1:]
		if err := n.load(t.src, &place{key: key}); err != nil {
			return nil, false, withKey(err, key)
		}
	}
	switch {
	case n == t.root:
		return t.hash[:], true, nil
	case n.ref:
		hash := n.hash
		return hash[:], true, nil
	}
	return n.enc, true, nil
}

// Diff calls f for every key that begins with prefix and has another value in t than in
// base, in ascending order, until f returns false; the value of an absent key is nil.
// What both tries share is not looked at.
func (t *Trie) Diff(base *Trie, prefix []byte, f func(key, before, after []byte) bool) error {
	d := &differ{base: base, trie: t, prefix: appendNibbles(nil, prefix), f: f}
	a, err := d.open(base, base.root)
	if err != nil {
		return err
	}
	b, err := d.open(t, t.root)
	if err != nil {
		return err
	}
	_, err = d.walk(spot{a, 0}, spot{b, 0})
	return err
}

// differ walks over two tries at once.
type differ struct {
	base, trie *Trie
	prefix     []byte // nibbles
	path       []byte // nibbles
	f          func(key, before, after []byte) bool
}

// spot is a place in a trie: in a node, behind so many nibbles of its partial key.
type spot struct {
	n  *node // nil: nothing is there
	at int
}

// down is the spot one nibble further; entered tells that another node begins there.
func (s spot) down(nibble byte) (next spot, entered bool) {
	switch {
	case s.n == nil:
		return spot{}, false
	case s.at < len(s.n.partial):
		if s.n.partial[s.at] != nibble {
			return spot{}, false
		}
		return spot{s.n, s.at + 1}, false
	}
	kid := s.n.child(nibble)
	return spot{kid, 0}, kid != nil
}

// carrier is the node whose value stands at the spot, nil if none does.
func (s spot) carrier() *node {
	if s.n == nil || s.at < len(s.n.partial) || s.n.vkind == noValue {
		return nil
	}
	return s.n
}

func (d *differ) open(t *Trie, n *node) (*node, error) {
	if n == nil {
		return nil, nil
	}
	return n, n.load(t.src, &place{nibbles: d.path, walk: true})
}

// same tells whether both spots are one and the same subtree.
func same(a, b spot) bool {
	switch {
	case a.n == nil || b.n == nil:
		return a.n == b.n
	case a.at != b.at:
		return false
	case a.n == b.n:
		return true
	case a.n.ref != b.n.ref:
		return false
	case a.n.ref:
		return a.n.hash == b.n.hash && a.n.hash != hashing.Hash{}
	}
	return a.n.enc != nil && bytes.Equal(a.n.enc, b.n.enc)
}

// walk compares two spots with the same path; more is false when f wants no more.
func (d *differ) walk(a, b spot) (more bool, err error) {
	if same(a, b) {
		return true, nil
	}
	if len(d.path) >= len(d.prefix) {
		before, err := d.valueAt(d.base, a)
		if err != nil {
			return false, err
		}
		after, err := d.valueAt(d.trie, b)
		if err != nil {
			return false, err
		}
		if (before == nil) != (after == nil) || !bytes.Equal(before, after) {
			if len(d.path)&1 == 1 {
				return false, errOddKey
			}
			if !d.f(packNibbles(d.path), before, after) {
				return false, nil
			}
		}
	}
	depth := len(d.path)
	for i := range byte(16) {
		if depth < len(d.prefix) && d.prefix[depth] != i {
			continue
		}
		d.path = append(d.path[:depth], i)
		x, err := d.down(d.base, a, i)
		if err != nil {
			return false, err
		}
		y, err := d.down(d.trie, b, i)
		if err != nil {
			return false, err
		}
		if more, err := d.walk(x, y); err != nil || !more {
			return false, err
		}
	}
	d.path = d.path[:depth]
	return true, nil
}

// valueAt is the value at a spot, nil if none stands there.
func (d *differ) valueAt(t *Trie, s spot) ([]byte, error) {
	n := s.carrier()
	if n == nil {
		return nil, nil
	}
	v, err := n.value(t.src, &place{nibbles: d.path, walk: true}, nil)
	if v == nil && err == nil {
		v = []byte{}
	}
	return v, err
}

// down is the spot one nibble further; a node that begins there is read.
func (d *differ) down(t *Trie, s spot, nibble byte) (spot, error) {
	next, entered := s.down(nibble)
	if !entered {
		return next, nil
	}
	_, err := d.open(t, next.n)
	return next, err
}
