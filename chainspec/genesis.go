package chainspec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/trie"
)

// CodeKey is the storage key of the runtime's code.
const CodeKey = ":code"

// Raw is a genesis as storage: the main trie's pairs, and those of the child tries by
// their id (without the prefix under which the main trie holds their roots).
type Raw struct {
	Top      map[string][]byte
	Children map[string]map[string][]byte
}

// Runtime is a genesis as a runtime's code with its configuration: exactly one of Patch, Config and Preset.
type Runtime struct {
	Code []byte
	// Patch is merged into the runtime's default configuration.
	Patch json.RawMessage
	// Config is the whole configuration.
	Config json.RawMessage
	// Preset names a patch that the runtime itself holds, such as "development".
	Preset string
}

func parseGenesis(raw json.RawMessage) (g Genesis, err error) {
	fields, err := parseObject(raw, "raw", "runtimeGenesis")
	if err != nil {
		return g, fmt.Errorf("%w: genesis: %v", ErrNoGenesis, err)
	}
	for _, f := range fields {
		switch f.key {
		case "raw":
			g.Raw, err = parseRaw(f.value)
		case "runtimeGenesis":
			g.Runtime, err = parseRuntime(f.value)
		case "stateRootHash":
			g.StateRoot, err = parseHex("genesis.stateRootHash", f.value)
		default:
			err = fmt.Errorf("%w: the form genesis.%s needs a node that has the chain's runtime built in", ErrNoGenesis, f.key)
		}
		if err != nil {
			return g, err
		}
	}
	if len(fields) != 1 {
		return g, fmt.Errorf("%w: genesis has %d forms instead of one", ErrNoGenesis, len(fields))
	}
	return g, nil
}

func parseRaw(raw json.RawMessage) (*Raw, error) {
	file, err := parseTable(raw, "top", "childrenDefault")
	if err != nil {
		return nil, fmt.Errorf("chain spec: genesis.raw: %w", err)
	}
	top, err := parseTable(file["top"])
	if err != nil {
		return nil, fmt.Errorf("chain spec: genesis.raw.top: %w", err)
	}
	if top == nil {
		return nil, fmt.Errorf("%w: genesis.raw has no top", ErrNoGenesis)
	}
	r := &Raw{}
	if r.Top, err = parsePairs("genesis.raw.top", top); err != nil {
		return nil, err
	}
	children, err := parseTable(file["childrenDefault"])
	if err != nil {
		return nil, fmt.Errorf("chain spec: genesis.raw.childrenDefault: %w", err)
	}
	for key, pairs := range children {
		path := fmt.Sprintf("genesis.raw.childrenDefault[%q]", key)
		id, err := parseHexText(path, key)
		if err != nil {
			return nil, err
		}
		table, err := parseTable(pairs)
		if err != nil {
			return nil, fmt.Errorf("chain spec: %s: %w", path, err)
		}
		child, err := parsePairs(path, table)
		if err != nil {
			return nil, err
		}
		if r.Children == nil {
			r.Children = map[string]map[string][]byte{}
		}
		r.Children[string(id)] = child
	}
	return r, r.check()
}

