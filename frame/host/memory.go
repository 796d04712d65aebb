package host

import (
	"bytes"
	"fmt"
	"math"
	"sort"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// childPrefix begins the keys that only child storage functions may write.
var childPrefix = []byte(":child_storage:")

// Memory is a storage overlay on a state, with nested transactions. Reading, changing
// and hashing it touches the trie nodes that a node's overlay would touch, so the
// recorder sees the same proof.
//
//	Begin ─► Set, Clear, Append (old contents go into the journal) ─► Commit: journal joins the outer one
//	                                                             └─► Rollback: journal undone, newest first
type Memory struct {
	state   *trie.State
	rec     *trie.Recorder
	index   map[string]int // position in entries; never ranged over
	entries []entry
	journal []undo
	marks   []int // length of the journal at each open transaction
	walk    *trie.KeyWalk
	rooted  *trie.State // result of Root, until the next change
	version trie.Version
}

// entry is a key that was written. A list that is being appended to is kept as its
// length and the encoded items.
type entry struct {
	key     string
	value   []byte
	kind    entryKind
	count   uint64 // list
	settled bool   // the entry exists: a rolled back one does not
}

type entryKind uint8

const (
	entrySet entryKind = iota
	entryDeleted
	entryList
)

// undo restores an entry.
type undo struct {
	at  int
	old entry
}

// NewMemory returns an overlay without changes. rec may be nil: then the proof size is
// the largest number.
func NewMemory(state *trie.State, rec *trie.Recorder) *Memory {
	return &Memory{state: state, rec: rec, index: map[string]int{}}
}

// Empty returns an overlay on the empty state, without recorder.
func Empty() *Memory { return NewMemory(trie.NewState(trie.New(), nil), nil) }

// find is the entry of a key, nil if the overlay says nothing about it.
func (m *Memory) find(key []byte) *entry {
	at, ok := m.index[string(key)]
	if !ok || !m.entries[at].settled {
		return nil
	}
	return &m.entries[at]
}

// change is the entry of a key, to be written: its old contents are in the journal.
func (m *Memory) change(key []byte) *entry {
	at, ok := m.index[string(key)]
	if !ok {
		at = len(m.entries)
		m.entries = append(m.entries, entry{key: string(key)})
		m.index[m.entries[at].key] = at
	}
	e := &m.entries[at]
	if len(m.marks) > 0 {
		m.journal = append(m.journal, undo{at, *e})
	}
	e.settled = true
	m.rooted = nil
	return e
}

// bytes is the value of an entry that is not deleted.
func (e *entry) bytes() []byte {
	if e.kind != entryList {
		return e.value
	}
	b := scale.AppendCompact(make([]byte, 0, len(e.value)+5), e.count)
	return append(b, e.value...)
}

// Get is the value at key, which must not be modified.
func (m *Memory) Get(key []byte) ([]byte, bool) {
	if e := m.find(key); e != nil {
		if e.kind == entryDeleted {
			return nil, false
		}
		return e.bytes(), true
	}
	value, ok, err := m.state.Top().Get(key, m.rec)
	m.must("read", err)
	return value, ok
}

// Exists tells whether key has a value.
func (m *Memory) Exists(key []byte) bool {
	if e := m.find(key); e != nil {
		return e.kind != entryDeleted
	}
	ok, err := m.state.Top().Has(key, m.rec)
	m.must("look up", err)
	return ok
}

// Set writes a copy of value. Keys of child storage are left alone.
func (m *Memory) Set(key, value []byte) {
	if bytes.HasPrefix(key, childPrefix) {
		return
	}
	e := m.change(key)
	e.kind, e.value = entrySet, append(make([]byte, 0, len(value)), value...)
}

// Clear removes a key. Keys of child storage are left alone.
func (m *Memory) Clear(key []byte) {
	if bytes.HasPrefix(key, childPrefix) {
		return
	}
	e := m.change(key)
	e.kind, e.value = entryDeleted, nil
}

// Append adds an encoded item to the list at key.
func (m *Memory) Append(key, item []byte) {
	if e := m.find(key); e != nil && e.kind == entryList {
		e = m.change(key)
		e.count++
		e.value = append(e.value, item...)
		return
	}
	old, ok := m.Get(key)
	e := m.change(key)
	e.kind, e.count, e.value = entryList, 1, append([]byte(nil), item...)
	if !ok {
		return
	}
	d := scale.NewDecoder(old)
	if n := d.CompactU32(); d.Err() == nil {
		e.count = uint64(n) + 1
		e.value = append(append(make([]byte, 0, 2*len(old)+len(item)), d.Rest()...), item...)
	}
}

// ClearPrefix removes keys; the limit counts keys of the state below the overlay.
func (m *Memory) ClearPrefix(prefix []byte, limit *uint32) (removed uint32, all bool) {
	if bytes.HasPrefix(prefix, childPrefix) || bytes.HasPrefix(childPrefix, prefix) {
		return 0, true
	}
	for i := range m.entries {
		if e := &m.entries[i]; e.settled && e.kind != entryDeleted && len(e.key) >= len(prefix) && e.key[:len(prefix)] == string(prefix) {
			m.Clear([]byte(e.key))
		}
	}
	it, err := m.state.Top().Iter(prefix, nil, m.rec)
	m.must("iterate", err)
	for {
		key, ok, err := it.Next()
		m.must("iterate", err)
		if !ok {
			return removed, true
		}
		if limit != nil && removed == *limit {
			return removed, false
		}
		if e := m.find(key); e == nil || e.kind != entryDeleted {
			m.Clear(key)
		}
		removed++
	}
}

// NextKey is the least key greater than key, of overlay and state together.
func (m *Memory) NextKey(key []byte) ([]byte, bool) {
	if m.walk == nil {
		m.walk = m.state.Top().KeyWalk(m.rec)
	}
	var below []byte
	for at := key; ; at = below {
		next, ok, err := m.walk.Next(at)
		m.must("next key", err)
		below = next
		if !ok {
			below = nil
			break
		}
		if e := m.find(next); e == nil || e.kind != entryDeleted {
			break
		}
	}
	best, found := string(below), below != nil
	for i := range m.entries {
		e := &m.entries[i]
		if e.settled && e.kind != entryDeleted && e.key > string(key) && (!found || e.key < best) {
			best, found = e.key, true
		}
	}
	return []byte(best), found
}

// Begin opens a transaction.
func (m *Memory) Begin() { m.marks = append(m.marks, len(m.journal)) }

// Commit closes the innermost transaction and keeps its changes.
func (m *Memory) Commit() {
	m.close()
	if len(m.marks) == 0 {
		m.journal = m.journal[:0]
	}
}

// Rollback closes the innermost transaction and drops its changes.
func (m *Memory) Rollback() {
	mark := m.close()
	for i := len(m.journal) - 1; i >= mark; i-- {
		m.entries[m.journal[i].at] = m.journal[i].old
	}
	m.journal = m.journal[:mark]
	m.rooted = nil
}

func (m *Memory) close() (mark int) {
	if len(m.marks) == 0 {
		panic("no storage transaction is open")
	}
	mark = m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	return mark
}

// Depth is the number of open transactions.
func (m *Memory) Depth() int { return len(m.marks) }

// ProofSize is what the recorder holds, in bytes.
func (m *Memory) ProofSize() uint64 {
	if m.rec == nil {
		return math.MaxUint64
	}
	return m.rec.Size()
}

// Changes are all changes, ascending by key.
func (m *Memory) Changes() []trie.Change {
	order := make([]int, 0, len(m.entries))
	for i := range m.entries {
		if m.entries[i].settled {
			order = append(order, i)
		}
	}
	sort.Slice(order, func(a, b int) bool { return m.entries[order[a]].key < m.entries[order[b]].key })
	list := make([]trie.Change, len(order))
	for i, at := range order {
		e := &m.entries[at]
		list[i].Key = []byte(e.key)
		if e.kind == entryDeleted {
			list[i].Delete = true
		} else {
			list[i].Value = e.bytes()
		}
	}
	return list
}

// Finish returns the state with the changes; v is the layout in which values are written.
func (m *Memory) Finish(v trie.Version) (*trie.State, error) {
	if m.rooted != nil && m.version == v {
		return m.rooted, nil
	}
	s, err := m.state.Apply(v, m.Changes(), nil, m.rec)
	if err != nil {
		return nil, fmt.Errorf("storage root: %w", err)
	}
	m.rooted, m.version = s, v
	return s, nil
}

// Root is the root of the state with the changes.
func (m *Memory) Root(v trie.Version) hashing.Hash {
	s, err := m.Finish(v)
	m.must("root", err)
	return s.Root()
}

// must ends the call if the trie lacks a node: the runtime cannot go on.
func (m *Memory) must(what string, err error) {
	if err != nil {
		panic(fmt.Sprintf("storage: %s: %v", what, err))
	}
}
