package trie

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"pileus/hashing"
	"pileus/scale"
)

// model is what a trie should hold: by key the value and whether it is stored apart.
type model map[string]modelValue

type modelValue struct {
	value  string
	hashed bool
}

func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

func (m model) apply(v Version, changes []Change) {
	for _, c := range changes {
		if c.Delete {
			delete(m, string(c.Key))
		} else {
			m[string(c.Key)] = modelValue{string(c.Value), v == V1 && len(c.Value) >= 33}
		}
	}
}

// root builds the trie anew by a plain recursion over the sorted keys.
func (m model) root() hashing.Hash {
	if len(m) == 0 {
		return EmptyRoot
	}
	return hashing.Blake2b256(m.node(m.keys(), 0))
}

// node encodes the node of keys that agree in the first depth nibbles.
func (m model) node(keys []string, depth int) []byte {
	nibbles := func(k string) []byte { return appendNibbles(nil, []byte(k)) }
	first, last := nibbles(keys[0]), nibbles(keys[len(keys)-1])
	end := depth
	for end < len(first) && end < len(last) && first[end] == last[end] {
		end++
	}
	var own *modelValue
	if len(first) == end {
		v := m[keys[0]]
		own, keys = &v, keys[1:]
	}
	kind := noValue
	if own != nil && own.hashed {
		kind = hashedValueKind
	} else if own != nil {
		kind = inlineValue
	}
	b := appendPartial(appendHeader(nil, len(keys) > 0, kind, end-depth), first[depth:end])
	var bitmap uint16
	var kids []byte
	for i := 0; i < len(keys); {
		nib, j := nibbles(keys[i])[end], i
		for j < len(keys) && nibbles(keys[j])[end] == nib {
			j++
		}
		kid := m.node(keys[i:j], end+1)
		if len(kid) >= 32 {
			h := hashing.Blake2b256(kid)
			kid = h[:]
		}
		bitmap |= 1 << nib
		kids = scale.AppendBytes(kids, kid)
		i = j
	}
	if bitmap != 0 {
		b = scale.AppendU16(b, bitmap)
	}
	if kind == hashedValueKind {
		h := hashing.Blake2b256([]byte(own.value))
		b = append(b, h[:]...)
	} else if kind == inlineValue {
		b = scale.AppendBytes(b, []byte(own.value))
	}
	return append(b, kids...)
}

// defect tells whether clearing key runs into [ErrUpstreamDefect].
func (m model) defect(key string) bool {
	if _, have := m[key]; have {
		return false
	}
	within := func(k, prefix string) bool { return len(k) > len(prefix) && k[:len(prefix)] == prefix }
	for s := range m {
		if !within(s, key) {
			continue
		}
		for l := range m {
			if within(l, s) {
				return true
			}
		}
	}
	return false
}

var anyKey = rapid.OneOf(
	rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x10, 0x11, 0xff}), 0, 5),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3), func(b []byte) []byte { return append([]byte("pallet-"), b...) }),
	rapid.Map(rapid.Byte(), func(b byte) []byte { return append(bytes.Repeat([]byte{7}, 40), b) }),
)

var anyValue = rapid.Map(rapid.SampledFrom([]int{0, 1, 20, 31, 32, 33, 64, 70}), func(n int) []byte { return bytes.Repeat([]byte{9}, n) })

// anyChanges draws changes that m allows, sorted, and makes them in m.
func anyChanges(t *rapid.T, v Version, m model, max int) []Change {
	drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Change {
		c := Change{Key: anyKey.Draw(t, "key"), Delete: rapid.Bool().Draw(t, "delete")}
		if keys := m.keys(); len(keys) > 0 && rapid.Bool().Draw(t, "present") {
			c.Key = []byte(rapid.SampledFrom(keys).Draw(t, "of"))
		}
		if !c.Delete {
			c.Value = anyValue.Draw(t, "value")
		}
		return c
	}), 0, max).Draw(t, "changes")
	slices.SortStableFunc(drawn, func(a, b Change) int { return bytes.Compare(a.Key, b.Key) })
	var changes []Change
	for _, c := range drawn {
		if !c.Delete || !m.defect(string(c.Key)) {
			changes = append(changes, c)
			m.apply(v, []Change{c})
		}
	}
	return changes
}

func anyVersion(t *rapid.T) Version { return Version(rapid.IntRange(0, 1).Draw(t, "version")) }

