package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pileus"
)

func simulateCommand() *cobra.Command {
	s := pileus.Defaults()
	f := &simulateFlags{settings: &s, world: worldFlags{settings: &s}}
	cmd := &cobra.Command{
		Use:   "simulate [--chain SPEC.json | --wasm RUNTIME.wasm | --runtime STAGE | --url ws://…[@block]] [flags]",
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
	flags.Uint32Var(&s.RelayBlocks, "relay-blocks", s.RelayBlocks, "relay slots to run")
	flags.IntVar(&s.Transfers, "transfers", 0, "signed balance transfers submitted per relay block")
	f.world.add(cmd)
	flags.StringVar(&s.ExportPoVTo, "export-pov-to", "", "folder for PoV files, as collators export them")
	flags.BoolVar(&f.json, "json", false, "print the report as one JSON object")
	flags.StringVar(&f.events, "events", "", "file for the events, one JSON object a line")
	return cmd
}

type simulateFlags struct {
	settings *pileus.Settings
	world    worldFlags
	json     bool
	events   string
}

func (f *simulateFlags) run(cmd *cobra.Command) error {
	s := f.settings
	if err := f.world.settle(cmd); err != nil {
		return err
	}
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
		options.Fetched = newFetchLine(cmd).show
	}
	began := time.Now()
	boundStart(s)
	sim, err := pileus.Open(cmd.Context(), *s, options)
	if err != nil {
		return err
	}
	defer sim.Close()
	started(150) // some 40 MiB live; at 250 a run of 10,000 relay blocks goes beyond 250 MB
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
		if p, ok := sim.Fetched(); ok {
			fmt.Fprintln(cmd.ErrOrStderr(), fetchedWords(p))
		}
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
