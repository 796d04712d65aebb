package executor

import (
	"bytes"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"pileus/internal/wasm"
)

// What a runtime allocates and frees is small and plain nearly always. That part of the
// host's allocator is put into the code itself, as functions that stand in for the imported
// ones; they call these for all that is not plain: a larger block, memory that must grow,
// an error. Nothing is changed before it is certain that the host is not needed, so the host
// decides as if it had been asked at once.
//
// Both work on the same state, which lies in globals of the code: where fresh memory begins,
// the bytes in use and the free lists of the smaller sizes, as far as the code serves them.
// The lists of the larger ones are the host's alone.
const (
	mallocName = "ext_allocator_malloc_version_1"
	freeName   = "ext_allocator_free_version_1"

	bumperName = "pileus.heap.bumper"
	liveName   = "pileus.heap.live"

	// codeOrders are the sizes that the code serves: up to 4 KiB, 99.6% of what runtimes ask for.
	// Every mutable global makes each call a little more work to compile.
	codeOrders = 10
	// unsetBumper lies behind every memory, so that before a call begins the host is asked.
	unsetBumper = 1 << 40
)

func headName(order int) string { return fmt.Sprintf("pileus.heap.%d", order) }

// allocatorCode says which functions are added to a module, and in place of which imports.
type allocatorCode struct {
	instead []uint32 // what is called instead of each import; most stand for themselves
	added   []addedFunction
}

type addedFunction struct {
	imported, typ uint32
	free          bool
}

// planAllocator looks at the imports of a module, which are functions only. The functions
// will have the indices behind that many others.
func planAllocator(imports []wasm.Import, types []wasm.FuncType, others int) *allocatorCode {
	a := &allocatorCode{}
	for i, f := range imports {
		stands := uint32(i)
		if (f.Name == mallocName || f.Name == freeName) && functions[f.Name].hasType(types[f.Type]) {
			stands = uint32(others + len(a.added))
			a.added = append(a.added, addedFunction{uint32(i), f.Type, f.Name == freeName})
		}
		a.instead = append(a.instead, stands)
	}
	return a
}

// add adds the globals and the types of the functions, and returns their bodies.
func (a *allocatorCode) add(m *wasm.Module) (bodies []wasm.Body, err error) {
	exports, err := m.Exports()
	if err != nil {
		return nil, err
	}
	global := func(name string, item []byte) (index uint32) {
		if err == nil {
			index, err = m.Append(wasm.GlobalSection, append(item, wasm.OpEnd))
			exports = append(exports, wasm.Export{Name: name, Kind: wasm.KindGlobal, Index: index})
		}
		return index
	}
	g := &heapGlobals{
		bumper: global(bumperName, wasm.AppendS64([]byte{wasm.ValI64, 1, wasm.OpI64Const}, unsetBumper)),
		live:   global(liveName, []byte{wasm.ValI64, 1, wasm.OpI64Const, 0}),
	}
	for order := range g.heads {
		g.heads[order] = global(headName(order), wasm.AppendS64([]byte{wasm.ValI32, 1, wasm.OpI32Const}, -1))
	}
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	for _, f := range a.added {
		if err == nil {
			_, err = m.Append(wasm.FunctionSection, wasm.AppendU32(nil, f.typ))
		}
		if f.free {
			bodies = append(bodies, g.free(f.imported))
		} else {
			bodies = append(bodies, g.malloc(f.imported))
		}
	}
	return bodies, err
}

// heapGlobals are the indices of the globals.
type heapGlobals struct {
	bumper, live uint32
	heads        [codeOrders]uint32
}

// The locals of the functions: a size or a pointer, where the header lies, and an i64.
const (
	argument = iota
	header
	number
)

// behind tells whether what is on the stack is more than the size of the memory in bytes,
// which is 0 for 4 GiB, as the host sees it.
func behind() []byte {
	return code(op(wasm.OpMemorySize, 0), constant(16), op(wasm.OpI32Shl, wasm.OpI64ExtendI32U, wasm.OpI64GtU))
}

