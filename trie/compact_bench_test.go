package trie

import (
	"testing"

	"pileus/hashing"
	"pileus/scale"
)

// BenchmarkStateFromCompact rebuilds a proof of many small nodes: the most work for its bytes.
func BenchmarkStateFromCompact(b *testing.B) {
	var changes []Change
	for i := range 40_000 {
		key := hashing.Blake2b256(scale.AppendU32(nil, uint32(i)))
		changes = append(changes, Change{Key: key[:], Value: append(key[:], make([]byte, 8)...)})
	}
	t, err := New().Apply(V1, changes, nil)
	if err != nil {
		b.Fatal(err)
	}
	rec := NewRecorder()
	for _, c := range changes {
		if _, _, err := t.Get(c.Key, rec); err != nil {
			b.Fatal(err)
		}
	}
	items, err := EncodeCompactFrom(t.Root(), rec)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := StateFromCompact(t.Root(), items); err != nil {
			b.Fatal(err)
		}
	}
}
