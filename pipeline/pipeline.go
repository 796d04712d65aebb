// Package pipeline is the story of asynchronous backing: relay chain, validators and
// collators wired into one circle.
//
//	     slot tick                                   block N reaches everybody
//	         │                                                 │
//	author: Propose ─► relay.Author ─► relay block N ─────────►┼─► validators: new leaf, bitfields,
//	         ▲         (inherent, state, seal)    relay.Import │   later second and back
//	         │                                                 └─► collators: parent search, slot claim,
//	         │                                                     inherents, block, proof, collation
//	      quorum ◄── Seconded, Valid ◄── validate_block ◄── fetch ◄── advertisement ◄───┘
//
// Every actor is a pure machine: it is told what happened and answers what it wants done.
// This package does it, in virtual time (package world), with the times of timings.go.
// What happens is told as a stream of typed events (events.go).
//
// To read the circle in order: [Network.slot], [Network.made], [Network.deliver] here; what
// validators want done in validators.go; what collators want done in collators.go.
package pipeline

import (
	"context"
	"fmt"
	"math"
	"time"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
	"pileus/world"
)

const relaySlot = primitives.RelaySlotMillis * time.Millisecond

// Network is a whole network in one process: relay chain, validators, parachains.
type Network struct {
	cfg    Config
	world  *world.World
	start  time.Duration // of the run
	chance world.Chance  // latencies
	err    error         // ends the run
	ctx    context.Context
	cancel context.CancelCauseFunc // of the run
	end    primitives.Slot         // of the run, left out
	skipTo primitives.Slot         // slots below it are passed over
	ticked primitives.Slot         // the slot that has begun last

	relay       map[hashing.Hash]*relayBlock
	best        *relayBlock
	root        *relayBlock // that the run began with
	final       *relayBlock
	fork        *relayBlock // tip of a branch that is to become the best one; nil: none
	finalityLag int         // relay blocks from the best to the final one
	first       uint32      // number of the first block that the run makes
	validators  []*node
	sessions    map[primitives.SessionIndex][]uint32 // validators of sessions, by their place among the authorities
	chains      []*chain
	ledger      *ledger
	collations  map[primitives.CandidateHash]*collation
	saved       map[primitives.CandidateHash]*primitives.AvailableData // of an earlier run
	seen        map[string]bool                                        // what is told once
	splits      map[splitKey]*split
	calls       []relay.Call                                // for the next relay block
	edits       []Edit                                      // for the next relay blocks, one each
	prechecked  map[primitives.Hash]primitives.SessionIndex // code that was voted on, in which session
}

// relayBlock is a relay block with the state after it.
type relayBlock struct {
	hash   hashing.Hash
	header *primitives.Header
	state  *relay.State
	events []relay.Event
	slot   primitives.Slot
}

func (b *relayBlock) number() uint32 { return b.header.Number }

// Run lets the network make n relay slots more. It ends early with the error of ctx, or
// when the network itself cannot go on.
func (n *Network) Run(ctx context.Context, slots uint32) error {
	from := n.nextSlot()
	end := from + primitives.Slot(slots)
	return n.drive(ctx, from, end, func(ctx context.Context) error {
		// The last slot runs to its end: up to the moment before the next one begins.
		return n.world.Run(ctx, time.Duration(end)*relaySlot-time.Millisecond)
	})
}

// Follow lets the network make relay slots as far as a clock says, until ctx ends, whose
// error it returns, or the network itself cannot go on.
func (n *Network) Follow(ctx context.Context, clock *world.Clock) error {
	return n.drive(ctx, n.nextSlot(), math.MaxUint64, func(ctx context.Context) error { return n.world.Follow(ctx, clock) })
}

