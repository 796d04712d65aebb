package store

import (
	"errors"

	"pileus/blocktree"
	"pileus/trie"
)

// ErrReverted ends the subscriptions of a chain that was set back: subscribe anew.
var ErrReverted = errors.New("the chain was set back")

// Mark is a chain at one moment, to go back to.
type Mark struct {
	best   Hash
	blocks []*record // the finalized one, then those above it, parents first
}

// State is the state of a block of the mark; nil if it is none of it.
func (m *Mark) State(hash Hash) *trie.State {
	for _, r := range m.blocks {
		if r.Hash == hash {
			return r.state
		}
	}
	return nil
}

// Mark remembers the chain as it is.
func (c *Chain) Mark() *Mark {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := &Mark{best: c.best, blocks: []*record{c.final[len(c.final)-1]}}
	for _, b := range c.unfinalized() {
		m.blocks = append(m.blocks, c.blocks[b.Hash])
	}
	return m
}

// Revert sets the chain back to a mark: what came later, final or not, has never been. All
// subscriptions end with [ErrReverted]. A chain in a [DB] was
// saved before, and when it was marked; one that prunes has held the finalized block of
// the mark since then ([Chain.Hold]).
func (c *Chain) Revert(m *Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	final := m.blocks[0]
	for len(c.final) > 0 && c.final[len(c.final)-1].Number() > final.Number() {
		c.final = c.final[:len(c.final)-1]
	}
	if len(c.final) == 0 || c.final[len(c.final)-1].Hash != final.Hash {
		c.final = []*record{final} // those below it are in the store
	}
	c.blocks, c.losers = map[Hash]*record{}, nil
	for _, r := range c.final {
		c.blocks[r.Hash] = r
	}
	c.tree = blocktree.New(final.Hash, final.Number(), final, 0)
	if c.db != nil {
		c.unsaved = chainBatch{final: []*Block{final.Block}, revert: m}
	}
	for _, r := range m.blocks[1:] {
		c.blocks[r.Hash] = r
		_ = c.tree.Insert(r.Hash, r.Parent(), r) // as in the chain that was marked
	}
	c.best = m.best
	c.events.End(ErrReverted)
}
