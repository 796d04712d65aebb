package primitives

import (
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/scale"
)

// OutboundHrmpMessage is a message to another parachain.
type OutboundHrmpMessage struct {
	Recipient ParaID
	Data      []byte
}

// EncodeTo appends the SCALE encoding.
func (m OutboundHrmpMessage) EncodeTo(b []byte) []byte {
	return scale.AppendBytes(scale.AppendU32(b, uint32(m.Recipient)), m.Data)
}

// DecodeFrom reads the SCALE encoding.
func (m *OutboundHrmpMessage) DecodeFrom(d *scale.Decoder) {
	m.Recipient = ParaID(d.U32())
	m.Data = d.Bytes(maxHeaderSize)
}

// InboundMessage is a downward or an inbound HRMP message with the relay block at which it was sent.
// The encoding is the same for both.
type InboundMessage struct {
	SentAt uint32
	Data   []byte
}

// EncodeTo appends the SCALE encoding.
func (m InboundMessage) EncodeTo(b []byte) []byte {
	return scale.AppendBytes(scale.AppendU32(b, m.SentAt), m.Data)
}

// DecodeFrom reads the SCALE encoding.
func (m *InboundMessage) DecodeFrom(d *scale.Decoder) {
	m.SentAt = d.U32()
	m.Data = d.Bytes(maxHeaderSize)
}

// ChainMessage extends a message queue chain by m: blake2b of the previous head, the
// block of sending and the hash of the encoded message. The empty chain is all zero.
func ChainMessage(prev Hash, m InboundMessage) Hash {
	inner := hashing.Blake2b256(scale.AppendBytes(nil, m.Data))
	b := scale.AppendU32(append([]byte(nil), prev[:]...), m.SentAt)
	return hashing.Blake2b256(append(b, inner[:]...))
}

// ChannelID names an HRMP channel.
type ChannelID struct{ Sender, Recipient ParaID }

// EncodeTo appends the SCALE encoding.
func (c ChannelID) EncodeTo(b []byte) []byte { return c.Recipient.EncodeTo(c.Sender.EncodeTo(b)) }

// HrmpChannel is the state of a channel on the relay chain. A parachain reads the part
// up to MQCHead and ignores the deposits.
type HrmpChannel struct {
	MaxCapacity, MaxTotalSize, MaxMessageSize uint32 // messages, bytes, bytes
	MsgCount, TotalSize                       uint32
	MQCHead                                   *Hash
	SenderDeposit, RecipientDeposit           scale.U128
}

// EncodeTo appends the SCALE encoding.
func (c *HrmpChannel) EncodeTo(b []byte) []byte {
	for _, v := range []uint32{c.MaxCapacity, c.MaxTotalSize, c.MaxMessageSize, c.MsgCount, c.TotalSize} {
		b = scale.AppendU32(b, v)
	}
	b = scale.AppendOption(b, c.MQCHead, func(b []byte, h Hash) []byte { return h.EncodeTo(b) })
	return scale.AppendU128(scale.AppendU128(b, c.SenderDeposit), c.RecipientDeposit)
}

// DecodeFrom reads the SCALE encoding.
func (c *HrmpChannel) DecodeFrom(d *scale.Decoder) {
	for _, p := range []*uint32{&c.MaxCapacity, &c.MaxTotalSize, &c.MaxMessageSize, &c.MsgCount, &c.TotalSize} {
		*p = d.U32()
	}
	c.MQCHead = scale.DecodeOption(d, decodeHash)
	c.SenderDeposit, c.RecipientDeposit = d.U128(), d.U128()
}

// UMPSignals are what a candidate says to the relay chain behind the separator, the
// first empty upward message (RFC 103; polkadot_primitives::UMPSignal).
type UMPSignals struct {
	SelectCore   *CoreSelection
	ApprovedPeer []byte
	Count        int // how many signals there were
}

// CoreSelection is the signal 0 SelectCore.
type CoreSelection struct{ Selector, ClaimQueueOffset uint8 }

