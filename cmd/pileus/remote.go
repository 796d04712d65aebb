package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"pileus"
	"pileus/primitives"
	"pileus/remote"
)

// loadRelayConfig takes fields of the configuration from a file, or all of it from a live
// relay chain, and then says so.
func loadRelayConfig(cmd *cobra.Command, c *primitives.HostConfiguration, from string) error {
	if !remote.IsAddress(from) {
		return pileus.LoadRelayConfig(c, from)
	}
	r, err := pileus.FetchRelayConfig(cmd.Context(), c, from)
	if err != nil {
		return err
	}
	how := "proven from its state root"
	if !r.Verified {
		how = "not verified: the node cannot prove it"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "relay chain configuration of %s at #%d (storage version %d, %s)\n", r.Name, r.Number, r.Layout, how)
	return nil
}

// fetchLine shows on a terminal what is read of a live chain.
type fetchLine struct {
	out  io.Writer
	last time.Time
}

func (f *fetchLine) show(p remote.Progress) {
	if time.Since(f.last) < 100*time.Millisecond {
		return
	}
	f.last = time.Now()
	fmt.Fprintf(f.out, "\r\033[K%s", fetchedWords(p))
}

func fetchedWords(p remote.Progress) string {
	return fmt.Sprintf("%s: %d requests, %d keys, %.1f MB", p.What, p.Requests, p.Keys, float64(p.Bytes)/1e6)
}
