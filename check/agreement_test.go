package check

import (
	"context"
	"testing"

	"pileus"
	"pileus/chainspec"
	"pileus/crypto"
	"pileus/executor"
	"pileus/internal/testdata"
	"pileus/primitives"
)

// What check calls sound keeps its promised interval in a simulation; what it calls an
// error stalls there or is slower. All files, both ways.
func TestAgreesWithSimulate(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation of every runtime")
	}
	t.Parallel()
	for _, name := range []string{"sync", "phase1", "phase3", "phase3-keep-slot", "elastic", "f-capacity-1", "f-hook-unwired", "f-single-block-per-slot", "f-min-period", "f-no-segment-api"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pileus.Defaults()
			s.Wasm = testdata.Shared(t, "runtimes/"+name+".wasm")
			agrees(t, runtimeSpec(t, name), s, executor.Config{CacheDir: compiled()})
		})
	}
	for _, name := range []string{"bulletin-westend", "coretime-polkadot", "mythos", "penpal-westend", "people-next-paseo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pileus.Defaults()
			s.Chain = testdata.Shared(t, "chainspecs/"+name+".json")
			// Interpreting thirty blocks takes less than compiling a large runtime.
			agrees(t, chainSpec(t, name), s, executor.Config{Interpreter: true})
		})
	}
}

func agrees(t *testing.T, spec *chainspec.Spec, s pileus.Settings, c executor.Config) {
	t.Helper()
	o := options()
	o.Settings = s
	r, err := Run(context.Background(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	c.Verifier = crypto.NewVerifier()
	engine, err := executor.NewEngine(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(context.Background())
	s.RelayBlocks = 30
	sim, err := pileus.Open(context.Background(), s, pileus.Options{Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	report, err := sim.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	interval := report.Paras[0].Stages[0].Interval
	slow := interval == nil || interval.Mean > 1.05*float64(r.Promise)
	if r.Has(Error) != slow {
		t.Errorf("check: %s\nsimulate: %s", r.Verdict, report.Verdict)
	}
}

// Rows of the relay chain: what simulate shows decides.
func TestRelayRows(t *testing.T) {
	if testing.Short() {
		t.Skip("several simulations each")
	}
	t.Parallel()
	lookahead := func(n uint32, classic bool) *RelaySide {
		return relaySide(func(r *RelaySide) { r.Config.SchedulerParams.Lookahead, r.Classic = n, classic })
	}
	async := func(depth, ancestry uint32, classic bool) *RelaySide {
		return relaySide(func(r *RelaySide) {
			r.Config.AsyncBackingParams = primitives.AsyncBackingParams{MaxCandidateDepth: depth, AllowedAncestryLen: ancestry}
			r.Classic = classic
		})
	}
	backing := func(ms uint64) *RelaySide {
		return relaySide(func(r *RelaySide) {
			r.Config.ExecutorParams = primitives.ExecutorParams{{Kind: primitives.PvfExecTimeout, Value: ms}}
		})
	}
	versi, err := RelayOf(chainSpec(t, "versi-relay"))
	if err != nil || !versi.Classic {
		t.Fatal(versi, err)
	}
	for _, c := range []struct {
		name, stage string
		relay       *RelaySide
		failing     string
	}{
		{"lookahead 1", "phase3", lookahead(1, false), "pre.lookahead error"},
		{"lookahead 1, blocks of 0.5 s", "phase1", lookahead(1, false), ""},
		{"lookahead 1, classic", "phase3", lookahead(1, true), ""},
		{"lookahead 2", "phase3", lookahead(2, false), ""},
		{"lookahead 2, offset 1", "elastic", lookahead(2, false), "pre.lookahead error, x.offset error"},
		{"lookahead 3", "phase3", lookahead(3, false), ""},
		{"lookahead 5", "phase3", lookahead(5, false), ""},
		{"depth 0, classic", "phase3", async(0, 0, true), "pre.async error"},
		{"depth 0", "phase3", async(0, 0, false), ""},
		{"depth 1, classic", "phase3", async(1, 1, true), ""},
		{"backing timeout 1.5 s", "phase3", backing(1500), "p2.5 error"},
		{"backing timeout 2.5 s", "phase3", backing(2500), ""},
		{"a real relay chain: classic, depth 3, ancestry 2, 5 MiB", "phase3", versi, "x.pov warning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options()
			o.Settings.Runtime, o.Relay = c.stage, c.relay
			spec, err := o.Settings.Spec()
			if err != nil {
				t.Fatal(err)
			}
			expect(t, spec, o, c.failing)
		})
	}
}
