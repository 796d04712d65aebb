// Package validator is one validator of the relay chain as a pure state machine:
// prospective parachains, the validator's side of the collator protocol, backing,
// availability and the provisioner. [Node] is its door.
package validator

import (
	"slices"
	"time"

	"pileus/crypto"
	"pileus/erasure"
	"pileus/primitives"
)

// Times of the node, from the released crates.
const (
	BitfieldDelay    = 1500 * time.Millisecond // polkadot_node_core_bitfield_signing SPAWNED_TASK_DELAY
	ProvisionerDelay = 2000 * time.Millisecond // polkadot_node_core_provisioner PRE_PROPOSE_TIMEOUT
	NextPeerDelay    = 400 * time.Millisecond  // polkadot_collator_protocol MAX_UNSHARED_DOWNLOAD_TIME
)

// Bounds on what is kept.
const (
	keepBlocks      = 64  // relay blocks behind the best leaf whose headers are remembered
	keepData        = 16  // relay blocks for which PoVs and chunks are served after they were last needed
	maxEarlyBlocks  = 64  // unknown relay blocks for which inputs wait
	maxEarlyInputs  = 512 // inputs that wait for one unknown relay block
	maxDistinctBits = 4   // different bitfields kept of one validator on one block
)

// Signer is the validator's session key for parachains (key type "para").
type Signer interface {
	Public() [32]byte
	Sign(msg []byte) [64]byte
}

// Config is what a [Node] is made with. Only Key is needed.
type Config struct {
	Key Signer

	// Classic are the rules from before the scheduling lookahead: allowed_ancestry_len bounds the
	// window, max_candidate_depth how many candidates may be pending or backable on top of each other
	// (one more than the depth), and how many a validator seconds on one relay parent.
	Classic bool

	// Verify checks an sr25519 signature; nil: [crypto.Sr25519Verify].
	Verify func(sig [64]byte, msg []byte, public [32]byte) bool

	// Split erasure-codes available data for n validators; nil: [erasure.Split] of its encoding.
	// A driver of many nodes can share the work here. The chunks must not be changed.
	Split func(n int, data *primitives.AvailableData) (primitives.Hash, []erasure.Chunk, error)
}

// Node is one validator. It has no clock, no network and no randomness: [Node.Step] is told what
// happened and answers what is to be done; equal inputs give equal outputs.
//
// A candidate in its eyes:
//
//	Advertised ─────► offered ──claim free, potential──► FetchCollation ──► sanity, PVD
//	                  │    ▲                                                  │
//	                  ▼    │ leaf or seconded parent                          ▼
//	                 blocked                     Seconded of another ──► checks before execution
//	                                             ──► FetchPoV ──► PVD     │
//	                                                                      ▼
//	                                                                 Validate effect
//	                                                                      │ Validated
//	                                                                      ▼
//	                     checks after execution: head, commitments, signals, erasure root
//	                                      │ ours                    │ another's
//	                                      ▼                         ▼
//	              potential at a leaf ──► sign Seconded        sign Valid
//	                                      └───────────┬─────────────┘
//	                                     votes ≥ threshold (own and received)
//	                                                  ▼
//	                              backable: in the best chain of prospective parachains
//	                                                  │ AuthorSlot: Propose
//	                                                  ▼
//	                   a relay block backs it: pending availability, chunk fetched, bitfield signed
//	                                                  │
//	                      included          or        not available in time (NoteNotAvailable)
//
// From every state before "a relay block backs it" a refusal (NoteRefused) leads out, and so does the end of
// its window, when no active leaf counts the scheduling parent any more (NoteExpired).
type Node struct {
	cfg Config
	now time.Duration
	out []Output
	ids uint64

	blocks map[primitives.Hash]*block
	order  []*block // of arrival
	leaves []*block // active ones, by arrival
	final  uint32
	v3     bool // the session of a final block has the node feature CandidateReceiptV3

	early      map[primitives.Hash][]Input // what names a relay block that is not here yet
	earlyOrder []primitives.Hash

	fetches map[uint64]*advertisement
	povs    map[uint64]*job
	execs   map[uint64]*job
	chunks  map[uint64]*chunkJob

	work   map[primitives.CandidateHash]*job // under way
	failed map[primitives.CandidateHash]bool // we found it invalid

	records map[primitives.CandidateHash]*record
	stored  map[primitives.CandidateHash]*stored
}

