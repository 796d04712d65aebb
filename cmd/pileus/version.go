package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"pileus"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the release and the protocol lines that it models",
		Long:  "Prints the release and the protocol lines that it models." + "\n" + exitHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "pileus %s\n", pileus.Version)
			if info, ok := debug.ReadBuildInfo(); ok {
				fmt.Fprintf(out, "built with %s\n", info.GoVersion)
			}
			for _, line := range pileus.ProtocolLines {
				fmt.Fprintln(out, line)
			}
			return nil
		},
	}
}
