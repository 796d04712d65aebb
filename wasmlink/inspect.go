package wasmlink

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/wasm"
	"pileus/runtimeapi"
	"pileus/scale"
)

// Limits of a relay chain for validation code, in bytes and in pages of memory.
const (
	// MaxCodeSize is MAX_CODE_SIZE of relay chains of 2025 (polkadot-primitives 19), for the
	// code as it is stored. From polkadot-primitives 25 on it is 5 MiB.
	MaxCodeSize = 3 << 20
	// MaxMemoryPages is how large a validator lets memory become: 32 pages and
	// ExecutorParam::MaxMemoryPages, by default 2048.
	MaxMemoryPages = 32 + 2048
)

// Info describes code.
type Info struct {
	Compressed   bool
	StoredSize   int // bytes
	UnpackedSize int
	CodeHash     hashing.Hash        // of the code as it is stored
	Version      *runtimeapi.Version // of the sections; nil: there are none
	Imports      []string            // module.name, ascending
	Exports      []string            // names of functions, ascending
	Functions    int                 // that the code defines
	Features     []string            // beyond WebAssembly 1.0, ascending
	Pages        uint32              // of memory at the start
	MaxPages     *uint32
	HeapBase     uint32 // 0: not exported
	DataBytes    int
	Sections     []Section
	Checks       []Check
}

// Section is a part of the code file.
type Section struct {
	Name string
	Size int // bytes
}

// Check is something that a relay chain's validators or a node demand. Words say what was
// found.
type Check struct {
	Name  string
	OK    bool
	Words string
}

// OK tells whether all checks hold.
func (i *Info) OK() bool {
	for _, c := range i.Checks {
		if !c.OK {
			return false
		}
	}
	return true
}

// Inspect looks at code, compressed or not, and holds it against what a relay chain
// demands when it prepares it. The error says why it cannot even be read.
func Inspect(code []byte) (*Info, error) {
	x, raw, err := look(code)
	if err != nil {
		return nil, err
	}
	err = validate(raw)
	words := "every function is typed correctly"
	if err != nil {
		words = err.Error()
	}
	x.check("valid", err == nil, "%s", words)
	return x, nil
}

// Look is [Inspect] without the types of functions, which whoever compiles the code
// learns about anyway. It takes a fraction of the time.
func Look(code []byte) (*Info, error) {
	x, _, err := look(code)
	return x, err
}

func look(code []byte) (x *Info, raw []byte, err error) {
	if raw, err = executor.Decompress(code, executor.CodeBombLimit); err != nil {
		return nil, nil, fmt.Errorf("inspect: %w", err)
	}
	m, err := parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("inspect: %w", err)
	}
	x = &Info{Compressed: len(raw) != len(code), StoredSize: len(code), UnpackedSize: len(raw),
		CodeHash: hashing.Blake2b256(code), Functions: len(m.funcs)}
	x.describe(m)
	if b, ok := executor.EmbeddedVersion(raw); ok {
		v := &runtimeapi.Version{}
		if scale.Decode(b, v) == nil {
			x.Version = v
		}
	}
	s, _ := wasm.Parse(raw)
	for _, p := range s.Sections {
		x.Sections = append(x.Sections, Section{sectionName(p), len(p.Payload)})
	}
	x.check("size", x.StoredSize <= MaxCodeSize, "%d bytes stored, limit %d", x.StoredSize, MaxCodeSize)
	x.checkInstructions(m)
	x.checkImports(m)
	x.checkMemory(m)
	x.checkEntry(m)
	x.check("version", x.Version != nil, "sections %s and %s", versionSection, apisSection)
	return x, raw, nil
}

func (x *Info) check(name string, ok bool, format string, args ...any) {
	x.Checks = append(x.Checks, Check{name, ok, fmt.Sprintf(format, args...)})
}

func (x *Info) describe(m *module) {
	for _, i := range m.imports {
		x.Imports = append(x.Imports, i.Module+"."+i.Name)
		if i.Kind == wasm.KindMemory {
			x.Pages, x.MaxPages = i.Limits.Min, i.Limits.Max
		}
	}
	if m.memory != nil {
		x.Pages, x.MaxPages = m.memory.Min, m.memory.Max
	}
	for _, e := range m.exports {
		if e.Kind == wasm.KindFunction {
			x.Exports = append(x.Exports, e.Name)
		}
	}
	sort.Strings(x.Imports)
	sort.Strings(x.Exports)
	for _, d := range m.data {
		x.DataBytes += len(d.bytes)
	}
	x.HeapBase = m.heapBase()
}

