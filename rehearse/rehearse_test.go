package rehearse

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pileus"
	"pileus/internal/testdata"
)

func settings(t *testing.T, runtime string) pileus.Settings {
	s := pileus.Defaults()
	s.Wasm = testdata.Shared(t, "runtimes/"+runtime)
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	return s
}

func upgrade(t *testing.T, runtime string) Step {
	return Step{Upgrade, testdata.Shared(t, "runtimes/"+runtime)}
}

// The guide's three phases, one after the other: nothing stalls, and at the end there are
// two blocks where there was one.
func TestTheGuide(t *testing.T) {
	s := settings(t, "sync.wasm")
	s.Collator = pileus.Basic
	r, err := Run(context.Background(), s, []Step{upgrade(t, "phase1.wasm"), {SwitchCollator, pileus.Lookahead}, upgrade(t, "phase3.wasm")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != GoesOn || len(r.Steps) != 3 || r.Found() {
		t.Fatalf("%+v", r)
	}
	for i, want := range []float64{12_000, 12_000, 6_000} {
		if got := r.Steps[i].After; got == nil || *got != want {
			t.Errorf("step %d: %v, want %v", i+1, got, want)
		}
	}
	for _, i := range []int{0, 2} {
		var words []string
		for _, m := range r.Steps[i].Timeline {
			words = append(words, m.What)
		}
		story := strings.Join(words, "\n")
		for _, part := range []string{"submitted", "has the code", "accept the code", "GoAhead", "puts the new code in force", "validates by the new code"} {
			if !strings.Contains(story, part) {
				t.Errorf("step %d does not tell %q:\n%s", i+1, part, story)
			}
		}
		if r.Steps[i].PoVBytes < 500_000 {
			t.Errorf("step %d: the PoV of %d bytes does not hold the code", i+1, r.Steps[i].PoVBytes)
		}
	}
	verdicts := map[string]string{}
	for _, x := range r.Timers {
		verdicts[x.Name] = x.Verdict
	}
	for name, want := range map[string]string{"Timers.AuctionPeriod": "unchanged", "Timers.UnlockDelay": "shorter", "Timers.RelayUnlockDelay": "unchanged"} {
		if verdicts[name] != want {
			t.Errorf("%s: %s, want %s", name, verdicts[name], want)
		}
	}
}

func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		from  string
		steps []Step
		want  Verdict
		words string
	}{
		"capacity 1":                    {"phase1.wasm", []Step{upgrade(t, "f-capacity-1.wasm")}, Degrades, "UNINCLUDED_SEGMENT_CAPACITY"},
		"offset without the slot-based": {"phase3.wasm", []Step{upgrade(t, "elastic.wasm")}, Stalls, "slot-based"},
		"back to the basic collator":    {"phase3.wasm", []Step{{SwitchCollator, pileus.Basic}}, Degrades, "lookahead"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Run(context.Background(), settings(t, c.from), c.steps, nil)
			if err != nil {
				t.Fatal(err)
			}
			last := r.Steps[len(r.Steps)-1]
			if r.Verdict != c.want || last.Verdict != c.want || !strings.Contains(last.Advice, c.words) || !r.Found() {
				t.Errorf("%s: %s; %s", r.Verdict, last.Cause, last.Advice)
			}
		})
	}
}

func TestStepsThatCannotBe(t *testing.T) {
	s := settings(t, "phase3.wasm")
	var setting *pileus.SettingError
	if _, err := Run(context.Background(), s, nil, nil); !errors.As(err, &setting) {
		t.Errorf("no step: %v", err)
	}
	if _, err := Run(context.Background(), s, []Step{{SwitchCollator, "fast"}}, nil); !errors.As(err, &setting) {
		t.Errorf("unknown collator: %v", err)
	}
	if _, err := Run(context.Background(), s, []Step{{Upgrade, "missing.wasm"}}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
