package validator_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pileus/crypto"
	"pileus/erasure"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
	"pileus/validator"
)

const para primitives.ParaID = 2000

var code = bytes.Repeat([]byte{7}, 64)

// config is that of the default world.
func config() primitives.HostConfiguration {
	return primitives.HostConfiguration{
		MaxCodeSize: 3 << 20, MaxHeadDataSize: 32 << 10, MaxUpwardQueueCount: 8, MaxUpwardQueueSize: 1 << 20, MaxUpwardMessageSize: 50 << 10,
		MaxUpwardMessageNumPerCandidate: 5, HrmpMaxMessageNumPerCandidate: 5, ValidationUpgradeCooldown: 2, ValidationUpgradeDelay: 2,
		MinimumValidationUpgradeDelay: 5, MaxPoVSize: 1 << 10, NoShowSlots: 2, NDelayTranches: 25, NeededApprovals: 2, MinimumBackingVotes: 2,
		NodeFeatures: primitives.BitsOf(4, 0, 1, 3), MaxApprovalCoalesceCount: 1,
		SchedulerParams: primitives.SchedulerParams{GroupRotationFrequency: 20, ParasAvailabilityPeriod: 4, Lookahead: 3},
	}
}

// collation is what the network's collator serves.
type collation struct {
	receipt    primitives.CandidateReceipt
	pov        *primitives.PoV
	parentHead []byte
	slow       time.Duration // to fetch
	gone       bool          // the collator no longer has it
}

// Delays of the network.
const (
	hop       = 20 * time.Millisecond
	execution = 100 * time.Millisecond
)

// network is five validators on a relay chain that a test drives block by block.
// A PoV of the test para is the head that it produces.
type network struct {
	t          testing.TB
	now        time.Duration
	queue      []delivery // ascending by time, of equal ones by age
	keys       []*crypto.Sr25519Pair
	nodes      []*validator.Node                 // by place among the authorities
	sessions   map[primitives.SessionIndex][]int // places by index in the session
	state      *relay.State                      // of the newest block
	header     primitives.Header
	blocks     map[primitives.Hash]*relayBlock
	collations map[primitives.CandidateHash]collation
	events     []relay.Event
	dropped    []relay.Dropped

	notes     []note
	statement func(from int, s *validator.Statement)        // may alter what goes out
	bitfield  func(from int, b *validator.BitfieldReceived) // may alter what goes out
	chunk     func(c erasure.Chunk) *erasure.Chunk          // may alter what is served
	execute   func(v *validator.Validate) (result *primitives.ValidationResult, cost time.Duration, err error)
	offline   map[int]bool
	trace     map[int][]delivery // what each node was told, if not nil
}

type relayBlock struct {
	state  *relay.State
	header primitives.Header
}

// delivery is an input on its way to a node.
type delivery struct {
	at time.Duration
	to int
	in validator.Input
}

type note struct {
	node int
	validator.Note
}

func newNetwork(t testing.TB) *network {
	return startNetwork(t, relay.GenesisConfig{Config: config(), Number: 100, Slot: 1000, SessionBlocks: 600, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code}}})
}

func startNetwork(t testing.TB, cfg relay.GenesisConfig) *network {
	n := &network{t: t, collations: map[primitives.CandidateHash]collation{}, blocks: map[primitives.Hash]*relayBlock{},
		sessions: map[primitives.SessionIndex][]int{}, offline: map[int]bool{}}
	known := map[string]bool{} // one verification serves all nodes
	verify := func(sig [64]byte, msg []byte, public [32]byte) bool {
		key := string(sig[:]) + string(public[:]) + string(msg)
		if _, ok := known[key]; !ok {
			known[key] = crypto.Sr25519Verify(sig, msg, public)
		}
		return known[key]
	}
	for _, k := range crypto.DevKeys(5) {
		cfg.Validators = append(cfg.Validators, k.Pair.Public())
		n.keys = append(n.keys, k.Pair)
		n.nodes = append(n.nodes, validator.New(validator.Config{Key: k.Pair, Classic: cfg.Rules == relay.Classic, Verify: verify}))
	}
	state, header, err := relay.Genesis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.execute = func(v *validator.Validate) (*primitives.ValidationResult, time.Duration, error) {
		return &primitives.ValidationResult{HeadData: v.PoV.BlockData, HrmpWatermark: v.PVD.RelayParentNumber}, execution, nil
	}
	n.now = time.Duration(state.Slot()) * 6 * time.Second
	n.leaf(state, header)
	return n
}

// leaf brings a new relay block to all.
func (n *network) leaf(state *relay.State, header primitives.Header) {
	n.state, n.header = state, header
	n.blocks[header.Hash()] = &relayBlock{state, header}
	places := make([]int, len(state.ActiveIndices()))
	for i, place := range state.ActiveIndices() {
		places[i] = int(place)
	}
	n.sessions[state.SessionIndexForChild()] = places
	for i := range n.nodes {
		n.send(0, i, validator.Leaf{Header: &header, State: state})
	}
}

