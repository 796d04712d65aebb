package executor

import (
	"fmt"
	"slices"

	"pileus/internal/wasm"
)

// meterAsCrate meters a module in the form of wasm-instrument 0.4: around each direct call
// the cost of the callee is added and taken off again; exports, table elements and the start
// function are replaced by thunks that do the same. [metering.rewrite] must trap where this does.
func meterAsCrate(m *wasm.Module, limit []byte) error {
	x := &metering{m: m, limit: limit}
	if err := x.read(); err != nil {
		return err
	}
	if err := x.addGlobal(); err != nil {
		return err
	}
	if err := x.crateBodies(); err != nil {
		return err
	}
	return x.crateThunks()
}

// call is the code of a metered call.
func (x *metering) crateCall(b []byte, callee uint32) []byte {
	cost := int64(int32(x.costs[callee]))
	change := func(op byte) {
		b = wasm.AppendU32(append(b, wasm.OpGlobalGet), x.global)
		b = append(wasm.AppendS64(append(b, wasm.OpI32Const), cost), op)
		b = wasm.AppendU32(append(b, wasm.OpGlobalSet), x.global)
	}
	change(wasm.OpI32Add)
	b = wasm.AppendU32(append(b, wasm.OpGlobalGet), x.global)
	b = append(append(b, x.limit...), wasm.OpI32GtU, wasm.OpIf, wasm.BlockEmpty, wasm.OpUnreachable, wasm.OpEnd)
	b = wasm.AppendU32(append(b, wasm.OpCall), callee)
	change(wasm.OpI32Sub)
	return b
}

func (x *metering) crateBodies() error {
	for i := range x.bodies {
		code := x.bodies[i].Code
		out := make([]byte, 0, len(code)+len(code)/2)
		r := wasm.NewReader(code)
		for r.Left() > 0 {
			from := r.Offset()
			in := r.Instruction()
			if r.Err() != nil {
				return r.Err()
			}
			if in.Op == wasm.OpCall && x.costs[in.Index] > 0 {
				out = x.crateCall(out, in.Index)
				continue
			}
			out = append(out, code[from:r.Offset()]...)
		}
		x.bodies[i].Code = out
	}
	return nil
}

// addThunks replaces what is reached from outside by thunks, in ascending order of the originals.
func (x *metering) crateThunks() error {
	exports, err := x.m.Exports()
	if err != nil {
		return err
	}
	elements, err := x.m.Elements()
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
		for _, f := range e.Funcs {
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
			code = wasm.AppendU32(append(code, wasm.OpLocalGet), uint32(p))
		}
		x.bodies = append(x.bodies, wasm.Body{Locals: []byte{0}, Code: append(x.crateCall(code, f), wasm.OpEnd)})
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
	for _, e := range elements {
		for i := range e.Funcs {
			e.Funcs[i] = redirect(e.Funcs[i])
		}
	}
	x.m.SetSection(wasm.ElementSection, wasm.EncodeElements(elements))
	if start != nil {
		x.m.SetSection(wasm.StartSection, wasm.AppendU32(nil, redirect(startFunc)))
	}
	x.m.SetSection(wasm.CodeSection, wasm.EncodeBodies(x.bodies))
	return nil
}
