package relay

import (
	"slices"
	"testing"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

func u32(v uint32) *uint32 { return &v }

// testConfig is a configuration with lookahead 3, rotation 20, availability period 4 and two votes.
func testConfig() primitives.HostConfiguration {
	return primitives.HostConfiguration{
		MaxCodeSize: 3 << 20, MaxHeadDataSize: 32 << 10,
		MaxUpwardQueueCount: 8, MaxUpwardQueueSize: 1 << 20, MaxUpwardMessageSize: 50 << 10, MaxUpwardMessageNumPerCandidate: 5,
		HrmpMaxMessageNumPerCandidate: 5,
		ValidationUpgradeCooldown:     2, ValidationUpgradeDelay: 2, MinimumValidationUpgradeDelay: 5,
		AsyncBackingParams: primitives.AsyncBackingParams{MaxCandidateDepth: 3, AllowedAncestryLen: 2},
		MaxPoVSize:         10 << 20, MaxDownwardMessageSize: 1 << 20,
		HrmpMaxParachainOutboundChannels: 4, HrmpMaxParachainInboundChannels: 4,
		HrmpChannelMaxCapacity: 8, HrmpChannelMaxTotalSize: 8 << 10, HrmpChannelMaxMessageSize: 1 << 10,
		CodeRetentionPeriod: 1200, DisputePeriod: 6, DisputePostConclusionAcceptancePeriod: 100,
		NoShowSlots: 2, NDelayTranches: 25, NeededApprovals: 2, RelayVrfModuloSamples: 2, PvfVotingTTL: 2,
		MinimumBackingVotes:      2,
		NodeFeatures:             primitives.BitsOf(4, 0, 1, 3),
		MaxApprovalCoalesceCount: 1,
		SchedulerParams:          primitives.SchedulerParams{GroupRotationFrequency: 20, ParasAvailabilityPeriod: 4, Lookahead: 3, OnDemandQueueMaxSize: 500},
	}
}

const (
	alpha primitives.ParaID = 2000
	beta  primitives.ParaID = 2001
)

func testCode(n byte) []byte { return slices.Repeat([]byte{n}, 64) }

func testGenesis(validators int, paras ...primitives.ParaID) GenesisConfig {
	cfg := GenesisConfig{Config: testConfig(), Number: 100, Slot: 1000, SessionBlocks: 600, Seed: 7}
	for _, k := range crypto.DevKeys(validators) {
		cfg.Validators = append(cfg.Validators, k.Pair.Public())
	}
	for _, p := range paras {
		cfg.Paras = append(cfg.Paras, ParaGenesis{ID: p, Head: []byte{byte(p), 0}, Code: testCode(byte(p))})
	}
	return cfg
}

// tip is a relay block with its state.
type tip struct {
	header primitives.Header
	state  *State
}

func (p *tip) hash() primitives.Hash { return p.header.Hash() }

// chain is a relay chain whose validators do what the test says.
type chain struct {
	t    testing.TB
	keys []crypto.DevKey // by place among the authorities
	tips []*tip          // oldest first
	last struct {
		block   *Block
		events  []Event
		dropped []Dropped
	}
}

func newChain(t testing.TB, cfg GenesisConfig) *chain {
	t.Helper()
	state, header, err := Genesis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &chain{t: t, keys: crypto.DevKeys(len(cfg.Validators)), tips: []*tip{{header, state}}}
}

func (c *chain) best() *tip { return c.tips[len(c.tips)-1] }

// key is that of a validator of the state's session.
func (c *chain) key(s *State, v primitives.ValidatorIndex) *crypto.Sr25519Pair {
	return c.keys[s.ActiveIndices()[v]].Pair
}

// next authors a block in the next slot, imports it and checks that both agree.
func (c *chain) next(raw primitives.ParachainsInherentData, calls ...Call) *tip {
	c.t.Helper()
	return c.at(c.best().state.Slot()+1, raw, calls...)
}

func (c *chain) at(slot primitives.Slot, raw primitives.ParachainsInherentData, calls ...Call) *tip {
	c.t.Helper()
	parent := c.best()
	raw.ParentHeader = parent.header
	signer := c.keys[SlotAuthor(parent.state, slot)].Pair
	block, state, events, dropped, err := Author(parent.state, &parent.header, slot, signer, &raw, calls...)
	if err != nil {
		c.t.Fatalf("author: %v", err)
	}
	imported, seen, err := Import(parent.state, &parent.header, block)
	if err != nil {
		c.t.Fatalf("import of what was authored: %v", err)
	}
	if imported.Root() != state.Root() || len(seen) != len(events) {
		c.t.Fatalf("importer and author disagree: %v, %v", seen, events)
	}
	c.last.block, c.last.events, c.last.dropped = block, events, dropped
	c.tips = append(c.tips, &tip{block.Header, imported})
	return c.best()
}

// empty authors n blocks without candidates, with full bitfields if something is pending.
func (c *chain) empty(n int) {
	c.t.Helper()
	for range n {
		c.next(primitives.ParachainsInherentData{})
	}
}

// available are the bitfields of the validators that hold everything that is pending.
func (c *chain) available(validators int) []primitives.SignedBitfield {
	s := c.best().state
	bits := primitives.NewBitVec(len(s.AvailabilityCores()))
	for i, core := range s.AvailabilityCores() {
		if core.Kind == primitives.CoreOccupied {
			bits.Set(i)
		}
	}
	ctx := primitives.SigningContext{Session: s.SessionIndexForChild(), Parent: c.best().hash()}
	var list []primitives.SignedBitfield
	for v := range primitives.ValidatorIndex(validators) {
		list = append(list, primitives.SignedBitfield{Bits: bits, Validator: v, Signature: c.key(s, v).Sign(primitives.BitfieldPayload(bits, ctx))})
	}
	return list
}

// candidateSpec is a candidate to make; the zero value of a field is what is right.
type candidateSpec struct {
	para        primitives.ParaID
	relayParent *tip
	parentHead  []byte
	head        []byte
	core        primitives.CoreIndex
	v1          bool
	v3          bool
	scheduling  *tip // of V3
	votes       int  // 0: all of the group
	code        *primitives.Hash
	change      func(*primitives.CandidateCommitments)
	fields      func(*primitives.DescriptorFields)
}

// candidate makes a candidate and lets its group vote for it.
func (c *chain) candidate(p candidateSpec) primitives.BackedCandidate {
	c.t.Helper()
	return c.vote(c.receipt(p), p)
}

func (c *chain) receipt(p candidateSpec) primitives.CommittedCandidateReceipt {
	rp := p.relayParent
	out := primitives.CandidateCommitments{HeadData: p.head, HrmpWatermark: rp.state.Number()}
	if p.v3 {
		out.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{})}
	}
	if p.change != nil {
		p.change(&out)
	}
	pvd := primitives.PersistedValidationData{ParentHead: p.parentHead, RelayParentNumber: rp.state.Number(), RelayParentStorageRoot: rp.state.Root(),
		MaxPoVSize: rp.state.Config().MaxPoVSize}
	code, _ := rp.state.ValidationCodeHash(p.para, primitives.AssumeTimedOut)
	if p.code != nil {
		code = *p.code
	}
	f := primitives.DescriptorFields{Version: primitives.DescriptorV2, Para: p.para, RelayParent: rp.hash(), Core: p.core, Session: rp.state.SessionIndexForChild(),
		PVDHash: pvd.Hash(), PoVHash: hashing.Blake2b256(p.head), ErasureRoot: hashing.Blake2b256([]byte("chunks")),
		ParaHead: primitives.ParaHeadHash(out.HeadData), ValidationCodeHash: code}
	if p.v3 {
		f.Version, f.SchedulingParent = primitives.DescriptorV3, p.scheduling.hash()
	}
	if p.fields != nil {
		p.fields(&f)
	}
	d := f.Descriptor()
	if p.v1 {
		for i := 36; i < 68; i++ { // a collator's key and signature
			d[i] = 7
		}
		for i := 164; i < 228; i++ {
			d[i] = 9
		}
	}
	return primitives.CommittedCandidateReceipt{Descriptor: d, Commitments: out}
}

