package blocktree

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func hash(n int) (h Hash) {
	h[0], h[1] = byte(n), byte(n>>8)
	return h
}

// model is the tree as a plain list of (block, parent) in order of import.
type model struct {
	blocks    []int
	parent    map[int]int // the first block has none
	finalized int
}

func (m *model) has(b int) bool { return slices.Contains(m.blocks, b) }

// path lists b and its ancestors.
func (m *model) path(b int) (p []int) {
	for m.has(b) {
		p = append(p, b)
		up, ok := m.parent[b]
		if !ok {
			break
		}
		b = up
	}
	return p
}

func (m *model) keep(f func(b int) bool) (gone []int) {
	var kept []int
	for _, b := range m.blocks {
		if f(b) {
			kept = append(kept, b)
		} else {
			gone = append(gone, b)
		}
	}
	m.blocks = kept
	return gone
}

func (m *model) where(f func(b int) bool) []Hash {
	list := []Hash{}
	for _, b := range m.blocks {
		if f(b) {
			list = append(list, hash(b))
		}
	}
	return list
}

func toHashes(list []int) []Hash {
	h := []Hash{}
	for _, b := range list {
		h = append(h, hash(b))
	}
	return h
}

func blockHashes(list []Block[int]) []Hash {
	h := []Hash{}
	for _, b := range list {
		h = append(h, b.Hash)
	}
	return h
}

// A random history gives the answers of a list that is searched naively.
func TestTreeAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := New(hash(0), 7, 0, 40)
		m := &model{blocks: []int{0}, parent: map[int]int{}}
		number := map[int]uint32{0: 7}
		next := 1
		draw := func(name string) int { return rapid.IntRange(0, next).Draw(t, name) } // next itself is unknown

		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				p := draw("parent")
				err := tree.Insert(hash(next), hash(p), next)
				switch {
				case !m.has(p):
					must(t, errors.Is(err, ErrUnknownParent), err)
				case number[p] < number[m.finalized]:
					must(t, errors.Is(err, ErrFinalized), err)
				case len(m.blocks) == 40:
					must(t, errors.Is(err, ErrFull), err)
				default:
					must(t, err == nil, err)
					m.blocks = append(m.blocks, next)
					m.parent[next], number[next] = p, number[p]+1
					must(t, errors.Is(tree.Insert(hash(next), hash(p), next), ErrKnown), "twice")
					next++
				}
			},
			"finalize": func(t *rapid.T) {
				b := draw("block")
				final, pruned, err := tree.Finalize(hash(b))
				path := m.path(b)
				switch {
				case !m.has(b):
					must(t, errors.Is(err, ErrUnknown), err)
				case !slices.Contains(path, m.finalized):
					must(t, errors.Is(err, ErrFinalized), err)
				default:
					must(t, err == nil, err)
					became := path[:slices.Index(path, m.finalized)]
					slices.Reverse(became)
					must(t, slices.Equal(blockHashes(final), toHashes(became)), "finalized", final, became)
					path := m.path(b)
					paths := map[int][]int{}
					for _, o := range m.blocks {
						paths[o] = m.path(o)
					}
					gone := m.keep(func(o int) bool { return slices.Contains(path, o) || slices.Contains(paths[o], b) })
					must(t, slices.Equal(blockHashes(pruned), toHashes(gone)), "pruned", pruned, gone)
					m.finalized = b
				}
			},
			"remove": func(t *rapid.T) {
				b := draw("block")
				removed, err := tree.Remove(hash(b))
				switch {
				case !m.has(b):
					must(t, errors.Is(err, ErrUnknown), err)
				case number[b] <= number[m.finalized]:
					must(t, errors.Is(err, ErrFinalized), err)
				default:
					paths := map[int][]int{}
					for _, o := range m.blocks {
						paths[o] = m.path(o)
					}
					gone := m.keep(func(o int) bool { return !slices.Contains(paths[o], b) })
					must(t, slices.Equal(blockHashes(removed), toHashes(gone)), "removed", removed, gone)
				}
			},
			"shorten": func(t *rapid.T) {
				keep := rapid.IntRange(0, 5).Draw(t, "keep")
				dropped := tree.Shorten(keep)
				gone := m.keep(func(o int) bool { return int(number[o]) >= int(number[m.finalized])-keep })
				must(t, slices.Equal(blockHashes(dropped), toHashes(gone)), "dropped", dropped, gone)
			},
			"": func(t *rapid.T) { compare(t, tree, m, number, next) },
		})
	})
}

func compare(t *rapid.T, tree *Tree[int], m *model, number map[int]uint32, next int) {
	must(t, tree.Len() == len(m.blocks), "length")
	f, n := tree.Finalized()
	must(t, f == hash(m.finalized) && n == number[m.finalized], "finalized")
	o, n := tree.Oldest()
	must(t, o == hash(m.blocks[0]) && n == number[m.blocks[0]], "oldest")
	isParent := map[int]bool{}
	for _, b := range m.blocks {
		if p, ok := m.parent[b]; ok {
			isParent[p] = true
		}
	}
	must(t, slices.Equal(tree.Leaves(), m.where(func(b int) bool { return !isParent[b] })), "leaves", tree.Leaves())
	must(t, slices.Equal(tree.AtNumber(9), m.where(func(b int) bool { return number[b] == 9 })), "at 9")

	a, b := rapid.IntRange(0, next).Draw(t, "a"), rapid.IntRange(0, next).Draw(t, "b")
	v, ok := tree.Get(hash(a))
	must(t, ok == m.has(a) && tree.Has(hash(a)) == ok && (!ok || v == a), "get")
	pa, pb := m.path(a), m.path(b)
	must(t, tree.IsAncestor(hash(a), hash(b)) == (m.has(a) && slices.Contains(pb, a)), "is ancestor", a, b)
	var walked []Hash
	for h, v := range tree.Ancestors(hash(a)) {
		must(t, hash(v) == h, "value")
		walked = append(walked, h)
	}
	must(t, slices.Equal(walked, toHashes(pa)), "ancestors", walked, pa)
	children := tree.Children(hash(a))
	must(t, slices.Equal(children, m.where(func(c int) bool {
		p, ok := m.parent[c]
		return ok && p == a && m.has(a)
	})) || len(children) == 0 && !m.has(a), "children")
	if m.has(a) {
		p, ok := tree.Parent(hash(a))
		must(t, ok == (len(pa) > 1) && (!ok || p == hash(pa[1])), "parent")
	}
	left, entered, common, ok := tree.Route(hash(a), hash(b))
	must(t, ok == (m.has(a) && m.has(b)), "route")
	if ok {
		i := slices.IndexFunc(pa, func(x int) bool { return slices.Contains(pb, x) })
		j := slices.Index(pb, pa[i])
		up := toHashes(pb[:j])
		slices.Reverse(up)
		must(t, common == hash(pa[i]) && slices.Equal(left, toHashes(pa[:i])) && slices.Equal(entered, up), "route", left, entered)
	}
}

func must(t *rapid.T, ok bool, what ...any) {
	t.Helper()
	if !ok {
		t.Fatal(what...)
	}
}
