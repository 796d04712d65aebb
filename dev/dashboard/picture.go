package dashboard

import (
	"pileus/hashing"
	"pileus/primitives"
)

// How much a picture holds. What is older is forgotten, here and in the page alike.
const (
	KeepRelay      = 200 // relay blocks
	KeepMissed     = 200 // relay slots without a block
	KeepBlocks     = 400 // parachain blocks
	KeepLog        = 200 // lines
	KeepCollators  = 64
	keepVotes      = 32
	maxText        = 600 // bytes of a text from a runtime
	longestHistory = 20  // inclusions that the verdict looks back on
)

// Picture is the network as the page shows it. A snapshot has all of it. An update has the
// same fields, of which only those stand that changed; an entry of a list replaces the one
// with the same key or is new, and the page keeps as many as Limits says.
type Picture struct {
	Run   string `json:"run"`    // changes when the node is started anew; an update of another run is worth nothing
	Seq   uint64 `json:"seq"`    // of the last update that is in it
	NowMs int64  `json:"now_ms"` // virtual time since the start of the run

	Limits    *Limits      `json:"limits,omitempty"` // in snapshots
	Links     []Link       `json:"links,omitempty"`  // in snapshots
	Chain     *Chain       `json:"chain,omitempty"`
	Clock     *Clock       `json:"clock,omitempty"`
	Heads     *Heads       `json:"heads,omitempty"`
	Totals    *Totals      `json:"totals,omitempty"`
	Verdict   *Verdict     `json:"verdict,omitempty"`
	Relay     []RelayBlock `json:"relay,omitempty"`     // key: hash; ascending by time
	Missed    []Missed     `json:"missed,omitempty"`    // key: slot
	Blocks    []Block      `json:"blocks,omitempty"`    // key: hash; in the order of authoring
	Collators []Collator   `json:"collators,omitempty"` // key: name
	Log       []Line       `json:"log,omitempty"`       // key: seq; ascending
}

// Limits says how many entries of each list are kept, and the length of a relay slot.
type Limits struct {
	Relay  int   `json:"relay"`
	Missed int   `json:"missed"`
	Blocks int   `json:"blocks"`
	Log    int   `json:"log"`
	SlotMs int64 `json:"slot_ms"` // virtual
}

// Link is an address that a user may want.
type Link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Chain describes the parachain. Zero stands for unknown.
type Chain struct {
	Para        primitives.ParaID `json:"para"`
	Name        string            `json:"name"`
	SpecVersion uint32            `json:"spec_version"`
	CodeHash    hashing.Hash      `json:"code_hash"`
	Collator    string            `json:"collator"` // basic, lookahead or slot-based
	Limit       Weight            `json:"weight_limit"`
}

// Weight is time in picoseconds and proof in bytes.
type Weight struct {
	RefTime   uint64 `json:"ref_time"`
	ProofSize uint64 `json:"proof_size"`
}

// Clock is how virtual time passes.
type Clock struct {
	Mode   string  `json:"mode"`    // interval, manual or instant
	SlotMs float64 `json:"slot_ms"` // of a relay slot by the wall clock; 0 if slots come when asked for
	Paused bool    `json:"paused"`
}

// Heads are where the chains stand; nil stands for unknown.
type Heads struct {
	RelayBest      *Head `json:"relay_best,omitempty"`
	RelayFinalized *Head `json:"relay_finalized,omitempty"`
	Best           *Head `json:"best,omitempty"`
	Included       *Head `json:"included,omitempty"`
	Finalized      *Head `json:"finalized,omitempty"`
}

// Head names a block.
type Head struct {
	Number uint32       `json:"number"`
	Hash   hashing.Hash `json:"hash"`
}

// Totals count since the start of the run.
type Totals struct {
	Authored int `json:"authored"`
	Included int `json:"included"`
	Dropped  int `json:"dropped"`
	Refused  int `json:"refused"`
	Passed   int `json:"passed"` // no attempt made, except where the slot is another's
	Reorgs   int `json:"reorgs"`
	Ready    int `json:"ready"`  // transactions in the pool
	Future   int `json:"future"` // transactions that wait for others
}

