package executor

// heapRegion is memory of Go's heap, which is zeroed whole.
type heapRegion struct{ b []byte }

// maxKept is the largest memory of this kind that is kept for later calls.
const maxKept = 128 << 20

// take returns size zeroed bytes that begin with those of old.
func (r *heapRegion) take(old []byte, size uint64) []byte {
	if size > uint64(cap(r.b)) {
		// Twice as much at a time: the allocator grows in small steps at first.
		larger := make([]byte, size, max(size, 2*uint64(cap(r.b))))
		copy(larger, old)
		r.b = larger
	}
	return r.b[:size]
}

// reset zeroes what was used; it tells whether the region can be used again.
func (r *heapRegion) reset(used []byte) bool {
	if cap(r.b) > maxKept {
		return false
	}
	clear(used)
	return true
}
