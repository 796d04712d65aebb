package parachain

import "pileus/primitives"

// Backend is a node's view of the chain as a collator looks at it.
type Backend struct{ node *Node }

// Backend returns the view, which follows the node.
func (n *Node) Backend() Backend { return Backend{n} }

// Header is the header of an imported block.
func (b Backend) Header(hash primitives.Hash) (*primitives.Header, bool) {
	e, ok := b.node.Get(hash)
	if !ok {
		return nil, false
	}
	return &e.Block.Header, true
}

// Children lists the imported children of a block, in order of import.
func (b Backend) Children(hash primitives.Hash) []primitives.Hash { return b.node.Children(hash) }

// Best is the best block.
func (b Backend) Best() primitives.Hash { return b.node.best }
