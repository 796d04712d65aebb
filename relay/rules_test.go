package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pileus/primitives"
	"pileus/trie"
)

// simple is a candidate of alpha on the head.
func simple(rp *tip, parentHead string, head string) candidateSpec {
	return candidateSpec{para: alpha, relayParent: rp, parentHead: []byte(parentHead), head: []byte(head)}
}

func alphaHead() string { return string([]byte{byte(alpha & 0xff), 0}) }

// lastReason is why the last block's author dropped something.
func (c *chain) lastReason() error {
	if len(c.last.dropped) == 0 {
		return nil
	}
	return c.last.dropped[0].Err
}

func (c *chain) wantDropped(want error) {
	c.t.Helper()
	if !errors.Is(c.lastReason(), want) || count(c.last.events, Backed) != 0 {
		c.t.Fatalf("dropped %v, events %v; want dropped for: %v", c.last.dropped, c.last.events, want)
	}
}

func (c *chain) wantEvents(kinds ...EventKind) {
	c.t.Helper()
	var got []EventKind
	for _, e := range c.last.events {
		if e.Kind != ClaimLost {
			got = append(got, e.Kind)
		}
	}
	if !slices.Equal(got, kinds) {
		c.t.Fatalf("block #%d: events %v, want %v; dropped %v", c.best().state.Number(), c.last.events, kinds, c.last.dropped)
	}
}

// A candidate with a relay parent p may be backed in p+1 … p+L and not later.
func TestWindow(t *testing.T) {
	for _, rules := range []Rules{Current, Classic} {
		for size := uint32(1); size <= 4; size++ {
			for late := uint32(1); late <= 5; late++ {
				cfg := testGenesis(5, alpha)
				cfg.Rules = rules
				cfg.Config.SchedulerParams.Lookahead = 3
				if rules == Classic {
					cfg.Config.AsyncBackingParams.AllowedAncestryLen = size - 1
				} else {
					cfg.Config.SchedulerParams.Lookahead = size
				}
				c := newChain(t, cfg)
				c.empty(4)
				b := c.candidate(simple(c.best(), alphaHead(), "x"))
				c.empty(int(late - 1))
				c.next(backing(b))
				if late <= size {
					c.wantEvents(Backed)
				} else {
					c.wantDropped(ErrDisallowedSchedulingParent)
				}
			}
		}
	}
}

// Three of four validators suffice, two do not; votes of several blocks add up.
func TestSupermajority(t *testing.T) {
	c := newChain(t, testGenesis(4, alpha))
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	c.next(primitives.ParachainsInherentData{Bitfields: c.available(2)})
	c.wantEvents()
	all := c.available(4)
	c.next(primitives.ParachainsInherentData{Bitfields: all[2:3]})
	c.wantEvents(Included)
}

// Without a supermajority a candidate keeps its core until the first blocks after the
// next rotation, where it is removed; the head stays.
func TestAvailabilityTimeout(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha)) // session starts at #101, rotations at #121, #141
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x")))) // backed in #102
	core := func() primitives.OccupiedCore { return c.best().state.AvailabilityCores()[0].Occupied }
	if o := core(); o.TimeOutAt != 106 || o.OccupiedSince != 102 {
		t.Fatalf("in the window: %+v", o)
	}
	c.empty(2)
	if o := core(); o.TimeOutAt != 125 {
		t.Fatalf("behind the window: times out at %d", o.TimeOutAt)
	}
	for c.best().state.Number() < 119 {
		c.next(primitives.ParachainsInherentData{Bitfields: c.available(3)})
		c.wantEvents()
		if len(c.last.events) != 1 || !c.last.events[0].Blocked {
			t.Fatalf("the claim of a blocked core: %v", c.last.events)
		}
	}
	c.empty(1) // #120, whose child is the first of the rotation
	c.wantEvents(TimedOut)
	if head := string(c.best().state.Head(alpha)); head != alphaHead() {
		t.Fatalf("head is %q", head)
	}
	if kind := c.best().state.AvailabilityCores()[0].Kind; kind != primitives.CoreScheduled {
		t.Fatalf("the core is %v", kind)
	}
}

