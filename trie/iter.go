package trie

import (
	"bytes"
	"math/bits"

	"pileus/hashing"
)

// Iter walks over keys in ascending order. It enters, and so records, no more nodes
// than it needs for the next key; values are read only by [Iter.Value].
// (trie-db TrieDBRawIterator)
type Iter struct {
	t     *Trie
	rec   *Recorder
	trail []crumb
	path  []byte // nibbles of the node on top of the trail
	at    *node  // node of the key that Next returned last
}

// crumb is a node that is being walked over: next is the child index to look at, or
// entering if its own value comes first.
type crumb struct {
	n     *node
	depth int // nibbles above it, its partial key not included
	next  int8
}

const (
	entering = -1
	done     = 16
)

// Iter returns an iterator over the keys that begin with prefix and, if from is not
// nil, are not less than from. It loads and records the nodes that lead there: the root
// always, then the path to prefix and to from.
func (t *Trie) Iter(prefix, from []byte, rec *Recorder) (*Iter, error) {
	it := &Iter{t: t, rec: rec}
	first := prefix
	if len(first) == 0 {
		first = from
	}
	if _, err := t.openRoot(&place{key: first, walk: true}, rec); err != nil {
		return nil, err
	}
	if err := it.start(prefix, from); err != nil {
		return nil, err
	}
	return it, nil
}

func (it *Iter) start(prefix, from []byte) error {
	if len(prefix) == 0 {
		_, err := it.seek(from)
		return err
	}
	if bytes.Compare(from, prefix) > 0 && !bytes.HasPrefix(from, prefix) {
		return nil
	}
	inside, err := it.seek(prefix)
	if err != nil || !inside {
		it.trail = it.trail[:0]
		return withKey(err, prefix)
	}
	if len(from) == 0 || bytes.Compare(from, prefix) <= 0 {
		it.trail = it.trail[len(it.trail)-1:]
		return nil
	}
	if _, err := it.seek(from); err != nil {
		return withKey(err, from)
	}
	// What lies above the node in which prefix ends must not be walked.
	for i, c := range it.trail {
		end := c.depth + len(c.n.partial)
		if c.n.bitmap != 0 {
			end++
		}
		if end > 2*len(prefix) {
			it.trail = it.trail[i:]
			return nil
		}
	}
	it.trail = it.trail[:0]
	return nil
}

// seek makes the first key that is not less than key the next one. It reports whether
// the node reached has key as a prefix.
func (it *Iter) seek(key []byte) (bool, error) {
	it.trail, it.path = it.trail[:0], it.path[:0]
	where := place{key: key, walk: true}
	n, err := it.t.openRoot(&where, it.rec)
	if err != nil {
		return false, withKey(err, key)
	}
	if n == nil {
		return len(key) == 0, nil
	}
	rest := appendNibbles(nil, key)
	for {
		it.trail = append(it.trail, crumb{n, len(it.path), entering})
		c := &it.trail[len(it.trail)-1]
		if n.bitmap == 0 || !hasPrefix(rest, n.partial) {
			if bytes.Compare(n.partial, rest) < 0 {
				c.next = done
				return false, nil
			}
			return hasPrefix(n.partial, rest), nil
		}
		rest = rest[len(n.partial):]
		if len(rest) == 0 {
			return true, nil
		}
		c.next = int8(rest[0]) + 1
		it.path = append(append(it.path, n.partial...), rest[0])
		if n = n.child(rest[0]); n == nil {
			return false, nil
		}
		rest = rest[1:]
		if err := n.open(it.t.src, &where, it.rec); err != nil {
			return false, withKey(err, key)
		}
	}
}

