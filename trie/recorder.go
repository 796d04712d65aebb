package trie

import (
	"bytes"
	"encoding/binary"
	"slices"

	"pileus/hashing"
	"pileus/scale"
)

// Recorder collects the nodes and hashed values that reads and changes touch: the
// storage proof of what was done. Each counts once, however often it is touched.
//
// It keeps the nodes' own bytes and copies none. A nil *Recorder records nothing. It
// serves one goroutine. (sp-trie recorder::Recorder)
type Recorder struct {
	entries []entry
	table   []int32 // open addressing by hash: index into entries + 1, 0 is free
	size    uint64
	ignored map[hashing.Hash]struct{}
}

type entry struct {
	hash hashing.Hash
	data []byte
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// Ignore leaves the nodes with these hashes out from now on: they are neither stored
// nor counted. In a bundle of blocks those are what earlier blocks have read or written.
func (r *Recorder) Ignore(hashes ...hashing.Hash) {
	if r.ignored == nil {
		r.ignored = make(map[hashing.Hash]struct{}, len(hashes))
	}
	for _, h := range hashes {
		r.ignored[h] = struct{}{}
	}
}

func (r *Recorder) add(hash hashing.Hash, data []byte) {
	if r == nil {
		return
	}
	if 2*len(r.entries) >= len(r.table) {
		r.grow()
	}
	at := r.slot(&hash)
	if r.table[at] != 0 {
		return
	}
	if _, skip := r.ignored[hash]; skip {
		return
	}
	r.entries = append(r.entries, entry{hash, data})
	r.table[at] = int32(len(r.entries))
	r.size += itemSize(data)
}

// slot finds the table place of hash, or the free one where it would go.
func (r *Recorder) slot(hash *hashing.Hash) int {
	mask := len(r.table) - 1
	at := int(binary.LittleEndian.Uint64(hash[:8])) & mask
	for r.table[at] != 0 && r.entries[r.table[at]-1].hash != *hash {
		at = (at + 1) & mask
	}
	return at
}

func (r *Recorder) grow() {
	r.table = make([]int32, max(64, 2*len(r.table)))
	for i := range r.entries {
		r.table[r.slot(&r.entries[i].hash)] = int32(i + 1)
	}
}

func itemSize(data []byte) uint64 {
	return uint64(scale.CompactLen(uint64(len(data))) + len(data))
}

// Size is the sum over the entries of their length as a SCALE Vec<u8>, in bytes: what
// the host function storage_proof_size reports.
func (r *Recorder) Size() uint64 { return r.size }

// Len is the number of entries.
func (r *Recorder) Len() int { return len(r.entries) }

// Checkpoint marks the present state for [Recorder.Rollback].
func (r *Recorder) Checkpoint() int { return len(r.entries) }

// Rollback forgets what was recorded since the checkpoint, size included. Checkpoints
// nest; a committed one needs no call. (Recorder::rollback_transaction)
func (r *Recorder) Rollback(checkpoint int) {
	// Entries go in reverse order of their coming, so every probe chain shortens at its end.
	for i := len(r.entries) - 1; i >= checkpoint; i-- {
		e := &r.entries[i]
		r.table[r.slot(&e.hash)] = 0
		r.size -= itemSize(e.data)
		*e = entry{}
	}
	r.entries = r.entries[:min(checkpoint, len(r.entries))]
}

// Has tells whether the node or value with that hash is recorded.
func (r *Recorder) Has(hash hashing.Hash) bool {
	return len(r.table) > 0 && r.table[r.slot(&hash)] != 0
}

// Proof returns the entries, sorted by bytes. They must not be modified.
func (r *Recorder) Proof() [][]byte {
	list := make([][]byte, len(r.entries))
	for i := range r.entries {
		list[i] = r.entries[i].data
	}
	slices.SortFunc(list, bytes.Compare)
	return list
}

// Hashes returns the entries' hashes in the order of their recording.
func (r *Recorder) Hashes() []hashing.Hash {
	list := make([]hashing.Hash, len(r.entries))
	for i := range r.entries {
		list[i] = r.entries[i].hash
	}
	return list
}

// Node implements [Source] over what was recorded.
func (r *Recorder) Node(hash hashing.Hash) ([]byte, bool) {
	if len(r.table) == 0 {
		return nil, false
	}
	if i := r.table[r.slot(&hash)]; i != 0 {
		return r.entries[i-1].data, true
	}
	return nil, false
}

// Clone returns an independent recorder with the same contents.
func (r *Recorder) Clone() *Recorder {
	c := &Recorder{entries: slices.Clone(r.entries), table: slices.Clone(r.table), size: r.size}
	for h := range r.ignored {
		c.Ignore(h)
	}
	return c
}
