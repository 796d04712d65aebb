// Package pileus runs a parachain through asynchronous backing in one process: relay
// chain, validators, collators, in virtual time.
//
//	sim, err := pileus.Open(ctx, settings, pileus.Options{})
//	report, err := sim.Run(ctx)
//	err = report.Check(pileus.BlockEvery(6*time.Second, 0.03), pileus.NothingDropped())
//
// The command `pileus simulate` only renders what this package returns.
package pileus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"pileus/chainspec"
	"pileus/collator"
	"pileus/crypto"
	"pileus/executor"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/relay"
	"pileus/remote"
	"pileus/runtimes"
)

// Options are what a run does besides running.
type Options struct {
	Events   io.Writer                // gets every event as one JSON line
	OnEvent  func(pipeline.Timed)     // gets every event
	Progress func(done, total uint32) // relay blocks
	Steer    bool                     // development accounts get funds, so that [Simulation.Upgrade] can act
	// Rehearsal gives them enough to pay for new code, and lets [Auto] take the basic collator
	// for runtimes without AuraUnincludedSegmentApi.
	Rehearsal bool
	Measure   bool              // measure the time in the runtime and in host functions, see [Simulation.Costs]
	Observer  pipeline.Observer // is shown the chains themselves
	Faults    pipeline.Faults   // what goes wrong
	// Resume, if it is not nil, says what an earlier run of the chain has left; nil: nothing.
	Resume   func(*parachain.Chain) (*pipeline.Resume, error)
	NoReport bool                  // nothing is kept for a report: for a run without an end
	Fetched  func(remote.Progress) // what was read of a live chain so far
	// UpgradesLate and RejectPrecheck are faults of the relay chain: it makes new code current
	// that many blocks late; its validators vote against all new code.
	UpgradesLate   uint32
	RejectPrecheck bool
	// Engine runs the code in the place of an engine of the simulation's own: several in a row
	// then make a runtime ready once. It is not closed with the simulation.
	Engine *executor.Engine
}

// Simulation is a network that is ready to run.
type Simulation struct {
	settings Settings
	options  Options
	engine   *executor.Engine
	pvf      *pvf.Validator
	host     *parachain.Host
	origin   *Origin
	chain    *parachain.Chain
	kind     collator.Kind
	verifier *crypto.Verifier
	network  *pipeline.Network
	recorder *recorder
	stop     context.CancelFunc    // of the running Advance
	lack     atomic.Pointer[error] // the first thing of a live chain that could not be read
}

// open makes the engine ready.
func (sim *Simulation) open(ctx context.Context) (err error) {
	if sim.engine = sim.options.Engine; sim.engine != nil {
		sim.verifier = sim.engine.Verifier()
		return nil
	}
	sim.verifier = crypto.NewVerifier()
	engine := executor.Config{CacheDir: sim.settings.CacheDir, Stats: sim.options.Measure}
	if !sim.settings.ExecuteAll {
		engine.Verifier = sim.verifier
	}
	sim.engine, err = executor.NewEngine(ctx, engine)
	return err
}

// Open opens the parachain and makes the network around it, which stands until it is run.
// A wrong setting is a [*SettingError].
func Open(ctx context.Context, s Settings, o Options) (_ *Simulation, err error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	sim := &Simulation{settings: s, options: o, recorder: newRecorder(o.Events)}
	from, err := s.Origin(ctx, remote.Options{Progress: o.Fetched, Lacking: sim.lacking})
	if err != nil {
		return nil, err
	}
	sim.origin = from
	defer func() {
		if err != nil {
			sim.Close()
		}
	}()
	if err = sim.open(ctx); err != nil {
		return nil, err
	}
	host := parachain.NewHost(sim.engine)
	sim.host = host
	sim.pvf = pvf.New(sim.engine, s.ExecuteAll)
	// Validators prepare the code before the run, as they do when they accept it. It is
	// compiled once, for them and for the nodes.
	prepared := make(chan error, 1)
	go func() {
		code := from.Spec.Code()
		_, err := sim.pvf.Prepare(ctx, code, hashing.Blake2b256(code), bombLimit(&s.Relay), s.Relay.ExecutorParams)
		prepared <- err
	}()
	sim.chain, err = from.Open(ctx, host, parachain.Options{Collators: s.Collators, Fund: s.Transfers > 0 || o.Steer, Rich: o.Rehearsal})
	unprepared := <-prepared
	if err != nil {
		return nil, err
	}
	if unprepared != nil {
		return nil, fmt.Errorf("prepare the runtime for validators: %w", unprepared)
	}
	sim.kind = s.collatorKind(sim.chain, o.Rehearsal)
	cfg := sim.config(host)
	if o.Resume != nil {
		if cfg.Resume, err = o.Resume(sim.chain); err != nil {
			return nil, err
		}
	}
	if sim.network, err = pipeline.New(ctx, cfg); err != nil {
		return nil, err
	}
	if s.ExportPoVTo != "" {
		if err := os.MkdirAll(s.ExportPoVTo, 0o755); err != nil {
			return nil, fmt.Errorf("export PoVs: %w", err)
		}
	}
	return sim, nil
}

