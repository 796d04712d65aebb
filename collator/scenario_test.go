package collator

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"pileus/primitives"
)

// TestScenarios tells in text what a collator does, relay block by relay block.
// `go test ./collator -run Scenarios -rewrite` writes what happens now.
//
//	collator lookahead [capacity=3] [velocity=1] [offset=0] [queue-offset=0] [window=3] [delay=2]
//	         [para-slot=6s] [authors=(ours,other)] [api=2] [last=A1]
//
// begins with a new chain and a runtime of that capacity and velocity. window is the
// scheduling lookahead (0: the relay chain does not say); delay is how many relay blocks
// after its relay parent a candidate can be backed first: 1 for light blocks, 2 for 2 s.
//
//	relay 5 [epoch] [skip=1] [lost] [no-core] [parent=R3]
//
// makes relay blocks, which include what is pending, back what they can and reach the
// collator: the first of them changes the epoch, comes after skipped slots, is told to
// nobody, schedules the para no more, has that parent. A line says what is included and
// pending after the block, and what the collator did on it.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, path := range files {
		var s *stage
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "collator":
				s = newStage(t, kindOf(t, d))
				s.scan(d)
				return ""
			case "relay":
				return s.relayBlocks(d)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	}
}

func kindOf(t *testing.T, d *datadriven.TestData) Kind {
	for _, k := range []Kind{Basic, Lookahead, SlotBased} {
		if len(d.CmdArgs) > 0 && d.CmdArgs[0].Key == k.String() {
			return k
		}
	}
	d.Fatalf(t, "no such collator")
	return 0
}

// stage is a world whose relay chain and runtime follow their rules.
type stage struct {
	*world
	capacity, velocity uint32
	delay              uint32
	names              map[Hash]string
	used               map[string]int
	states             map[Hash]*relayState
	runtime            map[Hash]paraState
	tip                *primitives.Header
	slot               primitives.Slot
}

// relayState is what a relay block says of the para.
type relayState struct {
	included, pending *primitives.Header
	session           uint32
}

// paraState is what the runtime keeps of a block.
type paraState struct {
	slot  primitives.Slot // of the relay chain; of the parachain with version 1 of the API
	count uint32          // blocks in that slot
	relay uint32          // number of the relay parent
}

func newStage(t testing.TB, kind Kind) *stage {
	s := &stage{world: newWorld(t, kind), capacity: 3, velocity: 1, delay: 2, names: map[Hash]string{}, used: map[string]int{},
		states: map[Hash]*relayState{}, runtime: map[Hash]paraState{}, slot: 100}
	s.names[s.include.Hash()] = "A0"
	s.heads = func(at Hash) (*primitives.Header, *primitives.Header) {
		st := s.states[at]
		return st.included, st.pending
	}
	s.room = s.canBuildUpon
	s.build = s.execute
	return s
}

func (s *stage) scan(d *datadriven.TestData) {
	t := s.t.(*testing.T)
	d.MaybeScanArgs(t, "capacity", &s.capacity)
	d.MaybeScanArgs(t, "velocity", &s.velocity)
	d.MaybeScanArgs(t, "delay", &s.delay)
	d.MaybeScanArgs(t, "window", &s.window)
	d.MaybeScanArgs(t, "offset", &s.info.RelayParentOffset)
	d.MaybeScanArgs(t, "api", &s.info.SegmentAPI)
	var depth uint64
	d.MaybeScanArgs(t, "queue-offset", &depth)
	s.info.MaxClaimQueueOffset = uint8(depth)
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "para-slot":
			length, err := time.ParseDuration(a.Vals[0])
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			s.info.SlotDuration = length
		case "authors":
			s.info.Authorities = nil
			for _, who := range a.Vals {
				s.info.Authorities = append(s.info.Authorities, map[string][32]byte{"ours": alice, "other": bob}[who])
			}
		}
	}
}

// name gives a block its name: kind, number, a letter for another one of that number.
func (s *stage) name(kind string, h *primitives.Header) string {
	if n, ok := s.names[h.Hash()]; ok {
		return n
	}
	n := fmt.Sprintf("%s%d", kind, h.Number)
	s.used[n]++
	if k := s.used[n]; k > 1 {
		n += string(rune('a' + k - 1))
	}
	s.names[h.Hash()] = n
	return n
}

// segment is the number of blocks on top of the included one, up to at.
func (s *stage) segment(at, included Hash) (n uint32) {
	for h := s.paras[at]; h != nil && h.Number > 0; h = s.paras[h.ParentHash] {
		if h.Hash() == included {
			return n
		}
		n++
	}
	return n
}