// drive lets slots tick from one up to another, which is left out, while the world is run.
func (n *Network) drive(ctx context.Context, from, end primitives.Slot, run func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.ctx = ctx
	defer func() { n.ctx = context.Background() }() // for what is asked between runs
	n.cancel, n.end = cancel, end
	n.tick(from)
	err := run(ctx)
	if n.err != nil {
		return n.err
	}
	if err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// tick lets a slot begin when its time comes, and the next one after it.
func (n *Network) tick(slot primitives.Slot) {
	if slot >= n.end {
		return
	}
	n.world.First(SlotTime(slot), func() {
		if slot < n.skipTo {
			n.tick(n.skipTo)
			return
		}
		n.ticked = slot
		n.slot(slot)
		n.tick(slot + 1)
	})
}

// SlotTime is when a relay slot begins, in virtual time since the Unix epoch.
func SlotTime(slot primitives.Slot) time.Duration { return time.Duration(slot) * relaySlot }

// NextSlot is the relay slot that begins next.
func (n *Network) NextSlot() primitives.Slot {
	next := n.nextSlot()
	if n.world.Now() == SlotTime(next) && n.ticked == next {
		next++
	}
	return max(next, n.skipTo)
}

// SkipTo lets the relay slots below slot pass without blocks.
func (n *Network) SkipTo(slot primitives.Slot) { n.skipTo = max(n.skipTo, slot) }

func (n *Network) nextSlot() primitives.Slot {
	return primitives.Slot((n.world.Now() + relaySlot - 1) / relaySlot)
}

// Now is the virtual time since the start of the run.
func (n *Network) Now() time.Duration { return n.world.Now() - n.start }

// RelayBlocks is how many relay blocks the run has made.
func (n *Network) RelayBlocks() uint32 { return n.best.number() + 1 - n.first }

// slot begins a relay slot: its author is asked for what the validators have to offer.
func (n *Network) slot(slot primitives.Slot) {
	parent := n.tip()
	author := relay.SlotAuthor(parent.state, slot)
	if n.cfg.Faults.SkipSlot != nil && n.cfg.Faults.SkipSlot(slot) || n.offline(primitives.ValidatorIndex(author)) {
		n.tell(SlotMissed{Slot: slot, Why: fmt.Sprintf("validator %d made no block", author)})
		return
	}
	n.step(n.validators[author], validator.AuthorSlot{Slot: slot, Parent: parent.hash})
}

// propose makes the relay block of a slot from what its author knows.
func (n *Network) propose(author *node, p validator.Propose) {
	parent := n.relay[p.Parent]
	if parent == nil || p.Slot <= parent.slot {
		return
	}
	if n.cfg.Faults.Inherent != nil {
		n.cfg.Faults.Inherent(p.Slot, p.Data)
	}
	calls := append(n.takeCalls(), n.cfg.Faults.calls(p.Slot)...)
	edit := n.prepareEdit(parent)
	if edit != nil {
		calls = append(calls, edit.call)
	}
	block, state, events, dropped, err := relay.Author(parent.state, parent.header, p.Slot, author.signer, p.Data, calls...)
	if err != nil {
		n.fail(fmt.Errorf("author relay block #%d: %w", parent.number()+1, err))
		return
	}
	b := &relayBlock{hash: block.Header.Hash(), header: &block.Header, state: state, events: events, slot: p.Slot}
	for _, d := range dropped {
		n.tell(InherentDropped{b.number(), d.What, d.Reason})
	}
	n.world.After(relayArrival.from, func() { n.deliver(b) })
	// Nobody takes the author's word: the block is executed again from its bytes, once for all
	// nodes, while it travels. Where that fails, the run does.
	n.world.Begin(world.Job{
		What:    fmt.Sprintf("import relay block #%d", b.number()),
		MinCost: relayArrival.to,
		Run: func(context.Context) any {
			imported, _, err := relay.Import(parent.state, parent.header, block)
			if err == nil && imported.Root() != state.Root() {
				err = fmt.Errorf("state root %s differs from the author's %s", imported.Root(), state.Root())
			}
			return err
		},
		Done: func(result any) {
			if err, _ := result.(error); err != nil {
				n.fail(fmt.Errorf("import relay block #%d: %w", b.number(), err))
			}
		},
	})
	n.made(b, author, block)
	n.editMade(edit, block.Calls)
}

// made takes up a new relay block and, where it is the best one, tells what it has decided.
func (n *Network) made(b *relayBlock, author *node, block *relay.Block) {
	old, best := n.best, b.number() > n.best.number()
	n.relay[b.hash] = b
	if n.fork != nil && b.header.ParentHash == n.fork.hash {
		n.fork = b
	}
	if best {
		n.best = b
	}
	n.know(b)
	n.observeRelay(b, block)
	n.tell(RelayBlock{b.number(), b.hash, b.slot, b.state.SessionIndexForChild(), author.index, len(block.Inherent.Bitfields), len(block.Inherent.Backed)})
	switch {
	case !best:
	case b.header.ParentHash == old.hash:
		n.enact(b)
	default:
		n.reorg(old, b)
	}
	n.precheck(n.best)
	n.prune(n.best.number())
}

// deliver brings a relay block to every node, each at its own moment.
func (n *Network) deliver(b *relayBlock) {
	arrival := func() time.Duration {
		at := time.Duration(b.slot)*relaySlot + n.between(relayArrival)
		return max(at, n.world.Now())
	}
	for _, v := range n.validators {
		n.world.At(arrival(), func() {
			n.step(v, validator.Leaf{Header: b.header, State: b.state})
			if final := b.number() - min(b.number(), uint32(n.finalityLag)); final > 0 {
				n.step(v, validator.Finalized{Number: final})
			}
		})
	}
	if n.ancestor(n.best, int(n.best.number()-min(b.number(), n.best.number()))) != b {
		return // collators and their nodes follow the best chain
	}
	for _, c := range n.chains {
		for _, p := range c.nodes {
			n.world.At(arrival(), func() { n.relayImported(p, b) })
		}
		n.world.At(arrival(), func() { n.submitTransfers(c) })
	}
}

func (n *Network) between(s span) time.Duration { return n.chance.Between(s.from, s.to) }

// Fail ends the run with an error.
func (n *Network) Fail(err error) { n.fail(err) }

func (n *Network) fail(err error) {
	if n.err == nil {
		n.err = err
		n.cancel(err)
	}
}

func (n *Network) tell(e Event) {
	if n.cfg.Events != nil {
		n.cfg.Events(Timed{n.Now(), e})
	}
}

// prune forgets what no candidate can need any more.
func (n *Network) prune(number uint32) {
	const keep = 64
	if number%16 != 0 {
		return
	}
	for hash, b := range n.relay {
		if b.number()+keep < number {
			delete(n.relay, hash)
		}
	}
	for hash, c := range n.collations {
		if c.relayParent+keep < number {
			delete(n.collations, hash)
		}
	}
	for session := range n.sessions {
		if session+8 < n.best.state.SessionIndexForChild() {
			delete(n.sessions, session)
		}
	}
	for _, c := range n.chains {
		c.prune(number)
	}
	clear(n.seen)
	clear(n.splits)
}