// Next returns the next key, ok is false after the last one. After an error about a
// missing node the walk can go on behind that node.
func (it *Iter) Next() (key []byte, ok bool, err error) {
	for len(it.trail) > 0 {
		c := &it.trail[len(it.trail)-1]
		n := c.n
		if c.next == entering {
			c.next = 0
			if n.vkind != noValue {
				it.path = append(it.path[:c.depth], n.partial...)
				if len(it.path)&1 == 1 {
					// A key of whole bytes cannot end here; only forged nodes do.
					return nil, false, errOddKey
				}
				it.at = n
				return packNibbles(it.path), true, nil
			}
		}
		left := uint16(0)
		if c.next < done {
			left = n.bitmap >> c.next << c.next
		}
		if left == 0 {
			it.trail = it.trail[:len(it.trail)-1]
			continue
		}
		i := byte(bits.TrailingZeros16(left))
		c.next = int8(i) + 1
		kid := n.child(i)
		it.path = append(append(it.path[:c.depth], n.partial...), i)
		if err := kid.open(it.t.src, &place{nibbles: it.path, walk: true}, it.rec); err != nil {
			return nil, false, err
		}
		it.trail = append(it.trail, crumb{kid, len(it.path), entering})
	}
	it.at = nil
	return nil, false, nil
}

// Value returns the value of the key that [Iter.Next] returned last; a hashed value is
// recorded.
func (it *Iter) Value() ([]byte, error) {
	if it.at == nil {
		return nil, nil
	}
	return it.at.value(it.t.src, &place{nibbles: it.path, walk: true}, it.rec)
}

// NextKey returns the least key that is greater than key. It records the path of key as
// far as it exists, then each node entered until the next key.
func (t *Trie) NextKey(key []byte, rec *Recorder) (next []byte, ok bool, err error) {
	it, err := t.Iter(nil, append(bytes.Clone(key), 0), rec)
	if err != nil {
		return nil, false, withKey(err, key)
	}
	next, ok, err = it.Next()
	return next, ok, withKey(err, key)
}

// KeyWalk answers a series of next-key questions about one trie. As long as each asks
// for what follows the last answer it continues one iterator, without touching the
// nodes above again; else it starts anew. The host keeps one for the main trie during a
// runtime call (sp-state-machine TrieBackend::next_storage_key).
type KeyWalk struct {
	t    *Trie
	rec  *Recorder
	it   *Iter
	last []byte
}

// KeyWalk returns a walk that has not begun.
func (t *Trie) KeyWalk(rec *Recorder) *KeyWalk { return &KeyWalk{t: t, rec: rec} }

// Next returns the least key that is greater than key.
func (w *KeyWalk) Next(key []byte) (next []byte, ok bool, err error) {
	if w.it == nil || !bytes.Equal(w.last, key) {
		if w.it, err = w.t.Iter(nil, key, w.rec); err != nil {
			w.it = nil
			return nil, false, withKey(err, key)
		}
		next, ok, err = w.it.Next()
		if ok && bytes.Equal(next, key) {
			next, ok, err = w.it.Next()
		}
	} else {
		next, ok, err = w.it.Next()
	}
	if !ok {
		w.it = nil
		return nil, false, withKey(err, key)
	}
	w.last = append(w.last[:0], next...)
	return next, true, nil
}

// Visit calls f for every key in order, values included, until f returns false.
// It records nothing.
func (t *Trie) Visit(f func(key, value []byte) bool) error {
	it, err := t.Iter(nil, nil, nil)
	if err != nil {
		return err
	}
	for {
		key, ok, err := it.Next()
		if !ok || err != nil {
			return err
		}
		value, err := it.Value()
		if err != nil {
			return withKey(err, key)
		}
		if !f(key, value) {
			return nil
		}
	}
}

// Written calls f for every node and hashed value that this trie has and base, an
// earlier version of it, has not: what a store must add, and what later blocks of a
// bundle have for free. Inline nodes ride in their parents.
func (t *Trie) Written(base *Trie, f func(hash hashing.Hash, data []byte)) {
	if t.root == nil || t.root.gen <= base.gen {
		return
	}
	if !t.root.ref {
		f(t.hash, t.root.enc)
	}
	t.root.written(base.gen, f)
}

func (n *node) written(since uint32, f func(hashing.Hash, []byte)) {
	if n.ref {
		f(n.hash, n.enc)
	}
	if n.hashed != nil && n.hashed.gen > since {
		f(n.hashed.hash, *n.hashed.data.Load())
	}
	for _, k := range n.kids {
		if k.gen > since {
			k.written(since, f)
		}
	}
}
