package validator_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pileus/erasure"
	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
)

// sign makes a statement of the validator with that place in the session.
func (n *network) sign(kind primitives.StatementKind, v primitives.ValidatorIndex, c *candidateOf) validator.Statement {
	s := validator.Statement{Kind: kind, Candidate: c.hash, SchedulingParent: c.sp, Validator: v}
	if kind == primitives.Seconded {
		s.Receipt, s.PVD = c.receipt, c.pvd
	}
	session := n.state.SessionIndexForChild()
	ctx := primitives.SigningContext{Session: session, Parent: c.sp}
	s.Signature = n.keys[n.sessions[session][v]].Sign(primitives.StatementPayload(kind, c.hash, ctx))
	return s
}

// candidateOf is a candidate as a Seconded statement carries it.
type candidateOf struct {
	hash    primitives.CandidateHash
	sp      primitives.Hash
	receipt *primitives.CommittedCandidateReceipt
	pvd     *primitives.PersistedValidationData
}

func (n *network) candidate(parent, head string) *candidateOf {
	d := n.draft(parent, head)
	c := d.seal(n.t)
	n.collations[c.receipt.Hash()] = c
	return &candidateOf{c.receipt.Hash(), n.header.Hash(), &primitives.CommittedCandidateReceipt{Descriptor: c.receipt.Descriptor, Commitments: d.commitments}, &d.pvd}
}

// others are two validators of the session that are not node 0.
func (n *network) others() (a, b primitives.ValidatorIndex) {
	var list []primitives.ValidatorIndex
	for v, place := range n.sessions[n.state.SessionIndexForChild()] {
		if place != 0 {
			list = append(list, primitives.ValidatorIndex(v))
		}
	}
	return list[0], list[1]
}

// hear lets node 0 take in statements.
func (n *network) hear(list ...validator.Statement) {
	for _, s := range list {
		n.send(0, 0, validator.StatementReceived{Statement: s})
	}
	n.until(n.now + hop/2)
}

func (n *network) of(kind validator.NoteKind) (list []validator.Note) {
	for _, x := range n.notes {
		if x.Kind == kind && x.node == 0 {
			list = append(list, x.Note)
		}
	}
	return list
}

// A validator that contradicts itself is named, and its second word changes nothing.
func TestMisbehaviour(t *testing.T) {
	for name, c := range map[string]struct {
		second func(n *network, s validator.Statement, c *candidateOf) validator.Statement
		want   validator.Misbehaviour
	}{
		"seconded and valid": {func(n *network, s validator.Statement, c *candidateOf) validator.Statement {
			return n.sign(primitives.Valid, s.Validator, c)
		}, validator.ValidityDoubleVote},
		"two signatures": {func(_ *network, s validator.Statement, _ *candidateOf) validator.Statement {
			s.Signature[0] ^= 1
			return s
		}, validator.DoubleSign},
		"repetition": {func(_ *network, s validator.Statement, _ *candidateOf) validator.Statement { return s }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.nodes[0] = validator.New(validator.Config{Key: n.keys[0], Verify: func([64]byte, []byte, [32]byte) bool { return true }})
			n.execute = func(*validator.Validate) (*primitives.ValidationResult, time.Duration, error) {
				return nil, 0, errors.New("node 0 says nothing of its own")
			}
			n.until(n.now)
			cand := n.candidate("head 0", "head 1")
			a, _ := n.others()
			first := n.sign(primitives.Seconded, a, cand)
			n.hear(first, c.second(n, first, cand))
			bad := n.of(validator.NoteMisbehaviour)
			switch {
			case c.want == "" && len(bad) > 0:
				t.Errorf("%v", bad)
			case c.want != "" && (len(bad) != 1 || bad[0].Reason != validator.Reason(c.want) || bad[0].Validator != a):
				t.Errorf("%v, want %s of %d", bad, c.want, a)
			}
			if len(n.of(validator.NoteBackable)) > 0 {
				t.Error("one validator made it backable")
			}
		})
	}
}

