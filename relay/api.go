package relay

import (
	"pileus/primitives"
)

// The ParachainHost runtime API at a block (runtime_api_impl). Lists are shared.

// SessionIndexForChild is the session that children of the block belong to.
func (s *State) SessionIndexForChild() primitives.SessionIndex { return itemSharedSession.or(s) }

// Validators are the keys of the session's validators, by [primitives.ValidatorIndex].
func (s *State) Validators() [][32]byte { return itemActiveKeys.or(s) }

// DisabledValidators are those whose backing votes do not count, ascending.
func (s *State) DisabledValidators() []primitives.ValidatorIndex { return itemDisabled.or(s) }

// ValidatorGroups are the session's groups, and how they rotate over the cores; Now is
// the block after this one.
func (s *State) ValidatorGroups() ([][]primitives.ValidatorIndex, primitives.GroupRotationInfo) {
	return itemGroups.or(s), rotation(s, s.Config(), s.Number()+1)
}

// AvailabilityCores is what every core is doing.
func (s *State) AvailabilityCores() []primitives.CoreState {
	config, now, queue := s.Config(), s.Number(), s.ClaimQueue()
	cores := make([]primitives.CoreState, len(itemGroups.or(s)))
	for i := range cores {
		cores[i].Kind = primitives.CoreFree
		if q := queue[primitives.CoreIndex(i)]; len(q) > 0 {
			cores[i] = primitives.CoreState{Kind: primitives.CoreScheduled, Para: q[0]}
		}
	}
	for _, para := range itemParas.or(s) {
		for _, c := range s.Pending(para) {
			if int(c.Core) >= len(cores) {
				continue
			}
			o := primitives.OccupiedCore{OccupiedSince: c.BackedIn, Availability: c.AvailabilityVotes, CandidateHash: c.Hash, Descriptor: c.Descriptor}
			o.TimeOutAt, _ = availabilityLimit(s, config, now, c.BackedIn)
			o.GroupResponsible, _, _ = group(s, config, c.Core, s.schedulingNumber(c))
			if q := queue[c.Core]; len(q) > 0 {
				o.NextUpOnAvailable, o.NextUpOnTimeOut = &q[0], &q[0]
			}
			cores[c.Core] = primitives.CoreState{Kind: primitives.CoreOccupied, Occupied: o}
		}
	}
	return cores
}

// schedulingNumber is the number of a pending candidate's scheduling parent, as far as it
// is still known.
func (s *State) schedulingNumber(c *PendingCandidate) uint32 {
	if c.Descriptor.Version() == primitives.DescriptorV3 {
		if n, _, ok := s.AncestorRelayParentInfo(s.SessionIndexForChild(), c.Descriptor.SchedulingParent()); ok {
			return n
		}
	}
	return c.RelayParentNumber
}

// ClaimQueue is what each core may back in the coming blocks, the next one first. Cores
// with nothing to back are absent.
func (s *State) ClaimQueue() map[primitives.CoreIndex][]primitives.ParaID {
	return claimQueue(s, s.Number()+1, s.SchedulingLookahead())
}

// SchedulingLookahead is how many blocks' claims are visible, and how many blocks may be
// the scheduling parent of a candidate in the next block. Under [Classic] rules that is
// what allowed_ancestry_len allows.
func (s *State) SchedulingLookahead() uint32 { return s.params.lookahead(s.Config()) }

// maxHeadDataConstraint is the head data size that backers accept, whatever the
// configuration says (Constraints DEFAULT_MAX_HEAD_DATA_SIZE).
const maxHeadDataConstraint = 20480

