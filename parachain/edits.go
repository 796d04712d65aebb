package parachain

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// editor collects changes to a genesis, and a sentence on each for the report.
//
// Chain specs of real chains name real authorities, whose secret keys nobody here has.
// They are replaced wherever the runtime keeps them, so that no later session brings the
// foreign ones back:
//
//	Aura.Authorities, AuraExt.Authorities   who authors now
//	Session.QueuedKeys                      who authors in the next session
//	Session.NextKeys, KeyOwner, Validators  what the sessions after that are made of
//	CollatorSelection.Invulnerables         who is chosen for them
type editor struct {
	meta      *metadata.Metadata
	state     *trie.State
	changes   []trie.Change
	sentences []string
}

func (e *editor) say(format string, args ...any) {
	e.sentences = append(e.sentences, fmt.Sprintf(format, args...))
}

func (e *editor) set(key, value []byte) {
	e.changes = append(e.changes, trie.Change{Key: key, Value: value})
}

// put encodes the value of a storage item and sets it.
func (e *editor) put(pallet, item string, value any, keys ...any) error {
	key, err := e.meta.StorageKey(pallet, item, keys...)
	if err != nil {
		return err
	}
	_, entry, err := e.meta.StorageEntry(pallet, item)
	if err != nil {
		return err
	}
	raw, err := e.meta.Types.EncodeValue(nil, entry.Value, value)
	if err != nil {
		return fmt.Errorf("%s.%s: %w", pallet, item, err)
	}
	e.set(key, raw)
	return nil
}

// get reads a storage item: the value that stands there, else the default.
func (e *editor) get(pallet, item string, keys ...any) (v metadata.Value, present bool, err error) {
	key, err := e.meta.StorageKey(pallet, item, keys...)
	if err != nil {
		return v, false, err
	}
	raw, ok, err := e.state.Top().Get(key, nil)
	if err != nil {
		return v, false, err
	}
	if !ok {
		raw = nil
	}
	return e.meta.DecodeStorage(pallet, item, raw)
}

// has tells whether the runtime has a storage item.
func (e *editor) has(pallet, item string) bool {
	_, _, err := e.meta.StorageEntry(pallet, item)
	return err == nil
}

// wipe deletes all entries of a map and counts them.
func (e *editor) wipe(pallet, item string) (n int, err error) {
	prefix, err := e.meta.StorageKey(pallet, item)
	if err != nil {
		return 0, err
	}
	it, err := e.state.Top().Iter(prefix, nil, nil)
	if err != nil {
		return 0, err
	}
	for {
		key, ok, err := it.Next()
		if err != nil || !ok {
			return n, err
		}
		e.changes = append(e.changes, trie.Change{Key: bytes.Clone(key), Delete: true})
		n++
	}
}

// authorities makes the given keys the authorities, now and in all sessions to come.
func (e *editor) authorities(ctx context.Context, r *runtimeapi.Runtime, keys []AuraKey) error {
	old, err := r.Authorities(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	if len(old) == len(keys) && slices.EqualFunc(old, keys, func(a [32]byte, k AuraKey) bool { return a == k.Public }) {
		return nil
	}
	members, err := e.session(ctx, r, keys)
	if err != nil {
		return err
	}
	list := make([][]byte, 0, len(members))
	for _, k := range members {
		list = append(list, k.Public[:])
	}
	encoded := scale.AppendVecFunc(nil, list, func(b, k []byte) []byte { return append(b, k...) })
	for _, pallet := range []string{"Aura", "AuraExt"} {
		if e.has(pallet, "Authorities") {
			e.set(hashing.StorageKey(pallet, "Authorities"), encoded)
		}
	}
	e.say("The %d Aura authorities of the chain are replaced by %d development keys (%s): %s.",
		len(old), len(keys), keys[0].Scheme, strings.Join(names, ", "))
	return nil
}

// session puts the keys where the session pallet keeps them, and returns them in the
// order in which its sessions list them. Without the pallet that is the given order.
func (e *editor) session(ctx context.Context, r *runtimeapi.Runtime, keys []AuraKey) ([]AuraKey, error) {
	if !e.has("Session", "QueuedKeys") || !e.has("Session", "NextKeys") {
		return keys, nil
	}
	ids, keys, err := e.members(keys)
	if err != nil || len(ids) == 0 {
		return keys, err
	}
	for _, item := range []string{"NextKeys", "KeyOwner"} {
		if _, err := e.wipe("Session", item); err != nil {
			return nil, err
		}
	}
	_, entry, err := e.meta.StorageEntry("Session", "NextKeys")
	if err != nil {
		return nil, err
	}
	queued := make([]metadata.Value, 0, len(ids))
	for i, id := range ids {
		value, err := e.sessionKeys(entry.Value, keys[i])
		if err != nil {
			return nil, err
		}
		if err := e.put("Session", "NextKeys", value, id); err != nil {
			return nil, err
		}
		queued = append(queued, metadata.Tuple(metadata.Bytes(id), value))
		if err := e.owners(ctx, r, entry.Value, value, id); err != nil {
			return nil, err
		}
	}
	if err := e.put("Session", "QueuedKeys", metadata.List(queued...)); err != nil {
		return nil, err
	}
	if err := e.put("Session", "Validators", metadata.List(bytesList(ids)...)); err != nil {
		return nil, err
	}
	e.say("The queued and next keys of the session pallet are replaced as well, so that its sessions keep the development keys.")
	return keys, nil
}

// members are the accounts in whose name the collators author, each with its key. With
// CollatorSelection they are new accounts, which become its only invulnerables. Any other
// way to select collators is left alone: the accounts that it has chosen
// stay, and the keys are dealt out to them in turn.
func (e *editor) members(keys []AuraKey) (ids [][]byte, dealt []AuraKey, err error) {
	if !e.has("CollatorSelection", "Invulnerables") {
		queued, _, err := e.get("Session", "QueuedKeys")
		if err != nil {
			return nil, nil, err
		}
		for i, q := range queued.Items {
			id, ok := q.Get("0")
			if !ok {
				return nil, nil, fmt.Errorf("Session.QueuedKeys: entry %d names no validator", i)
			}
			ids = append(ids, id.Bytes)
			dealt = append(dealt, keys[i%len(keys)])
		}
		if len(ids) == 0 {
			return nil, keys, nil
		}
		if len(ids)%len(keys) != 0 {
			e.say("The runtime selects its %d collators by a pallet that is not known here, so the %d development keys are dealt out to them in turn.", len(ids), len(keys))
		}
		return ids, dealt, nil
	}
	for _, k := range keys {
		ids = append(ids, e.account(k.Name, k.Public))
	}
	// Sessions list the invulnerables as they are stored: sorted.
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(ids[a], ids[b]) })
	sorted := make([][]byte, 0, len(ids))
	for _, i := range order {
		sorted = append(sorted, ids[i])
		dealt = append(dealt, keys[i])
	}
	if err := e.put("CollatorSelection", "Invulnerables", metadata.List(bytesList(sorted)...)); err != nil {
		return nil, nil, err
	}
	for _, item := range []string{"CandidateList", "Candidates"} {
		if e.has("CollatorSelection", item) {
			if err := e.put("CollatorSelection", item, metadata.List()); err != nil {
				return nil, nil, err
			}
		}
	}
	e.say("CollatorSelection has the %d development accounts as its only invulnerables, and no candidates.", len(ids))
	return sorted, dealt, nil
}

