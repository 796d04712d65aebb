package jsonrpc

import (
	"context"
	"errors"
	"sync"
)

// errClosed says that a connection is no longer there.
var errClosed = errors.New("the connection is closed")

// queue holds the messages that wait for being written. Who adds waits for room.
type queue struct {
	mu               sync.Mutex
	cond             *sync.Cond
	list             [][]byte
	bytes            int
	maxLen, maxBytes int
	closed           bool
}

func newQueue(maxLen, maxBytes int) *queue {
	q := &queue{maxLen: maxLen, maxBytes: maxBytes}
	q.cond = sync.NewCond(&q.mu)
	return q
}

// full tells whether there is no room for n more bytes; an empty queue takes anything.
func (q *queue) full(n int) bool {
	return len(q.list) > 0 && (len(q.list) >= q.maxLen || q.bytes+n > q.maxBytes)
}

// push adds a message, once there is room.
func (q *queue) push(ctx context.Context, message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full(len(message)) {
		stop := context.AfterFunc(ctx, q.wake)
		defer stop()
		for q.full(len(message)) && !q.closed && ctx.Err() == nil {
			q.cond.Wait()
		}
	}
	if q.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	q.list = append(q.list, message)
	q.bytes += len(message)
	q.cond.Broadcast()
	return nil
}

// pop takes the oldest message, once there is one; false when the queue is closed.
func (q *queue) pop() ([]byte, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.cond.Wait()
	}
	if q.closed {
		return nil, false
	}
	message := q.list[0]
	q.list[0] = nil
	q.list = q.list[1:]
	q.bytes -= len(message)
	q.cond.Broadcast()
	return message, true
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cond.Broadcast()
}

// close wakes all who wait; what is left is not written.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.list = true, nil
	q.cond.Broadcast()
}

// gate bounds what is at work at once, in number and bytes.
type gate struct {
	mu               sync.Mutex
	cond             *sync.Cond
	n, bytes         int
	maxLen, maxBytes int
}

func newGate(maxLen, maxBytes int) *gate {
	g := &gate{maxLen: maxLen, maxBytes: maxBytes}
	g.cond = sync.NewCond(&g.mu)
	return g
}

// enter waits for room; false if the context ends before.
func (g *gate) enter(ctx context.Context, bytes int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	full := func() bool { return g.n > 0 && (g.n >= g.maxLen || g.bytes+bytes > g.maxBytes) }
	if full() {
		stop := context.AfterFunc(ctx, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.cond.Broadcast()
		})
		defer stop()
		for full() && ctx.Err() == nil {
			g.cond.Wait()
		}
	}
	if ctx.Err() != nil {
		return false
	}
	g.n++
	g.bytes += bytes
	return true
}

func (g *gate) leave(bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	g.bytes -= bytes
	g.cond.Broadcast()
}
