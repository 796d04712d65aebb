package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pileus/chainspec"
	"pileus/executor"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/runtimes"
)

func chainSpecCommand() *cobra.Command {
	f := &chainSpecFlags{}
	cmd := &cobra.Command{
		Use:   "chain-spec (--runtime STAGE | --wasm RUNTIME.wasm) -o FILE.json [flags]",
		Short: "Write the chain spec of a runtime with one of its presets",
		Long: `Writes a chain spec as nodes read it: the runtime's code with the patch that its preset
is, or with --raw the storage that the runtime builds of them. The genesis is built in
either case, so what is written is known to build.` +
			exitHelp("the file is written", "failed: the runtime has no such preset, or refuses it"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.runtime, "runtime", "", "built-in stage of the guide's chain: "+strings.Join(runtimes.Names(), ", "))
	flags.StringVar(&f.wasm, "wasm", "", "runtime, as in :code")
	flags.StringVarP(&f.out, "output", "o", "", "file to write")
	flags.StringVar(&f.preset, "preset", "development", "genesis preset of the runtime; empty: its default configuration")
	flags.BoolVar(&f.raw, "raw", false, "write the genesis as storage")
	flags.Uint32Var(&f.paraID, "para-id", 0, "para id, in the spec and in the genesis (default: what the preset says)")
	flags.StringVar(&f.name, "name", "", "name of the chain (default: the runtime's spec name)")
	flags.StringVar(&f.id, "id", "", "id of the chain, by which nodes name their folder (default: from the name)")
	flags.StringVar(&f.chainType, "chain-type", "", "development, local or live (default: as the preset's name, else live)")
	flags.StringVar(&f.relayChain, "relay-chain", "rococo-local", "id of the relay chain")
	addCacheFlags(cmd, &f.cache)
	return cmd
}

type chainSpecFlags struct {
	runtime, wasm, out, preset, name, id, chainType, relayChain string
	paraID                                                      uint32
	raw                                                         bool
	cache                                                       cacheFlags
}

func (f *chainSpecFlags) run(cmd *cobra.Command) error {
	if err := f.check(cmd); err != nil {
		return usageError{err}
	}
	title, code, err := f.code()
	if err != nil {
		return err
	}
	var spec *chainspec.Spec
	var chain *parachain.Chain
	err = withHost(cmd.Context(), f.cache.folder(), func(h *parachain.Host) error {
		spec, chain, err = f.build(cmd.Context(), h, title, code)
		return err
	})
	if err != nil {
		return err
	}
	text, err := spec.Marshal()
	if err != nil {
		return err
	}
	if err := writeOutput(f.out, text); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: para %d, genesis %s, code hash %s\n", f.out, chain.ParaID, hashing.Blake2b256(chain.Head()), chain.CodeHash())
	return nil
}

// chainTypes are the values of --chain-type, and what stands for them in a spec.
var chainTypes = map[string]string{"development": "Development", "local": "Local", "live": "Live"}

// check finds wrong flags and fills in what follows from others.
func (f *chainSpecFlags) check(cmd *cobra.Command) error {
	switch {
	case f.runtime == "" && f.wasm == "":
		return errors.New("name the runtime: --runtime STAGE or --wasm RUNTIME.wasm")
	case f.runtime != "" && f.wasm != "":
		return errors.New("--runtime and --wasm exclude each other")
	case f.runtime != "" && !slices.Contains(runtimes.Names(), f.runtime):
		return fmt.Errorf("--runtime %q: choose %s", f.runtime, strings.Join(runtimes.Names(), ", "))
	case f.out == "":
		return errors.New("name the file to write: -o FILE.json")
	case cmd.Flags().Changed("para-id") && f.paraID == 0:
		return errors.New("--para-id must be at least 1")
	case f.relayChain == "":
		return errors.New("--relay-chain must not be empty: it is what tells a parachain's spec from a relay chain's")
	}
	if f.chainType == "" {
		f.chainType = "live"
		switch f.preset {
		case "development":
			f.chainType = "development"
		case "local_testnet": // the name that sp-genesis-builder has for it
			f.chainType = "local"
		}
	}
	if chainTypes[f.chainType] == "" {
		return fmt.Errorf("--chain-type %q: choose development, local or live", f.chainType)
	}
	return nil
}

// code is the runtime, and what errors call it.
func (f *chainSpecFlags) code() (title string, code []byte, err error) {
	if f.runtime != "" {
		code, ok := runtimes.Code(f.runtime)
		if !ok {
			return "", nil, fmt.Errorf("runtime %s is not built in", f.runtime)
		}
		return f.runtime, code, nil
	}
	file, err := os.Open(f.wasm)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	code, err = io.ReadAll(io.LimitReader(file, executor.CodeBombLimit+1))
	switch {
	case err != nil:
		return "", nil, err
	case len(code) == 0:
		return "", nil, fmt.Errorf("%s: the file is empty", f.wasm)
	case len(code) > executor.CodeBombLimit:
		return "", nil, fmt.Errorf("%s: larger than %d MiB", f.wasm, executor.CodeBombLimit>>20)
	}
	return filepath.Base(f.wasm), code, nil
}

// build makes the spec and the genesis that comes of it.
func (f *chainSpecFlags) build(ctx context.Context, h *parachain.Host, title string, code []byte) (*chainspec.Spec, *parachain.Chain, error) {
	spec := parachain.RuntimeSpec(title, code, f.preset)
	if f.preset == "" {
		spec.Genesis.Runtime.Patch = json.RawMessage("{}")
	}
	if f.paraID != 0 {
		spec.ParaID = &f.paraID
	}
	chain, err := h.Open(ctx, spec, parachain.Options{})
	if err != nil {
		return nil, nil, err
	}
	// Nodes read a patch or a whole configuration, no preset's name (sc-chain-spec, RuntimeGenesisConfigJson).
	runtime := spec.Genesis.Runtime
	if f.preset != "" {
		r, err := h.At(ctx, chain.State, parachain.OffChain)
		if err != nil {
			return nil, nil, err
		}
		if runtime.Patch, _, err = r.GenesisPreset(ctx, f.preset); err != nil {
			return nil, nil, err
		}
		runtime.Preset = ""
	}
	if f.paraID != 0 && uint32(chain.ParaID) != f.paraID {
		id := fmt.Appendf(nil, `{"parachainInfo":{"parachainId":%d}}`, f.paraID)
		if runtime.Patch, err = chainspec.Merge(runtime.Patch, id); err != nil {
			return nil, nil, err
		}
	}
	if chain, err = h.Open(ctx, spec, parachain.Options{}); err != nil {
		return nil, nil, err
	}
	if f.paraID != 0 && uint32(chain.ParaID) != f.paraID {
		return nil, nil, fmt.Errorf("--para-id %d: the runtime says %d whatever parachainInfo.parachainId of its genesis says", f.paraID, chain.ParaID)
	}
	genesis := spec.Genesis
	if f.raw {
		raw, err := chain.Raw()
		if err != nil {
			return nil, nil, err
		}
		genesis = chainspec.Genesis{Raw: raw}
	}
	spec, err = f.frame(chain)
	if err != nil {
		return nil, nil, err
	}
	spec.Genesis = genesis
	return spec, chain, nil
}

// notInID is what the id of a chain should not have: nodes make it a folder's name.
var notInID = regexp.MustCompile(`[^a-z0-9_-]+`)

// frame is the spec with all that stands around its genesis: the keys that a node demands
// (sc-chain-spec, ClientSpec) and those of parachains, in their order.
func (f *chainSpecFlags) frame(chain *parachain.Chain) (*chainspec.Spec, error) {
	name := cmp.Or(f.name, chain.Version.SpecName)
	text, err := json.Marshal(struct {
		Name       string            `json:"name"`
		ID         string            `json:"id"`
		ChainType  string            `json:"chainType"`
		BootNodes  []string          `json:"bootNodes"`
		Telemetry  *string           `json:"telemetryEndpoints"`
		ProtocolID *string           `json:"protocolId"`
		Properties *string           `json:"properties"`
		RelayChain string            `json:"relay_chain"`
		ParaID     uint32            `json:"para_id"`
		Substitute map[string]string `json:"codeSubstitutes"`
		Genesis    map[string]string `json:"genesis"`
	}{
		Name: name, ID: cmp.Or(f.id, notInID.ReplaceAllString(strings.ToLower(name), "-")), ChainType: chainTypes[f.chainType],
		BootNodes: []string{}, RelayChain: f.relayChain, ParaID: uint32(chain.ParaID), Substitute: map[string]string{},
		Genesis: map[string]string{"stateRootHash": chain.State.Root().String()},
	})
	if err != nil {
		return nil, err
	}
	return chainspec.Parse(text)
}

// withHost runs f with a host for runtimes.
func withHost(ctx context.Context, cache string, f func(*parachain.Host) error) error {
	engine, err := executor.NewEngine(ctx, executor.Config{CacheDir: cache})
	if err != nil {
		return err
	}
	defer engine.Close(ctx)
	return f(parachain.NewHost(engine))
}

// writeOutput writes a file whole or not at all; what is no regular file (a pipe, a
// device) is written directly.
func writeOutput(name string, b []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return cause(name, err)
		}
		return nil
	}
	made := temporary(name)
	err := os.WriteFile(made, b, 0o644)
	if err == nil {
		err = os.Rename(made, name)
	}
	if err != nil {
		os.Remove(made)
		return cause(name, err)
	}
	return nil
}
