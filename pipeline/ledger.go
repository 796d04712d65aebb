package pipeline

import (
	"cmp"
	"slices"

	"pileus/hashing"
	"pileus/primitives"
)

// The reasons for which an authored block can no longer be included. They are told apart
// in this order, by what became of the block's candidate:
//
//	authored ─► advertised ─► backed ─► included
//	   │             │           │
//	   │             │           └─ its session ended, or a timeout: session_change, not_available
//	   │             └─ no relay block up to relay parent + window backed it: not_backed
//	   └─ no validator was offered it in that time: never_offered
//
// A block on top of a dropped one is dropped with it (parent_dropped; session_change if that
// was the ancestor's reason); a block beside the included chain is superseded.
const (
	DroppedNeverOffered  = "never_offered"
	DroppedNotBacked     = "not_backed"
	DroppedNotAvailable  = "not_available"
	DroppedSessionChange = "session_change"
	DroppedSuperseded    = "superseded"
	DroppedParent        = "parent_dropped"
)

// Reason is a stable name for why something happened, and what it means.
type Reason struct{ Name, Meaning string }

// DroppedReasons are the reasons why authored blocks are dropped.
var DroppedReasons = []Reason{
	{DroppedNeverOffered, "no validator was offered the block before its window closed"},
	{DroppedNotBacked, "validators were offered the block, but no relay block up to its relay parent + window backed it"},
	{DroppedNotAvailable, "a relay block backed the block, but it did not become available in time"},
	{DroppedSessionChange, "the relay chain's session ended before the block was included; it must be made anew"},
	{DroppedSuperseded, "the relay chain included another block of the same height or a higher one beside it"},
	{DroppedParent, "the block stands on a block that was dropped"},
}

// ledger keeps account of every authored block until it is included or can no longer be.
type ledger struct {
	window func() uint32 // relay blocks after the relay parent in which a candidate may be backed
	blocks map[hashing.Hash]*entry
	open   []*entry // neither included nor dropped, in order of authoring
}

// entry is one authored block.
type entry struct {
	ParaBlock
	parent      hashing.Hash
	collator    string
	relayParent uint32
	session     primitives.SessionIndex // of candidates on the relay parent
	candidate   primitives.CandidateHash
	offered     bool
	wasBacked   bool
	pending     bool // occupies a core at present
	included    bool
	reason      string // why it was dropped
	detail      string // the last thing that a validator said against it
	at          uint32 // relay block of its end
}

func newLedger(window func() uint32) *ledger {
	return &ledger{window: window, blocks: map[hashing.Hash]*entry{}}
}

func (l *ledger) authored(e *entry) {
	if l.blocks[e.Hash] != nil {
		return
	}
	l.blocks[e.Hash] = e
	l.open = append(l.open, e)
}

// of finds the entry whose block a candidate ends with.
func (l *ledger) of(c primitives.CandidateHash) *entry {
	for _, e := range l.open {
		if e.candidate == c {
			return e
		}
	}
	return nil
}

// each calls f for the candidate's block and its open ancestors in the same candidate.
func (l *ledger) each(c primitives.CandidateHash, f func(*entry)) {
	for _, e := range l.open {
		if e.candidate == c {
			f(e)
		}
	}
}

// settle closes what relay block number, the present best one, decides: included is the
// head that stands in its state, session that of its child. It returns what was dropped.
func (l *ledger) settle(number uint32, session primitives.SessionIndex, included ParaBlock) (dropped []*entry) {
	for e := l.blocks[included.Hash]; e != nil && !e.included; e = l.blocks[e.parent] {
		e.included, e.at = true, number
	}
	l.open = slices.DeleteFunc(l.open, func(e *entry) bool { return e.included && e.Para == included.Para })
	for _, e := range l.open {
		if e.Para == included.Para {
			e.reason = l.judge(e, number, session, included)
		}
	}
	l.open = slices.DeleteFunc(l.open, func(e *entry) bool {
		if e.reason == "" {
			return false
		}
		e.at = number
		dropped = append(dropped, e)
		return true
	})
	slices.SortStableFunc(dropped, func(a, b *entry) int { return cmp.Compare(a.Number, b.Number) })
	l.forget(number)
	return dropped
}

// retract opens again what relay blocks above number had closed: they are not on the best
// chain any more. pending are the candidates that occupied a core then.
func (l *ledger) retract(number uint32, pending map[primitives.CandidateHash]bool) {
	var again []*entry
	for _, e := range l.blocks {
		if e.at > number {
			e.included, e.reason, e.at = false, "", 0
			again = append(again, e)
		}
	}
	slices.SortFunc(again, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), slices.Compare(a.Hash[:], b.Hash[:]))
	})
	l.open = append(again, l.open...)
	for _, e := range l.open {
		e.pending = pending[e.candidate]
	}
}

// judge is why the block can no longer be included, "" while it can.
func (l *ledger) judge(e *entry, number uint32, session primitives.SessionIndex, included ParaBlock) string {
	if p := l.blocks[e.parent]; p != nil && p.reason != "" {
		if p.reason == DroppedSessionChange {
			return DroppedSessionChange
		}
		return DroppedParent
	}
	switch {
	case e.pending:
		return ""
	case e.Number <= included.Number:
		return DroppedSuperseded
	case e.session < session:
		return DroppedSessionChange
	case number < e.relayParent+l.window():
		return ""
	case e.wasBacked:
		return DroppedNotAvailable
	case e.offered:
		return DroppedNotBacked
	}
	return DroppedNeverOffered
}

// forget deletes blocks that ended long ago: no later block can stand on them.
func (l *ledger) forget(number uint32) {
	if number%64 != 0 {
		return
	}
	for hash, e := range l.blocks {
		if e.at != 0 && e.at+128 < number {
			delete(l.blocks, hash)
		}
	}
}
