package wasmlink

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pileus/executor"
	"pileus/internal/wasm"
)

const (
	pageSize = 65536

	// DefaultGoMemory is where the host's memory begins, in bytes. Of the 130 MiB that a
	// validator allows by default it leaves 66 MiB: a block of the host's allocator for
	// arguments of up to 32 MiB, and as much again.
	DefaultGoMemory = 64 << 20

	// slackPages is memory for the host that is there from the start: small calls need no
	// growth.
	slackPages = 16

	startFunction = "_initialize"
	heapBase      = "__heap_base"
)

// Options are how a module is linked. The zero value is what the product uses.
type Options struct {
	// GoMemory is the address of __heap_base: Go's data and heap lie below, in bytes. A
	// multiple of 64 KiB; 0: [DefaultGoMemory].
	GoMemory uint32
	// Wrap lets every call initialise Go's runtime and the program's packages again.
	// Otherwise that is done once, at link time.
	Wrap bool
}

// ErrModule is wrapped by errors that say what is wrong with the program, not with its bytes.
var ErrModule = errors.New("not a runtime")

// Report says what was done.
type Report struct {
	Before, After int            // size of the module, in bytes
	Lowered       map[string]int // instructions that were replaced, by name
	Stubs         []string       // WASI functions that were replaced, ascending
	HeapBase      uint32
	DataBytes     int // data that an instance starts with
	Segments      int
	GoPages       uint32 // pages that Go's data and heap hold at the start
}

// Link makes a runtime of what
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
//
// wrote. The result is deterministic and not compressed (see [Compress]). Errors wrap
// [ErrModule] or wasm.ErrFormat.
func Link(program []byte, o Options) ([]byte, *Report, error) {
	if o.GoMemory == 0 {
		o.GoMemory = DefaultGoMemory
	}
	if o.GoMemory%pageSize != 0 || o.GoMemory < 2*pageSize || o.GoMemory > 1<<31 {
		return nil, nil, fmt.Errorf("link: memory for Go of %d bytes: it must be a multiple of 64 KiB, at most 2 GiB", o.GoMemory)
	}
	m, err := parse(program)
	if err != nil {
		return nil, nil, fmt.Errorf("link: %w", err)
	}
	l := &linker{m: m, o: o, report: &Report{Before: len(program), HeapBase: o.GoMemory}}
	out, err := l.link()
	if err != nil {
		return nil, nil, fmt.Errorf("link: %w", err)
	}
	l.report.After = len(out)
	return out, l.report, nil
}

type linker struct {
	m       *module
	o       Options
	report  *Report
	start   uint32 // _initialize
	taken   uint32 // global: pages that Go holds
	calls   []wasm.Export
	program int // functions that the program defines
}

func (l *linker) link() ([]byte, error) {
	if err := l.readExports(); err != nil {
		return nil, err
	}
	if err := l.lower(); err != nil {
		return nil, err
	}
	l.layOut()
	image, err := l.initialise()
	if err != nil {
		return nil, err
	}
	version, err := image.version()
	if err != nil {
		return nil, err
	}
	if l.o.Wrap {
		l.wrap()
	} else {
		l.keep(image)
	}
	l.m.exports = append([]wasm.Export{{Name: "memory", Kind: wasm.KindMemory}, l.baseExport()}, l.calls...)
	l.m.custom = sections(version)
	for _, d := range l.m.data {
		l.report.DataBytes += len(d.bytes)
	}
	l.report.Segments = len(l.m.data)
	return l.m.encode(), nil
}

// readExports finds the start function and the runtime's entry points.
func (l *linker) readExports() error {
	start, memory := false, false
	for _, e := range l.m.exports {
		switch {
		case e.Kind == wasm.KindMemory && e.Name == "memory":
			memory = true
		case e.Kind != wasm.KindFunction:
			return fmt.Errorf("%w: it exports %s, which is no function", ErrModule, e.Name)
		case e.Name == startFunction:
			start = true
			l.start = e.Index
			if t := l.m.typeOf(e.Index); len(t.Params) != 0 || len(t.Results) != 0 {
				return fmt.Errorf("%w: %s has parameters or results", ErrModule, startFunction)
			}
		default:
			t := l.m.typeOf(e.Index)
			if string(t.Params) != "\x7f\x7f" || string(t.Results) != "\x7e" {
				return fmt.Errorf("%w: export %s must be a Go function of type func(ptr, n uint32) uint64", ErrModule, e.Name)
			}
			l.calls = append(l.calls, e)
		}
	}
	switch {
	case !memory || l.m.memory == nil:
		return fmt.Errorf("%w: it has no memory of its own", ErrModule)
	case !start:
		return fmt.Errorf("%w: it exports no %s: build it with -buildmode=c-shared", ErrModule, startFunction)
	case l.m.start != nil:
		return fmt.Errorf("%w: it has a start function", ErrModule)
	case len(l.calls) == 0:
		return fmt.Errorf("%w: it exports no function (//go:wasmexport Core_version)", ErrModule)
	}
	return nil
}

