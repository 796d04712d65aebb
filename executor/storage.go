package executor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pileus/hashing"
	"pileus/trie"
)

const childPrefix = ":child_storage:"

// ErrTransaction says that a storage transaction was closed that is not open.
var ErrTransaction = errors.New("no open transaction")

// Storage is a state with what was written over it: keys and child tries with nested
// transactions (sp-state-machine OverlayedChanges, Ext). What is read of the state below
// is recorded. A value that it returns must not be modified. It is not safe for
// concurrent use.
type Storage struct {
	state *trie.State
	rec   *trie.Recorder
	reads *Reads // nil: not noted

	top      *layer
	children map[string]*layer
	depth    int
	floor    int // transactions below are the node's; the runtime cannot close them

	walk     *trie.KeyWalk
	tries    map[string]*trie.Trie // backend of children, as opened in this call; nil: there is none
	root     *trie.State           // computed, valid until something is written
	rootV    trie.Version
	offchain *layer // offchain index
}

// NewStorage returns the state without changes. rec may be nil.
func NewStorage(state *trie.State, rec *trie.Recorder) *Storage {
	s := &Storage{state: state, rec: rec, top: newLayer(0), children: map[string]*layer{}, offchain: newLayer(0)}
	s.enter()
	return s
}

// enter begins a runtime call: iterators and child tries are opened anew in each.
func (s *Storage) enter() {
	s.walk = s.state.Top().KeyWalk(s.rec)
	s.tries = map[string]*trie.Trie{}
}

// Begin opens a transaction.
func (s *Storage) Begin() {
	s.depth++
	s.top.begin()
	s.offchain.begin()
	for _, c := range s.children {
		c.begin()
	}
}

// Commit closes a transaction and keeps what was written in it.
func (s *Storage) Commit() error {
	if s.depth <= s.floor {
		return ErrTransaction
	}
	s.depth--
	s.top.commit()
	s.offchain.commit()
	for _, c := range s.children {
		c.commit()
	}
	return nil
}

// Rollback closes a transaction and forgets what was written in it.
func (s *Storage) Rollback() error {
	if s.depth <= s.floor {
		return ErrTransaction
	}
	s.depth--
	s.top.rollback()
	s.offchain.rollback()
	for id, c := range s.children {
		if c.rollback(); len(c.keys) == 0 {
			delete(s.children, id)
		}
	}
	s.root = nil
	return nil
}

// Get returns the value at key; ok is false where there is none.
func (s *Storage) Get(key []byte) (value []byte, ok bool, err error) {
	if v, deleted, known := s.top.get(key); known {
		return v, !deleted, nil
	}
	s.readsKey(key)
	return s.state.Top().Get(key, s.rec)
}

// Exists tells whether there is a value at key.
func (s *Storage) Exists(key []byte) (bool, error) {
	if _, deleted, known := s.top.get(key); known {
		return !deleted, nil
	}
	s.readsKey(key)
	return s.state.Top().Has(key, s.rec)
}

// Set writes a value.
func (s *Storage) Set(key, value []byte) {
	s.root = nil
	s.top.set(string(key), value, false)
}

// Clear deletes a value.
func (s *Storage) Clear(key []byte) {
	s.root = nil
	s.top.set(string(key), nil, true)
}

// Append appends an encoded element to the encoded list at key. A value whose leading
// compact does not decode is replaced by a list of one.
func (s *Storage) Append(key, element []byte) error {
	if s.top.append(key, element) {
		return nil
	}
	s.readsKey(key)
	old, _, err := s.state.Top().Get(key, s.rec)
	if err != nil {
		return err
	}
	s.top.set(string(key), old, false)
	s.top.append(key, element)
	return nil
}

// NextKey returns the least key greater than key.
func (s *Storage) NextKey(key []byte) (next []byte, ok bool, err error) {
	s.readsMore()
	return nextKey(s.top, s.walk.Next, key)
}

// nextKey merges what was written with what lies below.
func nextKey(l *layer, below func([]byte) ([]byte, bool, error), key []byte) (next []byte, ok bool, err error) {
	for {
		under, okUnder, err := below(key)
		if err != nil {
			return nil, false, err
		}
		over, deleted, okOver := "", false, false
		if l != nil {
			over, deleted, okOver = l.next(string(key))
		}
		switch {
		case !okOver || okUnder && string(under) < over:
			return under, okUnder, nil
		case !deleted:
			return []byte(over), true, nil
		}
		key = []byte(over) // a tombstone hides an equal key below
	}
}

