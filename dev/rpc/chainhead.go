package rpc

import (
	"context"
	"strconv"
	"time"

	"pileus/dev/rpc/jsonrpc"
)

// Errors of the group chainHead_v1.
var (
	errTooManyFollows = fail(-32800, "Maximum number of chainHead_follow has been reached", nil)
	errNotPinned      = fail(-32801, "Invalid block hash", nil)
	errNoRuntime      = fail(-32802, "The runtime updates flag must be set", nil)
	errContinue       = fail(-32803, "Wait for the operation: it is not waiting to continue", nil)
	errDuplicate      = fail(-32804, "Received duplicate hashes for the `chainHead_unpin` method", nil)
)

func itoa(n int) string { return strconv.Itoa(n) }

// started is the answer to a call that begins an operation.
type started struct {
	Result    string `json:"result"`
	ID        string `json:"operationId,omitempty"`
	Discarded *int   `json:"discardedItems,omitempty"`
}

var limitReached = started{Result: "limitReached"}

// Events of operations.
type (
	evOperation struct { // operationStorageDone, operationInaccessible
		Event string `json:"event"`
		ID    string `json:"operationId"`
	}
	evBody struct {
		Event string        `json:"event"`
		ID    string        `json:"operationId"`
		Value []jsonrpc.Hex `json:"value"`
	}
	evCall struct {
		Event  string      `json:"event"`
		ID     string      `json:"operationId"`
		Output jsonrpc.Hex `json:"output"`
	}
	evItems struct {
		Event string          `json:"event"`
		ID    string          `json:"operationId"`
		Items []storageResult `json:"items"`
	}
	evError struct {
		Event string `json:"event"`
		ID    string `json:"operationId"`
		Error string `json:"error"`
	}
)

// addChainHead registers the group chainHead_v1.
func (s *side) addChainHead(m *jsonrpc.Methods) {
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"chainHead_v1_follow"}, Unsubscribe: []string{"chainHead_v1_unfollow"}, Event: "chainHead_v1_followEvent",
	}, s.follow)
	m.Add(s.headHeader, "chainHead_v1_header")
	m.Add(s.headBody, "chainHead_v1_body")
	m.Add(s.headCall, "chainHead_v1_call")
	m.Add(s.headStorage, "chainHead_v1_storage")
	m.Add(s.headUnpin, "chainHead_v1_unpin")
	m.Add(s.headContinue, "chainHead_v1_continue")
	m.Add(s.headStop, "chainHead_v1_stopOperation")
}

// followCount is the number of follows of a connection, and one for each of them.
type followCount chan struct{}

func (s *side) follow(_ context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	withRuntime := c.Bool("withRuntime")
	if err := c.Err(); err != nil {
		return nil, err
	}
	count := c.Conn.Local(s, func() any { return make(followCount, maxFollows) }).(followCount)
	select {
	case count <- struct{}{}:
	default:
		return nil, errTooManyFollows
	}
	f := &follow{
		side: s, sub: sub, withRuntime: withRuntime,
		pinned: map[Hash]time.Time{}, operations: map[string]context.CancelFunc{}, stopped: make(chan struct{}),
	}
	sub.Data = f
	return func(ctx context.Context) {
		defer func() { <-count }()
		s.pins.enter(f)
		defer s.pins.leave(f)
		f.run(ctx)
	}, nil
}

// followOf is the follow that a call names, nil if the connection has none of that name or
// it is stopped.
func followOf(c *jsonrpc.Call) *follow {
	id := c.Text("followSubscription")
	if sub := c.Conn.Subscription(id); sub != nil {
		if f, _ := sub.Data.(*follow); f != nil && !f.ended() {
			return f
		}
	}
	return nil
}

func (s *side) headHeader(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, hash := followOf(c), c.Hash("hash")
	if err := c.Err(); err != nil || f == nil {
		return nil, err
	}
	if !f.has(hash) {
		return nil, errNotPinned
	}
	b, ok := s.store.Get(hash)
	if !ok {
		return nil, jsonrpc.Internal("the pinned block is gone")
	}
	return jsonrpc.Hex(b.Header.EncodeTo(nil)), nil
}

