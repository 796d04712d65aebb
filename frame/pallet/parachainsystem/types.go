package parachainsystem

import (
	"pileus/frame"
	"pileus/frame/pallet/parachaininfo"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// Limits on what comes from the relay chain.
const (
	maxChannels = 1 << 12
	maxMessages = 1 << 16
	maxPeerID   = 64
)

// HostConfiguration is the part of the relay chain's configuration that a parachain reads.
type HostConfiguration struct {
	MaxCodeSize                     uint32
	MaxHeadDataSize                 uint32
	MaxUpwardQueueCount             uint32
	MaxUpwardQueueSize              uint32
	MaxUpwardMessageSize            uint32
	MaxUpwardMessageNumPerCandidate uint32
	HrmpMaxMessageNumPerCandidate   uint32
	ValidationUpgradeCooldown       uint32
	ValidationUpgradeDelay          uint32
	MaxCandidateDepth               uint32
	AllowedAncestryLen              uint32
}

func (c *HostConfiguration) fields() []*uint32 {
	return []*uint32{&c.MaxCodeSize, &c.MaxHeadDataSize, &c.MaxUpwardQueueCount, &c.MaxUpwardQueueSize, &c.MaxUpwardMessageSize,
		&c.MaxUpwardMessageNumPerCandidate, &c.HrmpMaxMessageNumPerCandidate, &c.ValidationUpgradeCooldown, &c.ValidationUpgradeDelay,
		&c.MaxCandidateDepth, &c.AllowedAncestryLen}
}

// EncodeTo appends the SCALE encoding.
func (c *HostConfiguration) EncodeTo(b []byte) []byte {
	for _, f := range c.fields() {
		b = scale.AppendU32(b, *f)
	}
	return b
}

// DecodeFrom reads the SCALE encoding; the relay chain's goes on behind it.
func (c *HostConfiguration) DecodeFrom(d *scale.Decoder) {
	for _, f := range c.fields() {
		*f = d.U32()
	}
}

// Channel is the part of an HRMP channel that a parachain reads.
type Channel struct {
	Peer                                      primitives.ParaID // sender of an ingress, recipient of an egress channel
	MaxCapacity, MaxTotalSize, MaxMessageSize uint32            // messages, bytes, bytes
	MsgCount, TotalSize                       uint32
	MQCHead                                   *hashing.Hash
}

func (c *Channel) encodeChannel(b []byte) []byte {
	for _, n := range []uint32{c.MaxCapacity, c.MaxTotalSize, c.MaxMessageSize, c.MsgCount, c.TotalSize} {
		b = scale.AppendU32(b, n)
	}
	return scale.AppendOption(b, c.MQCHead, frame.Hash.Encode)
}

func (c *Channel) decodeChannel(d *scale.Decoder) {
	for _, f := range []*uint32{&c.MaxCapacity, &c.MaxTotalSize, &c.MaxMessageSize, &c.MsgCount, &c.TotalSize} {
		*f = d.U32()
	}
	c.MQCHead = scale.DecodeOption(d, frame.Hash.Decode)
}

// EncodeTo appends the peer and the channel.
func (c *Channel) EncodeTo(b []byte) []byte { return c.encodeChannel(c.Peer.EncodeTo(b)) }

// DecodeFrom reads the SCALE encoding.
func (c *Channel) DecodeFrom(d *scale.Decoder) {
	*c = Channel{Peer: primitives.ParaID(d.U32())}
	c.decodeChannel(d)
}

// MessagingState is the state of the queues on the relay chain (MessagingStateSnapshot).
type MessagingState struct {
	DmqMqcHead     hashing.Hash
	RemainingCount uint32 // messages that the upward queue still takes
	RemainingSize  uint32 // bytes
	Ingress        []Channel
	Egress         []Channel
}

// EncodeTo appends the SCALE encoding.
func (m *MessagingState) EncodeTo(b []byte) []byte {
	b = scale.AppendU32(scale.AppendU32(m.DmqMqcHead.EncodeTo(b), m.RemainingCount), m.RemainingSize)
	for _, list := range [][]Channel{m.Ingress, m.Egress} {
		b = scale.AppendCompact(b, uint64(len(list)))
		for i := range list {
			b = list[i].EncodeTo(b)
		}
	}
	return b
}

// DecodeFrom reads the SCALE encoding.
func (m *MessagingState) DecodeFrom(d *scale.Decoder) {
	d.Array(m.DmqMqcHead[:])
	m.RemainingCount, m.RemainingSize = d.U32(), d.U32()
	m.Ingress = scale.DecodeVec[Channel](d, maxChannels)
	m.Egress = scale.DecodeVec[Channel](d, maxChannels)
}

// egress is the channel to a recipient.
func (m *MessagingState) egress(to primitives.ParaID) *Channel {
	for i := range m.Egress {
		if m.Egress[i].Peer == to {
			return &m.Egress[i]
		}
	}
	return nil
}

// MessageID names an inbound message: the relay block that sent it, and how many of the
// same block follow.
type MessageID struct{ SentAt, ReverseIndex uint32 }

// EncodeTo appends the SCALE encoding.
func (m MessageID) EncodeTo(b []byte) []byte {
	return scale.AppendU32(scale.AppendU32(b, m.SentAt), m.ReverseIndex)
}

// DecodeFrom reads the SCALE encoding.
func (m *MessageID) DecodeFrom(d *scale.Decoder) { m.SentAt, m.ReverseIndex = d.U32(), d.U32() }

// PoVMessages counts what the blocks of one PoV have sent so far.
type PoVMessages struct {
	RelayRoot    hashing.Hash
	CoreSelector uint8
	BundleIndex  uint8
	UmpMessages  uint32
	HrmpOutbound uint32
	Recipients   []primitives.ParaID
}

// EncodeTo appends the SCALE encoding.
func (p PoVMessages) EncodeTo(b []byte) []byte {
	b = append(p.RelayRoot.EncodeTo(b), p.CoreSelector, p.BundleIndex)
	return scale.AppendVec(scale.AppendU32(scale.AppendU32(b, p.UmpMessages), p.HrmpOutbound), p.Recipients)
}

// DecodeFrom reads the SCALE encoding.
func (p *PoVMessages) DecodeFrom(d *scale.Decoder) {
	d.Array(p.RelayRoot[:])
	p.CoreSelector, p.BundleIndex, p.UmpMessages, p.HrmpOutbound = d.U8(), d.U8(), d.U32(), d.U32()
	p.Recipients = scale.DecodeVecFunc(d, maxChannels, func(d *scale.Decoder) primitives.ParaID { return primitives.ParaID(d.U32()) })
}

// MqcHead is the head of one sender's message queue chain.
type MqcHead struct {
	Sender primitives.ParaID
	Head   hashing.Hash
}

// EncodeTo appends the SCALE encoding.
func (m MqcHead) EncodeTo(b []byte) []byte { return m.Head.EncodeTo(m.Sender.EncodeTo(b)) }

// DecodeFrom reads the SCALE encoding.
func (m *MqcHead) DecodeFrom(d *scale.Decoder) {
	m.Sender = primitives.ParaID(d.U32())
	d.Array(m.Head[:])
}

// Types of the metadata.
var (
	typeParaID   = parachaininfo.TypeParaID
	typeHeadData = frame.Struct("polkadot_parachain_primitives::primitives::HeadData", nil, field("", frame.TypeBytes, "Vec<u8>"))
	typePVD      = frame.Struct("polkadot_primitives::v9::PersistedValidationData", []frame.TypeParam{{Name: "H", Type: frame.TypeHash}, {Name: "N", Type: frame.TypeU32}},
		field("parent_head", typeHeadData, "HeadData"), field("relay_parent_number", frame.TypeU32, "N"),
		field("relay_parent_storage_root", frame.TypeHash, "H"), field("max_pov_size", frame.TypeU32, "u32"))
	typeProof = frame.Struct("sp_trie::storage_proof::StorageProof", nil,
		field("trie_nodes", frame.Struct("BTreeSet", []frame.TypeParam{{Name: "T", Type: frame.TypeBytes}}, field("", frame.SequenceOf(frame.TypeBytes), "")), "BTreeSet<Vec<u8>>"))
	typeGoAhead     = units("polkadot_primitives::v9::UpgradeGoAhead", "Abort", "GoAhead")
	typeRestriction = units("polkadot_primitives::v9::UpgradeRestriction", "Present")
	typeChannel     = frame.Struct("polkadot_primitives::v9::AbridgedHrmpChannel", nil,
		field("max_capacity", frame.TypeU32, "u32"), field("max_total_size", frame.TypeU32, "u32"), field("max_message_size", frame.TypeU32, "u32"),
		field("msg_count", frame.TypeU32, "u32"), field("total_size", frame.TypeU32, "u32"), field("mqc_head", frame.OptionOf(frame.TypeHash), "Option<Hash>"))
	typeConfig = frame.Struct("polkadot_primitives::v9::AbridgedHostConfiguration", nil,
		field("max_code_size", frame.TypeU32, "u32"), field("max_head_data_size", frame.TypeU32, "u32"), field("max_upward_queue_count", frame.TypeU32, "u32"),
		field("max_upward_queue_size", frame.TypeU32, "u32"), field("max_upward_message_size", frame.TypeU32, "u32"),
		field("max_upward_message_num_per_candidate", frame.TypeU32, "u32"), field("hrmp_max_message_num_per_candidate", frame.TypeU32, "u32"),
		field("validation_upgrade_cooldown", frame.TypeU32, "BlockNumber"), field("validation_upgrade_delay", frame.TypeU32, "BlockNumber"),
		field("async_backing_params", frame.Struct("polkadot_primitives::v9::async_backing::AsyncBackingParams", nil,
			field("max_candidate_depth", frame.TypeU32, "u32"), field("allowed_ancestry_len", frame.TypeU32, "u32")), "AsyncBackingParams"))
	typeMessaging = frame.Struct(crate+"::relay_state_snapshot::MessagingStateSnapshot", nil,
		field("dmq_mqc_head", frame.TypeHash, "relay_chain::Hash"),
		field("relay_dispatch_queue_remaining_capacity", frame.Struct(crate+"::relay_state_snapshot::RelayDispatchQueueRemainingCapacity", nil,
			field("remaining_count", frame.TypeU32, "u32"), field("remaining_size", frame.TypeU32, "u32")), "RelayDispatchQueueRemainingCapacity"),
		field("ingress_channels", frame.SequenceOf(frame.TupleOf(typeParaID, typeChannel)), "Vec<(ParaId, AbridgedHrmpChannel)>"),
		field("egress_channels", frame.SequenceOf(frame.TupleOf(typeParaID, typeChannel)), "Vec<(ParaId, AbridgedHrmpChannel)>"))
	typeMqcHead = frame.Struct("cumulus_primitives_parachain_inherent::MessageQueueChain", nil, field("", frame.TypeHash, "RelayHash"))
	typeHrmpOut = frame.Struct("polkadot_core_primitives::OutboundHrmpMessage", []frame.TypeParam{{Name: "Id", Type: typeParaID}},
		field("recipient", typeParaID, "Id"), field("data", frame.TypeBytes, "alloc::vec::Vec<u8>"))
	typeDownward = frame.Struct("polkadot_core_primitives::InboundDownwardMessage", []frame.TypeParam{{Name: "BlockNumber", Type: frame.TypeU32}},
		field("sent_at", frame.TypeU32, "BlockNumber"), field("msg", frame.TypeBytes, "DownwardMessage"))
	typeHrmpIn = frame.Struct("polkadot_core_primitives::InboundHrmpMessage", []frame.TypeParam{{Name: "BlockNumber", Type: frame.TypeU32}},
		field("sent_at", frame.TypeU32, "BlockNumber"), field("data", frame.TypeBytes, "alloc::vec::Vec<u8>"))
	typeHashed = frame.Struct("cumulus_primitives_parachain_inherent::HashedMessage", nil,
		field("sent_at", frame.TypeU32, "RelayChainBlockNumber"), field("msg_hash", frame.TypeHash, "sp_core::H256"))
	typeMessageID = frame.Struct(crate+"::parachain_inherent::InboundMessageId", nil,
		field("sent_at", frame.TypeU32, "BlockNumber"), field("reverse_idx", frame.TypeU32, "u32"))
	typeBandwidth = frame.Struct(crate+"::unincluded_segment::UsedBandwidth", nil,
		field("ump_msg_count", frame.TypeU32, "u32"), field("ump_total_bytes", frame.TypeU32, "u32"),
		field("hrmp_outgoing", frame.MapOf(typeParaID, frame.Struct(crate+"::unincluded_segment::HrmpChannelUpdate", nil,
			field("msg_count", frame.TypeU32, "u32"), field("total_bytes", frame.TypeU32, "u32"))), "BTreeMap<ParaId, HrmpChannelUpdate>"))
	typeAncestor = frame.Struct(crate+"::unincluded_segment::Ancestor", []frame.TypeParam{{Name: "H", Type: frame.TypeHash}},
		field("used_bandwidth", typeBandwidth, "UsedBandwidth"), field("para_head_hash", frame.OptionOf(frame.TypeHash), "Option<H>"),
		field("consumed_go_ahead_signal", frame.OptionOf(typeGoAhead), "Option<relay_chain::UpgradeGoAhead>"))
	typeTracker = frame.Struct(crate+"::unincluded_segment::SegmentTracker", []frame.TypeParam{{Name: "H", Type: frame.TypeHash}},
		field("used_bandwidth", typeBandwidth, "UsedBandwidth"), field("hrmp_watermark", frame.OptionOf(frame.TypeU32), "Option<relay_chain::BlockNumber>"),
		field("consumed_go_ahead_signal", frame.OptionOf(typeGoAhead), "Option<relay_chain::UpgradeGoAhead>"))
	typePoVMessages = frame.Struct(crate+"::PoVMessages", nil,
		field("relay_storage_root_or_hash", frame.TypeHash, "relay_chain::Hash"), field("core_selector", frame.TypeU8, "u8"), field("bundle_index", frame.TypeU8, "u8"),
		field("ump_msg_count", frame.TypeU32, "u32"), field("hrmp_outbound_count", frame.TypeU32, "u32"), field("hrmp_outbound_recipients", frame.SequenceOf(typeParaID), "Vec<ParaId>"))
	typeWeightMode = frame.Enum(crate+"::block_weight::BlockWeightMode", []frame.TypeParam{{Name: "T"}},
		frame.EnumVariant{Index: 0, Name: "FullCore", Fields: []frame.TypeField{field("context", frame.TypeU32, "BlockNumberFor<T>")}},
		frame.EnumVariant{Index: 1, Name: "PotentialFullCore", Fields: []frame.TypeField{field("context", frame.TypeU32, "BlockNumberFor<T>"),
			field("first_transaction_index", frame.OptionOf(frame.TypeU32), "Option<u32>"), field("target_weight", frame.TypeWeight, "Weight")}},
		frame.EnumVariant{Index: 2, Name: "FractionOfCore", Fields: []frame.TypeField{field("context", frame.TypeU32, "BlockNumberFor<T>"),
			field("first_transaction_index", frame.OptionOf(frame.TypeU32), "Option<u32>")}})
	typePeer  = frame.BoundedOf(frame.TypeU8)
	typeBasic = frame.Struct(crate+"::parachain_inherent::BasicParachainInherentData", nil,
		field("validation_data", typePVD, "PersistedValidationData"), field("relay_chain_state", typeProof, "sp_trie::StorageProof"),
		field("relay_parent_descendants", frame.SequenceOf(frame.TypeHeader), "Vec<RelayHeader>"), field("collator_peer_id", frame.OptionOf(typePeer), "Option<ApprovedPeerId>"))
	typeInbound = frame.Struct(crate+"::parachain_inherent::InboundMessagesData", nil,
		field("downward_messages", abridged(typeDownward, typeHashed), "AbridgedInboundDownwardMessages"),
		field("horizontal_messages", abridged(frame.TupleOf(typeParaID, typeHrmpIn), frame.TupleOf(typeParaID, typeHashed)), "AbridgedInboundHrmpMessages"))
	typeCollationInfo = frame.Struct("cumulus_primitives_core::CollationInfo", nil,
		field("upward_messages", frame.SequenceOf(frame.TypeBytes), "Vec<UpwardMessage>"), field("horizontal_messages", frame.SequenceOf(typeHrmpOut), "Vec<OutboundHrmpMessage>"),
		field("new_validation_code", frame.OptionOf(frame.Struct("polkadot_parachain_primitives::primitives::ValidationCode", nil, field("", frame.TypeBytes, "Vec<u8>"))), "Option<relay_chain::ValidationCode>"),
		field("processed_downward_messages", frame.TypeU32, "u32"), field("hrmp_watermark", frame.TypeU32, "relay_chain::BlockNumber"), field("head_data", typeHeadData, "HeadData"))
)

const crate = "cumulus_pallet_parachain_system"

func field(name string, t frame.TypeOf, typeName string) frame.TypeField {
	return frame.TypeField{Name: name, Type: t, TypeName: typeName}
}

func units(path string, names ...string) frame.TypeOf {
	var list []frame.EnumVariant
	for i, n := range names {
		list = append(list, frame.EnumVariant{Index: uint8(i), Name: n})
	}
	return frame.Enum(path, nil, list...)
}

func abridged(full, hashed frame.TypeOf) frame.TypeOf {
	return frame.Struct(crate+"::parachain_inherent::AbridgedInboundMessagesCollection", []frame.TypeParam{{Name: "Message", Type: full}},
		field("full_messages", frame.SequenceOf(full), "Vec<Message>"), field("hashed_messages", frame.SequenceOf(hashed), "Vec<Message::CompressedMessage>"))
}
