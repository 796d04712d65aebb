package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// testMethods are an echo, a sum by name or position, a subscription that counts, one
// that floods, and some that go wrong.
func testMethods() *Methods {
	m := NewMethods()
	m.Add(func(_ context.Context, c *Call) (any, error) {
		var v json.RawMessage
		c.JSON("value", &v)
		return v, c.Err()
	}, "echo", "echo_alias")
	m.Add(func(_ context.Context, c *Call) (any, error) {
		a, b := c.Number("a"), c.Number("b")
		return a + b, c.Err()
	}, "sum")
	m.Add(func(_ context.Context, c *Call) (any, error) { return c.Hash("hash"), c.Err() }, "hash")
	m.Add(func(_ context.Context, c *Call) (any, error) { return Hex(make([]byte, 1<<20)), nil }, "large")
	m.Add(func(context.Context, *Call) (any, error) { panic("ouch") }, "panic")
	m.Add(func(context.Context, *Call) (any, error) {
		return nil, &Error{1010, "Invalid Transaction", "Transaction is outdated"}
	}, "fail")
	m.AddUnsafe(func(context.Context, *Call) (any, error) { return true, nil }, "danger")
	m.Subscription(Names{[]string{"count", "count_alias"}, []string{"uncount"}, "counted"}, func(_ context.Context, c *Call, s *Subscription) (func(context.Context), error) {
		n := c.Number("n")
		return func(context.Context) {
			for i := range n {
				s.Send(i)
			}
		}, c.Err()
	})
	m.Subscription(Names{[]string{"flood"}, []string{"unflood"}, "flooded"}, func(_ context.Context, _ *Call, s *Subscription) (func(context.Context), error) {
		return func(context.Context) {
			for s.Send(Hex(make([]byte, 4096))) == nil {
			}
		}, nil
	})
	m.Subscription(Names{[]string{"rest"}, []string{"unrest"}, "rested"}, func(context.Context, *Call, *Subscription) (func(context.Context), error) {
		return func(ctx context.Context) { <-ctx.Done() }, nil
	})
	return m
}

// serve starts a server and returns its address.
func serve(t testing.TB, o Options) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- NewServer(testMethods(), o).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t testing.TB, addr string) *websocket.Conn {
	ws, _, err := websocket.Dial(t.Context(), "ws://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { ws.CloseNow() })
	return ws
}

func write(t testing.TB, ws *websocket.Conn, message string) {
	t.Helper()
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func readMessage(t testing.TB, ws *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ask(t testing.TB, ws *websocket.Conn, message string) string {
	t.Helper()
	write(t, ws, message)
	return readMessage(t, ws)
}

func post(t testing.TB, addr, message string) (int, string) {
	t.Helper()
	r, err := http.Post("http://"+addr, "application/json", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

func TestEnvelope(t *testing.T) {
	addr := serve(t, Options{MaxResponse: 4096})
	ws := dial(t, addr)
	hash := strings.Repeat("ab", 32)
	tests := []struct{ name, in, want string }{
		{"by position", `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,"0x10"]}`, `{"jsonrpc":"2.0","id":1,"result":17}`},
		{"by name", `{"jsonrpc":"2.0","id":"x","method":"sum","params":{"b":1,"a":2}}`, `{"jsonrpc":"2.0","id":"x","result":3}`},
		{"alias, null id", `{"jsonrpc":"2.0","id":null,"method":"echo_alias","params":[{"a":[]}]}`, `{"jsonrpc":"2.0","id":null,"result":{"a":[]}}`},
		{"missing parameter", `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1]}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"b: is missing"}}`},
		{"no parameters", `{"jsonrpc":"2.0","id":1,"method":"sum"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"a: is missing"}}`},
		{"parameters of a wrong kind", `{"jsonrpc":"2.0","id":1,"method":"sum","params":7}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"parameters are a list or an object"}}`},
		{"hash", `{"jsonrpc":"2.0","id":1,"method":"hash","params":["` + strings.ToUpper(hash) + `"]}`, `{"jsonrpc":"2.0","id":1,"result":"0x` + hash + `"}`},
		{"short hash", `{"jsonrpc":"2.0","id":1,"method":"hash","params":["0xabc"]}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"hash: a hash has 32 bytes, not 2"}}`},
		{"wrong hex", `{"jsonrpc":"2.0","id":1,"method":"hash","params":["0xzz"]}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"hash: not hex: encoding/hex: invalid byte: U+007A 'z'"}}`},
		{"module error", `{"jsonrpc":"2.0","id":1,"method":"fail"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":1010,"message":"Invalid Transaction","data":"Transaction is outdated"}}`},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"none"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}`},
		{"unsafe method", `{"jsonrpc":"2.0","id":1,"method":"danger"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"RPC call is unsafe to be called externally"}}`},
		{"panic", `{"jsonrpc":"2.0","id":1,"method":"panic"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error","data":"panic: ouch"}}`},
		{"large answer", `{"jsonrpc":"2.0","id":1,"method":"large"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32008,"message":"Response is too big","data":"Exceeded max limit of 4096"}}`},
		{"not JSON", `{"jsonrpc":`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`},
		{"empty", ``, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`},
		{"not an object", `7`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"no method", `{"jsonrpc":"2.0","id":3}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"version 1", `{"id":3,"method":"sum"}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"id is an object", `{"jsonrpc":"2.0","id":{},"method":"sum"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"id is a fraction", `{"jsonrpc":"2.0","id":1.5,"method":"sum"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}, 5 ,{"jsonrpc":"2.0","method":"sum"},{"jsonrpc":"2.0","id":2,"method":"echo","params":["],[\"{"]}]`,
			`[{"jsonrpc":"2.0","id":1,"result":3},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}},{"jsonrpc":"2.0","id":2,"result":"],[\"{"}]`},
		{"empty batch", ` [ ]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}`},
		{"broken batch", `[{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]},`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`},
		{"batch with a large answer", "[" + strings.Repeat("5,", 100) + "5]", `{"jsonrpc":"2.0","id":null,"error":{"code":-32011,"message":"The batch response was too large","data":"Exceeded max limit of 4096"}}`},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			if got := ask(t, ws, x.in); got != x.want {
				t.Errorf("WebSocket:\n got %s\nwant %s", got, x.want)
			}
			if code, got := post(t, addr, x.in); code != 200 || got != x.want {
				t.Errorf("HTTP %d:\n got %s\nwant %s", code, got, x.want)
			}
		})
	}
	t.Run("a notification is not answered", func(t *testing.T) {
		write(t, ws, `[{"jsonrpc":"2.0","method":"sum"}]`)
		write(t, ws, `{"jsonrpc":"2.0","method":"sum"}`)
		if got := ask(t, ws, `{"jsonrpc":"2.0","id":9,"method":"sum","params":[1,2]}`); got != `{"jsonrpc":"2.0","id":9,"result":3}` {
			t.Error(got)
		}
		if code, got := post(t, addr, `{"jsonrpc":"2.0","method":"sum"}`); code != 200 || got != "" {
			t.Error(code, got)
		}
	})
}

