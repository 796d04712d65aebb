package validator_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pileus/crypto"
	"pileus/erasure"
	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
)

// stage is what FuzzNode plays with: a few relay blocks with a fork, and candidates on all of them.
type stage struct {
	leaves     []validator.Leaf
	candidates []staged
	keys       []*crypto.Sr25519Pair
	sessions   map[primitives.SessionIndex][]int
}

type staged struct {
	collation
	receipt *primitives.CommittedCandidateReceipt
	pvd     *primitives.PersistedValidationData
	sp      primitives.Hash
	session primitives.SessionIndex
	chunks  []erasure.Chunk
}

func newStage(t testing.TB) *stage {
	whole := []relay.Assignment{relay.Task(para, relay.PartsOfCore)}
	n := startNetwork(t, relay.GenesisConfig{Config: config(), Number: 100, Slot: 1000, SessionBlocks: 4, Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code, Cores: []relay.CoreSchedule{{Core: 0, Assignments: whole}, {Core: 1, Assignments: whole}}}}})
	n.until(n.now)
	s := &stage{keys: n.keys, sessions: n.sessions}
	take := func(parent, head string, core primitives.CoreIndex, offer bool) {
		d := n.draft(parent, head)
		d.fields.Core = core
		c := d.seal(t)
		data := primitives.AvailableData{PoV: d.pov, ValidationData: d.pvd}
		_, chunks, err := erasure.Split(5, data.EncodeTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		s.candidates = append(s.candidates, staged{c, &primitives.CommittedCandidateReceipt{Descriptor: c.receipt.Descriptor, Commitments: d.commitments}, &d.pvd, n.header.Hash(), n.state.SessionIndexForChild(), chunks})
		if offer {
			n.offer(c)
		}
	}
	leaf := func() {
		header := n.header
		s.leaves = append(s.leaves, validator.Leaf{Header: &header, State: n.state})
	}
	leaf()
	fork := n.header.Hash()
	parent := "head 0"
	for i := range 5 {
		head := fmt.Sprintf("head %d", i+1)
		take(parent, head, 0, true)
		take(head, head+"a", 1, false)
		take(parent, head+"b", 0, false)
		parent = head
		n.slot()
		leaf()
		if i == 0 {
			n.slotOn(fork)
			leaf()
			take("head 0", "fork", 0, false)
			n.state, n.header = s.leaves[1].State.(*relay.State), *s.leaves[1].Header
		}
	}
	return s
}

// actor plays a script to one node.
type actor struct {
	*stage
	node    *validator.Node
	now     time.Duration
	script  []byte
	signed  map[string]primitives.StatementKind
	waiting []validator.Output
	timers  []validator.SetTimer
}

func (a *actor) byte() int {
	if len(a.script) == 0 {
		return 0
	}
	b := a.script[0]
	a.script = a.script[1:]
	return int(b)
}

// play runs the script and returns all that the node put out, as text.
func (a *actor) play(t *testing.T) (log []string) {
	for len(a.script) > 0 {
		in := a.input()
		if in == nil {
			continue
		}
		for _, out := range a.node.Step(a.now, in) {
			log = append(log, fmt.Sprintf("%T %v", out, a.text(out)))
			switch out := out.(type) {
			case validator.SetTimer:
				a.timers = append(a.timers, out)
			case validator.FetchCollation, validator.FetchPoV, validator.FetchChunk, validator.Validate:
				a.waiting = append(a.waiting, out)
			case validator.Gossip:
				a.one(t, out)
			}
		}
	}
	return log
}

func (a *actor) text(out validator.Output) string {
	switch out := out.(type) {
	case validator.Gossip:
		if out.Statement != nil {
			return fmt.Sprintf("%v %v %v", out.Statement.Kind, out.Statement.Candidate, out.Statement.Signature)
		}
		return fmt.Sprintf("%v %v", out.Bitfield.Block, out.Bitfield.Bitfield)
	case validator.Validate:
		return fmt.Sprintf("%d %v %v", out.ID, out.Receipt.Hash(), out.Seconding)
	case validator.Propose:
		return fmt.Sprintf("%d %v %x", out.Slot, out.Parent, out.Data.EncodeTo(nil))
	}
	return fmt.Sprintf("%+v", out)
}

// one fails if the node makes a second statement about a candidate.
func (a *actor) one(t *testing.T, g validator.Gossip) {
	if g.Statement == nil {
		return
	}
	key := g.Statement.Candidate.String()
	if _, again := a.signed[key]; again {
		t.Fatalf("a second statement about %s", key)
	}
	a.signed[key] = g.Statement.Kind
}

