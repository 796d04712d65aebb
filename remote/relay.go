package remote

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Keys of a relay chain's state, and by which a parachain's is known.
var (
	keyConfigVersion = hashing.StorageKey("Configuration", ":__STORAGE_VERSION__:")
	keyParachains    = hashing.StorageKey("Paras", "Parachains")
	keyParaID        = hashing.StorageKey("ParachainInfo", "ParachainId")
)

// maxParas is how many parachains a relay chain may list.
const maxParas = 4096

// apiParachainHost is the id of the runtime API ParachainHost: blake2b-64 of its name.
const apiParachainHost = "0xaf2c0297a23e6d3d"

// Relay is what is read of a relay chain.
type Relay struct {
	URL    string
	Name   string
	Hash   hashing.Hash
	Number uint32
	Config primitives.HostConfiguration
	// Layout is the storage version of the configuration; 0 if it is not stored.
	Layout int
	// ParachainHost is the version of that runtime API, as the node says it; 0 if it does not.
	ParachainHost uint32
	// Codes are the validation code hashes of the parachains.
	Codes map[primitives.ParaID]primitives.Hash
	// Verified says that configuration and hashes were proven from the block's state root.
	Verified bool
}

// OpenRelay reads the active host configuration of the relay chain at an address (see
// [ParseAddress]), and which code its parachains have. It errors with [ErrNotRelay] and
// [ErrConfig], in an [*Error].
func OpenRelay(ctx context.Context, address string, o Options) (*Relay, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return nil, &Error{URL: address, Err: err}
	}
	n := newSession(ctx, a, o)
	defer n.close()
	r, err := n.relay()
	if err != nil {
		return nil, n.fail(err)
	}
	return r, nil
}

func (n *session) relay() (*Relay, error) {
	c, err := n.find()
	if err != nil {
		return nil, err
	}
	if c.store, err = openStore(""); err != nil {
		return nil, err
	}
	n.read(c, n.client, c.Header.StateRoot)
	values, verified, err := n.values(c, [][]byte{primitives.KeyActiveConfig, keyConfigVersion, keyParachains, keyParaID})
	if err != nil {
		return nil, err
	}
	r := &Relay{URL: c.URL, Name: c.Name, Hash: c.Hash, Number: c.Header.Number, Verified: verified}
	if err := r.configure(values); err != nil {
		return nil, err
	}
	if raw, err := n.client.call(n.ctx, "state_getRuntimeVersion", c.Hash.String()); err == nil {
		if v, err := decodeVersion(raw); err == nil {
			r.ParachainHost = v.api(apiParachainHost)
		}
	}
	r.Codes, err = n.codes(c, values[string(keyParachains)])
	return r, err
}

// configure decodes the configuration.
func (r *Relay) configure(values map[string][]byte) error {
	raw, ok := values[string(primitives.KeyActiveConfig)]
	if id, isPara := values[string(keyParaID)]; !ok && isPara && len(id) == 4 {
		return fmt.Errorf("%w; it is parachain %d", ErrNotRelay, scale.NewDecoder(id).U32())
	}
	if !ok {
		return ErrNotRelay
	}
	if v := values[string(keyConfigVersion)]; len(v) == 2 {
		r.Layout = int(v[0]) | int(v[1])<<8
	}
	err := r.Config.DecodeAny(raw)
	switch {
	case r.Layout != 0 && r.Layout != 12 && r.Layout != 13:
		return fmt.Errorf("%w: it is of storage version %d, known are 12 and 13", ErrConfig, r.Layout)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// codes reads the code hashes of the listed parachains.
func (n *session) codes(c *Chain, list []byte) (map[primitives.ParaID]primitives.Hash, error) {
	d := scale.NewDecoder(list)
	ids := scale.DecodeVecFunc(d, maxParas, func(d *scale.Decoder) primitives.ParaID { return primitives.ParaID(d.U32()) })
	if len(list) == 0 || d.Finish() != nil {
		return nil, nil
	}
	keys := make([][]byte, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, append(bytes.Clone(primitives.PrefixCurrentCodeHash), hashing.Twox64Concat(scale.AppendU32(nil, uint32(id)))...))
	}
	values, _, err := n.values(c, keys)
	if err != nil {
		return nil, err
	}
	codes := map[primitives.ParaID]primitives.Hash{}
	for i, id := range ids {
		if v := values[string(keys[i])]; len(v) == 32 {
			codes[id] = primitives.Hash(v)
		}
	}
	return codes, nil
}

// values reads some keys, with a proof where the node can make one. Absent ones are left out.
func (n *session) values(c *Chain, keys [][]byte) (values map[string][]byte, proven bool, err error) {
	err = c.source.prove(keys)
	if cannotProve(err) {
		texts := make([]string, 0, len(keys))
		for _, key := range keys {
			texts = append(texts, "0x"+hex.EncodeToString(key))
		}
		raw, err := n.client.call(n.ctx, "state_queryStorageAt", texts, c.Hash.String())
		if err != nil {
			return nil, false, explain(err)
		}
		values, err = decodeChanges(raw, len(keys))
		return values, false, err
	}
	if err != nil {
		return nil, false, err
	}
	values = map[string][]byte{}
	top := trie.StateFromSource(c.Header.StateRoot, overlay{nil, c.store}).Top()
	for _, key := range keys {
		v, ok, err := top.Get(key, nil)
		if err != nil {
			return nil, false, err
		}
		if ok {
			values[string(key)] = v
		}
	}
	return values, true, nil
}
