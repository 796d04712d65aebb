package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"pileus"
	"pileus/rehearse"
)

// exitFindings says that a stall or a degradation was found.
const exitFindings = 10

var errFindings = errors.New("findings")

// stepFlag collects steps of one kind, in the order in which they stand among all steps.
type stepFlag struct {
	kind rehearse.Kind
	list *[]rehearse.Step
}

func (f stepFlag) String() string { return "" }
func (f stepFlag) Type() string   { return "string" }
func (f stepFlag) Set(v string) error {
	*f.list = append(*f.list, rehearse.Step{Kind: f.kind, Arg: v})
	return nil
}

func rehearseCommand() *cobra.Command {
	s := pileus.Defaults()
	var steps []rehearse.Step
	var asJSON bool
	var set []string
	var cache cacheFlags
	cmd := &cobra.Command{
		Use:   "rehearse [--chain SPEC | --wasm W0 | --runtime STAGE | --url ws://…[@block]] STEP...",
		Short: "Walk a parachain through upgrades and switches, and say what happens",
		Long: `Runs until the chain is steady, takes the steps in the order given, and runs until it
is steady again after each. Steps: --upgrade W1, --switch-collator KIND, --set-relay key=value.
Upgrades are made in the name of the chain's sudo key; chains without sudo cannot be upgraded here.

Exit codes: 0 every step goes on; 10 a stall or a degradation was found; 1 failed;
2 wrong flags or values; 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, v := range set {
				if err := pileus.SetRelayConfig(&s.Relay, v); err != nil {
					return fmt.Errorf("--set: %w", err)
				}
			}
			if err := s.Validate(); err != nil {
				return err
			}
			s.CacheDir = cache.folder()
			report, err := rehearse.Run(cmd.Context(), s, steps, func(i int, step rehearse.Step) {
				fmt.Fprintf(cmd.ErrOrStderr(), "step %d of %d: %s %s\n", i+1, len(steps), step.Kind, step.Arg)
			})
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			} else {
				err = report.WriteText(cmd.OutOrStdout())
			}
			if err == nil && report.Found() {
				return errFindings
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.Chain, "chain", "", "chain spec of the parachain")
	flags.StringVar(&s.Wasm, "wasm", "", "runtime that the chain begins with")
	flags.StringVar(&s.Runtime, "runtime", "", "stage of the guide's chain that the chain begins with")
	flags.StringVar(&s.URL, "url", "", "live parachain that the chain begins with: ws://host:port[@block]")
	flags.StringVar(&s.Preset, "preset", s.Preset, "genesis preset of --wasm")
	flags.StringVar(&s.Collator, "collator", s.Collator, "first collator: basic, lookahead, slot-based; auto: basic if the first runtime lacks AuraUnincludedSegmentApi")
	flags.Var(stepFlag{rehearse.Upgrade, &steps}, "upgrade", "step: upgrade to this runtime, a file or a built-in stage")
	flags.Var(stepFlag{rehearse.SwitchCollator, &steps}, "switch-collator", "step: lookahead, slot-based or basic from here on")
	flags.Var(stepFlag{rehearse.SetRelay, &steps}, "set-relay", "step: key=value of the relay chain's HostConfiguration, by its governance")
	flags.StringArrayVar(&set, "set", nil, "key=value of the relay chain's HostConfiguration from the start")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "of all chance")
	flags.StringVar(&s.Rules, "rules", s.Rules, "current or classic")
	flags.IntVar(&s.Collators, "collators", s.Collators, "collators, and as many Aura authorities")
	flags.IntVar(&s.Validators, "validators", s.Validators, "validators of the relay chain")
	flags.Uint32Var(&s.SessionBlocks, "session-blocks", s.SessionBlocks, "relay blocks per session")
	flags.DurationVar(&s.AuthoringDuration, "authoring-duration", s.AuthoringDuration, "authoring_duration of the collator")
	flags.DurationVar(&s.BlockCost, "block-cost", 0, "what every block costs (default: what its weight says)")
	flags.IntVar(&s.Transfers, "transfers", 0, "signed balance transfers submitted per relay block")
	flags.BoolVar(&asJSON, "json", false, "print the report as one JSON object")
	addCacheFlags(cmd, &cache)
	return cmd
}
