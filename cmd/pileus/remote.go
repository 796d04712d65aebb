package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pileus"
	"pileus/primitives"
	"pileus/remote"
)

// loadRelayConfig takes fields of the configuration from a file, or all of it from a live
// relay chain.
func loadRelayConfig(cmd *cobra.Command, c *primitives.HostConfiguration, from string) error {
	if !remote.IsAddress(from) {
		return pileus.LoadRelayConfig(c, from)
	}
	r, err := fetchRelay(cmd, from)
	if err != nil {
		return err
	}
	*c = r.Config
	c.SchedulerParams.NumCores = 0 // those of the live chain's paras; here each para gets its own
	return nil
}

// fetchRelay reads a live relay chain and says what it was.
func fetchRelay(cmd *cobra.Command, address string) (*remote.Relay, error) {
	line := newFetchLine(cmd)
	r, err := remote.OpenRelay(cmd.Context(), address, remote.Options{Progress: line.show})
	line.clear()
	if err != nil {
		return nil, fmt.Errorf("read the relay chain's configuration: %w", err)
	}
	how := "proven from its state root"
	if !r.Verified {
		how = "not verified: the node cannot prove it"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "relay chain configuration of %s at #%d, %s\n", r.Name, r.Number, how)
	return r, nil
}

// fetchLine shows on a terminal what is read of a live chain.
type fetchLine struct {
	out  io.Writer // nil: no terminal
	last time.Time
}

func newFetchLine(cmd *cobra.Command) *fetchLine {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &fetchLine{}
	}
	return &fetchLine{out: cmd.ErrOrStderr()}
}

func (f *fetchLine) show(p remote.Progress) {
	if f.out == nil || time.Since(f.last) < 100*time.Millisecond {
		return
	}
	f.last = time.Now()
	fmt.Fprintf(f.out, "\r\033[K%s", fetchedWords(p))
}

func (f *fetchLine) clear() {
	if f.out != nil {
		fmt.Fprint(f.out, "\r\033[K")
	}
}

func fetchedWords(p remote.Progress) string {
	return fmt.Sprintf("%s: %d requests, %d keys, %.1f MB", p.What, p.Requests, p.Keys, float64(p.Bytes)/1e6)
}
