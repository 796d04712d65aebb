package validator

import (
	"fmt"

	"pileus/primitives"
)

// Stage is how far a candidate has come in the eyes of one validator. They are in order.
type Stage uint8

// The stages of a candidate.
const (
	StageUnknown    Stage = iota
	StageOffered          // a collator advertised it
	StageFetching         // we asked for it
	StageFetched          // collation or PoV is here
	StageValidating       // being executed
	StageSeconded         // somebody has seconded it
	StageBackable         // it has enough votes
	StageBacked           // a relay block has backed it: pending availability
	StageIncluded         // a relay block has included it
)

var stageNames = [...]string{"unknown", "offered", "fetching", "fetched", "validating", "seconded", "backable", "backed", "included"}

// String is the stage's name.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return fmt.Sprintf("stage %d", uint8(s))
}

// NoteKind is what a [Note] tells.
type NoteKind uint8

// The kinds of notes. Expired and NotAvailable are the two ways in which an offered candidate
// ends without being included; a candidate of which no validator gives any note was never offered.
const (
	NoteOffered      NoteKind = iota // an advertisement was admitted
	NoteBlocked                      // an advertisement waits: the candidate has no place in a chain yet, or its parent's head data is unknown
	NoteRefused                      // Reason says why
	NoteSeconded                     // we signed Seconded
	NoteValid                        // we signed Valid
	NoteBackable                     // enough votes have come
	NoteExpired                      // its scheduling parent left the window before a relay block backed it; Stage is where it stood
	NoteNotAvailable                 // backed, but not available in time
	NoteMisbehaviour                 // Validator has contradicted itself or voted outside its group
	NoteBitfield                     // we signed a bitfield on Block
)

var noteNames = [...]string{"offered", "blocked", "refused", "seconded", "valid", "backable", "expired", "not available", "misbehaviour", "bitfield"}

// String is the kind's name.
func (k NoteKind) String() string {
	if int(k) < len(noteNames) {
		return noteNames[k]
	}
	return fmt.Sprintf("note %d", uint8(k))
}

// Reason is why something was refused.
type Reason string

// Reasons to turn down an advertisement or a collation (collator protocol).
const (
	SchedulingParentUnknown Reason = "SchedulingParentNotInView"
	NotAssigned             Reason = "ParaNotAssigned"          // no claim of the para on our core
	RelayParentDiffers      Reason = "RelayParentMismatch"      // V1 and V2 need relay parent = scheduling parent
	V3NotEnabled            Reason = "V3NotEnabled"             // node feature off
	V3OutOfTime             Reason = "V3SchedulingParentTiming" // neither leaf of the previous slot nor parent of this slot's leaf
	TooManyAdvertisements   Reason = "PeerLimitReached"
	DuplicateAdvertisement  Reason = "DuplicateAdvertisement"
	NoFreeClaim             Reason = "SecondedLimitReached" // more than the claim queue has room for
	FetchFailed             Reason = "FetchFailed"
	CandidateHashDiffers    Reason = "CandidateHashMismatch" // fetched another candidate than advertised
	WrongPara               Reason = "WrongPara"
	ParentHeadDiffers       Reason = "ParentHeadDataMismatch"
	ParentHeadUnknown       Reason = "ParentHeadDataUnknown"
	DescriptorVersion       Reason = "InvalidDescriptorVersion"
	CoreDiffers             Reason = "CoreIndexMismatch"
	SessionDiffers          Reason = "SessionIndexMismatch"
	RelayParentUnknown      Reason = "RelayParentUnknown"
)

// Reasons to turn down a candidate before, in and after its execution (candidate validation and backing).
const (
	PVDHashMismatch          Reason = "PersistedValidationDataMismatch"
	PoVTooLarge              Reason = "ParamsTooLarge"
	PoVHashMismatch          Reason = "PoVHashMismatch"
	CodeHashMismatch         Reason = "CodeHashMismatch" // the chain has no such code
	InvalidSession           Reason = "InvalidSchedulingSession"
	PoVDecompressionFailure  Reason = "PoVDecompressionFailure"
	CodeDecompressionFailure Reason = "CodeDecompressionFailure"
	CodePreparation          Reason = "PreparationFailed"
	InvalidExecution         Reason = "ExecutionError"
	ExecutionTimeout         Reason = "Timeout"
	ParaHeadHashMismatch     Reason = "ParaHeadHashMismatch"
	CommitmentsHashMismatch  Reason = "CommitmentsHashMismatch"
	InvalidUMPSignals        Reason = "InvalidUMPSignals"
	ErasureRootMismatch      Reason = "InvalidErasureRoot"
	NoPotential              Reason = "RejectedByProspectiveParachains"
	WindowClosed             Reason = "SchedulingParentOutOfWindow"
	SecondingLimit           Reason = "SecondingLimitReached"
	InternalFault            Reason = "InternalError" // of our own: nothing is said about the candidate
)

// Reasons to turn down a statement or a bitfield of another validator.
const (
	UnknownValidator  Reason = "ValidatorIndexOutOfBounds"
	BadSignature      Reason = "BadSignature"
	MalformedReceipt  Reason = "StatementDoesNotMatchReceipt"
	UnknownCandidate  Reason = "UnknownCandidate"
	BitfieldLength    Reason = "BitfieldLengthMismatch"
	DuplicateBitfield Reason = "DuplicateBitfield"
	InvalidChunk      Reason = "InvalidChunk"
)

// Note is an event for the report. Fields that do not matter to the kind are zero.
type Note struct {
	Kind             NoteKind
	Candidate        primitives.CandidateHash
	Para             primitives.ParaID
	Core             primitives.CoreIndex
	SchedulingParent primitives.Hash
	Stage            Stage
	Reason           Reason
	Detail           string
	Collator         Peer                      // whose offer it is about
	Validator        primitives.ValidatorIndex // whose vote it is about
	Block            primitives.Hash           // the leaf
	Bits             primitives.BitVec         // the bitfield that was signed
}

// String is one line for a log.
func (n Note) String() string {
	s := n.Kind.String()
	if !n.Candidate.IsZero() {
		s += fmt.Sprintf(" candidate %s of para %d", n.Candidate.Short(), n.Para)
	}
	switch n.Kind {
	case NoteExpired:
		s += " while " + n.Stage.String()
	case NoteMisbehaviour:
		s += fmt.Sprintf(" of validator %d", n.Validator)
	case NoteBitfield:
		s += " " + n.Bits.String()
	}
	if n.Reason != "" {
		s += ": " + string(n.Reason)
	}
	if n.Detail != "" {
		s += " (" + n.Detail + ")"
	}
	return s
}
