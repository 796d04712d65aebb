package parachain

import (
	"context"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Probe asks what a runtime would do on a state in which numbers are moved on: the
// parachain's own block number, or the relay chain's. Nothing it does is kept.
type Probe struct {
	code  *Code
	meta  *metadata.Metadata
	state *trie.State
}

// Moved are the numbers of blocks by which a probe moves a clock on.
type Moved struct{ Own, Relay uint32 }

// NewProbe returns a probe of the code on a state.
func NewProbe(ctx context.Context, code *Code, s *trie.State) (*Probe, error) {
	m, err := code.Metadata(ctx)
	return &Probe{code, m, s}, err
}

// Extrinsic applies an extrinsic on the state with moved clocks and returns the outcome
// with all that was written, storage keys in their order; a panic is an outcome as well.
func (p *Probe) Extrinsic(ctx context.Context, xt []byte, by Moved) (outcome []byte, written []trie.Change, err error) {
	state, err := p.move(by)
	if err != nil {
		return nil, nil, err
	}
	s := p.code.session(state, nil)
	out, err := s.Call(ctx, "BlockBuilder_apply_extrinsic", scale.AppendBytes(nil, xt))
	if err != nil {
		return []byte(Words(err)), nil, ctx.Err()
	}
	changes, _ := s.storage.Changes()
	return out, changes, nil
}

// Hooks runs what a block does before its inherents, and returns all that was written.
func (p *Probe) Hooks(ctx context.Context, by Moved) (outcome []byte, written []trie.Change, err error) {
	state, err := p.move(by)
	if err != nil {
		return nil, nil, err
	}
	var number, slot uint64
	for key, into := range map[string]*uint64{string(hashing.StorageKey("System", "Number")): &number, string(keyCurrentSlot): &slot} {
		v, _, err := state.Top().Get([]byte(key), nil)
		if err != nil {
			return nil, nil, err
		}
		for i := len(v) - 1; i >= 0; i-- {
			*into = *into<<8 | uint64(v[i])
		}
	}
	header := primitives.Header{Number: uint32(number) + 1, Digest: primitives.Digest{primitives.AuraPreDigest(primitives.Slot(slot + 1))}}
	s := p.code.session(state, nil)
	if _, err := s.runtime.InitializeBlock(ctx, &header); err != nil {
		return []byte(Words(err)), nil, ctx.Err()
	}
	changes, _ := s.storage.Changes()
	return nil, changes, nil
}

// move is the state with the clocks that a runtime reads moved on: System.Number,
// ParachainSystem.LastRelayChainBlockNumber and the relay parent number in ValidationData.
func (p *Probe) move(by Moved) (*trie.State, error) {
	var changes []trie.Change
	add := func(key []byte, at func(value []byte) int, n uint32) error {
		v, ok, err := p.state.Top().Get(key, nil)
		if err != nil || !ok || n == 0 {
			return err
		}
		i := at(v)
		if i < 0 || i+4 > len(v) {
			return nil
		}
		moved := append([]byte{}, v...)
		d := scale.NewDecoder(v[i:])
		copy(moved[i:], scale.AppendU32(nil, d.U32()+n))
		changes = append(changes, trie.Change{Key: key, Value: moved})
		return nil
	}
	first := func([]byte) int { return 0 }
	behindHead := func(v []byte) int {
		d := scale.NewDecoder(v)
		d.Bytes(1 << 20)
		if d.Err() != nil {
			return -1
		}
		return d.Offset()
	}
	if err := add(hashing.StorageKey("System", "Number"), first, by.Own); err != nil {
		return nil, err
	}
	if err := add(keyRelayNumber, first, by.Relay); err != nil {
		return nil, err
	}
	if err := add(hashing.StorageKey("ParachainSystem", "ValidationData"), behindHead, by.Relay); err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return p.state, nil
	}
	return p.state.Apply(p.code.Version.StateVersion(), changes, nil, nil)
}

// CallAt signs a call in the name of the given account of the list, with the nonce that the
// state says; it is for transactions that are never sent.
func (t *Transfers) CallAt(account int, s *trie.State, call []byte) ([]byte, error) {
	nonce, err := t.Nonce(s, account)
	if err != nil {
		return nil, err
	}
	return t.sign(t.meta, account, call, metadata.TxParams{Nonce: nonce, Genesis: t.genesis, Asset: metadata.None()})
}