// With two cores a vote of the other core's group counts for nothing.
func TestVoteOutsideItsGroup(t *testing.T) {
	whole := []relay.Assignment{relay.Task(para, relay.PartsOfCore)}
	n := startNetwork(t, relay.GenesisConfig{Config: config(), Number: 100, Slot: 1000, SessionBlocks: 600, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code, Cores: []relay.CoreSchedule{{Core: 0, Assignments: whole}, {Core: 1, Assignments: whole}}}}})
	n.until(n.now)
	groups, rotation := n.state.ValidatorGroups()
	cand := n.candidate("head 0", "head 1")
	g, ok := rotation.GroupForCore(0, n.state.Number()+1, len(groups))
	if !ok {
		t.Fatal("core 0 has no group")
	}
	own, other := groups[g], groups[1-g]
	n.hear(n.sign(primitives.Seconded, own[0], cand), n.sign(primitives.Valid, other[0], cand))
	if bad := n.of(validator.NoteMisbehaviour); len(bad) != 1 || bad[0].Reason != validator.Reason(validator.UnauthorizedStatement) {
		t.Errorf("%v", bad)
	}
	n.notes = nil
	n.hear(n.sign(primitives.Seconded, other[1], n.candidate("head 0", "head 2")))
	if list := n.of(validator.NoteRefused); len(list) != 1 || list[0].Reason != validator.CoreDiffers {
		t.Errorf("a candidate of core 0 seconded by the group of core 1: %v", list)
	}
}

// Statements and bitfields may come before the relay block that they stand on, and a Valid before its Seconded.
func TestEarlyMessagesWait(t *testing.T) {
	n := newNetwork(t)
	n.until(n.now)
	cand := n.candidate("head 0", "head 1")
	a, b := n.others()
	late := validator.New(validator.Config{Key: n.keys[0]})
	var out []validator.Output
	out = append(out, late.Step(n.now, validator.StatementReceived{Statement: n.sign(primitives.Valid, b, cand)})...)
	out = append(out, late.Step(n.now, validator.StatementReceived{Statement: n.sign(primitives.Seconded, a, cand)})...)
	if len(out) > 0 {
		t.Fatalf("before the block: %v", out)
	}
	header := n.header
	backable := 0
	for _, o := range late.Step(n.now, validator.Leaf{Header: &header, State: n.state}) {
		if note, ok := o.(validator.Note); ok && note.Kind == validator.NoteBackable {
			backable++
		}
	}
	if backable != 1 {
		t.Errorf("backable %d times", backable)
	}
}

// One validator seconds at most as many candidates at a scheduling parent as its core has claims there.
func TestSecondingLimit(t *testing.T) {
	n := newNetwork(t)
	n.until(n.now)
	a, _ := n.others()
	for i := range 4 {
		n.hear(n.sign(primitives.Seconded, a, n.candidate("head 0", string(rune('a'+i)))))
	}
	refused := 0
	for _, note := range n.of(validator.NoteRefused) {
		if note.Reason == validator.SecondingLimit {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refused of 4, with 3 claims", refused)
	}
}

// A fault of our own says nothing about the candidate: no vote, and another vote for it starts anew.
func TestOwnFault(t *testing.T) {
	n := newNetwork(t)
	n.until(n.now)
	runs := 0
	n.execute = func(v *validator.Validate) (*primitives.ValidationResult, time.Duration, error) {
		if runs++; runs == 1 {
			return nil, 0, errors.New("disk full")
		}
		return &primitives.ValidationResult{HeadData: v.PoV.BlockData, HrmpWatermark: v.PVD.RelayParentNumber}, 0, nil
	}
	cand := n.candidate("head 0", "head 1")
	ad := validator.Advertised{From: "c", Para: para, SchedulingParent: cand.sp, ParentHeadHash: primitives.ParaHeadHash([]byte("head 0")), CandidateHash: cand.hash}
	n.send(0, 0, ad)
	n.until(n.now + time.Second)
	if list := n.of(validator.NoteRefused); len(list) != 1 || list[0].Reason != validator.InternalFault {
		t.Fatalf("%v", list)
	}
	n.send(0, 1, ad) // it seconds, and node 0 attests
	n.until(n.now + time.Second)
	if len(n.of(validator.NoteValid)) != 1 {
		t.Error("node 0 did not vote")
	}
}

// Answers to nothing, twice or too late do no harm, whatever they hold.
func TestStrayAnswers(t *testing.T) {
	n := newNetwork(t)
	n.until(n.now)
	cand := n.candidate("head 0", "head 1")
	c := n.collations[cand.hash]
	c.slow = 30 * time.Second // when it comes, the window has closed
	n.collations[cand.hash] = c
	n.send(0, 0, validator.Advertised{From: "c", Para: para, SchedulingParent: cand.sp, ParentHeadHash: primitives.ParaHeadHash([]byte("head 0")), CandidateHash: cand.hash})
	for range 8 {
		n.slot()
	}
	for id := range uint64(8) {
		for _, in := range []validator.Input{validator.CollationFetched{ID: id}, validator.PoVFetched{ID: id}, validator.Validated{ID: id}, validator.ChunkFetched{ID: id},
			validator.Timer{Key: validator.TimerKey{Kind: validator.TimerKind(id), N: id}}, validator.Timer{Key: validator.TimerKey{Kind: validator.TimerNextPeer, Block: n.header.Hash(), N: id}},
			validator.Timer{Key: validator.TimerKey{Kind: validator.TimerBitfield, Block: wrong}}, validator.Timer{Key: validator.TimerKey{Kind: validator.TimerKind(id) + 3, Block: n.header.Hash()}},
			validator.Finalized{Number: uint32(id)}, validator.StatementReceived{}, validator.BitfieldReceived{}, validator.Advertised{}} {
			n.send(0, 0, in)
		}
	}
	n.until(n.now + time.Second)
	if n.count(validator.NoteSeconded) > 0 {
		t.Error("it was seconded")
	}
	n.send(0, 0, validator.Finalized{Number: math.MaxUint32})
	n.until(n.now + time.Second)
	n.slot()
}

// A lookahead beyond what the node remembers, and a fork that falls out of its memory with a fetch
// under way, leave nothing behind that an answer could trip over.
func TestForgottenBlocks(t *testing.T) {
	cfg := config()
	cfg.SchedulerParams.Lookahead = 200
	n := startNetwork(t, relay.GenesisConfig{Config: cfg, Number: 100, Slot: 1000, SessionBlocks: 600, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code}}})
	n.until(n.now)
	cand := n.candidate("head 0", "head 1")
	c := n.collations[cand.hash]
	c.slow = 80 * 6 * time.Second
	n.collations[cand.hash] = c
	n.send(0, 0, validator.Advertised{From: "c", Para: para, SchedulingParent: cand.sp, ParentHeadHash: primitives.ParaHeadHash([]byte("head 0")), CandidateHash: cand.hash})
	root := n.header.Hash()
	n.slot()
	n.slotOn(root)
	for range 68 {
		n.slot()
	}
	if list := n.of(validator.NoteExpired); len(list) != 1 || list[0].Stage != validator.StageFetching {
		t.Errorf("%v", list)
	}
}

