package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pileus"
	"pileus/chainspec"
	"pileus/check"
	"pileus/remote"
)

// exitWarnings says that with --strict only warnings fail.
const exitWarnings = 11

// softLimit is the memory beyond which the collector works harder: what is interpreted
// takes some 200 MiB for a large runtime.
const softLimit = 250 << 20

var errWarnings = errors.New("warnings")

type checkFlags struct {
	settings    pileus.Settings
	options     check.Options
	relay       string
	relayConfig string
	rules       string
	json        bool
	markdown    string
	strict      bool
	verbose     bool
	cache       cacheFlags
}

func checkCommand() *cobra.Command {
	f := &checkFlags{settings: pileus.Defaults()}
	cmd := &cobra.Command{
		Use:   "check (--chain SPEC | --wasm FILE | --runtime STAGE | --url ws://…[@block]) [flags]",
		Short: "Judge a chain's configuration against every step of the guide",
		Long: `Builds blocks with the runtime on relay parents of its own making, sees what the runtime
itself refuses, and holds that against every step of the guide and what lies beyond it:
docs/check has a page for each. An error stalls the chain or makes it slower than its
runtime promises; a warning is wrong by the guide, but does not show as long as there is
one block per relay parent. What could not be found out is called unknown.

Exit codes: 0 no step fails, or only warnings do; 10 a step fails with an error;
11 with --strict: only warnings fail; 1 nothing could be judged; 2 wrong flags or
values; 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	s := &f.settings
	flags.StringVar(&s.Chain, "chain", "", "chain spec of the parachain, raw or with runtimeGenesis")
	flags.StringVar(&s.Wasm, "wasm", "", "runtime of the parachain, as in :code")
	flags.StringVar(&s.Runtime, "runtime", "", "stage of the guide's chain, built in")
	flags.StringVar(&s.URL, "url", "", "live parachain: ws://host:port, with @block (number, hash, best) or at its finalized block")
	flags.StringVar(&f.options.Preset, "preset", "", "genesis preset of --wasm (default development, where there is one)")
	flags.StringVar(&f.relay, "relay", "", "the relay chain: its raw chain spec, or ws://host:port[@block]")
	flags.StringVar(&f.relayConfig, "relay-config", "", "JSON file with fields of the relay chain's HostConfiguration")
	flags.StringVar(&f.rules, "rules", "", "of the relay chain: current, or classic as before stable2503 (default: by --relay, else current)")
	flags.StringVar(&f.options.Collator, "collator", "", "that the chain's collators run: lookahead, basic, slot-based")
	flags.DurationVar(&f.options.AuthoringDuration, "authoring-duration", s.AuthoringDuration, "authoring_duration of the collators")
	flags.StringVar(&f.options.Profile, "profile", check.Auto, "auto, sync, phase1, phase3 or elastic: what to hold the chain to")
	flags.BoolVar(&f.json, "json", false, "print the report as one JSON object")
	flags.StringVar(&f.markdown, "markdown", "", "file for the report as Markdown")
	flags.BoolVar(&f.strict, "strict", false, "exit with 11 if only warnings fail")
	flags.BoolVar(&f.verbose, "verbose", false, "print the evidence of every verdict")
	addCacheFlags(cmd, &f.cache)
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command) error {
	if err := f.prepare(cmd); err != nil {
		return err
	}
	origin, err := f.origin(cmd)
	if err != nil {
		return err
	}
	defer origin.Close()
	debug.SetMemoryLimit(softLimit)
	report, err := check.Run(cmd.Context(), origin.Spec, f.options)
	if err != nil {
		return err
	}
	if err := f.print(cmd, report); err != nil {
		return err
	}
	switch {
	case report.Has(check.Error):
		return errFindings
	case f.strict && report.Has(check.Warning):
		return errWarnings
	}
	return nil
}

// prepare checks the flags and reads what they name.
func (f *checkFlags) prepare(cmd *cobra.Command) error {
	s, o := &f.settings, &f.options
	switch {
	case s.Chain == "" && s.Wasm == "" && s.Runtime == "" && s.URL == "":
		return usageError{errors.New("name what to check: --chain, --wasm, --runtime or --url")}
	case f.relay != "" && f.relayConfig != "":
		return usageError{errors.New("--relay and --relay-config exclude each other")}
	case f.rules != "" && f.rules != "current" && f.rules != "classic":
		return usageError{fmt.Errorf("--rules %q: choose current or classic", f.rules)}
	case o.Profile != check.Auto && !slices.Contains(check.Profiles, o.Profile):
		return usageError{fmt.Errorf("--profile %q: choose auto, %s", o.Profile, strings.Join(check.Profiles, ", "))}
	case o.Collator != "" && !slices.Contains([]string{check.Basic, check.Lookahead, check.SlotBased, check.Auto}, o.Collator):
		return usageError{fmt.Errorf("--collator %q: choose lookahead, basic or slot-based", o.Collator)}
	case o.Preset != "" && s.Wasm == "":
		return usageError{errors.New("--preset belongs to --wasm")}
	}
	if o.Preset != "" {
		s.Preset = o.Preset
	}
	s.AuthoringDuration = o.AuthoringDuration
	if err := s.Validate(); err != nil {
		return err
	}
	var err error
	if o.Relay, err = f.relaySide(cmd); err != nil {
		return err
	}
	o.Settings = *s
	if o.CacheDir = f.cache.folder(); o.CacheDir != "" {
		o.Results = filepath.Join(o.CacheDir, "check")
	}
	return nil
}

// origin is the chain to check; a live one is pinned to its block, so that simulations
// begin with the same.
func (f *checkFlags) origin(cmd *cobra.Command) (*pileus.Origin, error) {
	line := newFetchLine(cmd)
	s := f.settings
	s.CacheDir = f.options.CacheDir
	origin, err := s.Origin(cmd.Context(), remote.Options{Progress: line.show})
	line.clear()
	if err == nil && origin.Live != nil {
		f.options.Origin, f.options.Settings.URL = origin, origin.Live.Pinned()
	}
	return origin, err
}

// relaySide is what the flags say of the relay chain; nil if they say nothing.
func (f *checkFlags) relaySide(cmd *cobra.Command) (r *check.RelaySide, err error) {
	switch {
	case remote.IsAddress(f.relay):
		live, err := fetchRelay(cmd, f.relay)
		if err != nil {
			return nil, err
		}
		r = check.LiveRelay(live)
	case f.relay != "":
		spec, err := chainspec.Load(f.relay)
		if err != nil {
			return nil, err
		}
		if r, err = check.RelayOf(spec); err != nil {
			return nil, fmt.Errorf("%s: %w", f.relay, err)
		}
	case f.relayConfig != "":
		r = &check.RelaySide{Config: f.settings.Relay}
		if err := pileus.LoadRelayConfig(&r.Config, f.relayConfig); err != nil {
			return nil, plain{err}
		}
		if err := r.Config.Validate(); err != nil {
			return nil, fmt.Errorf("%s: the relay chain would refuse this host configuration: %s", f.relayConfig, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	case f.rules != "":
		r = &check.RelaySide{Config: f.settings.Relay}
	default:
		return nil, nil
	}
	if f.rules != "" {
		r.Classic = f.rules == "classic"
	}
	return r, nil
}

func (f *checkFlags) print(cmd *cobra.Command, report *check.Report) error {
	if f.markdown != "" {
		var b bytes.Buffer
		if err := report.WriteMarkdown(&b); err != nil {
			return err
		}
		if err := os.WriteFile(f.markdown, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	out := cmd.OutOrStdout()
	if f.json {
		return json.NewEncoder(out).Encode(report)
	}
	style := check.Style{Width: 80, Verbose: f.verbose}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		style.Color = inColour(file)
		if w, _, err := term.GetSize(int(file.Fd())); err == nil && w > 0 {
			style.Width = w
		}
	}
	return report.WriteText(out, style)
}

// inColour tells whether a person reads the output and wants colours (no-color.org).
func inColour(out io.Writer) bool {
	file, ok := out.(*os.File)
	_, no := os.LookupEnv("NO_COLOR")
	return ok && term.IsTerminal(int(file.Fd())) && !no && os.Getenv("TERM") != "dumb"
}
