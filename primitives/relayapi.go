package primitives

import (
	"pileus/scale"
)

// Constraints bound what the next candidate of a para may do
// (polkadot_primitives::async_backing::Constraints, ParachainHost_backing_constraints).
type Constraints struct {
	MinRelayParentNumber   uint32
	MaxPoVSize             uint32
	MaxCodeSize            uint32
	MaxHeadDataSize        uint32
	UmpRemaining           uint32 // messages
	UmpRemainingBytes      uint32
	MaxUmpNumPerCandidate  uint32
	DmpRemainingMessages   []uint32 // sent_at of each
	ValidWatermarks        []uint32
	HrmpChannelsOut        []OutboundChannelLimit // ascending by recipient
	MaxHrmpNumPerCandidate uint32
	RequiredParent         []byte
	ValidationCodeHash     Hash
	UpgradeRestricted      bool
	FutureValidationCode   *FutureCode
}

// OutboundChannelLimit is what still fits into an outbound channel.
type OutboundChannelLimit struct {
	Recipient         ParaID
	BytesRemaining    uint32
	MessagesRemaining uint32
}

// FutureCode is a scheduled code upgrade: the relay block from which it may be applied, and its hash.
type FutureCode struct {
	At   uint32
	Hash Hash
}

// EncodeTo appends the SCALE encoding.
func (c *Constraints) EncodeTo(b []byte) []byte {
	b = appendU32s(b, c.MinRelayParentNumber, c.MaxPoVSize, c.MaxCodeSize, c.MaxHeadDataSize,
		c.UmpRemaining, c.UmpRemainingBytes, c.MaxUmpNumPerCandidate)
	b = scale.AppendVecFunc(b, c.DmpRemainingMessages, scale.AppendU32)
	b = scale.AppendVecFunc(b, c.ValidWatermarks, scale.AppendU32)
	b = scale.AppendVecFunc(b, c.HrmpChannelsOut, func(b []byte, l OutboundChannelLimit) []byte {
		return appendU32s(b, uint32(l.Recipient), l.BytesRemaining, l.MessagesRemaining)
	})
	b = scale.AppendU32(b, c.MaxHrmpNumPerCandidate)
	b = scale.AppendBytes(b, c.RequiredParent)
	b = append(b, c.ValidationCodeHash[:]...)
	if c.UpgradeRestricted {
		b = append(b, 1, 0)
	} else {
		b = append(b, 0)
	}
	return scale.AppendOption(b, c.FutureValidationCode, func(b []byte, f FutureCode) []byte {
		return append(scale.AppendU32(b, f.At), f.Hash[:]...)
	})
}

// DecodeFrom reads the SCALE encoding.
func (c *Constraints) DecodeFrom(d *scale.Decoder) {
	for _, p := range []*uint32{&c.MinRelayParentNumber, &c.MaxPoVSize, &c.MaxCodeSize, &c.MaxHeadDataSize,
		&c.UmpRemaining, &c.UmpRemainingBytes, &c.MaxUmpNumPerCandidate} {
		*p = d.U32()
	}
	c.DmpRemainingMessages = scale.DecodeVecFunc(d, maxItems, (*scale.Decoder).U32)
	c.ValidWatermarks = scale.DecodeVecFunc(d, maxItems, (*scale.Decoder).U32)
	c.HrmpChannelsOut = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) OutboundChannelLimit {
		return OutboundChannelLimit{ParaID(d.U32()), d.U32(), d.U32()}
	})
	c.MaxHrmpNumPerCandidate = d.U32()
	c.RequiredParent = d.Bytes(maxHeaderSize)
	c.ValidationCodeHash = decodeHash(d)
	c.UpgradeRestricted = d.Option()
	if c.UpgradeRestricted {
		if v := d.Variant(); v != 0 {
			d.UnknownVariant("UpgradeRestriction", v)
		}
	}
	c.FutureValidationCode = scale.DecodeOption(d, func(d *scale.Decoder) FutureCode {
		return FutureCode{d.U32(), decodeHash(d)}
	})
}

// CoreStateKind is the variant of a [CoreState].
type CoreStateKind uint8

// The states of a core as ParachainHost_availability_cores answers.
const (
	CoreOccupied  CoreStateKind = 0
	CoreScheduled CoreStateKind = 1
	CoreFree      CoreStateKind = 2
)

// CoreState is what an execution core is doing.
//
//	Free ──claim──► Scheduled ──backed──► Occupied ──included / timed out / session──► Free or Scheduled
type CoreState struct {
	Kind     CoreStateKind
	Para     ParaID // Scheduled
	Occupied OccupiedCore
}