func TestLimitsOfRequests(t *testing.T) {
	addr := serve(t, Options{MaxRequest: 64 << 10, MaxBatch: 2, RateLimit: 7})
	ws := dial(t, addr)
	const tooBig = `{"jsonrpc":"2.0","id":null,"error":{"code":-32007,"message":"Request is too big","data":"Exceeded max limit of 65536"}}`
	if got := ask(t, ws, strings.Repeat(" ", 64<<10+1)); got != tooBig {
		t.Error(got)
	}
	if code, got := post(t, addr, strings.Repeat(" ", 64<<10+1)); code != 413 || got != tooBig {
		t.Error(code, got)
	}
	if got := ask(t, ws, `[1,2,3]`); got != `{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"The batch request was too large","data":"Exceeded max limit of 2"}}` {
		t.Error(got)
	}
	const sum = `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}`
	for i := range 8 {
		want := `{"jsonrpc":"2.0","id":1,"result":3}`
		if i == 7 {
			want = `{"jsonrpc":"2.0","id":1,"error":{"code":-32999,"message":"RPC rate limit exceeded"}}`
		}
		if got := ask(t, ws, sum); got != want {
			t.Error(i, got)
		}
	}
	if got := ask(t, dial(t, addr), sum); got != `{"jsonrpc":"2.0","id":1,"result":3}` {
		t.Error("another connection:", got)
	}
	none := dial(t, serve(t, Options{MaxBatch: -1}))
	if got := ask(t, none, `[1]`); got != `{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"Batched requests are not supported by this server"}}` {
		t.Error(got)
	}
}

