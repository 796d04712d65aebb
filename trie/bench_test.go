package trie

import (
	"encoding/binary"
	"fmt"
	"testing"

	"pileus/hashing"
)

// bigTrie looks like the state of a small chain: pallet prefixes, hashed map keys.
func bigTrie(n int) (*Trie, [][]byte) {
	var pairs []Pair
	var keys [][]byte
	for i := range n {
		prefix := hashing.StorageKey(fmt.Sprint("Pallet", i%7), fmt.Sprint("Item", i%31))
		key := append(prefix, hashing.Blake2_128Concat(binary.LittleEndian.AppendUint32(nil, uint32(i)))...)
		keys = append(keys, key)
		pairs = append(pairs, Pair{key, make([]byte, 20+i%60)})
	}
	return FromPairs(V1, pairs), keys
}

// BenchmarkApply makes 100 changes to a trie of 10000 keys, root included.
func BenchmarkApply(b *testing.B) {
	t, keys := bigTrie(10000)
	changes := make([]Change, 100)
	for i := range changes {
		changes[i] = Change{Key: keys[i*97], Value: make([]byte, 80), Delete: i%10 == 0}
	}
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprint("recorded=", recorded), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var rec *Recorder
				if recorded {
					rec = NewRecorder()
				}
				if _, err := t.Apply(V1, changes, rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	t, keys := bigTrie(10000)
	rec := NewRecorder()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok, _ := t.Get(keys[i%len(keys)], rec); !ok {
			b.Fatal("absent")
		}
		i++
	}
}

// BenchmarkBuild makes a trie of 10000 keys from its pairs.
func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		bigTrie(10000)
	}
}

// BenchmarkCompact packs and unpacks the proof of 200 reads.
func BenchmarkCompact(b *testing.B) {
	t, keys := bigTrie(10000)
	rec := NewRecorder()
	for i := range 200 {
		t.Get(keys[i*41], rec)
	}
	items, err := EncodeCompactFrom(t.Root(), rec)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			EncodeCompactFrom(t.Root(), rec)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeCompact(items, t.Root()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
