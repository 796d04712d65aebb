package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/txpool"
)

// addTransaction registers the groups transaction_v1 and transactionWatch_v1.
func (p *pool) addTransaction(m *jsonrpc.Methods) {
	m.Subscription(jsonrpc.Names{
		Subscribe:   []string{"transactionWatch_v1_submitAndWatch"},
		Unsubscribe: []string{"transactionWatch_v1_unwatch"},
		Event:       "transactionWatch_v1_watchEvent",
	}, p.watch)
	m.Add(p.broadcast, "transaction_v1_broadcast")
	m.Add(p.stopBroadcast, "transaction_v1_stop")
}

// Events of transactionWatch_v1.
type (
	evValidated struct {
		Event string `json:"event"`
	}
	evIncluded struct { // bestChainBlockIncluded, finalized
		Event string   `json:"event"`
		Block *txBlock `json:"block"`
	}
	txBlock struct {
		Hash  Hash `json:"hash"`
		Index int  `json:"index"`
	}
	evRefused struct { // invalid, dropped
		Event string `json:"event"`
		Error string `json:"error"`
	}
)

// watchEvent is a status in the words of the group; nil for one that it does not tell.
func watchEvent(s txpool.Status) any {
	switch s.Kind {
	case txpool.StatusFuture, txpool.StatusReady:
		return evValidated{"validated"}
	case txpool.StatusInBlock:
		return evIncluded{"bestChainBlockIncluded", &txBlock{s.Block, s.Index}}
	case txpool.StatusRetracted:
		return evIncluded{"bestChainBlockIncluded", nil}
	case txpool.StatusFinalized:
		return evIncluded{"finalized", &txBlock{s.Block, s.Index}}
	case txpool.StatusFinalityTimeout:
		return evRefused{"dropped", "Maximum number of finality watchers has been reached"}
	case txpool.StatusDropped:
		return evRefused{"dropped", "Extrinsic dropped from the pool due to exceeding limits"}
	case txpool.StatusUsurped:
		return evRefused{"invalid", "Extrinsic was rendered invalid by another extrinsic"}
	case txpool.StatusInvalid:
		return evRefused{"invalid", "Extrinsic marked as invalid: " + refusal(s.Err)}
	}
	return nil
}

func refusal(err error) string {
	var invalid *txpool.InvalidError
	switch {
	case err == nil:
		return "no reason is known"
	case errors.As(err, &invalid):
		return reason(invalid)
	}
	return err.Error()
}

// watch submits and tells what becomes of a transaction. What is wrong with it is an
// event: the subscription is accepted.
func (p *pool) watch(_ context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	text := c.Text("tx")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		given, err := jsonrpc.ParseHex(text)
		if err == nil {
			given, err = inner(given)
		}
		if err != nil {
			sub.Send(evRefused{"invalid", "Extrinsic bytes cannot be decoded: " + err.Error()})
			return
		}
		hash, statuses, err := p.node.Watch(ctx, given)
		if err != nil {
			sub.Send(evRefused{"invalid", poolError(hash, err).Error()})
			return
		}
		defer statuses.Close()
		validated := false
		for {
			select {
			case <-ctx.Done():
				return
			case st, ok := <-statuses.Events():
				if !ok {
					return
				}
				e := watchEvent(st)
				if _, again := e.(evValidated); again && validated || e == nil {
					continue
				}
				validated = true
				if sub.Send(e) != nil {
					return
				}
			}
		}
	}, nil
}

// maxBroadcasts is how many broadcasts a connection may have under way.
const maxBroadcasts = 16

// broadcasts are those of a connection.
type broadcasts struct {
	mu   sync.Mutex
	byID map[string]broadcast
}

type broadcast struct {
	hash Hash
	stop context.CancelFunc
}

func (p *pool) broadcasts(c *jsonrpc.Call) *broadcasts {
	return c.Conn.Local(p, func() any { return &broadcasts{byID: map[string]broadcast{}} }).(*broadcasts)
}

// broadcast keeps a transaction in the pool until it is included for good or the client stops it.
func (p *pool) broadcast(_ context.Context, c *jsonrpc.Call) (any, error) {
	text := c.Text("tx")
	if err := c.Err(); err != nil {
		return nil, err
	}
	if !c.Conn.CanSubscribe() {
		return nil, jsonrpc.Internal("a broadcast needs a WebSocket connection: it lasts as long as that")
	}
	given, err := jsonrpc.ParseHex(text)
	if err == nil {
		given, err = inner(given)
	}
	all := p.broadcasts(c)
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.byID) >= maxBroadcasts {
		return nil, nil
	}
	id := operationID()
	ctx, stop := context.WithCancel(c.Conn.Context())
	all.byID[id] = broadcast{txpool.HashOf(given), stop}
	if err == nil {
		c.After(func() { c.Conn.Go(func(context.Context) { p.keep(ctx, given) }) })
	}
	return id, nil
}

// operationID draws 16 letters and digits.
func operationID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 16)
	for i := range id {
		id[i] = letters[rand.IntN(len(letters))]
	}
	return string(id)
}

// keep submits a transaction again with every new best block, as long as that may help.
func (p *pool) keep(ctx context.Context, xt []byte) {
	blocks := p.store.Subscribe(followBuffer)
	defer func() { blocks.Close() }()
	for ctx.Err() == nil && p.once(ctx, xt) {
		next := false
		through(ctx, blocks, func(e store.Event) bool {
			_, next = e.(store.Best)
			return !next
		})
		if !next && ctx.Err() == nil {
			if blocks.Err() == store.ErrClosed {
				return
			}
			blocks.Close()
			blocks = p.store.Subscribe(followBuffer)
		}
	}
}

// once submits a transaction and waits for its end; again tells whether submitting it
// once more may help.
func (p *pool) once(ctx context.Context, xt []byte) (again bool) {
	_, statuses, err := p.node.Watch(ctx, xt)
	if err != nil {
		return retriable(err)
	}
	defer statuses.Close()
	for {
		select {
		case <-ctx.Done():
			return false
		case st, ok := <-statuses.Events():
			if !ok {
				return false
			}
			switch st.Kind {
			case txpool.StatusFinalized, txpool.StatusUsurped:
				return false
			case txpool.StatusFinalityTimeout, txpool.StatusDropped, txpool.StatusInvalid:
				return true
			}
		}
	}
}

// retriable tells whether the pool may take a transaction later that it refuses now.
func retriable(err error) bool {
	for _, e := range []error{txpool.ErrBanned, txpool.ErrKnown, txpool.ErrDropped, txpool.ErrUnchecked, txpool.ErrPriority, txpool.ErrUnfinished} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (p *pool) stopBroadcast(ctx context.Context, c *jsonrpc.Call) (any, error) {
	id := c.Text("operationId")
	if err := c.Err(); err != nil {
		return nil, err
	}
	all := p.broadcasts(c)
	all.mu.Lock()
	b, ok := all.byID[id]
	delete(all.byID, id)
	all.mu.Unlock()
	if !ok {
		return nil, fail(jsonrpc.CodeInvalidParams, "Invalid operation id", nil)
	}
	b.stop()
	if _, err := p.node.RemoveExtrinsics(ctx, b.hash); err != nil {
		return nil, jsonrpc.Internal(err.Error())
	}
	return nil, nil
}
