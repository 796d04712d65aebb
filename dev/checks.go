package dev

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"pileus/pipeline"
	"pileus/txpool"
	"pileus/world"
)

// checks bounds how many transactions are checked at a time, so that many submitters do not
// take the processors that the network needs for its blocks. Who finds no checker waits; a
// node has two and lets wait as well (sc-transaction-pool FullChainApi). While jobs of the
// network run, a checker rests for most of the time.
type checks struct {
	checkers chan struct{} // holds one for each check under way
	waiting  atomic.Int64
}

// newChecks has a checker for every second processor.
func newChecks() *checks {
	return &checks{checkers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// rest is how many times as long as a check has taken its checker rests, while the world
// builds, imports or validates blocks.
const rest = 3

// check asks the runtime at the best block of a node about a transaction. Where all
// checkers are busy it waits, if it may and not too many do already; else the error is
// [txpool.ErrUnchecked].
func (c *checks) check(ctx context.Context, n *Node, w *world.World, xt []byte, mayWait bool) (pipeline.Checked, error) {
	if err := c.begin(ctx, n, mayWait); err != nil {
		return pipeline.Checked{}, err
	}
	free, began := func() { <-c.checkers }, time.Now()
	answer := n.check(ctx, xt)
	if w.Working() {
		time.AfterFunc(rest*time.Since(began), free)
	} else {
		free()
	}
	return answer, nil
}

func (c *checks) begin(ctx context.Context, n *Node, mayWait bool) error {
	select {
	case c.checkers <- struct{}{}:
		return nil
	default:
	}
	if !mayWait {
		return txpool.ErrUnchecked
	}
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > int64(txpool.DefaultLimits().Unchecked) {
		return txpool.ErrUnchecked
	}
	select {
	case c.checkers <- struct{}{}:
		return nil
	case <-n.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check asks the runtime at the best block about a transaction.
func (n *Node) check(ctx context.Context, xt []byte) pipeline.Checked {
	best := n.para.Best()
	state, err := n.para.State(best.Hash)
	if err != nil {
		return pipeline.Checked{}
	}
	return pipeline.Check(ctx, n.Host(), best.Hash, state, txpool.External, xt)
}
