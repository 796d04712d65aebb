package parachain

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/trie"
)

// Live is a block of a chain that runs elsewhere, with the state after it.
type Live struct {
	Name        string
	GenesisHash primitives.Hash
	Properties  map[string]any // what wallets show: ss58Format, tokenDecimals, tokenSymbol
	Header      primitives.Header
	State       *trie.State
	// Prefetch is told of keys of the state that are going to be read; nil if that does not help.
	Prefetch func(keys [][]byte) error
}

// liveTimeout is that of a runtime call on a state that waits for the network.
const liveTimeout = 10 * time.Minute

// OpenLive takes a chain up at one of its blocks: numbers, slots and message queues go
// on. As with [Host.Open] the state is changed so that the chain can run here; the block
// then differs from the one it was in its state root, and so in its hash. The errors are
// those of [Host.Open].
func (h *Host) OpenLive(ctx context.Context, at *Live, o Options) (*Chain, error) {
	c, err := h.openLive(ctx, at, o)
	if err != nil {
		return nil, fmt.Errorf("open chain %s at #%d: %w", cmp.Or(at.Name, "without a name"), at.Header.Number, err)
	}
	return c, nil
}

func (h *Host) openLive(ctx context.Context, at *Live, o Options) (*Chain, error) {
	h.mu.Lock()
	h.timeout = liveTimeout
	h.mu.Unlock()
	raw, ok, err := at.State.Top().Get([]byte(chainspec.CodeKey), nil)
	if err != nil || !ok {
		return nil, fmt.Errorf("read the runtime code: %w", cmp.Or(err, ErrNoCode))
	}
	code, err := h.Load(ctx, raw)
	if err != nil {
		return nil, err
	}
	if err := kindOf(code.Version); err != nil {
		return nil, err
	}
	if at.Prefetch != nil {
		meta, err := code.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		if err := at.Prefetch(hotKeys(meta)); err != nil {
			return nil, err
		}
	}
	c := &Chain{Name: cmp.Or(at.Name, code.Version.SpecName), Code: raw, Version: code.Version, State: at.State, GenesisHash: at.GenesisHash, Properties: at.Properties}
	if err := h.settle(ctx, c, code, nil, o); err != nil {
		return nil, err
	}
	c.Genesis = at.Header
	c.Genesis.StateRoot = c.State.Root()
	return c, nil
}

// hotKeys are the keys of all plain values of a runtime: every block reads most of them.
func hotKeys(m *metadata.Metadata) (keys [][]byte) {
	for _, p := range m.Pallets {
		if p.Storage == nil {
			continue
		}
		for _, e := range p.Storage.Entries {
			if !e.IsMap {
				keys = append(keys, hashing.StorageKey(p.Storage.Prefix, e.Name))
			}
		}
	}
	return append(keys, []byte(keyPendingCode), []byte(":heappages"), []byte(":extrinsic_index"), []byte(":intrablock_entropy"))
}