// TestTrieIsAMap: whatever the changes and layouts, every version of the trie holds what
// a map holds, under the root of a trie built anew, and stays so when others grow from it.
func TestTrieIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			trie *Trie
			want model
		}
		versions := []version{{New(), model{}}}
		for range rapid.IntRange(1, 5).Draw(t, "blocks") {
			base := rapid.SampledFrom(versions).Draw(t, "base")
			v, m := anyVersion(t), maps.Clone(base.want)
			next, err := base.trie.Apply(v, anyChanges(t, v, m, 12), nil)
			if err != nil {
				t.Fatal(err)
			}
			versions = append(versions, version{next, m})
		}
		probes := rapid.SliceOfN(anyKey, 1, 5).Draw(t, "probes")
		for _, ver := range versions {
			checkContents(t, ver.trie, ver.want, probes)
			if got := ver.trie.Root(); got != ver.want.root() {
				t.Fatalf("root %s, want %s", got, ver.want.root())
			}
		}
	})
}

func checkContents(t *rapid.T, trie *Trie, want model, probes [][]byte) {
	keys := want.keys()
	i := 0
	err := trie.Visit(func(key, value []byte) bool {
		if i >= len(keys) || string(key) != keys[i] || string(value) != want[keys[i]].value {
			t.Fatalf("key %d is %x: %x", i, key, value)
		}
		i++
		return true
	})
	if err != nil || i != len(keys) {
		t.Fatalf("%d of %d keys, %v", i, len(keys), err)
	}
	for _, key := range probes {
		got, ok, err := trie.Get(key, nil)
		has, err2 := trie.Has(key, nil)
		w, have := want[string(key)]
		if ok != have || has != have || string(got) != w.value || err != nil || err2 != nil {
			t.Fatalf("get %x: %x %v %v %v", key, got, ok, err, err2)
		}
		at, found := slices.BinarySearch(keys, string(key))
		if found {
			at++
		}
		next, ok, err := trie.NextKey(key, nil)
		if ok != (at < len(keys)) || ok && string(next) != keys[at] || err != nil {
			t.Fatalf("next of %x: %x %v %v", key, next, ok, err)
		}
		it, err := trie.Iter(key, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if !bytes.HasPrefix([]byte(k), key) {
				continue
			}
			if got, ok, err := it.Next(); !ok || string(got) != k || err != nil {
				t.Fatalf("under %x: %x %v %v, want %x", key, got, ok, err, k)
			}
		}
		if got, ok, _ := it.Next(); ok {
			t.Fatalf("under %x: surplus %x", key, got)
		}
	}
}

// read is one read of a block; it returns what was read, for comparison.
type read struct {
	kind int
	key  []byte
}

func (r read) do(t *Trie, rec *Recorder) (string, error) {
	switch r.kind {
	case 0:
		v, ok, err := t.Get(r.key, rec)
		return fmt.Sprintf("%x %v", v, ok), err
	case 1:
		ok, err := t.Has(r.key, rec)
		return fmt.Sprint(ok), err
	case 2:
		k, ok, err := t.NextKey(r.key, rec)
		return fmt.Sprintf("%x %v", k, ok), err
	default:
		it, err := t.Iter(r.key[:len(r.key)/2], nil, rec)
		if err != nil {
			return "", err
		}
		var keys []byte
		for range 3 {
			k, _, err := it.Next()
			if err != nil {
				return "", err
			}
			keys = append(keys, k...)
		}
		return fmt.Sprintf("%x", keys), nil
	}
}

// TestProofRepeatsTheBlock: reads and changes recorded on the whole trie can be repeated
// on nothing but the recorded nodes, with the same answers, root and recorded size; and
// without any single one of the nodes they cannot.
func TestProofRepeatsTheBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{}
		v := anyVersion(t)
		trie, err := New().Apply(v, anyChanges(t, v, m, 25), nil)
		if err != nil {
			t.Fatal(err)
		}
		reads := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) read {
			return read{rapid.IntRange(0, 3).Draw(t, "kind"), anyKey.Draw(t, "key")}
		}), 0, 6).Draw(t, "reads")
		v = anyVersion(t)
		changes := anyChanges(t, v, m, 8)

		block := func(trie *Trie) (answers []string, root hashing.Hash, rec *Recorder, err error) {
			rec = NewRecorder()
			for _, r := range reads {
				a, err := r.do(trie, rec)
				if err != nil {
					return nil, root, rec, err
				}
				answers = append(answers, a)
			}
			next, err := trie.Apply(v, changes, rec)
			if err != nil {
				return nil, root, rec, err
			}
			return answers, next.Root(), rec, nil
		}
		answers, root, rec, err := block(trie)
		if err != nil {
			t.Fatal(err)
		}
		proof := rec.Proof()
		if len(proof) == 0 {
			return
		}
		partial, err := FromProof(trie.Root(), proof)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time on nodes that are loaded already
			answers2, root2, rec2, err := block(partial)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(answers, answers2) || root != root2 || rec.Size() != rec2.Size() || rec.Len() != rec2.Len() {
				t.Fatalf("repeated: %v %s %d, want %v %s %d", answers2, root2, rec2.Size(), answers, root, rec.Size())
			}
		}
		for i := range proof {
			if len(proof[i]) == 1 && proof[i][0] == 0 {
				continue // the empty node is always there
			}
			short, err := FromProof(trie.Root(), slices.Delete(slices.Clone(proof), i, i+1))
			if err == nil {
				_, _, _, err = block(short)
			}
			if !isMissing(err) {
				t.Fatalf("without node %d: %v", i, err)
			}
		}
		compact, err := EncodeCompactFrom(trie.Root(), rec)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeCompact(compact, trie.Root())
		if err != nil {
			t.Fatal(err)
		}
		// An empty node that was met on the way is no part of the trie.
		want := slices.DeleteFunc(proof, func(n []byte) bool { return len(n) == 1 && n[0] == 0 })
		if !slices.EqualFunc(sortedSet(back), want, bytes.Equal) {
			t.Fatalf("compact proof lost or gained nodes: %x, want %x", back, want)
		}
	})
}

