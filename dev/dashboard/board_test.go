package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/pipeline"
	"pileus/primitives"
)

// story tells a board events at virtual seconds.
type story struct{ *Board }

func newStory() story {
	s := story{New()}
	s.SetClock(Clock{Mode: "manual"}) // time passes by events alone
	s.tell(0, pipeline.ParaStarted{Para: 2000, SpecName: "guide", SpecVersion: 3, Collators: []string{"Alice", "Bob"}, Collator: "lookahead", RelayBlock: 1001})
	return s
}

func (s story) tell(at float64, e pipeline.Event) {
	s.Observe(pipeline.Timed{At: time.Duration(at * float64(time.Second)), Event: e})
}

func hashOf(what string, n uint32) hashing.Hash {
	return hashing.Blake2b256([]byte(fmt.Sprint(what, n)))
}

func para(n uint32) pipeline.ParaBlock {
	return pipeline.ParaBlock{Para: 2000, Number: n, Hash: hashOf("para", n)}
}

func candidate(n uint32) pipeline.Candidate {
	return pipeline.Candidate{ParaBlock: para(n), Candidate: primitives.CandidateHash(hashOf("candidate", n))}
}

// relay makes relay block n (from 1 on) at its slot, and round the parachain block on it.
func (s story) relay(n uint32) {
	s.tell(float64(n)*6, pipeline.RelayBlock{Number: 1000 + n, Hash: hashOf("relay", n), Slot: primitives.Slot(500 + n), Session: 1, Author: 2})
}

func (s story) authored(n uint32, at float64) {
	s.tell(at, pipeline.Authored{ParaBlock: para(n), Collator: []string{"Alice", "Bob"}[n%2], RelayParent: 1000 + n, CostMs: 5, Extrinsics: 2, Segment: 1, SpecVersion: 3})
}

// whole carries block n from authoring to inclusion.
func (s story) whole(n uint32) {
	at := float64(n) * 6
	s.relay(n)
	s.authored(n, at+2)
	s.tell(at+2.1, pipeline.Advertised{Candidate: candidate(n), Collator: "Alice", PoVBytes: 4000, PoVLimit: 10 << 20})
	s.tell(at+3, pipeline.Seconded{Candidate: candidate(n), Validator: 4})
	s.tell(at+3.1, pipeline.Seconded{Candidate: candidate(n), Validator: 4})
	s.tell(at+3.2, pipeline.Backable{Candidate: candidate(n)})
	s.tell(at+6, pipeline.Backed{Candidate: candidate(n), Relay: 1001 + n, RelayParent: 1000 + n})
	s.tell(at+12, pipeline.Included{Candidate: candidate(n), Relay: 1002 + n, BackedIn: 1001 + n, Collator: "Alice", Blocks: 1})
}

func TestABlockGoesItsWay(t *testing.T) {
	s := newStory()
	s.whole(1)
	p := s.Snapshot()
	if len(p.Blocks) != 1 || len(p.Relay) != 1 {
		t.Fatalf("blocks %v, relay %v", p.Blocks, p.Relay)
	}
	got, _ := json.Marshal(p.Blocks[0])
	for _, want := range []string{`"number":1`, `"collator":"Bob"`, `"stage":"included"`, `"relay_parent":1001`, `"backed_in":1002`, `"included_in":1003`,
		`"at":{"advertised":8100,"authored":8000,"backable":9200,"backed":12000,"included":18000,"seconded":9000}`, `"votes":[4]`, `"pov_bytes":4000`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("block lacks %s: %s", want, got)
		}
	}
	if *p.Totals != (Totals{Authored: 1, Included: 1}) {
		t.Errorf("totals %+v", *p.Totals)
	}
	if p.Heads.Best.Number != 1 || p.Heads.Included.Number != 1 || p.Heads.RelayBest.Number != 1001 {
		t.Errorf("heads %+v", p.Heads)
	}
	if c := p.Collators[1]; c != (Collator{Name: "Bob", Authored: 1, Included: 1}) {
		t.Errorf("collator %+v", c)
	}
}

