package parachainsystem

import (
	"pileus/frame"
	"pileus/frame/host"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// keyCodeMarker is written at genesis beside the pallet's own state.
var keyCodeMarker = []byte(":c")

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	b := &p.Pallet
	b.Crate, b.StorageVersion = crate, 3
	p.BlockWeightMode = frame.NewOptionValue(b, "BlockWeightMode", opaque(typeWeightMode))
	p.PreviousCoreCount = frame.NewOptionValue(b, "PreviousCoreCount", frame.CompactU16)
	p.UnincludedSegment = frame.NewValue(b, "UnincludedSegment", frame.Vec(frame.Sized[Ancestor](typeAncestor)))
	p.AggregatedUnincludedSegment = frame.NewOptionValue(b, "AggregatedUnincludedSegment", frame.Sized[SegmentTracker](typeTracker))
	p.PendingValidationCode = frame.NewValue(b, "PendingValidationCode", frame.Bytes)
	p.NewValidationCode = frame.NewOptionValue(b, "NewValidationCode", frame.Bytes)
	p.ValidationData = frame.NewOptionValue(b, "ValidationData", frame.Sized[primitives.PersistedValidationData](typePVD))
	p.DidSetValidationCode = frame.NewValue(b, "DidSetValidationCode", frame.Bool)
	p.LastRelayChainBlockNumber = frame.NewValue(b, "LastRelayChainBlockNumber", frame.U32)
	p.UpgradeRestrictionSignal = frame.NewValue(b, "UpgradeRestrictionSignal", frame.Option(frame.Codec[struct{}]{
		Encode: func(b []byte, _ struct{}) []byte { return append(b, 0) },
		Decode: func(d *scale.Decoder) struct{} {
			d.U8()
			return struct{}{}
		},
		Type: typeRestriction,
	}))
	p.UpgradeGoAhead = frame.NewValue(b, "UpgradeGoAhead", goAheadCodec)
	p.RelayStateProof = frame.NewOptionValue(b, "RelayStateProof", frame.Sized[trie.Proof](typeProof))
	p.RelevantMessagingState = frame.NewOptionValue(b, "RelevantMessagingState", frame.Sized[MessagingState](typeMessaging))
	p.HostConfiguration = frame.NewOptionValue(b, "HostConfiguration", frame.Sized[HostConfiguration](typeConfig))
	p.LastDmqMqcHead = frame.NewValue(b, "LastDmqMqcHead", frame.Hash.Named(typeMqcHead))
	p.LastHrmpMqcHeads = frame.NewValue(b, "LastHrmpMqcHeads", frame.Vec(frame.Sized[MqcHead](typeMqcHead)).Named(frame.MapOf(typeParaID, typeMqcHead)))
	p.ProcessedDownwardMessages = frame.NewValue(b, "ProcessedDownwardMessages", frame.U32)
	messageID := frame.Sized[MessageID](typeMessageID)
	p.LastProcessedDownwardMessage = frame.NewOptionValue(b, "LastProcessedDownwardMessage", messageID)
	p.HrmpWatermark = frame.NewValue(b, "HrmpWatermark", frame.U32)
	p.LastProcessedHrmpMessage = frame.NewOptionValue(b, "LastProcessedHrmpMessage", messageID)
	p.HrmpOutboundMessages = frame.NewValue(b, "HrmpOutboundMessages", frame.Vec(frame.Sized[primitives.OutboundHrmpMessage](typeHrmpOut)))
	p.UpwardMessages = frame.NewValue(b, "UpwardMessages", bytesVec)
	p.PendingUpwardMessages = frame.NewValue(b, "PendingUpwardMessages", bytesVec)
	p.PendingUpwardSignals = frame.NewValue(b, "PendingUpwardSignals", bytesVec)
	p.PendingApprovedPeer = frame.NewOptionValue(b, "PendingApprovedPeer", frame.Bytes.Named(typePeer))
	p.UpwardDeliveryFeeFactor = frame.NewValueWith(b, "UpwardDeliveryFeeFactor", frame.FixedU128, frame.FixedOne)
	p.AnnouncedHrmpMessagesPerCandidate = frame.NewValue(b, "AnnouncedHrmpMessagesPerCandidate", frame.U32)
	frame.NewOptionValue(b, "ReservedXcmpWeightOverride", frame.WeightCodec)
	frame.NewOptionValue(b, "ReservedDmpWeightOverride", frame.WeightCodec)
	p.CustomValidationHeadData = frame.NewOptionValue(b, "CustomValidationHeadData", frame.Bytes)
	p.PoVMessagesTracker = frame.NewOptionValue(b, "PoVMessagesTracker", frame.Sized[PoVMessages](typePoVMessages))
	p.declareCalls(b)
	frame.NewConstant(b, "SelfParaId", frame.U32.Named(typeParaID), func() uint32 { return uint32(p.SelfParaID()) })
	return p
}

