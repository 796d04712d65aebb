package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/trie"
)

// contents are what a state holds: of the main trie, and of child tries with the child's id
// and a colon in front of the key.
type contents map[string]string

// orchard grows two chains in one store and keeps account of what their states must hold.
type orchard struct {
	t      *rapid.T
	chance *rand.Rand // of what blocks change
	dir    string
	db     *DB
	chains map[string]*Chain
	states map[Hash]contents
	serial int
	held   map[string]map[Hash]func() // by chain
	marks  map[string][]markHeld
}

type markHeld struct {
	mark    *Mark
	release func()
}

func (o *orchard) open(p Pruning) {
	db, err := Open(o.dir, p, "a", "b")
	if err != nil {
		o.t.Fatal(err)
	}
	db.bolt.NoSync = true
	o.db, o.chains = db, map[string]*Chain{}
	o.held, o.marks = map[string]map[Hash]func(){"a": {}, "b": {}}, map[string][]markHeld{}
	for i, name := range []string{"a", "b"} {
		c, err := db.Reopen(name, db)
		if err != nil {
			o.t.Fatal(err)
		}
		if c == nil {
			b, state := o.block(nil, nil, uint32(1000*i))
			c = db.Create(name, b, state)
		}
		o.chains[name] = c
	}
}

// block makes a block with a state of its own.
func (o *orchard) block(parent *Block, before *trie.State, number uint32) (*Block, *trie.State) {
	o.serial++
	h, was := &primitives.Header{Number: number}, contents{}
	if parent == nil {
		before = trie.NewState(trie.New(), nil)
	} else {
		h.ParentHash, was = parent.Hash, o.states[parent.Hash]
	}
	is := maps.Clone(was)
	value := func() []byte {
		return []byte(fmt.Sprintf("%0*d", []int{1, 32, 50}[o.chance.IntN(3)], o.chance.IntN(4)))
	}
	changes := func(id string, count int) (list []trie.Change) {
		for range o.chance.IntN(count + 1) {
			key := fmt.Sprintf("%040d", o.chance.IntN(31))
			if _, have := is[id+key]; have && o.chance.IntN(2) == 0 {
				list = append(list, trie.Change{Key: []byte(key), Delete: true})
				delete(is, id+key)
				continue
			}
			v := value()
			list = append(list, trie.Change{Key: []byte(key), Value: v})
			is[id+key] = string(v)
		}
		return list
	}
	top := changes("", 6)
	var children []trie.ChildChanges
	for _, id := range []string{"x", "y"} {
		if o.chance.IntN(4) == 0 {
			children = append(children, trie.ChildChanges{ID: []byte(id), Changes: changes(id+":", 4)})
		}
	}
	after, err := before.Apply(trie.V1, top, children, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	h.StateRoot = after.Root()
	h.Digest = primitives.Digest{{Kind: primitives.DigestOther, Data: fmt.Append(nil, o.serial)}}
	b := &Block{Hash: h.Hash(), Header: h, Extrinsics: [][]byte{fmt.Append(nil, o.serial)}}
	o.states[b.Hash] = is
	return b, after
}

// grow puts blocks on top of one of the blocks that are not below the final one.
func (o *orchard) grow(c *Chain, onBest bool, count int) {
	v := c.View()
	on := v.Best
	switch {
	case onBest:
	case rapid.Bool().Draw(o.t, "from the final block"):
		on = v.Finalized
	default:
		on = rapid.SampledFrom(append(v.Unfinalized, v.Finalized)).Draw(o.t, "parent")
	}
	for range count {
		state, err := c.State(on.Hash)
		if err != nil {
			o.t.Fatal(err)
		}
		b, after := o.block(on, state, on.Number()+1)
		if err := c.Import(b, after); err != nil {
			o.t.Fatal(err)
		}
		on = b
	}
	if onBest || rapid.Bool().Draw(o.t, "best") {
		if err := c.SetBest(on.Hash); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *orchard) finalize(c *Chain) {
	v := c.View()
	number := v.Best.Number() - min(v.Best.Number()-v.Finalized.Number(), rapid.Uint32Range(0, 4).Draw(o.t, "behind"))
	hash, _ := c.CanonicalAt(number)
	if err := c.Finalize(hash); err != nil {
		o.t.Fatal(err)
	}
}

func (o *orchard) commit() {
	b := NewBatch()
	for _, c := range o.chains {
		if err := c.Fill(b); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := o.db.Commit(b); err != nil {
		o.t.Fatal(err)
	}
	for _, c := range o.chains {
		c.Saved()
	}
}

// hold holds any block, or lets one go.
func (o *orchard) hold(name string) {
	c, held := o.chains[name], o.held[name]
	if len(held) > 0 && rapid.IntRange(0, 3).Draw(o.t, "let go") > 0 {
		hashes := slices.SortedFunc(maps.Keys(held), func(a, b Hash) int { return slices.Compare(a[:], b[:]) })
		hash := rapid.SampledFrom(hashes).Draw(o.t, "held")
		held[hash]()
		delete(held, hash)
		return
	}
	list := append(c.View().Unfinalized, c.Finalized())
	for _, l := range c.losers {
		if b, ok := c.Get(l.hash); ok {
			list = append(list, b)
		}
	}
	for n := range c.Finalized().Number() + 1 {
		if hash, ok := c.finalAt(n); ok {
			b, _ := c.Get(hash)
			list = append(list, b)
		}
	}
	b := rapid.SampledFrom(list).Draw(o.t, "hold")
	if _, have := held[b.Hash]; have {
		return
	}
	release, ok := c.Hold(b.Hash)
	if _, err := c.State(b.Hash); ok && err != nil {
		o.t.Fatalf("#%d is held and has no state: %v", b.Number(), err)
	}
	if ok {
		held[b.Hash] = release
	}
}

func (o *orchard) mark(name string) {
	c := o.chains[name]
	if marks := o.marks[name]; len(marks) > 0 && rapid.Bool().Draw(o.t, "revert") {
		i := rapid.IntRange(0, len(marks)-1).Draw(o.t, "to")
		o.commit()
		c.Revert(marks[i].mark)
		for _, used := range marks[i:] {
			used.release()
		}
		o.marks[name] = marks[:i]
		o.commit()
		for hash, release := range o.held[name] { // of blocks that have never been
			if _, err := c.State(hash); err != nil {
				release()
				delete(o.held[name], hash)
			}
		}
		return
	}
	o.commit()
	if marks := o.marks[name]; len(marks) > 1 {
		marks[0].release()
		o.marks[name] = marks[1:]
	}
	release, ok := c.Hold(c.Finalized().Hash)
	if !ok {
		o.t.Fatal("the final block cannot be held")
	}
	o.marks[name] = append(o.marks[name], markHeld{c.Mark(), release})
}

// check compares what the file has with what it must have, and every state with its contents.
func (o *orchard) check() {
	want := map[Hash]bool{}
	for name, c := range o.chains {
		_, final := c.tree.Finalized()
		for hash := range o.held[name] {
			if _, err := c.State(hash); err != nil {
				o.t.Errorf("chain %s: a held block: %v", name, err)
			}
		}
		for _, hash := range o.kept(name, c) {
			b, err := o.db.block(name, hash)
			if err != nil || b == nil {
				o.t.Fatalf("chain %s: block %s: %v", name, hash, err)
			}
			state := o.db.State(b.Header.StateRoot)
			err = state.Delta(trie.NewState(trie.New(), nil), func(h hashing.Hash, _ []byte) { want[h] = true }, func(Hash) {})
			if err != nil {
				o.t.Fatalf("chain %s: state of #%d (final #%d): %v", name, b.Number(), final, err)
			}
			if got := read(o.t, state); !maps.Equal(got, o.states[hash]) {
				o.t.Fatalf("chain %s: state of #%d holds %v, not %v", name, b.Number(), got, o.states[hash])
			}
		}
		for n := c.lowest; n <= final; n++ {
			if hash, ok := c.finalAt(n); ok {
				if s, err := c.State(hash); err != nil || !maps.Equal(read(o.t, s), o.states[hash]) {
					o.t.Fatalf("chain %s: state of the final block #%d, lowest #%d: %v", name, n, c.lowest, err)
				}
			} else if n >= c.genesis.Number() {
				o.t.Fatalf("chain %s: the final block #%d is not known", name, n)
			}
		}
		if c.lowest > c.genesis.Number()+1 {
			hash, _ := c.finalAt(c.lowest - 1)
			if _, err := c.State(hash); !errors.Is(err, ErrDiscarded) {
				o.t.Fatalf("chain %s: state of #%d: %v", name, c.lowest-1, err)
			}
		}
	}
	err := o.db.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketNodes).ForEach(func(k, _ []byte) error {
			if !want[Hash(k)] {
				return fmt.Errorf("node %x is of no state", k)
			}
			delete(want, Hash(k))
			return nil
		})
	})
	if err != nil || len(want) > 0 {
		o.t.Fatalf("%v, %d nodes are missing", err, len(want))
	}
}

