package parachain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pileus/chainspec"
	"pileus/primitives"
	"pileus/trie"
)

// testNode is a node with named blocks whose states are empty.
type testNode struct {
	*Node
	blocks map[string]*primitives.Block
	names  map[primitives.Hash]string
}

func newTestNode() *testNode {
	c := &Chain{Genesis: chainspec.Header(trie.EmptyRoot), State: trie.NewState(trie.New(), nil)}
	n := &testNode{NewNode(c), map[string]*primitives.Block{}, map[primitives.Hash]string{}}
	n.blocks["genesis"] = &primitives.Block{Header: c.Genesis}
	n.names[c.Genesis.Hash()] = "genesis"
	return n
}

// block makes a block of that name, or returns the one it made before.
func (n *testNode) block(name, parent string) *primitives.Block {
	if b := n.blocks[name]; b != nil {
		return b
	}
	p := &n.blocks[parent].Header
	b := &primitives.Block{Header: primitives.Header{ParentHash: p.Hash(), Number: p.Number + 1}}
	b.Header.Digest = primitives.Digest{primitives.AuraPreDigest(1), {Kind: primitives.DigestOther, Data: []byte(name)}}
	n.blocks[name] = b
	n.names[b.Header.Hash()] = name
	return b
}

func (n *testNode) hash(name string) primitives.Hash { return n.blocks[name].Header.Hash() }
func (n *testNode) head(name string) []byte          { return n.blocks[name].Header.EncodeTo(nil) }

// step writes down what a node answers, executing nothing.
func (n *testNode) step(in Input) string {
	var lines []string
	list := func(entries []*Entry) string {
		var names []string
		for _, e := range entries {
			names = append(names, n.names[e.Hash])
		}
		return strings.Join(names, ",")
	}
	for _, o := range n.Step(0, in) {
		switch o := o.(type) {
		case Execute:
			lines = append(lines, fmt.Sprintf("execute %d %s", o.ID, n.names[o.Params.Block.Header.Hash()]))
		case Announce:
		case Imported:
			lines = append(lines, "imported "+n.names[o.Entry.Hash])
		case BestChanged:
			lines = append(lines, fmt.Sprintf("best %s -[%s] +[%s]", n.names[o.Best.Hash], list(o.Retracted), list(o.Enacted)))
		case Finalized:
			lines = append(lines, fmt.Sprintf("final [%s] pruned [%s]", list(o.Blocks), list(o.Pruned)))
		case Rejected:
			lines = append(lines, fmt.Sprintf("rejected %s: %v", n.names[o.Hash], o.Err))
		case Missing:
			lines = append(lines, "missing "+n.names[o.Block])
		}
	}
	return strings.Join(lines, "; ")
}

func TestNode(t *testing.T) {
	n := newTestNode()
	for _, b := range []string{"a1 genesis", "b1 genesis", "a2 a1", "b2 b1", "a3 a2", "x1 genesis", "x2 x1"} {
		name, parent, _ := strings.Cut(b, " ")
		n.block(name, parent)
	}
	received := func(name string) Input { return BlockReceived{Block: n.blocks[name], From: "peer"} }
	done := func(id uint64) Input { return BlockExecuted{ID: id, Result: &Executed{}} }
	for i, tt := range []struct {
		in   Input
		want string
	}{
		{received("a2"), "missing a1"},
		{received("a1"), "execute 1 a1"},
		{received("a1"), ""}, // it is under way
		{done(1), "imported a1; best a1 -[] +[a1]; execute 2 a2"},
		{BlockBuilt{Built: &Built{Block: *n.blocks["b1"]}}, "imported b1"},
		{RelayBest{Included: n.head("b1")}, "best b1 -[a1] +[b1]"}, // of its height the included one
		{done(2), "imported a2; best a2 -[b1] +[a1,a2]"},
		{RelayBest{Included: n.head("b1")}, ""}, // lower than the best
		{RelayBest{Included: n.head("b2"), Pending: []PendingBlock{{Block: n.hash("b2")}}}, "missing b2"},
		{BlockReceived{Block: n.blocks["b2"], Recovered: true}, "execute 3 b2"},
		{done(3), "imported b2; best b2 -[a2,a1] +[b1,b2]"},
		{RelayFinalized{Included: n.head("a3")}, ""}, // not here yet
		{received("a3"), "execute 4 a3"},
		{done(4), "imported a3; best a3 -[b2,b1] +[a1,a2,a3]; final [a1,a2,a3] pruned [b1,b2]"},
		{received("x1"), "rejected x1: block contradicts the finalized one"},
		{RelayFinalized{Included: n.head("a1")}, ""},
		{done(77), ""},
	} {
		if got := n.step(tt.in); got != tt.want {
			t.Errorf("step %d (%T): %s\n\twant %s", i, tt.in, got, tt.want)
		}
	}
	if n.Finalized().Hash != n.hash("a3") || n.Status(n.hash("a3")) != InChain || n.Status(n.hash("b2")) != Unknown {
		t.Error("a3 is final, b2 forgotten")
	}
}

