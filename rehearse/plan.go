package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"pileus"
	"pileus/executor"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/runtimes"
)

// check finds what is wrong with the steps as they are written, and reads their files.
func check(cfg *Config) error {
	bad := func(format string, args ...any) error {
		return &pileus.SettingError{Msg: fmt.Sprintf(format, args...)}
	}
	if len(cfg.Steps) == 0 {
		return bad("name at least one step: --upgrade W1, --switch-collator KIND or --set-relay key=value")
	}
	cfg.Steps = slices.Clone(cfg.Steps)
	relay, governs := cfg.Settings.Relay, false
	for i := range cfg.Steps {
		step := &cfg.Steps[i]
		switch step.Kind {
		case Upgrade:
			if err := readCode(step); err != nil {
				return err
			}
		case SwitchCollator:
			if !slices.Contains([]string{pileus.Basic, pileus.Lookahead, pileus.SlotBased}, step.Arg) {
				return bad("collator %q: choose basic, lookahead or slot-based", step.Arg)
			}
		case SetRelay:
			governs = true
			if err := pileus.SetRelayConfig(&relay, step.Arg); err != nil {
				return err
			}
			if err := relay.Validate(); err != nil {
				return bad("%s: the relay chain would refuse this host configuration: %v", step.Arg, err)
			}
		default:
			return bad("a step of unknown kind %q", step.Kind)
		}
	}
	// A relay setting takes two sessions to come into force; sessions of an hour would make the run long.
	if governs && cfg.Settings.SessionBlocks == pileus.Defaults().SessionBlocks {
		cfg.Settings.SessionBlocks = shortSession
	}
	return nil
}

// shortSession is the length of a session in relay blocks where a step waits for two of them.
const shortSession = 60

func readCode(step *Step) error {
	if step.Code != nil || step.Arg == Self {
		return nil
	}
	info, err := os.Stat(step.Arg)
	if stage, ok := runtimes.Code(step.Arg); ok && errors.Is(err, fs.ErrNotExist) {
		step.Code = stage
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("upgrade %s: %w", step.Arg, plainPath(err))
	case info.IsDir():
		return fmt.Errorf("upgrade %s: it is a folder", step.Arg)
	case info.Size() > executor.CodeBombLimit:
		return fmt.Errorf("upgrade %s: larger than %d MiB", step.Arg, executor.CodeBombLimit>>20)
	}
	if step.Code, err = os.ReadFile(step.Arg); err != nil {
		return fmt.Errorf("upgrade %s: %w", step.Arg, plainPath(err))
	}
	if len(step.Code) == 0 {
		return fmt.Errorf("upgrade %s: the file is empty", step.Arg)
	}
	return nil
}

func plainPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// planned is the code of an upgrade, ready to run.
type planned struct {
	raw []byte
	*parachain.Code
	note string // how it was made, where it is not a file as it is
}

// plan loads the code of every upgrade, by step, and refuses what can never be rehearsed.
func plan(ctx context.Context, sim *pileus.Simulation, steps []Step) (map[int]*planned, error) {
	now, err := sim.Runtime(ctx)
	if err != nil {
		return nil, err
	}
	way, err := sim.UpgradeWay()
	if err != nil {
		return nil, err
	}
	codes := map[int]*planned{}
	current, base := now.Code, original{sim.Chain().Code, now.Code.Version.SpecVersion, 0}
	for i, step := range steps {
		if step.Kind != Upgrade {
			continue
		}
		fail := func(err error) error { return fmt.Errorf("upgrade %s: %w", step.Arg, err) }
		if way == pipeline.WayNone {
			return nil, fail(fmt.Errorf("no way to authorise it on %s %d: %w. Rehearse with a copy of the chain that has pallet Sudo, or with --wasm and a preset whose sudo key is a development account",
				current.Version.SpecName, current.Version.SpecVersion, pipeline.ErrNoWay))
		}
		p := &planned{raw: step.Code}
		if p.raw == nil {
			base.raises++
			if p.raw, p.note, err = raise(ctx, sim, base); err != nil {
				return nil, fail(err)
			}
		}
		if p.Code, err = sim.Load(ctx, p.raw); err != nil {
			return nil, fail(fmt.Errorf("it is not a runtime: %w", err))
		}
		if err := follows(current, p.Code); err != nil {
			return nil, fail(err)
		}
		meta, err := p.Metadata(ctx)
		if err != nil {
			return nil, fail(fmt.Errorf("it is not a runtime: %w", err))
		}
		if meta.Pallet("ParachainSystem") == nil {
			return nil, fail(parachain.ErrNoParachain)
		}
		// The key of sudo stays what it is; only what the runtime offers can change.
		ours := way == pipeline.WaySudo || way == pipeline.WaySudoEdited
		codes[i], current = p, p.Code
		if step.Code != nil {
			base = original{p.raw, p.Version.SpecVersion, 0}
		}
		if next := pipeline.WayOf(meta, ours); next != way {
			way = next
		}
	}
	return codes, nil
}

// follows refuses code that cannot come after another one, whatever the chain does.
func follows(old, next *parachain.Code) error {
	a, b := old.Version, next.Version
	switch {
	case a.SpecName != b.SpecName:
		return fmt.Errorf("it is a runtime of another chain: its spec name is %q, that of this chain %q", b.SpecName, a.SpecName)
	case b.SpecVersion < a.SpecVersion:
		return fmt.Errorf("its spec version %d is lower than %d, which the chain has by then; give a newer runtime", b.SpecVersion, a.SpecVersion)
	}
	return nil
}
