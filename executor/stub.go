package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tetratelabs/wazero"

	"pileus/internal/wasm"
)

// Code whose machine code is kept is not decoded and validated again, which took longer
// than all the rest: wazero gets its stub instead, the same module with nothing in its
// functions. What an instance is made of (types, imports, table, globals, exports) is the
// same in both, and machine code is found by the module's bytes alone. So the file of the
// machine code is given the name that wazero looks for when it gets the stub.
//
// Should wazero not find it (it is of another machine's processor, or another process has
// just taken the folder away), it compiles the stub. That shows: a function that is added
// answers in the code and traps in the stub.
const compiledName = "pileus.compiled"

// addStub adds that function to a module and returns the module's stub.
func addStub(m *wasm.Module) (stub []byte, err error) {
	typ, err := m.Append(wasm.TypeSection, []byte{0x60, 0, 1, wasm.ValI32})
	if err != nil {
		return nil, err
	}
	index, err := m.Append(wasm.FunctionSection, wasm.AppendU32(nil, typ))
	if err != nil {
		return nil, err
	}
	imports, err := m.Imports()
	if err != nil {
		return nil, err
	}
	exports, err := m.Exports()
	if err != nil {
		return nil, err
	}
	index += uint32(len(imports)) // they are functions only
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(append(exports, wasm.Export{Name: compiledName, Kind: wasm.KindFunction, Index: index})))
	if _, err = m.Append(wasm.CodeSection, []byte{4, 0, wasm.OpI32Const, 1, wasm.OpEnd}); err != nil {
		return nil, err
	}
	functions, err := m.Functions()
	if err != nil {
		return nil, err
	}
	bodies := make([]wasm.Body, len(functions))
	for i := range bodies {
		bodies[i] = wasm.Body{Locals: []byte{0}, Code: []byte{wasm.OpUnreachable, wasm.OpEnd}}
	}
	empty := &wasm.Module{Sections: slices.Clone(m.Sections)}
	empty.SetSection(wasm.CodeSection, wasm.EncodeBodies(bodies))
	empty.Sections = slices.DeleteFunc(empty.Sections, func(s wasm.Section) bool { return s.ID == wasm.CustomSection })
	return empty.Encode(), nil
}

// isWhole tells whether what was made of a stub runs the code.
func (c *machineCode) isWhole(ctx context.Context) bool {
	memory := &capped{memory: c.newMemory(), max: uint64(maxPages) * pageSize}
	defer c.release(memory.memory)
	x, err := c.rt.InstantiateModule(memory.context(ctx), c.compiled, anonymous)
	if err != nil {
		return false
	}
	defer x.Close(ctx)
	f := x.ExportedFunction(compiledName)
	if f == nil {
		return false
	}
	out, err := f.Call(ctx)
	return err == nil && len(out) == 1 && out[0] == 1
}

// stubFile compiles a stub into a folder and returns the only file that is then there.
func stubFile(ctx context.Context, dir string, stub []byte) (path string, err error) {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return "", err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, configured(wazero.NewRuntimeConfigCompiler()).WithCompilationCache(cache))
	_, err = rt.CompileModule(ctx, stub)
	if err = errors.Join(err, rt.Close(ctx), cache.Close(ctx)); err != nil {
		return "", fmt.Errorf("compile the stub: %w", err)
	}
	return onlyFile(dir)
}

// onlyFile is the only file in the only folder of a folder.
func onlyFile(dir string) (string, error) {
	for range 2 {
		list, err := os.ReadDir(dir)
		if err != nil {
			return "", err
		}
		if len(list) != 1 {
			return "", fmt.Errorf("%s: %d entries instead of one", dir, len(list))
		}
		dir = filepath.Join(dir, list[0].Name())
	}
	return dir, nil
}
