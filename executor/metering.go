package executor

import (
	"fmt"

	"pileus/internal/wasm"
)

// rewrite makes a module that was read count the height of its stack and trap above the
// limit, so that an overflow happens at the same place on every validator (wasm-instrument
// 0.4 stack_limiter).
//
// A new mutable global holds the height. The cost of a function is the number of locals it
// declares and the most operands it has on its stack, two more for its frame. A function
// adds its cost when it is entered and takes it off when it is left, by whichever way: its
// code becomes a block, and a return a branch to the end of that block. The crate puts the
// same around every call instead, and thunks before what is reached from outside: the
// heights are the same, but a runtime has 7 to 16 times as many calls as functions, all of
// which would have to be compiled.
//
// limit is the code that puts the limit on the stack.
func (x *metering) rewrite(limit []byte) error {
	x.limit = limit
	if err := x.addGlobal(); err != nil {
		return err
	}
	return x.rewriteBodies()
}

// Validators stop at the limit of their executor parameters, nodes at none. So that both
// run the same compiled code, the limit is a global that the host sets.
const (
	stackName = "pileus.stack"
	noStack   = 1<<32 - 1 // no stack that the machine can hold is as high
)

// meterShared meters a module with the limit in a global, exported under stackName.
func meterShared(m *wasm.Module) error {
	x := &metering{m: m}
	if err := x.read(); err != nil {
		return err
	}
	index, err := m.Append(wasm.GlobalSection, append(wasm.AppendS64([]byte{wasm.ValI32, 1, wasm.OpI32Const}, -1), wasm.OpEnd))
	if err != nil {
		return err
	}
	exports, err := m.Exports()
	if err != nil {
		return err
	}
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(append(exports, wasm.Export{Name: stackName, Kind: wasm.KindGlobal, Index: index})))
	return x.rewrite(wasm.AppendU32([]byte{wasm.OpGlobalGet}, index))
}

type metering struct {
	m       *wasm.Module
	limit   []byte
	types   []wasm.FuncType
	funcs   []uint32 // type of every function, imported ones first
	imports int
	bodies  []wasm.Body
	costs   []uint32 // of every function; 0 for imported ones
	globals uint32   // that the code has
	global  uint32   // that holds the height
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
	declared, err := x.m.Functions()
	if err != nil {
		return err
	}
	x.funcs = append(x.funcs, declared...)
	for _, t := range x.funcs {
		if int(t) >= len(x.types) {
			return fmt.Errorf("%w: a function of an unknown type", wasm.ErrFormat)
		}
	}
	if x.bodies, err = x.m.Bodies(); err != nil {
		return err
	}
	if len(x.bodies) != len(x.funcs)-x.imports {
		return fmt.Errorf("%w: %d functions, %d bodies", wasm.ErrFormat, len(x.funcs)-x.imports, len(x.bodies))
	}
	globals := wasm.NewReader(x.m.Section(wasm.GlobalSection))
	if x.globals = globals.Count(); globals.Err() != nil {
		return globals.Err()
	}
	x.costs = make([]uint32, len(x.funcs))
	return each(len(x.bodies), func(i int) error {
		height, err := x.height(i)
		if err != nil {
			return fmt.Errorf("function %d: %w", x.imports+i, err)
		}
		x.costs[x.imports+i] = x.bodies[i].Count + height
		return nil
	})
}

// addGlobal appends the global that holds the height.
func (x *metering) addGlobal() error {
	imports, err := x.m.Imports()
	if err != nil {
		return err
	}
	for _, i := range imports {
		if i.Kind == wasm.KindGlobal {
			return fmt.Errorf("%w: it imports a global", wasm.ErrFormat)
		}
	}
	x.global, err = x.m.Append(wasm.GlobalSection, []byte{wasm.ValI32, 1, wasm.OpI32Const, 0, wasm.OpEnd})
	return err
}

// enter counts the cost of a function and traps above the limit.
func (x *metering) enter(b []byte, cost int64) []byte {
	b = x.change(b, cost, wasm.OpI32Add)
	b = wasm.AppendU32(append(b, wasm.OpGlobalGet), x.global)
	return append(append(b, x.limit...), wasm.OpI32GtU, wasm.OpIf, wasm.BlockEmpty, wasm.OpUnreachable, wasm.OpEnd)
}

func (x *metering) change(b []byte, cost int64, op byte) []byte {
	b = wasm.AppendU32(append(b, wasm.OpGlobalGet), x.global)
	b = append(wasm.AppendS64(append(b, wasm.OpI32Const), cost), op)
	return wasm.AppendU32(append(b, wasm.OpGlobalSet), x.global)
}

func (x *metering) rewriteBodies() error {
	err := each(len(x.bodies), func(i int) error {
		code := x.bodies[i].Code
		if q := quick(&x.bodies[i]); q != nil {
			code = append(q, code...)
		}
		cost := int64(int32(x.costs[x.imports+i]))
		block := byte(wasm.BlockEmpty)
		if results := x.types[x.funcs[x.imports+i]].Results; len(results) > 0 {
			block = results[0] // in WebAssembly 1.0 there is only one
		}
		out := append(x.enter(make([]byte, 0, len(code)+48), cost), wasm.OpBlock, block)
		r := wasm.NewReader(code)
		depth := uint32(0) // of the blocks that are open, besides the new one
		for r.Left() > 0 {
			from := r.Offset()
			in := r.Instruction()
			if r.Err() != nil {
				return r.Err()
			}
			switch in.Op {
			case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
				depth++
			case wasm.OpEnd:
				depth--
			case wasm.OpReturn:
				out = wasm.AppendU32(append(out, wasm.OpBr), depth)
				continue
			}
			out = append(out, code[from:r.Offset()]...)
		}
		x.bodies[i].Code = append(x.change(out, cost, wasm.OpI32Sub), wasm.OpEnd)
		return nil
	})
	if err != nil {
		return err
	}
	x.m.SetSection(wasm.CodeSection, wasm.EncodeBodies(x.bodies))
	return nil
}
