package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/trie"
	"pileus/txpool"
)

// fake is a node whose chain the test makes, with forks as it likes. Its runtime says back
// what it is asked, and panics when asked to.
type fake struct {
	chain *store.Chain
	made  map[string]*store.Block // by the test's own names
}

func newFake() *fake {
	st := trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{
		{Key: []byte(":code"), Value: []byte("one")}, {Key: []byte("aa1"), Value: []byte("x")}, {Key: []byte("aa2"), Value: make([]byte, 40)},
	}), nil)
	h := &primitives.Header{StateRoot: st.Root()}
	b := &store.Block{Hash: h.Hash(), Header: h}
	return &fake{store.New(b, st), map[string]*store.Block{"0": b}}
}

// add imports a block named name on top of parent; changes are made to the parent's state.
func (f *fake) add(t *testing.T, name, parent string, changes ...trie.Change) *store.Block {
	t.Helper()
	p := f.made[parent]
	st, err := f.chain.State(p.Hash)
	if err == nil {
		st, err = st.Apply(trie.V1, changes, nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := &primitives.Header{ParentHash: p.Hash, Number: p.Number() + 1, StateRoot: st.Root(), Digest: primitives.Digest{{Kind: primitives.DigestOther, Data: []byte(name)}}}
	b := &store.Block{Hash: h.Hash(), Header: h, Extrinsics: [][]byte{[]byte(name)}}
	if err := f.chain.Import(b, st); err != nil {
		t.Fatal(err)
	}
	f.made[name] = b
	return b
}

func (f *fake) best(t *testing.T, name string) {
	t.Helper()
	if err := f.chain.SetBest(f.made[name].Hash); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) finalize(t *testing.T, name string) {
	t.Helper()
	if err := f.chain.Finalize(f.made[name].Hash); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) name(hash string) string {
	for name, b := range f.made {
		if b.Hash.String() == hash {
			return name
		}
	}
	return hash
}

func (f *fake) Para() *store.Chain  { return f.chain }
func (f *fake) Relay() *store.Chain { return f.chain }
func (f *fake) Call(_ context.Context, _ *store.Chain, _ primitives.Hash, method string, args []byte) ([]byte, error) {
	if method == "panic" {
		return nil, errors.New("the runtime panicked")
	}
	return append([]byte(method), args...), nil
}
func (f *fake) CallRecorded(ctx context.Context, c *store.Chain, at primitives.Hash, method string, args []byte) ([]byte, [][]byte, error) {
	out, err := f.Call(ctx, c, at, method, args)
	return out, nil, err
}
func (f *fake) Version(_ context.Context, at primitives.Hash) (*runtimeapi.Version, error) {
	st, err := f.chain.State(at)
	if err != nil {
		return nil, err
	}
	code, _, _ := st.Top().Get([]byte(":code"), nil)
	return &runtimeapi.Version{SpecName: string(code), SpecVersion: uint32(len(code))}, nil
}
func (f *fake) Submit(context.Context, []byte) (txpool.Hash, error) {
	return txpool.Hash{}, errors.New("no pool")
}
func (f *fake) Watch(context.Context, []byte) (txpool.Hash, *store.Reader[txpool.Status], error) {
	return txpool.Hash{}, nil, errors.New("no pool")
}
func (f *fake) Pending(context.Context) ([]txpool.Transaction, error) { return nil, nil }
func (f *fake) RemoveExtrinsics(context.Context, ...txpool.Hash) ([]txpool.Hash, error) {
	return nil, nil
}

// told is an event of a follow in few words, with the test's names of blocks.
func (f *fake) told(item json.RawMessage) string {
	var e struct {
		Event                      string
		BlockHash, ParentBlockHash string
		BestBlockHash              string
		FinalizedBlockHashes       []string
		PrunedBlockHashes          []string
		NewRuntime                 *struct{ Spec struct{ SpecName string } }
		FinalizedBlockRuntime      *struct{ Spec struct{ SpecName string } }
		OperationID, Error, Output string
		Value                      []string
		Items                      []map[string]string
	}
	json.Unmarshal(item, &e)
	names := func(list []string) (out []string) {
		for _, h := range list {
			out = append(out, f.name(h))
		}
		return out
	}
	s := e.Event
	switch e.Event {
	case "initialized":
		s += fmt.Sprint(" ", names(e.FinalizedBlockHashes))
		if e.FinalizedBlockRuntime != nil {
			s += " " + e.FinalizedBlockRuntime.Spec.SpecName
		}
	case "newBlock":
		s += " " + f.name(e.BlockHash) + " on " + f.name(e.ParentBlockHash)
		if e.NewRuntime != nil {
			s += " runtime " + e.NewRuntime.Spec.SpecName
		}
	case "bestBlockChanged":
		s += " " + f.name(e.BestBlockHash)
	case "finalized":
		s += fmt.Sprint(" ", names(e.FinalizedBlockHashes), " pruned ", names(e.PrunedBlockHashes))
	case "stop":
	default:
		s += " " + e.OperationID + " " + e.Error + e.Output + strings.Join(e.Value, " ")
		for _, i := range e.Items {
			for _, k := range []string{"value", "hash", "closestDescendantMerkleValue"} {
				if v, ok := i[k]; ok {
					s += i["key"] + " " + k + " " + v
				}
			}
		}
	}
	return strings.TrimSpace(s)
}

type followed struct {
	*client
	f  *fake
	id string
}

func follow(t *testing.T, c *client, f *fake, withRuntime bool) *followed {
	t.Helper()
	x := &followed{client: c, f: f}
	c.ask(&x.id, "chainHead_v1_follow", withRuntime)
	return x
}

func (x *followed) expect(want ...string) {
	x.t.Helper()
	for _, w := range want {
		var item json.RawMessage
		x.next(x.id, &item)
		if got := x.f.told(item); got != w {
			x.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

func TestFollowForks(t *testing.T) {
	f := newFake()
	f.add(t, "1", "0")
	f.add(t, "2", "1")
	f.best(t, "2")
	f.finalize(t, "1")
	f.add(t, "2'", "1")
	c := dial(t, serve(t, rpc.Para(f, info), jsonrpc.Options{}))
	x := follow(t, c, f, true)
	x.expect("initialized [0 1] one", "newBlock 2 on 1", "newBlock 2' on 1", "bestBlockChanged 2")
	f.add(t, "3'", "2'", trie.Change{Key: []byte(":code"), Value: []byte("two")})
	f.best(t, "3'")
	x.expect("newBlock 3' on 2' runtime two", "bestBlockChanged 3'")
	f.add(t, "4'", "3'")
	f.best(t, "4'")
	x.expect("newBlock 4' on 3'", "bestBlockChanged 4'")
	// Finality contradicts the best block: it changes first.
	f.finalize(t, "2")
	x.expect("bestBlockChanged 2", "finalized [2] pruned [2' 3' 4']")

	hash := func(name string) string { return f.made[name].Hash.String() }
	operation := func(want string, method string, params ...any) string {
		t.Helper()
		if got := c.text(method, append([]any{x.id}, params...)...); got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
		return ""
	}
	// What was pruned stays pinned.
	operation(`{"result":"started","operationId":"0"}`, "chainHead_v1_body", hash("3'"))
	x.expect("operationBodyDone 0 0x08" + hx([]byte("3'"))[2:])
	operation(`{"result":"started","operationId":"1"}`, "chainHead_v1_call", hash("2"), "say", "0x21")
	x.expect("operationCallDone 1 " + hx([]byte("say!")))
	operation(`{"result":"started","operationId":"2"}`, "chainHead_v1_call", hash("2"), "panic", "")
	x.expect("operationError 2 the runtime panicked")
	operation(`{"result":"started","operationId":"3","discardedItems":0}`, "chainHead_v1_storage", hash("2"), []map[string]string{
		{"key": hx([]byte("aa1")), "type": "value"}, {"key": hx([]byte("none")), "type": "value"}, {"key": hx([]byte("aa")), "type": "descendantsValues"},
		{"key": hx([]byte("aa1")), "type": "closestDescendantMerkleValue"},
	})
	st, _ := f.chain.State(f.made["2"].Hash)
	merkle, _, _ := st.Top().MerkleValue([]byte("aa1"))
	x.expect("operationStorageItems 3 "+hx([]byte("aa1"))+" value 0x78", "operationStorageItems 3 "+hx([]byte("aa1"))+" value 0x78",
		"operationStorageItems 3 "+hx([]byte("aa2"))+" value "+hx(make([]byte, 40)), "operationStorageItems 3 "+hx([]byte("aa1"))+" closestDescendantMerkleValue "+hx(merkle),
		"operationStorageDone 3")
	operation(`{"result":"limitReached"}`, "chainHead_v1_storage", hash("2"), []any{})
	operation(`-32602 Invalid params "callParameters: not hex: encoding/hex: odd length hex string"`, "chainHead_v1_call", hash("2"), "say", "0x1")
	operation(`"`+hx(f.made["2"].Header.EncodeTo(nil))+`"`, "chainHead_v1_header", hash("2"))
	operation("null", "chainHead_v1_stopOperation", "99")
	operation("null", "chainHead_v1_continue", "99")

	// Pins: all or nothing.
	operation("-32804 Received duplicate hashes for the `chainHead_unpin` method ", "chainHead_v1_unpin", []string{hash("2'"), hash("2'")})
	operation("-32801 Invalid block hash ", "chainHead_v1_unpin", []string{hash("2'"), primitives.Hash{1}.String()})
	operation("null", "chainHead_v1_unpin", []string{hash("2'"), hash("3'")})
	operation("-32801 Invalid block hash ", "chainHead_v1_unpin", hash("2'"))
	operation("-32801 Invalid block hash ", "chainHead_v1_body", hash("3'"))
	operation("-32801 Invalid block hash ", "chainHead_v1_header", hash("3'"))

	// Calls belong to the connection; unknown follows are answered mildly.
	other := dial(t, serve(t, rpc.Para(f, info), jsonrpc.Options{}))
	for method, want := range map[string]string{"chainHead_v1_header": "null", "chainHead_v1_body": `{"result":"limitReached"}`, "chainHead_v1_unpin": "null"} {
		if got := other.text(method, x.id, hash("2")); got != want {
			t.Errorf("%s of another connection: %s", method, got)
		}
	}
	y := follow(t, c, f, false)
	y.expect("initialized [0 1 2]", "bestBlockChanged 2")
	if got := c.text("chainHead_v1_call", y.id, hash("2"), "say", "0x"); got != "-32802 The runtime updates flag must be set " {
		t.Error(got)
	}
	follow(t, c, f, false)
	follow(t, c, f, false)
	if got := c.text("chainHead_v1_follow", false); got != "-32800 Maximum number of chainHead_follow has been reached " {
		t.Error(got)
	}
	if got := c.text("chainHead_v1_unfollow", y.id); got != "true" {
		t.Error(got)
	}
	for range 100 { // its place is free soon
		if got := c.text("chainHead_v1_follow", false); strings.HasPrefix(got, `"`) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no follow after unfollow")
}

func TestFollowIsStopped(t *testing.T) {
	t.Run("unpinned follows", func(t *testing.T) {
		f := newFake()
		c := dial(t, serve(t, rpc.Para(f, info), jsonrpc.Options{}))
		x := follow(t, c, f, false)
		x.expect("initialized [0]", "bestBlockChanged 0")
		last, stopped := "0", false
		for i := 1; i < 700 && !stopped; i++ {
			name := fmt.Sprint(i)
			f.add(t, name, last)
			f.best(t, name)
			f.finalize(t, name)
			last = name
			for range 3 {
				var item json.RawMessage
				x.next(x.id, &item)
				if f.told(item) == "stop" {
					stopped = true
					break
				}
			}
		}
		if !stopped {
			t.Fatal("700 blocks stay pinned")
		}
		if got := c.text("chainHead_v1_body", x.id, f.made[last].Hash); got != `{"result":"limitReached"}` {
			t.Error(got)
		}
		follow(t, c, f, false).expect("initialized " + fmt.Sprint(lastNames(last)))
	})
	t.Run("finality stands", func(t *testing.T) {
		f := newFake()
		c := dial(t, serve(t, rpc.Para(f, info), jsonrpc.Options{}))
		x := follow(t, c, f, false)
		x.expect("initialized [0]", "bestBlockChanged 0")
		last := "0"
		for i := 1; i <= 129; i++ {
			name := fmt.Sprint(i)
			f.add(t, name, last)
			last = name
		}
		y := follow(t, c, f, false)
		y.expect("stop")
		for {
			var item json.RawMessage
			x.next(x.id, &item)
			if f.told(item) == "stop" {
				return
			}
		}
	})
}

func TestArchive(t *testing.T) {
	f := newFake()
	f.add(t, "1", "0", trie.Change{Key: []byte("aa1"), Value: []byte("y")}, trie.Change{Key: []byte("aa2"), Delete: true}, trie.Change{Key: []byte("b"), Value: []byte("new")})
	f.add(t, "1'", "0")
	f.add(t, "2", "1")
	f.best(t, "2")
	c := dial(t, serve(t, rpc.Para(f, info), jsonrpc.Options{}))
	hash := func(name string) string { return f.made[name].Hash.String() }
	for _, x := range []struct {
		method string
		params []any
		want   string
	}{
		{"archive_v1_genesisHash", nil, `"` + hash("0") + `"`},
		{"archive_v1_finalizedHeight", nil, "0"},
		{"archive_v1_hashByHeight", []any{1}, `["` + hash("1") + `","` + hash("1'") + `"]`},
		{"archive_v1_hashByHeight", []any{9}, `[]`},
		{"archive_v1_body", []any{hash("1")}, `["0x0431"]`},
		{"archive_v1_body", []any{primitives.Hash{1}.String()}, `null`},
		{"archive_v1_header", []any{hash("1")}, `"` + hx(f.made["1"].Header.EncodeTo(nil)) + `"`},
		{"archive_v1_call", []any{hash("1"), "say", "0x21"}, `{"success":true,"value":"` + hx([]byte("say!")) + `"}`},
		{"archive_v1_call", []any{hash("1"), "panic", "0x"}, `{"error":"the runtime panicked","success":false}`},
	} {
		if got := c.text(x.method, x.params...); got != x.want {
			t.Errorf("%s %v: %s, want %s", x.method, x.params, got, x.want)
		}
	}
	stream := func(method string, params ...any) (list []string) {
		var id string
		c.ask(&id, method, params...)
		for {
			var e map[string]any
			c.next(id, &e)
			event := e["event"].(string)
			delete(e, "event")
			list = append(list, strings.TrimPrefix(fmt.Sprint(event, " ", e), "map"))
			if strings.HasSuffix(event, "Done") || strings.HasSuffix(event, "Error") {
				return list
			}
		}
	}
	key := func(s string) string { return hx([]byte(s)) }
	for _, x := range []struct {
		got, want []string
	}{
		{stream("archive_v1_storage", hash("0"), []any{map[string]any{"key": key("aa"), "type": "descendantsHashes", "paginationStartKey": key("aa1")}}),
			[]string{"storage map[hash:" + hashing.Blake2b256(make([]byte, 40)).String() + " key:" + key("aa2") + "]", "storageDone map[]"}},
		{stream("archive_v1_storage", hash("0"), []any{map[string]any{"key": "0x0", "type": "value"}}), []string{"storageError map[error:item 0: key: not hex: encoding/hex: odd length hex string]"}},
		{stream("archive_v1_storage", hash("0"), []any{map[string]any{"key": "0x00", "type": "none"}}), []string{`storageError map[error:item 0: type "none" is not one of value, hash, closestDescendantMerkleValue, descendantsValues, descendantsHashes]`}},
		{stream("archive_v1_storageDiff", hash("1"), []any{}), []string{
			"storageDiff map[key:" + key("aa1") + " type:modified value:0x79]", "storageDiff map[key:" + key("aa2") + " type:deleted value:" + hx(make([]byte, 40)) + "]",
			"storageDiff map[key:" + key("b") + " type:added value:" + key("new") + "]", "storageDiffDone map[]"}},
		{stream("archive_v1_storageDiff", hash("2"), []any{map[string]any{"key": key("a"), "returnType": "value"}, map[string]any{"key": key("aa1"), "returnType": "value"}}, hash("0")), []string{
			"storageDiff map[key:" + key("aa1") + " type:modified value:0x79]", "storageDiff map[key:" + key("aa2") + " type:deleted value:" + hx(make([]byte, 40)) + "]", "storageDiffDone map[]"}},
		{stream("archive_v1_storageDiff", primitives.Hash{1}.String(), []any{}), []string{"storageDiffError map[error:UnknownBlock: Header was not found in the database: " + primitives.Hash{1}.String() + "]"}},
	} {
		if !slices.Equal(x.got, x.want) {
			t.Errorf("got  %q\nwant %q", x.got, x.want)
		}
	}
}

// lastNames are the names of the sixteen blocks up to one.
func lastNames(last string) (names []string) {
	n, _ := strconv.Atoi(last)
	for i := max(0, n-15); i <= n; i++ {
		names = append(names, strconv.Itoa(i))
	}
	return names
}
