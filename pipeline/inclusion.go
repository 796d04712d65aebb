package pipeline

import (
	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
)

// relayEvent tells what happened to candidates, sessions and code in a relay block.
func (n *Network) relayEvent(b *relayBlock, e relay.Event) {
	switch e.Kind {
	case relay.Backed:
		n.ledger.each(e.Candidate, func(x *entry) { x.wasBacked, x.pending = true, true })
		n.tell(Backed{n.candidate(e), b.number(), e.RelayParentNumber, e.Core, e.Group})
	case relay.Included:
		blocks, collator := 0, ""
		n.ledger.each(e.Candidate, func(x *entry) { x.pending = false; blocks++; collator = x.collator; n.blockIncluded(x) })
		n.tell(Included{n.candidate(e), b.number(), e.BackedIn, collator, max(blocks, 1)})
	case relay.TimedOut:
		n.ledger.each(e.Candidate, func(x *entry) { x.pending = false })
		n.tell(TimedOut{n.candidate(e), b.number(), e.BackedIn})
	case relay.DroppedAtSession:
		n.ledger.each(e.Candidate, func(x *entry) { x.pending = false })
	case relay.SessionChanged:
		n.tell(SessionChanged{e.Session, b.number()})
	case relay.UpgradeScheduled, relay.UpgradeAccepted, relay.UpgradeAborted, relay.UpgradeGoAhead, relay.CodeUpgraded, relay.UpgradeCooldownOver:
		n.tell(Upgrade{e.Para, e.Kind.String(), e.Code, b.number()})
	}
}

// blockIncluded takes account of what an included block carries.
func (n *Network) blockIncluded(e *entry) {
	for _, c := range n.chains {
		if b := c.blocks[e.Hash]; c.id == e.Para && b != nil {
			c.transfersIncluded(b)
		}
	}
}

// candidate names the candidate of a relay event with its block, as far as that is known.
func (n *Network) candidate(e relay.Event) Candidate {
	c := Candidate{ParaBlock{Para: e.Para, Hash: hashing.Blake2b256(e.Head)}, e.Candidate}
	c.Number, _ = headNumber(e.Head)
	if known := n.collations[e.Candidate]; known != nil {
		c.ParaBlock = known.ParaBlock
	}
	return c
}

// settle closes the accounts of a para's blocks that the relay block has decided.
func (n *Network) settle(b *relayBlock, para primitives.ParaID, session primitives.SessionIndex) {
	head := b.state.Head(para)
	included := ParaBlock{Para: para, Hash: hashing.Blake2b256(head)}
	if number, ok := headNumber(head); ok {
		included.Number = number
	}
	for _, e := range n.ledger.settle(b.number(), session, included) {
		n.tell(Dropped{e.ParaBlock, e.collator, b.number(), e.reason, e.detail})
	}
}

// headNumber is the block number in head data that is a header.
func headNumber(head []byte) (uint32, bool) {
	var h primitives.Header
	if err := scale.Decode(head, &h); err != nil {
		return 0, false
	}
	return h.Number, true
}