// A relay parent is looked up in the session that the descriptor claims; a V3 one may name an earlier
// session than the scheduling parent's, but not for a block that was not of it.
func TestRelayParentOfAnotherSession(t *testing.T) {
	cfg := config()
	cfg.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
	n := startNetwork(t, relay.GenesisConfig{Config: cfg, Number: 100, Slot: 1000, SessionBlocks: 40, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code}}})
	n.until(n.now + 6*time.Second)
	for offset, want := range map[uint8]bool{0: true, 1: false} {
		d := n.draft("head 0", "head 1")
		d.fields.Version, d.fields.SchedulingParent = primitives.DescriptorV3, n.header.Hash()
		d.fields.Session -= primitives.SessionIndex(offset)
		d.fields.SchedulingOffset = offset
		d.commitments.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{})}
		n.execute = func(v *validator.Validate) (*primitives.ValidationResult, time.Duration, error) {
			return &primitives.ValidationResult{HeadData: v.PoV.BlockData, HrmpWatermark: v.PVD.RelayParentNumber, UpwardMessages: d.commitments.UpwardMessages}, 0, nil
		}
		c := d.seal(t)
		n.notes, n.collations[c.receipt.Hash()] = nil, c
		n.send(0, 0, validator.Advertised{From: "c", Para: para, SchedulingParent: n.header.Hash(), RelayParent: n.header.Hash(), Version: primitives.DescriptorV3,
			ParentHeadHash: primitives.ParaHeadHash(c.parentHead), CandidateHash: c.receipt.Hash()})
		n.until(n.now + 100*time.Millisecond)
		list := n.of(validator.NoteRefused)
		if want && len(list) > 0 || !want && (len(list) != 1 || list[0].Reason != validator.RelayParentUnknown) {
			t.Errorf("offset %d: %v", offset, list)
		}
	}
}

