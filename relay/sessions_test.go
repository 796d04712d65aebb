package relay

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pileus/primitives"
	"pileus/scale"
)

// A candidate that was backed in the last blocks of a rotation gets its whole period.
func TestTimeoutToTheBlock(t *testing.T) {
	for backedIn, want := range map[uint32]uint32{116: 120, 117: 121, 119: 123, 120: 0} {
		c := newChain(t, testGenesis(5, alpha)) // rotations at #121, #141
		c.empty(int(backedIn - 101))
		c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
		c.wantEvents(Backed)
		if got := c.best().state.Number(); got != backedIn {
			t.Fatalf("backed in #%d", got)
		}
		var got uint32
		for c.best().state.Number() < 139 {
			c.empty(1)
			if count(c.last.events, TimedOut) > 0 {
				got = c.best().state.Number()
				break
			}
		}
		if got != want {
			t.Errorf("backed in #%d: timed out in #%d, want #%d", backedIn, got, want)
		}
	}
}

// Nothing is backed in the block that ends a session, free core or not; its claim is lost.
func TestLastBlock(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.SessionBlocks = 10
	for _, n := range []int{8, 9} {
		c := newChain(t, cfg)
		c.empty(n)
		c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
		if n == 8 {
			c.wantEvents(Backed)
			continue
		}
		c.wantDropped(ErrUnscheduled)
		if c.last.events[0].Kind != ClaimLost || !c.last.events[0].Blocked {
			t.Fatalf("events %v", c.last.events)
		}
	}
}

// In a new session only its own blocks are scheduling parents; the relay parent of a V3
// candidate may be of an older one, as far as max_relay_parent_session_age goes.
func TestParentsAcrossSessions(t *testing.T) {
	for age := uint32(0); age <= 2; age++ {
		cfg := testGenesis(5, alpha)
		cfg.SessionBlocks = 10
		cfg.Config.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
		cfg.Config.MaxRelayParentSessionAge = age
		c := newChain(t, cfg)
		c.empty(20) // two sessions later
		session := c.best().state.SessionIndexForChild()
		old := c.tips[5]
		spec := simple(old, alphaHead(), "x")
		spec.v3, spec.scheduling = true, c.best()
		spec.fields = func(f *primitives.DescriptorFields) { f.SchedulingOffset = uint8(session - f.Session) }
		c.next(backing(c.candidate(spec)))
		if age < 2 {
			c.wantDropped(ErrDisallowedRelayParent)
		} else {
			c.wantEvents(Backed)
		}
		c.tips = c.tips[:len(c.tips)-1]
		want := uint32(120)
		if age > 0 {
			want = 120 - 10*age
		}
		if n := c.best().state.BackingConstraints(alpha).MinRelayParentNumber; n != want {
			t.Errorf("age %d: least relay parent #%d, want #%d", age, n, want)
		}
		// The scheduling parent is the block that began the session before.
		stale := c.tips[len(c.tips)-2]
		spec = simple(c.best(), alphaHead(), "x")
		spec.v3, spec.scheduling = true, stale
		c.next(backing(c.candidate(spec)))
		c.wantDropped(ErrDisallowedSchedulingParent)
	}
}

// The claim queue that counts for a scheduling parent is taken in its child, with the
// clock of the block after: a schedule from #110 on is there at #107, and not at #106.
func TestClaimSnapshot(t *testing.T) {
	for number, want := range map[int]error{106: primitives.ErrNoAssignment, 107: nil, 108: nil} {
		cfg := testGenesis(5, alpha)
		cfg.Paras[0].Cores = []CoreSchedule{{Begin: 110, Assignments: []Assignment{Task(alpha, PartsOfCore)}}}
		c := newChain(t, cfg)
		c.empty(8)
		c.next(backing(c.candidate(simple(c.tips[number-100], alphaHead(), "x")))) // #109
		if err := c.lastReason(); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("scheduling parent #%d: %v", number, err)
		}
	}
}

// The author of a slot behind the epoch's end comes from the next epoch's randomness, and
// the block in it announces the one after.
func TestEpochs(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.SessionBlocks = 10
	c := newChain(t, cfg)
	before := c.best().state
	end := epochEnd(before, before.params)
	if end != before.Slot()+10 {
		t.Fatalf("the epoch ends at slot %d", end)
	}
	next := itemNextRandomness.or(before)
	for slot := end; slot < end+30; slot++ {
		if got, want := SlotAuthor(before, slot), secondaryAuthor(next, slot, 5); got != want {
			t.Fatalf("slot %d: author %d, want %d", slot, got, want)
		}
	}
	c.empty(10)
	after := c.best().state
	if itemRandomness.or(after) != next || itemEpoch.or(after) != itemEpoch.or(before)+1 {
		t.Fatal("the next epoch is another than announced")
	}
	var announced Hash
	for _, item := range c.best().header.Digest {
		if item.Kind == primitives.DigestConsensus && item.Engine == primitives.EngineBabe {
			d := scale.NewDecoder(item.Data)
			if kind, list := d.U8(), itemAuthorities.codec.dec(d); kind != 1 || len(list) != 5 || list[3].key != cfg.Validators[3] {
				t.Fatalf("announcement %x", item.Data)
			}
			announced = hashCodec.dec(d)
		}
	}
	if announced != itemNextRandomness.or(after) || announced == next {
		t.Fatal("another randomness is announced than stored")
	}
}

// Numbers may be far above slots: the first epoch's number is kept within them.
func TestGenesisSlots(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Number, cfg.Slot, cfg.SessionBlocks = 100_000, 35, 10
	c := newChain(t, cfg)
	if epoch := itemEpoch.or(c.best().state); epoch != 3 {
		t.Fatalf("epoch %d", epoch)
	}
	for want := range 25 {
		if n := int(c.best().state.SessionIndexForChild()) - 3; n != want/10 {
			t.Fatalf("session %d after %d blocks", n, want)
		}
		c.empty(1)
	}
}

// A V3 candidate names the session in which it is scheduled; it must be the present one.
func TestSchedulingSession(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.Config.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
	c := newChain(t, cfg)
	c.empty(2)
	spec := simple(c.best(), alphaHead(), "x")
	spec.v3, spec.scheduling = true, c.best()
	spec.fields = func(f *primitives.DescriptorFields) { f.SchedulingOffset = 1 }
	c.next(backing(c.candidate(spec)))
	c.wantDropped(ErrSession)
}

// Paras are included in the order of their keys in the state.
func TestKeyOrder(t *testing.T) {
	var paras []primitives.ParaID
	for id := primitives.ParaID(2000); id < 2020; id++ {
		paras = append(paras, id)
	}
	got := keyOrder(paras)
	if !slices.IsSortedFunc(got, func(a, b primitives.ParaID) int {
		return strings.Compare(itemPendingCandidates.at(a).key, itemPendingCandidates.at(b).key)
	}) || slices.IsSorted(got) {
		t.Fatalf("order %v", got)
	}
}