func TestDoor(t *testing.T) {
	healthy := atomic.Bool{}
	health := func() (any, bool, error) { return map[string]int{"peers": 0}, healthy.Load(), nil }
	addr := serve(t, Options{Health: health, Unsafe: true, MaxConnections: 2})
	_, port, _ := net.SplitHostPort(addr)
	tests := []struct {
		name, method, path, header, value string
		code                              int
		body                              string
	}{
		{"health", "GET", "/health", "", "", 200, `{"peers":0}`},
		{"not ready", "GET", "/health/readiness", "", "", 500, ``},
		{"health by POST", "POST", "/health", "", "", 405, "GET is required.\n"},
		{"no page", "GET", "/", "", "", 405, "Used HTTP Method is not allowed. POST or OPTIONS is required.\n"},
		{"content type", "POST", "/", "Content-Type", "text/plain", 415, "Supplied content type is not allowed. Content-Type: application/json is required.\n"},
		{"preflight", "OPTIONS", "/", "Origin", "https://polkadot.js.org", 200, ""},
		{"own page", "OPTIONS", "/", "Origin", "http://localhost:3000", 200, ""},
		{"foreign page", "OPTIONS", "/", "Origin", "https://evil.example", 403, "Origin is not allowed.\n"},
		{"page with a similar name", "OPTIONS", "/", "Origin", "http://localhost.evil.example:1", 403, "Origin is not allowed.\n"},
		{"host", "GET", "/health", "Host", "localhost:" + port, 200, `{"peers":0}`},
		{"foreign host", "GET", "/health", "Host", "evil.example:" + port, 403, "Provided Host header is not whitelisted.\n"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			r, _ := http.NewRequest(x.method, "http://"+addr+x.path, nil)
			if x.header == "Host" {
				r.Host = x.value
			} else if x.header != "" {
				r.Header.Set(x.header, x.value)
			}
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			body, _ := io.ReadAll(got.Body)
			if got.StatusCode != x.code || string(body) != x.body {
				t.Errorf("%d %q", got.StatusCode, body)
			}
			if allow := got.Header.Get("Access-Control-Allow-Origin"); x.header == "Origin" && x.code == 200 && allow != x.value {
				t.Errorf("allowed origin %q", allow)
			}
		})
	}
	healthy.Store(true)
	if r, err := http.Get("http://" + addr + "/health/readiness"); err != nil || r.StatusCode != 200 {
		t.Error(r, err)
	}
	_, _, err := websocket.Dial(t.Context(), "ws://"+addr, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || !strings.Contains(err.Error(), "403") {
		t.Error("WebSocket of a foreign page:", err)
	}
	if got := ask(t, dial(t, addr), `{"jsonrpc":"2.0","id":1,"method":"danger"}`); got != `{"jsonrpc":"2.0","id":1,"result":true}` {
		t.Error(got)
	}
	dial(t, addr)
	if code, body := post(t, addr, `{}`); code != 429 {
		t.Error("third connection:", code, body)
	}
	all := serve(t, Options{Origins: AllOrigins})
	r, _ := http.NewRequest("POST", "http://"+all, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}`))
	r.Host = "any.example"
	r.Header = http.Header{"Origin": {"https://any.example"}, "Content-Type": {"application/json; charset=utf-8"}}
	if got, err := http.DefaultClient.Do(r); err != nil || got.StatusCode != 200 {
		t.Error("all origins:", got, err)
	}
}

func TestSubscription(t *testing.T) {
	addr := serve(t, Options{MaxSubscriptions: 3})
	ws := dial(t, addr)
	type answer struct {
		ID     int             `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
		Method string          `json:"method"`
		Params struct {
			Subscription string `json:"subscription"`
			Result       int    `json:"result"`
		} `json:"params"`
	}
	read := func() (a answer) {
		if err := json.Unmarshal([]byte(readMessage(t, ws)), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range 100 {
		write(t, ws, `{"jsonrpc":"2.0","id":1,"method":"count","params":[3]}`)
		id := ""
		first := read()
		if json.Unmarshal(first.Result, &id) != nil || len(id) != 16 {
			t.Fatalf("no id: %+v", first)
		}
		for i := range 3 {
			if a := read(); a.Method != "counted" || a.Params.Subscription != id || a.Params.Result != i {
				t.Fatalf("item %d: %+v", i, a)
			}
		}
	}
	ids := make([]string, 3)
	for i := range ids {
		json.Unmarshal([]byte(ask(t, ws, `{"jsonrpc":"2.0","id":1,"method":"rest"}`)), &struct{ Result *string }{&ids[i]})
	}
	if got := ask(t, ws, `{"jsonrpc":"2.0","id":1,"method":"rest"}`); got != `{"jsonrpc":"2.0","id":1,"error":{"code":-32006,"message":"Too many subscriptions on the connection","data":"Exceeded max limit of 3"}}` {
		t.Error(got)
	}
	for _, x := range []struct{ call, id, want string }{
		{"uncount", ids[0], "false"}, {"unrest", ids[0], "true"}, {"unrest", ids[0], "false"}, {"unrest", "nonsense", "false"},
	} {
		if got := ask(t, ws, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":[%q]}`, x.call, x.id)); got != `{"jsonrpc":"2.0","id":1,"result":`+x.want+`}` {
			t.Errorf("%s %s: %s", x.call, x.id, got)
		}
	}
	if got := ask(t, dial(t, addr), fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"unrest","params":[%q]}`, ids[1])); got != `{"jsonrpc":"2.0","id":1,"result":false}` {
		t.Error("unsubscribed by another connection:", got)
	}
	if _, got := post(t, addr, `{"jsonrpc":"2.0","id":1,"method":"rest"}`); got != `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error","data":"subscriptions need a WebSocket connection"}}` {
		t.Error(got)
	}
}

