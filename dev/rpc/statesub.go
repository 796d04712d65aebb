package rpc

import (
	"context"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/trie"
)

// addStateSubscriptions registers the subscriptions of the group state.
func (s *side) addStateSubscriptions(m *jsonrpc.Methods) {
	m.Subscription(jsonrpc.Names{
		Subscribe:   []string{"state_subscribeRuntimeVersion", "chain_subscribeRuntimeVersion"},
		Unsubscribe: []string{"state_unsubscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion"},
		Event:       "state_runtimeVersion",
	}, s.subscribeVersion)
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"state_subscribeStorage"}, Unsubscribe: []string{"state_unsubscribeStorage"}, Event: "state_storage",
	}, s.subscribeStorage)
}

// subscribeVersion sends the version of the best block's runtime, and again when it is another one.
func (s *side) subscribeVersion(_ context.Context, _ *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	return func(ctx context.Context) {
		last := ""
		send := func(at Hash) bool {
			v, err := s.version(ctx, at)
			if err != nil {
				return true
			}
			item := raw(versionOf(v))
			if string(item) == last {
				return true
			}
			last = string(item)
			return sub.Send(item) == nil
		}
		s.each(ctx, func(v store.View) bool { return send(v.Best.Hash) }, func(e store.Event) bool {
			best, ok := e.(store.Best)
			return !ok || send(best.Block.Hash)
		})
	}, nil
}

// maxStorageKeys is how many keys one subscription may look at.
const maxStorageKeys = 4096

// subscribeStorage sends the values of keys, and again those that change with the best
// block. Without keys it sends all that changes, which only trusted clients may ask for.
func (s *side) subscribeStorage(_ context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	var keys [][]byte
	if c.Has("keys") {
		keys = c.BytesList("keys")
	} else if !c.Conn.Unsafe() {
		return nil, fail(jsonrpc.CodeMethodNotFound, "RPC call is unsafe to be called externally", nil)
	}
	if len(keys) > maxStorageKeys {
		c.Fail("keys", "are too many")
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		var last *trie.State
		var set changeSet
		s.each(ctx, func(v store.View) bool {
			var err error
			if last, err = s.store.State(v.Best.Hash); err == nil {
				set, err = valuesAt(last, v.Best.Hash, keys)
			}
			return err == nil && (keys == nil || sub.Send(set) == nil)
		}, func(e store.Event) bool {
			best, ok := e.(store.Best)
			if !ok {
				return true
			}
			st, err := s.store.State(best.Block.Hash)
			if err != nil {
				return false
			}
			changed := changeSet{Block: best.Block.Hash}
			if keys == nil {
				changed.Changes, err = allChanges(last, st)
			} else {
				var now changeSet
				now, err = valuesAt(st, best.Block.Hash, keys)
				if err == nil {
					changed.Changes = changesBetween(set.Changes, now.Changes)
					set = now
				}
			}
			last = st
			return err == nil && (len(changed.Changes) == 0 || sub.Send(changed) == nil)
		})
	}, nil
}

func allChanges(before, after *trie.State) (changes [][2]jsonrpc.Hex, err error) {
	err = after.Top().Diff(before.Top(), nil, func(key, _, now []byte) bool {
		changes = append(changes, [2]jsonrpc.Hex{key, present(now, now != nil)})
		return true
	})
	return changes, err
}
