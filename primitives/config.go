package primitives

import (
	"errors"
	"fmt"
	"time"

	"pileus/scale"
)

// HostConfiguration is the relay chain's configuration of parachains, in the order in
// which it is stored under Configuration.ActiveConfig (storage version 13). The json
// names are those by which settings are given on the command line and in files.
// Sizes are bytes, BlockNumber fields relay blocks.
type HostConfiguration struct {
	MaxCodeSize                           uint32             `json:"max_code_size"`
	MaxHeadDataSize                       uint32             `json:"max_head_data_size"`
	MaxUpwardQueueCount                   uint32             `json:"max_upward_queue_count"`
	MaxUpwardQueueSize                    uint32             `json:"max_upward_queue_size"`
	MaxUpwardMessageSize                  uint32             `json:"max_upward_message_size"`
	MaxUpwardMessageNumPerCandidate       uint32             `json:"max_upward_message_num_per_candidate"`
	HrmpMaxMessageNumPerCandidate         uint32             `json:"hrmp_max_message_num_per_candidate"`
	ValidationUpgradeCooldown             uint32             `json:"validation_upgrade_cooldown"`
	ValidationUpgradeDelay                uint32             `json:"validation_upgrade_delay"`
	AsyncBackingParams                    AsyncBackingParams `json:"async_backing_params"`
	MaxPoVSize                            uint32             `json:"max_pov_size"`
	MaxDownwardMessageSize                uint32             `json:"max_downward_message_size"`
	HrmpMaxParachainOutboundChannels      uint32             `json:"hrmp_max_parachain_outbound_channels"`
	HrmpSenderDeposit                     scale.U128         `json:"hrmp_sender_deposit"`
	HrmpRecipientDeposit                  scale.U128         `json:"hrmp_recipient_deposit"`
	HrmpChannelMaxCapacity                uint32             `json:"hrmp_channel_max_capacity"`
	HrmpChannelMaxTotalSize               uint32             `json:"hrmp_channel_max_total_size"`
	HrmpMaxParachainInboundChannels       uint32             `json:"hrmp_max_parachain_inbound_channels"`
	HrmpChannelMaxMessageSize             uint32             `json:"hrmp_channel_max_message_size"`
	ExecutorParams                        ExecutorParams     `json:"executor_params"`
	CodeRetentionPeriod                   uint32             `json:"code_retention_period"`
	MaxValidators                         *uint32            `json:"max_validators"`
	DisputePeriod                         uint32             `json:"dispute_period"`
	DisputePostConclusionAcceptancePeriod uint32             `json:"dispute_post_conclusion_acceptance_period"`
	NoShowSlots                           uint32             `json:"no_show_slots"`
	NDelayTranches                        uint32             `json:"n_delay_tranches"`
	ZerothDelayTrancheWidth               uint32             `json:"zeroth_delay_tranche_width"`
	NeededApprovals                       uint32             `json:"needed_approvals"`
	RelayVrfModuloSamples                 uint32             `json:"relay_vrf_modulo_samples"`
	PvfVotingTTL                          uint32             `json:"pvf_voting_ttl"`
	MinimumValidationUpgradeDelay         uint32             `json:"minimum_validation_upgrade_delay"`
	MinimumBackingVotes                   uint32             `json:"minimum_backing_votes"`
	NodeFeatures                          BitVec             `json:"node_features"`
	MaxApprovalCoalesceCount              uint32             `json:"approval_voting_params.max_approval_coalesce_count"`
	SchedulerParams                       SchedulerParams    `json:"scheduler_params"`
	MaxRelayParentSessionAge              uint32             `json:"max_relay_parent_session_age"`
}

// AsyncBackingParams are the two parameters by which asynchronous backing was switched
// on until stable2503; relays of today store but do not read them.
type AsyncBackingParams struct {
	MaxCandidateDepth  uint32 `json:"max_candidate_depth"`
	AllowedAncestryLen uint32 `json:"allowed_ancestry_len"`
}

