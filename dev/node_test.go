package dev_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pileus"
	"pileus/dev"
	"pileus/dev/store"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/txpool"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PILEUS_VICTIM"); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// config is the default chain with relay slots of 100 ms.
func config() dev.Config {
	cfg := dev.Config{Settings: pileus.Defaults(), BlockTime: dev.BlockTime{Interval: 100 * time.Millisecond}}
	if base, err := os.UserCacheDir(); err == nil {
		cfg.CacheDir = filepath.Join(base, "pileus")
	}
	return cfg
}

func start(t *testing.T, change func(*dev.Config)) *dev.Node {
	t.Helper()
	cfg := config()
	if change != nil {
		change(&cfg)
	}
	n, err := dev.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// transfers makes signed transfers of the node's funded accounts.
func transfers(t *testing.T, n *dev.Node) func() []byte {
	t.Helper()
	next, err := newTransfers(n)
	if err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		xt, err := next()
		if err != nil {
			t.Fatal(err)
		}
		return xt
	}
}

// newTransfers begins with the nonces of the best block.
func newTransfers(n *dev.Node) (func() ([]byte, error), error) {
	ctx := context.Background()
	state, err := n.Para().State(n.Para().Best().Hash)
	if err != nil {
		return nil, err
	}
	code, err := n.Host().CodeAt(ctx, state, parachain.OffChain)
	if err != nil {
		return nil, err
	}
	meta, err := code.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	r, err := n.Host().At(ctx, state, parachain.OffChain)
	if err != nil {
		return nil, err
	}
	var nonces []uint64
	for _, a := range n.Chain().Accounts {
		nonce, err := r.AccountNonce(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		nonces = append(nonces, nonce)
	}
	list, err := parachain.NewTransfers(meta, n.Chain().Genesis.Hash(), n.Chain().Accounts, nonces)
	if err != nil {
		return nil, err
	}
	return func() ([]byte, error) {
		return list.Next(parachain.TransferContext{}) // immortal: valid on every fork
	}, nil
}

func TestBlocksFollowTheWallClock(t *testing.T) {
	n := start(t, nil)
	sub := n.Para().Subscribe(1000)
	defer sub.Close()
	deadline := time.After(30 * time.Second)
	imported, best, final := uint32(0), uint32(0), uint32(0)
	for final < 5 {
		select {
		case e, ok := <-sub.Events():
			if !ok {
				t.Fatal(sub.Err())
			}
			switch e := e.(type) {
			case store.Imported:
				imported = e.Block.Number()
			case store.Best:
				best = e.Block.Number()
			case store.Finalized:
				final = e.Blocks[len(e.Blocks)-1].Number()
			}
			if best > imported || final > best {
				t.Fatalf("imported #%d, best #%d, final #%d", imported, best, final)
			}
		case <-deadline:
			t.Fatalf("imported #%d, best #%d, final #%d", imported, best, final)
		}
	}
	if n.Relay().Finalized().Number() < n.Relay().Genesis().Number()+5 {
		t.Error("the relay chain's record does not follow")
	}
	out, err := n.Call(t.Context(), n.Para(), n.Para().Best().Hash, "Core_version", nil)
	if err != nil || len(out) == 0 {
		t.Errorf("%x, %v", out, err)
	}
}

func TestATransactionIsWatchedUntilItIsFinal(t *testing.T) {
	n := start(t, nil)
	next := transfers(t, n)
	xt := next()
	hash, watch, err := n.Watch(t.Context(), xt)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if _, err := n.Submit(t.Context(), xt); err != txpool.ErrKnown {
		t.Errorf("submitted twice: %v", err)
	}
	var kinds []txpool.StatusKind
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		select {
		case s, ok := <-watch.Events():
			if !ok {
				if watch.Err() != store.ErrClosed {
					t.Error(watch.Err())
				}
				if len(kinds) != 3 || kinds[0] != txpool.StatusReady || kinds[1] != txpool.StatusInBlock || kinds[2] != txpool.StatusFinalized {
					t.Errorf("statuses %v", kinds)
				}
				return
			}
			if s.Hash != hash {
				t.Errorf("status of %s", s.Hash)
			}
			kinds = append(kinds, s.Kind)
		case <-ctx.Done():
			t.Fatalf("statuses so far: %v", kinds)
		}
	}
}

func TestManualBlocksComeWhenAskedFor(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Manual} })
	before := n.Now()
	if _, err := n.NewBlock(t.Context(), 5, 0); err != nil {
		t.Fatal(err)
	}
	if at := n.Para().Best().Number(); at != 5 {
		t.Errorf("best #%d", at)
	}
	if took := n.Now().Sub(before); took < 24*time.Second || took > 60*time.Second {
		t.Errorf("5 blocks took %v of the world's time", took)
	}
	to := n.Now().Add(24 * time.Hour)
	if _, err := n.TimeTravel(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := n.NewBlock(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	if now := n.Now(); now.Before(to) || now.Sub(to) > time.Minute {
		t.Errorf("travelled to %v, it is %v", to, now)
	}
	if _, err := n.TimeTravel(t.Context(), before); !errors.Is(err, dev.ErrPast) {
		t.Errorf("into the past: %v", err)
	}
}

func TestInstantGoesOnUntilATransactionIsFinal(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Instant} })
	_, watch, err := n.Watch(t.Context(), transfers(t, n)())
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	last := txpool.Status{}
	for s := range watch.Events() {
		last = s
	}
	if last.Kind != txpool.StatusFinalized {
		t.Errorf("ended with %v", last.Kind)
	}
	now := time.Time{}
	for tries := 0; now != n.Now(); tries++ { // the slot runs to its end
		if tries == 100 {
			t.Fatal("the clock goes on without a transaction")
		}
		now = n.Now()
		time.Sleep(100 * time.Millisecond)
	}
}

// Against the wall clock, with nothing from outside, the network makes the blocks that a
// simulation makes.
func TestTheSameBlocksAsInVirtualTime(t *testing.T) {
	var cfg dev.Config
	n := start(t, func(c *dev.Config) {
		c.Begin = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		c.BlockTime.Interval = 50 * time.Millisecond
		cfg = *c
	})
	finalized(t, n, 8)
	seen := seen{}
	sim, err := pileus.Open(t.Context(), cfg.Settings, pileus.Options{Steer: true, Observer: seen})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if _, err := sim.Advance(t.Context(), 15); err != nil {
		t.Fatal(err)
	}
	for number := uint32(1); number <= 8; number++ {
		if hash, _ := n.Para().CanonicalAt(number); !seen[hash] {
			t.Errorf("#%d, %s, is not a block of the simulation", number, hash)
		}
		if hash, ok := n.Relay().CanonicalAt(1000 + number); !ok || !seen[hash] {
			t.Errorf("relay block #%d, %s, is not a block of the simulation", 1000+number, hash)
		}
	}
}

// seen are the blocks that a simulation has made.
type seen map[primitives.Hash]bool

func (s seen) Relay(b *pipeline.RelayView, _ primitives.Hash) { s[b.Hash] = true }
func (s seen) Pool(primitives.ParaID, txpool.Output)          {}
func (s seen) Para(_ primitives.ParaID, out parachain.Output) {
	if out, ok := out.(parachain.Imported); ok {
		s[out.Entry.Hash] = true
	}
}
