package collator

import "pileus/primitives"

// RelayQuery is a question to the relay chain, in the shape of cumulus'
// RelayChainInterface (cumulus-relay-chain-interface). What each answers stands at its
// type; the state asked is that after the block At.
type RelayQuery interface{ relayQuery() }

type (
	// Header asks for a relay header: *primitives.Header, nil if it is not known.
	Header struct{ Hash Hash }
	// PersistedValidationData asks for a para's *primitives.PersistedValidationData, nil if there is none.
	PersistedValidationData struct {
		At         Hash
		Para       primitives.ParaID
		Assumption primitives.OccupiedCoreAssumption
	}
	// SessionIndexForChild asks for the session of the next block: primitives.SessionIndex.
	SessionIndexForChild struct{ At Hash }
	// ClaimQueue asks which paras may use which core next: map[primitives.CoreIndex][]primitives.ParaID.
	ClaimQueue struct{ At Hash }
	// SchedulingLookahead asks for scheduler_params.lookahead: uint32.
	SchedulingLookahead struct{ At Hash }
	// GroupForCore asks who backs for a core candidates that are scheduled on the block: [Group].
	GroupForCore struct {
		At   Hash
		Core primitives.CoreIndex
	}
	// ValidatorCount asks for the number of validators of the session: int.
	ValidatorCount struct{ At Hash }
	// DmqContents asks for the downward messages to a para: []primitives.InboundMessage.
	DmqContents struct {
		At   Hash
		Para primitives.ParaID
	}
	// InboundHrmpChannels asks for the horizontal messages to a para: map[primitives.ParaID][]primitives.InboundMessage.
	InboundHrmpChannels struct {
		At   Hash
		Para primitives.ParaID
	}
	// StorageValue asks for a value of the state: []byte, nil if absent.
	StorageValue struct {
		At  Hash
		Key []byte
	}
	// ProveRead asks for a storage proof of keys: [][]byte.
	ProveRead struct {
		At   Hash
		Keys [][]byte
	}
)

func (Header) relayQuery()                  {}
func (PersistedValidationData) relayQuery() {}
func (SessionIndexForChild) relayQuery()    {}
func (ClaimQueue) relayQuery()              {}
func (SchedulingLookahead) relayQuery()     {}
func (GroupForCore) relayQuery()            {}
func (ValidatorCount) relayQuery()          {}
func (DmqContents) relayQuery()             {}
func (InboundHrmpChannels) relayQuery()     {}
func (StorageValue) relayQuery()            {}
func (ProveRead) relayQuery()               {}

// Group is the answer to [GroupForCore].
type Group struct {
	Index   primitives.GroupIndex
	Members []primitives.ValidatorIndex
}
