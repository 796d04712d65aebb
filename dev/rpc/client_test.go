package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"

	"pileus"
	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
)

var info = rpc.Info{Name: "pileus", Version: "0.0.0", Chain: "Guide", ChainType: "Development", Properties: map[string]any{"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}}

// start starts the default chain with relay slots of 100 ms.
func start(t testing.TB, change func(*dev.Config)) *dev.Node {
	t.Helper()
	cfg := dev.Config{Settings: pileus.Defaults(), BlockTime: dev.BlockTime{Interval: 100 * time.Millisecond}}
	if base, err := os.UserCacheDir(); err == nil {
		cfg.CacheDir = filepath.Join(base, "pileus")
	}
	if change != nil {
		change(&cfg)
	}
	n, err := dev.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// serve serves methods, unsafe ones too, and returns the address.
func serve(t testing.TB, m *jsonrpc.Methods, o jsonrpc.Options) string {
	t.Helper()
	o.Unsafe = true
	return listen(t, m, o)
}

// serveSafe leaves unsafe methods out.
func serveSafe(t testing.TB, m *jsonrpc.Methods) string {
	t.Helper()
	return listen(t, m, jsonrpc.Options{})
}

func listen(t testing.TB, m *jsonrpc.Methods, o jsonrpc.Options) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Health, o.Origins = rpc.Health, jsonrpc.AllOrigins
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- jsonrpc.NewServer(m, o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// client is a plain JSON-RPC client that asks one thing at a time.
type client struct {
	t    testing.TB
	ws   *websocket.Conn
	id   int
	subs map[string][]json.RawMessage
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	ws, _, err := websocket.Dial(context.Background(), "ws://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { ws.CloseNow() })
	return &client{t: t, ws: ws, subs: map[string][]json.RawMessage{}}
}

type message struct {
	ID     *int            `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
	Method string `json:"method"`
	Params struct {
		Subscription string          `json:"subscription"`
		Result       json.RawMessage `json:"result"`
	} `json:"params"`
}

func (c *client) read() (m message) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		c.t.Fatalf("read a message: %v", err)
	}
	if m.Method != "" {
		c.subs[m.Params.Subscription] = append(c.subs[m.Params.Subscription], m.Params.Result)
	}
	return m
}

// try asks and returns result and error.
func (c *client) try(method string, params ...any) (json.RawMessage, string) {
	c.t.Helper()
	if params == nil {
		params = []any{}
	}
	c.id++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if err == nil {
		err = c.ws.Write(context.Background(), websocket.MessageText, b)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := c.read()
		if m.ID == nil || *m.ID != c.id {
			continue
		}
		if m.Error != nil {
			return nil, fmt.Sprintf("%d %s %s", m.Error.Code, m.Error.Message, m.Error.Data)
		}
		return m.Result, ""
	}
}

// ask asks and reads the result into out, if that is not nil.
func (c *client) ask(out any, method string, params ...any) {
	c.t.Helper()
	result, failed := c.try(method, params...)
	if failed != "" {
		c.t.Fatalf("%s: %s", method, failed)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(result, out); err != nil {
		c.t.Fatalf("%s: %v: %s", method, err, result)
	}
}

// text asks and returns the result as it is.
func (c *client) text(method string, params ...any) string {
	c.t.Helper()
	result, failed := c.try(method, params...)
	if failed != "" {
		return failed
	}
	return string(result)
}

// next is the next item of a subscription.
func (c *client) next(id string, out any) {
	c.t.Helper()
	for len(c.subs[id]) == 0 {
		c.read()
	}
	item := c.subs[id][0]
	c.subs[id] = c.subs[id][1:]
	if err := json.Unmarshal(item, out); err != nil {
		c.t.Fatalf("%v: %s", err, item)
	}
}
