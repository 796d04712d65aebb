package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

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

// rehearseFlags are the flags of the command.
type rehearseFlags struct {
	cfg         rehearse.Config
	set         []string
	relayConfig string
	json        bool
	markdown    string
	cache       cacheFlags
}

func rehearseCommand() *cobra.Command {
	f := &rehearseFlags{cfg: rehearse.Config{Settings: pileus.Defaults()}}
	cmd := &cobra.Command{
		Use:   "rehearse [--chain SPEC | --wasm W0 | --runtime STAGE | --url ws://…[@block]] STEP...",
		Short: "Walk a parachain through upgrades and switches, and say what happens",
		Long: `Runs until the chain is steady, takes the steps in the order given, and runs until it
is steady again after each. Steps: --upgrade W1, --switch-collator KIND, --set-relay key=value.
An upgrade goes the chain's own way: sudo where its key is a development account, else what
governance would leave is written into the state, and the output says so.

Exit codes: 0 every step goes on; 10 a stall or a degradation was found; 1 failed;
2 wrong flags or values; 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	s, flags := &f.cfg.Settings, cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.Chain, "chain", "", "chain spec of the parachain; one exported from a live chain goes on where that stood")
	flags.StringVar(&s.Wasm, "wasm", "", "runtime that the chain begins with")
	flags.StringVar(&s.Runtime, "runtime", "", "stage of the guide's chain that the chain begins with")
	flags.StringVar(&s.URL, "url", "", "live parachain that the chain begins with: ws://host:port[@block]")
	flags.StringVar(&s.Preset, "preset", s.Preset, "genesis preset of --wasm")
	flags.StringVar(&s.Collator, "collator", s.Collator, "first collator: basic, lookahead, slot-based; auto: basic if the first runtime lacks AuraUnincludedSegmentApi")
	flags.Var(stepFlag{rehearse.Upgrade, &f.cfg.Steps}, "upgrade", "step: upgrade to this runtime, a file or a built-in stage; self: the same code with a higher spec version")
	flags.Var(stepFlag{rehearse.SwitchCollator, &f.cfg.Steps}, "switch-collator", "step: lookahead, slot-based or basic from here on")
	flags.Var(stepFlag{rehearse.SetRelay, &f.cfg.Steps}, "set-relay", "step: key=value of the relay chain's HostConfiguration, by its governance")
	flags.Uint32Var(&f.cfg.UpgradesLate, "relay-upgrades-late", 0, "relay blocks by which the relay chain makes new code current too late")
	flags.BoolVar(&f.cfg.RejectPrecheck, "reject-precheck", false, "validators vote against all new code")
	flags.StringArrayVar(&f.set, "set", nil, "key=value of the relay chain's HostConfiguration from the start")
	flags.StringVar(&f.relayConfig, "relay-config", "", "JSON file with fields of the relay chain's HostConfiguration from the start")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "of all chance")
	flags.StringVar(&s.Rules, "rules", s.Rules, "current or classic")
	flags.IntVar(&s.Collators, "collators", s.Collators, "collators, and as many Aura authorities")
	flags.IntVar(&s.Validators, "validators", s.Validators, "validators of the relay chain")
	flags.Uint32Var(&s.SessionBlocks, "session-blocks", s.SessionBlocks, "relay blocks per session; 60 where a step sets the relay chain and this flag is not given")
	flags.DurationVar(&s.AuthoringDuration, "authoring-duration", s.AuthoringDuration, "authoring_duration of the collator")
	flags.DurationVar(&s.BlockCost, "block-cost", 0, "what every block costs (default: what its weight says)")
	flags.IntVar(&s.Transfers, "transfers", 0, "signed balance transfers submitted per relay block; none may be lost or doubled")
	flags.BoolVar(&f.json, "json", false, "print the report as one JSON object")
	flags.StringVar(&f.markdown, "markdown", "", "write the report to this file as well, as it can be pasted into a pull request; - for stdout instead of the text")
	addCacheFlags(cmd, &f.cache)
	return cmd
}

func (f *rehearseFlags) run(cmd *cobra.Command) error {
	s := &f.cfg.Settings
	switch {
	case cmd.Flags().Changed("block-cost") && s.BlockCost <= 0:
		return usageError{errors.New("--block-cost must be above 0")}
	case f.json && f.markdown == "-":
		return usageError{errors.New("--json and --markdown - exclude each other")}
	}
	if f.relayConfig != "" {
		if err := pileus.LoadRelayConfig(&s.Relay, f.relayConfig); err != nil {
			return plain{err}
		}
	}
	for _, v := range f.set {
		if err := pileus.SetRelayConfig(&s.Relay, v); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
	}
	if err := s.Validate(); err != nil {
		return err
	}
	s.CacheDir = f.cache.folder()
	f.cfg.Progress = func(i int, step rehearse.Step) {
		fmt.Fprintf(cmd.ErrOrStderr(), "step %d of %d: %s %s\n", i+1, len(f.cfg.Steps), step.Kind, step.Arg)
	}
	report, err := rehearse.Run(cmd.Context(), f.cfg)
	if err != nil {
		return err
	}
	if err := f.write(cmd, report); err != nil {
		return err
	}
	if report.Found() {
		return errFindings
	}
	return nil
}

// write prints the report, and writes the file of Markdown.
func (f *rehearseFlags) write(cmd *cobra.Command, report *rehearse.Report) error {
	if f.markdown != "" && f.markdown != "-" {
		var b bytes.Buffer
		if err := report.WriteMarkdown(&b); err != nil {
			return err
		}
		if err := os.WriteFile(f.markdown, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write Markdown: %w", cause(f.markdown, err))
		}
	}
	switch out := cmd.OutOrStdout(); {
	case f.json:
		return json.NewEncoder(out).Encode(report)
	case f.markdown == "-":
		return report.WriteMarkdown(out)
	default:
		return report.WriteText(out)
	}
}