func twoCores(validators int) GenesisConfig {
	cfg := testGenesis(validators, alpha)
	whole := []Assignment{Task(alpha, PartsOfCore)}
	cfg.Paras[0].Cores = []CoreSchedule{{Core: 0, Assignments: whole}, {Core: 1, Assignments: whole}}
	return cfg
}

func onCore(spec candidateSpec, core primitives.CoreIndex) candidateSpec {
	spec.core = core
	spec.change = func(o *primitives.CandidateCommitments) {
		o.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(primitives.CoreSelection{Selector: uint8(core)})}
	}
	return spec
}

// Two candidates of a para: what is available second waits for the first.
func TestSecondAvailableFirst(t *testing.T) {
	c := newChain(t, twoCores(6))
	c.empty(1)
	rp := c.best()
	c.next(backing(c.candidate(onCore(simple(rp, alphaHead(), "x"), 0)), c.candidate(onCore(simple(rp, "x", "y"), 1))))
	c.wantEvents(Backed, Backed)
	only := func(core int) (list []primitives.SignedBitfield) {
		s := c.best().state
		bits := primitives.BitsOf(2, core)
		ctx := primitives.SigningContext{Session: s.SessionIndexForChild(), Parent: c.best().hash()}
		for v := range primitives.ValidatorIndex(6) {
			list = append(list, primitives.SignedBitfield{Bits: bits, Validator: v, Signature: c.key(s, v).Sign(primitives.BitfieldPayload(bits, ctx))})
		}
		return list
	}
	c.next(primitives.ParachainsInherentData{Bitfields: only(1)})
	c.wantEvents()
	c.next(primitives.ParachainsInherentData{Bitfields: only(0)})
	c.wantEvents(Included, Included)
	if head := string(c.best().state.Head(alpha)); head != "y" {
		t.Fatalf("head is %q", head)
	}
}

// At a session change pending candidates are dropped, groups are shuffled anew, and
// relay parents of the old session are no longer allowed. Nothing is backed in the
// session's last block.
func TestSessionChange(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.SessionBlocks = 10
	c := newChain(t, cfg)
	before := c.best().state
	c.empty(7)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x")))) // #108
	c.wantEvents(Backed)
	c.empty(1) // #109
	last := c.candidate(simple(c.best(), "x", "y"))
	slot := c.best().state.Slot() + 1
	c.next(primitives.ParachainsInherentData{Backed: []primitives.BackedCandidate{last}}) // #110 ends the session
	if !errors.Is(c.lastReason(), ErrUnscheduled) {
		t.Fatalf("backed in the last block: %v", c.last.dropped)
	}
	if count(c.last.events, DroppedAtSession) != 1 || count(c.last.events, SessionChanged) != 1 {
		t.Fatalf("events %v", c.last.events)
	}
	s := c.best().state
	if s.SessionIndexForChild() != before.SessionIndexForChild()+1 || len(s.Pending(alpha)) != 0 || string(s.Head(alpha)) != alphaHead() {
		t.Fatalf("session %d, pending %d", s.SessionIndexForChild(), len(s.Pending(alpha)))
	}
	if _, ok := c.best().header.Digest.Find(primitives.DigestConsensus, primitives.EngineBabe); !ok || epochEnd(s, s.params) != slot+10 {
		t.Fatalf("epoch ends at %d, slot %d; digest %v", epochEnd(s, s.params), slot, c.best().header.Digest)
	}
	old := c.candidate(simple(c.tips[len(c.tips)-2], alphaHead(), "z"))
	c.next(backing(old))
	c.wantDropped(ErrDisallowedRelayParent)
	c.next(backing(c.candidate(simple(c.tips[len(c.tips)-2], alphaHead(), "z")))) // relay parent #110 is of the new session
	c.wantEvents(Backed)
	if _, _, ok := s.AncestorRelayParentInfo(before.SessionIndexForChild(), c.tips[1].hash()); ok {
		t.Fatal("a relay parent of the old session is still known")
	}
}

