package erasure

import (
	"encoding/binary"
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// Limits of a chunk that comes from outside (polkadot_node_primitives).
const (
	// MaxProofDepth is the largest number of nodes of a branch.
	MaxProofDepth = 8
	// MaxProofNode is the largest size of a node of a branch in bytes.
	MaxProofNode = 512 + 100
	// MaxChunkSize is the largest size of a chunk in bytes. It is that of the largest
	// proof of validity, 16 MiB, with room for the rest of the available data.
	MaxChunkSize = 20 << 20
)

// Errors of branches.
var (
	ErrInvalidBranch     = errors.New("invalid branch proof")
	ErrBranchOutOfBounds = errors.New("branch is out of bounds")
	ErrProofTooDeep      = errors.New("branch proof has more than 8 nodes")
)

// Chunk is one validator's part of the available data (ErasureChunk). It encodes as
// the data, the index u32 and the proof as Vec<Vec<u8>>.
type Chunk struct {
	Data  []byte
	Index uint32
	Proof [][]byte // the trie nodes from the root to the leaf of the chunk's hash
}

// EncodeTo appends the chunk.
func (c *Chunk) EncodeTo(b []byte) []byte {
	b = scale.AppendBytes(b, c.Data)
	b = scale.AppendU32(b, c.Index)
	return scale.AppendBytesVec(b, c.Proof)
}

// DecodeFrom reads a chunk within the limits of this package. A proof has at least one
// node, and no node is empty.
func (c *Chunk) DecodeFrom(d *scale.Decoder) {
	c.Data = d.Bytes(MaxChunkSize)
	c.Index = d.U32()
	c.Proof = d.BytesVec(MaxProofDepth, MaxProofNode)
	if err := checkProofShape(c.Proof); err != nil {
		d.Fail(err)
	}
}

func checkProofShape(proof [][]byte) error {
	if len(proof) > MaxProofDepth {
		return ErrProofTooDeep
	}
	if len(proof) == 0 {
		return fmt.Errorf("%w: it has no nodes", ErrInvalidBranch)
	}
	for _, node := range proof {
		if len(node) == 0 || len(node) > MaxProofNode {
			return fmt.Errorf("%w: a node has %d bytes", ErrInvalidBranch, len(node))
		}
	}
	return nil
}

// Verify checks that the chunk belongs to the data with that erasure root. The errors
// are those of [VerifyBranch], and [ErrInvalidBranch] for other data than proven.
func (c *Chunk) Verify(root hashing.Hash) error {
	h, err := VerifyBranch(root, c.Proof, c.Index)
	if err != nil {
		return err
	}
	if h != hashing.Blake2b256(c.Data) {
		return fmt.Errorf("verify chunk %d: %w: it proves another chunk", c.Index, ErrInvalidBranch)
	}
	return nil
}

// Tree is the commitment to the chunks of one payload: a trie of layout V0 that maps
// the chunk index, u32 little-endian, to blake2b-256 of the chunk.
type Tree struct {
	trie *trie.Trie
	n    int
}

// NewTree commits to chunks, which is what [Encode] returns.
func NewTree(chunks [][]byte) *Tree {
	return treeOf(len(chunks), func(i int) hashing.Hash { return hashing.Blake2b256(chunks[i]) })
}

func treeOf(n int, chunkHash func(i int) hashing.Hash) *Tree {
	pairs := make([]trie.Pair, n)
	flat := make([]byte, n*36)
	for i := range pairs {
		b := flat[i*36 : (i+1)*36 : (i+1)*36]
		binary.LittleEndian.PutUint32(b, uint32(i))
		h := chunkHash(i)
		copy(b[4:], h[:])
		pairs[i] = trie.Pair{Key: b[:4:4], Value: b[4:]}
	}
	return &Tree{trie: trie.FromPairs(trie.V0, pairs), n: n}
}

// Root is the erasure root.
func (t *Tree) Root() hashing.Hash { return t.trie.Root() }

// Branch is the proof of a chunk: the trie nodes from the root down to its leaf. The
// nodes must not be modified. The error wraps [ErrBranchOutOfBounds].
func (t *Tree) Branch(index uint32) ([][]byte, error) {
	if int64(index) >= int64(t.n) {
		return nil, fmt.Errorf("prove chunk %d of %d: %w", index, t.n, ErrBranchOutOfBounds)
	}
	rec := trie.NewRecorder()
	if _, _, err := t.trie.Get(binary.LittleEndian.AppendUint32(nil, index), rec); err != nil {
		return nil, fmt.Errorf("prove chunk %d of %d: %w", index, t.n, err)
	}
	// Recorded in the order of reading, which is from the root down.
	hashes := rec.Hashes()
	proof := make([][]byte, len(hashes))
	for i, h := range hashes {
		proof[i], _ = rec.Node(h)
	}
	return proof, nil
}

// Split codes a payload and proves every chunk: what the backers of a candidate hand
// out. The errors are those of [Encode].
func Split(n int, payload []byte) (root hashing.Hash, chunks []Chunk, err error) {
	data, err := Encode(n, payload)
	if err != nil {
		return hashing.Hash{}, nil, err
	}
	tree := NewTree(data)
	chunks = make([]Chunk, n)
	for i := range chunks {
		proof, err := tree.Branch(uint32(i))
		if err != nil {
			return hashing.Hash{}, nil, err
		}
		chunks[i] = Chunk{Data: data[i], Index: uint32(i), Proof: proof}
	}
	return tree.Root(), chunks, nil
}

// Root is the erasure root of chunks, which is what [Encode] returns.
func Root(chunks [][]byte) hashing.Hash { return NewTree(chunks).Root() }

// RootOf is the erasure root of a payload for n validators: that of the SCALE-encoded
// AvailableData belongs into the candidate's descriptor. The errors are those of
// [Encode].
func RootOf(n int, payload []byte) (hashing.Hash, error) {
	k, err := SystematicThreshold(n)
	if err == nil && k == 1 && len(payload) > 0 {
		// All chunks are the payload itself, filled up to an even length.
		chunk := payload
		if len(chunk)%2 != 0 {
			chunk = append(payload[:len(payload):len(payload)], 0)
		}
		h := hashing.Blake2b256(chunk)
		return treeOf(n, func(int) hashing.Hash { return h }).Root(), nil
	}
	chunks, err := Encode(n, payload)
	if err != nil {
		return hashing.Hash{}, err
	}
	return Root(chunks), nil
}

// VerifyBranch returns the hash that a branch proves for the chunk at index under root.
// The order of the nodes does not matter, and surplus ones are no error. The error
// wraps [ErrProofTooDeep] for more than 8 nodes, [ErrInvalidBranch] where the nodes do
// not lead from the root to an answer or have another size than 1…612 bytes, and [ErrBranchOutOfBounds] where they prove that
// there is no such chunk. (polkadot_erasure_coding::branch_hash)
func VerifyBranch(root hashing.Hash, proof [][]byte, index uint32) (hashing.Hash, error) {
	if err := checkProofShape(proof); err != nil {
		return hashing.Hash{}, fmt.Errorf("verify chunk %d: %w", index, err)
	}
	t, err := trie.FromProof(root, proof)
	if err != nil {
		return hashing.Hash{}, fmt.Errorf("verify chunk %d: %w: %w", index, ErrInvalidBranch, err)
	}
	value, ok, err := t.Get(binary.LittleEndian.AppendUint32(nil, index), nil)
	switch {
	case err != nil:
		return hashing.Hash{}, fmt.Errorf("verify chunk %d: %w: %w", index, ErrInvalidBranch, err)
	case !ok:
		return hashing.Hash{}, fmt.Errorf("verify chunk %d: %w", index, ErrBranchOutOfBounds)
	case len(value) != len(hashing.Hash{}):
		return hashing.Hash{}, fmt.Errorf("verify chunk %d: %w: the leaf holds %d bytes, not a hash", index, ErrInvalidBranch, len(value))
	}
	return hashing.Hash(value), nil
}
