package validator

import (
	"bytes"

	"pileus/primitives"
)

// Candidate is what is known of a seconded or pending candidate. It never changes.
type Candidate struct {
	Hash             primitives.CandidateHash
	Receipt          *primitives.CommittedCandidateReceipt
	PVD              *primitives.PersistedValidationData
	RelayParent      RelayBlock
	SchedulingParent primitives.Hash
	ParentHead       primitives.Hash // hash of the parent's head data
	OutputHead       primitives.Hash // hash of its own
}

// NewCandidate takes the parts that a chain needs out of a receipt.
func NewCandidate(receipt *primitives.CommittedCandidateReceipt, pvd *primitives.PersistedValidationData, relayParent RelayBlock) *Candidate {
	return &Candidate{
		Hash: receipt.Hash(), Receipt: receipt, PVD: pvd, RelayParent: relayParent,
		SchedulingParent: receipt.Descriptor.SchedulingParent(),
		ParentHead:       primitives.ParaHeadHash(pvd.ParentHead),
		OutputHead:       primitives.ParaHeadHash(receipt.Commitments.HeadData),
	}
}

// Fragment is a candidate in its place of a chain: what it changes, and what all up to it change together.
type Fragment struct {
	*Candidate
	Modifications Modifications
	Cumulative    Modifications
}

// lower is the fork rule: of two siblings the one with the lower candidate hash stands
// (polkadot_node_core_prospective_parachains fork_selection_rule).
func lower(a, b primitives.CandidateHash) bool { return bytes.Compare(a[:], b[:]) < 0 }

// entry is a candidate in storage and whether enough of its group voted for it.
type entry struct {
	*Candidate
	backed bool
}

// storage holds candidates that are not in the best chain, by hash, parent and output.
type storage struct {
	byHash   map[primitives.CandidateHash]*entry
	byParent map[primitives.Hash][]*entry // ascending by candidate hash
	byOutput map[primitives.Hash][]*entry
}

func newStorage() *storage {
	return &storage{map[primitives.CandidateHash]*entry{}, map[primitives.Hash][]*entry{}, map[primitives.Hash][]*entry{}}
}

func insertSorted(list []*entry, e *entry) []*entry {
	i := 0
	for i < len(list) && lower(list[i].Hash, e.Hash) {
		i++
	}
	return append(list[:i:i], append([]*entry{e}, list[i:]...)...)
}

func without(list []*entry, hash primitives.CandidateHash) []*entry {
	kept := make([]*entry, 0, len(list))
	for _, e := range list {
		if e.Hash != hash {
			kept = append(kept, e)
		}
	}
	return kept
}

func (s *storage) add(c *Candidate, backed bool) {
	if s.byHash[c.Hash] != nil {
		return
	}
	e := &entry{c, backed}
	s.byHash[c.Hash] = e
	s.byParent[c.ParentHead] = insertSorted(s.byParent[c.ParentHead], e)
	s.byOutput[c.OutputHead] = insertSorted(s.byOutput[c.OutputHead], e)
}

func (s *storage) remove(hash primitives.CandidateHash) {
	e := s.byHash[hash]
	if e == nil {
		return
	}
	delete(s.byHash, hash)
	drop := func(m map[primitives.Hash][]*entry, key primitives.Hash) {
		if m[key] = without(m[key], hash); len(m[key]) == 0 {
			delete(m, key)
		}
	}
	drop(s.byParent, e.ParentHead)
	drop(s.byOutput, e.OutputHead)
}

// list is every entry, ascending by candidate hash.
func (s *storage) list() []*entry {
	var all []*entry
	for _, e := range s.byHash {
		all = insertSorted(all, e)
	}
	return all
}

func (s *storage) clone() *storage {
	n := newStorage()
	for _, e := range s.byHash {
		n.add(e.Candidate, e.backed)
	}
	return n
}

// headData is the head data with that hash, if a stored candidate has it as output or as parent.
func (s *storage) headData(hash primitives.Hash) ([]byte, bool) {
	if list := s.byOutput[hash]; len(list) > 0 {
		return list[0].Receipt.Commitments.HeadData, true
	}
	if list := s.byParent[hash]; len(list) > 0 {
		return list[0].PVD.ParentHead, true
	}
	return nil, false
}
