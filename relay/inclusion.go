package relay

import (
	"bytes"
	"cmp"
	"slices"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// PendingCandidate is a backed candidate that is not yet included: it occupies a core
// while validators say which of them hold their chunk of its data.
//
//	backed ──votes ≥ supermajority, and all before it in its para too──► included
//	   └──period over, in the first blocks after a rotation──► timed out, with all behind it
//	   └──session change──► dropped
//
// (inclusion::CandidatePendingAvailability)
type PendingCandidate struct {
	Core              primitives.CoreIndex
	Hash              primitives.CandidateHash
	Descriptor        primitives.Descriptor
	Commitments       primitives.CandidateCommitments
	AvailabilityVotes primitives.BitVec // a bit for each validator
	Backers           primitives.BitVec // a bit for each validator
	RelayParentNumber uint32
	BackedIn          uint32
	Group             primitives.GroupIndex
}

var pendingCodec = codec[*PendingCandidate]{
	enc: func(b []byte, c *PendingCandidate) []byte {
		b = append(c.Core.EncodeTo(b), c.Hash[:]...)
		b = c.Commitments.EncodeTo(c.Descriptor.EncodeTo(b))
		b = c.Backers.EncodeTo(c.AvailabilityVotes.EncodeTo(b))
		return scale.AppendU32(scale.AppendU32(scale.AppendU32(b, c.RelayParentNumber), c.BackedIn), uint32(c.Group))
	},
	dec: func(d *scale.Decoder) *PendingCandidate {
		c := &PendingCandidate{Core: primitives.CoreIndex(d.U32())}
		d.Array(c.Hash[:])
		c.Descriptor.DecodeFrom(d)
		c.Commitments.DecodeFrom(d)
		c.AvailabilityVotes.DecodeFrom(d)
		c.Backers.DecodeFrom(d)
		c.RelayParentNumber, c.BackedIn, c.Group = d.U32(), d.U32(), primitives.GroupIndex(d.U32())
		return c
	},
}

// Receipt is the candidate's receipt.
func (c *PendingCandidate) Receipt() primitives.CandidateReceipt {
	return primitives.CandidateReceipt{Descriptor: c.Descriptor, CommitmentsHash: primitives.HashOf(&c.Commitments)}
}

// Committed is the receipt with the commitments themselves.
func (c *PendingCandidate) Committed() primitives.CommittedCandidateReceipt {
	return primitives.CommittedCandidateReceipt{Descriptor: c.Descriptor, Commitments: c.Commitments}
}

func (c *PendingCandidate) event(kind EventKind) Event {
	return Event{Kind: kind, Para: c.Descriptor.Para(), Candidate: c.Hash, Receipt: c.Receipt(), Head: c.Commitments.HeadData,
		Core: c.Core, Group: c.Group, RelayParentNumber: c.RelayParentNumber, BackedIn: c.BackedIn}
}

// latest is what the next candidate of a para must build on: head data and relay parent
// number of the last pending candidate, else of the included one.
func latest(r reader, para primitives.ParaID) (head []byte, relayParent uint32, ok bool) {
	if pending := itemPendingCandidates.at(para).or(r); len(pending) > 0 {
		last := pending[len(pending)-1]
		return last.Commitments.HeadData, last.RelayParentNumber, true
	}
	head, ok = itemHead.at(para).get(r)
	return head, itemContext.at(para).or(r), ok
}

// enactAvailable counts the bitfields' votes and includes, of every para, the candidates
// that are available without a gap before them. A vote for a core that nobody occupies
// counts for nothing. Paras come in the order of their keys in the state, which is that
// of a hash. (inclusion::update_pending_availability_and_get_freed_cores)
func (x *execution) enactAvailable(bitfields []primitives.SignedBitfield) {
	threshold := primitives.SupermajorityThreshold(len(itemActiveKeys.or(x.tx)))
	for _, para := range keyOrder(itemParas.or(x.tx)) {
		old := itemPendingCandidates.at(para).or(x.tx)
		if len(old) == 0 {
			continue
		}
		pending, changed, enact := slices.Clone(old), false, 0
		for i, c := range pending {
			if voted, ok := c.vote(bitfields); ok {
				pending[i], changed = voted, true
			}
			if enact == i && pending[i].AvailabilityVotes.Ones() >= threshold {
				enact = i + 1
			}
		}
		if changed || enact > 0 {
			putOrDel(itemPendingCandidates.at(para), x.tx, pending[enact:])
		}
		for _, c := range pending[:enact] {
			x.enact(c)
		}
	}
}

// vote is the candidate with the bitfields' votes for its core, and whether they are new.
func (c *PendingCandidate) vote(bitfields []primitives.SignedBitfield) (*PendingCandidate, bool) {
	voted := c
	for _, f := range bitfields {
		v := int(f.Validator)
		if !f.Bits.Get(int(c.Core)) || v >= c.AvailabilityVotes.Len() || voted.AvailabilityVotes.Get(v) {
			continue
		}
		if voted == c {
			copied := *c
			copied.AvailabilityVotes = c.AvailabilityVotes.Clone()
			voted = &copied
		}
		voted.AvailabilityVotes.Set(v)
	}
	return voted, voted != c
}

// keyOrder is the order in which a map of paras is walked through: that of the hashed keys.
func keyOrder(paras []primitives.ParaID) []primitives.ParaID {
	if len(paras) < 2 {
		return paras
	}
	sorted := slices.Clone(paras)
	hash := func(p primitives.ParaID) [8]byte { return hashing.Twox64(p.EncodeTo(nil)) }
	slices.SortFunc(sorted, func(a, b primitives.ParaID) int {
		x, y := hash(a), hash(b)
		return cmp.Or(bytes.Compare(x[:], y[:]), cmp.Compare(a, b))
	})
	return sorted
}

// enact makes an available candidate the para's head, with all that it committed to
// (inclusion::enact_candidate).
func (x *execution) enact(c *PendingCandidate) {
	para, out := c.Descriptor.Para(), &c.Commitments
	if out.NewValidationCode != nil {
		x.scheduleUpgrade(para, *out.NewValidationCode, x.now)
	}
	x.pruneDownward(para, out.ProcessedDownwardMessages)
	messages, _, _ := primitives.SplitUpwardMessages(out.UpwardMessages)
	x.queueUpward(para, messages)
	x.pruneInbound(para, out.HrmpWatermark)
	x.queueOutbound(para, out.HorizontalMessages)
	x.emit(c.event(Included))
	x.noteHead(para, out.HeadData, c.RelayParentNumber)
}

// freeTimedOut removes candidates that did not become available in time, with all behind
// them (inclusion::free_timedout).
func (x *execution) freeTimedOut() {
	for _, para := range itemParas.or(x.tx) {
		pending := itemPendingCandidates.at(para).or(x.tx)
		from := slices.IndexFunc(pending, func(c *PendingCandidate) bool {
			limit, checked := availabilityLimit(x.tx, x.config, x.now, c.BackedIn)
			return checked && limit <= x.now
		})
		if from < 0 {
			continue
		}
		putOrDel(itemPendingCandidates.at(para), x.tx, slices.Clone(pending[:from]))
		for _, c := range pending[from:] {
			x.emit(c.event(TimedOut))
		}
	}
}

// back puts a candidate on its core.
func (x *execution) back(c *candidate) {
	para := c.Candidate.Descriptor.Para()
	validators := len(itemActiveKeys.or(x.tx))
	p := &PendingCandidate{Core: c.core, Hash: c.hash, Descriptor: c.Candidate.Descriptor, Commitments: c.Candidate.Commitments,
		AvailabilityVotes: primitives.NewBitVec(validators), Backers: primitives.NewBitVec(validators),
		RelayParentNumber: c.relayParent, BackedIn: x.now, Group: c.group}
	for _, v := range c.backers {
		p.Backers.Set(int(v))
	}
	slot := itemPendingCandidates.at(para)
	slot.put(x.tx, append(slices.Clone(slot.or(x.tx)), p))
	x.emit(p.event(Backed))
}