// lower replaces imports of WASI and newer instructions.
func (l *linker) lower() error {
	m := l.m
	before := m.imports
	l.program = len(m.funcs)
	kept, err := hostImports(m)
	if err != nil {
		return err
	}
	log := -1
	for i := range kept {
		if kept[i].Name == logFunction {
			log = i
		}
	}
	if log < 0 {
		log = len(kept)
		t := m.typ([]byte{valI32, valI64, valI64}, nil)
		kept = append(kept, wasm.Import{Module: "env", Name: logFunction, Type: t, Rest: wasm.AppendU32(nil, t)})
	}
	m.imports = kept
	index := make([]uint32, 0, len(before)+l.program)
	host, stub := uint32(0), uint32(len(kept)+l.program)
	for _, i := range before {
		if i.Module == wasiModule {
			index = append(index, stub)
			stub++
		} else {
			index = append(index, host)
			host++
		}
	}
	for i := range l.program {
		index = append(index, uint32(len(kept)+i))
	}
	stubs := int(stub) - len(kept) - l.program
	tail := uint32(len(kept) + l.program + stubs) // what is added behind the stubs
	heap := l.o.GoMemory - pageSize
	w := &wasi{m: m, words: heap, log: uint32(log), copy: tail, fill: tail + 1, find: tail + 2, die: tail + 3,
		polls: m.addGlobal(0, true), env: collectorSettings(heap - min(heap, m.memory.Min*pageSize))}
	for _, i := range before {
		if i.Module != wasiModule {
			continue
		}
		t := m.types[i.Type]
		b, err := w.stub(i.Name, t)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrModule, err)
		}
		m.add(t.Params, t.Results, b)
		l.report.Stubs = append(l.report.Stubs, i.Name)
	}
	slices.Sort(l.report.Stubs)
	l.report.Stubs = slices.Compact(l.report.Stubs)
	low := &lowering{m: m, index: index, owned: true, helpers: map[string]uint32{}, counts: map[string]int{}}
	low.helper(instr{op: opPrefixFC, sub: subMemoryCopy})
	low.helper(instr{op: opPrefixFC, sub: subMemoryFill})
	m.add([]byte{valI32}, []byte{valI32}, w.search())
	m.add(nil, nil, w.last())
	if uint64(m.memory.Min)*pageSize > uint64(heap) {
		return fmt.Errorf("%w: its data takes %d KiB, more than the %d KiB of memory for Go", ErrModule, m.memory.Min*64, heap>>10)
	}
	l.taken = m.addGlobal(int32(m.memory.Min), true)
	low.grow = m.add([]byte{valI32}, []byte{valI32}, growFunction(l.taken, int32(heap/pageSize)))
	low.size = m.add(nil, []byte{valI32}, sizeFunction(l.taken))
	if err := low.lower(l.program); err != nil {
		return err
	}
	l.report.Lowered = low.counts
	l.start = index[l.start]
	for i := range l.calls {
		l.calls[i].Index = index[l.calls[i].Index]
	}
	for _, e := range m.elems {
		for i := range e.funcs {
			e.funcs[i] = index[e.funcs[i]]
		}
	}
	return nil
}

// hostImports are the imports that stay. All others than WASI's must be functions that
// nodes have.
func hostImports(m *module) (kept []wasm.Import, err error) {
	known := executor.HostFunctions(executor.Node)
	var missing []string
	for _, i := range m.imports {
		switch {
		case i.Kind != wasm.KindFunction:
			return nil, fmt.Errorf("%w: it imports %s.%s, which is no function", ErrModule, i.Module, i.Name)
		case i.Module == wasiModule:
			continue
		}
		t := m.types[i.Type]
		have, ok := known[i.Name]
		switch {
		case i.Module != "env" || !ok:
			missing = append(missing, i.Module+"."+i.Name)
		case string(have.Params) != string(t.Params) || string(have.Results) != string(t.Results):
			return nil, fmt.Errorf("%w: host function %s has type %s, not %s", ErrModule, i.Name, typeString(have), typeString(t))
		}
		kept = append(kept, i)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: it imports what is no host function: %s", ErrModule, strings.Join(missing, ", "))
	}
	return kept, nil
}

func typeString(t wasm.FuncType) string {
	names := map[byte]string{valI32: "i32", valI64: "i64", valF32: "f32", valF64: "f64"}
	list := func(types []byte) string {
		var s []string
		for _, x := range types {
			s = append(s, names[x])
		}
		return "(" + strings.Join(s, ", ") + ")"
	}
	return list(t.Params) + " → " + list(t.Results)
}

// layOut gives the module its memory.
func (l *linker) layOut() {
	l.m.memory = &wasm.Limits{Min: l.o.GoMemory/pageSize + slackPages}
}

func (l *linker) baseExport() wasm.Export {
	return wasm.Export{Name: heapBase, Kind: wasm.KindGlobal, Index: l.m.addGlobal(int32(l.o.GoMemory), false)}
}
