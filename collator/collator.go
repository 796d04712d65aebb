// Package collator has the collators of the guide as pure state machines: [Basic], the
// synchronous one of before the guide; [Lookahead], that of its phase 2; and [SlotBased],
// which runtimes with a relay parent offset need.
//
// A collator knows the relay chain only by asking it ([AskRelay]) and the runtime only by
// asking it ([AskRuntime], [CanBuildUpon]); building a block and its collation are things
// that it wants done. Each reads as the story it is (lookahead.go, basic.go, slotbased.go):
// the story stops where it needs an answer and goes on when that comes.
//
// Sources: cumulus-client-consensus-aura 0.36 (collators::{basic, lookahead, slot_based}),
// cumulus-client-consensus-common (parent search), polkadot-node-collation-generation.
package collator

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"pileus/primitives"
)

// Kind is the kind of a collator.
type Kind uint8

// The kinds.
const (
	Basic Kind = iota
	Lookahead
	SlotBased
)

// String is the name by which it is chosen.
func (k Kind) String() string { return [...]string{"basic", "lookahead", "slot-based"}[k] }

// ParaBackend is the collator's own view of the parachain: the blocks that its node has
// imported (sc_client_api::Backend as far as a collator needs it).
type ParaBackend interface {
	Header(Hash) (*primitives.Header, bool)
	Children(Hash) []Hash // in order of import
	Best() Hash
}

// Params are a collator's parameters, by the names of the guide.
type Params struct {
	Kind        Kind
	ParaID      primitives.ParaID
	ParaBackend ParaBackend
	Keystore    [][32]byte // public keys under the key type aura

	RelayChainSlotDuration time.Duration // 6 s
	AuthoringDuration      time.Duration // 2 s: the guide's phase 2
	SlotOffset             time.Duration // of the slot-based timer: 1 s
	MaxPoVPercentage       uint32        // 85
	CollatorPeerID         []byte        // of the relay-side network, for the runtime to approve; at most 64 bytes, nil: none
}

// DefaultParams are the parameters of the released nodes.
func DefaultParams(kind Kind) Params {
	return Params{Kind: kind, RelayChainSlotDuration: 6 * time.Second, AuthoringDuration: 2 * time.Second, SlotOffset: time.Second, MaxPoVPercentage: 85}
}

// Collator is one collator. It serves one goroutine.
//
//	idle ──relay block (lookahead, basic) or timer (slot-based)──► at work ──► idle
//	                     at work: asks ⇄ answers, one thing after the other
//
// What comes while it is at work waits, as in the node, whose task takes one notification
// after the other.
type Collator struct {
	p       Params
	now     time.Duration
	story   *story
	waiting []*primitives.Header // relay blocks
	best    *primitives.Header   // newest best relay block
	ticked  bool                 // a tick came while at work
	ids     uint64
	started bool
	wants   primitives.Slot // slot-based: waits for a relay block of this slot or later
}

// New returns a collator.
func New(p Params) *Collator { return &Collator{p: p} }

// Step tells the collator what happened at time now (virtual time since the Unix epoch)
// and returns what it wants done.
func (c *Collator) Step(now time.Duration, in Input) (out []Output) {
	c.now = now
	switch in := in.(type) {
	case RelayImported:
		if c.best == nil || in.Header.Number > c.best.Number {
			c.best = in.Header
		}
		if c.p.Kind != SlotBased {
			c.waiting = append(c.waiting, in.Header)
			break
		}
		if !c.started {
			c.started = true
			out = append(out, c.timer())
		}
	case Tick:
		out = append(out, c.timer())
		c.ticked = true
	case Answered:
		if c.story == nil || c.story.waits != in.ID {
			return nil
		}
		c.story.answer = in
		out = append(out, c.resume()...)
	}
	for c.story == nil {
		tell := c.next()
		if tell == nil {
			break
		}
		c.story = newStory(c, tell)
		out = append(out, c.resume()...)
	}
	return out
}

