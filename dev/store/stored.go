package store

import (
	"fmt"

	"pileus/blocktree"
	"pileus/hashing"
	"pileus/trie"
)

// Create returns the record of a chain that begins with a block and is kept in a store.
// The block and its state are in the first batch that it is told to fill.
func (d *DB) Create(name string, genesis *Block, state *trie.State) *Chain {
	c := New(genesis, state)
	c.db, c.name, c.pruning = d, name, d.pruning
	c.unsaved.blocks, c.unsaved.final = []newBlock{{record: c.genesis}}, []*Block{genesis}
	return c
}

// Reopen returns the record of a chain as the last [DB.Commit] has left it; nil if it was
// never begun. The states of its blocks read from src, which hands out what the store has.
func (d *DB) Reopen(name string, src trie.Source) (_ *Chain, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reopen the %s chain of the store %s: %w", name, d.path, err)
		}
	}()
	first, last, ok, err := d.finals(name)
	if err != nil || !ok {
		return nil, err
	}
	read := func(hash Hash) (*record, error) {
		b, err := d.block(name, hash)
		switch {
		case err != nil:
			return nil, err
		case b == nil:
			return nil, fmt.Errorf("%w: block %s is missing", ErrDamaged, hash)
		}
		return &record{b, trie.StateFromSource(b.Header.StateRoot, d.Source(src))}, nil
	}
	genesis, err := read(first)
	if err != nil {
		return nil, err
	}
	final, err := read(last)
	if err != nil {
		return nil, err
	}
	c := &Chain{db: d, name: name, pruning: d.pruning, genesis: genesis, tree: blocktree.New(last, final.Number(), final, 0), best: last,
		final: []*record{final}, blocks: map[Hash]*record{last: final}, holds: map[uint32]int{}}
	if d.pruning.Prunes() {
		if c.lowest, err = d.oldest(name); err != nil {
			return nil, err
		}
		c.prune()
	}
	h, err := d.heads(name)
	if err != nil {
		return nil, err
	}
	for _, hash := range h.above {
		r, err := read(hash)
		if err == nil {
			err = c.tree.Insert(hash, r.Parent(), r)
		}
		if err != nil {
			return nil, err
		}
		c.blocks[hash] = r
	}
	if !c.tree.Has(h.best) {
		return nil, fmt.Errorf("%w: the best block %s is missing", ErrDamaged, h.best)
	}
	c.best = h.best
	return c, nil
}

// Fill puts into a batch what the chain has taken down since the last one.
func (c *Chain) Fill(b *Batch) error {
	c.mu.Lock()
	to := b.chain(c.name)
	*to, c.unsaved = c.unsaved, chainBatch{}
	to.heads = heads{best: c.best}
	for _, block := range c.unfinalized() {
		to.heads.above = append(to.heads.above, block.Hash)
	}
	to.lowest = c.lowest - min(c.lowest, spare)
	c.mu.Unlock()
	for i := range to.blocks {
		n := &to.blocks[i]
		switch {
		case c.pruning.Prunes():
			if err := n.fill(b); err != nil {
				return err
			}
		case n.parent != nil:
			n.state.Written(n.parent, b.node)
		default:
			n.state.Written(trie.NewState(trie.New(), nil), b.node)
		}
	}
	return nil
}

// Saved says that what was filled in has been written: memory can let go of it.
func (c *Chain) Saved() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.final) - keptFinal; n > 0 {
		for _, r := range c.final[:n] {
			delete(c.blocks, r.Hash)
		}
		c.final = append([]*record{}, c.final[n:]...)
	}
}

// Memo is a source that reads each node once and keeps it. It serves one goroutine at the
// beginning; then it may be read by several.
type Memo struct {
	db    *DB
	nodes map[hashing.Hash][]byte
}

// NewMemo returns a memo over the store.
func (d *DB) NewMemo() *Memo { return &Memo{d, map[hashing.Hash][]byte{}} }

// Node implements [trie.Source].
func (m *Memo) Node(hash hashing.Hash) ([]byte, bool) {
	if data, ok := m.nodes[hash]; ok {
		return data, true
	}
	return m.db.Node(hash)
}

// Load reads a whole state and keeps it, so that nothing of it can be found missing later.
func (m *Memo) Load(s *trie.State) error {
	keep := loader{m}
	whole := trie.StateFromSource(s.Root(), keep)
	visit := func(t *trie.Trie) error { return t.Visit(func(_, _ []byte) bool { return true }) }
	err := visit(whole.Top())
	var ids [][]byte
	if err == nil {
		ids, err = whole.ChildIDs()
	}
	for _, id := range ids {
		var child *trie.Trie
		if child, err = whole.Child(id, nil); err != nil {
			break
		}
		if err = visit(child); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%w: state %s is not whole (%w)", ErrDamaged, s.Root(), err)
	}
	return nil
}

// loader keeps what it reads in its memo.
type loader struct{ *Memo }

// Node implements [trie.Source].
func (l loader) Node(hash hashing.Hash) ([]byte, bool) {
	data, ok := l.Memo.Node(hash)
	if ok {
		l.nodes[hash] = data
	}
	return data, ok
}
