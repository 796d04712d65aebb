package check

import "pileus/primitives"

// Probe is something that was done with the runtime and what came of it.
type Probe struct {
	Name    string `json:"name"`
	Did     string `json:"did"`
	Saw     string `json:"saw"`
	Refused bool   `json:"refused"` // by the runtime
}

// String is one sentence.
func (p Probe) String() string { return p.Did + ": " + p.Saw }

// Answer is what a probe found out, if it did.
type Answer string

// The answers.
const (
	Unknown Answer = ""
	Yes     Answer = "yes"
	No      Answer = "no"
)

// answer turns what is known into an [Answer].
func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Hook is what a probe finds a consensus hook to be.
type Hook string

// The hooks.
const (
	UnknownHook          Hook = ""
	ExpectParentIncluded Hook = "ExpectParentIncluded"
	FixedVelocity        Hook = "FixedVelocityConsensusHook"
	FixedCapacity        Hook = "FixedCapacityUnincludedSegment" // a capacity, and no look at slots
)

// Observations are all that the probes saw. They depend on code, genesis state and host
// configuration alone, so that two runs see the same.
type Observations struct {
	Probes []Probe `json:"probes"`
	Builds int     `json:"builds"` // blocks tried

	Built   bool   `json:"built"`             // a correct block was accepted
	Broken  string `json:"broken,omitempty"`  // why probing ended early
	Refusal string `json:"refusal,omitempty"` // of the correct block

	Hook           Hook   `json:"hook"`
	Capacity       int    `json:"capacity"` // blocks accepted before one is included; 0: not seen
	CapacityIsMore bool   `json:"capacity_is_more"`
	Velocity       int    `json:"velocity"` // BLOCK_PROCESSING_VELOCITY; 0: not seen
	VelocityIsMore bool   `json:"velocity_is_more"`
	OnOneParent    int    `json:"on_one_relay_parent"` // blocks accepted on one relay parent, nothing new included
	Trims          Answer `json:"trims"`               // room appears when a block is included

	RelaySlotMs  uint64 `json:"relay_slot_ms"` // as the runtime derives its slots from it; 0: not seen
	SlotMs       uint64 `json:"slot_ms"`       // as the runtime enforces it; 0: not seen
	SlotMsProven Answer `json:"slot_ms_proven"`
	PastSlot     Answer `json:"past_slot"` // a slot before that of the relay parent is accepted
	NextSlot     Answer `json:"next_slot"` // a slot after it is accepted

	TimestampTied Answer `json:"timestamp_tied"` // a timestamp of another slot is refused
	SameSlot      Answer `json:"same_slot"`      // several blocks per slot
	SameNumber    Answer `json:"same_number"`    // two blocks on one relay number
	LowerNumber   Answer `json:"lower_number"`   // a relay number that goes back
	TimeStep      uint64 `json:"time_step_ms"`   // by which a second timestamp moved on by itself
	TimeStepSeen  bool   `json:"time_step_seen"`

	Headers       int    `json:"relay_headers"` // that the inherent must carry: 0 or offset + 1
	HeadersProven Answer `json:"relay_headers_proven"`

	Upon []Upon `json:"can_build_upon"`

	Validated     Answer   `json:"validated"`      // validate_block accepted what was built
	ValidatedLate Answer   `json:"validated_late"` // and a timestamp at the end of its slot
	ValidateWords string   `json:"validate_words,omitempty"`
	Differs       []string `json:"differs,omitempty"` // commitments that validate_block gives otherwise than collect_collation_info

	Cache Answer `json:"authority_cache"` // AuraExt.Authorities equals Aura.Authorities after a block

	Pace map[string]Pace `json:"pace"` // by collator
}

// Upon compares can_build_upon with what the runtime then accepts.
type Upon struct {
	Where string `json:"where"`
	Said  bool   `json:"said"`
	Did   bool   `json:"did"`
}

// Pace is how often a collator gets a block into the chain on a relay chain on which
// everything goes well: included two relay blocks after the relay parent.
type Pace struct {
	Tried    int            `json:"tried"` // relay parents
	Accepted int            `json:"accepted"`
	Reasons  map[string]int `json:"reasons"` // why not, in the runtime's words
}

// Interval is the time from block to block in ms; 0: there is none.
func (p Pace) Interval() uint64 {
	if p.Accepted == 0 {
		return 0
	}
	return uint64(p.Tried) * primitives.RelaySlotMillis / uint64(p.Accepted)
}