// kept are the blocks whose states the file must have.
func (o *orchard) kept(name string, c *Chain) (list []Hash) {
	err := o.db.view(func(tx *bbolt.Tx) error {
		chain := tx.Bucket([]byte(name))
		list = append(list, c.genesis.Hash)
		oldest, err := oldestOf(chain)
		if err != nil {
			return err
		}
		cursor := chain.Bucket(bucketFinal).Cursor()
		for k, v := cursor.Seek(numberKey(oldest)); k != nil; k, v = cursor.Next() {
			list = append(list, Hash(v))
		}
		for _, b := range c.unfinalized() {
			list = append(list, b.Hash)
		}
		return chain.Bucket(bucketLost).ForEach(func(k, _ []byte) error { list = append(list, Hash(k[4:])); return nil })
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return list
}

func read(t *rapid.T, s *trie.State) contents {
	c := contents{}
	visit := func(prefix string, tr *trie.Trie) {
		err := tr.Visit(func(key, value []byte) bool {
			if len(key) < len(trie.ChildPrefix) || string(key[:len(trie.ChildPrefix)]) != trie.ChildPrefix {
				c[prefix+string(key)] = string(value)
			}
			return true
		})
		if err != nil {
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
		visit(string(id)+":", child)
	}
	return c
}

// Whatever grows, forks, is held, set back or opened anew: the file has the nodes of the
// states that are kept, all of them and no others.
func TestPruningKeepsWhatIsNeeded(t *testing.T) {
	defer func(headers, s uint32) { keptHeaders, spare = headers, s }(keptHeaders, spare)
	keptHeaders, spare = 20, 2
	discarded := 0
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pruning")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		o := &orchard{t: t, chance: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), dir: dir, states: map[Hash]contents{}}
		o.open(Pruning(rapid.IntRange(1, 8).Draw(t, "keep")))
		defer func() { _ = o.db.Close() }()
		o.commit()
		for range rapid.IntRange(20, 60).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "chain")
			c := o.chains[name]
			switch rapid.SampledFrom([]string{"grow", "grow", "grow", "fork", "fork", "final", "final", "final", "final", "hold", "mark", "commit", "commit", "reopen"}).Draw(t, "step") {
			case "grow":
				o.grow(c, true, rapid.IntRange(1, 12).Draw(t, "blocks"))
			case "fork":
				o.grow(c, false, rapid.IntRange(1, 4).Draw(t, "blocks"))
			case "final":
				o.finalize(c)
			case "hold":
				o.hold(name)
			case "mark":
				o.mark(name)
				o.check()
			case "commit":
				o.commit()
				o.check()
			case "reopen": // what is not committed is lost, as when the process is killed
				if err := o.db.Close(); err != nil {
					t.Fatal(err)
				}
				o.open(Pruning(rapid.IntRange(1, 8).Draw(t, "keep")))
				o.check()
			}
		}
		o.commit()
		o.check()
		for name := range o.chains {
			number, err := o.db.oldest(name)
			if err != nil {
				t.Fatal(err)
			}
			discarded += int(number % 1000)
		}
	})
	if discarded < 500 {
		t.Errorf("only %d states were discarded: this shows little", discarded)
	}
}

