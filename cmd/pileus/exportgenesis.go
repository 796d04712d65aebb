package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pileus/chainspec"
	"pileus/parachain"
)

func exportGenesisHeadCommand() *cobra.Command {
	var cache cacheFlags
	cmd := exportCommand("export-genesis-head", "Print a parachain's genesis head, as a relay chain registers it",
		`Prints the header of block 0, encoded: what a relay chain is given as the genesis head when
the parachain is registered.`,
		func(ctx context.Context, spec *chainspec.Spec) (head []byte, err error) {
			err = withHost(ctx, cache.folder(), func(h *parachain.Host) error {
				// The header does not depend on the para id: a spec that leaves it open is good enough.
				chain, err := h.Open(ctx, spec, parachain.Options{ParaID: 1})
				if err == nil {
					head = chain.Head()
				}
				return err
			})
			return head, err
		})
	cmd.Aliases = []string{"export-genesis-state"} // its name until 2024
	addCacheFlags(cmd, &cache)
	return cmd
}

func exportGenesisWasmCommand() *cobra.Command {
	return exportCommand("export-genesis-wasm", "Print a parachain's genesis code, as a relay chain registers it",
		`Prints the runtime's code as it stands in :code at genesis, compressed or not: what a relay
chain is given as the validation code when the parachain is registered.`,
		func(_ context.Context, spec *chainspec.Spec) ([]byte, error) {
			code := spec.Code()
			if code == nil {
				return nil, chainspec.ErrNoCode
			}
			return code, nil
		})
}

// exportCommand prints something of a chain spec as parachain nodes do (cumulus-client-cli,
// ExportGenesisHeadCommand and ExportGenesisWasmCommand).
func exportCommand(name, short, long string, export func(context.Context, *chainspec.Spec) ([]byte, error)) *cobra.Command {
	var path string
	var raw bool
	cmd := &cobra.Command{
		Use:   name + " --chain SPEC.json [OUTPUT]",
		Short: short,
		Long: long + `

One line of hex with 0x, on stdout or into the file OUTPUT, and no line break after it but
on a terminal. It is that of the spec as it stands: no development keys are put in.` + exitHelp("printed", "failed"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if path == "" {
				return usageError{errors.New("name the parachain: --chain SPEC.json")}
			}
			spec, err := chainspec.Load(path)
			if err != nil {
				return err
			}
			out, err := export(cmd.Context(), spec)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if !raw {
				out = append([]byte("0x"), hex.AppendEncode(nil, out)...)
			}
			if len(args) == 1 {
				return writeOutput(args[0], out)
			}
			if _, err := cmd.OutOrStdout().Write(out); err != nil {
				return err
			}
			if !raw && term.IsTerminal(int(os.Stdout.Fd())) {
				_, err = io.WriteString(cmd.OutOrStdout(), "\n")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&path, "chain", "", "chain spec of the parachain")
	cmd.Flags().BoolVar(&raw, "raw", false, "write bytes instead of hex")
	return cmd
}
