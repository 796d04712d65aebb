package trie

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/scale"
)

// pairsOrBig is a list of pairs, or the name of the list that the file keeps apart.
type pairsOrBig struct{ list []hexPair }

func (p *pairsOrBig) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, &p.list)
	}
	return nil
}

type optionalPair [2]*testdata.Hex

type proofVector struct {
	Name         string
	StateVersion Version `json:"state_version"`
	Pairs        pairsOrBig
	TopPairs     []hexPair `json:"top_pairs"`
	Children     []struct {
		StorageKey testdata.Hex `json:"storage_key"`
		Pairs      []hexPair
	}
	Root       testdata.Hex
	Keys       []testdata.Hex
	Values     []optionalPair
	TopReads   []optionalPair `json:"top_reads"`
	ChildReads []struct {
		StorageKey testdata.Hex `json:"storage_key"`
		Values     []optionalPair
	} `json:"child_reads"`
	Nodes         []testdata.Hex
	ProofScale    testdata.Hex   `json:"proof_scale"`
	CompactNodes  []testdata.Hex `json:"compact_nodes"`
	CompactScale  testdata.Hex   `json:"compact_scale"`
	AfterDecode   any            `json:"nodes_after_compact_decode"`
	RecordedSize  uint64         `json:"recorded_size"`
	RecordedAfter []uint64       `json:"recorded_size_after_each_key"`
}

type proofVectors struct {
	BigPairs   []hexPair     `json:"big_pairs"`
	ReadProofs []proofVector `json:"read_proofs"`
	ChildReads []proofVector `json:"child_read_proofs"`
	ReadChecks []struct {
		Name      string
		Root, Key testdata.Hex
		Nodes     []testdata.Hex
		Outcome   string
		Detail    *string
	} `json:"read_checks"`
	DuplicateCheck []struct {
		Name    string
		Nodes   []testdata.Hex
		Outcome string
	} `json:"duplicate_check"`
	ProofDecoding []struct {
		Name      string
		Bytes     testdata.Hex
		Decodes   bool
		Reencoded testdata.Hex
	} `json:"proof_decoding"`
	CompactChecks []struct {
		Name         string
		Root         testdata.Hex
		CompactNodes []testdata.Hex `json:"compact_nodes"`
		Outcome      string
		Detail       *string
		Nodes        []testdata.Hex
	} `json:"compact_checks"`
}

func readProofVectors(t *testing.T) (v proofVectors) {
	testdata.ReadJSON(t, "vectors/proofs.json", &v)
	if len(v.ReadProofs) == 0 || len(v.ChildReads) == 0 || len(v.ReadChecks) == 0 || len(v.DuplicateCheck) == 0 ||
		len(v.ProofDecoding) == 0 || len(v.CompactChecks) == 0 {
		t.Fatal("a section is empty")
	}
	return v
}

func sameNodes(t *testing.T, what string, got [][]byte, want []testdata.Hex) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d nodes, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%s: node %d is %x, want %x", what, i, got[i], []byte(want[i]))
		}
	}
}

// checkProof compares the proof that rec has with the vector, in every form.
func checkProof(t *testing.T, c *proofVector, rec *Recorder) {
	t.Helper()
	root := hashing.Hash(c.Root)
	sameNodes(t, c.Name, rec.Proof(), c.Nodes)
	if b := Proof(rec.Proof()).EncodeTo(nil); !bytes.Equal(b, c.ProofScale) {
		t.Errorf("%s: proof encodes to %x", c.Name, b)
	}
	if rec.Size() != c.RecordedSize {
		t.Errorf("%s: size %d, want %d", c.Name, rec.Size(), c.RecordedSize)
	}
	if c.CompactScale == nil {
		return // an empty proof has no root to start from
	}
	compact, err := EncodeCompact(root, rec.Proof())
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	sameNodes(t, c.Name+" compact", compact, c.CompactNodes)
	if b := scale.AppendBytesVec(nil, compact); !bytes.Equal(b, c.CompactScale) {
		t.Errorf("%s: compact proof encodes to %x", c.Name, b)
	}
	back, err := DecodeCompact(compact, root)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	if c.AfterDecode != nil && c.AfterDecode != "same" {
		t.Fatalf("%s: unknown %v", c.Name, c.AfterDecode)
	}
	sameNodes(t, c.Name+" decoded", sortedSet(back), c.Nodes)
}

