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
}

type place uint8

const (
	unreported place = iota
	inFuture
	inReady
)

// queue holds the transactions and their tags: a transaction is ready when each tag
// that it requires was provided by the chain or is provided by another ready one.
type queue struct {
	txs      map[Hash]*tx
	list     []*tx                  // in order of coming
	provider map[string]*tx         // ready transaction by tag that it provides
	recent   [2]map[string]struct{} // tags that the chain has provided of late
	usurped  []usurpation
	seq      int
}

// usurpation is a transaction that gave way to another.
type usurpation struct{ old, by Hash }

func newQueue() queue {
	q := queue{txs: map[Hash]*tx{}, provider: map[string]*tx{}}
	q.age()
	q.age()
	return q
}

func (q *queue) len() int { return len(q.list) }

// bySeq lists all transactions in order of coming.
func (q *queue) bySeq() []*tx { return slices.Clone(q.list) }

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
	q.settle()
	return nil
}

// meet notes which of its required tags the chain has provided of late: the check of t
// may have been made on an older block.
func (q *queue) meet(t *tx) {
	t.met = map[string]bool{}
	for _, tag := range t.valid.Requires {
		for _, r := range q.recent {
			if _, ok := r[string(tag)]; ok {
				t.met[string(tag)] = true
			}
		}
	}
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

func (q *queue) cut(t *tx) {
	delete(q.txs, t.hash)
	q.list = slices.DeleteFunc(q.list, func(o *tx) bool { return o == t })
	q.leave(t)
}

// leave takes t out of the ready ones, and with it those that are not ready without it.
func (q *queue) leave(t *tx) {
	if !t.ready {
		return
	}
	t.ready = false
	for _, tag := range t.valid.Provides {
		if q.provider[string(tag)] == t {
			delete(q.provider, string(tag))
		}
	}
	for _, o := range q.list {
		if o.ready && !q.satisfied(o) {
			q.leave(o)
		}
	}
}

// revise gives a transaction the answer of a new check.
func (q *queue) revise(t *tx, v Valid) {
	q.leave(t)
	t.valid = v
	q.meet(t)
	q.settle()
}

// doubt forgets what the chain has provided, since blocks were retracted. What needs it
// is future until it has been checked again.
func (q *queue) doubt() {
	q.age()
	q.age()
	for _, t := range q.list {
		t.met = map[string]bool{}
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
	for _, tag := range tags {
		q.recent[0][string(tag)] = struct{}{}
		for _, t := range q.list {
			if contains(t.valid.Requires, tag) {
				t.met[string(tag)] = true
			}
			if contains(t.valid.Provides, tag) && !slices.Contains(rivals, t) {
				rivals = append(rivals, t)
			}
		}
	}
	q.settle()
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

// settle makes every transaction ready that can be, in order of coming. One whose tags
// others already provide takes their place if its priority is higher, and waits if not.
func (q *queue) settle() {
	for again := true; again; {
		again = false
		for _, t := range q.bySeq() {
			if t.ready || q.txs[t.hash] != t || !q.satisfied(t) {
				continue
			}
			if _, ok := q.beats(t); !ok {
				continue
			}
			for _, r := range q.rivals(t) {
				q.cut(r)
				q.usurped = append(q.usurped, usurpation{r.hash, t.hash})
			}
			if !q.satisfied(t) {
				continue // what it needs stood on a rival
			}
			t.ready, again = true, true
			for _, tag := range t.valid.Provides {
				q.provider[string(tag)] = t
			}
		}
	}
}

// takeMoves returns what was usurped, and the transactions whose place has changed, since
// the last call.
func (q *queue) takeMoves() (usurped []usurpation, moved []*tx) {
	for _, t := range q.list {
		now := inFuture
		if t.ready {
			now = inReady
		}
		if t.place != now {
			t.place = now
			moved = append(moved, t)
		}
	}
	usurped, q.usurped = q.usurped, nil
	return usurped, moved
}

// shrink takes out what the limits do not allow: of the lowest priority the last comer.
func (q *queue) shrink(l Limits) (dropped []*tx) {
	for {
		c := q.count()
		overReady := c.Ready > l.Ready || c.ReadyBytes > l.ReadyBytes
		overFuture := c.Future > l.Future || c.FutureBytes > l.FutureBytes
		if !overReady && !overFuture {
			return dropped
		}
		var worst *tx
		for _, t := range q.list {
			if t.ready == overReady && (worst == nil || t.valid.Priority <= worst.valid.Priority) {
				worst = t
			}
		}
		q.remove(worst)
		dropped = append(dropped, worst)
	}
}

func (q *queue) count() (c Count) {
	for _, t := range q.list {
		if t.ready {
			c.Ready++
			c.ReadyBytes += len(t.xt)
		} else {
			c.Future++
			c.FutureBytes += len(t.xt)
		}
	}
	return c
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
func (h *bestHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}

func contains(tags [][]byte, tag []byte) bool {
	return slices.ContainsFunc(tags, func(t []byte) bool { return string(t) == string(tag) })
}
