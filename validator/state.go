package validator

import (
	"time"

	"pileus/primitives"
)

// ChainState is what a node asks about the state after a relay block: the calls of the ParachainHost
// runtime API at that block. It is immutable and answers the same at any time.
type ChainState interface {
	SessionIndexForChild() primitives.SessionIndex
	Validators() [][32]byte
	ValidatorGroups() ([][]primitives.ValidatorIndex, primitives.GroupRotationInfo)
	AvailabilityCores() []primitives.CoreState
	ClaimQueue() map[primitives.CoreIndex][]primitives.ParaID
	// BackingConstraints is nil if the para has no head or no code.
	BackingConstraints(para primitives.ParaID) *primitives.Constraints
	CandidatesPendingAvailability(para primitives.ParaID) []primitives.CommittedCandidateReceipt
	// ValidationCodeByHash is nil if there is no such code.
	ValidationCodeByHash(hash primitives.Hash) []byte
	CandidateEvents() []primitives.CandidateEvent
	ExecutorParams(session primitives.SessionIndex) primitives.ExecutorParams
	// AncestorRelayParentInfo is number and storage root of an earlier block that may be a relay parent.
	AncestorRelayParentInfo(session primitives.SessionIndex, hash primitives.Hash) (number uint32, root primitives.Hash, ok bool)
	Config() *primitives.HostConfiguration
}

// block is a relay block as the node sees it: what its state says, and what has gathered on it.
type block struct {
	RelayBlock
	header  *primitives.Header
	slot    primitives.Slot
	arrived time.Duration
	session primitives.SessionIndex
	parents []*block // scheduling parents allowed to its children: itself, then up to lookahead-1 ancestors of its session

	state      ChainState
	config     *primitives.HostConfiguration
	validators [][32]byte
	groups     [][]primitives.ValidatorIndex
	rotation   primitives.GroupRotationInfo
	cores      []primitives.CoreState
	queue      map[primitives.CoreIndex][]primitives.ParaID
	transposed primitives.TransposedClaimQueue

	me       primitives.ValidatorIndex
	active   bool // me is valid
	myGroup  primitives.GroupIndex
	myCore   primitives.CoreIndex
	assigned bool // myGroup and myCore are valid

	open      bool // an active leaf counts it among its scheduling parents
	chains    map[primitives.ParaID]*FragmentChain
	table     *table
	signed    map[primitives.CandidateHash]bool // we have made a statement
	ads       []*advertisement
	bitfields map[primitives.ValidatorIndex][]primitives.SignedBitfield
}

func (b *block) signingContext() primitives.SigningContext {
	return primitives.SigningContext{Session: b.session, Parent: b.Hash}
}

// groupOf is the validator's group in the block's session.
func (b *block) groupOf(v primitives.ValidatorIndex) (primitives.GroupIndex, bool) {
	for g, members := range b.groups {
		for _, m := range members {
			if m == v {
				return primitives.GroupIndex(g), true
			}
		}
	}
	return 0, false
}

// coreOf is the core that the group serves for candidates whose scheduling parent is the block.
func (b *block) coreOf(g primitives.GroupIndex) (primitives.CoreIndex, bool) {
	return b.rotation.CoreForGroup(g, b.Number+1, len(b.groups))
}

// claims counts the entries of the core in the block's claim queue that the para holds.
func (b *block) claims(core primitives.CoreIndex, para primitives.ParaID) (n int) {
	for _, p := range b.queue[core] {
		if p == para {
			n++
		}
	}
	return n
}

// inView tells whether the block counts sp among its scheduling parents.
func (b *block) inView(sp *block) bool {
	for _, p := range b.parents {
		if p == sp {
			return true
		}
	}
	return false
}

func (b *block) feature(bit int) bool { return b.config.NodeFeatures.Get(bit) }

func transpose(queue map[primitives.CoreIndex][]primitives.ParaID, cores int) primitives.TransposedClaimQueue {
	t := primitives.TransposedClaimQueue{}
	for core := range primitives.CoreIndex(cores) {
		for depth, para := range queue[core] {
			if t[para] == nil {
				t[para] = map[uint8][]primitives.CoreIndex{}
			}
			t[para][uint8(depth)] = append(t[para][uint8(depth)], core)
		}
	}
	return t
}
