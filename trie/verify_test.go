package trie

import (
	"encoding/json"
	"os"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
)

// TestVerifyProofLikeTheReference: testdata/verify.json holds tries with both hashes and
// layouts, proofs made by the released crate, altered ones, and its verdict on each.
func TestVerifyProofLikeTheReference(t *testing.T) {
	var all struct {
		Cases []struct {
			Layout      string
			Pairs       []hexPair
			Root        testdata.Hex
			OrderedRoot testdata.Hex `json:"ordered_root"`
			Checks      []struct {
				What       string
				Root       testdata.Hex
				Proof      []testdata.Hex
				Key, Value testdata.Hex
				OK         bool
			}
		}
	}
	file, err := os.ReadFile("testdata/verify.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	good := 0
	for i, c := range all.Cases {
		v := V0
		if c.Layout[len(c.Layout)-1] == '1' {
			v = V1
		}
		root, ordered, verify := RootOf, OrderedRoot, VerifyProof
		if c.Layout[0] == 'k' {
			root, ordered, verify = RootOfKeccak, OrderedRootKeccak, VerifyProofKeccak
		}
		pairs := pairsOf(c.Pairs)
		items := make([][]byte, len(pairs))
		for j, p := range pairs {
			items[j] = p.Value
		}
		wantHash(t, c.Layout, root(v, pairs), c.Root)
		wantHash(t, c.Layout+" ordered", ordered(v, items), c.OrderedRoot)
		for _, ch := range c.Checks {
			if got := verify(v, hashing.Hash(ch.Root), byteSlices(ch.Proof), ch.Key, ch.Value); got != ch.OK {
				t.Errorf("case %d %s, %s: %v", i, c.Layout, ch.What, got)
			}
			if ch.OK {
				good++
			}
		}
	}
	if good < 10 {
		t.Errorf("only %d good proofs", good)
	}
}

// TestVerifyProofUncut: a value that still stands in its node proves nothing, although
// the node hashes to the root.
func TestVerifyProofUncut(t *testing.T) {
	leaf := FromPairs(V0, []Pair{{[]byte("key"), []byte("value")}})
	cut := []byte{0x46, 'k', 'e', 'y', 0}
	if !VerifyProof(V0, leaf.Root(), [][]byte{cut}, []byte("key"), []byte("value")) {
		t.Error("good proof refused")
	}
	if VerifyProof(V0, leaf.Root(), [][]byte{leaf.root.enc}, []byte("key"), []byte("value")) {
		t.Error("uncut value accepted")
	}
}
