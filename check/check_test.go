package check

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus"
	"pileus/chainspec"
	"pileus/executor"
	"pileus/internal/testdata"
	"pileus/parachain"
)

// results are kept between runs of the tests: they depend on code and state alone.
func results() string { return filepath.Join(os.TempDir(), "pileus-test-cache", "check") }

// compiled is where all tests have their compiled runtimes, and the command too.
func compiled() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "pileus")
}

func options() Options {
	return Options{AuthoringDuration: 2 * time.Second, Results: results(), CacheDir: compiled(), Settings: pileus.Defaults()}
}

func runtimeSpec(t testing.TB, name string) *chainspec.Spec {
	t.Helper()
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/"+name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return parachain.RuntimeSpec(name, code, "development")
}

func chainSpec(t testing.TB, name string) *chainspec.Spec {
	t.Helper()
	spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// failing are the failing rows with their severities: "p3.2 error, x.host warning".
func failing(r *Report) string {
	var list []string
	for _, row := range r.Failures() {
		list = append(list, row.ID+" "+string(row.Severity))
	}
	return strings.Join(list, ", ")
}

// Real runtimes, sound ones and those with one fault.
func TestRealRuntimes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ profile, failing string }{
		"sync":             {Sync, ""},
		"phase1":           {Phase1, ""},
		"phase3":           {Phase3, ""},
		"phase3-keep-slot": {Phase3, ""},
		"elastic":          {Elastic, ""},

		"f-capacity-1":            {Phase3, "p3.2 error"},
		"f-hook-unwired":          {Sync, "p1.4 error"},
		"f-single-block-per-slot": {Phase3, "p3.1 warning"},
		"f-min-period":            {Phase3, "p3.5 warning"},
		"f-no-segment-api":        {Phase3, "p1.7 error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(context.Background(), runtimeSpec(t, name), options())
			if err != nil {
				t.Fatal(err)
			}
			if r.Profile != want.profile || failing(r) != want.failing {
				t.Errorf("profile %s, failing: %s\n%s", r.Profile, failing(r), r.Verdict)
			}
		})
	}
}

// host interprets runtimes for tests that need a state.
func host(t testing.TB) *parachain.Host {
	t.Helper()
	engine, err := executor.NewEngine(context.Background(), executor.Config{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close(context.Background()) })
	return parachain.NewHost(engine)
}

// rawState is the genesis state of a chain.
func rawState(t testing.TB, spec *chainspec.Spec) *chainspec.Raw {
	t.Helper()
	c, err := host(t).Open(context.Background(), spec, parachain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Raw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decompress(t testing.TB, code []byte) []byte {
	t.Helper()
	raw, err := executor.Decompress(code, executor.CodeBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
