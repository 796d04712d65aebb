package validator

import (
	"slices"

	"pileus/primitives"
)

// buildChains makes the fragment chains of a new leaf, one for each para in its claim queue, out of the
// constraints and pending candidates that its state names and of what its parent's chains held.
func (n *Node) buildChains(b, parent *block) {
	b.chains = map[primitives.ParaID]*FragmentChain{}
	for _, para := range b.paras() {
		scope := n.scope(b, para)
		if scope == nil {
			continue
		}
		chain := NewFragmentChain(scope)
		if parent != nil && b.inView(parent) && parent.chains[para] != nil {
			chain.PopulateFrom(parent.chains[para])
		}
		b.chains[para] = chain
	}
}

// paras are those with a claim, ascending.
func (b *block) paras() []primitives.ParaID {
	ids := make([]primitives.ParaID, 0, len(b.transposed))
	for id := range b.transposed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (n *Node) scope(b *block, para primitives.ParaID) *Scope {
	base := b.state.BackingConstraints(para)
	if base == nil {
		return nil
	}
	s := &Scope{Block: b.RelayBlock, Base: base, Parents: map[primitives.Hash]uint32{}}
	for _, p := range b.parents {
		s.Parents[p.Hash] = p.Number
	}
	// The validation data of a pending candidate is not stored, but follows from its place.
	head := base.RequiredParent
	for _, receipt := range b.state.CandidatesPendingAvailability(para) {
		rp, ok := n.relayParent(b, &receipt.Descriptor)
		if !ok {
			break // the list is cut at the first whose relay parent is unknown
		}
		pvd := &primitives.PersistedValidationData{ParentHead: head, RelayParentNumber: rp.Number, RelayParentStorageRoot: rp.StorageRoot, MaxPoVSize: base.MaxPoVSize}
		s.Pending = append(s.Pending, NewCandidate(&receipt, pvd, rp))
		head = receipt.Commitments.HeadData
	}
	if n.cfg.Classic {
		s.MaxBackableLen = int(b.config.AsyncBackingParams.MaxCandidateDepth) + 1
	} else {
		s.MaxBackableLen = len(s.Pending) + b.distinctCores(para)
	}
	return s
}

func (b *block) distinctCores(para primitives.ParaID) (count int) {
	for core := range b.cores {
		if b.claims(primitives.CoreIndex(core), para) > 0 {
			count++
		}
	}
	return count
}

// relayParent is the candidate's relay parent as the chain of b knows it.
func (n *Node) relayParent(b *block, d *primitives.Descriptor) (RelayBlock, bool) {
	hash := d.RelayParent()
	session, named := d.Session()
	if !named {
		session = b.session
	}
	if known := n.blocks[hash]; known != nil && session == b.session && n.ancestor(b, known) {
		return known.RelayBlock, true
	}
	number, root, ok := b.state.AncestorRelayParentInfo(session, hash)
	return RelayBlock{hash, number, root}, ok
}

// ancestor tells whether a is b or one of its ancestors of the same session.
func (n *Node) ancestor(b, a *block) bool {
	for ; b != nil && b.Number >= a.Number; b = n.blocks[b.header.ParentHash] {
		if b == a {
			return true
		}
		if b.session != a.session {
			return false
		}
	}
	return false
}

// introduce offers a seconded candidate to the chains of all live blocks (IntroduceSecondedCandidate).
// It is nil if at least one takes it or has it already, else why the last one refused.
func (n *Node) introduce(receipt *primitives.CommittedCandidateReceipt, pvd *primitives.PersistedValidationData) *refusal {
	if pvd.Hash() != receipt.Descriptor.PVDHash() {
		return &refusal{PVDHashMismatch, "the validation data is not what the descriptor names"}
	}
	why := &refusal{NoPotential, "no live relay block has a chain of the para"}
	taken := false
	for _, b := range n.order {
		chain := b.chains[receipt.Descriptor.Para()]
		if chain == nil || !n.live(b) {
			continue
		}
		cand, bad := n.candidateAt(b, receipt, pvd)
		if bad != nil {
			why = bad
			continue
		}
		if err := chain.TryAdd(cand); err == nil || err.Kind == CandidateAlreadyKnown {
			taken = true
		} else {
			why = &refusal{NoPotential, err.Error()}
		}
	}
	if taken {
		return nil
	}
	return why
}

// candidateAt is the candidate as b sees it: its relay parent must be known there, with the number
// and the root that the validation data names.
func (n *Node) candidateAt(b *block, receipt *primitives.CommittedCandidateReceipt, pvd *primitives.PersistedValidationData) (*Candidate, *refusal) {
	rp, ok := n.relayParent(b, &receipt.Descriptor)
	if !ok {
		return nil, &refusal{RelayParentUnknown, receipt.Descriptor.RelayParent().Short()}
	}
	if rp.Number != pvd.RelayParentNumber || rp.StorageRoot != pvd.RelayParentStorageRoot {
		return nil, &refusal{PVDHashMismatch, "number or storage root of the relay parent differ"}
	}
	return NewCandidate(receipt, pvd, rp), nil
}

// markBacked tells all chains that the candidate has enough votes (CandidateBacked).
func (n *Node) markBacked(para primitives.ParaID, hash primitives.CandidateHash) {
	for _, b := range n.order {
		if chain := b.chains[para]; chain != nil && n.live(b) {
			chain.Backed(hash)
		}
	}
}

// membership tells whether some active leaf would take the complete candidate (GetHypotheticalMembership).
func (n *Node) membership(receipt *primitives.CommittedCandidateReceipt, pvd *primitives.PersistedValidationData) *refusal {
	why := &refusal{NoPotential, "no active leaf has a chain of the para"}
	for _, leaf := range n.leaves {
		chain := leaf.chains[receipt.Descriptor.Para()]
		if chain == nil {
			continue
		}
		cand, bad := n.candidateAt(leaf, receipt, pvd)
		if bad != nil {
			why = bad
			continue
		}
		err := chain.CanAdd(cand)
		if err == nil || err.Kind == CandidateAlreadyKnown {
			return nil
		}
		why = &refusal{NoPotential, err.Error()}
	}
	return why
}

// membershipOf is the same for a candidate of which only an advertisement is known.
func (n *Node) membershipOf(para primitives.ParaID, hash primitives.CandidateHash, parentHead, schedulingParent primitives.Hash) *refusal {
	why := &refusal{NoPotential, "no active leaf has a chain of the para"}
	for _, leaf := range n.leaves {
		chain := leaf.chains[para]
		if chain == nil {
			continue
		}
		err := chain.CanAddIncomplete(hash, parentHead, schedulingParent)
		if err == nil || err.Kind == CandidateAlreadyKnown {
			return nil
		}
		why = &refusal{NoPotential, err.Error()}
	}
	return why
}

// validationData is what a collation at sp must name (GetProspectiveValidationData). parentHead is the head
// data that the collator sent along, or nil to look it up in the chains by its hash.
func (n *Node) validationData(sp *block, d *primitives.Descriptor, parentHead []byte, parentHash primitives.Hash) (*primitives.PersistedValidationData, *refusal) {
	rp, ok := n.relayParent(sp, d)
	if !ok {
		return nil, &refusal{RelayParentUnknown, d.RelayParent().Short()}
	}
	for _, leaf := range n.leaves {
		if !leaf.inView(sp) {
			continue
		}
		if parentHead == nil {
			chain := leaf.chains[d.Para()]
			if chain == nil {
				continue
			}
			if parentHead, ok = chain.HeadData(parentHash); !ok {
				parentHead = nil
				continue
			}
		}
		return &primitives.PersistedValidationData{ParentHead: parentHead, RelayParentNumber: rp.Number, RelayParentStorageRoot: rp.StorageRoot, MaxPoVSize: leaf.config.MaxPoVSize}, nil
	}
	return nil, &refusal{ParentHeadUnknown, parentHash.Short()}
}

// Chain is the fragment chain of the para after the relay block, while it is in the window; else nil.
func (n *Node) Chain(relay primitives.Hash, para primitives.ParaID) *FragmentChain {
	if b := n.blocks[relay]; b != nil {
		return b.chains[para]
	}
	return nil
}
