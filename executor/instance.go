package executor

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// instance is code with a memory of its own. A call finds it as it was made: either it is
// new, or memory and mutable globals were put back to their beginning; nothing else of an
// instance can change (tables cannot, in the language that runtimes are written in).
type instance struct {
	api.Module
	memory  *capped
	base    uint32 // __heap_base
	heap    heap
	globals []global
	entries map[string]api.Function // that were called: each keeps the stack that it grew
}

// entry is an exported function; nil if there is none.
func (x *instance) entry(name string) api.Function {
	fn, known := x.entries[name]
	if !known {
		if fn = x.ExportedFunction(name); fn != nil {
			x.entries[name] = fn
		}
	}
	return fn
}

type global struct {
	api.MutableGlobal
	initial uint64
}

// idle are instances that wait for the next call.
type idle struct {
	mu   sync.Mutex
	list []*instance
}

func (i *idle) take() *instance {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.list)
	if n == 0 {
		return nil
	}
	x := i.list[n-1]
	i.list = i.list[:n-1]
	return x
}

func (i *idle) put(x *instance) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.list) >= runtime.GOMAXPROCS(0) {
		return false
	}
	i.list = append(i.list, x)
	return true
}

// anonymous instances can be many at once.
var anonymous = wazero.NewModuleConfig().WithName("").WithStartFunctions()

// instance returns one for a call whose memory may have that many pages: that of an earlier
// call, or a new one. A node's memory may have grown then: a node grows it to its maximum before
// every call (HeapAllocStrategy::Static). A validator's execution begins with the memory that the
// code asks for.
func (m *Module) instance(ctx context.Context, pages uint32) (*instance, error) {
	limit := uint64(pages) * pageSize
	x := m.idle[m.set].take()
	if x != nil && uint64(x.Memory().Size()) > limit {
		x.close(m)
		x = nil
	}
	if x == nil {
		var err error
		if x, err = m.newInstance(ctx, limit); err != nil {
			return nil, err
		}
	}
	x.memory.max = limit
	if err := m.begin(ctx, x); err != nil {
		x.close(m)
		return nil, err
	}
	return x, nil
}

func (m *Module) newInstance(ctx context.Context, limit uint64) (*instance, error) {
	x := &instance{memory: &capped{memory: m.newMemory(), max: limit}, entries: map[string]api.Function{}}
	var err error
	if x.Module, err = m.rt.InstantiateModule(x.memory.context(ctx), m.compiled, anonymous); err != nil {
		m.release(x.memory.memory)
		return nil, err
	}
	base := x.ExportedGlobal("__heap_base")
	if base == nil || base.Type() != api.ValueTypeI32 {
		x.close(m)
		return nil, errors.New("the runtime exports no __heap_base")
	}
	x.base = api.DecodeU32(base.Get())
	for i := range m.prepared.globals {
		g, ok := x.ExportedGlobal(globalName(i)).(api.MutableGlobal)
		if !ok {
			x.close(m)
			return nil, errors.New("a mutable global is not exported")
		}
		x.globals = append(x.globals, global{g, g.Get()})
	}
	if x.heap, err = heapOf(x.Module); err != nil {
		x.close(m)
		return nil, err
	}
	return x, nil
}

// begin sets the limit of the stack and runs the start function.
func (m *Module) begin(ctx context.Context, x *instance) error {
	if m.stack != noStack {
		limit, ok := x.ExportedGlobal(stackName).(api.MutableGlobal)
		if !ok {
			return errors.New("the stack is not metered")
		}
		limit.Set(uint64(m.stack))
	}
	if !m.prepared.restartable {
		return x.ExportedFunction(startName).CallWithStack(ctx, nil)
	}
	return nil
}

// done takes an instance back after a call; ok tells whether the call ended in order.
func (m *Module) done(x *instance, ok bool) {
	if !ok || !m.prepared.restartable || !x.memory.memory.restart() || m.set == PVF && !x.shrink(m.prepared.pages) {
		x.close(m)
		return
	}
	for _, g := range x.globals {
		g.Set(g.initial)
	}
	if !m.idle[m.set].put(x) {
		x.close(m)
	}
}

// shrink gives the memory the size that it began with. wazero lets no memory shrink, but takes
// what the memory's allocator answers to a growth.
func (x *instance) shrink(pages uint32) bool {
	size := uint64(pages) * pageSize
	if uint64(x.Memory().Size()) == size {
		return true
	}
	x.memory.shrinks = &size
	_, _ = x.Memory().Grow(1)
	x.memory.shrinks = nil
	return uint64(x.Memory().Size()) == size
}

func (x *instance) close(m *Module) {
	if x.Module != nil {
		_ = x.Module.Close(context.Background())
	}
	m.release(x.memory.memory)
}
