package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"pileus"
)

func validateCommand() *cobra.Command {
	var v pileus.Validation
	var cache cacheFlags
	cmd := &cobra.Command{
		Use:   "validate [--chain SPEC.json | --wasm RUNTIME.wasm | --runtime STAGE] POV...",
		Short: "Replay PoVs as a validator does",
		Long: `Runs validate_block on PoV files as collators export them (--export-pov-to): the PoV
followed by its persisted validation data. The code is that of the chain's genesis: a PoV
made after a code upgrade needs --wasm.` + exitHelp("every PoV is valid", "a PoV is invalid or could not be read"),
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return errors.New("name at least one PoV file")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			v.CacheDir = cache.folder()
			results, err := v.Run(cmd.Context(), files)
			for _, r := range results {
				if _, werr := fmt.Fprintln(cmd.OutOrStdout(), r); werr != nil {
					return werr
				}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&v.Chain, "chain", "", "chain spec of the parachain")
	cmd.Flags().StringVar(&v.Wasm, "wasm", "", "runtime of the parachain, as in :code")
	cmd.Flags().StringVar(&v.Runtime, "runtime", "", "stage of the guide's chain, built in (default phase3)")
	addCacheFlags(cmd, &cache)
	return cmd
}
