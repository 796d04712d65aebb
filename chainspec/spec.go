// Package chainspec reads and writes chain specs: the JSON files that say how a chain
// begins. The genesis stands in them either raw, as storage, or as a runtime's code
// with a configuration, from which the runtime itself builds the storage ([Spec.Build]).
//
// Format: crate sc-chain-spec 53 (ChainSpec, GenesisSource, RawGenesis, RuntimeGenesisInner)
// and, for the parachain's keys, polkadot-omni-node-lib 0.24 (Extensions).
package chainspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 512 << 20

// Errors that a reader branches on, wrapped with more detail.
var (
	ErrTooLarge  = fmt.Errorf("chain spec is larger than %d MiB", MaxSize>>20)
	ErrNotJSON   = errors.New("chain spec is not a JSON object")
	ErrNoGenesis = errors.New("chain spec has no genesis that can be built")
	ErrNoCode    = errors.New("genesis has no runtime code (:code)")
)

// HexError says which entry of the file is not hex with 0x.
type HexError struct {
	Path  string // for example genesis.raw.top["0x3a63"]
	Cause string
}

// Error names the entry and the cause.
func (e *HexError) Error() string { return fmt.Sprintf("chain spec: %s: %s", e.Path, e.Cause) }

// Spec is a chain spec. What it does not know is kept and written again.
type Spec struct {
	Name       string
	ID         string
	ChainType  string // "Development", "Local", "Live", or the name of a custom type
	BootNodes  []string
	ProtocolID string
	ForkID     string
	// RelayChain names the relay chain that the parachain belongs to, ParaID is its id
	// there. Both are absent in the spec of a relay chain; newer parachains leave the id to their runtime.
	RelayChain string
	ParaID     *uint32
	// CodeSubstitutes replace the code on chain from a block on until the next upgrade, ascending by block.
	CodeSubstitutes []CodeSubstitute
	Genesis         Genesis

	fields []field // the file's top level in its order; without genesis
}

// CodeSubstitute is the runtime code to use from the state of a block on.
type CodeSubstitute struct {
	Block uint64
	Code  []byte
}

// Genesis is one of three.
type Genesis struct {
	Raw     *Raw     // all storage
	Runtime *Runtime // code and configuration
	// StateRoot is all that a light client's spec has; nothing can be built from it.
	StateRoot []byte
}

// The spellings under which parachain node crates wrote these two keys.
var (
	paraIDKeys     = []string{"para_id", "paraId", "ParaId"}
	relayChainKeys = []string{"relay_chain", "relayChain", "RelayChain"}
)

// Load reads the chain spec in a file.
func Load(path string) (*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read chain spec: %w", err)
	}
	defer f.Close()
	s, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Read reads a chain spec of at most [MaxSize] bytes.
func Read(r io.Reader) (*Spec, error) { return read(r, MaxSize) }

func read(r io.Reader, limit int64) (*Spec, error) {
	var b bytes.Buffer
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Size() <= limit {
			b.Grow(int(info.Size()) + bytes.MinRead)
		}
	}
	if _, err := b.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("read chain spec: %w", err)
	}
	if int64(b.Len()) > limit {
		return nil, ErrTooLarge
	}
	return Parse(b.Bytes())
}

// Parse reads a chain spec.
func Parse(b []byte) (*Spec, error) {
	s, err := parse(b)
	if err != nil {
		if bad := json.Unmarshal(b, new(json.RawMessage)); bad != nil {
			return nil, fmt.Errorf("%w: %v", ErrNotJSON, bad)
		}
		return nil, err
	}
	return s, nil
}

func parse(b []byte) (*Spec, error) {
	fields, err := parseObject(b, "genesis")
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotJSON, err)
	}
	s := &Spec{}
	found := false
	for _, f := range fields {
		if f.key == "genesis" {
			found = true
			s.Genesis, err = parseGenesis(f.value)
		} else {
			f.value = bytes.Clone(f.value) // not to keep the whole file
			s.fields = append(s.fields, f)
			err = s.parseField(f)
		}
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: there is no key genesis", ErrNoGenesis)
	}
	return s, nil
}

func (s *Spec) parseField(f field) error {
	var err error
	switch f.key {
	case "name":
		err = json.Unmarshal(f.value, &s.Name)
	case "id":
		err = json.Unmarshal(f.value, &s.ID)
	case "chainType":
		s.ChainType, err = parseChainType(f.value)
	case "bootNodes":
		err = json.Unmarshal(f.value, &s.BootNodes)
	case "protocolId":
		err = json.Unmarshal(f.value, &s.ProtocolID)
	case "forkId":
		err = json.Unmarshal(f.value, &s.ForkID)
	case "codeSubstitutes":
		return s.parseSubstitutes(f.value)
	default:
		switch {
		case slices.Contains(relayChainKeys, f.key):
			err = json.Unmarshal(f.value, &s.RelayChain)
		case slices.Contains(paraIDKeys, f.key):
			err = json.Unmarshal(f.value, &s.ParaID)
		}
	}
	if err != nil {
		return fmt.Errorf("chain spec: %s: %w", f.key, err)
	}
	return nil
}

// parseChainType reads "Live" or {"Custom": "name"}.
func parseChainType(raw json.RawMessage) (string, error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return name, nil
	}
	var custom struct{ Custom string }
	err := json.Unmarshal(raw, &custom)
	return custom.Custom, err
}

func (s *Spec) parseSubstitutes(raw json.RawMessage) error {
	list, err := parseTable(raw)
	if err != nil {
		return fmt.Errorf("chain spec: codeSubstitutes: %w", err)
	}
	for key, value := range list {
		path := fmt.Sprintf("codeSubstitutes[%q]", key)
		n, err := strconv.ParseUint(key, 10, 64)
		if err != nil {
			return fmt.Errorf("chain spec: %s: the key is not a block number", path)
		}
		code, err := parseHex(path, value)
		if err != nil {
			return err
		}
		s.CodeSubstitutes = append(s.CodeSubstitutes, CodeSubstitute{n, code})
	}
	slices.SortFunc(s.CodeSubstitutes, func(a, b CodeSubstitute) int {
		if a.Block < b.Block {
			return -1
		}
		return 1
	})
	return nil
}

// Properties are what wallets show. Absent ones are zero.
type Properties struct {
	SS58Format    *uint16
	TokenDecimals []uint8 // one per token
	TokenSymbol   []string
}

// Properties reads the spec's properties; entries of an unexpected form are passed over.
func (s *Spec) Properties() (p Properties) {
	var raw map[string]json.RawMessage
	if json.Unmarshal(s.field("properties"), &raw) != nil {
		return p
	}
	var format *uint16
	if json.Unmarshal(raw["ss58Format"], &format) == nil {
		p.SS58Format = format
	}
	p.TokenDecimals = oneOrMany[uint8](raw["tokenDecimals"])
	p.TokenSymbol = oneOrMany[string](raw["tokenSymbol"])
	return p
}

func oneOrMany[T any](raw json.RawMessage) []T {
	var one *T
	if json.Unmarshal(raw, &one) == nil && one != nil {
		return []T{*one}
	}
	var many []T
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

// field is the raw value of a top-level key, nil if there is none.
func (s *Spec) field(key string) json.RawMessage {
	for _, f := range s.fields {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// Extra is the raw JSON of any top-level key, known or not, as it was read; nil if there is none.
func (s *Spec) Extra(key string) json.RawMessage { return s.field(key) }
