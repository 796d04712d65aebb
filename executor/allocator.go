package executor

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/tetratelabs/wazero/api"
)

// The host's allocator: blocks of powers of two with an 8-byte header in front, one free
// list per size, a bump pointer behind (sc-allocator FreeingBumpHeapAllocator).
const (
	headerSize  = 8
	minBlock    = 8
	orders      = 23
	maxBlock    = minBlock << (orders - 1) // 32 MiB
	pageSize    = 65536
	occupiedBit = 1 << 32
	noLink      = 0xFFFFFFFF
)

// Errors of the allocator, in the words of sc-allocator.
var (
	errPoisoned   = errors.New("Allocator poisoned")
	errTooLarge   = errors.New("Requested allocation size is too large")
	errNoSpace    = errors.New("out of memory: Allocator ran out of space")
	errBadHeader  = errors.New("Invalid header pointer detected")
	errOccupied   = errors.New("free list points to a occupied header")
	errEmpty      = errors.New("the allocation points to an empty header")
	errOrder      = errors.New("invalid order")
	errBadPointer = errors.New("Invalid pointer for deallocation")
	errShrinking  = errors.New("Shrinking memory is not allowed")
	errUnderflow  = errors.New("underflow of the currently allocated bytes count")
)

// linear is a Wasm memory.
type linear interface {
	Size() uint32 // bytes
	Grow(pages uint32) (uint32, bool)
	Read(offset, count uint32) ([]byte, bool) // a view
}

// heap is the state that an allocator shares with the code, in its globals.
type heap struct {
	bumper api.MutableGlobal // i64: where memory begins that was never given out
	live   api.MutableGlobal // i64: bytes given out, with their headers
	heads  [codeOrders]api.MutableGlobal
}

type allocator struct {
	heap
	larger   [orders - codeOrders]uint32 // heads of the lists that the code does not know
	poisoned bool
	seen     uint32 // memory size
	max      uint32 // pages
}

// newAllocator begins with an empty heap, whatever was in the globals before.
func newAllocator(h heap, heapBase, maxPages uint32) *allocator {
	a := &allocator{heap: h, max: maxPages}
	a.bumper.Set((uint64(heapBase) + 7) &^ 7)
	a.live.Set(0)
	for order := range orders {
		a.setHead(order, noLink)
	}
	return a
}

func (a *allocator) head(order int) uint32 {
	if order < codeOrders {
		return api.DecodeU32(a.heads[order].Get())
	}
	return a.larger[order-codeOrders]
}

func (a *allocator) setHead(order int, header uint32) {
	if order < codeOrders {
		a.heads[order].Set(api.EncodeU32(header))
	} else {
		a.larger[order-codeOrders] = header
	}
}

func (a *allocator) allocate(m linear, size uint32) (ptr uint32, err error) {
	if a.poisoned {
		return 0, errPoisoned
	}
	defer func() { a.poisoned = a.poisoned || err != nil }()
	if err := a.look(m); err != nil {
		return 0, err
	}
	if size > maxBlock {
		return 0, errTooLarge
	}
	order := bits.Len32(max(size, minBlock)-1) - 3
	block := uint64(minBlock) << order
	header := a.head(order)
	if header != noLink {
		if uint64(header)+block+headerSize > uint64(m.Size()) {
			return 0, errBadHeader
		}
		h := a.header(m, header)
		if h&occupiedBit != 0 {
			return 0, errOccupied
		}
		a.setHead(order, uint32(h))
	} else {
		if header, err = a.bump(m, block+headerSize); err != nil {
			return 0, err
		}
	}
	b, ok := m.Read(header, headerSize)
	if !ok {
		return 0, errBadHeader
	}
	binary.LittleEndian.PutUint64(b, occupiedBit|uint64(order))
	a.live.Set(a.live.Get() + block + headerSize)
	a.seen = m.Size()
	return header + headerSize, nil
}

func (a *allocator) bump(m linear, size uint64) (uint32, error) {
	at := a.bumper.Get()
	end := at + size
	if end > uint64(m.Size()) {
		required := (end + pageSize - 1) / pageSize
		current := uint64(m.Size()) / pageSize
		if current >= uint64(a.max) || required > uint64(a.max) {
			return 0, errNoSpace
		}
		target := max(min(2*current, uint64(a.max)), required)
		if _, ok := m.Grow(uint32(target - current)); !ok {
			return 0, errNoSpace
		}
	}
	a.bumper.Set(end)
	return uint32(at), nil
}

func (a *allocator) free(m linear, ptr uint32) (err error) {
	if a.poisoned {
		return errPoisoned
	}
	defer func() { a.poisoned = a.poisoned || err != nil }()
	if err := a.look(m); err != nil {
		return err
	}
	if ptr < headerSize {
		return errBadPointer
	}
	header := ptr - headerSize
	b, ok := m.Read(header, headerSize)
	if !ok {
		return errBadPointer
	}
	h := binary.LittleEndian.Uint64(b)
	order := int(uint32(h))
	switch {
	case h&occupiedBit == 0:
		return errEmpty
	case order >= orders:
		return errOrder
	}
	binary.LittleEndian.PutUint64(b, uint64(a.head(order)))
	a.setHead(order, header)
	size := uint64(minBlock)<<order + headerSize
	live := a.live.Get()
	if live < size {
		return errUnderflow
	}
	a.live.Set(live - size)
	return nil
}

// header reads a header; its top bits belong to the guest and are ignored.
func (a *allocator) header(m linear, at uint32) uint64 {
	b, ok := m.Read(at, headerSize)
	if !ok {
		return occupiedBit
	}
	return binary.LittleEndian.Uint64(b) & (occupiedBit<<1 - 1)
}

func (a *allocator) look(m linear) error {
	if size := m.Size(); size < a.seen {
		return errShrinking
	} else {
		a.seen = size
	}
	return nil
}
