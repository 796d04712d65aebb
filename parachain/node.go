package parachain

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pileus/blocktree"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Limits of a [Node], from cumulus' clients.
const (
	maxPerHeight   = 32  // blocks of one height (cumulus-client-consensus-common level monitor)
	maxPerSlot     = 16  // blocks of one slot, height and relay parent (cumulus-client-consensus-aura equivocation_import_queue)
	maxWaiting     = 256 // blocks whose parent has not come yet
	maxUnfinalized = 40  // finalized heads that are remembered until their block comes
	maxBad         = 512 // refused blocks that are remembered
	keptStates     = 64  // finalized blocks that are kept with their states
)

// Errors with which a [Node] rejects a block before executing it.
var (
	ErrKnownBad    = errors.New("block was refused before")
	ErrTooMany     = errors.New("excessive equivocations at its slot")
	ErrBelowFinal  = errors.New("block contradicts the finalized one")
	ErrWaitingFull = errors.New("too many blocks wait for their parents")
)

// Entry is a block that a [Node] has imported. It does not change.
type Entry struct {
	Hash  primitives.Hash
	Block *primitives.Block
	State *trie.State
	Own   bool // built by this very node

	run *Executed // nil for genesis
}

// Number is the block's number.
func (e *Entry) Number() uint32 { return e.Block.Header.Number }

// Status is what a node knows of a block (sp_consensus::BlockStatus).
type Status uint8

// The statuses.
const (
	Unknown Status = iota
	Queued         // it is being imported, or waits for its parent
	InChain        // with its state
	KnownBad
)

// Node is one node of a parachain, a collator's or a full node's, as a pure machine: it
// imports blocks, follows the relay chain and so knows the best and the finalized block.
//
//	            parent unknown              parent imported
//	received ──────────────────► waiting ──────────┐
//	   │                                           ▼        fails
//	   └── parent known ───────────────────────► executing ───────► known bad
//	                                               │ done
//	built here ────────────────────────────────────┴──► in chain ──► finalized
//	                                                        └──────► pruned
//
// The best block is the highest one that was imported first; the relay chain's included
// head overrules that among blocks of its height, and a block is final when the relay
// chain has finalized its inclusion (cumulus-client-consensus-common 0.36
// parachain_consensus). Blocks that the relay chain includes or holds as pending, and
// that never came, are reported as missing.
//
// It serves one goroutine.
type Node struct {
	tree *blocktree.Tree[*Entry]
	best primitives.Hash
	out  []Output

	jobs      uint64
	executing map[uint64]*incoming
	queued    map[primitives.Hash]*incoming // executing or waiting, by block
	waiting   map[primitives.Hash][]*incoming
	waits     int
	bad       map[primitives.Hash]bool
	badOrder  []primitives.Hash
	wanted    primitives.Hash   // included head that has not come yet
	unfinal   []primitives.Hash // finalized heads that have not come yet
	missing   map[primitives.Hash]bool
}

// incoming is a block on its way in.
type incoming struct {
	hash      primitives.Hash
	block     *primitives.Block
	from      string
	recovered bool
}

// NewNode returns the node of a chain that knows its genesis only.
func NewNode(c *Chain) *Node {
	return newNode(&Entry{Hash: c.Genesis.Hash(), Block: &primitives.Block{Header: c.Genesis}, State: c.State})
}

// Step takes an input at virtual time now and returns what follows.
func (n *Node) Step(now time.Duration, in Input) []Output {
	n.out = nil
	switch in := in.(type) {
	case BlockReceived:
		n.received(now, in)
	case BlockBuilt:
		n.built(now, in)
	case BlockExecuted:
		n.executed(now, in)
	case HeadForced:
		n.headForced(in.Built)
	case RelayBest:
		n.relayBest(in)
	case RelayFinalized:
		n.relayFinalized(in)
	}
	return n.out
}

func (n *Node) tell(o Output) { n.out = append(n.out, o) }

// Best is the best block.
func (n *Node) Best() *Entry { e, _ := n.tree.Get(n.best); return e }

// Finalized is the finalized block.
func (n *Node) Finalized() *Entry {
	hash, _ := n.tree.Finalized()
	e, _ := n.tree.Get(hash)
	return e
}

