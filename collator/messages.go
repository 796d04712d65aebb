package collator

import (
	"time"

	"pileus/primitives"
)

// Hash is a blake2b-256 hash.
type Hash = primitives.Hash

// Input is what can happen to a [Collator].
type Input interface{ input() }

// RelayImported is a relay block that the collator's relay node has imported.
type RelayImported struct{ Header *primitives.Header }

// Answered answers an output that has an ID: Value is of the type that the output names.
type Answered struct {
	ID    uint64
	Value any
	Err   error
}

// Tick says that the time of a [SetTimer] has come.
type Tick struct{}

func (RelayImported) input() {}
func (Answered) input()      {}
func (Tick) input()          {}

// Output is what a [Collator] wants done, or has to tell.
type Output interface{ output() }

// AskRelay asks the relay chain; the answer is of the query's type.
type AskRelay struct {
	ID    uint64
	Query RelayQuery
}

// AskRuntime asks the runtime at a parachain block what a collator has to know; the
// answer is a [RuntimeInfo].
type AskRuntime struct {
	ID uint64
	At Hash
}

// CanBuildUpon asks AuraUnincludedSegmentApi_can_build_upon at a parachain block; the
// answer is a bool. Version 1 of the API is asked with the parachain's slot.
type CanBuildUpon struct {
	ID        uint64
	At        Hash
	Included  Hash
	ParaSlot  primitives.Slot
	RelaySlot primitives.Slot
}

// BuildBlock asks for a block on Parent, sealed and imported; the answer is a [Built].
// An error that is a [*RefusedError] counts as a refusal for its reason, any other as one by the runtime.
type BuildBlock struct {
	ID                uint64
	Parent            Hash
	Authority         [32]byte // whose slot it is
	Slot              primitives.Slot
	Timestamp         uint64 // ms
	Inherent          *primitives.ParachainInherentData
	Digest            []primitives.DigestItem // in front of Aura's
	RelayParent       *primitives.Header
	PoVBudget         int           // bytes for header, extrinsics and proof
	AuthoringDuration time.Duration // the block may cost this much
}

// Collate asks for the collation of built blocks and its receipt; the answer is a [*Candidate].
type Collate struct {
	ID         uint64
	Parent     Hash // of the first block
	Blocks     []Hash
	Generation Generation
}

// Announce tells the parachain's other nodes of a block.
type Announce struct{ Block Hash }

// Submit offers a candidate to the validators of a group.
type Submit struct {
	Candidate *Candidate
	Blocks    []Hash
	Group     primitives.GroupIndex
	Members   []primitives.ValidatorIndex
}

// SetTimer asks for a [Tick] at that time.
type SetTimer struct{ At time.Duration }

// Note is an event for the report.
type Note struct {
	Kind        NoteKind
	RelayParent *primitives.Header
	Reason      Reason
	Detail      string
	PoVBytes    int // of a PoV that is too large
}

func (AskRelay) output()     {}
func (AskRuntime) output()   {}
func (CanBuildUpon) output() {}
func (BuildBlock) output()   {}
func (Collate) output()      {}
func (Announce) output()     {}
func (Submit) output()       {}
func (SetTimer) output()     {}
func (Note) output()         {}

// NoteKind is what a [Note] tells.
type NoteKind uint8

const (
	// Passed: no block was attempted on the relay parent.
	Passed NoteKind = iota
	// Refused: a block, or its collation, was attempted and did not come to be.
	Refused
)

// Reason is a stable name for why.
type Reason string

// Reasons to pass a relay parent over.
const (
	NotOurSlot      Reason = "not_our_slot"
	NoCore          Reason = "no_core"
	CoreOccupied    Reason = "core_occupied"
	SegmentFull     Reason = "segment_full"
	NoParent        Reason = "parent_unknown"
	SameRelayParent Reason = "same_relay_parent"
	SessionBoundary Reason = "session_boundary"
	NoValidation    Reason = "no_validation_data"
)

// Reasons for which an attempt comes to nothing.
const (
	RefusedByRuntime  Reason = "runtime"
	OffsetUnsupported Reason = "relay_parent_offset"
	TooExpensive      Reason = "authoring_duration"
	PoVTooLarge       Reason = "pov_too_large"
	NoCollation       Reason = "no_collation"
	SignalsDisagree   Reason = "ump_signals"
	RelayUnanswered   Reason = "relay_chain"
	RuntimeUnanswered Reason = "runtime_api"
)

// RefusedError is why an attempt came to nothing, where it was not the runtime that refused.
type RefusedError struct {
	Reason   Reason
	Detail   string
	PoVBytes int // of [PoVTooLarge]
}

// Error is the detail.
func (e *RefusedError) Error() string { return e.Detail }

// RuntimeInfo is what a runtime says at a block.
type RuntimeInfo struct {
	CodeHash            Hash
	SlotDuration        time.Duration // of the parachain's own slots
	Authorities         [][32]byte
	RelayParentOffset   uint32
	MaxClaimQueueOffset uint8 // 0 if the runtime does not say
	SegmentAPI          uint32
	KeysToProve         [][]byte
}

// Built is a block that was built, sealed and imported.
type Built struct {
	Hash   Hash
	Header *primitives.Header
}
