package validator

import (
	"slices"

	"pileus/primitives"
)

// table holds the statements about candidates of one scheduling parent
// (polkadot_statement_table).
//
//	Seconded by a member of the core's group ──► known ──votes ≥ threshold──► backed
//
// The first vote of a validator counts; a second, contradicting one is misbehaviour and changes nothing.
type table struct {
	candidates map[primitives.CandidateHash]*tabled
	seconded   map[primitives.ValidatorIndex]int // Seconded statements of each validator
	early      []Statement                       // Valid votes whose candidate is not known yet
}

type tabled struct {
	receipt *primitives.CommittedCandidateReceipt
	pvd     *primitives.PersistedValidationData
	group   primitives.GroupIndex
	core    primitives.CoreIndex
	votes   map[primitives.ValidatorIndex]Statement
	order   []primitives.ValidatorIndex // of arrival
	backed  bool
}

func newTable() *table {
	return &table{map[primitives.CandidateHash]*tabled{}, map[primitives.ValidatorIndex]int{}, nil}
}

// Misbehaviour is what a validator can do wrong with its statements (polkadot_statement_table Misbehavior).
type Misbehaviour string

// The kinds of misbehaviour.
const (
	ValidityDoubleVote    Misbehaviour = "ValidityDoubleVote"    // Seconded and Valid for one candidate
	DoubleSign            Misbehaviour = "DoubleSign"            // two signatures for one statement
	UnauthorizedStatement Misbehaviour = "UnauthorizedStatement" // a vote outside its group
)

// vote adds a statement of a member of group. It returns whether the vote is new, or what is wrong with it.
// A Valid vote needs the candidate to be known.
func (t *table) vote(s Statement, group primitives.GroupIndex, core primitives.CoreIndex) (fresh bool, wrong Misbehaviour) {
	c := t.candidates[s.Candidate]
	if c == nil {
		c = &tabled{receipt: s.Receipt, pvd: s.PVD, group: group, core: core, votes: map[primitives.ValidatorIndex]Statement{}}
		t.candidates[s.Candidate] = c
	}
	if c.group != group {
		return false, UnauthorizedStatement
	}
	if old, ok := c.votes[s.Validator]; ok {
		switch {
		case old.Kind != s.Kind:
			return false, ValidityDoubleVote
		case old.Signature != s.Signature:
			return false, DoubleSign
		}
		return false, ""
	}
	if s.Kind == primitives.Seconded {
		t.seconded[s.Validator]++
	}
	c.votes[s.Validator] = s
	c.order = append(c.order, s.Validator)
	return true, ""
}

// maxEarlyVotes bounds the Valid votes of one validator that wait for their candidates, per scheduling parent.
const maxEarlyVotes = 32

func (t *table) keepEarly(s Statement) {
	waiting := 0
	for _, e := range t.early {
		if e.Validator != s.Validator {
			continue
		}
		if e.Candidate == s.Candidate {
			return
		}
		waiting++
	}
	if waiting < maxEarlyVotes {
		t.early = append(t.early, s)
	}
}

// takeEarly removes and returns the votes that waited for the candidate.
func (t *table) takeEarly(hash primitives.CandidateHash) (list []Statement) {
	t.early = slices.DeleteFunc(t.early, func(s Statement) bool {
		if s.Candidate == hash {
			list = append(list, s)
			return true
		}
		return false
	})
	return list
}

// backedCandidate puts receipt and votes together as they travel in a block: votes in group order,
// the low byte of the core behind the group's bits.
func (c *tabled) backedCandidate(group []primitives.ValidatorIndex) primitives.BackedCandidate {
	b := primitives.BackedCandidate{Candidate: *c.receipt}
	bits := primitives.NewBitVec(len(group))
	for i, member := range group {
		if s, ok := c.votes[member]; ok {
			bits.Set(i)
			b.Votes = append(b.Votes, primitives.ValidityAttestation{Kind: s.Kind, Signature: s.Signature})
		}
	}
	b.ValidatorIndices = bits.Append(uint64(c.core&0xff), 8)
	return b
}