// A fresh chain has neither groups nor cores in session 0.
func TestFreshChain(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Fresh, cfg.Number, cfg.SessionBlocks = true, 0, 5
	c := newChain(t, cfg)
	for range 5 {
		c.empty(1)
		if n := len(c.best().state.ClaimQueue()) + len(c.best().state.AvailabilityCores()); n != 0 || len(c.last.events) != 0 {
			t.Fatalf("block #%d: %v", c.best().state.Number(), c.last.events)
		}
	}
	c.empty(1)
	c.wantEvents(SessionChanged)
	if s := c.best().state; s.SessionIndexForChild() != 1 || len(s.ClaimQueue()[0]) != 3 {
		t.Fatalf("session %d, claims %v", s.SessionIndexForChild(), s.ClaimQueue())
	}
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	c.wantEvents(Backed)
}

// queues draws the claim queue of core 0 and what may be backed in the next block.
func claims(s *State) (out []primitives.ParaID) { return s.ClaimQueue()[0] }

// A core shared by halves goes to the paras in turn; one shared with nobody is as good as a whole one.
func TestSharedCore(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{Task(alpha, 28800)}}}
	cfg.Paras[1].Cores = []CoreSchedule{{Assignments: []Assignment{Task(beta, 28800)}}}
	c := newChain(t, cfg)
	for i := range 6 {
		want := []primitives.ParaID{alpha, beta, alpha}
		if i%2 == 1 {
			want = []primitives.ParaID{beta, alpha, beta}
		}
		if got := claims(c.best().state); !slices.Equal(got, want) {
			t.Fatalf("claims %v, want %v", got, want)
		}
		c.empty(1)
		if len(c.last.events) != 1 || c.last.events[0].Para != want[0] || c.last.events[0].Blocked {
			t.Fatalf("lost %v, want that of %d", c.last.events, want[0])
		}
	}

	cfg.Paras = cfg.Paras[:1]
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{Task(alpha, 28800), {Kind: AssignIdle, Parts: 28800}}}}
	c = newChain(t, cfg)
	head := alphaHead()
	for i := range 6 {
		next := fmt.Sprintf("x%d", i)
		spec := simple(c.best(), head, next)
		c.next(primitives.ParachainsInherentData{Bitfields: c.available(5), Backed: []primitives.BackedCandidate{c.candidate(spec)}})
		if count(c.last.events, Backed) != 1 {
			t.Fatalf("block %d: %v, dropped %v", i, c.last.events, c.last.dropped)
		}
		head = next
	}
}

func TestUnevenShares(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.Config.SchedulerParams.Lookahead = 6
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{Task(alpha, 38400), Task(beta, 19200)}}}
	cfg.Paras[1].Cores = []CoreSchedule{}
	c := newChain(t, cfg)
	if got, want := claims(c.best().state), []primitives.ParaID{alpha, alpha, beta, alpha, alpha, beta}; !slices.Equal(got, want) {
		t.Fatalf("claims %v, want %v", got, want)
	}
}

// A schedule that starts at N+1 shows at N-1 twice and may be used in N already.
func TestScheduleBegins(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Paras[0].Cores = []CoreSchedule{{Begin: 110, Assignments: []Assignment{Task(alpha, PartsOfCore)}}}
	c := newChain(t, cfg)
	c.empty(7)
	if got := claims(c.best().state); got != nil {
		t.Fatalf("claims at #107: %v", got)
	}
	c.empty(1)
	if got := claims(c.best().state); !slices.Equal(got, []primitives.ParaID{alpha, alpha, alpha}) {
		t.Fatalf("claims at #108: %v", got)
	}
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	if got := c.best().state.Number(); got != 109 || count(c.last.events, Backed) != 1 {
		t.Fatalf("#%d: %v, dropped %v", got, c.last.events, c.last.dropped)
	}
}