// canBuildUpon is FixedVelocityConsensusHook::can_build_upon.
func (s *stage) canBuildUpon(q CanBuildUpon) bool {
	at, ok := s.runtime[q.At]
	if !ok {
		return true
	}
	slot := q.RelaySlot
	if s.info.SegmentAPI == 1 {
		slot = q.ParaSlot
	}
	if s.segment(q.At, q.Included) >= s.capacity {
		return false
	}
	if at.slot == slot {
		return at.count < s.velocity+1
	}
	return at.slot < slot
}

func (s *stage) paraSlot(relay primitives.Slot) primitives.Slot {
	return relay * 6000 / primitives.Slot(s.info.SlotDuration.Milliseconds())
}

// execute is what the runtime checks while it builds a block.
func (s *stage) execute(b BuildBlock) error {
	parent, before := s.runtime[b.Parent], s.states[b.RelayParent.Hash()]
	now := paraState{slotOf(b.RelayParent), 1, b.RelayParent.Number}
	if s.info.SegmentAPI == 1 {
		now.slot = b.Slot
	}
	switch {
	case now.slot < parent.slot:
		return errors.New("slot moved backwards")
	case now.slot == parent.slot:
		now.count = parent.count + 1
	}
	switch {
	case now.count > s.velocity+1:
		return errors.New("authored blocks limit is reached for the slot")
	case b.Slot != s.paraSlot(slotOf(b.RelayParent)) || b.Timestamp/uint64(s.info.SlotDuration.Milliseconds()) != uint64(b.Slot):
		return errors.New("slot must match relay-derived slot")
	case b.RelayParent.Number <= parent.relay:
		return errors.New("relay chain block number needs to strictly increase")
	case s.segment(b.Parent, before.included.Hash()) >= s.capacity:
		return errors.New("no space left for the block in the unincluded segment")
	case s.info.RelayParentOffset > 0 && len(b.Inherent.RelayParentDescendants) != int(s.info.RelayParentOffset)+1:
		return errors.New("unable to verify provided relay parent descendants")
	}
	h := blockOn(s.paras[b.Parent], b.RelayParent)
	if _, twice := s.runtime[h.Hash()]; twice {
		return errors.New("the same block twice")
	}
	s.runtime[h.Hash()] = now
	return nil
}

// extend makes the next relay block: what is pending is included, the next is backed.
func (s *stage) extend(parent *primitives.Header, epoch bool) *primitives.Header {
	s.slot++
	number := uint32(1)
	before := relayState{included: s.paras[(&primitives.Header{}).Hash()]}
	if parent != nil {
		number, before = parent.Number+1, *s.states[parent.Hash()]
	}
	r := &primitives.Header{Number: number, StateRoot: Hash{byte(s.slot), 9}}
	if parent != nil {
		r.ParentHash = parent.Hash()
	}
	claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Slot: s.slot}
	r.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
	now := relayState{included: before.included, session: before.session}
	if epoch {
		r.Digest = append(r.Digest, primitives.DigestItem{Kind: primitives.DigestConsensus, Engine: primitives.EngineBabe, Data: []byte{1}})
		now.session++
	} else if before.pending != nil {
		now.included = before.pending
	}
	if !epoch {
		now.pending = s.backable(r, now)
	}
	s.relay[r.Hash()] = r
	s.states[r.Hash()] = &now
	return r
}

// backable is the candidate that a relay block can back.
func (s *stage) backable(r *primitives.Header, now relayState) *primitives.Header {
	for _, c := range s.subs {
		d := &c.Receipt.Descriptor
		relayParent := s.relay[d.RelayParent()]
		h := s.paras[d.ParaHead()]
		if h == nil || h.ParentHash != now.included.Hash() || relayParent.Number+s.delay > r.Number || relayParent.Number+max(s.window, 1) < r.Number {
			continue
		}
		if s.states[relayParent.Hash()].session == now.session && s.ancestorOf(relayParent, r) {
			return h
		}
	}
	return nil
}

func (s *stage) ancestorOf(a, of *primitives.Header) bool {
	h := s.relay[of.ParentHash]
	for h != nil && h.Number > a.Number {
		h = s.relay[h.ParentHash]
	}
	return h == a
}