// settle waits until there are no more goroutines than before.
func settle(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before+2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	var stacks [1 << 16]byte
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks[:], true)])
}

// served tells whether an orderly client gets its answer in time.
func served(t *testing.T, addr string) {
	t.Helper()
	ws := dial(t, addr)
	defer ws.CloseNow()
	begin := time.Now()
	if got := ask(t, ws, `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}`); got != `{"jsonrpc":"2.0","id":1,"result":3}` {
		t.Error(got)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("an orderly client waited %v", took)
	}
}

func TestSlowReaders(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() { settle(t, before) })
	addr := serve(t, Options{Silence: 500 * time.Millisecond, MaxResponse: 4 << 20})
	var slow []*websocket.Conn
	for range 8 {
		ws := dial(t, addr)
		for range 4 {
			write(t, ws, `{"jsonrpc":"2.0","id":1,"method":"flood"}`)
		}
		for range 40 { // answers of 2 MiB that nobody reads
			write(t, ws, `{"jsonrpc":"2.0","id":1,"method":"large"}`)
		}
		slow = append(slow, ws)
	}
	served(t, addr)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	// Per connection: a queue of one answer's limit, and what stands on the socket.
	if m.HeapInuse > 8*(4+32*3)<<20 {
		t.Errorf("%d MiB in use", m.HeapInuse>>20)
	}
	time.Sleep(time.Second)
	deadline := time.Now().Add(10 * time.Second)
	for _, ws := range slow {
		for {
			ctx, cancel := context.WithDeadline(t.Context(), deadline)
			_, _, err := ws.Read(ctx)
			cancel()
			if err != nil && ctx.Err() == context.DeadlineExceeded {
				t.Fatal("a client that did not read is still connected")
			}
			if err != nil {
				break
			}
		}
	}
}

func TestSilentClient(t *testing.T) {
	addr := serve(t, Options{PingEvery: 50 * time.Millisecond, Silence: 200 * time.Millisecond})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", addr)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	all, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("not closed: %v", err)
	}
	if !bytes.Contains(all, []byte{0x89}) {
		t.Error("no ping was sent")
	}
}

func TestEndlessMessage(t *testing.T) {
	addr := serve(t, Options{MaxRequest: 64 << 10})
	ws := dial(t, addr)
	w, err := ws.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte{' '}, 64<<10)
	for begin := time.Now(); ; {
		if _, err := w.Write(chunk); err != nil {
			break
		}
		if time.Since(begin) > 3*time.Second {
			t.Fatal("the message was taken without end")
		}
	}
	served(t, addr)
}

func TestNested(t *testing.T) {
	ws := dial(t, serve(t, Options{}))
	for _, x := range []string{"[", `{"a":`, `{"jsonrpc":"2.0","id":1,"method":"echo","params":[`} {
		if got := ask(t, ws, x+strings.Repeat("[", 1<<20)); !strings.Contains(got, "-32700") {
			t.Error(got)
		}
	}
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	if got := ask(t, ws, `{"jsonrpc":"2.0","id":1,"method":"echo","params":[`+deep+`]}`); !strings.Contains(got, "-32700") {
		t.Error(got)
	}
}

func TestEndlessBatches(t *testing.T) {
	addr := serve(t, Options{})
	batch := "[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]},`, 5000) + "7]"
	var busy []*websocket.Conn
	for range 4 {
		ws := dial(t, addr)
		for range 4 {
			write(t, ws, batch)
		}
		busy = append(busy, ws)
	}
	served(t, addr)
	for _, ws := range busy {
		if got := readMessage(t, ws); !strings.HasSuffix(got, `"message":"Invalid request"}}]`) {
			t.Error(got[len(got)-100:])
		}
		ws.CloseNow()
	}
	served(t, addr)
}

func TestHalfOpenSockets(t *testing.T) {
	addr := serve(t, Options{MaxIdle: 64})
	before := runtime.NumGoroutine()
	var sockets []net.Conn
	for i := range 2000 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: ")
		}
		sockets = append(sockets, c)
		if i%500 == 499 {
			served(t, addr)
		}
	}
	time.Sleep(100 * time.Millisecond)
	if n := runtime.NumGoroutine() - before; n > 150 {
		t.Errorf("%d goroutines for half-open sockets", n)
	}
	for _, c := range sockets {
		c.Close()
	}
}