// An order is ready two blocks later; one block of the para may be backed for it.
func TestOnDemand(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{{Kind: AssignPool, Parts: PartsOfCore}}}}
	c := newChain(t, cfg)
	c.empty(1)
	c.next(primitives.ParachainsInherentData{}, PlaceOrder{alpha}) // ordered at #102, ready at #104
	if got := claims(c.best().state); !slices.Equal(got, []primitives.ParaID{alpha, alpha}) {
		t.Fatalf("claims at #102: %v", got)
	}
	c.empty(1)
	rp := c.best()
	c.next(backing(c.candidate(simple(rp, alphaHead(), "x")))) // #104
	c.wantEvents(Backed)
	if got := claims(c.best().state); got != nil {
		t.Fatalf("claims at #104: %v", got)
	}
}

// The order of a blocked core goes to the back of the queue, as if it was placed anew.
func TestOnDemandBlocked(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{{Kind: AssignPool, Parts: PartsOfCore}}}}
	cfg.Paras[1].Cores = []CoreSchedule{}
	c := newChain(t, cfg)
	c.next(primitives.ParachainsInherentData{}, PlaceOrder{alpha}, PlaceOrder{alpha}, PlaceOrder{beta}) // #101
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x")))) // #103 uses the first order
	c.wantEvents(Backed)
	c.empty(1) // #104 is blocked: the second order of alpha is behind that of beta now
	if len(c.last.events) != 0 {
		t.Fatalf("an order is no claim that is lost: %v", c.last.events)
	}
	orders := itemOrders.or(c.best().state)
	if want := []order{{beta, 101}, {alpha, 104}}; !slices.Equal(orders, want) {
		t.Fatalf("orders %v, want %v", orders, want)
	}
}

// Two pool cores get the ready orders of different paras, ascending by para.
func TestPoolCores(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	pool := []Assignment{{Kind: AssignPool, Parts: PartsOfCore}}
	cfg.Paras[0].Cores = []CoreSchedule{{Assignments: pool}, {Core: 1, Assignments: pool}}
	cfg.Paras[1].Cores = []CoreSchedule{}
	c := newChain(t, cfg)
	c.next(primitives.ParachainsInherentData{}, PlaceOrder{beta}, PlaceOrder{beta}, PlaceOrder{alpha})
	c.empty(1)
	queue := c.best().state.ClaimQueue()
	if !slices.Equal(queue[0], []primitives.ParaID{alpha, beta}) || !slices.Equal(queue[1], []primitives.ParaID{beta}) {
		t.Fatalf("claims %v", queue)
	}
}

// Work ends at its hint, and the next schedule begins.
func TestEndHint(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.Config.SchedulerParams.Lookahead = 5
	cfg.Paras[0].Cores = []CoreSchedule{{EndHint: u32(103), Assignments: []Assignment{Task(alpha, PartsOfCore)}}}
	cfg.Paras[1].Cores = []CoreSchedule{{Begin: 104, Assignments: []Assignment{Task(beta, PartsOfCore)}}}
	c := newChain(t, cfg)
	if got := claims(c.best().state); !slices.Equal(got, []primitives.ParaID{alpha, alpha}) { // #103 is a hole
		t.Fatalf("claims %v", got)
	}
	c.empty(3)
	if got := claims(c.best().state); len(got) != 5 || got[0] != beta {
		t.Fatalf("claims %v", got)
	}
}

