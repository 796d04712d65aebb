package collator

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pileus/primitives"
	"pileus/scale"
)

const para primitives.ParaID = 2000

var alice, bob = [32]byte{1}, [32]byte{2}

// world is a relay chain, a parachain and its runtime that say what a test wants.
type world struct {
	t       testing.TB
	relay   map[Hash]*primitives.Header
	paras   map[Hash]*primitives.Header
	kids    map[Hash][]Hash
	best    Hash
	queue   map[primitives.CoreIndex][]primitives.ParaID
	include *primitives.Header // included head
	pending *primitives.Header // nil: nothing is pending
	info    RuntimeInfo
	room    func(CanBuildUpon) bool
	build   func(BuildBlock) error
	heads   func(at Hash) (included, pending *primitives.Header) // nil: include and pending
	window  uint32

	c    *Collator
	log  []string
	subs []*Candidate
	ask  []BuildBlock
}

func newWorld(t testing.TB, kind Kind) *world {
	w := &world{t: t, relay: map[Hash]*primitives.Header{}, paras: map[Hash]*primitives.Header{}, kids: map[Hash][]Hash{},
		queue: map[primitives.CoreIndex][]primitives.ParaID{0: {para, para, para}},
		info:  RuntimeInfo{SlotDuration: 6 * time.Second, Authorities: [][32]byte{alice}, SegmentAPI: 2},
		room:  func(CanBuildUpon) bool { return true }, build: func(BuildBlock) error { return nil }, window: 3}
	genesis := &primitives.Header{}
	w.paras[genesis.Hash()], w.best, w.include = genesis, genesis.Hash(), genesis
	p := DefaultParams(kind)
	p.ParaID, p.ParaBackend, p.Keystore = para, w, [][32]byte{alice}
	w.c = New(p)
	return w
}

func (w *world) Header(h Hash) (*primitives.Header, bool) { x, ok := w.paras[h]; return x, ok }
func (w *world) Children(h Hash) []Hash                   { return w.kids[h] }
func (w *world) Best() Hash                               { return w.best }

// relayBlock makes a relay block on a parent (nil: the first), in the slot of its number.
func (w *world) relayBlock(parent *primitives.Header, number uint32, epochEnds bool) *primitives.Header {
	h := &primitives.Header{Number: number, StateRoot: Hash{byte(number), 9}}
	if parent != nil {
		h.ParentHash = parent.Hash()
	}
	claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Slot: primitives.Slot(number)}
	h.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
	if epochEnds {
		h.Digest = append(h.Digest, primitives.DigestItem{Kind: primitives.DigestConsensus, Engine: primitives.EngineBabe, Data: []byte{1}})
	}
	w.relay[h.Hash()] = h
	return h
}

// blockOn is the block that is built on a parent and a relay parent.
func blockOn(parent, relayParent *primitives.Header) *primitives.Header {
	h := &primitives.Header{Number: parent.Number + 1, ParentHash: parent.Hash()}
	h.Digest = primitives.Digest{primitives.CumulusItem{Kind: primitives.CumulusRelayParent, RelayParent: relayParent.Hash()}.DigestItem()}
	return h
}

// paraBlock makes a parachain block built on a relay parent.
func (w *world) paraBlock(parent *primitives.Header, relayParent *primitives.Header) *primitives.Header {
	h := blockOn(parent, relayParent)
	w.paras[h.Hash()] = h
	w.kids[parent.Hash()] = append(w.kids[parent.Hash()], h.Hash())
	return h
}

func (w *world) at(slot float64, in Input) {
	w.step(time.Duration(slot*6000)*time.Millisecond, in)
}

