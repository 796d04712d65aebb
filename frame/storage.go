package frame

import (
	"bytes"
	"encoding/hex"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/scale"
)

// Hasher makes a map's key of a key's encoding. Those that end in Concat, and Identity,
// let the key be read back.
type Hasher = metadata.Hasher

// The hashers. Use Blake2_128Concat for keys that users choose, Twox64Concat for keys
// that the chain chooses.
const (
	Blake2_128Concat = metadata.Blake2_128Concat
	Twox64Concat     = metadata.Twox64Concat
	Identity         = metadata.Identity
)

// item is what all kinds of storage share.
type item struct {
	pallet   *Pallet
	name     string
	optional bool
	hashers  []Hasher
	keys     []TypeOf
	value    TypeOf
	initial  func() []byte // SCALE of the default
	prefix   []byte        // twox128(pallet) ++ twox128(name), once it was needed
	flat     bool          // the value's type has no pointers: decoded, it keeps nothing of the bytes
	recent   [4]recentKey  // of a map, in turns
	turn     int
}

// recentKey is a key that was hashed a moment ago: an extrinsic reads the same accounts
// again and again.
type recentKey struct{ encoded, key []byte }

func newItem[T any](p *Pallet, name string, optional bool, c Codec[T], initial func() []byte) *item {
	var zero T
	i := &item{pallet: p, name: name, optional: optional, value: c.Type, initial: initial, flat: isFlat(zero)}
	p.items = append(p.items, i)
	return i
}

// isFlat tells whether values of a type are known to hold no pointers.
func isFlat(v any) bool {
	switch v.(type) {
	case bool, uint8, uint16, uint32, uint64, Balance, hashing.Hash, AccountID, AccountInfo, AccountData, Weight, PerDispatchClass, Phase:
		return true
	}
	return false
}

func (i *item) key() []byte {
	if i.prefix == nil {
		h := hashing.Twox128([]byte(i.name))
		prefix := make([]byte, 32)
		copy(prefix, i.pallet.hash())
		copy(prefix[16:], h[:])
		i.prefix = prefix
	}
	return i.prefix
}

// Keys and values of one access are made here: the host copies what it is given. Nothing
// else runs meanwhile, since a runtime is one thread of execution.
var (
	keyRoom     = make([]byte, 0, 256)
	encodedRoom = make([]byte, 0, 256)
	valueRoom   = make([]byte, 0, 1024)
	decoder     scale.Decoder
	decoding    bool
)

func hashed[K any](b []byte, h Hasher, c Codec[K], key K) []byte {
	return h.Append(b, c.Encode(encodedRoom, key))
}

// hashedRecently is the key of an entry, which the next few take the room of.
func hashedRecently[K any](i *item, h Hasher, c Codec[K], key K) []byte {
	encoded := c.Encode(encodedRoom, key)
	for n := range i.recent {
		if r := &i.recent[n]; r.key != nil && string(r.encoded) == string(encoded) {
			return r.key
		}
	}
	r := &i.recent[i.turn]
	i.turn = (i.turn + 1) % len(i.recent)
	r.encoded = append(r.encoded[:0], encoded...)
	r.key = h.Append(append(r.key[:0], i.key()...), encoded)
	return r.key
}

// read is the value at a key; one that does not decode counts as absent.
func read[T any](i *item, c Codec[T], key []byte) (v T, ok bool) {
	if !i.flat {
		raw, ok := host.Get(key)
		if !ok {
			return v, false
		}
		return decodeValue(i, c, raw)
	}
	raw, loan, ok := host.Borrow(key)
	if ok {
		v, ok = decodeValue(i, c, raw)
	}
	loan.Return()
	return v, ok
}

// decodeValue reads a stored value. One that does not decode counts as absent, and the
// node's log says so.
func decodeValue[T any](i *item, c Codec[T], raw []byte) (v T, ok bool) {
	d, nested := &decoder, decoding
	if nested { // a codec that reads storage itself
		d = new(scale.Decoder)
	}
	decoding = true
	d.Reset(raw)
	v = c.Decode(d)
	err := d.Err()
	decoding = nested
	if err == nil {
		return v, true
	}
	i.corrupted(err)
	var none T
	return none, false
}

func write[T any](key []byte, c Codec[T], v T) { host.Set(key, c.Encode(valueRoom, v)) }

func (i *item) corrupted(err error) {
	host.Log(host.LogError, "runtime::storage", "corrupted state at "+i.pallet.Name+"."+i.name+" ("+hex.EncodeToString(i.key())+"): "+err.Error())
}

// Value is a single storage value.
type Value[T any] struct {
	*item
	codec   Codec[T]
	initial T
}

// NewValue declares a value; while its key is absent it reads as the zero value of T.
func NewValue[T any](p *Pallet, name string, c Codec[T]) Value[T] {
	var zero T
	return NewValueWith(p, name, c, zero)
}

// NewValueWith declares a value that reads as initial while its key is absent.
func NewValueWith[T any](p *Pallet, name string, c Codec[T], initial T) Value[T] {
	return Value[T]{newItem(p, name, false, c, func() []byte { return c.Encode(nil, initial) }), c, initial}
}