// A chunk counts only if the erasure root proves it: without one the bit stays clear.
func TestForgedChunks(t *testing.T) {
	whole := []relay.Assignment{relay.Task(para, relay.PartsOfCore)}
	n := startNetwork(t, relay.GenesisConfig{Config: config(), Number: 100, Slot: 1000, SessionBlocks: 600, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code, Cores: []relay.CoreSchedule{{Core: 0, Assignments: whole}, {Core: 1, Assignments: whole}}}}})
	n.until(n.now)
	n.chunk = func(c erasure.Chunk) *erasure.Chunk {
		c.Data = append([]byte{1}, c.Data...)
		return &c
	}
	c := n.draft("head 0", "head 1").seal(t)
	n.offer(c)
	n.slot()
	if !n.happened(relay.Backed) {
		t.Fatalf("%v", n.events)
	}
	n.notes = nil
	n.until(n.now + 2*time.Second)
	if n.count(validator.NoteRefused) == 0 || !slices.Equal(n.refusals(), []validator.Reason{validator.InvalidChunk}) {
		t.Errorf("refused: %v", n.refusals())
	}
	set := 0
	for _, x := range n.notes {
		if x.Kind == validator.NoteBitfield {
			set += x.Bits.Ones()
		}
	}
	if backers := 5 - n.count(validator.NoteRefused); set != backers {
		t.Errorf("%d set their bits, %d have the data", set, backers)
	}
}

// A block that was built upon before its bitfield is due needs none any more, and different bitfields of one
// validator are kept only up to a few.
func TestBitfields(t *testing.T) {
	n := newNetwork(t)
	n.until(n.now)
	first := n.header
	state := n.state
	n.slot()
	second := n.header
	fields := 0
	node := validator.New(validator.Config{Key: n.keys[0], Verify: func([64]byte, []byte, [32]byte) bool { return true }})
	node.Step(n.now, validator.Leaf{Header: &first, State: state})
	node.Step(n.now, validator.Leaf{Header: &second, State: n.state})
	for _, h := range []primitives.Header{first, second} {
		for _, out := range node.Step(n.now+validator.BitfieldDelay, validator.Timer{Key: validator.TimerKey{Kind: validator.TimerBitfield, Block: h.Hash()}}) {
			if g, ok := out.(validator.Gossip); ok && g.Bitfield.Block == second.Hash() {
				fields++
			} else if ok {
				t.Error("a bitfield on a block that is no leaf")
			}
		}
	}
	if fields != 1 {
		t.Errorf("%d bitfields", fields)
	}
	a, _ := n.others()
	refused := 0
	for i := range 40 {
		f := primitives.SignedBitfield{Bits: primitives.BitsOf(1), Validator: a}
		if i%2 == 0 {
			f.Bits = primitives.BitsOf(1, 0)
		}
		refused += len(node.Step(n.now, validator.BitfieldReceived{Block: second.Hash(), Bitfield: f}))
	}
	if refused != 0 {
		t.Errorf("%d of two different bitfields were refused", refused)
	}
}

// withV3 is a relay state with the node feature for V3.
type withV3 struct{ *relay.State }

func (s withV3) Config() *primitives.HostConfiguration {
	c := *s.State.Config()
	c.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
	return &c
}

// The feature counts once a block is final whose session has it.
func TestV3WaitsForFinality(t *testing.T) {
	for final, want := range map[uint32]bool{100: false, 101: true} {
		n := newNetwork(t)
		n.until(n.now)
		node := validator.New(validator.Config{Key: n.keys[0]})
		first := n.header
		node.Step(n.now, validator.Leaf{Header: &first, State: n.state})
		n.slot()
		second := n.header
		node.Step(n.now, validator.Leaf{Header: &second, State: withV3{n.state}})
		node.Step(n.now, validator.Finalized{Number: final})
		d := n.draft("head 0", "head 1")
		d.fields.Version, d.fields.SchedulingParent = primitives.DescriptorV3, second.Hash()
		d.commitments.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{})}
		c := d.seal(t)
		fetched := false
		for _, out := range node.Step(n.now+6*time.Second, validator.Advertised{From: "c", Para: para, SchedulingParent: second.Hash(), RelayParent: second.Hash(),
			Version: primitives.DescriptorV3, ParentHeadHash: primitives.ParaHeadHash(c.parentHead), CandidateHash: c.receipt.Hash()}) {
			f, ok := out.(validator.FetchCollation)
			if !ok {
				continue
			}
			fetched = true
			validates := false
			for _, out := range node.Step(n.now+6*time.Second, validator.CollationFetched{ID: f.ID, Receipt: c.receipt, PoV: c.pov, ParentHead: c.parentHead}) {
				if _, ok := out.(validator.Validate); ok {
					validates = true
				}
			}
			if validates != want {
				t.Errorf("final #%d: validates is %v", final, validates)
			}
		}
		if !fetched {
			t.Error("nothing was fetched")
		}
	}
}