// deliver brings a relay block to the collator and says what it did.
func (s *stage) deliver(r *primitives.Header) (did []string) {
	at := time.Duration(s.slot) * 6 * time.Second
	told, subs := len(s.log), len(s.subs)
	if s.c.p.Kind == SlotBased {
		s.step(at+time.Second, Tick{})
	}
	s.step(at+1700*time.Millisecond, RelayImported{r})
	for _, c := range s.subs[subs:] {
		d := &c.Receipt.Descriptor
		h := s.paras[d.ParaHead()]
		line := fmt.Sprintf("%s on %s, relay parent %s", s.name("A", h), s.name("A", s.paras[h.ParentHash]), s.name("R", s.relay[d.RelayParent()]))
		if b := s.ask[len(s.ask)-1]; len(b.Inherent.RelayParentDescendants) > 0 {
			line += fmt.Sprintf(", %d headers with it", len(b.Inherent.RelayParentDescendants))
		}
		did = append(did, line)
	}
	for _, l := range s.log[told:] {
		if strings.HasPrefix(l, "passed") || strings.HasPrefix(l, "refused") {
			did = append(did, l)
		}
	}
	return did
}

func (s *stage) relayBlocks(d *datadriven.TestData) string {
	t := s.t.(*testing.T)
	var n int
	if _, err := fmt.Sscan(d.CmdArgs[0].Key, &n); err != nil {
		d.Fatalf(t, "%v", err)
	}
	var skip uint64
	d.MaybeScanArgs(t, "skip", &skip)
	s.slot += primitives.Slot(skip)
	var parent string
	if d.MaybeScanArgs(t, "parent", &parent); parent != "" {
		for hash, name := range s.names {
			if name == parent {
				s.tip = s.relay[hash]
			}
		}
	}
	queue := s.queue
	if d.HasArg("no-core") {
		s.queue = nil
	}
	var b strings.Builder
	for i := range n {
		r := s.extend(s.tip, i == 0 && d.HasArg("epoch"))
		s.tip = r
		st := s.states[r.Hash()]
		pending, did := "-", "not told"
		if st.pending != nil {
			pending = s.name("A", st.pending)
		}
		if !d.HasArg("lost") || i > 0 {
			did = strings.Join(s.deliver(r), "; ")
		}
		fmt.Fprintf(&b, "%-4s included %-4s pending %-4s  %s\n", s.name("R", r), s.name("A", st.included), pending, did)
		s.queue = queue
	}
	return b.String()
}

// Whatever the relay chain does, the runtime never refuses a block of the lookahead or the
// slot-based collator, since can_build_upon is asked before; nobody builds two blocks on
// one relay parent; and every block stands on the included block or a descendant of it.
func TestNothingIsRefused(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		kind := Kind(rapid.IntRange(0, 2).Draw(r, "kind"))
		s := newStage(nil, kind)
		s.capacity = rapid.Uint32Range(1, 6).Draw(r, "capacity")
		s.delay = rapid.Uint32Range(1, 3).Draw(r, "delay")
		s.window = rapid.Uint32Range(1, 5).Draw(r, "window")
		s.info.SlotDuration = time.Duration(rapid.SampledFrom([]int{6, 12, 24}).Draw(r, "para slot")) * time.Second
		if kind == SlotBased {
			s.info.RelayParentOffset = rapid.Uint32Range(0, 2).Draw(r, "offset")
		}
		var all []*primitives.Header
		for range rapid.IntRange(1, 30).Draw(r, "relay blocks") {
			s.slot += primitives.Slot(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(r, "skipped"))
			if len(all) > 2 && rapid.IntRange(0, 5).Draw(r, "fork") == 0 {
				s.tip = all[len(all)-2]
			}
			s.tip = s.extend(s.tip, rapid.IntRange(0, 9).Draw(r, "epoch") == 0)
			all = append(all, s.tip)
			for _, did := range s.deliver(s.tip) {
				if strings.HasPrefix(did, "refused") {
					r.Fatal(did)
				}
			}
		}
		seen := map[Hash]bool{}
		for _, b := range s.ask {
			if seen[b.RelayParent.Hash()] {
				r.Fatalf("two blocks on relay parent #%d", b.RelayParent.Number)
			}
			seen[b.RelayParent.Hash()] = true
			included := s.states[b.RelayParent.Hash()].included
			h := s.paras[b.Parent]
			for h != nil && h.Number > included.Number {
				h = s.paras[h.ParentHash]
			}
			if h != included {
				r.Fatalf("a block beside the included one, on relay parent #%d", b.RelayParent.Number)
			}
		}
		if kind == Basic && slices.ContainsFunc(s.ask, func(b BuildBlock) bool {
			return s.states[b.RelayParent.Hash()].included.Hash() != b.Parent
		}) {
			r.Fatal("the basic collator built on a block that is not included")
		}
	})
}
