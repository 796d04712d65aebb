package validator

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pileus/primitives"
)

// model is a second, naive opinion on a fragment chain: it tries every path of backed candidates.
// Outputs that matter to it are upward messages, one byte each, and downward messages.
type model struct {
	scope  *Scope
	chain  []*Candidate
	stored map[primitives.CandidateHash]*modelEntry // not in the chain
}

type modelEntry struct {
	*Candidate
	backed bool
}

func usage(c *Candidate) (ump, dmp uint32) {
	return uint32(len(c.Receipt.Commitments.UpwardMessages)), c.Receipt.Commitments.ProcessedDownwardMessages
}

// fits tells whether the candidate may follow the path, from the texts of the rules.
func (m *model) fits(path []*Candidate, c *Candidate) bool {
	base := m.scope.Base
	head, floor := primitives.ParaHeadHash(base.RequiredParent), base.MinRelayParentNumber
	seen := map[primitives.Hash]bool{head: true}
	var ump, dmp uint32
	for _, p := range path {
		u, d := usage(p)
		ump, dmp = ump+u, dmp+d
		head, floor = p.OutputHead, p.RelayParent.Number
		seen[head] = true
	}
	u, d := usage(c)
	if c.ParentHead != head || c.PVD.MaxPoVSize != base.MaxPoVSize || c.Receipt.Descriptor.ValidationCodeHash() != base.ValidationCodeHash {
		return false
	}
	// Each output once: neither the parent nor the output of a member. The base head is only a parent.
	if seen[c.OutputHead] {
		return false
	}
	pending := m.scope.pending(c.Hash) != nil
	if _, ok := m.scope.Parents[c.SchedulingParent]; !ok && !pending {
		return false
	}
	if c.RelayParent.Number < floor && !(pending && len(path) == 0) {
		return false
	}
	waiting := base.DmpRemainingMessages[dmp:]
	return u <= base.MaxUmpNumPerCandidate && ump+u <= base.UmpRemaining && uint64(dmp+d) <= uint64(len(base.DmpRemainingMessages)) &&
		(d > 0 || len(waiting) == 0 || waiting[0] > c.RelayParent.Number)
}

// best is the first of all paths, compared place by place: pending before others, then the lower
// hash, and a longer one before its own beginning.
func (m *model) best(set []*Candidate) []*Candidate {
	var all [][]*Candidate
	var walk func(path []*Candidate)
	walk = func(path []*Candidate) {
		all = append(all, slices.Clone(path))
		if len(path) == m.scope.MaxBackableLen {
			return
		}
		for _, c := range set {
			if m.fits(path, c) {
				walk(append(slices.Clone(path), c))
			}
		}
	}
	walk(nil)
	return slices.MinFunc(all, func(a, b []*Candidate) int {
		for i := range min(len(a), len(b)) {
			pa, pb := m.scope.pending(a[i].Hash) != nil, m.scope.pending(b[i].Hash) != nil
			if pa != pb {
				if pa {
					return -1
				}
				return 1
			}
			if d := bytes.Compare(a[i].Hash[:], b[i].Hash[:]); d != 0 {
				return d
			}
		}
		return len(b) - len(a)
	})
}

// reason is why the candidate has no potential beside the chain, "" if it has; in the order of the crate.
func (m *model) reason(c *Candidate) PotentialKind {
	base := m.scope.Base
	at := -1 // place of the parent
	for i, x := range m.chain {
		if x.OutputHead == c.ParentHead {
			at = i
		}
	}
	if _, ok := m.scope.Parents[c.SchedulingParent]; !ok {
		return SchedulingParentNotInScope
	}
	if c.ParentHead == c.OutputHead {
		return ZeroLengthCycle
	}
	for _, x := range m.chain {
		if x.ParentHead == c.ParentHead && x.Hash != c.Hash {
			if m.scope.pending(x.Hash) != nil {
				return ForkWithCandidatePendingAvailability
			}
			if bytes.Compare(x.Hash[:], c.Hash[:]) < 0 {
				return ForkChoiceRule
			}
		}
	}
	for _, x := range m.chain {
		if x.ParentHead == c.OutputHead {
			return Cycle
		}
	}
	for _, x := range m.chain {
		if x.OutputHead == c.OutputHead {
			return MultiplePaths
		}
	}
	if p := m.scope.Pending; len(p) > 0 && c.RelayParent.Number < p[len(p)-1].RelayParent.Number {
		return RelayParentPrecedesCandidatePendingAvailablity
	}
	if c.RelayParent.Number < base.MinRelayParentNumber {
		return RelayParentNotInScope
	}
	if at >= 0 && c.RelayParent.Number < m.chain[at].RelayParent.Number {
		return RelayParentMovedBackwards
	}
	connected := at >= 0 || c.ParentHead == primitives.ParaHeadHash(base.RequiredParent)
	if connected && !m.fitsAlone(m.chain[:at+1], c) || c.Receipt.Descriptor.ValidationCodeHash() != base.ValidationCodeHash {
		return CheckAgainstConstraints
	}
	return ""
}

