package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"pileus/erasure"
	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/relay"
	"pileus/scale"
	"pileus/validator"
)

// testCode stands for the code of all test paras: [testPVF] executes it.
var testCode = []byte("a parachain whose blocks say what they are")

// testPVF executes the blocks of test paras: a block names the head that it stands on by
// hash and the head that it makes, and may carry ballast.
type testPVF struct {
	*pvf.Validator // nil: nobody asks it
}

func (testPVF) Validate(_ context.Context, job *pvf.Job) (*primitives.ValidationResult, error) {
	block, err := executor.Decompress(job.PoV.BlockData, primitives.PoVBombLimit)
	if err != nil {
		return nil, &pvf.Error{Stage: pvf.PoVDecompression, Err: err}
	}
	d := scale.NewDecoder(block)
	var parent primitives.Hash
	d.Array(parent[:])
	head := d.Bytes(1 << 20)
	if d.Err() != nil || parent != primitives.ParaHeadHash(job.ParentHead) {
		return nil, &pvf.Error{Stage: pvf.Execution, Err: errors.New("the block stands on another parent")}
	}
	return &primitives.ValidationResult{HeadData: head, HrmpWatermark: job.RelayParentNumber}, nil
}

// Prepare finds nothing wrong with any code.
func (testPVF) Prepare(context.Context, []byte, primitives.Hash, uint32, primitives.ExecutorParams) (*executor.Module, error) {
	return nil, nil
}

// testPara is a parachain with a scripted collator. Its node knows every block at once.
type testPara struct {
	*chain
	n    *Network
	name string

	core     primitives.CoreIndex
	capacity int           // blocks in the unincluded segment
	velocity int           // blocks on one relay parent
	cost     time.Duration // of a block
	ballast  int           // bytes in a PoV
	bomb     bool          // the PoV explodes when decompressed
	idle     bool
	late     map[string]time.Duration // from block to advertisement, by name of the block
	siblings int                      // beside the next block
	forge    []*forgery               // instead of the next blocks

	blocks map[primitives.Hash]*testBlock
	order  []*testBlock   // as they were authored
	names  map[uint32]int // how many blocks of that number
}

// testBlock is a block of a test para.
type testBlock struct {
	name   string
	number uint32
	head   []byte
	parent primitives.Hash
	rp     *relayBlock
}

func (b *testBlock) hash() primitives.Hash { return primitives.ParaHeadHash(b.head) }

// head makes head data that looks like a header, as that of nearly all parachains does.
func (p *testPara) head(parent []byte, number uint32, name string, ballast int) []byte {
	h := primitives.Header{Number: number, StateRoot: hashing.Blake2b256([]byte(name))}
	if parent != nil {
		h.ParentHash = primitives.ParaHeadHash(parent)
	}
	if ballast > 0 {
		h.Digest = primitives.Digest{{Kind: primitives.DigestConsensus, Data: make([]byte, ballast)}}
	}
	return h.EncodeTo(nil)
}

// join makes the para a part of the network, so that its blocks are settled and priced.
func (p *testPara) join(n *Network) {
	p.n = n
	n.chains = append(n.chains, p.chain)
	genesis := &testBlock{name: p.name + "0", head: p.genesis()}
	p.blocks = map[primitives.Hash]*testBlock{genesis.hash(): genesis}
}

func (p *testPara) genesis() []byte { return p.head(nil, 0, p.name, 0) }

// imported lets the collator work on a relay block: it builds on the newest block whose
// relay parent is in the window, if the segment has room.
func (p *testPara) imported(b *relayBlock) {
	if p.idle || !p.scheduled(b) {
		return
	}
	parent, depth := p.search(b)
	if len(p.forge) > 0 && p.forge[0].at <= p.r(b) {
		f := p.forge[0]
		p.forge = p.forge[1:]
		f.start(p, b, parent)
		return
	}
	p.build(b, parent, depth, p.velocity)
}

func (p *testPara) r(b *relayBlock) uint32 { return b.number() + 1 - p.n.first }

