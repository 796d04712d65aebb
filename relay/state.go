package relay

import (
	"maps"
	"slices"

	"pileus/primitives"
	"pileus/trie"
)

// State is the relay chain's state after a block, with what its ParachainHost runtime API
// answers at that block. It is immutable and may be used by several goroutines.
//
// What it returns is shared with other states and must not be changed.
type State struct {
	*store
	params   Params
	events   []Event // of the block
	restored bool    // from a trie: the events are not known
}

// Trie is the state trie.
func (s *State) Trie() *trie.Trie { return s.trie }

// Root is the state root.
func (s *State) Root() Hash { return s.trie.Root() }

// Number is the block's number.
func (s *State) Number() uint32 { return itemNumber.or(s) }

// Slot is the block's slot.
func (s *State) Slot() primitives.Slot { return itemSlot.or(s) }

// Params is what is fixed in the runtime.
func (s *State) Params() Params { return s.params }

// Config is the active host configuration.
func (s *State) Config() *primitives.HostConfiguration { return itemConfig.or(s) }

// ProveRead returns the storage proof for reading the keys, present or absent: the nodes
// of the state trie, sorted. It verifies against [State.Root].
func (s *State) ProveRead(keys [][]byte) ([][]byte, error) { return trie.ReadProof(s.trie, keys) }

// Events are the block's events.
func (s *State) Events() []Event { return s.events }

// ParaIDs are the parachains, ascending (para_ids).
func (s *State) ParaIDs() []primitives.ParaID { return itemParas.or(s) }

// Head is the para's included head data, nil for an unknown para.
func (s *State) Head(para primitives.ParaID) []byte { return itemHead.at(para).or(s) }

// ActiveIndices maps the validators of the session, by [primitives.ValidatorIndex], to
// their places among the validators that the chain was started with, which are also the
// authorities' places ([SlotAuthor]). Every session shuffles them anew.
func (s *State) ActiveIndices() []uint32 { return itemActiveIndices.or(s) }

// Pending are the para's candidates that are backed and not yet included, in the order in
// which they will be.
func (s *State) Pending(para primitives.ParaID) []*PendingCandidate {
	return itemPendingCandidates.at(para).or(s)
}

// group is the group that serves the core for candidates that are scheduled on a block
// with that number: the one of the block after it.
func group(r reader, c *primitives.HostConfiguration, core primitives.CoreIndex, schedulingParent uint32) (primitives.GroupIndex, []primitives.ValidatorIndex, bool) {
	groups := itemGroups.or(r)
	g, ok := rotation(r, c, schedulingParent+1).GroupForCore(core, schedulingParent+1, len(groups))
	if !ok {
		return 0, nil, false
	}
	return g, groups[g], true
}

func rotation(r reader, c *primitives.HostConfiguration, now uint32) primitives.GroupRotationInfo {
	return primitives.GroupRotationInfo{SessionStartBlock: itemSessionStart.or(r), GroupRotationFrequency: c.SchedulerParams.GroupRotationFrequency, Now: now}
}

// availabilityLimit is the block by which a candidate that was backed in block backedIn
// has to be available, and whether block now looks at that at all: only in the first
// blocks after a rotation (scheduler::availability_timeout_predicate).
func availabilityLimit(r reader, c *primitives.HostConfiguration, now, backedIn uint32) (limit uint32, checked bool) {
	period := c.SchedulerParams.ParasAvailabilityPeriod
	if now+1 < lastRotation(r, c, now+1)+period {
		return backedIn + period, true
	}
	return lastRotation(r, c, now) + c.SchedulerParams.GroupRotationFrequency + period, false
}

// lastRotation is the block at or before at in which groups last moved to other cores.
func lastRotation(r reader, c *primitives.HostConfiguration, at uint32) uint32 {
	start := itemSessionStart.or(r)
	if at < start {
		return start
	}
	return at - (at-start)%c.SchedulerParams.GroupRotationFrequency
}

func sortedKeys[K ~uint32, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
