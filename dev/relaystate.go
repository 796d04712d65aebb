package dev

import (
	"sync"

	"pileus/pipeline"
	"pileus/primitives"
	"pileus/relay"
)

// recentRelay is how many relay blocks' states are kept whole, with their events.
const recentRelay = 512

// relayStates are the states of the newest relay blocks.
type relayStates struct {
	mu     sync.Mutex
	byHash map[primitives.Hash]*relay.State
	order  []primitives.Hash
	params relay.Params
}

func (r *relayStates) keep(b *pipeline.RelayView) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byHash == nil {
		r.byHash = map[primitives.Hash]*relay.State{}
	}
	r.byHash[b.Hash], r.params = b.State, b.State.Params()
	r.order = append(r.order, b.Hash)
	if len(r.order) > recentRelay {
		delete(r.byHash, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *relayStates) get(hash primitives.Hash) (*relay.State, relay.Params) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byHash[hash], r.params
}

// RelayState is the relay chain's state after a block, which answers what its ParachainHost
// API does. Events are those of the newest blocks only. The error is [store.ErrUnknown], or
// says why the state cannot be read.
func (n *Node) RelayState(hash primitives.Hash) (*relay.State, error) {
	st, err := n.relay.State(hash)
	if err != nil {
		return nil, err
	}
	s, params := n.relayStates.get(hash)
	if s != nil {
		return s, nil
	}
	return relay.Restore(st.Top(), params), nil
}
