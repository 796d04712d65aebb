package rpc

import (
	"context"
	"fmt"

	"pileus/dev/rpc/jsonrpc"
	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// Limits of one answer.
const (
	maxKeysPage   = 1000
	maxAnswer     = 7 << 20 // bytes, which hex doubles: about what a response may hold
	maxQueryRange = 4096    // blocks of state_queryStorage
)

// addState registers the group state.
func (s *side) addState(m *jsonrpc.Methods) {
	m.Add(s.stateCall, "state_call", "state_callAt")
	m.Add(s.getStorage, "state_getStorage", "state_getStorageAt")
	m.Add(s.getStorageHash, "state_getStorageHash", "state_getStorageHashAt")
	m.Add(s.getStorageSize, "state_getStorageSize", "state_getStorageSizeAt")
	m.Add(s.getKeys, "state_getKeys")
	m.Add(s.getKeysPaged, "state_getKeysPaged", "state_getKeysPagedAt")
	m.AddUnsafe(s.getPairs, "state_getPairs")
	m.Add(s.getMetadata, "state_getMetadata")
	m.Add(s.getRuntimeVersion, "state_getRuntimeVersion", "chain_getRuntimeVersion")
	m.Add(s.queryStorageAt, "state_queryStorageAt")
	m.AddUnsafe(s.queryStorage, "state_queryStorage")
	m.Add(s.getReadProof, "state_getReadProof")
	m.Add(s.getChildReadProof, "state_getChildReadProof")
	if s.record != nil {
		m.AddUnsafe(s.callRecorded, "state_callRecorded")
	}
}

func (s *side) stateCall(ctx context.Context, c *jsonrpc.Call) (any, error) {
	name, args, hash := c.Text("name"), c.Bytes("bytes"), c.OptHash("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	out, err := s.call(ctx, s.at(hash), name, args)
	if err != nil {
		return nil, clientError(err)
	}
	return jsonrpc.Hex(out), nil
}

// callRecorded is state_callRecorded: the result with the proof of what was read.
func (s *side) callRecorded(ctx context.Context, c *jsonrpc.Call) (any, error) {
	name, args, hash := c.Text("method"), c.Bytes("data"), c.OptHash("block")
	if err := c.Err(); err != nil {
		return nil, err
	}
	out, proof, err := s.record(ctx, s.at(hash), name, args)
	if err != nil {
		return nil, clientError(err)
	}
	return jsonrpc.Hex(trie.Proof(proof).EncodeTo(scale.AppendBytes(nil, out))), nil
}

func (s *side) getStorage(_ context.Context, c *jsonrpc.Call) (any, error) {
	key, hash := c.Bytes("key"), c.OptHash("hash")
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) { return value(t, key) })
}

func (s *side) getStorageHash(_ context.Context, c *jsonrpc.Call) (any, error) {
	key, hash := c.Bytes("key"), c.OptHash("hash")
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) { return valueHash(t, key) })
}

// getStorageSize is the length of a value; where the key is none, that of all values
// whose keys begin with it.
func (s *side) getStorageSize(_ context.Context, c *jsonrpc.Call) (any, error) {
	key, hash := c.Bytes("key"), c.OptHash("hash")
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) {
		v, ok, err := t.Get(key, nil)
		if ok || err != nil {
			return len(v), err
		}
		sum := 0
		err = walk(t, key, nil, -1, func(_ []byte, it *trie.Iter) error {
			v, err := it.Value()
			sum += len(v)
			return err
		})
		if sum == 0 {
			return nil, err
		}
		return sum, err
	})
}

func (s *side) getKeys(_ context.Context, c *jsonrpc.Call) (any, error) {
	prefix, hash := c.Bytes("prefix"), c.OptHash("hash")
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) { return keys(t, prefix, nil, -1) })
}

func (s *side) getKeysPaged(_ context.Context, c *jsonrpc.Call) (any, error) {
	prefix, count, start, hash := c.OptBytes("prefix"), c.Number("count"), c.OptBytes("startKey"), c.OptHash("hash")
	if err := countLimit(c, count); err != nil {
		return nil, err
	}
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) { return keys(t, prefix, start, int(count)) })
}

