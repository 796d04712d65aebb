package parachain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// Errors of [Host.Open] about what kind of chain it is.
var (
	ErrRelayChain  = errors.New("it is a relay chain, not a parachain")
	ErrNoParachain = errors.New("its runtime is not a parachain's: it lacks the pallet ParachainSystem")
	ErrNoAura      = errors.New("its runtime does not author with Aura (it lacks AuraApi)")
	ErrParaID      = errors.New("neither its runtime nor its chain spec says its para id")
)

// Options say what to change in a genesis so that its chain can run here.
type Options struct {
	// Collators is how many development keys become the Aura authorities; 0 leaves the authorities alone.
	Collators int
	// Fund makes sure that development accounts can pay for transfers.
	Fund bool
	// Rich makes them able to pay for the largest transactions as well, such as new code.
	Rich bool
	// ParaID replaces the chain's own id where neither runtime nor spec says it; 0 is none.
	ParaID primitives.ParaID
}

// Chain is a parachain at the block with which it begins here: its genesis, or a block
// of a live chain ([Host.OpenLive]).
type Chain struct {
	Name    string // of the chain spec, else of the runtime
	ParaID  primitives.ParaID
	Genesis primitives.Header // of the block
	// GenesisHash is that of the chain's block 0, for which transactions are signed.
	GenesisHash primitives.Hash
	// Properties are what wallets show, as the node of a live chain says them; else nil.
	Properties map[string]any
	State      *trie.State // after the block
	Code       []byte      // :code as it stands in the state
	Version    *runtimeapi.Version
	Scheme     Scheme
	Keys       []AuraKey // of the collators, if they were replaced
	Facts      Facts
	// Accounts are the funded development accounts, if funds were asked for.
	Accounts []Account
	// Edits says in sentences how the genesis differs from the one that was given.
	Edits []string
}

// Head is the genesis header as head data.
func (c *Chain) Head() []byte { return c.Genesis.EncodeTo(nil) }

// Raw is the whole genesis state, as a raw chain spec has it.
func (c *Chain) Raw() (*chainspec.Raw, error) { return rawOf(c.State) }

// CodeHash is the validation code hash: blake2b-256 of the code as it stands in the state.
func (c *Chain) CodeHash() primitives.Hash { return hashing.Blake2b256(c.Code) }

// RuntimeSpec is a chain spec of nothing but a runtime with one of its presets.
func RuntimeSpec(name string, code []byte, preset string) *chainspec.Spec {
	return &chainspec.Spec{Name: name, ID: name, Genesis: chainspec.Genesis{Runtime: &chainspec.Runtime{Code: code, Preset: preset}}}
}

// Open builds a chain's genesis, finds out what a relay chain has to know about it, and
// makes the changes that the options ask for.
//
// The errors wrap [ErrRelayChain], [ErrNoParachain], [ErrNoAura], [ErrParaID], those of
// package chainspec, and what a runtime that panics says.
func (h *Host) Open(ctx context.Context, spec *chainspec.Spec, o Options) (*Chain, error) {
	c, err := h.open(ctx, spec, o)
	if err != nil {
		return nil, fmt.Errorf("open chain %s: %w", cmp.Or(spec.Name, spec.ID, "without a name"), err)
	}
	return c, nil
}

func (h *Host) open(ctx context.Context, spec *chainspec.Spec, o Options) (*Chain, error) {
	code, err := h.Load(ctx, spec.Code())
	if err != nil {
		return nil, err
	}
	if err := kindOf(code.Version); err != nil {
		return nil, err
	}
	raw, err := spec.Build(&genesisBuilder{ctx, h, code})
	if err != nil {
		return nil, err
	}
	c := &Chain{Name: cmp.Or(spec.Name, code.Version.SpecName), Code: raw.Top[chainspec.CodeKey], Version: code.Version}
	c.State = raw.State(code.Version.StateVersion())
	if err := h.settle(ctx, c, code, spec.ParaID, o); err != nil {
		return nil, err
	}
	return c, c.begin()
}

// settle finds out what a relay chain has to know about a chain with code and state, and
// makes the changes that the options ask for.
func (h *Host) settle(ctx context.Context, c *Chain, code *Code, specID *uint32, o Options) error {
	meta, err := code.Metadata(ctx)
	if err != nil {
		return err
	}
	if meta.Pallet("ParachainSystem") == nil {
		return ErrNoParachain
	}
	if c.Scheme, err = schemeOf(meta); err != nil {
		return err
	}
	if c.ParaID, err = h.paraID(ctx, specID, c.State, o); err != nil {
		return err
	}
	if err := h.edit(ctx, c, meta, o); err != nil {
		return err
	}
	c.Facts, err = h.Facts(ctx, c.State)
	return err
}

// begin makes the header that the run begins with. A state that was exported from a live
// chain goes on with the block numbers that its timers are made of.
func (c *Chain) begin() error {
	c.Genesis = chainspec.Header(c.State.Root())
	number, err := c.value("Number")
	if err != nil {
		return err
	}
	if len(number) == 4 {
		c.Genesis.Number = scale.NewDecoder(number).U32()
	}
	if c.Genesis.Number == 0 {
		c.GenesisHash = c.Genesis.Hash()
		return nil
	}
	parent, err := c.value("ParentHash")
	if err != nil {
		return err
	}
	copy(c.Genesis.ParentHash[:], parent)
	zero := hashing.Twox64(scale.AppendU32(nil, 0))
	first, ok, err := c.State.Top().Get(append(append(hashing.StorageKey("System", "BlockHash"), zero[:]...), 0, 0, 0, 0), nil)
	if err != nil {
		return err
	}
	if !ok || len(first) != 32 {
		return fmt.Errorf("the state is that after block #%d, but holds no hash of block 0", c.Genesis.Number)
	}
	copy(c.GenesisHash[:], first)
	c.Edits = append(c.Edits, fmt.Sprintf("The state is that after block #%d; the run goes on from there.", c.Genesis.Number))
	return nil
}

