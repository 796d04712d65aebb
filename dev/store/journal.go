package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// A store that prunes counts at how many places of its states a node stands: at all of the
// oldest state, and, of every other one, at those where its parent has something else. A
// block's journal has what it adds and removes against its parent ([trie.State.Delta]).
//
//	count = places in the oldest state + added by every other block that is kept
//
// So a node of a kept state never counts zero. When the oldest state goes, the next one is
// the oldest: what that one has removed counts less. When a fork goes, what it has added
// does. The first block's state counts once more and so stays for ever.

// journal is what a block's state has that its parent's has not, and the other way round.
type journal struct {
	added, removed []Hash
}

func (j *journal) encode() []byte {
	hashes := func(b []byte, list []Hash) []byte {
		return scale.AppendVecFunc(b, list, func(b []byte, h Hash) []byte { return append(b, h[:]...) })
	}
	return hashes(hashes(nil, j.added), j.removed)
}

const maxJournal = 1 << 26

func (j *journal) decode(raw []byte) error {
	d := scale.NewDecoder(raw)
	hash := func(d *scale.Decoder) (h Hash) { d.Array(h[:]); return h }
	j.added, j.removed = scale.DecodeVecFunc(d, maxJournal, hash), scale.DecodeVecFunc(d, maxJournal, hash)
	return d.Finish()
}

// fill finds what is new with a block.
func (n *newBlock) fill(b *Batch) error {
	parent := n.parent
	if parent == nil {
		parent = trie.NewState(trie.New(), nil)
	}
	err := n.state.Delta(parent, func(hash hashing.Hash, data []byte) {
		n.journal.added = append(n.journal.added, hash)
		b.nodes[hash] = data
	}, func(hash hashing.Hash) { n.journal.removed = append(n.journal.removed, hash) })
	if err != nil {
		return fmt.Errorf("state of block #%d, %s: %w", n.Number(), n.Hash, err)
	}
	return nil
}

// journals are those of a chain in a transaction; b keeps account of the counts.
type journals struct {
	chain *bbolt.Bucket
	b     *Batch
}

func (j journals) count(hashes []Hash, by int) {
	for _, h := range hashes {
		j.b.places[h] += by
	}
}

// add takes in a new block.
func (j journals) add(b newBlock) error {
	j.count(b.journal.added, 1)
	if b.parent == nil {
		j.count(b.journal.added, 1)
		return j.chain.Put(keyOldest, seal(numberKey(b.Number())))
	}
	return j.chain.Bucket(bucketJournal).Put(b.Hash[:], seal(b.journal.encode()))
}

// take returns a block's journal and deletes it.
func (j journals) take(hash Hash) (n journal, err error) {
	journals := j.chain.Bucket(bucketJournal)
	raw, err := unseal(journals.Get(hash[:]))
	if err == nil {
		err = n.decode(raw)
	}
	if err != nil {
		return n, fmt.Errorf("journal of block %s: %w (%w)", hash, ErrDamaged, err)
	}
	return n, journals.Delete(hash[:])
}

// drop takes out a block that is not final.
func (j journals) drop(hash Hash) error {
	n, err := j.take(hash)
	if err != nil {
		return err
	}
	j.count(n.added, -1)
	return j.chain.Bucket(bucketBlocks).Delete(hash[:])
}

// maxPruned is how many states are discarded at once: where many were held, letting go of
// them must not hold up the network.
const maxPruned = 64

// prune discards states and bodies below a block, and headers far below.
func (j journals) prune(lowest uint32) error {
	oldest, err := oldestOf(j.chain)
	if err != nil {
		return err
	}
	end := min(lowest, oldest+maxPruned)
	if oldest >= end {
		return nil
	}
	for ; oldest < end; oldest++ {
		if err := j.discard(oldest); err != nil {
			return fmt.Errorf("discard the state of #%d: %w", oldest, err)
		}
	}
	return j.chain.Put(keyOldest, seal(numberKey(oldest)))
}

