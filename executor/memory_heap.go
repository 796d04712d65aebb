package executor

// heapRegion is memory of Go's heap, which is written whole.
type heapRegion struct{ b []byte }

// maxKept is the largest memory of this kind that is kept for later calls.
const maxKept = 128 << 20

// take returns size bytes that begin with those of old, at first with the image.
func (r *heapRegion) take(image, old []byte, size uint64) []byte {
	fresh := r.b == nil
	if size > uint64(cap(r.b)) {
		// Twice as much at a time: the allocator grows in small steps at first.
		larger := make([]byte, size, max(size, 2*uint64(cap(r.b))))
		copy(larger, old)
		r.b = larger
	}
	if fresh {
		copy(r.b[:size], image)
	}
	return r.b[:size]
}

// reset puts what was used back to its beginning; it tells whether the region can be used again.
func (r *heapRegion) reset(image, used []byte) bool {
	if cap(r.b) > maxKept {
		return false
	}
	clear(used)
	copy(used, image)
	return true
}
