package relay

import (
	"slices"
	"testing"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

func TestSessionAPI(t *testing.T) {
	cfg := testGenesis(7, alpha, beta)
	cfg.SessionBlocks = 20
	cfg.Config.ExecutorParams = primitives.ExecutorParams{{Kind: primitives.MaxMemoryPages, Value: 100}}
	c := newChain(t, cfg)
	s := c.best().state
	session := s.SessionIndexForChild()
	if session != 5 { // 100 blocks of 20 a session
		t.Fatalf("session %d", session)
	}
	// The order of validators is the crate's shuffle under the session's seed.
	next := itemNextRandomness.or(s)
	seed := hashing.Blake2b256(append([]byte("paras"), next[:]...))
	if want := Shuffle(seed, 7); !slices.Equal(s.ActiveIndices(), want) {
		t.Fatalf("validators %v, want %v", s.ActiveIndices(), want)
	}
	for i, place := range s.ActiveIndices() {
		if s.Validators()[i] != cfg.Validators[place] {
			t.Fatalf("key of validator %d", i)
		}
	}
	groups, rotation := s.ValidatorGroups()
	if len(groups) != 2 || !slices.Equal(groups[0], []primitives.ValidatorIndex{0, 1, 2, 3}) || !slices.Equal(groups[1], []primitives.ValidatorIndex{4, 5, 6}) {
		t.Fatalf("groups %v", groups)
	}
	if rotation != (primitives.GroupRotationInfo{SessionStartBlock: 101, GroupRotationFrequency: 20, Now: 101}) {
		t.Fatalf("rotation %+v", rotation)
	}
	info := s.SessionInfo(session)
	if info == nil || info.Cores != 2 || info.RandomSeed != seed || !slices.Equal(info.Validators, s.Validators()) || info.NeededApprovals != 2 {
		t.Fatalf("session info %+v", info)
	}
	raw := info.EncodeTo(nil)
	d := scale.NewDecoder(raw)
	if again := sessionInfoCodec.dec(d); d.Finish() != nil || string(again.EncodeTo(nil)) != string(raw) {
		t.Fatalf("session info decodes to %+v, %v", again, d.Err())
	}
	if p := s.ExecutorParams(session); p.MemoryPages() != 132 || s.SessionInfo(session-1) != nil || s.ExecutorParams(session-1) != nil {
		t.Fatalf("executor params %v", p)
	}
	if s.MinimumBackingVotes() != 2 || s.ValidationCodeBombLimit() != 30<<20 || !s.NodeFeatures().Get(3) || s.AsyncBackingParams().MaxCandidateDepth != 3 ||
		s.MaxRelayParentSessionAge() != 0 || s.SchedulingLookahead() != 3 || s.Params().SessionBlocks != 20 || s.DisabledValidators() != nil {
		t.Fatal("a setting is not that of the configuration")
	}
	// Sessions older than the dispute period are forgotten.
	c.empty(20 * 8)
	s = c.best().state
	if now := s.SessionIndexForChild(); now != session+8 || s.SessionInfo(now-6) == nil || s.SessionInfo(now-7) != nil {
		t.Fatalf("session %d: %v, %v", now, s.SessionInfo(now-6), s.SessionInfo(now-7))
	}
}

// Events come in the order included, timed out, backed, whatever their paras.
func TestCandidateEvents(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha, beta))
	c.empty(1)
	first := c.candidate(simple(c.best(), alphaHead(), "x"))
	c.next(backing(first))
	pending := c.best().state.CandidatesPendingAvailability(alpha)
	if len(pending) != 1 || pending[0].Hash() != first.Candidate.Hash() || len(c.best().state.CandidatesPendingAvailability(beta)) != 0 {
		t.Fatalf("pending %v", pending)
	}
	rp := c.best()
	b := candidateSpec{para: beta, relayParent: rp, parentHead: rp.state.Head(beta), head: []byte("b"), core: 1}
	c.next(primitives.ParachainsInherentData{Bitfields: c.available(5), Backed: []primitives.BackedCandidate{c.candidate(b)}})
	events := c.best().state.CandidateEvents()
	if len(events) != 2 || events[0].Kind != primitives.CandidateIncluded || events[1].Kind != primitives.CandidateBacked {
		t.Fatalf("events %v", events)
	}
	if r := first.Candidate.Receipt(); events[0].Receipt != r || string(events[0].Head) != "x" || events[1].Core != 1 {
		t.Fatalf("events %v", events)
	}
	if n := len(c.best().state.Events()); n < 2 {
		t.Fatalf("%d events", n)
	}
	c.empty(1)
	if n := len(c.best().state.CandidateEvents()); n != 0 {
		t.Fatalf("%d events of an empty block", n)
	}
}