// heapBase is the value of the exported global __heap_base; 0 if there is none.
func (m *module) heapBase() uint32 {
	e := m.export(heapBase)
	if e == nil || e.Kind != wasm.KindGlobal {
		return 0
	}
	at := int64(e.Index) - int64(m.imported(wasm.KindGlobal))
	if at < 0 || at >= int64(len(m.globals)) || m.globals[at].typ != valI32 || m.globals[at].init[0] != opI32Const {
		return 0
	}
	return uint32(wasm.NewReader(m.globals[at].init[1:]).S64(32))
}

func (x *Info) checkInstructions(m *module) {
	seen := map[string]bool{}
	var problem error
	for i, b := range m.bodies {
		if err := walk(b.code, func(in instr, _, _ int) {
			if f := in.feature(); f != "" {
				seen[f] = true
			}
		}); err != nil && problem == nil {
			problem = fmt.Errorf("function %d: %w", m.imported(wasm.KindFunction)+i, err)
		}
	}
	for f := range seen {
		x.Features = append(x.Features, f)
	}
	sort.Strings(x.Features)
	switch {
	case problem != nil:
		x.check("instructions", false, "%v", problem)
	case len(x.Features) > 0:
		x.check("instructions", false, "not in WebAssembly 1.0: %q", x.Features)
	default:
		x.check("instructions", true, "WebAssembly 1.0")
	}
}

func (x *Info) checkImports(m *module) {
	node, pvf := executor.HostFunctions(executor.Node), executor.HostFunctions(executor.PVF)
	var bad []string
	onlyNode := 0
	for _, i := range m.imports {
		if i.Kind == wasm.KindMemory && i.Module == "env" {
			continue
		}
		if i.Kind != wasm.KindFunction {
			bad = append(bad, i.Module+"."+i.Name)
			continue
		}
		t := m.types[i.Type]
		have, ok := node[i.Name]
		if !ok || i.Module != "env" || string(have.Params) != string(t.Params) || string(have.Results) != string(t.Results) {
			bad = append(bad, i.Module+"."+i.Name)
		} else if _, ok := pvf[i.Name]; !ok {
			onlyNode++
		}
	}
	if len(bad) > 0 {
		sort.Strings(bad)
		x.check("imports", false, "no host functions: %q", bad)
		return
	}
	x.check("imports", true, "%d host functions, %d of them only a node has (a validator traps when they are called)", len(m.imports), onlyNode)
}

func (x *Info) checkMemory(m *module) {
	exported := m.export("memory")
	own := m.memory != nil && (exported == nil || exported.Kind == wasm.KindMemory)
	have := own || m.imported(wasm.KindMemory) == 1
	x.check("memory", have && x.Pages <= MaxMemoryPages, "%d pages at the start, limit %d", x.Pages, MaxMemoryPages)
	x.check(heapBase, x.HeapBase != 0, "%d", x.HeapBase)
}

func (x *Info) checkEntry(m *module) {
	e := m.export("validate_block")
	ok := false
	words := "there is no such export"
	if e != nil && e.Kind == wasm.KindFunction {
		t := m.typeOf(e.Index)
		ok, words = isEntry(t), "type "+typeString(t)
	}
	x.check("validate_block", ok, "%s", words)
	x.check("start", m.start == nil, "a start function is not run")
}

func isEntry(t wasm.FuncType) bool {
	return string(t.Params) == "\x7f\x7f" && string(t.Results) == "\x7e"
}

func sectionName(s wasm.Section) string {
	names := [...]string{"", "types", "imports", "functions", "table", "memory", "globals", "exports", "start", "elements", "code", "data"}
	if s.ID == wasm.CustomSection {
		return "custom " + s.Name
	}
	return names[s.ID]
}

// validate holds a module against the typing rules of WebAssembly 1.0.
func validate(raw []byte) (err error) {
	defer func() {
		if r := recover(); r != nil { // the bytes may come from anywhere
			err = fmt.Errorf("%w: the validator stopped: %v", wasm.ErrFormat, r)
		}
	}()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV1).WithDebugInfoEnabled(false))
	defer rt.Close(ctx)
	_, err = rt.CompileModule(ctx, raw)
	if err != nil && !errors.Is(err, wasm.ErrFormat) {
		err = fmt.Errorf("%w: %w", wasm.ErrFormat, err)
	}
	return err
}