// Errors of [SplitUpwardMessages] and of the check of signals.
var (
	ErrUmpSignalDecode = errors.New("UmpSignalDecode")
	ErrTooManySignals  = errors.New("TooManyUMPSignals")
	ErrDuplicateSignal = errors.New("DuplicateUMPSignal")
	ErrSignalWithV1    = errors.New("UMPSignalWithV1Descriptor")
	ErrNoSignalWithV3  = errors.New("NoUMPSignalWithV3Descriptor")
	ErrNoAssignment    = errors.New("NoAssignment")
	ErrCoreMismatch    = errors.New("CoreIndexMismatch")
	ErrInvalidCore     = errors.New("InvalidCoreIndex")
	ErrInvalidSelected = errors.New("InvalidSelectedCore")
	ErrUnknownVersion  = errors.New("UnknownVersion")
	ErrInvalidSession  = errors.New("InvalidSession")
)

// SplitUpwardMessages separates the messages proper from the signals behind the
// separator. Trailing bytes of a signal are ignored.
func SplitUpwardMessages(list [][]byte) (messages [][]byte, s UMPSignals, err error) {
	for i, m := range list {
		if len(m) != 0 {
			continue
		}
		signals := list[i+1:]
		if len(signals) > 2 {
			return list[:i], s, ErrTooManySignals
		}
		for _, raw := range signals {
			if err := s.add(raw); err != nil {
				return list[:i], s, err
			}
		}
		return list[:i], s, nil
	}
	return list, s, nil
}

func (s *UMPSignals) add(raw []byte) error {
	d := scale.NewDecoder(raw)
	switch v := d.Variant(); v {
	case 0:
		c := CoreSelection{d.U8(), d.U8()}
		if d.Err() == nil && s.SelectCore != nil {
			return ErrDuplicateSignal
		}
		s.SelectCore = &c
	case 1:
		peer := d.Bytes(64)
		if d.Err() == nil && s.ApprovedPeer != nil {
			return ErrDuplicateSignal
		}
		s.ApprovedPeer = peer
	default:
		return fmt.Errorf("%w: variant %d", ErrUmpSignalDecode, v)
	}
	if d.Err() != nil {
		return fmt.Errorf("%w: %v", ErrUmpSignalDecode, d.Err())
	}
	s.Count++
	return nil
}

// SelectCoreSignal and ApprovedPeerSignal encode a signal.
func SelectCoreSignal(c CoreSelection) []byte { return []byte{0, c.Selector, c.ClaimQueueOffset} }

// ApprovedPeerSignal is the signal by which a parachain vouches for a collator's relay-side peer.
func ApprovedPeerSignal(peer []byte) []byte { return scale.AppendBytes([]byte{1}, peer) }

// TransposedClaimQueue says, for each para, which cores it holds at each depth of the claim queue.
type TransposedClaimQueue map[ParaID]map[uint8][]CoreIndex

// CheckUMPSignals checks a candidate's signals and its core against the claim queue of
// its scheduling parent (polkadot_primitives CommittedCandidateReceiptV2::parse_ump_signals).
func (r *CommittedCandidateReceipt) CheckUMPSignals(queue TransposedClaimQueue) (UMPSignals, error) {
	_, s, err := SplitUpwardMessages(r.Commitments.UpwardMessages)
	if err != nil {
		return s, err
	}
	switch r.Descriptor.Version() {
	case DescriptorV1:
		if s.Count > 0 {
			return s, ErrSignalWithV1
		}
		return s, nil
	case DescriptorUnknown:
		return s, ErrUnknownVersion
	case DescriptorV3:
		if s.Count == 0 {
			return s, ErrNoSignalWithV3
		}
	}
	core, _ := r.Descriptor.Core()
	var offset uint8
	if s.SelectCore != nil {
		offset = s.SelectCore.ClaimQueueOffset
	}
	cores := queue[r.Descriptor.Para()][offset]
	switch {
	case len(cores) == 0:
		return s, ErrNoAssignment
	case s.SelectCore != nil:
		if cores[int(s.SelectCore.Selector)%len(cores)] != core {
			return s, ErrCoreMismatch
		}
	case len(cores) == 1:
		if cores[0] != core {
			return s, ErrCoreMismatch
		}
	default:
		for _, c := range cores {
			if c == core {
				return s, nil
			}
		}
		return s, ErrInvalidCore
	}
	return s, nil
}
