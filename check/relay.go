package check

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"pileus"
	"pileus/chainspec"
	"pileus/crypto"
	"pileus/executor"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/remote"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/wasmlink"
)

// RelaySide is what is said of the relay chain.
type RelaySide struct {
	Config  primitives.HostConfiguration
	Classic bool // the rules of before stable2503
	// Codes are the validation code hashes of its parachains, if a state was given.
	Codes map[primitives.ParaID]primitives.Hash
	IsRaw bool // a whole state was given
}

// backingConstraints is the version of ParachainHost from which on the lookahead bounds
// the window, and no more the parameters of asynchronous backing (stable2503).
const backingConstraints = 13

// ErrRelaySpec says that a chain spec is not that of a relay chain with its state.
var ErrRelaySpec = errors.New("not a raw chain spec of a relay chain: it has no Configuration.ActiveConfig")

// RelayOf reads the relay chain's side from its chain spec. Which rules it has, the
// version of its ParachainHost tells.
func RelayOf(spec *chainspec.Spec) (*RelaySide, error) {
	if spec.Genesis.Raw == nil {
		return nil, ErrRelaySpec
	}
	top := spec.Genesis.Raw.Top
	raw, ok := top[string(primitives.KeyActiveConfig)]
	if !ok {
		return nil, ErrRelaySpec
	}
	r := &RelaySide{IsRaw: true, Codes: map[primitives.ParaID]primitives.Hash{}}
	if err := r.Config.DecodeAny(raw); err != nil {
		return nil, fmt.Errorf("Configuration.ActiveConfig: %w", err)
	}
	if info, err := wasmlink.Look(spec.Code()); err == nil && info.Version != nil {
		version, _ := info.Version.API(runtimeapi.ParachainHost)
		r.Classic = version < backingConstraints
	}
	prefix := string(primitives.PrefixCurrentCodeHash)
	for key, value := range top {
		if tail, ok := strings.CutPrefix(key, prefix); ok && len(tail) == 12 && len(value) == 32 {
			r.Codes[primitives.ParaID(scale.NewDecoder([]byte(tail[8:])).U32())] = primitives.Hash(value)
		}
	}
	return r, nil
}

// LiveRelay is the relay chain's side as its node says it.
func LiveRelay(live *remote.Relay) *RelaySide {
	return &RelaySide{Config: live.Config, Codes: live.Codes, IsRaw: live.Codes != nil, Classic: live.ParachainHost > 0 && live.ParachainHost < backingConstraints}
}

// lookahead is how many relay blocks may be a candidate's scheduling parent.
func (r *RelaySide) lookahead() uint32 {
	if r.Classic {
		return r.Config.AsyncBackingParams.AllowedAncestryLen + 1
	}
	return r.Config.SchedulerParams.Lookahead
}

// codeHash is the hash of the para's code on the relay chain; empty if it is not known there.
func (r *RelaySide) codeHash(c *parachain.Chain) string {
	if r == nil {
		return ""
	}
	if h, ok := r.Codes[c.ParaID]; ok {
		return h.String()
	}
	return ""
}

// simulations are short runs of the whole pipeline, with the relay chain's configuration as
// it is and with parts of it replaced by those of the guide.
type simulations struct {
	theirs []outcome // as it is
	mended []outcome // with all of the parts below replaced; empty if nothing is wrong
	blamed map[string][]outcome
}

// outcome is what became of a run.
type outcome struct {
	name     string
	words    string
	slow     bool
	interval float64 // ms; 0: no two inclusions
}

func (o outcome) String() string { return o.name + ": " + o.words }

// simulated is how many relay blocks a run has.
const simulated = 48