// Removed is what clearing many keys came to.
type Removed struct {
	Cursor  []byte // where to go on; nil: all are gone
	Backend uint32 // keys of the state below that were deleted now
	Unique  uint32 // and those values that only the overlay had
	Loops   uint32 // keys of the state below that were visited
}

// ClearPrefix deletes the keys that begin with prefix: those written, and of the state
// below up to limit (nil: all) from the cursor on.
func (s *Storage) ClearPrefix(prefix []byte, limit *uint32, cursor []byte) (Removed, error) {
	if strings.HasPrefix(string(prefix), childPrefix) || strings.HasPrefix(childPrefix, string(prefix)) {
		return Removed{}, nil
	}
	s.root = nil
	s.readsMore()
	return clearUnder(s.top, s.state.Top(), s.rec, prefix, limit, cursor)
}

func clearUnder(l *layer, below *trie.Trie, rec *trie.Recorder, prefix []byte, limit *uint32, cursor []byte) (r Removed, err error) {
	for _, key := range l.under(string(prefix)) {
		if l.set(key, nil, true) {
			r.Unique++
		}
	}
	if below == nil {
		return r, nil
	}
	it, err := below.Iter(prefix, cursor, rec)
	if err != nil {
		return r, err
	}
	for {
		key, ok, err := it.Next()
		if err != nil || !ok {
			r.Unique += r.Backend
			return r, err
		}
		if limit != nil && r.Loops == *limit {
			r.Cursor = append([]byte{}, key...)
			r.Unique += r.Backend
			return r, nil
		}
		if _, deleted, known := l.get(key); !known || !deleted {
			l.set(string(key), nil, true)
			r.Backend++
		}
		r.Loops++
	}
}

// Child tries. id is the key without the prefix :child_storage:default:.

// childTrie is the child in the state below, opened once per call; nil: there is none.
func (s *Storage) childTrie(id []byte) (*trie.Trie, error) {
	s.readsMore()
	if t, known := s.tries[string(id)]; known {
		return t, nil
	}
	t, err := s.state.Child(id, s.rec)
	if err != nil {
		return nil, err
	}
	s.tries[string(id)] = t
	return t, nil
}

func (s *Storage) child(id []byte) *layer {
	c := s.children[string(id)]
	if c == nil {
		c = newLayer(s.depth)
		s.children[string(id)] = c
	}
	return c
}

// ChildGet returns the value at a key of a child.
func (s *Storage) ChildGet(id, key []byte) (value []byte, ok bool, err error) {
	if c := s.children[string(id)]; c != nil {
		if v, deleted, known := c.get(key); known {
			return v, !deleted, nil
		}
	}
	t, err := s.childTrie(id)
	if t == nil || err != nil {
		return nil, false, err
	}
	return t.Get(key, s.rec)
}

// ChildExists tells whether there is a value at a key of a child.
func (s *Storage) ChildExists(id, key []byte) (bool, error) {
	if c := s.children[string(id)]; c != nil {
		if _, deleted, known := c.get(key); known {
			return !deleted, nil
		}
	}
	t, err := s.childTrie(id)
	if t == nil || err != nil {
		return false, err
	}
	return t.Has(key, s.rec)
}

// ChildSet writes a value of a child.
func (s *Storage) ChildSet(id, key, value []byte) {
	s.root = nil
	s.child(id).set(string(key), value, false)
}

// ChildClear deletes a value of a child.
func (s *Storage) ChildClear(id, key []byte) {
	s.root = nil
	s.child(id).set(string(key), nil, true)
}

// ChildNextKey returns the least key of a child that is greater than key.
func (s *Storage) ChildNextKey(id, key []byte) (next []byte, ok bool, err error) {
	t, err := s.childTrie(id)
	if err != nil {
		return nil, false, err
	}
	return nextKey(s.children[string(id)], func(key []byte) ([]byte, bool, error) {
		if t == nil {
			return nil, false, nil
		}
		return t.NextKey(key, s.rec)
	}, key)
}

// ChildClearPrefix is [Storage.ClearPrefix] in a child; the empty prefix is all of it.
func (s *Storage) ChildClearPrefix(id, prefix []byte, limit *uint32, cursor []byte) (Removed, error) {
	s.root = nil
	t, err := s.childTrie(id)
	if err != nil {
		return Removed{}, err
	}
	return clearUnder(s.child(id), t, s.rec, prefix, limit, cursor)
}