// SchedulerParams are the parameters of groups, cores and claim queue.
type SchedulerParams struct {
	GroupRotationFrequency         uint32     `json:"group_rotation_frequency"`
	ParasAvailabilityPeriod        uint32     `json:"paras_availability_period"`
	MaxValidatorsPerCore           *uint32    `json:"max_validators_per_core"`
	Lookahead                      uint32     `json:"lookahead"`
	NumCores                       uint32     `json:"num_cores"`
	OnDemandQueueMaxSize           uint32     `json:"on_demand_queue_max_size"`
	OnDemandTargetQueueUtilization uint32     `json:"on_demand_target_queue_utilization"` // parts per 10^9
	OnDemandFeeVariability         uint32     `json:"on_demand_fee_variability"`          // parts per 10^9
	OnDemandBaseFee                scale.U128 `json:"on_demand_base_fee"`
}

// Node feature bits (polkadot_primitives::node_features::FeatureIndex).
const (
	FeatureAssignmentsV2          = 0
	FeatureElasticScaling         = 1
	FeatureAvailabilityChunkIndex = 2
	FeatureCandidateReceiptV2     = 3
	FeatureCandidateReceiptV3     = 4
)

// AbridgedSize is the length of the prefix that every parachain decodes
// (AbridgedHostConfiguration: up to async_backing_params).
const AbridgedSize = 44

// EncodeTo appends the encoding of storage version 13.
func (c *HostConfiguration) EncodeTo(b []byte) []byte {
	b = c.encodeCommon(b)
	b = c.SchedulerParams.EncodeTo(b)
	return scale.AppendU32(b, c.MaxRelayParentSessionAge)
}

func appendU32s(b []byte, list ...uint32) []byte {
	for _, v := range list {
		b = scale.AppendU32(b, v)
	}
	return b
}

// encodeCommon appends fields 1 to 34, which storage versions 12 and 13 share.
func (c *HostConfiguration) encodeCommon(b []byte) []byte {
	b = appendU32s(b, c.MaxCodeSize, c.MaxHeadDataSize, c.MaxUpwardQueueCount, c.MaxUpwardQueueSize,
		c.MaxUpwardMessageSize, c.MaxUpwardMessageNumPerCandidate, c.HrmpMaxMessageNumPerCandidate,
		c.ValidationUpgradeCooldown, c.ValidationUpgradeDelay,
		c.AsyncBackingParams.MaxCandidateDepth, c.AsyncBackingParams.AllowedAncestryLen,
		c.MaxPoVSize, c.MaxDownwardMessageSize, c.HrmpMaxParachainOutboundChannels)
	b = scale.AppendU128(scale.AppendU128(b, c.HrmpSenderDeposit), c.HrmpRecipientDeposit)
	b = appendU32s(b, c.HrmpChannelMaxCapacity, c.HrmpChannelMaxTotalSize,
		c.HrmpMaxParachainInboundChannels, c.HrmpChannelMaxMessageSize)
	b = c.ExecutorParams.EncodeTo(b)
	b = scale.AppendU32(b, c.CodeRetentionPeriod)
	b = scale.AppendOption(b, c.MaxValidators, scale.AppendU32)
	b = appendU32s(b, c.DisputePeriod, c.DisputePostConclusionAcceptancePeriod, c.NoShowSlots,
		c.NDelayTranches, c.ZerothDelayTrancheWidth, c.NeededApprovals, c.RelayVrfModuloSamples,
		c.PvfVotingTTL, c.MinimumValidationUpgradeDelay, c.MinimumBackingVotes)
	b = c.NodeFeatures.EncodeTo(b)
	return scale.AppendU32(b, c.MaxApprovalCoalesceCount)
}

// DecodeFrom reads the encoding of storage version 13.
func (c *HostConfiguration) DecodeFrom(d *scale.Decoder) {
	c.decodeCommon(d)
	c.SchedulerParams.DecodeFrom(d)
	c.MaxRelayParentSessionAge = d.U32()
}

// ErrConfigVersion says that a configuration is of another storage version than 12 and 13.
var ErrConfigVersion = errors.New("host configuration of a storage version other than 12 and 13")

