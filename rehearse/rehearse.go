// Package rehearse walks a parachain through the guide's phases with real upgrades on a
// real relay transition, and says for every step whether the chain goes on, degrades or
// stalls, why, and what becomes of everything that counts blocks.
//
//	steady ──step──► upgrade submitted ─► pre-check ─► go-ahead ─► first block of the new code ─► steady
//	                 collator switched ─────────────────────────────────────────────────────────┘
//	                 relay setting ─► in force two sessions later ──────────────────────────────┘
//
// A team's own test can assert on what it returns:
//
//	s := pileus.Defaults()
//	s.Chain = "my-chain.json"
//	report, err := rehearse.Run(ctx, rehearse.Config{Settings: s, Steps: []rehearse.Step{{Kind: rehearse.Upgrade, Arg: "next.wasm"}}})
//	if err == nil && report.Found() { t.Error(report) }
package rehearse

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"pileus"
	"pileus/pipeline"
)

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	Upgrade        Kind = "upgrade"
	SwitchCollator Kind = "switch_collator"
	SetRelay       Kind = "set_relay"
	// Start is not a step to be given: a report lists it where the chain is not well before the first step.
	Start Kind = "start"
)

// Self as the argument of an upgrade is the code that the chain runs at that moment, with
// its spec version raised by one.
const Self = "self"

// Step is one step: new code from a file or a built-in stage of the guide's chain, another
// kind of collator, or a relay setting "key=value".
type Step struct {
	Kind Kind
	Arg  string
	Code []byte // of an upgrade; nil: Arg names a file, a stage or [Self]
}

// Config says what to rehearse.
type Config struct {
	// Settings say where the chain begins, and in what world; their RelayBlocks do not matter.
	Settings pileus.Settings
	Steps    []Step
	// UpgradesLate lets the relay chain make new code current that many blocks late.
	UpgradesLate uint32
	// RejectPrecheck lets the validators vote against all new code.
	RejectPrecheck bool
	// Progress is told of each step as it begins; it may be nil.
	Progress func(step int, s Step)
	// OnEvent gets every event of the network; it may be nil.
	OnEvent func(pipeline.Timed)
}

// Verdict is what becomes of the chain.
type Verdict string

// The verdicts, the worst last. A chain degrades if it is slower than before the step, or
// slower than its runtime promises, or if the step came to nothing.
const (
	GoesOn   Verdict = "goes_on"
	Degrades Verdict = "degrades"
	Stalls   Verdict = "stalls"
)

var worse = map[Verdict]int{GoesOn: 0, Degrades: 1, Stalls: 2}

// Moment is a line of a step's timeline.
type Moment struct {
	Relay uint32 `json:"relay_block"`
	Ms    int64  `json:"ms"` // virtual time since the start
	What  string `json:"what"`
}

// StepReport is what a step came to.
type StepReport struct {
	Kind     Kind     `json:"kind"`
	Arg      string   `json:"arg"`
	Verdict  Verdict  `json:"verdict"`
	Finding  string   `json:"finding,omitempty"` // the name of a [Finding]
	Cause    string   `json:"cause,omitempty"`   // in plain words, and in the runtime's where it has some
	Evidence []string `json:"evidence,omitempty"`
	Advice   string   `json:"advice,omitempty"` // what to do
	Before   *float64 `json:"interval_before_ms"`
	After    *float64 `json:"interval_after_ms"`
	Promised float64  `json:"interval_promised_ms"`
	Lost     int      `json:"slots_lost"`     // blocks that were due at the boundary and were not included
	PoVBytes int      `json:"pov_bytes"`      // compressed: the largest of the block with the code, of that which applies it, and of the first that runs it
	PoVLimit uint32   `json:"pov_limit"`      // max_pov_size
	Code     string   `json:"code,omitempty"` // the new runtime's name, version and code hash
	Timeline []Moment `json:"timeline"`
}