// Assigning a core that has work takes effect behind the claims that are visible.
func TestAssignCore(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.Paras[1].Cores = []CoreSchedule{}
	c := newChain(t, cfg)
	c.empty(1)
	c.next(primitives.ParachainsInherentData{}, AssignCore{CoreSchedule{Assignments: []Assignment{Task(beta, PartsOfCore)}}}) // in #102: from #106
	for want := 3; want >= 0; want-- {
		got := claims(c.best().state)
		if n := strings.Count(fmt.Sprint(got), fmt.Sprint(alpha)); n != want || len(got) != 3 {
			t.Fatalf("claims at #%d: %v, want %d of alpha", c.best().state.Number(), got, want)
		}
		c.empty(1)
	}
	c.next(primitives.ParachainsInherentData{}, AssignCore{CoreSchedule{Core: 0}})
	if !errors.Is(c.lastReason(), ErrAssignmentsEmpty) {
		t.Fatalf("dropped %v", c.last.dropped)
	}
}

// A block that forks off knows nothing of what the other branch backed, and takes a
// candidate on a common block, but none on a block of the other branch.
func TestForks(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(2)
	common := c.best()
	x := c.candidate(simple(common, alphaHead(), "x"))
	c.next(backing(x)) // the branch that loses
	loser := c.best()
	c.tips = c.tips[:len(c.tips)-1]
	c.at(common.state.Slot()+2, primitives.ParachainsInherentData{})
	if len(c.best().state.Pending(alpha)) != 0 || c.best().hash() == loser.hash() {
		t.Fatal("the branches are not apart")
	}
	c.next(backing(c.candidate(simple(loser, "x", "y"))))
	c.wantDropped(ErrDisallowedRelayParent)
	c.next(backing(x))
	c.wantEvents(Backed)
}

// Numbers are contiguous where slots are missed; windows count blocks.
func TestMissedSlots(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(2)
	b := c.candidate(simple(c.best(), alphaHead(), "x"))
	c.at(c.best().state.Slot()+7, primitives.ParachainsInherentData{})
	c.at(c.best().state.Slot()+9, primitives.ParachainsInherentData{})
	c.next(backing(b))
	c.wantEvents(Backed)
	if n := c.best().state.Number(); n != 105 {
		t.Fatalf("block #%d", n)
	}
}

// When whole epochs are missed the session still ends once, and the epoch's number jumps.
func TestMissedEpochs(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.SessionBlocks = 10
	c := newChain(t, cfg)
	session, epoch := c.best().state.SessionIndexForChild(), itemEpoch.or(c.best().state)
	c.at(c.best().state.Slot()+35, primitives.ParachainsInherentData{})
	s := c.best().state
	if s.SessionIndexForChild() != session+1 || itemEpoch.or(s) != epoch+3 {
		t.Fatalf("session %d to %d, epoch %d to %d", session, s.SessionIndexForChild(), epoch, itemEpoch.or(s))
	}
	c.empty(6)
}

func TestDisabledValidator(t *testing.T) {
	c := newChain(t, testGenesis(3, alpha))
	c.next(primitives.ParachainsInherentData{}, DisableValidator{1})
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	if !errors.Is(c.lastReason(), ErrDisabled) || count(c.last.events, Backed) != 1 {
		t.Fatalf("%v, dropped %v", c.last.events, c.last.dropped)
	}
	if b := c.last.block.Inherent.Backed[0]; len(b.Votes) != 2 || b.ValidatorIndices.Slice(0, 3).String() != "101" {
		t.Fatalf("votes %d, %v", len(b.Votes), b.ValidatorIndices)
	}
	spec := simple(c.tips[len(c.tips)-2], alphaHead(), "y")
	spec.votes = 2
	c.tips = c.tips[:len(c.tips)-1]
	c.next(backing(c.candidate(spec)))
	if count(c.last.events, Backed) != 0 || !errors.Is(c.last.dropped[1].Err, ErrInsufficientBacking) {
		t.Fatalf("%v, dropped %v", c.last.events, c.last.dropped)
	}
}

