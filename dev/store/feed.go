package store

import (
	"errors"
	"slices"
	"sync"
)

// Why a reader's stream ended.
var (
	ErrSlow   = errors.New("the reader did not keep up")
	ErrClosed = errors.New("the source has ended")
)

// Feed gives a stream of values to any number of readers and waits for none of them. The
// zero Feed is ready.
type Feed[T any] struct {
	mu      sync.Mutex
	readers []*Reader[T]
	closed  bool
}

// Reader is one reader's stream of a [Feed].
type Reader[T any] struct {
	feed   *Feed[T]
	values chan T
	err    error // under the feed's lock
}

// Subscribe begins a stream that may be up to buffer values behind. It must be closed.
func (f *Feed[T]) Subscribe(buffer int) *Reader[T] {
	r := &Reader[T]{feed: f, values: make(chan T, max(1, buffer))}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		r.end(ErrClosed)
		return r
	}
	f.readers = append(f.readers, r)
	return r
}

// Tell gives a value to all readers. One whose buffer is full is ended.
func (f *Feed[T]) Tell(v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = slices.DeleteFunc(f.readers, func(r *Reader[T]) bool {
		select {
		case r.values <- v:
			return false
		default:
			r.end(ErrSlow)
			return true
		}
	})
}

// Readers is how many readers there are.
func (f *Feed[T]) Readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers)
}

// End ends all streams there are with an error; others may begin.
func (f *Feed[T]) End(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		r.end(err)
	}
	f.readers = nil
}

// Close ends all streams with [ErrClosed].
func (f *Feed[T]) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, r := range f.readers {
		r.end(ErrClosed)
	}
	f.readers = nil
}

// Events are the values in order. The channel is closed when the stream ends, behind what
// was told before that; then [Reader.Err] says why.
func (r *Reader[T]) Events() <-chan T { return r.values }

// Err is why the stream ended: [ErrSlow], [ErrClosed], or nil where its reader closed it.
func (r *Reader[T]) Err() error {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	return r.err
}

// Close ends the stream.
func (r *Reader[T]) Close() {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if i := slices.Index(r.feed.readers, r); i >= 0 {
		r.feed.readers = slices.Delete(r.feed.readers, i, i+1)
		r.end(nil)
	}
}

func (r *Reader[T]) end(err error) {
	r.err = err
	close(r.values)
}