func (p *testPara) scheduled(b *relayBlock) bool {
	for _, paras := range b.state.ClaimQueue() {
		for _, id := range paras {
			if id == p.id {
				return true
			}
		}
	}
	return false
}

// search finds the block to build on, and how many blocks the segment has up to it.
func (p *testPara) search(b *relayBlock) (best *testBlock, depth int) {
	included := p.blocks[primitives.ParaHeadHash(b.state.Head(p.id))]
	best = included
	for _, c := range b.state.Pending(p.id) {
		if known := p.blocks[c.Descriptor.ParaHead()]; known != nil {
			best = known
		}
	}
	for next := best; next != nil; {
		best, next = next, nil
		for _, c := range p.order {
			if c.parent == best.hash() && p.inWindow(c, b) && (next == nil || c.rp.number() > next.rp.number()) {
				next = c
			}
		}
	}
	for x := best; x != nil && x != included; x = p.blocks[x.parent] {
		depth++
	}
	return best, depth
}

// inWindow tells whether a candidate of the block may still be backed after relay block b.
func (p *testPara) inWindow(c *testBlock, b *relayBlock) bool {
	return c.rp.number()+b.state.SchedulingLookahead() > b.number() && c.rp.state.SessionIndexForChild() == b.state.SessionIndexForChild()
}

// build builds up to count blocks on one relay parent, one after the other.
func (p *testPara) build(b *relayBlock, parent *testBlock, depth, count int) {
	if count == 0 || depth >= p.capacity {
		return
	}
	p.n.world.After(p.cost, func() {
		block := p.author(b, parent)
		p.offer(b, parent, block, nil, p.late[block.name])
		for ; p.siblings > 0; p.siblings-- {
			twin := p.author(b, parent)
			p.offer(b, parent, twin, nil, 0)
		}
		p.build(b, block, depth+1, count-1)
	})
}

// author makes the next block. Blocks of one number are told apart by letters.
func (p *testPara) author(b *relayBlock, parent *testBlock) *testBlock {
	number := parent.number + 1
	name := fmt.Sprintf("%s%d", p.name, number)
	if again := p.names[number]; again > 0 {
		name += string(rune('a' + again))
	}
	return p.keep(b, parent, &testBlock{name: name, number: number, head: p.head(parent.head, number, name, 0)})
}

func (p *testPara) keep(b *relayBlock, parent, block *testBlock) *testBlock {
	p.names[block.number]++
	block.parent, block.rp = parent.hash(), b
	p.blocks[block.hash()], p.order = block, append(p.order, block)
	p.chain.blocks[block.hash()] = &builtBlock{cost: p.cost, parent: block.parent, relayParent: b.header}
	id := ParaBlock{p.id, block.number, block.hash()}
	p.n.ledger.authored(&entry{ParaBlock: id, parent: block.parent, relayParent: b.number(), session: b.state.SessionIndexForChild()})
	p.n.tell(Authored{ParaBlock: id, Collator: p.name, RelayParent: b.number(), CostMs: p.cost.Seconds() * 1000})
	return block
}

// offer advertises the block as a candidate to the group of the para's core.
func (p *testPara) offer(b *relayBlock, parent, block *testBlock, change func(*parts), late time.Duration) *collation {
	c, _ := p.candidate(b, parent, block, change)
	p.n.world.After(collateTime+late, func() {
		hash := c.receipt.Hash()
		if e := p.n.ledger.blocks[block.hash()]; e != nil {
			e.candidate, e.offered = hash, true
		}
		g, members, _ := p.group(b)
		p.n.tell(Advertised{Candidate: Candidate{c.ParaBlock, hash}, Collator: p.name, Core: p.core, Group: g})
		p.n.advertise(c, members, validator.Peer(p.name))
	})
	return c
}

// group is the one that serves the para's core for candidates on the relay block.
func (p *testPara) group(b *relayBlock) (primitives.GroupIndex, []primitives.ValidatorIndex, bool) {
	groups, rotation := b.state.ValidatorGroups()
	g, ok := rotation.GroupForCore(p.core, b.number()+1, len(groups))
	if !ok {
		return 0, nil, false
	}
	return g, groups[g], true
}

