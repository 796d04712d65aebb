package validator

import (
	"time"

	"pileus/erasure"
	"pileus/primitives"
)

// Peer names a collator on the network.
type Peer string

// Input is what can happen to a [Node].
type Input interface{ input() }

// Leaf is a relay block that the node has imported. Its parent stops being a leaf.
// State is the state after the block.
type Leaf struct {
	Header *primitives.Header // sealed
	State  ChainState
}

// Finalized says that the relay block is final: leaves not above it, and not itself, are given up.
type Finalized struct{ Number uint32 }

// Advertised is a collator's word that it has a candidate (collation protocol 2 and 3).
type Advertised struct {
	From             Peer
	Para             primitives.ParaID
	SchedulingParent primitives.Hash // what protocol 2 calls relay parent
	ParentHeadHash   primitives.Hash
	CandidateHash    primitives.CandidateHash
	Version          primitives.DescriptorVersion // protocol 3; zero: not said, so V1 or V2
	RelayParent      primitives.Hash              // protocol 3; zero: not said, so the scheduling parent
}

// CollationFetched answers a [FetchCollation]. With Err set the rest is empty.
// ParentHead travels along; nil: the collator did not send it.
type CollationFetched struct {
	ID         uint64
	Receipt    primitives.CandidateReceipt
	PoV        *primitives.PoV
	ParentHead []byte
	Err        error
}

// StatementReceived is a statement that another validator has gossiped.
type StatementReceived struct{ Statement Statement }

// PoVFetched answers a [FetchPoV].
type PoVFetched struct {
	ID  uint64
	PoV *primitives.PoV
	Err error
}

// Validated answers a [Validate]: exactly one of Result and Err is set. Err may be an
// [*ExecutionError]; any other error counts as a fault of our own, on which nothing is said.
type Validated struct {
	ID      uint64
	Result  *primitives.ValidationResult
	Elapsed time.Duration // CPU time of the execution, for notes
	Err     error
}

// ChunkFetched answers a [FetchChunk].
type ChunkFetched struct {
	ID    uint64
	Chunk *erasure.Chunk
	Err   error
}

// BitfieldReceived is an availability bitfield that another validator has gossiped on the relay block.
type BitfieldReceived struct {
	Block    primitives.Hash
	Bitfield primitives.SignedBitfield
}

// Timer says that the time of a [SetTimer] has come.
type Timer struct{ Key TimerKey }

// AuthorSlot asks for what the author of the slot should put into its block on the given parent.
// A zero Parent means the node's best leaf.
type AuthorSlot struct {
	Slot   primitives.Slot
	Parent primitives.Hash
}

func (Leaf) input()              {}
func (Finalized) input()         {}
func (Advertised) input()        {}
func (CollationFetched) input()  {}
func (StatementReceived) input() {}
func (PoVFetched) input()        {}
func (Validated) input()         {}
func (ChunkFetched) input()      {}
func (BitfieldReceived) input()  {}
func (Timer) input()             {}
func (AuthorSlot) input()        {}

// Output is what a [Node] wants done, or has to tell.
type Output interface{ output() }

// FetchCollation asks the collator for a collation; [CollationFetched] answers.
type FetchCollation struct {
	ID               uint64
	From             Peer
	Para             primitives.ParaID
	SchedulingParent primitives.Hash
	CandidateHash    primitives.CandidateHash
}

// FetchPoV asks a validator of the group for the PoV of a candidate that it has seconded or found valid;
// [PoVFetched] answers. The asked node serves it from [Node.PoV].
type FetchPoV struct {
	ID               uint64
	From             primitives.ValidatorIndex
	Session          primitives.SessionIndex
	SchedulingParent primitives.Hash
	CandidateHash    primitives.CandidateHash
}

// FetchChunk asks the validators of the group that backed a candidate for one chunk of its available
// data, in this order; [ChunkFetched] answers. The asked node serves it from [Node.Chunk].
type FetchChunk struct {
	ID            uint64
	From          []primitives.ValidatorIndex
	Session       primitives.SessionIndex
	CandidateHash primitives.CandidateHash
	Index         uint32
}

// Validate asks for one execution of the candidate's code on its PoV; [Validated] answers.
// The PoV is still compressed.
type Validate struct {
	ID             uint64
	Receipt        primitives.CandidateReceipt
	PVD            *primitives.PersistedValidationData
	PoV            *primitives.PoV
	CodeHash       primitives.Hash
	Code           []byte // as stored, maybe compressed
	CodeBombLimit  uint32 // bytes that the code may have decompressed
	PoVBombLimit   uint32 // bytes that the block data may have decompressed
	ExecutorParams primitives.ExecutorParams
	Timeout        time.Duration // CPU time
	Seconding      bool          // we fetched it from a collator; false: another validator has seconded it
}

// Gossip is a statement or a bitfield for all other validators; exactly one field is set.
type Gossip struct {
	Statement *Statement
	Bitfield  *BitfieldReceived
}

// SetTimer asks for a [Timer] at that time.
type SetTimer struct {
	At  time.Duration
	Key TimerKey
}

// Propose answers an [AuthorSlot]: what this node knows. It is not yet sanitized; that is the
// runtime's part (create_inherent), which judges against the state.
type Propose struct {
	Slot   primitives.Slot
	Parent primitives.Hash
	Data   *primitives.ParachainsInherentData
}

func (FetchCollation) output() {}
func (FetchPoV) output()       {}
func (FetchChunk) output()     {}
func (Validate) output()       {}
func (Gossip) output()         {}
func (SetTimer) output()       {}
func (Propose) output()        {}
func (Note) output()           {}

// TimerKey tells timers apart.
type TimerKey struct {
	Kind  TimerKind
	Block primitives.Hash
	N     uint64 // the fetch, or the slot
}

// TimerKind is what a timer is for.
type TimerKind uint8

// The timers.
const (
	TimerBitfield TimerKind = iota // sign the bitfield on Block
	TimerNextPeer                  // try the next collator although fetch N is under way
	TimerPropose                   // answer AuthorSlot N on Block
)

// ExecutionError is why an execution did not end with a result.
type ExecutionError struct {
	Reason Reason // InvalidExecution, ExecutionTimeout, PoVDecompressionFailure, CodeDecompressionFailure, CodePreparation
	Detail string // what the code said: the panic, the limit
}

// Error names the reason and what the code said.
func (e *ExecutionError) Error() string { return string(e.Reason) + ": " + e.Detail }

// Statement is a signed statement about a candidate. A Seconded one carries the whole
// receipt and its validation data (polkadot_node_primitives::StatementWithPVD).
type Statement struct {
	Kind             primitives.StatementKind
	Candidate        primitives.CandidateHash
	SchedulingParent primitives.Hash
	Validator        primitives.ValidatorIndex
	Signature        primitives.Signature
	Receipt          *primitives.CommittedCandidateReceipt // Seconded only
	PVD              *primitives.PersistedValidationData   // Seconded only
}