// Root is the root of everything visible now, open transactions included. Nothing is
// committed by it. A node that the state below does not have leaves the old root; one
// that could not be fetched is an error.
func (s *Storage) Root(v trie.Version) (hashing.Hash, error) {
	s.readsMore()
	state, err := s.rooted(v)
	if isMissing(err) {
		return s.state.Root(), nil
	}
	if err != nil {
		return hashing.Hash{}, err
	}
	return state.Root(), nil
}

// isMissing tells whether a node is simply not there, as in a proof.
func isMissing(err error) bool {
	var missing *trie.MissingNodeError
	return errors.As(err, &missing) && missing.Err == nil
}

func (s *Storage) rooted(v trie.Version) (*trie.State, error) {
	if s.root != nil && s.rootV == v {
		return s.root, nil
	}
	top, children := s.Changes()
	state, err := s.state.Apply(v, top, children, s.rec)
	if err != nil {
		return nil, fmt.Errorf("storage root: %w", err)
	}
	s.root, s.rootV = state, v
	return state, nil
}

// Changes is what was written: of several writes to one key the last, in order of keys
// and, for the child tries, of their ids. A deleted key is listed even if the state below
// does not have it. The values must not be modified.
func (s *Storage) Changes() (top []trie.Change, children []trie.ChildChanges) {
	for _, id := range slices.Sorted(maps.Keys(s.children)) {
		children = append(children, trie.ChildChanges{ID: []byte(id), Changes: s.children[id].changes()})
	}
	return s.top.changes(), children
}

func (l *layer) changes() []trie.Change {
	order := l.order()
	list := make([]trie.Change, len(order))
	for i, key := range order {
		stack := l.keys[key].stack
		top := &stack[len(stack)-1]
		list[i] = trie.Change{Key: []byte(key), Value: top.bytes(), Delete: top.deleted}
	}
	return list
}

// ChildRoot is the root of a child with what was written to it, which is then also
// written into the main trie. Once the main root is known it is what the main trie says.
// (sp-state-machine OverlayedChanges::child_storage_root)
func (s *Storage) ChildRoot(id []byte, v trie.Version) (hashing.Hash, error) {
	s.readsMore()
	if s.root != nil {
		return childRoot(s.Get(trie.ChildKey(id)))
	}
	c := s.children[string(id)]
	if c == nil {
		return childRoot(s.state.Top().Get(trie.ChildKey(id), s.rec))
	}
	t, err := s.childTrie(id)
	if err != nil {
		return hashing.Hash{}, err
	}
	if t == nil {
		t = trie.New()
	}
	after, err := t.Apply(v, c.changes(), s.rec)
	switch {
	case isMissing(err):
		return t.Root(), nil
	case err != nil:
		return hashing.Hash{}, fmt.Errorf("child storage root: %w", err)
	}
	root := after.Root()
	if after.IsEmpty() {
		s.top.set(string(trie.ChildKey(id)), nil, true)
	} else {
		s.top.set(string(trie.ChildKey(id)), root[:], false)
	}
	return root, nil
}

// childRoot is a child's root as it stands in the main trie; what is no root counts as none.
func childRoot(v []byte, ok bool, err error) (hashing.Hash, error) {
	if err != nil {
		return hashing.Hash{}, err
	}
	if !ok || len(v) < 32 {
		return trie.EmptyRoot, nil
	}
	return hashing.Hash(v[:32]), nil
}

// ProofSize is how many bytes of proof were recorded; the largest number without a recorder.
func (s *Storage) ProofSize() uint64 {
	s.readsMore()
	if s.rec == nil {
		return ^uint64(0)
	}
	return s.rec.Size()
}

// OffchainIndex calls f for what was written to the offchain index, in order of keys;
// value is nil where it was cleared.
func (s *Storage) OffchainIndex(f func(key, value []byte)) {
	for _, c := range s.offchain.changes() {
		if c.Delete {
			c.Value = nil
		}
		f(c.Key, c.Value)
	}
}

// Finish returns the state after all that was written. Open transactions are taken back first.
func (s *Storage) Finish(v trie.Version) (*trie.State, error) {
	s.floor = 0
	for s.depth > 0 {
		if err := s.Rollback(); err != nil {
			return nil, err
		}
	}
	return s.rooted(v)
}
