// Package blocktree keeps the blocks of a chain as a tree: what was imported, which
// branches there are, what is final. It serves the relay chain and parachains alike and
// knows nothing of what a block holds.
//
// Everything it lists comes in the order of import, so equal histories give equal answers.
package blocktree

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"pileus/hashing"
)

// Hash names a block.
type Hash = hashing.Hash

// Errors of [Tree.Insert], [Tree.Finalize] and [Tree.Remove].
var (
	ErrKnown         = errors.New("block is in the tree already")
	ErrUnknown       = errors.New("block is not in the tree")
	ErrUnknownParent = errors.New("parent block is not in the tree")
	ErrFinalized     = errors.New("block contradicts the finalized one")
	ErrFull          = errors.New("block tree is full")
)

// Tree is a tree of blocks with values of type B.
//
//	oldest ── … ── finalized ─┬─ block ─── leaf
//	(a bare chain)            └─ block ─┬─ leaf
//	                                    └─ leaf
//
// Up to the finalized block it is a chain, of which the oldest part can be dropped with
// [Tree.Shorten]; beyond it all branches are kept until one of them becomes final.
// A Tree serves one goroutine.
type Tree[B any] struct {
	blocks    map[Hash]*entry[B]
	oldest    *entry[B]
	finalized *entry[B]
	leaves    []*entry[B] // ascending by seq
	seq       uint64      // imports so far
	limit     int
}

type entry[B any] struct {
	hash     Hash
	number   uint32
	seq      uint64
	parent   *entry[B] // nil for the oldest
	children []*entry[B]
	block    B
}

// Block is a block with its place, as a tree hands it out when it lets go of it.
type Block[B any] struct {
	Hash   Hash
	Number uint32
	Value  B
}

func (e *entry[B]) out() Block[B] { return Block[B]{e.hash, e.number, e.block} }

// New returns a tree whose first block, final by definition, is the given one. It holds
// at most limit blocks; a limit of 0 or less means any number.
func New[B any](hash Hash, number uint32, block B, limit int) *Tree[B] {
	e := &entry[B]{hash: hash, number: number, block: block}
	return &Tree[B]{
		blocks: map[Hash]*entry[B]{hash: e},
		oldest: e, finalized: e, leaves: []*entry[B]{e}, limit: limit,
	}
}

// Insert adds a block on top of parent; its number is the parent's plus one. The errors
// wrap [ErrKnown], [ErrUnknownParent], [ErrFinalized] (the parent lies below the
// finalized block) and [ErrFull].
func (t *Tree[B]) Insert(hash, parent Hash, block B) error {
	if _, ok := t.blocks[hash]; ok {
		return fmt.Errorf("insert block %s: %w", hash.Short(), ErrKnown)
	}
	p := t.blocks[parent]
	switch {
	case p == nil:
		return fmt.Errorf("insert block %s: %w: %s", hash.Short(), ErrUnknownParent, parent.Short())
	case p.number < t.finalized.number:
		return fmt.Errorf("insert block %s on #%d: %w, #%d", hash.Short(), p.number, ErrFinalized, t.finalized.number)
	case t.limit > 0 && len(t.blocks) >= t.limit:
		return fmt.Errorf("insert block %s: %w (%d blocks)", hash.Short(), ErrFull, t.limit)
	}
	t.seq++
	e := &entry[B]{hash: hash, number: p.number + 1, seq: t.seq, parent: p, block: block}
	t.blocks[hash] = e
	if len(p.children) == 0 {
		t.leaves = slices.DeleteFunc(t.leaves, func(l *entry[B]) bool { return l == p })
	}
	p.children = append(p.children, e)
	t.leaves = append(t.leaves, e)
	return nil
}

// Len is the number of blocks.
func (t *Tree[B]) Len() int { return len(t.blocks) }

// Has tells whether the block is in the tree.
func (t *Tree[B]) Has(hash Hash) bool { return t.blocks[hash] != nil }

// Get returns a block's value.
func (t *Tree[B]) Get(hash Hash) (block B, ok bool) {
	e := t.blocks[hash]
	if e == nil {
		return block, false
	}
	return e.block, true
}

// Set replaces the value of a block that is in the tree, and tells whether it is.
func (t *Tree[B]) Set(hash Hash, block B) bool {
	e := t.blocks[hash]
	if e != nil {
		e.block = block
	}
	return e != nil
}

// Number is a block's number.
func (t *Tree[B]) Number(hash Hash) (number uint32, ok bool) {
	e := t.blocks[hash]
	if e == nil {
		return 0, false
	}
	return e.number, true
}

// Parent is the hash of a block's parent; false for the oldest block and for unknown ones.
func (t *Tree[B]) Parent(hash Hash) (parent Hash, ok bool) {
	e := t.blocks[hash]
	if e == nil || e.parent == nil {
		return parent, false
	}
	return e.parent.hash, true
}

// Finalized is the finalized block, and its number.
func (t *Tree[B]) Finalized() (Hash, uint32) { return t.finalized.hash, t.finalized.number }

// Oldest is the first block that is kept, and its number.
func (t *Tree[B]) Oldest() (Hash, uint32) { return t.oldest.hash, t.oldest.number }

// Leaves lists the blocks without children, in order of import.
func (t *Tree[B]) Leaves() []Hash { return hashes(t.leaves) }

// Children lists a block's children, in order of import.
func (t *Tree[B]) Children(hash Hash) []Hash {
	if e := t.blocks[hash]; e != nil {
		return hashes(e.children)
	}
	return nil
}

// AtNumber lists the blocks of that number, in order of import.
func (t *Tree[B]) AtNumber(number uint32) []Hash {
	var list []*entry[B]
	for _, l := range t.leaves {
		e := l.at(number)
		if e != nil && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, bySeq[B])
	return hashes(list)
}

