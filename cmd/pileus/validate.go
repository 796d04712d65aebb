package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pileus"
)

func validateCommand() *cobra.Command {
	var v pileus.Validation
	var cache cacheFlags
	cmd := &cobra.Command{
		Use:   "validate (--chain SPEC | --wasm FILE) POV...",
		Short: "Replay PoVs as a validator does",
		Long: `Runs validate_block on PoV files as collators export them (--export-pov-to): the PoV
followed by its persisted validation data.` + "\n" + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if (v.Chain == "") == (v.Wasm == "") {
				return usageError{fmt.Errorf("name the parachain: either --chain or --wasm")}
			}
			v.CacheDir = cache.folder()
			results, err := v.Run(cmd.Context(), files)
			for _, r := range results {
				fmt.Fprintln(cmd.OutOrStdout(), r)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&v.Chain, "chain", "", "chain spec of the parachain")
	cmd.Flags().StringVar(&v.Wasm, "wasm", "", "runtime of the parachain")
	addCacheFlags(cmd, &cache)
	return cmd
}