// A candidate of the slot-based collator may have several blocks; only the last is named.
func TestBlocksOfOneCandidate(t *testing.T) {
	s := newStory()
	s.relay(1)
	for n := uint32(1); n <= 3; n++ {
		s.tell(8+float64(n)/10, pipeline.Authored{ParaBlock: para(n), Collator: "Alice", RelayParent: 1001})
	}
	s.tell(9, pipeline.Advertised{Candidate: candidate(3), Collator: "Alice"})
	s.tell(12, pipeline.Backed{Candidate: candidate(3), Relay: 1002})
	s.tell(18, pipeline.Included{Candidate: candidate(3), Relay: 1003, BackedIn: 1002, Blocks: 3})
	p := s.Snapshot()
	for _, x := range p.Blocks {
		if x.Stage != StageIncluded || x.IncludedIn != 1003 {
			t.Errorf("block #%d: %s in %d", x.Number, x.Stage, x.IncludedIn)
		}
	}
	if p.Totals.Included != 3 {
		t.Errorf("%d included", p.Totals.Included)
	}
}

func TestVerdict(t *testing.T) {
	s := newStory()
	says := func(tone, text string) {
		t.Helper()
		if v := s.Snapshot().Verdict; v.Tone != tone || !strings.Contains(v.Text, text) {
			t.Errorf("%+v, want %s: %s", *v, tone, text)
		}
	}
	says("quiet", "Waiting for the first relay block")
	s.relay(1)
	says("quiet", "Waiting for the first parachain block")
	s.authored(1, 8)
	says("quiet", "First blocks are on their way")
	for n := uint32(2); n < 8; n++ {
		s.whole(n)
	}
	says("good", "A block every 6.0\u00a0s, nothing dropped")
	s.tell(60, pipeline.Dropped{ParaBlock: para(1), Collator: "Alice", Relay: 1010, Reason: pipeline.DroppedNotBacked, Detail: "too late"})
	says("warn", "A block every 6.0\u00a0s, 1 of the last 7 dropped")
	for n := uint32(11); n < 30; n++ {
		s.relay(n)
	}
	says("bad", "Stalled: no block included for 19 relay slots")
	if more := s.Snapshot().Verdict.More; !strings.Contains(more, "too late") {
		t.Errorf("the stall's reason: %q", more)
	}
}

func TestRelayFork(t *testing.T) {
	s := newStory()
	block := func(what string, n uint32, parent hashing.Hash) *store.Block {
		return &store.Block{Hash: hashOf(what, n), Header: &primitives.Header{Number: 1000 + n, ParentHash: parent}}
	}
	one, left := block("relay", 1, hashOf("relay", 0)), block("left", 2, hashOf("relay", 1))
	two, three := block("relay", 2, one.Hash), block("relay", 3, hashOf("relay", 2))
	s.relay(1)
	s.tell(12, pipeline.RelayBlock{Number: 1002, Hash: left.Hash})
	s.relay(2) // not the best one, and yet the newest
	for _, e := range []store.Event{
		store.Imported{Block: one}, store.Best{Block: one}, store.Imported{Block: left}, store.Best{Block: left}, store.Imported{Block: two},
	} {
		s.Relay(e)
	}
	if h := s.Snapshot().Heads.RelayBest; h.Hash != left.Hash {
		t.Errorf("best is %+v before the fork is longer", h)
	}
	s.relay(3)
	s.tell(18, pipeline.RelayReorg{From: 1002, To: 1003, Base: 1001})
	for _, e := range []store.Event{store.Imported{Block: three}, store.Best{Block: three, Retracted: []*store.Block{left}}, store.Finalized{Blocks: []*store.Block{one}}} {
		s.Relay(e)
	}
	p := s.Snapshot()
	if p.Totals.Reorgs != 1 || len(p.Log) != 1 || p.Log[0].Tone != "warn" {
		t.Errorf("%d reorgs, log %+v", p.Totals.Reorgs, p.Log)
	}
	if p.Heads.RelayBest.Hash != three.Hash || p.Heads.RelayFinalized.Number != 1001 {
		t.Errorf("heads %+v", p.Heads)
	}
	for _, r := range p.Relay {
		if want := map[hashing.Hash]hashing.Hash{three.Hash: two.Hash, two.Hash: one.Hash, left.Hash: one.Hash}[r.Hash]; !want.IsZero() && r.Parent != want {
			t.Errorf("parent of #%d is %s", r.Number, r.Parent)
		}
	}
}

