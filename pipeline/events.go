package pipeline

import (
	"encoding/json"
	"time"

	"pileus/hashing"
	"pileus/parachain"
	"pileus/primitives"
)

// Event is something that happened in the network: one of the types of this file. The
// stream of events is all that a report, a log, a test or a dashboard needs, and it is the
// same for equal settings and seeds.
type Event interface{ event() string }

// Timed is an event with the virtual time since the start of the run.
type Timed struct {
	At    time.Duration
	Event Event
}

// MarshalJSON writes the event as one flat object: "ms" and "event" first, then its fields.
func (t Timed) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(struct {
		Ms    int64  `json:"ms"`
		Event string `json:"event"`
	}{t.At.Milliseconds(), t.Event.event()})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(t.Event)
	if err != nil || len(body) <= 2 {
		return head, err
	}
	return append(append(head[:len(head)-1], ','), body[1:]...), nil
}

// Name is the event's name as it stands in its JSON form.
func Name(e Event) string { return e.event() }

// ParaBlock names a parachain block.
type ParaBlock struct {
	Para   primitives.ParaID `json:"para"`
	Number uint32            `json:"number"`
	Hash   hashing.Hash      `json:"hash"`
}

// Candidate names a parachain block on its way through the relay chain: the last block
// of the candidate, and the candidate's hash.
type Candidate struct {
	ParaBlock
	Candidate primitives.CandidateHash `json:"candidate"`
}

// The relay chain.
type (
	// RelayBlock tells that a relay block was made.
	RelayBlock struct {
		Number    uint32                    `json:"number"`
		Hash      hashing.Hash              `json:"hash"`
		Slot      primitives.Slot           `json:"slot"`
		Session   primitives.SessionIndex   `json:"session"`
		Author    primitives.ValidatorIndex `json:"author"`
		Bitfields int                       `json:"bitfields"`
		Backed    int                       `json:"backed"`
	}
	// SlotMissed tells that a relay slot passed without a block.
	SlotMissed struct {
		Slot primitives.Slot `json:"slot"`
		Why  string          `json:"why"`
	}
	// SessionChanged tells that the block after relay block Relay is the first of the session.
	SessionChanged struct {
		Session primitives.SessionIndex `json:"session"`
		Relay   uint32                  `json:"relay_block"`
	}
	// InherentDropped tells that the author left something out of the inherent that the
	// validators had offered, because it could not stand.
	InherentDropped struct {
		Relay uint32 `json:"relay_block"`
		What  string `json:"what"`
		Why   string `json:"why"`
	}
)

// The parachain.
type (
	// ParaStarted stands at the start of a run: the code that the chain starts with.
	ParaStarted struct {
		Para        primitives.ParaID `json:"para"`
		Code        hashing.Hash      `json:"code_hash"`
		SpecName    string            `json:"spec_name"`
		SpecVersion uint32            `json:"spec_version"`
		Collators   []string          `json:"collators"`
		Collator    string            `json:"collator"`    // which kind
		RelayBlock  uint32            `json:"relay_block"` // the first of the run
	}
	// Authored tells that a collator has built, sealed and imported a block.
	Authored struct {
		ParaBlock
		Collator    string  `json:"collator"`
		RelayParent uint32  `json:"relay_parent"`
		Slot        uint64  `json:"slot"`
		CostMs      float64 `json:"cost_ms"`      // virtual time that building took
		Extrinsics  int     `json:"extrinsics"`   // with the inherents
		Segment     int     `json:"segment"`      // length of the unincluded segment in its state
		ProofBytes  int     `json:"proof_bytes"`  // storage proof recorded
		SpecVersion uint32  `json:"spec_version"` // of the code that built it

		Parent hashing.Hash        `json:"-"` // not in the JSON form
		End    parachain.EndReason `json:"-"` // why it takes no more transactions; not in the JSON form
	}
	// Refused tells that a block was attempted and the runtime, or the collator itself, would not have it.
	// Reason is one of the names in [RefusedReasons], Cause in the runtime's own words.
	Refused struct {
		Para        primitives.ParaID `json:"para"`
		Collator    string            `json:"collator"`
		RelayParent uint32            `json:"relay_parent"`
		Reason      string            `json:"reason"`
		Cause       string            `json:"cause"`
		PoVBytes    int               `json:"pov_bytes,omitempty"` // of a PoV that is too large
	}
	// Passed tells that a collator made no attempt on a relay parent, and why: another's slot, no core,
	// the unincluded segment is full (SegmentFull).
	Passed struct {
		Para        primitives.ParaID `json:"para"`
		Collator    string            `json:"collator"`
		RelayParent uint32            `json:"relay_parent"`
		Reason      string            `json:"reason"`
		Detail      string            `json:"detail,omitempty"`
	}
	// TransactionRefused tells that the pool or the runtime refused a transaction of ours;
	// Upgrade says that it was the one with new code.
	TransactionRefused struct {
		Para    primitives.ParaID `json:"para"`
		Cause   string            `json:"cause"`
		Upgrade bool              `json:"upgrade,omitempty"`
	}
	// StateEdited tells that a block was put into the chain that nobody has executed: the
	// state of its parent with one entry changed, for what the chain's governance would do.
	StateEdited struct {
		ParaBlock
		Entry string `json:"entry"`
		Why   string `json:"why"`
	}
	// UpgradeSubmitted tells that new code was submitted to the chain's pool, and how.
	UpgradeSubmitted struct {
		Para  primitives.ParaID `json:"para"`
		Code  hashing.Hash      `json:"code_hash"`
		How   string            `json:"how"`
		Bytes int               `json:"bytes"` // of the transaction
	}
	// UpgradeDispatched tells that a block has the transaction with the new code, and, if the
	// runtime would not take the code, the runtime's error.
	UpgradeDispatched struct {
		ParaBlock
		Bytes int    `json:"bytes"` // of the transaction
		Error string `json:"error,omitempty"`
	}
	// CodeApplied tells that the parachain's blocks from this one on have new code in their state.
	CodeApplied struct {
		ParaBlock
		Code hashing.Hash `json:"code_hash"`
	}
)

