package executor

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// memory is linear memory that is used again from call to call: zeroed, it is as good as
// new, without the cost of allocating and collecting some megabytes each time.
type memory struct{ buf []byte }

// maxKept is the largest memory that is kept for later calls.
const maxKept = 64 << 20

func (m *Module) memory() *memory {
	if kept, ok := m.memories.Get().(*memory); ok {
		return kept
	}
	return &memory{}
}

func (m *Module) release(x *memory) {
	if cap(x.buf) <= maxKept {
		clear(x.buf)
		m.memories.Put(x)
	}
}

func (x *memory) context(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, x)
}

// Allocate implements [experimental.MemoryAllocator].
func (x *memory) Allocate(capacity, _ uint64) experimental.LinearMemory {
	if uint64(cap(x.buf)) < capacity {
		x.buf = make([]byte, 0, capacity)
	}
	return x
}

// Reallocate implements [experimental.LinearMemory].
func (x *memory) Reallocate(size uint64) []byte {
	if size > uint64(cap(x.buf)) {
		// Twice as much at a time: the allocator grows in small steps at first.
		larger := make([]byte, size, max(size, 2*uint64(cap(x.buf))))
		copy(larger, x.buf)
		x.buf = larger
		return x.buf
	}
	x.buf = x.buf[:size]
	return x.buf
}

// Free implements [experimental.LinearMemory]; the memory stays for the next call.
func (x *memory) Free() {}
