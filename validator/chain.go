package validator

import (
	"fmt"

	"pileus/primitives"
)

// Scope is what a relay block says about one para: the frame in which its chain is built.
type Scope struct {
	Block          RelayBlock
	Parents        map[primitives.Hash]uint32 // scheduling parents that may be used, the block itself among them: number
	Base           *primitives.Constraints
	Pending        []*Candidate // pending availability, in order
	MaxBackableLen int          // pending included
}

func (s *Scope) pending(hash primitives.CandidateHash) *Candidate {
	for _, c := range s.Pending {
		if c.Hash == hash {
			return c
		}
	}
	return nil
}

// PotentialKind is why a candidate cannot become a member of a chain
// (polkadot_node_core_prospective_parachains fragment_chain Error).
type PotentialKind string

// The reasons in the order of the checks.
const (
	CandidateAlreadyKnown                          PotentialKind = "CandidateAlreadyKnown"
	SchedulingParentNotInScope                     PotentialKind = "SchedulingParentNotInScope"
	ZeroLengthCycle                                PotentialKind = "ZeroLengthCycle"
	ForkWithCandidatePendingAvailability           PotentialKind = "ForkWithCandidatePendingAvailability"
	ForkChoiceRule                                 PotentialKind = "ForkChoiceRule"
	Cycle                                          PotentialKind = "Cycle"
	MultiplePaths                                  PotentialKind = "MultiplePaths"
	RelayParentPrecedesCandidatePendingAvailablity PotentialKind = "RelayParentPrecedesCandidatePendingAvailability"
	ComputeConstraints                             PotentialKind = "ComputeConstraints"
	RelayParentNotInScope                          PotentialKind = "RelayParentNotInScope"
	RelayParentMovedBackwards                      PotentialKind = "RelayParentMovedBackwards"
	CheckAgainstConstraints                        PotentialKind = "CheckAgainstConstraints"
)

// PotentialError says why a candidate has no potential in a chain. Check is set for
// ComputeConstraints and CheckAgainstConstraints, Other for the rules about forks.
type PotentialError struct {
	Kind   PotentialKind
	Other  primitives.CandidateHash
	Check  *CheckError
	Detail string
}

// Error names the rule.
func (e *PotentialError) Error() string {
	s := string(e.Kind)
	switch {
	case e.Check != nil:
		s += ": " + e.Check.Error()
	case !e.Other.IsZero():
		s += ": candidate " + e.Other.Short()
	case e.Detail != "":
		s += ": " + e.Detail
	}
	return s
}

func no(kind PotentialKind) *PotentialError { return &PotentialError{Kind: kind} }

// FragmentChain is what could become of one para after one relay block: the best chain of
// backed candidates, those pending availability first, and the unconnected ones, which are
// seconded only or backed with a parent that is not there yet.
//
//	seconded ──check_potential──► unconnected ──backed, parent in chain──► best chain
//	                                   ▲                                       │
//	                                   └──────── a backed sibling with ────────┘
//	                                             a lower hash cuts the chain
//
// Invariants: neighbours in the chain link by head data, the chain begins at the included head
// and is at most MaxBackableLen long, no head data appears twice in it.
// Source: polkadot_node_core_prospective_parachains::fragment_chain.
type FragmentChain struct {
	scope       *Scope
	chain       []*Fragment
	byParent    map[primitives.Hash]*Fragment
	byOutput    map[primitives.Hash]*Fragment
	unconnected *storage
}

// NewFragmentChain starts with the pending candidates of the scope.
func NewFragmentChain(scope *Scope) *FragmentChain {
	c := &FragmentChain{scope: scope, unconnected: newStorage()}
	c.clear()
	pending := newStorage()
	for _, p := range scope.Pending {
		pending.add(p, true)
	}
	c.populate(pending)
	return c
}

func (c *FragmentChain) clear() {
	c.chain = nil
	c.byParent = map[primitives.Hash]*Fragment{}
	c.byOutput = map[primitives.Hash]*Fragment{}
}