// Report is what a rehearsal came to.
type Report struct {
	Verdict    Verdict                 `json:"verdict"`
	Chain      string                  `json:"chain"`
	Collator   string                  `json:"collator"`          // the first one
	Interval   *float64                `json:"interval_start_ms"` // before the first step
	Steps      []StepReport            `json:"steps"`
	Warnings   []string                `json:"warnings"`
	Timers     []Timer                 `json:"timers"`
	Issuance   *Issuance               `json:"issuance,omitempty"`
	Stages     []Stage                 `json:"stages"`
	Transfers  *pipeline.TransferCount `json:"transfers,omitempty"`
	Simplified []string                `json:"simplified"`
	Notes      []string                `json:"notes,omitempty"` // what was changed in the genesis state
}

// Stage is a stretch between steps: what the timers of a report are given for.
type Stage struct {
	Name     string   `json:"name"`
	Interval *float64 `json:"interval_ms"`
}

// Found tells whether a stall or a degradation was found.
func (r *Report) Found() bool { return r.Verdict != GoesOn }

// String is the verdict with the causes, in a line each.
func (r *Report) String() string {
	list := []string{sentence(r)}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Verdict != GoesOn {
			list = append(list, fmt.Sprintf("%s: %s: %s", s.Title(), words(s.Verdict), s.Cause))
		}
	}
	return strings.Join(list, "\n")
}

// Title names the step.
func (s *StepReport) Title() string { return Step{Kind: s.Kind, Arg: s.Arg}.Title() }

// Title names the step, a file by the last part of its path.
func (s Step) Title() string {
	arg := s.Arg
	if s.Kind == Upgrade {
		arg = filepath.Base(arg)
	}
	return strings.TrimSpace(strings.ReplaceAll(string(s.Kind), "_", " ") + " " + arg)
}

// Run rehearses the steps in their order. What cannot be rehearsed is an error before
// anything runs: a file that is no runtime of this chain, a chain that takes no new code.
// The error of a wrong setting is a [*pileus.SettingError].
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := check(&cfg); err != nil {
		return nil, err
	}
	w := &walk{cfg: cfg, povs: map[uint32]int{}}
	sim, err := pileus.Open(ctx, cfg.Settings, pileus.Options{OnEvent: w.event, Steer: true, Rehearsal: true, UpgradesLate: cfg.UpgradesLate, RejectPrecheck: cfg.RejectPrecheck})
	if err != nil {
		return nil, err
	}
	defer sim.Close()
	w.sim = sim
	if w.codes, err = plan(ctx, sim, cfg.Steps); err != nil {
		return nil, err
	}
	r := &Report{Verdict: GoesOn, Chain: chainName(&cfg.Settings, sim), Collator: sim.CollatorKind(), Steps: []StepReport{}, Warnings: []string{}, Timers: []Timer{}}
	if err := w.start(ctx, r); err != nil {
		return nil, err
	}
	for i, step := range cfg.Steps {
		if r.stalled() && step.Kind == Upgrade {
			r.Warnings = append(r.Warnings, fmt.Sprintf("Not tried: %s. A chain that stands still takes no new code.", step.Title()))
			continue
		}
		if cfg.Progress != nil {
			cfg.Progress(i, step)
		}
		report, err := w.step(ctx, step, w.codes[i])
		if err != nil {
			return nil, fmt.Errorf("step %d, %s %s: %w", i+1, step.Kind, step.Arg, err)
		}
		r.add(*report)
		if err := w.stage(ctx, r, report); err != nil {
			return nil, err
		}
	}
	return r, w.finish(ctx, r)
}

func (r *Report) add(s StepReport) {
	r.Steps = append(r.Steps, s)
	r.atLeast(s.Verdict)
}

func (r *Report) atLeast(v Verdict) {
	if worse[v] > worse[r.Verdict] {
		r.Verdict = v
	}
}

// stalled tells whether the chain stands still after the last step.
func (r *Report) stalled() bool {
	return len(r.Steps) > 0 && r.Steps[len(r.Steps)-1].Verdict == Stalls
}

func chainName(s *pileus.Settings, sim *pileus.Simulation) string {
	c := sim.Chain()
	from := s.Chain
	switch {
	case from != "":
	case s.Wasm != "":
		from = s.Wasm
	default:
		from = "built-in stage"
		if s.Runtime != "" {
			from += " " + s.Runtime
		}
	}
	return fmt.Sprintf("%s %d, para %d (%s)", c.Version.SpecName, c.Version.SpecVersion, c.ParaID, filepath.Base(from))
}
