// Package check judges a parachain's configuration against every step of the guide
// "Configure Parachain for Asynchronous Backing", and what lies beyond it, before
// anything runs.
//
//	code ─► static: sections, version, APIs, metadata ─┐
//	genesis ─► probes: blocks built on relay parents   ├─► profile ─► rows ─► report
//	           of our own making, validate_block       │
//	relay configuration ─► short simulations ──────────┘
//
// A verdict rests on what the runtime did, not on what it is called: the probes
// ([Observations]) are the evidence. A row that fails is an [Error] where the chain then
// stalls or is slower than it promises, else a [Warning].
package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus"
	"pileus/chainspec"
	"pileus/executor"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/runtimeapi"
)

// Options are what to judge besides the runtime.
type Options struct {
	Profile           string          // auto, sync, phase1, phase3, elastic
	Collator          string          // basic, lookahead, slot-based; empty: nothing is said of it
	AuthoringDuration time.Duration   // of the collator
	Preset            string          // for a bare runtime; empty: development, or nothing if the runtime lacks that
	Relay             *RelaySide      // nil: nothing is said of the relay chain
	Settings          pileus.Settings // of the same chain, for simulations
	Results           string          // folder in which observations are kept; empty: none
	CacheDir          string          // of compiled runtimes, for simulations; empty: none
	Origin            *pileus.Origin  // of a live chain; nil: the spec
	Patience          time.Duration   // with one call of the runtime; 0: half a minute, longer with a live chain
}

// Errors of a runtime that is no parachain's.
var (
	ErrRelayChain  = errors.New("it is the runtime of a relay chain: check judges parachains (give a relay chain with --relay)")
	ErrNoParachain = errors.New("it is not the runtime of a parachain: it has neither CollectCollationInfo nor the pallet ParachainSystem")
)

// Run judges the chain of a spec, or a bare runtime ([parachain.RuntimeSpec]). The error
// says why nothing can be judged: the code cannot be read, or it is no parachain's.
func Run(ctx context.Context, spec *chainspec.Spec, o Options) (*Report, error) {
	if len(spec.Code()) == 0 {
		return nil, errors.New("the code is empty")
	}
	// The collators to let build depend on the runtime's offset, unless one is named.
	kinds := []string{Auto}
	if o.Collator != "" && o.Collator != Auto {
		kinds = []string{Basic, Lookahead, SlotBased}
	}
	file := resultFile(spec, o, kinds)
	if s, ok := readResults(file, spec); ok {
		return s.report(ctx, spec, o)
	}
	static, err := inspect(spec.Code())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	s := &subject{static: static}
	if err := s.probe(ctx, spec, o, kinds); err != nil {
		return nil, err
	}
	s.keepResults(file)
	return s.report(ctx, spec, o)
}

// probe makes the runtime ready and finds out what it does.
func (s *subject) probe(ctx context.Context, spec *chainspec.Spec, o Options, kinds []string) error {
	if v := s.static.Info.Version; v != nil && isRelayChain(v) {
		return ErrRelayChain
	}
	engine, err := executor.NewEngine(ctx, executor.Config{Interpreter: true, NodeOnly: true}) // compiling takes longer than all the probes
	if err != nil {
		return err
	}
	defer engine.Close(ctx)
	s.host = parachain.NewHost(engine)
	if err := s.load(ctx, spec); err != nil {
		return err
	}
	if err := s.open(ctx, spec, o); err != nil {
		return err
	}
	if s.chain != nil {
		s.observe(ctx, o, kinds)
	}
	return ctx.Err()
}

func isRelayChain(v *runtimeapi.Version) bool {
	_, yes := v.API(runtimeapi.ParachainHost)
	return yes
}

// subject is what is judged.
type subject struct {
	static *Static
	host   *parachain.Host
	code   *parachain.Code

	chain    *parachain.Chain // nil: blocks cannot be built, as unready says
	patience time.Duration    // with one block; of Options, or what is usual
	notes    []string         // how the state differs from the one that was given
	absent   string           // why there are no probes
	seen     Observations
}

// load makes the code ready and finds out what kind of runtime it is.
func (s *subject) load(ctx context.Context, spec *chainspec.Spec) (err error) {
	ctx, stop := context.WithTimeout(ctx, 4*patience)
	defer stop()
	if s.code, err = s.host.Load(ctx, spec.Code()); err != nil {
		return err
	}
	v := s.code.Version
	s.static.Version = v
	if isRelayChain(v) {
		return ErrRelayChain
	}
	if s.static.Meta, err = s.code.Metadata(ctx); err != nil {
		return fmt.Errorf("ask for the metadata: %w", err)
	}
	if _, ok := v.API(runtimeapi.CollectCollationInfo); !ok && s.static.Meta.Pallet("ParachainSystem") == nil {
		return ErrNoParachain
	}
	s.static.read()
	return nil
}

// open makes the chain on which the probes build: with the genesis of the spec, that of a
// preset, or, of a runtime without presets, the few items that a block needs.
func (s *subject) open(ctx context.Context, spec *chainspec.Spec, o Options) error {
	v := s.code.Version
	if _, ok := v.API(runtimeapi.AuraApi); !ok {
		s.absent = "it does not author with Aura, so blocks cannot be built here"
		if _, ok := v.API("NimbusApi"); ok {
			s.absent = "it authors with Nimbus, not with Aura: blocks of such runtimes cannot be built here"
		}
		return nil
	}
	from := &pileus.Origin{Spec: spec}
	if s.patience = patience; o.Origin != nil {
		from, s.patience = o.Origin, livePatience
	}
	if o.Patience > 0 {
		s.patience = o.Patience
	}
	ctx, stop := context.WithTimeout(ctx, 4*patience+s.patience)
	defer stop()
	options := parachain.Options{Collators: 1, ParaID: probePara}
	var err error
	if s.chain, err = from.Open(ctx, s.host, options); err == nil {
		s.notes = s.chain.Edits
		return nil
	}
	if errors.Is(err, runtimeapi.ErrSlotDuration) {
		s.absent = "AuraApi says that a slot has 0 ms"
		return nil
	}
	if spec.Genesis.Runtime == nil || o.Preset != "" {
		return err
	}
	bare := bareGenesis(s.code.Version, spec.Code())
	if s.chain, _ = s.host.Open(ctx, bare, options); s.chain == nil {
		return err // the first error says what is missing
	}
	s.notes = append(s.chain.Edits, fmt.Sprintf("Built on a state with nothing but the code, one authority and the para id: %v.", err))
	return nil
}

// probePara is the para id of chains that have none.
const probePara = primitives.ParaID(2000)

// observe makes the probes.
func (s *subject) observe(ctx context.Context, o Options, kinds []string) {
	if kinds[0] == Auto {
		kinds = []string{s.collator(o)}
	}
	p := newProber(ctx, s, kinds)
	p.run()
	if p.broken != nil {
		p.seen.Broken = p.broken.Error()
	}
}