// NewOptionValue declares a value that may be absent: use [Value.TryGet].
func NewOptionValue[T any](p *Pallet, name string, c Codec[T]) Value[T] {
	return Value[T]{item: newItem(p, name, true, c, nil), codec: c}
}

// Key is the storage key.
func (v *Value[T]) Key() []byte { return v.key() }

// TryGet is the stored value; ok is false if the key is absent.
func (v *Value[T]) TryGet() (value T, ok bool) {
	if value, ok = read(v.item, v.codec, v.key()); !ok {
		return v.initial, false
	}
	return value, true
}

// Get is the value, or the default.
func (v *Value[T]) Get() T {
	value, _ := v.TryGet()
	return value
}

// Exists tells whether the key is present.
func (v *Value[T]) Exists() bool { return host.Exists(v.key()) }

// Put stores a value.
func (v *Value[T]) Put(value T) { write(v.key(), v.codec, value) }

// Kill removes the key.
func (v *Value[T]) Kill() { host.Clear(v.key()) }

// Take is TryGet and Kill; an absent key is left alone.
func (v *Value[T]) Take() (value T, ok bool) {
	if value, ok = v.TryGet(); ok {
		v.Kill()
	}
	return value, ok
}

// Mutate stores what f makes of the value.
func (v *Value[T]) Mutate(f func(*T)) {
	value := v.Get()
	f(&value)
	v.Put(value)
}

// Map is storage by key.
type Map[K, T any] struct {
	*item
	hasher  Hasher
	keyC    Codec[K]
	codec   Codec[T]
	initial T
}

// NewMap declares a map; absent entries read as the zero value of T.
func NewMap[K, T any](p *Pallet, name string, h Hasher, k Codec[K], c Codec[T]) Map[K, T] {
	var zero T
	return NewMapWith(p, name, h, k, c, zero)
}

// NewMapWith declares a map whose absent entries read as initial.
func NewMapWith[K, T any](p *Pallet, name string, h Hasher, k Codec[K], c Codec[T], initial T) Map[K, T] {
	i := newItem(p, name, false, c, func() []byte { return c.Encode(nil, initial) })
	i.hashers, i.keys = []Hasher{h}, []TypeOf{k.Type}
	return Map[K, T]{i, h, k, c, initial}
}

// NewOptionMap declares a map whose entries may be absent: use [Map.TryGet].
func NewOptionMap[K, T any](p *Pallet, name string, h Hasher, k Codec[K], c Codec[T]) Map[K, T] {
	i := newItem(p, name, true, c, nil)
	i.hashers, i.keys = []Hasher{h}, []TypeOf{k.Type}
	return Map[K, T]{item: i, hasher: h, keyC: k, codec: c}
}

// Key is the storage key of an entry.
func (m *Map[K, T]) Key(key K) []byte { return append([]byte(nil), m.at(key)...) }

func (m *Map[K, T]) at(key K) []byte { return hashedRecently(m.item, m.hasher, m.keyC, key) }

// TryGet is the stored value; ok is false if there is none.
func (m *Map[K, T]) TryGet(key K) (value T, ok bool) {
	if value, ok = read(m.item, m.codec, m.at(key)); !ok {
		return m.initial, false
	}
	return value, true
}

// Get is the value, or the default.
func (m *Map[K, T]) Get(key K) T {
	value, _ := m.TryGet(key)
	return value
}

// Contains tells whether there is an entry.
func (m *Map[K, T]) Contains(key K) bool { return host.Exists(m.at(key)) }

// Put stores an entry.
func (m *Map[K, T]) Put(key K, value T) { write(m.at(key), m.codec, value) }

// Remove removes an entry.
func (m *Map[K, T]) Remove(key K) { host.Clear(m.at(key)) }

// Take is TryGet and Remove; an absent entry is left alone.
func (m *Map[K, T]) Take(key K) (value T, ok bool) {
	if value, ok = m.TryGet(key); ok {
		m.Remove(key)
	}
	return value, ok
}

// Each calls f for every entry in the order of storage keys until f returns false. The
// hasher must let keys be read back.
func (m *Map[K, T]) Each(f func(key K, value T) bool) {
	each(m.item, m.key(), func(rest, raw []byte) bool {
		key, ok := unhash(m.item, m.hasher, m.keyC, &rest)
		if !ok {
			return true
		}
		value, ok := decodeValue(m.item, m.codec, raw)
		return !ok || f(key, value)
	})
}

// Clear removes the entries, at most limit of those in the parent state; nil is no limit.
func (m *Map[K, T]) Clear(limit *uint32) (removed uint32, all bool) {
	return host.ClearPrefix(m.key(), limit)
}

// DoubleMap is storage by two keys. Entries with the same first key lie together.
type DoubleMap[A, B, T any] struct {
	*item
	keyA  Codec[A]
	keyB  Codec[B]
	codec Codec[T]
}