// vote signs the candidate with the first validators of its group.
func (c *chain) vote(receipt primitives.CommittedCandidateReceipt, p candidateSpec) primitives.BackedCandidate {
	sp := p.relayParent
	if p.v3 {
		sp = p.scheduling
	}
	_, members, ok := group(sp.state, sp.state.Config(), p.core, sp.state.Number())
	if !ok {
		c.t.Fatalf("core %d has no group", p.core)
	}
	n := p.votes
	if n == 0 {
		n = len(members)
	}
	b := primitives.BackedCandidate{Candidate: receipt}
	bits := primitives.NewBitVec(len(members))
	hash := receipt.Hash()
	ctx := primitives.SigningContext{Session: sp.state.SessionIndexForChild(), Parent: receipt.Descriptor.SchedulingParent()}
	for i, v := range members[:n] {
		kind := primitives.Valid
		if i == 0 {
			kind = primitives.Seconded
		}
		bits.Set(i)
		b.Votes = append(b.Votes, primitives.ValidityAttestation{Kind: kind, Signature: c.key(sp.state, v).Sign(primitives.StatementPayload(kind, hash, ctx))})
	}
	b.ValidatorIndices = bits.Append(uint64(p.core), 8)
	return b
}

func backing(list ...primitives.BackedCandidate) primitives.ParachainsInherentData {
	return primitives.ParachainsInherentData{Backed: list}
}

// reencoded is the block as an importer gets it: nothing is shared with the author's.
func reencoded(t testing.TB, b *Block) *Block {
	t.Helper()
	c := &Block{Timestamp: b.Timestamp, Calls: b.Calls}
	if err := scale.Decode(b.Header.EncodeTo(nil), &c.Header); err != nil {
		t.Fatal(err)
	}
	if err := scale.Decode(b.Inherent.EncodeTo(nil), &c.Inherent); err != nil {
		t.Fatal(err)
	}
	return c
}

func count(events []Event, kind EventKind) (n int) {
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
