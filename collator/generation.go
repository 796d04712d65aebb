package collator

import (
	"fmt"
	"slices"

	"pileus/erasure"
	"pileus/hashing"
	"pileus/primitives"
)

// Generation is what a collation's receipt is made of, besides the collation.
type Generation struct {
	Para               primitives.ParaID
	RelayParent        Hash
	Core               primitives.CoreIndex
	Session            primitives.SessionIndex // of the relay parent
	Validators         int                     // of that session
	ValidationCodeHash Hash
	ParentHead         []byte
	PVD                *primitives.PersistedValidationData
	ClaimQueue         map[primitives.CoreIndex][]primitives.ParaID // at the relay parent
}

// Candidate is a collation with its receipt, ready to be offered.
type Candidate struct {
	Receipt     primitives.CandidateReceipt
	Hash        primitives.CandidateHash
	Commitments primitives.CandidateCommitments
	PoV         primitives.PoV
	PVD         *primitives.PersistedValidationData
	ParentHead  []byte
	Core        primitives.CoreIndex
}

// Generate makes the candidate, with a descriptor of version 2, from a collation
// (polkadot-node-collation-generation). A PoV above the limit, or upward signals that
// disagree with the core, is a [*RefusedError].
func Generate(g Generation, pov primitives.PoV, commitments primitives.CandidateCommitments) (*Candidate, error) {
	if size := pov.EncodedSize(); uint64(size) > uint64(g.PVD.MaxPoVSize) {
		return nil, &RefusedError{PoVTooLarge, fmt.Sprintf("PoV of %d bytes exceeds the maximum of %d", size, g.PVD.MaxPoVSize), size}
	}
	data := primitives.AvailableData{PoV: pov, ValidationData: *g.PVD}
	available := data.EncodeTo(make([]byte, 0, pov.EncodedSize()+len(g.PVD.ParentHead)+64)) // the PoV stands first
	root, err := erasure.RootOf(g.Validators, available)
	if err != nil {
		return nil, fmt.Errorf("erasure root: %w", err)
	}
	fields := primitives.DescriptorFields{
		Version: primitives.DescriptorV2, Para: g.Para, RelayParent: g.RelayParent, Core: g.Core, Session: g.Session,
		PVDHash: g.PVD.Hash(), PoVHash: hashing.Blake2b256(available[:pov.EncodedSize()]), ErasureRoot: root,
		ParaHead: primitives.ParaHeadHash(commitments.HeadData), ValidationCodeHash: g.ValidationCodeHash,
	}
	committed := primitives.CommittedCandidateReceipt{Descriptor: fields.Descriptor(), Commitments: commitments}
	if _, err := committed.CheckUMPSignals(transposed(g.ClaimQueue)); err != nil {
		return nil, &RefusedError{Reason: SignalsDisagree, Detail: err.Error()}
	}
	receipt := committed.Receipt()
	return &Candidate{receipt, receipt.Hash(), commitments, pov, g.PVD, g.ParentHead, g.Core}, nil
}

// transposed turns a claim queue round: para, depth, cores in ascending order.
func transposed(queue map[primitives.CoreIndex][]primitives.ParaID) primitives.TransposedClaimQueue {
	cores := make([]primitives.CoreIndex, 0, len(queue))
	for core := range queue {
		cores = append(cores, core)
	}
	slices.Sort(cores)
	t := primitives.TransposedClaimQueue{}
	for _, core := range cores {
		for depth, para := range queue[core] {
			if t[para] == nil {
				t[para] = map[uint8][]primitives.CoreIndex{}
			}
			t[para][uint8(depth)] = append(t[para][uint8(depth)], core)
		}
	}
	return t
}
