package rpc

import (
	"context"
	"fmt"

	"pileus/dev/rpc/jsonrpc"
	"pileus/trie"
)

// storageItem is what chainHead_v1_storage and archive_v1_storage are asked for.
type storageItem struct {
	Key   string  `json:"key"`
	Type  string  `json:"type"`
	Start *string `json:"paginationStartKey"`

	key, start []byte
}

// Kinds of storage items.
const (
	itemValue             = "value"
	itemHash              = "hash"
	itemMerkle            = "closestDescendantMerkleValue"
	itemDescendantsValues = "descendantsValues"
	itemDescendantsHashes = "descendantsHashes"
)

// maxItems is how many items one call may ask for.
const maxItems = 8192

// parse checks an item and reads its keys.
func (i *storageItem) parse() (err error) {
	descendants := false
	switch i.Type {
	case itemValue, itemHash, itemMerkle:
	case itemDescendantsValues, itemDescendantsHashes:
		descendants = true
	default:
		return fmt.Errorf("type %q is not one of value, hash, closestDescendantMerkleValue, descendantsValues, descendantsHashes", i.Type)
	}
	if i.key, err = jsonrpc.ParseHexStrict(i.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if i.Start == nil {
		return nil
	}
	if !descendants {
		return fmt.Errorf("paginationStartKey is for descendants only")
	}
	if i.start, err = jsonrpc.ParseHexStrict(*i.Start); err != nil {
		return fmt.Errorf("paginationStartKey: %w", err)
	}
	return nil
}

func parseItems(items []storageItem) error {
	if len(items) > maxItems {
		return fmt.Errorf("more than %d items", maxItems)
	}
	for n := range items {
		if err := items[n].parse(); err != nil {
			return fmt.Errorf("item %d: %w", n, err)
		}
	}
	return nil
}

// storageResult is one found item.
type storageResult struct {
	Key    jsonrpc.Hex  `json:"key"`
	Value  *jsonrpc.Hex `json:"value,omitempty"`
	Hash   *Hash        `json:"hash,omitempty"`
	Merkle *jsonrpc.Hex `json:"closestDescendantMerkleValue,omitempty"`
	Child  *jsonrpc.Hex `json:"childTrieKey,omitempty"`
}

// childOf is the trie to read: the main one, or, with an id, a child; nil if there is no such child.
func childOf(st *trie.State, child []byte) (*trie.Trie, error) {
	if child == nil {
		return st.Top(), nil
	}
	return st.Child(child, nil)
}

// queryItems finds items one after the other. What is absent gives nothing.
func queryItems(ctx context.Context, st *trie.State, child []byte, items []storageItem, found func(storageResult) error) error {
	t, err := childOf(st, child)
	if err != nil || t == nil {
		return err
	}
	tell := func(r storageResult) error {
		if child != nil {
			id := jsonrpc.Hex(child)
			r.Child = &id
		}
		return found(r)
	}
	for _, i := range items {
		if err := queryItem(ctx, t, i, tell); err != nil {
			return err
		}
	}
	return nil
}

func queryItem(ctx context.Context, t *trie.Trie, i storageItem, tell func(storageResult) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	valued := func(key, v []byte) error {
		value := present(v, true)
		return tell(storageResult{Key: key, Value: &value})
	}
	hashed := func(key []byte) error {
		h, ok, err := t.ValueHash(key, nil)
		if err != nil || !ok {
			return err
		}
		return tell(storageResult{Key: key, Hash: &h})
	}
	switch i.Type {
	case itemValue:
		v, ok, err := t.Get(i.key, nil)
		if err != nil || !ok {
			return err
		}
		return valued(i.key, v)
	case itemHash:
		return hashed(i.key)
	case itemMerkle:
		v, ok, err := t.MerkleValue(i.key)
		if err != nil || !ok {
			return err
		}
		merkle := jsonrpc.Hex(v)
		return tell(storageResult{Key: i.key, Merkle: &merkle})
	}
	return walk(t, i.key, i.start, -1, func(key []byte, it *trie.Iter) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i.Type == itemDescendantsHashes {
			return hashed(key)
		}
		v, err := it.Value()
		if err != nil {
			return err
		}
		return valued(key, v)
	})
}

// trieOrEmpty is childOf, with an empty trie for a child that is absent.
func trieOrEmpty(st *trie.State, child []byte) (*trie.Trie, error) {
	t, err := childOf(st, child)
	if t == nil && err == nil {
		t = trie.New()
	}
	return t, err
}
