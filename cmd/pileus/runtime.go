package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pileus/executor"
	"pileus/metadata"
	"pileus/runtimeapi"
	"pileus/runtimes/guide"
	"pileus/trie"
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
			if len(r.Compressed) > wasmlink.MaxCodeSize {
				return fmt.Errorf("%s: compressed %d bytes, and relay chains take %d: import fewer packages", out, len(r.Compressed), wasmlink.MaxCodeSize)
			}
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
		Short: "Show version, APIs, pallets, sizes and imports, and what a relay chain checks",
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
			described := struct {
				*wasmlink.Info
				APIs    []string // name and version
				Pallets []string // index and name
			}{info, apiNames(info), nil}
			pallets, palletsErr := palletNames(cmd.Context(), code)
			described.Pallets = pallets
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(described)
			}
			if v := info.Version; v != nil {
				fmt.Fprintf(out, "runtime       %s %d, transaction version %d, system version %d\n", v.SpecName, v.SpecVersion, v.TransactionVersion, v.SystemVersion)
				fmt.Fprintf(out, "APIs          %s\n", strings.Join(described.APIs, ", "))
			}
			if palletsErr == nil {
				fmt.Fprintf(out, "pallets       %s\n", strings.Join(pallets, ", "))
			} else {
				fmt.Fprintf(out, "pallets       unknown: %v\n", palletsErr)
			}
			fmt.Fprintf(out, "code hash     %s\n", info.CodeHash)
			fmt.Fprintf(out, "size          %d bytes, unpacked %d\n", info.StoredSize, info.UnpackedSize)
			fmt.Fprintf(out, "memory        %d pages at the start, heap base %d, %d bytes of data\n", info.Pages, info.HeapBase, info.DataBytes)
			fmt.Fprintf(out, "functions     %d\n", info.Functions)
			fmt.Fprintf(out, "imports       %s\n", strings.Join(slices.Compact(info.Imports), " "))
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

// apiNames are the runtime APIs with their versions. A name is that of the functions which
// the code exports for it; an API without any is named by its id.
func apiNames(info *wasmlink.Info) (list []string) {
	if info.Version == nil {
		return nil
	}
	names := map[[8]byte]string{}
	for _, e := range info.Exports {
		trait, _, _ := strings.Cut(e, "_")
		names[runtimeapi.APIID(trait)] = trait
	}
	for _, a := range info.Version.APIs {
		name := names[a.ID]
		if name == "" {
			name = fmt.Sprintf("0x%x", a.ID)
		}
		list = append(list, fmt.Sprintf("%s %d", name, a.Version))
	}
	return list
}

// palletNames asks the code itself, which is interpreted for the one call.
func palletNames(ctx context.Context, code []byte) (list []string, err error) {
	engine, err := executor.NewEngine(ctx, executor.Config{Interpreter: true})
	if err != nil {
		return nil, err
	}
	defer engine.Close(ctx)
	m, err := engine.Load(ctx, code)
	if err != nil {
		return nil, err
	}
	out, err := m.Call(ctx, "Metadata_metadata", nil, executor.CallOptions{Storage: executor.NewStorage(trie.NewState(trie.New(), nil), nil)})
	if err != nil {
		return nil, err
	}
	meta, err := metadata.DecodeOpaque(out)
	if err != nil {
		return nil, err
	}
	for _, p := range meta.Pallets {
		list = append(list, fmt.Sprintf("%d %s", p.Index, p.Name))
	}
	return list, nil
}
