package trie

import "pileus/hashing"

// Delta compares two states place by place, child tries included. It calls added for every
// node and hashed value of s that stands where base has another one or none, and removed
// for every one of base that stands where s has another one or none. One that stands at
// several places counts at each of them, so that a store can keep count:
//
//	places in s = places in base + added - removed
//
// What both share is not looked at. Inline nodes ride in their parents.
func (s *State) Delta(base *State, added func(hash hashing.Hash, data []byte), removed func(hash hashing.Hash)) error {
	return (&delta{base: base, state: s, added: added, removed: removed}).tries(base.top, s.top)
}

// delta walks over two tries at once.
type delta struct {
	base, state *State // nil in a child trie
	from, to    *Trie
	added       func(hashing.Hash, []byte)
	removed     func(hashing.Hash)
	path        []byte // nibbles
}

var childNibbles = appendNibbles(nil, []byte(ChildPrefix))

func (d *delta) tries(from, to *Trie) error {
	if from.hash == to.hash {
		return nil
	}
	d.from, d.to = from, to
	// A root stands under its hash however short it is.
	if from.root != nil {
		if err := d.load(from, from.root); err != nil {
			return err
		}
		d.removed(from.hash)
	}
	if to.root != nil {
		if err := d.load(to, to.root); err != nil {
			return err
		}
		d.added(to.hash, to.root.enc)
	}
	return d.walk(spot{from.root, 0}, spot{to.root, 0})
}

func (d *delta) load(t *Trie, n *node) error {
	return n.load(t.src, &place{nibbles: d.path, walk: true})
}

// walk compares what is below two spots with the same path; their nodes are counted already.
func (d *delta) walk(a, b spot) error {
	depth := len(d.path)
	defer func() { d.path = d.path[:depth] }()
	switch {
	case a.n == nil && b.n == nil:
		return nil
	case a.n == nil:
		d.path = append(d.path, b.n.partial[b.at:]...)
		b.at = len(b.n.partial)
	case b.n == nil:
		d.path = append(d.path, a.n.partial[a.at:]...)
		a.at = len(a.n.partial)
	default:
		common := commonPrefix(a.n.partial[a.at:], b.n.partial[b.at:])
		d.path = append(d.path, a.n.partial[a.at:a.at+common]...)
		a.at, b.at = a.at+common, b.at+common
	}
	if err := d.values(a, b); err != nil {
		return err
	}
	end := len(d.path)
	for i := range byte(16) {
		x, entered := a.down(i)
		y, also := b.down(i)
		if x.n == nil && y.n == nil || entered && also && same(x, y) {
			continue
		}
		d.path = append(d.path[:end], i)
		if entered {
			if err := d.load(d.from, x.n); err != nil {
				return err
			}
			if x.n.ref {
				d.removed(x.n.hash)
			}
		}
		if also {
			if err := d.load(d.to, y.n); err != nil {
				return err
			}
			if y.n.ref {
				d.added(y.n.hash, y.n.enc)
			}
		}
		if err := d.walk(x, y); err != nil {
			return err
		}
	}
	return nil
}

// values compares the values at two spots: those that stand apart, and the roots of child tries.
func (d *delta) values(a, b spot) error {
	x, y := a.carrier(), b.carrier()
	if x != nil && y != nil && x.hashed != nil && y.hashed != nil && x.hashed.hash == y.hashed.hash {
		return nil
	}
	if x != nil && x.hashed != nil {
		d.removed(x.hashed.hash)
	}
	if y != nil && y.hashed != nil {
		data, err := y.hashed.bytes(d.to.src, &place{nibbles: d.path, walk: true})
		if err != nil {
			return err
		}
		d.added(y.hashed.hash, data)
	}
	if d.state == nil || len(d.path)&1 == 1 || !hasPrefix(d.path, childNibbles) {
		return nil
	}
	id := packNibbles(d.path[len(childNibbles):])
	from, to := childAt(d.base, id, x), childAt(d.state, id, y)
	return (&delta{added: d.added, removed: d.removed}).tries(from, to)
}

// childAt is the child trie whose root is the value of n; the empty one where that is no root.
func childAt(s *State, id []byte, n *node) *Trie {
	if n == nil || n.vkind != inlineValue || len(n.inline) != len(hashing.Hash{}) {
		return empty
	}
	root := hashing.Hash(n.inline)
	if c := s.children[string(id)]; c != nil && c.hash == root {
		return c
	}
	return FromSource(root, childSource(s.top.src, id))
}