// NewDoubleMap declares a double map; absent entries read as the zero value of T.
func NewDoubleMap[A, B, T any](p *Pallet, name string, ha Hasher, a Codec[A], hb Hasher, b Codec[B], c Codec[T]) DoubleMap[A, B, T] {
	i := newItem(p, name, false, c, func() []byte {
		var zero T
		return c.Encode(nil, zero)
	})
	i.hashers, i.keys = []Hasher{ha, hb}, []TypeOf{a.Type, b.Type}
	return DoubleMap[A, B, T]{i, a, b, c}
}

// Prefix is the key under which all entries with that first key lie.
func (m *DoubleMap[A, B, T]) Prefix(a A) []byte {
	return hashed(append(make([]byte, 0, 160), m.key()...), m.hashers[0], m.keyA, a)
}

// Key is the storage key of an entry.
func (m *DoubleMap[A, B, T]) Key(a A, b B) []byte { return append([]byte(nil), m.at(a, b)...) }

func (m *DoubleMap[A, B, T]) at(a A, b B) []byte {
	prefix := hashed(append(keyRoom, m.key()...), m.hashers[0], m.keyA, a)
	return hashed(prefix, m.hashers[1], m.keyB, b)
}

// TryGet is the stored value; ok is false if there is none.
func (m *DoubleMap[A, B, T]) TryGet(a A, b B) (value T, ok bool) {
	return read(m.item, m.codec, m.at(a, b))
}

// Get is the value, or the zero value.
func (m *DoubleMap[A, B, T]) Get(a A, b B) T {
	value, _ := m.TryGet(a, b)
	return value
}

// Contains tells whether there is an entry.
func (m *DoubleMap[A, B, T]) Contains(a A, b B) bool { return host.Exists(m.at(a, b)) }

// Put stores an entry.
func (m *DoubleMap[A, B, T]) Put(a A, b B, value T) {
	write(m.at(a, b), m.codec, value)
}

// Remove removes an entry.
func (m *DoubleMap[A, B, T]) Remove(a A, b B) { host.Clear(m.at(a, b)) }

// EachOf calls f for every entry with that first key, in the order of storage keys, until
// f returns false.
func (m *DoubleMap[A, B, T]) EachOf(a A, f func(b B, value T) bool) {
	each(m.item, m.Prefix(a), func(rest, raw []byte) bool {
		b, ok := unhash(m.item, m.hashers[1], m.keyB, &rest)
		if !ok {
			return true
		}
		value, ok := decodeValue(m.item, m.codec, raw)
		return !ok || f(b, value)
	})
}

// ClearPrefix removes the entries with that first key, as [Map.Clear] does.
func (m *DoubleMap[A, B, T]) ClearPrefix(a A, limit *uint32) (removed uint32, all bool) {
	return host.ClearPrefix(m.Prefix(a), limit)
}

// CountedMap is a map that knows how many entries it has. The number lies in a value of
// its own, CounterFor<name>.
type CountedMap[K, T any] struct {
	Map[K, T]
	counter Value[uint32]
}

// NewCountedMap declares a counted map whose entries may be absent.
func NewCountedMap[K, T any](p *Pallet, name string, h Hasher, k Codec[K], c Codec[T]) CountedMap[K, T] {
	return CountedMap[K, T]{NewOptionMap(p, name, h, k, c), NewValue(p, "CounterFor"+name, U32)}
}

// Count is the number of entries.
func (m *CountedMap[K, T]) Count() uint32 { return m.counter.Get() }

// Put stores an entry.
func (m *CountedMap[K, T]) Put(key K, value T) {
	if !m.Contains(key) {
		m.counter.Put(m.Count() + 1)
	}
	m.Map.Put(key, value)
}

// Remove removes an entry.
func (m *CountedMap[K, T]) Remove(key K) { m.Take(key) }

// Take removes an entry and returns it.
func (m *CountedMap[K, T]) Take(key K) (value T, ok bool) {
	if value, ok = m.Map.TryGet(key); !ok && !m.Contains(key) {
		return value, false
	}
	m.Map.Remove(key)
	m.counter.Put(uint32(satSub(uint64(m.Count()), 1)))
	return value, ok
}

// each walks over the keys with a prefix.
func each(i *item, prefix []byte, f func(rest, raw []byte) bool) {
	for key, ok := host.NextKey(prefix); ok && bytes.HasPrefix(key, prefix); key, ok = host.NextKey(key) {
		raw, ok := host.Get(key)
		if ok && !f(key[len(prefix):], raw) {
			return
		}
	}
}

// unhash reads a key back.
func unhash[K any](i *item, h Hasher, c Codec[K], rest *[]byte) (key K, ok bool) {
	skip := 0
	switch h {
	case Blake2_128Concat:
		skip = 16
	case Twox64Concat:
		skip = 8
	case Identity:
	default:
		panic(i.pallet.Name + "." + i.name + ": keys cannot be read back from " + h.String())
	}
	if len(*rest) < skip {
		return key, false
	}
	d := scale.NewDecoder((*rest)[skip:])
	key = c.Decode(d)
	*rest = d.Rest()
	return key, d.Err() == nil
}
