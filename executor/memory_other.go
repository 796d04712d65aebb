//go:build !linux

package executor

// image is what the memory of a code begins with.
type image struct{ bytes []byte }

func newImage(b []byte) *image { return &image{b} }

// region is memory of Go's heap.
type region struct {
	image *image
	heap  heapRegion
}

func (r *region) take(old []byte, size uint64) []byte { return r.heap.take(r.image.bytes, old, size) }

func (r *region) reset(used []byte, _, _ uint64) bool { return r.heap.reset(r.image.bytes, used) }
