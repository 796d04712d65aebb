package pipeline

import (
	"errors"
	"fmt"

	"pileus/erasure"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/relay"
	"pileus/trie"
	"pileus/txpool"
	"pileus/validator"
	"pileus/world"
)

// Resume is what a network had when it was stopped: the chains, and the data of candidates that
// wait to be included, as validators keep it on their disks. What was on its way between nodes is gone, as when all of them are started anew at once.
type Resume struct {
	Relay     []StoredRelay // the newest ones, parents first; the last one is the best
	Root      StoredRelay   // the block that the chain began with
	Para      parachain.Resumed
	Available map[primitives.CandidateHash]*primitives.AvailableData
}

// StoredRelay is a relay block with its state.
type StoredRelay struct {
	Header *primitives.Header
	State  *trie.Trie
}

// KeptRelayBlocks is how many relay blocks a network wants to go on from, as far as there are so many.
const KeptRelayBlocks = 16

// resume takes up the chains.
func (n *Network) resume() error {
	r := n.cfg.Resume
	if len(r.Relay) == 0 || len(n.chains) == 0 {
		return errors.New("resume the relay chain: there is no relay block")
	}
	for _, s := range r.Relay {
		b := &relayBlock{hash: s.Header.Hash(), header: s.Header, state: relay.Restore(s.State, n.cfg.Relay.Params())}
		b.slot = b.state.Slot()
		n.relay[b.hash], n.best = b, b
	}
	n.first = n.best.number() + 1
	n.final = n.relay[r.Relay[0].Header.Hash()]
	n.root = &relayBlock{hash: r.Root.Header.Hash(), header: r.Root.Header, state: relay.Restore(r.Root.State, n.cfg.Relay.Params())}
	n.chance = world.NewChance(n.cfg.Seed, fmt.Sprintf("latency from relay block %d", n.first))
	n.saved = r.Available
	c := n.chains[0]
	for _, p := range c.nodes {
		var err error
		if p.Node, err = parachain.ResumeNode(r.Para); err != nil {
			return err
		}
		p.collator = c.newCollator(p)
	}
	best := c.nodes[0].Best()
	c.pool = txpool.New(txpool.DefaultLimits(), best.Hash, best.Number())
	hash, err := parachain.CodeHash(best.State, parachain.OnChain)
	c.code = hash
	return err
}

// goOnFrom gives everybody the relay blocks, which are new to them.
func (n *Network) goOnFrom(r *Resume) error {
	for _, s := range r.Relay {
		b := n.relay[s.Header.Hash()]
		n.know(b)
		for _, v := range n.validators {
			n.step(v, validator.Leaf{Header: b.header, State: b.state})
		}
	}
	for _, v := range n.validators {
		n.step(v, validator.Finalized{Number: n.best.number() - min(n.best.number(), uint32(n.finalityLag))})
	}
	for _, c := range n.chains {
		for _, p := range c.nodes {
			n.relayImported(p, n.best)
		}
	}
	return n.err
}

// savedChunk is a chunk of data that an earlier run had made available.
func (n *Network) savedChunk(f validator.FetchChunk) *erasure.Chunk {
	data := n.saved[f.CandidateHash]
	if data == nil {
		return nil
	}
	_, chunks, err := n.split(len(n.sessions[f.Session]), data)
	if err != nil || int(f.Index) >= len(chunks) {
		return nil
	}
	return &chunks[f.Index]
}

// Available is the data of the candidates that are pending in the best relay block, as far
// as it is known: what a [Resume] needs.
func (n *Network) Available() map[primitives.CandidateHash]*primitives.AvailableData {
	list := map[primitives.CandidateHash]*primitives.AvailableData{}
	for _, c := range n.chains {
		for _, pending := range n.best.state.Pending(c.id) {
			if known := n.collations[pending.Hash]; known != nil && known.pvd != nil {
				list[pending.Hash] = &primitives.AvailableData{PoV: *known.pov, ValidationData: *known.pvd}
			} else if saved := n.saved[pending.Hash]; saved != nil {
				list[pending.Hash] = saved
			}
		}
	}
	return list
}
