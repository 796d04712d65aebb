package validator

import (
	"bytes"
	"fmt"
	"slices"

	"pileus/primitives"
)

// CheckKind is the variant of a [CheckError]: why a candidate does not fit its constraints
// (polkadot_node_subsystem_util::inclusion_emulator FragmentValidityError).
type CheckKind string

// The checks, named as in the crate.
const (
	ValidationCodeMismatch            CheckKind = "ValidationCodeMismatch"
	PersistedValidationDataMismatch   CheckKind = "PersistedValidationDataMismatch"
	OutputsInvalid                    CheckKind = "OutputsInvalid" // Inner tells which modification
	HeadDataTooLarge                  CheckKind = "HeadDataTooLarge"
	CodeSizeTooLarge                  CheckKind = "CodeSizeTooLarge"
	RelayParentTooOld                 CheckKind = "RelayParentTooOld"
	DmpAdvancementRule                CheckKind = "DmpAdvancementRule"
	UmpMessagesPerCandidateOverflow   CheckKind = "UmpMessagesPerCandidateOverflow"
	HrmpMessagesPerCandidateOverflow  CheckKind = "HrmpMessagesPerCandidateOverflow"
	CodeUpgradeRestricted             CheckKind = "CodeUpgradeRestricted"
	HrmpMessagesDescendingOrDuplicate CheckKind = "HrmpMessagesDescendingOrDuplicate"
)

// ModificationKind is why constraints do not allow a change (inclusion_emulator ModificationError).
type ModificationKind string

// The changes that are refused, in the order of the checks.
const (
	DisallowedHrmpWatermark       ModificationKind = "DisallowedHrmpWatermark"
	NoSuchHrmpChannel             ModificationKind = "NoSuchHrmpChannel"
	HrmpBytesOverflow             ModificationKind = "HrmpBytesOverflow"
	HrmpMessagesOverflow          ModificationKind = "HrmpMessagesOverflow"
	UmpMessagesOverflow           ModificationKind = "UmpMessagesOverflow"
	UmpBytesOverflow              ModificationKind = "UmpBytesOverflow"
	DmpMessagesUnderflow          ModificationKind = "DmpMessagesUnderflow"
	AppliedNonexistentCodeUpgrade ModificationKind = "AppliedNonexistentCodeUpgrade"
)

// CheckError says which check a candidate failed, with the numbers compared.
type CheckError struct {
	Kind   CheckKind
	Inner  ModificationKind // for OutputsInvalid
	Detail string
}

