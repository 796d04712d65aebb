package validator

import (
	"fmt"

	"pileus/erasure"
	"pileus/primitives"
)

// stored is what the node can serve of a candidate's available data: everything as a backer, one chunk otherwise.
type stored struct {
	pov    *primitives.PoV
	pvd    *primitives.PersistedValidationData
	chunks []erasure.Chunk // all, of a backer
	own    *erasure.Chunk  // one, fetched
	needed uint32          // the last relay block for which it mattered
}

// chunkJob is the fetch of our chunk of a candidate that is pending availability.
type chunkJob struct {
	candidate primitives.CandidateHash
	para      primitives.ParaID
	root      primitives.Hash
	index     uint32
	needed    uint32
}

// PoV is the PoV of a candidate that the node has validated, for other validators of its group and for
// collators that recover it; nil if it is not here.
func (n *Node) PoV(candidate primitives.CandidateHash) *primitives.PoV {
	if s := n.stored[candidate]; s != nil {
		return s.pov
	}
	return nil
}

// Chunk is one chunk of a candidate's available data, if the node keeps it.
func (n *Node) Chunk(candidate primitives.CandidateHash, index uint32) *erasure.Chunk {
	s := n.stored[candidate]
	switch {
	case s == nil:
		return nil
	case int(index) < len(s.chunks):
		return &s.chunks[index]
	case s.own != nil && s.own.Index == index:
		return s.own
	}
	return nil
}

// keepAvailable rebuilds the erasure root from the available data and keeps the chunks if it is the one promised.
func (n *Node) keepAvailable(j *job) *refusal {
	root, chunks, err := n.cfg.Split(len(j.block.validators), &primitives.AvailableData{PoV: *j.pov, ValidationData: *j.pvd})
	if err != nil {
		return &refusal{InternalFault, err.Error()}
	}
	if want := j.receipt.Descriptor.ErasureRoot(); root != want {
		return &refusal{ErasureRootMismatch, fmt.Sprintf("rebuilt %s, the descriptor names %s", root.Short(), want.Short())}
	}
	n.stored[j.candidate] = &stored{pov: j.pov, pvd: j.pvd, chunks: chunks, needed: j.block.Number}
	return nil
}

// requestChunks fetches our chunk of every candidate that is pending availability after the block, from
// the group that backed it (polkadot_availability_distribution).
func (n *Node) requestChunks(b *block) {
	if !b.active {
		return
	}
	for i := range b.cores {
		o := &b.cores[i].Occupied
		if b.cores[i].Kind != primitives.CoreOccupied {
			continue
		}
		if s := n.stored[o.CandidateHash]; s != nil {
			s.needed = max(s.needed, b.Number)
			continue
		}
		if n.fetchingChunk(o.CandidateHash) || int(o.GroupResponsible) >= len(b.groups) {
			continue
		}
		j := &chunkJob{o.CandidateHash, o.Descriptor.Para(), o.Descriptor.ErasureRoot(), b.chunkIndex(primitives.CoreIndex(i)), b.Number}
		id := n.id()
		n.chunks[id] = j
		n.emit(FetchChunk{id, b.groups[o.GroupResponsible], b.session, o.CandidateHash, j.index})
	}
}

func (b *block) chunkIndex(core primitives.CoreIndex) uint32 {
	return ChunkIndex(b.config.NodeFeatures, len(b.validators), core, b.me)
}

func (n *Node) fetchingChunk(candidate primitives.CandidateHash) bool {
	for _, j := range n.chunks {
		if j.candidate == candidate {
			return true
		}
	}
	return false
}

// chunkFetched keeps a chunk that the erasure root proves. After a failure the next leaf tries again.
func (n *Node) chunkFetched(in ChunkFetched) {
	j := n.chunks[in.ID]
	delete(n.chunks, in.ID)
	if j == nil || n.stored[j.candidate] != nil {
		return
	}
	why := refusal{}
	switch {
	case in.Err != nil:
		why = refusal{FetchFailed, in.Err.Error()}
	case in.Chunk == nil || in.Chunk.Index != j.index:
		why = refusal{InvalidChunk, "another chunk than asked for"}
	default:
		if err := in.Chunk.Verify(j.root); err != nil {
			why = refusal{InvalidChunk, err.Error()}
		}
	}
	if why.reason != "" {
		n.emit(Note{Kind: NoteRefused, Candidate: j.candidate, Para: j.para, Stage: StageBacked, Reason: why.reason, Detail: why.detail})
		return
	}
	n.stored[j.candidate] = &stored{own: in.Chunk, needed: j.needed}
}

// signBitfield says, 1.5 s after the leaf, of which occupied cores we hold our chunk
// (polkadot_node_core_bitfield_signing). A leaf that has been built upon meanwhile needs it no more.
func (n *Node) signBitfield(b *block) {
	if !b.active || !n.isLeaf(b) {
		return
	}
	bits := primitives.NewBitVec(len(b.cores))
	for i := range b.cores {
		if b.cores[i].Kind == primitives.CoreOccupied && n.Chunk(b.cores[i].Occupied.CandidateHash, b.chunkIndex(primitives.CoreIndex(i))) != nil {
			bits.Set(i)
		}
	}
	f := primitives.SignedBitfield{Bits: bits, Validator: b.me}
	f.Signature = n.cfg.Key.Sign(primitives.BitfieldPayload(bits, b.signingContext()))
	b.bitfields[b.me] = []primitives.SignedBitfield{f}
	n.emit(Note{Kind: NoteBitfield, Block: b.Hash, Validator: b.me, Bits: bits})
	n.emit(Gossip{Bitfield: &BitfieldReceived{b.Hash, f}})
}

func (n *Node) isLeaf(b *block) bool {
	for _, l := range n.leaves {
		if l == b {
			return true
		}
	}
	return false
}

// bitfieldReceived keeps another validator's bitfield on a live block for the provisioner.
func (n *Node) bitfieldReceived(in BitfieldReceived) {
	b := n.blocks[in.Block]
	if b == nil {
		n.wait(in.Block, in)
		return
	}
	f := in.Bitfield
	if !b.open || b.active && f.Validator == b.me {
		return
	}
	why := refusal{}
	switch {
	case int(f.Validator) >= len(b.validators):
		why = refusal{UnknownValidator, fmt.Sprintf("%d of %d", f.Validator, len(b.validators))}
	case f.Bits.Len() != len(b.cores):
		why = refusal{BitfieldLength, fmt.Sprintf("%d bits, %d cores", f.Bits.Len(), len(b.cores))}
	case !n.cfg.Verify(f.Signature, primitives.BitfieldPayload(f.Bits, b.signingContext()), b.validators[f.Validator]):
		why = refusal{BadSignature, fmt.Sprintf("bitfield of validator %d", f.Validator)}
	case len(b.bitfields[f.Validator]) >= maxDistinctBits:
		why = refusal{DuplicateBitfield, fmt.Sprintf("more than %d of validator %d", maxDistinctBits, f.Validator)}
	}
	if why.reason != "" {
		n.emit(Note{Kind: NoteRefused, Block: b.Hash, Reason: why.reason, Detail: why.detail, Validator: f.Validator})
		return
	}
	for _, old := range b.bitfields[f.Validator] {
		if old.Bits.String() == f.Bits.String() {
			return
		}
	}
	b.bitfields[f.Validator] = append(b.bitfields[f.Validator], f)
}