// Of thousands of blocks, the file does not become larger than of the first few hundred: what is
// discarded makes room for what comes.
func TestTheFileStopsGrowing(t *testing.T) {
	defer func(headers uint32) { keptHeaders = headers }(keptHeaders)
	keptHeaders = 200
	db, err := Open(t.TempDir(), LeastPruning, "para")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.bolt.NoSync = true
	f := newFamily(t, db)
	on, state := f.named["g"], f.state["g"]
	sizes := map[int]int64{}
	for number := 1; number <= 2500; number++ {
		var changes []trie.Change
		for i := range 20 {
			key := hashing.Blake2b256(fmt.Append(nil, (number*7+i*13)%500))
			changes = append(changes, trie.Change{Key: key[:], Value: fmt.Appendf(nil, "%040d", number)})
		}
		if state, err = state.Apply(trie.V1, changes, nil, nil); err != nil {
			t.Fatal(err)
		}
		h := &primitives.Header{ParentHash: on.Hash, Number: uint32(number), StateRoot: state.Root()}
		on = &Block{Hash: h.Hash(), Header: h, Extrinsics: [][]byte{make([]byte, 200)}}
		if err := errors.Join(f.chain.Import(on, state), f.chain.SetBest(on.Hash), f.chain.Finalize(on.Hash)); err != nil {
			t.Fatal(err)
		}
		f.save(db)
		info, err := os.Stat(db.Path())
		if err != nil {
			t.Fatal(err)
		}
		sizes[number] = info.Size()
	}
	if sizes[2500] > sizes[500] {
		t.Errorf("the file has %d bytes with 500 blocks, %d with 2500", sizes[500], sizes[2500])
	}
	t.Logf("%d bytes with 500 blocks, %d with 2500", sizes[500], sizes[2500])
}
