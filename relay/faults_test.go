package relay

import (
	"errors"
	"slices"
	"testing"

	"pileus/hashing"
	"pileus/primitives"
)

// fault is one thing that is wrong with a candidate whose maker is otherwise thorough: all
// hashes and votes are made for what it claims.
type fault struct {
	name string
	make func(c *chain, spec candidateSpec) primitives.BackedCandidate
	want error
}

func commitments(change func(*primitives.CandidateCommitments)) func(*chain, candidateSpec) primitives.BackedCandidate {
	return func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		spec.change = change
		return c.candidate(spec)
	}
}

func descriptor(change func(*primitives.DescriptorFields)) func(*chain, candidateSpec) primitives.BackedCandidate {
	return func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		spec.fields = change
		return c.candidate(spec)
	}
}

func votes(change func(*primitives.BackedCandidate)) func(*chain, candidateSpec) primitives.BackedCandidate {
	return func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		b := c.candidate(spec)
		change(&b)
		return b
	}
}

var candidateFaults = []fault{
	{"unknown para", descriptor(func(f *primitives.DescriptorFields) { f.Para = 4000 }), primitives.ErrNoAssignment},
	{"unknown relay parent", descriptor(func(f *primitives.DescriptorFields) { f.RelayParent = Hash{1} }), ErrDisallowedRelayParent},
	{"session before", descriptor(func(f *primitives.DescriptorFields) { f.Session-- }), ErrDisallowedRelayParent},
	{"session after", descriptor(func(f *primitives.DescriptorFields) { f.Session++ }), ErrDisallowedRelayParent},
	{"other core", descriptor(func(f *primitives.DescriptorFields) { f.Core = 3 }), primitives.ErrCoreMismatch},
	{"version 3 while it is off", descriptor(func(f *primitives.DescriptorFields) { f.Version = primitives.DescriptorV3 }), ErrDescriptorVersion},
	{"unknown version", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		r := c.receipt(spec)
		r.Descriptor[36] = 9
		return c.vote(r, spec)
	}, ErrDescriptorVersion},
	{"reserved bytes", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		r := c.receipt(spec)
		r.Descriptor[200] = 1 // the rules of before and after V3 disagree about it
		return c.vote(r, spec)
	}, ErrDescriptorVersion},
	{"other PVD", descriptor(func(f *primitives.DescriptorFields) { f.PVDHash = Hash{1} }), ErrPVD},
	{"other code", descriptor(func(f *primitives.DescriptorFields) { f.ValidationCodeHash = Hash{1} }), ErrCodeHash},
	{"other head", descriptor(func(f *primitives.DescriptorFields) { f.ParaHead = Hash{1} }), ErrParaHead},
	{"head too large", commitments(func(o *primitives.CandidateCommitments) { o.HeadData = make([]byte, 32<<10+1) }), ErrHeadDataTooLarge},
	{"code too large", commitments(func(o *primitives.CandidateCommitments) { b := make([]byte, 3<<20+1); o.NewValidationCode = &b }), ErrNewCodeTooLarge},
	{"processed what is not there", commitments(func(o *primitives.CandidateCommitments) { o.ProcessedDownwardMessages = 1 }), ErrDownward},
	{"watermark ahead", commitments(func(o *primitives.CandidateCommitments) { o.HrmpWatermark++ }), ErrWatermark},
	{"watermark on a block without messages", commitments(func(o *primitives.CandidateCommitments) { o.HrmpWatermark-- }), ErrWatermark},
	{"message without channel", commitments(func(o *primitives.CandidateCommitments) {
		o.HorizontalMessages = []primitives.OutboundHrmpMessage{{Recipient: beta}}
	}), ErrOutbound},
	{"too many upward messages", commitments(func(o *primitives.CandidateCommitments) {
		o.UpwardMessages = slices.Repeat([][]byte{{1}}, 6)
	}), ErrUpward},
	{"upward message too large", commitments(func(o *primitives.CandidateCommitments) {
		o.UpwardMessages = [][]byte{make([]byte, 50<<10+1)}
	}), ErrUpward},
	{"signal of another core", commitments(func(o *primitives.CandidateCommitments) {
		o.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{ClaimQueueOffset: 7})}
	}), primitives.ErrNoAssignment},
	{"signal twice", commitments(func(o *primitives.CandidateCommitments) {
		s := primitives.SelectCoreSignal(primitives.CoreSelection{})
		o.UpwardMessages = [][]byte{{}, s, s}
	}), primitives.ErrDuplicateSignal},
	{"V1 with signals", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		spec.v1 = true
		spec.change = func(o *primitives.CandidateCommitments) {
			o.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{})}
		}
		return c.candidate(spec)
	}, primitives.ErrSignalWithV1},
	{"V1 without a core", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		spec.v1 = true
		b := c.candidate(spec)
		b.ValidatorIndices = b.ValidatorIndices.Slice(0, b.ValidatorIndices.Len()-8)
		return b
	}, ErrNoCore},
	{"too few votes", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		spec.votes = 1
		return c.candidate(spec)
	}, ErrInsufficientBacking},
	{"no votes", votes(func(b *primitives.BackedCandidate) {
		b.Votes = nil
		b.ValidatorIndices = primitives.NewBitVec(b.ValidatorIndices.Len())
	}), ErrInsufficientBacking},
	{"votes exchanged", votes(func(b *primitives.BackedCandidate) { b.Votes[0], b.Votes[1] = b.Votes[1], b.Votes[0] }), ErrInvalidBacking},
	{"a vote altered", votes(func(b *primitives.BackedCandidate) { b.Votes[1].Signature[3] ^= 1 }), ErrInvalidBacking},
	{"a vote of another kind", votes(func(b *primitives.BackedCandidate) { b.Votes[1].Kind = primitives.Seconded }), ErrInvalidBacking},
	{"a vote without its bit", votes(func(b *primitives.BackedCandidate) { b.ValidatorIndices.Clear(1) }), ErrInvalidBacking},
	{"a bit too many", votes(func(b *primitives.BackedCandidate) { b.ValidatorIndices = b.ValidatorIndices.Append(0, 1) }), ErrInvalidBacking},
	{"votes for another candidate", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		b := c.candidate(spec)
		spec.head = []byte("other")
		b.Candidate = c.receipt(spec)
		return b
	}, ErrInvalidBacking},
	{"votes in the context of another relay parent", func(c *chain, spec candidateSpec) primitives.BackedCandidate {
		b := c.candidate(spec)
		hash := b.Candidate.Hash()
		ctx := primitives.SigningContext{Session: spec.relayParent.state.SessionIndexForChild(), Parent: spec.relayParent.header.ParentHash}
		_, members, _ := group(spec.relayParent.state, spec.relayParent.state.Config(), 0, spec.relayParent.state.Number())
		for i := range b.Votes {
			b.Votes[i].Signature = c.key(spec.relayParent.state, members[i]).Sign(primitives.StatementPayload(b.Votes[i].Kind, hash, ctx))
		}
		return b
	}, ErrInvalidBacking},
}

