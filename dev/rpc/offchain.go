package rpc

import (
	"context"
	"sync"

	"pileus/dev/rpc/jsonrpc"
)

// maxOffchain bounds the offchain storage, in bytes.
const maxOffchain = 16 << 20

// addOffchain registers the group offchain: a storage in memory. No offchain workers run.
func addOffchain(m *jsonrpc.Methods) {
	var mu sync.Mutex
	stored, size := map[string][]byte{}, 0
	key := func(c *jsonrpc.Call) string {
		kind := c.Text("kind")
		if kind != "PERSISTENT" && kind != "LOCAL" {
			c.Fail("kind", "PERSISTENT or LOCAL expected")
		}
		return kind + string(c.Bytes("key"))
	}
	m.AddUnsafe(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		k, v := key(c), c.Bytes("value")
		if err := c.Err(); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		next := size + len(k) + len(v)
		if old, ok := stored[k]; ok {
			next -= len(k) + len(old)
		}
		if next > maxOffchain {
			return nil, fail(5001, "the offchain storage is full", nil)
		}
		size, stored[k] = next, v
		return nil, nil
	}, "offchain_localStorageSet")
	m.AddUnsafe(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		k := key(c)
		mu.Lock()
		defer mu.Unlock()
		if v, ok := stored[k]; ok && c.Err() == nil {
			size -= len(k) + len(v)
			delete(stored, k)
		}
		return nil, c.Err()
	}, "offchain_localStorageClear")
	m.AddUnsafe(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		k := key(c)
		mu.Lock()
		defer mu.Unlock()
		if v, ok := stored[k]; ok && c.Err() == nil {
			return jsonrpc.Hex(v), nil
		}
		return nil, c.Err()
	}, "offchain_localStorageGet")
}
