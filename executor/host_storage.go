package executor

import (
	"errors"
	"fmt"

	"pileus/scale"
	"pileus/trie"
)

var errNoStorage = errors.New("no storage here")

// store is the storage of the call.
func (e *env) store() *Storage {
	if e.storage == nil {
		fail(errNoStorage)
	}
	return e.storage
}

func stateVersion(v uint64) trie.Version {
	switch uint32(v) {
	case 0:
		return trie.V0
	case 1:
		return trie.V1
	}
	fail(fmt.Errorf("unknown state version %d", uint32(v)))
	return 0
}

// limitOf reads an Option<u32>.
func (e *env) limitOf(fat uint64) *uint32 {
	return decode(e.bytes(fat), func(d *scale.Decoder) *uint32 { return scale.DecodeOption(d, (*scale.Decoder).U32) })
}

// cursorOf reads an Option<Vec<u8>>.
func (e *env) cursorOf(fat uint64) []byte {
	c := decode(e.bytes(fat), func(d *scale.Decoder) *[]byte {
		return scale.DecodeOption(d, func(d *scale.Decoder) []byte { return append([]byte{}, d.Bytes(1<<20)...) })
	})
	if c == nil {
		return nil
	}
	return *c
}

// killResult is KillStorageResult: 0 all removed, 1 some remaining, with the count.
func killResult(r Removed) []byte {
	some := byte(0)
	if r.Cursor != nil {
		some = 1
	}
	return scale.AppendU32([]byte{some}, r.Loops)
}

// multiRemoval is MultiRemovalResults.
func multiRemoval(r Removed) []byte {
	b := []byte{0}
	if r.Cursor != nil {
		b = scale.AppendBytes([]byte{1}, r.Cursor)
	}
	return scale.AppendU32(scale.AppendU32(scale.AppendU32(b, r.Backend), r.Unique), r.Loops)
}

// readInto copies a value from an offset on into the guest's buffer and returns
// Option<u32>, the bytes from the offset on.
func (e *env) readInto(v []byte, ok bool, out uint64, offset uint32) uint64 {
	buf := e.bytes(out)
	if !ok {
		return e.fat([]byte{0})
	}
	rest := v[min(int(offset), len(v)):]
	copy(buf, rest)
	return e.fat(scale.AppendU32([]byte{1}, uint32(len(rest))))
}

// childKeyed tells whether a key belongs to child tries; the runtime may not write it.
func childKeyed(key []byte) bool {
	return len(key) >= len(childPrefix) && string(key[:len(childPrefix)]) == childPrefix
}

func init() {
	defineStorage()
	defineChildStorage()
}

func defineStorage() {
	node := func(name, params, result string, run func(e *env, s []uint64)) {
		define("storage_"+name, params, result, false, run)
	}
	node("get_version_1", "S", "S", func(e *env, s []uint64) {
		v, ok, err := e.store().Get(e.bytes(s[0]))
		s[0] = e.option(must(v, err), ok)
	})
	node("read_version_1", "SSu", "S", func(e *env, s []uint64) {
		v, ok, err := e.store().Get(e.bytes(s[0]))
		s[0] = e.readInto(must(v, err), ok, s[1], uint32(s[2]))
	})
	node("set_version_1", "SS", "", func(e *env, s []uint64) {
		if key := e.bytes(s[0]); !childKeyed(key) {
			e.store().Set(key, e.clone(s[1]))
		}
	})
	node("clear_version_1", "S", "", func(e *env, s []uint64) {
		if key := e.bytes(s[0]); !childKeyed(key) {
			e.store().Clear(key)
		}
	})
	node("exists_version_1", "S", "u", func(e *env, s []uint64) {
		s[0] = boolean(must(e.store().Exists(e.bytes(s[0]))))
	})
	node("clear_prefix_version_1", "S", "", func(e *env, s []uint64) {
		must(e.store().ClearPrefix(e.bytes(s[0]), nil, nil))
	})
	node("clear_prefix_version_2", "SS", "S", func(e *env, s []uint64) {
		s[0] = e.fat(killResult(must(e.store().ClearPrefix(e.bytes(s[0]), e.limitOf(s[1]), nil))))
	})
	node("clear_prefix_version_3", "SSS", "S", func(e *env, s []uint64) {
		s[0] = e.fat(multiRemoval(must(e.store().ClearPrefix(e.bytes(s[0]), e.limitOf(s[1]), e.cursorOf(s[2])))))
	})
	node("append_version_1", "SS", "", func(e *env, s []uint64) {
		if err := e.store().Append(e.bytes(s[0]), e.bytes(s[1])); err != nil {
			fail(err)
		}
	})
	node("root_version_1", "", "S", func(e *env, s []uint64) {
		root := must(e.store().Root(trie.V0))
		s[0] = e.fat(root[:])
	})
	node("root_version_2", "u", "S", func(e *env, s []uint64) {
		root := must(e.store().Root(stateVersion(s[0])))
		s[0] = e.fat(root[:])
	})
	node("changes_root_version_1", "S", "S", func(e *env, s []uint64) { s[0] = e.fat([]byte{0}) })
	node("next_key_version_1", "S", "S", func(e *env, s []uint64) {
		key, ok, err := e.store().NextKey(e.bytes(s[0]))
		s[0] = e.option(must(key, err), ok)
	})
	node("start_transaction_version_1", "", "", func(e *env, _ []uint64) { e.store().Begin() })
	node("rollback_transaction_version_1", "", "", func(e *env, _ []uint64) { must(0, e.store().Rollback()) })
	node("commit_transaction_version_1", "", "", func(e *env, _ []uint64) { must(0, e.store().Commit()) })

	define("offchain_index_set_version_1", "SS", "", false, func(e *env, s []uint64) {
		e.store().offchain.set(string(e.bytes(s[0])), e.clone(s[1]), false)
	})
	define("offchain_index_clear_version_1", "S", "", false, func(e *env, s []uint64) {
		e.store().offchain.set(string(e.bytes(s[0])), nil, true)
	})
	define("storage_proof_size_storage_proof_size_version_1", "", "U", false, func(e *env, s []uint64) {
		switch {
		case e.opts.ProofSize != nil:
			s[0] = e.opts.ProofSize()
		case e.storage != nil:
			s[0] = e.storage.ProofSize()
		default:
			s[0] = ^uint64(0)
		}
	})
	// Where the data of an extrinsic lies matters to a node that serves it; no state depends on it.
	define("transaction_index_index_version_1", "uuP", "", false, func(e *env, s []uint64) { e.at(s[2], 32) })
	define("transaction_index_renew_version_1", "uP", "", false, func(e *env, s []uint64) { e.at(s[1], 32) })
}