// Ancestors yields the block itself, its parent, and so on to the oldest.
func (t *Tree[B]) Ancestors(hash Hash) iter.Seq2[Hash, B] {
	return func(yield func(Hash, B) bool) {
		for e := t.blocks[hash]; e != nil && yield(e.hash, e.block); e = e.parent {
		}
	}
}

// AncestorAt is the block with that number on the way from the oldest block to hash,
// hash itself included.
func (t *Tree[B]) AncestorAt(hash Hash, number uint32) (Hash, bool) {
	if e := t.blocks[hash]; e != nil {
		if e = e.at(number); e != nil {
			return e.hash, true
		}
	}
	return Hash{}, false
}

// IsAncestor tells whether a lies on the way from the oldest block to b. A block counts
// as its own ancestor; unknown blocks have and are none.
func (t *Tree[B]) IsAncestor(a, b Hash) bool {
	x, y := t.blocks[a], t.blocks[b]
	return x != nil && y != nil && y.at(x.number) == x
}

// Route is the way from one block to another: the blocks that are left (from first,
// downwards) and those that are entered (to last, upwards), without their last common
// ancestor, which is returned too. ok is false if one of the blocks is unknown.
func (t *Tree[B]) Route(from, to Hash) (retracted, enacted []Hash, common Hash, ok bool) {
	a, b := t.blocks[from], t.blocks[to]
	if a == nil || b == nil {
		return nil, nil, common, false
	}
	for a != b {
		if a.number >= b.number {
			retracted = append(retracted, a.hash)
			a = a.parent
		} else {
			enacted = append(enacted, b.hash)
			b = b.parent
		}
	}
	slices.Reverse(enacted)
	return retracted, enacted, a.hash, true
}

// Finalize makes a block final. It returns the blocks that became final by it, lowest
// first, and those that were dropped because they contradict it, in order of import.
// The errors wrap [ErrUnknown] and [ErrFinalized] (the block does not descend from the
// finalized one). Finalizing the finalized block again does nothing.
func (t *Tree[B]) Finalize(hash Hash) (finalized, pruned []Block[B], err error) {
	e := t.blocks[hash]
	switch {
	case e == nil:
		return nil, nil, fmt.Errorf("finalize block %s: %w", hash.Short(), ErrUnknown)
	case e.at(t.finalized.number) != t.finalized:
		return nil, nil, fmt.Errorf("finalize block %s (#%d): %w, #%d", hash.Short(), e.number, ErrFinalized, t.finalized.number)
	}
	var gone []*entry[B]
	for on := e; on != t.finalized; on = on.parent {
		finalized = append(finalized, on.out())
		for _, sibling := range on.parent.children {
			if sibling != on {
				gone = t.drop(gone, sibling)
			}
		}
		on.parent.children = []*entry[B]{on}
	}
	slices.Reverse(finalized)
	t.finalized = e
	t.leaves = slices.DeleteFunc(t.leaves, t.isGone)
	return finalized, out(gone), nil
}

// Remove drops a block with everything on top of it, and returns that in order of
// import. The errors wrap [ErrUnknown] and [ErrFinalized].
func (t *Tree[B]) Remove(hash Hash) (removed []Block[B], err error) {
	e := t.blocks[hash]
	switch {
	case e == nil:
		return nil, fmt.Errorf("remove block %s: %w", hash.Short(), ErrUnknown)
	case e.number <= t.finalized.number:
		return nil, fmt.Errorf("remove block %s (#%d): %w, #%d", hash.Short(), e.number, ErrFinalized, t.finalized.number)
	}
	p := e.parent
	p.children = slices.DeleteFunc(p.children, func(c *entry[B]) bool { return c == e })
	gone := t.drop(nil, e)
	t.leaves = slices.DeleteFunc(t.leaves, t.isGone)
	if len(p.children) == 0 {
		at, _ := slices.BinarySearchFunc(t.leaves, p, bySeq[B])
		t.leaves = slices.Insert(t.leaves, at, p)
	}
	return out(gone), nil
}

// Shorten drops the oldest blocks so that no more than keep stay below the finalized
// one, and returns them, lowest first.
func (t *Tree[B]) Shorten(keep int) (dropped []Block[B]) {
	for int64(t.finalized.number)-int64(t.oldest.number) > int64(max(keep, 0)) {
		e := t.oldest
		dropped = append(dropped, e.out())
		delete(t.blocks, e.hash)
		t.oldest = e.children[0]
		t.oldest.parent = nil
	}
	return dropped
}

// drop takes e and everything on top of it out of the map.
func (t *Tree[B]) drop(gone []*entry[B], e *entry[B]) []*entry[B] {
	todo := []*entry[B]{e}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], e.children...)
		delete(t.blocks, e.hash)
		gone = append(gone, e)
	}
	return gone
}

func (t *Tree[B]) isGone(e *entry[B]) bool { return t.blocks[e.hash] != e }

// at is the ancestor of e with that number, e included.
func (e *entry[B]) at(number uint32) *entry[B] {
	for e != nil && e.number > number {
		e = e.parent
	}
	if e == nil || e.number != number {
		return nil
	}
	return e
}

func bySeq[B any](a, b *entry[B]) int {
	switch {
	case a.seq < b.seq:
		return -1
	case a.seq > b.seq:
		return 1
	}
	return 0
}

func hashes[B any](list []*entry[B]) []Hash {
	h := make([]Hash, len(list))
	for i, e := range list {
		h[i] = e.hash
	}
	return h
}

func out[B any](list []*entry[B]) []Block[B] {
	slices.SortFunc(list, bySeq[B])
	blocks := make([]Block[B], len(list))
	for i, e := range list {
		blocks[i] = e.out()
	}
	return blocks
}
