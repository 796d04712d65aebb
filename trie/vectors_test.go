package trie

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
)

type hexPair [2]testdata.Hex

type nodeEntry struct {
	Kind       string
	Hash, Data testdata.Hex
}

func pairsOf(list []hexPair) []Pair {
	out := make([]Pair, len(list))
	for i, p := range list {
		out[i] = Pair{p[0], p[1]}
	}
	return out
}

func wantHash(t *testing.T, what string, got hashing.Hash, want testdata.Hex) {
	t.Helper()
	if !bytes.Equal(got[:], want) {
		t.Errorf("%s: %s, want %x", what, got, []byte(want))
	}
}

type trieVectors struct {
	EmptyRoot testdata.Hex `json:"empty_root"`
	Roots     []struct {
		Name    string
		Pairs   []hexPair
		RootV0  testdata.Hex `json:"root_v0"`
		RootV1  testdata.Hex `json:"root_v1"`
		NodesV0 []nodeEntry  `json:"nodes_v0"`
		NodesV1 []nodeEntry  `json:"nodes_v1"`
	}
	Lookups []struct {
		Name    string
		Pairs   []hexPair
		RootV0  testdata.Hex `json:"root_v0"`
		RootV1  testdata.Hex `json:"root_v1"`
		Queries []struct {
			Key       testdata.Hex
			Value     *testdata.Hex
			ValueHash *testdata.Hex `json:"value_hash"`
			NextKey   *testdata.Hex `json:"next_key"`
		}
	}
	OrderedRoots []struct {
		Name   string
		Items  []testdata.Hex
		RootV0 testdata.Hex `json:"root_v0"`
		RootV1 testdata.Hex `json:"root_v1"`
	} `json:"ordered_roots"`
	Mutations []struct {
		Name  string
		Steps []struct {
			Op     string
			Key    testdata.Hex
			Value  testdata.Hex
			RootV0 testdata.Hex `json:"root_v0"`
			RootV1 testdata.Hex `json:"root_v1"`
		}
	}
	MixedVersions []struct {
		Name   string
		Pairs  []hexPair
		Before testdata.Hex `json:"root_v0_before"`
		Steps  []struct {
			Op    string
			Key   testdata.Hex
			Value testdata.Hex
			Root  testdata.Hex
		}
	} `json:"mixed_versions"`
	ChildTries []struct {
		Name        string
		StorageKey  testdata.Hex `json:"storage_key"`
		PrefixedKey testdata.Hex `json:"prefixed_storage_key"`
		ChildPairs  []hexPair    `json:"child_pairs"`
		TopPairs    []hexPair    `json:"top_pairs"`
		ChildRootV0 testdata.Hex `json:"child_root_v0"`
		ChildRootV1 testdata.Hex `json:"child_root_v1"`
		StateRootV0 testdata.Hex `json:"state_root_v0"`
		StateRootV1 testdata.Hex `json:"state_root_v1"`
	} `json:"child_tries"`
}

func readTrieVectors(t *testing.T) (v trieVectors) {
	testdata.ReadJSON(t, "vectors/trie.json", &v)
	if len(v.Roots) == 0 || len(v.Lookups) == 0 || len(v.OrderedRoots) == 0 || len(v.Mutations) == 0 ||
		len(v.MixedVersions) == 0 || len(v.ChildTries) == 0 {
		t.Fatal("a section is empty")
	}
	return v
}

func TestRootVectors(t *testing.T) {
	vectors := readTrieVectors(t)
	wantHash(t, "empty", New().Root(), vectors.EmptyRoot)
	for _, c := range vectors.Roots {
		for v, want := range []struct {
			root  testdata.Hex
			nodes []nodeEntry
		}{{c.RootV0, c.NodesV0}, {c.RootV1, c.NodesV1}} {
			got := FromPairs(Version(v), pairsOf(c.Pairs))
			wantHash(t, c.Name, got.Root(), want.root)
			if len(want.nodes) == 0 {
				continue
			}
			entries := map[hashing.Hash]string{}
			got.Written(New(), func(h hashing.Hash, data []byte) { entries[h] = string(data) })
			for _, n := range want.nodes {
				if entries[hashing.Hash(n.Hash)] != string(n.Data) {
					t.Errorf("%s V%d: %s %x is missing or differs", c.Name, v, n.Kind, []byte(n.Hash))
				}
				delete(entries, hashing.Hash(n.Hash))
			}
			if len(entries) > 0 {
				t.Errorf("%s V%d: %d nodes too many", c.Name, v, len(entries))
			}
		}
	}
	for _, c := range vectors.OrderedRoots {
		items := byteSlices(c.Items)
		wantHash(t, c.Name+" V0", OrderedRoot(V0, items), c.RootV0)
		wantHash(t, c.Name+" V1", OrderedRoot(V1, items), c.RootV1)
	}
}