// discard takes out the oldest state.
func (j journals) discard(oldest uint32) error {
	blocks, final, lost := j.chain.Bucket(bucketBlocks), j.chain.Bucket(bucketFinal), j.chain.Bucket(bucketLost)
	for k, _ := lost.Cursor().First(); k != nil && binary.BigEndian.Uint32(k) <= oldest; k, _ = lost.Cursor().First() {
		hash := Hash(k[4:])
		if err := lost.Delete(k); err != nil {
			return err
		}
		if err := j.drop(hash); err != nil {
			return err
		}
	}
	next := final.Get(numberKey(oldest + 1))
	if len(next) != len(Hash{}) {
		return fmt.Errorf("%w: the block after it is missing", ErrDamaged)
	}
	n, err := j.take(Hash(next))
	if err != nil {
		return err
	}
	j.count(n.removed, -1)
	first, _ := final.Cursor().First()
	if oldest == binary.BigEndian.Uint32(first) {
		return nil
	}
	at := final.Get(numberKey(oldest))
	b, err := decodeBlock(blocks.Get(at))
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	b.Pruned = true
	if err := blocks.Put(b.Hash[:], encodeBlock(b)); err != nil {
		return err
	}
	if oldest < keptHeaders {
		return nil
	}
	key := numberKey(oldest - keptHeaders)
	if at := final.Get(key); at != nil && string(key) != string(first) {
		hash := Hash(at)
		if err := final.Delete(key); err != nil {
			return err
		}
		return blocks.Delete(hash[:])
	}
	return nil
}

// revert takes out the blocks that came after a mark: those of the chain and of its forks.
func (j journals) revert(m *Mark) error {
	var all []Hash
	final, lost := j.chain.Bucket(bucketFinal), j.chain.Bucket(bucketLost)
	from := numberKey(m.blocks[0].Number())
	c := final.Cursor()
	for k, v := c.Seek(from); k != nil; k, v = c.Next() {
		all = append(all, Hash(v))
	}
	raw, err := unseal(j.chain.Get(keyHeads))
	if err != nil {
		return err
	}
	var h heads
	if err := h.decode(raw); err != nil {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	all = append(all, h.above...)
	c = lost.Cursor()
	for k, _ := c.Seek(from); k != nil; k, _ = c.Seek(from) {
		all = append(all, Hash(k[4:]))
		if err := lost.Delete(k); err != nil {
			return err
		}
	}
	for _, hash := range all {
		if slices.ContainsFunc(m.blocks, func(r *record) bool { return r.Hash == hash }) {
			continue
		}
		if err := j.drop(hash); err != nil {
			return err
		}
	}
	return nil
}

// oldestOf is the number of the oldest block whose state is in the store, but for the first one's.
func oldestOf(chain *bbolt.Bucket) (uint32, error) {
	raw, err := unseal(chain.Get(keyOldest))
	if err != nil || len(raw) != 4 {
		return 0, fmt.Errorf("the oldest state: %w", ErrDamaged)
	}
	return binary.BigEndian.Uint32(raw), nil
}

// count writes nodes with their counts. That of a node which stands at one place is not written.
func (b *Batch) count(tx *bbolt.Tx) error {
	nodes, more := tx.Bucket(bucketNodes), tx.Bucket(bucketMore)
	for hash, by := range b.places {
		if by == 0 {
			continue
		}
		was := 0
		if nodes.Get(hash[:]) != nil {
			was = 1
			if v := more.Get(hash[:]); len(v) == 4 {
				was += int(binary.BigEndian.Uint32(v))
			}
		}
		is := was + by
		switch {
		case is < 0:
			return fmt.Errorf("%w: node %s counts %d", ErrDamaged, hash, is)
		case was == 0:
			if err := nodes.Put(hash[:], b.nodes[hash]); err != nil {
				return err
			}
		case is == 0:
			if err := nodes.Delete(hash[:]); err != nil {
				return err
			}
		}
		if is > 1 {
			if err := more.Put(hash[:], numberKey(uint32(is-1))); err != nil {
				return err
			}
		} else if was > 1 {
			if err := more.Delete(hash[:]); err != nil {
				return err
			}
		}
	}
	return nil
}
