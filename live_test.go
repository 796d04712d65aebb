package pileus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pileus/internal/fakenode"
	"pileus/pipeline"
	"pileus/remote"
)

// liveDefaults have the user's compiled runtimes.
func liveDefaults() Settings {
	s := Defaults()
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	return s
}

// liveChain is a chain after some relay blocks.
var liveChain = sync.OnceValues(func() (n *fakenode.Node, err error) {
	ctx := context.Background()
	sim, err := Open(ctx, liveDefaults(), Options{})
	if err != nil {
		return n, err
	}
	defer sim.Close()
	if _, err := sim.Advance(ctx, 12); err != nil {
		return n, err
	}
	_, best, err := sim.network.Runtime()
	if err != nil {
		return n, err
	}
	return &fakenode.Node{Name: "Guide Live", Genesis: sim.chain.Genesis.Hash(), Header: best.Block.Header, State: best.State}, nil
})

// liveNode serves the chain at its newest block, as a node of the live chain would.
func liveNode(t *testing.T) *fakenode.Node {
	t.Helper()
	n, err := liveChain()
	if err != nil {
		t.Fatal(err)
	}
	return fakenode.Start(t, &fakenode.Node{Name: n.Name, Genesis: n.Genesis, Header: n.Header, State: n.State})
}

type liveRun struct {
	report *Report
	first  *pipeline.Authored
	sim    *Simulation
}

func runLive(t *testing.T, s Settings) (r liveRun, err error) {
	t.Helper()
	r.sim, err = Open(t.Context(), s, Options{OnEvent: func(e pipeline.Timed) {
		if a, ok := e.Event.(pipeline.Authored); ok && r.first == nil {
			r.first = &a
		}
	}})
	if err != nil {
		return r, err
	}
	t.Cleanup(func() { r.sim.Close() })
	r.report, err = r.sim.Run(t.Context())
	return r, err
}

func liveSettings(n *fakenode.Node, cache string) Settings {
	s := liveDefaults()
	s.URL, s.RelayBlocks, s.Collators, s.Transfers, s.RemoteDir = n.WS(), 20, 3, 2, cache
	return s
}

// TestLiveChainGoesOn takes a chain up where its node has it: numbers and slots go on,
// blocks are included, and equal seeds give equal bytes, whatever is cached.
func TestLiveChainGoesOn(t *testing.T) {
	cache := t.TempDir()
	n := liveNode(t)
	first, err := runLive(t, liveSettings(n, cache))
	if err != nil {
		t.Fatal(err)
	}
	asked := n.Calls("")
	second, err := runLive(t, liveSettings(n, cache))
	if err != nil {
		t.Fatal(err)
	}
	again := n.Calls("") - asked
	if first.first.Number != n.Header.Number+1 {
		t.Errorf("the first block is #%d, the live chain stands at #%d", first.first.Number, n.Header.Number)
	}
	p := first.report.Paras[0]
	if p.Included < 15 || len(p.Dropped) > 0 || len(p.Refused) > 0 {
		t.Errorf("%d included, dropped %v, refused %v", p.Included, p.Dropped, p.Refused)
	}
	if p.Extrinsics <= 2*p.Authored+p.Included {
		t.Errorf("%d extrinsics in %d blocks: no transfers", p.Extrinsics, p.Authored)
	}
	if first.report.Digest != second.report.Digest {
		t.Error("two runs with equal seeds differ")
	}
	t.Logf("%d requests, then %d", asked, again)
	if asked > 25 || again > 7 {
		t.Errorf("%d requests, then %d", asked, again)
	}
	if notes := strings.Join(first.report.Notes, "\n"); !strings.Contains(notes, n.Header.Hash().String()) || !strings.Contains(notes, "authorities") {
		t.Errorf("notes:\n%s", notes)
	}
}

// TestLiveChainWithoutItsNode runs on what is kept, and names what is lacking.
func TestLiveChainWithoutItsNode(t *testing.T) {
	cache := t.TempDir()
	n := liveNode(t)
	s := liveSettings(n, cache)
	with, err := runLive(t, s)
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	s.URL += "@" + n.Header.Hash().String()
	without, err := runLive(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if with.report.Digest != without.report.Digest {
		t.Error("the runs differ")
	}
}

// TestWhatALiveChainLacks: of a chain of which little was read before its node went, the
// key, the block and the node are named.
func TestWhatALiveChainLacks(t *testing.T) {
	cache := t.TempDir()
	n := liveNode(t)
	s := liveSettings(n, cache)
	little, err := s.Origin(t.Context(), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	little.Close()
	n.Stop()
	s.URL += "@" + n.Header.Hash().String()
	_, err = runLive(t, s)
	var at *remote.Error
	if !errors.As(err, &at) || !errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), "0d715f2646c8f857") || !strings.Contains(err.Error(), n.Header.Hash().String()) {
		t.Fatalf("%v", err)
	}
	t.Log(err)
}

// TestLiveChainDiesInARun ends a run whose chain is in part unknown, soon and in words.
func TestLiveChainDiesInARun(t *testing.T) {
	n := liveNode(t)
	sim, err := Open(t.Context(), liveSettings(n, t.TempDir()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	n.Stop()
	report, err := sim.Run(t.Context())
	if !errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), "read key 0x") || report.Interrupted {
		t.Fatalf("%v", err)
	}
	if report.RelayBlocks > 5 {
		t.Errorf("it went on for %d relay blocks", report.RelayBlocks)
	}
	t.Log(err)
}
