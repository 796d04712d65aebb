package executor

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"
)

// cell is a global without an instance.
type cell struct {
	api.MutableGlobal
	v uint64
}

func (c *cell) Get() uint64  { return c.v }
func (c *cell) Set(v uint64) { c.v = v }

func newHeap() heap {
	h := heap{bumper: &cell{}, live: &cell{}}
	for order := range h.heads {
		h.heads[order] = &cell{}
	}
	return h
}

func TestAllocator(t *testing.T) {
	tests := []struct {
		name string
		base uint32
		max  uint32
		run  func(a *allocator, m *slab) (any, error)
		want any
		err  error
	}{
		{"first block stands behind its header, aligned", 13, 4, func(a *allocator, m *slab) (any, error) { return a.allocate(m, 1) }, uint32(24), nil},
		{"no bytes take a block of eight", 8, 4, func(a *allocator, m *slab) (any, error) {
			_, err := a.allocate(m, 0)
			return a.bumper.Get(), err
		}, uint64(24), nil},
		{"sizes are powers of two", 8, 4, func(a *allocator, m *slab) (any, error) {
			_, err := a.allocate(m, 9)
			return a.bumper.Get(), err
		}, uint64(8 + 8 + 16), nil},
		{"a freed block is the next of its size, last first", 8, 4, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 16)
			y, _ := a.allocate(m, 16)
			_, _ = a.free(m, x), a.free(m, y)
			first, _ := a.allocate(m, 10)
			second, err := a.allocate(m, 16)
			return first == y && second == x, err
		}, true, nil},
		{"not of another size", 8, 4, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 16)
			_ = a.free(m, x)
			y, err := a.allocate(m, 8)
			return y == x, err
		}, false, nil},
		{"memory doubles", 8, 64, func(a *allocator, m *slab) (any, error) {
			_, err := a.allocate(m, pageSize)
			return m.Size() / pageSize, err
		}, uint32(2), nil},
		{"or takes what is needed", 8, 64, func(a *allocator, m *slab) (any, error) {
			_, err := a.allocate(m, 8*pageSize)
			return m.Size() / pageSize, err
		}, uint32(9), nil},
		{"never above the maximum", 8, 3, func(a *allocator, m *slab) (any, error) {
			_, err := a.allocate(m, 2*pageSize-8)
			return m.Size() / pageSize, err
		}, uint32(3), nil},
		{"too large", 8, 65536, func(a *allocator, m *slab) (any, error) { return a.allocate(m, maxBlock+1) }, uint32(0), errTooLarge},
		{"no space", 8, 3, func(a *allocator, m *slab) (any, error) { return a.allocate(m, 4*pageSize) }, uint32(0), errNoSpace},
		{"an error poisons", 8, 3, func(a *allocator, m *slab) (any, error) {
			_, _ = a.allocate(m, 4*pageSize)
			return a.allocate(m, 1)
		}, uint32(0), errPoisoned},
		{"and poisons free", 8, 3, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 1)
			_ = a.free(m, 3)
			return nil, a.free(m, x)
		}, nil, errPoisoned},
		{"free of nothing", 8, 3, func(a *allocator, m *slab) (any, error) { return nil, a.free(m, 7) }, nil, errBadPointer},
		{"free behind the end", 8, 3, func(a *allocator, m *slab) (any, error) { return nil, a.free(m, 1<<31) }, nil, errBadPointer},
		{"free twice", 8, 3, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 1)
			_ = a.free(m, x)
			return nil, a.free(m, x)
		}, nil, errEmpty},
		{"free of another order", 8, 3, func(a *allocator, m *slab) (any, error) {
			binary.LittleEndian.PutUint64(m.b[64:], occupiedBit|orders)
			return nil, a.free(m, 72)
		}, nil, errOrder},
		{"free of more than lives", 8, 3, func(a *allocator, m *slab) (any, error) {
			binary.LittleEndian.PutUint64(m.b[64:], occupiedBit|1)
			return nil, a.free(m, 72)
		}, nil, errUnderflow},
		{"a list that leads to an occupied block", 8, 3, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 1)
			_ = a.free(m, x)
			m.b[x-4] = 1
			return a.allocate(m, 1)
		}, uint32(0), errOccupied},
		{"a list that leads out of memory", 8, 3, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 1)
			_ = a.free(m, x)
			a.setHead(0, 1<<30)
			return a.allocate(m, 1)
		}, uint32(0), errBadHeader},
		{"memory that shrinks", 8, 3, func(a *allocator, m *slab) (any, error) {
			_, _ = a.allocate(m, 1)
			m.b = m.b[:pageSize/2]
			return a.allocate(m, 1)
		}, uint32(0), errShrinking},
		// The guest keeps an offset in the last two bytes of a header.
		{"what the guest writes into a header is ignored", 8, 3, func(a *allocator, m *slab) (any, error) {
			x, _ := a.allocate(m, 1)
			y, _ := a.allocate(m, 1)
			m.b[x-1], m.b[x-2], m.b[y-1] = 0xff, 0xee, 0xdd
			if err := errors.Join(a.free(m, x), a.free(m, y)); err != nil {
				return nil, err
			}
			again, err := a.allocate(m, 1)
			return [2]byte(m.b[again-2 : again]), err
		}, [2]byte{}, nil},
	}
	for _, c := range tests {
		m := &slab{b: make([]byte, pageSize), max: 65536}
		got, err := c.run(newAllocator(newHeap(), c.base, c.max), m)
		if !errors.Is(err, c.err) || got != c.want {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// Blocks that live never overlap, and keep what was written into them.
func TestAllocatorBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &slab{b: make([]byte, pageSize), max: 256}
		a := newAllocator(newHeap(), rapid.Uint32Range(0, pageSize).Draw(t, "base"), 256)
		type block struct{ ptr, size uint32 }
		var live []block
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(live) > 0 && rapid.Bool().Draw(t, "free") {
				i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
				b := live[i]
				for k := range b.size {
					if m.b[b.ptr+k] != byte(b.ptr>>3) {
						t.Fatalf("the block at %d was overwritten", b.ptr)
					}
				}
				if err := a.free(m, b.ptr); err != nil {
					t.Fatal(err)
				}
				live = append(live[:i], live[i+1:]...)
				continue
			}
			size := rapid.Uint32Range(0, 5000).Draw(t, "size")
			ptr, err := a.allocate(m, size)
			if err != nil || ptr%8 != 0 || uint64(ptr)+uint64(size) > uint64(len(m.b)) {
				t.Fatalf("%d bytes: %d, %v", size, ptr, err)
			}
			for k := range size {
				m.b[ptr+k] = byte(ptr >> 3)
			}
			live = append(live, block{ptr, size})
		}
	})
}
