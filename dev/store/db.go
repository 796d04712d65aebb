package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolt "go.etcd.io/bbolt/errors"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// FileName is the store's file in its folder.
const FileName = "chain.db"

// The formats of the file; another one is refused.
const (
	formatName   = "pileus chain store " // and a number
	format       = formatName + "1"
	formatPruned = format + prunedName
	prunedName   = ", pruned"
)

// Errors of a store, besides those of the file system.
var (
	// ErrDamaged says that the file is not what was written. Nothing of it is used.
	ErrDamaged = errors.New("the store is damaged: restore it from a copy, or remove it to begin anew")
	// ErrInUse says that another process has the store open.
	ErrInUse = errors.New("another process has the store open")
)

// DB keeps chains in one file, so that they outlive the process.
//
//	meta     "format", and what the node keeps under names of its own, with a checksum
//	nodes    trie nodes and values of all states, by hash
//	CHAIN    a bucket per chain:
//	  blocks   header and extrinsics, by hash
//	  final    hash of the final block, by number (big-endian)
//	  heads    best block, and the blocks above the final one in order of import
//
// A store that prunes has besides:
//
//	more     at how many places more than one a node stands, by hash
//	CHAIN
//	  journal  what a block's state adds and removes, by the block's hash
//	  lost     blocks of forks that lost, by number of the final block below and hash
//	  oldest   number of the oldest block with a state
//
// Everything is written by [DB.Commit], in one transaction: a process that is killed
// leaves the file as the last Commit left it. What is addressed by a hash is checked
// against it when it is read.
type DB struct {
	live trie.Finder // nil: nothing stands behind the store
	path string
	bolt *bbolt.DB

	pruning Pruning
}

var (
	bucketMeta    = []byte("meta")
	bucketNodes   = []byte("nodes")
	bucketBlocks  = []byte("blocks")
	bucketFinal   = []byte("final")
	bucketMore    = []byte("more")
	bucketJournal = []byte("journal")
	bucketLost    = []byte("lost")
	keyFormat     = []byte("format")
	keyHeads      = []byte("heads")
	keyOldest     = []byte("oldest")
)

const pruningName = "pruning" // among the values

// Open opens the store in a folder, which is made if it is not there; names are the chains.
// An existing store stays an archive, or one that prunes, though with another number of
// blocks: else the error is [ErrPruning].
func Open(dir string, p Pruning, names ...string) (_ *DB, err error) {
	path := filepath.Join(dir, FileName)
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the store %s: %w", path, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &DB{path: path}
	err = d.guard(func() (err error) {
		d.bolt, err = bbolt.Open(path, 0o644, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
		return err
	})
	switch {
	case errors.Is(err, bolt.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, bolt.ErrInvalid), errors.Is(err, bolt.ErrChecksum), errors.Is(err, bolt.ErrVersionMismatch):
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	case err != nil:
		return nil, err
	}
	if err := d.prepare(p, names); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// prepare makes the buckets of a new file, and looks whether an old one is ours and whole.
func (d *DB) prepare(asked Pruning, names []string) error {
	fresh := false
	err := d.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if fresh = meta == nil; fresh {
			if k, _ := tx.Cursor().First(); k != nil {
				return fmt.Errorf("%w: it is no store of this program", ErrDamaged)
			}
			return nil
		}
		top, inner := [][]byte{bucketNodes}, [][]byte{bucketBlocks, bucketFinal}
		switch is := string(meta.Get(keyFormat)); is {
		case format:
			d.pruning = Archive
		case formatPruned:
			top, inner = append(top, bucketMore), append(inner, bucketJournal, bucketLost)
			raw, err := unseal(meta.Get([]byte(pruningName)))
			if err != nil || len(raw) != 4 {
				return fmt.Errorf("%w: how much it keeps is missing", ErrDamaged)
			}
			d.pruning = Pruning(binary.BigEndian.Uint32(raw))
		default:
			number, ours := strings.CutPrefix(strings.TrimSuffix(is, prunedName), formatName)
			if _, err := strconv.ParseUint(number, 10, 16); !ours || err != nil {
				return fmt.Errorf("%w: its format is %q", ErrDamaged, is)
			}
			return fmt.Errorf("its format is %q, this program knows %q", is, format)
		}
		for _, name := range names {
			b := tx.Bucket([]byte(name))
			if b == nil || slices.ContainsFunc(inner, func(name []byte) bool { return b.Bucket(name) == nil }) {
				return fmt.Errorf("%w: the chain %s is missing", ErrDamaged, name)
			}
		}
		if slices.ContainsFunc(top, func(name []byte) bool { return tx.Bucket(name) == nil }) {
			return fmt.Errorf("%w: the states are missing", ErrDamaged)
		}
		return nil
	})
	if err != nil {
		return err
	}
	was := d.pruning
	if fresh {
		was = asked
	}
	if d.pruning, err = was.open(asked); err != nil || !fresh && d.pruning == was {
		return err
	}
	return d.update(func(tx *bbolt.Tx) error {
		if fresh {
			if err := d.create(tx, names); err != nil {
				return err
			}
		}
		if !d.pruning.Prunes() {
			return nil
		}
		return tx.Bucket(bucketMeta).Put([]byte(pruningName), seal(numberKey(uint32(d.pruning))))
	})
}