// DecodeAny decodes a whole configuration of storage version 13, or of version 12, which
// relay chains had from 2024 on.
func (c *HostConfiguration) DecodeAny(b []byte) error {
	d := scale.NewDecoder(b)
	if c.DecodeFrom(d); d.Finish() == nil {
		return nil
	}
	*c = HostConfiguration{}
	d = scale.NewDecoder(b)
	c.decodeCommon(d)
	p := &c.SchedulerParams
	p.GroupRotationFrequency, p.ParasAvailabilityPeriod = d.U32(), d.U32()
	p.MaxValidatorsPerCore = scale.DecodeOption(d, (*scale.Decoder).U32)
	p.Lookahead, p.NumCores = d.U32(), d.U32()
	d.U32() // max_availability_timeouts
	p.OnDemandQueueMaxSize, p.OnDemandTargetQueueUtilization, p.OnDemandFeeVariability = d.U32(), d.U32(), d.U32()
	p.OnDemandBaseFee = d.U128()
	d.U32() // ttl
	if d.Finish() != nil {
		return ErrConfigVersion
	}
	return nil
}

func (c *HostConfiguration) decodeCommon(d *scale.Decoder) {
	read := func(list ...*uint32) {
		for _, p := range list {
			*p = d.U32()
		}
	}
	read(&c.MaxCodeSize, &c.MaxHeadDataSize, &c.MaxUpwardQueueCount, &c.MaxUpwardQueueSize,
		&c.MaxUpwardMessageSize, &c.MaxUpwardMessageNumPerCandidate, &c.HrmpMaxMessageNumPerCandidate,
		&c.ValidationUpgradeCooldown, &c.ValidationUpgradeDelay,
		&c.AsyncBackingParams.MaxCandidateDepth, &c.AsyncBackingParams.AllowedAncestryLen,
		&c.MaxPoVSize, &c.MaxDownwardMessageSize, &c.HrmpMaxParachainOutboundChannels)
	c.HrmpSenderDeposit, c.HrmpRecipientDeposit = d.U128(), d.U128()
	read(&c.HrmpChannelMaxCapacity, &c.HrmpChannelMaxTotalSize,
		&c.HrmpMaxParachainInboundChannels, &c.HrmpChannelMaxMessageSize)
	c.ExecutorParams.DecodeFrom(d)
	read(&c.CodeRetentionPeriod)
	c.MaxValidators = scale.DecodeOption(d, (*scale.Decoder).U32)
	read(&c.DisputePeriod, &c.DisputePostConclusionAcceptancePeriod, &c.NoShowSlots,
		&c.NDelayTranches, &c.ZerothDelayTrancheWidth, &c.NeededApprovals, &c.RelayVrfModuloSamples,
		&c.PvfVotingTTL, &c.MinimumValidationUpgradeDelay, &c.MinimumBackingVotes)
	c.NodeFeatures.DecodeFrom(d)
	c.MaxApprovalCoalesceCount = d.U32()
}

// EncodeTo appends the present encoding.
func (p *SchedulerParams) EncodeTo(b []byte) []byte {
	b = appendU32s(b, p.GroupRotationFrequency, p.ParasAvailabilityPeriod)
	b = scale.AppendOption(b, p.MaxValidatorsPerCore, scale.AppendU32)
	b = appendU32s(b, p.Lookahead, p.NumCores, p.OnDemandQueueMaxSize,
		p.OnDemandTargetQueueUtilization, p.OnDemandFeeVariability)
	return scale.AppendU128(b, p.OnDemandBaseFee)
}

// DecodeFrom reads the present encoding.
func (p *SchedulerParams) DecodeFrom(d *scale.Decoder) {
	p.GroupRotationFrequency, p.ParasAvailabilityPeriod = d.U32(), d.U32()
	p.MaxValidatorsPerCore = scale.DecodeOption(d, (*scale.Decoder).U32)
	p.Lookahead, p.NumCores, p.OnDemandQueueMaxSize = d.U32(), d.U32(), d.U32()
	p.OnDemandTargetQueueUtilization, p.OnDemandFeeVariability = d.U32(), d.U32()
	p.OnDemandBaseFee = d.U128()
}

