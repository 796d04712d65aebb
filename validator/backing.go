package validator

import (
	"errors"
	"fmt"

	"pileus/primitives"
)

// job is one candidate on its way through validation, to be seconded (ad is set) or attested.
type job struct {
	candidate primitives.CandidateHash
	block     *block // scheduling parent
	receipt   primitives.CandidateReceipt
	pvd       *primitives.PersistedValidationData
	pov       *primitives.PoV
	ad        *advertisement
	asked     int // how many of those who voted were asked for the PoV
}

// check runs everything that comes before the execution, and asks for it.
func (n *Node) check(j *job) {
	code, why := n.beforeExecution(j)
	if why != nil {
		n.finish(j, why)
		return
	}
	params := j.block.state.ExecutorParams(j.block.session)
	id := n.id()
	n.execs[id] = j
	n.reached(j.candidate, StageValidating)
	n.emit(Validate{
		ID: id, Receipt: j.receipt, PVD: j.pvd, PoV: j.pov,
		CodeHash: j.receipt.Descriptor.ValidationCodeHash(), Code: code,
		CodeBombLimit: j.block.config.MaxCodeSize * 10, PoVBombLimit: primitives.PoVBombLimit,
		ExecutorParams: params, Timeout: params.BackingTimeout(), Seconding: j.ad != nil,
	})
}

// beforeExecution are the checks of polkadot_node_core_candidate_validation that need no execution, in order.
func (n *Node) beforeExecution(j *job) (code []byte, why *refusal) {
	d := &j.receipt.Descriptor
	if j.pvd.Hash() != d.PVDHash() {
		return nil, &refusal{PVDHashMismatch, "the validation data is not what the descriptor names"}
	}
	if size := j.pov.EncodedSize(); uint64(size) > uint64(j.pvd.MaxPoVSize) {
		return nil, &refusal{PoVTooLarge, fmt.Sprintf("PoV of %d bytes, at most %d", size, j.pvd.MaxPoVSize)}
	}
	if j.pov.Hash() != d.PoVHash() {
		return nil, &refusal{PoVHashMismatch, "the PoV is not what the descriptor names"}
	}
	if code = j.block.state.ValidationCodeByHash(d.ValidationCodeHash()); code == nil {
		return nil, &refusal{CodeHashMismatch, fmt.Sprintf("the relay chain has no code %s", d.ValidationCodeHash().Short())}
	}
	if why := n.descriptorFits(j.block, d); why != nil {
		return nil, &refusal{InvalidSession, why.detail}
	}
	if _, ok := n.relayParent(j.block, d); !ok {
		return nil, &refusal{RelayParentUnknown, d.RelayParent().Short()}
	}
	if session, named := d.Session(); named && d.Version() != primitives.DescriptorV3 && session != j.block.session {
		return nil, &refusal{InvalidSession, fmt.Sprintf("session %d, the relay parent has %d", session, j.block.session)}
	}
	return code, nil
}

// validated judges the result of an execution and makes the statement.
func (n *Node) validated(in Validated) {
	j := n.execs[in.ID]
	delete(n.execs, in.ID)
	if j == nil || n.work[j.candidate] != j {
		return
	}
	if in.Err != nil || in.Result == nil {
		n.finish(j, executionRefusal(in))
		return
	}
	committed, why := n.afterExecution(j, in.Result)
	if why == nil {
		why = n.sign(j, committed)
	}
	n.finish(j, why)
}

func executionRefusal(in Validated) *refusal {
	var e *ExecutionError
	switch {
	case errors.As(in.Err, &e):
		return &refusal{e.Reason, e.Detail}
	case in.Err != nil:
		return &refusal{InternalFault, in.Err.Error()}
	}
	return &refusal{InternalFault, "the execution gave neither a result nor an error"}
}

// afterExecution compares what the execution gave with what the descriptor promises, in order, and
// keeps the available data.
func (n *Node) afterExecution(j *job, result *primitives.ValidationResult) (*primitives.CommittedCandidateReceipt, *refusal) {
	d := &j.receipt.Descriptor
	c := &primitives.CommittedCandidateReceipt{Descriptor: *d, Commitments: result.Commitments()}
	if got := primitives.ParaHeadHash(result.HeadData); got != d.ParaHead() {
		return nil, &refusal{ParaHeadHashMismatch, fmt.Sprintf("executed to %s, the descriptor names %s", got.Short(), d.ParaHead().Short())}
	}
	if got := primitives.HashOf(&c.Commitments); got != j.receipt.CommitmentsHash {
		return nil, &refusal{CommitmentsHashMismatch, fmt.Sprintf("executed to %s, the receipt names %s", got.Short(), j.receipt.CommitmentsHash.Short())}
	}
	if _, err := c.CheckUMPSignals(j.block.transposed); err != nil {
		return nil, &refusal{InvalidUMPSignals, err.Error()}
	}
	return c, n.keepAvailable(j)
}

