package wasmlink

import (
	"fmt"

	"pileus/internal/wasm"
)

// Limits of what is read. A Go runtime has some 2000 functions and 2 MiB.
const (
	maxModule = 64 << 20 // bytes
	maxLocals = 50_000   // of a function, as a validator's parser has it
)

// module is a module taken apart, as far as linking needs it. Function indices count
// imports first.
type module struct {
	types   []wasm.FuncType
	imports []wasm.Import
	funcs   []uint32 // types of defined functions
	tables  []byte   // as in the file
	memory  *wasm.Limits
	globals []global
	exports []wasm.Export
	start   *uint32
	elems   []elem
	bodies  []body
	data    []segment
	custom  []wasm.Section
}

type global struct {
	typ     byte
	mutable bool
	init    []byte // constant expression, with its end
}

// elem puts functions into table 0.
type elem struct {
	offset []byte // constant expression
	funcs  []uint32
}

// segment is data in memory 0.
type segment struct {
	offset uint32
	bytes  []byte
}

// parse takes a module apart. It accepts what WebAssembly 1.0 has, except for data and
// offsets that depend on imported globals; code is not looked at.
func parse(b []byte) (*module, error) {
	if len(b) > maxModule {
		return nil, fmt.Errorf("%w: more than %d bytes", wasm.ErrFormat, maxModule)
	}
	s, err := wasm.Parse(b)
	if err != nil {
		return nil, err
	}
	m := &module{tables: s.Section(wasm.TableSection)}
	if m.types, err = s.Types(); err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	if m.imports, err = s.Imports(); err != nil {
		return nil, fmt.Errorf("imports: %w", err)
	}
	if m.exports, err = s.Exports(); err != nil {
		return nil, fmt.Errorf("exports: %w", err)
	}
	for _, part := range []struct {
		name string
		id   byte
		read func(*wasm.Reader)
	}{
		{"functions", wasm.FunctionSection, m.readFunctions},
		{"memory", wasm.MemorySection, m.readMemory},
		{"globals", wasm.GlobalSection, m.readGlobals},
		{"start", wasm.StartSection, m.readStart},
		{"elements", wasm.ElementSection, m.readElements},
		{"code", wasm.CodeSection, m.readCode},
		{"data", wasm.DataSection, m.readData},
	} {
		payload := s.Section(part.id)
		if payload == nil {
			continue
		}
		r := wasm.NewReader(payload)
		part.read(r)
		if r.Err() == nil && r.Left() > 0 {
			r.Fail("%d bytes too many", r.Left())
		}
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	for _, x := range s.Sections {
		if x.ID == wasm.CustomSection {
			m.custom = append(m.custom, x)
		}
	}
	return m, m.check()
}

// check holds indices against what they point at.
func (m *module) check() error {
	for _, i := range m.imports {
		if i.Kind == wasm.KindFunction && int(i.Type) >= len(m.types) {
			return fmt.Errorf("%w: import %s.%s has no type", wasm.ErrFormat, i.Module, i.Name)
		}
	}
	for _, t := range m.funcs {
		if int(t) >= len(m.types) {
			return fmt.Errorf("%w: a function has no type", wasm.ErrFormat)
		}
	}
	if len(m.bodies) != len(m.funcs) {
		return fmt.Errorf("%w: %d functions, %d bodies", wasm.ErrFormat, len(m.funcs), len(m.bodies))
	}
	all := uint64(m.imported(wasm.KindFunction) + len(m.funcs))
	for _, e := range m.exports {
		if e.Kind == wasm.KindFunction && uint64(e.Index) >= all {
			return fmt.Errorf("%w: export %s is no function", wasm.ErrFormat, e.Name)
		}
	}
	for _, e := range m.elems {
		for _, f := range e.funcs {
			if uint64(f) >= all {
				return fmt.Errorf("%w: a table element is no function", wasm.ErrFormat)
			}
		}
	}
	return nil
}

func (m *module) readFunctions(r *wasm.Reader) {
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		m.funcs = append(m.funcs, r.U32())
	}
}

func (m *module) readMemory(r *wasm.Reader) {
	switch r.Count() {
	case 0:
	case 1:
		l := r.Limits()
		m.memory = &l
	default:
		r.Fail("more than one memory")
	}
}

func (m *module) readGlobals(r *wasm.Reader) {
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		g := global{typ: r.Byte(), mutable: r.Byte() != 0}
		g.init = constant(r)
		m.globals = append(m.globals, g)
	}
}

func (m *module) readStart(r *wasm.Reader) {
	at := r.U32()
	m.start = &at
}

func (m *module) readElements(r *wasm.Reader) {
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		if r.U32() != 0 {
			r.Fail("elements of another kind than of WebAssembly 1.0")
		}
		e := elem{offset: constant(r)}
		for k := r.Count(); k > 0 && r.Err() == nil; k-- {
			e.funcs = append(e.funcs, r.U32())
		}
		m.elems = append(m.elems, e)
	}
}

func (m *module) readCode(r *wasm.Reader) {
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		inner := wasm.NewReader(r.Bytes())
		var locals uint64
		for k := inner.Count(); k > 0 && inner.Err() == nil; k-- {
			if locals += uint64(inner.U32()); locals > maxLocals {
				inner.Fail("a function of more than %d locals", maxLocals)
			}
			inner.Byte()
		}
		b := body{locals: inner.Since(0)}
		b.code = inner.Take(inner.Left())
		if inner.Err() != nil {
			r.Fail("function %d: %v", len(m.bodies), inner.Err())
		}
		m.bodies = append(m.bodies, b)
	}
}

