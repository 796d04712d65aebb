package executor

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserved is how much address space a region takes, in bytes: more than nearly every
// memory ever needs, so that growing it moves nothing. Pages that are not touched cost
// nothing.
const reserved = 384 << 20

// image is what the memory of a code begins with, as a file without a name that memories
// are mapped to: a page is copied when it is first written.
type image struct {
	bytes []byte // of the file, if there is one
	fd    int    // -1: the system has no such files
	size  int    // of the file, whole pages
}

func newImage(b []byte) *image {
	i := &image{bytes: b, fd: -1}
	if len(b) == 0 {
		return i
	}
	page := unix.Getpagesize()
	i.size = (len(b) + page - 1) / page * page
	fd, err := unix.MemfdCreate("pileus", unix.MFD_CLOEXEC)
	if err != nil {
		return i
	}
	for off := 0; off < len(b); {
		n, err := unix.Pwrite(fd, b[off:], int64(off))
		if err != nil || n == 0 {
			unix.Close(fd)
			return i
		}
		off += n
	}
	if unix.Ftruncate(fd, int64(i.size)) != nil {
		unix.Close(fd)
		return i
	}
	shared, err := unix.MmapPtr(fd, 0, nil, uintptr(i.size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return i
	}
	i.fd, i.bytes = fd, unsafe.Slice((*byte)(shared), i.size)
	runtime.AddCleanup(i, func(fd int) { unix.Close(fd) }, fd)
	runtime.AddCleanup(i, unmap, i.bytes)
	return i
}

func unmap(b []byte) { _ = unix.MunmapPtr(unsafe.Pointer(&b[0]), uintptr(len(b))) }

// What is put back by writing it, in bytes: of the host's blocks, and of the memory behind
// the image, where a runtime's heap grows.
const (
	maxCleared = 4 << 20
	maxHeap    = 256 << 10
)

// renewed is after how many calls all pages are given back: some were written by a call
// of which there are few.
const renewed = 64

// region is mapped memory. A runtime touches few of its pages: a Go runtime begins with 65
// MiB, its heap and the host's blocks far apart. Those that it wrote it will write again, so
// they are put back by writing them: that costs a tenth of giving them back and of the
// faults that follow. Those that it only read stay as they are. Where the system does not
// say which pages were written, all are given back. Where the host's blocks were, every
// page was touched.
type region struct {
	image  *image
	heap   heapRegion // in the place of a mapping that the system refuses
	mapped []byte
	dirty  []int // pages; kept for its room
	calls  int
}

func (r *region) take(old []byte, size uint64) []byte {
	if size <= uint64(len(r.mapped)) {
		return r.mapped[:size]
	}
	if r.image.fd < 0 && len(r.image.bytes) > 0 || r.heap.b != nil {
		return r.heap.take(r.image.bytes, old, size)
	}
	length := uintptr(max(size, reserved))
	p, err := unix.MmapPtr(-1, 0, nil, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	b := unsafe.Slice((*byte)(p), length)
	if n := uintptr(r.image.size); r.image.fd >= 0 && n <= length {
		if _, err := unix.MmapPtr(r.image.fd, 0, p, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED); err != nil {
			_ = unix.MunmapPtr(p, length)
			return nil
		}
	}
	if len(old) > 0 {
		copy(b, old)
	}
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) // few of the pages are touched; not every system knows it
	r.mapped = b
	runtime.AddCleanup(r, unmap, b)
	return b[:size]
}

// reset puts what was used back to its beginning; it tells whether the region can be used
// again. The host's blocks lay in that range of it.
func (r *region) reset(used []byte, blocksFrom, blocksTo uint64) bool {
	switch {
	case r.heap.b != nil:
		return r.heap.reset(r.image.bytes, used)
	case len(used) == 0:
		return true
	}
	page := uint64(unix.Getpagesize())
	up := func(n uint64) uint64 { return (n + page - 1) / page * page }
	from := up(max(blocksFrom, uint64(r.image.size)))
	to := min(up(blocksTo), from+maxCleared, uint64(len(used))/page*page)
	if from >= to {
		return r.restore(used)
	}
	clear(used[from:to])
	return r.restore(used[:from]) && giveBack(used[to:])
}

// restore puts the pages back that lie below the host's blocks.
func (r *region) restore(used []byte) bool {
	p := written()
	image := r.image.bytes
	if r.calls++; p == nil || len(used) < len(image) || r.calls%renewed == 0 {
		return giveBack(used)
	}
	known := used[:min(len(used), len(image)+maxHeap)]
	list, ok := p.of(known, r.dirty[:0])
	if r.dirty = list; !ok {
		return giveBack(used)
	}
	for _, i := range list {
		at := i * p.page
		if page := used[at : at+p.page]; at < len(image) {
			copy(page, image[at:])
		} else {
			clear(page)
		}
	}
	return giveBack(used[len(known):])
}

// giveBack makes whole pages what they were mapped to.
func giveBack(b []byte) bool {
	return len(b) == 0 || unix.Madvise(b, unix.MADV_DONTNEED) == nil
}