// What a log says again and again is counted, and what belongs to the daily round is not said.
func TestLog(t *testing.T) {
	s := newStory()
	for n := range uint32(5) {
		s.tell(float64(n)*6, pipeline.Passed{Para: 2000, Collator: "Alice", RelayParent: 1000 + n, Reason: "not_our_slot"})
		s.tell(float64(n)*6+1, pipeline.Passed{Para: 2000, Collator: "Bob", RelayParent: 1000 + n, Reason: "segment_full", Detail: "3 of 3"})
		s.tell(float64(n)*6+2, pipeline.SlotMissed{Slot: primitives.Slot(n), Why: "offline"})
		s.tell(float64(n)*6+2, pipeline.Passed{Para: 4711, Collator: "Bob", RelayParent: 1000 + n, Reason: "segment_full"})
	}
	s.tell(40, pipeline.Refused{Para: 2000, Collator: "Bob", RelayParent: 1007, Reason: "runtime", Cause: strings.Repeat("ä", 4000)})
	p := s.Snapshot()
	if len(p.Log) != 3 || p.Log[0].Count != 10-5 || p.Log[1].Count != 5 || p.Log[2].Count != 1 {
		t.Errorf("log %+v", p.Log)
	}
	if n := len(p.Log[len(p.Log)-1].More); n > maxText+4 {
		t.Errorf("a text of %d bytes", n)
	}
	if p.Totals.Passed != 5 || p.Totals.Refused != 1 {
		t.Errorf("totals %+v", *p.Totals)
	}
}

func TestBounds(t *testing.T) {
	s := newStory()
	for n := uint32(1); n < 2000; n++ {
		s.whole(n)
		s.tell(float64(n)*6, pipeline.SlotMissed{Slot: primitives.Slot(n), Why: "offline"})
		s.tell(float64(n)*6, pipeline.TransactionRefused{Para: 2000, Cause: fmt.Sprint("cause ", n)})
		s.tell(float64(n)*6, pipeline.Refused{Para: 2000, Collator: fmt.Sprint("Carol ", n), Reason: "runtime"})
	}
	p := s.Snapshot()
	if len(p.Relay) != KeepRelay || len(p.Blocks) != KeepBlocks || len(p.Missed) != KeepMissed || len(p.Log) != KeepLog || len(p.Collators) != KeepCollators {
		t.Errorf("%d relay blocks, %d blocks, %d missed, %d lines, %d collators", len(p.Relay), len(p.Blocks), len(p.Missed), len(p.Log), len(p.Collators))
	}
	if raw, _ := json.Marshal(p); len(raw) > 512<<10 {
		t.Errorf("the snapshot has %d bytes", len(raw))
	}
}

// What relay blocks of a branch that is left had decided is taken back.
func TestRewind(t *testing.T) {
	s := newStory()
	s.relay(1)
	s.authored(1, 8)
	s.authored(2, 8)
	s.tell(8.1, pipeline.Advertised{Candidate: candidate(1), Collator: "Bob"})
	s.tell(12, pipeline.Backed{Candidate: candidate(1), Relay: 1002})
	s.tell(18, pipeline.Included{Candidate: candidate(1), Relay: 1003, BackedIn: 1002})
	s.tell(18, pipeline.Dropped{ParaBlock: para(2), Collator: "Alice", Relay: 1003, Reason: pipeline.DroppedSuperseded})
	s.tell(30, pipeline.RelayReorg{From: 1003, To: 1004, Base: 1001})
	p := s.Snapshot()
	if p.Blocks[0].Stage != StageAdvertised || p.Blocks[1].Stage != StageAuthored || p.Blocks[1].Reason != "" || *p.Totals != (Totals{Authored: 2, Reorgs: 1}) {
		t.Errorf("after the fork: %+v, %+v", p.Blocks, *p.Totals)
	}
	s.tell(30, pipeline.Backed{Candidate: candidate(1), Relay: 1004})
	p = s.Snapshot()
	if x := p.Blocks[0]; x.Stage != StageBacked || x.BackedIn != 1004 || x.IncludedIn != 0 || x.At[StageBacked] != 30000 {
		t.Errorf("block #1 %+v", x)
	}
	if p.Collators[1].Included != 0 || p.Collators[0].Dropped != 0 {
		t.Errorf("collators %+v", p.Collators)
	}
}

// A network that goes back to a snapshot begins anew, and so does the picture.
func TestReverted(t *testing.T) {
	s := newStory()
	s.whole(1)
	s.whole(2)
	before := s.Snapshot()
	s.tell(0, pipeline.ParaStarted{Para: 2000, SpecName: "guide", Collators: []string{"Alice"}, RelayBlock: 1002})
	s.whole(2)
	p := s.Snapshot()
	if p.Run == before.Run || len(p.Blocks) != 1 || p.NowMs != 24000 || p.Blocks[0].At[StageAuthored] != 14000 || p.Chain.Name != "guide" {
		t.Errorf("%+v", p)
	}
	if len(p.Log) != 1 || !strings.Contains(p.Log[0].Text, "goes on from a snapshot: relay block #1001") {
		t.Errorf("log %+v", p.Log)
	}
}