func defineChildStorage() {
	child := func(name, params, result string, run func(e *env, id []byte, s []uint64)) {
		define("default_child_storage_"+name, params, result, false, func(e *env, s []uint64) {
			run(e, e.clone(s[0]), s)
		})
	}
	child("get_version_1", "SS", "S", func(e *env, id []byte, s []uint64) {
		v, ok, err := e.store().ChildGet(id, e.bytes(s[1]))
		s[0] = e.option(must(v, err), ok)
	})
	child("read_version_1", "SSSu", "S", func(e *env, id []byte, s []uint64) {
		v, ok, err := e.store().ChildGet(id, e.bytes(s[1]))
		s[0] = e.readInto(must(v, err), ok, s[2], uint32(s[3]))
	})
	child("set_version_1", "SSS", "", func(e *env, id []byte, s []uint64) {
		e.store().ChildSet(id, e.bytes(s[1]), e.clone(s[2]))
	})
	child("clear_version_1", "SS", "", func(e *env, id []byte, s []uint64) { e.store().ChildClear(id, e.bytes(s[1])) })
	child("exists_version_1", "SS", "u", func(e *env, id []byte, s []uint64) {
		s[0] = boolean(must(e.store().ChildExists(id, e.bytes(s[1]))))
	})
	child("next_key_version_1", "SS", "S", func(e *env, id []byte, s []uint64) {
		key, ok, err := e.store().ChildNextKey(id, e.bytes(s[1]))
		s[0] = e.option(must(key, err), ok)
	})
	child("storage_kill_version_1", "S", "", func(e *env, id []byte, s []uint64) {
		must(e.store().ChildClearPrefix(id, nil, nil, nil))
	})
	child("storage_kill_version_2", "SS", "u", func(e *env, id []byte, s []uint64) {
		r := must(e.store().ChildClearPrefix(id, nil, e.limitOf(s[1]), nil))
		s[0] = boolean(r.Cursor == nil)
	})
	child("storage_kill_version_3", "SS", "S", func(e *env, id []byte, s []uint64) {
		s[0] = e.fat(killResult(must(e.store().ChildClearPrefix(id, nil, e.limitOf(s[1]), nil))))
	})
	child("storage_kill_version_4", "SSS", "S", func(e *env, id []byte, s []uint64) {
		s[0] = e.fat(multiRemoval(must(e.store().ChildClearPrefix(id, nil, e.limitOf(s[1]), e.cursorOf(s[2])))))
	})
	child("clear_prefix_version_1", "SS", "", func(e *env, id []byte, s []uint64) {
		must(e.store().ChildClearPrefix(id, e.bytes(s[1]), nil, nil))
	})
	child("clear_prefix_version_2", "SSS", "S", func(e *env, id []byte, s []uint64) {
		s[0] = e.fat(killResult(must(e.store().ChildClearPrefix(id, e.bytes(s[1]), e.limitOf(s[2]), nil))))
	})
	child("clear_prefix_version_3", "SSSS", "S", func(e *env, id []byte, s []uint64) {
		s[0] = e.fat(multiRemoval(must(e.store().ChildClearPrefix(id, e.bytes(s[1]), e.limitOf(s[2]), e.cursorOf(s[3])))))
	})
	child("root_version_1", "S", "S", func(e *env, id []byte, s []uint64) {
		root := must(e.store().ChildRoot(id, trie.V0))
		s[0] = e.fat(root[:])
	})
	child("root_version_2", "Su", "S", func(e *env, id []byte, s []uint64) {
		root := must(e.store().ChildRoot(id, stateVersion(s[1])))
		s[0] = e.fat(root[:])
	})
}
