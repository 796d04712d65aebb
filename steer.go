package pileus

import (
	"context"
	"fmt"
	"time"

	"pileus/collator"
	"pileus/executor"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/relay"
	"pileus/trie"
)

// SwitchCollator lets all collators be of another kind from now on: basic, lookahead or
// slot-based.
func (sim *Simulation) SwitchCollator(kind string) error {
	for _, k := range []collator.Kind{collator.Basic, collator.Lookahead, collator.SlotBased} {
		if k.String() == kind {
			sim.kind = k
			sim.network.SwitchCollator(k)
			return nil
		}
	}
	return &SettingError{fmt.Sprintf("collator %q: choose basic, lookahead or slot-based", kind)}
}

// CollatorKind is the kind of the collators at present.
func (sim *Simulation) CollatorKind() string { return sim.kind.String() }

// SetRelay changes a field of the relay chain's configuration, "key=value", as its own
// governance does: from the session after the next on.
func (sim *Simulation) SetRelay(setting string) error {
	config := sim.settings.Relay
	if err := SetRelayConfig(&config, setting); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return &SettingError{"the relay chain would refuse this host configuration: " + oneLine(err)}
	}
	// The relay chain itself has given its paras cores; that field is not ours to take back.
	sim.settings.Relay = config
	config.SchedulerParams.NumCores = max(config.SchedulerParams.NumCores, sim.network.RelayConfig().SchedulerParams.NumCores)
	sim.network.Govern(relay.SetConfig{Config: config})
	return nil
}

// Upgrade brings new code of the parachain on its way, as its runtime takes it
// ([Simulation.UpgradeWay]), and says how; what becomes of it is told by events. It needs [Options.Steer].
func (sim *Simulation) Upgrade(code []byte) (how string, err error) { return sim.network.Upgrade(code) }

// UpgradeWay is how the parachain, as it stands, takes new code.
func (sim *Simulation) UpgradeWay() (pipeline.UpgradeWay, error) { return sim.network.UpgradeWay() }

// Load makes code ready to run. The error says why it is no runtime.
func (sim *Simulation) Load(ctx context.Context, code []byte) (*parachain.Code, error) {
	return sim.host.Load(ctx, code)
}

// Again builds a second block on the relay parent, in the slot and at the time of the
// parachain's newest block and throws it away. The error is what the runtime says against it.
func (sim *Simulation) Again() error { return sim.network.Again() }

// Transfers counts what became of the transfers.
func (sim *Simulation) Transfers() pipeline.TransferCount { return sim.network.Transfers() }

// StopTransfers submits no more transfers.
func (sim *Simulation) StopTransfers() { sim.network.StopTransfers() }

// Now is the virtual time since the start of the run.
func (sim *Simulation) Now() time.Duration { return sim.network.Now() }

// RelayBlock is the number of the newest relay block.
func (sim *Simulation) RelayBlock() uint32 { return sim.network.RelayBlock() }

// Costs is where the time of the runtimes went, if [Options.Measure] asked for it.
func (sim *Simulation) Costs() executor.Stats { return sim.engine.Stats() }

// Runtime is what the parachain's runtime is at present.
type Runtime struct {
	*parachain.Code
	parachain.Info
	Name         string
	SpecVersion  uint32
	SlotDuration time.Duration
	Metadata     *metadata.Metadata
	Number       uint32      // of the newest block
	State        *trie.State // after it
}

// Runtime asks the runtime at the parachain's newest block what it is.
func (sim *Simulation) Runtime(ctx context.Context) (*Runtime, error) {
	code, best, err := sim.network.Runtime()
	if err != nil {
		return nil, err
	}
	meta, err := code.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	info, err := sim.host.Info(ctx, best.State)
	if err != nil {
		return nil, err
	}
	return &Runtime{Code: code, Info: info, Name: code.Version.SpecName, SpecVersion: code.Version.SpecVersion,
		SlotDuration: time.Duration(info.SlotDuration) * time.Millisecond, Metadata: meta, Number: best.Number(), State: best.State}, nil
}

// Relay is what the relay chain holds of the parachain at its newest block.
type Relay struct {
	Number    uint32
	Slot      primitives.Slot
	Code      primitives.Hash // that validators run at present
	Restrict  bool            // UpgradeRestrictionSignal
	Config    *primitives.HostConfiguration
	Lookahead uint32 // relay blocks in which a candidate may be backed
}

// Relay asks the relay chain about the parachain.
func (sim *Simulation) Relay() Relay {
	s := sim.network.RelayState()
	r := Relay{Number: s.Number(), Slot: s.Slot(), Config: s.Config(), Lookahead: s.SchedulingLookahead(), Restrict: s.UpgradeRestricted(sim.chain.ParaID)}
	r.Code, _ = s.ValidationCodeHash(sim.chain.ParaID, primitives.AssumeTimedOut)
	return r
}
