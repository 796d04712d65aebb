package pipeline

import (
	"errors"
	"fmt"

	"pileus/primitives"
)

// ErrForkDepth says that a fork would begin below the block that is final.
var ErrForkDepth = errors.New("a fork cannot begin below the final relay block")

// ForkRelay lets the relay chain build a branch of its own from depth blocks below the best
// one, a block per slot, until it is longer than the best chain and so the best one itself:
//
//	… ── base ── a ── b            best so far: no block comes on top of it
//	       └──── a' ── b' ── c'    c' is the best block, a and b are retracted
//
// What a and b had backed or included is undone with them; what stands on parachain blocks
// whose relay parent is a or b can never be included. A running fork is replaced.
func (n *Network) ForkRelay(depth int) error {
	base := n.ancestor(n.best, depth)
	if depth < 1 || base == nil || base.number() < n.final.number() {
		return fmt.Errorf("%w: give a depth from 1 to %d", ErrForkDepth, n.best.number()-n.final.number())
	}
	n.fork = base
	return nil
}

// SetFinalityLag lets relay finality stay lag blocks behind the best block from now on; it
// never goes back.
func (n *Network) SetFinalityLag(lag int) { n.finalityLag = lag }

// tip is the relay block on which the next slot's author builds.
func (n *Network) tip() *relayBlock {
	if n.fork != nil {
		return n.fork
	}
	return n.best
}

// reorg makes the blocks of the abandoned branch, which ended with old, undone, and those of
// the new one, which ends with b, done.
func (n *Network) reorg(old, b *relayBlock) {
	retracted, enacted, base := n.branches(old, b)
	e := RelayReorg{From: old.number(), To: b.number(), Base: base.number()}
	for _, r := range retracted {
		e.Retracted = append(e.Retracted, r.hash)
	}
	n.fork = nil
	n.tell(e)
	pending := map[primitives.CandidateHash]bool{}
	for _, c := range n.chains {
		for _, p := range base.state.Pending(c.id) {
			pending[p.Hash] = true
		}
	}
	n.ledger.retract(base.number(), pending)
	for _, x := range enacted {
		n.enact(x)
	}
}

// branches are the blocks of two branches above the last one that they share: of the first
// downwards, of the second upwards.
func (n *Network) branches(from, to *relayBlock) (retracted, enacted []*relayBlock, base *relayBlock) {
	for from != to {
		if from.number() >= to.number() {
			retracted = append(retracted, from)
			from = n.relay[from.header.ParentHash]
		} else {
			enacted = append([]*relayBlock{to}, enacted...)
			to = n.relay[to.header.ParentHash]
		}
	}
	return retracted, enacted, from
}

// enact tells what a block of the best chain has decided.
func (n *Network) enact(b *relayBlock) {
	for _, e := range b.events {
		n.relayEvent(b, e)
	}
	for _, c := range n.chains {
		n.settle(b, c.id, b.state.SessionIndexForChild())
	}
}

// finalBlock is the highest relay block that is final with b as the best one.
func (n *Network) finalBlock(b *relayBlock) *relayBlock {
	if f := n.ancestor(b, n.finalityLag); f != nil && f.number() > n.final.number() {
		n.final = f
	}
	return n.final
}

// RelayReorg tells that the relay chain has switched to another branch.
type RelayReorg struct {
	From      uint32            `json:"from"` // number of the old best block
	To        uint32            `json:"to"`   // number of the new one
	Base      uint32            `json:"base"` // of the last block that both have
	Retracted []primitives.Hash `json:"retracted"`
}

func (RelayReorg) event() string { return "RelayReorg" }
