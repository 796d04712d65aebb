package rpc

import (
	"context"
	"math"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
)

// addChain registers the group chain.
func (s *side) addChain(m *jsonrpc.Methods) {
	m.Add(s.getHeader, "chain_getHeader")
	m.Add(s.getBlock, "chain_getBlock")
	m.Add(s.getBlockHash, "chain_getBlockHash", "chain_getHead")
	m.Add(func(context.Context, *jsonrpc.Call) (any, error) {
		return s.store.Finalized().Hash, nil
	}, "chain_getFinalizedHead", "chain_getFinalisedHead")
}

func (s *side) getHeader(_ context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.OptHash("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	b, ok := s.store.Get(s.at(hash))
	if !ok {
		return nil, nil
	}
	return headerOf(b.Header), nil
}

func (s *side) getBlock(_ context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.OptHash("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	b, ok := s.store.Get(s.at(hash))
	if !ok || b.Pruned {
		return nil, nil
	}
	return signedBlock{Block: block{headerOf(b.Header), bodyOf(b)}}, nil
}

// getBlockHash answers a number with a hash or null, a list of numbers with a list.
func (s *side) getBlockHash(_ context.Context, c *jsonrpc.Call) (any, error) {
	numbers, single := c.Numbers("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	if numbers == nil {
		return s.store.Best().Hash, nil
	}
	hashes := make([]*Hash, len(numbers))
	for i, n := range numbers {
		if n > math.MaxUint32 {
			continue
		}
		if n == 0 {
			hashes[i] = &s.info.Genesis
		} else if h, ok := s.store.CanonicalAt(uint32(n)); ok {
			hashes[i] = &h
		}
	}
	if single {
		return hashes[0], nil
	}
	return hashes, nil
}

// headBuffer is how many events of a chain a reader of heads may be behind: about 16 blocks.
const headBuffer = 48

// addHeads registers the subscriptions of heads: first the present one, then each that follows.
func (s *side) addHeads(m *jsonrpc.Methods) {
	heads := func(first func(store.View) *store.Block, next func(store.Event) *store.Block) jsonrpc.Subscriber {
		return func(_ context.Context, _ *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
			return func(ctx context.Context) {
				s.each(ctx, func(v store.View) bool {
					return sub.Send(headerOf(first(v).Header)) == nil
				}, func(e store.Event) bool {
					b := next(e)
					return b == nil || sub.Send(headerOf(b.Header)) == nil
				})
			}, nil
		}
	}
	best := func(v store.View) *store.Block { return v.Best }
	m.Subscription(jsonrpc.Names{
		Subscribe:   []string{"chain_subscribeNewHeads", "chain_subscribeNewHead", "subscribe_newHead"},
		Unsubscribe: []string{"chain_unsubscribeNewHeads", "chain_unsubscribeNewHead", "unsubscribe_newHead"},
		Event:       "chain_newHead",
	}, heads(best, func(e store.Event) *store.Block {
		if e, ok := e.(store.Best); ok {
			return e.Block
		}
		return nil
	}))
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"chain_subscribeAllHeads"}, Unsubscribe: []string{"chain_unsubscribeAllHeads"}, Event: "chain_allHead",
	}, heads(best, func(e store.Event) *store.Block {
		if e, ok := e.(store.Imported); ok {
			return e.Block
		}
		return nil
	}))
	m.Subscription(jsonrpc.Names{
		Subscribe:   []string{"chain_subscribeFinalizedHeads", "chain_subscribeFinalisedHeads"},
		Unsubscribe: []string{"chain_unsubscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads"},
		Event:       "chain_finalizedHead",
	}, heads(func(v store.View) *store.Block { return v.Finalized }, func(e store.Event) *store.Block {
		if e, ok := e.(store.Finalized); ok {
			return e.Blocks[len(e.Blocks)-1]
		}
		return nil
	}))
}

// each gives the chain as it stands to begin, and then its events to next, until one of them
// wants no more, the context ends or next is too slow. Where the chain goes back to a
// snapshot it begins again.
func (s *side) each(ctx context.Context, begin func(store.View) bool, next func(store.Event) bool) {
	for reverted := true; reverted; {
		events := s.store.Subscribe(headBuffer)
		if !begin(events.View) {
			events.Close()
			return
		}
		through(ctx, events, next)
		reverted = events.Err() == store.ErrReverted
		events.Close()
	}
}

// through gives a subscription's events to f until it wants no more, the context ends, or
// the stream does.
func through(ctx context.Context, events *store.Subscription, f func(store.Event) bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events.Events():
			if !ok || !f(e) {
				return
			}
		}
	}
}