// BackingConstraints is what the next candidate of the para has to keep to, as if nothing
// was pending; nil if the para has no head or no code.
func (s *State) BackingConstraints(para primitives.ParaID) *primitives.Constraints {
	head, ok := itemHead.at(para).get(s)
	code, hasCode := itemCodeHash.at(para).get(s)
	if !ok || !hasCode {
		return nil
	}
	config := s.Config()
	_, context, _ := latest(s, para)
	queued := itemUpwardSize.at(para).or(s)
	c := &primitives.Constraints{
		MinRelayParentNumber: max(context, minimumRelayParent(s, s.Number())),
		MaxPoVSize:           config.MaxPoVSize, MaxCodeSize: config.MaxCodeSize, MaxHeadDataSize: maxHeadDataConstraint,
		UmpRemaining:      config.MaxUpwardQueueCount - min(queued.A, config.MaxUpwardQueueCount),
		UmpRemainingBytes: config.MaxUpwardQueueSize - min(queued.B, config.MaxUpwardQueueSize), MaxUmpNumPerCandidate: config.MaxUpwardMessageNumPerCandidate,
		ValidWatermarks: validWatermarks(s, para), MaxHrmpNumPerCandidate: config.HrmpMaxMessageNumPerCandidate,
		RequiredParent: head, ValidationCodeHash: code, UpgradeRestricted: itemRestriction.at(para).has(s),
	}
	for _, m := range s.DmqContents(para) {
		c.DmpRemainingMessages = append(c.DmpRemainingMessages, m.SentAt)
	}
	for _, recipient := range itemEgress.at(para).or(s) {
		if ch, ok := itemChannel.at(primitives.ChannelID{Sender: para, Recipient: recipient}).get(s); ok {
			c.HrmpChannelsOut = append(c.HrmpChannelsOut, primitives.OutboundChannelLimit{Recipient: recipient,
				BytesRemaining: ch.MaxTotalSize - ch.TotalSize, MessagesRemaining: ch.MaxCapacity - ch.MsgCount})
		}
	}
	if at, ok := itemFutureAt.at(para).get(s); ok {
		if hash, ok := itemFutureHash.at(para).get(s); ok {
			c.FutureValidationCode = &primitives.FutureCode{At: at, Hash: hash}
		}
	}
	return c
}

// CandidatesPendingAvailability are the para's backed candidates in the order in which
// they will be included.
func (s *State) CandidatesPendingAvailability(para primitives.ParaID) []primitives.CommittedCandidateReceipt {
	var list []primitives.CommittedCandidateReceipt
	for _, c := range s.Pending(para) {
		list = append(list, c.Committed())
	}
	return list
}

// assume is the state under an assumption about the para's pending candidates; false if
// the assumption is that nothing is pending and that is wrong.
func (s *State) assume(para primitives.ParaID, assumption primitives.OccupiedCoreAssumption) (reader, bool) {
	pending := s.Pending(para)
	if len(pending) == 0 || assumption == primitives.AssumeTimedOut {
		return s, true
	}
	if assumption == primitives.AssumeFree {
		return nil, false
	}
	x := &execution{tx: newTx(s.store), params: s.params, config: s.Config(), session: s.SessionIndexForChild(), now: s.Number()}
	for _, c := range pending {
		x.enact(c)
	}
	return x.tx, true
}

// PersistedValidationData is what a candidate of the para with this block as its relay
// parent builds on; nil if the para has no head, or the assumption is wrong.
func (s *State) PersistedValidationData(para primitives.ParaID, assumption primitives.OccupiedCoreAssumption) *primitives.PersistedValidationData {
	r, ok := s.assume(para, assumption)
	if !ok {
		return nil
	}
	head, ok := itemHead.at(para).get(r)
	if !ok {
		return nil
	}
	return &primitives.PersistedValidationData{ParentHead: head, RelayParentNumber: s.Number(), RelayParentStorageRoot: s.Root(), MaxPoVSize: s.Config().MaxPoVSize}
}

// ValidationCode is the para's code, nil if it has none or the assumption is wrong.
func (s *State) ValidationCode(para primitives.ParaID, assumption primitives.OccupiedCoreAssumption) []byte {
	r, ok := s.assume(para, assumption)
	if !ok {
		return nil
	}
	hash, ok := itemCodeHash.at(para).get(r)
	if !ok {
		return nil
	}
	return itemCode.at(hash).or(r)
}