// OccupiedCore is a core with a candidate that is pending availability.
type OccupiedCore struct {
	NextUpOnAvailable *ParaID
	OccupiedSince     uint32
	TimeOutAt         uint32
	NextUpOnTimeOut   *ParaID
	Availability      BitVec // a bit for each validator
	GroupResponsible  GroupIndex
	CandidateHash     CandidateHash
	Descriptor        Descriptor
}

func appendScheduledCore(b []byte, p ParaID) []byte { return append(p.EncodeTo(b), 0) }

// EncodeTo appends the SCALE encoding.
func (c *CoreState) EncodeTo(b []byte) []byte {
	b = append(b, byte(c.Kind))
	switch c.Kind {
	case CoreScheduled:
		return appendScheduledCore(b, c.Para)
	case CoreOccupied:
		o := &c.Occupied
		b = scale.AppendOption(b, o.NextUpOnAvailable, appendScheduledCore)
		b = appendU32s(b, o.OccupiedSince, o.TimeOutAt)
		b = scale.AppendOption(b, o.NextUpOnTimeOut, appendScheduledCore)
		b = o.Availability.EncodeTo(b)
		b = scale.AppendU32(b, uint32(o.GroupResponsible))
		b = append(b, o.CandidateHash[:]...)
		return append(b, o.Descriptor[:]...)
	}
	return b
}

// GroupRotationInfo tells which group serves which core.
type GroupRotationInfo struct {
	SessionStartBlock      uint32
	GroupRotationFrequency uint32
	Now                    uint32
}

// EncodeTo appends the SCALE encoding.
func (g GroupRotationInfo) EncodeTo(b []byte) []byte {
	return appendU32s(b, g.SessionStartBlock, g.GroupRotationFrequency, g.Now)
}

// GroupForCore is the group that serves the core at relay block at, of n groups; false
// before the session's start or for a core without a group.
func (g GroupRotationInfo) GroupForCore(core CoreIndex, at uint32, n int) (GroupIndex, bool) {
	if n == 0 || at < g.SessionStartBlock || int(core) >= n {
		return 0, false
	}
	return GroupIndex((uint64(core) + g.rotations(at)) % uint64(n)), true
}

// CoreForGroup is the core that the group serves at relay block at, the inverse of GroupForCore.
func (g GroupRotationInfo) CoreForGroup(group GroupIndex, at uint32, n int) (CoreIndex, bool) {
	if n == 0 || at < g.SessionStartBlock || int(group) >= n {
		return 0, false
	}
	return CoreIndex((uint64(group) + uint64(n) - g.rotations(at)%uint64(n)) % uint64(n)), true
}

// rotations counts the rotations from the session's start to block at; a frequency of 0 means none.
func (g GroupRotationInfo) rotations(at uint32) uint64 {
	if g.GroupRotationFrequency == 0 {
		return 0
	}
	return uint64((at - g.SessionStartBlock) / g.GroupRotationFrequency)
}

// OccupiedCoreAssumption says what a caller of ParachainHost assumes about the para's pending candidates.
type OccupiedCoreAssumption uint8

// The assumptions.
const (
	AssumeIncluded OccupiedCoreAssumption = 0 // all pending are enacted first
	AssumeTimedOut OccupiedCoreAssumption = 1 // the state as it is
	AssumeFree     OccupiedCoreAssumption = 2 // nothing is pending
)

// CandidateEventKind is the variant of a [CandidateEvent].
type CandidateEventKind uint8

// What can happen to a candidate in a relay block.
const (
	CandidateBacked   CandidateEventKind = 0
	CandidateIncluded CandidateEventKind = 1
	CandidateTimedOut CandidateEventKind = 2
)

// CandidateEvent is one of a relay block's events about candidates.
type CandidateEvent struct {
	Kind    CandidateEventKind
	Receipt CandidateReceipt
	Head    []byte
	Core    CoreIndex
	Group   GroupIndex // not for TimedOut
}

// EncodeTo appends the SCALE encoding.
func (e *CandidateEvent) EncodeTo(b []byte) []byte {
	b = e.Receipt.EncodeTo(append(b, byte(e.Kind)))
	b = scale.AppendBytes(b, e.Head)
	b = scale.AppendU32(b, uint32(e.Core))
	if e.Kind != CandidateTimedOut {
		b = scale.AppendU32(b, uint32(e.Group))
	}
	return b
}

// UpgradeGoAhead is the relay chain's word on a scheduled code upgrade.
type UpgradeGoAhead uint8

// The two words.
const (
	UpgradeAbort    UpgradeGoAhead = 0
	UpgradeApproved UpgradeGoAhead = 1
)
