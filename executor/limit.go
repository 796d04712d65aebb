package executor

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// Limits on what a module may ask for before it runs.
const (
	// maxInitialPages of memory: 512 MiB. Runtimes in use begin with up to 2 MiB, those
	// written in Go with 65.
	maxInitialPages = 8192
	// maxTable is how many elements a table may begin with. Runtimes have some thousand.
	maxTable = 1 << 20
)

// capped is a memory that does not grow beyond a limit, whoever asks: the host's
// allocator, or the runtime by memory.grow, which then sees -1.
type capped struct {
	memory  *memory
	max     uint64  // bytes
	shrinks *uint64 // to that many bytes, at the next growth; nil: it grows
}

func (c *capped) context(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, c)
}

// Allocate implements [experimental.MemoryAllocator].
func (c *capped) Allocate(capacity, max uint64) experimental.LinearMemory {
	c.memory.Allocate(capacity, max)
	return c
}

// Reallocate implements [experimental.LinearMemory].
func (c *capped) Reallocate(size uint64) []byte {
	if c.shrinks != nil {
		return c.memory.shrink(*c.shrinks)
	}
	if size > c.max {
		return nil
	}
	return c.memory.Reallocate(size)
}

// Free implements [experimental.LinearMemory].
func (c *capped) Free() { c.memory.Free() }
