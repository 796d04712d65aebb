package dev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
	"pileus/validator"
)

// Errors of what is asked of a node.
var (
	ErrNoBlock = errors.New("no block came in that time; the log says what became of it")
	ErrPast    = errors.New("that time is past")
)

// Limits of what may be asked for at once.
const (
	maxNewBlocks = 100_000
	maxTravel    = 366 * 24 * time.Hour
	maxLag       = 32 // networks keep 64 relay blocks
	// patience is how many relay slots may pass without a block before a wait is given up:
	// longer than a lost candidate holds a core.
	patience = 64
)

// steering is what changes the network's course. It belongs to the loop.
type steering struct {
	mode      BlockTime
	paused    bool
	hurrying  bool // Instant: slots are passing
	skip      int  // relay slots to come that get no block
	offline   map[primitives.ValidatorIndex]bool
	late      time.Duration // of statements about candidates
	lateUntil uint32        // relay block
}

// faults are the network's faults as the controls set them.
func (n *Node) faults() pipeline.Faults {
	return pipeline.Faults{
		SkipSlot: func(primitives.Slot) bool {
			if n.steer.skip == 0 {
				return false
			}
			n.steer.skip--
			return true
		},
		Offline: func(v primitives.ValidatorIndex, _ uint32) bool { return n.steer.offline[v] },
		Statement: func(primitives.ValidatorIndex, *validator.Statement) (time.Duration, bool) {
			if n.network.RelayBlock() >= n.steer.lateUntil {
				return 0, true
			}
			return n.steer.late, true
		},
	}
}

// pass lets relay slots go by until the goal is reached, or most of them have passed
// without progress of what toward counts; then done is told. Loop only.
func (n *Node) pass(goal func() bool, toward func() uint32, done func(reached bool)) {
	left, last := patience, toward()
	var step func()
	step = func() {
		if now := toward(); now != last {
			left, last = patience, now
		}
		if goal() || left == 0 {
			done(goal())
			return
		}
		left--
		end := pipeline.SlotTime(n.network.NextSlot()+1) - time.Millisecond
		n.clock.Advance(end)
		n.network.World().At(end, step)
	}
	step()
}

// NewBlock lets relay slots pass at once until the parachain's best block is count higher
// or, if to is not 0, has the number to. It returns the best block then.
func (n *Node) NewBlock(ctx context.Context, count, to uint32) (primitives.Hash, error) {
	reached := make(chan bool, 1)
	var turn chan struct{}
	var err error
	if e := n.do(ctx, func() {
		turn = n.turn
		best := func() uint32 { return n.para.Best().Number() }
		if to == 0 {
			to = best() + max(count, 1)
		}
		if to > best()+maxNewBlocks {
			err = fmt.Errorf("%d blocks at once: at most %d", to-best(), maxNewBlocks)
			reached <- false
			return
		}
		n.pass(func() bool { return best() >= to }, best, func(ok bool) { reached <- ok })
	}); e != nil {
		return primitives.Hash{}, e
	}
	select {
	case ok := <-reached:
		if !ok && err == nil {
			err = ErrNoBlock
		}
	case <-turn:
		err = ErrReverted
	case <-ctx.Done():
		err = ctx.Err()
	case <-n.done:
		err = ErrStopped
	}
	return n.para.Best().Hash, err
}

// hurry lets slots pass, in Instant mode, as long as a transaction is not final. Loop only.
func (n *Node) hurry() {
	pool := n.network.Pool()
	open := func() uint32 { return uint32(pool.Count().Ready + pool.Unfinal()) }
	if n.steer.mode.Mode != Instant || n.steer.paused || n.steer.hurrying || open() == 0 {
		return
	}
	n.steer.hurrying = true
	n.pass(func() bool { return open() == 0 || n.steer.paused || n.steer.mode.Mode != Instant }, open, func(reached bool) {
		n.steer.hurrying = false
		if !reached {
			n.log.Warn("Transactions in the pool are not included; the clock stands again", "ready", pool.Count().Ready)
		}
	})
}

// TimeTravel puts the world's clock forward to a time, rounded up to relay slots. The slots
// between get no blocks. It returns the time of the next relay slot.
func (n *Node) TimeTravel(ctx context.Context, to time.Time) (at time.Time, err error) {
	e := n.do(ctx, func() {
		slot := primitives.Slot((to.UnixMilli() + primitives.RelaySlotMillis - 1) / primitives.RelaySlotMillis)
		switch next := n.network.NextSlot(); {
		case to.UnixMilli() < 0 || slot < next:
			err = fmt.Errorf("%w: the next relay slot begins at %s", ErrPast, slotTime(next).Format(time.RFC3339))
			return
		case pipeline.SlotTime(slot)-pipeline.SlotTime(next) > maxTravel:
			err = fmt.Errorf("travel to %s: at most %d days at once", to.Format(time.RFC3339), maxTravel/(24*time.Hour))
			return
		}
		n.network.SkipTo(slot)
		n.clock.Advance(pipeline.SlotTime(slot) - time.Millisecond)
		at = slotTime(slot)
		n.log.Info("The clock was put forward", "next_slot", at.Format(time.RFC3339))
	})
	return at, errors.Join(e, err)
}

func slotTime(s primitives.Slot) time.Time {
	return time.UnixMilli(pipeline.SlotTime(s).Milliseconds()).UTC()
}

// SetBlockTime lets the clock go on at another pace; a node that was paused goes on.
func (n *Node) SetBlockTime(ctx context.Context, b BlockTime) error {
	return n.do(ctx, func() {
		n.steer.mode, n.steer.paused = b, false
		n.clock.SetSpeed(b.speed())
		n.log.Info("Block time: " + b.Describe())
		n.hurry()
	})
}

