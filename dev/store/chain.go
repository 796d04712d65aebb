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
	Pruned     bool     // the body is not kept any more
}

// Number is the block's number.
func (b *Block) Number() uint32 { return b.Header.Number }

// Parent is the hash of the block's parent.
func (b *Block) Parent() Hash { return b.Header.ParentHash }

// Errors about a block.
var (
	// ErrUnknown says that the chain does not know the block, or no more.
	ErrUnknown = errors.New("block is not known")
	// ErrDiscarded says that the block's state is not kept any more.
	ErrDiscarded = errors.New("state is discarded")
)

// StateError says why there is no state of a block, in the words of a node (sc-client-db).
type StateError struct {
	Block Hash
	Err   error // [ErrUnknown], [ErrDiscarded], or why it cannot be read
}

func (e *StateError) Error() string {
	switch e.Err {
	case ErrUnknown:
		return fmt.Sprintf("UnknownBlock: Header was not found in the database: %s", e.Block)
	case ErrDiscarded:
		return fmt.Sprintf("UnknownBlock: State already discarded for %s", e.Block)
	}
	return fmt.Sprintf("state of block %s: %v", e.Block, e.Err)
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// What a chain keeps in memory besides the blocks above the finalized one.
const (
	keptLosers = 512 // blocks of forks that lost, for those that still look at them
	keptFinal  = 64  // final blocks, where there is a [DB] to read the others from
)

// Chain is the record of one chain.
//
//	genesis ── … ── finalized ─┬─ block ── best
//	(one block per number)     └─ block
//
// The first block is the one that the record began with: a parachain's genesis; of the
// relay chain, which has been running, a block with a number of its own ([Chain.Genesis]).
//
// A chain without a [DB] keeps everything in memory; one that prunes keeps of old final
// blocks the header only, and of very old ones nothing.
type Chain struct {
	db      *DB    // nil: none
	name    string // in db
	pruning Pruning

	mu      sync.RWMutex
	genesis *record
	tree    *blocktree.Tree[*record] // the finalized block and all above it
	best    Hash
	final   []*record // by number, the last one is the highest
	blocks  map[Hash]*record
	losers  []loser // of forks that lost, the oldest first
	unsaved chainBatch

	lowest uint32         // no block below it has a state, but for the first one
	holds  map[uint32]int // by block number: how many want the states from there on

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
		genesis: r, tree: blocktree.New(genesis.Hash, genesis.Number(), r, 0), best: genesis.Hash,
		final: []*record{r}, blocks: map[Hash]*record{genesis.Hash: r}, holds: map[uint32]int{},
	}
}

// Genesis is the first block of the record. Its number is 0 for a parachain; that of the
// relay chain, which does not start at its beginning, is higher, and no block below it is known.
func (c *Chain) Genesis() *Block { return c.genesis.Block }

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
	r, err := c.find(hash)
	return r.Block, err == nil
}

// State is the state after a block. It does not change and may be read by several
// goroutines. The error is a [*StateError].
func (c *Chain) State(hash Hash) (*trie.State, error) {
	r, err := c.find(hash)
	if err == nil && r.Pruned {
		err = ErrDiscarded
	}
	if err != nil {
		return nil, &StateError{hash, err}
	}
	return r.state, nil
}

// find looks in memory, then in the store.
func (c *Chain) find(hash Hash) (record, error) {
	c.mu.RLock()
	r := c.blocks[hash]
	if hash == c.genesis.Hash {
		r = c.genesis
	}
	if r != nil && c.discarded(r) {
		r = r.light()
	}
	c.mu.RUnlock()
	if r != nil {
		return *r, nil
	}
	if c.db == nil {
		return record{}, ErrUnknown
	}
	b, err := c.db.block(c.name, hash)
	switch {
	case err != nil:
		return record{}, err
	case b == nil:
		return record{}, ErrUnknown
	}
	r = &record{b, c.db.State(b.Header.StateRoot)}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.discarded(r) {
		r = r.light()
	}
	return *r, nil
}

// CanonicalAt is the block of that number on the best chain.
func (c *Chain) CanonicalAt(number uint32) (Hash, bool) {
	c.mu.RLock()
	hash, ok := c.tree.AncestorAt(c.best, number)
	c.mu.RUnlock()
	if ok {
		return hash, true
	}
	return c.finalAt(number)
}

// finalAt is the final block of that number.
func (c *Chain) finalAt(number uint32) (Hash, bool) {
	if number == c.genesis.Number() {
		return c.genesis.Hash, true
	}
	c.mu.RLock()
	i := int64(number) - int64(c.final[0].Number())
	if i >= 0 && i < int64(len(c.final)) {
		defer c.mu.RUnlock()
		return c.final[i].Hash, true
	}
	c.mu.RUnlock()
	if i >= 0 || c.db == nil {
		return Hash{}, false
	}
	hash, ok, err := c.db.finalAt(c.name, number)
	return hash, ok && err == nil
}

// AtNumber lists the blocks of that number in order of import: one if it is final.
func (c *Chain) AtNumber(number uint32) []Hash {
	if hash, ok := c.finalAt(number); ok {
		return []Hash{hash}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
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
	if c.tree.Has(hash) {
		defer c.mu.RUnlock()
		return c.tree.Children(hash)
	}
	c.mu.RUnlock()
	b, ok := c.Get(hash)
	if !ok {
		return nil
	}
	if at, ok := c.finalAt(b.Number()); !ok || at != hash {
		return nil
	}
	if child, ok := c.finalAt(b.Number() + 1); ok {
		return []Hash{child}
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
	return route(from, to, func(hash Hash) *Block { b, _ := c.Get(hash); return b })
}

func route(from, to Hash, get func(Hash) *Block) (retracted, enacted []*Block, ok bool) {
	a, b := get(from), get(to)
	for a != nil && b != nil && a.Hash != b.Hash {
		if a.Number() >= b.Number() {
			retracted = append(retracted, a)
			a = get(a.Parent())
		} else {
			enacted = append(enacted, b)
			b = get(b.Parent())
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
	if c.db != nil {
		c.unsaved.blocks = append(c.unsaved.blocks, newBlock{record: r, parent: c.blocks[b.Parent()].state})
	}
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
	retracted, enacted, _ := route(c.best, hash, func(hash Hash) *Block {
		if r := c.blocks[hash]; r != nil {
			return r.Block
		}
		return nil
	})
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
	e, above := Finalized{}, c.final[len(c.final)-1].Number()
	for _, b := range finalized {
		c.final = append(c.final, b.Value)
		e.Blocks = append(e.Blocks, b.Value.Block)
	}
	for _, b := range pruned {
		c.losers = append(c.losers, loser{b.Hash, above})
		e.Pruned = append(e.Pruned, b.Value.Block)
	}
	if c.db != nil {
		c.unsaved.final = append(c.unsaved.final, e.Blocks...)
		c.unsaved.lost = append(c.unsaved.lost, c.losers[len(c.losers)-len(pruned):]...)
	}
	for len(c.losers) > keptLosers {
		c.forgetLoser()
	}
	c.prune()
	c.events.Tell(e)
	return nil
}

// loser is a block of a fork that has lost; the fork began at the final block of the
// number above, or higher.
type loser struct {
	hash  Hash
	above uint32
}

func (c *Chain) forgetLoser() {
	delete(c.blocks, c.losers[0].hash)
	c.losers = c.losers[1:]
}
