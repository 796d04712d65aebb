package dashboard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
)

// Board keeps the picture of a running network and hands it to those who look. What
// happens in the network is told with [Board.Observe] and the methods after it; none of
// them waits for a reader. All methods may be called from any goroutine.
type Board struct {
	mu      sync.Mutex
	p       Picture
	changed changes
	streams streams

	told     time.Time                           // when p.NowMs was told
	began    int64                               // virtual ms of the first event
	last     int64                               // virtual ms of the last event
	weigh    func(hashing.Hash) parachain.Weight // nil: unknown
	follow   bool                                // the para is known
	recorded bool                                // the chains' records tell which blocks are the best

	idle        int  // relay slots since the last inclusion
	lastTrouble note // warn or bad
	lastDrop    note
	lines       uint64
}

// changes are the keys of what an update has to have.
type changes struct {
	relay, blocks                    map[hashing.Hash]bool
	missed                           map[primitives.Slot]bool
	collators                        map[string]bool
	log                              map[uint64]bool
	chain, clock, heads, totals, any bool
}

func newChanges() changes {
	return changes{relay: map[hashing.Hash]bool{}, blocks: map[hashing.Hash]bool{}, missed: map[primitives.Slot]bool{}, collators: map[string]bool{}, log: map[uint64]bool{}}
}

// New returns a board that has seen nothing yet. Links are shown at the foot of the page.
func New(links ...Link) *Board {
	return &Board{changed: newChanges(), told: time.Now(), p: *newPicture(links)}
}

func newPicture(links []Link) *Picture {
	return &Picture{Run: fmt.Sprintf("%x", time.Now().UnixNano()), Links: links, Chain: &Chain{}, Clock: &Clock{Mode: "interval", SlotMs: primitives.RelaySlotMillis},
		Heads: &Heads{}, Totals: &Totals{}, Verdict: &Verdict{}, Limits: &Limits{KeepRelay, KeepMissed, KeepBlocks, KeepLog, primitives.RelaySlotMillis}}
}

// Observe takes an event in.
func (b *Board) Observe(t pipeline.Timed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at(t.At.Milliseconds())
	if id, ok := paraOf(t.Event); ok && b.follow && id != b.p.Chain.Para {
		return // one page shows one parachain, the first
	}
	b.event(t.Event)
	if n, ok := words(t.Event); ok {
		b.log(n)
	}
	b.publish()
}

// Describe says how much a block may weigh.
func (b *Board) Describe(limit parachain.Weight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.p.Chain.Limit = Weight(limit)
	b.changed.chain = true
	b.publish()
}

// SetClock says how virtual time passes from now on.
func (b *Board) SetClock(c Clock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *b.p.Clock == c {
		return
	}
	b.at(b.now())
	b.p.Clock = &c
	b.changed.clock = true
	b.publish()
}

// SetPool says how many transactions wait in the pool.
func (b *Board) SetPool(ready, future int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p.Totals.Ready != ready || b.p.Totals.Future != future {
		b.p.Totals.Ready, b.p.Totals.Future = ready, future
		b.changed.totals = true
		b.publish()
	}
}

// Relay takes in what happened to the relay chain's record.
func (b *Board) Relay(e store.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorded = true
	switch e := e.(type) {
	case store.Imported:
		r := b.relayBlock(e.Block.Hash)
		r.Number, r.Parent = e.Block.Number(), e.Block.Parent()
	case store.Best:
		b.heads(func(h *Heads) { h.RelayBest = head(e.Block) })
	case store.Finalized:
		b.heads(func(h *Heads) { h.RelayFinalized = head(e.Blocks[len(e.Blocks)-1]) })
	}
	b.publish()
}

// Para takes in what happened to the parachain's record.
func (b *Board) Para(e store.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case store.Imported:
		x := b.block(pipeline.ParaBlock{Number: e.Block.Number(), Hash: e.Block.Hash})
		x.Parent = e.Block.Parent()
		if edited(e.Block.Header) {
			x.Collator = "from outside"
			b.reach(x, StageAuthored)
			b.reach(x, StageIncluded)
			b.log(note{"edited", "good", fmt.Sprintf("The state was edited from outside: block #%d was forced upon the parachain", x.Number), "no collator built it, no validator executed it"})
		}
		if b.weigh != nil {
			x.Weight = Weight(b.weigh(x.Hash))
		}
	case store.Best:
		if n := len(e.Retracted); n > 0 {
			b.reorg(note{"reorg", "warn", fmt.Sprintf("Reorg: %s retracted, best is #%d %s now", plural(n, "block"), e.Block.Number(), e.Block.Hash.Short()), "their transactions go back to the pool"})
		}
		b.heads(func(h *Heads) { h.Best = head(e.Block) })
	case store.Finalized:
		b.heads(func(h *Heads) { h.Finalized = head(e.Blocks[len(e.Blocks)-1]) })
	}
	b.publish()
}

