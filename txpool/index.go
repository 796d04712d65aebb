package txpool

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
)

// tagIndex finds transactions by a tag; those of one tag stand in order of coming.
type tagIndex map[string][]*tx

func (x tagIndex) add(tags [][]byte, t *tx) {
	for _, tag := range tags {
		list := x[string(tag)]
		if at, known := search(list, t); !known {
			x[string(tag)] = slices.Insert(list, at, t)
		}
	}
}

func (x tagIndex) remove(tags [][]byte, t *tx) {
	for _, tag := range tags {
		list := x[string(tag)]
		at, known := search(list, t)
		switch {
		case !known:
		case len(list) == 1:
			delete(x, string(tag))
		default:
			x[string(tag)] = slices.Delete(list, at, at+1)
		}
	}
}

// search finds the place of a transaction in a list in order of coming.
func search(list []*tx, t *tx) (at int, known bool) {
	return slices.BinarySearchFunc(list, t.seq, func(o *tx, seq int) int { return cmp.Compare(o.seq, seq) })
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// class counts the ready transactions, or the future ones, and knows the worst: of the
// lowest priority the last comer.
type class struct {
	worst worstHeap
	bytes int
}

func (c *class) add(t *tx) {
	heap.Push(&c.worst, t)
	c.bytes += len(t.xt)
}

func (c *class) remove(t *tx) {
	heap.Remove(&c.worst, t.worst)
	c.bytes -= len(t.xt)
}

type worstHeap []*tx

func (h worstHeap) Len() int { return len(h) }
func (h worstHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return a.valid.Priority < b.valid.Priority || a.valid.Priority == b.valid.Priority && a.seq > b.seq
}
func (h worstHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].worst, h[j].worst = i, j
}
func (h *worstHeap) Push(x any) {
	t := x.(*tx)
	t.worst = len(*h)
	*h = append(*h, t)
}
func (h *worstHeap) Pop() any { return pop((*[]*tx)(h)) }

// seqHeap has the first comer in front.
type seqHeap []*tx

func (h seqHeap) Len() int           { return len(h) }
func (h seqHeap) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h seqHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *seqHeap) Push(x any)        { *h = append(*h, x.(*tx)) }
func (h *seqHeap) Pop() any          { return pop((*[]*tx)(h)) }

// pop takes the last one off a list.
func pop(list *[]*tx) *tx {
	n := len(*list) - 1
	t := (*list)[n]
	(*list)[n] = nil
	*list = (*list)[:n]
	return t
}