// fitsAlone is fits without the rules about the shape of the chain, which reason has looked at.
func (m *model) fitsAlone(path []*Candidate, c *Candidate) bool {
	alone := *c
	alone.OutputHead = primitives.Hash{0xff}
	return m.fits(path, &alone)
}

func (m *model) known(h primitives.CandidateHash) bool {
	return m.stored[h] != nil || slices.ContainsFunc(m.chain, func(c *Candidate) bool { return c.Hash == h })
}

// rebuild makes the chain anew out of everything that is backed, and drops what has no potential
// beside it. With it go its descendants, as far as they hang on one of the heads; nil means the parents of the chain.
func (m *model) rebuild(from map[primitives.Hash]bool) {
	all := maps.Clone(m.stored)
	for _, c := range m.chain {
		all[c.Hash] = &modelEntry{c, true}
	}
	for _, c := range m.scope.Pending {
		all[c.Hash] = &modelEntry{c, true}
	}
	var set []*Candidate
	for _, e := range all {
		if e.backed {
			set = append(set, e.Candidate)
		}
	}
	m.chain = m.best(set)
	if from == nil {
		from = map[primitives.Hash]bool{}
		for _, c := range m.chain {
			from[c.ParentHead] = true
		}
		if len(m.chain) == 0 {
			from[primitives.ParaHeadHash(m.scope.Base.RequiredParent)] = true
		}
	}
	for grown := -1; grown < len(from); {
		grown = len(from)
		for _, e := range all {
			if from[e.ParentHead] && !slices.Contains(m.chain, e.Candidate) {
				from[e.OutputHead] = true
			}
		}
	}
	dropped := map[primitives.Hash]bool{} // outputs
	m.stored = map[primitives.CandidateHash]*modelEntry{}
	for h, e := range all {
		if slices.Contains(m.chain, e.Candidate) || m.scope.pending(h) != nil {
			continue
		}
		if m.reason(e.Candidate) == "" {
			m.stored[h] = e
		} else if from[e.ParentHead] {
			dropped[e.OutputHead] = true
		}
	}
	for again := true; again; {
		again = false
		for h, e := range m.stored {
			if dropped[e.ParentHead] {
				delete(m.stored, h)
				dropped[e.OutputHead] = true
				again = true
			}
		}
	}
}

const modelHeads = 6

func head(i int) []byte { return fmt.Appendf(nil, "head %d", i) }

// world draws scopes and candidates out of few heads and relay blocks, so that they often meet.
type world struct {
	*rand.Rand
	n    uint32 // of the leaf
	made int
}

func relayAt(n uint32) RelayBlock {
	return RelayBlock{Hash: primitives.Hash{1, byte(n)}, Number: n, StorageRoot: primitives.Hash{2, byte(n)}}
}

func (w *world) int(from, to int) int { return from + w.IntN(to-from+1) }

// often is true but for one in n.
func (w *world) often(n int) bool { return w.int(1, n) > 1 }