// Candidates with V1 descriptors find their core by the injected index; V3 ones may have
// a relay parent that is older than the scheduling window.
func TestDescriptorVersions(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(1)
	spec := simple(c.best(), alphaHead(), "x")
	spec.v1 = true
	c.next(backing(c.candidate(spec)))
	c.wantEvents(Backed)

	cfg := testGenesis(5, alpha)
	c = newChain(t, cfg)
	c.empty(6)
	spec = simple(c.tips[1], alphaHead(), "x")
	spec.v3, spec.scheduling = true, c.best()
	c.next(backing(c.candidate(spec)))
	c.wantDropped(ErrDescriptorVersion)

	cfg.Config.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
	c = newChain(t, cfg)
	c.empty(6)
	spec = simple(c.tips[1], alphaHead(), "x")
	spec.v3, spec.scheduling = true, c.best()
	c.next(backing(c.candidate(spec)))
	c.wantEvents(Backed)
}

// A configuration change takes effect with the session after the next.
func TestConfigChange(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.SessionBlocks = 5
	c := newChain(t, cfg)
	next := *c.best().state.Config()
	next.SchedulerParams.Lookahead = 5
	broken := next
	broken.SchedulerParams.Lookahead = 0
	c.next(primitives.ParachainsInherentData{}, SetConfig{next}, SetConfig{broken})
	if len(c.last.block.Calls) != 1 || !errors.Is(c.lastReason(), ErrInvalidConfig) {
		t.Fatalf("calls %v, dropped %v", c.last.block.Calls, c.last.dropped)
	}
	var applied uint32
	for range 12 {
		c.empty(1)
		if count(c.last.events, ConfigApplied) == 1 {
			applied = c.best().state.Number()
		}
	}
	if applied != 110 || c.best().state.SchedulingLookahead() != 5 {
		t.Fatalf("applied in #%d, lookahead %d", applied, c.best().state.SchedulingLookahead())
	}
}

// A read proof of a state shows values and absence under its root.
func TestProveRead(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	c.empty(3)
	s := c.best().state
	keys := [][]byte{primitives.KeyCurrentSlot, primitives.KeyActiveConfig, primitives.KeyParaHead(alpha), primitives.KeyParaHead(beta), primitives.KeyUpgradeGoAhead(alpha)}
	nodes, err := s.ProveRead(keys)
	if err != nil {
		t.Fatal(err)
	}
	part, err := trie.FromProof(c.best().header.StateRoot, nodes)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		v, ok, err := part.Get(key, nil)
		if err != nil || ok != (i < 3) {
			t.Errorf("key %x: %x, %v, %v", key, v, ok, err)
		}
	}
	if _, _, err := part.Get([]byte(itemCode.prefix), nil); err == nil {
		t.Error("the proof shows more than was asked for")
	}
}

func TestGenesisRefuses(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Config.SchedulerParams.Lookahead, cfg.Config.NoShowSlots = 0, 0
	if _, _, err := Genesis(cfg); err == nil || !strings.Contains(err.Error(), "lookahead") || !strings.Contains(err.Error(), "no_show_slots") {
		t.Errorf("inconsistent configuration: %v", err)
	}
	for want, change := range map[error]func(*GenesisConfig){
		ErrNoValidators:     func(c *GenesisConfig) { c.Validators = c.Validators[:1] },
		ErrSessionBlocks:    func(c *GenesisConfig) { c.SessionBlocks = 0 },
		ErrDuplicatePara:    func(c *GenesisConfig) { c.Paras = append(c.Paras, c.Paras[0]) },
		ErrNoCode:           func(c *GenesisConfig) { c.Paras[0].Code = nil },
		ErrAssignmentsEmpty: func(c *GenesisConfig) { c.Paras[0].Cores = []CoreSchedule{{}} },
	} {
		cfg := testGenesis(5, alpha)
		change(&cfg)
		if _, _, err := Genesis(cfg); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}
