package executor

import "github.com/tetratelabs/wazero/experimental"

// memory is linear memory that is used again from call to call: zeroed, it is as good as
// new. It implements [experimental.MemoryAllocator] and [experimental.LinearMemory].
type memory struct {
	region // where its bytes come from
	buf    []byte
}

func (m *Module) memory() *memory {
	if kept, ok := m.memories.Get().(*memory); ok {
		return kept
	}
	return &memory{}
}

func (m *Module) release(x *memory) {
	if x.reset(x.buf) {
		x.buf = nil
		m.memories.Put(x)
	}
}

// Allocate implements [experimental.MemoryAllocator].
func (x *memory) Allocate(_, _ uint64) experimental.LinearMemory { return x }

// Reallocate implements [experimental.LinearMemory].
func (x *memory) Reallocate(size uint64) []byte {
	b := x.region.take(x.buf, size)
	if b != nil {
		x.buf = b
	}
	return b
}

// Free implements [experimental.LinearMemory]; the memory stays for the next call.
func (x *memory) Free() {}
