package relay

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// PartsOfCore is a whole core in the parts in which assignments share it.
const PartsOfCore = 57600

// AssignmentKind says what a share of a core is for.
type AssignmentKind uint8

// The kinds (pallet broker CoreAssignment).
const (
	AssignIdle AssignmentKind = 0
	AssignPool AssignmentKind = 1 // on-demand orders
	AssignTask AssignmentKind = 2 // a para
)

// Assignment gives Parts of a core to a para, to the on-demand pool, or to nobody.
type Assignment struct {
	Kind  AssignmentKind
	Para  primitives.ParaID // AssignTask
	Parts uint16            // of PartsOfCore
}

// Task is the assignment of parts of a core to a para.
func Task(para primitives.ParaID, parts uint16) Assignment {
	return Assignment{AssignTask, para, parts}
}

// EncodeTo appends the SCALE encoding.
func (a Assignment) EncodeTo(b []byte) []byte {
	b = append(b, byte(a.Kind))
	if a.Kind == AssignTask {
		b = a.Para.EncodeTo(b)
	}
	return scale.AppendU16(b, a.Parts)
}

// DecodeFrom reads the SCALE encoding.
func (a *Assignment) DecodeFrom(d *scale.Decoder) {
	a.Kind = AssignmentKind(d.Variant())
	switch a.Kind {
	case AssignIdle, AssignPool:
	case AssignTask:
		a.Para = primitives.ParaID(d.U32())
	default:
		d.UnknownVariant("CoreAssignment", uint8(a.Kind))
	}
	a.Parts = d.U16()
}

// schedule is work that waits for its start (CoreSchedules).
type schedule struct {
	assignments []Assignment
	endHint     *uint32
	next        *uint32 // start of the schedule behind it
}

var scheduleCodec = codec[*schedule]{
	enc: func(b []byte, s *schedule) []byte {
		b = scale.AppendVec(b, s.assignments)
		b = scale.AppendOption(b, s.endHint, scale.AppendU32)
		return scale.AppendOption(b, s.next, scale.AppendU32)
	},
	dec: func(d *scale.Decoder) *schedule {
		return &schedule{scale.DecodeVec[Assignment](d, 100), scale.DecodeOption(d, (*scale.Decoder).U32), scale.DecodeOption(d, (*scale.Decoder).U32)}
	},
}

type scheduleKey struct {
	begin uint32
	core  primitives.CoreIndex
}

// coreWork is what stands of a core in CoreDescriptors: the ends of its queue of
// schedules, and the work that it has now.
type coreWork struct {
	queue   *pair[uint32, uint32] // first and last start
	current *work
}

// work gives blocks to its assignments in turn. An assignment has the turn as long as
// its remaining credit covers a step, which is the smallest share: two halves alternate,
// 38400/19200 gives A A B.
type work struct {
	assignments []share
	endHint     *uint32
	pos         uint16
	step        uint16
}

type share struct {
	Assignment
	remaining uint16
}

func (s *schedule) work() *work {
	w := &work{endHint: s.endHint}
	for i, a := range s.assignments {
		w.assignments = append(w.assignments, share{a, a.Parts})
		if i == 0 || a.Parts < w.step {
			w.step = a.Parts
		}
	}
	return w
}

func (w *work) clone() *work {
	c := *w
	c.assignments = slices.Clone(w.assignments)
	return &c
}

// take returns the assignment whose turn it is and moves on.
func (w *work) take() Assignment {
	w.pos %= uint16(len(w.assignments))
	s := &w.assignments[w.pos]
	a := s.Assignment
	s.remaining -= min(s.remaining, w.step)
	if s.remaining < w.step {
		w.pos++
		s.remaining = uint16(min(uint32(s.remaining)+uint32(s.Parts), PartsOfCore))
	}
	return a
}

var coresCodec = codec[map[primitives.CoreIndex]*coreWork]{
	enc: func(b []byte, cores map[primitives.CoreIndex]*coreWork) []byte {
		b = scale.AppendCompact(b, uint64(len(cores)))
		for _, core := range slices.Sorted(maps.Keys(cores)) {
			c := cores[core]
			b = core.EncodeTo(b)
			b = scale.AppendOption(b, c.queue, both(u32Of[uint32](), u32Of[uint32]()).enc)
			if c.current == nil {
				b = append(b, 0)
				continue
			}
			w := c.current
			b = scale.AppendVecFunc(append(b, 1), w.assignments, func(b []byte, s share) []byte {
				return scale.AppendU16(s.EncodeTo(b), s.remaining)
			})
			b = scale.AppendOption(b, w.endHint, scale.AppendU32)
			b = scale.AppendU16(scale.AppendU16(b, w.pos), w.step)
		}
		return b
	},
	dec: func(d *scale.Decoder) map[primitives.CoreIndex]*coreWork {
		cores := map[primitives.CoreIndex]*coreWork{}
		for n := d.Len(maxList, 6); n > 0 && d.Err() == nil; n-- {
			core, c := primitives.CoreIndex(d.U32()), &coreWork{}
			c.queue = scale.DecodeOption(d, both(u32Of[uint32](), u32Of[uint32]()).dec)
			if d.Option() {
				w := &work{assignments: scale.DecodeVecFunc(d, 100, func(d *scale.Decoder) (s share) {
					s.DecodeFrom(d)
					s.remaining = d.U16()
					return s
				})}
				w.endHint = scale.DecodeOption(d, (*scale.Decoder).U32)
				w.pos, w.step = d.U16(), d.U16()
				c.current = w
			}
			cores[core] = c
		}
		return cores
	},
}

