package executor_test

import (
	"bytes"
	"slices"

	"pileus/internal/wasm"
)

const (
	i32, i64 = 0x7f, 0x7e

	opMemoryGrow = 0x40
	opI64Const   = 0x42
)

// assembly is a runtime written by hand. Functions have the type of an entry point,
// (i32, i32) -> i64, and one local each of type i32.
type assembly struct {
	imports []hostImport
	pages   uint32
	data    string // at address 16
	custom  map[string][]byte
	funcs   []asmFunc
	start   bool // the first function is run at the start; it must have the type ()
	table   []uint32
	globals []int32 // mutable ones, behind __heap_base
}

type hostImport struct {
	name            string
	params, results []byte
}

type asmFunc struct {
	name string // of the export
	code []byte // without the end
}

func list[T any](items []T, each func(b []byte, x T) []byte) []byte {
	b := wasm.AppendU32(nil, uint32(len(items)))
	for _, x := range items {
		b = each(b, x)
	}
	return b
}

func sized(b, content []byte) []byte {
	return append(wasm.AppendU32(b, uint32(len(content))), content...)
}

// entry is the type of entry points; index 0 of the type section.
var entry = wasm.FuncType{Params: []byte{i32, i32}, Results: []byte{i64}}

func (a *assembly) encode() []byte {
	m := wasm.Module{}
	types := []wasm.FuncType{entry, {}}
	imports := []wasm.Import{}
	for _, i := range a.imports {
		imports = append(imports, wasm.Import{Module: "env", Name: i.name, Rest: wasm.AppendU32(nil, uint32(len(types)))})
		types = append(types, wasm.FuncType{Params: i.params, Results: i.results})
	}
	imports = append(imports, wasm.Import{Module: "env", Name: "memory", Kind: wasm.KindMemory, Rest: wasm.AppendLimits(nil, wasm.Limits{Min: max(a.pages, 1)})})
	m.SetSection(wasm.TypeSection, list(types, func(b []byte, t wasm.FuncType) []byte {
		return sized(sized(append(b, 0x60), t.Params), t.Results)
	}))
	m.SetSection(wasm.ImportSection, wasm.EncodeImports(imports))
	first := uint32(len(a.imports))
	m.SetSection(wasm.FunctionSection, list(a.funcs, func(b []byte, f asmFunc) []byte {
		if a.start && f.name == "" {
			return append(b, 1)
		}
		return append(b, 0)
	}))
	exports := []wasm.Export{{Name: "__heap_base", Kind: wasm.KindGlobal}}
	for i, f := range a.funcs {
		if f.name != "" {
			exports = append(exports, wasm.Export{Name: f.name, Kind: wasm.KindFunction, Index: first + uint32(i)})
		}
	}
	m.SetSection(wasm.GlobalSection, list(append([]int32{4096}, a.globals...), func(b []byte, v int32) []byte {
		mutable := byte(1)
		if v == 4096 {
			mutable = 0
		}
		return append(append(append(b, i32, mutable), i32Const(v)...), wasm.OpEnd)
	}))
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	if a.start {
		m.SetSection(wasm.StartSection, wasm.AppendU32(nil, first))
	}
	if len(a.table) > 0 {
		m.SetSection(wasm.TableSection, append([]byte{1, 0x70}, wasm.AppendLimits(nil, wasm.Limits{Min: uint32(len(a.table))})...))
		m.SetSection(wasm.ElementSection, wasm.EncodeElements([]wasm.Element{{Head: []byte{0, wasm.OpI32Const, 0, wasm.OpEnd}, Funcs: a.table}}))
	}
	m.SetSection(wasm.CodeSection, list(a.funcs, func(b []byte, f asmFunc) []byte {
		return sized(b, append(append([]byte{1, 1, i32}, f.code...), wasm.OpEnd))
	}))
	if a.data != "" {
		m.SetSection(wasm.DataSection, sized([]byte{1, 0, wasm.OpI32Const, 16, wasm.OpEnd}, []byte(a.data)))
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range a.custom {
			if !yield(name) {
				return
			}
		}
	}) {
		m.Sections = append(m.Sections, wasm.Section{Name: name, Payload: a.custom[name]})
	}
	return m.Encode()
}

func i64Const(v uint64) []byte { return wasm.AppendS64([]byte{opI64Const}, int64(v)) }

func i32Const(v int32) []byte { return wasm.AppendS64([]byte{wasm.OpI32Const}, int64(v)) }

func callOf(f uint32) []byte { return wasm.AppendU32([]byte{wasm.OpCall}, f) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	nothing  = i64Const(0)
	forever  = join([]byte{wasm.OpLoop, wasm.BlockEmpty, wasm.OpBr, 0, wasm.OpEnd}, nothing)
	panicked = []byte{wasm.OpUnreachable}
)
