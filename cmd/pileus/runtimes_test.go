package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"pileus/executor"
	"pileus/internal/wasm"
	"pileus/runtimeapi"
	"pileus/wasmlink"
)

// makeRuntimes writes runtimes with something wrong into the folder, and with the real
// inputs also one that is real up to the moment when it panics.
func makeRuntimes(dir, shared string) error {
	const words = "the sky fell"
	apis := func(names ...string) map[string][]byte {
		v := runtimeapi.Version{SpecName: "made", ImplName: "made", SpecVersion: 1, TransactionVersion: 1, SystemVersion: 1}
		for _, name := range append([]string{runtimeapi.Core}, names...) {
			version := uint32(1)
			if name == runtimeapi.Core {
				version = 4
			}
			v.APIs = append(v.APIs, runtimeapi.API{ID: runtimeapi.APIID(name), Version: version})
		}
		return map[string][]byte{"Core_version": returns(v.EncodeTo(nil)), "GenesisBuilder_get_preset": panics(words, 0)}
	}
	without := apis(runtimeapi.AuraApi, runtimeapi.CollectCollationInfo, runtimeapi.GenesisBuilder)
	without["GenesisBuilder_get_preset"], without["GenesisBuilder_preset_names"] = returns([]byte{0}), returns([]byte{0})
	files := map[string][]byte{
		"relay.wasm":        madeRuntime(apis(runtimeapi.ParachainHost)),
		"no-aura.wasm":      madeRuntime(apis(runtimeapi.CollectCollationInfo, runtimeapi.GenesisBuilder)),
		"no-parachain.wasm": madeRuntime(apis(runtimeapi.AuraApi, runtimeapi.GenesisBuilder)),
		"bad-genesis.wasm":  madeRuntime(apis(runtimeapi.AuraApi, runtimeapi.CollectCollationInfo, runtimeapi.GenesisBuilder)),
		"no-preset.wasm":    madeRuntime(without),
		"large.wasm":        large(madeRuntime(apis(runtimeapi.AuraApi))),
		"empty.wasm":        {},
		"text.wasm":         []byte("#!/bin/sh\necho no runtime\n"),
		"invalid.wasm":      madeRuntime(map[string][]byte{"Core_version": {wasm.OpI32Add}}),
		"bomb.wasm":         bomb(),
	}
	if shared != "" {
		code, err := os.ReadFile(filepath.Join(shared, "runtimes", "phase3.wasm"))
		if err != nil {
			return err
		}
		if files["bad-blocks.wasm"], err = panicIn(code, "Core_initialize_block", words); err != nil {
			return err
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// large is code with a section that makes it larger than a relay chain takes.
func large(code []byte) []byte {
	filler := append([]byte{6}, "filler"...)
	filler = append(filler, make([]byte, wasmlink.MaxCodeSize)...)
	return append(wasm.AppendU32(append(code, wasm.CustomSection), uint32(len(filler))), filler...)
}

// bomb is small and unpacks to more than a runtime may have.
func bomb() []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(make([]byte, executor.CodeBombLimit+1), slices.Clone(executor.CompressedPrefix))
}

const (
	abort    = "ext_panic_handler_abort_on_panic_version_1"
	valI64   = 0x7e
	i64Const = 0x42
	store8   = 0x3a
	textAt   = 2048
)

// put writes bytes into the memory, one by one, and leaves their address and length as an
// entry point returns them.
func put(b []byte) (code []byte) {
	for i, c := range b {
		code = wasm.AppendS64(append(code, wasm.OpI32Const), int64(textAt+i))
		code = wasm.AppendS64(append(code, wasm.OpI32Const), int64(c))
		code = append(code, store8, 0, 0)
	}
	return wasm.AppendS64(append(code, i64Const), int64(len(b))<<32|textAt)
}

func returns(b []byte) []byte { return put(b) }

// panics calls the function of that index with its last words.
func panics(words string, function uint32) []byte {
	return append(wasm.AppendU32(append(put([]byte(words)), wasm.OpCall), function), wasm.OpUnreachable)
}

// madeRuntime is a module with these entry points. Function 0 is the host's that aborts.
func madeRuntime(entries map[string][]byte) []byte {
	var m wasm.Module
	m.SetSection(wasm.TypeSection, []byte{2, 0x60, 2, wasm.ValI32, wasm.ValI32, 1, valI64, 0x60, 1, valI64, 0})
	m.SetSection(wasm.ImportSection, wasm.EncodeImports([]wasm.Import{
		{Module: "env", Name: abort, Kind: wasm.KindFunction, Rest: []byte{1}},
		{Module: "env", Name: "memory", Kind: wasm.KindMemory, Rest: wasm.AppendLimits(nil, wasm.Limits{Min: 1})},
	}))
	m.SetSection(wasm.GlobalSection, append(wasm.AppendS64([]byte{1, wasm.ValI32, 0, wasm.OpI32Const}, 8192), wasm.OpEnd))
	exports := []wasm.Export{{Name: "__heap_base", Kind: wasm.KindGlobal}}
	var bodies []wasm.Body
	functions := wasm.AppendU32(nil, uint32(len(entries)))
	for name, code := range entries {
		exports = append(exports, wasm.Export{Name: name, Kind: wasm.KindFunction, Index: uint32(len(bodies) + 1)})
		bodies = append(bodies, wasm.Body{Locals: []byte{0}, Code: append(slices.Clone(code), wasm.OpEnd)})
		functions = append(functions, 0)
	}
	m.SetSection(wasm.FunctionSection, functions)
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	m.SetSection(wasm.CodeSection, wasm.EncodeBodies(bodies))
	return m.Encode()
}

// panicIn puts a panic in the place of one entry point of a real runtime.
func panicIn(code []byte, entry, words string) ([]byte, error) {
	raw, err := executor.Decompress(code, executor.CodeBombLimit)
	if err != nil {
		return nil, err
	}
	m, err := wasm.Parse(raw)
	if err != nil {
		return nil, err
	}
	types, err := m.Types()
	if err != nil {
		return nil, err
	}
	signature := slices.IndexFunc(types, func(t wasm.FuncType) bool {
		return len(t.Params) == 2 && t.Params[0] == wasm.ValI32 && t.Params[1] == wasm.ValI32 && len(t.Results) == 1 && t.Results[0] == valI64
	})
	imports, err := m.Imports()
	if err != nil {
		return nil, err
	}
	var functions []wasm.Import
	for _, i := range imports {
		if i.Kind == wasm.KindFunction {
			functions = append(functions, i)
		}
	}
	say := slices.IndexFunc(functions, func(i wasm.Import) bool { return i.Name == abort })
	last := panics(words, uint32(max(say, 0)))
	if say < 0 { // it logs its last words
		log := slices.IndexFunc(functions, func(i wasm.Import) bool { return i.Name == "ext_logging_log_version_1" })
		if log < 0 {
			return nil, fmt.Errorf("the runtime cannot say why it panics")
		}
		// level 0, target and message: the same words.
		last = append([]byte{wasm.OpI32Const, 0}, put([]byte(words))...)
		last = wasm.AppendS64(append(last, i64Const), int64(len(words))<<32|textAt)
		last = append(wasm.AppendU32(append(last, wasm.OpCall), uint32(log)), wasm.OpUnreachable)
	}
	if signature < 0 {
		return nil, fmt.Errorf("the runtime has no entry points")
	}
	index, err := m.Append(wasm.FunctionSection, wasm.AppendU32(nil, uint32(signature)))
	if err != nil {
		return nil, err
	}
	body := append(append([]byte{0}, last...), wasm.OpEnd)
	if _, err := m.Append(wasm.CodeSection, append(wasm.AppendU32(nil, uint32(len(body))), body...)); err != nil {
		return nil, err
	}
	exports, err := m.Exports()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(exports, func(e wasm.Export) bool { return e.Name == entry })
	if at < 0 {
		return nil, fmt.Errorf("the runtime has no %s", entry)
	}
	exports[at].Index = index + uint32(len(functions))
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	return m.Encode(), nil
}
