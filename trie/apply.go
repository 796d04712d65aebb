package trie

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"

	"pileus/hashing"
)

// Change sets or deletes one key.
type Change struct {
	Key    []byte
	Value  []byte // empty or nil is an empty value
	Delete bool   // the key is removed, Value is ignored
}

type hashFunc func([]byte) hashing.Hash

// Apply returns the trie after changes, values written in the layout of v. The changes
// are sorted by key (of several to one key the last counts) and then made one after the
// other: that order decides which nodes are loaded, and rec sees just those that the
// reference implementation (sp-trie delta_trie_root) would see:
//
//   - setting a key: the nodes on its path, the one that is split included;
//   - deleting one: the nodes on its path; a branch that is left without value and with
//     one child also loads that child, to merge with it.
//
// Values are copied. An error leaves nothing behind but what rec has recorded.
func (t *Trie) Apply(v Version, changes []Change, rec *Recorder) (*Trie, error) {
	return t.apply(v, changes, rec, hashing.Blake2b256)
}

func (t *Trie) apply(v Version, changes []Change, rec *Recorder, hash hashFunc) (*Trie, error) {
	if len(changes) == 0 {
		return t, nil
	}
	byKey := func(a, b Change) int { return bytes.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(changes, byKey) {
		changes = slices.Clone(changes)
		slices.SortStableFunc(changes, byKey)
	}
	e := editor{t: t, version: v, rec: rec, hash: hash, gen: t.gen + 1}
	root := t.root
	for i := range changes {
		var err error
		if root, err = e.change(root, &changes[i]); err != nil {
			return nil, withKey(err, changes[i].Key)
		}
	}
	return e.finish(root), nil
}

// editor holds what one Apply needs. Nodes with enc == nil are its own.
type editor struct {
	t       *Trie
	version Version
	rec     *Recorder
	hash    hashFunc
	gen     uint32
	path    []byte // nibbles of the key that is being changed
}

func (e *editor) change(root *node, c *Change) (*node, error) {
	switch {
	case root == nil:
		// The empty node is looked up like any other.
		e.rec.add(EmptyRoot, emptyNode)
	case root == e.t.root:
		if _, err := e.t.openRoot(&place{key: c.Key}, e.rec); err != nil {
			return nil, err
		}
	}
	path := appendNibbles(make([]byte, 0, 2*len(c.Key)), c.Key)
	e.path = path
	if c.Delete {
		if root == nil {
			return nil, nil
		}
		n, _, err := e.remove(root, path)
		return n, err
	}
	n, _, err := e.insert(root, path, c.Value)
	return n, err
}

// finish seals the dirty nodes and returns the new trie.
func (e *editor) finish(root *node) *Trie {
	if root == nil {
		return &Trie{hash: e.hash(emptyNode), src: e.t.src, gen: e.gen}
	}
	if root == e.t.root {
		return e.t
	}
	e.seal(root)
	t := &Trie{root: root, hash: root.hash, src: e.t.src, gen: e.gen}
	if !root.ref {
		t.hash = e.hash(root.enc)
	}
	return t
}

func (e *editor) seal(n *node) {
	for _, k := range n.kids {
		// Only loaded nodes can be dirty; a stub's enc belongs to whoever loads it.
		if k.gen == e.gen && k.enc == nil {
			e.seal(k)
		}
	}
	n.seal(e.hash)
}

// dirty returns a node of our own with the contents of n, n itself if it is ours.
func (e *editor) dirty(n *node) *node {
	if n.enc == nil {
		return n
	}
	c := &node{gen: e.gen, vkind: n.vkind, bitmap: n.bitmap, kids: slices.Clone(n.kids),
		partial: n.partial, inline: n.inline, hashed: n.hashed}
	c.state.Store(isLoaded)
	return c
}

func (e *editor) leaf(partial, value []byte) *node {
	n := &node{gen: e.gen, partial: partial}
	n.state.Store(isLoaded)
	e.put(n, value)
	return n
}

// put gives our node n that value, in the layout being written.
func (e *editor) put(n *node, value []byte) {
	if e.version == V0 || len(value) < hashedFrom {
		n.vkind, n.inline, n.hashed = inlineValue, value, nil
		if value == nil {
			n.inline = []byte{}
		}
		return
	}
	data := bytes.Clone(value)
	v := &hashedValue{hash: e.hash(value), gen: e.gen}
	v.data.Store(&data)
	n.vkind, n.inline, n.hashed = hashedValueKind, nil, v
}

// holds tells whether n has that value already, in the layout being written.
func (e *editor) holds(n *node, value []byte) bool {
	if e.version == V0 || len(value) < hashedFrom {
		return n.vkind == inlineValue && bytes.Equal(n.inline, value)
	}
	return n.vkind == hashedValueKind && n.hashed.hash == e.hash(value)
}

// open loads and records a node of the trie we started from, which stands at the end of
// the nibbles; ours are just used.
func (e *editor) open(n *node, nibbles []byte) error {
	if n.gen == e.gen {
		return nil
	}
	return n.open(e.t.src, &place{nibbles: nibbles}, e.rec)
}

// insert sets the key below n (nil: nothing there) and returns the new n and whether
// it differs. n is open.
func (e *editor) insert(n *node, key, value []byte) (*node, bool, error) {
	if n == nil {
		return e.leaf(key, value), true, nil
	}
	common := commonPrefix(n.partial, key)
	if common < len(n.partial) {
		return e.split(n, common, key, value), true, nil
	}
	if common == len(key) {
		if e.holds(n, value) {
			return n, false, nil
		}
		n = e.dirty(n)
		e.put(n, value)
		return n, true, nil
	}
	i := key[common]
	kid := n.child(i)
	if kid == nil {
		n = e.dirty(n)
		n.addChild(i, e.leaf(key[common+1:], value))
		return n, true, nil
	}
	if err := e.open(kid, e.path); err != nil {
		return nil, false, err
	}
	newKid, changed, err := e.insert(kid, key[common+1:], value)
	if err != nil || !changed {
		return n, false, err
	}
	n = e.dirty(n)
	n.kids[n.slot(i)] = newKid
	return n, true, nil
}

// split puts a branch where the key leaves n's partial key.
func (e *editor) split(n *node, common int, key, value []byte) *node {
	low := e.dirty(n)
	top := &node{gen: e.gen, partial: n.partial[:common:common]}
	top.state.Store(isLoaded)
	i := low.partial[common]
	low.partial = low.partial[common+1:]
	top.addChild(i, low)
	if common == len(key) {
		e.put(top, value)
	} else {
		top.addChild(key[common], e.leaf(key[common+1:], value))
	}
	return top
}

// remove deletes the key below n and returns what is left (nil: nothing) and whether it
// differs. n is open.
func (e *editor) remove(n *node, key []byte) (*node, bool, error) {
	if n.bitmap == 0 {
		if bytes.Equal(n.partial, key) {
			return nil, true, nil
		}
		return n, false, nil
	}
	if len(key) == 0 && len(n.partial) > 0 && n.vkind != noValue {
		return nil, false, ErrUpstreamDefect
	}
	common := commonPrefix(n.partial, key)
	switch {
	case common < len(n.partial):
		return n, false, nil
	case common == len(key):
		if n.vkind == noValue {
			return n, false, nil
		}
		n = e.dirty(n)
		n.vkind, n.inline, n.hashed = noValue, nil, nil
		n, err := e.fix(n, key)
		return n, true, err
	}
	i := key[common]
	kid := n.child(i)
	if kid == nil {
		return n, false, nil
	}
	if err := e.open(kid, e.path); err != nil {
		return nil, false, err
	}
	newKid, changed, err := e.remove(kid, key[common+1:])
	if err != nil || !changed {
		return n, false, err
	}
	n = e.dirty(n)
	if newKid != nil {
		n.kids[n.slot(i)] = newKid
		return n, true, nil
	}
	n.dropChild(i)
	n, err = e.fix(n, key)
	return n, true, err
}

// fix restores the shape of our branch n, below which key was to be changed, after it
// lost its value or a child.
func (e *editor) fix(n *node, key []byte) (*node, error) {
	switch {
	case n.bitmap == 0 && n.vkind == noValue:
		return nil, fmt.Errorf("%w: branch without value and with a single child", ErrNode)
	case n.vkind != noValue || len(n.kids) > 1:
		return n, nil
	}
	kid := n.kids[0]
	index := byte(bits.TrailingZeros16(n.bitmap))
	above := e.path[: len(e.path)-len(key) : len(e.path)-len(key)]
	if err := e.open(kid, append(append(above, n.partial...), index)); err != nil {
		return nil, err
	}
	kid = e.dirty(kid)
	partial := make([]byte, 0, len(n.partial)+1+len(kid.partial))
	partial = append(append(partial, n.partial...), index)
	kid.partial = append(partial, kid.partial...)
	return kid, nil
}

func (n *node) addChild(i byte, kid *node) {
	n.kids = slices.Insert(n.kids, n.slot(i), kid)
	n.bitmap |= 1 << i
}

func (n *node) dropChild(i byte) {
	at := n.slot(i)
	n.kids = slices.Delete(n.kids, at, at+1)
	n.bitmap &^= 1 << i
}
