package executor

import (
	"slices"
	"sort"

	"pileus/scale"
)

// layer is what was written over one trie: per key a stack of versions, one for each
// transaction level that wrote it (sp-state-machine OverlayedMap).
//
//	begin ─► writes of this level ─► commit:   the version replaces the one below, or sinks a level
//	                              └► rollback: the version goes; a key without versions goes too
type layer struct {
	keys  map[string]*versions
	depth int
	wrote [][]string // by level, the keys that got a version there; level 0 is not listed

	sorted []string // keys in order
	fresh  []string // keys not yet in sorted
	gone   bool     // keys were deleted: sorted has too many
}

type versions struct{ stack []version }

// version is a value, a tombstone, or a list that is being appended to: items are encoded
// and share their array with the versions below, which are shorter.
type version struct {
	level   int
	value   []byte // of a list nil until it is read
	deleted bool
	items   []byte
	count   uint64 // of items; 0: no list
}

// bytes is the value.
func (v *version) bytes() []byte {
	if v.count > 0 && v.value == nil {
		v.value = append(scale.AppendCompact(make([]byte, 0, len(v.items)+5), v.count), v.items...)
	}
	return v.value
}

func newLayer(depth int) *layer {
	return &layer{keys: map[string]*versions{}, depth: depth, wrote: make([][]string, depth)}
}

// get returns the visible value; known is false where the trie below has to be asked.
func (l *layer) get(key []byte) (value []byte, deleted, known bool) {
	v := l.keys[string(key)]
	if v == nil {
		return nil, false, false
	}
	top := &v.stack[len(v.stack)-1]
	return top.bytes(), top.deleted, true
}

// set writes a value, or a tombstone, at the present level. It tells whether there was a
// visible value in the layer before.
func (l *layer) set(key string, value []byte, deleted bool) (had bool) {
	v := l.keys[key]
	if v == nil {
		v = &versions{}
		l.keys[key] = v
		l.fresh = append(l.fresh, key)
	} else {
		had = !v.stack[len(v.stack)-1].deleted
	}
	l.put(key, v, version{level: l.depth, value: value, deleted: deleted})
	return had
}

// put makes a version that of the present level.
func (l *layer) put(key string, v *versions, x version) {
	if n := len(v.stack); n > 0 && v.stack[n-1].level == l.depth {
		v.stack[n-1] = x
		return
	}
	v.stack = append(v.stack, x)
	if l.depth > 0 {
		l.wrote[l.depth-1] = append(l.wrote[l.depth-1], key)
	}
}

// append appends an encoded element to a list that the layer knows; false where the trie
// below has to be asked.
func (l *layer) append(key, element []byte) bool {
	v := l.keys[string(key)]
	if v == nil {
		return false
	}
	top := &v.stack[len(v.stack)-1]
	items, count := top.items, top.count
	if count == 0 {
		items, count = listOf(top.value)
	}
	if count >= maxItems {
		items, count = nil, 0
	}
	l.put(string(key), v, version{level: l.depth, items: append(items, element...), count: count + 1})
	return true
}

const maxItems = 1<<32 - 1

// listOf takes an encoded list apart; what does not begin as one is one without items.
func listOf(value []byte) (items []byte, count uint64) {
	d := scale.NewDecoder(value)
	if count = d.Compact(); d.Err() != nil {
		return nil, 0
	}
	return slices.Clip(d.Rest()), count
}

func (l *layer) begin() {
	l.depth++
	l.wrote = append(l.wrote, nil)
}

func (l *layer) commit() {
	for _, key := range l.pop() {
		v := l.keys[key]
		n := len(v.stack)
		if n > 1 && v.stack[n-2].level == l.depth {
			v.stack[n-2] = v.stack[n-1]
			v.stack[n-2].level = l.depth
			v.stack = v.stack[:n-1]
			continue
		}
		v.stack[n-1].level = l.depth
		if l.depth > 0 {
			l.wrote[l.depth-1] = append(l.wrote[l.depth-1], key)
		}
	}
}

func (l *layer) rollback() {
	for _, key := range l.pop() {
		v := l.keys[key]
		if v.stack = v.stack[:len(v.stack)-1]; len(v.stack) == 0 {
			delete(l.keys, key)
			l.gone = true
		}
	}
}

// pop ends the present level and returns its keys.
func (l *layer) pop() []string {
	l.depth--
	keys := l.wrote[l.depth]
	l.wrote = l.wrote[:l.depth]
	return keys
}

// order returns the keys in ascending order.
func (l *layer) order() []string {
	if l.gone {
		l.sorted = slices.DeleteFunc(l.sorted, func(k string) bool { return l.keys[k] == nil })
		l.fresh = slices.DeleteFunc(l.fresh, func(k string) bool { return l.keys[k] == nil })
		l.gone = false
	}
	if len(l.fresh) > 0 {
		slices.Sort(l.fresh)
		l.fresh = slices.Compact(l.fresh)
		if len(l.sorted) == 0 {
			l.sorted, l.fresh = l.fresh, nil
		} else {
			l.sorted = mergeSorted(l.sorted, l.fresh)
			l.fresh = l.fresh[:0]
		}
	}
	return l.sorted
}

// mergeSorted merges two ascending lists; a key of both stands once.
func mergeSorted(a, b []string) []string {
	if len(b) == 1 {
		at, found := slices.BinarySearch(a, b[0])
		if found {
			return a
		}
		return slices.Insert(a, at, b[0])
	}
	out := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// next returns the least key greater than after that has a version, and whether it is a tombstone.
func (l *layer) next(after string) (key string, deleted, ok bool) {
	order := l.order()
	i := sort.SearchStrings(order, after)
	if i < len(order) && order[i] == after {
		i++
	}
	if i == len(order) {
		return "", false, false
	}
	stack := l.keys[order[i]].stack
	return order[i], stack[len(stack)-1].deleted, true
}

// under returns the keys that begin with prefix.
func (l *layer) under(prefix string) []string {
	order := l.order()
	from := sort.SearchStrings(order, prefix)
	to := from
	for to < len(order) && len(order[to]) >= len(prefix) && order[to][:len(prefix)] == prefix {
		to++
	}
	return slices.Clone(order[from:to])
}
