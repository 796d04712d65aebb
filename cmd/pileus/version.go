package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"pileus"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the release and the protocol lines that it models",
		Long:  "Prints the release and the protocol lines that it models." + exitHelp("printed", "stdout could not be written"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lines := []string{"pileus " + pileus.Version}
			if info, ok := debug.ReadBuildInfo(); ok {
				lines = append(lines, "built with "+info.GoVersion)
			}
			lines = append(lines, pileus.ProtocolLines...)
			_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
			return err
		},
	}
}
