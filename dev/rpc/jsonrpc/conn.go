package jsonrpc

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Conn is a client's connection: a WebSocket, or one HTTP request, which has no
// subscriptions.
type Conn struct {
	server *Server
	ctx    context.Context
	cancel context.CancelFunc
	ws     *websocket.Conn // nil for HTTP
	unsafe bool
	out    *queue
	work   *gate
	rate   rate
	tasks  sync.WaitGroup

	mu     sync.Mutex
	subs   map[string]*Subscription
	locals map[any]any
}

// Unsafe tells whether the client may call unsafe methods.
func (c *Conn) Unsafe() bool { return c.unsafe }

// Context ends with the connection.
func (c *Conn) Context() context.Context { return c.ctx }

// CanSubscribe tells whether the connection outlives the call.
func (c *Conn) CanSubscribe() bool { return c.ws != nil }

// Local is a value that belongs to the connection; it is made the first time.
func (c *Conn) Local(key any, create func() any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.locals[key]
	if !ok {
		v = create()
		if c.locals == nil {
			c.locals = map[any]any{}
		}
		c.locals[key] = v
	}
	return v
}

// Subscription is a running subscription of the connection; nil if there is none.
func (c *Conn) Subscription(id string) *Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[id]
}

// Go runs a task that belongs to the connection: it must end when its context does.
func (c *Conn) Go(f func(ctx context.Context)) {
	c.tasks.Go(func() { f(c.ctx) })
}

// Subscription sends items to a client.
type Subscription struct {
	ID   string // 16 random letters and digits
	conn *Conn
	kind string // its unsubscribe method
	evt  string
	ctx  context.Context
	stop context.CancelFunc
	Data any // what the subscriber keeps with it; set before it is accepted
}

// Send sends an item. It waits while the connection's queue is full, and fails when the
// subscription or the connection has ended.
func (s *Subscription) Send(item any) error {
	message, err := notification(s.evt, s.ID, item)
	if err != nil {
		return fmt.Errorf("encode an item of %s: %w", s.evt, err)
	}
	return s.conn.out.push(s.ctx, message)
}

// Context ends when the client unsubscribes or goes.
func (s *Subscription) Context() context.Context { return s.ctx }

// newID draws 16 letters and digits.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 0, 16)
	var random [32]byte
	for {
		rand.Read(random[:])
		for _, r := range random {
			if r < 248 { // 4 times the letters: none is likelier
				id = append(id, letters[r%62])
			}
			if len(id) == 16 {
				return string(id)
			}
		}
	}
}

// subscribe takes a place for a subscription and returns what begins it.
func (c *Conn) subscribe(ctx context.Context, call *Call, m *method) (any, error) {
	if !c.CanSubscribe() {
		return nil, &Error{CodeInternal, "Internal error", "subscriptions need a WebSocket connection"}
	}
	s := &Subscription{ID: newID(), conn: c, kind: m.unsubscribe, evt: m.event}
	s.ctx, s.stop = context.WithCancel(c.ctx)
	c.mu.Lock()
	full := len(c.subs) >= c.server.o.MaxSubscriptions
	if !full {
		c.subs[s.ID] = s
	}
	c.mu.Unlock()
	if full {
		s.stop()
		return nil, exceeds(CodeSubscriptions, "Too many subscriptions on the connection", c.server.o.MaxSubscriptions)
	}
	run, err := m.subscribe(ctx, call, s)
	if err != nil {
		c.drop(s)
		return nil, err
	}
	call.After(func() {
		c.Go(func(context.Context) {
			defer c.drop(s)
			run(s.ctx)
		})
	})
	return s.ID, nil
}

func (c *Conn) drop(s *Subscription) {
	s.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, s.ID)
}

func (c *Conn) unsubscribe(kind, id string) bool {
	s := c.Subscription(id)
	if s == nil || s.kind != kind {
		return false
	}
	c.drop(s)
	return true
}

// errEndless ends a connection on which a message comes that is many times too big.
var errEndless = errors.New("message without end")

// serve reads messages until the connection ends.
func (c *Conn) serve() error {
	c.tasks.Go(c.write)
	c.tasks.Go(c.ping)
	defer func() {
		c.cancel()
		c.out.close()
		c.tasks.Wait()
	}()
	for {
		message, err := c.read()
		var tooBig *Error
		if errors.As(err, &tooBig) {
			if err := c.out.push(c.ctx, failure(null, tooBig)); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if !c.work.enter(c.ctx, len(message)) {
			return c.ctx.Err()
		}
		c.tasks.Go(func() {
			defer c.work.leave(len(message))
			answer, after := c.handle(c.ctx, message)
			if answer != nil && c.out.push(c.ctx, answer) != nil {
				return
			}
			for _, f := range after {
				f()
			}
		})
	}
}

// read reads a message. One beyond the limit is read over and gives an *Error, one beyond
// several times the limit ends the connection.
func (c *Conn) read() ([]byte, error) {
	_, r, err := c.ws.Reader(c.ctx)
	if err != nil {
		return nil, err
	}
	limit := c.server.o.MaxRequest
	message, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(message) <= limit {
		return message, nil
	}
	message = nil
	if n, err := io.Copy(io.Discard, io.LimitReader(r, 4*int64(limit))); err != nil {
		return nil, err
	} else if n == 4*int64(limit) {
		return nil, errEndless
	}
	return nil, exceeds(CodeRequestTooBig, "Request is too big", limit)
}

// write writes what stands in the queue. Who does not read for a time is closed.
func (c *Conn) write() {
	defer c.cancel()
	for {
		message, ok := c.out.pop()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.server.o.Silence)
		err := c.ws.Write(ctx, websocket.MessageText, message)
		cancel()
		if err != nil {
			return
		}
	}
}

