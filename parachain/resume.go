package parachain

import (
	"fmt"

	"pileus/blocktree"
	"pileus/primitives"
	"pileus/trie"
)

// Resumed is what a node had in its chain when it was stopped.
type Resumed struct {
	Final *Entry
	Above []*Entry // on top of Final, parents first
	Best  primitives.Hash
}

// NewEntry is a block as it was imported earlier.
func NewEntry(b *primitives.Block, state *trie.State) *Entry {
	return &Entry{Hash: b.Header.Hash(), Block: b, State: state}
}

// ResumeNode returns a node that goes on from what one had when it was stopped.
func ResumeNode(r Resumed) (*Node, error) {
	n := newNode(r.Final)
	for _, e := range r.Above {
		if err := n.tree.Insert(e.Hash, e.Block.Header.ParentHash, e); err != nil {
			return nil, fmt.Errorf("resume the parachain: %w", err)
		}
	}
	if !n.tree.Has(r.Best) {
		return nil, fmt.Errorf("resume the parachain: the best block %s is not among those stored", r.Best.Short())
	}
	n.best = r.Best
	return n, nil
}

func newNode(first *Entry) *Node {
	return &Node{
		tree:      blocktree.New(first.Hash, first.Number(), first, 0),
		best:      first.Hash,
		executing: map[uint64]*incoming{},
		queued:    map[primitives.Hash]*incoming{},
		waiting:   map[primitives.Hash][]*incoming{},
		bad:       map[primitives.Hash]bool{},
		missing:   map[primitives.Hash]bool{},
	}
}