// forOrders does first and then, by the order that it leaves on the stack, what each writes,
// which leaves the result. A branch to host asks the host instead.
func forOrders(imported uint32, first func(host byte) []byte, each func(order int, total int64, host byte) []byte) wasm.Body {
	var labels, all []byte
	for order := range codeOrders {
		labels = append(labels, byte(order))
		total := int64(minBlock)<<order + headerSize
		all = code(all, op(wasm.OpEnd), each(order, total, byte(codeOrders-1-order)), op(wasm.OpReturn))
	}
	return wasm.Body{Locals: []byte{2, 1, wasm.ValI32, 1, wasm.ValI64}, Count: 2, Code: code(
		op(wasm.OpBlock, wasm.BlockEmpty), bytes.Repeat(op(wasm.OpBlock, wasm.BlockEmpty), codeOrders),
		first(codeOrders), op(wasm.OpBrTable, codeOrders-1), labels, all, op(wasm.OpEnd),
		get(argument), wasm.AppendU32(op(wasm.OpCall), imported), op(wasm.OpEnd),
	)}
}

// malloc is [allocator.allocate] for what is plain.
func (g *heapGlobals) malloc(imported uint32) wasm.Body {
	first := func(host byte) []byte { // with the size less one, so that no bytes at all are the host's as well
		return code(
			get(argument), constant(1), op(wasm.OpI32Sub), tee(header), constant(minBlock<<(codeOrders-1)), op(wasm.OpI32GeU, wasm.OpBrIf, host),
			constant(29), get(header), constant(minBlock-1), op(wasm.OpI32Or, wasm.OpI32Clz, wasm.OpI32Sub),
		)
	}
	return forOrders(imported, first, func(order int, total int64, host byte) []byte {
		return code(
			getGlobal(g.heads[order]), tee(header), constant(-1), op(wasm.OpI32Ne, wasm.OpIf, wasm.BlockEmpty), // -1 is noLink
			get(header), op(wasm.OpI64ExtendI32U), wide(total), op(wasm.OpI64Add), behind(), op(wasm.OpBrIf, host+1),
			get(header), op(wasm.OpI64Load, 0, 0), tee(number), wide(occupiedBit), op(wasm.OpI64And, wasm.OpI64Eqz, wasm.OpI32Eqz, wasm.OpBrIf, host+1),
			get(number), op(wasm.OpI32WrapI64), setGlobal(g.heads[order]),
			op(wasm.OpElse),
			getGlobal(g.bumper), wide(total), op(wasm.OpI64Add), tee(number), behind(), op(wasm.OpBrIf, host+1),
			getGlobal(g.bumper), op(wasm.OpI32WrapI64), set(header),
			get(number), setGlobal(g.bumper),
			op(wasm.OpEnd),
			get(header), wide(occupiedBit|int64(order)), op(wasm.OpI64Store, 0, 0),
			getGlobal(g.live), wide(total), op(wasm.OpI64Add), setGlobal(g.live),
			get(header), constant(headerSize), op(wasm.OpI32Add),
		)
	})
}

// free is [allocator.free] for what is plain.
func (g *heapGlobals) free(imported uint32) wasm.Body {
	first := func(host byte) []byte { // a header that is not occupied becomes larger than every order
		return code(
			get(argument), constant(headerSize), op(wasm.OpI32Sub), tee(header),
			op(wasm.OpI64ExtendI32U), wide(headerSize), op(wasm.OpI64Add), behind(), op(wasm.OpBrIf, host),
			get(header), op(wasm.OpI64Load, 0, 0), wide(occupiedBit<<1-1), op(wasm.OpI64And), wide(occupiedBit), op(wasm.OpI64Sub),
			tee(number), wide(codeOrders), op(wasm.OpI64GeU, wasm.OpBrIf, host),
			get(number), op(wasm.OpI32WrapI64),
		)
	}
	return forOrders(imported, first, func(order int, total int64, host byte) []byte {
		return code(
			getGlobal(g.live), wide(total), op(wasm.OpI64LtU, wasm.OpBrIf, host),
			getGlobal(g.live), wide(total), op(wasm.OpI64Sub), setGlobal(g.live),
			get(header), getGlobal(g.heads[order]), op(wasm.OpI64ExtendI32U, wasm.OpI64Store, 0, 0),
			get(header), setGlobal(g.heads[order]),
		)
	})
}

// heapOf finds the globals in an instance.
func heapOf(x api.Module) (h heap, err error) {
	global := func(name string) api.MutableGlobal {
		g, ok := x.ExportedGlobal(name).(api.MutableGlobal)
		if !ok && err == nil {
			err = fmt.Errorf("%s is no mutable global", name)
		}
		return g
	}
	h = heap{bumper: global(bumperName), live: global(liveName)}
	for order := range h.heads {
		h.heads[order] = global(headName(order))
	}
	return h, err
}
