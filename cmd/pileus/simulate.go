package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pileus"
)

func simulateCommand() *cobra.Command {
	s := pileus.Defaults()
	f := &simulateFlags{settings: &s}
	cmd := &cobra.Command{
		Use:   "simulate (--chain SPEC.json | --wasm RUNTIME.wasm) [flags]",
		Short: "Run a parachain through the whole pipeline in virtual time",
		Long: `Runs a whole network in one process and in virtual time, as fast as the CPU allows:
a relay chain, its validators, the parachain's collators. Prints a report: on stdout what
depends on seed and settings alone, on stderr what this machine's clock says.` +
			exitHelp("the run reached its last relay block and at least one block was authored (a stall is\na result, and the verdict says it)",
				"failed (whatever is wrong inside a file, too), or no block could be authored"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.Chain, "chain", "", "chain spec of the parachain, raw or with runtimeGenesis")
	flags.StringVar(&s.Wasm, "wasm", "", "runtime of the parachain, as in :code")
	flags.StringVar(&s.Runtime, "runtime", "", "stage of the guide's chain, built in: sync, phase1, phase3, phase3-keep-slot, elastic (default phase3)")
	flags.StringVar(&s.Preset, "preset", s.Preset, "genesis preset of --wasm")
	flags.Uint32Var(&s.RelayBlocks, "relay-blocks", s.RelayBlocks, "relay slots to run")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "of all chance: keys, latencies")
	flags.StringVar(&s.Collator, "collator", s.Collator, "auto, basic, lookahead or slot-based; auto: slot-based if the runtime has a relay parent offset")
	flags.IntVar(&s.Collators, "collators", s.Collators, "collators, and as many Aura authorities")
	flags.DurationVar(&s.AuthoringDuration, "authoring-duration", s.AuthoringDuration, "authoring_duration of the collator")
	flags.DurationVar(&s.BlockCost, "block-cost", 0, "what every block costs to build, import and validate (default: what its weight says)")
	flags.StringVar(&s.Rules, "rules", s.Rules, "current, or classic: allowed_ancestry_len and max_candidate_depth as before stable2503")
	flags.StringArrayVar(&f.set, "set", nil, "key=value: a field of the relay chain's HostConfiguration, e.g. scheduling_lookahead=1")
	flags.StringVar(&f.relayConfig, "relay-config", "", "JSON file with fields of HostConfiguration")
	flags.IntVar(&s.Validators, "validators", s.Validators, "validators of the relay chain")
	flags.Uint32Var(&s.SessionBlocks, "session-blocks", s.SessionBlocks, "relay blocks per session")
	flags.IntVar(&s.Transfers, "transfers", 0, "signed balance transfers submitted per relay block")
	flags.StringVar(&s.ExportPoVTo, "export-pov-to", "", "folder for PoV files, as collators export them")
	flags.BoolVar(&f.json, "json", false, "print the report as one JSON object")
	flags.StringVar(&f.events, "events", "", "file for the events, one JSON object a line")
	addCacheFlags(cmd, &f.cache)
	flags.BoolVar(&s.ExecuteAll, "execute-all", false, "run validate_block once per validator instead of sharing one real execution")
	return cmd
}

type simulateFlags struct {
	settings    *pileus.Settings
	set         []string
	relayConfig string
	json        bool
	events      string
	cache       cacheFlags
}

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

func (f *simulateFlags) run(cmd *cobra.Command) error {
	s := f.settings
	if cmd.Flags().Changed("block-cost") && s.BlockCost <= 0 {
		return usageError{errors.New("--block-cost must be above 0")}
	}
	if f.relayConfig != "" {
		if err := pileus.LoadRelayConfig(&s.Relay, f.relayConfig); err != nil {
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

	events, err := createEvents(f.events)
	if err != nil {
		return err
	}
	defer events.discard()
	options := pileus.Options{}
	if events != nil {
		options.Events = events
	}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		options.Progress = (&progressBar{out: cmd.ErrOrStderr()}).show
	}
	began := time.Now()
	sim, err := pileus.Open(cmd.Context(), *s, options)
	if err != nil {
		return err
	}
	defer sim.Close()
	debug.FreeOSMemory() // what reading and compiling took is not needed any more
	ready := time.Now()
	report, err := sim.Run(cmd.Context())
	if err == nil || report.Interrupted {
		if e := events.keep(); e != nil {
			return e
		}
	}
	if err == nil || report.Interrupted {
		if werr := f.print(cmd.OutOrStdout(), report); werr != nil {
			return werr
		}
		f.figures(cmd.ErrOrStderr(), report, ready.Sub(began), time.Since(ready))
	}
	switch {
	case report.Interrupted:
		return errInterrupted
	case err != nil:
		return err
	}
	for _, p := range report.Paras {
		if p.Authored > 0 {
			return nil
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "pileus: %s\n", report.Verdict)
	return errNothing
}

// plain hides that an error is one of settings: what is found inside a file is no wrong flag.
type plain struct{ err error }

func (p plain) Error() string { return p.err.Error() }

func (f *simulateFlags) print(out io.Writer, report *pileus.Report) error {
	if f.json {
		return json.NewEncoder(out).Encode(report)
	}
	width := 80
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
		width = w
	}
	return report.WriteText(out, width)
}

// figures are of this machine's clock: they stand on stderr, for they differ from run to run.
func (f *simulateFlags) figures(out io.Writer, report *pileus.Report, start, run time.Duration) {
	virtual := time.Duration(report.VirtualMs) * time.Millisecond
	fmt.Fprintf(out, "ready in %.2f s; %d relay blocks in %.2f s, %.0f times real time\n", start.Seconds(), report.RelayBlocks, run.Seconds(), virtual.Seconds()/run.Seconds())
}

// progressBar is drawn on terminals only.
type progressBar struct {
	out  io.Writer
	last time.Time
}

func (p *progressBar) show(done, total uint32) {
	if time.Since(p.last) < 100*time.Millisecond && done < total {
		return
	}
	p.last = time.Now()
	const cells = 30
	filled := int(uint64(done) * cells / uint64(max(total, 1)))
	fmt.Fprintf(p.out, "\r%s%s %d of %d relay blocks", repeat("█", filled), repeat("░", cells-filled), done, total)
	if done >= total {
		fmt.Fprint(p.out, "\r\033[K")
	}
}

func repeat(s string, n int) (r string) {
	for range n {
		r += s
	}
	return r
}