// A candidate on its way.
type (
	// Advertised tells that the collator offers the candidate to the validators of a group.
	Advertised struct {
		Candidate
		Collator string                `json:"collator"`
		Core     primitives.CoreIndex  `json:"core"`
		Group    primitives.GroupIndex `json:"group"`
		PoVBytes int                   `json:"pov_bytes"` // compressed
		PoVLimit uint32                `json:"pov_limit"` // max_pov_size
	}
	// Seconded tells that a validator executed the candidate and signed Seconded.
	Seconded struct {
		Candidate
		Validator primitives.ValidatorIndex `json:"validator"`
	}
	// Backable tells that a validator has seen enough votes for the candidate; the first one that does.
	Backable struct{ Candidate }
	// Declined tells that a validator turned the candidate down. Validators that could not do
	// otherwise are not listed twice for one reason.
	Declined struct {
		Candidate
		Validator primitives.ValidatorIndex `json:"validator"`
		Reason    string                    `json:"reason"`
		Detail    string                    `json:"detail,omitempty"`
	}
	// Backed tells that relay block Relay has backed the candidate.
	Backed struct {
		Candidate
		Relay       uint32                `json:"relay_block"`
		RelayParent uint32                `json:"relay_parent"`
		Core        primitives.CoreIndex  `json:"core"`
		Group       primitives.GroupIndex `json:"group"`
	}
	// Included tells that the candidate became available and its head is the para's head now.
	Included struct {
		Candidate
		Relay    uint32 `json:"relay_block"`
		BackedIn uint32 `json:"backed_in"`
		Collator string `json:"collator"`
		Blocks   int    `json:"blocks"` // of the candidate
	}
	// TimedOut tells that a backed candidate did not become available in time.
	TimedOut struct {
		Candidate
		Relay    uint32 `json:"relay_block"`
		BackedIn uint32 `json:"backed_in"`
	}
	// Dropped tells that an authored block can no longer be included. Reason is one of [DroppedReasons].
	Dropped struct {
		ParaBlock
		Collator string `json:"collator"`
		Relay    uint32 `json:"relay_block"`
		Reason   string `json:"reason"`
		Detail   string `json:"detail,omitempty"`
	}
	// Prechecked tells how the validators vote on new code, and why not for it.
	Prechecked struct {
		Code   hashing.Hash `json:"code_hash"`
		Accept bool         `json:"accept"`
		Why    string       `json:"why,omitempty"`
	}
	// Upgrade tells a step of a code upgrade as the relay chain sees it; Step is the name of the relay event.
	Upgrade struct {
		Para  primitives.ParaID `json:"para"`
		Step  string            `json:"step"`
		Code  hashing.Hash      `json:"code_hash"`
		Relay uint32            `json:"relay_block"`
	}
)

func (RelayBlock) event() string         { return "RelayBlock" }
func (SlotMissed) event() string         { return "SlotMissed" }
func (SessionChanged) event() string     { return "SessionChanged" }
func (InherentDropped) event() string    { return "InherentDropped" }
func (ParaStarted) event() string        { return "ParaStarted" }
func (Authored) event() string           { return "Authored" }
func (Refused) event() string            { return "Refused" }
func (Passed) event() string             { return "Passed" }
func (TransactionRefused) event() string { return "TransactionRefused" }
func (CodeApplied) event() string        { return "CodeApplied" }
func (Advertised) event() string         { return "Advertised" }
func (Seconded) event() string           { return "Seconded" }
func (Backable) event() string           { return "Backable" }
func (Declined) event() string           { return "Declined" }
func (Backed) event() string             { return "Backed" }
func (Included) event() string           { return "Included" }
func (TimedOut) event() string           { return "TimedOut" }
func (Dropped) event() string            { return "Dropped" }
func (Upgrade) event() string            { return "Upgrade" }
func (StateEdited) event() string        { return "StateEdited" }
func (UpgradeSubmitted) event() string   { return "UpgradeSubmitted" }
func (UpgradeDispatched) event() string  { return "UpgradeDispatched" }
func (Prechecked) event() string         { return "Prechecked" }
