package relay

import (
	"errors"
	"fmt"
	"slices"

	"pileus/primitives"
)

// Reasons to drop a candidate, besides those of its signals (primitives.ErrUmpSignalDecode
// and others). The names are those of the released runtimes.
var (
	ErrDescriptorVersion          = errors.New("UnacceptableDescriptorVersion")
	ErrDisallowedRelayParent      = errors.New("DisallowedRelayParent")
	ErrDisallowedSchedulingParent = errors.New("DisallowedSchedulingParent")
	ErrSession                    = errors.New("InvalidSession")
	ErrUnknownPara                = errors.New("UnknownPara")
	ErrDuplicate                  = errors.New("DuplicateCandidate")
	ErrPredecessor                = errors.New("a candidate before it in the para was dropped")
	ErrPVD                        = errors.New("ValidationDataHashMismatch")
	ErrUnscheduled                = errors.New("UnscheduledCandidate")
	ErrCodeHash                   = errors.New("InvalidValidationCodeHash")
	ErrParaHead                   = errors.New("ParaHeadMismatch")
	ErrNoCore                     = errors.New("CoreIndexMissing")
	ErrAssignment                 = errors.New("InvalidAssignment")
	ErrInvalidBacking             = errors.New("InvalidBacking")
	ErrInsufficientBacking        = errors.New("InsufficientBacking")
	ErrDisabled                   = errors.New("the vote is that of a disabled validator")
)

// candidate is a backed candidate that stood so far, with what was found out about it.
type candidate struct {
	*primitives.BackedCandidate
	hash        primitives.CandidateHash
	relayParent uint32 // number
	scheduling  uint32 // number of the scheduling parent
	core        primitives.CoreIndex
	group       primitives.GroupIndex
	backers     []primitives.ValidatorIndex
}

// sanitizeCandidates keeps what may be backed in this block, by ascending para and in the
// order given within a para. Where a candidate falls, all behind it in its para fall too.
// (paras_inherent sanitize_backed_candidates and inclusion::process_candidates; the
// latter's check of votes is an error there and only drops the candidate here, which an
// importer takes for the same)
func (x *execution) sanitizeCandidates(list []primitives.BackedCandidate, eligible map[primitives.CoreIndex]claim) (kept []*candidate, dropped []Dropped) {
	drop := func(c *candidate, err error) { dropped = append(dropped, droppedCandidate(c, "candidate", err)) }
	perPara := map[primitives.ParaID][]*candidate{}
	parents := itemSchedulingBuffer.or(x.tx)
	for i := range list {
		c := &candidate{BackedCandidate: &list[i], hash: list[i].Candidate.Hash()}
		if err := x.checkDescriptor(c, parents); err != nil {
			drop(c, err)
			continue
		}
		para := c.Candidate.Descriptor.Para()
		perPara[para] = append(perPara[para], c)
	}
	for _, para := range sortedKeys(perPara) {
		chain := perPara[para]
		n, votes, err := x.chained(para, chain, eligible)
		dropped = append(dropped, votes...)
		kept = append(kept, chain[:n]...)
		for _, c := range chain[n:] {
			drop(c, err)
			err = ErrPredecessor
		}
	}
	return kept, dropped
}

func droppedCandidate(c *candidate, what string, err error) Dropped {
	return Dropped{What: fmt.Sprintf("%s %s of para %d", what, c.hash.Short(), c.Candidate.Descriptor.Para()), Reason: err.Error(), Err: err, Candidate: c.hash}
}

// chained returns how many of a para's candidates, from the first on, may be backed as a
// chain, which of their votes were dropped, and why the next candidate may not be backed.
func (x *execution) chained(para primitives.ParaID, chain []*candidate, eligible map[primitives.CoreIndex]claim) (n int, votes []Dropped, err error) {
	head, context, ok := latest(x.tx, para)
	if !ok {
		return 0, nil, ErrUnknownPara
	}
	seen, used := map[primitives.CandidateHash]bool{}, map[primitives.CoreIndex]bool{}
	for i, c := range chain {
		if seen[c.hash] {
			return i, votes, ErrDuplicate
		}
		seen[c.hash] = true
		if err := x.accept(c, head, context); err != nil {
			return i, votes, err
		}
		if err := x.place(c, eligible, used); err != nil {
			return i, votes, err
		}
		for _, v := range x.withoutDisabled(c) {
			d := droppedCandidate(c, "backing vote for candidate", ErrDisabled)
			d.Validator = v
			votes = append(votes, d)
		}
		if err := x.checkVotes(c); err != nil {
			return i, votes, err
		}
		head, context = c.Candidate.Commitments.HeadData, c.relayParent
	}
	return len(chain), votes, nil
}

// checkDescriptor is what holds for a candidate by itself: version, parents, signals, session
// (paras_inherent check_descriptor_version_and_signals).
func (x *execution) checkDescriptor(c *candidate, parents schedulingParents) error {
	d := &c.Candidate.Descriptor
	if !d.Acceptable(x.config.NodeFeatures.Get(primitives.FeatureCandidateReceiptV3)) {
		return ErrDescriptorVersion
	}
	info, ok := relayParent(x.tx, d)
	if !ok {
		return fmt.Errorf("%w: %s is not known", ErrDisallowedRelayParent, d.RelayParent().Short())
	}
	number, queue, ok := parents.find(d.SchedulingParent())
	if !ok {
		return fmt.Errorf("%w: %s is not among the last %d", ErrDisallowedSchedulingParent, d.SchedulingParent().Short(), len(parents.buffer))
	}
	if _, err := c.Candidate.CheckUMPSignals(queue); err != nil {
		return err
	}
	if s, ok := d.SchedulingSession(); ok && s != x.session {
		return fmt.Errorf("%w: scheduled for session %d in session %d", ErrSession, s, x.session)
	}
	c.relayParent, c.scheduling = info.number, number
	return nil
}

