package validator

import (
	"slices"

	"pileus/primitives"
)

// authorSlot answers with what the node knows, at the earliest 2 s after the parent arrived: only then the
// provisioner has data, and an author waits 2.5 s for it.
func (n *Node) authorSlot(in AuthorSlot) {
	b := n.bestLeaf()
	if !in.Parent.IsZero() {
		b = n.blocks[in.Parent]
	}
	if b == nil {
		n.wait(in.Parent, in)
		return
	}
	if ready := b.arrived + ProvisionerDelay; n.now < ready {
		n.emit(SetTimer{ready, TimerKey{TimerPropose, b.Hash, uint64(in.Slot)}})
		return
	}
	n.propose(b, in.Slot)
}

// propose assembles the inherent (polkadot_node_core_provisioner). A parent that is no active leaf any
// more gets an empty one.
func (n *Node) propose(b *block, slot primitives.Slot) {
	data := &primitives.ParachainsInherentData{ParentHeader: *b.header}
	if n.isLeaf(b) {
		data.Bitfields = b.chosenBitfields()
		data.Backed = n.chosenCandidates(b, data.Bitfields)
	}
	n.emit(Propose{slot, b.Hash, data})
}

// chosenBitfields is the fullest bitfield of each validator among those that set bits on occupied
// cores only, ascending by validator.
func (b *block) chosenBitfields() (list []primitives.SignedBitfield) {
	for v := range primitives.ValidatorIndex(len(b.validators)) {
		var best *primitives.SignedBitfield
		for i := range b.bitfields[v] {
			f := &b.bitfields[v][i]
			if b.onlyOccupied(f.Bits) && (best == nil || f.Bits.Ones() > best.Bits.Ones()) {
				best = f
			}
		}
		if best != nil {
			list = append(list, *best)
		}
	}
	return list
}

func (b *block) onlyOccupied(bits primitives.BitVec) bool {
	for i := range b.cores {
		if bits.Get(i) && b.cores[i].Kind != primitives.CoreOccupied {
			return false
		}
	}
	return true
}

// coreDemand is what the child of the block can back: per para the number of cores, and the pending
// candidates that will be included or stay pending, on top of which it builds.
func (b *block) coreDemand(bitfields []primitives.SignedBitfield) (cores map[primitives.ParaID]int, ancestors map[primitives.ParaID]map[primitives.CandidateHash]bool) {
	cores = map[primitives.ParaID]int{}
	ancestors = map[primitives.ParaID]map[primitives.CandidateHash]bool{}
	stays := func(o *primitives.OccupiedCore) {
		para := o.Descriptor.Para()
		if ancestors[para] == nil {
			ancestors[para] = map[primitives.CandidateHash]bool{}
		}
		ancestors[para][o.CandidateHash] = true
	}
	next := func(para *primitives.ParaID) {
		if para != nil {
			cores[*para]++
		}
	}
	for i := range b.cores {
		core := &b.cores[i]
		o := &core.Occupied
		switch {
		case core.Kind == primitives.CoreScheduled:
			cores[core.Para]++
		case core.Kind != primitives.CoreOccupied:
		case indicatesAvailability(i, bitfields, o.Availability):
			stays(o)
			next(o.NextUpOnAvailable)
		case o.TimeOutAt <= b.Number+1:
			next(o.NextUpOnTimeOut)
		default:
			stays(o)
		}
	}
	return cores, ancestors
}

// indicatesAvailability is the provisioner's estimate, two thirds of the votes. Where 3 divides the number
// of validators it is one vote lower than the runtime's rule; the runtime then drops what was offered on it.
func indicatesAvailability(core int, bitfields []primitives.SignedBitfield, votes primitives.BitVec) bool {
	if votes.Len() == 0 {
		return false
	}
	votes = votes.Clone()
	for _, f := range bitfields {
		if f.Bits.Get(core) && int(f.Validator) < votes.Len() {
			votes.Set(int(f.Validator))
		}
	}
	return 3*votes.Ones() >= 2*votes.Len()
}

// chosenCandidates are the backable candidates for the cores, by ascending para, in chain order. At most
// one of all carries new code; the rest of that para's chain is cut.
func (n *Node) chosenCandidates(b *block, bitfields []primitives.SignedBitfield) (list []primitives.BackedCandidate) {
	cores, ancestors := b.coreDemand(bitfields)
	upgrade := false
	for _, para := range sortedParas(cores) {
		chain := b.chains[para]
		if chain == nil {
			continue
		}
		for _, c := range chain.Backable(ancestors[para], cores[para]) {
			backed, ok := n.backed(c)
			if !ok {
				break
			}
			if c.Receipt.Commitments.NewValidationCode != nil {
				if upgrade {
					break
				}
				upgrade = true
			}
			list = append(list, backed)
		}
	}
	return list
}

func sortedParas(m map[primitives.ParaID]int) []primitives.ParaID {
	ids := make([]primitives.ParaID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// backed is the candidate with all votes that have come so far.
func (n *Node) backed(c *Candidate) (primitives.BackedCandidate, bool) {
	sp := n.blocks[c.SchedulingParent]
	if sp == nil {
		return primitives.BackedCandidate{}, false
	}
	t := sp.table.candidates[c.Hash]
	if t == nil || !t.backed {
		return primitives.BackedCandidate{}, false
	}
	return t.backedCandidate(sp.groups[t.group]), true
}
