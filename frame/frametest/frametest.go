// Package frametest runs a parachain's runtime in tests: it makes the genesis, plays the
// relay chain and the author, and builds and imports blocks. The runtime may be Go code in
// memory ([Native]) or anything else that answers runtime calls, so that one test body
// can compare several.
package frametest

import (
	"bytes"
	"errors"
	"fmt"

	"pileus/chainspec"
	"pileus/crypto"
	"pileus/frame"
	"pileus/frame/host"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Machine runs a runtime on a state. A nil recorder records nothing.
type Machine func(state *trie.State, rec *trie.Recorder) Session

// Session is a state on which calls are made, each seeing the changes of those before.
type Session interface {
	// Call runs a function of the runtime; one that panics is an error and leaves nothing.
	Call(name string, args []byte) ([]byte, error)
	// Begin, Commit and Rollback bracket calls of which the changes may be dropped.
	Begin()
	Commit()
	Rollback()
	// Finish is the state with all changes.
	Finish() (*trie.State, error)
}

// Native runs a Go runtime in memory, with real signatures.
func Native(r *frame.Runtime) Machine {
	return func(state *trie.State, rec *trie.Recorder) Session {
		return &native{r, host.NewMemory(state, rec)}
	}
}

type native struct {
	runtime *frame.Runtime
	*host.Memory
}

// PanicError is a runtime's panic.
type PanicError struct{ Words string }

// Error is what the runtime said.
func (p *PanicError) Error() string { return p.Words }

func (n *native) Call(name string, args []byte) (out []byte, err error) {
	n.Memory.Begin()
	depth := n.Memory.Depth()
	host.Run(n.Memory, func() {
		previous := host.SetNative(signatures)
		defer host.SetNative(previous)
		defer func() {
			if r := recover(); r != nil {
				if bug, ok := r.(error); ok {
					panic(bug) // a fault of the Go code, not the runtime's word
				}
				err = &PanicError{fmt.Sprint(r)}
			}
		}()
		out = n.runtime.Call(name, args)
	})
	if err != nil {
		for n.Memory.Depth() >= depth {
			n.Memory.Rollback()
		}
		return nil, err
	}
	if n.Memory.Depth() != depth {
		return nil, errors.New("the runtime left a storage transaction open")
	}
	n.Memory.Commit()
	return out, nil
}

func (n *native) Finish() (*trie.State, error) {
	return n.Memory.Finish(n.runtime.Version.StateVersion())
}

var signatures = host.Native{
	Sr25519Verify: func(sig *[64]byte, msg []byte, public *[32]byte) bool {
		return crypto.Sr25519Verify(*sig, msg, *public)
	},
	Ed25519Verify: func(sig *[64]byte, msg []byte, public *[32]byte) bool {
		return crypto.Ed25519Verify(*sig, msg, *public)
	},
	EcdsaRecover: func(sig *[65]byte, hash *[32]byte) ([33]byte, bool) {
		public, err := crypto.EcdsaRecoverCompressed(*sig, *hash)
		return public, err == nil
	},
}

// Chain is a parachain with its tip.
type Chain struct {
	Machine      Machine
	State        *trie.State
	Head         primitives.Header // of the tip
	Genesis      primitives.Header
	Para         primitives.ParaID
	SlotDuration uint64 // ms
	Offset       uint32 // RelayParentOffset
	Meta         *metadata.Metadata
	nonces       map[string]uint64
}

// New makes the chain from the runtime's genesis config with a preset and patches on it.
func New(m Machine, preset string, patches ...string) (*Chain, error) {
	c := &Chain{Machine: m, State: trie.NewState(trie.New(), nil), nonces: map[string]uint64{}}
	config, err := c.Query("GenesisBuilder_get_preset", []byte{0})
	if err != nil {
		return nil, err
	}
	merged := scale.NewDecoder(config[1:]).Bytes(len(config))
	if preset != "" {
		b, err := c.Query("GenesisBuilder_get_preset", scale.AppendString([]byte{1}, preset))
		if err != nil {
			return nil, err
		}
		if b[0] == 0 {
			return nil, fmt.Errorf("no preset %q", preset)
		}
		patches = append([]string{string(scale.NewDecoder(b[1:]).Bytes(len(b)))}, patches...)
	}
	for _, p := range patches {
		if merged, err = chainspec.Merge(merged, []byte(p)); err != nil {
			return nil, err
		}
	}
	s := c.Machine(c.State, nil)
	out, err := s.Call("GenesisBuilder_build_state", scale.AppendBytes(nil, merged))
	if err != nil {
		return nil, err
	}
	if out[0] != 0 {
		return nil, errors.New(scale.NewDecoder(out[1:]).String(len(out)))
	}
	if c.State, err = s.Finish(); err != nil {
		return nil, err
	}
	c.Genesis = chainspec.Header(c.State.Root())
	c.Head = c.Genesis
	return c, c.Learn()
}

// Learn asks the runtime what building on it needs; after a change of the machine again.
func (c *Chain) Learn() error {
	b, err := c.Query("Metadata_metadata", nil)
	if err != nil {
		return err
	}
	if c.Meta, err = metadata.DecodeOpaque(b); err != nil {
		return err
	}
	if b, err = c.Query("AuraApi_slot_duration", nil); err != nil {
		return err
	}
	c.SlotDuration = scale.NewDecoder(b).U64()
	if b, err = c.Query("GetParachainInfo_parachain_id", nil); err != nil {
		return err
	}
	c.Para = primitives.ParaID(scale.NewDecoder(b).U32())
	if b, err = c.Query("RelayParentOffsetApi_relay_parent_offset", nil); err != nil {
		return err
	}
	c.Offset = scale.NewDecoder(b).U32()
	return nil
}

// Clone is an independent chain with the same tip.
func (c *Chain) Clone() *Chain {
	d := *c
	d.nonces = map[string]uint64{}
	for name, n := range c.nonces {
		d.nonces[name] = n
	}
	return &d
}

// Query calls a function on the tip and drops its changes.
func (c *Chain) Query(name string, args []byte) ([]byte, error) {
	return c.Machine(c.State, nil).Call(name, args)
}

// Block is a built block.
type Block struct {
	primitives.Block
	Results  [][]byte // ApplyExtrinsicResult of each extrinsic that was offered, inherents first
	Included []int    // positions in Results of those in the block
	Events   []metadata.Event
	State    *trie.State
	Proof    uint64 // bytes recorded
}

// Build builds a block on the tip in the view of a relay parent, with what of the
// extrinsics belongs into it. The tip stays. Extrinsics are without their length.
func (c *Chain) Build(r *Relay, extrinsics ...[]byte) (*Block, error) {
	rec := trie.NewRecorder()
	s := c.Machine(c.State, rec)
	slot := primitives.Slot(r.Timestamp() / c.SlotDuration)
	h := primitives.Header{ParentHash: c.Head.Hash(), Number: c.Head.Number + 1, Digest: append(primitives.Digest{primitives.AuraPreDigest(slot)}, r.Digest...)}
	if _, err := s.Call("Core_initialize_block", h.EncodeTo(nil)); err != nil {
		return nil, err
	}
	data := primitives.InherentData{primitives.InherentTimestamp: scale.AppendU64(nil, r.Timestamp()+r.Skew)}
	inherent := r.Inherent(c)
	inherent.Provide(data)
	s.Begin()
	out, err := s.Call("BlockBuilder_inherent_extrinsics", data.EncodeTo(nil))
	if err != nil {
		return nil, err
	}
	s.Rollback()
	d := scale.NewDecoder(out)
	list := d.BytesVec(1<<16, 1<<26)
	if err := d.Finish(); err != nil {
		return nil, err
	}
	b := &Block{}
	inherents := len(list)
	for i, x := range append(list, extrinsics...) {
		s.Begin()
		result, err := s.Call("BlockBuilder_apply_extrinsic", scale.AppendBytes(nil, x))
		if err != nil && i < inherents {
			return nil, err
		}
		b.Results = append(b.Results, result)
		if err != nil || result[0] != 0 {
			s.Rollback()
			continue
		}
		s.Commit()
		b.Extrinsics = append(b.Extrinsics, x)
		b.Included = append(b.Included, i)
	}
	if out, err = s.Call("BlockBuilder_finalize_block", nil); err != nil {
		return nil, err
	}
	if err := scale.Decode(out, &b.Header); err != nil {
		return nil, err
	}
	if b.State, err = s.Finish(); err != nil {
		return nil, err
	}
	if b.State.Root() != b.Header.StateRoot {
		return nil, errors.New("the header's state root is not that of the state")
	}
	b.Proof = rec.Size()
	return b, c.readEvents(b)
}

func (c *Chain) readEvents(b *Block) error {
	key, err := c.Meta.StorageKey("System", "Events")
	if err != nil {
		return err
	}
	raw, ok, err := b.State.Top().Get(key, nil)
	if err != nil || !ok {
		return err
	}
	b.Events, err = c.Meta.Events(raw)
	return err
}

// Import executes a block again and makes it the tip.
func (c *Chain) Import(b *Block) error {
	s := c.Machine(c.State, nil)
	if _, err := s.Call("Core_execute_block", b.Block.EncodeTo(nil)); err != nil {
		return err
	}
	state, err := s.Finish()
	if err != nil {
		return err
	}
	if state.Root() != b.Header.StateRoot {
		return errors.New("import gives another state root than building")
	}
	c.State, c.Head = state, b.Header
	return nil
}

// Advance builds a block and imports it.
func (c *Chain) Advance(r *Relay, extrinsics ...[]byte) (*Block, error) {
	b, err := c.Build(r, extrinsics...)
	if err != nil {
		return nil, err
	}
	return b, c.Import(b)
}

// Sign makes a signed extrinsic of a development account, in the order of calls of Sign.
func (c *Chain) Sign(name string, tip uint64, pallet, call string, args ...any) ([]byte, error) {
	encoded, err := c.Meta.EncodeCall(pallet, call, args...)
	if err != nil {
		return nil, err
	}
	return c.SignCall(name, tip, encoded)
}

// SignCall is Sign for an encoded call.
func (c *Chain) SignCall(name string, tip uint64, call []byte) ([]byte, error) {
	key := crypto.NewDevKey(name)
	public := key.Pair.Public()
	signer := metadata.Signer{Scheme: metadata.Sr25519, Account: public[:], Sign: func(msg []byte) []byte {
		sig := key.Pair.Sign(msg)
		return sig[:]
	}}
	genesis := c.Genesis.Hash()
	x, err := c.Meta.SignedExtrinsic(signer, call, metadata.TxParams{Nonce: c.nonces[name], Tip: scale.U128{Lo: tip}, Genesis: genesis, Birth: genesis})
	if err == nil {
		c.nonces[name]++
	}
	return x, err
}

// SetNonce says what the account's next extrinsic uses.
func (c *Chain) SetNonce(name string, n uint64) { c.nonces[name] = n }

// Account is a development account's id.
func Account(name string) [32]byte { return crypto.NewDevKey(name).Pair.Public() }

// Storage reads a storage item of the tip.
func (c *Chain) Storage(pallet, item string, keys ...any) (metadata.Value, bool, error) {
	key, err := c.Meta.StorageKey(pallet, item, keys...)
	if err != nil {
		return metadata.Value{}, false, err
	}
	raw, ok, err := c.State.Top().Get(key, nil)
	if err != nil {
		return metadata.Value{}, false, err
	}
	if !ok {
		raw = nil
	}
	return c.Meta.DecodeStorage(pallet, item, raw)
}

// Refused tells whether err is the runtime's own panic and says words.
func Refused(err error, words string) bool {
	return err != nil && bytes.Contains(bytes.ToLower([]byte(err.Error())), bytes.ToLower([]byte(words)))
}
