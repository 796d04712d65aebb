package parachain

import "pileus/primitives"

// Input is what a [Node] is told.
type Input interface{ input() }

type (
	// BlockReceived says that a block came from another node, or, Recovered, out of the
	// availability store of the relay chain.
	BlockReceived struct {
		Block     *primitives.Block
		From      string
		Recovered bool
	}
	// BlockBuilt says that this node itself has built and sealed a block. It is imported
	// with its state, without executing it again.
	BlockBuilt struct{ Built *Built }
	// BlockExecuted answers an [Execute]: what executing the block gave, or why it is refused.
	BlockExecuted struct {
		ID     uint64
		Result *Executed
		Err    error
	}
	// RelayBest says that another relay block is the best one. Included is the para's head
	// in its state (persisted validation data under the assumption TimedOut), Pending the
	// candidates that wait for availability.
	RelayBest struct {
		Included []byte
		Pending  []PendingBlock
	}
	// RelayFinalized says that a relay block is final, with the para's head in its state.
	RelayFinalized struct{ Included []byte }
)

// PendingBlock is a candidate's last block.
type PendingBlock struct {
	Candidate primitives.CandidateHash
	Block     primitives.Hash
}

func (BlockReceived) input()  {}
func (BlockBuilt) input()     {}
func (BlockExecuted) input()  {}
func (RelayBest) input()      {}
func (RelayFinalized) input() {}

// Output is what a [Node] wants done, or tells.
type Output interface{ output() }

type (
	// Execute asks for [Host.Execute]; the answer is a [BlockExecuted] with the same ID.
	Execute struct {
		ID     uint64
		Params ExecuteParams
	}
	// Announce tells the other nodes of a block: at import, own blocks and others'.
	Announce struct {
		Block *primitives.Block
		Own   bool
	}
	// Imported says that a block is in the chain.
	Imported struct{ Entry *Entry }
	// BestChanged says that another block is the best one. Retracted are the blocks that
	// are left, from the old best one down; Enacted those up to the new one, the lowest first.
	BestChanged struct {
		Best      *Entry
		Retracted []*Entry
		Enacted   []*Entry
	}
	// Finalized says that blocks became final, the lowest first, and which ones lost by it.
	Finalized struct {
		Hash   primitives.Hash
		Blocks []*Entry
		Pruned []*Entry
	}
	// Rejected says that a block was not imported.
	Rejected struct {
		Hash   primitives.Hash
		Number uint32
		From   string
		Err    error
	}
	// Missing says that the relay chain knows a block that never came; Candidate is zero
	// where it is known by its head only. Collators recover it 3 to 6 s later, full nodes
	// 150 to 300 s later (cumulus-client-pov-recovery).
	Missing struct {
		Block     primitives.Hash
		Candidate primitives.CandidateHash
	}
)

func (Execute) output()     {}
func (Announce) output()    {}
func (Imported) output()    {}
func (BestChanged) output() {}
func (Finalized) output()   {}
func (Rejected) output()    {}
func (Missing) output()     {}
