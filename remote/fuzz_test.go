package remote

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pileus/hashing"
	"pileus/internal/fakenode"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// FuzzAnswers gives every decoder the same bytes: errors, no panics, and what is taken
// keeps the limits.
func FuzzAnswers(f *testing.F) {
	h := primitives.Header{Number: 7, Digest: primitives.Digest{primitives.AuraPreDigest(7)}}
	header, _ := json.Marshal(fakenode.HeaderJSON(&h))
	for _, seed := range []string{string(header), `null`, `"0x"`, `"0x1234"`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"id":1,"error":{"code":-32008,"message":"x","data":"y"}}`,
		`{"at":"0x","proof":["0x00","0x80"]}`, `["0x00","0x"]`, `[{"block":"0x","changes":[["0x00","0x11"],["0x01",null]]}]`, `{"specName":"a","stateVersion":1,"apis":[["0xaf2c0297a23e6d3d",16]]}`,
		`{"apis":[[1,"x"]]}`, `[{"changes":[[null,null]]}]`, `{"number":"0xfffffffff"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = parseAnswer(raw, 1)
		_, _, _ = decodeHash(raw)
		_, _, _ = decodeValue(raw)
		if nodes, err := decodeProof(raw); err == nil && len(nodes) > maxNodes {
			t.Error("too many nodes")
		}
		if keys, err := decodeKeys(raw, 3); err == nil && len(keys) > 3 {
			t.Error("too many keys")
		}
		if changes, err := decodeChanges(raw, 3); err == nil && len(changes) > 3 {
			t.Error("too many changes")
		}
		if v, err := decodeVersion(raw); err == nil && (v.layout() > 1 || v.api(apiParachainHost) >= 1<<16) {
			t.Error("version out of range")
		}
		h, ok, err := decodeHeader(raw)
		if err != nil || !ok {
			return
		}
		again, err := json.Marshal(fakenode.HeaderJSON(&h))
		if err != nil {
			t.Fatal(err)
		}
		if back, ok, err := decodeHeader(again); err != nil || !ok || back.Hash() != h.Hash() {
			t.Errorf("a header that was read is written as %s: %v", again, err)
		}
	})
}

// FuzzProof checks proofs of any bytes against a root that none of them has, or that one has.
func FuzzProof(f *testing.F) {
	state := trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte("a"), Value: make([]byte, 40)}, {Key: []byte("ab"), Value: []byte("1")}})
	nodes, _ := trie.ReadProof(state, [][]byte{[]byte("a"), []byte("ab")})
	f.Add(scale.AppendBytesVec(nil, nodes), []byte("a"), byte(0))
	f.Add([]byte{4, 4, 0}, []byte{}, byte(0))
	f.Fuzz(func(t *testing.T, encoded, key []byte, rooted byte) {
		nodes := scale.NewDecoder(encoded).BytesVec(64, 1<<12)
		s := &source{store: &store{mem: map[hashing.Hash][]byte{}}, root: state.Root()}
		if len(nodes) > 0 {
			s.root = hashing.Blake2b256(nodes[int(rooted)%len(nodes)])
		}
		proven, err := s.check(nodes, [][]byte{key})
		if err != nil && len(proven) > 0 {
			t.Error("nodes of a wrong proof")
		}
		for _, n := range proven {
			if hashing.Blake2b256(n.data) != n.hash {
				t.Error("a node under another hash")
			}
		}
	})
}

// FuzzStore opens files of any bytes: it hands out only what has the hash.
func FuzzStore(f *testing.F) {
	good := hashing.Blake2b256([]byte{1, 2})
	f.Add(append(good[:], 2, 0, 0, 0, 1, 2))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "nodes-1"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		for hash := range s.disk {
			if data, ok := s.get(hash); ok && hashing.Blake2b256(data) != hash {
				t.Error("a node under another hash")
			}
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("ws://host:9944@12")
	f.Add("wss://a:b@c/d?e#f@0x00")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.URL + "@" + a.Block); err != nil || again != a {
			t.Errorf("%q: %v, then %v %v", text, a, again, err)
		}
	})
}
