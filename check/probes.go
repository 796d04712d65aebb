package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"pileus/hashing"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
)

// Bounds on how far a probe goes.
const (
	mostBlocks  = 50  // in one unincluded segment
	mostPerSlot = 32  // on one relay slot
	farSlots    = 500 // of the parachain, beyond every window of a hook
)

// run makes all probes. Each stands for itself: what one finds, the next may use, but
// none takes another's limit for its own.
func (p *prober) run() {
	p.first()
	if !p.seen.Built {
		return
	}
	for _, probe := range []func(){p.hook, p.segment, p.slots, p.timestamp, p.relayNumber, p.sameSlot, p.velocity, p.oneParent, p.offset, p.validate, p.authorities, p.paces} {
		if p.broken == nil {
			probe()
		}
	}
}

// first builds a correct block. Where the runtime refuses it, something that a collator
// relies on is not what the runtime says: it is looked for.
func (p *prober) first() {
	t, err := p.build(attempt{on: p.genesis(), relay: p.relay(0, p.genesis())})
	p.note("first", "a correct block", err, "")
	if err == nil {
		p.seen.Built = true
		p.slotsAgree(t)
		return
	}
	p.seen.Refusal = err.Error()
	if p.broken == nil {
		p.seen.Built = p.assumeOther(err)
	}
}

// assumeOther tries another slot duration, relay slot duration or number of relay headers
// than those that a collator takes.
func (p *prober) assumeOther(refusal error) bool {
	type guess struct {
		what            string
		relayMs, slotMs uint64
		headers         int
	}
	var list []guess
	for _, ms := range p.slotGuesses() {
		list = append(list, guess{fmt.Sprintf("slots of %d ms", ms), p.relayMs, ms, p.headers})
	}
	for _, ms := range p.relayGuesses(refusal) {
		list = append(list, guess{fmt.Sprintf("relay slots taken for %d ms", ms), ms, p.slotMs, p.headers})
	}
	for _, n := range []int{0, 2, 3, 4} {
		list = append(list, guess{fmt.Sprintf("%d relay headers in the inherent", n), p.relayMs, p.slotMs, n})
	}
	was := *p
	for _, g := range list {
		p.relayMs, p.slotMs, p.headers = g.relayMs, g.slotMs, g.headers
		p.align()
		_, err := p.build(attempt{on: p.genesis(), relay: p.relay(0, p.genesis())})
		if err == nil {
			p.note("first", "the same with "+g.what, nil, "")
			return true
		}
		if p.broken != nil {
			break
		}
	}
	p.relayMs, p.slotMs, p.headers, p.base, p.step = was.relayMs, was.slotMs, was.headers, was.base, was.step
	return false
}

// slotGuesses are durations of slots that the runtime may enforce.
func (p *prober) slotGuesses() (list []uint64) {
	for _, ms := range []uint64{p.seen.SlotMs, 6000, 12000, 24000, 18000, 3000, 2000} {
		if ms != 0 && ms != p.slotMs && !slices.Contains(list, ms) {
			list = append(list, ms)
		}
	}
	return list
}

// numbers are those in a panic's words: a hook that compares slots says both.
var numbers = regexp.MustCompile(`\d{4,}`)

// relayGuesses are durations of a relay slot that the runtime may assume: those that its
// words point to, and those that people write.
func (p *prober) relayGuesses(refusal error) (list []uint64) {
	add := func(ms uint64) {
		if ms != 0 && ms != primitives.RelaySlotMillis && ms < 1<<32 && !slices.Contains(list, ms) {
			list = append(list, ms)
		}
	}
	slot := uint64(p.base.slot)
	for _, digits := range numbers.FindAllString(refusal.Error(), 16) {
		derived, err := strconv.ParseUint(digits, 10, 64)
		if err == nil && derived < 1<<40 {
			add((derived*p.slotMs + slot - 1) / slot)
		}
	}
	for _, ms := range []uint64{12000, 3000, 24000, 18000, 2000, 1000, 4000, 6, 60000} {
		add(ms)
	}
	return list
}