// parts are what a row is about, and how it is mended.
var parts = []struct {
	id   string
	mend func(*pileus.Settings)
}{
	{"pre.async", func(s *pileus.Settings) {
		p := &s.Relay.AsyncBackingParams
		p.MaxCandidateDepth, p.AllowedAncestryLen = max(p.MaxCandidateDepth, 3), max(p.AllowedAncestryLen, 2)
	}},
	{"pre.lookahead", func(s *pileus.Settings) {
		s.Relay.SchedulerParams.Lookahead = max(s.Relay.SchedulerParams.Lookahead, 3)
	}},
	{"p2.5", func(s *pileus.Settings) {
		s.AuthoringDuration = min(s.AuthoringDuration, 2*time.Second)
		s.Relay.ExecutorParams = slices.DeleteFunc(slices.Clone(s.Relay.ExecutorParams), func(p primitives.ExecutorParam) bool { return p.Kind == primitives.PvfExecTimeout })
	}},
}

// simulate runs the chain on the relay chain as it is: with blocks that cost what they
// weigh, and with full ones. Where a run is slower than it should be, each part is put
// back alone into a configuration that is otherwise mended: it is to blame if the run is slow again.
func (s *subject) simulate(ctx context.Context, spec *chainspec.Spec, o Options) (*simulations, error) {
	x := &simulations{blamed: map[string][]outcome{}}
	base := o.Settings
	base.Relay, base.RelayBlocks, base.CacheDir = o.Relay.Config, simulated, o.CacheDir
	base.Relay.SchedulerParams.NumCores = 0 // the run gives the parachain its core
	base.Rules = "current"
	if o.Relay.Classic {
		base.Rules = "classic"
	}
	base.Collator, base.AuthoringDuration = s.collator(o), o.AuthoringDuration
	engine, err := executor.NewEngine(ctx, executor.Config{CacheDir: o.CacheDir, Verifier: crypto.NewVerifier()})
	if err != nil {
		return nil, err
	}
	defer engine.Close(context.Background())
	r := &runner{ctx: ctx, subject: s, engine: engine, full: s.fullCost(o), light: true}
	x.theirs = r.both("the relay chain as it is", base)
	r.light = x.theirs[0].slow // else only full blocks are in question from here on
	if !anySlow(x.theirs) || r.err != nil {
		return x, r.err
	}
	all := base
	for _, p := range parts {
		p.mend(&all)
	}
	x.mended = r.both("with the guide's prerequisites", all)
	for i, p := range parts {
		one := base
		for k, other := range parts {
			if k != i {
				other.mend(&one)
			}
		}
		x.blamed[p.id] = r.both("only "+p.id+" as it is", one)
	}
	return x, r.err
}

// fullCost is what a full block costs: what its weight allows, but no longer than the
// collator authors.
func (s *subject) fullCost(o Options) time.Duration {
	full := o.AuthoringDuration
	if ns := time.Duration(s.static.RefTime / 1000); ns > 0 {
		full = min(full, ns)
	}
	return full
}

// runner runs simulations.
type runner struct {
	ctx     context.Context
	subject *subject
	engine  *executor.Engine // the runs have it in turn
	full    time.Duration
	light   bool // with empty blocks, too
	ran     []ran
	err     error
}

// both runs the settings with blocks by weight and with full blocks.
func (r *runner) both(name string, s pileus.Settings) []outcome {
	s.BlockCost = r.full
	full := r.run(fmt.Sprintf("%s, full blocks of %s", name, seconds(r.full)), s)
	if !r.light {
		return []outcome{full}
	}
	s.BlockCost = 0
	return []outcome{r.run(name+", empty blocks", s), full}
}

// ran is a run that was made: parts that are right leave settings as they were.
type ran struct {
	settings pileus.Settings
	outcome  outcome
}

