package pipeline

import (
	"fmt"

	"pileus/parachain"
	"pileus/primitives"
	"pileus/relay"
	"pileus/trie"
)

// Edit changes the parachain's state from outside. The next relay block forces a new head
// upon the parachain, as its governance could: a header on top of the last block that the
// relay chain knows, with the changed state, without extrinsics, with a label in its digest
// ([parachain.EditLabel]). No validator has checked it.
type Edit struct {
	// Changes are made to the state of the block on top of which the head is forced.
	Changes func(at *parachain.Entry) ([]trie.Change, error)
	// Done is told the forced block, or why there is none.
	Done func(hash primitives.Hash, err error)
}

// Edit puts an edit into the next relay block.
func (n *Network) Edit(e Edit) { n.edits = append(n.edits, e) }

// forcedHead is an edit on its way into a relay block.
type forcedHead struct {
	Edit
	call  relay.ForceHead
	built *parachain.Built
}

// prepareEdit makes the forced head of the first edit that waits; nil if there is none. One
// relay block takes one edit.
func (n *Network) prepareEdit(parent *relayBlock) *forcedHead {
	for len(n.edits) > 0 {
		e := n.edits[0]
		f, err := n.forceHead(e, parent)
		if err == nil {
			return f
		}
		n.edits = n.edits[1:]
		e.Done(primitives.Hash{}, err)
	}
	return nil
}

func (n *Network) forceHead(e Edit, parent *relayBlock) (*forcedHead, error) {
	c := n.chains[0]
	head := primitives.ParaHeadHash(parent.state.Head(c.id))
	if pending := parent.state.Pending(c.id); len(pending) > 0 {
		head = pending[len(pending)-1].Descriptor.ParaHead()
	}
	at, ok := c.nodes[0].Get(head)
	if !ok {
		return nil, fmt.Errorf("the parachain's head %s has not come yet: try again", head.Short())
	}
	changes, err := e.Changes(at)
	if err != nil {
		return nil, err
	}
	code, err := c.Host.CodeAt(n.ctx, at.State, parachain.OnChain)
	if err != nil {
		return nil, err
	}
	built, err := parachain.NewEdit(at, changes, code.Version)
	if err != nil {
		return nil, err
	}
	return &forcedHead{e, relay.ForceHead{Para: c.id, Parent: head, Head: built.Block.Header.EncodeTo(nil)}, built}, nil
}

// editMade brings a forced head to the parachain's nodes once a relay block has it. One
// that the relay block had to leave out is tried again.
func (n *Network) editMade(f *forcedHead, calls []relay.Call) {
	if f == nil {
		return
	}
	for _, call := range calls {
		if call, ok := call.(relay.ForceHead); !ok || string(call.Head) != string(f.call.Head) {
			continue
		}
		n.edits = n.edits[1:]
		for _, p := range n.chains[0].nodes {
			n.paraStep(p, parachain.HeadForced{Built: f.built})
		}
		f.Done(f.built.Hash, nil)
		return
	}
}
