package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Limits and patience of a [client].
const (
	maxAnswer      = 32 << 20 // bytes of one answer; nodes send at most 15 MiB by default
	defaultTimeout = 20 * time.Second
	attempts       = 4
	// deadFor is how long a node that did not answer is not asked again.
	deadFor = 30 * time.Second
)

// firstPause is that before the second attempt; each further one is twice as long.
var firstPause = 250 * time.Millisecond

// Codes with which a server says that a later attempt may succeed (sc-rpc-server 33).
const (
	codeBusy        = -32009
	codeRateLimited = -32999
)

// Codes of answers that are too large, of a single call and of a batch (jsonrpsee).
const (
	codeResponseTooBig = -32008
	codeNoMethod       = -32601
)

// client calls the methods of a JSON-RPC 2.0 server, over one WebSocket connection that
// is opened anew when it breaks, or by HTTP POST. It is safe for concurrent use.
type client struct {
	url     string
	timeout time.Duration // of one attempt
	pause   time.Duration // before the second attempt
	asked   func(answer int)

	next atomic.Uint64 // id of the next request

	mu   sync.Mutex
	conn *connection
	died time.Time // when it last did not answer
	why  error
}

// ServerError is an error that the node answered with.
type ServerError struct {
	Code    int
	Message string
	Data    string
}

// Error is the node's own words.
func (e *ServerError) Error() string {
	s := e.Message
	if e.Data != "" && !strings.Contains(s, e.Data) {
		s += ": " + e.Data
	}
	return fmt.Sprintf("%s (code %d)", s, e.Code)
}

// transient marks what another attempt may mend.
type transient struct{ error }

func (t transient) Unwrap() error { return t.error }

// call asks for a result and tries again where that can help. The error names method and cause.
func (c *client) call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	if err := c.dead(); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if params == nil {
		params = []any{}
	}
	id := c.next.Add(1)
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	pause := c.pause
	for n := 1; ; n++ {
		result, err := c.attempt(ctx, id, request)
		if err == nil {
			return result, nil
		}
		var again transient
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.As(err, &again) {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		if n == attempts {
			c.die(again.error)
			return nil, fmt.Errorf("%s: %w (%d attempts)", method, again.error, attempts)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		pause *= 2
	}
}

// dead is why the node is not asked at present; nil if it is.
func (c *client) dead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != nil && time.Since(c.died) < deadFor {
		return c.why
	}
	return nil
}

func (c *client) die(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.died, c.why = time.Now(), why
}

func (c *client) attempt(ctx context.Context, id uint64, request []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, transient{fmt.Errorf("%w within %s", ErrUnreachable, c.timeout)})
	defer cancel()
	exchange := c.overSocket
	if strings.HasPrefix(c.url, "http") {
		exchange = c.overHTTP
	}
	raw, err := exchange(ctx, id, request)
	if err != nil {
		if late := context.Cause(ctx); ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, late
		}
		return nil, err
	}
	if c.asked != nil {
		c.asked(len(raw))
	}
	return parseAnswer(raw, id)
}

