package pileus_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pileus"
	"pileus/internal/testdata"
	"pileus/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// simulate runs the settings on a runtime; its path is relative to the module.
func simulate(t *testing.T, runtime string, change func(*pileus.Settings)) *pileus.Report {
	t.Helper()
	testdata.Shared(t, "runtimes/"+runtime+".wasm")
	s := settings(t)
	s.Wasm, s.RelayBlocks = "../shared/runtimes/"+runtime+".wasm", 20
	if change != nil {
		change(&s)
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
	return report
}

func text(t *testing.T, r *pileus.Report, width int) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The report of a small run, whole. The digest is left out: any new field of an event changes it.
func TestReportGolden(t *testing.T) {
	r := simulate(t, "phase3", nil)
	r.Digest = "(digest)"
	got, file := text(t, r, 80), filepath.Join("testdata", "report.txt")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the report differs (go test -run Golden -update . writes it anew):\n%s", diff)
	}
}

// No line is wider than the terminal, in good runs and bad ones.
func TestReportWidth(t *testing.T) {
	for name, change := range map[string]func(*pileus.Settings){
		"good": nil,
		"stalled": func(s *pileus.Settings) {
			s.BlockCost, s.Relay.SchedulerParams.Lookahead = 2*time.Second, 1
		},
		"too expensive": func(s *pileus.Settings) { s.BlockCost = 3 * time.Second },
		"transfers":     func(s *pileus.Settings) { s.Transfers, s.Collators, s.Rules = 3, 5, "classic" },
	} {
		r := simulate(t, "phase3", change)
		r.Notes = append(r.Notes, strings.Repeat("word", 50))
		for _, width := range []int{0, 40, 57, 80, 100, 200} {
			said := text(t, r, width)
			for line := range strings.Lines(said) {
				line = strings.TrimSuffix(line, "\n")
				if n := utf8.RuneCountInString(line); n > max(width, 40) || strings.TrimRight(line, " ") != line {
					t.Errorf("%s, %d columns: %d in %q", name, width, n, line)
				}
			}
			if first, _, _ := strings.Cut(said, "\n"); len(first) == 0 || !strings.HasPrefix(strings.Join(strings.Fields(strings.ToLower(said)), " "), strings.Join(strings.Fields(strings.ToLower(r.Verdict)), " ")) {
				t.Errorf("%s, %d columns: the verdict does not stand first: %q", name, width, first)
			}
		}
	}
}