// align moves the first relay parent to the start of a slot of the parachain, and the
// step to whole slots.
func (p *prober) align() {
	p.step = primitives.Slot(max(1, (p.slotMs+p.relayMs-1)/max(p.relayMs, 1)))
	if per := primitives.Slot(p.slotMs / primitives.RelaySlotMillis); per > 1 {
		p.base.slot = (p.base.slot + per - 1) / per * per
	}
}

// slotsAgree finds the duration of a slot that the timestamps of a runtime follow.
func (p *prober) slotsAgree(tip) { p.seen.SlotMs = p.slotMs }

// hook tells the kinds of consensus hooks apart: ExpectParentIncluded can do without the
// included head, a hook with a capacity cannot; one with a velocity reads the relay slot
// and holds the parachain's slot to it.
func (p *prober) hook() {
	r := p.relay(0, p.genesis())
	r.included = nil
	_, err := p.build(attempt{on: p.genesis(), relay: r})
	p.note("hook.head", "a block whose relay state has no head of the para", err, "")
	withoutHead := err == nil

	r = p.relay(0, p.genesis())
	r.noSlot = true
	_, err = p.build(attempt{on: p.genesis(), relay: r})
	p.note("hook.slot", "a block whose relay state has no slot", err, "")
	withoutSlot := err == nil

	r = p.relay(0, p.genesis())
	slot := p.paraSlot(r) + farSlots
	millis := uint64(slot) * p.slotMs
	_, err = p.build(attempt{on: p.genesis(), relay: r, slot: &slot, time: &millis})
	p.note("hook.far", fmt.Sprintf("a block %d slots ahead of its relay parent, with a timestamp to match", farSlots), err, "")
	farAhead := err == nil

	switch {
	case p.broken != nil:
	case withoutHead:
		p.seen.Hook = ExpectParentIncluded
	case !withoutSlot && !farAhead:
		p.seen.Hook = FixedVelocity
	default:
		p.seen.Hook = FixedCapacity
	}
}

// segment fills the unincluded segment: one block per slot, each on a relay parent of its
// own, while nothing is included; then the first block is. On the way it holds
// can_build_upon to what happens.
func (p *prober) segment() {
	last, first := p.genesis(), tip{}
	n := 0
	var err error
	for n < mostBlocks {
		relay := p.relay(n, p.genesis())
		said, asked := p.upon(last, p.genesis(), relay)
		var next tip
		if next, err = p.build(attempt{on: last, relay: relay}); p.broken != nil {
			return
		}
		if asked && n > 0 {
			p.compare(fmt.Sprintf("block %d, none included", n+1), said, err == nil)
		}
		if err != nil {
			break
		}
		if n++; n == 1 {
			first = next
		}
		last = next
	}
	p.seen.Capacity, p.seen.CapacityIsMore = n, err == nil
	if err == nil {
		p.note("segment", fmt.Sprintf("%d blocks, one per relay parent, none included", n), nil, "all accepted")
		return
	}
	p.note("segment", fmt.Sprintf("block %d, one per relay parent, none included", n+1), err, "")
	if n == 0 {
		return
	}
	relay := p.relay(n+1, first)
	if n == 1 { // the parent is included: a collator does not ask
		_, err = p.build(attempt{on: last, relay: relay})
	} else {
		said, asked := p.upon(last, first, relay)
		_, err = p.build(attempt{on: last, relay: relay})
		if asked && p.broken == nil {
			p.compare("once the first block is included", said, err == nil)
		}
	}
	p.note("segment.trim", fmt.Sprintf("block %d once block 1 is included", n+1), err, "")
	if p.broken == nil {
		p.seen.Trims = answer(err == nil)
	}
}

