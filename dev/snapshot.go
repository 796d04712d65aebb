package dev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus/dev/store"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/world"
)

// Errors of going back.
var (
	ErrNoSnapshot = errors.New("there is no such snapshot")
	ErrReverted   = errors.New("the network went back to a snapshot meanwhile")
)

// maxSnapshots is how many snapshots are kept; the oldest go first.
const maxSnapshots = 64

// snapshot is all that a network needs to go on from a moment.
type snapshot struct {
	id          uint64
	para, relay *store.Mark
	relayBlocks []pipeline.StoredRelay
	root        pipeline.StoredRelay
	available   map[primitives.CandidateHash]*primitives.AvailableData
	pool        [][]byte
	release     func() // lets states go that only the snapshot wants
}

// Snapshot remembers the network as it is, for [Node.Revert].
func (n *Node) Snapshot(ctx context.Context) (id uint64, err error) {
	e := n.do(ctx, func() {
		if err = n.save(); err != nil { // what is marked is in the store
			return
		}
		s := snapshot{para: n.para.Mark(), relay: n.relay.Mark(), available: n.network.Available()}
		if s.relayBlocks, s.root, err = n.readRelay(); err != nil {
			return
		}
		s.release = n.hold(s.relayBlocks[0].Header.Hash())
		for _, t := range n.network.Pool().List() {
			s.pool = append(s.pool, t.Extrinsic)
		}
		n.snapshotID++
		s.id, id = n.snapshotID, n.snapshotID
		if n.snapshots = append(n.snapshots, s); len(n.snapshots) > maxSnapshots {
			n.snapshots[0].release()
			n.snapshots = n.snapshots[1:]
		}
		n.log.Info("Snapshot", "id", id, "best", n.para.Best().Number(), "relay_block", n.relay.Best().Number())
	})
	return id, errors.Join(e, err)
}

// hold keeps all states that a network needs which goes on from now, the lowest relay block
// being that one.
func (n *Node) hold(lowest primitives.Hash) (release func()) {
	var all []func()
	keep := func(c *store.Chain, hash primitives.Hash) {
		if release, ok := c.Hold(hash); ok {
			all = append(all, release)
		}
	}
	keep(n.relay, lowest)
	keep(n.relay, n.relay.Finalized().Hash)
	keep(n.para, n.para.Finalized().Hash)
	return func() {
		for _, release := range all {
			release()
		}
	}
}

// Revert lets the network go on from a snapshot, which is used up by it, with all later
// ones. Blocks since then, final ones too, have never been. Subscriptions end with
// [store.ErrReverted]. What was on its way between nodes at that time is gone.
func (n *Node) Revert(ctx context.Context, id uint64) (err error) {
	e := n.do(ctx, func() {
		for i, s := range n.snapshots {
			if s.id == id {
				err = n.revert(s)
				for _, used := range n.snapshots[i:] {
					used.release()
				}
				n.snapshots = n.snapshots[:i]
				return
			}
		}
		err = fmt.Errorf("%w: %d", ErrNoSnapshot, id)
	})
	return errors.Join(e, err)
}

// revert replaces the network. Loop only.
func (n *Node) revert(s snapshot) error {
	if err := n.save(); err != nil {
		return err
	}
	n.para.Revert(s.para)
	n.relay.Revert(s.relay)
	r := &pipeline.Resume{Relay: s.relayBlocks, Root: s.root, Para: resumed(n.para.View(), s.para), Available: s.available}
	old := n.network
	if err := n.sim.Resume(r); err != nil { // the records are set back already: it cannot go on
		err = fmt.Errorf("go back to snapshot %d: %w", s.id, err)
		old.Fail(err)
		return err
	}
	n.network = n.sim.Network()
	n.network.World().Take(old.World())
	clock := world.NewClock(n.network.World().Now() - time.Millisecond)
	clock.SetSpeed(n.clock.Speed())
	clock.Late, clock.MaxLate, clock.Shifted = n.clock.Late, n.clock.MaxLate, n.clock.Shifted
	n.clock = clock
	n.steer.hurrying = false
	n.back = s.pool
	close(n.turn)
	n.turn = make(chan struct{})
	n.swap()
	n.log.Warn("Went back to a snapshot", "id", s.id, "best", n.para.Best().Number(), "relay_block", n.relay.Best().Number())
	go n.bringBack(n.ctx)
	return n.save()
}

// resumed is the parachain as its nodes had it.
func resumed(v store.View, m *store.Mark) (r parachain.Resumed) {
	entry := func(b *store.Block) *parachain.Entry {
		return parachain.NewEntry(&primitives.Block{Header: *b.Header, Extrinsics: b.Extrinsics}, m.State(b.Hash))
	}
	r.Final, r.Best = entry(v.Finalized), v.Best.Hash
	for _, b := range v.Unfinalized {
		r.Above = append(r.Above, entry(b))
	}
	return r
}
