package txpool

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// tx is a transaction in the pool.
type tx struct {
	hash    Hash
	xt      []byte
	source  Source
	valid   Valid
	until   uint64 // last block at which it may be included
	checked uint64 // round in which valid was last answered
	asked   bool   // a check is on its way
	ready   bool
	place   place           // as it was last reported
	seq     int             // place in order of coming
	met     map[string]bool // required tags that the chain has provided
	worst   int             // place among the worst of its kind
	woken   bool            // among those that settle looks at
	moved   bool            // among those whose place may have changed
}

type place uint8

const (
	unreported place = iota
	inFuture
	inReady
)

// queue holds the transactions and their tags: a transaction is ready when each tag
// that it requires was provided by the chain or is provided by another ready one.
// What happens to one of them is followed along its tags; the others are not looked at.
type queue struct {
	txs      map[Hash]*tx
	list     []*tx                  // in order of coming
	requires tagIndex               // all transactions by tag that they require
	provides tagIndex               // and that they provide
	provider map[string]*tx         // ready transaction by tag that it provides
	recent   [2]map[string]struct{} // tags that the chain has provided of late
	ready    class
	future   class
	woken    [2]seqHeap // may be ready now: in this pass of settle, in the next one
	passing  int        // seq of the one that settle has come to
	moved    []*tx
	usurped  []usurpation
	seq      int
}

// usurpation is a transaction that gave way to another.
type usurpation struct{ old, by Hash }

func newQueue() queue {
	q := queue{txs: map[Hash]*tx{}, requires: tagIndex{}, provides: tagIndex{}, provider: map[string]*tx{}}
	q.age()
	q.age()
	return q
}

func (q *queue) len() int { return len(q.list) }

// bySeq lists all transactions in order of coming.
func (q *queue) bySeq() []*tx { return slices.Clone(q.list) }

// class is where a transaction is counted.
func (q *queue) class(t *tx) *class {
	if t.ready {
		return &q.ready
	}
	return &q.future
}

// add takes in a new transaction. If it is ready at once it must beat the priorities of
// those whose tags it takes over.
func (q *queue) add(t *tx) error {
	q.meet(t)
	if sum, ok := q.beats(t); q.satisfied(t) && !ok {
		return fmt.Errorf("%w (%d, needs more than %d)", ErrPriority, t.valid.Priority, sum)
	}
	q.seq++
	t.seq = q.seq
	q.txs[t.hash] = t
	q.list = append(q.list, t)
	q.index(t)
	q.settle()
	return nil
}

// index takes up a transaction that is not ready under its tags and its priority.
func (q *queue) index(t *tx) {
	q.requires.add(t.valid.Requires, t)
	q.provides.add(t.valid.Provides, t)
	q.future.add(t)
	q.wake(t)
	q.move(t)
}

// unindex forgets the tags and the priority of a transaction that is not ready.
func (q *queue) unindex(t *tx) {
	q.requires.remove(t.valid.Requires, t)
	q.provides.remove(t.valid.Provides, t)
	q.future.remove(t)
}

// turn makes a transaction ready, or no longer.
func (q *queue) turn(t *tx, ready bool) {
	q.class(t).remove(t)
	t.ready = ready
	q.class(t).add(t)
	q.move(t)
}

// move notes that the place of a transaction may have changed.
func (q *queue) move(t *tx) {
	if !t.moved {
		t.moved = true
		q.moved = append(q.moved, t)
	}
}

// wake has settle look at a transaction that is not ready.
func (q *queue) wake(t *tx) {
	if t.ready || t.woken {
		return
	}
	t.woken = true
	pass := 0
	if t.seq <= q.passing {
		pass = 1
	}
	heap.Push(&q.woken[pass], t)
}

// meet notes which of its required tags the chain has provided of late: the check of t
// may have been made on an older block.
func (q *queue) meet(t *tx) {
	t.met = nil
	for _, tag := range t.valid.Requires {
		for _, r := range q.recent {
			if _, ok := r[string(tag)]; ok {
				t.meets(tag)
			}
		}
	}
}