// input makes the next input of the script. Things may come in any order, twice, altered or never.
func (a *actor) input() validator.Input {
	op, arg, twist := a.byte()%12, a.byte(), a.byte()
	a.now += time.Duration(twist) * 10 * time.Millisecond
	c := a.candidates[arg%len(a.candidates)]
	switch op {
	case 0, 1:
		return a.leaves[arg%len(a.leaves)]
	case 2, 3:
		ad := validator.Advertised{From: validator.Peer(fmt.Sprint(twist % 3)), Para: para + primitives.ParaID(twist/100), SchedulingParent: c.sp,
			ParentHeadHash: primitives.ParaHeadHash(c.parentHead), CandidateHash: c.receipt.Hash()}
		if twist%7 == 6 {
			ad.Version = primitives.DescriptorVersion(twist % 4)
		}
		return ad
	case 4, 5, 6:
		return a.answer(arg, twist)
	case 7, 8:
		places := a.sessions[c.session]
		v := primitives.ValidatorIndex(twist % (len(places) + 1))
		s := validator.Statement{Kind: primitives.StatementKind(1 + twist/16%2), Candidate: c.receipt.Hash(), SchedulingParent: c.sp, Validator: v}
		if s.Kind == primitives.Seconded && twist < 240 {
			s.Receipt, s.PVD = c.receipt, c.pvd
		}
		if twist%32 != 31 {
			s.Signature[0] = 1
		}
		return validator.StatementReceived{Statement: s}
	case 9:
		l := a.leaves[arg%len(a.leaves)]
		f := primitives.SignedBitfield{Bits: primitives.BitsOf(1+twist%3, 0), Validator: primitives.ValidatorIndex(twist % 7), Signature: primitives.Signature{1}}
		return validator.BitfieldReceived{Block: l.Header.Hash(), Bitfield: f}
	case 10:
		if len(a.timers) == 0 {
			return validator.Finalized{Number: 100 + uint32(arg%5)}
		}
		i := arg % len(a.timers)
		timer := a.timers[i]
		if twist%2 == 0 {
			a.timers = append(a.timers[:i:i], a.timers[i+1:]...)
		}
		a.now = max(a.now, timer.At)
		return validator.Timer{Key: timer.Key}
	}
	l := a.leaves[arg%len(a.leaves)]
	in := validator.AuthorSlot{Slot: primitives.Slot(2000 + twist)}
	if twist%4 != 0 {
		in.Parent = l.Header.Hash()
	}
	return in
}

// answer answers something that the node waits for; honestly, with an error, or with what belongs to another.
func (a *actor) answer(which, twist int) validator.Input {
	if len(a.waiting) == 0 {
		return nil
	}
	i := which % len(a.waiting)
	out := a.waiting[i]
	if twist%16 != 15 { // else it is answered twice
		a.waiting = append(a.waiting[:i:i], a.waiting[i+1:]...)
	}
	find := func(hash primitives.CandidateHash) staged {
		for _, c := range a.candidates {
			if c.receipt.Hash() == hash && twist%16 != 14 {
				return c
			}
		}
		return a.candidates[twist%len(a.candidates)]
	}
	var err error
	if twist%16 == 13 {
		err = errors.New("gone")
	}
	switch out := out.(type) {
	case validator.FetchCollation:
		c := find(out.CandidateHash)
		in := validator.CollationFetched{ID: out.ID, Receipt: c.receipt.Receipt(), PoV: c.pov, ParentHead: c.parentHead, Err: err}
		switch twist % 16 {
		case 12:
			in.PoV = nil
		case 11:
			in.ParentHead = nil
		}
		return in
	case validator.FetchPoV:
		return validator.PoVFetched{ID: out.ID, PoV: find(out.CandidateHash).pov, Err: err}
	case validator.FetchChunk:
		return validator.ChunkFetched{ID: out.ID, Chunk: &find(out.CandidateHash).chunks[int(out.Index)%5], Err: err}
	case validator.Validate:
		o := find(out.Receipt.Hash()).receipt.Commitments
		in := validator.Validated{ID: out.ID, Result: &primitives.ValidationResult{HeadData: o.HeadData, HrmpWatermark: o.HrmpWatermark}, Err: err}
		if twist%16 == 12 {
			in.Err = &validator.ExecutionError{Reason: validator.ExecutionTimeout}
		}
		return in
	}
	return nil
}

// FuzzNode tells a node anything in any order: it never panics, makes one statement at most about a
// candidate, and says the same when it is told the same.
func FuzzNode(f *testing.F) {
	s := newStage(f)
	f.Add([]byte{0, 0, 0, 2, 0, 0, 4, 0, 0, 4, 0, 0, 7, 0, 1, 11, 0, 1})
	f.Add([]byte{0, 0, 0, 7, 0, 1, 4, 0, 0, 4, 0, 0, 0, 1, 200, 10, 0, 0, 9, 1, 1, 11, 1, 250})
	f.Add([]byte{2, 0, 0, 7, 0, 17, 0, 0, 0, 0, 2, 0, 0, 1, 0, 4, 0, 15, 4, 0, 15, 10, 0, 1, 10, 1, 1})
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		script := make([]byte, 3*r.IntN(250))
		for i := range script {
			script[i] = byte(r.Uint32())
			if i%3 == 2 && r.IntN(3) > 0 {
				script[i] %= 11 // mostly honest
			}
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 900 {
			return
		}
		play := func() []string {
			a := &actor{stage: s, script: script, now: 6000 * time.Second, signed: map[string]primitives.StatementKind{}}
			a.node = validator.New(validator.Config{Key: stubSigner{s.keys[0]}, Verify: func(sig [64]byte, _ []byte, _ [32]byte) bool { return sig[0] == 1 }})
			return a.play(t)
		}
		once, again := play(), play()
		for i := range max(len(once), len(again)) {
			if i >= len(once) || i >= len(again) || once[i] != again[i] {
				t.Fatalf("output %d differs", i)
			}
		}
	})
}
