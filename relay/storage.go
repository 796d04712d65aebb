package relay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// codec is how a storage value is written and read.
type codec[T any] struct {
	enc func([]byte, T) []byte
	dec func(*scale.Decoder) T
}

// slot is one storage value: a key and its codec. Values that it returns are shared by
// all states that have them: they are copied before they are changed.
type slot[T any] struct {
	key    string
	codec  codec[T]
	noKeep bool // not worth keeping decoded: cheap, or one of ever more keys
}

// table is a storage map.
type table[K, V any] struct {
	prefix string
	key    func(K) []byte // hasher and key
	codec  codec[V]
	noKeep bool
}

func (m table[K, V]) at(k K) slot[V] {
	return slot[V]{key: m.prefix + string(m.key(k)), codec: m.codec, noKeep: m.noKeep}
}

// reader is what values are read from: a state, or a transaction on one.
type reader interface {
	// kept returns the decoded value if it is known already; nil for absent.
	kept(key string) (v any, known bool)
	keep(key string, v any)
	raw(key string) ([]byte, bool)
}

func (s slot[T]) get(r reader) (v T, ok bool) {
	if kept, known := r.kept(s.key); known {
		v, ok = kept.(T)
		return v, ok
	}
	raw, ok := r.raw(s.key)
	if !ok {
		if !s.noKeep {
			r.keep(s.key, nil)
		}
		return v, false
	}
	d := scale.NewDecoder(raw)
	v = s.codec.dec(d)
	if err := d.Finish(); err != nil {
		// The state was written by this package; this is a defect of its own.
		panic(fmt.Sprintf("relay: state value %x: %v", s.key, err))
	}
	if !s.noKeep {
		r.keep(s.key, v)
	}
	return v, true
}

// or is the value, the zero value where there is none.
func (s slot[T]) or(r reader) T {
	v, _ := s.get(r)
	return v
}

func (s slot[T]) has(r reader) bool {
	_, ok := s.get(r)
	return ok
}

func (s slot[T]) put(t *tx, v T) {
	t.changed[s.key] = change{value: v, keep: !s.noKeep, enc: func() []byte { return s.codec.enc(nil, v) }}
}

func (s slot[T]) del(t *tx) { t.changed[s.key] = change{keep: !s.noKeep} }

// putOrDel writes v, or deletes the value where v is empty.
func putOrDel[T any](s slot[[]T], t *tx, v []T) {
	if len(v) == 0 {
		s.del(t)
		return
	}
	s.put(t, v)
}

// store is a trie with the values that were decoded from it.
type store struct {
	trie *trie.Trie
	mu   sync.Mutex
	vals map[string]any // nil: known to be absent
}

func (s *store) kept(key string) (any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.vals[key]
	return v, ok
}

func (s *store) keep(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vals[key] = v
}

func (s *store) raw(key string) ([]byte, bool) {
	v, ok, err := s.trie.Get([]byte(key), nil)
	if err != nil {
		panic(fmt.Sprintf("relay: state value %x: %v", key, err))
	}
	return v, ok
}

// change is a value written or, with enc nil, deleted.
type change struct {
	value any
	keep  bool
	enc   func() []byte
}

// tx collects the changes of one block over a store.
type tx struct {
	*store
	changed map[string]change
}

func newTx(s *store) *tx { return &tx{s, map[string]change{}} }

func (t *tx) kept(key string) (any, bool) {
	if c, ok := t.changed[key]; ok {
		return c.value, true
	}
	return t.store.kept(key)
}

// commit returns the store after the changes, written as one sorted list.
func (t *tx) commit() (*store, error) {
	list := make([]trie.Change, 0, len(t.changed))
	t.mu.Lock()
	vals := maps.Clone(t.vals)
	t.mu.Unlock()
	for key, c := range t.changed {
		switch {
		case c.enc == nil:
			if c.keep {
				vals[key] = nil
			}
			if _, ok := t.raw(key); !ok {
				continue // deleting an absent key changes nothing
			}
			list = append(list, trie.Change{Key: []byte(key), Delete: true})
			continue
		case c.keep:
			vals[key] = c.value
		}
		list = append(list, trie.Change{Key: []byte(key), Value: c.enc()})
	}
	slices.SortFunc(list, func(a, b trie.Change) int { return cmp.Compare(string(a.Key), string(b.Key)) })
	after, err := t.trie.Apply(trie.V1, list, nil)
	if err != nil {
		return nil, fmt.Errorf("write relay state: %w", err)
	}
	return &store{trie: after, vals: vals}, nil
}

// Hashers of maps.

func twoxU32[K ~uint32](k K) []byte { return hashing.Twox64Concat(scale.AppendU32(nil, uint32(k))) }

func identity(h hashing.Hash) []byte { return h[:] }

// Codecs.

// coder is a pointer to a type that encodes and decodes itself.
type coder[T any] interface {
	*T
	scale.Encoder
	scale.Decodable
}

// of is the codec of a type with EncodeTo and DecodeFrom.
func of[T any, P coder[T]]() codec[T] {
	return codec[T]{
		enc: func(b []byte, v T) []byte { return P(&v).EncodeTo(b) },
		dec: func(d *scale.Decoder) (v T) { P(&v).DecodeFrom(d); return v },
	}
}

const maxList = 1 << 20

func listOf[T any](c codec[T]) codec[[]T] {
	return codec[[]T]{
		enc: func(b []byte, v []T) []byte { return scale.AppendVecFunc(b, v, c.enc) },
		dec: func(d *scale.Decoder) []T { return scale.DecodeVecFunc(d, maxList, c.dec) },
	}
}

func optionOf[T any](c codec[T]) codec[*T] {
	return codec[*T]{
		enc: func(b []byte, v *T) []byte { return scale.AppendOption(b, v, c.enc) },
		dec: func(d *scale.Decoder) *T { return scale.DecodeOption(d, c.dec) },
	}
}

func u32Of[T ~uint32]() codec[T] {
	return codec[T]{
		enc: func(b []byte, v T) []byte { return scale.AppendU32(b, uint32(v)) },
		dec: func(d *scale.Decoder) T { return T(d.U32()) },
	}
}

func u64Of[T ~uint64]() codec[T] {
	return codec[T]{
		enc: func(b []byte, v T) []byte { return scale.AppendU64(b, uint64(v)) },
		dec: func(d *scale.Decoder) T { return T(d.U64()) },
	}
}

var (
	bytesCodec = codec[[]byte]{enc: func(b, v []byte) []byte { return scale.AppendBytes(b, v) },
		dec: func(d *scale.Decoder) []byte { return d.Bytes(1 << 28) }}
	hashCodec = codec[hashing.Hash]{enc: func(b []byte, v hashing.Hash) []byte { return append(b, v[:]...) },
		dec: func(d *scale.Decoder) (h hashing.Hash) { d.Array(h[:]); return h }}
	byteCodec = codec[uint8]{enc: func(b []byte, v uint8) []byte { return append(b, v) }, dec: (*scale.Decoder).U8}
)

// both is the codec of a pair.
func both[A, B any](a codec[A], b codec[B]) codec[pair[A, B]] {
	return codec[pair[A, B]]{
		enc: func(buf []byte, v pair[A, B]) []byte { return b.enc(a.enc(buf, v.A), v.B) },
		dec: func(d *scale.Decoder) pair[A, B] { return pair[A, B]{a.dec(d), b.dec(d)} },
	}
}

type pair[A, B any] struct {
	A A
	B B
}