// sign makes our statement: Seconded for a collation that some active leaf would take, Valid for another's.
func (n *Node) sign(j *job, c *primitives.CommittedCandidateReceipt) *refusal {
	b := j.block
	if !b.open {
		return &refusal{WindowClosed, fmt.Sprintf("#%d is in no active leaf's window", b.Number)}
	}
	s := Statement{Kind: primitives.Valid, Candidate: j.candidate, SchedulingParent: b.Hash, Validator: b.me}
	kind := NoteValid
	if j.ad != nil {
		if b.table.seconded[b.me] >= n.secondingLimit(b, b.myCore) {
			return &refusal{SecondingLimit, fmt.Sprintf("%d on one scheduling parent", b.table.seconded[b.me])}
		}
		if why := n.membership(c, j.pvd); why != nil {
			return why
		}
		if why := n.introduce(c, j.pvd); why != nil {
			return why
		}
		s.Kind, s.Receipt, s.PVD, kind = primitives.Seconded, c, j.pvd, NoteSeconded
	}
	s.Signature = n.cfg.Key.Sign(primitives.StatementPayload(s.Kind, s.Candidate, b.signingContext()))
	b.signed[j.candidate] = true
	note := Note{Kind: kind, Candidate: j.candidate, Para: j.receipt.Descriptor.Para(), Core: b.myCore, SchedulingParent: b.Hash, Stage: StageSeconded, Validator: b.me}
	if j.ad != nil {
		note.Collator = j.ad.From
	}
	n.emit(note)
	n.emit(Gossip{Statement: &s})
	n.reached(j.candidate, StageSeconded)
	n.vote(b, s, b.myGroup, b.myCore)
	return nil
}

// secondingLimit is how many candidates one validator may second on a scheduling parent.
func (n *Node) secondingLimit(b *block, core primitives.CoreIndex) int {
	if n.cfg.Classic {
		return int(b.config.AsyncBackingParams.MaxCandidateDepth) + 1
	}
	return len(b.queue[core])
}

// finish ends a job, with a reason if it did not lead to a statement, and goes on with the next collation.
func (n *Node) finish(j *job, why *refusal) {
	delete(n.work, j.candidate)
	if r := n.records[j.candidate]; why != nil && r != nil {
		from := Peer("")
		if j.ad != nil {
			from = j.ad.From
		}
		if why.reason != InternalFault {
			n.failed[j.candidate] = true
		}
		n.refuse(r, j.block.myCore, from, *why)
	}
	if j.ad != nil {
		j.ad.state = adDone
		if why != nil {
			j.ad.state = adRefused
		}
	}
	if j.block.open {
		n.dequeue(j.block)
	}
	if why == nil && j.ad != nil {
		n.retryBlocked()
	}
}

// statementReceived takes in another validator's statement, if it is well signed, of a member of the group
// of a core that has a claim of the para, and within the limits.
func (n *Node) statementReceived(in StatementReceived) {
	s := in.Statement
	b := n.blocks[s.SchedulingParent]
	if b == nil {
		n.wait(s.SchedulingParent, in)
		return
	}
	if !b.open {
		return // its window is over
	}
	refuse := func(why refusal) {
		n.emit(Note{Kind: NoteRefused, Candidate: s.Candidate, Para: paraOf(b, s), SchedulingParent: b.Hash, Reason: why.reason, Detail: why.detail, Validator: s.Validator})
	}
	if int(s.Validator) >= len(b.validators) {
		refuse(refusal{UnknownValidator, fmt.Sprintf("%d of %d", s.Validator, len(b.validators))})
		return
	}
	if b.active && s.Validator == b.me {
		return // our own, come back
	}
	if !n.cfg.Verify(s.Signature, primitives.StatementPayload(s.Kind, s.Candidate, b.signingContext()), b.validators[s.Validator]) {
		refuse(refusal{BadSignature, fmt.Sprintf("%s of validator %d", s.Kind, s.Validator)})
		return
	}
	group, ok := b.groupOf(s.Validator)
	core, served := b.coreOf(group)
	if !ok || !served {
		refuse(refusal{NotAssigned, fmt.Sprintf("validator %d serves no core", s.Validator)})
		return
	}
	if s.Kind == primitives.Valid {
		if b.table.candidates[s.Candidate] == nil {
			b.table.keepEarly(s)
			return
		}
	} else if why := n.admitSeconded(b, s, group, core); why != nil {
		refuse(*why)
		return
	}
	n.vote(b, s, group, core)
	if s.Kind == primitives.Seconded {
		for _, e := range b.table.takeEarly(s.Candidate) {
			n.statementReceived(StatementReceived{e})
		}
		n.retryBlocked()
	}
}