// The author leaves a faulty candidate out, for the fault and nothing else; a block that
// carries it all the same is invalid for the same reason.
func TestCandidateFaults(t *testing.T) {
	for _, f := range candidateFaults {
		t.Run(f.name, func(t *testing.T) {
			c := newChain(t, testGenesis(5, alpha))
			c.empty(2)
			b := f.make(c, simple(c.best(), alphaHead(), "x"))
			parent := c.best()
			c.next(backing(b))
			c.wantDropped(f.want)
			c.tips = c.tips[:len(c.tips)-1]
			c.refuses(c.forge(parent, primitives.ParachainsInherentData{Backed: []primitives.BackedCandidate{b}}), ErrFiltered, f.want)
		})
	}
}

// forge is the block that an author makes who carries what does not stand, with all
// roots and the seal as they should be for an empty block.
func (c *chain) forge(parent *tip, data primitives.ParachainsInherentData) *Block {
	c.t.Helper()
	slot := parent.state.Slot() + 1
	signer := c.keys[SlotAuthor(parent.state, slot)].Pair
	empty := primitives.ParachainsInherentData{ParentHeader: parent.header}
	block, _, _, _, err := Author(parent.state, &parent.header, slot, signer, &empty)
	if err != nil {
		c.t.Fatal(err)
	}
	if data.ParentHeader.Number == 0 {
		data.ParentHeader = parent.header
	}
	block.Inherent = data
	return c.seal(parent, block)
}