// ping asks for a sign of life now and then.
func (c *Conn) ping() {
	defer c.cancel()
	tick := time.NewTicker(c.server.o.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.server.o.Silence)
		err := c.ws.Ping(ctx)
		cancel()
		if err != nil {
			return
		}
	}
}

// handle answers a message: nil if there is nothing to answer. The functions run once the
// answer stands in the queue.
func (c *Conn) handle(ctx context.Context, message []byte) (answer []byte, after []func()) {
	if isBatch(message) {
		return c.batch(ctx, message)
	}
	req, e := parseRequest(message)
	if e != nil {
		return failure(req.id, e), nil
	}
	return c.call(ctx, req)
}

// batch answers a list of requests, one after the other.
func (c *Conn) batch(ctx context.Context, message []byte) (answer []byte, after []func()) {
	o := &c.server.o
	if o.MaxBatch < 0 {
		return failure(null, errNoBatches), nil
	}
	items, e := splitBatch(message, o.MaxBatch)
	if e != nil {
		return failure(null, e), nil
	}
	answer = []byte{'['}
	for raw := range items {
		if ctx.Err() != nil {
			return nil, after
		}
		req, e := parseRequest(raw)
		var one []byte
		if e != nil {
			one = failure(req.id, e)
		} else {
			var then []func()
			one, then = c.call(ctx, req)
			after = append(after, then...)
		}
		if one == nil {
			continue
		}
		if len(answer)+len(one)+1 > o.MaxResponse {
			return failure(null, exceeds(CodeBatchResultTooBig, "The batch response was too large", o.MaxResponse)), after
		}
		if len(answer) > 1 {
			answer = append(answer, ',')
		}
		answer = append(answer, one...)
	}
	if len(answer) == 1 {
		return nil, after
	}
	return append(answer, ']'), after
}

// call answers one request.
func (c *Conn) call(ctx context.Context, req request) (answer []byte, after []func()) {
	if req.id == nil {
		return nil, nil // nobody listens to what a notification brings about
	}
	result, after, err := c.invoke(ctx, req)
	if err == nil {
		answer, e := response(req.id, result, c.server.o.MaxResponse)
		if e == nil {
			return answer, after
		}
		return failure(req.id, e), after
	}
	return failure(req.id, asError(err)), after
}

func (c *Conn) invoke(ctx context.Context, req request) (result any, after []func(), err error) {
	m := c.server.methods.byName[req.method]
	switch {
	case !c.rate.take(c.server.o.RateLimit, time.Now()):
		return nil, nil, errRateLimit
	case m == nil:
		return nil, nil, &Error{Code: CodeMethodNotFound, Message: "Method not found"}
	case m.unsafe && !c.unsafe:
		return nil, nil, errUnsafe
	}
	begin := time.Now()
	call := &Call{Params: parseParams(req.params), Conn: c, Method: req.method}
	defer func() {
		if r := recover(); r != nil {
			err = Internal(fmt.Sprintf("%s: %v", req.method, r))
			c.server.o.Log.Error("a JSON-RPC method panicked", "method", req.method, "panic", r)
		}
		c.server.observe(c, req.method, time.Since(begin), err)
	}()
	if m.subscribe != nil {
		result, err = c.subscribe(ctx, call, m)
	} else {
		result, err = m.handle(ctx, call)
	}
	return result, call.after, err
}

// rate counts the calls of a minute.
type rate struct {
	mu    sync.Mutex
	until time.Time
	left  int
}

// take uses one call of so many a minute; a limit of 0 is none.
func (r *rate) take(limit int, now time.Time) bool {
	if limit <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.After(r.until) {
		r.until, r.left = now.Add(time.Minute), limit
	}
	r.left--
	return r.left >= 0
}

// splitBatch lists the items of a batch without holding them all.
func splitBatch(message []byte, max int) (func(yield func(json.RawMessage) bool), *Error) {
	if !json.Valid(message) {
		return nil, errParse
	}
	n := 0
	for range items(message) {
		if n++; max > 0 && n > max {
			return nil, exceeds(CodeBatchTooBig, "The batch request was too large", max)
		}
	}
	if n == 0 {
		return nil, errInvalidRequest
	}
	return items(message), nil
}

// items yields the items of a valid JSON list.
func items(list []byte) func(yield func(json.RawMessage) bool) {
	return func(yield func(json.RawMessage) bool) {
		depth, quoted, begin := 0, false, -1
		for i := 0; i < len(list); i++ {
			b := list[i]
			switch {
			case quoted:
				if b == '\\' {
					i++
				} else if b == '"' {
					quoted = false
				}
				continue
			case b == ' ' || b == '\n' || b == '\t' || b == '\r':
				continue
			case b == '[' || b == '{':
				depth++
				if depth == 1 {
					continue
				}
			case b == ']' || b == '}':
				depth--
			case b == '"':
				quoted = true
			}
			if depth == 0 || depth == 1 && b == ',' {
				if begin >= 0 && !yield(list[begin:i]) {
					return
				}
				begin = -1
				continue
			}
			if begin < 0 {
				begin = i
			}
		}
	}
}