func (c *Chain) value(item string) ([]byte, error) {
	v, _, err := c.State.Top().Get(hashing.StorageKey("System", item), nil)
	return v, err
}

// kindOf refuses what cannot run as a parachain here, as far as the runtime's APIs tell.
func kindOf(v *runtimeapi.Version) error {
	if _, ok := v.API(runtimeapi.ParachainHost); ok {
		return ErrRelayChain
	}
	if _, ok := v.API(runtimeapi.CollectCollationInfo); !ok {
		return fmt.Errorf("%w (no CollectCollationInfo)", ErrNoParachain)
	}
	if _, ok := v.API(runtimeapi.AuraApi); !ok {
		return ErrNoAura
	}
	return nil
}

// paraID asks the runtime, then the storage of ParachainInfo, then the spec.
func (h *Host) paraID(ctx context.Context, specID *uint32, s *trie.State, o Options) (primitives.ParaID, error) {
	r, err := h.At(ctx, s, OffChain)
	if err != nil {
		return 0, err
	}
	if _, ok := r.API(runtimeapi.GetParachainInfo); ok {
		return r.ParachainID(ctx)
	}
	if id, ok, err := s.Top().Get(keyParaID, nil); err != nil || ok && len(id) == 4 {
		return primitives.ParaID(scale.NewDecoder(id).U32()), err
	}
	if specID != nil {
		return primitives.ParaID(*specID), nil
	}
	if o.ParaID != 0 {
		return o.ParaID, nil
	}
	return 0, ErrParaID
}

// edit makes the changes that the options ask for.
func (h *Host) edit(ctx context.Context, c *Chain, meta *metadata.Metadata, o Options) error {
	e := &editor{meta: meta, state: c.State}
	if o.Collators > 0 {
		r, err := h.At(ctx, c.State, OffChain)
		if err != nil {
			return err
		}
		c.Keys = DevAuraKeys(c.Scheme, o.Collators)
		if err := e.authorities(ctx, r, c.Keys); err != nil {
			return fmt.Errorf("replace the authorities: %w", err)
		}
	}
	if o.Fund {
		var err error
		if c.Accounts, err = e.fund(o.Rich); err != nil {
			return fmt.Errorf("fund development accounts: %w", err)
		}
	}
	if len(e.changes) == 0 {
		return nil
	}
	state, err := c.State.Apply(c.Version.StateVersion(), e.changes, nil, nil)
	if err != nil {
		return fmt.Errorf("edit the genesis: %w", err)
	}
	c.State, c.Edits = state, e.sentences
	return nil
}

// genesisBuilder is the runtime API GenesisBuilder on empty storage.
type genesisBuilder struct {
	ctx  context.Context
	host *Host
	code *Code
}

// presets tells whether the runtime knows presets. Those of 2023 and 2024 have the two
// functions create_default_config and build_config instead, under the same version of the API.
func (b *genesisBuilder) presets() bool { return b.code.module.Exports("GenesisBuilder_get_preset") }

// Preset implements [chainspec.Builder].
func (b *genesisBuilder) Preset(name string) ([]byte, bool, error) {
	if !b.presets() && b.code.module.Exports("GenesisBuilder_create_default_config") {
		if name != "" {
			return nil, false, nil
		}
		config, err := b.code.on(trie.NewState(trie.New(), nil)).GenesisDefaultConfig(b.ctx)
		return config, err == nil, err
	}
	return b.code.on(trie.NewState(trie.New(), nil)).GenesisPreset(b.ctx, name)
}

// PresetNames implements [chainspec.Builder].
func (b *genesisBuilder) PresetNames() ([]string, error) {
	if !b.presets() {
		return nil, nil
	}
	return b.code.on(trie.NewState(trie.New(), nil)).GenesisPresetNames(b.ctx)
}

// BuildState implements [chainspec.Builder].
func (b *genesisBuilder) BuildState(config []byte) (*chainspec.Raw, error) {
	s := b.code.session(trie.NewState(trie.New(), nil), nil)
	build := s.runtime.GenesisBuildState
	if !b.presets() {
		build = s.runtime.GenesisBuildConfig
	}
	if err := build(b.ctx, config); err != nil {
		return nil, err
	}
	state, err := s.finish()
	if err != nil {
		return nil, err
	}
	return rawOf(state)
}

// rawOf lists a whole state.
func rawOf(s *trie.State) (*chainspec.Raw, error) {
	raw := &chainspec.Raw{Top: map[string][]byte{}}
	ids, err := s.ChildIDs()
	if err != nil {
		return nil, err
	}
	err = s.Top().Visit(func(k, v []byte) bool { raw.Top[string(k)] = slices.Clone(v); return true })
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		child, err := s.Child(id, nil)
		if err != nil {
			return nil, err
		}
		pairs := map[string][]byte{}
		if err := child.Visit(func(k, v []byte) bool { pairs[string(k)] = slices.Clone(v); return true }); err != nil {
			return nil, err
		}
		if raw.Children == nil {
			raw.Children = map[string]map[string][]byte{}
		}
		raw.Children[string(id)] = pairs
		delete(raw.Top, string(trie.ChildKey(id)))
	}
	return raw, nil
}