// seal makes extrinsics root and seal anew.
func (c *chain) seal(parent *tip, b *Block) *Block {
	claim, _ := b.Header.Digest.BabeClaim()
	b.Header.ExtrinsicsRoot = b.extrinsicsRoot()
	b.Header, _, _ = b.Header.WithoutSeal()
	hash := b.Header.Hash()
	sig := c.keys[SlotAuthor(parent.state, claim.Slot)].Pair.Sign(hash[:])
	b.Header.Digest = append(slices.Clone(b.Header.Digest), primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
	return b
}

// refuses wants an importer to refuse the block for all those causes.
func (c *chain) refuses(b *Block, causes ...error) {
	c.t.Helper()
	parent := c.best()
	_, _, err := Import(parent.state, &parent.header, b)
	for _, want := range causes {
		if !errors.Is(err, want) {
			c.t.Fatalf("import: %v; want %v", err, want)
		}
	}
}

// Bitfields: every part altered in turn, by its validator itself where that helps it.
func TestBitfieldFaults(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	s, parent := c.best().state, c.best()
	sign := func(bits primitives.BitVec, v primitives.ValidatorIndex, session primitives.SessionIndex, on Hash) primitives.SignedBitfield {
		ctx := primitives.SigningContext{Session: session, Parent: on}
		return primitives.SignedBitfield{Bits: bits, Validator: v, Signature: c.key(s, v).Sign(primitives.BitfieldPayload(bits, ctx))}
	}
	session, good := s.SessionIndexForChild(), c.available(5)
	for _, f := range []struct {
		name string
		list []primitives.SignedBitfield
		want error
	}{
		{"a bit too many", []primitives.SignedBitfield{sign(primitives.BitsOf(2, 0), 0, session, parent.hash())}, ErrBitfieldLength},
		{"no bits", []primitives.SignedBitfield{sign(primitives.NewBitVec(0), 0, session, parent.hash())}, ErrBitfieldLength},
		{"another bit than signed", []primitives.SignedBitfield{{Bits: primitives.NewBitVec(1), Validator: 0, Signature: good[0].Signature}}, ErrBitfieldSignature},
		{"another validator", []primitives.SignedBitfield{{Bits: good[0].Bits, Validator: 1, Signature: good[0].Signature}}, ErrBitfieldSignature},
		{"no such validator", []primitives.SignedBitfield{{Bits: good[0].Bits, Validator: 5, Signature: good[0].Signature}}, ErrBitfieldValidator},
		{"the greatest index", []primitives.SignedBitfield{{Bits: good[0].Bits, Validator: 1<<32 - 1, Signature: good[0].Signature}}, ErrBitfieldValidator},
		{"a signature altered", []primitives.SignedBitfield{{Bits: good[0].Bits, Validator: 0, Signature: flip(good[0].Signature)}}, ErrBitfieldSignature},
		{"of the block before", []primitives.SignedBitfield{sign(good[0].Bits, 0, session, parent.header.ParentHash)}, ErrBitfieldSignature},
		{"of another session", []primitives.SignedBitfield{sign(good[0].Bits, 0, session+1, parent.hash())}, ErrBitfieldSignature},
		{"twice", []primitives.SignedBitfield{good[0], good[0]}, ErrBitfieldOrder},
		{"out of order", []primitives.SignedBitfield{good[1], good[0]}, ErrBitfieldOrder},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := &chain{t: t, keys: c.keys, tips: slices.Clone(c.tips)}
			c.next(primitives.ParachainsInherentData{Bitfields: f.list})
			if !errors.Is(c.lastReason(), f.want) || len(c.last.dropped) != 1 {
				t.Fatalf("dropped %v, want %v", c.last.dropped, f.want)
			}
			c.tips = c.tips[:len(c.tips)-1]
			c.refuses(c.forge(parent, primitives.ParachainsInherentData{Bitfields: f.list}), ErrFiltered, f.want)
		})
	}
	c.next(primitives.ParachainsInherentData{Bitfields: good})
	c.wantEvents(Included)
}

