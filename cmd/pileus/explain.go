package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"pileus/rehearse"
)

func explainCommand() *cobra.Command {
	var events string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain --events FILE",
		Short: "Find the causes in a recorded run",
		Long: `Reads the events of a run (` + "`pileus simulate --events FILE`" + `) and finds the causes that they
speak for, with the evidence, what to do, and log lines to search for. What needs the state or a probe is found by
` + "`pileus rehearse`" + ` only.

Exit codes: 0 the events speak for no known cause; 10 a cause was found; 1 failed, as stderr says;
2 wrong flags or values; 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if events == "" {
				return usageError{fmt.Errorf("name the file: --events FILE")}
			}
			f, err := os.Open(events)
			if err != nil {
				return fmt.Errorf("read events: %w", cause(events, err))
			}
			defer f.Close()
			r, err := rehearse.ReadEvents(f)
			if err != nil {
				return fmt.Errorf("%s: %w", events, err)
			}
			if asJSON {
				err = r.WriteJSON(cmd.OutOrStdout())
			} else {
				err = r.WriteText(cmd.OutOrStdout())
			}
			if err == nil && len(r.Causes) > 0 {
				return errFindings
			}
			return err
		},
	}
	cmd.Flags().StringVar(&events, "events", "", "file of events as JSON lines")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