// next is the next piece of work, nil if there is none.
func (c *Collator) next() func(*story) {
	switch {
	case c.p.Kind == SlotBased:
		if c.ticked {
			c.wants = primitives.Slot((c.now - c.p.SlotOffset + 2*time.Millisecond) / c.p.RelayChainSlotDuration)
			c.ticked = false
		}
		if c.wants == 0 || c.best == nil || slotOf(c.best) < c.wants {
			return nil
		}
		c.wants = 0
		best := c.best
		return func(s *story) { c.slotBased(s, best) }
	case len(c.waiting) > 0:
		relayParent := c.waiting[0]
		c.waiting = c.waiting[1:]
		if c.p.Kind == Basic {
			return func(s *story) { c.basic(s, relayParent) }
		}
		return func(s *story) { c.lookahead(s, relayParent) }
	}
	return nil
}

// Close ends the work that the collator is at, if any. Nothing may be told to it after that.
func (c *Collator) Close() {
	if c.story != nil {
		c.story.stop()
		c.story = nil
	}
}

// resume runs the story until it needs an answer or ends.
func (c *Collator) resume() (out []Output) {
	for {
		o, ok := c.story.next()
		if !ok {
			c.story.stop()
			c.story = nil
			return out
		}
		out = append(out, o)
		if c.story.waits != 0 {
			return out
		}
	}
}

// story is a piece of work, told as one function.
type story struct {
	c      *Collator
	yield  func(Output) bool
	next   func() (Output, bool)
	stop   func()
	waits  uint64 // the ID of the answer that it needs; 0: none
	answer Answered
}

// ended unwinds a story that is not going on.
type ended struct{}

func newStory(c *Collator, tell func(*story)) *story {
	s := &story{c: c}
	s.next, s.stop = iter.Pull(func(yield func(Output) bool) {
		defer func() {
			if r := recover(); r != nil && r != (ended{}) {
				panic(r)
			}
		}()
		s.yield = yield
		tell(s)
	})
	return s
}

// emit gives an output that needs no answer.
func (s *story) emit(o Output) {
	s.waits = 0
	if !s.yield(o) {
		panic(ended{})
	}
}

// ask gives an output that needs an answer, and waits for it.
func (s *story) ask(make func(id uint64) Output) (any, error) {
	s.c.ids++
	s.waits = s.c.ids
	if !s.yield(make(s.waits)) {
		panic(ended{})
	}
	s.waits = 0
	return s.answer.Value, s.answer.Err
}

// relay asks the relay chain. An error, or an answer of another type, ends the story.
func relay[T any](s *story, relayParent *primitives.Header, q RelayQuery) T {
	v, err := s.ask(func(id uint64) Output { return AskRelay{id, q} })
	t, ok := v.(T)
	if err == nil && !ok {
		err = fmt.Errorf("answer of type %T", v)
	}
	if err != nil {
		s.refuse(relayParent, RelayUnanswered, fmt.Sprintf("%T: %v", q, err))
	}
	return t
}

// pass ends the story: no attempt is made on the relay parent.
func (s *story) pass(relayParent *primitives.Header, why Reason, detail string) {
	s.emit(Note{Kind: Passed, RelayParent: relayParent, Reason: why, Detail: detail})
	panic(ended{})
}

// refuse ends the story: the attempt came to nothing.
func (s *story) refuse(relayParent *primitives.Header, why Reason, detail string) {
	s.end(relayParent, &RefusedError{Reason: why, Detail: detail})
}

func (s *story) end(relayParent *primitives.Header, why *RefusedError) {
	s.emit(Note{Refused, relayParent, why.Reason, why.Detail, why.PoVBytes})
	panic(ended{})
}

// info asks the runtime at a parachain block.
func (s *story) info(relayParent *primitives.Header, at Hash) RuntimeInfo {
	v, err := s.ask(func(id uint64) Output { return AskRuntime{id, at} })
	info, ok := v.(RuntimeInfo)
	if err == nil && (!ok || info.SlotDuration < time.Millisecond) {
		err = fmt.Errorf("no slot duration")
	}
	if err != nil {
		s.refuse(relayParent, RuntimeUnanswered, err.Error())
	}
	return info
}