func flip(s primitives.Signature) primitives.Signature { s[9] ^= 1; return s }

// The inherent and the block around it: each altered by the slot's author, who makes all
// that lies further out anew.
func TestBlockFaults(t *testing.T) {
	build := func(t *testing.T) (*chain, *Block) {
		c := newChain(t, testGenesis(5, alpha, beta))
		c.empty(1)
		rp := c.best()
		b := candidateSpec{para: beta, relayParent: rp, parentHead: rp.state.Head(beta), head: []byte("b"), core: 1}
		c.next(backing(c.candidate(simple(rp, alphaHead(), "a")), c.candidate(b)))
		c.wantEvents(Backed, Backed)
		c.tips = c.tips[:len(c.tips)-1]
		return c, reencoded(t, c.last.block)
	}
	for _, f := range []struct {
		name  string
		forge func(c *chain, b *Block)
		want  error
	}{
		{"another order of paras", func(c *chain, b *Block) { slices.Reverse(b.Inherent.Backed) }, ErrFiltered},
		{"a candidate twice", func(c *chain, b *Block) { b.Inherent.Backed = append(b.Inherent.Backed, b.Inherent.Backed[1]) }, ErrDuplicate},
		{"a candidate less", func(c *chain, b *Block) { b.Inherent.Backed = b.Inherent.Backed[:1] }, ErrStateRoot},
		{"a vote less", func(c *chain, b *Block) {
			x := &b.Inherent.Backed[0]
			x.ValidatorIndices.Clear(x.ValidatorIndices.Len() - 9)
			x.Votes = x.Votes[:len(x.Votes)-1]
		}, ErrStateRoot},
		{"another parent header", func(c *chain, b *Block) { b.Inherent.ParentHeader.StateRoot[0] ^= 1 }, ErrParentHeader},
		{"parent hash", func(c *chain, b *Block) { b.Header.ParentHash[0] ^= 1 }, ErrParent},
		{"number", func(c *chain, b *Block) { b.Header.Number++ }, ErrParent},
		{"state root", func(c *chain, b *Block) { b.Header.StateRoot[0] ^= 1 }, ErrStateRoot},
		{"timestamp", func(c *chain, b *Block) { b.Timestamp++ }, ErrTimestamp},
		{"a log more", func(c *chain, b *Block) {
			b.Header, _, _ = b.Header.WithoutSeal()
			b.Header.Digest = append(slices.Clone(b.Header.Digest), primitives.DigestItem{Kind: primitives.DigestOther, Data: []byte{1}})
		}, ErrDigest},
		{"no claim", func(c *chain, b *Block) { b.Header.Digest = b.Header.Digest[1:] }, ErrNoClaim},
		{"a claim of another kind", func(c *chain, b *Block) { b.Header.Digest[0].Data[0] = primitives.BabePrimary }, ErrNoClaim},
		{"another authority", func(c *chain, b *Block) { b.Header.Digest[0].Data[1] ^= 1 }, ErrNotAuthor},
		{"the parent's slot", func(c *chain, b *Block) { b.Header.Digest[0].Data[5]-- }, ErrSlot},
		{"a call that fails", func(c *chain, b *Block) { b.Calls = []Call{PlaceOrder{4000}} }, ErrUnknownPara},
		{"a call more", func(c *chain, b *Block) { b.Calls = []Call{SendDownward{alpha, []byte("m")}} }, ErrStateRoot},
	} {
		t.Run(f.name, func(t *testing.T) {
			c, b := build(t)
			if _, _, err := Import(c.best().state, &c.best().header, reencoded(t, b)); err != nil {
				t.Fatalf("as it was: %v", err)
			}
			f.forge(c, b)
			c.refuses(c.seal(c.best(), b), f.want)
		})
	}
	for _, f := range []struct {
		name  string
		forge func(c *chain, b *Block)
		want  error
	}{
		{"extrinsics root", func(c *chain, b *Block) { b.Header.ExtrinsicsRoot[0] ^= 1 }, ErrBadSeal},
		{"no seal", func(c *chain, b *Block) { b.Header, _, _ = b.Header.WithoutSeal() }, ErrNoSeal},
		{"seal too short", func(c *chain, b *Block) { b.Header.Digest[1].Data = b.Header.Digest[1].Data[:63] }, ErrNoSeal},
		{"seal altered", func(c *chain, b *Block) { b.Header.Digest[1].Data[0] ^= 1 }, ErrBadSeal},
		{"seal of another", func(c *chain, b *Block) {
			h, _, _ := b.Header.WithoutSeal()
			hash := h.Hash()
			claim, _ := h.Digest.BabeClaim()
			sig := c.keys[(claim.Authority+1)%5].Pair.Sign(hash[:])
			b.Header.Digest[1].Data = sig[:]
		}, ErrBadSeal},
		{"inherent", func(c *chain, b *Block) { b.Inherent.Backed = nil }, ErrExtrinsicsRoot},
	} {
		t.Run(f.name, func(t *testing.T) {
			c, b := build(t)
			f.forge(c, b)
			c.refuses(b, f.want)
		})
	}
	// A validator that is not the slot's author cannot make a block.
	c, _ := build(t)
	other := c.keys[(SlotAuthor(c.best().state, c.best().state.Slot()+1)+1)%5].Pair
	_, _, _, _, err := Author(c.best().state, &c.best().header, c.best().state.Slot()+1, other, &primitives.ParachainsInherentData{ParentHeader: c.best().header})
	if !errors.Is(err, ErrNotAuthor) {
		t.Errorf("author of a foreign slot: %v", err)
	}
}