// order is an on-demand order for one block of a para's.
type order struct {
	para      primitives.ParaID
	orderedAt uint32
}

func (o order) EncodeTo(b []byte) []byte { return scale.AppendU32(o.para.EncodeTo(b), o.orderedAt) }

func (o *order) DecodeFrom(d *scale.Decoder) {
	o.para = primitives.ParaID(d.U32())
	o.orderedAt = d.U32()
}

// onDemandDelay is the number of blocks from an order to the first block that may use it.
const onDemandDelay = 2

// claim is what a core may do in a block.
type claim struct {
	para     primitives.ParaID
	onDemand bool
	bonus    bool // the next block's, which a free core without one of its own may use as well
}

// planner walks through the cores' schedules and the on-demand queue, block by block, on
// a copy of its own.
type planner struct {
	r      reader
	cores  map[primitives.CoreIndex]*coreWork
	order  []primitives.CoreIndex // ascending
	orders []order
	taken  []scheduleKey // schedules that became current work
}

func newPlanner(r reader) *planner {
	stored := itemCores.or(r)
	p := &planner{r: r, cores: make(map[primitives.CoreIndex]*coreWork, len(stored)), order: slices.Sorted(maps.Keys(stored)),
		orders: slices.Clone(itemOrders.or(r))}
	for core, c := range stored {
		d := *c
		if c.current != nil {
			d.current = c.current.clone()
		}
		p.cores[core] = &d
	}
	return p
}

func (p *planner) clone() *planner {
	c := &planner{r: p.r, cores: make(map[primitives.CoreIndex]*coreWork, len(p.cores)), order: p.order, orders: slices.Clone(p.orders), taken: slices.Clone(p.taken)}
	for core, w := range p.cores {
		d := *w
		if w.current != nil {
			d.current = w.current.clone()
		}
		c.cores[core] = &d
	}
	return c
}

// ensure ends the core's work at its hint and begins the schedule that is due.
func (p *planner) ensure(core primitives.CoreIndex, block uint32) {
	c := p.cores[core]
	if c.current != nil && c.current.endHint != nil && *c.current.endHint <= block {
		c.current = nil
	}
	if c.queue == nil || c.queue.A > block {
		return
	}
	at, last := c.queue.A, c.queue.B
	for {
		key := scheduleKey{at, core}
		s, ok := itemSchedules.at(key).get(p.r)
		if !ok || slices.Contains(p.taken, key) {
			c.current, c.queue = nil, nil
			return
		}
		p.taken = append(p.taken, key)
		next := s.next
		c.queue = nil
		if next != nil {
			c.queue = &pair[uint32, uint32]{*next, last}
		}
		if s.endHint == nil || *s.endHint > block {
			c.current = s.work()
			return
		}
		if next == nil {
			c.current = nil
			return
		}
		at = *next
	}
}

// pop takes one entry of every core for the block.
func (p *planner) pop(block uint32) map[primitives.CoreIndex]claim {
	out := make(map[primitives.CoreIndex]claim, len(p.order))
	var pool []primitives.CoreIndex
	for _, core := range p.order {
		p.ensure(core, block)
		w := p.cores[core].current
		if w == nil || len(w.assignments) == 0 {
			continue
		}
		switch a := w.take(); a.Kind {
		case AssignTask:
			out[core] = claim{para: a.Para}
		case AssignPool:
			pool = append(pool, core)
		}
	}
	if len(pool) == 0 {
		return out
	}
	paras := p.popOrders(block, len(pool))
	for i, para := range paras {
		out[pool[i]] = claim{para: para, onDemand: true}
	}
	return out
}

// popOrders takes up to n ready orders of different paras and returns the paras in ascending order.
func (p *planner) popOrders(block uint32, n int) (paras []primitives.ParaID) {
	p.orders = slices.DeleteFunc(p.orders, func(o order) bool {
		if len(paras) == n || o.orderedAt+onDemandDelay > block || slices.Contains(paras, o.para) {
			return false
		}
		paras = append(paras, o.para)
		return true
	})
	slices.Sort(paras)
	return paras
}

