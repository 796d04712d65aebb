package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pileus"
	"pileus/internal/testdata"
	"pileus/internal/variant"
)

// Each file of testdata is a phenomenon: what is rehearsed, and what a person is told.
//
//	rehearse [wasm=FILE | runtime=STAGE] [collator=KIND] [block-cost=..] [authoring-duration=..] [rules=classic]
//	         [set=key=value] [late=N] [reject-precheck] [transfers=N]
//	start variant WORDS
//	upgrade FILE or STAGE, or variant WORDS
//	switch-collator KIND
//	set-relay key=value
//
// FILE is one of ../shared/runtimes; the words of a variant are those of package variant.
// Go on with -rewrite to write anew what is said.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		testdata.Shared(t, "runtimes/phase3.wasm")
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			cfg := scenario(t, d)
			r, err := Run(context.Background(), cfg)
			if err != nil {
				return "error: " + strings.ReplaceAll(err.Error(), testdata.Shared(t, "runtimes")+"/", "") + "\n"
			}
			told := strings.ReplaceAll(r.told(), testdata.Shared(t, "runtimes")+"/", "")
			if cfg.Settings.Runtime != "" || strings.Contains(d.Input, "variant ") {
				told = builtIn.ReplaceAllString(told, "${1}${3}N${2}")
			}
			return told
		})
	})
}

// builtIn finds hashes and sizes of runtimes in Go: they change whenever the SDK does.
var builtIn = regexp.MustCompile(`(code )0x[0-9a-f]{4}…[0-9a-f]{4}|\b\d+( KiB)|(PoV of )\d+`)

// told is the text without the timers and without what every report says.
func (r *Report) told() string {
	short := *r
	short.Timers, short.Issuance, short.Simplified, short.Notes = nil, nil, nil, nil
	var b strings.Builder
	if err := short.WriteText(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

func scenario(t *testing.T, d *datadriven.TestData) Config {
	s := settings()
	cfg := Config{}
	for _, a := range d.CmdArgs {
		v := strings.Join(a.Vals, ",")
		var err error
		switch a.Key {
		case "wasm":
			s.Wasm = testdata.Shared(t, "runtimes/"+v)
		case "runtime":
			s.Runtime = v
		case "collator":
			s.Collator = v
		case "block-cost":
			s.BlockCost, err = time.ParseDuration(v)
		case "authoring-duration":
			s.AuthoringDuration, err = time.ParseDuration(v)
		case "rules":
			s.Rules = v
		case "set":
			err = pileus.SetRelayConfig(&s.Relay, v)
		case "transfers":
			s.Transfers, err = strconv.Atoi(v)
		case "late":
			var n int
			n, err = strconv.Atoi(v)
			cfg.UpgradesLate = uint32(n)
		case "reject-precheck":
			cfg.RejectPrecheck = true
		default:
			err = fmt.Errorf("unknown argument")
		}
		if err != nil {
			d.Fatalf(t, "%s: %v", a.Key, err)
		}
	}
	cfg.Settings = s
	for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		kind, arg, _ := strings.Cut(line, " ")
		words, ours := strings.CutPrefix(arg, "variant ")
		if kind == "start" {
			cfg.Settings.Wasm = filepath.Join(t.TempDir(), "variant.wasm")
			if err := os.WriteFile(cfg.Settings.Wasm, variant.Code(t, words), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		step := Step{Kind: Kind(strings.ReplaceAll(kind, "-", "_")), Arg: arg}
		if step.Kind == Upgrade && strings.HasSuffix(arg, ".wasm") {
			step.Arg = filepath.Join(testdata.Shared(t, "runtimes"), arg)
		}
		if ours {
			step.Code = variant.Code(t, words)
		}
		cfg.Steps = append(cfg.Steps, step)
	}
	return cfg
}

func settings() pileus.Settings {
	s := pileus.Defaults()
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	return s
}

func upgrade(t *testing.T, runtime string) Step {
	return Step{Kind: Upgrade, Arg: testdata.Shared(t, "runtimes/"+runtime)}
}

// What cannot be rehearsed is said before anything runs.
func TestStepsThatCannotBe(t *testing.T) {
	s := settings()
	s.Runtime = "phase3"
	run := func(steps ...Step) error {
		_, err := Run(context.Background(), Config{Settings: s, Steps: steps, OnEvent: nil})
		return err
	}
	var setting *pileus.SettingError
	for name, steps := range map[string][]Step{
		"no step": nil, "unknown collator": {{Kind: SwitchCollator, Arg: "fast"}}, "unknown setting": {{Kind: SetRelay, Arg: "lookahaed=1"}},
		"impossible setting": {{Kind: SetRelay, Arg: "lookahead=0"}}, "unknown kind": {{Kind: "jump"}},
	} {
		if err := run(steps...); !errors.As(err, &setting) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	empty, text := filepath.Join(dir, "empty.wasm"), filepath.Join(dir, "text.wasm")
	for file, content := range map[string]string{empty: "", text: "no runtime"} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, words := range map[string]string{"missing.wasm": "no such file", dir: "it is a folder", empty: "the file is empty", text: "it is not a runtime", "sync": "spec version 1 is lower than 3"} {
		if err := run(Step{Kind: Upgrade, Arg: file}); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
