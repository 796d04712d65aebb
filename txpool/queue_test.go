package txpool

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// plainQueue says what a [queue] does without any index: it looks at all transactions, again
// and again.
type plainQueue struct {
	list     []*tx
	provider map[string]*tx
	recent   [2]map[string]struct{}
	usurped  []usurpation
}

func (q *plainQueue) has(t *tx) bool { return slices.Contains(q.list, t) }

func (q *plainQueue) meet(t *tx) {
	t.met = map[string]bool{}
	for _, tag := range t.valid.Requires {
		for _, r := range q.recent {
			if _, ok := r[string(tag)]; ok {
				t.met[string(tag)] = true
			}
		}
	}
}

func (q *plainQueue) satisfied(t *tx) bool {
	return !slices.ContainsFunc(t.valid.Requires, func(tag []byte) bool { return !t.met[string(tag)] && q.provider[string(tag)] == nil })
}

func (q *plainQueue) rivals(t *tx) (list []*tx) {
	for _, tag := range t.valid.Provides {
		if r := q.provider[string(tag)]; r != nil && r != t && !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

func (q *plainQueue) beats(t *tx) bool {
	rivals, sum := q.rivals(t), uint64(0)
	for _, r := range rivals {
		sum = satAdd(sum, r.valid.Priority)
	}
	for _, tag := range t.valid.Requires {
		if !t.met[string(tag)] && slices.Contains(rivals, q.provider[string(tag)]) {
			return false
		}
	}
	return len(rivals) == 0 || t.valid.Priority > sum
}

func (q *plainQueue) add(t *tx) bool {
	q.meet(t)
	if q.satisfied(t) && !q.beats(t) {
		return false
	}
	q.list = append(q.list, t)
	q.settle()
	return true
}

func (q *plainQueue) cut(t *tx) {
	q.list = slices.DeleteFunc(q.list, func(o *tx) bool { return o == t })
	q.leave(t)
}

func (q *plainQueue) leave(t *tx) {
	if !t.ready {
		return
	}
	t.ready = false
	for _, tag := range t.valid.Provides {
		if q.provider[string(tag)] == t {
			delete(q.provider, string(tag))
		}
	}
	q.leaveUnsatisfied()
}

func (q *plainQueue) leaveUnsatisfied() {
	for _, o := range q.list {
		if o.ready && !q.satisfied(o) {
			q.leave(o)
		}
	}
}

func (q *plainQueue) remove(t *tx) {
	q.cut(t)
	q.settle()
}

func (q *plainQueue) revise(t *tx, v Valid) {
	if len(t.met) == 0 && t.valid.Priority == v.Priority && equal(t.valid.Requires, v.Requires) && equal(t.valid.Provides, v.Provides) {
		if q.meet(t); len(t.met) == 0 {
			return // nothing has changed
		}
	}
	q.leave(t)
	t.valid = v
	q.meet(t)
	q.settle()
}

func (q *plainQueue) doubt() {
	q.age()
	q.age()
	for _, t := range q.list {
		t.met = map[string]bool{}
	}
	q.leaveUnsatisfied()
}

func (q *plainQueue) provided(tags [][]byte) (rivals []*tx) {
	has := func(list [][]byte, tag []byte) bool {
		return slices.ContainsFunc(list, func(t []byte) bool { return string(t) == string(tag) })
	}
	for _, tag := range tags {
		q.recent[0][string(tag)] = struct{}{}
		for _, t := range q.list {
			if has(t.valid.Requires, tag) {
				t.met[string(tag)] = true
			}
			if has(t.valid.Provides, tag) && !slices.Contains(rivals, t) {
				rivals = append(rivals, t)
			}
		}
	}
	return rivals
}

func (q *plainQueue) age() { q.recent[0], q.recent[1] = map[string]struct{}{}, q.recent[0] }

func (q *plainQueue) settle() {
	for again := true; again; {
		again = false
		for _, t := range slices.Clone(q.list) {
			if t.ready || !q.has(t) || !q.satisfied(t) || !q.beats(t) {
				continue
			}
			for _, r := range q.rivals(t) {
				q.cut(r)
				q.usurped = append(q.usurped, usurpation{r.hash, t.hash})
				again = true
			}
			if !q.satisfied(t) {
				continue
			}
			t.ready, again = true, true
			for _, tag := range t.valid.Provides {
				q.provider[string(tag)] = t
			}
		}
	}
}

// worst is what has to go first: the ready ones' limit comes before that of the others.
func (q *plainQueue) worst(ready, future int) (worst *tx) {
	n := [2]int{}
	for _, t := range q.list {
		n[b2i(t.ready)]++
	}
	if n[1] <= ready && n[0] <= future {
		return nil
	}
	for _, t := range q.list {
		if t.ready == (n[1] > ready) && (worst == nil || t.valid.Priority <= worst.valid.Priority) {
			worst = t
		}
	}
	return worst
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// drawValid draws an answer; a transaction provides later tags than it requires.
func drawValid(t *rapid.T) Valid {
	tags := func(from, to int, what string) (list [][]byte) {
		for range rapid.IntRange(0, 3).Draw(t, what) {
			list = append(list, []byte{byte(rapid.IntRange(from, to).Draw(t, "tag"))})
		}
		return list
	}
	border := rapid.IntRange(0, 6).Draw(t, "border")
	return Valid{Priority: uint64(rapid.IntRange(0, 4).Draw(t, "priority")), Requires: tags(0, border, "requires"), Provides: tags(border+1, 7, "provides")}
}

// A queue that follows tags does what one does that looks at everything.
func TestQueueFollowsTags(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		p := plainQueue{provider: map[string]*tx{}, recent: [2]map[string]struct{}{{}, {}}}
		twin := map[Hash]*tx{}
		names := func(list []*tx) (names []Hash) {
			for _, t := range list {
				names = append(names, t.hash)
			}
			return names
		}
		pick := func(t *rapid.T) (*tx, *tx) {
			if len(p.list) == 0 {
				t.Skip("empty")
			}
			plain := p.list[rapid.IntRange(0, len(p.list)-1).Draw(t, "which")]
			return q.txs[plain.hash], plain
		}
		rivals := func(t *rapid.T, got, want []*tx) {
			if !slices.Equal(names(got), names(want)) {
				t.Fatalf("rivals %v, want %v", names(got), names(want))
			}
		}
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n++
				v := drawValid(t)
				a, b := &tx{hash: Hash{byte(n), byte(n >> 8)}, valid: v}, &tx{hash: Hash{byte(n), byte(n >> 8)}, valid: v}
				twin[a.hash] = b
				if err, ok := q.add(a), p.add(b); (err == nil) != ok {
					t.Fatalf("add: %v, want %v", err, ok)
				}
			},
			"remove": func(t *rapid.T) { a, b := pick(t); q.remove(a); p.remove(b) },
			"include": func(t *rapid.T) {
				a, b := pick(t)
				want := slices.DeleteFunc(p.provided(b.valid.Provides), func(o *tx) bool { return o == b })
				rivals(t, q.include(a), want)
				p.remove(b)
			},
			"revise": func(t *rapid.T) {
				a, b := pick(t)
				v := drawValid(t)
				if rapid.Bool().Draw(t, "same") {
					v = a.valid
				}
				q.revise(a, v)
				p.revise(b, v)
			},
			"satisfy": func(t *rapid.T) {
				tags := drawValid(t).Provides
				want := p.provided(tags)
				rivals(t, q.satisfy(tags), want)
				p.settle()
			},
			"doubt": func(*rapid.T) { q.doubt(); p.doubt(); q.satisfy(nil); p.settle() },
			"age":   func(*rapid.T) { q.age(); p.age() },
			"shrink": func(t *rapid.T) {
				ready, future := rapid.IntRange(0, 6).Draw(t, "ready"), rapid.IntRange(0, 6).Draw(t, "future")
				var want []*tx
				for w := p.worst(ready, future); w != nil; w = p.worst(ready, future) {
					p.remove(w)
					want = append(want, w)
				}
				rivals(t, q.shrink(Limits{Ready: ready, Future: future}), want)
			},
			"": func(t *rapid.T) {
				if !slices.Equal(names(q.list), names(p.list)) {
					t.Fatalf("%v, want %v", names(q.list), names(p.list))
				}
				var moved []*tx
				ready := 0
				for i, b := range p.list {
					a := q.list[i]
					if a.ready != b.ready || !maps.Equal(a.met, b.met) {
						t.Fatalf("%v: ready %v met %v, want %v %v", a.hash, a.ready, a.met, b.ready, b.met)
					}
					ready += b2i(b.ready)
					if place := place(1 + b2i(b.ready)); b.place != place {
						b.place = place
						moved = append(moved, b)
					}
				}
				gotUsurped, gotMoved := q.takeMoves()
				if !slices.Equal(gotUsurped, p.usurped) || !slices.Equal(names(gotMoved), names(moved)) {
					t.Fatalf("usurped %v moved %v, want %v %v", gotUsurped, names(gotMoved), p.usurped, names(moved))
				}
				p.usurped = nil
				if c := q.count(); c.Ready != ready || c.Future != len(p.list)-ready || len(q.txs) != len(p.list) {
					t.Fatalf("counts %+v, want %d of %d ready", c, ready, len(p.list))
				}
				if len(p.list) == 0 && len(q.requires)+len(q.provides)+len(q.provider) > 0 {
					t.Fatal("tags are left of an empty queue")
				}
			},
		})
	})
}

// BenchmarkBlock takes a block of 633 transactions out of a full pool of 200 accounts.
func BenchmarkBlock(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p := New(DefaultLimits(), Hash{}, 0)
		var block [][]byte
		for n := range 8192 {
			account, nonce := n%200, n/200
			xt := fmt.Appendf([]byte{0x84}, "%d/%d", account, nonce)
			v := &Valid{Provides: [][]byte{fmt.Append(nil, account, "/", nonce)}, Longevity: 64}
			if nonce > 0 {
				v.Requires = [][]byte{fmt.Append(nil, account, "/", nonce-1)}
			}
			for _, out := range p.Step(0, Submit{Extrinsic: xt}) {
				if out, ok := out.(Validate); ok {
					p.Step(0, Validated{ID: out.ID, Valid: v})
				}
			}
			if n < 633 {
				block = append(block, xt)
			}
		}
		b.StartTimer()
		p.Step(0, Best{Hash: Hash{1}, Number: 1, Enacted: []Body{{Hash: Hash{1}, Extrinsics: block}}})
		p.Ready()
	}
}
