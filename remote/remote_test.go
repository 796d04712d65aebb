package remote

import (
	"bytes"
	"errors"
	"testing"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/fakenode"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/trie"
)

// realNode is a node whose state is the genesis of a real chain, at block 4711, with a
// child trie besides.
func realNode(t testing.TB) *fakenode.Node {
	t.Helper()
	spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/coretime-polkadot.json"))
	if err != nil {
		t.Fatal(err)
	}
	raw := *spec.Genesis.Raw
	raw.Children = map[string]map[string][]byte{"child": {"a": []byte("1"), "ab": bytes.Repeat([]byte{7}, 100), "b": []byte("2")}}
	return serve(t, raw.State(trie.V1))
}

func serve(t testing.TB, state *trie.State) *fakenode.Node {
	header := primitives.Header{ParentHash: hashing.Blake2b256([]byte("parent")), Number: 4711, StateRoot: state.Root(), ExtrinsicsRoot: trie.EmptyRoot,
		Digest: primitives.Digest{primitives.AuraPreDigest(7)}}
	return fakenode.Start(t, &fakenode.Node{Name: "Fake", Genesis: hashing.Blake2b256([]byte("genesis")), Header: header, State: state})
}

func open(t *testing.T, address string, o Options) *Chain {
	t.Helper()
	c, err := Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// everything lists a state, child tries included.
func everything(t *testing.T, s *trie.State) map[string]string {
	t.Helper()
	all := map[string]string{}
	visit := func(prefix string, tr *trie.Trie) {
		if err := tr.Visit(func(k, v []byte) bool { all[prefix+string(k)] = string(v); return true }); err != nil {
			t.Fatal(err)
		}
	}
	visit("", s.Top())
	ids, err := s.ChildIDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		child, err := s.Child(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		visit("child "+string(id)+" ", child)
	}
	return all
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d pairs, not %d", len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Fatalf("key %x is wrong", k)
		}
	}
}

func TestStateIsReadAsItIs(t *testing.T) {
	for name, address := range map[string]func(*fakenode.Node) string{"WebSocket": (*fakenode.Node).WS, "HTTP": (*fakenode.Node).HTTP} {
		t.Run(name, func(t *testing.T) {
			n := realNode(t)
			c := open(t, address(n), Options{})
			if c.Hash != n.Header.Hash() || c.Genesis != n.Genesis || c.Name != "Fake" || len(c.Notes) > 0 {
				t.Fatalf("%+v", c)
			}
			same(t, everything(t, c.State), everything(t, n.State))
			t.Logf("%d keys in %d requests", len(everything(t, n.State)), n.Calls(""))
			if n.Calls("") > 30 {
				t.Errorf("%d requests", n.Calls(""))
			}
		})
	}
}

// TestOnlyWhatIsReadIsFetched reads one key, absent ones and one behind them.
func TestOnlyWhatIsReadIsFetched(t *testing.T) {
	n := realNode(t)
	c := open(t, n.WS(), Options{})
	before := n.Calls("")
	for _, key := range [][]byte{keyParaID, append(bytes.Clone(keyParaID), 1), keyParaID[:20], []byte("absent")} {
		want, present, _ := n.State.Top().Get(key, nil)
		got, ok, err := c.State.Top().Get(key, nil)
		if err != nil || ok != present || !bytes.Equal(got, want) {
			t.Fatalf("%x: %x %v %v", key, got, ok, err)
		}
	}
	if asked := n.Calls("") - before; asked > 2 {
		t.Errorf("%d requests", asked)
	}
}

