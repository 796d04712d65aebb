package rehearse

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus"
	"pileus/chainspec"
	"pileus/executor"
	"pileus/internal/testdata"
	"pileus/internal/variant"
	"pileus/internal/wasm"
	"pileus/pipeline"
	"pileus/wasmlink"
)

func run(t *testing.T, cfg Config) *Report {
	t.Helper()
	r, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func story(s *StepReport) string {
	var list []string
	for _, m := range s.Timeline {
		list = append(list, m.What)
	}
	return strings.Join(list, "\n")
}

// A real system chain without sudo is upgraded twice to itself with a higher spec version,
// by the authorised upgrade that governance would leave; transfers run through.
func TestRealChainWithoutSudo(t *testing.T) {
	s := settings()
	s.Chain, s.Transfers = testdata.Shared(t, "chainspecs/coretime-polkadot.json"), 1
	r := run(t, Config{Settings: s, Steps: []Step{{Kind: Upgrade, Arg: Self}}})
	if r.Found() {
		t.Fatal(r)
	}
	told := story(&r.Steps[0])
	for _, part := range []string{"from 1003000 to 1003001 in the section runtime_version and in 5 constants", "System.AuthorizedUpgrade changed",
		"unsigned System.apply_authorized_upgrade", "is the first under the new code, spec version 1003001"} {
		if !strings.Contains(told, part) {
			t.Errorf("not told: %s\n%s", part, told)
		}
	}
	if c := r.Transfers; c.Submitted < 60 || c.Included != c.Submitted || c.Doubled != 0 || c.Resigned == 0 {
		t.Errorf("%+v", c)
	}
	names := map[string]*Timer{}
	for i := range r.Timers {
		names[r.Timers[i].Name] = &r.Timers[i]
	}
	if x := names["Broker.TimeslicePeriod"]; x == nil || x.Clock != RelayClock || x.Verdict != "unaffected" {
		t.Errorf("Broker.TimeslicePeriod: %+v", x)
	}
	if x := names["Multisig.Multisigs.when.height"]; x == nil || x.Kind != kindMoment || x.Verdict != "empty" {
		t.Errorf("Multisig: %+v", x)
	}
}

// Every other real chain is upgraded to itself too. Where the spec version is a small number it
// is raised in the section only.
func TestRealChainsToThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("several large runtimes")
	}
	for name, how := range map[string]string{
		"mythos":            "in the section runtime_version only",
		"penpal-westend":    "in the section runtime_version only",
		"bulletin-westend":  "in the section runtime_version and in 5 constants",
		"people-next-paseo": "in the section runtime_version and in 6 constants", // slot-based: a collator builds beside the edit
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			s.Chain = testdata.Shared(t, "chainspecs/"+name+".json")
			r := run(t, Config{Settings: s, Steps: []Step{{Kind: Upgrade, Arg: Self}}})
			if told := story(&r.Steps[0]); r.Found() || !strings.Contains(told, how) || !strings.Contains(told, "puts the new code in force") {
				t.Errorf("%v\n%s", r, told)
			}
		})
	}
}

