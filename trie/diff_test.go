package trie

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"pileus/hashing"
)

// TestDiff compares with what a walk over all keys of both tries finds.
func TestDiff(t *testing.T) {
	key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x10, 0x11, 0xff}), 0, 4)
	value := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 7}), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		version := Version(rapid.IntRange(0, 1).Draw(t, "version"))
		var pairs []Pair
		for k, v := range rapid.MapOfN(rapid.Map(key, func(b []byte) string { return string(b) }), value, 0, 20).Draw(t, "pairs") {
			pairs = append(pairs, Pair{[]byte(k), v})
		}
		var changes []Change
		for range rapid.IntRange(0, 10).Draw(t, "n") {
			c := Change{Key: key.Draw(t, "key")}
			if c.Delete = rapid.Bool().Draw(t, "delete"); !c.Delete {
				c.Value = value.Draw(t, "value")
			}
			changes = append(changes, c)
		}
		prefix := key.Draw(t, "prefix")
		base := FromPairs(version, pairs)
		next, err := base.Apply(version, changes, nil)
		if err != nil {
			t.Skip(err)
		}
		want := map[string]string{}
		all := func(a *Trie, side int) {
			a.Visit(func(k, v []byte) bool {
				if bytes.HasPrefix(k, prefix) {
					was, now := "none", "none"
					if x, ok, _ := base.Get(k, nil); ok {
						was = fmt.Sprintf("%x", x)
					}
					if x, ok, _ := next.Get(k, nil); ok {
						now = fmt.Sprintf("%x", x)
					}
					if was != now {
						want[string(k)] = was + " " + now
					}
				}
				return true
			})
		}
		all(base, 0)
		all(next, 1)
		got, last := map[string]string{}, []byte(nil)
		text := func(v []byte) string {
			if v == nil {
				return "none"
			}
			return fmt.Sprintf("%x", v)
		}
		if err := next.Diff(base, prefix, func(k, before, after []byte) bool {
			if len(got) > 0 && bytes.Compare(last, k) >= 0 {
				t.Fatalf("%x after %x", k, last)
			}
			last = k
			got[string(k)] = text(before) + " " + text(after)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
	})
}

func TestMerkleValue(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 40)
	tr := FromPairs(V0, []Pair{{[]byte{0x12, 0x34}, long}, {[]byte{0x12, 0x56, 1}, long}, {[]byte{0x12, 0x56, 2}, []byte{1}}})
	root, ok, err := tr.MerkleValue(nil)
	if !ok || err != nil || !bytes.Equal(root, tr.hash[:]) {
		t.Errorf("root %x %v %v", root, ok, err)
	}
	for _, x := range []struct {
		key  []byte
		size int
	}{{[]byte{0x12}, 32}, {[]byte{0x12, 0x34}, 32}, {[]byte{0x12, 0x56}, 32}, {[]byte{0x12, 0x56, 2}, 3}, {[]byte{0x13}, 0}, {[]byte{0x12, 0x34, 0}, 0}} {
		v, ok, err := tr.MerkleValue(x.key)
		if err != nil || ok != (x.size > 0) || len(v) != x.size {
			t.Errorf("%x: %x %v %v", x.key, v, ok, err)
		}
	}
	// A node's Merkle value is the hash of its encoding.
	v, _, _ := tr.MerkleValue([]byte{0x12, 0x56})
	n := tr.root.child(5)
	if hash := hashing.Blake2b256(n.enc); !bytes.Equal(v, hash[:]) {
		t.Errorf("%x, hash of the node %s", v, hash)
	}
}