// candidate is mostly built on a head of the chain. With outputs each head is made once.
func (w *world) candidate(m *model, outputs map[int]bool) *Candidate {
	base := m.scope.Base
	rp := relayAt(w.n - uint32(w.int(0, 2)))
	if !w.often(10) {
		rp = relayAt(w.n - 4)
	}
	heads := [][]byte{base.RequiredParent}
	for _, c := range m.chain {
		heads = append(heads, c.Receipt.Commitments.HeadData)
	}
	from := heads[len(heads)-1]
	switch w.int(0, 3) {
	case 0:
		from = heads[w.IntN(len(heads))]
	case 1:
		from = head(w.int(0, modelHeads+len(outputs)))
	}
	to := w.int(0, modelHeads-1)
	if outputs != nil {
		to = modelHeads + len(outputs) + 1
		outputs[to] = true
	}
	w.made++
	pvd := &primitives.PersistedValidationData{ParentHead: from, RelayParentNumber: rp.Number, RelayParentStorageRoot: rp.StorageRoot, MaxPoVSize: base.MaxPoVSize}
	if !w.often(12) {
		pvd.MaxPoVSize++
	}
	code := base.ValidationCodeHash
	if !w.often(12) {
		code[0]++
	}
	r := &primitives.CommittedCandidateReceipt{
		Descriptor: primitives.DescriptorFields{Version: primitives.DescriptorV2, Para: 1, RelayParent: rp.Hash, PVDHash: pvd.Hash(), ValidationCodeHash: code, PoVHash: primitives.Hash{byte(w.made)}}.Descriptor(),
		Commitments: primitives.CandidateCommitments{HeadData: head(to), HrmpWatermark: rp.Number, UpwardMessages: make([][]byte, max(0, w.int(-4, 3))),
			ProcessedDownwardMessages: uint32(w.int(0, 1))},
	}
	for i := range r.Commitments.UpwardMessages {
		r.Commitments.UpwardMessages[i] = []byte{1}
	}
	return NewCandidate(r, pvd, rp)
}

func (w *world) scope(base *primitives.Constraints, pending []*Candidate) *Scope {
	s := &Scope{Block: relayAt(w.n), Base: base, Pending: pending, Parents: map[primitives.Hash]uint32{}, MaxBackableLen: len(pending) + w.int(1, 4)}
	for back := range uint32(3) {
		s.Parents[relayAt(w.n-back).Hash] = w.n - back
	}
	return s
}

func hashes(list []*Candidate) (out []string) {
	for _, c := range list {
		out = append(out, c.Hash.Short())
	}
	return out
}

func bestOf(c *FragmentChain) (list []*Candidate) {
	for _, f := range c.BestChain() {
		list = append(list, f.Candidate)
	}
	return list
}

