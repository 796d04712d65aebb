package executor

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pileus/hashing"
	"pileus/internal/wasm"
	"pileus/trie"
)

// heapProgram writes straight code that allocates and frees, and does what it should not.
// Pointers are kept in slots of the memory below the heap.
type heapProgram struct {
	code  []byte
	slots int
}

const (
	slotsAt = 1024
	keysAt  = 16
	maxOps  = 80
)

// valueSizes are those of the values that the host can be asked for.
var valueSizes = []int{0, 5, 60, 300, 5000}

func (p *heapProgram) put(parts ...[]byte) { p.code = append(p.code, code(parts...)...) }

func slot(i int) []byte    { return constant(int64(slotsAt + 4*i)) }
func pointer(i int) []byte { return code(slot(i), op(i32Load, 2, 0)) }

const (
	i32Load, i32Store = 0x28, 0x36
	memoryGrow        = 0x40
)

// call calls an import, directly or through the table.
func call(f, typ byte, indirect bool) []byte {
	if indirect {
		return code(constant(int64(f)), op(wasm.OpCallIndirect, typ, 0))
	}
	return op(wasm.OpCall, f)
}

func (p *heapProgram) malloc(size uint32, indirect bool) {
	p.put(slot(p.slots), constant(int64(int32(size))), call(0, 1, indirect), op(i32Store, 2, 0))
	p.slots++
}

func (p *heapProgram) free(i int, off int32, indirect bool) {
	p.put(pointer(i), constant(int64(off)), op(wasm.OpI32Add), call(1, 2, indirect))
}

// host lets the host allocate, for a value that is read.
func (p *heapProgram) host(key int) {
	p.put(slot(p.slots), wide(int64(keysAt+key)|1<<32), call(2, 3, false), op(wasm.OpI32WrapI64, i32Store, 2, 0))
	p.slots++
}

// write writes beside a pointer; 8 bytes before it is its header.
func (p *heapProgram) write(i int, off int32, v int64) {
	p.put(pointer(i), constant(int64(off)), op(wasm.OpI32Add), wide(v), op(wasm.OpI64Store, 0, 0))
}

func (p *heapProgram) grow(pages int32) {
	p.put(constant(int64(pages)), op(memoryGrow, 0, wasm.OpDrop))
}

// module is the program as the function f of a runtime.
func (p *heapProgram) module(heapBase uint32) []byte {
	body := append(append([]byte{0}, p.code...), wasm.OpI64Const, 0, wasm.OpEnd)
	var keys []byte
	for i := range valueSizes {
		keys = append(keys, byte(i))
	}
	env := func(name string, typ byte) wasm.Import {
		return wasm.Import{Module: "env", Name: name, Rest: []byte{typ}}
	}
	m := wasm.Module{Sections: []wasm.Section{
		{ID: wasm.TypeSection, Payload: []byte{4, 0x60, 2, wasm.ValI32, wasm.ValI32, 1, wasm.ValI64, 0x60, 1, wasm.ValI32, 1, wasm.ValI32, 0x60, 1, wasm.ValI32, 0, 0x60, 1, wasm.ValI64, 1, wasm.ValI64}},
		{ID: wasm.ImportSection, Payload: wasm.EncodeImports([]wasm.Import{env(mallocName, 1), env(freeName, 2), env("ext_storage_get_version_1", 3)})},
		{ID: wasm.FunctionSection, Payload: []byte{1, 0}}, {ID: wasm.TableSection, Payload: []byte{1, 0x70, 0, 2}}, {ID: wasm.MemorySection, Payload: []byte{1, 0, 1}},
		{ID: wasm.GlobalSection, Payload: append(wasm.AppendS64([]byte{1, wasm.ValI32, 0, wasm.OpI32Const}, int64(heapBase)), wasm.OpEnd)},
		{ID: wasm.ExportSection, Payload: wasm.EncodeExports([]wasm.Export{{Name: "f", Index: 3}, {Name: "__heap_base", Kind: wasm.KindGlobal}})},
		{ID: wasm.ElementSection, Payload: []byte{1, 0, wasm.OpI32Const, 0, wasm.OpEnd, 2, 0, 1}},
		{ID: wasm.CodeSection, Payload: append(wasm.AppendU32([]byte{1}, uint32(len(body))), body...)},
		{ID: wasm.DataSection, Payload: append([]byte{1, 0, wasm.OpI32Const, keysAt, wasm.OpEnd, byte(len(keys))}, keys...)},
	}}
	return m.Encode()
}

