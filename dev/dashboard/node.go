package dashboard

import (
	"context"
	"time"

	"pileus/dev"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/primitives"
)

// askEvery is how often a node is asked for what no event tells.
const askEvery = time.Second

// Show shows a node on the board until ctx ends or the node stops, which is not an error.
func (b *Board) Show(ctx context.Context, n *dev.Node) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.mu.Lock()
	b.weigh = func(hash hashing.Hash) (w parachain.Weight) {
		if state, err := n.Para().State(hash); err == nil {
			w = parachain.BlockWeight(state)
		}
		return w
	}
	b.mu.Unlock()
	go b.ask(ctx, n)
	return n.Follow(ctx, b)
}

// ask asks the node for what no event tells.
func (b *Board) ask(ctx context.Context, n *dev.Node) {
	if limit, err := weightLimit(ctx, n); err == nil {
		b.Describe(limit)
	}
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		if s, err := n.Status(ctx); err == nil {
			b.SetClock(clockOf(s))
			b.SetPool(s.Pool.Ready, s.Pool.Future)
		}
		select {
		case <-ticker.C:
		case <-n.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

func clockOf(s dev.Status) Clock {
	switch t := s.BlockTime; t.Mode {
	case dev.Manual:
		return Clock{Mode: "manual", Paused: s.Paused}
	case dev.Instant:
		return Clock{Mode: "instant", Paused: s.Paused}
	default:
		ms := float64(t.Interval) / float64(time.Millisecond)
		if ms == 0 {
			ms = primitives.RelaySlotMillis
		}
		return Clock{Mode: "interval", SlotMs: ms, Paused: s.Paused}
	}
}

// weightLimit is how much a block of the parachain may weigh, as the metadata of its newest runtime
// says: System.BlockWeights.max_block.
func weightLimit(ctx context.Context, n *dev.Node) (w parachain.Weight, err error) {
	state, err := n.Para().State(n.Para().Best().Hash)
	if err != nil {
		return w, err
	}
	code, err := n.Host().CodeAt(ctx, state, parachain.OffChain)
	if err != nil {
		return w, err
	}
	meta, err := code.Metadata(ctx)
	if err != nil {
		return w, err
	}
	limits, err := meta.Constant("System", "BlockWeights")
	if err != nil {
		return w, err
	}
	time, _ := limits.Get("max_block", "ref_time")
	proof, _ := limits.Get("max_block", "proof_size")
	return parachain.Weight{RefTime: time.Int.Lo, ProofSize: proof.Int.Lo}, nil
}