// opaque is a value that only passes through.
func opaque(t frame.TypeOf) frame.Codec[[]byte] {
	return frame.Codec[[]byte]{
		Encode: func(b, v []byte) []byte { return append(b, v...) },
		Decode: func(d *scale.Decoder) []byte { return d.Fixed(d.Left()) },
		Type:   t,
	}
}

func (p *Pallet) declareCalls(b *frame.Pallet) {
	p.validationFunctionStored = frame.NewEvent0(b, 0, "ValidationFunctionStored")
	p.validationFunctionApplied = frame.NewEvent1(b, 1, "ValidationFunctionApplied", frame.Arg("relay_chain_block_num", frame.U32).As("RelayChainBlockNumber"))
	p.validationFunctionDiscarded = frame.NewEvent0(b, 2, "ValidationFunctionDiscarded")
	p.downwardReceived = frame.NewEvent1(b, 3, "DownwardMessagesReceived", frame.Arg("count", frame.U32).As("u32"))
	p.downwardProcessed = frame.NewEvent2(b, 4, "DownwardMessagesProcessed", frame.Arg("weight_used", frame.WeightCodec).As("Weight"), frame.Arg("dmq_head", frame.Hash).As("relay_chain::Hash"))
	id := frame.Codec[[32]byte]{
		Encode: func(b []byte, v [32]byte) []byte { return append(b, v[:]...) },
		Decode: func(d *scale.Decoder) (v [32]byte) {
			d.Array(v[:])
			return v
		},
		Type: frame.ArrayOf(frame.TypeU8, 32),
	}
	p.upwardSent = frame.NewEvent1(b, 5, "UpwardMessageSent", frame.Arg("message_hash", frame.Option(id)).As("Option<XcmHash>"))

	p.ErrOverlappingUpgrades = frame.NewError(b, 0, "OverlappingUpgrades", "Code is scheduled already.")
	p.ErrProhibitedByPolkadot = frame.NewError(b, 1, "ProhibitedByPolkadot", "The relay chain takes no code now.")
	p.ErrTooBig = frame.NewError(b, 2, "TooBig", "The code or message is larger than the relay chain takes.")
	p.ErrValidationDataNotAvailable = frame.NewError(b, 3, "ValidationDataNotAvailable", "The inherent was not there yet.")
	p.ErrHostConfigurationNotAvailable = frame.NewError(b, 4, "HostConfigurationNotAvailable", "The inherent was not there yet.")
	p.ErrNotScheduled = frame.NewError(b, 5, "NotScheduled", "No code is scheduled.")

	basic := frame.Arg("data", frame.Sized[BasicData](typeBasic)).As("BasicParachainInherentData")
	inbound := frame.Arg("inbound_messages_data", frame.Sized[InboundMessages](typeInbound)).As("InboundMessagesData")
	frame.NewCall2(b, 0, "set_validation_data", frame.Weight{}, basic, inbound,
		func(o frame.Origin, data BasicData, m InboundMessages) error {
			return p.setValidationData(o, &data, &m)
		}).Mandatory().Describe("Says on which relay block the block stands.")
	frame.NewCall1(b, 1, "sudo_send_upward_message", frame.Weight{RefTime: 1_000}, frame.Arg("message", frame.Bytes).As("UpwardMessage"),
		func(o frame.Origin, msg []byte) error {
			if err := frame.EnsureRoot(o); err != nil {
				return err
			}
			_ = p.SendUpwardMessage(msg) // a message that is too big vanishes, as in cumulus
			return nil
		}).Operational()
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "parachainSystem" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return "{}" }

// BuildGenesis writes the key that marks a parachain's state.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only(); err != nil {
		return err
	}
	host.Set(keyCodeMarker, nil)
	return nil
}
