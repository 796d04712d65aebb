package primitives

import (
	"sort"

	"pileus/scale"
)

// InherentID names one provider's part of the inherent data.
type InherentID [8]byte

// The identifiers that a parachain's node provides.
var (
	InherentTimestamp   = InherentID([]byte("timstap0"))
	InherentParachainV0 = InherentID([]byte("sysi1337"))
	InherentParachain   = InherentID([]byte("sysi1338"))
)

// InherentData is what BlockBuilder_inherent_extrinsics is given: encoded values by
// identifier (sp_inherents::InherentData, a BTreeMap).
type InherentData map[InherentID][]byte

// EncodeTo appends the SCALE encoding, ascending by identifier.
func (i InherentData) EncodeTo(b []byte) []byte {
	ids := make([]InherentID, 0, len(i))
	for id := range i {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(x, y int) bool { return string(ids[x][:]) < string(ids[y][:]) })
	b = scale.AppendCompact(b, uint64(len(ids)))
	for _, id := range ids {
		b = scale.AppendBytes(append(b, id[:]...), i[id])
	}
	return b
}

// ParachainInherentData is what the relay chain tells a parachain block: the validation
// data, a proof of the relay state that the runtime reads, the messages to it, the
// headers between relay parent and scheduling parent, and the author's relay-side peer id.
type ParachainInherentData struct {
	ValidationData         PersistedValidationData
	RelayChainState        [][]byte // proof nodes, ascending, without repetition
	DownwardMessages       []InboundMessage
	HorizontalMessages     map[ParaID][]InboundMessage
	RelayParentDescendants []Header // relay parent first; empty without a relay parent offset
	CollatorPeerID         []byte   // nil: none
}

// EncodeV0 appends the form of sysi1337: the fields up to the messages.
func (p *ParachainInherentData) EncodeV0(b []byte) []byte {
	b = p.ValidationData.EncodeTo(b)
	b = scale.AppendBytesVec(b, p.RelayChainState)
	b = scale.AppendVec(b, p.DownwardMessages)
	senders := make([]ParaID, 0, len(p.HorizontalMessages))
	for s := range p.HorizontalMessages {
		senders = append(senders, s)
	}
	sort.Slice(senders, func(x, y int) bool { return senders[x] < senders[y] })
	b = scale.AppendCompact(b, uint64(len(senders)))
	for _, s := range senders {
		b = scale.AppendVec(s.EncodeTo(b), p.HorizontalMessages[s])
	}
	return b
}

// EncodeTo appends the form of sysi1338.
func (p *ParachainInherentData) EncodeTo(b []byte) []byte {
	b = p.EncodeV0(b)
	b = scale.AppendCompact(b, uint64(len(p.RelayParentDescendants)))
	for i := range p.RelayParentDescendants {
		b = p.RelayParentDescendants[i].EncodeTo(b)
	}
	if p.CollatorPeerID == nil {
		return append(b, 0)
	}
	return scale.AppendBytes(append(b, 1), p.CollatorPeerID)
}

// Provide puts both forms into the inherent data; the runtime reads the newest that it knows.
func (p *ParachainInherentData) Provide(data InherentData) {
	data[InherentParachainV0] = p.EncodeV0(nil)
	data[InherentParachain] = p.EncodeTo(nil)
}