// A spec that was exported from a running chain goes on where that stood: block numbers,
// relay numbers, slots, nonces; and is upgraded.
func TestLiveSpec(t *testing.T) {
	ctx := context.Background()
	s := settings()
	s.Wasm, s.RelayBlocks, s.Transfers, s.Collator = testdata.Shared(t, "runtimes/phase1.wasm"), 30, 1, pileus.Lookahead
	sim, err := pileus.Open(ctx, s, pileus.Options{Steer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if _, err := sim.Run(ctx); err != nil {
		t.Fatal(err)
	}
	now, err := sim.Runtime(ctx)
	if err != nil {
		t.Fatal(err)
	}
	top := map[string]string{}
	if err := now.State.Top().Visit(func(k, v []byte) bool {
		top["0x"+hex.EncodeToString(k)] = "0x" + hex.EncodeToString(v)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	spec := map[string]any{"name": "exported", "id": "exported", "chainType": "Live", "para_id": 2000,
		"genesis": map[string]any{"raw": map[string]any{"top": top, "childrenDefault": map[string]any{}}}}
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "exported.json")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	first := uint32(0)
	s = settings()
	s.Chain, s.Transfers = file, 1
	r := run(t, Config{Settings: s, Steps: []Step{upgrade(t, "phase3.wasm")}, OnEvent: func(e pipeline.Timed) {
		if b, ok := e.Event.(pipeline.Authored); ok && first == 0 {
			first = b.Number
		}
	}})
	if r.Found() || r.Transfers.Included != r.Transfers.Submitted || r.Transfers.Included < 60 {
		t.Fatalf("%v\n%+v", r, r.Transfers)
	}
	if first != now.Number+1 || now.Number < 10 {
		t.Errorf("exported at #%d, the first block of the rehearsal is #%d", now.Number, first)
	}
}

// An older runtime whose slots get longer without a migration stalls: the slot number
// would go back. The runtime is Mythos with every constant of 12000 doubled.
func TestLongerSlotWithoutMigration(t *testing.T) {
	spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/mythos.json"))
	if err != nil {
		t.Fatal(err)
	}
	longer := remake(t, spec.Code(), func(m *wasm.Module) {
		if _, err := raiseConstants(m, 12000, 24000); err != nil {
			t.Fatal(err)
		}
		if !raiseSection(m, 1000, 1001) {
			t.Fatal("no section")
		}
	})
	s := settings()
	s.Chain = testdata.Shared(t, "chainspecs/mythos.json")
	r := run(t, Config{Settings: s, Steps: []Step{{Kind: Upgrade, Arg: "longer.wasm", Code: longer}}})
	if last := r.Steps[0]; r.Verdict != Stalls || last.Finding != "slot-goes-back" || !strings.Contains(strings.Join(last.Evidence, "\n"), "Aura.CurrentSlot is") {
		t.Errorf("%v: %s\n%s", r, last.Finding, strings.Join(last.Evidence, "\n"))
	}
}

// Validators really prepare new code: one that unpacks to more than they take is rejected.
func TestPrecheckPreparesTheCode(t *testing.T) {
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/phase3.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	heavy := remake(t, code, func(m *wasm.Module) {
		m.Sections = append(m.Sections, wasm.Section{ID: wasm.CustomSection, Name: "ballast", Payload: make([]byte, 6<<20)})
	})
	s := settings()
	s.Wasm = testdata.Shared(t, "runtimes/phase1.wasm")
	s.Relay.MaxCodeSize = 700_000
	r := run(t, Config{Settings: s, Steps: []Step{{Kind: Upgrade, Arg: "heavy.wasm", Code: heavy}}})
	if last := r.Steps[0]; r.Verdict != Degrades || last.Finding != "precheck-rejected" || !strings.Contains(story(&last), "validators vote against the code: decompress code") {
		t.Errorf("%v\n%s", r, story(&last))
	}
}

// remake changes a compressed runtime.
func remake(t *testing.T, code []byte, change func(*wasm.Module)) []byte {
	t.Helper()
	raw, err := executor.Decompress(code, executor.CodeBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	made, err := wasmlink.Compress(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// What a whole rehearsal of the guide says about timers.
func TestTimersOfTheGuide(t *testing.T) {
	s := settings()
	s.Wasm = testdata.Shared(t, "runtimes/sync.wasm")
	r := run(t, Config{Settings: s, Steps: []Step{upgrade(t, "phase1.wasm"), {Kind: SwitchCollator, Arg: pileus.Lookahead}, upgrade(t, "phase3.wasm")}})
	type row struct {
		clock, verdict string
		before, after  float64 // hours
	}
	want := map[string]row{
		"Timers.AuctionPeriod":      {OwnClock, "unchanged", 600. / 3600, 600. / 3600},
		"Timers.UnlockDelay":        {OwnClock, "shorter", 24, 12},
		"Timers.RelayUnlockDelay":   {RelayClock, "unaffected", 24, 24},
		"Vesting.Vesting.per_block": {OwnClock, "shorter", 24, 12},
		"System.BlockHashCount":     {OwnClock, "shorter", 4096 * 12. / 3600, 4096 * 6. / 3600},
	}
	for _, x := range r.Timers {
		w, ok := want[x.Name]
		if !ok {
			continue
		}
		delete(want, x.Name)
		if x.Clock != w.clock || x.Verdict != w.verdict || *x.BeforeS/3600-w.before > 0.01 || *x.AfterS/3600-w.after > 0.01 || len(x.Stages) != 4 {
			t.Errorf("%+v: want %+v", x, w)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	if i := r.Timers[0]; !i.moved() {
		t.Errorf("the first timer is %s, which does not change", i.Name)
	}
	for i, width := range map[int]int{0: 100} {
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(i, err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

// A chain that mints in every block mints twice as much in a day once its blocks are twice
// as frequent: the audit measures it.
func TestIssuance(t *testing.T) {
	s := settings()
	s.Wasm = filepath.Join(t.TempDir(), "variant.wasm")
	if err := os.WriteFile(s.Wasm, variant.Code(t, "accounts=1 stage=phase1 mint=5"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := run(t, Config{Settings: s, Steps: []Step{{Kind: Upgrade, Arg: "faster", Code: variant.Code(t, "accounts=1 spec=2 mint=5")}}})
	if r.Found() || r.Issuance == nil || len(r.Issuance.Stages) != 2 {
		t.Fatalf("%v\n%+v", r, r.Issuance)
	}
	const unit = 1e12
	for i, blocks := range []float64{7200, 14400} {
		if got, want := *r.Issuance.Stages[i], 5*unit*blocks; math.Abs(got-want) > want/10 {
			t.Errorf("%s: %.4g a day, want %.4g", r.Stages[i].Name, got, want)
		}
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "Issuance per day: start 3.") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// The audit of a real runtime with more than 40 pallets takes less than two seconds, and a
// pallet whose BlockNumberProvider is the relay chain comes out as such by a probe.
func TestAuditOfALargeRuntime(t *testing.T) {
	ctx := context.Background()
	s := settings()
	s.Chain = testdata.Shared(t, "chainspecs/people-next-paseo.json")
	sim, err := pileus.Open(ctx, s, pileus.Options{Steer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if _, err := sim.Advance(ctx, 3); err != nil {
		t.Fatal(err)
	}
	now, err := sim.Runtime(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ms := 6000.0
	began := time.Now()
	timers, _, err := audit(ctx, []snapshot{{name: "start", interval: &ms, runtime: now, relay: sim.Relay().Number, accounts: sim.Chain().Accounts, genesis: sim.Chain().GenesisHash}})
	took := time.Since(began)
	if err != nil || len(timers) < 25 {
		t.Fatalf("%d timers, %v", len(timers), err)
	}
	t.Logf("%d timers of %d pallets in %v", len(timers), len(now.Metadata.Pallets), took)
	if took > 10*time.Second { // on a quiet machine below two
		t.Errorf("the audit took %v", took)
	}
	for _, x := range timers {
		if x.Name == "Proxy.Announcements.height" && (x.Clock != RelayClock || !strings.Contains(x.Why, "probe")) {
			t.Errorf("%+v", x)
		}
		if strings.HasPrefix(x.Name, "Resources.PersonAuthDuration") || strings.HasPrefix(x.Name, "Balances.Max") {
			t.Errorf("no timer: %+v", x)
		}
	}
}