// Spec reads the chain spec, or makes one of the bare runtime.
func (s *Settings) Spec() (*chainspec.Spec, error) {
	if s.Chain != "" {
		return chainspec.Load(s.Chain)
	}
	if stage := s.stage(); stage != "" {
		code, ok := runtimes.Code(stage)
		if !ok {
			return nil, &SettingError{fmt.Sprintf("--runtime %q is not built in", stage)}
		}
		return parachain.RuntimeSpec(stage, code, s.Preset), nil
	}
	code, err := readFile(s.Wasm, executor.CodeBombLimit)
	if err != nil {
		return nil, err
	}
	if len(code) == 0 {
		return nil, fmt.Errorf("%s: the file is empty", s.Wasm)
	}
	return parachain.RuntimeSpec(filepath.Base(s.Wasm), code, s.Preset), nil
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: larger than %d MiB", path, limit>>20)
	}
	return b, nil
}

// collatorKind is what was asked for; auto takes the slot-based one for runtimes with a
// relay parent offset and, in a rehearsal, the basic one for runtimes before the guide.
func (s *Settings) collatorKind(c *parachain.Chain, rehearsal bool) collator.Kind {
	switch s.Collator {
	case Basic:
		return collator.Basic
	case SlotBased:
		return collator.SlotBased
	case Auto:
		if c.Facts.RelayParentOffset > 0 {
			return collator.SlotBased
		}
		if rehearsal && c.Facts.SegmentAPI == 0 {
			return collator.Basic
		}
	}
	return collator.Lookahead
}

func bombLimit(c *primitives.HostConfiguration) uint32 {
	return uint32(min(uint64(c.MaxCodeSize)*10, 1<<32-1))
}

func (sim *Simulation) config(host *parachain.Host) pipeline.Config {
	s := &sim.settings
	rules := relay.Current
	if s.Rules == classic {
		rules = relay.Classic
	}
	para := pipeline.Para{Host: host, Chain: sim.chain, Collator: sim.kind, AuthoringDuration: s.AuthoringDuration, BlockCost: s.BlockCost,
		Transfers: s.Transfers}
	if s.ExportPoVTo != "" {
		para.ExportPoV = sim.exportPoV
	}
	return pipeline.Config{
		Seed: s.Seed, Validators: s.Validators, ExecuteAll: s.ExecuteAll, PVF: sim.pvf, Verifier: sim.verifier, Paras: []pipeline.Para{para},
		Relay:          relay.GenesisConfig{Config: s.Relay, Rules: rules, SessionBlocks: s.SessionBlocks, Fresh: s.Fresh, Slot: s.firstSlot(), UpgradesLate: sim.options.UpgradesLate},
		RejectPrecheck: sim.options.RejectPrecheck,
		Events:         sim.observe, Observer: sim.options.Observer, Faults: sim.options.Faults,
	}
}

// exportPoV writes a PoV under the name that collators give it. What cannot be written
// whole is not left behind.
func (sim *Simulation) exportPoV(block primitives.Hash, number uint32, pov []byte) error {
	file := filepath.Join(sim.settings.ExportPoVTo, fmt.Sprintf("%s_%d.pov", block, number))
	if err := os.WriteFile(file, pov, 0o644); err != nil {
		os.Remove(file)
		return err
	}
	return nil
}

