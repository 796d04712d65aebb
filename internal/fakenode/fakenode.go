// Package fakenode is a node for tests: it answers JSON-RPC about a state that it has in
// memory, as far as reading a chain from outside needs it, and can be made to fail.
package fakenode

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/trie"
)

// Node is a node of a chain that stands at one block.
type Node struct {
	Name    string
	Genesis hashing.Hash
	Header  primitives.Header
	State   *trie.State
	// Without are methods that it does not have.
	Without []string
	// Fault may answer in the place of the node: it is given the method and how often that
	// was called before. nil goes on as usual. It may block until the context ends.
	Fault func(ctx context.Context, method string, n int) *Answer

	// Refuse may answer in the place of the node, by the parameters.
	Refuse func(params string) *Answer
	// Rewrite changes answers; nil changes none.
	Rewrite func(method string, answer []byte) []byte

	server  *httptest.Server
	mu      sync.Mutex
	sockets []*websocket.Conn
	calls   map[string]int
	all     int
}

// Answer is what a fault answers.
type Answer struct {
	Raw     string // the whole message; "ID" in it becomes the request's id
	Result  any
	Code    int // of an error, with Message
	Message string
	Cut     bool // the connection breaks
	Status  int  // of HTTP
}

// Start serves the node until the test ends.
func Start(t testing.TB, n *Node) *Node {
	n.calls = map[string]int{}
	n.server = httptest.NewServer(n)
	t.Cleanup(n.Stop)
	return n
}

// Stop ends the node; connections break.
func (n *Node) Stop() {
	n.Cut()
	n.server.Close()
}

// Cut breaks all connections.
func (n *Node) Cut() {
	n.mu.Lock()
	for _, socket := range n.sockets {
		socket.CloseNow()
	}
	n.sockets = nil
	n.mu.Unlock()
	n.server.CloseClientConnections()
}

// HTTP and WS are its addresses.
func (n *Node) HTTP() string { return n.server.URL }

// WS is its address for WebSockets.
func (n *Node) WS() string { return "ws" + strings.TrimPrefix(n.server.URL, "http") }

// Calls counts the requests of a method; of all for the empty one.
func (n *Node) Calls(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if method == "" {
		return n.all
	}
	return n.calls[method]
}

type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// ServeHTTP implements [http.Handler].
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		body, _ := io.ReadAll(r.Body)
		answer, fault := n.answer(r.Context(), body)
		switch {
		case fault != nil && fault.Cut:
			panic(http.ErrAbortHandler)
		case fault != nil && fault.Status != 0:
			w.WriteHeader(fault.Status)
		default:
			w.Write(answer)
		}
		return
	}
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer socket.CloseNow()
	n.mu.Lock()
	n.sockets = append(n.sockets, socket)
	n.mu.Unlock()
	socket.SetReadLimit(1 << 24)
	for {
		_, body, err := socket.Read(r.Context())
		if err != nil {
			return
		}
		answer, fault := n.answer(r.Context(), body)
		if fault != nil && fault.Cut {
			return
		}
		if socket.Write(r.Context(), websocket.MessageText, answer) != nil {
			return
		}
	}
}

