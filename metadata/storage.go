package metadata

import (
	"bytes"
	"fmt"

	"pileus/hashing"
	"pileus/scale"
)

// Hasher makes the part of a map's key that stands for one of its keys, with the
// variant bytes of frame_metadata::v14::StorageHasher.
type Hasher uint8

// The storage hashers. The Concat ones append the key itself, so it can be read back.
const (
	Blake2_128 Hasher = iota
	Blake2_256
	Blake2_128Concat
	Twox128
	Twox256
	Twox64Concat
	Identity
)

var hasherNames = [...]string{"Blake2_128", "Blake2_256", "Blake2_128Concat", "Twox128", "Twox256", "Twox64Concat", "Identity"}

// String is the name in Rust.
func (h Hasher) String() string {
	if int(h) < len(hasherNames) {
		return hasherNames[h]
	}
	return fmt.Sprintf("hasher %d", uint8(h))
}

// Append appends what the hasher makes of an encoded key.
func (h Hasher) Append(b, key []byte) []byte {
	switch h {
	case Blake2_128:
		s := hashing.Blake2b128(key)
		return append(b, s[:]...)
	case Blake2_256:
		s := hashing.Blake2b256(key)
		return append(b, s[:]...)
	case Blake2_128Concat:
		s := hashing.Blake2b128(key)
		return append(append(b, s[:]...), key...)
	case Twox128:
		s := hashing.Twox128(key)
		return append(b, s[:]...)
	case Twox256:
		s := hashing.Twox256(key)
		return append(b, s[:]...)
	case Twox64Concat:
		s := hashing.Twox64(key)
		return append(append(b, s[:]...), key...)
	}
	return append(b, key...)
}

// size is the number of hash bytes; concat says that the key follows them.
func (h Hasher) size() (n int, concat bool) {
	switch h {
	case Blake2_128, Twox128:
		return 16, false
	case Blake2_256, Twox256:
		return 32, false
	case Blake2_128Concat:
		return 16, true
	case Twox64Concat:
		return 8, true
	}
	return 0, true
}

// StorageEntry finds a storage item of a pallet.
func (m *Metadata) StorageEntry(pallet, item string) (*PalletStorage, *StorageEntry, error) {
	p := m.Pallet(pallet)
	if p != nil && p.Storage != nil {
		for i := range p.Storage.Entries {
			if p.Storage.Entries[i].Name == item {
				return p.Storage, &p.Storage.Entries[i], nil
			}
		}
	}
	return nil, nil, fmt.Errorf("storage %s.%s: %w", pallet, item, ErrNotFound)
}

// KeyTypes are the types of a map's keys, one per hasher; none for a plain value.
func (e *StorageEntry) KeyTypes(r Registry) ([]TypeID, error) {
	switch n := len(e.Hashers); {
	case !e.IsMap || n == 0:
		return nil, nil
	case n == 1:
		return []TypeID{e.Key}, nil
	default:
		t := r.Type(e.Key)
		if t == nil || t.Def.Kind != DefTuple || len(t.Def.Tuple) != n {
			return nil, fmt.Errorf("storage map %s has %d hashers, but its key is %s", e.Name, n, r.Describe(e.Key))
		}
		return t.Def.Tuple, nil
	}
}

// StorageKey is the key of a storage item. A map takes one argument per key, in the
// forms of [Registry.EncodeValue]; fewer give the prefix under which all such entries lie.
func (m *Metadata) StorageKey(pallet, item string, keys ...any) ([]byte, error) {
	s, e, err := m.StorageEntry(pallet, item)
	if err != nil {
		return nil, err
	}
	types, err := e.KeyTypes(m.Types)
	if err != nil {
		return nil, fmt.Errorf("storage %s.%s: %w", pallet, item, err)
	}
	if len(keys) > len(types) {
		return nil, fmt.Errorf("storage %s.%s: %w: %d keys for %d", pallet, item, ErrValue, len(keys), len(types))
	}
	b := hashing.StorageKey(s.Prefix, e.Name)
	for i, x := range keys {
		key, err := m.Types.EncodeValue(nil, types[i], x)
		if err != nil {
			return nil, fmt.Errorf("storage %s.%s: key %d: %w", pallet, item, i, err)
		}
		b = e.Hashers[i].Append(b, key)
	}
	return b, nil
}

// DecodeStorage reads the value of a storage item; raw is nil if the key is absent.
// Then the item's default is returned, or, for an item without default, present is false.
func (m *Metadata) DecodeStorage(pallet, item string, raw []byte) (v Value, present bool, err error) {
	_, e, err := m.StorageEntry(pallet, item)
	if err != nil {
		return Value{}, false, err
	}
	if raw == nil {
		if !e.Default {
			return Value{}, false, nil
		}
		raw = e.DefaultData
	}
	v, err = m.Types.DecodeValue(e.Value, raw)
	if err != nil {
		return Value{}, false, fmt.Errorf("storage %s.%s: %w", pallet, item, err)
	}
	return v, true, nil
}

// StorageName says what a storage key stands for.
type StorageName struct {
	Pallet string
	Entry  *StorageEntry
	Keys   []Value // as far as the hashers keep them; the rest of the key is not looked at
}

// NameKey finds the storage item to which a raw key belongs.
func (m *Metadata) NameKey(key []byte) (StorageName, bool) {
	if len(key) < 32 {
		return StorageName{}, false
	}
	for i := range m.Pallets {
		p := &m.Pallets[i]
		if p.Storage == nil {
			continue
		}
		if h := hashing.Twox128([]byte(p.Storage.Prefix)); !bytes.Equal(h[:], key[:16]) {
			continue
		}
		for j := range p.Storage.Entries {
			e := &p.Storage.Entries[j]
			if h := hashing.Twox128([]byte(e.Name)); bytes.Equal(h[:], key[16:32]) {
				return StorageName{p.Name, e, m.readKeys(e, key[32:])}, true
			}
		}
	}
	return StorageName{}, false
}

// readKeys decodes the keys of a map's entry up to the first that was hashed away.
func (m *Metadata) readKeys(e *StorageEntry, b []byte) (keys []Value) {
	types, err := e.KeyTypes(m.Types)
	if err != nil {
		return nil
	}
	d := scale.NewDecoder(b)
	for i, id := range types {
		n, concat := e.Hashers[i].size()
		d.Fixed(n)
		if !concat {
			return keys
		}
		v := m.Types.DecodeValueFrom(d, id)
		if d.Err() != nil {
			return keys
		}
		keys = append(keys, v)
	}
	return keys
}
