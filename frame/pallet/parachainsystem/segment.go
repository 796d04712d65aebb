package parachainsystem

import (
	"errors"

	"pileus/frame"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// UnincludedSegmentCapacity is how many blocks the segment may hold, the one under
// construction included. Zero is ExpectParentIncluded: the parent must be included.
type UnincludedSegmentCapacity uint32

// ExpectParentIncludedCapacity demands that the parent is included, or that the chain has
// no included head yet.
const ExpectParentIncludedCapacity UnincludedSegmentCapacity = 0

// ConsensusHook decides, from the relay chain's state, whether a block may be built and
// how long the unincluded segment may be (guide, phase 1: ConsensusHook). It may panic.
type ConsensusHook interface {
	OnStateProof(proof *RelayStateProof) (frame.Weight, UnincludedSegmentCapacity)
}

// ExpectParentIncluded is the hook of chains without asynchronous backing.
type ExpectParentIncluded struct{}

// OnStateProof implements [ConsensusHook].
func (ExpectParentIncluded) OnStateProof(*RelayStateProof) (frame.Weight, UnincludedSegmentCapacity) {
	return frame.Weight{}, ExpectParentIncludedCapacity
}

// FixedCapacityUnincludedSegment allows a number of blocks, at least 1, whatever their speed.
type FixedCapacityUnincludedSegment uint32

// OnStateProof implements [ConsensusHook].
func (n FixedCapacityUnincludedSegment) OnStateProof(*RelayStateProof) (frame.Weight, UnincludedSegmentCapacity) {
	return frame.Weight{}, UnincludedSegmentCapacity(max(n, 1))
}

// HrmpUpdate is what was sent to one recipient.
type HrmpUpdate struct {
	Recipient            primitives.ParaID
	MsgCount, TotalBytes uint32
}

// UsedBandwidth is what one block, or the segment, has sent.
type UsedBandwidth struct {
	UmpMsgCount, UmpTotalBytes uint32
	HrmpOutgoing               []HrmpUpdate // ascending by recipient
}

// EncodeTo appends the SCALE encoding.
func (u UsedBandwidth) EncodeTo(b []byte) []byte {
	b = scale.AppendU32(scale.AppendU32(b, u.UmpMsgCount), u.UmpTotalBytes)
	return scale.AppendVecFunc(b, u.HrmpOutgoing, func(b []byte, h HrmpUpdate) []byte {
		return scale.AppendU32(scale.AppendU32(h.Recipient.EncodeTo(b), h.MsgCount), h.TotalBytes)
	})
}

// DecodeFrom reads the SCALE encoding.
func (u *UsedBandwidth) DecodeFrom(d *scale.Decoder) {
	u.UmpMsgCount, u.UmpTotalBytes = d.U32(), d.U32()
	u.HrmpOutgoing = scale.DecodeVecFunc(d, maxChannels, func(d *scale.Decoder) HrmpUpdate {
		return HrmpUpdate{primitives.ParaID(d.U32()), d.U32(), d.U32()}
	})
}

// to is what was sent to a recipient.
func (u *UsedBandwidth) to(recipient primitives.ParaID) HrmpUpdate {
	for _, h := range u.HrmpOutgoing {
		if h.Recipient == recipient {
			return h
		}
	}
	return HrmpUpdate{Recipient: recipient}
}

// add counts what was sent to a recipient, keeping the order.
func (u *UsedBandwidth) add(h HrmpUpdate) {
	at := 0
	for at < len(u.HrmpOutgoing) && u.HrmpOutgoing[at].Recipient < h.Recipient {
		at++
	}
	if at < len(u.HrmpOutgoing) && u.HrmpOutgoing[at].Recipient == h.Recipient {
		u.HrmpOutgoing[at].MsgCount += h.MsgCount
		u.HrmpOutgoing[at].TotalBytes += h.TotalBytes
		return
	}
	u.HrmpOutgoing = append(u.HrmpOutgoing[:at:at], append([]HrmpUpdate{h}, u.HrmpOutgoing[at:]...)...)
}

// subtract takes back what an included block has sent; empty channels go.
func (u *UsedBandwidth) subtract(v UsedBandwidth) {
	u.UmpMsgCount = saturating(u.UmpMsgCount, v.UmpMsgCount)
	u.UmpTotalBytes = saturating(u.UmpTotalBytes, v.UmpTotalBytes)
	kept := u.HrmpOutgoing[:0:0]
	for _, h := range u.HrmpOutgoing {
		gone := v.to(h.Recipient)
		h.MsgCount, h.TotalBytes = saturating(h.MsgCount, gone.MsgCount), saturating(h.TotalBytes, gone.TotalBytes)
		if h.MsgCount != 0 || h.TotalBytes != 0 {
			kept = append(kept, h)
		}
	}
	u.HrmpOutgoing = kept
}

func saturating(a, b uint32) uint32 {
	if a < b {
		return 0
	}
	return a - b
}

// goAhead is Option<UpgradeGoAhead>.
type goAhead = *primitives.UpgradeGoAhead

var goAheadCodec = frame.Option(frame.Codec[primitives.UpgradeGoAhead]{
	Encode: func(b []byte, v primitives.UpgradeGoAhead) []byte { return append(b, byte(v)) },
	Decode: func(d *scale.Decoder) primitives.UpgradeGoAhead {
		v := d.Variant()
		if v > 1 {
			d.UnknownVariant("UpgradeGoAhead", v)
		}
		return primitives.UpgradeGoAhead(v)
	},
	Type: typeGoAhead,
})

// Ancestor is one block of the unincluded segment. Its head hash is known only to the
// next block: the seal comes after the block.
type Ancestor struct {
	UsedBandwidth         UsedBandwidth
	ParaHeadHash          *hashing.Hash
	ConsumedGoAheadSignal goAhead
}

// EncodeTo appends the SCALE encoding.
func (a Ancestor) EncodeTo(b []byte) []byte {
	b = scale.AppendOption(a.UsedBandwidth.EncodeTo(b), a.ParaHeadHash, frame.Hash.Encode)
	return goAheadCodec.Encode(b, a.ConsumedGoAheadSignal)
}

// DecodeFrom reads the SCALE encoding.
func (a *Ancestor) DecodeFrom(d *scale.Decoder) {
	a.UsedBandwidth.DecodeFrom(d)
	a.ParaHeadHash = scale.DecodeOption(d, frame.Hash.Decode)
	a.ConsumedGoAheadSignal = goAheadCodec.Decode(d)
}

// SegmentTracker is the sum over the unincluded segment.
type SegmentTracker struct {
	UsedBandwidth         UsedBandwidth
	HrmpWatermark         *uint32
	ConsumedGoAheadSignal goAhead
}

// EncodeTo appends the SCALE encoding.
func (s SegmentTracker) EncodeTo(b []byte) []byte {
	b = scale.AppendOption(s.UsedBandwidth.EncodeTo(b), s.HrmpWatermark, scale.AppendU32)
	return goAheadCodec.Encode(b, s.ConsumedGoAheadSignal)
}

// DecodeFrom reads the SCALE encoding.
func (s *SegmentTracker) DecodeFrom(d *scale.Decoder) {
	s.UsedBandwidth.DecodeFrom(d)
	s.HrmpWatermark = scale.DecodeOption(d, (*scale.Decoder).U32)
	s.ConsumedGoAheadSignal = goAheadCodec.Decode(d)
}

// watermark is the HRMP watermark that a block sets: its relay parent, or a block before
// it, from which messages are left.
type watermark struct {
	number uint32
	head   bool
}

// append adds a block to the sum, unless the sum would break the relay chain's limits.
func (s *SegmentTracker) append(a *Ancestor, w watermark, limits *MessagingState) error {
	if s.ConsumedGoAheadSignal != nil && a.ConsumedGoAheadSignal != nil {
		return errors.New("upgrade go-ahead signal consumed twice")
	}
	if s.HrmpWatermark != nil && !w.head && w.number < *s.HrmpWatermark {
		return errors.New("HRMP watermark goes back")
	}
	sum := s.UsedBandwidth
	sum.HrmpOutgoing = append([]HrmpUpdate(nil), sum.HrmpOutgoing...)
	sum.UmpMsgCount += a.UsedBandwidth.UmpMsgCount
	sum.UmpTotalBytes += a.UsedBandwidth.UmpTotalBytes
	if sum.UmpMsgCount > limits.RemainingCount || sum.UmpTotalBytes > limits.RemainingSize {
		return errors.New("too many upward messages")
	}
	for _, h := range a.UsedBandwidth.HrmpOutgoing {
		sum.add(h)
		c := limits.egress(h.Recipient)
		if c == nil {
			return errors.New("no channel to the recipient")
		}
		used := sum.to(h.Recipient)
		if used.MsgCount > saturating(c.MaxCapacity, c.MsgCount) || used.TotalBytes > saturating(c.MaxTotalSize, c.TotalSize) {
			return errors.New("too many messages in a channel")
		}
	}
	s.UsedBandwidth = sum
	if a.ConsumedGoAheadSignal != nil {
		s.ConsumedGoAheadSignal = a.ConsumedGoAheadSignal
	}
	s.HrmpWatermark = &w.number
	return nil
}

// subtract takes an included block out of the sum.
func (s *SegmentTracker) subtract(a *Ancestor) {
	s.UsedBandwidth.subtract(a.UsedBandwidth)
	if a.ConsumedGoAheadSignal != nil {
		if s.ConsumedGoAheadSignal == nil || *s.ConsumedGoAheadSignal != *a.ConsumedGoAheadSignal {
			panic("the segment's go-ahead signal is not that of its block")
		}
		s.ConsumedGoAheadSignal = nil
	}
}

// trim drops what is included from the segment and demands room for one more block
// (maybe_drop_included_ancestors).
func (p *Pallet) trim(proof *RelayStateProof, capacity UnincludedSegmentCapacity) (used frame.Weight) {
	db := p.System().DbWeight
	used = db.With(used, 2, 1)
	parent := p.System().ParentHash.Get()
	included, err := proof.IncludedParaHead()
	var hash hashing.Hash
	limit := 1
	switch {
	case capacity == ExpectParentIncludedCapacity && err != nil:
		hash = parent
	case capacity == ExpectParentIncludedCapacity:
		if hash = primitives.ParaHeadHash(included); hash != parent {
			panic("expected parent to be included")
		}
	case err != nil:
		panic("included head not present in relay storage proof")
	default:
		hash, limit = primitives.ParaHeadHash(included), int(capacity)
	}
	segment := p.UnincludedSegment.Get()
	drop := 0
	for i := range segment {
		if h := segment[i].ParaHeadHash; h != nil && *h == hash {
			drop = i + 1
			break
		}
	}
	if drop > 0 {
		p.AggregatedUnincludedSegment.Mutate(func(s *SegmentTracker) {
			for i := range segment[:drop] {
				s.subtract(&segment[i])
			}
		})
		segment = segment[drop:]
		p.UnincludedSegment.Put(segment)
		used = db.With(used, 1, 1)
	}
	if len(segment) >= limit {
		panic("No space left for the block in the unincluded segment")
	}
	return used
}

// SizeAfterIncluded is the length of the segment once the block with that hash is included.
func (p *Pallet) SizeAfterIncluded(included hashing.Hash) int {
	segment := p.UnincludedSegment.Get()
	for i := range segment {
		if h := segment[i].ParaHeadHash; h != nil && *h == included {
			return len(segment) - i - 1
		}
	}
	return len(segment)
}
