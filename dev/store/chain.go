// Package store keeps the record of one chain, a parachain's or the relay chain's, for
// those that ask about it while it grows: blocks, states, forks, what is best and final.
//
// One goroutine writes ([Chain.Import], [Chain.SetBest], [Chain.Finalize]), any number
// read. Reading never waits for more than a moment, and never makes the writer wait for
// a reader that is slow: a [Subscription] that does not keep up is ended.
package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"pileus/blocktree"
	"pileus/primitives"
	"pileus/trie"
)

// Hash names a block.
type Hash = primitives.Hash

// Block is a block as it was imported. It does not change.
type Block struct {
	Hash       Hash
	Header     *primitives.Header
	Extrinsics [][]byte // as in the block's body, each without its length prefix
}

// Number is the block's number.
func (b *Block) Number() uint32 { return b.Header.Number }

// Parent is the hash of the block's parent.
func (b *Block) Parent() Hash { return b.Header.ParentHash }

// ErrUnknown says that the chain does not know the block, or no more.
var ErrUnknown = errors.New("block is not known")

// keptLosers is how many blocks of forks that lost are kept for those that still look at them.
const keptLosers = 512

// Chain is the record of one chain.
//
//	genesis ── … ── finalized ─┬─ block ── best
//	(one block per number)     └─ block
//
// The first block is the one that the record began with: a parachain's genesis; of the
// relay chain, which has been running, a block with a number of its own ([Chain.Genesis]).
type Chain struct {
	mu     sync.RWMutex
	tree   *blocktree.Tree[*record] // the finalized block and all above it
	best   Hash
	final  []*record // by number, from the first block
	blocks map[Hash]*record
	losers []Hash // of forks that lost, the oldest first
	events Feed[Event]
}

type record struct {
	*Block
	state *trie.State
}

// New returns the record of a chain that has one block.
func New(genesis *Block, state *trie.State) *Chain {
	r := &record{genesis, state}
	return &Chain{
		tree: blocktree.New(genesis.Hash, genesis.Number(), r, 0), best: genesis.Hash,
		final: []*record{r}, blocks: map[Hash]*record{genesis.Hash: r},
	}
}

// Genesis is the first block of the record. Its number is 0 for a parachain; that of the
// relay chain, which does not start at its beginning, is higher, and no block below it is known.
func (c *Chain) Genesis() *Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.final[0].Block
}

// Best is the best block.
func (c *Chain) Best() *Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.blocks[c.best].Block
}

// Finalized is the highest final block.
func (c *Chain) Finalized() *Block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.final[len(c.final)-1].Block
}

// Get returns a block: one of the chain, of its forks above the finalized block, or one
// that has recently lost against a final block.
func (c *Chain) Get(hash Hash) (*Block, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.blocks[hash]
	if r == nil {
		return nil, false
	}
	return r.Block, true
}

// State is the state after a block. It does not change and may be read by several
// goroutines. The error is [ErrUnknown], or says why the state cannot be read.
func (c *Chain) State(hash Hash) (*trie.State, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.blocks[hash]
	if r == nil {
		return nil, fmt.Errorf("state of block %s: %w", hash, ErrUnknown)
	}
	return r.state, nil
}

// CanonicalAt is the block of that number on the best chain.
func (c *Chain) CanonicalAt(number uint32) (Hash, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := c.finalAt(number); r != nil {
		return r.Hash, true
	}
	return c.tree.AncestorAt(c.best, number)
}

// finalAt is the final block of that number, nil if there is none.
func (c *Chain) finalAt(number uint32) *record {
	i := int64(number) - int64(c.final[0].Number())
	if i < 0 || i >= int64(len(c.final)) {
		return nil
	}
	return c.final[i]
}

// AtNumber lists the blocks of that number in order of import: one if it is final.
func (c *Chain) AtNumber(number uint32) []Hash {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := c.finalAt(number); r != nil {
		return []Hash{r.Hash}
	}
	return c.tree.AtNumber(number)
}

// Leaves lists the blocks without children, in order of import; none is below the finalized block.
func (c *Chain) Leaves() []Hash {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tree.Leaves()
}

// Children lists a block's children in order of import; of a final block below the highest one its child.
func (c *Chain) Children(hash Hash) []Hash {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.tree.Has(hash) {
		return c.tree.Children(hash)
	}
	if r := c.blocks[hash]; r != nil && c.finalAt(r.Number()) == r {
		return []Hash{c.finalAt(r.Number() + 1).Hash}
	}
	return nil
}

// unfinalized lists the blocks above the finalized one by number, then in order of import.
func (c *Chain) unfinalized() (list []*Block) {
	_, final := c.tree.Finalized()
	for n := final + 1; ; n++ {
		level := c.tree.AtNumber(n)
		if len(level) == 0 {
			return list
		}
		for _, hash := range level {
			list = append(list, c.blocks[hash].Block)
		}
	}
}

// Route is the way from one block to another: the blocks that are left, from the first one
// down, and those that are entered, up to the last one, without their last common ancestor.
// ok is false if a block of the way is not known any more.
func (c *Chain) Route(from, to Hash) (retracted, enacted []*Block, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.route(from, to)
}

func (c *Chain) route(from, to Hash) (retracted, enacted []*Block, ok bool) {
	a, b := c.blocks[from], c.blocks[to]
	for a != nil && b != nil && a != b {
		if a.Number() >= b.Number() {
			retracted = append(retracted, a.Block)
			a = c.blocks[a.Parent()]
		} else {
			enacted = append(enacted, b.Block)
			b = c.blocks[b.Parent()]
		}
	}
	slices.Reverse(enacted)
	return retracted, enacted, a != nil && b != nil
}

// Import adds a block on top of one that is known. The best block stays what it is.
func (c *Chain) Import(b *Block, state *trie.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &record{b, state}
	if err := c.tree.Insert(b.Hash, b.Parent(), r); err != nil {
		return fmt.Errorf("record block #%d: %w", b.Number(), err)
	}
	c.blocks[b.Hash] = r
	c.events.Tell(Imported{Block: b})
	return nil
}

// SetBest makes a block the best one.
func (c *Chain) SetBest(hash Hash) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case hash == c.best:
		return nil
	case !c.tree.Has(hash):
		return fmt.Errorf("make block %s the best one: %w", hash, ErrUnknown)
	}
	c.setBest(hash)
	return nil
}

func (c *Chain) setBest(hash Hash) {
	retracted, enacted, _ := c.route(c.best, hash)
	c.best = hash
	c.events.Tell(Best{Block: c.blocks[hash].Block, Retracted: retracted, Enacted: enacted})
}

// Finalize makes a block and all below it final; forks that contradict it have lost. If
// the best block is on one of them, the finalized one is the best until another is made it.
func (c *Chain) Finalize(hash Hash) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.tree.Has(hash) {
		return fmt.Errorf("finalize block %s: %w", hash, ErrUnknown)
	}
	if !c.tree.IsAncestor(hash, c.best) {
		c.setBest(hash)
	}
	finalized, pruned, err := c.tree.Finalize(hash)
	if err != nil || len(finalized) == 0 {
		return err
	}
	c.tree.Shorten(0)
	e := Finalized{}
	for _, b := range finalized {
		c.final = append(c.final, b.Value)
		e.Blocks = append(e.Blocks, b.Value.Block)
	}
	for _, b := range pruned {
		c.losers = append(c.losers, b.Hash)
		e.Pruned = append(e.Pruned, b.Value.Block)
	}
	for len(c.losers) > keptLosers {
		delete(c.blocks, c.losers[0])
		c.losers = c.losers[1:]
	}
	c.events.Tell(e)
	return nil
}