// PopulateFrom takes over what the chain of the parent block held, as far as it still has potential.
// What was pending there is left out: if it still is, it is here already, else it was included or timed out.
// So is what is pending here. The released crate (35) leaves it in, finds that it forks off itself, and drops
// with it whatever was seconded on top of it and not backed yet: a race that costs slot-based collators a
// block whenever a relay block arrives between two votes. Here the intention stands, not the race.
func (c *FragmentChain) PopulateFrom(previous *FragmentChain) {
	old := previous.unconnected.clone()
	for _, f := range previous.chain {
		if previous.scope.pending(f.Hash) == nil {
			old.add(f.Candidate, true)
		}
	}
	for _, p := range c.scope.Pending {
		old.remove(p.Hash)
	}
	c.populate(old)
	c.trimForks(old, nil)
	c.keepUnconnected(old)
}

// Len is the number of candidates in the best chain, pending ones included.
func (c *FragmentChain) Len() int { return len(c.chain) }

// Scope is the frame of the chain.
func (c *FragmentChain) Scope() *Scope { return c.scope }

// BestChain is the best chain, the oldest candidate first.
func (c *FragmentChain) BestChain() []*Fragment { return c.chain }

// Unconnected are the candidates beside the chain, ascending by hash.
func (c *FragmentChain) Unconnected() []*Candidate {
	var list []*Candidate
	for _, e := range c.unconnected.list() {
		list = append(list, e.Candidate)
	}
	return list
}

// Contains tells whether the candidate is in the chain or unconnected.
func (c *FragmentChain) Contains(hash primitives.CandidateHash) bool {
	return c.inChain(hash) || c.unconnected.byHash[hash] != nil
}

func (c *FragmentChain) inChain(hash primitives.CandidateHash) bool {
	for _, f := range c.chain {
		if f.Hash == hash {
			return true
		}
	}
	return false
}

// TryAdd stores a seconded candidate as unconnected if it has potential.
func (c *FragmentChain) TryAdd(cand *Candidate) *PotentialError {
	if err := c.CanAdd(cand); err != nil {
		return err
	}
	c.unconnected.add(cand, false)
	return nil
}

// CanAdd tells whether the candidate could be stored: it is not known and has potential.
func (c *FragmentChain) CanAdd(cand *Candidate) *PotentialError {
	if c.Contains(cand.Hash) {
		return no(CandidateAlreadyKnown)
	}
	return c.checkPotential(cand)
}

// CanAddIncomplete runs the part of [FragmentChain.CanAdd] that an advertisement allows, when
// only hash, parent and scheduling parent are known.
func (c *FragmentChain) CanAddIncomplete(hash primitives.CandidateHash, parentHead, schedulingParent primitives.Hash) *PotentialError {
	if c.Contains(hash) {
		return no(CandidateAlreadyKnown)
	}
	if _, ok := c.scope.Parents[schedulingParent]; !ok {
		return no(SchedulingParentNotInScope)
	}
	return c.checkFork(hash, parentHead)
}

func (c *FragmentChain) checkFork(hash primitives.CandidateHash, parentHead primitives.Hash) *PotentialError {
	other := c.byParent[parentHead]
	switch {
	case other == nil || other.Hash == hash:
		return nil
	case c.scope.pending(other.Hash) != nil:
		return &PotentialError{Kind: ForkWithCandidatePendingAvailability, Other: other.Hash}
	case lower(other.Hash, hash):
		return &PotentialError{Kind: ForkChoiceRule, Other: other.Hash}
	}
	return nil
}

func (c *FragmentChain) checkCycle(output primitives.Hash) *PotentialError {
	if f := c.byParent[output]; f != nil {
		return &PotentialError{Kind: Cycle, Other: f.Hash}
	}
	if f := c.byOutput[output]; f != nil {
		return &PotentialError{Kind: MultiplePaths, Other: f.Hash}
	}
	return nil
}

