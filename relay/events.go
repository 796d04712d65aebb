package relay

import (
	"fmt"

	"pileus/primitives"
)

// EventKind says what an [Event] tells.
type EventKind uint8

// The events, roughly in the order in which a block makes them.
const (
	// Included: a candidate became available, its head is the para's head now.
	Included EventKind = iota + 1
	// TimedOut: a candidate did not become available in time and is gone.
	TimedOut
	// Backed: a candidate occupies a core from this block on.
	Backed
	// ClaimLost: a core's claim of this block was not used. Blocked tells that the core
	// could not have used it: it was occupied, or the block ends the session.
	ClaimLost
	// UpgradeScheduled: an included candidate brought new code (Code). Pre-checking begins.
	UpgradeScheduled
	// UpgradeAccepted: pre-checking accepted Code; relay parents from block At may apply it.
	UpgradeAccepted
	// UpgradeAborted: pre-checking rejected Code, the para sees the signal Abort.
	UpgradeAborted
	// UpgradeGoAhead: the para sees the signal GoAhead.
	UpgradeGoAhead
	// CodeUpgraded: Code is the para's code from now on.
	CodeUpgraded
	// UpgradeCooldownOver: the para may schedule an upgrade again.
	UpgradeCooldownOver
	// UpwardServed: Count messages of the para's upward queue were processed.
	UpwardServed
	// DownwardQueued: a message was sent down to the para.
	DownwardQueued
	// ChannelOpened and ChannelClosed: HRMP channel from Para to Peer.
	ChannelOpened
	ChannelClosed
	// ConfigApplied: a configuration change took effect with session Session.
	ConfigApplied
	// SessionChanged: the next block is the first of session Session.
	SessionChanged
	// DroppedAtSession: the candidate was pending when the session changed. It is gone
	// without having been included and must be made anew.
	DroppedAtSession
)

var eventNames = [...]string{Included: "Included", TimedOut: "TimedOut", Backed: "Backed", ClaimLost: "ClaimLost",
	UpgradeScheduled: "UpgradeScheduled", UpgradeAccepted: "UpgradeAccepted", UpgradeAborted: "UpgradeAborted",
	UpgradeGoAhead: "UpgradeGoAhead", CodeUpgraded: "CodeUpgraded", UpgradeCooldownOver: "UpgradeCooldownOver",
	UpwardServed: "UpwardServed", DownwardQueued: "DownwardQueued", ChannelOpened: "ChannelOpened", ChannelClosed: "ChannelClosed",
	ConfigApplied: "ConfigApplied", SessionChanged: "SessionChanged", DroppedAtSession: "DroppedAtSession"}

// String is the kind's name.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is something that happened in a relay block. Fields that a kind has no use for are zero.
type Event struct {
	Kind              EventKind
	Para              primitives.ParaID
	Candidate         primitives.CandidateHash    // Included, TimedOut, Backed, DroppedAtSession
	Receipt           primitives.CandidateReceipt // of Candidate
	Head              []byte                      // the head data that Candidate produces
	Core              primitives.CoreIndex        // of Candidate; ClaimLost
	Group             primitives.GroupIndex       // that backed Candidate
	RelayParentNumber uint32                      // of Candidate
	BackedIn          uint32                      // block that backed Candidate
	Blocked           bool                        // ClaimLost
	Code              primitives.Hash             // of new code
	At                uint32                      // UpgradeAccepted
	Count             uint32                      // UpwardServed
	Peer              primitives.ParaID           // the recipient of a channel
	Session           primitives.SessionIndex     // SessionChanged, ConfigApplied
}

// String is the event in one line.
func (e Event) String() string {
	switch e.Kind {
	case Included, TimedOut, Backed, DroppedAtSession:
		return fmt.Sprintf("%v para %d candidate %s on core %d, group %d, relay parent #%d", e.Kind, e.Para, e.Candidate.Short(), e.Core, e.Group, e.RelayParentNumber)
	case ClaimLost:
		why := "unused"
		if e.Blocked {
			why = "core blocked"
		}
		return fmt.Sprintf("%v para %d on core %d: %s", e.Kind, e.Para, e.Core, why)
	case UpgradeAccepted:
		return fmt.Sprintf("%v para %d code %s, from relay parent #%d", e.Kind, e.Para, e.Code.Short(), e.At)
	case UpgradeScheduled, UpgradeAborted, CodeUpgraded, UpgradeGoAhead:
		return fmt.Sprintf("%v para %d code %s", e.Kind, e.Para, e.Code.Short())
	case UpwardServed, DownwardQueued:
		return fmt.Sprintf("%v para %d: %d", e.Kind, e.Para, e.Count)
	case ChannelOpened, ChannelClosed:
		return fmt.Sprintf("%v %d to %d", e.Kind, e.Para, e.Peer)
	case SessionChanged, ConfigApplied:
		return fmt.Sprintf("%v %d", e.Kind, e.Session)
	}
	return fmt.Sprintf("%v para %d", e.Kind, e.Para)
}