// hostOnly puts calls of the imports in the place of the functions that stand in for them.
func hostOnly(t rapid.TB, p *prepared) {
	m, err := wasm.Parse(p.bytes)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // behind f
		bodies[1+i] = wasm.Body{Locals: []byte{0}, Code: []byte{wasm.OpLocalGet, 0, wasm.OpCall, byte(i), wasm.OpEnd}}
	}
	m.SetSection(wasm.CodeSection, wasm.EncodeBodies(bodies))
	p.bytes = m.Encode()
}

// heapEnd is what a program leaves.
type heapEnd struct {
	err          string
	memory       []byte
	bumper, live uint64
	heads        [orders]uint32
	asked        uint64 // of the host
}

func (e *heapEnd) same(x *heapEnd) bool {
	return e.err == x.err && bytes.Equal(e.memory, x.memory) && e.bumper == x.bumper && e.live == x.live && e.heads == x.heads
}

// runHeap runs f in a memory of at most that many pages.
func runHeap(t rapid.TB, p *prepared, interpreter bool, pages uint32) *heapEnd {
	ctx := context.Background()
	engine, err := NewEngine(ctx, Config{Interpreter: interpreter, Stats: true, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := engine.compile(ctx, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close(ctx)
	m, err := c.module(hashing.Hash{}, Node, noStack)
	if err != nil {
		t.Fatal(err)
	}
	var values []trie.Pair
	for i, size := range valueSizes {
		values = append(values, trie.Pair{Key: []byte{byte(i)}, Value: bytes.Repeat([]byte{byte(i + 1)}, size)})
	}
	s := NewStorage(trie.NewState(trie.FromPairs(trie.V1, values), nil), nil)
	done := s.call()
	defer done(false, false)
	e := &env{ctx: ctx, module: m, opts: &CallOptions{}, storage: s, deadline: time.Now().Add(time.Minute)}
	call := &callContext{ctx, e}
	x, err := m.instance(call, pages)
	if err != nil {
		t.Fatal(err)
	}
	defer m.done(x, false)
	e.mem, e.alloc = x.Memory(), newAllocator(x.heap, x.base, pages)
	_ = e.alloc.look(e.mem) // as a call does, which allocates its arguments
	end := &heapEnd{}
	if err := x.entry("f").CallWithStack(call, make([]uint64, 2)); err != nil {
		end.err = e.explain(ctx, "f", 0, err).Error()
	}
	view, _ := e.mem.Read(0, e.mem.Size())
	end.memory, end.bumper, end.live = bytes.Clone(view), e.alloc.bumper.Get(), e.alloc.live.Get()
	for order := range orders {
		end.heads[order] = e.alloc.head(order)
	}
	for _, name := range []string{mallocName, freeName} {
		end.asked += engine.host[name].calls.Load()
	}
	return end
}

// Blocks, headers, lists, growth and errors are those of the host's allocator alone,
// whatever the code does with its memory.
func TestAllocatorCode(t *testing.T) {
	ends, asked, alone := 0, uint64(0), uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		p := &heapProgram{}
		chance := func(percent int, what string) bool { return rapid.IntRange(0, 99).Draw(t, what) < percent }
		clean := rapid.Bool().Draw(t, "clean")
		sizes := []uint32{0, 1, 8, 9, 16, 17, 100, 1000, 2048, 4095, 4096, 4097, 8192, 40000}
		odd := []uint32{70000, 200000, maxBlock, maxBlock + 1, 1 << 31, 1<<32 - 1}
		for range rapid.IntRange(1, maxOps).Draw(t, "operations") {
			which := func() int { return rapid.IntRange(0, max(p.slots-1, 0)).Draw(t, "which") }
			indirect := chance(20, "indirect")
			switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); {
			case p.slots == 0 || kind < 5:
				size := rapid.SampledFrom(sizes).Draw(t, "size")
				if !clean && chance(5, "odd") {
					size = rapid.SampledFrom(odd).Draw(t, "odd size")
				}
				p.malloc(size, indirect)
			case kind < 7:
				p.host(rapid.IntRange(0, len(valueSizes)-1).Draw(t, "key"))
			case kind < 10 || clean:
				i, off := which(), int32(0)
				if !clean && chance(3, "beside") {
					off = rapid.SampledFrom([]int32{-8, 8, 3, 1 << 20, -1 << 31}).Draw(t, "offset")
				}
				p.free(i, off, indirect)
				if clean { // never twice: the slot is given a new block
					slots := p.slots
					p.slots = i
					p.malloc(rapid.SampledFrom(sizes).Draw(t, "size"), false)
					p.slots = slots
				}
			case kind == 10:
				order := rapid.SampledFrom([]int64{0, 1, codeOrders - 1, codeOrders, orders - 1, orders, 1 << 31, noLink}).Draw(t, "order")
				top := rapid.SampledFrom([]int64{0, occupiedBit, occupiedBit, occupiedBit | 0x2bcd<<48, 0x2bcd << 48}).Draw(t, "top")
				p.write(which(), rapid.SampledFrom([]int32{-8, -8, -8, -8, 0, 8, -9}).Draw(t, "at"), top|order)
			default:
				p.grow(rapid.Int32Range(0, 2).Draw(t, "pages"))
			}
		}
		runtime := p.module(rapid.Uint32Range(slotsAt+4*2*maxOps, pageSize+100).Draw(t, "heap base"))
		ours, err := prepare(runtime, rapid.Bool().Draw(t, "node only"))
		if err != nil {
			t.Fatal(err)
		}
		theirs := *ours
		hostOnly(t, &theirs)
		interpreter, pages := rapid.Bool().Draw(t, "interpreter"), rapid.Uint32Range(2, 30).Draw(t, "pages")
		got, want := runHeap(t, ours, interpreter, pages), runHeap(t, &theirs, interpreter, pages)
		if !got.same(want) {
			got.memory, want.memory = nil, nil
			t.Fatalf("%+v\nthe host alone: %+v", got, want)
		}
		if want.err == "" {
			ends++
		}
		asked, alone = asked+got.asked, alone+want.asked
	})
	if ends == 0 || asked == 0 || asked > alone/2 {
		t.Errorf("%d programs ended in order; the host was asked %d times of %d", ends, asked, alone)
	}
}