func (m *model) unconnected() (list []*Candidate) {
	for _, e := range m.stored {
		list = append(list, e.Candidate)
	}
	slices.SortFunc(list, func(a, b *Candidate) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return list
}

// compare fails unless the chain is what the model holds. Where two stored candidates make the same head,
// what hangs on it is dropped or not by the order of a walk; then the model takes over the chain's answer.
func (m *model) compare(t *rapid.T, after string, c *FragmentChain, strict bool) {
	if got, want := hashes(bestOf(c)), hashes(m.chain); !slices.Equal(got, want) {
		t.Fatalf("after %s: chain %v, want %v", after, got, want)
	}
	got, want := c.Unconnected(), m.unconnected()
	if strict && !slices.Equal(hashes(got), hashes(want)) {
		t.Fatalf("after %s: unconnected %v, want %v", after, hashes(got), hashes(want))
	}
	kept := map[primitives.CandidateHash]*modelEntry{}
	for _, x := range got {
		if m.reason(x) != "" {
			t.Fatalf("after %s: %s is kept: %s", after, x.Hash.Short(), m.reason(x))
		}
		if kept[x.Hash] = m.stored[x.Hash]; kept[x.Hash] == nil {
			kept[x.Hash] = &modelEntry{x, c.unconnected.byHash[x.Hash].backed}
		}
	}
	m.stored = kept
}

// TestFragmentChainEqualsBruteForce adds and backs candidates in any order and goes on to new relay
// blocks, on which some were backed or included meanwhile.
func TestFragmentChainEqualsBruteForce(t *testing.T) {
	deepest, pendings := 0, 0
	property := func(t *rapid.T) {
		w := &world{Rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), n: 20}
		var outputs map[int]bool
		strict := w.often(2)
		if strict {
			outputs = map[int]bool{}
		}
		base := &primitives.Constraints{MinRelayParentNumber: 18, MaxPoVSize: 100, MaxCodeSize: 100, MaxHeadDataSize: 100, UmpRemaining: uint32(w.int(1, 9)), UmpRemainingBytes: 100,
			MaxUmpNumPerCandidate: 2, RequiredParent: head(0), ValidationCodeHash: primitives.Hash{9}}
		for range max(0, w.int(-6, 6)) {
			base.DmpRemainingMessages = append(base.DmpRemainingMessages, 19)
		}
		m := &model{scope: w.scope(base, nil), stored: map[primitives.CandidateHash]*modelEntry{}}
		chain := NewFragmentChain(m.scope)
		var made []*Candidate
		back := func(c *Candidate) {
			chain.Backed(c.Hash)
			if e := m.stored[c.Hash]; e != nil {
				e.backed = true
				m.touch(c)
			}
			m.compare(t, "backing", chain, strict)
		}
		for range 40 {
			switch w.int(0, 7) {
			case 0, 1, 2, 3:
				c := w.candidate(m, outputs)
				made = append(made, c)
				err, want := chain.TryAdd(c), m.reason(c)
				if (err == nil) != (want == "") || err != nil && err.Kind != want {
					t.Fatalf("%s: %v, want %q", c.Hash.Short(), err, want)
				}
				if err == nil {
					m.stored[c.Hash] = &modelEntry{c, false}
				}
				m.compare(t, "adding", chain, strict)
				if w.often(3) {
					back(c)
				}
			case 4:
				if len(made) > 0 {
					c := made[w.IntN(len(made))]
					if err := chain.TryAdd(c); m.known(c.Hash) && (err == nil || err.Kind != CandidateAlreadyKnown) {
						t.Fatalf("%s twice: %v", c.Hash.Short(), err)
					} else if err == nil {
						m.stored[c.Hash] = &modelEntry{c, false}
					}
				}
			case 5, 6:
				if len(made) > 0 {
					back(made[w.IntN(len(made))])
				}
			case 7:
				next, pending := w.advance(m)
				base = next
				previous := chain
				old := m.scope
				m.scope = w.scope(base, pending)
				m.leave(old)
				chain = NewFragmentChain(m.scope)
				chain.PopulateFrom(previous)
				m.rebuild(nil)
				m.compare(t, "a new relay block", chain, strict)
				pendings = max(pendings, len(pending))
			}
			deepest = max(deepest, chain.Len())
		}
	}
	for range 10 {
		rapid.Check(t, property)
	}
	if !t.Failed() && (deepest < 4 || pendings < 2) {
		t.Errorf("the cases are too small: %d in a chain, %d pending", deepest, pendings)
	}
}

// touch rebuilds if the candidate's parent is the included head or in the chain; else nothing changes.
func (m *model) touch(c *Candidate) {
	if c.ParentHead == primitives.ParaHeadHash(m.scope.Base.RequiredParent) || slices.ContainsFunc(m.chain, func(x *Candidate) bool { return x.OutputHead == c.ParentHead }) {
		m.rebuild(map[primitives.Hash]bool{c.ParentHead: true})
	}
}

// leave forgets what was pending before: it was included, or stands in the new scope.
func (m *model) leave(old *Scope) {
	m.chain = slices.DeleteFunc(slices.Clone(m.chain), func(c *Candidate) bool { return old.pending(c.Hash) != nil })
	for _, c := range m.scope.Pending {
		delete(m.stored, c.Hash)
	}
}

// advance is the next relay block: a prefix of what was pending is included, a prefix of what follows in the chain is pending.
func (w *world) advance(m *model) (*primitives.Constraints, []*Candidate) {
	w.n++
	base := *m.scope.Base
	was := len(m.scope.Pending)
	was = min(was, len(m.chain))
	in := w.int(0, was)
	for _, c := range m.chain[:in] {
		u, d := usage(c)
		base.UmpRemaining -= u
		base.UmpRemainingBytes -= u
		base.DmpRemainingMessages = base.DmpRemainingMessages[d:]
		base.RequiredParent = c.Receipt.Commitments.HeadData
		base.MinRelayParentNumber = max(base.MinRelayParentNumber, c.RelayParent.Number)
	}
	pending := slices.Clone(m.chain[in : was+w.int(0, len(m.chain)-was)])
	if n := len(pending); n > 0 {
		base.MinRelayParentNumber = max(base.MinRelayParentNumber, pending[n-1].RelayParent.Number)
	}
	return &base, pending
}