// Verdict says in a sentence how the chain does. Tone is good, quiet, warn or bad.
type Verdict struct {
	Tone string `json:"tone"`
	Text string `json:"text"`
	More string `json:"more,omitempty"`
}

// RelayBlock is a block of the relay chain.
type RelayBlock struct {
	Hash    hashing.Hash    `json:"hash"`
	Number  uint32          `json:"number"`
	Parent  hashing.Hash    `json:"parent"`
	Slot    primitives.Slot `json:"slot"`
	Ms      int64           `json:"ms"` // virtual time since the start of the run
	Session uint32          `json:"session"`
	Author  uint32          `json:"author"` // validator index
	Backed  int             `json:"backed"` // candidates that it backs
}

// Missed is a relay slot without a block.
type Missed struct {
	Slot primitives.Slot `json:"slot"`
	Why  string          `json:"why"`
}

// The stages of a block. Each has the virtual time at which it was reached in [Block.At].
//
//	authored ─► advertised ─► seconded ─► backable ─► backed ─► included
//	    └────────────┴────────────┴───────────┴──────────┴────► dropped
const (
	StageAuthored   = "authored"
	StageAdvertised = "advertised"
	StageSeconded   = "seconded"
	StageBackable   = "backable"
	StageBacked     = "backed"
	StageIncluded   = "included"
	StageDropped    = "dropped"
)

var rank = map[string]int{StageAuthored: 1, StageAdvertised: 2, StageSeconded: 3, StageBackable: 4, StageBacked: 5, StageIncluded: 6, StageDropped: 7}

// Block is a block of the parachain on its way. Zero stands for unknown.
type Block struct {
	Hash        hashing.Hash             `json:"hash"`
	Number      uint32                   `json:"number"`
	Parent      hashing.Hash             `json:"parent"`
	Collator    string                   `json:"collator"`
	RelayParent uint32                   `json:"relay_parent"`
	Stage       string                   `json:"stage"`
	At          map[string]int64         `json:"at"` // virtual ms by stage
	Candidate   primitives.CandidateHash `json:"candidate"`
	Core        uint32                   `json:"core"`
	Votes       []uint32                 `json:"votes,omitempty"` // validators that seconded
	BackedIn    uint32                   `json:"backed_in,omitempty"`
	IncludedIn  uint32                   `json:"included_in,omitempty"`
	EndedIn     uint32                   `json:"ended_in,omitempty"` // relay block with which it was dropped
	Reason      string                   `json:"reason,omitempty"`   // why it was dropped, a stable name
	Why         string                   `json:"why,omitempty"`      // the same in words
	Extrinsics  int                      `json:"extrinsics"`
	Segment     int                      `json:"segment"` // length of the unincluded segment with it
	CostMs      float64                  `json:"cost_ms"` // virtual time that building took
	ProofBytes  int                      `json:"proof_bytes"`
	PoVBytes    int                      `json:"pov_bytes"` // of its candidate, compressed
	PoVLimit    uint32                   `json:"pov_limit"`
	Weight      Weight                   `json:"weight"`
}

// Collator counts what one collator did.
type Collator struct {
	Name     string `json:"name"`
	Authored int    `json:"authored"`
	Included int    `json:"included"`
	Dropped  int    `json:"dropped"`
	Refused  int    `json:"refused"`
}

// Line is a line of the log. What is said again and again is counted, not repeated.
type Line struct {
	Seq   uint64 `json:"seq"`
	Ms    int64  `json:"ms"`   // virtual time, of the last time
	Tone  string `json:"tone"` // quiet, good, warn or bad
	Text  string `json:"text"`
	More  string `json:"more,omitempty"`
	Count int    `json:"count"`
	key   string
}
