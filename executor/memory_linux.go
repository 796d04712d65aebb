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
// are mapped to: a page is copied when it is first written, and a page that was written is
// put back by giving it away.
type image struct {
	bytes []byte
	fd    int // -1: the system has no such files
	size  int // of the file, whole pages
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
	i.fd, i.bytes = fd, nil
	runtime.AddCleanup(i, func(fd int) { unix.Close(fd) }, fd)
	return i
}

// maxCleared is how much of the host's blocks is put back by writing zeros, in bytes.
const maxCleared = 4 << 20

// region is mapped memory. A runtime touches few of its pages: a Go runtime begins with 65
// MiB, its heap and the host's blocks far apart. Giving the touched pages back costs less
// than writing all; but where the host's blocks were every page was touched, and will be
// again: writing it costs less than a fault.
type region struct {
	image  *image
	heap   heapRegion // in the place of a mapping that the system refuses
	mapped []byte
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
	r.mapped = b
	runtime.AddCleanup(r, func(b []byte) { _ = unix.MunmapPtr(unsafe.Pointer(&b[0]), uintptr(len(b))) }, b)
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
		return giveBack(used)
	}
	clear(used[from:to])
	return giveBack(used[:from]) && giveBack(used[to:])
}

// giveBack makes whole pages what they were mapped to.
func giveBack(b []byte) bool {
	return len(b) == 0 || unix.Madvise(b, unix.MADV_DONTNEED) == nil
}