// Validate returns every inconsistency at once, joined; the relay chain would refuse
// such a configuration (polkadot_runtime_parachains configuration::check_consistency).
func (c *HostConfiguration) Validate() error {
	var list []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			list = append(list, fmt.Errorf(format, args...))
		}
	}
	s := &c.SchedulerParams
	bad(s.GroupRotationFrequency == 0, "scheduler_params.group_rotation_frequency is 0")
	bad(s.ParasAvailabilityPeriod == 0, "scheduler_params.paras_availability_period is 0")
	bad(s.Lookahead == 0, "scheduler_params.lookahead is 0")
	bad(c.NoShowSlots == 0, "no_show_slots is 0")
	bad(c.NDelayTranches == 0, "n_delay_tranches is 0")
	bad(c.MinimumBackingVotes == 0, "minimum_backing_votes is 0")
	bad(c.MaxCodeSize > MaxCodeSize, "max_code_size %d exceeds %d", c.MaxCodeSize, MaxCodeSize)
	bad(c.MaxHeadDataSize > MaxHeadDataSize, "max_head_data_size %d exceeds %d", c.MaxHeadDataSize, MaxHeadDataSize)
	bad(c.MaxPoVSize > 16<<20, "max_pov_size %d exceeds %d", c.MaxPoVSize, 16<<20)
	bad(c.MinimumValidationUpgradeDelay <= s.ParasAvailabilityPeriod,
		"minimum_validation_upgrade_delay %d does not exceed scheduler_params.paras_availability_period %d",
		c.MinimumValidationUpgradeDelay, s.ParasAvailabilityPeriod)
	bad(c.ValidationUpgradeDelay <= 1, "validation_upgrade_delay %d is not above 1", c.ValidationUpgradeDelay)
	bad(c.MaxUpwardMessageSize > 128<<10, "max_upward_message_size %d exceeds %d", c.MaxUpwardMessageSize, 128<<10)
	bad(c.MaxUpwardMessageNumPerCandidate > MaxUpwardMessages, "max_upward_message_num_per_candidate %d exceeds %d",
		c.MaxUpwardMessageNumPerCandidate, MaxUpwardMessages)
	bad(c.HrmpMaxMessageNumPerCandidate > MaxHorizontalMessage, "hrmp_max_message_num_per_candidate %d exceeds %d",
		c.HrmpMaxMessageNumPerCandidate, MaxHorizontalMessage)
	bad(c.HrmpMaxParachainOutboundChannels > 128, "hrmp_max_parachain_outbound_channels %d exceeds 128", c.HrmpMaxParachainOutboundChannels)
	bad(c.HrmpMaxParachainInboundChannels > 128, "hrmp_max_parachain_inbound_channels %d exceeds 128", c.HrmpMaxParachainInboundChannels)
	bad(s.OnDemandQueueMaxSize > 10_000, "scheduler_params.on_demand_queue_max_size %d exceeds 10000", s.OnDemandQueueMaxSize)
	bad(c.MaxApprovalCoalesceCount > 16, "approval_voting_params.max_approval_coalesce_count %d exceeds 16", c.MaxApprovalCoalesceCount)
	if err := c.ExecutorParams.Validate(); err != nil {
		list = append(list, fmt.Errorf("executor_params: %w", err))
	}
	return errors.Join(list...)
}

// ExecutorParamKind is the codec index of an executor parameter.
type ExecutorParamKind uint8

// The parameters (polkadot_primitives::ExecutorParam).
const (
	MaxMemoryPages      ExecutorParamKind = 1 // u32
	StackLogicalMax     ExecutorParamKind = 2 // u32
	StackNativeMax      ExecutorParamKind = 3 // u32
	PrecheckingMaxMem   ExecutorParamKind = 4 // u64, bytes
	PvfPrepTimeout      ExecutorParamKind = 5 // kind 0 precheck, 1 prepare; u64 ms
	PvfExecTimeout      ExecutorParamKind = 6 // kind 0 backing, 1 approval; u64 ms
	WasmExtBulkMemory   ExecutorParamKind = 7 // no value
	EnabledHostFunction ExecutorParamKind = 8 // u8, 1 EccRfc163
)

// ExecutorParam is one parameter of the session's PVF execution. Sub is the timeout's
// kind, or the host function set.
type ExecutorParam struct {
	Kind  ExecutorParamKind `json:"kind"`
	Sub   uint8             `json:"sub,omitempty"`
	Value uint64            `json:"value,omitempty"`
}

// ExecutorParams are the parameters that differ from the defaults.
type ExecutorParams []ExecutorParam

