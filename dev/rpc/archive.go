package rpc

import (
	"context"
	"math"
	"slices"
	"strings"

	"pileus/dev/rpc/jsonrpc"
	"pileus/hashing"
)

// codeArchiveParam: a parameter of archive_v1 is wrong.
const codeArchiveParam = 3001

// addArchive registers the group archive_v1, if all blocks and states are kept.
func (s *side) addArchive(m *jsonrpc.Methods) {
	if s.store.Pruning().Prunes() {
		return
	}
	genesis := s.info.Genesis
	m.Add(func(context.Context, *jsonrpc.Call) (any, error) { return genesis, nil }, "archive_v1_genesisHash")
	m.Add(func(context.Context, *jsonrpc.Call) (any, error) { return s.store.Finalized().Number(), nil }, "archive_v1_finalizedHeight")
	m.Add(s.archiveHeader, "archive_v1_header")
	m.Add(s.archiveBody, "archive_v1_body")
	m.Add(s.archiveHashes, "archive_v1_hashByHeight")
	m.Add(s.archiveCall, "archive_v1_call")
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"archive_v1_storage"}, Unsubscribe: []string{"archive_v1_stopStorage"}, Event: "archive_v1_storageEvent",
	}, s.archiveStorage)
	m.Subscription(jsonrpc.Names{
		Subscribe: []string{"archive_v1_storageDiff"}, Unsubscribe: []string{"archive_v1_storageDiff_stopStorageDiff"}, Event: "archive_v1_storageDiffEvent",
	}, s.archiveDiff)
}

func (s *side) archiveHeader(_ context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.Hash("hash")
	if b, ok := s.store.Get(hash); ok && c.Err() == nil {
		return jsonrpc.Hex(b.Header.EncodeTo(nil)), nil
	}
	return nil, c.Err()
}

func (s *side) archiveBody(_ context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.Hash("hash")
	if b, ok := s.store.Get(hash); ok && c.Err() == nil {
		return bodyOf(b), nil
	}
	return nil, c.Err()
}

func (s *side) archiveHashes(_ context.Context, c *jsonrpc.Call) (any, error) {
	height := c.Number("height")
	hashes := []Hash{}
	if height <= math.MaxUint32 && c.Err() == nil {
		hashes = append(hashes, s.store.AtNumber(uint32(height))...)
	}
	return hashes, c.Err()
}

// archiveCall answers a failed call, and one on an unknown block, as a result.
func (s *side) archiveCall(ctx context.Context, c *jsonrpc.Call) (any, error) {
	hash, function, args := c.Hash("hash"), c.Text("function"), c.StrictBytes("callParameters")
	if err := c.Err(); err != nil {
		return nil, err
	}
	out, err := s.call(ctx, hash, function, args)
	if err != nil {
		return map[string]any{"success": false, "error": err.Error()}, nil
	}
	return map[string]any{"success": true, "value": present(out, true)}, nil
}

type (
	evArchive struct { // storageDone, storageDiffDone
		Event string `json:"event"`
	}
	evArchiveItem struct {
		Event string `json:"event"`
		storageResult
	}
	evArchiveError struct {
		Event string `json:"event"`
		Error string `json:"error"`
	}
	evDiff struct {
		Event string       `json:"event"`
		Key   jsonrpc.Hex  `json:"key"`
		Value *jsonrpc.Hex `json:"value,omitempty"`
		Hash  *Hash        `json:"hash,omitempty"`
		Type  string       `json:"type"`
		Child *jsonrpc.Hex `json:"childTrieKey,omitempty"`
	}
)

// archiveStorage streams items. What is wrong about the parameters is an event as well.
func (s *side) archiveStorage(_ context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	hash := c.Hash("hash")
	var items []storageItem
	c.JSON("items", &items)
	child := childTrie(c)
	err := c.Err()
	if err == nil {
		err = parseItems(items)
	}
	return func(ctx context.Context) {
		if err == nil {
			err = s.streamItems(ctx, sub, hash, child, items)
		}
		if err != nil {
			sub.Send(evArchiveError{"storageError", err.Error()})
			return
		}
		sub.Send(evArchive{"storageDone"})
	}, nil
}