// meets notes that the chain has provided a tag.
func (t *tx) meets(tag []byte) {
	if t.met == nil {
		t.met = map[string]bool{}
	}
	t.met[string(tag)] = true
}

// beats tells whether t may take the place of its rivals, and the sum of their
// priorities, which it must exceed. It must not need one of them.
func (q *queue) beats(t *tx) (sum uint64, ok bool) {
	rivals := q.rivals(t)
	for _, r := range rivals {
		sum = satAdd(sum, r.valid.Priority)
	}
	for _, tag := range t.valid.Requires {
		if !t.met[string(tag)] && slices.Contains(rivals, q.provider[string(tag)]) {
			return sum, false
		}
	}
	return sum, len(rivals) == 0 || t.valid.Priority > sum
}

// rivals are the ready transactions that provide a tag of t.
func (q *queue) rivals(t *tx) (list []*tx) {
	for _, tag := range t.valid.Provides {
		if r := q.provider[string(tag)]; r != nil && r != t && !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// remove takes a transaction out. Those that need its tags become future.
func (q *queue) remove(t *tx) {
	q.cut(t)
	q.settle()
}

// include takes out a transaction that the chain has taken, and returns those that would
// provide its tags too.
func (q *queue) include(t *tx) (rivals []*tx) {
	rivals = q.provided(t.valid.Provides)
	rivals = slices.DeleteFunc(rivals, func(r *tx) bool { return r == t })
	q.remove(t)
	return rivals
}

func (q *queue) cut(t *tx) {
	q.leave(t)
	q.unindex(t)
	delete(q.txs, t.hash)
	if at, ok := search(q.list, t); ok {
		q.list = slices.Delete(q.list, at, at+1)
	}
}

// leave takes t out of the ready ones, and with it those that are not ready without it.
func (q *queue) leave(t *tx) {
	if !t.ready {
		return
	}
	q.turn(t, false)
	q.wake(t)
	var given [][]byte
	for _, tag := range t.valid.Provides {
		if q.provider[string(tag)] == t {
			delete(q.provider, string(tag))
			given = append(given, tag)
		}
	}
	for _, tag := range given {
		for _, rival := range q.provides[string(tag)] {
			q.wake(rival)
		}
		for _, o := range q.requires[string(tag)] {
			if o.ready && !q.satisfied(o) {
				q.leave(o)
			}
		}
	}
}

// revise gives a transaction the answer of a new check.
func (q *queue) revise(t *tx, v Valid) {
	if len(t.met) == 0 && t.valid.Priority == v.Priority && equal(t.valid.Requires, v.Requires) && equal(t.valid.Provides, v.Provides) {
		if q.meet(t); len(t.met) == 0 {
			t.valid = v // nothing has changed that others look at
			return
		}
	}
	q.leave(t)
	q.unindex(t)
	t.valid = v
	q.meet(t)
	q.index(t)
	q.settle()
}

// doubt forgets what the chain has provided, since blocks were retracted. What needs it
// is future until it has been checked again.
func (q *queue) doubt() {
	q.age()
	q.age()
	for _, t := range q.list {
		t.met = nil
	}
	for _, t := range q.list {
		if t.ready && !q.satisfied(t) {
			q.leave(t)
		}
	}
}

// satisfy notes tags that the chain has provided, and returns the transactions that
// would provide them too.
func (q *queue) satisfy(tags [][]byte) (rivals []*tx) {
	rivals = q.provided(tags)
	q.settle()
	return rivals
}

func (q *queue) provided(tags [][]byte) (rivals []*tx) {
	for _, tag := range tags {
		q.recent[0][string(tag)] = struct{}{}
		for _, t := range q.requires[string(tag)] {
			t.meets(tag)
			q.wake(t)
		}
		for _, t := range q.provides[string(tag)] {
			if !slices.Contains(rivals, t) {
				rivals = append(rivals, t)
			}
		}
	}
	return rivals
}

// age forgets tags that were provided before the last block.
func (q *queue) age() {
	q.recent[0], q.recent[1] = map[string]struct{}{}, q.recent[0]
}

func (q *queue) satisfied(t *tx) bool {
	for _, tag := range t.valid.Requires {
		if !t.met[string(tag)] && q.provider[string(tag)] == nil {
			return false
		}
	}
	return true
}

// settle makes every transaction ready that can be, in order of coming, pass after pass.
// One whose tags others already provide takes their place if its priority is higher, and
// waits if not.
func (q *queue) settle() {
	for {
		if len(q.woken[0]) == 0 {
			q.passing = 0
			if len(q.woken[1]) == 0 {
				return
			}
			q.woken[0], q.woken[1] = q.woken[1], q.woken[0]
		}
		t := heap.Pop(&q.woken[0]).(*tx)
		t.woken = false
		q.passing = t.seq
		if q.txs[t.hash] == t && !t.ready && q.satisfied(t) {
			q.enter(t)
		}
	}
}

// enter makes a transaction ready that has what it requires, unless others that provide its
// tags have the higher priority.
func (q *queue) enter(t *tx) {
	if _, ok := q.beats(t); !ok {
		return
	}
	for _, r := range q.rivals(t) {
		q.cut(r)
		q.usurped = append(q.usurped, usurpation{r.hash, t.hash})
	}
	if !q.satisfied(t) {
		return // what it needs stood on a rival
	}
	q.turn(t, true)
	for _, tag := range t.valid.Provides {
		q.provider[string(tag)] = t
		for _, o := range q.requires[string(tag)] {
			q.wake(o)
		}
	}
}

// takeMoves returns what was usurped, and the transactions whose place has changed, since
// the last call.
func (q *queue) takeMoves() (usurped []usurpation, moved []*tx) {
	slices.SortFunc(q.moved, func(a, b *tx) int { return cmp.Compare(a.seq, b.seq) })
	for _, t := range q.moved {
		t.moved = false
		now := inFuture
		if t.ready {
			now = inReady
		}
		if q.txs[t.hash] == t && t.place != now {
			t.place = now
			moved = append(moved, t)
		}
	}
	usurped, q.usurped, q.moved = q.usurped, nil, nil
	return usurped, moved
}

// shrink takes out what the limits do not allow: of the lowest priority the last comer.
func (q *queue) shrink(l Limits) (dropped []*tx) {
	for {
		var from *class
		switch {
		case len(q.ready.worst) > l.Ready || q.ready.bytes > l.ReadyBytes:
			from = &q.ready
		case len(q.future.worst) > l.Future || q.future.bytes > l.FutureBytes:
			from = &q.future
		default:
			return dropped
		}
		worst := from.worst[0]
		q.remove(worst)
		dropped = append(dropped, worst)
	}
}

func (q *queue) count() Count {
	return Count{len(q.ready.worst), q.ready.bytes, len(q.future.worst), q.future.bytes}
}

// order lists the ready transactions by priority, then by the block at which they end,
// then by coming, none before one that it requires (sc-transaction-pool BestIterator).
func (q *queue) order() (list []*tx) {
	needs := map[*tx]int{}
	unlocks := map[*tx][]*tx{}
	var best bestHeap
	for _, t := range q.list {
		if !t.ready {
			continue
		}
		for _, tag := range t.valid.Requires {
			if p := q.provider[string(tag)]; p != nil && !t.met[string(tag)] {
				needs[t]++
				unlocks[p] = append(unlocks[p], t)
			}
		}
		if needs[t] == 0 {
			best = append(best, t)
		}
	}
	heap.Init(&best)
	for len(best) > 0 {
		t := heap.Pop(&best).(*tx)
		list = append(list, t)
		for _, u := range unlocks[t] {
			if needs[u]--; needs[u] == 0 {
				heap.Push(&best, u)
			}
		}
	}
	return list
}

type bestHeap []*tx

func (h bestHeap) Len() int { return len(h) }
func (h bestHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(b.valid.Priority, a.valid.Priority), cmp.Compare(a.until, b.until), cmp.Compare(a.seq, b.seq)) < 0
}
func (h bestHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *bestHeap) Push(x any)   { *h = append(*h, x.(*tx)) }
func (h *bestHeap) Pop() any     { return pop((*[]*tx)(h)) }
