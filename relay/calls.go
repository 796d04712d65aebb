package relay

import (
	"errors"
	"fmt"
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// Call is what a block does besides its inherents: governance of the relay chain, and
// what accounts, other pallets or validators would bring about. Calls carry no account's
// signature. They run in order behind the inherent; one that fails changes nothing.
//
// The kinds are [SetConfig], [AssignCore], [PlaceOrder], [ScheduleUpgrade], [PrecheckVote],
// [SendDownward], [OpenChannel], [CloseChannel], [DisableValidator] and [ForceHead].
type Call interface {
	scale.Encoder
	fmt.Stringer
	run(x *execution) error
}

// SetConfig changes the host configuration from the session after the next on
// (configuration::schedule_config_update).
type SetConfig struct {
	Config primitives.HostConfiguration
}

// AssignCore gives a core to assignments (coretime::assign_core).
type AssignCore struct{ CoreSchedule }

// PlaceOrder asks for one block of a para on one of the cores that have a share of the
// on-demand pool (on_demand place_order, without price).
type PlaceOrder struct{ Para primitives.ParaID }

// ScheduleUpgrade gives a para new code from outside the para
// (paras::schedule_code_upgrade_external).
type ScheduleUpgrade struct {
	Para primitives.ParaID
	Code []byte
}

// PrecheckVote is a validator's signed vote on new code (paras::include_pvf_check_statement).
type PrecheckVote struct {
	Code      Hash
	Accept    bool
	Session   primitives.SessionIndex
	Validator primitives.ValidatorIndex
	Signature primitives.Signature // over Payload
}

// SendDownward sends a message down to a para (dmp::queue_downward_message).
type SendDownward struct {
	Para    primitives.ParaID
	Message []byte
}

// OpenChannel opens an HRMP channel that both sides want, with the next session; with Now
// at once (hrmp init_open_channel and accept_open_channel; force_open_hrmp_channel).
type OpenChannel struct {
	Sender, Recipient           primitives.ParaID
	MaxCapacity, MaxMessageSize uint32 // messages, bytes
	Now                         bool
}

// CloseChannel closes an HRMP channel with the next session (hrmp::close_channel).
type CloseChannel struct{ Sender, Recipient primitives.ParaID }

// ForceHead replaces a para's head (paras::force_set_current_head). What is pending is
// enacted first, up to the candidate whose head has the hash Parent, as if it were available;
// the candidates behind it are dropped. It fails if no head has that hash.
type ForceHead struct {
	Para   primitives.ParaID
	Parent Hash // of the head data that is replaced
	Head   []byte
}

// DisableValidator disables a validator for the rest of the session: its backing votes
// count no more (pallet_session::disable_index).
type DisableValidator struct{ Validator primitives.ValidatorIndex }

// Errors of calls.
var (
	ErrInvalidConfig  = errors.New("InvalidNewValue")
	ErrQueueFull      = errors.New("QueueFull")
	ErrCannotUpgrade  = errors.New("CannotUpgradeCode")
	ErrInvalidCode    = errors.New("InvalidCode")
	ErrChannelToSelf  = errors.New("OpenHrmpChannelToSelf")
	ErrChannelPara    = errors.New("OpenHrmpChannelInvalidRecipient")
	ErrChannelSize    = errors.New("OpenHrmpChannelCapacityExceedsLimit or OpenHrmpChannelMessageSizeExceedsLimit")
	ErrChannelExists  = errors.New("OpenHrmpChannelAlreadyExists")
	ErrChannelLimit   = errors.New("OpenHrmpChannelLimitExceeded")
	ErrChannelUnknown = errors.New("CloseHrmpChannelDoesntExist")
	ErrForcedParent   = errors.New("the para has no such head")
	ErrForcedHeadSize = errors.New("the head is larger than max_head_data_size")
	ErrChannelClosing = errors.New("CloseHrmpChannelAlreadyUnderway")
)

// sessionDelay is how many sessions later a scheduled change takes effect (shared SESSION_DELAY).
const sessionDelay = 2

func (c SetConfig) run(x *execution) error {
	if err := c.Config.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	config, at := c.Config, x.session+sessionDelay
	pending := slices.DeleteFunc(slices.Clone(itemPending.or(x.tx)), func(p pair[primitives.SessionIndex, *primitives.HostConfiguration]) bool { return p.A == at })
	itemPending.put(x.tx, append(pending, pair[primitives.SessionIndex, *primitives.HostConfiguration]{A: at, B: &config}))
	return nil
}

func (c AssignCore) run(x *execution) error { return x.assign(c.CoreSchedule) }

func (c PlaceOrder) run(x *execution) error {
	if !itemHead.at(c.Para).has(x.tx) {
		return fmt.Errorf("para %d: %w", c.Para, ErrUnknownPara)
	}
	orders := itemOrders.or(x.tx)
	if len(orders) >= int(x.config.SchedulerParams.OnDemandQueueMaxSize) {
		return ErrQueueFull
	}
	itemOrders.put(x.tx, append(slices.Clone(orders), order{c.Para, x.now}))
	return nil
}

func (c ScheduleUpgrade) run(x *execution) error {
	switch {
	case !itemHead.at(c.Para).has(x.tx):
		return fmt.Errorf("para %d: %w", c.Para, ErrUnknownPara)
	case itemFutureHash.at(c.Para).has(x.tx) || itemRestriction.at(c.Para).has(x.tx):
		return ErrCannotUpgrade
	case len(c.Code) < minCodeSize || len(c.Code) > int(x.config.MaxCodeSize):
		return ErrInvalidCode
	}
	x.scheduleUpgrade(c.Para, c.Code, x.now+x.config.ValidationUpgradeDelay)
	return nil
}

func (c SendDownward) run(x *execution) error { return x.sendDownward(c.Para, c.Message) }

func (c OpenChannel) run(x *execution) error {
	id := primitives.ChannelID{Sender: c.Sender, Recipient: c.Recipient}
	config := x.config
	out, in := len(itemEgress.at(c.Sender).or(x.tx)), len(itemIngress.at(c.Recipient).or(x.tx))
	exists := itemChannel.at(id).has(x.tx)
	for _, r := range itemOpenRequests.or(x.tx) {
		exists = exists || r.sender == c.Sender && r.recipient == c.Recipient
		if r.sender == c.Sender {
			out++
		}
		if r.recipient == c.Recipient {
			in++
		}
	}
	switch {
	case c.Sender == c.Recipient:
		return ErrChannelToSelf
	case !itemHead.at(c.Sender).has(x.tx) || !itemHead.at(c.Recipient).has(x.tx):
		return ErrChannelPara
	case c.MaxCapacity == 0 || c.MaxCapacity > config.HrmpChannelMaxCapacity || c.MaxMessageSize == 0 || c.MaxMessageSize > config.HrmpChannelMaxMessageSize:
		return ErrChannelSize
	case exists:
		return ErrChannelExists
	case out >= int(config.HrmpMaxParachainOutboundChannels) || in >= int(config.HrmpMaxParachainInboundChannels):
		return ErrChannelLimit
	}
	r := openRequest{c.Sender, c.Recipient, c.MaxCapacity, c.MaxMessageSize, config.HrmpChannelMaxTotalSize, x.deposit(config.HrmpSenderDeposit, id)}
	if c.Now {
		x.openChannel(r)
		return nil
	}
	itemOpenRequests.put(x.tx, append(slices.Clone(itemOpenRequests.or(x.tx)), r))
	return nil
}

func (c CloseChannel) run(x *execution) error {
	if !itemChannel.at(primitives.ChannelID{Sender: c.Sender, Recipient: c.Recipient}).has(x.tx) {
		return ErrChannelUnknown
	}
	request := pair[primitives.ParaID, primitives.ParaID]{A: c.Sender, B: c.Recipient}
	list := itemCloseRequests.or(x.tx)
	if slices.Contains(list, request) {
		return ErrChannelClosing
	}
	itemCloseRequests.put(x.tx, append(slices.Clone(list), request))
	return nil
}

func (c DisableValidator) run(x *execution) error {
	if int(c.Validator) >= len(itemActiveKeys.or(x.tx)) {
		return ErrVoteValidator
	}
	list := itemDisabled.or(x.tx)
	if slices.Contains(list, c.Validator) {
		return nil
	}
	list = append(slices.Clone(list), c.Validator)
	slices.Sort(list)
	itemDisabled.put(x.tx, list)
	return nil
}

func (c ForceHead) run(x *execution) error {
	if !itemHead.at(c.Para).has(x.tx) {
		return fmt.Errorf("para %d: %w", c.Para, ErrUnknownPara)
	}
	if len(c.Head) > int(x.config.MaxHeadDataSize) {
		return ErrForcedHeadSize
	}
	pending := itemPendingCandidates.at(c.Para).or(x.tx)
	enact := 0
	if primitives.ParaHeadHash(itemHead.at(c.Para).or(x.tx)) != c.Parent {
		at := slices.IndexFunc(pending, func(p *PendingCandidate) bool { return p.Descriptor.ParaHead() == c.Parent })
		if at < 0 {
			return ErrForcedParent
		}
		enact = at + 1
	}
	for i, p := range pending {
		if i < enact {
			x.enact(p)
			continue
		}
		x.emit(p.event(TimedOut))
	}
	if len(pending) > 0 {
		itemPendingCandidates.at(c.Para).del(x.tx)
	}
	x.noteHead(c.Para, c.Head, x.now)
	return nil
}

// The variant bytes of calls in a block.
const (
	callSetConfig = iota
	callAssignCore
	callPlaceOrder
	callScheduleUpgrade
	callPrecheckVote
	callSendDownward
	callOpenChannel
	callCloseChannel
	callDisableValidator
	callForceHead
)

// EncodeTo appends the call as it stands in an extrinsic.
func (c SetConfig) EncodeTo(b []byte) []byte { return c.Config.EncodeTo(append(b, callSetConfig)) }

// EncodeTo appends the call as it stands in an extrinsic.
func (c AssignCore) EncodeTo(b []byte) []byte {
	b = scale.AppendU32(c.Core.EncodeTo(append(b, callAssignCore)), c.Begin)
	return scale.AppendOption(scale.AppendVec(b, c.Assignments), c.EndHint, scale.AppendU32)
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c PlaceOrder) EncodeTo(b []byte) []byte { return c.Para.EncodeTo(append(b, callPlaceOrder)) }

// EncodeTo appends the call as it stands in an extrinsic.
func (c ScheduleUpgrade) EncodeTo(b []byte) []byte {
	return scale.AppendBytes(c.Para.EncodeTo(append(b, callScheduleUpgrade)), c.Code)
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c PrecheckVote) EncodeTo(b []byte) []byte {
	return c.Signature.EncodeTo(append(append(b, callPrecheckVote), c.Payload()[4:]...))
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c SendDownward) EncodeTo(b []byte) []byte {
	return scale.AppendBytes(c.Para.EncodeTo(append(b, callSendDownward)), c.Message)
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c OpenChannel) EncodeTo(b []byte) []byte {
	b = primitives.ChannelID{Sender: c.Sender, Recipient: c.Recipient}.EncodeTo(append(b, callOpenChannel))
	return scale.AppendBool(scale.AppendU32(scale.AppendU32(b, c.MaxCapacity), c.MaxMessageSize), c.Now)
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c CloseChannel) EncodeTo(b []byte) []byte {
	return primitives.ChannelID{Sender: c.Sender, Recipient: c.Recipient}.EncodeTo(append(b, callCloseChannel))
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c DisableValidator) EncodeTo(b []byte) []byte {
	return c.Validator.EncodeTo(append(b, callDisableValidator))
}

// EncodeTo appends the call as it stands in an extrinsic.
func (c ForceHead) EncodeTo(b []byte) []byte {
	return scale.AppendBytes(append(c.Para.EncodeTo(append(b, callForceHead)), c.Parent[:]...), c.Head)
}

// String is the call in one line.
func (c ForceHead) String() string {
	return fmt.Sprintf("ForceHead para %d on %s", c.Para, c.Parent.Short())
}

// String is the call in one line.
func (c SetConfig) String() string { return "SetConfig" }

// String is the call in one line.
func (c AssignCore) String() string {
	return fmt.Sprintf("AssignCore core %d from #%d", c.Core, c.Begin)
}

// String is the call in one line.
func (c PlaceOrder) String() string { return fmt.Sprintf("PlaceOrder para %d", c.Para) }

// String is the call in one line.
func (c ScheduleUpgrade) String() string { return fmt.Sprintf("ScheduleUpgrade para %d", c.Para) }

// String is the call in one line.
func (c PrecheckVote) String() string {
	return fmt.Sprintf("PrecheckVote code %s validator %d accept %v", c.Code.Short(), c.Validator, c.Accept)
}

// String is the call in one line.
func (c SendDownward) String() string { return fmt.Sprintf("SendDownward para %d", c.Para) }

// String is the call in one line.
func (c OpenChannel) String() string {
	return fmt.Sprintf("OpenChannel %d to %d", c.Sender, c.Recipient)
}

// String is the call in one line.
func (c CloseChannel) String() string {
	return fmt.Sprintf("CloseChannel %d to %d", c.Sender, c.Recipient)
}

// String is the call in one line.
func (c DisableValidator) String() string { return fmt.Sprintf("DisableValidator %d", c.Validator) }
