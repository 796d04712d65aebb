// Package parachainsystem is cumulus-pallet-parachain-system: what ties a parachain to
// its relay chain. Each block tells, by an inherent, on which relay block it stands and
// proves what it needs of the relay chain's state; the pallet keeps the unincluded
// segment, the message queues and the code upgrade in step with it.
//
//	on_initialize: head hash of the parent into the segment, outputs of the parent cleared
//	set_validation_data: relay number, proof, ConsensusHook, segment trimmed, go-ahead, messages in
//	on_finalize: messages out within the relay chain's limits, block appended to the segment
//
// Source of the rules: cumulus-pallet-parachain-system 0.32.
package parachainsystem

import (
	"pileus/frame"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Config is what a runtime decides.
type Config struct {
	SelfParaID func() primitives.ParaID
	// ConsensusHook decides over building on the relay parent (guide, phase 1, step 4).
	ConsensusHook ConsensusHook
	// CheckAssociatedRelayNumber compares the relay parent's number with the previous block's (guide, phase 1, step 4).
	CheckAssociatedRelayNumber CheckAssociatedRelayNumber
	// RelayParentOffset is how many relay blocks behind the newest one the relay parent stands.
	RelayParentOffset uint32
	// OutboundXcmpMessageSource hands over at most limit messages, ascending by recipient, none of them for skip.
	OutboundXcmpMessageSource func(limit int, skip []primitives.ParaID) []primitives.OutboundHrmpMessage
	// DmpQueue takes downward messages, XcmpMessageHandler those of other parachains; nil drops them.
	DmpQueue           func([]primitives.InboundMessage) frame.Weight
	XcmpMessageHandler func([]HrmpMessage) frame.Weight
	// OnSystemEvent is told the validation data of each block; nil: nobody.
	OnSystemEvent func(primitives.PersistedValidationData)
}

// Pallet is the pallet.
type Pallet struct {
	frame.Pallet
	Config
	storage
	declared
}

type storage struct {
	UnincludedSegment                 frame.Value[[]Ancestor]
	AggregatedUnincludedSegment       frame.Value[SegmentTracker]
	PendingValidationCode             frame.Value[[]byte]
	NewValidationCode                 frame.Value[[]byte]
	ValidationData                    frame.Value[primitives.PersistedValidationData]
	DidSetValidationCode              frame.Value[bool]
	LastRelayChainBlockNumber         frame.Value[uint32]
	UpgradeRestrictionSignal          frame.Value[*struct{}]
	UpgradeGoAhead                    frame.Value[*primitives.UpgradeGoAhead]
	RelayStateProof                   frame.Value[trie.Proof]
	RelevantMessagingState            frame.Value[MessagingState]
	HostConfiguration                 frame.Value[HostConfiguration]
	LastDmqMqcHead                    frame.Value[hashing.Hash]
	LastHrmpMqcHeads                  frame.Value[[]MqcHead]
	ProcessedDownwardMessages         frame.Value[uint32]
	LastProcessedDownwardMessage      frame.Value[MessageID]
	HrmpWatermark                     frame.Value[uint32]
	LastProcessedHrmpMessage          frame.Value[MessageID]
	HrmpOutboundMessages              frame.Value[[]primitives.OutboundHrmpMessage]
	UpwardMessages                    frame.Value[[][]byte]
	PendingUpwardMessages             frame.Value[[][]byte]
	PendingUpwardSignals              frame.Value[[][]byte]
	PendingApprovedPeer               frame.Value[[]byte]
	UpwardDeliveryFeeFactor           frame.Value[frame.Balance]
	AnnouncedHrmpMessagesPerCandidate frame.Value[uint32]
	CustomValidationHeadData          frame.Value[[]byte]
	PoVMessagesTracker                frame.Value[PoVMessages]
	BlockWeightMode                   frame.Value[[]byte]
	PreviousCoreCount                 frame.Value[uint16]
}

type declared struct {
	validationFunctionStored    frame.Event0
	validationFunctionApplied   frame.Event1[uint32]
	validationFunctionDiscarded frame.Event0
	downwardReceived            frame.Event1[uint32]
	downwardProcessed           frame.Event2[frame.Weight, hashing.Hash]
	upwardSent                  frame.Event1[*[32]byte]

	ErrOverlappingUpgrades           *frame.ModuleError
	ErrProhibitedByPolkadot          *frame.ModuleError
	ErrTooBig                        *frame.ModuleError
	ErrValidationDataNotAvailable    *frame.ModuleError
	ErrHostConfigurationNotAvailable *frame.ModuleError
	ErrNotScheduled                  *frame.ModuleError
}

// CheckAssociatedRelayNumber panics if a block may not follow one with that relay number.
type CheckAssociatedRelayNumber func(current, previous uint32)

// RelayNumberStrictlyIncreases allows one block per relay parent: the rule before
// asynchronous backing.
func RelayNumberStrictlyIncreases(current, previous uint32) {
	if current <= previous {
		panic("Relay chain block number needs to strictly increase between Parachain blocks!")
	}
}

// RelayNumberMonotonicallyIncreases allows several blocks per relay parent.
func RelayNumberMonotonicallyIncreases(current, previous uint32) {
	if current < previous {
		panic("Relay chain block number needs to monotonically increase between Parachain blocks!")
	}
}

// AnyRelayNumber allows everything.
func AnyRelayNumber(uint32, uint32) {}

// OnInitialize clears the previous block's outputs and gives its place in the segment
// its hash. Keys are touched even where nothing is to do, so that the proof has them.
func (p *Pallet) OnInitialize(uint32) frame.Weight {
	reads, writes := uint64(17), uint64(18) // with those of OnFinalize
	if !p.DidSetValidationCode.Get() {
		p.NewValidationCode.Kill()
		writes++
	}
	parent := p.System().ParentHash.Get()
	if segment := p.UnincludedSegment.Get(); len(segment) > 0 {
		segment[len(segment)-1].ParaHeadHash = &parent
		p.UnincludedSegment.Put(segment)
	}
	p.BlockWeightMode.Kill()
	p.ValidationData.Kill()
	p.ProcessedDownwardMessages.Kill()
	p.UpwardMessages.Kill()
	p.HrmpOutboundMessages.Kill()
	p.CustomValidationHeadData.Kill()
	p.HrmpWatermark.Get()
	c, _ := p.HostConfiguration.TryGet()
	p.AnnouncedHrmpMessagesPerCandidate.Put(c.HrmpMaxMessageNumPerCandidate)
	p.checkCoreInfo()
	perMessage := uint64(c.HrmpMaxMessageNumPerCandidate)
	return p.System().DbWeight.With(frame.Weight{}, reads+perMessage, writes+perMessage)
}

// checkCoreInfo demands at most one core, near enough in the claim queue.
func (p *Pallet) checkCoreInfo() {
	found := 0
	for _, item := range p.System().Digest.Get() {
		one := primitives.Digest{item}
		info, ok := one.Cumulus(primitives.CumulusCoreInfo)
		if !ok {
			continue
		}
		if found++; found > 1 {
			panic("only one CoreInfo digest is allowed")
		}
		if uint32(info.Core.ClaimQueueOffset) > 1+p.RelayParentOffset {
			panic("claim queue offset of CoreInfo is above what is supported")
		}
	}
}

// setValidationData is the inherent.
func (p *Pallet) setValidationData(o frame.Origin, data *BasicData, inbound *InboundMessages) error {
	if err := frame.EnsureNone(o); err != nil {
		return err
	}
	if p.ValidationData.Exists() {
		panic("ValidationData must be updated only once in a block")
	}
	vd := data.ValidationData
	p.CheckAssociatedRelayNumber(vd.RelayParentNumber, p.LastRelayChainBlockNumber.Get())
	proof, err := NewRelayStateProof(p.SelfParaID(), vd.RelayParentStorageRoot, data.RelayChainState)
	if err != nil {
		panic("Invalid relay chain state proof: " + err.Error())
	}
	if p.RelayParentOffset > 0 {
		if err := verifyDescendants(proof, data.Descendants, vd.RelayParentStorageRoot, p.RelayParentOffset); err != nil {
			panic("Unable to verify provided relay parent descendants: " + err.Error())
		}
	}
	used, capacity := p.ConsensusHook.OnStateProof(proof)
	used = used.Add(p.trim(proof, capacity))
	p.System().DepositLog(primitives.DigestItem{Kind: primitives.DigestConsensus, Engine: primitives.EngineRPSR,
		Data: scale.AppendCompact(vd.RelayParentStorageRoot.EncodeTo(nil), uint64(vd.RelayParentNumber))})
	p.takeGoAhead(proof, vd.RelayParentNumber)
	restricted, err := proof.UpgradeRestriction()
	if err != nil {
		panic("Invalid upgrade restriction signal: " + err.Error())
	}
	var restriction *struct{}
	if restricted {
		restriction = &struct{}{}
	}
	p.UpgradeRestrictionSignal.Put(restriction)
	c, err := proof.HostConfiguration()
	if err != nil {
		panic("Invalid host configuration in relay chain state proof: " + err.Error())
	}
	messaging, err := proof.MessagingState(&c)
	if err != nil {
		panic("Invalid messaging state in relay chain state proof: " + err.Error())
	}
	p.ValidationData.Put(vd)
	p.RelayStateProof.Put(data.RelayChainState)
	p.RelevantMessagingState.Put(messaging)
	p.HostConfiguration.Put(c)
	if p.OnSystemEvent != nil {
		p.OnSystemEvent(vd)
	}
	if data.CollatorPeer != nil {
		p.PendingApprovedPeer.Put(*data.CollatorPeer)
	} else {
		p.PendingApprovedPeer.Kill()
	}
	used = used.Add(p.receiveDownward(messaging.DmqMqcHead, inbound))
	used = used.Add(p.receiveHorizontal(messaging.Ingress, inbound, vd.RelayParentNumber))
	p.System().RegisterWeight(used, frame.Mandatory)
	return nil
}

// OnFinalize sends what fits and appends the block to the segment.
func (p *Pallet) OnFinalize(uint32) {
	p.DidSetValidationCode.Kill()
	p.UpgradeRestrictionSignal.Kill()
	signal, _ := p.UpgradeGoAhead.Take()
	vd, ok := p.ValidationData.TryGet()
	if !ok {
		panic("Missing required set_validation_data inherent. This inherent must be present in every block.")
	}
	p.LastRelayChainBlockNumber.Put(vd.RelayParentNumber)
	c, ok := p.HostConfiguration.TryGet()
	limits, ok2 := p.RelevantMessagingState.TryGet()
	if !ok || !ok2 {
		panic("set_validation_data left no relay chain state")
	}
	aggregate, _ := p.AggregatedUnincludedSegment.TryGet()
	now := adjusted(limits, &aggregate.UsedBandwidth)
	p.RelevantMessagingState.Put(now)

	digest := p.System().Digest.Get()
	tracker := p.povTracker(vd.RelayParentStorageRoot, digest)
	bandwidth := p.sendUpward(&c, &now, &tracker)
	cores := uint16(1)
	if info, ok := digest.Cumulus(primitives.CumulusCoreInfo); ok {
		cores = info.Core.NumberOfCores
	}
	p.PreviousCoreCount.Put(cores)
	p.sendSignals(digest)
	p.sendHorizontal(&c, &tracker, &bandwidth)
	p.PoVMessagesTracker.Put(tracker)

	if aggregate.ConsumedGoAheadSignal != nil {
		signal = nil
	}
	block := Ancestor{UsedBandwidth: bandwidth, ConsumedGoAheadSignal: signal}
	mark := watermark{number: p.HrmpWatermark.Get()}
	if mark.number >= vd.RelayParentNumber {
		mark = watermark{vd.RelayParentNumber, true}
	}
	if err := aggregate.append(&block, mark, &limits); err != nil {
		panic("unincluded segment limits exceeded: " + err.Error())
	}
	p.AggregatedUnincludedSegment.Put(aggregate)
	p.UnincludedSegment.Put(append(p.UnincludedSegment.Get(), block))
}

// adjusted is the state of the queues once the relay chain has seen the segment.
func adjusted(m MessagingState, used *UsedBandwidth) MessagingState {
	m.Egress = append([]Channel(nil), m.Egress...)
	for _, h := range used.HrmpOutgoing {
		if c := m.egress(h.Recipient); c != nil {
			c.TotalSize = min(c.TotalSize+h.TotalBytes, c.MaxTotalSize)
			c.MsgCount = min(c.MsgCount+h.MsgCount, c.MaxCapacity)
		}
	}
	m.RemainingCount = saturating(m.RemainingCount, used.UmpMsgCount)
	m.RemainingSize = saturating(m.RemainingSize, used.UmpTotalBytes)
	return m
}

// povTracker goes on counting for the PoV that the block belongs to, or begins anew.
func (p *Pallet) povTracker(root hashing.Hash, digest primitives.Digest) PoVMessages {
	core, _ := digest.Cumulus(primitives.CumulusCoreInfo)
	bundle, _ := digest.Cumulus(primitives.CumulusBundleInfo)
	t, ok := p.PoVMessagesTracker.TryGet()
	if !ok || t.RelayRoot != root || t.CoreSelector != core.Core.Selector || bundle.Bundle.Index <= t.BundleIndex {
		t = PoVMessages{RelayRoot: root, CoreSelector: core.Core.Selector}
	}
	t.BundleIndex = bundle.Bundle.Index
	return t
}
