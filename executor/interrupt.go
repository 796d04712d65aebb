package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"pileus/internal/wasm"
)

// A module is made stoppable by a counter that the code itself counts down, at the head
// of every loop and at the entry of every function that calls another one; at zero it
// calls the host, which looks at the clock and refills it.
//
//	counter -= 1; if counter == 0 { counter = check() }
//
// wazero's own way (WithCloseOnContextDone) leaves the compiled code at each turn of each
// loop, which makes a runtime 2.5 times slower, and it does not see recursion. A flag that
// the host raises from another goroutine would be cheaper still, but compiled code that
// never leaves cannot be preempted: a garbage collection would wait for it, and the
// goroutine that raises the flag for the collection.
const (
	// checkModule and checkName name the import by which the code calls the host; a
	// runtime itself imports from env alone.
	checkModule, checkName = "pileus", "check"
	// checkEvery is how far the counter counts, some tens of microseconds.
	checkEvery = 1 << 14
)

// interruptible rewrites a module, whose imports are functions only. The new import comes
// behind them, so that every function that is defined moves up by one. What stands in for
// functions that the code imports is called instead of them.
func interruptible(m *wasm.Module) error {
	imports, err := m.Imports()
	if err != nil {
		return err
	}
	bodies, err := m.Bodies()
	if err != nil {
		return err
	}
	first := uint32(len(imports)) // the defined functions begin here, and now the check stands here
	types, err := m.Types()
	if err != nil {
		return err
	}
	allocator := planAllocator(imports, types, len(imports)+1+len(bodies))
	moved := func(f uint32) (uint32, error) {
		switch {
		case f < first:
			return allocator.instead[f], nil
		case int(f-first) >= len(bodies):
			return 0, fmt.Errorf("%w: function %d does not exist", wasm.ErrFormat, f)
		}
		return f + 1, nil
	}
	typ, err := m.Append(wasm.TypeSection, []byte{0x60, 0, 1, wasm.ValI32})
	if err != nil {
		return err
	}
	imports = append(imports, wasm.Import{Module: checkModule, Name: checkName, Rest: wasm.AppendU32(nil, typ)})
	m.SetSection(wasm.ImportSection, wasm.EncodeImports(imports))
	start := wasm.AppendS64([]byte{wasm.ValI32, 1, wasm.OpI32Const}, checkEvery)
	counter, err := m.Append(wasm.GlobalSection, append(start, wasm.OpEnd))
	if err != nil {
		return err
	}
	tick := tickCode(counter, first)
	err = each(len(bodies), func(i int) (err error) {
		if bodies[i].Code, err = addTicks(bodies[i].Code, tick, counter, moved); err != nil {
			return fmt.Errorf("function %d: %w", int(first)+i, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := moveFunctions(m, moved); err != nil {
		return err
	}
	added, err := allocator.add(m)
	if err != nil {
		return err
	}
	m.SetSection(wasm.CodeSection, wasm.EncodeBodies(append(bodies, added...)))
	return nil
}

func tickCode(counter, check uint32) (b []byte) {
	get := func() { b = wasm.AppendU32(append(b, wasm.OpGlobalGet), counter) }
	set := func() { b = wasm.AppendU32(append(b, wasm.OpGlobalSet), counter) }
	get()
	b = append(b, wasm.OpI32Const, 1, wasm.OpI32Sub)
	set()
	get()
	b = append(b, wasm.OpI32Eqz, wasm.OpIf, wasm.BlockEmpty)
	b = wasm.AppendU32(append(b, wasm.OpCall), check)
	set()
	return append(b, wasm.OpEnd)
}

func addTicks(code, tick []byte, globals uint32, moved func(uint32) (uint32, error)) ([]byte, error) {
	out := make([]byte, 0, len(code)+len(code)/8+len(tick))
	calls := false
	r := wasm.NewReader(code)
	for r.Left() > 0 {
		from := r.Offset()
		in := r.Instruction()
		if r.Err() != nil {
			return nil, r.Err()
		}
		switch in.Op {
		case wasm.OpCall:
			calls = true
			callee, err := moved(in.Index)
			if err != nil {
				return nil, err
			}
			out = wasm.AppendU32(append(out, wasm.OpCall), callee)
		case wasm.OpLoop:
			out = append(append(out, r.Since(from)...), tick...)
		case wasm.OpCallIndirect:
			calls = true
			fallthrough
		default:
			if err := checkGlobal(in, globals); err != nil {
				return nil, err
			}
			out = append(out, r.Since(from)...)
		}
	}
	if calls {
		out = append(append(make([]byte, 0, len(tick)+len(out)), tick...), out...)
	}
	return out, nil
}

// moveFunctions gives exports and tables the new indices.
func moveFunctions(m *wasm.Module, moved func(uint32) (uint32, error)) error {
	exports, err := m.Exports()
	if err != nil {
		return err
	}
	for i := range exports {
		if exports[i].Kind == wasm.KindFunction {
			if exports[i].Index, err = moved(exports[i].Index); err != nil {
				return err
			}
		}
	}
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	elements, err := m.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		for i := range e.Funcs {
			if e.Funcs[i], err = moved(e.Funcs[i]); err != nil {
				return err
			}
		}
	}
	m.SetSection(wasm.ElementSection, wasm.EncodeElements(elements))
	return nil
}

// How a check ends a call.
var (
	errTimeout  = errors.New("stopped at its timeout")
	errCanceled = errors.New("canceled")
)

// check is what the code calls when its counter is at zero.
func check(ctx context.Context, _ api.Module, stack []uint64) {
	e := envOf(ctx)
	if e.ctx.Err() != nil {
		fail(errCanceled)
	}
	if time.Now().After(e.deadline) {
		fail(errTimeout)
	}
	stack[0] = checkEvery
}
