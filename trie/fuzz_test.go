package trie

import (
	"testing"

	"pileus/hashing"
	"pileus/scale"
)

// FuzzCompact builds whatever trie the items describe, well-formed in its hashes but
// otherwise forged, and uses it: nothing may panic.
func FuzzCompact(f *testing.F) {
	for v := V0; v <= V1; v++ {
		var pairs []Pair
		for _, k := range []string{"", "a", "ab", "abc", "b\x01", "bcd"} {
			pairs = append(pairs, Pair{[]byte(k), []byte("thirty-two bytes are not quite enough " + k)[:38+v]})
		}
		t := FromPairs(v, pairs)
		rec := NewRecorder()
		for _, p := range pairs {
			t.Get(p.Key, rec)
		}
		h := t.Root()
		s, err := NewState(t, nil).Apply(v, nil, []ChildChanges{{ID: []byte("x"), Changes: []Change{{Key: h[:], Value: h[:]}}}}, rec)
		if err != nil {
			f.Fatal(err)
		}
		rec = NewRecorder()
		s.Top().Get(ChildKey([]byte("x")), rec)
		items, err := EncodeCompactFrom(s.Root(), rec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(scale.AppendBytesVec(nil, items), []byte("ab"))
	}
	f.Add(scale.AppendBytesVec(nil, [][]byte{{0x80, 1, 0, 0}, {0x41, 0x0a, 0}}), []byte{0x0a})
	f.Fuzz(func(t *testing.T, data, key []byte) {
		d := scale.NewDecoder(data)
		items := d.BytesVec(1<<12, 1<<16)
		r := compactReader{items: items, set: NewRecorder()}
		root, err := r.trie()
		if err != nil {
			return
		}
		DecodeCompact(items, hashing.Hash{})
		if nodes, err := DecodeCompact(items, root); err == nil {
			// What decodes can be packed again, and means the same.
			packed, err := EncodeCompact(root, nodes)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeCompact(packed, root); err != nil {
				t.Fatal(err)
			}
		}
		exercise(t, root, r.set.Proof(), key)
	})
}

// FuzzProof reads a trie from loose nodes, of which the first is the root.
func FuzzProof(f *testing.F) {
	t := FromPairs(V1, []Pair{{[]byte("a"), []byte("1")}, {[]byte("ab"), make([]byte, 40)}, {[]byte("b"), nil}})
	f.Add(scale.AppendBytesVec(nil, [][]byte{t.root.enc, make([]byte, 40)}), []byte("ab"))
	f.Fuzz(func(t *testing.T, data, key []byte) {
		var p Proof
		scale.Decode(data, &p)
		nodes := scale.NewDecoder(data).BytesVec(1<<12, 1<<16)
		if len(nodes) == 0 {
			return
		}
		exercise(t, hashing.Blake2b256(nodes[0]), nodes, key)
	})
}

func exercise(t *testing.T, root hashing.Hash, nodes [][]byte, key []byte) {
	trie, err := FromProof(root, nodes)
	if err != nil {
		return
	}
	rec := NewRecorder()
	trie.Get(key, rec)
	trie.Has(key, rec)
	trie.ValueHash(key, rec)
	trie.NextKey(key, rec)
	trie.Visit(func(key, _ []byte) bool {
		if ok, err := trie.Has(key, rec); !ok || err != nil {
			t.Fatalf("key %x was met, yet %v %v", key, ok, err)
		}
		return true
	})
	for _, prefix := range [][]byte{nil, key[:len(key)/2], key} {
		it, err := trie.Iter(prefix, key, rec)
		for err == nil {
			var ok bool
			if _, ok, err = it.Next(); !ok {
				break
			}
			it.Value()
		}
	}
	for _, del := range []bool{false, true} {
		next, err := trie.Apply(V1, []Change{{Key: key, Value: []byte("v"), Delete: del}, {Key: append(key[:len(key):len(key)], 1), Delete: true}}, rec)
		if err == nil {
			next.Get(key, nil)
			next.Written(trie, func(hashing.Hash, []byte) {})
		}
	}
	EncodeCompactFrom(root, rec)
	VerifyProof(V1, root, nodes, key, []byte("v"))
}