// upon asks can_build_upon; asked is false where the runtime has no answer.
func (p *prober) upon(on, included tip, r relayParent) (said, asked bool) {
	run, err := p.host.At(p.ctx, on.state, parachain.OffChain)
	if err != nil {
		return false, false
	}
	if _, ok := run.API(runtimeapi.AuraUnincludedSegmentApi); !ok {
		return false, false
	}
	said, err = run.CanBuildUpon(p.ctx, included.hash(), p.paraSlot(r), r.slot)
	return said, err == nil
}

func (p *prober) compare(where string, said, did bool) {
	p.seen.Upon = append(p.seen.Upon, Upon{where, said, did})
}

// slots shifts the block's slot against that of its relay parent by one.
func (p *prober) slots() {
	try := func(by int) Answer {
		r := p.relay(2, p.genesis())
		slot := primitives.Slot(int64(p.paraSlot(r)) + int64(by))
		millis := uint64(slot) * p.slotMs
		_, err := p.build(attempt{on: p.genesis(), relay: r, slot: &slot, time: &millis})
		p.note("slots", fmt.Sprintf("a block %+d slots from that of its relay parent", by), err, "")
		if p.broken != nil {
			return Unknown
		}
		return answer(err == nil)
	}
	p.seen.PastSlot = try(-1)
	if p.broken == nil {
		p.seen.NextSlot = try(+1)
	}
	p.seen.RelaySlotMs = 0
	if p.seen.Hook == FixedVelocity {
		p.seen.RelaySlotMs = p.relayMs
	}
}

// timestamp puts the timestamp at the last millisecond of the slot, and at the first of the next.
func (p *prober) timestamp() {
	r := p.relay(1, p.genesis())
	start := p.paraTime(r)
	inside, outside := start+p.slotMs-1, start+p.slotMs
	_, err := p.build(attempt{on: p.genesis(), relay: r, time: &inside})
	p.note("timestamp.last", "a timestamp at the last millisecond of the slot", err, "")
	_, beyond := p.build(attempt{on: p.genesis(), relay: r, time: &outside})
	p.note("timestamp.next", "a timestamp at the first millisecond of the next slot", beyond, "")
	two := start + 2*p.slotMs
	_, far := p.build(attempt{on: p.genesis(), relay: r, time: &two})
	p.note("timestamp.two", "a timestamp two slots ahead", far, "")
	if p.broken != nil {
		return
	}
	p.seen.TimestampTied = answer(far != nil)
	p.seen.SlotMsProven = answer(err == nil && beyond != nil)
}

// relayNumber builds a second block with the same relay number, and with a lower one. The
// relay slot goes on, the parent is included.
func (p *prober) relayNumber() {
	one, err := p.build(attempt{on: p.genesis(), relay: p.relay(1, p.genesis())})
	if err != nil {
		return
	}
	try := func(name, did string, down uint32) Answer {
		r := p.relay(2, one)
		r.number = p.base.number + 1 - down
		_, err := p.build(attempt{on: one, relay: r})
		p.note(name, did, err, "")
		if p.broken != nil {
			return Unknown
		}
		return answer(err == nil)
	}
	p.seen.SameNumber = try("number.same", "a second block with the same relay block number", 0)
	if p.broken == nil {
		p.seen.LowerNumber = try("number.lower", "a second block with a lower relay block number", 1)
	}
}

// sameSlot builds a second block in the same slot, on the next relay block number.
func (p *prober) sameSlot() {
	one, err := p.build(attempt{on: p.genesis(), relay: p.relay(1, p.genesis())})
	if err != nil {
		return
	}
	r := p.relay(1, one)
	r.number++
	two, err := p.build(attempt{on: one, relay: r})
	p.note("slot.same", "a second block in the same slot, its parent included", err, "")
	if p.broken != nil {
		return
	}
	p.seen.SameSlot = answer(err == nil)
	if err == nil {
		before, after := timeOf(one), timeOf(two)
		p.seen.TimeStep, p.seen.TimeStepSeen = after-before, true
		p.note("slot.time", "the second block was given the timestamp of the first", nil, fmt.Sprintf("it has one %d ms later", after-before))
	}
}