func (r *runner) run(name string, s pileus.Settings) outcome {
	o := outcome{name: fmt.Sprintf("simulate, %d relay blocks, %s", s.RelayBlocks, name)}
	if r.err != nil {
		return o
	}
	for _, x := range r.ran {
		if reflect.DeepEqual(x.settings, s) {
			o.words, o.slow, o.interval = x.outcome.words, x.outcome.slow, x.outcome.interval
			return o
		}
	}
	sim, err := pileus.Open(r.ctx, s, pileus.Options{Engine: r.engine})
	if err != nil {
		r.err = fmt.Errorf("simulate: %w", err)
		return o
	}
	defer sim.Close()
	report, err := sim.Run(r.ctx)
	if err != nil {
		r.err = fmt.Errorf("simulate: %w", err)
		return o
	}
	o.words, o.slow = report.Verdict, true
	if stages := report.Paras[0].Stages; len(stages) > 0 && stages[0].Interval != nil {
		o.interval = stages[0].Interval.Mean
		o.slow = o.interval > 1.1*float64(r.subject.promise())
	}
	r.ran = append(r.ran, ran{s, o})
	return o
}

func anySlow(list []outcome) bool {
	return slices.ContainsFunc(list, func(o outcome) bool { return o.slow })
}

// slow tells whether the chain is slower on the relay chain as it is, with blocks as they weigh.
func (x *simulations) slow() bool { return anySlow(x.theirs) }

// worst is what becomes of the chain in the slowest of the runs on the relay chain as it
// is; empty if none is slow.
func (x *simulations) worst() string {
	if x == nil {
		return ""
	}
	for _, o := range slices.Backward(x.theirs) {
		if o.slow && o.interval > 0 {
			return fmt.Sprintf("a block every %.3g s", o.interval/1000)
		} else if o.slow {
			return "it stalls once blocks are full"
		}
	}
	return ""
}

func words(lists ...[]outcome) (list []string) {
	for _, l := range lists {
		for _, o := range l {
			list = append(list, o.String())
		}
	}
	return list
}

// blame is the row of a part: it fails if putting it back makes the run slow again.
func (x *simulations) blame(id, found, expected string) Row {
	switch {
	case !x.slow():
		return ok(found, expected, words(x.theirs))
	case anySlow(x.mended):
		row := unknown(found + "; the chain is slow with the guide's prerequisites, too")
		row.Expected, row.Evidence = expected, words(x.theirs, x.mended)
		return row
	case anySlow(x.blamed[id]):
		row := fails(found, expected, words(x.theirs, x.mended, x.blamed[id]))
		row.Severity = Error
		return row
	}
	return ok(found, expected, words(x.theirs, x.blamed[id]))
}

// authoring is the row of the authoring duration, if the runs decide it.
func (x *simulations) authoring(found, expected string) (Row, bool) {
	if !x.slow() || anySlow(x.mended) || !anySlow(x.blamed["p2.5"]) {
		return Row{}, false
	}
	row := fails(found, expected, words(x.theirs, x.mended, x.blamed["p2.5"]))
	row.Severity = Error
	return row, true
}

func (j *judge) preAsync() Row {
	if j.o.Relay == nil {
		return unknown("nothing was said of the relay chain (--relay, --relay-config)")
	}
	p := j.o.Relay.Config.AsyncBackingParams
	found := fmt.Sprintf("max_candidate_depth %d, allowed_ancestry_len %d", p.MaxCandidateDepth, p.AllowedAncestryLen)
	expected := "3 and 2 (or enough for what simulate shows)"
	if !j.o.Relay.Classic {
		found += " (rules of today: without effect)"
	}
	return j.prerequisite("pre.async", found, expected)
}

func (j *judge) preLookahead() Row {
	if j.o.Relay == nil {
		return unknown("nothing was said of the relay chain (--relay, --relay-config)")
	}
	return j.prerequisite("pre.lookahead", fmt.Sprint(j.o.Relay.Config.SchedulerParams.Lookahead), "3 (or enough for what simulate shows)")
}

func (j *judge) prerequisite(id, found, expected string) Row {
	if j.sims == nil {
		return unknown(found + "; no block could be built, so nothing was simulated")
	}
	return j.sims.blame(id, found, expected)
}