// claimQueue is what each core may do in the coming blocks, block from being the first
// (scheduler::claim_queue). The first hole ends a core's list; but a core that has
// nothing in the first block and something in the second shows the latter twice, since
// it gets it as a bonus. Cores without entries are absent.
func claimQueue(r reader, from, lookahead uint32) map[primitives.CoreIndex][]primitives.ParaID {
	p := newPlanner(r)
	queue := map[primitives.CoreIndex][]primitives.ParaID{}
	cores := primitives.CoreIndex(len(itemGroups.or(r)))
	for depth := range lookahead {
		claims := p.pop(from + depth)
		for _, core := range p.order {
			c, ok := claims[core]
			if !ok || core >= cores {
				continue
			}
			list := queue[core]
			if depth == 1 && len(list) == 0 {
				list = append(list, c.para)
			}
			if len(list) == int(depth) {
				queue[core] = append(list, c.para)
			}
		}
	}
	return queue
}

// advanceClaims takes this block's claims and returns what each core may back in it
// (scheduler::advance_claim_queue). A core that is blocked loses a bulk claim, and an
// on-demand order goes to the back of the queue. A free core without a claim gets the
// next block's as a bonus, without using it up.
func (x *execution) advanceClaims(occupied func(primitives.CoreIndex) bool) map[primitives.CoreIndex]claim {
	p := newPlanner(x.tx)
	claims := p.pop(x.now)
	bonus := p.clone().pop(x.now + 1)
	eligible := map[primitives.CoreIndex]claim{}
	cores := primitives.CoreIndex(len(itemGroups.or(x.tx)))
	for _, core := range p.order {
		c, ok := claims[core]
		switch {
		case core >= cores:
		case x.endsSession || occupied(core):
			if !ok {
				break
			}
			if c.onDemand {
				p.orders = append(p.orders, order{c.para, x.now})
			} else {
				x.emit(Event{Kind: ClaimLost, Para: c.para, Core: core, Blocked: true})
			}
		case ok:
			eligible[core] = c
		default:
			if c, ok := bonus[core]; ok {
				c.bonus = true
				eligible[core] = c
			}
		}
	}
	for _, key := range p.taken {
		itemSchedules.at(key).del(x.tx)
	}
	if len(p.order) > 0 {
		itemCores.put(x.tx, p.cores)
	}
	if old := itemOrders.or(x.tx); !slices.Equal(old, p.orders) {
		itemOrders.put(x.tx, p.orders)
	}
	return eligible
}

// Errors of core assignments.
var (
	ErrAssignmentsEmpty = errors.New("a core schedule without assignments")
	ErrDisallowedInsert = errors.New("a core schedule begins before the last one that waits")
)

// CoreSchedule gives a core to assignments from block Begin on, until another schedule
// replaces it or block EndHint has come.
type CoreSchedule struct {
	Core        primitives.CoreIndex
	Begin       uint32
	Assignments []Assignment
	EndHint     *uint32
}

// assign puts a schedule into the core's queue (assigner_coretime::assign_core). If the
// core has work within the claims that are visible already, the schedule begins behind them.
func (x *execution) assign(s CoreSchedule) error {
	c := itemCores.or(x.tx)[s.Core]
	visible := x.now + 1 + x.params.lookahead(x.config)
	if s.Begin < visible && c != nil && (c.current != nil || c.queue != nil && c.queue.A < visible) {
		s.Begin = visible
	}
	return x.enqueue(s)
}

// enqueue puts a schedule at the end of the core's queue.
func (x *execution) enqueue(s CoreSchedule) error {
	if len(s.Assignments) == 0 {
		return ErrAssignmentsEmpty
	}
	cores := maps.Clone(itemCores.or(x.tx))
	if cores == nil {
		cores = map[primitives.CoreIndex]*coreWork{}
	}
	c := &coreWork{}
	if old := cores[s.Core]; old != nil {
		*c = *old
	}
	item := &schedule{assignments: s.Assignments, endHint: s.EndHint}
	switch {
	case c.queue == nil:
		c.queue = &pair[uint32, uint32]{s.Begin, s.Begin}
	case s.Begin < c.queue.B:
		return fmt.Errorf("core %d from block %d, last from %d: %w", s.Core, s.Begin, c.queue.B, ErrDisallowedInsert)
	case s.Begin == c.queue.B:
		old := itemSchedules.at(scheduleKey{s.Begin, s.Core}).or(x.tx)
		item = &schedule{append(slices.Clone(old.assignments), s.Assignments...), s.EndHint, old.next}
	default:
		last := *itemSchedules.at(scheduleKey{c.queue.B, s.Core}).or(x.tx)
		last.next = &s.Begin
		itemSchedules.at(scheduleKey{c.queue.B, s.Core}).put(x.tx, &last)
		c.queue = &pair[uint32, uint32]{c.queue.A, s.Begin}
	}
	itemSchedules.at(scheduleKey{s.Begin, s.Core}).put(x.tx, item)
	cores[s.Core] = c
	itemCores.put(x.tx, cores)
	return nil
}