// New returns a node that knows no block yet.
func New(cfg Config) *Node {
	if cfg.Verify == nil {
		cfg.Verify = crypto.Sr25519Verify
	}
	if cfg.Split == nil {
		cfg.Split = func(n int, data *primitives.AvailableData) (primitives.Hash, []erasure.Chunk, error) {
			return erasure.Split(n, data.EncodeTo(nil))
		}
	}
	return &Node{
		cfg:    cfg,
		blocks: map[primitives.Hash]*block{}, early: map[primitives.Hash][]Input{},
		fetches: map[uint64]*advertisement{}, povs: map[uint64]*job{}, execs: map[uint64]*job{}, chunks: map[uint64]*chunkJob{},
		work: map[primitives.CandidateHash]*job{}, failed: map[primitives.CandidateHash]bool{},
		records: map[primitives.CandidateHash]*record{}, stored: map[primitives.CandidateHash]*stored{},
	}
}

// Step tells the node what happened at time now (virtual time since the Unix epoch, never going
// back) and returns what is to be done, in this order. Answers to effects of the past that no longer
// matter are ignored.
func (n *Node) Step(now time.Duration, in Input) []Output {
	n.now, n.out = now, nil
	n.handle(in)
	out := n.out
	n.out = nil
	return out
}

func (n *Node) handle(in Input) {
	switch in := in.(type) {
	case Leaf:
		n.leaf(in)
	case Finalized:
		n.finalized(in.Number)
	case Advertised:
		n.advertised(in)
	case CollationFetched:
		n.collationFetched(in)
	case StatementReceived:
		n.statementReceived(in)
	case PoVFetched:
		n.povFetched(in)
	case Validated:
		n.validated(in)
	case ChunkFetched:
		n.chunkFetched(in)
	case BitfieldReceived:
		n.bitfieldReceived(in)
	case AuthorSlot:
		n.authorSlot(in)
	case Timer:
		n.timer(in.Key)
	}
}

func (n *Node) timer(key TimerKey) {
	b := n.blocks[key.Block]
	if b == nil {
		return
	}
	switch key.Kind {
	case TimerBitfield:
		n.signBitfield(b)
	case TimerNextPeer:
		if ad := n.fetches[key.N]; ad != nil {
			ad.late = true
			n.startNext(ad.block)
		}
	case TimerPropose:
		n.propose(b, primitives.Slot(key.N))
	}
}

func (n *Node) emit(o Output) { n.out = append(n.out, o) }

func (n *Node) id() uint64 { n.ids++; return n.ids }

// leaf takes in a relay block: its view, its chains, what of older blocks no longer counts.
func (n *Node) leaf(in Leaf) {
	hash := in.Header.Hash()
	if n.blocks[hash] != nil {
		return
	}
	b := n.newBlock(hash, in)
	if len(n.order) == 0 { // where we begin is final
		n.v3 = b.feature(primitives.FeatureCandidateReceiptV3)
	}
	parent := n.blocks[in.Header.ParentHash]
	n.setWindow(b, parent)
	n.blocks[hash] = b
	n.order = append(n.order, b)
	n.buildChains(b, parent)
	n.leaves = slices.DeleteFunc(n.leaves, func(l *block) bool { return l == parent })
	if b.Number > n.final {
		n.leaves = append(n.leaves, b)
	}
	n.candidateEvents(b)
	if parent != nil && parent.session != b.session {
		n.sessionEnded(parent, b)
	}
	n.prune()
	n.requestChunks(b)
	if b.active {
		n.emit(SetTimer{n.now + BitfieldDelay, TimerKey{Kind: TimerBitfield, Block: hash}})
	}
	n.retryBlocked()
	n.replay(hash)
}

func (n *Node) newBlock(hash primitives.Hash, in Leaf) *block {
	s := in.State
	b := &block{
		RelayBlock: RelayBlock{hash, in.Header.Number, in.Header.StateRoot},
		header:     in.Header, state: s, arrived: n.now, session: s.SessionIndexForChild(),
		config: s.Config(), validators: s.Validators(), cores: s.AvailabilityCores(), queue: s.ClaimQueue(),
		table: newTable(), signed: map[primitives.CandidateHash]bool{},
	}
	if claim, ok := in.Header.Digest.BabeClaim(); ok {
		b.slot = claim.Slot
	}
	b.groups, b.rotation = s.ValidatorGroups()
	b.transposed = transpose(b.queue, len(b.cores))
	if i := slices.Index(b.validators, n.cfg.Key.Public()); i >= 0 {
		b.me, b.active = primitives.ValidatorIndex(i), true
		if g, ok := b.groupOf(b.me); ok {
			b.myGroup = g
			b.myCore, b.assigned = b.coreOf(g)
		}
	}
	return b
}

