package pipeline

import (
	"pileus/parachain"
	"pileus/primitives"
	"pileus/relay"
	"pileus/txpool"
	"pileus/world"
)

// Observer is shown the chains themselves, where the events only tell of them. It is
// called on the network's own goroutine and must not wait for anything.
type Observer interface {
	// Relay shows a new relay block, after its parent, and which block is final with it.
	Relay(block *RelayView, final primitives.Hash)
	// Para shows what a parachain's first node wants done or tells: Imported, BestChanged
	// and Finalized are its chain.
	Para(id primitives.ParaID, out parachain.Output)
	// Pool shows what the pool of a parachain wants done or tells.
	Pool(id primitives.ParaID, out txpool.Output)
}

// RelayView is a relay block with the state after it. It does not change.
type RelayView struct {
	Hash       primitives.Hash
	Header     *primitives.Header
	Extrinsics [][]byte // without length prefixes
	State      *relay.State
	Best       bool // it has become the best block; else it is of a fork
}

func (n *Network) observeRelay(b *relayBlock, block *relay.Block) {
	if n.cfg.Observer == nil {
		return
	}
	n.cfg.Observer.Relay(&RelayView{b.hash, b.header, block.Extrinsics(), b.state, b == n.best}, n.finalBlock(n.best).hash)
}

// RelayRoot is the relay block that the run began with.
func (n *Network) RelayRoot() *RelayView {
	return &RelayView{Hash: n.root.hash, Header: n.root.header, State: n.root.state}
}

// World is where the network lives: what is posted to it, and what is called from there,
// may call the network.
func (n *Network) World() *world.World { return n.world }
