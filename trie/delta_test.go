package trie

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"pileus/hashing"
)

// places counts where nodes and values stand in a state.
type places map[hashing.Hash]int

func (p places) add(h hashing.Hash, by int) {
	if p[h] += by; p[h] == 0 {
		delete(p, h)
	}
}

// placesOf counts those of a state that is made anew from its contents, and keeps the bytes.
func placesOf(v Version, top model, children map[string]model, bytes NodeSet) places {
	p := places{}
	note := func(t *Trie) {
		t.Written(New(), func(h hashing.Hash, data []byte) { p.add(h, 1); bytes[h] = data })
	}
	note(fromModel(v, withRoots(top, children)))
	for _, c := range children {
		if len(c) > 0 {
			note(fromModel(v, c))
		}
	}
	return p
}

func withRoots(top model, children map[string]model) model {
	all := maps.Clone(top)
	for id, c := range children {
		if root := c.root(); root != EmptyRoot {
			all[string(ChildKey([]byte(id)))] = modelValue{value: string(root[:])}
		}
	}
	return all
}

func fromModel(v Version, m model) *Trie {
	var pairs []Pair
	for _, k := range m.keys() {
		pairs = append(pairs, Pair{[]byte(k), []byte(m[k].value)})
	}
	return FromPairs(v, pairs)
}

// What a state holds is what the one before held with what [State.Delta] adds and removes,
// whether the states are in memory or are read from a store.
func TestDeltaCountsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyVersion(t)
		top, children := model{}, map[string]model{"one": {}, "two": {}}
		bytes := NodeSet{}
		state, count := NewState(New(), nil), places{}
		for range rapid.IntRange(1, 6).Draw(t, "blocks") {
			changes := anyChanges(t, v, top, 12)
			top.apply(v, changes)
			var below []ChildChanges
			for id := range children {
				if rapid.Bool().Draw(t, "child "+id) {
					c := anyChanges(t, v, children[id], 8)
					children[id].apply(v, c)
					below = append(below, ChildChanges{[]byte(id), c})
				}
			}
			next, err := state.Apply(v, changes, below, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := placesOf(v, top, children, bytes)
			from, to := state, next
			if rapid.Bool().Draw(t, "from a store") {
				from = StateFromSource(state.Root(), bytes)
			}
			if rapid.Bool().Draw(t, "to from a store") {
				to = StateFromSource(next.Root(), bytes)
			}
			err = to.Delta(from, func(h hashing.Hash, data []byte) {
				if hashing.Blake2b256(data) != h {
					t.Fatalf("added %s with the bytes %x", h, data)
				}
				count.add(h, 1)
			}, func(h hashing.Hash) { count.add(h, -1) })
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(count, want) {
				t.Fatalf("counted %v, there are %v", count, want)
			}
			state = next
		}
	})
}

// A subtree that moves down by a split, and one that comes back up, keep their places.
func TestDeltaOfASplit(t *testing.T) {
	long := func(s string) []byte { return []byte(fmt.Sprintf("%-40s", s)) }
	before := FromPairs(V1, []Pair{{[]byte("abcd1"), long("x")}, {[]byte("abcd2"), long("y")}})
	after, err := before.Apply(V1, []Change{{Key: []byte("abzz"), Value: long("z")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]*Trie{{before, after}, {after, before}} {
		count := places{}
		way[0].Written(New(), func(h hashing.Hash, _ []byte) { count.add(h, 1) })
		err := NewState(way[1], nil).Delta(NewState(way[0], nil), func(h hashing.Hash, _ []byte) { count.add(h, 1) }, func(h hashing.Hash) { count.add(h, -1) })
		want := places{}
		way[1].Written(New(), func(h hashing.Hash, _ []byte) { want.add(h, 1) })
		if err != nil || !maps.Equal(count, want) {
			t.Errorf("counted %v, there are %v (%v)", count, want, err)
		}
	}
}
