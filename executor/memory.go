package executor

import "github.com/tetratelabs/wazero/experimental"

// memory is linear memory that is used again from call to call: put back to its image, it
// is as good as new. It implements [experimental.MemoryAllocator] and
// [experimental.LinearMemory].
type memory struct {
	region // where its bytes come from
	buf    []byte
	// blocksFrom and blocksTo bound the blocks that the host's allocator gave out.
	blocksFrom, blocksTo uint64
}

// newMemory returns memory that holds the image of the code's data.
func (c *machineCode) newMemory() *memory {
	if kept, ok := c.memories.Get().(*memory); ok {
		return kept
	}
	return &memory{region: region{image: c.image}}
}

// release keeps memory for another instance.
func (c *machineCode) release(x *memory) {
	if x.restart() {
		x.buf = nil
		c.memories.Put(x)
	}
}

// restart puts the memory of a living instance back to its image; its size stays.
func (x *memory) restart() bool {
	from, to := x.blocksFrom, x.blocksTo
	x.blocksFrom, x.blocksTo = 0, 0
	return x.reset(x.buf, from, to)
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

// shrink makes the memory smaller, once it was put back.
func (x *memory) shrink(size uint64) []byte {
	x.buf = x.buf[:min(size, uint64(len(x.buf)))]
	return x.buf
}

// Free implements [experimental.LinearMemory]; the memory stays for the next call.
func (x *memory) Free() {}
