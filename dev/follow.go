package dev

import (
	"context"
	"errors"
	"time"

	"pileus/dev/store"
	"pileus/pipeline"
	"pileus/txpool"
)

// Follower is told what happens in a node's network and to its two chains: a dashboard,
// metrics, a log. It is told from one goroutine, behind the network's own; between events
// and chains there is no order.
type Follower interface {
	Observe(pipeline.Timed)
	Para(store.Event)
	Relay(store.Event)
}

// followBuffer is how far the followers may be behind the network. One that is further
// behind misses what happened meanwhile and goes on.
const followBuffer = 4096

// Follow tells the followers what happens, first where the chains stand, until ctx ends or
// the node stops, which is not an error.
func (n *Node) Follow(ctx context.Context, followers ...Follower) error {
	return n.following(followers...)(ctx)
}

// following listens from now on; what it returns tells the followers.
func (n *Node) following(followers ...Follower) func(context.Context) error {
	events := n.Events(followBuffer)
	para, relay := n.Para().Subscribe(followBuffer), n.Relay().Subscribe(followBuffer)
	return func(ctx context.Context) error {
		defer func() { events.Close(); para.Close(); relay.Close() }()
		each := func(tell func(Follower)) {
			for _, f := range followers {
				tell(f)
			}
		}
		for _, t := range n.started {
			each(func(f Follower) { f.Observe(t) })
		}
		each(func(f Follower) { stand(f.Relay, relay.View) })
		each(func(f Follower) { stand(f.Para, para.View) })
		for {
			select {
			case t, open := <-events.Events():
				switch {
				case open:
					each(func(f Follower) { f.Observe(t) })
				case goesOn(events.Err()):
					events = n.Events(followBuffer)
				default:
					return nil
				}
			case e, open := <-para.Events():
				switch {
				case open:
					each(func(f Follower) { f.Para(e) })
				case goesOn(para.Err()):
					para = n.Para().Subscribe(followBuffer)
					each(func(f Follower) { stand(f.Para, para.View) })
				default:
					return nil
				}
			case e, open := <-relay.Events():
				switch {
				case open:
					each(func(f Follower) { f.Relay(e) })
				case goesOn(relay.Err()):
					relay = n.Relay().Subscribe(followBuffer)
					each(func(f Follower) { stand(f.Relay, relay.View) })
				default:
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// goesOn tells whether there is more after the end of a subscription: the followers were too
// slow, or the node went back to a snapshot.
func goesOn(err error) bool {
	return errors.Is(err, store.ErrSlow) || errors.Is(err, store.ErrReverted)
}

// stand tells where a chain stands.
func stand(tell func(store.Event), v store.View) {
	tell(store.Finalized{Blocks: []*store.Block{v.Finalized}})
	tell(store.Best{Block: v.Best})
}

// Status is what no event tells.
type Status struct {
	BlockTime BlockTime
	Paused    bool
	Pool      txpool.Count
}

// Status is how the node does at present.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	err = n.do(ctx, func() { s = Status{n.steer.mode, n.steer.paused, n.network.Pool().Count()} })
	return s, err
}

// Speed is how much of the network's time passes per time of the wall clock, 0 where it stands.
func (s Status) Speed() float64 {
	if s.Paused {
		return 0
	}
	return s.BlockTime.speed()
}

// OnLate lets f be told, on the network's goroutine, how much later than due by the wall
// clock everything happens that the clock lets happen.
func (n *Node) OnLate(ctx context.Context, f func(time.Duration)) error {
	return n.do(ctx, func() { n.clock.Late = f })
}
