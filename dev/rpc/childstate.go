package rpc

import (
	"bytes"
	"context"

	"pileus/dev/rpc/jsonrpc"
	"pileus/trie"
)

// childID reads the key of a child trie and takes the prefix off.
func childID(c *jsonrpc.Call, name string) []byte {
	key := c.Bytes(name)
	id, ok := bytes.CutPrefix(key, []byte(trie.ChildPrefix))
	if !ok {
		c.Fail(name, "is not the key of a child trie")
	}
	if id == nil {
		return []byte{}
	}
	return id
}

// addChildState registers the group childstate.
func (s *side) addChildState(m *jsonrpc.Methods) {
	// single registers a question about one key of a child.
	single := func(f func(t *trie.Trie, key []byte) (any, error), names ...string) {
		m.Add(func(_ context.Context, c *jsonrpc.Call) (any, error) {
			child, key, hash := childID(c, "childStorageKey"), c.Bytes("key"), c.OptHash("hash")
			return onTrie(s, c, hash, child, func(t *trie.Trie) (any, error) { return f(t, key) })
		}, names...)
	}
	single(value, "childstate_getStorage")
	single(valueHash, "childstate_getStorageHash")
	single(valueSize, "childstate_getStorageSize")
	m.Add(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		child, prefix, hash := childID(c, "childStorageKey"), c.Bytes("prefix"), c.OptHash("hash")
		return onTrie(s, c, hash, child, func(t *trie.Trie) (any, error) { return keys(t, prefix, nil, -1) })
	}, "childstate_getKeys")
	m.Add(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		child, prefix, count := childID(c, "childStorageKey"), c.OptBytes("prefix"), c.Number("count")
		start, hash := c.OptBytes("startKey"), c.OptHash("hash")
		if err := countLimit(c, count); err != nil {
			return nil, err
		}
		return onTrie(s, c, hash, child, func(t *trie.Trie) (any, error) { return keys(t, prefix, start, int(count)) })
	}, "childstate_getKeysPaged", "childstate_getKeysPagedAt")
	m.Add(func(_ context.Context, c *jsonrpc.Call) (any, error) {
		child, list, hash := childID(c, "childStorageKey"), c.BytesList("keys"), c.OptHash("hash")
		return onTrie(s, c, hash, child, func(t *trie.Trie) (any, error) {
			values, size := make([]jsonrpc.Hex, len(list)), 0
			for i, key := range list {
				v, ok, err := t.Get(key, nil)
				if err != nil {
					return nil, err
				}
				if size += len(v); size > maxAnswer {
					return nil, errTooMuch
				}
				values[i] = present(v, ok)
			}
			return values, nil
		})
	}, "childstate_getStorageEntries")
}