// parsePairs reads an object of hex to hex. Of several faults the one whose key sorts first is reported.
func parsePairs(path string, file map[string]json.RawMessage) (map[string][]byte, error) {
	pairs := make(map[string][]byte, len(file))
	for _, k := range slices.Sorted(maps.Keys(file)) {
		at := fmt.Sprintf("%s[%q]", path, k)
		key, err := parseHexText(at, k)
		if err != nil {
			return nil, err
		}
		if pairs[string(key)], err = parseHex(at, file[k]); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// check refuses what no node would start with.
func (r *Raw) check() error {
	if len(r.Top[CodeKey]) == 0 {
		return ErrNoCode
	}
	for key := range r.Top {
		if strings.HasPrefix(key, trie.ChildPrefix) {
			return fmt.Errorf("chain spec: genesis.raw.top: 0x%x is the root of a child trie; its pairs belong into childrenDefault", key)
		}
	}
	return nil
}

func parseRuntime(raw json.RawMessage) (*Runtime, error) {
	file, err := parseTable(raw)
	if err != nil {
		return nil, fmt.Errorf("chain spec: genesis.runtimeGenesis: %w", err)
	}
	r := &Runtime{Patch: bytes.Clone(file["patch"]), Config: bytes.Clone(file["config"])}
	switch string(file["code"]) {
	case "", `""`, "null":
		return nil, ErrNoCode
	}
	if r.Code, err = parseHex("genesis.runtimeGenesis.code", file["code"]); err != nil {
		return nil, err
	}
	if len(r.Code) == 0 {
		return nil, ErrNoCode
	}
	forms := 0
	if preset := file["preset"]; preset != nil && string(preset) != "null" {
		if r.Preset, err = text(preset); err != nil {
			return nil, fmt.Errorf("chain spec: genesis.runtimeGenesis.preset: %w", err)
		}
		forms++
	}
	for _, have := range []json.RawMessage{r.Patch, r.Config} {
		if have != nil {
			forms++
		}
	}
	if forms != 1 {
		return nil, fmt.Errorf("%w: genesis.runtimeGenesis has %d of patch, config and preset instead of one", ErrNoGenesis, forms)
	}
	return r, nil
}

// Code is the runtime's code at genesis, as it stands there (mostly compressed); nil if the spec has none.
func (s *Spec) Code() []byte {
	switch g := &s.Genesis; {
	case g.Raw != nil:
		return g.Raw.Top[CodeKey]
	case g.Runtime != nil:
		return g.Runtime.Code
	}
	return nil
}

// Builder is the runtime API GenesisBuilder of a genesis' code, called on empty storage.
type Builder interface {
	// Preset is a configuration that the runtime holds: the whole default for the empty
	// name, else a patch. found is false if it holds none of that name.
	Preset(name string) (json []byte, found bool, err error)
	// PresetNames lists the names that Preset knows.
	PresetNames() ([]string, error)
	// BuildState builds the storage of a whole configuration.
	BuildState(config []byte) (*Raw, error)
}

// Build is the genesis storage. A raw genesis is returned as it is; of another kind the
// runtime builds it: the patch or preset is merged into the default configuration
// (sc-chain-spec GenesisConfigBuilderRuntimeCaller), and :code is set as given.
func (s *Spec) Build(b Builder) (*Raw, error) {
	g := &s.Genesis
	switch {
	case g.Raw != nil:
		return g.Raw, nil
	case g.Runtime == nil:
		return nil, fmt.Errorf("%w: it states only the state root", ErrNoGenesis)
	}
	config, err := g.Runtime.WholeConfig(b)
	if err != nil {
		return nil, fmt.Errorf("build genesis: %w", err)
	}
	r, err := b.BuildState(config)
	if err != nil {
		return nil, fmt.Errorf("build genesis: %w", err)
	}
	if r.Top == nil {
		r.Top = map[string][]byte{}
	}
	r.Top[CodeKey] = g.Runtime.Code
	return r, r.check()
}

// WholeConfig is the configuration that the runtime is asked to build.
func (r *Runtime) WholeConfig(b Builder) ([]byte, error) {
	if r.Config != nil {
		return r.Config, nil
	}
	patch := []byte(r.Patch)
	if patch == nil {
		var found bool
		var err error
		if patch, found, err = b.Preset(r.Preset); err != nil {
			return nil, err
		}
		if !found {
			names, err := b.PresetNames()
			if err != nil {
				return nil, err
			}
			if len(names) == 0 {
				return nil, fmt.Errorf("the runtime has no preset %q, and no other: use a chain spec with a genesis of its own (--chain)", r.Preset)
			}
			return nil, fmt.Errorf("the runtime has no preset %q; it has %s", r.Preset, strings.Join(names, ", "))
		}
	}
	base, found, err := b.Preset("")
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the runtime has no default configuration")
	}
	return Merge(base, patch)
}

// State is the genesis state in the layout that the runtime's system version demands.
func (r *Raw) State(v trie.Version) *trie.State {
	top := pairs(r.Top)
	children := map[string]*trie.Trie{}
	for _, id := range slices.Sorted(maps.Keys(r.Children)) {
		child := trie.FromPairs(v, pairs(r.Children[id]))
		if child.IsEmpty() {
			continue
		}
		root := child.Root()
		children[id] = child
		top = append(top, trie.Pair{Key: trie.ChildKey([]byte(id)), Value: root[:]})
	}
	return trie.NewState(trie.FromPairs(v, top), children)
}

// pairs lists a map ascending by key.
func pairs(m map[string][]byte) []trie.Pair {
	list := make([]trie.Pair, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, trie.Pair{Key: []byte(k), Value: m[k]})
	}
	return list
}

// Header is the header of block 0 on a genesis state.
func Header(root hashing.Hash) primitives.Header {
	return primitives.Header{StateRoot: root, ExtrinsicsRoot: trie.EmptyRoot}
}

// HasPallet tells whether the storage has an entry of the pallet of that name.
func (r *Raw) HasPallet(name string) bool {
	prefix := hashing.Twox128([]byte(name))
	for key := range r.Top {
		if strings.HasPrefix(key, string(prefix[:])) {
			return true
		}
	}
	return false
}

// ParachainID is the id in the storage of the pallet ParachainInfo, if it is there.
func (r *Raw) ParachainID() (uint32, bool) {
	v := r.Top[string(hashing.StorageKey("ParachainInfo", "ParachainId"))]
	if len(v) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(v), true
}

// LooksLikeRelay tells whether the spec seems to be that of a relay chain: it names no
// relay chain and no para id, and a raw genesis has no storage of the pallet
// ParachainSystem. The runtime has the last word: a relay chain's has the API ParachainHost.
func (s *Spec) LooksLikeRelay() bool {
	if s.ParaID != nil || s.RelayChain != "" {
		return false
	}
	r := s.Genesis.Raw
	return r == nil || !r.HasPallet("ParachainSystem")
}

// Equal tells whether two genesis have the same storage.
func (r *Raw) Equal(o *Raw) bool {
	return maps.EqualFunc(r.Top, o.Top, bytes.Equal) &&
		maps.EqualFunc(r.Children, o.Children, func(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) })
}