// Get returns an imported block.
func (n *Node) Get(hash primitives.Hash) (*Entry, bool) { return n.tree.Get(hash) }

// Children lists the imported children of a block, in order of import.
func (n *Node) Children(hash primitives.Hash) []primitives.Hash { return n.tree.Children(hash) }

// Status tells what the node knows of a block.
func (n *Node) Status(hash primitives.Hash) Status {
	switch {
	case n.tree.Has(hash):
		return InChain
	case n.queued[hash] != nil:
		return Queued
	case n.bad[hash]:
		return KnownBad
	}
	return Unknown
}

// received takes a block from outside.
func (n *Node) received(now time.Duration, in BlockReceived) {
	b := &incoming{hash: in.Block.Header.Hash(), block: in.Block, from: in.From, recovered: in.Recovered}
	if n.tree.Has(b.hash) || n.queued[b.hash] != nil {
		return
	}
	if err := n.refuse(b); err != nil {
		n.tell(Rejected{Hash: b.hash, Number: in.Block.Header.Number, From: in.From, Err: err})
		return
	}
	n.queued[b.hash] = b
	parent := in.Block.Header.ParentHash
	if !n.tree.Has(parent) {
		n.waiting[parent] = append(n.waiting[parent], b)
		n.waits++
		if n.queued[parent] == nil {
			n.miss(parent, primitives.Hash{})
		}
		return
	}
	n.execute(now, b)
}

// refuse says why a block is not even executed.
func (n *Node) refuse(b *incoming) error {
	h := &b.block.Header
	_, final := n.tree.Finalized()
	switch {
	case n.bad[b.hash]:
		return ErrKnownBad
	case h.Number <= final:
		return ErrBelowFinal
	case n.waits >= maxWaiting:
		return ErrWaitingFull
	}
	if b.recovered {
		return nil
	}
	same := 0
	for _, hash := range n.tree.AtNumber(h.Number) {
		if e, ok := n.tree.Get(hash); ok && sameClaim(&e.Block.Header, h) {
			same++
		}
	}
	if same >= maxPerSlot {
		return ErrTooMany
	}
	return nil
}

// sameClaim tells whether two headers of one height claim the same slot on the same relay parent.
func sameClaim(a, b *primitives.Header) bool {
	slotA, _ := a.Digest.AuraSlot()
	slotB, _ := b.Digest.AuraSlot()
	relayA, _ := a.Digest.RelayStorageRoot()
	relayB, _ := b.Digest.RelayStorageRoot()
	return slotA == slotB && relayA.Root == relayB.Root
}

func (n *Node) execute(now time.Duration, b *incoming) {
	parent, _ := n.tree.Get(b.block.Header.ParentHash)
	n.jobs++
	n.executing[n.jobs] = b
	n.tell(Execute{ID: n.jobs, Params: ExecuteParams{
		Parent: &parent.Block.Header, ParentState: parent.State, Block: b.block, Now: uint64(now / time.Millisecond),
		Before: n.before(&b.block.Header),
	}})
}

// before lists the earlier blocks of the bundle to which a block belongs: what they have
// proven its author had for free, so that an importer must not count it either. They have
// the same relay parent and core, and an index lower by one each (SlotBasedBlockImport of
// cumulus-client-consensus-aura; who authored them does not matter).
func (n *Node) before(h *primitives.Header) (list []*Executed) {
	for {
		parent, ok := n.tree.Get(h.ParentHash)
		if !ok || parent.run == nil || !continues(&parent.Block.Header, h) {
			slices.Reverse(list)
			return list
		}
		list = append(list, parent.run)
		h = &parent.Block.Header
	}
}

// continues tells whether a block stands in a bundle right behind its parent.
func continues(parent, h *primitives.Header) bool {
	at, ok := h.Digest.Cumulus(primitives.CumulusBundleInfo)
	was, had := parent.Digest.Cumulus(primitives.CumulusBundleInfo)
	if !ok || !had || at.Bundle.Index == 0 || was.Bundle.Index != at.Bundle.Index-1 {
		return false
	}
	core, _ := h.Digest.Cumulus(primitives.CumulusCoreInfo)
	same, _ := parent.Digest.Cumulus(primitives.CumulusCoreInfo)
	relay, _ := h.Digest.RelayStorageRoot()
	before, _ := parent.Digest.RelayStorageRoot()
	return core.Core == same.Core && relay == before
}