// window is how many scheduling parents a leaf has at most, itself included; never more than the node remembers.
func (n *Node) window(b *block) int {
	size := max(1, uint64(b.config.SchedulerParams.Lookahead))
	if n.cfg.Classic {
		size = uint64(b.config.AsyncBackingParams.AllowedAncestryLen) + 1
	}
	return int(min(size, keepBlocks))
}

// setWindow finds the block's scheduling parents. One whose window had closed already opens again if a fork
// from further back counts it.
func (n *Node) setWindow(b, parent *block) {
	b.parents = []*block{b}
	for p := parent; p != nil && p.session == b.session && len(b.parents) < n.window(b); p = n.blocks[p.header.ParentHash] {
		b.parents = append(b.parents, p)
	}
	for _, p := range b.parents {
		if !p.open {
			p.open, p.bitfields = true, map[primitives.ValidatorIndex][]primitives.SignedBitfield{}
		}
	}
}

// live tells whether an active leaf counts b among its scheduling parents.
func (n *Node) live(b *block) bool {
	for _, l := range n.leaves {
		if l.inView(b) {
			return true
		}
	}
	return false
}

func (n *Node) finalized(number uint32) {
	n.final = max(n.final, number)
	best := n.bestLeaf()
	n.leaves = slices.DeleteFunc(n.leaves, func(l *block) bool { return l != best && l.Number <= n.final })
	for b := best; b != nil && b.Number >= n.final; b = n.blocks[b.header.ParentHash] {
		if b.Number == n.final {
			n.v3 = n.v3 || b.feature(primitives.FeatureCandidateReceiptV3)
		}
	}
	n.prune()
}

// bestLeaf is the highest active leaf, of equal ones the first.
func (n *Node) bestLeaf() (best *block) {
	for _, l := range n.leaves {
		if best == nil || l.Number > best.Number {
			best = l
		}
	}
	return best
}

// prune closes the windows of blocks that no leaf counts any more and forgets old ones.
func (n *Node) prune() {
	best := n.bestLeaf()
	if best == nil {
		return
	}
	old := func(number uint32, keep uint32) bool { return number+keep < best.Number }
	n.leaves = slices.DeleteFunc(n.leaves, func(l *block) bool { return old(l.Number, keepBlocks) })
	for _, b := range n.order {
		if b.open && !n.live(b) {
			n.closeWindow(b)
		}
	}
	n.order = slices.DeleteFunc(n.order, func(b *block) bool {
		if gone := old(b.Number, keepBlocks); gone {
			n.forget(b)
			return true
		}
		return false
	})
	for hash, s := range n.stored {
		if old(s.needed, keepData) {
			delete(n.stored, hash)
		}
	}
}

// closeWindow ends all work on candidates whose scheduling parent is b.
func (n *Node) closeWindow(b *block) {
	n.expire(b)
	for _, ad := range b.ads {
		delete(n.fetches, ad.fetch)
	}
	b.open, b.ads, b.chains, b.bitfields, b.table.early = false, nil, nil, nil, nil
}

func (n *Node) forget(b *block) {
	if b.open { // of a fork that nobody builds on
		n.closeWindow(b)
	}
	delete(n.blocks, b.Hash)
	for _, c := range n.recordsOf(b.Hash) {
		if c.stage == StageBacked && !c.ended { // on a fork that lost
			n.emit(Note{Kind: NoteExpired, Candidate: c.hash, Para: c.para, SchedulingParent: b.Hash, Stage: c.stage, Detail: "the relay block that backed it is not on the best chain"})
		}
		n.dropRecord(c)
	}
}

// wait keeps an input that names a relay block which is not here yet.
func (n *Node) wait(hash primitives.Hash, in Input) {
	list, known := n.early[hash]
	if !known {
		if len(n.earlyOrder) == maxEarlyBlocks {
			delete(n.early, n.earlyOrder[0])
			n.earlyOrder = n.earlyOrder[1:]
		}
		n.earlyOrder = append(n.earlyOrder, hash)
	}
	if len(list) < maxEarlyInputs {
		n.early[hash] = append(list, in)
	}
}

func (n *Node) replay(hash primitives.Hash) {
	list, known := n.early[hash]
	if !known {
		return
	}
	delete(n.early, hash)
	n.earlyOrder = slices.DeleteFunc(n.earlyOrder, func(h primitives.Hash) bool { return h == hash })
	for _, in := range list {
		n.handle(in)
	}
}