func (sim *Simulation) observe(t pipeline.Timed) {
	if sim.options.NoReport {
		if sim.options.OnEvent != nil {
			sim.options.OnEvent(t)
		}
		return
	}
	sim.recorder.observe(t)
	if (sim.recorder.err != nil || sim.lack.Load() != nil) && sim.stop != nil {
		sim.stop() // a run whose events are lost need not go on, nor one whose chain is in part unknown
	}
	if sim.options.OnEvent != nil {
		sim.options.OnEvent(t)
	}
	if _, made := t.Event.(pipeline.RelayBlock); made && sim.options.Progress != nil {
		sim.options.Progress(sim.recorder.report.RelayBlocks, sim.settings.RelayBlocks)
	}
}

// Network is the network itself, for those that drive it otherwise than [Simulation.Run] does.
func (sim *Simulation) Network() *pipeline.Network { return sim.network }

// Resume replaces the network by one that goes on from what it had at some time. What is
// to be driven from then on is the new [Simulation.Network].
func (sim *Simulation) Resume(r *pipeline.Resume) error {
	cfg := sim.config(sim.host)
	cfg.Resume = r
	network, err := pipeline.New(context.Background(), cfg)
	if err == nil {
		sim.network = network
	}
	return err
}

// Host runs the parachain's runtimes.
func (sim *Simulation) Host() *parachain.Host { return sim.host }

// lacking is told what of a live chain could not be read.
func (sim *Simulation) lacking(key []byte, err error) {
	err = fmt.Errorf("read key 0x%x of the state: %w", key, err)
	sim.lack.CompareAndSwap(nil, &err)
}

// Chain is the parachain at its genesis.
func (sim *Simulation) Chain() *parachain.Chain { return sim.chain }

// Run runs the relay blocks of the settings and reports.
func (sim *Simulation) Run(ctx context.Context) (*Report, error) {
	return sim.Advance(ctx, sim.settings.RelayBlocks)
}

// Advance runs that many relay slots more and reports on all of the run. If ctx ends, the
// report of the run so far is returned with the error.
func (sim *Simulation) Advance(ctx context.Context, slots uint32) (*Report, error) {
	ctx, sim.stop = context.WithCancel(ctx)
	defer sim.stop()
	err := sim.network.Run(ctx, slots)
	if lack := sim.lack.Load(); lack != nil {
		err = *lack
	}
	if sim.recorder.err != nil {
		err = sim.recorder.err
	}
	report := sim.Report()
	report.Interrupted = err != nil && errors.Is(err, context.Canceled)
	if sim.options.Progress != nil {
		sim.options.Progress(sim.settings.RelayBlocks, sim.settings.RelayBlocks)
	}
	return report, err
}

// Report is the report of the run so far.
func (sim *Simulation) Report() *Report {
	r := sim.recorder.finish(sim.network.Now())
	r.Settings, r.Simplified, r.Notes = &sim.settings, sim.settings.simplified(), sim.chain.Edits
	r.Executions.Executed, r.Executions.Reused = sim.pvf.Counts()
	return r
}

// Live is the live chain that the parachain is a fork of; nil if it begins with a spec.
func (sim *Simulation) Live() *remote.Chain { return sim.origin.Live }

// Fetched is what was read of a live chain; ok is false if the run is not of one.
func (sim *Simulation) Fetched() (p remote.Progress, ok bool) {
	if sim.origin.Live == nil {
		return p, false
	}
	return sim.origin.Live.Progress(), true
}

// Close frees what was compiled, and ends the connection to a live chain.
func (sim *Simulation) Close() error {
	var errs []error
	if sim.engine != nil && sim.options.Engine == nil {
		errs = append(errs, sim.engine.Close(context.Background()))
	}
	errs = append(errs, sim.origin.Close())
	return errors.Join(errs...)
}

// Version is the release.
const Version = "0.1.0"

// ProtocolLines are the lines of the protocol that this release models.
var ProtocolLines = []string{
	"relay chain: polkadot_runtime_parachains 26 to 30 (stable2603 to stable2609), ParachainHost 16, HostConfiguration v13, inherent v5",
	"relay node: prospective parachains, collator protocol 2, descriptors V1 and V2",
	"parachain node: cumulus-client-consensus-aura 0.36 (lookahead, slot-based on one core; basic as of 2023)",
	"parachain runtimes: PoV v0 and v1, CollectCollationInfo 1 to 3, AuraUnincludedSegmentApi 1 and 2",
	"host functions: sp-io 49, PVF execution as of polkadot-node-core-pvf 36",
}