func (n *Node) executed(now time.Duration, in BlockExecuted) {
	b := n.executing[in.ID]
	if b == nil {
		return
	}
	delete(n.executing, in.ID)
	delete(n.queued, b.hash)
	if in.Err != nil {
		n.remember(b.hash)
		n.tell(Rejected{Hash: b.hash, Number: b.block.Header.Number, From: b.from, Err: in.Err})
		n.orphan(b.hash)
		return
	}
	n.insert(now, &Entry{Hash: b.hash, Block: b.block, State: in.Result.State, run: in.Result})
}

// orphan refuses what waits for a block that is bad.
func (n *Node) orphan(parent primitives.Hash) {
	for _, b := range n.take(parent) {
		delete(n.queued, b.hash)
		n.remember(b.hash)
		n.tell(Rejected{Hash: b.hash, Number: b.block.Header.Number, From: b.from, Err: fmt.Errorf("its parent: %w", ErrKnownBad)})
		n.orphan(b.hash)
	}
}

func (n *Node) take(parent primitives.Hash) []*incoming {
	list := n.waiting[parent]
	delete(n.waiting, parent)
	n.waits -= len(list)
	return list
}

// remember notes a bad block, and forgets the oldest beyond the limit.
func (n *Node) remember(hash primitives.Hash) {
	if n.bad[hash] {
		return
	}
	n.bad[hash] = true
	if n.badOrder = append(n.badOrder, hash); len(n.badOrder) > maxBad {
		delete(n.bad, n.badOrder[0])
		n.badOrder = n.badOrder[1:]
	}
}

// built imports a block of this node's own, as it is: its state is at hand.
func (n *Node) built(now time.Duration, in BlockBuilt) {
	b := in.Built
	hash := b.Block.Header.Hash()
	if !n.tree.Has(b.Block.Header.ParentHash) || n.tree.Has(hash) {
		return
	}
	run := &Executed{State: b.State, Weight: b.Weight, ProofBytes: b.ProofBytes, Segment: b.Segment, parent: b.parent, recorder: b.recorder}
	n.insert(now, &Entry{Hash: hash, Block: &b.Block, State: b.State, Own: true, run: run})
}

// insert adds an executed block to the chain.
func (n *Node) insert(now time.Duration, e *Entry) {
	n.makeRoom(e.Number())
	if err := n.tree.Insert(e.Hash, e.Block.Header.ParentHash, e); err != nil {
		n.tell(Rejected{Hash: e.Hash, Number: e.Number(), Err: err})
		n.orphan(e.Hash)
		return
	}
	delete(n.missing, e.Hash)
	n.tell(Imported{Entry: e})
	n.tell(Announce{Block: e.Block, Own: e.Own})
	switch best := n.Best(); {
	case e.Number() > best.Number(), e.Hash == n.wanted && e.Number() == best.Number():
		n.setBest(e.Hash)
	}
	if e.Hash == n.wanted {
		n.wanted = primitives.Hash{}
	}
	if slices.Contains(n.unfinal, e.Hash) {
		n.finalize(e.Hash)
	}
	for _, b := range n.take(e.Hash) {
		n.execute(now, b)
	}
}

// makeRoom removes, where a height is full, the block whose branch has been quiet the
// longest, with all that stands on it.
func (n *Node) makeRoom(number uint32) {
	level := n.tree.AtNumber(number)
	if len(level) < maxPerHeight {
		return
	}
	fresh := map[primitives.Hash]int{}
	for i, leaf := range n.tree.Leaves() {
		if at, ok := n.tree.AncestorAt(leaf, number); ok {
			fresh[at] = i + 1
		}
	}
	var oldest primitives.Hash
	least := 0
	for _, hash := range level {
		if n.tree.IsAncestor(hash, n.best) {
			continue
		}
		if least == 0 || fresh[hash] < least {
			oldest, least = hash, fresh[hash]
		}
	}
	if least > 0 {
		_, _ = n.tree.Remove(oldest)
	}
}

