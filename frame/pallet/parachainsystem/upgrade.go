package parachainsystem

import (
	"pileus/frame"
	"pileus/primitives"
)

// ScheduleCode announces new code to the relay chain: it goes out with the block, and
// comes into force when the relay chain gives the go-ahead. A runtime sets it as
// [frame.SystemConfig.OnSetCode] (ParachainSetCode).
func (p *Pallet) ScheduleCode(code []byte) error {
	if !p.ValidationData.Exists() {
		return p.ErrValidationDataNotAvailable
	}
	if p.UpgradeRestrictionSignal.Get() != nil {
		return p.ErrProhibitedByPolkadot
	}
	if p.PendingValidationCode.Exists() {
		return p.ErrOverlappingUpgrades
	}
	c, ok := p.HostConfiguration.TryGet()
	if !ok {
		return p.ErrHostConfigurationNotAvailable
	}
	if uint64(len(code)) > uint64(c.MaxCodeSize) {
		return p.ErrTooBig
	}
	p.NewValidationCode.Put(code)
	p.DidSetValidationCode.Put(true)
	p.PendingValidationCode.Put(code)
	p.validationFunctionStored.Deposit()
	return nil
}

// takeGoAhead follows the relay chain's word on scheduled code. Each signal counts once,
// though several blocks of the segment may see it.
func (p *Pallet) takeGoAhead(proof *RelayStateProof, relayParent uint32) {
	signal, err := proof.UpgradeGoAhead()
	if err != nil {
		panic("Invalid upgrade go ahead signal: " + err.Error())
	}
	aggregate, _ := p.AggregatedUnincludedSegment.TryGet()
	switch consumed := aggregate.ConsumedGoAheadSignal; {
	case consumed != nil:
		if signal == nil || *signal != *consumed {
			panic("the relay chain's go-ahead signal is not the one that the segment consumed")
		}
	case signal == nil:
	case *signal == primitives.UpgradeApproved:
		code, ok := p.PendingValidationCode.Take()
		if !ok {
			panic("No new validation function found in storage, GoAhead signal is not expected")
		}
		p.System().SetCode(code)
		p.validationFunctionApplied.Deposit(relayParent)
	case *signal == primitives.UpgradeAbort:
		p.PendingValidationCode.Kill()
		p.validationFunctionDiscarded.Deposit()
	}
	p.UpgradeGoAhead.Put(signal)
}

// RelayBlockNumber is the number of the relay parent: that of the block under construction
// once its inherent was applied, else the previous block's (RelaychainDataProvider).
func (p *Pallet) RelayBlockNumber() uint32 {
	if vd, ok := p.ValidationData.TryGet(); ok {
		return vd.RelayParentNumber
	}
	return p.LastRelayChainBlockNumber.Get()
}

// CollectCollationInfo is what the block with that header sends to the relay chain. It is
// asked on the state behind the block.
func (p *Pallet) CollectCollationInfo(h *primitives.Header) primitives.CollationInfo {
	info := primitives.CollationInfo{
		UpwardMessages:            p.UpwardMessages.Get(),
		HorizontalMessages:        p.HrmpOutboundMessages.Get(),
		ProcessedDownwardMessages: p.ProcessedDownwardMessages.Get(),
		HrmpWatermark:             p.HrmpWatermark.Get(),
	}
	if code, ok := p.NewValidationCode.TryGet(); ok {
		info.NewValidationCode = &code
	}
	if head, ok := p.CustomValidationHeadData.TryGet(); ok {
		info.HeadData = head
	} else {
		info.HeadData = h.EncodeTo(nil)
	}
	return info
}

// API is CollectCollationInfo, OffsetAPI RelayParentOffsetApi.
func (p *Pallet) API() frame.API {
	info := frame.Codec[primitives.CollationInfo]{
		Encode: func(b []byte, c primitives.CollationInfo) []byte { return c.EncodeTo(b) },
		Type:   typeCollationInfo,
	}
	return frame.API{Name: "CollectCollationInfo", Version: 3, Methods: []frame.Method{
		frame.Answer1("collect_collation_info", frame.Arg("header", frame.HeaderCodec), info, func(h primitives.Header) primitives.CollationInfo {
			return p.CollectCollationInfo(&h)
		}),
	}}
}

// OffsetAPI is RelayParentOffsetApi.
func (p *Pallet) OffsetAPI() frame.API {
	return frame.API{Name: "RelayParentOffsetApi", Version: 2, Methods: []frame.Method{
		frame.Answer("relay_parent_offset", frame.U32, func() uint32 { return p.RelayParentOffset }),
		frame.Answer("max_claim_queue_offset", frame.U8, func() uint8 { return 1 }),
	}}
}