func (s *side) streamItems(ctx context.Context, sub *jsonrpc.Subscription, hash Hash, child []byte, items []storageItem) error {
	st, err := s.store.State(hash)
	if err != nil {
		return err
	}
	return queryItems(ctx, st, child, items, func(r storageResult) error {
		return sub.Send(evArchiveItem{"storage", r})
	})
}

// diffItem asks for what changed below a prefix.
type diffItem struct {
	Key    string  `json:"key"`
	Return string  `json:"returnType"`
	Child  *string `json:"childTrieKey"`

	key, child []byte
}

func (i *diffItem) parse() (err error) {
	if i.Return != itemValue && i.Return != itemHash {
		return fail(codeArchiveParam, "returnType is value or hash", nil)
	}
	if i.key, err = jsonrpc.ParseHexStrict(i.Key); err == nil && i.Child != nil {
		i.child, err = jsonrpc.ParseHexStrict(*i.Child)
		if i.child == nil {
			i.child = []byte{}
		}
	}
	return err
}

// archiveDiff streams what changed between two blocks, the second being the first's parent by default.
func (s *side) archiveDiff(_ context.Context, c *jsonrpc.Call, sub *jsonrpc.Subscription) (func(context.Context), error) {
	hash := c.Hash("hash")
	var items []diffItem
	c.OptJSON("items", &items)
	previous := c.OptHash("previousHash")
	err := c.Err()
	for i := range items {
		if err == nil {
			err = items[i].parse()
		}
	}
	if err == nil && len(items) > maxItems {
		err = jsonrpc.InvalidParams("too many items")
	}
	if len(items) == 0 {
		items = []diffItem{{Return: itemValue}}
	}
	return func(ctx context.Context) {
		if err == nil {
			err = s.streamDiff(ctx, sub, hash, previous, absorb(items))
		}
		if err != nil {
			sub.Send(evArchiveError{"storageDiffError", err.Error()})
			return
		}
		sub.Send(evArchive{"storageDiffDone"})
	}, nil
}

// absorb leaves out items whose prefix begins with that of another one of the same kind.
func absorb(items []diffItem) (list []diffItem) {
	trie := func(i diffItem) string {
		if i.child == nil {
			return i.Return
		}
		return i.Return + " " + string(i.child)
	}
	slices.SortStableFunc(items, func(a, b diffItem) int { return len(a.key) - len(b.key) })
	for _, i := range items {
		if !slices.ContainsFunc(list, func(j diffItem) bool {
			return trie(i) == trie(j) && strings.HasPrefix(string(i.key), string(j.key))
		}) {
			list = append(list, i)
		}
	}
	return list
}

func (s *side) streamDiff(ctx context.Context, sub *jsonrpc.Subscription, hash Hash, previous *Hash, items []diffItem) error {
	if previous == nil {
		b, ok := s.store.Get(hash)
		if !ok {
			_, err := s.store.State(hash)
			return err
		}
		parent := b.Parent()
		previous = &parent
	}
	for _, i := range items {
		var err error
		diff := func(key, before, after []byte) bool {
			if err = ctx.Err(); err == nil {
				err = sub.Send(diffEvent(i, key, before, after))
			}
			return err == nil
		}
		if e := s.diff(hash, *previous, i, diff); e != nil {
			return e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *side) diff(hash, previous Hash, i diffItem, f func(key, before, after []byte) bool) error {
	now, err := s.store.State(hash)
	if err != nil {
		return err
	}
	was, err := s.store.State(previous)
	if err != nil {
		return err
	}
	a, err := trieOrEmpty(was, i.child)
	if err != nil {
		return err
	}
	b, err := trieOrEmpty(now, i.child)
	if err != nil {
		return err
	}
	return b.Diff(a, i.key, f)
}

func diffEvent(i diffItem, key, before, after []byte) evDiff {
	e, v := evDiff{Event: "storageDiff", Key: slices.Clone(key), Type: "modified"}, after
	switch {
	case before == nil:
		e.Type = "added"
	case after == nil:
		e.Type, v = "deleted", before
	}
	if i.child != nil {
		id := jsonrpc.Hex(i.child)
		e.Child = &id
	}
	if i.Return == itemHash {
		h := hashing.Blake2b256(v)
		e.Hash = &h
	} else {
		value := present(v, true)
		e.Value = &value
	}
	return e
}
