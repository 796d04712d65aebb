package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pileus"
)

// worldFlags are the flags of everything that a network is made of, shared by the commands
// that run one.
type worldFlags struct {
	settings    *pileus.Settings
	set         []string
	relayConfig string
	cache       cacheFlags
}

// add gives the command the flags that say what is run.
func (f *worldFlags) add(cmd *cobra.Command) {
	s, flags := f.settings, cmd.Flags()
	flags.StringVar(&s.Chain, "chain", "", "chain spec of the parachain, raw or with runtimeGenesis")
	flags.StringVar(&s.Wasm, "wasm", "", "runtime of the parachain, as in :code")
	flags.StringVar(&s.Runtime, "runtime", "", "stage of the guide's chain, built in: sync, phase1, phase3, phase3-keep-slot, elastic (default phase3)")
	flags.StringVar(&s.URL, "url", "", "live parachain to begin with: ws://host:port, with @block (number, hash, best) or at its finalized block")
	flags.StringVar(&s.Preset, "preset", s.Preset, "genesis preset of --wasm")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "of all chance: keys, latencies")
	flags.StringVar(&s.Collator, "collator", s.Collator, "auto, basic, lookahead or slot-based; auto: slot-based if the runtime has a relay parent offset")
	flags.IntVar(&s.Collators, "collators", s.Collators, "collators, and as many Aura authorities")
	flags.DurationVar(&s.AuthoringDuration, "authoring-duration", s.AuthoringDuration, "authoring_duration of the collator")
	flags.DurationVar(&s.BlockCost, "block-cost", 0, "what every block costs to build, import and validate (default: what its weight says)")
	flags.StringVar(&s.Rules, "rules", s.Rules, "current, or classic: allowed_ancestry_len and max_candidate_depth as before stable2503")
	flags.StringArrayVar(&f.set, "set", nil, "key=value: a field of the relay chain's HostConfiguration, e.g. scheduling_lookahead=1")
	flags.StringVar(&f.relayConfig, "relay-config", "", "JSON file with fields of HostConfiguration, or a live relay chain whose configuration to take: ws://host:port[@block]")
	flags.IntVar(&s.Validators, "validators", s.Validators, "validators of the relay chain")
	flags.Uint32Var(&s.SessionBlocks, "session-blocks", s.SessionBlocks, "relay blocks per session")
	addCacheFlags(cmd, &f.cache)
	flags.BoolVar(&s.ExecuteAll, "execute-all", false, "run validate_block once per validator instead of sharing one real execution")
}

// settle puts what was given into the settings and finds wrong values.
func (f *worldFlags) settle(cmd *cobra.Command) error {
	s := f.settings
	if cmd.Flags().Changed("block-cost") && s.BlockCost <= 0 {
		return usageError{errors.New("--block-cost must be above 0")}
	}
	if f.relayConfig != "" {
		if err := loadRelayConfig(cmd, &s.Relay, f.relayConfig); err != nil {
			return plain{err}
		}
	}
	for _, set := range f.set {
		if err := pileus.SetRelayConfig(&s.Relay, set); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
	}
	if err := s.Validate(); err != nil {
		if f.relayConfig != "" && s.Relay.Validate() != nil {
			return plain{fmt.Errorf("%s: %w", f.relayConfig, err)}
		}
		return err
	}
	s.CacheDir = f.cache.folder()
	return nil
}

// plain hides that an error is one of settings: what is found inside a file is no wrong flag.
type plain struct{ err error }

func (p plain) Error() string { return p.err.Error() }

// cacheFlags are shared by the commands that compile runtimes.
type cacheFlags struct {
	dir  string
	none bool
}

// addCacheFlags gives the command the flags; they exclude each other.
func addCacheFlags(cmd *cobra.Command, c *cacheFlags) {
	cmd.Flags().StringVar(&c.dir, "cache", "", "folder for compiled runtimes (default: pileus in the user's cache folder)")
	cmd.Flags().BoolVar(&c.none, "no-cache", false, "compile anew")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if c.none && c.dir != "" {
			return usageError{errors.New("--cache and --no-cache exclude each other")}
		}
		return nil
	}
}

func (c *cacheFlags) folder() string {
	if c.none {
		return ""
	}
	if c.dir != "" {
		return c.dir
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "pileus")
}
