package pvf

import (
	"fmt"
	"slices"

	"pileus/internal/wasm"
)

// meter makes a module count the height of its stack and trap above the limit, so that an
// overflow happens at the same place on every validator (wasm-instrument 0.4 stack_limiter).
//
// A new mutable global holds the height. The cost of a function is the number of locals it
// declares and the most operands it has on its stack, two more for its frame. Around each
// direct call the cost of the callee is added and taken off again; exports, table elements
// and the start function are replaced by thunks that do the same.
func meter(code []byte, limit uint32) ([]byte, error) {
	m, err := wasm.Parse(code)
	if err != nil {
		return nil, err
	}
	x := &metering{m: m, limit: limit}
	if err := x.read(); err != nil {
		return nil, err
	}
	if err := x.addGlobal(); err != nil {
		return nil, err
	}
	if err := x.rewriteBodies(); err != nil {
		return nil, err
	}
	if err := x.addThunks(); err != nil {
		return nil, err
	}
	return m.Encode(), nil
}

type metering struct {
	m       *wasm.Module
	limit   uint32
	types   []wasm.FuncType
	funcs   []uint32 // type of every function, imported ones first
	imports int
	bodies  []body
	costs   []uint32 // of every function; 0 for imported ones
	global  uint32
}

type body struct {
	locals []byte // as it stands in the file
	count  uint32 // of locals
	code   []byte
}