func (c *FragmentChain) checkPotential(cand *Candidate) *PotentialError {
	if _, ok := c.scope.Parents[cand.SchedulingParent]; !ok {
		return no(SchedulingParentNotInScope)
	}
	if cand.ParentHead == cand.OutputHead {
		return no(ZeroLengthCycle)
	}
	if err := c.checkFork(cand.Hash, cand.ParentHead); err != nil {
		return err
	}
	if err := c.checkCycle(cand.OutputHead); err != nil {
		return err
	}
	if n := len(c.scope.Pending); n > 0 {
		if last := c.scope.Pending[n-1]; cand.RelayParent.Number < last.RelayParent.Number {
			return &PotentialError{Kind: RelayParentPrecedesCandidatePendingAvailablity, Other: last.Hash}
		}
	}
	return c.checkConstraints(cand)
}

// checkConstraints is the end of check_potential: against the constraints behind the parent
// if it is in the chain or included, else the commitments alone.
func (c *FragmentChain) checkConstraints(cand *Candidate) *PotentialError {
	base := c.scope.Base
	at := base
	floor := base.MinRelayParentNumber
	parent := c.byOutput[cand.ParentHead]
	connected := parent != nil || primitives.ParaHeadHash(base.RequiredParent) == cand.ParentHead
	if parent != nil {
		var err *CheckError
		if at, err = ApplyModifications(base, parent.Cumulative); err != nil {
			return &PotentialError{Kind: ComputeConstraints, Check: err}
		}
	}
	if cand.RelayParent.Number < floor {
		return &PotentialError{Kind: RelayParentNotInScope, Detail: fmt.Sprintf("#%d, at least #%d", cand.RelayParent.Number, floor)}
	}
	if parent != nil && cand.RelayParent.Number < parent.RelayParent.Number {
		return &PotentialError{Kind: RelayParentMovedBackwards, Detail: fmt.Sprintf("#%d behind #%d", cand.RelayParent.Number, parent.RelayParent.Number)}
	}
	out, code := &cand.Receipt.Commitments, cand.Receipt.Descriptor.ValidationCodeHash()
	var err *CheckError
	if connected {
		_, err = CheckCandidate(at, cand.RelayParent, out, code, cand.PVD)
	} else {
		err = CheckCommitments(at, cand.RelayParent, out, code)
	}
	if err != nil {
		return &PotentialError{Kind: CheckAgainstConstraints, Check: err}
	}
	return nil
}

// Backed tells the chain that the candidate has enough votes. If its parent is the included head
// or in the chain, the chain is cut there and grown again, so a lower sibling may win.
func (c *FragmentChain) Backed(hash primitives.CandidateHash) {
	e := c.unconnected.byHash[hash]
	if c.inChain(hash) || e == nil {
		return
	}
	e.backed = true
	if !c.revertTo(e.ParentHead) {
		return
	}
	old := c.unconnected
	c.unconnected = newStorage()
	c.populate(old)
	c.trimForks(old, &e.ParentHead)
	c.keepUnconnected(old)
}

// revertTo cuts the chain behind the head, which must be the included one or in the chain.
func (c *FragmentChain) revertTo(head primitives.Hash) bool {
	keep := -1
	if primitives.ParaHeadHash(c.scope.Base.RequiredParent) == head {
		keep = 0
	} else if c.byOutput[head] != nil {
		for i, f := range c.chain {
			if f.OutputHead == head {
				keep = i + 1
			}
		}
	}
	if keep < 0 {
		return false
	}
	old := c.chain
	c.clear()
	for i, f := range old {
		if i < keep {
			c.push(f)
		} else {
			c.unconnected.add(f.Candidate, true)
		}
	}
	return true
}

func (c *FragmentChain) push(f *Fragment) {
	c.chain = append(c.chain, f)
	c.byParent[f.ParentHead] = f
	c.byOutput[f.OutputHead] = f
}

// populate grows the chain from the storage, and takes out of it what it used.
func (c *FragmentChain) populate(from *storage) {
	var cumulative Modifications
	if n := len(c.chain); n > 0 {
		cumulative = c.chain[n-1].Cumulative
	}
	for len(c.chain) < c.scope.MaxBackableLen {
		at, err := ApplyModifications(c.scope.Base, cumulative)
		if err != nil {
			return
		}
		best := c.bestChild(from, at)
		if best == nil {
			return
		}
		cumulative = cumulative.Stack(best.Modifications)
		best.Cumulative = cumulative
		from.remove(best.Hash)
		c.push(best)
	}
}

