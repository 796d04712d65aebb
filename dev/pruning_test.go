package dev_test

import (
	"errors"
	"strings"
	"testing"

	"pileus/dev"
	"pileus/dev/store"
)

// pruned starts a node that keeps the states of 64 final blocks, its clock standing.
func pruned(t *testing.T, dir string) *dev.Node {
	t.Helper()
	return start(t, func(c *dev.Config) {
		c.BlockTime, c.DataDir, c.Pruning = dev.BlockTime{Mode: dev.Manual}, dir, store.LeastPruning
	})
}

func newBlocks(t *testing.T, n *dev.Node, count uint32) {
	t.Helper()
	if _, err := n.NewBlock(t.Context(), count, 0); err != nil {
		t.Fatal(err)
	}
}

// edges looks where the states of both chains begin.
func edges(t *testing.T, n *dev.Node) {
	t.Helper()
	for _, chain := range []*store.Chain{n.Para(), n.Relay()} {
		final, first := chain.Finalized().Number(), chain.Genesis().Number()
		for number := first; number <= final; number++ {
			hash, ok := chain.CanonicalAt(number)
			if !ok {
				t.Fatalf("#%d is not known", number)
			}
			kept := number == first || number+uint32(store.LeastPruning) > final
			_, err := chain.State(hash)
			if kept && err != nil || !kept && !errors.Is(err, store.ErrDiscarded) {
				t.Errorf("final #%d, state of #%d: %v", final, number, err)
			}
			if b, ok := chain.Get(hash); !ok || b.Hash != hash || b.Pruned == kept {
				t.Errorf("final #%d, block #%d: its body is kept: %t", final, number, !b.Pruned)
			}
		}
	}
}

func TestOldStatesAreDiscarded(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		n := pruned(t, "")
		newBlocks(t, n, 100)
		edges(t, n)
	})
	dir := t.TempDir()
	n := pruned(t, dir)
	next := transfers(t, n)
	for range 20 {
		for range 4 {
			if _, err := n.Submit(t.Context(), next()); err != nil {
				t.Fatal(err)
			}
		}
		newBlocks(t, n, 8)
	}
	edges(t, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	whole(t, dir)
	for _, as := range []store.Pruning{0, 100} {
		again := start(t, func(c *dev.Config) { c.BlockTime, c.DataDir, c.Pruning = dev.BlockTime{Mode: dev.Manual}, dir, as })
		if is := again.Para().Pruning(); as != 0 && is != as || as == 0 && is != store.LeastPruning {
			t.Errorf("opened with %d it keeps %s", as, is)
		}
		newBlocks(t, again, 20)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		whole(t, dir)
	}
}

// whole looks at the states in a folder.
func whole(t *testing.T, dir string) {
	t.Helper()
	db, err := store.Open(dir, 0, "para", "relay")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	allWhole(t, db)
}

func TestAStoreKeepsWhatItWasMadeFor(t *testing.T) {
	open := func(dir string, p store.Pruning) error {
		cfg := config()
		cfg.DataDir, cfg.Pruning = dir, p
		n, err := dev.Start(t.Context(), cfg)
		if err == nil {
			err = n.Close()
		}
		return err
	}
	archive, pruned := t.TempDir(), t.TempDir()
	if err := errors.Join(open(archive, 0), open(archive, store.Archive), open(pruned, 64), open(pruned, 256), open(pruned, 0)); err != nil {
		t.Fatal(err)
	}
	if err := open(archive, 64); !errors.Is(err, store.ErrPruning) || !strings.Contains(err.Error(), "made as an archive") {
		t.Errorf("an archive that shall prune: %v", err)
	}
	if err := open(pruned, store.Archive); !errors.Is(err, store.ErrPruning) || !strings.Contains(err.Error(), "made with --pruning 256") {
		t.Errorf("states that shall come back: %v", err)
	}
	cfg := config()
	cfg.DataDir, cfg.Pruning, cfg.URL = t.TempDir(), 64, "ws://127.0.0.1:1"
	if _, err := dev.Start(t.Context(), cfg); !errors.Is(err, dev.ErrForkOnDisk) {
		t.Errorf("a fork of a live chain in a folder: %v", err)
	}
}

// A snapshot keeps the states since then: the network can go back to it, however long ago.
func TestASnapshotKeepsItsStates(t *testing.T) {
	dir := t.TempDir()
	n := pruned(t, dir)
	newBlocks(t, n, 30)
	id, err := n.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	final, best := n.Para().Finalized(), n.Para().Best()
	for range 2 {
		newBlocks(t, n, 70)
		if err := n.ForkRelay(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Para().State(final.Hash); err != nil {
		t.Error(err)
	}
	if err := n.Revert(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n.Para().Best().Hash != best.Hash || n.Para().Finalized().Hash != final.Hash {
		t.Errorf("back at #%d, not #%d", n.Para().Best().Number(), best.Number())
	}
	newBlocks(t, n, 110)
	edges(t, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	whole(t, dir)
}