func (w *world) step(now time.Duration, in Input) {
	for _, out := range w.c.Step(now, in) {
		switch out := out.(type) {
		case AskRelay:
			v, err := w.answer(out.Query)
			w.step(now, Answered{out.ID, v, err})
		case AskRuntime:
			w.step(now, Answered{ID: out.ID, Value: w.info})
		case CanBuildUpon:
			w.step(now, Answered{ID: out.ID, Value: w.room(out)})
		case BuildBlock:
			w.ask = append(w.ask, out)
			if err := w.build(out); err != nil {
				w.step(now, Answered{ID: out.ID, Err: err})
				continue
			}
			h := w.paraBlock(w.paras[out.Parent], out.RelayParent)
			w.step(now, Answered{ID: out.ID, Value: Built{h.Hash(), h}})
		case Collate:
			head := w.paras[out.Blocks[0]].EncodeTo(nil)
			c, err := Generate(out.Generation, primitives.PoV{BlockData: head}, primitives.CandidateCommitments{HeadData: head})
			w.step(now, Answered{out.ID, c, err})
		case Announce:
			w.best = out.Block
		case Submit:
			w.subs = append(w.subs, out.Candidate)
			built := w.paras[out.Blocks[0]]
			w.log = append(w.log, fmt.Sprintf("#%d on relay #%d, core %d, group %d", built.Number, w.relay[out.Candidate.Receipt.Descriptor.RelayParent()].Number, out.Candidate.Core, out.Group))
		case Note:
			w.log = append(w.log, fmt.Sprintf("%s: %s", [...]string{"passed", "refused"}[out.Kind], out.Reason))
		}
	}
}

func (w *world) answer(q RelayQuery) (any, error) {
	pvd := func(h *primitives.Header) *primitives.PersistedValidationData {
		return &primitives.PersistedValidationData{ParentHead: h.EncodeTo(nil), MaxPoVSize: 1 << 20}
	}
	switch q := q.(type) {
	case Header:
		return w.relay[q.Hash], nil
	case PersistedValidationData:
		included, pending := w.include, w.pending
		if w.heads != nil {
			included, pending = w.heads(q.At)
		}
		switch {
		case pending == nil || q.Assumption == primitives.AssumeTimedOut:
			return pvd(included), nil
		case q.Assumption == primitives.AssumeIncluded:
			return pvd(pending), nil
		}
		return (*primitives.PersistedValidationData)(nil), nil
	case SessionIndexForChild:
		return primitives.SessionIndex(5), nil
	case ClaimQueue:
		return w.queue, nil
	case SchedulingLookahead:
		if w.window == 0 {
			return nil, errors.New("ParachainHost_scheduling_lookahead is not there")
		}
		return w.window, nil
	case ValidatorCount:
		return 4, nil
	case GroupForCore:
		return Group{7, []primitives.ValidatorIndex{1}}, nil
	case DmqContents:
		return []primitives.InboundMessage(nil), nil
	case InboundHrmpChannels:
		return map[primitives.ParaID][]primitives.InboundMessage(nil), nil
	case StorageValue:
		return scale.AppendVecFunc(nil, []uint32{3000}, scale.AppendU32), nil
	case ProveRead:
		return [][]byte{{byte(len(q.Keys))}}, nil
	}
	return nil, errors.New("not asked by collators")
}

func (w *world) expect(log ...string) {
	w.t.Helper()
	if len(log) == 0 && len(w.log) == 0 {
		return
	}
	if !reflect.DeepEqual(w.log, log) {
		w.t.Errorf("got  %q\nwant %q", w.log, log)
	}
	w.log = nil
}

