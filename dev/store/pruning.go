package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
)

// Pruning is how much of a chain is kept: the number of final blocks that keep their state
// and their body, or [Archive]. The zero value leaves it to the store; a new one is an archive.
type Pruning uint32

const (
	// Archive keeps all blocks and states.
	Archive Pruning = math.MaxUint32
	// LeastPruning is the least number of final blocks: nodes of the network look back so far.
	LeastPruning Pruning = 64
)

// Tests have smaller ones.
var (
	// keptHeaders is how many headers of final blocks are kept below those with a state: as
	// far back as a runtime knows the hashes of its blocks, and so the oldest a transaction
	// may be (frame-system BlockHashCount).
	keptHeaders uint32 = 4096
	// spare is how many states are still in the file when they are not given out any more: who
	// has got one may read it to its end.
	spare uint32 = 64
)

// ErrPruning says that a store is not of the kind that is asked for.
var ErrPruning = errors.New("the store keeps another part of the chain")

// ParsePruning reads archive, or a number of final blocks.
func ParsePruning(s string) (Pruning, error) {
	if s == "archive" {
		return Archive, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n < uint64(LeastPruning) || Pruning(n) == Archive {
		return 0, fmt.Errorf("%q: give archive, or a number of final blocks of at least %d", s, LeastPruning)
	}
	return Pruning(n), nil
}

func (p Pruning) String() string {
	if p.Prunes() {
		return strconv.FormatUint(uint64(p), 10)
	}
	return "archive"
}

// Prunes tells whether anything is discarded.
func (p Pruning) Prunes() bool { return p != 0 && p != Archive }

// open is what a store that was made with p becomes when asked is asked for.
func (p Pruning) open(asked Pruning) (Pruning, error) {
	switch {
	case asked == 0 || asked == p:
		return p, nil
	case p.Prunes() && asked.Prunes():
		return asked, nil
	case p.Prunes():
		return 0, fmt.Errorf("%w: it was made with --pruning %s, and states that it has discarded do not come back; leave --pruning out, or give another --data-dir", ErrPruning, p)
	}
	return 0, fmt.Errorf("%w: it was made as an archive; leave --pruning out, or give another --data-dir", ErrPruning)
}

// SetPruning says how much is kept of a chain that is in memory. It comes before anything else.
func (c *Chain) SetPruning(p Pruning) { c.pruning = p }

// Pruning is how much of the chain is kept.
func (c *Chain) Pruning() Pruning {
	if c.pruning.Prunes() {
		return c.pruning
	}
	return Archive
}

// Hold keeps the state of a block, and with it those of all blocks from it on, until
// release is called. ok is false if the block is not known, or its state is gone already.
// Of the first block the state stays in any case.
func (c *Chain) Hold(hash Hash) (release func(), ok bool) {
	if !c.pruning.Prunes() {
		return func() {}, true
	}
	r, err := c.find(hash)
	if err != nil {
		return nil, false
	}
	at, _ := c.finalAt(r.Number())
	c.mu.Lock()
	defer c.mu.Unlock()
	from := r.Number()
	if lost := slices.IndexFunc(c.losers, func(l loser) bool { return l.hash == hash }); lost >= 0 {
		from = c.losers[lost].above
	} else if c.tree.Has(hash) {
		_, final := c.tree.Finalized()
		from = min(from, final)
	} else if at != hash {
		return nil, false
	}
	if from < c.lowest {
		return func() {}, hash == c.genesis.Hash
	}
	c.holds[from]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.holds[from]--; c.holds[from] == 0 {
			delete(c.holds, from)
		}
	}), true
}

// prune lets go of the states and bodies of final blocks that are not kept any more.
func (c *Chain) prune() {
	if !c.pruning.Prunes() {
		return
	}
	_, final := c.tree.Finalized()
	lowest := final + 1 - min(final+1, uint32(c.pruning))
	for from := range c.holds {
		lowest = min(lowest, from)
	}
	if lowest <= max(c.lowest, c.genesis.Number()) {
		return
	}
	was := c.lowest
	c.lowest = lowest
	for len(c.losers) > 0 && c.losers[0].above < lowest {
		c.forgetLoser()
	}
	if c.db != nil {
		return // [Chain.Saved] lets go of the final ones
	}
	for n := max(was, c.final[0].Number()); n < lowest; n++ {
		r := c.final[n-c.final[0].Number()].light()
		c.final[n-c.final[0].Number()] = r
		c.blocks[r.Hash] = r
	}
	for c.final[0].Number()+keptHeaders < lowest {
		delete(c.blocks, c.final[0].Hash)
		c.final[0] = nil
		c.final = c.final[1:]
	}
}

// light is a block of which only the header is kept.
func (r *record) light() *record {
	return &record{&Block{Hash: r.Hash, Header: r.Header, Pruned: true}, nil}
}

// discarded tells whether a block's state and body are not kept. Locked.
func (c *Chain) discarded(r *record) bool {
	return r.Number() < c.lowest && r.Hash != c.genesis.Hash
}