func byteSlices(list []testdata.Hex) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

func wantOption(t *testing.T, what string, got []byte, ok bool, want *testdata.Hex) {
	t.Helper()
	if ok != (want != nil) || ok && !bytes.Equal(got, *want) {
		t.Errorf("%s: %x %v, want %v", what, got, ok, want)
	}
}

func TestLookupVectors(t *testing.T) {
	for _, c := range readTrieVectors(t).Lookups {
		for v := V0; v <= V1; v++ {
			trie := FromPairs(v, pairsOf(c.Pairs))
			for _, q := range c.Queries {
				what := fmt.Sprintf("%s V%d key %x", c.Name, v, []byte(q.Key))
				value, ok, err := trie.Get(q.Key, nil)
				wantOption(t, what, value, ok, q.Value)
				h, ok, err2 := trie.ValueHash(q.Key, nil)
				wantOption(t, what+" hash", h[:], ok, q.ValueHash)
				next, ok, err3 := trie.NextKey(q.Key, nil)
				wantOption(t, what+" next", next, ok, q.NextKey)
				if err := errors.Join(err, err2, err3); err != nil {
					t.Error(what, err)
				}
			}
		}
	}
}

func TestMutationVectors(t *testing.T) {
	vectors := readTrieVectors(t)
	step := func(trie *Trie, v Version, op string, key, value []byte) *Trie {
		next, err := trie.Apply(v, []Change{{Key: key, Value: value, Delete: op == "remove"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for _, c := range vectors.Mutations {
		v0, v1 := New(), New()
		for i, s := range c.Steps {
			v0, v1 = step(v0, V0, s.Op, s.Key, s.Value), step(v1, V1, s.Op, s.Key, s.Value)
			wantHash(t, fmt.Sprint(c.Name, " V0 step ", i), v0.Root(), s.RootV0)
			wantHash(t, fmt.Sprint(c.Name, " V1 step ", i), v1.Root(), s.RootV1)
		}
	}
	for _, c := range vectors.MixedVersions {
		trie := FromPairs(V0, pairsOf(c.Pairs))
		wantHash(t, c.Name, trie.Root(), c.Before)
		for i, s := range c.Steps {
			trie = step(trie, V1, s.Op, s.Key, s.Value)
			wantHash(t, fmt.Sprint(c.Name, " step ", i), trie.Root(), s.Root)
		}
	}
}

func TestChildTrieVectors(t *testing.T) {
	for _, c := range readTrieVectors(t).ChildTries {
		if !bytes.Equal(ChildKey(c.StorageKey), c.PrefixedKey) {
			t.Errorf("%s: child key %x", c.Name, ChildKey(c.StorageKey))
		}
		for v, want := range [][2]testdata.Hex{{c.ChildRootV0, c.StateRootV0}, {c.ChildRootV1, c.StateRootV1}} {
			s, err := NewState(New(), nil).Apply(Version(v), setAll(c.TopPairs),
				[]ChildChanges{{ID: c.StorageKey, Changes: setAll(c.ChildPairs)}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantHash(t, c.Name+" state", s.Root(), want[1])
			child, err := s.Child(c.StorageKey, nil)
			switch {
			case err != nil:
				t.Error(err)
			case child == nil:
				wantHash(t, c.Name+" child", EmptyRoot, want[0])
			default:
				wantHash(t, c.Name+" child", child.Root(), want[0])
			}
		}
	}
}

func setAll(pairs []hexPair) []Change {
	out := make([]Change, len(pairs))
	for i, p := range pairs {
		out[i] = Change{Key: p[0], Value: p[1]}
	}
	return out
}