// EncodeTo appends the SCALE encoding.
func (p ExecutorParams) EncodeTo(b []byte) []byte {
	return scale.AppendVecFunc(b, p, func(b []byte, e ExecutorParam) []byte {
		b = append(b, byte(e.Kind))
		switch e.Kind {
		case MaxMemoryPages, StackLogicalMax, StackNativeMax:
			return scale.AppendU32(b, uint32(e.Value))
		case PrecheckingMaxMem:
			return scale.AppendU64(b, e.Value)
		case PvfPrepTimeout, PvfExecTimeout:
			return scale.AppendU64(append(b, e.Sub), e.Value)
		case EnabledHostFunction:
			return append(b, e.Sub)
		}
		return b
	})
}

// DecodeFrom reads the SCALE encoding.
func (p *ExecutorParams) DecodeFrom(d *scale.Decoder) {
	*p = scale.DecodeVecFunc(d, 64, func(d *scale.Decoder) ExecutorParam {
		e := ExecutorParam{Kind: ExecutorParamKind(d.Variant())}
		switch e.Kind {
		case MaxMemoryPages, StackLogicalMax, StackNativeMax:
			e.Value = uint64(d.U32())
		case PrecheckingMaxMem:
			e.Value = d.U64()
		case PvfPrepTimeout, PvfExecTimeout:
			e.Sub, e.Value = d.U8(), d.U64()
		case WasmExtBulkMemory:
		case EnabledHostFunction:
			e.Sub = d.U8()
		default:
			d.UnknownVariant("ExecutorParam", uint8(e.Kind))
		}
		return e
	})
}

func (p ExecutorParams) value(kind ExecutorParamKind, sub uint8, otherwise uint64) uint64 {
	for _, e := range p {
		if e.Kind == kind && e.Sub == sub {
			return e.Value
		}
	}
	return otherwise
}

// MemoryPages is the most pages of linear memory that a PVF may have: 32 + 2048 by default.
func (p ExecutorParams) MemoryPages() uint32 { return 32 + uint32(p.value(MaxMemoryPages, 0, 2048)) }

// LogicalStack is the limit of the injected stack metering, in its units.
func (p ExecutorParams) LogicalStack() uint32 { return uint32(p.value(StackLogicalMax, 0, 65536)) }

// BackingTimeout is how long a backer lets a PVF run: 2 s by default.
func (p ExecutorParams) BackingTimeout() time.Duration {
	return time.Duration(p.value(PvfExecTimeout, 0, 2000)) * time.Millisecond
}

// ApprovalTimeout is how long an approval checker lets a PVF run: 12 s by default.
func (p ExecutorParams) ApprovalTimeout() time.Duration {
	return time.Duration(p.value(PvfExecTimeout, 1, 12000)) * time.Millisecond
}

// Validate checks ranges, repetitions and the order of timeouts, all at once.
func (p ExecutorParams) Validate() error {
	var list []error
	seen := map[[2]uint8]bool{}
	within := func(e ExecutorParam, lo, hi uint64, name string) {
		if e.Value < lo || e.Value > hi {
			list = append(list, fmt.Errorf("%s %d is not within %d to %d", name, e.Value, lo, hi))
		}
	}
	for _, e := range p {
		id := [2]uint8{uint8(e.Kind), e.Sub}
		if seen[id] {
			list = append(list, fmt.Errorf("parameter %d stands twice", e.Kind))
		}
		seen[id] = true
		switch e.Kind {
		case MaxMemoryPages:
			within(e, 1, 65536, "MaxMemoryPages")
		case StackLogicalMax:
			within(e, 1024, 131072, "StackLogicalMax")
		case StackNativeMax:
			if e.Value < 128*uint64(p.LogicalStack()) {
				list = append(list, fmt.Errorf("StackNativeMax %d is below 128 times the logical stack", e.Value))
			}
		case PrecheckingMaxMem:
			within(e, 256<<20, 16<<30, "PrecheckingMaxMemory")
		}
	}
	if p.value(PvfPrepTimeout, 0, 60_000) >= p.value(PvfPrepTimeout, 1, 360_000) {
		list = append(list, errors.New("PvfPrepTimeout: precheck is not shorter than prepare"))
	}
	if p.BackingTimeout() >= p.ApprovalTimeout() {
		list = append(list, errors.New("PvfExecTimeout: backing is not shorter than approval"))
	}
	return errors.Join(list...)
}
