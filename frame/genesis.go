package frame

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"pileus/hashing"
)

// GenesisPallet is a pallet that says something about block 0.
type GenesisPallet interface {
	// GenesisKey is the pallet's field in the genesis config, in camelCase.
	GenesisKey() string
	// GenesisDefault is the default of that field, as JSON.
	GenesisDefault() string
	// BuildGenesis writes the state. It refuses what makes no sense.
	BuildGenesis(c *Config) error
}

// Preset is the genesis config of that name: nil is the default of every pallet, a name a
// patch of it; nil is returned for a name that does not exist.
func (r *Runtime) Preset(name *string) *[]byte {
	if name == nil {
		b := r.jsonDefault()
		return &b
	}
	for _, p := range r.Presets {
		if p.Name == *name {
			b := []byte(p.Patch)
			return &b
		}
	}
	return nil
}

// BuildState writes the state of block 0 from a whole genesis config, pallets in
// declaration order. The result is a SCALE Result<(), str>.
func (r *Runtime) BuildState(json []byte) []byte { return resultOf(r.buildState(json)) }

func (r *Runtime) buildState(json []byte) error {
	c, err := parseJSON(json)
	if err != nil {
		return fmt.Errorf("Invalid JSON blob: %w", err)
	}
	var keys []string
	for _, m := range r.modules {
		if g, ok := m.(GenesisPallet); ok {
			keys = append(keys, g.GenesisKey())
		}
	}
	if err := c.Only(keys...); err != nil {
		return fmt.Errorf("Invalid JSON blob: %w", err)
	}
	for _, m := range r.modules {
		g, ok := m.(GenesisPallet)
		if !ok {
			continue
		}
		field, err := c.Field(g.GenesisKey())
		if err == nil {
			err = g.BuildGenesis(field)
		}
		if err != nil {
			return fmt.Errorf("Invalid JSON blob: %w", err)
		}
	}
	for _, p := range r.bases {
		p.PutStorageVersion(p.StorageVersion)
	}
	return nil
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// ParseAccount reads an account in SS58, of any chain, or as 0x and 64 hex digits.
func ParseAccount(s string) (a AccountID, err error) {
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		b, err := hex.DecodeString(rest)
		if err != nil || len(b) != 32 {
			return a, errors.New("an account in hex has 32 bytes")
		}
		return AccountID(b), nil
	}
	b, ok := decodeBase58(s)
	if !ok {
		return a, fmt.Errorf("%q is no SS58 address", s)
	}
	prefix := 1
	if len(b) > 0 && b[0]&0x40 != 0 {
		prefix = 2
	}
	if len(b) != prefix+34 {
		return a, fmt.Errorf("%q is no SS58 address of an account", s)
	}
	sum := hashing.Blake2b512(append([]byte("SS58PRE"), b[:prefix+32]...))
	if sum[0] != b[prefix+32] || sum[1] != b[prefix+33] {
		return a, fmt.Errorf("%q: the checksum does not fit", s)
	}
	return AccountID(b[prefix : prefix+32]), nil
}

// decodeBase58 reads at most 40 bytes.
func decodeBase58(s string) ([]byte, bool) {
	if len(s) == 0 || len(s) > 56 {
		return nil, false
	}
	var n [40]byte // big-endian
	for _, c := range []byte(s) {
		carry := strings.IndexByte(base58, c)
		if carry < 0 {
			return nil, false
		}
		for i := len(n) - 1; i >= 0; i-- {
			carry += int(n[i]) * 58
			n[i] = byte(carry)
			carry >>= 8
		}
		if carry != 0 {
			return nil, false
		}
	}
	from := 0
	for from < len(n) && n[from] == 0 {
		from++
	}
	for _, c := range []byte(s) {
		if c != '1' || from == 0 {
			break
		}
		from--
	}
	return n[from:], true
}
