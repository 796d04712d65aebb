package validator

import (
	"bytes"
	"slices"

	"pileus/primitives"
)

// refusal is why a candidate, statement or bitfield was turned down.
type refusal struct {
	reason Reason
	detail string
}

// record is what the node remembers of a candidate for its notes: the furthest stage, the last refusal.
type record struct {
	hash  primitives.CandidateHash
	para  primitives.ParaID
	sp    primitives.Hash
	stage Stage
	why   refusal
	ended bool // its end has been noted
}

func (n *Node) record(hash primitives.CandidateHash, para primitives.ParaID, sp primitives.Hash) *record {
	r := n.records[hash]
	if r == nil {
		r = &record{hash: hash, para: para, sp: sp}
		n.records[hash] = r
	}
	return r
}

func (n *Node) reached(hash primitives.CandidateHash, stage Stage) {
	if r := n.records[hash]; r != nil {
		r.stage = max(r.stage, stage)
	}
}

// recordsOf are the candidates with that scheduling parent, ascending by hash.
func (n *Node) recordsOf(sp primitives.Hash) (list []*record) {
	for _, r := range n.records {
		if r.sp == sp {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *record) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return list
}

func (n *Node) dropRecord(r *record) {
	delete(n.records, r.hash)
	delete(n.failed, r.hash)
	delete(n.work, r.hash)
}

// refuse notes why the candidate does not go on here.
func (n *Node) refuse(r *record, core primitives.CoreIndex, from Peer, why refusal) {
	r.why = why
	n.emit(Note{Kind: NoteRefused, Candidate: r.hash, Para: r.para, Core: core, SchedulingParent: r.sp, Stage: r.stage, Reason: why.reason, Detail: why.detail, Collator: from})
}

// expire notes the candidates of a scheduling parent whose window has closed before a relay block backed them.
func (n *Node) expire(b *block) {
	for _, r := range n.recordsOf(b.Hash) {
		if r.stage >= StageBacked {
			continue
		}
		n.emit(Note{Kind: NoteExpired, Candidate: r.hash, Para: r.para, SchedulingParent: b.Hash, Stage: r.stage, Reason: r.why.reason, Detail: r.why.detail})
		n.dropRecord(r)
	}
}

// sessionEnded notes the candidates that were pending availability when b ended the session of its parent:
// the relay chain drops them without an event.
func (n *Node) sessionEnded(parent, b *block) {
	ended := map[primitives.CandidateHash]bool{}
	var list []primitives.CandidateHash
	for _, e := range b.state.CandidateEvents() {
		if hash := e.Receipt.Hash(); e.Kind == primitives.CandidateBacked {
			list = append(list, hash)
		} else {
			ended[hash] = true
		}
	}
	for i := range parent.cores {
		if parent.cores[i].Kind == primitives.CoreOccupied {
			list = append(list, parent.cores[i].Occupied.CandidateHash)
		}
	}
	for _, hash := range list {
		if r := n.records[hash]; r != nil && !r.ended && !ended[hash] {
			n.emit(Note{Kind: NoteExpired, Candidate: hash, Para: r.para, SchedulingParent: r.sp, Stage: r.stage, Block: b.Hash, Detail: "the session ended before it was available"})
			r.ended = true
		}
	}
}

// candidateEvents follows what the relay block did to the candidates that the node knows.
func (n *Node) candidateEvents(b *block) {
	for _, e := range b.state.CandidateEvents() {
		hash := e.Receipt.Hash()
		r := n.records[hash]
		if r == nil {
			continue
		}
		switch e.Kind {
		case primitives.CandidateBacked:
			r.stage = max(r.stage, StageBacked)
		case primitives.CandidateIncluded:
			r.stage = StageIncluded
		case primitives.CandidateTimedOut:
			n.emit(Note{Kind: NoteNotAvailable, Candidate: hash, Para: r.para, Core: e.Core, SchedulingParent: r.sp, Stage: r.stage, Block: b.Hash})
			if sp := n.blocks[r.sp]; sp == nil || !sp.open {
				n.dropRecord(r)
			}
		}
	}
}
