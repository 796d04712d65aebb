package check

import (
	"fmt"

	"pileus/parachain"
	"pileus/primitives"
)

// Collators, by the names of `simulate`.
const (
	Basic     = "basic"
	Lookahead = "lookahead"
	SlotBased = "slot-based"
)

// paceBlocks is how many relay parents a collator gets, and how many of the first do not count.
const (
	paceBlocks = 14
	paceWarmUp = 2
)

// paces lets the collators in question build for a while: the one that `simulate` would
// take, and those that were named.
func (p *prober) paces() {
	p.seen.Pace = map[string]Pace{}
	for _, kind := range p.kinds {
		if p.broken != nil {
			return
		}
		p.seen.Pace[kind] = p.pace(kind)
		p.note("pace."+kind, fmt.Sprintf("a %s collator on %d relay parents, each block included two relay blocks later", kind, paceBlocks-paceWarmUp), nil, p.seen.Pace[kind].String())
	}
}

// pace plays a collator of that kind on one relay parent after the other. A block is
// backed in the relay block after its relay parent and included in the one after that. A
// slot-based collator builds behind the relay chain's tip by the relay parent offset, and
// so learns of an inclusion that much later.
//
//	relay parent   n          n+1       n+2
//	               authored   backed    included, seen by a block on n+2
func (p *prober) pace(kind string) Pace {
	pace := Pace{Reasons: map[string]int{}}
	lag, headers := 2, 0
	if kind == SlotBased {
		headers = p.collatorHeaders()
		lag += max(0, headers-1)
	}
	best := p.genesis()
	bests := make([]tip, 0, paceBlocks) // after each relay parent
	for n := range paceBlocks {
		included := p.genesis()
		if n >= lag {
			included = bests[n-lag]
		}
		r := p.base
		r.number, r.slot = r.number+uint32(n), r.slot+primitives.Slot(n)
		r.included = included.header.EncodeTo(nil)
		next, why := p.collate(kind, best, included, r, headers)
		if p.broken != nil {
			return pace
		}
		if next != nil {
			best = *next
		}
		if n >= paceWarmUp {
			pace.Tried++
			if next != nil {
				pace.Accepted++
			} else {
				pace.Reasons[why]++
			}
		}
		bests = append(bests, best)
	}
	return pace
}

// collatorHeaders is how many relay headers a collator hands over, which asks the runtime's API.
func (p *prober) collatorHeaders() int {
	if f := &p.chain.Facts; f.RelayParentOffset > 0 && !f.SchedulingV3 {
		return int(f.RelayParentOffset) + 1
	}
	return 0
}

// Reasons of a pace that are the collator's own.
const (
	reasonNotIncluded = "the basic collator waits until the parent is included"
	reasonNoAPI       = "without AuraUnincludedSegmentApi a collator waits until the parent is included"
	reasonUpon        = "can_build_upon says no"
)

// collate makes one attempt; nil: none was made, or the runtime refused.
func (p *prober) collate(kind string, best, included tip, r relayParent, headers int) (*tip, string) {
	if best.hash() != included.hash() {
		if kind == Basic {
			return nil, reasonNotIncluded
		}
		switch said, asked := p.upon(best, included, r); {
		case !asked:
			return nil, reasonNoAPI
		case !said:
			return nil, reasonUpon
		}
	}
	// A collator knows a relay slot to have 6 s, and the slot duration that the API says.
	slotMs := p.chain.Facts.SlotDuration
	slot := primitives.Slot(r.millis() / slotMs)
	millis := r.millis()
	if kind == SlotBased {
		millis = uint64(slot) * slotMs
	}
	t, err := p.build(attempt{on: best, relay: r, slot: &slot, time: &millis, heads: &headers})
	if err != nil {
		return nil, parachain.Words(err)
	}
	return &t, ""
}

// String says how many, and why not all.
func (p Pace) String() string {
	s := fmt.Sprintf("%d of %d accepted", p.Accepted, p.Tried)
	if p.Accepted > 0 {
		s += fmt.Sprintf(", a block every %.1f s", float64(p.Interval())/1000)
	}
	for _, why := range sortedByCount(p.Reasons) {
		return s + fmt.Sprintf("; %d times: %s", p.Reasons[why], why)
	}
	return s
}