// The errors, and what lies at the borders of what is plain.
func TestAllocatorCodeBorders(t *testing.T) {
	const last = minBlock << (codeOrders - 1)
	two := func(p *heapProgram, size uint32) { p.malloc(size, false); p.malloc(size, true) }
	for name, c := range map[string]struct {
		write func(p *heapProgram)
		err   error
		asked uint64 // of the host
	}{
		"plain":       {func(p *heapProgram) { two(p, 1); two(p, 9); p.free(0, 0, false); p.free(3, 0, true); two(p, 8) }, nil, 0},
		"the largest": {func(p *heapProgram) { two(p, last); p.free(0, 0, false); p.malloc(last, false) }, nil, 0},
		"larger":      {func(p *heapProgram) { two(p, last+1); p.free(0, 0, false); p.malloc(last+1, false) }, nil, 4},
		"nothing":     {func(p *heapProgram) { two(p, 0); p.free(0, 0, false); p.malloc(1, false) }, nil, 2},
		"by the host": {func(p *heapProgram) {
			p.host(0)
			p.host(1)
			p.free(0, 0, false)
			p.malloc(2, false)
			p.host(2)
			p.free(0, 0, false)
		}, nil, 0},
		"memory grows": {func(p *heapProgram) {
			for range 20 {
				p.malloc(last, false)
			}
		}, nil, 1},
		"the code grows it": {func(p *heapProgram) {
			p.grow(1)
			for range 20 {
				p.malloc(last, false)
			}
		}, nil, 0},
		"no space": {func(p *heapProgram) {
			for range 80 {
				p.malloc(last, false)
			}
		}, errNoSpace, 3},
		"too large":          {func(p *heapProgram) { p.malloc(maxBlock+1, false) }, errTooLarge, 1},
		"all bits":           {func(p *heapProgram) { p.malloc(1<<32-1, false) }, errTooLarge, 1},
		"free of nothing":    {func(p *heapProgram) { p.malloc(8, false); p.free(1, 7, false) }, errBadPointer, 1},
		"free of zero":       {func(p *heapProgram) { p.malloc(8, false); p.free(1, 0, true) }, errBadPointer, 1},
		"free at the end":    {func(p *heapProgram) { two(p, 8); p.write(2, pageSize-8, occupiedBit|1); p.free(2, pageSize, false) }, nil, 0},
		"free behind it":     {func(p *heapProgram) { p.malloc(8, false); p.free(1, pageSize+1, false) }, errBadPointer, 1},
		"free far behind it": {func(p *heapProgram) { p.malloc(8, false); p.free(1, -1, false) }, errBadPointer, 1},
		"free twice":         {func(p *heapProgram) { two(p, 8); p.free(0, 0, false); p.free(0, 0, false) }, errEmpty, 1},
		"no order":           {func(p *heapProgram) { p.malloc(8, false); p.write(0, -8, occupiedBit|orders); p.free(0, 0, false) }, errOrder, 1},
		"a large order": {func(p *heapProgram) {
			two(p, last)
			two(p, last)
			p.write(0, -8, occupiedBit|codeOrders)
			p.free(0, 0, false)
		}, nil, 1},
		"underflow": {func(p *heapProgram) { p.malloc(8, false); p.write(0, -8, occupiedBit|1); p.free(0, 0, false) }, errUnderflow, 1},
		"what just lives": {func(p *heapProgram) {
			p.malloc(16, false)
			p.free(0, 0, false)
			p.malloc(16, false)
			p.free(0, 0, false)
		}, nil, 0},
		"occupied": {func(p *heapProgram) {
			p.malloc(8, false)
			p.free(0, 0, false)
			p.write(0, -8, occupiedBit)
			p.malloc(8, false)
		}, errOccupied, 1},
		"a list out of memory": {func(p *heapProgram) { p.malloc(8, false); p.free(0, 0, false); p.write(0, -8, 1<<30); two(p, 8) }, errBadHeader, 1},
		"a list to its end": {func(p *heapProgram) {
			p.malloc(16, false)
			p.free(0, 0, false)
			p.write(0, -8, pageSize-24)
			two(p, 16)
		}, nil, 0},
		"a list beyond it": {func(p *heapProgram) {
			p.malloc(16, false)
			p.free(0, 0, false)
			p.write(0, -8, pageSize-23)
			two(p, 16)
		}, errBadHeader, 1},
		"bits of the code's": {func(p *heapProgram) {
			p.malloc(8, false)
			p.write(0, -8, occupiedBit|0x2bcd<<48)
			p.free(0, 0, false)
			p.write(0, -8, 0x2bcd<<48|noLink)
			two(p, 8)
		}, nil, 0},
	} {
		for _, interpreter := range []bool{false, true} {
			p := &heapProgram{}
			c.write(p)
			ours, err := prepare(p.module(slotsAt+4*2*maxOps), false)
			if err != nil {
				t.Fatal(err)
			}
			theirs := *ours
			hostOnly(t, &theirs)
			got, want := runHeap(t, ours, interpreter, 4), runHeap(t, &theirs, interpreter, 4)
			if !got.same(want) || got.asked != c.asked || (c.err == nil) != (got.err == "") || c.err != nil && !strings.HasSuffix(got.err, c.err.Error()) {
				got.memory, want.memory = nil, nil
				t.Errorf("%s: %+v, want %v with the host asked %d times\nthe host alone: %+v", name, got, c.err, c.asked, want)
			}
		}
	}
}
