package executor

import (
	"runtime"
	"syscall"
)

// reserved is how much address space a region takes, in bytes: more than nearly every
// memory ever needs, so that growing it moves nothing. Pages that are not touched cost
// nothing.
const reserved = 384 << 20

// region is mapped memory. A runtime touches few of its pages: a Go runtime begins with 65
// MiB, its heap and the host's blocks far apart. Giving the touched pages back costs less
// than zeroing all.
type region struct {
	heap   heapRegion // in the place of a mapping that the system refuses
	mapped []byte
}

func (r *region) take(old []byte, size uint64) []byte {
	if size <= uint64(len(r.mapped)) {
		return r.mapped[:size]
	}
	b, err := syscall.Mmap(-1, 0, int(max(size, reserved)), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return r.heap.take(old, size)
	}
	copy(b, old)
	r.mapped = b
	runtime.AddCleanup(r, func(b []byte) { _ = syscall.Munmap(b) }, b)
	return b[:size]
}

func (r *region) reset(used []byte) bool {
	if r.heap.b != nil {
		return false
	}
	if len(used) == 0 {
		return true
	}
	return syscall.Madvise(used, syscall.MADV_DONTNEED) == nil
}