// edited tells whether a block is an edit of the state, see [parachain.EditLabel].
func edited(h *primitives.Header) bool {
	return slices.ContainsFunc(h.Digest, func(i primitives.DigestItem) bool {
		return i.Kind == primitives.DigestOther && string(i.Data) == parachain.EditLabel
	})
}

func head(x *store.Block) *Head { return &Head{x.Number(), x.Hash} }

func (b *Board) heads(change func(*Heads)) {
	change(b.p.Heads)
	b.changed.heads = true
}

func (b *Board) reorg(n note) {
	b.p.Totals.Reorgs++
	b.changed.totals = true
	b.log(n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// at moves the picture's time.
func (b *Board) at(ms int64) {
	if len(b.p.Relay)+len(b.p.Blocks)+len(b.p.Log) == 0 {
		b.began = ms
	}
	b.p.NowMs, b.last, b.told = max(b.p.NowMs, ms), ms, time.Now()
}

// now is the virtual time of this moment, as far as it can be told from the last event: no
// relay slot passes without one.
func (b *Board) now() int64 {
	c := b.p.Clock
	if c.Paused || c.SlotMs <= 0 {
		return b.p.NowMs
	}
	passed := float64(time.Since(b.told).Milliseconds()) * primitives.RelaySlotMillis / c.SlotMs
	return b.p.NowMs + min(int64(passed), primitives.RelaySlotMillis)
}

// event changes the picture.
func (b *Board) event(e pipeline.Event) {
	switch e := e.(type) {
	case pipeline.ParaStarted:
		if b.follow { // the network went back to a snapshot
			b.reset()
			b.log(note{"reverted", "warn", fmt.Sprintf("The network goes on from a snapshot: relay block #%d", e.RelayBlock-1), "what came after it has never been"})
		}
		b.follow = true
		c := b.p.Chain
		c.Para, c.Name, c.SpecVersion, c.CodeHash, c.Collator = e.Para, e.SpecName, e.SpecVersion, e.Code, e.Collator
		b.changed.chain = true
		for _, name := range e.Collators {
			b.collator(name)
		}
	case pipeline.RelayBlock:
		b.idle++
		r := b.relayBlock(e.Hash)
		r.Number, r.Slot, r.Ms, r.Session, r.Author, r.Backed = e.Number, e.Slot, b.p.NowMs, uint32(e.Session), uint32(e.Author), e.Backed
		if r.Parent.IsZero() { // nobody has told; on a chain without forks it is the last one
			for i := len(b.p.Relay) - 1; i >= 0; i-- {
				if p := &b.p.Relay[i]; p.Number+1 == e.Number {
					r.Parent = p.Hash
					break
				}
			}
			if !b.recorded {
				b.heads(func(h *Heads) { h.RelayBest = &Head{e.Number, e.Hash} })
			}
		}
	case pipeline.RelayReorg:
		b.p.Totals.Reorgs++
		b.changed.totals = true
		b.rewind(e.Base)
	case pipeline.SlotMissed:
		b.idle++
		b.p.Missed = append(b.p.Missed, Missed{e.Slot, short(e.Why)})
		b.p.Missed = b.p.Missed[max(0, len(b.p.Missed)-KeepMissed):]
		b.changed.missed[e.Slot] = true
	case pipeline.Authored:
		x := b.block(e.ParaBlock)
		x.Collator, x.RelayParent, x.CostMs, x.Extrinsics, x.Segment, x.ProofBytes = e.Collator, e.RelayParent, e.CostMs, e.Extrinsics, e.Segment, e.ProofBytes
		b.reach(x, StageAuthored)
		b.collator(e.Collator).Authored++
		b.p.Totals.Authored++
		x.Parent = e.Parent
		b.p.Chain.SpecVersion = max(b.p.Chain.SpecVersion, e.SpecVersion)
		if !b.recorded && (b.p.Heads.Best == nil || b.p.Heads.Best.Number < e.Number) {
			b.heads(func(h *Heads) { h.Best = &Head{e.Number, e.Hash} })
		}
		b.changed.totals, b.changed.chain = true, true
	case pipeline.Advertised:
		b.each(e.Candidate, true, func(x *Block) {
			x.Core, x.PoVBytes, x.PoVLimit = uint32(e.Core), e.PoVBytes, e.PoVLimit
			b.reach(x, StageAdvertised)
		})
	case pipeline.Seconded:
		b.each(e.Candidate, false, func(x *Block) {
			if v := uint32(e.Validator); len(x.Votes) < keepVotes && !slices.Contains(x.Votes, v) {
				x.Votes = append(slices.Clone(x.Votes), v)
			}
			b.reach(x, StageSeconded)
		})
	case pipeline.Backable:
		b.each(e.Candidate, false, func(x *Block) { b.reach(x, StageBackable) })
	case pipeline.Backed:
		b.each(e.Candidate, false, func(x *Block) {
			x.BackedIn = e.Relay
			b.reachAnew(x, StageBacked)
		})
	case pipeline.Included:
		b.included(e)
	case pipeline.Dropped:
		x := b.block(e.ParaBlock)
		if x.Stage != StageDropped {
			b.collator(e.Collator).Dropped++
			b.p.Totals.Dropped++
		}
		x.EndedIn, x.Reason, x.Why = e.Relay, e.Reason, short(pipeline.Meaning(e.Reason)+colon(e.Detail))
		b.reachAnew(x, StageDropped)
		b.changed.totals = true
	case pipeline.Refused:
		b.collator(e.Collator).Refused++
		b.p.Totals.Refused++
		b.changed.totals = true
	case pipeline.Passed:
		if _, told := words(e); told {
			b.p.Totals.Passed++
			b.changed.totals = true
		}
	case pipeline.CodeApplied:
		b.p.Chain.CodeHash = e.Code
		b.changed.chain = true
	}
}

// reset begins a picture of its own; readers get it whole.
func (b *Board) reset() {
	old := b.p
	b.p = *newPicture(old.Links)
	b.p.Chain, b.p.Clock, b.p.NowMs = old.Chain, old.Clock, b.last
	b.p.Heads, old.Heads.Included = old.Heads, nil // the records may have told the others already
	b.began, b.idle, b.lastTrouble, b.lastDrop, b.lines = b.last, 0, note{}, note{}, 0
	b.changed = newChanges()
	b.streams.recent, b.streams.bytes = nil, 0
}

// included notes the inclusion of a candidate: of its last block and what lies under it.
func (b *Board) included(e pipeline.Included) {
	include := func(x *Block) {
		if x.Stage != StageIncluded {
			b.p.Totals.Included++
			if x.Collator != "" {
				b.collator(x.Collator).Included++
			}
		}
		x.BackedIn, x.IncludedIn = e.BackedIn, e.Relay
		b.reachAnew(x, StageIncluded)
		b.changed.blocks[x.Hash] = true
	}
	b.each(e.Candidate, false, include)
	for x := b.find(b.block(e.ParaBlock).Parent); x != nil && rank[x.Stage] < rank[StageIncluded]; x = b.find(x.Parent) {
		include(x)
	}
	b.idle = 0
	b.heads(func(h *Heads) { h.Included = &Head{e.Number, e.Hash} })
	b.changed.totals = true
}

// paraOf is the parachain that an event is about; false for the relay chain's.
func paraOf(e pipeline.Event) (primitives.ParaID, bool) {
	switch e := e.(type) {
	case pipeline.ParaStarted:
		return e.Para, true
	case pipeline.Authored:
		return e.Para, true
	case pipeline.Refused:
		return e.Para, true
	case pipeline.Passed:
		return e.Para, true
	case pipeline.TransactionRefused:
		return e.Para, true
	case pipeline.CodeApplied:
		return e.Para, true
	case pipeline.Advertised:
		return e.Para, true
	case pipeline.Seconded:
		return e.Para, true
	case pipeline.Backable:
		return e.Para, true
	case pipeline.Declined:
		return e.Para, true
	case pipeline.Backed:
		return e.Para, true
	case pipeline.Included:
		return e.Para, true
	case pipeline.TimedOut:
		return e.Para, true
	case pipeline.Dropped:
		return e.Para, true
	case pipeline.Upgrade:
		return e.Para, true
	}
	return 0, false
}

// relayBlock is the entry of a relay block, made if there is none.
func (b *Board) relayBlock(hash hashing.Hash) *RelayBlock {
	b.changed.relay[hash] = true
	if i := b.findRelay(hash); i >= 0 {
		return &b.p.Relay[i]
	}
	b.p.Relay = append(b.p.Relay, RelayBlock{Hash: hash, Ms: b.p.NowMs})
	b.p.Relay = b.p.Relay[max(0, len(b.p.Relay)-KeepRelay):]
	return &b.p.Relay[len(b.p.Relay)-1]
}

func (b *Board) findRelay(hash hashing.Hash) int {
	for i := len(b.p.Relay) - 1; i >= 0; i-- {
		if b.p.Relay[i].Hash == hash {
			return i
		}
	}
	return -1
}

// block is the entry of a parachain block, made if there is none.
func (b *Board) block(id pipeline.ParaBlock) *Block {
	b.changed.blocks[id.Hash] = true
	if x := b.find(id.Hash); x != nil {
		return x
	}
	b.p.Blocks = append(b.p.Blocks, Block{Hash: id.Hash, Number: id.Number, At: map[string]int64{}})
	b.p.Blocks = b.p.Blocks[max(0, len(b.p.Blocks)-KeepBlocks):]
	return &b.p.Blocks[len(b.p.Blocks)-1]
}

// find is the entry of a block; nil if there is none.
func (b *Board) find(hash hashing.Hash) *Block {
	for i := len(b.p.Blocks) - 1; i >= 0; i-- {
		if b.p.Blocks[i].Hash == hash {
			return &b.p.Blocks[i]
		}
	}
	return nil
}

// each calls f for the blocks of a candidate, the last of which it names. Those that were
// built for the same candidate before are told by being neither offered nor ended yet when
// it is offered (bundle).
func (b *Board) each(c pipeline.Candidate, bundle bool, f func(*Block)) {
	last := b.block(c.ParaBlock)
	last.Candidate = c.Candidate
	for i := range b.p.Blocks {
		x := &b.p.Blocks[i]
		if bundle && x.Stage == StageAuthored && x.Collator == last.Collator && x.RelayParent == last.RelayParent && x.Number < last.Number {
			x.Candidate = c.Candidate
		}
		if x.Candidate == c.Candidate {
			b.changed.blocks[x.Hash] = true
			f(x)
		}
	}
}

// reachAnew notes a stage that a relay block decides, which may have been another one before.
func (b *Board) reachAnew(x *Block, stage string) {
	x.At = maps.Clone(x.At)
	delete(x.At, stage)
	b.reach(x, stage)
}

// rewind takes back what relay blocks above base had decided; the chain has left them.
func (b *Board) rewind(base uint32) {
	for i := range b.p.Blocks {
		x := &b.p.Blocks[i]
		at := maps.Clone(x.At)
		if x.EndedIn > base {
			delete(at, StageDropped)
			x.EndedIn, x.Reason, x.Why = 0, "", ""
			b.p.Totals.Dropped--
			b.collator(x.Collator).Dropped--
		}
		if x.IncludedIn > base {
			delete(at, StageIncluded)
			x.IncludedIn = 0
			b.p.Totals.Included--
			b.collator(x.Collator).Included--
		}
		if x.BackedIn > base {
			delete(at, StageBacked)
			x.BackedIn = 0
		}
		if len(at) == len(x.At) {
			continue
		}
		x.At, x.Stage = at, ""
		for stage := range at {
			if rank[stage] > rank[x.Stage] {
				x.Stage = stage
			}
		}
		b.changed.blocks[x.Hash], b.changed.totals = true, true
	}
}

// reach notes that a block has reached a stage; it never goes back.
func (b *Board) reach(x *Block, stage string) {
	if _, known := x.At[stage]; !known {
		x.At = maps.Clone(x.At) // the old one may be being written out
		x.At[stage] = b.p.NowMs
	}
	if rank[stage] > rank[x.Stage] {
		x.Stage = stage
	}
}

func (b *Board) collator(name string) *Collator {
	b.changed.collators[name] = true
	for i := range b.p.Collators {
		if b.p.Collators[i].Name == name {
			return &b.p.Collators[i]
		}
	}
	if len(b.p.Collators) == KeepCollators {
		return &Collator{}
	}
	b.p.Collators = append(b.p.Collators, Collator{Name: name})
	return &b.p.Collators[len(b.p.Collators)-1]
}

// log adds a line, or counts it where one of the last few said the same.
func (b *Board) log(n note) {
	n.text, n.more = short(n.text), short(n.more)
	if n.tone == "bad" || n.tone == "warn" {
		b.lastTrouble = n
	}
	if strings.HasPrefix(n.key, "dropped ") {
		b.lastDrop = n
	}
	for i := len(b.p.Log) - 1; i >= max(0, len(b.p.Log)-4); i-- {
		if l := &b.p.Log[i]; l.key == n.key {
			again := *l
			again.Ms, again.Text, again.More, again.Count = b.p.NowMs, n.text, n.more, l.Count+1
			b.p.Log = append(slices.Delete(b.p.Log, i, i+1), again)
			b.changed.log[again.Seq] = true
			return
		}
	}
	b.lines++
	b.p.Log = append(b.p.Log, Line{Seq: b.lines, Ms: b.p.NowMs, Tone: n.tone, Text: n.text, More: n.more, Count: 1, key: n.key})
	b.p.Log = b.p.Log[max(0, len(b.p.Log)-KeepLog):]
	b.changed.log[b.lines] = true
}