func TestReadProofVectors(t *testing.T) {
	vectors := readProofVectors(t)
	for i := range vectors.ReadProofs {
		c := &vectors.ReadProofs[i]
		pairs := c.Pairs.list
		if pairs == nil {
			pairs = vectors.BigPairs
		}
		full := FromPairs(c.StateVersion, pairsOf(pairs))
		wantHash(t, c.Name, full.Root(), c.Root)
		rec := NewRecorder()
		partial, err := FromProof(full.Root(), byteSlices(c.Nodes))
		if (err == nil) != (len(c.Keys) > 0) {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for j, key := range c.Keys {
			for _, trie := range []*Trie{full, partial} {
				got, ok, err := trie.Get(key, rec)
				if err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
				wantOption(t, c.Name, got, ok, c.Values[j][1])
			}
			if rec.Size() != c.RecordedAfter[j] {
				t.Errorf("%s: size %d after key %d, want %d", c.Name, rec.Size(), j, c.RecordedAfter[j])
			}
		}
		checkProof(t, c, rec)
		proof, err := ReadProof(full, byteSlices(c.Keys))
		if err != nil {
			t.Fatal(err)
		}
		sameNodes(t, c.Name, proof, c.Nodes)
	}
}

func TestChildReadProofVectors(t *testing.T) {
	vectors := readProofVectors(t)
	for i := range vectors.ChildReads {
		c := &vectors.ChildReads[i]
		var children []ChildChanges
		for _, ch := range c.Children {
			children = append(children, ChildChanges{ch.StorageKey, setAll(ch.Pairs)})
		}
		full, err := NewState(New(), nil).Apply(c.StateVersion, setAll(c.TopPairs), children, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantHash(t, c.Name, full.Root(), c.Root)
		partial, err := StateFromProof(full.Root(), byteSlices(c.Nodes))
		if err != nil {
			t.Fatal(err)
		}
		rec := NewRecorder()
		for _, s := range []*State{full, partial} {
			for _, r := range c.TopReads {
				got, ok, err := s.Top().Get(*r[0], rec)
				if err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
				wantOption(t, c.Name, got, ok, r[1])
			}
			for _, ch := range c.ChildReads {
				child, err := s.Child(ch.StorageKey, rec)
				if err != nil || child == nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
				for _, r := range ch.Values {
					got, ok, err := child.Get(*r[0], rec)
					if err != nil {
						t.Fatalf("%s: %v", c.Name, err)
					}
					wantOption(t, c.Name, got, ok, r[1])
				}
			}
		}
		checkProof(t, c, rec)
	}
}

func TestReadCheckVectors(t *testing.T) {
	for _, c := range readProofVectors(t).ReadChecks {
		trie, err := FromProof(hashing.Hash(c.Root), byteSlices(c.Nodes))
		outcome := "root node not in proof"
		var value []byte
		var ok bool
		if err == nil {
			value, ok, err = trie.Get(c.Key, nil)
			switch {
			case err == nil:
				outcome = "accepted"
			case isMissing(err):
				outcome = "node missing"
			case errors.Is(err, ErrNode):
				outcome = "node does not decode"
			default:
				outcome = err.Error()
			}
		}
		if outcome != c.Outcome {
			t.Errorf("%s: %s (%v), want %s", c.Name, outcome, err, c.Outcome)
		}
		if outcome == "accepted" {
			var want *testdata.Hex
			if c.Detail != nil {
				want = new(testdata.Hex)
				if err := want.UnmarshalText([]byte(*c.Detail)); err != nil {
					t.Fatal(err)
				}
			}
			wantOption(t, c.Name, value, ok, want)
		}
	}
}

func TestProofDecodingVectors(t *testing.T) {
	vectors := readProofVectors(t)
	for _, c := range vectors.DuplicateCheck {
		err := CheckDistinct(byteSlices(c.Nodes))
		if (c.Outcome == "accepted") != (err == nil) || err != nil && !errors.Is(err, ErrDuplicateNodes) {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	for _, c := range vectors.ProofDecoding {
		var p Proof
		if err := scale.Decode(c.Bytes, &p); (err == nil) != c.Decodes {
			t.Errorf("%s: %v", c.Name, err)
		}
		if b := scale.Encode(p); !bytes.Equal(b, c.Reencoded) {
			t.Errorf("%s: encodes to %x", c.Name, b)
		}
	}
}

func TestCompactCheckVectors(t *testing.T) {
	for _, c := range readProofVectors(t).CompactChecks {
		nodes, err := DecodeCompact(byteSlices(c.CompactNodes), hashing.Hash(c.Root))
		var want error
		switch c.Outcome {
		case "accepted":
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
			sameNodes(t, c.Name, sortedSet(nodes), c.Nodes)
			continue
		case "RootMismatch":
			want = ErrRootMismatch
		case "ExtraneousChildNode":
			want = ErrExtraneousNode
		case "TrieError":
			if want = ErrNode; bytes.HasPrefix([]byte(*c.Detail), []byte("Trie error: IncompleteDatabase")) {
				want = ErrIncompleteProof
			}
		default:
			t.Fatalf("unknown outcome %s", c.Outcome)
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", c.Name, err, want)
		}
	}
}