// Of a para's chain what stands before the fault stays, what follows it falls.
func TestFaultInChain(t *testing.T) {
	c := newChain(t, twoCores(6))
	c.empty(2)
	rp := c.best()
	x, y := c.candidate(onCore(simple(rp, alphaHead(), "x"), 0)), c.candidate(onCore(simple(rp, "x", "y"), 1))
	z := c.candidate(onCore(simple(rp, "y", "z"), 1))
	for _, f := range []struct {
		name   string
		list   []primitives.BackedCandidate
		backed int
		first  error
	}{
		{"in order", []primitives.BackedCandidate{x, y}, 2, nil},
		{"more than cores", []primitives.BackedCandidate{x, y, z}, 2, ErrUnscheduled},
		{"a core twice", []primitives.BackedCandidate{x, c.candidate(onCore(simple(rp, "x", "y"), 0))}, 1, ErrUnscheduled},
		{"the same twice", []primitives.BackedCandidate{x, x}, 1, ErrDuplicate},
		{"not in order", []primitives.BackedCandidate{y, x}, 0, ErrPVD},
		{"a relay parent that moves backwards", []primitives.BackedCandidate{x, c.candidate(onCore(simple(c.tips[1], "x", "y"), 1))}, 1, ErrDisallowedRelayParent},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := &chain{t: t, keys: c.keys, tips: slices.Clone(c.tips)}
			c.next(backing(f.list...))
			if n := count(c.last.events, Backed); n != f.backed || !errors.Is(c.lastReason(), f.first) || (f.first == nil) != (len(c.last.dropped) == 0) {
				t.Fatalf("backed %d, dropped %v; want %d, %v", n, c.last.dropped, f.backed, f.first)
			}
		})
	}
}

// A wrong code hash is named as what it is, before anything about votes.
func TestHashesOfForgers(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(1)
	spec := simple(c.best(), alphaHead(), "x")
	other := hashing.Blake2b256([]byte("other code"))
	spec.code = &other
	c.next(backing(c.candidate(spec)))
	c.wantDropped(ErrCodeHash)
}