func TestNodeBadBlock(t *testing.T) {
	n := newTestNode()
	n.block("a1", "genesis")
	n.block("a2", "a1")
	if got := n.step(BlockReceived{Block: n.blocks["a1"]}); got != "execute 1 a1" {
		t.Fatal(got)
	}
	if got := n.step(BlockReceived{Block: n.blocks["a2"]}); got != "" {
		t.Fatal(got)
	}
	if n.Status(n.hash("a1")) != Queued || n.Status(n.hash("a2")) != Queued {
		t.Error("both are queued")
	}
	got := n.step(BlockExecuted{ID: 1, Err: errors.New("bad")})
	if got != "rejected a1: bad; rejected a2: its parent: block was refused before" {
		t.Error(got)
	}
	if n.Status(n.hash("a1")) != KnownBad || n.Status(n.hash("a2")) != KnownBad {
		t.Error("both are known to be bad")
	}
	if got := n.step(BlockReceived{Block: n.blocks["a2"]}); got != "rejected a2: block was refused before" {
		t.Error(got)
	}
}

func TestNodeEquivocations(t *testing.T) {
	n := newTestNode()
	for i := range maxPerSlot {
		name := fmt.Sprintf("e%d", i)
		n.block(name, "genesis")
		if got := n.step(BlockReceived{Block: n.blocks[name]}); got != fmt.Sprintf("execute %d %s", i+1, name) {
			t.Fatal(got)
		}
		n.step(BlockExecuted{ID: uint64(i + 1), Result: &Executed{}})
	}
	n.block("more", "genesis")
	if got := n.step(BlockReceived{Block: n.blocks["more"]}); got != "rejected more: "+ErrTooMany.Error() {
		t.Error(got)
	}
	if got := n.step(BlockReceived{Block: n.blocks["more"], Recovered: true}); got != "execute 17 more" {
		t.Error(got)
	}
}

// A height holds at most 32 blocks; the branch that has been quiet the longest goes.
func TestNodeLevels(t *testing.T) {
	n := newTestNode()
	for i := range maxPerHeight {
		name := fmt.Sprintf("l%d", i)
		n.block(name, "genesis")
		n.step(BlockBuilt{Built: &Built{Block: *n.blocks[name]}})
	}
	n.block("child of l1", "l1")
	n.step(BlockBuilt{Built: &Built{Block: *n.blocks["child of l1"]}})
	n.step(BlockBuilt{Built: &Built{Block: *n.block("new", "genesis")}})
	n.step(BlockBuilt{Built: &Built{Block: *n.block("newer", "genesis")}})
	if n.Status(n.hash("l0")) != Unknown || n.Status(n.hash("l2")) != Unknown || n.Status(n.hash("l1")) != InChain {
		t.Error("l0 and l2 had to go, l1 carries the best block")
	}
	if got := len(n.tree.AtNumber(1)); got != maxPerHeight {
		t.Errorf("%d blocks of height 1", got)
	}
}

// Whatever comes in whichever order: the best block is on top of the finalized one, and
// no branch is higher.
func TestNodeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newTestNode()
		names := []string{"genesis"}
		jobs := []uint64{}
		t.Repeat(map[string]func(*rapid.T){
			"make": func(t *rapid.T) {
				name := fmt.Sprintf("b%d", len(names))
				n.block(name, rapid.SampledFrom(names[max(0, len(names)-6):]).Draw(t, "parent"))
				names = append(names, name)
			},
			"receive": func(t *rapid.T) {
				for _, o := range n.Step(0, BlockReceived{Block: n.blocks[rapid.SampledFrom(names).Draw(t, "block")]}) {
					if e, ok := o.(Execute); ok {
						jobs = append(jobs, e.ID)
					}
				}
			},
			"execute": func(t *rapid.T) {
				if len(jobs) == 0 {
					t.Skip("no job")
				}
				in := BlockExecuted{ID: jobs[0], Result: &Executed{}}
				if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
					in.Err = errors.New("bad")
				}
				jobs = jobs[1:]
				for _, o := range n.Step(0, in) {
					if e, ok := o.(Execute); ok {
						jobs = append(jobs, e.ID)
					}
				}
			},
			"included":  func(t *rapid.T) { n.step(RelayBest{Included: n.head(rapid.SampledFrom(names).Draw(t, "head"))}) },
			"finalized": func(t *rapid.T) { n.step(RelayFinalized{Included: n.head(rapid.SampledFrom(names).Draw(t, "head"))}) },
			"": func(t *rapid.T) {
				best := n.Best()
				if best == nil || !n.tree.IsAncestor(n.Finalized().Hash, best.Hash) {
					t.Fatal("the best block does not stand on the finalized one")
				}
				for _, leaf := range n.tree.Leaves() {
					if number, _ := n.tree.Number(leaf); number > best.Number() {
						t.Fatalf("a leaf #%d, but the best is #%d", number, best.Number())
					}
				}
				waits := 0
				for _, list := range n.waiting {
					waits += len(list)
				}
				if waits != n.waits || waits+len(n.executing) != len(n.queued) {
					t.Fatalf("%d blocks wait, counted %d; %d execute, %d are queued", waits, n.waits, len(n.executing), len(n.queued))
				}
			},
		})
	})
}