func paraOf(b *block, s Statement) primitives.ParaID {
	if s.Receipt != nil {
		return s.Receipt.Descriptor.Para()
	}
	if c := b.table.candidates[s.Candidate]; c != nil {
		return c.receipt.Descriptor.Para()
	}
	return 0
}

// admitSeconded checks a Seconded statement and introduces its candidate.
func (n *Node) admitSeconded(b *block, s Statement, group primitives.GroupIndex, core primitives.CoreIndex) *refusal {
	if s.Receipt == nil || s.PVD == nil || s.Receipt.Hash() != s.Candidate || s.Receipt.Descriptor.SchedulingParent() != b.Hash {
		return &refusal{MalformedReceipt, "the receipt is missing or another than the one signed"}
	}
	d := &s.Receipt.Descriptor
	if why := n.descriptorFits(b, d); why != nil {
		return why
	}
	if b.claims(core, d.Para()) == 0 {
		return &refusal{NotAssigned, fmt.Sprintf("core %d of group %d has no claim of para %d", core, group, d.Para())}
	}
	if named, ok := d.Core(); ok && named != core {
		return &refusal{CoreDiffers, fmt.Sprintf("core %d, group %d serves %d", named, group, core)}
	}
	known := b.table.candidates[s.Candidate]
	if known != nil {
		if _, again := known.votes[s.Validator]; again {
			return nil // the table tells a repetition from misbehaviour
		}
	}
	if b.table.seconded[s.Validator] >= n.secondingLimit(b, core) {
		return &refusal{SecondingLimit, fmt.Sprintf("%d of validator %d on one scheduling parent", b.table.seconded[s.Validator], s.Validator)}
	}
	if known != nil {
		return nil
	}
	if why := n.introduce(s.Receipt, s.PVD); why != nil {
		return why
	}
	r := n.record(s.Candidate, d.Para(), b.Hash)
	r.stage = max(r.stage, StageSeconded)
	return nil
}

// vote puts a checked statement into the table, and does what follows: the candidate may become
// backable, and as members of its group we attest it.
func (n *Node) vote(b *block, s Statement, group primitives.GroupIndex, core primitives.CoreIndex) {
	fresh, wrong := b.table.vote(s, group, core)
	if wrong != "" {
		n.emit(Note{Kind: NoteMisbehaviour, Candidate: s.Candidate, Para: paraOf(b, s), Core: core, SchedulingParent: b.Hash, Reason: Reason(wrong), Validator: s.Validator})
	}
	if !fresh {
		return
	}
	c := b.table.candidates[s.Candidate]
	threshold := primitives.BackingThreshold(len(b.groups[group]), b.config.MinimumBackingVotes)
	if !c.backed && len(c.votes) >= threshold {
		c.backed = true
		n.reached(s.Candidate, StageBackable)
		n.emit(Note{Kind: NoteBackable, Candidate: s.Candidate, Para: c.receipt.Descriptor.Para(), Core: core, SchedulingParent: b.Hash, Stage: StageBackable})
		n.markBacked(c.receipt.Descriptor.Para(), s.Candidate)
	}
	if b.assigned && b.myGroup == group {
		n.attest(b, s.Candidate)
	}
}

// attest begins our own validation of a candidate that another member of our group has seconded.
func (n *Node) attest(b *block, hash primitives.CandidateHash) {
	if b.signed[hash] || n.failed[hash] || n.work[hash] != nil {
		return
	}
	c := b.table.candidates[hash]
	j := &job{candidate: hash, block: b, receipt: c.receipt.Receipt(), pvd: c.pvd}
	n.record(hash, j.receipt.Descriptor.Para(), b.Hash)
	n.work[hash] = j
	n.askPoV(j)
}

// askPoV asks the next validator that has voted for the PoV. If none is left the job ends; another vote begins it anew.
func (n *Node) askPoV(j *job) {
	c := j.block.table.candidates[j.candidate]
	if j.asked == len(c.order) {
		delete(n.work, j.candidate)
		n.dequeue(j.block)
		return
	}
	id := n.id()
	n.povs[id] = j
	n.emit(FetchPoV{id, c.order[j.asked], j.block.session, j.block.Hash, j.candidate})
	j.asked++
}

func (n *Node) povFetched(in PoVFetched) {
	j := n.povs[in.ID]
	delete(n.povs, in.ID)
	if j == nil || n.work[j.candidate] != j || !j.block.open {
		return
	}
	if in.Err != nil || in.PoV == nil || in.PoV.Hash() != j.receipt.Descriptor.PoVHash() {
		why := refusal{PoVHashMismatch, "the PoV is not what the descriptor names"}
		if in.Err != nil {
			why = refusal{FetchFailed, in.Err.Error()}
		}
		n.refuse(n.records[j.candidate], j.block.myCore, "", why)
		n.askPoV(j)
		return
	}
	j.pov = in.PoV
	n.check(j)
}
