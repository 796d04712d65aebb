package remote

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"pileus/hashing"
	"pileus/trie"
)

// Bounds of a state that is loaded whole.
const (
	maxLoadKeys  = 2_000_000
	maxLoadBytes = 1 << 30
	valueKeys    = 500 // asked for at once
)

// load reads the whole state of a node that cannot prove, makes tries of it and compares
// their root with the block's. Which layout the values have is tried: that of the runtime's
// state version first.
func (n *session) load(c *Chain, known *record) error {
	l := &loader{n: n, at: c.Hash.String()}
	top, err := l.pairs(nil)
	if err != nil {
		return err
	}
	children := map[string][]trie.Pair{}
	top = slices.DeleteFunc(top, func(p trie.Pair) bool {
		id, ok := bytes.CutPrefix(p.Key, []byte(trie.ChildPrefix))
		if ok {
			children[string(id)] = nil
		}
		return ok
	})
	for id := range children {
		if children[id], err = l.pairs([]byte(id)); err != nil {
			return err
		}
	}
	layout := trie.V0
	if raw, err := n.client.call(n.ctx, "state_getRuntimeVersion", l.at); err == nil {
		if v, err := decodeVersion(raw); err == nil {
			layout = trie.Version(v.layout())
		}
	}
	state := stateOf(layout, top, children)
	if state.Root() != c.Header.StateRoot {
		if other := stateOf(1-layout, top, children); other.Root() == c.Header.StateRoot {
			state = other
		} else {
			c.Notes = append(c.Notes, unverified(c, state.Root()))
			known.Root = state.Root().String()
		}
	}
	c.State, c.source = state, nil
	if n.options.CacheDir != "" {
		var nodes []node
		state.Written(trie.NewState(trie.New(), nil), func(hash hashing.Hash, data []byte) { nodes = append(nodes, node{hash, data}) })
		c.store.add(nodes)
	}
	return nil
}

func stateOf(v trie.Version, top []trie.Pair, children map[string][]trie.Pair) *trie.State {
	tries := map[string]*trie.Trie{}
	top = slices.Clone(top)
	for id, pairs := range children {
		t := trie.FromPairs(v, pairs)
		if t.IsEmpty() {
			continue
		}
		tries[id] = t
		root := t.Root()
		top = append(top, trie.Pair{Key: trie.ChildKey([]byte(id)), Value: root[:]})
	}
	return trie.NewState(trie.FromPairs(v, top), tries)
}

// loader reads tries page by page.
type loader struct {
	n     *session
	at    string
	keys  int
	bytes int
}

// pairs reads a whole trie: the main one, or that of a child.
func (l *loader) pairs(child []byte) (list []trie.Pair, err error) {
	for start := "0x"; ; {
		keys, err := l.page(child, start)
		if err != nil || len(keys) == 0 {
			return list, err
		}
		for part := range slices.Chunk(keys, valueKeys) {
			values, err := l.values(child, part)
			if err != nil {
				return nil, err
			}
			for _, key := range part {
				if v, ok := values[string(key)]; ok {
					list = append(list, trie.Pair{Key: key, Value: v})
					l.bytes += len(key) + len(v)
				}
			}
		}
		l.keys += len(keys)
		l.n.report(func(p *Progress) { p.Keys = l.keys })
		if l.keys > maxLoadKeys || l.bytes > maxLoadBytes {
			return nil, fmt.Errorf("%w (more than %d keys or %d MiB)", ErrStateTooMany, maxLoadKeys, maxLoadBytes>>20)
		}
		start = "0x" + hex.EncodeToString(keys[len(keys)-1])
	}
}

// page is the next page of keys, all greater than start.
func (l *loader) page(child []byte, start string) ([][]byte, error) {
	method, params := "state_getKeysPaged", []any{"0x", maxKeys, nil, l.at}
	if start != "0x" {
		params[2] = start
	}
	if child != nil {
		method, params = "childstate_getKeysPaged", append([]any{childKey(child)}, params...)
	}
	raw, err := l.n.client.call(l.n.ctx, method, params...)
	if err != nil {
		return nil, explain(err)
	}
	keys, err := decodeKeys(raw, maxKeys)
	if err != nil {
		return nil, err
	}
	last, err := parseBytes(start)
	for _, key := range keys {
		if bytes.Compare(key, last) <= 0 && start != "0x" {
			return nil, malformed("keys", "they do not ascend")
		}
		last = key
	}
	return keys, err
}

// values are those of some keys, fewer at once where an answer is too large.
func (l *loader) values(child []byte, keys [][]byte) (map[string][]byte, error) {
	if child != nil {
		return l.childValues(child, keys)
	}
	texts := make([]string, 0, len(keys))
	for _, key := range keys {
		texts = append(texts, "0x"+hex.EncodeToString(key))
	}
	raw, err := l.n.client.call(l.n.ctx, "state_queryStorageAt", texts, l.at)
	if err = explain(err); errors.Is(err, ErrTooLarge) && len(keys) > 1 {
		values, err := l.values(nil, keys[:len(keys)/2])
		if err != nil {
			return nil, err
		}
		more, err := l.values(nil, keys[len(keys)/2:])
		for k, v := range more {
			values[k] = v
		}
		return values, err
	}
	if err != nil {
		return nil, err
	}
	return decodeChanges(raw, len(keys))
}

// childValues asks for the values of a child one by one: servers that cannot prove have no more.
func (l *loader) childValues(child []byte, keys [][]byte) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, key := range keys {
		v, ok, err := l.n.value(l.n.ctx, "childstate_getStorage", childKey(child), "0x"+hex.EncodeToString(key), l.at)
		if err != nil {
			return nil, err
		}
		if ok {
			values[string(key)] = v
		}
	}
	return values, nil
}

// value asks for one value.
func (n *session) value(ctx context.Context, method string, params ...any) ([]byte, bool, error) {
	raw, err := n.client.call(ctx, method, params...)
	if err != nil {
		return nil, false, explain(err)
	}
	return decodeValue(raw)
}