func (x *metering) read() (err error) {
	if x.types, err = x.m.Types(); err != nil {
		return err
	}
	imports, err := x.m.Imports()
	if err != nil {
		return err
	}
	for _, i := range imports {
		if i.Kind == wasm.KindFunction {
			x.funcs = append(x.funcs, i.Type)
			x.imports++
		}
	}
	r := wasm.NewReader(x.m.Section(wasm.FunctionSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		x.funcs = append(x.funcs, r.U32())
	}
	if r.Err() != nil {
		return r.Err()
	}
	for _, t := range x.funcs {
		if int(t) >= len(x.types) {
			return fmt.Errorf("%w: a function of an unknown type", wasm.ErrFormat)
		}
	}
	r = wasm.NewReader(x.m.Section(wasm.CodeSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		b, err := readBody(r.Bytes())
		if err != nil {
			return err
		}
		x.bodies = append(x.bodies, b)
	}
	if r.Err() != nil {
		return r.Err()
	}
	if len(x.bodies) != len(x.funcs)-x.imports {
		return fmt.Errorf("%w: %d functions, %d bodies", wasm.ErrFormat, len(x.funcs)-x.imports, len(x.bodies))
	}
	x.costs = make([]uint32, len(x.funcs))
	for i := range x.bodies {
		height, err := x.height(i)
		if err != nil {
			return fmt.Errorf("function %d: %w", x.imports+i, err)
		}
		x.costs[x.imports+i] = x.bodies[i].count + height
	}
	return nil
}

func readBody(b []byte) (body, error) {
	r := wasm.NewReader(b)
	var x body
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		count := r.U32()
		r.Byte()
		if uint64(x.count)+uint64(count) > 50_000 {
			r.Fail("a function of more than 50000 locals")
		}
		x.count += count
	}
	x.locals = r.Since(0)
	x.code = b[r.Offset():]
	return x, r.Err()
}

// addGlobal appends the global that holds the height.
func (x *metering) addGlobal() error {
	payload := x.m.Section(wasm.GlobalSection)
	r := wasm.NewReader(payload)
	n := r.Count()
	rest := payload[r.Offset():]
	if r.Err() != nil {
		return r.Err()
	}
	imports, _ := x.m.Imports()
	x.global = n
	for _, i := range imports {
		if i.Kind == wasm.KindGlobal {
			return fmt.Errorf("%w: it imports a global", wasm.ErrFormat)
		}
	}
	b := append(wasm.AppendU32(nil, n+1), rest...)
	x.m.SetSection(wasm.GlobalSection, append(b, valI32, 1, opI32Const, 0, opEnd))
	return nil
}

// call is the code of a metered call.
func (x *metering) call(b []byte, callee uint32) []byte {
	cost := int64(int32(x.costs[callee]))
	change := func(op byte) {
		b = wasm.AppendU32(append(b, opGlobalGet), x.global)
		b = append(wasm.AppendS64(append(b, opI32Const), cost), op)
		b = wasm.AppendU32(append(b, opGlobalSet), x.global)
	}
	change(opI32Add)
	b = wasm.AppendU32(append(b, opGlobalGet), x.global)
	b = wasm.AppendS64(append(b, opI32Const), int64(int32(x.limit)))
	b = append(b, opI32GtU, opIf, blockEmpty, opUnreachable, opEnd)
	b = wasm.AppendU32(append(b, opCall), callee)
	change(opI32Sub)
	return b
}

func (x *metering) rewriteBodies() error {
	for i := range x.bodies {
		code := x.bodies[i].code
		out := make([]byte, 0, len(code)+len(code)/2)
		r := wasm.NewReader(code)
		for r.Left() > 0 {
			from := r.Offset()
			in, err := next(r)
			if err != nil {
				return err
			}
			if in.op == opCall && x.costs[in.index] > 0 {
				out = x.call(out, in.index)
				continue
			}
			out = append(out, code[from:r.Offset()]...)
		}
		x.bodies[i].code = out
	}
	return nil
}

// addThunks replaces what is reached from outside by thunks, in ascending order of the originals.
func (x *metering) addThunks() error {
	exports, err := x.m.Exports()
	if err != nil {
		return err
	}
	elements, err := readElements(x.m.Section(wasm.ElementSection))
	if err != nil {
		return err
	}
	reached := map[uint32]uint32{}
	note := func(f uint32) error {
		if int(f) >= len(x.costs) {
			return fmt.Errorf("%w: function %d does not exist", wasm.ErrFormat, f)
		}
		if x.costs[f] > 0 {
			reached[f] = 0
		}
		return nil
	}
	for _, e := range exports {
		if e.Kind == wasm.KindFunction {
			if err := note(e.Index); err != nil {
				return err
			}
		}
	}
	for _, e := range elements {
		for _, f := range e.funcs {
			if err := note(f); err != nil {
				return err
			}
		}
	}
	start := x.m.Section(wasm.StartSection)
	var startFunc uint32
	if start != nil {
		startFunc = wasm.NewReader(start).U32()
		if err := note(startFunc); err != nil {
			return err
		}
	}
	originals := make([]uint32, 0, len(reached))
	for f := range reached {
		originals = append(originals, f)
	}
	slices.Sort(originals)
	declared := x.funcs[x.imports:]
	for _, f := range originals {
		reached[f] = uint32(len(x.funcs))
		x.funcs = append(x.funcs, x.funcs[f])
		declared = x.funcs[x.imports:]
		var code []byte
		for p := range x.types[x.funcs[f]].Params {
			code = wasm.AppendU32(append(code, opLocalGet), uint32(p))
		}
		x.bodies = append(x.bodies, body{locals: []byte{0}, code: append(x.call(code, f), opEnd)})
	}
	if len(declared) > 0 {
		b := wasm.AppendU32(nil, uint32(len(declared)))
		for _, t := range declared {
			b = wasm.AppendU32(b, t)
		}
		x.m.SetSection(wasm.FunctionSection, b)
	}
	redirect := func(f uint32) uint32 {
		if t, ok := reached[f]; ok {
			return t
		}
		return f
	}
	for i := range exports {
		if exports[i].Kind == wasm.KindFunction {
			exports[i].Index = redirect(exports[i].Index)
		}
	}
	if len(exports) > 0 {
		x.m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	}
	if len(elements) > 0 {
		b := wasm.AppendU32(nil, uint32(len(elements)))
		for _, e := range elements {
			b = wasm.AppendU32(append(b, e.head...), uint32(len(e.funcs)))
			for _, f := range e.funcs {
				b = wasm.AppendU32(b, redirect(f))
			}
		}
		x.m.SetSection(wasm.ElementSection, b)
	}
	if start != nil {
		x.m.SetSection(wasm.StartSection, wasm.AppendU32(nil, redirect(startFunc)))
	}
	x.encodeBodies()
	return nil
}

func (x *metering) encodeBodies() {
	if len(x.bodies) == 0 {
		return
	}
	b := wasm.AppendU32(nil, uint32(len(x.bodies)))
	for _, f := range x.bodies {
		b = wasm.AppendU32(b, uint32(len(f.locals)+len(f.code)))
		b = append(append(b, f.locals...), f.code...)
	}
	x.m.SetSection(wasm.CodeSection, b)
}

// element is one segment of a table: its table and offset as they stand in the file.
type element struct {
	head  []byte
	funcs []uint32
}

func readElements(payload []byte) (list []element, err error) {
	r := wasm.NewReader(payload)
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		from := r.Offset()
		if r.U32() != 0 {
			r.Fail("an element segment of another form than 0")
		}
		for r.Err() == nil { // offset expression
			in, err := next(r)
			if err != nil {
				return nil, err
			}
			if in.op == opEnd {
				break
			}
		}
		e := element{head: r.Since(from)}
		for k := r.Count(); k > 0 && r.Err() == nil; k-- {
			e.funcs = append(e.funcs, r.U32())
		}
		list = append(list, e)
	}
	return list, r.Err()
}