// parts are what a candidate is made of, for those who want to change something.
type parts struct {
	descriptor  primitives.DescriptorFields
	commitments primitives.CandidateCommitments
	pvd         primitives.PersistedValidationData
	v1          bool
}

// receipt puts the parts together. Version 1 has a collator's key and signature where
// the newer ones have core, session and zeroes.
func (x *parts) receipt() primitives.CommittedCandidateReceipt {
	d := x.descriptor.Descriptor()
	if x.v1 {
		copy(d[36:68], bytes.Repeat([]byte{1}, 32))
		copy(d[164:228], bytes.Repeat([]byte{2}, 64))
	}
	return primitives.CommittedCandidateReceipt{Descriptor: d, Commitments: x.commitments}
}

// candidate makes the honest candidate of a block, up to what change does to it.
func (p *testPara) candidate(b *relayBlock, parent, block *testBlock, change func(*parts)) (*collation, *parts) {
	config := b.state.Config()
	data := append(block.parent[:len(block.parent):len(block.parent)], scale.AppendBytes(nil, block.head)...)
	if p.bomb {
		data = bomb()
	}
	pov := primitives.PoV{BlockData: append(data, make([]byte, p.ballast)...)}
	x := &parts{
		pvd: primitives.PersistedValidationData{ParentHead: parent.head, RelayParentNumber: b.number(), RelayParentStorageRoot: b.header.StateRoot, MaxPoVSize: config.MaxPoVSize},
		descriptor: primitives.DescriptorFields{Version: primitives.DescriptorV2, Para: p.id, RelayParent: b.hash, Core: p.core,
			Session: b.state.SessionIndexForChild(), PoVHash: pov.Hash(), ParaHead: block.hash(), ValidationCodeHash: hashing.Blake2b256(testCode)},
		commitments: primitives.CandidateCommitments{HeadData: block.head, HrmpWatermark: b.number()},
	}
	x.descriptor.PVDHash = x.pvd.Hash()
	available := primitives.AvailableData{PoV: pov, ValidationData: x.pvd}
	root, err := erasure.RootOf(len(b.state.Validators()), available.EncodeTo(nil))
	if err != nil {
		p.n.fail(err)
	}
	x.descriptor.ErasureRoot = root
	if change != nil {
		change(x)
	}
	committed := x.receipt()
	return &collation{ParaBlock: ParaBlock{p.id, block.number, block.hash()}, receipt: committed.Receipt(), pov: &pov,
		parentHead: bytes.Clone(parent.head), relayParent: b.number(), collator: p.name}, x
}

// vote is the candidate with the votes of the first members of its group.
func (p *testPara) vote(b *relayBlock, x *parts, votes int) primitives.BackedCandidate {
	_, members, _ := p.group(b)
	backed := primitives.BackedCandidate{Candidate: x.receipt()}
	hash := backed.Candidate.Hash()
	session := b.state.SessionIndexForChild()
	ctx := primitives.SigningContext{Session: session, Parent: x.descriptor.RelayParent}
	bits := primitives.NewBitVec(len(members))
	for i, v := range members[:votes] {
		kind := primitives.Valid
		if i == 0 {
			kind = primitives.Seconded
		}
		bits.Set(i)
		sig := p.n.validatorAt(session, v).signer.Sign(primitives.StatementPayload(kind, hash, ctx))
		backed.Votes = append(backed.Votes, primitives.ValidityAttestation{Kind: kind, Signature: sig})
	}
	backed.ValidatorIndices = bits.Append(uint64(p.core), 8)
	return backed
}

// parachain is the para as the relay chain registers it.
func (p *testPara) parachain() relay.ParaGenesis {
	return relay.ParaGenesis{ID: p.id, Head: p.genesis(), Code: testCode,
		Cores: []relay.CoreSchedule{{Core: p.core, Assignments: []relay.Assignment{relay.Task(p.id, relay.PartsOfCore)}}}}
}