func TestRecorderRollback(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pairs []Pair
		for i := range 300 {
			h := hashing.Blake2b256([]byte{byte(i), byte(i >> 8)})
			pairs = append(pairs, Pair{h[:8], append(h[:], h[:rapid.IntRange(0, 9).Draw(t, "n")]...)})
		}
		trie := FromPairs(V1, pairs)
		touch := func(rec *Recorder, from, n int) {
			for _, p := range pairs[from : from+n] {
				if _, _, err := trie.Get(p.Key, rec); err != nil {
					t.Fatal(err)
				}
			}
		}
		n := rapid.IntRange(0, 150).Draw(t, "before")
		want, got := NewRecorder(), NewRecorder()
		touch(want, 0, n)
		touch(got, 0, n)
		mark := got.Checkpoint()
		touch(got, 100, rapid.IntRange(0, 150).Draw(t, "dropped"))
		if clone := got.Clone(); clone.Size() != got.Size() || clone.Len() != got.Len() {
			t.Fatal("clone differs")
		}
		got.Rollback(mark)
		for _, again := range []int{0, 50} {
			touch(want, 140, again)
			touch(got, 140, again)
			if got.Size() != want.Size() || !slices.EqualFunc(got.Proof(), want.Proof(), bytes.Equal) {
				t.Fatalf("size %d, want %d", got.Size(), want.Size())
			}
		}
		rest := NewRecorder()
		rest.Ignore(want.Hashes()...)
		touch(rest, 0, n)
		touch(rest, 140, 50)
		if rest.Len() != 0 || rest.Size() != 0 {
			t.Fatalf("%d ignored nodes recorded", rest.Len())
		}
	})
}

// TestUpstreamDefect: the one change that the reference gets wrong is refused, its
// neighbours are not.
func TestUpstreamDefect(t *testing.T) {
	trie := FromPairs(V1, []Pair{{[]byte{0x11}, nil}, {[]byte{0x10, 0x34}, []byte("1")}, {[]byte{0x10, 0x34, 0x56}, []byte("2")}})
	for _, c := range []struct {
		key    []byte
		defect bool
	}{
		{nil, false},                // ends above the root, which has no value
		{[]byte{0x10}, true},        // ends on the edge to the branch 1034
		{[]byte{0x10, 0x34}, false}, // is there
		{[]byte{0x12}, false},
		{[]byte{0x10, 0x30}, false},
	} {
		_, err := trie.Apply(V1, []Change{{Key: c.key, Delete: true}}, nil)
		if errors.Is(err, ErrUpstreamDefect) != c.defect || err != nil && !c.defect {
			t.Errorf("clearing %x: %v", c.key, err)
		}
	}
}

// TestConcurrentReaders is for the race detector.
func TestConcurrentReaders(t *testing.T) {
	var pairs []Pair
	for i := range 500 {
		h := hashing.Blake2b256([]byte{byte(i), byte(i >> 8)})
		pairs = append(pairs, Pair{h[:], append(h[:], h[:]...)})
	}
	full := FromPairs(V1, pairs)
	store := NodeSet{}
	full.Written(New(), func(h hashing.Hash, data []byte) { store[h] = data })
	lazy := FromSource(full.Root(), store)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rec := NewRecorder()
			for i := range pairs {
				p := pairs[(i+60*g)%len(pairs)]
				if v, ok, err := lazy.Get(p.Key, rec); !ok || err != nil || !bytes.Equal(v, p.Value) {
					t.Errorf("get: %v %v", ok, err)
				}
			}
			next, err := lazy.Apply(V1, []Change{{Key: pairs[g].Key, Delete: true}}, rec)
			if err != nil || next.Root() == lazy.Root() {
				t.Errorf("apply: %v", err)
			}
			if rec.Len() != len(store) {
				t.Errorf("%d entries recorded of %d", rec.Len(), len(store))
			}
		})
	}
	wg.Wait()
}