func (n *Node) answer(ctx context.Context, body []byte) ([]byte, *Answer) {
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`), nil
	}
	n.mu.Lock()
	before := n.calls[q.Method]
	n.calls[q.Method]++
	n.all++
	n.mu.Unlock()
	if n.Fault != nil {
		if a := n.Fault(ctx, q.Method, before); a != nil {
			switch {
			case a.Raw != "":
				return []byte(strings.ReplaceAll(a.Raw, "ID", string(q.ID))), a
			case a.Code != 0:
				return n.message(q, nil, a.Code, a.Message), a
			}
			return n.message(q, a.Result, 0, ""), a
		}
	}
	if n.Refuse != nil {
		params, _ := json.Marshal(q.Params)
		if a := n.Refuse(string(params)); a != nil {
			return n.message(q, nil, a.Code, a.Message), a
		}
	}
	if slices.Contains(n.Without, q.Method) {
		return n.message(q, nil, -32601, "Method not found"), nil
	}
	result, err := n.result(&q)
	if err != nil {
		return n.message(q, nil, 4003, err.Error()), nil
	}
	answer := n.message(q, result, 0, "")
	if n.Rewrite != nil {
		answer = n.Rewrite(q.Method, answer)
	}
	return answer, nil
}

func (n *Node) message(q request, result any, code int, text string) []byte {
	m := map[string]any{"jsonrpc": "2.0", "id": q.ID, "result": result}
	if code != 0 {
		delete(m, "result")
		m["error"] = map[string]any{"code": code, "message": text}
	}
	b, _ := json.Marshal(m)
	return b
}

// Hex is how bytes travel.
func Hex(b []byte) string { return "0x" + hex.EncodeToString(b) }

func unhex(s string) []byte {
	b, _ := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	return b
}

// Methods are those of the node, unless Without takes them away.
var Methods = []string{"rpc_methods", "chain_getBlockHash", "chain_getFinalizedHead", "chain_getHeader", "system_chain", "system_properties", "state_getRuntimeVersion",
	"state_getReadProof", "state_getChildReadProof", "state_getKeysPaged", "childstate_getKeysPaged", "state_queryStorageAt", "state_getStorage", "childstate_getStorage"}

func (n *Node) result(q *request) (any, error) {
	texts := make([]string, len(q.Params))
	for i, p := range q.Params {
		_ = json.Unmarshal(p, &texts[i]) // other kinds stay empty
	}
	text := func(i int) string {
		if i < len(texts) {
			return texts[i]
		}
		return ""
	}
	keys := func(i int) (list [][]byte) {
		var hexes []string
		_ = json.Unmarshal(q.Params[i], &hexes)
		for _, h := range hexes {
			list = append(list, unhex(h))
		}
		return list
	}
	child := func(i int) []byte { return unhex(text(i))[len(trie.ChildPrefix):] }
	switch q.Method {
	case "rpc_methods":
		return map[string]any{"methods": slices.DeleteFunc(slices.Clone(Methods), func(m string) bool { return slices.Contains(n.Without, m) })}, nil
	case "chain_getFinalizedHead":
		return n.Header.Hash().String(), nil
	case "chain_getBlockHash":
		return n.blockHash(q.Params)
	case "chain_getHeader":
		if text(0) != n.Header.Hash().String() {
			return nil, nil
		}
		return HeaderJSON(&n.Header), nil
	case "system_chain":
		return n.Name, nil
	case "system_properties":
		return map[string]any{"ss58Format": 42, "tokenSymbol": "UNIT"}, nil
	case "state_getRuntimeVersion":
		return map[string]any{"specName": "fake", "specVersion": 1, "stateVersion": 1}, nil
	case "state_getReadProof":
		nodes, err := trie.ReadProof(n.State.Top(), keys(0))
		return n.proof(nodes), err
	case "state_getChildReadProof":
		nodes, err := trie.ReadChildProof(n.State, child(0), keys(1))
		return n.proof(nodes), err
	case "state_getKeysPaged":
		return page(n.State.Top(), q.Params)
	case "childstate_getKeysPaged":
		t, err := n.State.Child(child(0), nil)
		if err != nil {
			return nil, err
		}
		return page(t, q.Params[1:])
	case "state_queryStorageAt":
		changes := [][2]any{}
		for _, key := range keys(0) {
			v, ok, err := n.State.Top().Get(key, nil)
			if err != nil {
				return nil, err
			}
			changes = append(changes, [2]any{Hex(key), value(v, ok)})
		}
		return []any{map[string]any{"block": n.Header.Hash().String(), "changes": changes}}, nil
	case "state_getStorage":
		v, ok, err := n.State.Top().Get(unhex(text(0)), nil)
		return value(v, ok), err
	case "childstate_getStorage":
		t, err := n.State.Child(child(0), nil)
		if err != nil {
			return nil, err
		}
		v, ok, err := t.Get(unhex(text(1)), nil)
		return value(v, ok), err
	}
	return nil, fmt.Errorf("no such method: %s", q.Method)
}

func value(v []byte, ok bool) any {
	if !ok {
		return nil
	}
	return Hex(v)
}

func (n *Node) proof(nodes [][]byte) any {
	list := make([]string, 0, len(nodes))
	for _, b := range nodes {
		list = append(list, Hex(b))
	}
	return map[string]any{"at": n.Header.Hash().String(), "proof": list}
}

func (n *Node) blockHash(params []json.RawMessage) (any, error) {
	number := n.Header.Number
	if len(params) > 0 {
		if err := json.Unmarshal(params[0], &number); err != nil {
			return nil, err
		}
	}
	switch number {
	case n.Header.Number:
		return n.Header.Hash().String(), nil
	case 0:
		return n.Genesis.String(), nil
	}
	return nil, nil
}

// page lists keys: prefix, count, start.
func page(t *trie.Trie, params []json.RawMessage) (any, error) {
	var prefix, start string
	var count int
	for i, into := range []any{&prefix, &count, &start} {
		if i < len(params) {
			if err := json.Unmarshal(params[i], into); err != nil {
				return nil, err
			}
		}
	}
	var from []byte
	if start != "" {
		from = append(unhex(start), 0)
	}
	it, err := t.Iter(unhex(prefix), from, nil)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for len(list) < count {
		key, ok, err := it.Next()
		if err != nil || !ok {
			return list, err
		}
		list = append(list, Hex(key))
	}
	return list, nil
}

// HeaderJSON is a header as nodes write it.
func HeaderJSON(h *primitives.Header) map[string]any {
	logs := []string{}
	for _, item := range h.Digest {
		logs = append(logs, Hex(item.EncodeTo(nil)))
	}
	return map[string]any{"parentHash": h.ParentHash.String(), "number": fmt.Sprintf("0x%x", h.Number), "stateRoot": h.StateRoot.String(),
		"extrinsicsRoot": h.ExtrinsicsRoot.String(), "digest": map[string]any{"logs": logs}}
}