// bestChild is the backed candidate that fits next: one pending availability before all,
// else the one with the lowest hash.
func (c *FragmentChain) bestChild(from *storage, at *primitives.Constraints) *Fragment {
	var best *Fragment
	for _, e := range from.byParent[primitives.ParaHeadHash(at.RequiredParent)] {
		if !e.backed {
			continue
		}
		f := c.tryNext(e.Candidate, at)
		if f == nil {
			continue
		}
		if c.scope.pending(f.Hash) != nil {
			return f
		}
		if best == nil { // the list ascends by hash
			best = f
		}
	}
	return best
}

func (c *FragmentChain) tryNext(cand *Candidate, at *primitives.Constraints) *Fragment {
	pending := c.scope.pending(cand.Hash)
	if _, ok := c.scope.Parents[cand.SchedulingParent]; !ok && pending == nil {
		return nil
	}
	if cand.ParentHead == cand.OutputHead || c.checkCycle(cand.OutputHead) != nil {
		return nil
	}
	if n := len(c.chain); n > 0 && cand.RelayParent.Number < c.chain[n-1].RelayParent.Number {
		return nil
	}
	if pending != nil { // it was admitted under the minimum of its time
		own := *at
		own.MinRelayParentNumber = pending.RelayParent.Number
		at = &own
	}
	mods, err := CheckCandidate(at, cand.RelayParent, &cand.Receipt.Commitments, cand.Receipt.Descriptor.ValidationCodeHash(), cand.PVD)
	if err != nil {
		return nil
	}
	return &Fragment{Candidate: cand, Modifications: mods}
}

// trimForks removes from the storage what forks off the chain without potential, and whatever descends
// from it. It starts at the head, or at every head of the chain.
func (c *FragmentChain) trimForks(s *storage, start *primitives.Hash) {
	type head struct {
		hash      primitives.Hash
		potential bool
	}
	var queue []head
	switch {
	case start != nil:
		queue = append(queue, head{*start, true})
	case len(c.chain) == 0:
		queue = append(queue, head{primitives.ParaHeadHash(c.scope.Base.RequiredParent), true})
	}
	if start == nil {
		for _, f := range c.chain {
			queue = append(queue, head{f.ParentHead, true})
		}
	}
	visited := map[primitives.Hash]bool{}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		visited[next.hash] = true
		for _, child := range s.byParent[next.hash] {
			if visited[child.OutputHead] {
				continue
			}
			keep := next.potential && c.checkPotential(child.Candidate) == nil
			if !keep {
				s.remove(child.Hash)
			}
			queue = append(queue, head{child.OutputHead, keep})
		}
	}
}

func (c *FragmentChain) keepUnconnected(old *storage) {
	for _, e := range old.list() {
		if c.scope.pending(e.Hash) == nil && c.CanAdd(e.Candidate) == nil {
			c.unconnected.add(e.Candidate, e.backed)
		}
	}
}

// Backable walks the chain over the members that the caller takes for granted and returns up to
// count candidates behind them; it stops at one that is still pending availability.
func (c *FragmentChain) Backable(ancestors map[primitives.CandidateHash]bool, count int) []*Candidate {
	base := 0
	for base < len(c.chain) && ancestors[c.chain[base].Hash] {
		base++
	}
	var list []*Candidate
	for _, f := range c.chain[base:min(base+count, len(c.chain))] {
		if c.scope.pending(f.Hash) != nil {
			break
		}
		list = append(list, f.Candidate)
	}
	return list
}

// HeadData is the head data with that hash as far as the chain knows it.
func (c *FragmentChain) HeadData(hash primitives.Hash) ([]byte, bool) {
	if primitives.ParaHeadHash(c.scope.Base.RequiredParent) == hash {
		return c.scope.Base.RequiredParent, true
	}
	if f := c.byOutput[hash]; f != nil {
		return f.Receipt.Commitments.HeadData, true
	}
	return c.unconnected.headData(hash)
}
