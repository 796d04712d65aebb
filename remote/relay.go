package remote

import (
	"context"
	"encoding/hex"
	"fmt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/trie"
)

// Keys of a relay chain's state.
var (
	keyActiveConfig  = hashing.StorageKey("Configuration", "ActiveConfig")
	keyConfigVersion = hashing.StorageKey("Configuration", ":__STORAGE_VERSION__:")
	keyParaID        = hashing.StorageKey("ParachainInfo", "ParachainId")
)

// Relay is what is read of a relay chain.
type Relay struct {
	URL    string
	Name   string
	Hash   hashing.Hash
	Number uint32
	Config primitives.HostConfiguration
	// Layout is the storage version of the configuration.
	Layout int
	// Verified says that the configuration was proven from the block's state root.
	Verified bool
}

// OpenRelay reads the active host configuration of the relay chain at an address (see
// [ParseAddress]). It errors with [ErrNotRelay] and [ErrConfig], in an [*Error].
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
	keys := [][]byte{keyActiveConfig, keyConfigVersion, keyParaID}
	values, verified, err := n.values(c, keys)
	if err != nil {
		return nil, err
	}
	r := &Relay{URL: c.URL, Name: c.Name, Hash: c.Hash, Number: c.Header.Number, Verified: verified}
	raw, ok := values[string(keyActiveConfig)]
	if id, isPara := values[string(keyParaID)]; !ok && isPara && len(id) == 4 {
		return nil, fmt.Errorf("%w; it is parachain %d", ErrNotRelay, le32(id))
	}
	if !ok {
		return nil, ErrNotRelay
	}
	if v := values[string(keyConfigVersion)]; len(v) == 2 {
		r.Layout = int(v[0]) | int(v[1])<<8
	}
	config, layout, err := primitives.DecodeHostConfiguration(raw)
	switch {
	case err != nil && r.Layout != 0:
		return nil, fmt.Errorf("%w: it is of storage version %d", ErrConfig, r.Layout)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case r.Layout != 0 && r.Layout != layout:
		return nil, fmt.Errorf("%w: it is of storage version %d, but its bytes are those of version %d", ErrConfig, r.Layout, layout)
	}
	r.Config, r.Layout = config, layout
	return r, nil
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// values reads a few keys, with a proof where the node can make one.
func (n *session) values(c *Chain, keys [][]byte) (values map[string][]byte, proven bool, err error) {
	values = map[string][]byte{}
	if c.store, err = openStore(""); err != nil {
		return nil, false, err
	}
	n.read(c, n.client, c.Header.StateRoot)
	switch err = c.source.prove(keys); {
	case err == nil:
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
	case !cannotProve(err):
		return nil, false, err
	}
	for _, key := range keys {
		v, ok, err := n.value(n.ctx, "state_getStorage", "0x"+hex.EncodeToString(key), c.Hash.String())
		if err != nil {
			return nil, false, err
		}
		if ok {
			values[string(key)] = v
		}
	}
	return values, false, nil
}
