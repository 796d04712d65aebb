package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"pileus"
	"pileus/dev"
	"pileus/dev/metrics"
	"pileus/dev/store"
)

func devCommand() *cobra.Command {
	s := pileus.Defaults()
	f := &devFlags{world: worldFlags{settings: &s}}
	cmd := &cobra.Command{
		Use:   "dev [--chain SPEC.json | --wasm RUNTIME.wasm | --runtime STAGE] [flags]",
		Short: "Run a parachain with its relay chain against the wall clock, for wallets, apps and indexers",
		Long: `Runs the whole network on this machine: a relay chain, its validators, the parachain's
collators, and a node that clients connect to. Ends with Ctrl-C.

--block-time is the length of a relay slot. 6s is real time; with another duration the whole
world's clock (slots, timestamps, delays) goes 6 s / duration times as fast. manual lets it
stand but for what is asked for (dev_newBlock), instant lets slots pass until a transaction
is included.` + exitHelp("stopped by Ctrl-C or SIGTERM", "failed, as stderr says"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.blockTime, "block-time", "6s", "duration of a relay slot, manual, or instant")
	flags.StringVar(&f.dataDir, "data-dir", "", "folder in which the chains are kept; the network goes on from there (default: in memory)")
	flags.StringVar(&f.pruning, "pruning", "archive", "final blocks that keep state and body, at least 64, or archive: all (an existing --data-dir keeps what it was made with; also: --state-pruning)")
	flags.StringVar(&f.pruning, "state-pruning", "archive", "")
	_ = flags.MarkHidden("state-pruning") // a node's name of today
	flags.StringVar(&f.start, "start-time", "now", "of a new relay chain's clock: now, or a time as 2026-01-31T12:00:00Z")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.logLevel, "log", "info", "least level that is logged: debug, info, warn or error")
	f.world.add(cmd)
	for _, service := range services {
		service.flags(cmd, f)
	}
	cmd.AddCommand(devCtlCommand())
	return cmd
}

type devFlags struct {
	world     worldFlags
	blockTime string
	dataDir   string
	pruning   string
	start     string
	logFormat string
	logLevel  string

	said    [][2]string // by the services that were started so far: names and addresses
	metrics *metrics.Set
}

// service is something that a node offers to the outside.
type service struct {
	flags func(cmd *cobra.Command, f *devFlags)
	// start begins it. What it says stands at the start of the output: a name and an address.
	start func(ctx context.Context, n *dev.Node, f *devFlags) (says [][2]string, stop func() error, err error)
}

// services are started in this order and stopped in the opposite one.
var services = []service{rpcService(), metricsService(), dashboardService()}

func (f *devFlags) run(cmd *cobra.Command) error {
	began := time.Now()
	cfg, err := f.config(cmd)
	if err != nil {
		return err
	}
	patience := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintln(cmd.ErrOrStderr(), "Preparing the runtime. What is compiled now comes from the cache the next time.")
	})
	boundStart(&cfg.Settings)
	node, err := dev.Start(cmd.Context(), cfg)
	patience.Stop()
	if err != nil {
		return err
	}
	defer node.Close()
	if f.metrics, err = newMetrics(cmd.Context(), node); err != nil {
		return err
	}
	for _, service := range services {
		said, stop, err := service.start(cmd.Context(), node, f)
		if err != nil {
			return err
		}
		defer stop()
		f.said = append(f.said, said...)
	}
	started(50)
	f.greet(cmd.OutOrStdout(), node, time.Since(began))
	return node.Wait()
}

func (f *devFlags) config(cmd *cobra.Command) (cfg dev.Config, err error) {
	if err := f.world.settle(cmd); err != nil {
		return cfg, err
	}
	cfg.Settings = *f.world.settings
	if cfg.BlockTime, err = dev.ParseBlockTime(f.blockTime); err != nil {
		return cfg, usageError{err}
	}
	cfg.DataDir = f.dataDir
	if flags := cmd.Flags(); flags.Changed("pruning") || flags.Changed("state-pruning") {
		if cfg.Pruning, err = store.ParsePruning(f.pruning); err != nil {
			return cfg, usageError{fmt.Errorf("--pruning %w", err)}
		}
	}
	cfg.Begin = time.Now()
	if f.start != "now" {
		if cfg.Begin, err = time.Parse(time.RFC3339, f.start); err != nil {
			return cfg, usageError{fmt.Errorf("--start-time %q: give now, or a time as 2026-01-31T12:00:00Z", f.start)}
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return cfg, usageError{fmt.Errorf("--log %q: choose debug, info, warn or error", f.logLevel)}
	}
	switch f.logFormat {
	case "text":
		cfg.Log = slog.New(dev.NewLogHandler(cmd.ErrOrStderr(), level, inColour(cmd.ErrOrStderr())))
	case "json":
		cfg.Log = slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	default:
		return cfg, usageError{errors.New("--log-format: choose text or json")}
	}
	return cfg, nil
}

// greet says what runs, where, and who has money.
func (f *devFlags) greet(out io.Writer, n *dev.Node, took time.Duration) {
	c, t := n.Chain(), n.Config().BlockTime
	fmt.Fprintf(out, "%s: para %d, runtime %s, ready in %.1f s\n\n", c.Name, c.ParaID, c.Version, took.Seconds())
	row := func(name, text string) { fmt.Fprintf(out, "  %-14s %s\n", name, text) }
	for _, s := range f.said {
		row(s[0], s[1])
	}
	row("block time", t.Describe())
	row("relay chain", fmt.Sprintf("at #%d, its clock at %s", n.Relay().Best().Number(), n.Now().UTC().Format(time.DateTime+" MST")))
	if dir := n.Config().DataDir; dir != "" {
		row("kept in", fmt.Sprintf("%s; the clock goes on from the stored one", dir))
	}
	if p := n.Para().Pruning(); p.Prunes() {
		row("pruning", fmt.Sprintf("of both chains the %s newest final blocks keep state and body", p))
	}
	for _, e := range c.Edits {
		row("changed", e)
	}
	greetAccounts(out, n)
	fmt.Fprintln(out)
}