// account is the account id of a development key: the public key, or the Ethereum
// address where the runtime has such accounts.
func (e *editor) account(name string, public [32]byte) []byte {
	if accountSize(e.meta) != 20 {
		return public[:]
	}
	pair, err := crypto.NewEcdsaFromURI("//" + name)
	if err != nil {
		return public[:20]
	}
	address := pair.EthereumAddress()
	return address[:]
}

// sessionKeys is a value of the type of the runtime's session keys: the Aura key, and
// in the place of other keys the same bytes.
func (e *editor) sessionKeys(id metadata.TypeID, key AuraKey) (metadata.Value, error) {
	t := e.meta.Types.Type(id)
	if t == nil || t.Def.Kind != metadata.DefComposite {
		return metadata.Value{}, fmt.Errorf("session keys of type %s are not a struct", e.meta.Types.Describe(id))
	}
	if len(t.Def.Fields) == 1 && t.Def.Fields[0].Name == "" {
		return metadata.Bytes(key.Public[:]), nil
	}
	v := metadata.Tuple()
	for _, f := range t.Def.Fields {
		size, ok := fixedSize(e.meta.Types, f.Type)
		if !ok {
			return v, fmt.Errorf("session key %s is of type %s", f.Name, e.meta.Types.Describe(f.Type))
		}
		raw := make([]byte, size)
		copy(raw, key.Public[:])
		v = v.With(f.Name, metadata.Bytes(raw))
	}
	return v, nil
}

// owners notes whose the session keys are, by the key types that the runtime itself names.
func (e *editor) owners(ctx context.Context, r *runtimeapi.Runtime, id metadata.TypeID, keys metadata.Value, owner []byte) error {
	raw, err := e.meta.Types.EncodeValue(nil, id, keys)
	if err != nil {
		return err
	}
	list, ok, err := r.DecodeSessionKeys(ctx, raw)
	if err != nil || !ok {
		return err
	}
	for _, k := range list {
		name := metadata.Tuple(metadata.Bytes(k.Type[:]), metadata.Bytes(k.Key))
		if err := e.put("Session", "KeyOwner", owner, name); err != nil {
			return err
		}
	}
	return nil
}

// fixedSize is the number of bytes of a type that is an array of bytes, however wrapped.
func fixedSize(r metadata.Registry, id metadata.TypeID) (int, bool) {
	for range 8 {
		t := r.Type(id)
		switch {
		case t == nil:
			return 0, false
		case t.Def.Kind == metadata.DefArray:
			return int(t.Def.Len), t.Def.Len <= 128
		case t.Def.Kind == metadata.DefComposite && len(t.Def.Fields) == 1:
			id = t.Def.Fields[0].Type
		default:
			return 0, false
		}
	}
	return 0, false
}

func bytesList(list [][]byte) []metadata.Value {
	values := make([]metadata.Value, 0, len(list))
	for _, b := range list {
		values = append(values, metadata.Bytes(b))
	}
	return values
}
