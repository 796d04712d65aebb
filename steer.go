package pileus

import (
	"context"
	"fmt"
	"time"

	"pileus/collator"
	"pileus/executor"
	"pileus/metadata"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/relay"
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

// Upgrade submits new code of the parachain in the name of its sudo key, and says how. It
// needs [Options.Steer].
func (sim *Simulation) Upgrade(code []byte) (how string, err error) { return sim.network.Upgrade(code) }

// Now is the virtual time since the start of the run.
func (sim *Simulation) Now() time.Duration { return sim.network.Now() }

// RelayBlock is the number of the newest relay block.
func (sim *Simulation) RelayBlock() uint32 { return sim.network.RelayBlock() }

// Costs is where the time of the runtimes went, if [Options.Measure] asked for it.
func (sim *Simulation) Costs() executor.Stats { return sim.engine.Stats() }

// ErrNoSudo says that the chain has no sudo key that is a development account.
var ErrNoSudo = pipeline.ErrNoSudo

// Runtime is what the parachain's runtime is at present.
type Runtime struct {
	Name         string
	SpecVersion  uint32
	CodeHash     primitives.Hash
	SlotDuration time.Duration
	SegmentAPI   bool // AuraUnincludedSegmentApi
	Metadata     *metadata.Metadata
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
	return &Runtime{Name: code.Version.SpecName, SpecVersion: code.Version.SpecVersion, CodeHash: code.Hash,
		SlotDuration: time.Duration(info.SlotDuration) * time.Millisecond, SegmentAPI: info.SegmentAPI > 0, Metadata: meta}, nil
}
