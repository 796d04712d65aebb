package host

import (
	"bytes"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"pileus/scale"
	"pileus/trie"
)

// model is storage as a plain map, one per open transaction.
type model []map[string]string

func (m model) top() map[string]string { return m[len(m)-1] }

// TestMemoryAgainstModel compares the overlay with maps that are copied at each transaction.
func TestMemoryAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"aaa", "aab", "aba", "baa", "bab", "cxx", ":extrinsic_index"})
		base := map[string]string{}
		var pairs []trie.Pair
		for _, k := range rapid.SliceOfDistinct(key, rapid.ID).Draw(t, "base") {
			base[k] = "base" + k
			pairs = append(pairs, trie.Pair{Key: []byte(k), Value: []byte(base[k])})
		}
		mem := NewMemory(trie.NewState(trie.FromPairs(trie.V1, pairs), nil), nil)
		m := model{base}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			k := key.Draw(t, "key")
			switch rapid.IntRange(0, 8).Draw(t, "op") {
			case 0:
				v := rapid.StringN(0, 40, 60).Draw(t, "value")
				mem.Set([]byte(k), []byte(v))
				m.top()[k] = v
			case 1:
				mem.Clear([]byte(k))
				delete(m.top(), k)
			case 2:
				mem.Append([]byte(k), []byte("x"))
				m.top()[k] = appended(m.top(), k)
			case 3:
				mem.Begin()
				next := map[string]string{}
				for k, v := range m.top() {
					next[k] = v
				}
				m = append(m, next)
			case 4:
				if len(m) > 1 {
					mem.Commit()
					m[len(m)-2] = m.top()
					m = m[:len(m)-1]
				}
			case 5:
				if len(m) > 1 {
					mem.Rollback()
					m = m[:len(m)-1]
				}
			case 6:
				mem.ClearPrefix([]byte(k[:2]), nil)
				for at := range m.top() {
					if at[:2] == k[:2] {
						delete(m.top(), at)
					}
				}
			}
			want, has := m.top()[k]
			if got, ok := mem.Get([]byte(k)); ok != has || string(got) != want || mem.Exists([]byte(k)) != has {
				t.Fatalf("%q: got %q %v, want %q %v", k, got, ok, want, has)
			}
			wantNext, hasNext := following(m.top(), k)
			if got, ok := mem.NextKey([]byte(k)); ok != hasNext || ok && string(got) != wantNext {
				t.Fatalf("after %q: got %q %v, want %q %v", k, got, ok, wantNext, hasNext)
			}
		}
		var left []trie.Pair
		for k, v := range m.top() {
			left = append(left, trie.Pair{Key: []byte(k), Value: []byte(v)})
		}
		if got, want := mem.Root(trie.V1), trie.RootOf(trie.V1, left); got != want {
			t.Fatalf("root %v, want %v", got, want)
		}
	})
}

func appended(m map[string]string, k string) string {
	d := scale.NewDecoder([]byte(m[k]))
	n := d.CompactU32()
	if _, ok := m[k]; !ok || d.Err() != nil {
		return "\x04x"
	}
	return string(scale.AppendCompact(nil, uint64(n)+1)) + string(d.Rest()) + "x"
}

func following(m map[string]string, k string) (string, bool) {
	var keys []string
	for at := range m {
		if at > k {
			keys = append(keys, at)
		}
	}
	sort.Strings(keys)
	if len(keys) == 0 {
		return "", false
	}
	return keys[0], true
}

// TestMemoryRecords: what is read counts once, and a rollback gives nothing back.
func TestMemoryRecords(t *testing.T) {
	state := trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte("key"), Value: bytes.Repeat([]byte{1}, 100)}}), nil)
	rec := trie.NewRecorder()
	m := NewMemory(state, rec)
	m.Begin()
	m.Get([]byte("key"))
	first := m.ProofSize()
	m.Rollback()
	m.Get([]byte("key"))
	if first == 0 || m.ProofSize() != first {
		t.Fatalf("recorded %d, then %d bytes", first, m.ProofSize())
	}
}