// A candidate on PVD that the API gives out under each assumption is accepted or not as
// the assumption comes true.
func TestAssumptions(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(1)
	s := c.best().state
	for _, a := range []primitives.OccupiedCoreAssumption{primitives.AssumeIncluded, primitives.AssumeTimedOut, primitives.AssumeFree} {
		p := s.PersistedValidationData(alpha, a)
		if p == nil || string(p.ParentHead) != alphaHead() || p.RelayParentNumber != s.Number() || p.RelayParentStorageRoot != c.best().header.StateRoot {
			t.Fatalf("nothing pending, assumption %d: %+v", a, p)
		}
	}
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	s = c.best().state
	root := s.Root()
	if p := s.PersistedValidationData(alpha, primitives.AssumeIncluded); string(p.ParentHead) != "x" || p.RelayParentStorageRoot != root {
		t.Fatalf("included: %+v", p)
	}
	if p := s.PersistedValidationData(alpha, primitives.AssumeTimedOut); string(p.ParentHead) != alphaHead() {
		t.Fatalf("timed out: %+v", p)
	}
	if s.PersistedValidationData(alpha, primitives.AssumeFree) != nil || s.ValidationCode(alpha, primitives.AssumeFree) != nil ||
		s.PersistedValidationData(beta, primitives.AssumeTimedOut) != nil || s.ValidationCode(beta, primitives.AssumeTimedOut) != nil || s.BackingConstraints(beta) != nil {
		t.Fatal("an answer where there is none")
	}
	if hash, ok := s.ValidationCodeHash(alpha, primitives.AssumeIncluded); !ok || hashing.Blake2b256(s.ValidationCode(alpha, primitives.AssumeIncluded)) != hash || s.Root() != root {
		t.Fatal("code")
	}
}

// What a state keeps decoded does not grow with the chain's length.
func TestKeptValues(t *testing.T) {
	cfg := testGenesis(3, alpha)
	cfg.SessionBlocks = 20
	c := newChain(t, cfg)
	sizes := map[int]int{}
	for i := range 400 {
		c.empty(1)
		c.tips = c.tips[len(c.tips)-1:]
		sizes[i] = len(c.best().state.vals)
	}
	if sizes[399] > sizes[200] {
		t.Fatalf("%d values after 200 blocks, %d after 400", sizes[200], sizes[399])
	}
}

func TestNames(t *testing.T) {
	for k := Included; k <= DroppedAtSession; k++ {
		e := Event{Kind: k, Para: 2000}
		if name := k.String(); name == "" || name[0] == 'E' || len(e.String()) < len(name) {
			t.Errorf("event %d is %q, %q", k, name, e)
		}
	}
	if Current.String() != "current" || Classic.String() != "classic" || EventKind(99).String() != "EventKind(99)" {
		t.Error("names")
	}
}

// Storage codecs that no other test takes there and back.
func TestCodecs(t *testing.T) {
	request := openRequest{alpha, beta, 1, 2, 3, scale.U128{Lo: 4, Hi: 5}}
	var back openRequest
	if err := scale.Decode(request.EncodeTo(nil), &back); err != nil || back != request {
		t.Errorf("open request %+v, %v", back, err)
	}
	o := order{alpha, 7}
	var again order
	if err := scale.Decode(o.EncodeTo(nil), &again); err != nil || again != o {
		t.Errorf("order %+v, %v", again, err)
	}
	for _, a := range []Assignment{{Kind: AssignIdle, Parts: 1}, {Kind: AssignPool, Parts: 2}, Task(alpha, 3)} {
		var b Assignment
		if err := scale.Decode(a.EncodeTo(nil), &b); err != nil || a != b {
			t.Errorf("assignment %+v, %v", b, err)
		}
	}
	p := &precheck{primitives.BitsOf(3, 1), primitives.BitsOf(3, 2), 4, 5, []upgradeCause{{alpha, 6}}}
	d := scale.NewDecoder(precheckCodec.enc(nil, p))
	if q := precheckCodec.dec(d); d.Finish() != nil || string(precheckCodec.enc(nil, q)) != string(precheckCodec.enc(nil, p)) {
		t.Errorf("precheck %+v, %v", q, d.Err())
	}
}