// accept is the acceptance of a candidate on top of a head and the relay parent of that
// head's candidate. Outputs are judged by the live state: what pending candidates will
// change is not added up. (inclusion::CandidateCheckContext)
func (x *execution) accept(c *candidate, head []byte, context uint32) error {
	d := &c.Candidate.Descriptor
	if c.relayParent < context {
		return fmt.Errorf("%w: #%d is before #%d of the candidate before it", ErrDisallowedRelayParent, c.relayParent, context)
	}
	info, _ := relayParent(x.tx, d)
	pvd := primitives.PersistedValidationData{ParentHead: head, RelayParentNumber: info.number, RelayParentStorageRoot: info.root, MaxPoVSize: x.config.MaxPoVSize}
	if pvd.Hash() != d.PVDHash() {
		return ErrPVD
	}
	code, ok := itemCodeHash.at(d.Para()).get(x.tx)
	if !ok {
		return ErrUnscheduled
	}
	if d.ValidationCodeHash() != code {
		return ErrCodeHash
	}
	if primitives.ParaHeadHash(c.Candidate.Commitments.HeadData) != d.ParaHead() {
		return ErrParaHead
	}
	return checkOutputs(x.tx, x.config, d.Para(), c.relayParent, &c.Candidate.Commitments)
}

// place finds the candidate's core: that of its descriptor, or for V1 the one that its
// votes carry. The para must hold an unused claim on it in this block.
func (x *execution) place(c *candidate, eligible map[primitives.CoreIndex]claim, used map[primitives.CoreIndex]bool) error {
	core, named := c.Candidate.Descriptor.Core()
	votes, injected, has := c.Group()
	if !named {
		core = injected
	}
	g, members, ok := group(x.tx, x.config, core, c.scheduling)
	if !named && (!has || !ok || len(members) != votes.Len()) {
		return ErrNoCore
	}
	claim, held := eligible[core]
	if !held || used[core] || claim.para != c.Candidate.Descriptor.Para() {
		return fmt.Errorf("%w: core %d is not the para's in this block", ErrUnscheduled, core)
	}
	if !ok {
		return ErrAssignment
	}
	used[core] = true
	c.core, c.group = core, g
	return nil
}

// checkVotes checks the votes of the candidate's group.
func (x *execution) checkVotes(c *candidate) error {
	_, members, _ := group(x.tx, x.config, c.core, c.scheduling)
	validators := itemActiveKeys.or(x.tx)
	keys := make([][32]byte, len(members))
	for i, v := range members {
		keys[i] = validators[v]
	}
	ctx := primitives.SigningContext{Session: x.session, Parent: c.Candidate.Descriptor.SchedulingParent()}
	voters, err := checkBacking(c.BackedCandidate, c.hash, ctx, keys, x.params.verify)
	if err != nil {
		return err
	}
	if need := primitives.BackingThreshold(len(members), x.config.MinimumBackingVotes); len(voters) < need {
		return fmt.Errorf("%w: %d of %d votes", ErrInsufficientBacking, len(voters), need)
	}
	c.backers = nil
	for _, i := range voters {
		c.backers = append(c.backers, members[i])
	}
	return nil
}

// checkBacking returns which members of a group with these keys voted for the candidate;
// every vote must be good, and no vote may be without its bit. Bits behind the last vote
// count for nothing. (polkadot_primitives::check_candidate_backing)
func checkBacking(c *primitives.BackedCandidate, hash primitives.CandidateHash, ctx primitives.SigningContext, group [][32]byte, verify func(sig [64]byte, msg []byte, public [32]byte) bool) (voters []int, err error) {
	bits, _, _ := c.Group()
	if bits.Len() != len(group) || bits.Ones() < len(c.Votes) {
		return nil, fmt.Errorf("%w: %d bits, %d of them set, %d votes, a group of %d", ErrInvalidBacking, bits.Len(), bits.Ones(), len(c.Votes), len(group))
	}
	for i, key := range group {
		if !bits.Get(i) || len(voters) == len(c.Votes) {
			continue
		}
		vote := c.Votes[len(voters)]
		if !verify(vote.Signature, primitives.StatementPayload(vote.Kind, hash, ctx), key) {
			return nil, fmt.Errorf("%w: signature of the group's member %d", ErrInvalidBacking, i)
		}
		voters = append(voters, i)
	}
	return voters, nil
}

// withoutDisabled takes the votes of disabled validators away and tells whose they were
// (paras_inherent filter_backed_statements_from_disabled_validators).
func (x *execution) withoutDisabled(c *candidate) (taken []primitives.ValidatorIndex) {
	disabled := itemDisabled.or(x.tx)
	bits, core, injected := c.Group()
	_, members, _ := group(x.tx, x.config, c.core, c.scheduling)
	if len(disabled) == 0 || bits.Len() != len(members) || bits.Ones() < len(c.Votes) {
		return nil
	}
	stripped := primitives.BackedCandidate{Candidate: c.Candidate}
	left, vote := bits.Clone(), 0
	for i, v := range members {
		if !bits.Get(i) {
			continue
		}
		switch {
		case slices.Contains(disabled, v):
			left.Clear(i)
			taken = append(taken, v)
		case vote < len(c.Votes):
			stripped.Votes = append(stripped.Votes, c.Votes[vote])
		}
		vote++
	}
	if len(taken) == 0 {
		return nil
	}
	if injected {
		left = left.Append(uint64(core), 8)
	}
	stripped.ValidatorIndices = left
	c.BackedCandidate = &stripped
	return taken
}