// Pause stops the clock. What is asked for by [Node.NewBlock] still happens.
func (n *Node) Pause(ctx context.Context) error {
	return n.do(ctx, func() { n.steer.paused = true; n.clock.SetSpeed(0); n.log.Info("Paused") })
}

// Resume lets the clock go on.
func (n *Node) Resume(ctx context.Context) error {
	return n.do(ctx, func() {
		n.steer.paused = false
		n.clock.SetSpeed(n.steer.mode.speed())
		n.log.Info("Resumed")
		n.hurry()
	})
}

// SkipSlots lets the next relay slots pass without a block.
func (n *Node) SkipSlots(ctx context.Context, count int) error {
	if count < 0 || count > 10_000 {
		return fmt.Errorf("skip %d slots: give 0 to 10000", count)
	}
	return n.do(ctx, func() { n.steer.skip = count })
}

// SetValidatorsOffline lets these validators, and no others, hear and say nothing from now on.
func (n *Node) SetValidatorsOffline(ctx context.Context, list ...primitives.ValidatorIndex) error {
	for _, v := range list {
		if int(v) >= n.cfg.Validators {
			return fmt.Errorf("validator %d: there are %d, the first is 0", v, n.cfg.Validators)
		}
	}
	return n.do(ctx, func() {
		n.steer.offline = map[primitives.ValidatorIndex]bool{}
		for _, v := range list {
			n.steer.offline[v] = true
		}
	})
}

// LateCandidates delays what validators say about candidates, in the world's time, for the
// next relay blocks.
func (n *Node) LateCandidates(ctx context.Context, delay time.Duration, relayBlocks uint32) error {
	if delay < 0 || delay > time.Hour {
		return fmt.Errorf("delay of %v: give 0 to 1h", delay)
	}
	return n.do(ctx, func() { n.steer.late, n.steer.lateUntil = delay, n.network.RelayBlock()+relayBlocks })
}

// ForkRelay lets the relay chain build a competing branch from depth blocks below its best
// block until that is the longer one; parachain blocks that only the abandoned branch knew
// are retracted. Deeper forks need [Node.SetFinalityLag] first.
func (n *Node) ForkRelay(ctx context.Context, depth int) (err error) {
	e := n.do(ctx, func() {
		if err = n.network.ForkRelay(depth); err == nil {
			n.log.Info("The relay chain forks", "depth", depth)
		}
	})
	return errors.Join(e, err)
}

// SetFinalityLag lets relay finality stay that many blocks behind the best block.
func (n *Node) SetFinalityLag(ctx context.Context, lag int) error {
	if lag < 1 || lag > maxLag {
		return fmt.Errorf("finality lag %d: give 1 to %d", lag, maxLag)
	}
	return n.do(ctx, func() { n.network.SetFinalityLag(lag) })
}

// StorageChange sets a storage value, or removes it.
type StorageChange struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// SetStorage changes values of the parachain's state. The relay chain forces the changed
// state upon the parachain as a new head ([pipeline.Edit]), which takes one relay slot; it
// passes at once. The hash is that of the forced block, on the best chain.
func (n *Node) SetStorage(ctx context.Context, list []StorageChange) (primitives.Hash, error) {
	changes := make([]trie.Change, 0, len(list))
	for _, c := range list {
		changes = append(changes, trie.Change{Key: c.Key, Value: c.Value, Delete: c.Delete})
	}
	return n.edit(ctx, func(*parachain.Entry) ([]trie.Change, error) { return changes, nil })
}

// Fund gives an account a free balance of amount, in the chain's smallest unit, by [Node.SetStorage].
func (n *Node) Fund(ctx context.Context, account []byte, amount scale.U128) (primitives.Hash, error) {
	return n.edit(ctx, func(at *parachain.Entry) ([]trie.Change, error) {
		code, err := n.Host().CodeAt(ctx, at.State, parachain.OffChain)
		if err != nil {
			return nil, err
		}
		meta, err := code.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		return parachain.Endow(meta, at.State, account, amount)
	})
}

func (n *Node) edit(ctx context.Context, changes func(*parachain.Entry) ([]trie.Change, error)) (hash primitives.Hash, err error) {
	done := make(chan struct{})
	var turn chan struct{}
	if err := n.do(ctx, func() {
		turn = n.turn
		made, result := false, func(h primitives.Hash, e error) { hash, err = h, e }
		n.network.Edit(pipeline.Edit{Changes: changes, Done: func(h primitives.Hash, e error) { made = true; result(h, e) }})
		n.pass(func() bool { return made }, func() uint32 { return 0 }, func(reached bool) {
			if !reached {
				err = ErrNoBlock
			}
			close(done)
		})
	}); err != nil {
		return hash, err
	}
	select {
	case <-done:
		return hash, err
	case <-turn:
		return primitives.Hash{}, ErrReverted
	case <-ctx.Done():
		return primitives.Hash{}, ctx.Err()
	case <-n.done:
		return primitives.Hash{}, ErrStopped
	}
}

// SetRelayConfig changes a field of the relay chain's host configuration, "key=value", by
// its own governance: it is in force with the session after the next.
func (n *Node) SetRelayConfig(ctx context.Context, setting string) (err error) {
	e := n.do(ctx, func() { err = n.sim.SetRelay(setting) })
	return errors.Join(e, err)
}

// Upgrade submits new code of the parachain in the name of its sudo key, and says how.
func (n *Node) Upgrade(ctx context.Context, code []byte) (how string, err error) {
	e := n.do(ctx, func() {
		if how, err = n.sim.Upgrade(code); err == nil {
			n.log.Info("Code upgrade submitted", "how", how, "bytes", len(code))
			n.hurry()
		}
	})
	return how, errors.Join(e, err)
}