// claim is the claim of a slot of the parachain.
type claim struct {
	slot      primitives.Slot
	timestamp uint64 // ms
	authority [32]byte
}

// claimSlot claims the parachain's slot at a relay slot, if one of our keys has it
// (cumulus-client-consensus-aura collator::claim_slot).
func (s *story) claimSlot(relayParent *primitives.Header, info RuntimeInfo) claim {
	ms := uint64(slotOf(relayParent)) * uint64(s.c.p.RelayChainSlotDuration.Milliseconds())
	k := claim{slot: primitives.Slot(ms / uint64(info.SlotDuration.Milliseconds())), timestamp: ms}
	if len(info.Authorities) == 0 {
		s.pass(relayParent, NotOurSlot, "the runtime has no authorities")
	}
	k.authority = info.Authorities[uint64(k.slot)%uint64(len(info.Authorities))]
	if !slices.Contains(s.c.p.Keystore, k.authority) {
		s.pass(relayParent, NotOurSlot, "")
	}
	return k
}

// slotOf is the slot of a relay block, from its BABE pre-digest.
func slotOf(h *primitives.Header) primitives.Slot {
	claim, _ := h.Digest.BabeClaim()
	return claim.Slot
}

// coresAt are the cores that the para may use at that depth of the claim queue, ascending.
func coresAt(queue map[primitives.CoreIndex][]primitives.ParaID, para primitives.ParaID, depth int) (cores []primitives.CoreIndex) {
	for core, paras := range queue {
		if depth < len(paras) && paras[depth] == para {
			cores = append(cores, core)
		}
	}
	slices.Sort(cores)
	return cores
}

func (p *Params) povBudget(maxPoVSize uint32) int {
	return int(uint64(maxPoVSize) * uint64(p.MaxPoVPercentage) / 100)
}

// buildOne builds one block and submits its collation; plan says on what.
func (s *story) buildOne(p plan) {
	built := s.build(p)
	s.emit(Announce{built.Hash})
	v, err := s.ask(func(id uint64) Output {
		return Collate{id, p.parent.Hash(), []Hash{built.Hash}, Generation{
			Para: s.c.p.ParaID, RelayParent: p.relayParent.Hash(), Core: p.core, Session: p.session, Validators: p.validators,
			ValidationCodeHash: p.info.CodeHash, ParentHead: p.parent.EncodeTo(nil), PVD: p.pvd, ClaimQueue: p.queue,
		}}
	})
	if err != nil {
		s.refused(p.relayParent, NoCollation, err)
	}
	candidate, ok := v.(*Candidate)
	if !ok {
		s.refuse(p.relayParent, NoCollation, fmt.Sprintf("answer of type %T", v))
	}
	s.emit(Submit{candidate, []Hash{built.Hash}, p.group.Index, p.group.Members})
}

// build builds a block.
func (s *story) build(p plan) Built {
	v, err := s.ask(func(id uint64) Output {
		return BuildBlock{ID: id, Parent: p.parent.Hash(), Authority: p.claim.authority, Slot: p.claim.slot, Timestamp: p.claim.timestamp,
			Inherent: p.inherent, Digest: p.digest, RelayParent: p.relayParent, PoVBudget: s.c.p.povBudget(p.pvd.MaxPoVSize), AuthoringDuration: s.c.p.AuthoringDuration}
	})
	if err != nil {
		s.refused(p.relayParent, RefusedByRuntime, err)
	}
	built, ok := v.(Built)
	if !ok {
		s.refuse(p.relayParent, RefusedByRuntime, fmt.Sprintf("answer of type %T", v))
	}
	return built
}

// plan is all that goes into one candidate of one block.
type plan struct {
	relayParent *primitives.Header
	parent      *primitives.Header // of the parachain
	info        RuntimeInfo
	claim       claim
	pvd         *primitives.PersistedValidationData // with the parent as head
	inherent    *primitives.ParachainInherentData
	digest      []primitives.DigestItem
	core        primitives.CoreIndex
	queue       map[primitives.CoreIndex][]primitives.ParaID // at the relay parent
	session     primitives.SessionIndex
	validators  int
	group       Group
}