// parseAnswer reads a JSON-RPC answer to the request with that id.
func parseAnswer(raw []byte, id uint64) (json.RawMessage, error) {
	var answer struct {
		ID     *uint64         `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int             `json:"code"`
			Message string          `json:"message"`
			Data    json.RawMessage `json:"data"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	if e := answer.Error; e != nil {
		failed := &ServerError{Code: e.Code, Message: shorten(e.Message)}
		if json.Unmarshal(e.Data, &failed.Data) == nil {
			failed.Data = shorten(failed.Data)
		}
		switch {
		case e.Code == codeBusy || e.Code == codeRateLimited:
			return nil, transient{fmt.Errorf("%w: %w", ErrBusy, failed)}
		case e.Code == codeResponseTooBig:
			return nil, fmt.Errorf("%w: %w", ErrTooLarge, failed)
		case e.Code == codeNoMethod:
			return nil, fmt.Errorf("%w: %w", ErrNoMethod, failed)
		}
		return nil, failed
	}
	switch {
	case answer.ID == nil || *answer.ID != id:
		return nil, fmt.Errorf("%w: it is not that to request %d", ErrAnswer, id)
	case len(answer.Result) == 0:
		return nil, fmt.Errorf("%w: it has neither result nor error", ErrAnswer)
	}
	return answer.Result, nil
}

// shorten bounds a text from outside, and keeps it on one line.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// overHTTP posts the request.
func (c *client) overHTTP(ctx context.Context, _ uint64, request []byte) ([]byte, error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(post)
	if err != nil {
		return nil, transient{fmt.Errorf("%w: %w", ErrUnreachable, root(err))}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, transient{fmt.Errorf("%w: %w", ErrUnreachable, err)}
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("%w: more than %d MiB", ErrTooLarge, maxAnswer>>20)
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode >= 500:
		return nil, transient{fmt.Errorf("%w: HTTP status %s", ErrUnreachable, response.Status)}
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: HTTP status %s", ErrAnswer, response.Status)
	}
	return raw, nil
}

// connection is a WebSocket with the requests that wait for their answers.
type connection struct {
	socket *websocket.Conn
	gone   chan struct{} // closed when it is broken

	mu      sync.Mutex
	waiting map[uint64]chan []byte
	err     error // why it is broken
}

// overSocket sends the request and waits for the answer that has its id.
func (c *client) overSocket(ctx context.Context, id uint64, request []byte) ([]byte, error) {
	conn, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer := make(chan []byte, 1)
	conn.mu.Lock()
	conn.waiting[id] = answer
	conn.mu.Unlock()
	defer func() {
		conn.mu.Lock()
		delete(conn.waiting, id)
		conn.mu.Unlock()
	}()
	if err := conn.socket.Write(ctx, websocket.MessageText, request); err != nil {
		conn.close(err)
		return nil, transient{fmt.Errorf("%w: %w", ErrUnreachable, err)}
	}
	select {
	case raw := <-answer:
		return raw, nil
	case <-conn.gone:
		return nil, conn.broken()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// connected is the connection, opened if there is none or it is broken.
func (c *client) connected(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		select {
		case <-c.conn.gone:
		default:
			return c.conn, nil
		}
	}
	socket, response, err := websocket.Dial(ctx, c.url, nil)
	if err != nil {
		if response != nil {
			return nil, transient{fmt.Errorf("%w: HTTP status %s instead of a WebSocket", ErrUnreachable, response.Status)}
		}
		return nil, transient{fmt.Errorf("%w: %w", ErrUnreachable, root(err))}
	}
	socket.SetReadLimit(maxAnswer)
	c.conn = &connection{socket: socket, gone: make(chan struct{}), waiting: map[uint64]chan []byte{}}
	go c.conn.read()
	return c.conn, nil
}

// root is the innermost cause of an error.
func root(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// read hands out answers until the connection breaks.
func (conn *connection) read() {
	for {
		_, raw, err := conn.socket.Read(context.Background())
		if err != nil {
			conn.close(err)
			return
		}
		var head struct {
			ID *uint64 `json:"id"`
		}
		if json.Unmarshal(raw, &head) != nil {
			conn.close(fmt.Errorf("%w: it is not JSON", ErrAnswer))
			return
		}
		if head.ID == nil { // an error about a request that it could not read, or a notification
			continue
		}
		conn.mu.Lock()
		answer := conn.waiting[*head.ID]
		delete(conn.waiting, *head.ID)
		conn.mu.Unlock()
		if answer != nil {
			answer <- raw
		}
	}
}

func (conn *connection) close(err error) {
	conn.mu.Lock()
	if conn.err == nil {
		conn.err = err
		close(conn.gone)
	}
	conn.mu.Unlock()
	conn.socket.CloseNow()
}

// broken is the error of those that waited when the connection broke.
func (conn *connection) broken() error {
	conn.mu.Lock()
	defer conn.mu.Unlock()
	switch {
	case errors.Is(conn.err, ErrAnswer):
		return conn.err
	case errors.Is(conn.err, websocket.ErrMessageTooBig):
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, maxAnswer>>20)
	}
	return transient{fmt.Errorf("%w: the connection broke: %w", ErrUnreachable, conn.err)}
}

// close ends the connection.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.close(errors.New("closed"))
		c.conn = nil
	}
}
