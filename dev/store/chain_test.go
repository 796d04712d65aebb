package store

import (
	"fmt"
	"slices"
	"testing"

	"pileus/primitives"
	"pileus/trie"
)

// family makes blocks with states of their own; names are their extrinsics.
type family struct {
	t     *testing.T
	chain *Chain
	named map[string]*Block
	state map[string]*trie.State
}

func (f *family) block(name, parent string) *Block {
	f.t.Helper()
	h := &primitives.Header{}
	state := trie.NewState(trie.New(), nil)
	if p := f.named[parent]; p != nil {
		h.ParentHash, h.Number, state = p.Hash, p.Number()+1, f.state[parent]
	}
	state, err := state.Apply(trie.V1, []trie.Change{{Key: []byte("name"), Value: []byte(name)}}, nil, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	h.StateRoot = state.Root()
	b := &Block{Hash: h.Hash(), Header: h, Extrinsics: [][]byte{[]byte(name)}}
	f.named[name], f.state[name] = b, state
	return b
}

func (f *family) add(name, parent string) {
	f.t.Helper()
	b := f.block(name, parent)
	if err := f.chain.Import(b, f.state[name]); err != nil {
		f.t.Fatal(err)
	}
}

func names(list []*Block) (s []string) {
	for _, b := range list {
		s = append(s, string(b.Extrinsics[0]))
	}
	return s
}

// told are the events so far, in words.
func told(r *Reader[Event]) (s []string) {
	for len(r.Events()) > 0 {
		switch e := (<-r.Events()).(type) {
		case Imported:
			s = append(s, fmt.Sprint("imported ", names([]*Block{e.Block})))
		case Best:
			s = append(s, fmt.Sprint("best ", names([]*Block{e.Block}), " retracted ", names(e.Retracted), " enacted ", names(e.Enacted)))
		case Finalized:
			s = append(s, fmt.Sprint("finalized ", names(e.Blocks), " pruned ", names(e.Pruned)))
		}
	}
	return s
}

func newFamily(t *testing.T, db *DB) *family {
	f := &family{t: t, named: map[string]*Block{}, state: map[string]*trie.State{}}
	g := f.block("g", "")
	if f.chain = New(g, f.state["g"]); db != nil {
		f.chain = db.Create("para", g, f.state["g"])
	}
	return f
}

func (f *family) best(name string) {
	f.t.Helper()
	if err := f.chain.SetBest(f.named[name].Hash); err != nil {
		f.t.Fatal(err)
	}
}

func (f *family) finalize(name string) {
	f.t.Helper()
	if err := f.chain.Finalize(f.named[name].Hash); err != nil {
		f.t.Fatal(err)
	}
}

func TestEventsTellTheChain(t *testing.T) {
	f := newFamily(t, nil)
	f.add("a", "g")
	sub, slow := f.chain.Subscribe(100), f.chain.Subscribe(1)
	defer sub.Close()
	if got := names(sub.View.Unfinalized); !slices.Equal(got, []string{"a"}) {
		t.Errorf("view %v", got)
	}
	f.best("a")
	f.add("b", "g")
	f.add("c", "b")
	f.best("c")
	f.finalize("b")
	want := []string{"best [a] retracted [] enacted [a]", "imported [b]", "imported [c]", "best [c] retracted [a] enacted [b c]", "finalized [b] pruned [a]"}
	if got := told(sub.Reader); !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}
	for range slow.Events() {
	}
	if slow.Err() != ErrSlow {
		t.Errorf("a slow reader ends with %v", slow.Err())
	}
	if b, ok := f.chain.Get(f.named["a"].Hash); !ok || b.Number() != 1 {
		t.Error("a block that has just lost is gone")
	}
	if got := f.chain.AtNumber(1); len(got) != 1 || got[0] != f.named["b"].Hash {
		t.Errorf("at number 1: %v", got)
	}
	retracted, enacted, ok := f.chain.Route(f.named["a"].Hash, f.named["c"].Hash)
	if !ok || !slices.Equal(names(retracted), []string{"a"}) || !slices.Equal(names(enacted), []string{"b", "c"}) {
		t.Errorf("route %v %v %v", names(retracted), names(enacted), ok)
	}
	f.chain.Close()
	for range sub.Events() {
	}
	if sub.Err() != ErrClosed || f.chain.Subscribe(1).Err() != ErrClosed {
		t.Error("a closed chain does not say so")
	}
}

// save writes what the chain has taken down.
func (f *family) save(db *DB) {
	f.t.Helper()
	b := NewBatch()
	if err := f.chain.Fill(b); err != nil {
		f.t.Fatal(err)
	}
	if err := db.Commit(b); err != nil {
		f.t.Fatal(err)
	}
	f.chain.Saved()
}

func TestAChainIsReopenedAsItWasCommitted(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(dir, 0, "para")
	if err != nil {
		t.Fatal(err)
	}
	f := newFamily(t, db)
	last := "g"
	for i := range 100 {
		name := fmt.Sprint("n", i)
		f.add(name, last)
		f.best(name)
		last = name
	}
	f.finalize("n97")
	f.add("fork", "n97")
	f.save(db)
	f.add("lost", "n99")
	if got, _ := f.chain.CanonicalAt(3); got != f.named["n2"].Hash {
		t.Error("what memory has let go of is not read from the file")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	if db, err = Open(dir, 0, "para"); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	again, err := db.Reopen("para", db)
	if err != nil {
		t.Fatal(err)
	}
	v := again.View()
	if names([]*Block{v.Best})[0] != "n99" || names([]*Block{v.Finalized})[0] != "n97" || !slices.Equal(names(v.Unfinalized), []string{"n98", "fork", "n99"}) {
		t.Errorf("best %v, final %v, above %v", names([]*Block{v.Best}), names([]*Block{v.Finalized}), names(v.Unfinalized))
	}
	if _, ok := again.Get(f.named["lost"].Hash); ok {
		t.Error("a block that was not committed is there")
	}
	state, err := again.State(f.named["n5"].Hash)
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := state.Top().Get([]byte("name"), nil); err != nil || string(v) != "n5" {
		t.Errorf("state of n5: %q, %v", v, err)
	}
	if children := again.Children(f.named["n5"].Hash); len(children) != 1 || children[0] != f.named["n6"].Hash {
		t.Errorf("children %v", children)
	}
}