// relayBest follows a new best relay block.
func (n *Node) relayBest(in RelayBest) {
	for _, p := range in.Pending {
		if !n.tree.Has(p.Block) && n.queued[p.Block] == nil {
			n.miss(p.Block, p.Candidate)
		}
	}
	hash, number, ok := headOf(in.Included)
	if !ok || number < n.Best().Number() {
		return
	}
	if !n.tree.Has(hash) {
		n.wanted = hash
		if n.queued[hash] == nil {
			n.miss(hash, primitives.Hash{})
		}
		return
	}
	n.setBest(hash)
}

// miss reports a block that should be here, once.
func (n *Node) miss(block, candidate primitives.Hash) {
	if n.missing[block] || n.bad[block] {
		return
	}
	if len(n.missing) >= maxWaiting {
		clear(n.missing)
	}
	n.missing[block] = true
	n.tell(Missing{Block: block, Candidate: candidate})
}

func (n *Node) relayFinalized(in RelayFinalized) {
	hash, number, ok := headOf(in.Included)
	if _, final := n.tree.Finalized(); !ok || number <= final {
		return
	}
	if n.tree.Has(hash) {
		n.finalize(hash)
		return
	}
	if !slices.Contains(n.unfinal, hash) {
		if n.unfinal = append(n.unfinal, hash); len(n.unfinal) > maxUnfinalized {
			n.unfinal = n.unfinal[1:]
		}
	}
}

// finalize makes a block final. A best block on another branch gives way to the highest
// of those on top of the final one, of several the one that was imported first.
func (n *Node) finalize(hash primitives.Hash) {
	if final, _ := n.tree.Finalized(); !n.tree.IsAncestor(final, hash) {
		n.tell(Rejected{Hash: hash, Err: ErrBelowFinal})
		return
	}
	if !n.tree.IsAncestor(hash, n.best) {
		best, most := hash, uint32(0)
		for _, leaf := range n.tree.Leaves() {
			if number, _ := n.tree.Number(leaf); number > most && n.tree.IsAncestor(hash, leaf) {
				best, most = leaf, number
			}
		}
		n.setBest(best)
	}
	finalized, pruned, err := n.tree.Finalize(hash)
	if err != nil {
		n.tell(Rejected{Hash: hash, Err: err})
		return
	}
	n.unfinal = slices.DeleteFunc(n.unfinal, n.tree.Has)
	_, number := n.tree.Finalized()
	for parent, list := range n.waiting {
		keep := slices.DeleteFunc(list, func(b *incoming) bool {
			old := b.block.Header.Number <= number
			if old {
				delete(n.queued, b.hash)
				n.waits--
			}
			return old
		})
		if n.waiting[parent] = keep; len(keep) == 0 {
			delete(n.waiting, parent)
		}
	}
	n.tree.Shorten(keptStates)
	n.tell(Finalized{Hash: hash, Blocks: entries(finalized), Pruned: entries(pruned)})
}

func entries(list []blocktree.Block[*Entry]) []*Entry {
	out := make([]*Entry, 0, len(list))
	for _, b := range list {
		out = append(out, b.Value)
	}
	return out
}

// setBest makes a block the best one, if it is not yet.
func (n *Node) setBest(hash primitives.Hash) {
	if hash == n.best {
		return
	}
	retracted, enacted, _, ok := n.tree.Route(n.best, hash)
	if !ok {
		return
	}
	n.best = hash
	n.tell(BestChanged{Best: n.Best(), Retracted: n.values(retracted), Enacted: n.values(enacted)})
}

func (n *Node) values(hashes []primitives.Hash) []*Entry {
	list := make([]*Entry, 0, len(hashes))
	for _, h := range hashes {
		if e, ok := n.tree.Get(h); ok {
			list = append(list, e)
		}
	}
	return list
}

// headOf reads hash and number of a para head, which is an encoded header.
func headOf(head []byte) (hash primitives.Hash, number uint32, ok bool) {
	var h primitives.Header
	if scale.Decode(head, &h) != nil {
		return hash, 0, false
	}
	return primitives.ParaHeadHash(head), h.Number, true
}