// send brings an input to a node after a while.
func (n *network) send(after time.Duration, to int, in validator.Input) {
	d := delivery{n.now + after, to, in}
	at, _ := slices.BinarySearchFunc(n.queue, d.at, func(q delivery, at time.Duration) int {
		if q.at <= at {
			return -1
		}
		return 1
	})
	n.queue = slices.Insert(n.queue, at, d)
}

// until lets the time pass; what falls on its end is still done.
func (n *network) until(end time.Duration) {
	for len(n.queue) > 0 && n.queue[0].at <= end {
		d := n.queue[0]
		n.queue = n.queue[1:]
		n.now = max(n.now, d.at)
		if n.offline[d.to] {
			continue
		}
		if n.trace != nil {
			n.trace[d.to] = append(n.trace[d.to], delivery{n.now, d.to, d.in})
		}
		for _, out := range n.nodes[d.to].Step(n.now, d.in) {
			n.carryOut(d.to, out)
		}
	}
	n.now = end
}

func (n *network) carryOut(i int, out validator.Output) {
	switch out := out.(type) {
	case validator.SetTimer:
		n.send(out.At-n.now, i, validator.Timer{Key: out.Key})
	case validator.FetchCollation:
		c := n.collations[out.CandidateHash]
		in := validator.CollationFetched{ID: out.ID, Receipt: c.receipt, PoV: c.pov, ParentHead: c.parentHead}
		if c.gone {
			in = validator.CollationFetched{ID: out.ID, Err: errors.New("gone")}
		}
		n.send(2*hop+c.slow, i, in)
	case validator.FetchPoV:
		from := n.nodes[n.sessions[out.Session][out.From]]
		n.send(2*hop, i, validator.PoVFetched{ID: out.ID, PoV: from.PoV(out.CandidateHash)})
	case validator.FetchChunk:
		var chunk *erasure.Chunk
		for _, v := range out.From {
			if place := n.sessions[out.Session][v]; chunk == nil && !n.offline[place] {
				chunk = n.nodes[place].Chunk(out.CandidateHash, out.Index)
			}
		}
		if chunk != nil && n.chunk != nil {
			chunk = n.chunk(*chunk)
		}
		n.send(2*hop, i, validator.ChunkFetched{ID: out.ID, Chunk: chunk})
	case validator.Validate:
		result, cost, err := n.execute(&out)
		if cost > out.Timeout {
			result, cost, err = nil, out.Timeout, &validator.ExecutionError{Reason: validator.ExecutionTimeout, Detail: out.Timeout.String()}
		}
		n.send(cost, i, validator.Validated{ID: out.ID, Result: result, Elapsed: cost, Err: err})
	case validator.Gossip:
		n.gossip(i, out)
	case validator.Note:
		n.notes = append(n.notes, note{i, out})
	case validator.Propose:
		n.author(i, out)
	}
}

func (n *network) gossip(from int, g validator.Gossip) {
	var in validator.Input
	if g.Statement != nil {
		s := *g.Statement
		if n.statement != nil {
			n.statement(from, &s)
		}
		in = validator.StatementReceived{Statement: s}
	} else {
		b := *g.Bitfield
		if n.bitfield != nil {
			n.bitfield(from, &b)
		}
		in = b
	}
	for i := range n.nodes {
		if i != from {
			n.send(hop, i, in)
		}
	}
}

// slot lets the rest of the slot pass and asks the author of the next one for its block on the newest.
func (n *network) slot() { n.slotOn(n.header.Hash()) }

func (n *network) slotOn(parent primitives.Hash) {
	next := (n.now/(6*time.Second) + 1) * 6 * time.Second
	n.until(next - 1)
	n.now = next
	slot := primitives.Slot(next / (6 * time.Second))
	place := int(relay.SlotAuthor(n.blocks[parent].state, slot))
	n.send(0, place, validator.AuthorSlot{Slot: slot, Parent: parent})
	n.until(next)
}

func (n *network) author(i int, p validator.Propose) {
	parent := n.blocks[p.Parent]
	block, state, events, dropped, err := relay.Author(parent.state, &parent.header, p.Slot, n.keys[i], p.Data)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, _, err := relay.Import(parent.state, &parent.header, block); err != nil {
		n.t.Fatal(err)
	}
	n.events, n.dropped = events, dropped
	n.leaf(state, block.Header)
}

// happened tells whether the newest block had such an event of the test para.
func (n *network) happened(kind relay.EventKind) bool {
	return slices.ContainsFunc(n.events, func(e relay.Event) bool { return e.Kind == kind && e.Para == para })
}

// refusals are the reasons for which nodes refused something, each once, in order.
func (n *network) refusals() (list []validator.Reason) {
	for _, x := range n.notes {
		if x.Kind == validator.NoteRefused && !slices.Contains(list, x.Reason) {
			list = append(list, x.Reason)
		}
	}
	return list
}

func (n *network) count(kind validator.NoteKind) (count int) {
	for _, x := range n.notes {
		if x.Kind == kind {
			count++
		}
	}
	return count
}