// TestChangesHaveTheSameRoot applies changes, deletions that merge nodes among them, to
// the state as it is fetched and to the whole one.
func TestChangesHaveTheSameRoot(t *testing.T) {
	n := realNode(t)
	var keys [][]byte
	if err := n.State.Top().Visit(func(k, _ []byte) bool { keys = append(keys, bytes.Clone(k)); return true }); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		c, err := Open(t.Context(), n.WS(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		changes := []trie.Change{{Key: keys[i], Delete: true}, {Key: keys[(i*7+1)%len(keys)], Value: []byte("new")}, {Key: append(bytes.Clone(keys[i]), byte(i)), Value: bytes.Repeat([]byte{1}, 40)}}
		children := []trie.ChildChanges{{ID: []byte("child"), Changes: []trie.Change{{Key: []byte("ab"), Delete: true}, {Key: []byte("c"), Value: []byte("3")}}}}
		got, err := c.State.Apply(trie.V1, changes, children, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := n.State.Apply(trie.V1, changes, children, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Root() != want.Root() {
			t.Fatalf("key %x: another root", keys[i])
		}
		c.Close()
	}
}

func TestNodeWithoutProofs(t *testing.T) {
	n := realNode(t)
	n.Without = []string{"state_getReadProof", "state_getChildReadProof"}
	c := open(t, n.WS(), Options{})
	same(t, everything(t, c.State), everything(t, n.State))
	if len(c.Notes) > 0 || c.State.Root() != n.Header.StateRoot {
		t.Errorf("not verified: %q", c.Notes)
	}
	n.State, _ = n.State.Apply(trie.V1, []trie.Change{{Key: []byte("more"), Value: []byte("1")}}, nil, nil)
	wrong := open(t, n.WS(), Options{})
	if len(wrong.Notes) != 1 {
		t.Errorf("a state with another root: %q", wrong.Notes)
	}
}

func TestStateIsKept(t *testing.T) {
	for name, without := range map[string][]string{"proofs": nil, "loaded": {"state_getReadProof", "state_getChildReadProof"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			n := realNode(t)
			n.Without = without
			first := open(t, n.WS(), Options{CacheDir: dir})
			want := everything(t, first.State)
			first.Close()

			second := open(t, n.WS(), Options{CacheDir: dir})
			before := n.Calls("state_getReadProof")
			same(t, everything(t, second.State), want)
			if asked := n.Calls("state_getReadProof") - before; asked > 0 {
				t.Errorf("%d proofs were fetched again", asked)
			}
			second.Close()

			n.Stop()
			slow := Options{CacheDir: dir}
			third := open(t, n.WS()+"@4711", slow)
			same(t, everything(t, third.State), want)
			if len(third.Notes) != 1 {
				t.Errorf("notes: %q", third.Notes)
			}
			_, err := Open(t.Context(), n.WS(), slow)
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("finalized without a node: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestWhatIsLackingIsNamed(t *testing.T) {
	dir := t.TempDir()
	n := realNode(t)
	c := open(t, n.WS(), Options{CacheDir: dir})
	if _, _, err := c.State.Top().Get(keyParaID, nil); err != nil {
		t.Fatal(err)
	}
	n.Stop()
	if _, ok, err := c.State.Top().Get(keyParaID, nil); err != nil || !ok {
		t.Fatalf("what was read is there: %v %v", ok, err)
	}
	_, _, err := c.State.Top().Get([]byte(chainspec.CodeKey), nil)
	var missing *trie.MissingNodeError
	var at *Error
	if !errors.As(err, &missing) || !errors.As(err, &at) || !errors.Is(err, ErrUnreachable) || string(missing.Key) != chainspec.CodeKey {
		t.Fatalf("%v", err)
	}
	t.Log(err)
}

// TestMapsAreFetchedWhole: of a map of which another key is read again and again, all is
// there after a few; a large one is left alone.
func TestMapsAreFetchedWhole(t *testing.T) {
	for entries, most := range map[int]int{2400: 12, 20_000: 52} {
		raw := chainspec.Raw{Top: map[string][]byte{chainspec.CodeKey: {1}}}
		prefix := hashing.StorageKey("System", "BlockHash")
		key := func(i int) []byte {
			return append(bytes.Clone(prefix), hashing.Twox64Concat([]byte{byte(i), byte(i >> 8), byte(i >> 16), 0})...)
		}
		for i := range entries {
			hash := hashing.Blake2b256([]byte{byte(i), byte(i >> 8)})
			raw.Top[string(key(i))] = hash[:]
		}
		n := serve(t, raw.State(trie.V1))
		c := open(t, n.WS(), Options{})
		before := n.Calls("")
		state := n.State
		for i := range 40 {
			changes := []trie.Change{{Key: key(entries + i), Value: []byte("new")}, {Key: key(i), Delete: true}}
			var err error
			if c.State, err = c.State.Apply(trie.V1, changes, nil, nil); err != nil {
				t.Fatal(err)
			}
			if state, err = state.Apply(trie.V1, changes, nil, nil); err != nil || state.Root() != c.State.Root() {
				t.Fatalf("another root, %v", err)
			}
		}
		asked := n.Calls("") - before
		t.Logf("%d entries: %d requests", entries, asked)
		if (entries > maxMap) != (asked > most) {
			t.Errorf("%d entries: %d requests", entries, asked)
		}
	}
}