func TestLookahead(t *testing.T) {
	w := newWorld(t, Lookahead)
	r1 := w.relayBlock(nil, 10, false)
	w.at(10.3, RelayImported{r1})
	w.expect("#1 on relay #10, core 0, group 7")
	d := &w.subs[0].Receipt.Descriptor
	if core, _ := d.Core(); d.Version() != primitives.DescriptorV2 || core != 0 || d.Para() != para || d.RelayParent() != r1.Hash() || d.PVDHash() != w.subs[0].PVD.Hash() {
		t.Errorf("descriptor %x", d[:])
	}
	if s, _ := d.Session(); s != 5 {
		t.Errorf("session %d", s)
	}
	b := w.ask[0]
	if b.Slot != 10 || b.Timestamp != 60_000 || b.PoVBudget != 1<<20*85/100 || b.AuthoringDuration != 2*time.Second || b.Authority != alice {
		t.Errorf("build %+v", b)
	}
	if pvd := b.Inherent.ValidationData; pvd.RelayParentNumber != 10 || pvd.RelayParentStorageRoot != r1.StateRoot {
		t.Errorf("validation data %+v", pvd)
	}
	// 13 keys that every block reads, and a channel on each side.
	if got := b.Inherent.RelayChainState[0][0]; got != 15 {
		t.Errorf("%d keys proven, want 15", got)
	}
	r2 := w.relayBlock(r1, 11, false)
	w.at(11.3, RelayImported{r2})
	w.expect("#2 on relay #11, core 0, group 7")

	w.room = func(CanBuildUpon) bool { return false }
	w.at(12.3, RelayImported{w.relayBlock(r2, 12, false)})
	w.expect("passed: segment_full")
	w.info.SegmentAPI = 0
	fork := w.relayBlock(r2, 12, false)
	fork.StateRoot[2]++
	w.relay[fork.Hash()] = fork
	w.at(13.3, RelayImported{fork})
	w.expect("passed: segment_full")
}

func TestWhyARelayParentIsPassed(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(w *world)
		want    string
	}{
		"another's slot":          {func(w *world) { w.info.Authorities = [][32]byte{bob} }, "passed: not_our_slot"},
		"no authorities":          {func(w *world) { w.info.Authorities = nil }, "passed: not_our_slot"},
		"no core":                 {func(w *world) { w.queue = map[primitives.CoreIndex][]primitives.ParaID{0: {1, para}} }, "passed: no_core"},
		"pending block not here":  {func(w *world) { w.pending = &primitives.Header{Number: 4} }, "passed: parent_unknown"},
		"included block not here": {func(w *world) { w.include = &primitives.Header{Number: 4} }, "passed: parent_unknown"},
		"relay parent offset":     {func(w *world) { w.info.RelayParentOffset = 1 }, "refused: relay_parent_offset"},
		"the runtime refuses":     {func(w *world) { w.build = func(BuildBlock) error { return errors.New("Slot must increase") } }, "refused: runtime"},
		"too expensive": {func(w *world) {
			w.build = func(BuildBlock) error { return &RefusedError{Reason: TooExpensive, Detail: "3 s"} }
		}, "refused: authoring_duration"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Lookahead)
			c.arrange(w)
			w.at(10.3, RelayImported{w.relayBlock(nil, 10, false)})
			w.expect(c.want)
		})
	}
}

// A block whose relay parent has left the window cannot be backed any more: it is not built on.
func TestParentSearchKeepsToTheWindow(t *testing.T) {
	w := newWorld(t, Lookahead)
	r := []*primitives.Header{w.relayBlock(nil, 10, false)}
	for n := uint32(11); n < 15; n++ {
		r = append(r, w.relayBlock(r[len(r)-1], n, false))
	}
	old := w.paraBlock(w.include, r[0])
	w.paraBlock(old, r[1])
	w.at(12.3, RelayImported{r[2]}) // window: 10, 11, 12
	w.expect("#3 on relay #12, core 0, group 7")
	w.at(14.3, RelayImported{r[4]}) // window: 12, 13, 14
	w.expect("#1 on relay #14, core 0, group 7")

	fork := w.relayBlock(r[1], 12, true)
	w.at(15, RelayImported{fork}) // a session ends with it: nothing older counts
	w.expect("#1 on relay #12, core 0, group 7")
	after := w.relayBlock(fork, 13, false)
	w.at(16, RelayImported{after}) // nor of the other fork
	w.expect("#2 on relay #13, core 0, group 7")
}

func TestBasicWaitsForInclusion(t *testing.T) {
	w := newWorld(t, Basic)
	r1 := w.relayBlock(nil, 10, false)
	w.at(10.3, RelayImported{r1})
	w.expect("#1 on relay #10, core 0, group 7")
	first := w.paras[w.best]
	w.pending = first
	r2 := w.relayBlock(r1, 11, false)
	w.at(11.3, RelayImported{r2})
	w.expect("passed: core_occupied")
	w.pending, w.include = nil, first
	w.at(12.3, RelayImported{w.relayBlock(r2, 12, false)})
	w.expect("#2 on relay #12, core 0, group 7")
}

