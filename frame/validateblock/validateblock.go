// Package validateblock is the validation function of a parachain: what validators of the
// relay chain run on a PoV. It executes the PoV's blocks on nothing but the part of the
// state that travels in it, and returns what the candidate commits to.
//
//	ValidationParams ─► parent header, blocks, compact proof
//	  blocks: a chain on the parent, headers within the limit, one bundle      (check.go)
//	  proof ─► partial state with the parent's root
//	  each block: seal by whose turn it was ─► execute, recording the proof size
//	              ─► validation data as in the params ─► outputs               (outputs.go)
//	  ─► ValidationResult
//
// Everything that must not be panics, in the words of
// cumulus-pallet-parachain-system 0.32 (validate_block), whose rules these are: a
// validator takes any panic for an invalid candidate.
package validateblock

import (
	"fmt"

	"pileus/frame"
	"pileus/frame/host"
	"pileus/frame/pallet/parachainsystem"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/trie"
)

// Config is what register_validate_block takes. There is no CheckInherents: behind the
// relay chain's slot, which the consensus hook checks, there is nothing for it to do
// (guide, phase 1, step 8).
type Config struct {
	Runtime         *frame.Runtime
	ParachainSystem *parachainsystem.Pallet
	BlockExecutor   BlockExecutor
}

// BlockExecutor stands between a block as the collator sealed it and the runtime, which
// executes blocks without seal.
type BlockExecutor interface {
	// VerifyAndRemoveSeal returns the header without its seal. It panics unless the
	// block was sealed by whose turn it was. Storage is that of the parent.
	VerifyAndRemoveSeal(header primitives.Header) primitives.Header
}

// ValidateBlock executes the PoV in params, encoded ValidationParams, and returns an
// encoded ValidationResult. It panics if the candidate is invalid. The bytes of params
// must not change while it runs; storage functions are its own until it returns.
func ValidateBlock(c Config, params []byte) []byte {
	p := decodeParams(params)
	parent := p.parentHeader()
	p.checkBlocks(&parent)
	state, err := trie.StateFromCompact(parent.StateRoot, p.proof)
	if err != nil {
		panic("Compact proof decoding failure.")
	}
	v := validation{Config: c, params: p, state: state}
	previous := host.Install(nil)
	defer host.Install(previous)
	for i := range p.blocks {
		v.block(i)
	}
	return v.out.result().EncodeTo(nil)
}

// validation goes through the blocks.
type validation struct {
	Config
	params *params
	state  *trie.State // after the blocks so far
	seen   []hashing.Hash
	out    outputs
}

// block executes one block on the state that the one before has left.
func (v *validation) block(i int) {
	b := &v.params.blocks[i]
	host.Install(host.NewMemory(v.state, nil)) // reading for the seal is not recorded
	bare := v.BlockExecutor.VerifyAndRemoveSeal(b.header)
	recorder := trie.NewRecorder()
	recorder.Ignore(v.seen...) // what earlier blocks have read or written is free
	storage := host.NewMemory(v.state, recorder)
	host.Install(storage)
	v.Runtime.ExecuteBlock(&primitives.Block{Header: bare, Extrinsics: b.extrinsics})
	v.checkUpgrade(storage)
	v.checkValidationData()
	v.out.collect(v.ParachainSystem, &b.header)
	if i+1 < len(v.params.blocks) {
		v.advance(storage, recorder)
	}
}

// keys under which a runtime's code stands: now, and from the next block on.
const (
	codeKey        = ":code"
	pendingCodeKey = ":pending_code"
)

// checkUpgrade demands that a block which changes the code is alone in its PoV: the
// validators run all of it on the code that the relay chain has.
func (v *validation) checkUpgrade(storage *host.Memory) {
	n := len(v.params.blocks)
	if n == 1 {
		return
	}
	pending := v.Runtime.Version.SystemVersion >= 3
	for _, c := range storage.Changes() {
		if key := string(c.Key); key == codeKey || pending && key == pendingCodeKey {
			panic(fmt.Sprintf("When applying a runtime upgrade, only one block per PoV is allowed. Received %d.", n))
		}
	}
}

// checkValidationData holds what the inherent said against what the relay chain says.
// Every block of a PoV names the PoV's parent as its parent head.
func (v *validation) checkValidationData() {
	data, ok := v.ParachainSystem.ValidationData.TryGet()
	switch p := v.params; {
	case !ok:
		panic("`ValidationData` is set by the inherent of every block")
	case string(data.ParentHead) != string(p.parentHead):
		panic("Parent head doesn't match")
	case data.RelayParentNumber != p.relayParentNumber:
		panic("Relay parent number doesn't match")
	case data.RelayParentStorageRoot != p.relayParentStorageRoot:
		panic("Relay parent storage root doesn't match")
	}
}

// advance makes the state after a block that of the next one.
func (v *validation) advance(storage *host.Memory, recorder *trie.Recorder) {
	next, err := storage.Finish(v.Runtime.Version.StateVersion())
	if err != nil {
		panic("storage: " + err.Error())
	}
	v.seen = append(v.seen, recorder.Hashes()...)
	next.Written(v.state, func(hash hashing.Hash, _ []byte) { v.seen = append(v.seen, hash) })
	v.state = next
}