func (m *module) readData(r *wasm.Reader) {
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		if r.U32() != 0 {
			r.Fail("data of another kind than of WebAssembly 1.0")
		}
		if r.Byte() != opI32Const {
			r.Fail("data at a place that is no constant")
		}
		at := uint32(r.S64(32))
		if r.Byte() != opEnd {
			r.Fail("data at a place that is no constant")
		}
		m.data = append(m.data, segment{at, r.Bytes()})
	}
}

// constant reads a constant expression.
func constant(r *wasm.Reader) []byte {
	from := r.Offset()
	switch op := r.Byte(); op {
	case opI32Const:
		r.S64(32)
	case opI64Const:
		r.S64(64)
	case opF32Const:
		r.Take(4)
	case opF64Const:
		r.Take(8)
	case opGlobalGet:
		r.U32()
	default:
		r.Fail("0x%02x in a constant expression", op)
	}
	if r.Byte() != opEnd {
		r.Fail("a constant expression has no end")
	}
	if r.Err() != nil {
		return nil
	}
	return r.Since(from)
}

// imported is how many imports of a kind there are.
func (m *module) imported(kind byte) (n int) {
	for _, i := range m.imports {
		if i.Kind == kind {
			n++
		}
	}
	return n
}

// export finds an export.
func (m *module) export(name string) *wasm.Export {
	for i := range m.exports {
		if m.exports[i].Name == name {
			return &m.exports[i]
		}
	}
	return nil
}

// typeOf is the type of a function.
func (m *module) typeOf(function uint32) wasm.FuncType {
	at := int(function)
	for _, i := range m.imports {
		if i.Kind != wasm.KindFunction {
			continue
		}
		if at == 0 {
			return m.types[i.Type]
		}
		at--
	}
	return m.types[m.funcs[at]]
}

// typ is the index of a function type, which is added if need be.
func (m *module) typ(params, results []byte) uint32 {
	for i, t := range m.types {
		if string(t.Params) == string(params) && string(t.Results) == string(results) {
			return uint32(i)
		}
	}
	m.types = append(m.types, wasm.FuncType{Params: params, Results: results})
	return uint32(len(m.types) - 1)
}

// add appends a function and returns its index.
func (m *module) add(params, results []byte, b body) uint32 {
	m.funcs = append(m.funcs, m.typ(params, results))
	m.bodies = append(m.bodies, b)
	return uint32(m.imported(wasm.KindFunction) + len(m.funcs) - 1)
}

// addGlobal appends a global of type i32 and returns its index.
func (m *module) addGlobal(value int32, mutable bool) uint32 {
	m.globals = append(m.globals, global{valI32, mutable, code(nil).i32(value).end()})
	return uint32(m.imported(wasm.KindGlobal) + len(m.globals) - 1)
}

// encode writes the module.
func (m *module) encode() []byte {
	out := &wasm.Module{}
	list := func(id byte, n int, write func(b []byte) []byte) {
		if n > 0 {
			out.SetSection(id, write(wasm.AppendU32(nil, uint32(n))))
		}
	}
	list(wasm.TypeSection, len(m.types), func(b []byte) []byte {
		for _, t := range m.types {
			b = appendBytes(appendBytes(append(b, 0x60), t.Params), t.Results)
		}
		return b
	})
	out.SetSection(wasm.ImportSection, wasm.EncodeImports(m.imports))
	list(wasm.FunctionSection, len(m.funcs), func(b []byte) []byte {
		for _, t := range m.funcs {
			b = wasm.AppendU32(b, t)
		}
		return b
	})
	out.SetSection(wasm.TableSection, m.tables)
	if m.memory != nil {
		out.SetSection(wasm.MemorySection, wasm.AppendLimits([]byte{1}, *m.memory))
	}
	list(wasm.GlobalSection, len(m.globals), func(b []byte) []byte {
		for _, g := range m.globals {
			mutable := byte(0)
			if g.mutable {
				mutable = 1
			}
			b = append(append(b, g.typ, mutable), g.init...)
		}
		return b
	})
	if len(m.exports) > 0 {
		out.SetSection(wasm.ExportSection, wasm.EncodeExports(m.exports))
	}
	if m.start != nil {
		out.SetSection(wasm.StartSection, wasm.AppendU32(nil, *m.start))
	}
	list(wasm.ElementSection, len(m.elems), func(b []byte) []byte {
		for _, e := range m.elems {
			b = wasm.AppendU32(append(append(b, 0), e.offset...), uint32(len(e.funcs)))
			for _, f := range e.funcs {
				b = wasm.AppendU32(b, f)
			}
		}
		return b
	})
	list(wasm.CodeSection, len(m.bodies), func(b []byte) []byte {
		for _, x := range m.bodies {
			b = wasm.AppendU32(b, uint32(len(x.locals)+len(x.code)))
			b = append(append(b, x.locals...), x.code...)
		}
		return b
	})
	list(wasm.DataSection, len(m.data), func(b []byte) []byte {
		for _, s := range m.data {
			b = append(b, 0)
			b = appendBytes(code(b).i32(int32(s.offset)).end(), s.bytes)
		}
		return b
	})
	out.Sections = append(out.Sections, m.custom...)
	return out.Encode()
}

func appendBytes(b, v []byte) []byte { return append(wasm.AppendU32(b, uint32(len(v))), v...) }
