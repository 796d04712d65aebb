package pileus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus"
	"pileus/internal/testdata"
	"pileus/pipeline"
)

// The numbers of the guide "Upgrade Parachain for Asynchronous Backing Compatibility" and
// those that follow from it. None of them is written anywhere in the program: they come out
// of capacity, window and timings.
func TestNumbersOfTheGuide(t *testing.T) {
	const tolerance = 0.03
	every := func(d time.Duration, drops bool) []pileus.Assertion {
		list := []pileus.Assertion{pileus.BlockEvery(d, tolerance), pileus.AtLeastIncluded(15)}
		if !drops {
			list = append(list, pileus.NothingDropped())
		}
		return list
	}
	classic := func(s *pileus.Settings) {
		s.Rules = "classic"
		s.Relay.AsyncBackingParams.MaxCandidateDepth, s.Relay.AsyncBackingParams.AllowedAncestryLen = 0, 0
	}
	heavy := func(s *pileus.Settings) { s.BlockCost = 2 * time.Second }
	nothing := []pileus.Assertion{pileus.NothingIncluded(), stalled}
	both := func(list ...func(*pileus.Settings)) func(*pileus.Settings) {
		return func(s *pileus.Settings) {
			for _, f := range list {
				f(s)
			}
		}
	}
	for _, c := range []struct {
		name, runtime string
		set           func(*pileus.Settings)
		depth         int // of the unincluded segment; 0: whatever
		want          []pileus.Assertion
		says          string // in the report
	}{
		{"before the guide", "sync", nil, 1, every(12*time.Second, false), ""},
		{"phase 1", "phase1", nil, 1, every(12*time.Second, false), ""},
		{"phase 3", "phase3", nil, 0, every(6*time.Second, false), ""},
		{"phase 3 with the slot kept", "phase3-keep-slot", nil, 0, every(6*time.Second, false), ""},
		{"2 s blocks, lookahead 3", "phase3", heavy, 0, every(6*time.Second, false), ""},
		{"2 s blocks, lookahead 1", "phase3", both(heavy, func(s *pileus.Settings) { s.Relay.SchedulerParams.Lookahead = 1 }), 0, nothing,
			"worse than the synchronous 12 s of before the guide"},
		{"classic without depth and ancestry", "phase3", classic, 0, every(12*time.Second, true), ""},
		{"classic without depth and ancestry, 2 s blocks", "phase3", both(classic, heavy), 0, nothing, "max_candidate_depth 3 and allowed_ancestry_len 2"},
		{"phase 1 with 2 s blocks", "phase1", heavy, 1, []pileus.Assertion{pileus.BlockEvery(18*time.Second, tolerance), pileus.AtLeastIncluded(15)}, ""},
		{"blocks longer than the backing timeout", "phase3", func(s *pileus.Settings) {
			s.BlockCost, s.AuthoringDuration = 2300*time.Millisecond, 2500*time.Millisecond
		}, 0, nothing, "Backers time out at 2 s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := guideSettings()
			s.Wasm, s.RelayBlocks = testdata.Shared(t, "runtimes/"+c.runtime+".wasm"), 60
			if c.set != nil {
				c.set(&s)
			}
			sim, err := pileus.Open(context.Background(), s, pileus.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sim.Close()
			report, err := sim.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if err := report.Check(c.want...); err != nil {
				t.Errorf("%v\nverdict: %s", err, report.Verdict)
			}
			if depth := report.Paras[0].Stages[0].Depth.Max; c.depth != 0 && depth != c.depth {
				t.Errorf("an unincluded segment of %d blocks, want %d", depth, c.depth)
			}
			var text strings.Builder
			if err := report.WriteText(&text, 100); err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(strings.Fields(text.String()), " "); !strings.Contains(said, c.says) {
				t.Errorf("the report does not say %q:\n%s", c.says, &text)
			}
		})
	}
}

// guideSettings keep compiled runtimes where the command keeps them.
func guideSettings() pileus.Settings {
	s := pileus.Defaults()
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	return s
}

// stalled expects that blocks were authored and that none was backed in time.
func stalled(r *pileus.Report) error {
	for _, p := range r.Paras {
		if p.Authored == 0 || p.Backed != 0 || p.Dropped[pipeline.DroppedNotBacked] == 0 {
			return fmt.Errorf("%d blocks authored, %d candidates backed, dropped %v; want blocks that are not backed", p.Authored, p.Backed, p.Dropped)
		}
	}
	return nil
}
