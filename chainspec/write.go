package chainspec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Marshal writes the spec as indented JSON. Keys keep the order and the spelling in which
// they were read; storage is sorted by key.
func (s *Spec) Marshal() ([]byte, error) {
	o := object{}
	written := map[string]bool{}
	for _, f := range s.fields {
		name := canonical(f.key)
		written[name] = true
		if value, known := s.known(name); known {
			o.add(f.key, value)
		} else {
			o.add(f.key, f.value)
		}
	}
	for _, name := range knownKeys {
		if value, _ := s.known(name); !written[name] && !isEmpty(value) {
			o.add(name, value)
		}
	}
	o.add("genesis", s.Genesis.object())
	var out bytes.Buffer
	raw, err := o.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write chain spec: %w", err)
	}
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("write chain spec: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// WithRaw returns the spec with a raw genesis in place of its own.
func (s *Spec) WithRaw(r *Raw) *Spec {
	c := *s
	c.Genesis = Genesis{Raw: r}
	return &c
}

// knownKeys are the keys that have a field in [Spec], in the order in which new specs have them.
var knownKeys = []string{"name", "id", "chainType", "bootNodes", "protocolId", "forkId", "relay_chain", "para_id", "codeSubstitutes"}

// canonical is the first spelling of a key that has several.
func canonical(key string) string {
	switch {
	case slices.Contains(relayChainKeys, key):
		return relayChainKeys[0]
	case slices.Contains(paraIDKeys, key):
		return paraIDKeys[0]
	}
	return key
}

// known is the value of a key that has a field in [Spec].
func (s *Spec) known(name string) (value any, known bool) {
	switch name {
	case "name":
		return s.Name, true
	case "id":
		return s.ID, true
	case "chainType":
		switch s.ChainType {
		case "Development", "Local", "Live", "":
			return s.ChainType, true
		}
		return map[string]string{"Custom": s.ChainType}, true
	case "bootNodes":
		return append([]string{}, s.BootNodes...), true
	case "protocolId":
		return orNull(s.ProtocolID), true
	case "forkId":
		return orNull(s.ForkID), true
	case "relay_chain":
		return s.RelayChain, true
	case "para_id":
		return s.ParaID, true
	case "codeSubstitutes":
		o := object{}
		for _, c := range s.CodeSubstitutes {
			o.add(strconv.FormatUint(c.Block, 10), hexText(c.Code))
		}
		return o, true
	}
	return nil, false
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// isEmpty tells whether a value need not be written where the file had none.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case *uint32:
		return v == nil
	case object:
		return len(v) == 0
	}
	return false
}

func (g *Genesis) object() object {
	o := object{}
	switch {
	case g.Raw != nil:
		raw, children := object{}, object{}
		raw.add("top", pairsObject(g.Raw.Top))
		for _, id := range sortedKeys(g.Raw.Children) {
			children.add(hexText([]byte(id)), pairsObject(g.Raw.Children[id]))
		}
		raw.add("childrenDefault", children)
		o.add("raw", raw)
	case g.Runtime != nil:
		r := object{}
		r.add("code", hexText(g.Runtime.Code))
		switch {
		case g.Runtime.Config != nil:
			r.add("config", g.Runtime.Config)
		case g.Runtime.Patch != nil:
			r.add("patch", g.Runtime.Patch)
		default:
			r.add("preset", g.Runtime.Preset)
		}
		o.add("runtimeGenesis", r)
	default:
		o.add("stateRootHash", hexText(g.StateRoot))
	}
	return o
}

func pairsObject(m map[string][]byte) object {
	o := make(object, 0, len(m))
	for _, k := range sortedKeys(m) {
		o.add(hexText([]byte(k)), hexText(m[k]))
	}
	return o
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func hexText(b []byte) string { return "0x" + hex.EncodeToString(b) }

// object is a JSON object with its members in order.
type object []member

type member struct {
	key   string
	value any
}

func (o *object) add(key string, value any) { *o = append(*o, member{key, value}) }

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeJSON(&out, m.key); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := writeJSON(&out, m.value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// writeJSON writes without the escapes that are meant for HTML.
func writeJSON(out *bytes.Buffer, v any) error {
	if o, ok := v.(object); ok {
		b, err := o.MarshalJSON()
		out.Write(b)
		return err
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder's line break
	return nil
}