func (d *DB) create(tx *bbolt.Tx, names []string) error {
	top, inner, is := [][]byte{bucketNodes}, [][]byte{bucketBlocks, bucketFinal}, format
	if d.pruning.Prunes() {
		top, inner, is = append(top, bucketMore), append(inner, bucketJournal, bucketLost), formatPruned
	}
	for _, name := range names {
		b, err := tx.CreateBucket([]byte(name))
		if err != nil {
			return err
		}
		for _, name := range inner {
			if _, err := b.CreateBucket(name); err != nil {
				return err
			}
		}
	}
	for _, name := range top {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta, err := tx.CreateBucket(bucketMeta)
	if err != nil {
		return err
	}
	return meta.Put(keyFormat, []byte(is))
}

// Path is the store's file.
func (d *DB) Path() string { return d.path }

// Close closes the file.
func (d *DB) Close() error { return d.bolt.Close() }

// guard turns what the library does on a damaged file, a panic or a fault in the mapped
// memory, into [ErrDamaged].
func (d *DB) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w (%v)", ErrDamaged, r)
		}
	}()
	return f()
}

func (d *DB) view(f func(*bbolt.Tx) error) error {
	return d.guard(func() error { return d.bolt.View(f) })
}

func (d *DB) update(f func(*bbolt.Tx) error) error {
	return d.guard(func() error { return d.bolt.Update(f) })
}

// Node implements [trie.Source]: a node whose bytes are not those of its hash is none.
func (d *DB) Node(hash hashing.Hash) (data []byte, ok bool) {
	err := d.view(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(bucketNodes).Get(hash[:]); v != nil {
			data = append([]byte{}, v...)
		}
		return nil
	})
	return data, err == nil && data != nil && hashing.Blake2b256(data) == hash
}

// State is the state with that root, read as it is needed.
func (d *DB) State(root Hash) *trie.State { return trie.StateFromSource(root, d.Source(d)) }

// block reads a block; nil if it is not there.
func (d *DB) block(chain string, hash Hash) (b *Block, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(chain)).Bucket(bucketBlocks).Get(hash[:])
		if v == nil {
			return nil
		}
		b, err = decodeBlock(append([]byte{}, v...))
		if err == nil && b.Hash != hash {
			err = errors.New("its header has another hash")
		}
		if err != nil {
			return fmt.Errorf("read block %s of the %s chain: %w (%w)", hash, chain, ErrDamaged, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// finalAt is the final block of that number.
func (d *DB) finalAt(chain string, number uint32) (hash Hash, ok bool, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(chain)).Bucket(bucketFinal).Get(binary.BigEndian.AppendUint32(nil, number))
		if v == nil {
			return nil
		}
		if len(v) != len(hash) {
			return fmt.Errorf("final block #%d of the %s chain: %w", number, chain, ErrDamaged)
		}
		hash, ok = Hash(v), true
		return nil
	})
	return hash, ok, err
}

// finals are the lowest and the highest final block.
func (d *DB) finals(chain string) (first, last Hash, ok bool, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(chain)).Bucket(bucketFinal).Cursor()
		_, low := c.First()
		_, high := c.Last()
		if low == nil {
			return nil
		}
		if len(low) != len(first) || len(high) != len(last) {
			return fmt.Errorf("final blocks of the %s chain: %w", chain, ErrDamaged)
		}
		first, last, ok = Hash(low), Hash(high), true
		return nil
	})
	return first, last, ok, err
}

// oldest is the number of the oldest block of a chain whose state is kept.
func (d *DB) oldest(chain string) (number uint32, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		number, err = oldestOf(tx.Bucket([]byte(chain)))
		return err
	})
	return number, err
}

// heads reads what of a chain was not final.
func (d *DB) heads(chain string) (h heads, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		raw, err := unseal(tx.Bucket([]byte(chain)).Get(keyHeads))
		if err == nil {
			err = h.decode(raw)
		}
		if err != nil {
			return fmt.Errorf("heads of the %s chain: %w (%w)", chain, ErrDamaged, err)
		}
		return nil
	})
	return h, err
}

// Get reads what was put under a name; nil if there is nothing.
func (d *DB) Get(name string) (value []byte, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketMeta).Get([]byte(name))
		if v == nil {
			return nil
		}
		if value, err = unseal(v); err != nil {
			return fmt.Errorf("read %q: %w", name, err)
		}
		return nil
	})
	return value, err
}

// seal puts a checksum in front of what has no hash of its own.
func seal(v []byte) []byte {
	sum := hashing.Blake2b256(v)
	return append(sum[:], v...)
}

func unseal(v []byte) ([]byte, error) {
	if len(v) < 32 || hashing.Blake2b256(v[32:]) != Hash(v[:32]) {
		return nil, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return append([]byte{}, v[32:]...), nil
}

const (
	maxExtrinsics = 1 << 20
	maxExtrinsic  = 64 << 20
)

// encodeBlock encodes the header, and behind it the body, if that is kept.
func encodeBlock(b *Block) []byte {
	if b.Pruned {
		return b.Header.EncodeTo(nil)
	}
	return scale.AppendVecFunc(b.Header.EncodeTo(nil), b.Extrinsics, func(out, xt []byte) []byte { return scale.AppendBytes(out, xt) })
}

func decodeBlock(raw []byte) (*Block, error) {
	d := scale.NewDecoder(raw)
	header := &primitives.Header{}
	header.DecodeFrom(d)
	b := &Block{Header: header}
	if b.Pruned = d.Left() == 0; !b.Pruned {
		b.Extrinsics = d.BytesVec(maxExtrinsics, maxExtrinsic)
	}
	if err := d.Finish(); err != nil {
		return nil, err
	}
	b.Hash = header.Hash()
	return b, nil
}