func countLimit(c *jsonrpc.Call, count uint64) error {
	if c.Err() == nil && count > maxKeysPage {
		return fail(codeStateCount, fmt.Sprintf("count exceeds maximum value. value: %d, max: %d", count, maxKeysPage), nil)
	}
	return nil
}

func (s *side) getPairs(_ context.Context, c *jsonrpc.Call) (any, error) {
	prefix, hash := c.Bytes("prefix"), c.OptHash("hash")
	return onTrie(s, c, hash, nil, func(t *trie.Trie) (any, error) {
		pairs, size := [][2]jsonrpc.Hex{}, 0
		err := walk(t, prefix, nil, -1, func(key []byte, it *trie.Iter) error {
			v, err := it.Value()
			if size += len(key) + len(v); size > maxAnswer {
				return errTooMuch
			}
			pairs = append(pairs, [2]jsonrpc.Hex{key, v})
			return err
		})
		return pairs, err
	})
}

// getMetadata is the metadata as Metadata_metadata returns it, without the length in front.
func (s *side) getMetadata(ctx context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.OptHash("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	at := s.at(hash)
	if _, err := s.version(ctx, at); err != nil {
		return nil, clientError(err)
	}
	out, err := s.call(ctx, at, "Metadata_metadata", nil)
	if err != nil {
		return nil, clientError(err)
	}
	d := scale.NewDecoder(out)
	d.Len(len(out), 1)
	if err := d.Err(); err != nil {
		return nil, clientError(fmt.Errorf("decode the metadata: %w", err))
	}
	return jsonrpc.Hex(d.Rest()), nil
}

func (s *side) getRuntimeVersion(ctx context.Context, c *jsonrpc.Call) (any, error) {
	hash := c.OptHash("hash")
	if err := c.Err(); err != nil {
		return nil, err
	}
	v, err := s.version(ctx, s.at(hash))
	if err != nil {
		return nil, clientError(err)
	}
	return versionOf(v), nil
}

func (s *side) queryStorageAt(_ context.Context, c *jsonrpc.Call) (any, error) {
	keys, hash := c.BytesList("keys"), c.OptHash("at")
	if err := c.Err(); err != nil {
		return nil, err
	}
	at := s.at(hash)
	st, err := s.state(&at)
	if err != nil {
		return nil, err
	}
	set, err := valuesAt(st, at, keys)
	if err != nil {
		return nil, err
	}
	return []changeSet{set}, nil
}

func valuesAt(st *trie.State, at Hash, keys [][]byte) (changeSet, error) {
	set, size := changeSet{at, [][2]jsonrpc.Hex{}}, 0
	for _, key := range keys {
		v, ok, err := st.Top().Get(key, nil)
		if err != nil {
			return set, clientError(err)
		}
		if size += len(key) + len(v); size > maxAnswer {
			return set, clientError(errTooMuch)
		}
		set.Changes = append(set.Changes, [2]jsonrpc.Hex{key, present(v, ok)})
	}
	return set, nil
}

// queryStorage lists the values of keys at one block, then at each block up to another
// those that changed.
func (s *side) queryStorage(_ context.Context, c *jsonrpc.Call) (any, error) {
	keys, from, to := c.BytesList("keys"), c.Hash("fromBlock"), c.OptHash("toBlock")
	if err := c.Err(); err != nil {
		return nil, err
	}
	end := s.at(to)
	back, blocks, ok := s.store.Route(from, end)
	if !ok || len(back) > 0 || len(blocks) > maxQueryRange {
		return nil, fail(codeStateRange, fmt.Sprintf("Cannot resolve a block range ['%s' ... '%s']", from, end), fmt.Sprintf("at most %d blocks, the first an ancestor of the last", maxQueryRange))
	}
	st, err := s.state(&from)
	if err != nil {
		return nil, err
	}
	set, err := valuesAt(st, from, keys)
	if err != nil {
		return nil, err
	}
	sets := []changeSet{set}
	last := set.Changes
	for _, b := range blocks {
		st, err := s.state(&b.Hash)
		if err != nil {
			return nil, err
		}
		now, err := valuesAt(st, b.Hash, keys)
		if err != nil {
			return nil, err
		}
		if changed := changesBetween(last, now.Changes); len(changed) > 0 {
			sets = append(sets, changeSet{b.Hash, changed})
		}
		last = now.Changes
	}
	return sets, nil
}

// changesBetween are the entries of now whose value is another one than in before, at the same place.
func changesBetween(before, now [][2]jsonrpc.Hex) (changed [][2]jsonrpc.Hex) {
	for i := range now {
		a, b := before[i][1], now[i][1]
		if (a == nil) != (b == nil) || string(a) != string(b) {
			changed = append(changed, now[i])
		}
	}
	return changed
}

func (s *side) getReadProof(_ context.Context, c *jsonrpc.Call) (any, error) {
	keys, hash := c.BytesList("keys"), c.OptHash("hash")
	return s.prove(c, hash, func(st *trie.State) ([][]byte, error) { return trie.ReadProof(st.Top(), keys) })
}

func (s *side) getChildReadProof(_ context.Context, c *jsonrpc.Call) (any, error) {
	child, keys, hash := childID(c, "childStorageKey"), c.BytesList("keys"), c.OptHash("hash")
	return s.prove(c, hash, func(st *trie.State) ([][]byte, error) { return trie.ReadChildProof(st, child, keys) })
}

// prove answers with a proof from the state of a block.
func (s *side) prove(c *jsonrpc.Call, hash *Hash, f func(*trie.State) ([][]byte, error)) (any, error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	at := s.at(hash)
	st, err := s.state(&at)
	if err != nil {
		return nil, err
	}
	proof, err := f(st)
	if err != nil {
		return nil, clientError(err)
	}
	return readProof{at, hexes(proof)}, nil
}

var errTooMuch = fmt.Errorf("more than %d MiB are asked for; ask in pages", maxAnswer>>20)

// onTrie answers from the main trie of a block, or, with a child's id, from that child.
func onTrie(s *side, c *jsonrpc.Call, hash *Hash, child []byte, f func(*trie.Trie) (any, error)) (any, error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	st, err := s.state(hash)
	if err != nil {
		return nil, err
	}
	t := st.Top()
	if child != nil {
		if t, err = st.Child(child, nil); err != nil {
			return nil, clientError(err)
		}
		if t == nil {
			t = trie.New()
		}
	}
	v, err := f(t)
	if err != nil {
		return nil, clientError(err)
	}
	return v, nil
}

// present is a value as JSON has it: null if it is absent.
func present(v []byte, ok bool) jsonrpc.Hex {
	if !ok {
		return nil
	}
	if v == nil {
		return jsonrpc.Hex{}
	}
	return v
}

func value(t *trie.Trie, key []byte) (any, error) {
	v, ok, err := t.Get(key, nil)
	if !ok {
		return nil, err
	}
	return jsonrpc.Hex(v), err
}

func valueHash(t *trie.Trie, key []byte) (any, error) {
	h, ok, err := t.ValueHash(key, nil)
	if !ok {
		return nil, err
	}
	return hashing.Hash(h), err
}

func valueSize(t *trie.Trie, key []byte) (any, error) {
	v, ok, err := t.Get(key, nil)
	if !ok {
		return nil, err
	}
	return len(v), err
}

// walk calls f for the keys that begin with prefix and come after start, count at most;
// a negative count is any number.
func walk(t *trie.Trie, prefix, start []byte, count int, f func(key []byte, it *trie.Iter) error) error {
	it, err := t.Iter(prefix, start, nil)
	if err != nil {
		return err
	}
	for count != 0 {
		key, ok, err := it.Next()
		if !ok || err != nil {
			return err
		}
		if start != nil && string(key) == string(start) {
			continue
		}
		if err := f(key, it); err != nil {
			return err
		}
		count--
	}
	return nil
}

func keys(t *trie.Trie, prefix, start []byte, count int) (any, error) {
	list, size := []jsonrpc.Hex{}, 0
	err := walk(t, prefix, start, count, func(key []byte, _ *trie.Iter) error {
		if size += len(key); size > maxAnswer {
			return errTooMuch
		}
		list = append(list, key)
		return nil
	})
	return list, err
}
