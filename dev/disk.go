package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"pileus"
	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/remote"
	"pileus/scale"
	"pileus/trie"
	"pileus/txpool"
)

// The names in the store: of the chains, and of what belongs to neither.
const (
	paraName      = "para"
	relayName     = "relay"
	identityName  = "identity"
	originName    = "origin"    // address of the live chain's block that the chain was forked from
	availableName = "available" // data of candidates that wait to be included
	poolName      = "pool"
)

// ErrOtherChain says that the store belongs to another chain, or to another network.
var ErrOtherChain = errors.New("the store is that of another chain")

// disk is the store of a node. It belongs to the loop.
type disk struct {
	db     *store.DB
	origin string       // of a new chain, until it is written
	pool   hashing.Hash // of the pool as it was written last
}

// identity is what must be the same when a store is opened again.
type identity struct {
	Genesis       string            `json:"genesis"`
	Para          primitives.ParaID `json:"para"`
	Seed          uint64            `json:"seed"`
	Validators    int               `json:"validators"`
	Collators     int               `json:"collators"`
	SessionBlocks uint32            `json:"session_blocks"`
	Rules         string            `json:"rules"`
}

func openDisk(dir string, p store.Pruning) (*disk, error) {
	db, err := store.Open(dir, p, paraName, relayName)
	if err != nil {
		return nil, err
	}
	return &disk{db: db}, nil
}

// pin makes the settings those of the block from which the store's chain was forked, if
// the address has no block of its own. What stands behind the store it says by itself.
func (d *disk) pin(s *pileus.Settings) error {
	stored, err := d.db.Get(originName)
	if err != nil || stored == nil || s.URL == "" {
		return err
	}
	was, err := remote.ParseAddress(string(stored))
	if err != nil {
		return fmt.Errorf("%w (%s: %w)", store.ErrDamaged, originName, err)
	}
	if now, err := remote.ParseAddress(s.URL); err == nil && now == (remote.Address{URL: was.URL, Block: remote.Finalized}) {
		s.URL = string(stored)
	}
	return nil
}

// behind lets the store look for nodes where the chain's state comes from.
func (d *disk) behind(c *parachain.Chain) {
	if live, ok := c.State.Top().Source().(trie.Finder); ok {
		d.db.Behind(live)
	}
}

// save writes everything since the last time in one transaction. What clients were told
// to be final is always in the store: a relay block is written before anybody acts on it.
func (n *Node) save() error {
	if n.disk == nil {
		return nil
	}
	d := n.disk
	b := store.NewBatch()
	if err := errors.Join(n.para.Fill(b), n.relay.Fill(b)); err != nil {
		return err
	}
	if d.origin != "" {
		b.Put(originName, []byte(d.origin))
	}
	b.Put(identityName, n.identity(n.sim.Chain()).encode())
	b.Put(availableName, encodeAvailable(n.network.Available()))
	pool := encodePool(n.network.Pool().List(), n.back)
	sum := hashing.Blake2b256(pool)
	if sum != d.pool {
		b.Put(poolName, pool)
	}
	if err := d.db.Commit(b); err != nil {
		return err
	}
	d.pool, d.origin = sum, ""
	n.para.Saved()
	n.relay.Saved()
	return nil
}

func (n *Node) identity(c *parachain.Chain) identity {
	s := &n.cfg.Settings
	return identity{c.Genesis.Hash().String(), c.ParaID, s.Seed, s.Validators, s.Collators, s.SessionBlocks, s.Rules}
}

func (i identity) encode() []byte {
	b, err := json.Marshal(i)
	if err != nil {
		panic(err) // it has plain fields only
	}
	return b
}

// check says what of the stored identity is not as asked for.
func (i identity) check(stored []byte) error {
	var was identity
	if err := json.Unmarshal(stored, &was); err != nil {
		return fmt.Errorf("%w (identity: %w)", store.ErrDamaged, err)
	}
	for _, f := range []struct {
		what     string
		was, now any
	}{
		{"genesis", was.Genesis, i.Genesis}, {"para id", was.Para, i.Para}, {"--seed", was.Seed, i.Seed}, {"--validators", was.Validators, i.Validators},
		{"--collators", was.Collators, i.Collators}, {"--session-blocks", was.SessionBlocks, i.SessionBlocks}, {"--rules", was.Rules, i.Rules},
	} {
		if f.was != f.now {
			return fmt.Errorf("%w: its %s is %v, not %v; give it the same flags, or another --data-dir", ErrOtherChain, f.what, f.was, f.now)
		}
	}
	return nil
}

// resume reads what an earlier run has left; nil if there was none.
func (n *Node) resume(c *parachain.Chain) (*pipeline.Resume, error) {
	r, err := n.read(c)
	if err != nil {
		return nil, fmt.Errorf("go on from the store %s: %w", n.disk.db.Path(), err)
	}
	if r != nil {
		best, head := n.para.Best(), n.relay.Best()
		n.log.Info(fmt.Sprintf("Going on from #%d", best.Number()), "hash", best.Hash, "finalized", n.para.Finalized().Number(),
			"relay_block", head.Number(), "transactions", len(n.back))
	}
	return r, nil
}