// Error names the check and what was compared.
func (e *CheckError) Error() string {
	s := string(e.Kind)
	if e.Inner != "" {
		s += "/" + string(e.Inner)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func failed(kind CheckKind, format string, args ...any) *CheckError {
	return &CheckError{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// RelayBlock is what candidates and scopes need to know of a relay block.
type RelayBlock struct {
	Hash        primitives.Hash
	Number      uint32
	StorageRoot primitives.Hash
}

// Watermark is a candidate's HRMP watermark: on the trunk, it must be one of the valid ones;
// at the relay parent itself (the head), it is always allowed.
type Watermark struct {
	Trunk bool
	At    uint32
}

// OutboundUse is what candidates send into one HRMP channel.
type OutboundUse struct {
	Recipient       primitives.ParaID
	Bytes, Messages uint32
}

// Modifications are what one candidate, or several stacked ones, do to the constraints of their para.
// The zero value changes nothing.
type Modifications struct {
	RequiredParent     []byte // nil: unchanged
	Watermark          *Watermark
	OutboundHrmp       []OutboundUse // ascending by recipient
	UmpMessages        uint32
	UmpBytes           uint32
	DmpProcessed       uint32
	CodeUpgradeApplied bool
}

// Stack adds other on top of m and returns the sum; neither is changed.
func (m Modifications) Stack(other Modifications) Modifications {
	if other.RequiredParent != nil {
		m.RequiredParent = other.RequiredParent
	}
	if other.Watermark != nil {
		m.Watermark = other.Watermark
	}
	m.OutboundHrmp = slices.Clone(m.OutboundHrmp)
	for _, use := range other.OutboundHrmp {
		at, found := slices.BinarySearchFunc(m.OutboundHrmp, use.Recipient, func(u OutboundUse, id primitives.ParaID) int {
			return int(int64(u.Recipient) - int64(id))
		})
		if found {
			m.OutboundHrmp[at].Bytes += use.Bytes
			m.OutboundHrmp[at].Messages += use.Messages
		} else {
			m.OutboundHrmp = slices.Insert(m.OutboundHrmp, at, use)
		}
	}
	m.UmpMessages += other.UmpMessages
	m.UmpBytes += other.UmpBytes
	m.DmpProcessed += other.DmpProcessed
	m.CodeUpgradeApplied = m.CodeUpgradeApplied || other.CodeUpgradeApplied
	return m
}

// CheckCommitments is check A, the part that needs no known parent: code hash, size of the head,
// age of the relay parent, code upgrade, number of horizontal messages.
func CheckCommitments(c *primitives.Constraints, relayParent RelayBlock, out *primitives.CandidateCommitments, codeHash primitives.Hash) *CheckError {
	switch {
	case codeHash != c.ValidationCodeHash:
		return failed(ValidationCodeMismatch, "the candidate names %x, the para has %x", codeHash[:4], c.ValidationCodeHash[:4])
	case uint32(len(out.HeadData)) > c.MaxHeadDataSize:
		return failed(HeadDataTooLarge, "%d bytes, at most %d", len(out.HeadData), c.MaxHeadDataSize)
	case relayParent.Number < c.MinRelayParentNumber:
		return failed(RelayParentTooOld, "#%d, at least #%d", relayParent.Number, c.MinRelayParentNumber)
	case out.NewValidationCode != nil && c.UpgradeRestricted:
		return failed(CodeUpgradeRestricted, "")
	case out.NewValidationCode != nil && uint32(len(*out.NewValidationCode)) > c.MaxCodeSize:
		return failed(CodeSizeTooLarge, "%d bytes, at most %d", len(*out.NewValidationCode), c.MaxCodeSize)
	case uint32(len(out.HorizontalMessages)) > c.MaxHrmpNumPerCandidate:
		return failed(HrmpMessagesPerCandidateOverflow, "%d, at most %d", len(out.HorizontalMessages), c.MaxHrmpNumPerCandidate)
	}
	return nil
}

// buildModifications is check B: what the candidate changes, with horizontal recipients strictly ascending.
func buildModifications(c *primitives.Constraints, relayParent RelayBlock, out *primitives.CandidateCommitments) (Modifications, *CheckError) {
	m := Modifications{
		RequiredParent: out.HeadData,
		Watermark:      &Watermark{Trunk: out.HrmpWatermark != relayParent.Number, At: out.HrmpWatermark},
		DmpProcessed:   out.ProcessedDownwardMessages,
	}
	if m.RequiredParent == nil {
		m.RequiredParent = []byte{}
	}
	for i, msg := range out.HorizontalMessages {
		if i > 0 && out.HorizontalMessages[i-1].Recipient >= msg.Recipient {
			return m, failed(HrmpMessagesDescendingOrDuplicate, "message %d to para %d", i, msg.Recipient)
		}
		m.OutboundHrmp = append(m.OutboundHrmp, OutboundUse{msg.Recipient, uint32(len(msg.Data)), 1})
	}
	for _, msg := range out.UpwardMessages {
		if len(msg) == 0 { // the separator; signals follow, which take no room
			break
		}
		m.UmpMessages++
		m.UmpBytes += uint32(len(msg))
	}
	f := c.FutureValidationCode
	m.CodeUpgradeApplied = f != nil && relayParent.Number >= f.At
	return m, nil
}

// checkAgainst is check C: the outputs against the constraints of the place in the chain.
func checkAgainst(c *primitives.Constraints, relayParent RelayBlock, out *primitives.CandidateCommitments, pvd *primitives.PersistedValidationData, m Modifications) *CheckError {
	if !bytes.Equal(pvd.ParentHead, c.RequiredParent) || pvd.RelayParentNumber != relayParent.Number ||
		pvd.RelayParentStorageRoot != relayParent.StorageRoot || pvd.MaxPoVSize != c.MaxPoVSize {
		return failed(PersistedValidationDataMismatch, "parent head of %d bytes on #%d with PoVs of %d bytes; expected %d bytes on #%d with %d bytes",
			len(pvd.ParentHead), pvd.RelayParentNumber, pvd.MaxPoVSize, len(c.RequiredParent), relayParent.Number, c.MaxPoVSize)
	}
	if m.DmpProcessed == 0 && len(c.DmpRemainingMessages) > 0 && c.DmpRemainingMessages[0] <= relayParent.Number {
		return failed(DmpAdvancementRule, "none processed, the first of %d was sent at #%d", len(c.DmpRemainingMessages), c.DmpRemainingMessages[0])
	}
	if m.UmpMessages > c.MaxUmpNumPerCandidate {
		return failed(UmpMessagesPerCandidateOverflow, "%d, at most %d", m.UmpMessages, c.MaxUmpNumPerCandidate)
	}
	if err := CheckModifications(c, m); err != nil {
		return err
	}
	return nil
}

// CheckCandidate runs the checks of a candidate whose parent is known, B, A, C in this order,
// and returns what the candidate changes.
func CheckCandidate(c *primitives.Constraints, relayParent RelayBlock, out *primitives.CandidateCommitments, codeHash primitives.Hash, pvd *primitives.PersistedValidationData) (Modifications, *CheckError) {
	m, err := buildModifications(c, relayParent, out)
	if err == nil {
		err = CheckCommitments(c, relayParent, out, codeHash)
	}
	if err == nil {
		err = checkAgainst(c, relayParent, out, pvd, m)
	}
	return m, err
}

func overflow(inner ModificationKind, format string, args ...any) *CheckError {
	e := failed(OutputsInvalid, format, args...)
	e.Inner = inner
	return e
}

func channel(c *primitives.Constraints, to primitives.ParaID) (int, bool) {
	return slices.BinarySearchFunc(c.HrmpChannelsOut, to, func(l primitives.OutboundChannelLimit, id primitives.ParaID) int {
		return int(int64(l.Recipient) - int64(id))
	})
}

// CheckModifications tells whether the constraints allow the changes.
func CheckModifications(c *primitives.Constraints, m Modifications) *CheckError {
	if w := m.Watermark; w != nil && w.Trunk && !slices.Contains(c.ValidWatermarks, w.At) {
		return overflow(DisallowedHrmpWatermark, "#%d", w.At)
	}
	for _, use := range m.OutboundHrmp {
		at, found := channel(c, use.Recipient)
		if !found {
			return overflow(NoSuchHrmpChannel, "to para %d", use.Recipient)
		}
		if l := c.HrmpChannelsOut[at]; use.Bytes > l.BytesRemaining {
			return overflow(HrmpBytesOverflow, "%d bytes to para %d, %d remain", use.Bytes, use.Recipient, l.BytesRemaining)
		} else if use.Messages > l.MessagesRemaining {
			return overflow(HrmpMessagesOverflow, "%d messages to para %d, %d remain", use.Messages, use.Recipient, l.MessagesRemaining)
		}
	}
	switch {
	case m.UmpMessages > c.UmpRemaining:
		return overflow(UmpMessagesOverflow, "%d messages, %d remain", m.UmpMessages, c.UmpRemaining)
	case m.UmpBytes > c.UmpRemainingBytes:
		return overflow(UmpBytesOverflow, "%d bytes, %d remain", m.UmpBytes, c.UmpRemainingBytes)
	case uint64(m.DmpProcessed) > uint64(len(c.DmpRemainingMessages)):
		return overflow(DmpMessagesUnderflow, "%d messages, %d remain", m.DmpProcessed, len(c.DmpRemainingMessages))
	case m.CodeUpgradeApplied && c.FutureValidationCode == nil:
		return overflow(AppliedNonexistentCodeUpgrade, "")
	}
	return nil
}

// ApplyModifications returns the constraints after the changes; c stays as it is.
func ApplyModifications(c *primitives.Constraints, m Modifications) (*primitives.Constraints, *CheckError) {
	if err := CheckModifications(c, m); err != nil {
		return nil, err
	}
	n := *c
	if m.RequiredParent != nil {
		n.RequiredParent = m.RequiredParent
	}
	if w := m.Watermark; w != nil {
		from, _ := slices.BinarySearch(n.ValidWatermarks, w.At)
		n.ValidWatermarks = n.ValidWatermarks[from:]
	}
	if len(m.OutboundHrmp) > 0 {
		n.HrmpChannelsOut = slices.Clone(n.HrmpChannelsOut)
		for _, use := range m.OutboundHrmp {
			at, _ := channel(&n, use.Recipient)
			n.HrmpChannelsOut[at].BytesRemaining -= use.Bytes
			n.HrmpChannelsOut[at].MessagesRemaining -= use.Messages
		}
	}
	n.UmpRemaining -= m.UmpMessages
	n.UmpRemainingBytes -= m.UmpBytes
	n.DmpRemainingMessages = n.DmpRemainingMessages[m.DmpProcessed:]
	if m.CodeUpgradeApplied {
		n.ValidationCodeHash = n.FutureValidationCode.Hash
		n.FutureValidationCode = nil
	}
	return &n, nil
}