func TestSlotBased(t *testing.T) {
	w := newWorld(t, SlotBased)
	w.info.RelayParentOffset = 1
	w.info.SlotDuration = 24 * time.Second
	r1 := w.relayBlock(nil, 10, false)
	r2 := w.relayBlock(r1, 11, false)
	w.at(10.3, RelayImported{r1})
	w.expect()
	w.at(11.17, Tick{}) // the timer: a second into slot 11, whose relay block is not here yet
	w.expect()
	w.at(11.3, RelayImported{r2})
	w.expect("#1 on relay #10, core 0, group 7")
	b := w.ask[0]
	if d := b.Inherent.RelayParentDescendants; len(d) != 2 || d[0].Number != 10 || d[1].Number != 11 {
		t.Errorf("descendants %v", d)
	}
	if b.Slot != 2 || b.Timestamp != 48_000 {
		t.Errorf("slot %d, timestamp %d", b.Slot, b.Timestamp)
	}
	core, ok := primitives.Digest(b.Digest).Cumulus(primitives.CumulusCoreInfo)
	if !ok || core.Core != (primitives.CoreInfo{Selector: 0, ClaimQueueOffset: 1, NumberOfCores: 1}) {
		t.Errorf("core info %+v", core)
	}
	// The same relay parent again: a skipped relay slot, say.
	r3 := w.relayBlock(r1, 12, false)
	w.at(12.17, Tick{})
	w.at(12.3, RelayImported{r3})
	w.expect("passed: same_relay_parent")
	// A session ends between relay parent and newest block.
	r4 := w.relayBlock(r3, 13, true)
	w.at(13.17, Tick{})
	w.at(13.3, RelayImported{r4})
	w.expect("passed: session_boundary")
}

// Whatever the answers are, the collator goes on, and equal inputs give equal outputs.
func TestAnyAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := Kind(rapid.IntRange(0, 2).Draw(t, "kind"))
		a, b := newWorld(nil, kind), newWorld(nil, kind)
		var parent *primitives.Header
		for n := uint32(1); n < 8; n++ {
			inputs := []Input{Tick{}}
			if rapid.Bool().Draw(t, "relay block") {
				parent = a.relayBlock(parent, n, rapid.Bool().Draw(t, "epoch ends"))
				b.relay[parent.Hash()] = parent
				inputs = append(inputs, RelayImported{parent})
			}
			if rapid.Bool().Draw(t, "stray answer") {
				inputs = append(inputs, Answered{ID: rapid.Uint64Range(0, 40).Draw(t, "id"), Value: rapid.Int().Draw(t, "value")})
			}
			room := rapid.Bool().Draw(t, "room")
			for _, w := range []*world{a, b} {
				w.room = func(CanBuildUpon) bool { return room }
				for _, in := range inputs {
					w.at(float64(n)+0.3, in)
				}
			}
		}
		if !reflect.DeepEqual(a.log, b.log) || !reflect.DeepEqual(a.subs, b.subs) {
			t.Fatalf("equal inputs gave %q and %q", a.log, b.log)
		}
	})
}

func TestGenerate(t *testing.T) {
	g := Generation{Para: para, Validators: 4, PVD: &primitives.PersistedValidationData{MaxPoVSize: 100},
		ClaimQueue: map[primitives.CoreIndex][]primitives.ParaID{0: {para}}}
	var refused *RefusedError
	if _, err := Generate(g, primitives.PoV{BlockData: make([]byte, 200)}, primitives.CandidateCommitments{}); !errors.As(err, &refused) || refused.Reason != PoVTooLarge {
		t.Error(err)
	}
	g.Core = 3 // not one of the para's
	if _, err := Generate(g, primitives.PoV{}, primitives.CandidateCommitments{}); !errors.As(err, &refused) || refused.Reason != SignalsDisagree {
		t.Error(err)
	}
}