// A run in several steps is the same run.
func TestAdvance(t *testing.T) {
	whole := simulate(t, "phase3", nil)
	s := settings(t)
	s.Wasm, s.RelayBlocks = "../shared/runtimes/phase3.wasm", 20
	sim, err := pileus.Open(context.Background(), s, pileus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	var last *pileus.Report
	for i, n := range []uint32{7, 1, 12} {
		if last, err = sim.Advance(context.Background(), n); err != nil {
			t.Fatal(err)
		}
		if i == 0 && (last.RelayBlocks != 7 || last.Digest == whole.Digest) {
			t.Errorf("after 7 slots: %d relay blocks", last.RelayBlocks)
		}
	}
	a, _ := json.Marshal(whole)
	b, _ := json.Marshal(last)
	if diff := cmp.Diff(string(a), string(b)); diff != "" {
		t.Error(diff)
	}
}

// A run that is interrupted reports what was, and invents nothing.
func TestInterrupted(t *testing.T) {
	testdata.Shared(t, "runtimes/phase3.wasm")
	s := settings(t)
	s.Wasm, s.RelayBlocks = "../shared/runtimes/phase3.wasm", 1000
	for after := range 4 {
		ctx, cancel := context.WithCancel(context.Background())
		seen := 0
		sim, err := pileus.Open(context.Background(), s, pileus.Options{OnEvent: func(pipeline.Timed) {
			if seen++; seen == 20+after*25 {
				cancel()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sim.Run(ctx)
		if !errors.Is(err, context.Canceled) || !r.Interrupted || r.RelayBlocks == 0 || r.RelayBlocks > 100 {
			t.Fatalf("after %d events: %v, %+v", seen, err, r)
		}
		if err := r.Check(pileus.NothingDropped()); err != nil || len(r.Paras[0].Refused) != 0 {
			t.Fatalf("after %d events: %v, refused %v", seen, err, r.Paras[0].Refused)
		}
		sim.Close()
		cancel()
	}
}

// failing is a sink that takes n writes.
type failing struct{ n int }

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// A run whose events are lost stops at once.
func TestEventsLost(t *testing.T) {
	testdata.Shared(t, "runtimes/phase3.wasm")
	s := settings(t)
	s.Wasm, s.RelayBlocks = "../shared/runtimes/phase3.wasm", 1_000_000
	sim, err := pileus.Open(context.Background(), s, pileus.Options{Events: &failing{30}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if r, err := sim.Run(context.Background()); !errors.Is(err, errFull) || r.Interrupted || r.RelayBlocks > 20 {
		t.Errorf("%v after %d relay blocks, interrupted: %v", err, r.RelayBlocks, r.Interrupted)
	}
}

// Each assertion holds for one report and not for another.
func TestAssertions(t *testing.T) {
	para := func(change func(*pileus.ParaReport)) pileus.ParaReport {
		p := pileus.ParaReport{ID: 2000, Authored: 20, Included: 18, Dropped: map[string]int{},
			Stages: []pileus.Stage{{Interval: &pileus.Spread{Mean: 24000}}, {Interval: &pileus.Spread{Mean: 6100}}}}
		if change != nil {
			change(&p)
		}
		return p
	}
	good := para(nil)
	for name, c := range map[string]struct {
		assert pileus.Assertion
		bad    pileus.ParaReport
		says   string
	}{
		"pace":         {pileus.BlockEvery(6*time.Second, 0.03), para(func(p *pileus.ParaReport) { p.Stages[1].Interval.Mean = 6181 }), "a block every 6181 ms, want 6000"},
		"faster":       {pileus.BlockEvery(6*time.Second, 0.03), para(func(p *pileus.ParaReport) { p.Stages[1].Interval.Mean = 5819 }), "a block every 5819 ms, want 6000"},
		"no pace":      {pileus.BlockEvery(6*time.Second, 0.03), para(func(p *pileus.ParaReport) { p.Stages[1].Interval = nil }), "no interval: 18 blocks included"},
		"dropped":      {pileus.NothingDropped(), para(func(p *pileus.ParaReport) { p.Dropped[pipeline.DroppedNotBacked] = 2 }), "2 blocks dropped: not_backed"},
		"included":     {pileus.AtLeastIncluded(18), para(func(p *pileus.ParaReport) { p.Included = 17 }), "17 blocks included, want 18 or more"},
		"not included": {func(r *pileus.Report) error { return invert(pileus.NothingIncluded()(r)) }, para(func(p *pileus.ParaReport) { p.Included = 0 }), "holds"},
	} {
		r := &pileus.Report{Paras: []pileus.ParaReport{good}}
		if err := r.Check(c.assert); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.Paras = []pileus.ParaReport{c.bad}
		if err := r.Check(c.assert); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	session := para(func(p *pileus.ParaReport) { p.Dropped[pipeline.DroppedSessionChange] = 1 })
	if err := (&pileus.Report{Paras: []pileus.ParaReport{session}}).Check(pileus.NothingDropped()); err != nil {
		t.Error("a session change is no fault:", err)
	}
	// Every para counts, and every assertion that does not hold is named.
	late := para(func(p *pileus.ParaReport) { p.ID, p.Included, p.Dropped = 2001, 3, map[string]int{"not_backed": 1} })
	err := (&pileus.Report{Paras: []pileus.ParaReport{good, late}}).Check(pileus.NothingDropped(), pileus.AtLeastIncluded(15))
	if err == nil || err.Error() != "para 2001: 1 blocks dropped: not_backed\npara 2001: 3 blocks included, want 15 or more" {
		t.Error(err)
	}
	if err := (&pileus.Report{}).Check(pileus.NothingDropped()); err == nil {
		t.Error("a report without paras fulfils everything")
	}
}

func invert(err error) error {
	if err == nil {
		return errors.New("it holds")
	}
	return nil
}

// A setting is changed by its full name, by its bare one, and by that of the runtime API.
func TestSetRelayConfig(t *testing.T) {
	for _, c := range []struct{ set, name, want string }{
		{"scheduling_lookahead=5", "scheduler_params.lookahead", "5"},
		{"scheduler_params.lookahead=6", "scheduler_params.lookahead", "6"},
		{"lookahead = 7", "scheduler_params.lookahead", "7"},
		{"allowed_ancestry_len=1_000", "async_backing_params.allowed_ancestry_len", "1000"},
		{"node_features=0,3", "node_features", "[0,3]"},
		{"max_validators=none", "max_validators", "null"},
		{"max_validators=9", "max_validators", "9"},
		{"on_demand_base_fee=340282366920938463463374607431768211455", "scheduler_params.on_demand_base_fee", "340282366920938463463374607431768211455"},
	} {
		s := pileus.Defaults()
		if err := pileus.SetRelayConfig(&s.Relay, c.set); err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		var printed struct{ Relay map[string]json.RawMessage }
		b, err := json.Marshal(&s)
		if err != nil || json.Unmarshal(b, &printed) != nil {
			t.Fatal(err)
		}
		if got := string(printed.Relay[c.name]); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.set, c.name, got, c.want)
		}
	}
	for _, bad := range []string{"", "=1", "lookahead", "lookahead=", "lookahead=4294967296", "node_features=300", "executor_params=fast", "on_demand_base_fee=-1"} {
		s := pileus.Defaults()
		var wrong *pileus.SettingError
		if err := pileus.SetRelayConfig(&s.Relay, bad); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", bad, err)
		}
		if diff := cmp.Diff(fmt.Sprint(pileus.DefaultRelayConfig()), fmt.Sprint(s.Relay)); diff != "" {
			t.Errorf("%q changes something: %s", bad, diff)
		}
	}
}
