package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pileus/runtimes/guide"
	"pileus/wasmlink"
)

func runtimeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtime",
		Short: "List, build and inspect runtimes",
		Long: "Lists the guide's stages, builds runtimes that are written in Go, and looks into compiled ones." +
			exitHelp("done", "failed, or a relay chain or node would refuse the code"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(runtimeListCommand(), runtimeBuildCommand(), runtimeInspectCommand())
	for _, c := range cmd.Commands() {
		c.Args = usageArgs(c.Args)
	}
	return cmd
}

func runtimeListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the stages of the guide",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, s := range guide.Stages {
				fmt.Fprintf(w, "%s\tspec version %d\tslots of %d ms\tpackage pileus/runtimes/guide/%s\n", s.Name, s.Settings().SpecVersion, s.Settings().SlotDuration, s.Name)
			}
			return w.Flush()
		},
	}
}

func runtimeBuildCommand() *cobra.Command {
	var out string
	var raw bool
	cmd := &cobra.Command{
		Use:   "build DIR -o FILE.wasm",
		Short: "Build a runtime written in Go; needs the Go toolchain only",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usageError{errors.New("name the file to write: -o FILE.wasm")}
			}
			r, err := wasmlink.Build(cmd.Context(), args[0], wasmlink.BuildOptions{})
			if err != nil {
				return err
			}
			code := r.Compressed
			if raw {
				code = r.Code
			}
			if err := os.WriteFile(out, code, 0o644); err != nil {
				os.Remove(out)
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d bytes, unpacked %d\n", out, len(code), len(r.Code))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().BoolVar(&raw, "raw", false, "do not compress")
	return cmd
}

func runtimeInspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Show version, imports and sizes, and what a relay chain checks",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			info, err := wasmlink.Inspect(code)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(info)
			}
			if v := info.Version; v != nil {
				fmt.Fprintf(out, "runtime       %s %d, transaction version %d, system version %d, %d APIs\n", v.SpecName, v.SpecVersion, v.TransactionVersion, v.SystemVersion, len(v.APIs))
			}
			fmt.Fprintf(out, "code hash     %s\n", info.CodeHash)
			fmt.Fprintf(out, "size          %d bytes, unpacked %d\n", info.StoredSize, info.UnpackedSize)
			fmt.Fprintf(out, "memory        %d pages at the start, heap base %d, %d bytes of data\n", info.Pages, info.HeapBase, info.DataBytes)
			fmt.Fprintf(out, "functions     %d\n", info.Functions)
			fmt.Fprintf(out, "imports       %s\n", strings.Join(info.Imports, " "))
			fmt.Fprintf(out, "exports       %s\n", strings.Join(info.Exports, " "))
			for _, c := range info.Checks {
				mark := "ok   "
				if !c.OK {
					mark = "FAILS"
				}
				fmt.Fprintf(out, "%s %s: %s\n", mark, c.Name, c.Words)
			}
			if !info.OK() {
				return fmt.Errorf("%s: a relay chain or a node would refuse it", args[0])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