// draft is a candidate that is being made. A forger alters a part and recomputes what hangs on it.
type draft struct {
	fields      primitives.DescriptorFields
	commitments primitives.CandidateCommitments
	pov         primitives.PoV
	pvd         primitives.PersistedValidationData
	parentHead  []byte
	raw         func(d *primitives.Descriptor)       // alters the laid out descriptor
	receipt     func(r *primitives.CandidateReceipt) // alters the receipt
}

// draft is the honest candidate on the newest relay block.
func (n *network) draft(parent, head string) *draft {
	s := n.state
	return &draft{
		fields: primitives.DescriptorFields{Version: primitives.DescriptorV2, Para: para, RelayParent: n.header.Hash(),
			Session: s.SessionIndexForChild(), ValidationCodeHash: hashing.Blake2b256(code)},
		commitments: primitives.CandidateCommitments{HeadData: []byte(head), HrmpWatermark: s.Number()},
		pov:         primitives.PoV{BlockData: []byte(head)},
		pvd: primitives.PersistedValidationData{ParentHead: []byte(parent), RelayParentNumber: s.Number(), RelayParentStorageRoot: s.Root(),
			MaxPoVSize: s.Config().MaxPoVSize},
		parentHead: []byte(parent),
	}
}

// seal computes every hash that the candidate's parts demand, unless an alteration has set one.
func (d *draft) seal(t testing.TB) collation {
	f := d.fields
	set := func(h *primitives.Hash, v primitives.Hash) {
		if h.IsZero() {
			*h = v
		}
	}
	set(&f.PVDHash, d.pvd.Hash())
	set(&f.PoVHash, d.pov.Hash())
	set(&f.ParaHead, primitives.ParaHeadHash(d.commitments.HeadData))
	available := primitives.AvailableData{PoV: d.pov, ValidationData: d.pvd}
	root, err := erasure.RootOf(5, available.EncodeTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	set(&f.ErasureRoot, root)
	r := primitives.CandidateReceipt{Descriptor: f.Descriptor(), CommitmentsHash: primitives.HashOf(&d.commitments)}
	if d.raw != nil {
		d.raw(&r.Descriptor)
	}
	if d.receipt != nil {
		d.receipt(&r)
	}
	return collation{receipt: r, pov: &d.pov, parentHead: d.parentHead}
}

// offer advertises a collation to every validator.
func (n *network) offer(c collation) primitives.CandidateHash {
	hash := c.receipt.Hash()
	n.collations[hash] = c
	for i := range n.nodes {
		n.send(0, i, validator.Advertised{From: "collator", Para: para, SchedulingParent: n.header.Hash(),
			ParentHeadHash: primitives.ParaHeadHash(c.parentHead), CandidateHash: hash})
	}
	return hash
}

var wrong = hashing.Blake2b256([]byte("wrong"))

func TestHonestCandidatesAreBackedAndIncluded(t *testing.T) {
	n := newNetwork(t)
	heads := []string{"head 0", "head 1", "head 2", "head 3"}
	for i := range 3 {
		n.offer(n.draft(heads[i], heads[i+1]).seal(t))
		n.slot()
		if !n.happened(relay.Backed) || i > 0 && !n.happened(relay.Included) {
			t.Fatalf("block #%d: %v", n.state.Number(), n.events)
		}
	}
	if got := string(n.state.Head(para)); got != "head 2" {
		t.Errorf("included head %q", got)
	}
	if list := n.refusals(); len(list) > 0 {
		t.Errorf("refused: %v", list)
	}
}

func BenchmarkRelayBlock(b *testing.B) {
	n := newNetwork(b)
	parent := "head 0"
	for i := 0; b.Loop(); i++ {
		head := string(scale.AppendU64(nil, uint64(i)))
		n.offer(n.draft(parent, head).seal(b))
		parent = head
		n.slot()
		n.notes = n.notes[:0]
	}
}

// stubSigner costs nothing.
type stubSigner struct{ *crypto.Sr25519Pair }

func (stubSigner) Sign([]byte) [64]byte { return [64]byte{} }

// BenchmarkNode is one validator that lives through a relay block with one candidate, from the offer over
// the votes and bitfields of the others to its proposal, without what signatures cost.
func BenchmarkNode(b *testing.B) {
	const blocks = 32
	n := newNetwork(b)
	n.trace = map[int][]delivery{}
	parent := "head 0"
	for i := range blocks {
		head := string(scale.AppendU64(nil, uint64(i)))
		n.offer(n.draft(parent, head).seal(b))
		parent = head
		n.slot()
	}
	if got := n.state.Head(para); len(got) != 8 {
		b.Fatalf("the chain stands at %q", got)
	}
	seconded := 0
	for b.Loop() {
		node := validator.New(validator.Config{Key: stubSigner{n.keys[0]}, Verify: func([64]byte, []byte, [32]byte) bool { return true }})
		for _, d := range n.trace[0] {
			for _, out := range node.Step(d.at, d.in) {
				if note, ok := out.(validator.Note); ok && note.Kind == validator.NoteSeconded {
					seconded++
				}
			}
		}
	}
	if seconded == 0 {
		b.Fatal("nothing was seconded")
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/blocks, "µs/block")
}
