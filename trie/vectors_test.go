package trie

import (
	"bytes"
	"encoding/json"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
)

type hexPair [2]testdata.Hex

type nodeEntry struct{ Hash, Data testdata.Hex }

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

var trieVectors struct {
	EmptyRoot testdata.Hex `json:"empty_root"`
	Roots     []struct {
		Name    string
		Pairs   []hexPair
		RootV0  testdata.Hex    `json:"root_v0"`
		RootV1  testdata.Hex    `json:"root_v1"`
		NodesV0 json.RawMessage `json:"nodes_v0"`
		NodesV1 json.RawMessage `json:"nodes_v1"`
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

func TestRootVectors(t *testing.T) {
	testdata.ReadJSON(t, "vectors/trie.json", &trieVectors)
	wantHash(t, "empty", New().Root(), trieVectors.EmptyRoot)
	for _, c := range trieVectors.Roots {
		wantHash(t, c.Name+" V0", RootOf(V0, pairsOf(c.Pairs)), c.RootV0)
		wantHash(t, c.Name+" V1", RootOf(V1, pairsOf(c.Pairs)), c.RootV1)
	}
	for _, c := range trieVectors.OrderedRoots {
		items := make([][]byte, len(c.Items))
		for i := range items {
			items[i] = c.Items[i]
		}
		wantHash(t, c.Name+" V0", OrderedRoot(V0, items), c.RootV0)
		wantHash(t, c.Name+" V1", OrderedRoot(V1, items), c.RootV1)
	}
}