// ValidationCodeHash is the hash of the para's code; false if it has none or the
// assumption is wrong.
func (s *State) ValidationCodeHash(para primitives.ParaID, assumption primitives.OccupiedCoreAssumption) (Hash, bool) {
	r, ok := s.assume(para, assumption)
	if !ok {
		return Hash{}, false
	}
	return itemCodeHash.at(para).get(r)
}

// ValidationCodeByHash is nil if there is no such code.
func (s *State) ValidationCodeByHash(hash Hash) []byte { return itemCode.at(hash).or(s) }

// ValidationCodeBombLimit is how large code may become when it is decompressed, in bytes.
func (s *State) ValidationCodeBombLimit() uint32 {
	return uint32(min(uint64(s.Config().MaxCodeSize)*10, 1<<32-1))
}

// CandidateEvents are the block's own events about candidates: first what was included,
// then what timed out, then what was backed. What a session change drops makes none.
func (s *State) CandidateEvents() []primitives.CandidateEvent {
	kinds := map[EventKind]primitives.CandidateEventKind{Included: primitives.CandidateIncluded, TimedOut: primitives.CandidateTimedOut, Backed: primitives.CandidateBacked}
	var list []primitives.CandidateEvent
	for _, e := range s.events {
		if kind, ok := kinds[e.Kind]; ok {
			list = append(list, primitives.CandidateEvent{Kind: kind, Receipt: e.Receipt, Head: e.Head, Core: e.Core, Group: e.Group})
		}
	}
	return list
}

// SessionInfo is nil for a session that is not stored (any more).
func (s *State) SessionInfo(session primitives.SessionIndex) *SessionInfo {
	return itemSessionInfo.at(session).or(s)
}

// ExecutorParams are the parameters of executing candidates whose relay parent belongs to
// the session.
func (s *State) ExecutorParams(session primitives.SessionIndex) primitives.ExecutorParams {
	return itemSessionParams.at(session).or(s)
}

// DmqContents are the downward messages that the para has not processed yet.
func (s *State) DmqContents(para primitives.ParaID) []primitives.InboundMessage {
	return itemDownward.at(para).or(s)
}

// InboundHrmpChannelsContents are the messages in all channels to the para, by sender;
// an empty channel is there with an empty list.
func (s *State) InboundHrmpChannelsContents(para primitives.ParaID) map[primitives.ParaID][]primitives.InboundMessage {
	contents := map[primitives.ParaID][]primitives.InboundMessage{}
	for _, sender := range itemIngress.at(para).or(s) {
		contents[sender] = itemChannelContents.at(primitives.ChannelID{Sender: sender, Recipient: para}).or(s)
	}
	return contents
}

// MinimumBackingVotes is how many votes of its group back a candidate, or all of a smaller group.
func (s *State) MinimumBackingVotes() uint32 { return s.Config().MinimumBackingVotes }

// NodeFeatures are the features that nodes switch on together.
func (s *State) NodeFeatures() primitives.BitVec { return s.Config().NodeFeatures }

// AsyncBackingParams are stored and, under [Current] rules, read by nobody.
func (s *State) AsyncBackingParams() primitives.AsyncBackingParams {
	return s.Config().AsyncBackingParams
}

// MaxRelayParentSessionAge is how many sessions old a V3 candidate's relay parent may be.
func (s *State) MaxRelayParentSessionAge() uint32 { return s.Config().MaxRelayParentSessionAge }

// AncestorRelayParentInfo is number and state root of an earlier block that may be a relay
// parent of the session. The block itself is never among them.
func (s *State) AncestorRelayParentInfo(session primitives.SessionIndex, hash Hash) (number uint32, root Hash, ok bool) {
	info, ok := itemRelayParents.at(relayParentKey{session, hash}).get(s)
	return info.number, info.root, ok
}

// PvfsRequirePrecheck are the hashes of code that validators vote on.
func (s *State) PvfsRequirePrecheck() []Hash { return itemPrecheckList.or(s) }
