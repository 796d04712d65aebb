package dev

import (
	"cmp"
	"context"

	"pileus/dev/store"
	"pileus/primitives"
	"pileus/txpool"
	"pileus/world"
)

// Submit offers a transaction, its bytes without the outer length prefix, to the pool and
// returns its hash. The error is one of package txpool, among them [*txpool.InvalidError],
// or [ErrStopped].
//
//	loop: known, banned, too large? ─► wait for a checker: the runtime's answer ─► loop: into the pool
//	      full, and checkers or network at work: refused     ▲   another best block meanwhile │
//	                                                         └────────────────────────────────┘
func (n *Node) Submit(ctx context.Context, xt []byte) (hash txpool.Hash, err error) {
	hash = txpool.HashOf(xt)
	var w *world.World
	mayWait := true
	if e := n.do(ctx, func() {
		err, w = n.network.Screen(xt), n.network.World()
		mayWait = !n.network.Pool().Full()
		if !mayWait && w.Working() {
			err = cmp.Or(err, txpool.ErrUnchecked)
		}
	}); e != nil || err != nil {
		return hash, cmp.Or(e, err)
	}
	for try := 0; ; try++ {
		ahead, err := n.checks.check(ctx, n, w, xt, mayWait)
		if err != nil {
			return hash, err
		}
		old := false
		if e := n.do(ctx, func() {
			if old = ahead.At != n.para.Best().Hash && try < maxTries; old {
				return
			}
			_, err = n.network.Submit(xt, txpool.External, ahead)
			n.hurry()
		}); e != nil || !old {
			return hash, cmp.Or(e, err)
		}
	}
}

// maxTries is how often a transaction is checked anew because the best block has changed;
// after that the loop itself checks it.
const maxTries = 4

// Watch submits a transaction and returns the stream of its statuses, from Future or Ready
// on. The stream ends, with [store.ErrClosed], behind a status that is final
// ([Final]) or when the node stops. It must be closed.
func (n *Node) Watch(ctx context.Context, xt []byte) (txpool.Hash, *store.Reader[txpool.Status], error) {
	hash := txpool.HashOf(xt)
	n.mu.Lock()
	feed := n.watched[hash]
	if feed == nil {
		feed = &store.Feed[txpool.Status]{}
		n.watched[hash] = feed
	}
	reader := feed.Subscribe(watchBuffer)
	n.mu.Unlock()
	if _, err := n.Submit(ctx, xt); err != nil {
		n.unwatch(hash, reader)
		return hash, nil, err
	}
	return hash, reader, nil
}

// watchBuffer is how many statuses of one transaction may wait for their reader.
const watchBuffer = 64

func (n *Node) unwatch(hash txpool.Hash, r *store.Reader[txpool.Status]) {
	r.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	if feed := n.watched[hash]; feed != nil && feed.Readers() == 0 {
		delete(n.watched, hash)
	}
}

// Final tells whether no status of the transaction can follow this one.
func Final(k txpool.StatusKind) bool {
	switch k {
	case txpool.StatusFinalized, txpool.StatusFinalityTimeout, txpool.StatusUsurped, txpool.StatusDropped, txpool.StatusInvalid:
		return true
	}
	return false
}

// Pool implements [pipeline.Observer].
func (o observer) Pool(_ primitives.ParaID, out txpool.Output) {
	status, ok := out.(txpool.Status)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	feed := o.watched[status.Hash]
	if feed == nil {
		return
	}
	feed.Tell(status)
	if Final(status.Kind) {
		feed.Close()
		delete(o.watched, status.Hash)
	}
}

// Pending lists the transactions in the pool: the ready ones in the order in which a block
// takes them, then those that wait for others.
func (n *Node) Pending(ctx context.Context) (list []txpool.Transaction, err error) {
	err = n.do(ctx, func() { list = n.network.Pool().List() })
	return list, err
}

// RemoveExtrinsics takes transactions out of the pool, bans them for a while and returns
// those that were there.
func (n *Node) RemoveExtrinsics(ctx context.Context, hashes ...txpool.Hash) (removed []txpool.Hash, err error) {
	err = n.do(ctx, func() {
		for _, h := range hashes {
			if n.network.Pool().Has(h) {
				removed = append(removed, h)
			}
		}
		n.network.RemoveTransactions(removed...)
	})
	return removed, err
}