// begin starts an operation on a pinned block; run happens after the response.
func (s *side) begin(c *jsonrpc.Call, f *follow, hash Hash, run func(ctx context.Context, id string)) (any, error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	if f == nil {
		return limitReached, nil
	}
	if !f.has(hash) {
		return nil, errNotPinned
	}
	id, ctx, ok := f.operation()
	if !ok {
		return limitReached, nil
	}
	c.After(func() {
		c.Conn.Go(func(context.Context) {
			defer f.done(id)
			run(ctx, id)
		})
	})
	return started{Result: "started", ID: id}, nil
}

func (s *side) headBody(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, hash := followOf(c), c.Hash("hash")
	return s.begin(c, f, hash, func(_ context.Context, id string) {
		b, ok := s.store.Get(hash)
		if !ok {
			f.sub.Send(evOperation{"operationInaccessible", id})
			return
		}
		f.sub.Send(evBody{"operationBodyDone", id, bodyOf(b)})
	})
}

func (s *side) headCall(ctx context.Context, c *jsonrpc.Call) (any, error) {
	f, hash, function, args := followOf(c), c.Hash("hash"), c.Text("function"), c.StrictBytes("callParameters")
	if c.Err() == nil && f != nil && !f.withRuntime {
		return nil, errNoRuntime
	}
	return s.begin(c, f, hash, func(_ context.Context, id string) {
		out, err := s.call(f.sub.Context(), hash, function, args)
		if err != nil {
			f.sub.Send(evError{"operationError", id, err.Error()})
			return
		}
		f.sub.Send(evCall{"operationCallDone", id, present(out, true)})
	})
}

// headStorage reads items; each is an event of its own. A stopped operation ends early,
// and says so as one that found all.
func (s *side) headStorage(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, hash := followOf(c), c.Hash("hash")
	var items []storageItem
	c.JSON("items", &items)
	child := childTrie(c)
	if c.Err() == nil {
		if err := parseItems(items); err != nil {
			c.Fail("items", err.Error())
		}
	}
	if c.Err() == nil && len(items) == 0 {
		return limitReached, nil
	}
	answer, err := s.begin(c, f, hash, func(ctx context.Context, id string) {
		st, err := s.store.State(hash)
		if err != nil {
			f.sub.Send(evOperation{"operationInaccessible", id})
			return
		}
		err = queryItems(ctx, st, child, items, func(r storageResult) error {
			return f.sub.Send(evItems{"operationStorageItems", id, []storageResult{r}})
		})
		if err != nil && ctx.Err() == nil {
			f.sub.Send(evError{"operationError", id, err.Error()})
			return
		}
		f.sub.Send(evOperation{"operationStorageDone", id})
	})
	if a, ok := answer.(started); ok && a.ID != "" {
		a.Discarded = new(int)
		return a, err
	}
	return answer, err
}

// childTrie reads the key of a child trie, with or without its prefix; nil if it is absent.
func childTrie(c *jsonrpc.Call) []byte {
	if !c.Has("childTrie") {
		c.OptBytes("childTrie")
		return nil
	}
	id := c.StrictBytes("childTrie")
	if id == nil {
		return []byte{}
	}
	return id
}

func (s *side) headUnpin(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, hashes := followOf(c), c.Hashes("hashOrHashes")
	if err := c.Err(); err != nil || f == nil {
		return nil, err
	}
	return nil, f.unpin(hashes)
}

// headContinue is for operations that wait, and none does: a slow client holds them up.
func (s *side) headContinue(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, id := followOf(c), c.Text("operationId")
	if err := c.Err(); err != nil || f == nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.operations[id] != nil {
		return nil, errContinue
	}
	return nil, nil
}

func (s *side) headStop(_ context.Context, c *jsonrpc.Call) (any, error) {
	f, id := followOf(c), c.Text("operationId")
	if err := c.Err(); err != nil || f == nil {
		return nil, err
	}
	f.cancel(id)
	return nil, nil
}
