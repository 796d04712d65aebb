package store

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Batch is what has to be written since the last [DB.Commit].
type Batch struct {
	nodes  map[hashing.Hash][]byte // trie nodes and values, by hash
	places map[hashing.Hash]int    // by how much their counts change, in a store that prunes
	chains map[string]*chainBatch
	values map[string][]byte
}

type chainBatch struct {
	blocks []newBlock
	final  []*Block
	lost   []loser
	revert *Mark // first of all, the chain goes back to it
	heads  heads
	lowest uint32 // no block below it has a state
}

// newBlock is a block with the state before it, nil for the first one.
type newBlock struct {
	*record
	parent *trie.State

	journal journal // once it is filled in
}

// heads are what of a chain is not final yet.
type heads struct {
	best  Hash
	above []Hash // parents first
}

func (h *heads) encode() []byte {
	return scale.AppendVecFunc(append([]byte{}, h.best[:]...), h.above, func(b []byte, x Hash) []byte { return append(b, x[:]...) })
}

func (h *heads) decode(raw []byte) error {
	d := scale.NewDecoder(raw)
	d.Array(h.best[:])
	h.above = scale.DecodeVecFunc(d, 1<<16, func(d *scale.Decoder) (x primitives.Hash) { d.Array(x[:]); return x })
	return d.Finish()
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	return &Batch{nodes: map[hashing.Hash][]byte{}, places: map[hashing.Hash]int{}, chains: map[string]*chainBatch{}, values: map[string][]byte{}}
}

func (b *Batch) node(hash hashing.Hash, data []byte) { b.nodes[hash] = data }

// Put adds a value under a name.
func (b *Batch) Put(name string, value []byte) { b.values[name] = value }

func (b *Batch) chain(name string) *chainBatch {
	if b.chains[name] == nil {
		b.chains[name] = &chainBatch{}
	}
	return b.chains[name]
}

// Commit writes a batch, all of it or nothing. The batch must not be used any more.
func (d *DB) Commit(b *Batch) error {
	err := d.update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		for name, value := range b.values {
			if err := meta.Put([]byte(name), seal(value)); err != nil {
				return err
			}
		}
		for name, c := range b.chains {
			to := tx.Bucket([]byte(name))
			if err := d.write(to, c, b); err != nil {
				return fmt.Errorf("%s chain: %w", name, err)
			}
		}
		if d.pruning.Prunes() {
			return b.count(tx)
		}
		nodes := tx.Bucket(bucketNodes)
		for hash, data := range b.nodes {
			if err := nodes.Put(hash[:], data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write to the store %s: %w", d.path, err)
	}
	return nil
}

func (d *DB) write(to *bbolt.Bucket, c *chainBatch, b *Batch) error {
	blocks, final := to.Bucket(bucketBlocks), to.Bucket(bucketFinal)
	j := journals{to, b}
	if c.revert != nil {
		if err := d.revert(j, c.revert); err != nil {
			return err
		}
	}
	for _, b := range c.blocks {
		if err := blocks.Put(b.Hash[:], encodeBlock(b.Block)); err != nil {
			return err
		}
		if d.pruning.Prunes() {
			if err := j.add(b); err != nil {
				return err
			}
		}
	}
	for _, b := range c.final {
		if err := final.Put(numberKey(b.Number()), b.Hash[:]); err != nil {
			return err
		}
	}
	for _, l := range c.lost {
		if err := d.lose(j, l); err != nil {
			return err
		}
	}
	if d.pruning.Prunes() {
		if err := j.prune(c.lowest); err != nil {
			return err
		}
	}
	return to.Put(keyHeads, seal(c.heads.encode()))
}

// lose takes a block of a fork that has lost out of an archive. Where states are counted it
// stays as long as the block that the fork began at.
func (d *DB) lose(j journals, l loser) error {
	if d.pruning.Prunes() {
		return j.chain.Bucket(bucketLost).Put(append(numberKey(l.above), l.hash[:]...), nil)
	}
	return j.chain.Bucket(bucketBlocks).Delete(l.hash[:])
}

// revert takes out what has come after a mark.
func (d *DB) revert(j journals, m *Mark) error {
	final, top := j.chain.Bucket(bucketFinal), m.blocks[0].Number()
	if d.pruning.Prunes() {
		if err := j.revert(m); err != nil {
			return err
		}
	}
	for k, _ := final.Cursor().Last(); k != nil && binary.BigEndian.Uint32(k) > top; k, _ = final.Cursor().Last() {
		if err := final.Delete(k); err != nil {
			return err
		}
	}
	for _, r := range m.blocks { // an archive may have lost them
		if err := j.chain.Bucket(bucketBlocks).Put(r.Hash[:], encodeBlock(r.Block)); err != nil {
			return err
		}
	}
	return nil
}

func numberKey(number uint32) []byte { return binary.BigEndian.AppendUint32(nil, number) }