var (
	keyTimestamp = hashing.StorageKey("Timestamp", "Now")
	keySlotInfo  = hashing.StorageKey("AuraExt", "SlotInfo")      // through 0.18 of the crate
	keyRelaySlot = hashing.StorageKey("AuraExt", "RelaySlotInfo") // from 0.20 on
)

func timeOf(t tip) uint64 {
	v, ok, err := t.state.Top().Get(keyTimestamp, nil)
	if err != nil || !ok || len(v) != 8 {
		return 0
	}
	return scale.NewDecoder(v).U64()
}

// velocity writes how many blocks the slot has had into the state, and sees from which
// number on the hook refuses another: it is independent of what else bounds blocks in a slot.
func (p *prober) velocity() {
	if p.seen.Hook != FixedVelocity {
		return
	}
	r := p.relay(3, p.genesis())
	meta, err := p.metadata()
	if err != nil {
		return
	}
	key, stored := keyRelaySlot, uint64(r.slot)
	a := attempt{relay: r}
	spare := 0 // the hook of 0.16 to 0.18 counts only blocks behind their relay parent, and the new one too
	if _, _, err := meta.StorageEntry("AuraExt", "RelaySlotInfo"); err != nil {
		if _, _, err := meta.StorageEntry("AuraExt", "SlotInfo"); err != nil {
			return
		}
		key, stored = keySlotInfo, uint64(p.paraSlot(r))
		if p.seen.PastSlot == Yes {
			behind := p.paraSlot(r) - 1
			millis := uint64(behind) * p.slotMs
			stored, spare = uint64(behind), 1
			a.slot, a.time = &behind, &millis
		}
	}
	for n := 1; n <= mostPerSlot; n++ {
		if a.on, err = p.edit(p.genesis(), key, scale.AppendU32(scale.AppendU64(nil, stored), uint32(n))); err != nil {
			return
		}
		if _, err = p.build(a); p.broken != nil {
			return
		}
		if err != nil {
			p.seen.Velocity = n - 1 + spare
			p.note("velocity", fmt.Sprintf("one more block in a slot that has had %d", n), err, "")
			return
		}
	}
	p.seen.Velocity, p.seen.VelocityIsMore = mostPerSlot, true
	p.note("velocity", fmt.Sprintf("one more block in a slot that has had %d", mostPerSlot), nil, "")
}

// oneParent builds as many blocks as the runtime takes on one relay parent.
func (p *prober) oneParent() {
	relay, last := p.relay(0, p.genesis()), p.genesis()
	n := 0
	var err error
	for n < mostPerSlot {
		said, asked := p.upon(last, p.genesis(), relay)
		var next tip
		if next, err = p.build(attempt{on: last, relay: relay}); p.broken != nil {
			return
		}
		if asked && n > 0 && p.seen.SameSlot == Yes && p.seen.SameNumber == Yes && p.seen.TimeStep == 0 {
			p.compare(fmt.Sprintf("block %d on one relay parent", n+1), said, err == nil)
		}
		if err != nil {
			break
		}
		last = next
		n++
	}
	p.seen.OnOneParent = n
	did := fmt.Sprintf("block %d on one relay parent, none included", n+1)
	p.note("one parent", did, err, "")
}

// offset varies how many relay headers the inherent carries.
func (p *prober) offset() {
	p.seen.Headers = p.headers
	if v, _ := p.chain.Version.API(runtimeapi.CollectCollationInfo); v < 3 {
		return // such runtimes know of no headers
	}
	other := 0
	if p.headers == 0 {
		other = 2
	}
	_, err := p.build(attempt{on: p.genesis(), relay: p.relay(0, p.genesis()), heads: &other})
	p.note("offset", fmt.Sprintf("a block with %d relay headers in its inherent", other), err, "")
	if p.broken == nil {
		p.seen.HeadersProven = answer(p.headers == 0 || err != nil)
	}
}
