package store

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// Batch is what has to be written since the last [DB.Commit].
type Batch struct {
	nodes  map[hashing.Hash][]byte
	chains map[string]*chainBatch
	values map[string][]byte
}

type chainBatch struct {
	blocks []*Block
	final  []*Block
	gone   []Hash // of forks that lost
	revert bool   // the first final block is the highest one: those above it go
	heads  heads
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
	return &Batch{nodes: map[hashing.Hash][]byte{}, chains: map[string]*chainBatch{}, values: map[string][]byte{}}
}

// Node adds a trie node or value.
func (b *Batch) Node(hash hashing.Hash, data []byte) { b.nodes[hash] = data }

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
		nodes := tx.Bucket(bucketNodes)
		for hash, data := range b.nodes {
			if err := nodes.Put(hash[:], data); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		for name, value := range b.values {
			if err := meta.Put([]byte(name), seal(value)); err != nil {
				return err
			}
		}
		for name, c := range b.chains {
			if err := c.write(tx.Bucket([]byte(name))); err != nil {
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

func (c *chainBatch) write(to *bbolt.Bucket) error {
	blocks, final := to.Bucket(bucketBlocks), to.Bucket(bucketFinal)
	if c.revert {
		for k, _ := final.Cursor().Last(); k != nil && binary.BigEndian.Uint32(k) > c.final[0].Number(); k, _ = final.Cursor().Last() {
			if err := final.Delete(k); err != nil {
				return err
			}
		}
	}
	for _, b := range c.blocks {
		if err := blocks.Put(b.Hash[:], encodeBlock(b)); err != nil {
			return err
		}
	}
	for _, b := range c.final {
		if err := final.Put(binary.BigEndian.AppendUint32(nil, b.Number()), b.Hash[:]); err != nil {
			return err
		}
	}
	for _, hash := range c.gone {
		if err := blocks.Delete(hash[:]); err != nil {
			return err
		}
	}
	return to.Put(keyHeads, seal(c.heads.encode()))
}
