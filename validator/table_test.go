package validator

import (
	"testing"

	"pileus/primitives"
)

// One validator cannot crowd out the early votes of others.
func TestEarlyVotesAreBounded(t *testing.T) {
	tab := newTable()
	for i := range 1000 {
		tab.keepEarly(Statement{Kind: primitives.Valid, Candidate: primitives.CandidateHash{byte(i), byte(i >> 8)}, Validator: 1})
	}
	tab.keepEarly(Statement{Kind: primitives.Valid, Candidate: primitives.CandidateHash{9}, Validator: 2})
	tab.keepEarly(Statement{Kind: primitives.Valid, Candidate: primitives.CandidateHash{9}, Validator: 2})
	if len(tab.early) != maxEarlyVotes+1 {
		t.Errorf("%d votes wait", len(tab.early))
	}
	list := tab.takeEarly(primitives.CandidateHash{9})
	if len(list) != 2 || len(tab.early) != maxEarlyVotes-1 {
		t.Errorf("%d taken, %d left", len(list), len(tab.early))
	}
}