func (n *Node) read(c *parachain.Chain) (*pipeline.Resume, error) {
	db := n.disk.db
	stored, err := db.Get(identityName)
	if err != nil || stored == nil {
		return nil, err
	}
	if err := n.identity(c).check(stored); err != nil {
		return nil, err
	}
	n.disk.behind(c)
	memo := db.NewMemo()
	if n.para, err = db.Reopen(paraName, memo); err != nil {
		return nil, err
	}
	if n.relay, err = db.Reopen(relayName, memo); err != nil {
		return nil, err
	}
	if n.para == nil || n.relay == nil {
		return nil, store.ErrDamaged
	}
	r := &pipeline.Resume{}
	for _, chain := range []*store.Chain{n.para, n.relay} { // the heads must be whole: the loop reads nothing from the disk
		state, err := chain.State(chain.Best().Hash)
		if err == nil && (chain == n.relay || !db.Live()) {
			err = memo.Load(state)
		}
		if err != nil {
			return nil, err
		}
	}
	if r.Relay, r.Root, err = n.readRelay(); err != nil {
		return nil, err
	}
	if r.Para, err = n.readPara(c); err != nil {
		return nil, err
	}
	available, err := db.Get(availableName)
	if err == nil {
		r.Available, err = decodeAvailable(available)
	}
	if err != nil {
		return nil, err
	}
	pool, err := db.Get(poolName)
	if err == nil && pool != nil {
		n.back, err = decodePool(pool)
	}
	return r, err
}

// readRelay reads the newest relay blocks, parents first, and the one that the chain began with.
func (n *Node) readRelay() (list []pipeline.StoredRelay, root pipeline.StoredRelay, err error) {
	read := func(b *store.Block) (pipeline.StoredRelay, error) {
		state, err := n.relay.State(b.Hash)
		if err != nil {
			return pipeline.StoredRelay{}, err
		}
		return pipeline.StoredRelay{Header: b.Header, State: state.Top()}, nil
	}
	for b, ok := n.relay.Best(), true; ok && len(list) < pipeline.KeptRelayBlocks; b, ok = n.relay.Get(b.Parent()) {
		s, err := read(b)
		if err != nil {
			return nil, root, err
		}
		list = append(list, s)
	}
	slices.Reverse(list)
	root, err = read(n.relay.Genesis())
	return list, root, err
}

// readPara reads the parachain from its finalized block on.
func (n *Node) readPara(c *parachain.Chain) (r parachain.Resumed, err error) {
	entry := func(b *store.Block) (*parachain.Entry, error) {
		state, err := n.para.State(b.Hash)
		if b.Number() == 0 {
			state = c.State
		}
		return parachain.NewEntry(&primitives.Block{Header: *b.Header, Extrinsics: b.Extrinsics}, state), err
	}
	view := n.para.View()
	if r.Final, err = entry(view.Finalized); err != nil {
		return r, err
	}
	for _, b := range view.Unfinalized {
		e, err := entry(b)
		if err != nil {
			return r, err
		}
		r.Above = append(r.Above, e)
	}
	r.Best = view.Best.Hash
	return r, nil
}

// bringBack offers the transactions of an earlier run, or of a snapshot, to the pool, while the network runs.
func (n *Node) bringBack(ctx context.Context) {
	for {
		var xt []byte
		if n.do(ctx, func() {
			for len(n.back) > 0 && len(n.back[0]) == 0 {
				n.back = n.back[1:]
			}
			if len(n.back) > 0 {
				xt = n.back[0]
			}
		}) != nil || xt == nil {
			return
		}
		ahead := n.check(ctx, xt)
		_ = n.do(ctx, func() {
			if len(n.back) == 0 || &n.back[0][0] != &xt[0] { // taken by another, after a revert
				return
			}
			n.back = n.back[1:]
			if _, err := n.network.Submit(xt, txpool.External, ahead); err != nil {
				n.log.Info("A stored transaction is not valid any more", "hash", txpool.HashOf(xt), "cause", err)
			}
			n.hurry()
		})
	}
}

const (
	maxStored  = 1 << 20
	maxPending = 1 << 10
)

func encodePool(list []txpool.Transaction, more [][]byte) []byte {
	b := scale.AppendCompact(nil, uint64(len(list)+len(more)))
	for _, t := range list {
		b = scale.AppendBytes(b, t.Extrinsic)
	}
	for _, xt := range more {
		b = scale.AppendBytes(b, xt)
	}
	return b
}

func decodePool(raw []byte) ([][]byte, error) {
	d := scale.NewDecoder(raw)
	list := d.BytesVec(maxStored, 64<<20)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("%w (pool: %w)", store.ErrDamaged, err)
	}
	return list, nil
}

func encodeAvailable(m map[primitives.CandidateHash]*primitives.AvailableData) []byte {
	b := scale.AppendCompact(nil, uint64(len(m)))
	for hash, data := range m {
		b = data.EncodeTo(append(b, hash[:]...))
	}
	return b
}

func decodeAvailable(raw []byte) (map[primitives.CandidateHash]*primitives.AvailableData, error) {
	m := map[primitives.CandidateHash]*primitives.AvailableData{}
	d := scale.NewDecoder(raw)
	for range d.Len(maxPending, 33) {
		var hash primitives.CandidateHash
		d.Array(hash[:])
		data := &primitives.AvailableData{}
		data.DecodeFrom(d)
		m[hash] = data
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("%w (available data: %w)", store.ErrDamaged, err)
	}
	return m, nil
}
