package chainspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Merge lays a JSON patch over a JSON document, as sc-chain-spec's json_patch::merge does:
// objects are merged key by key, a null removes the key, anything else replaces. (RFC 7396,
// except that an object which replaces something that was no object keeps its nulls.)
// Numbers keep their digits, however many.
func Merge(base, patch []byte) ([]byte, error) {
	var a, b any
	if err := decodeJSON(base, &a); err != nil {
		return nil, fmt.Errorf("merge genesis configuration: default: %w", err)
	}
	if err := decodeJSON(patch, &b); err != nil {
		return nil, fmt.Errorf("merge genesis configuration: patch: %w", err)
	}
	var out bytes.Buffer
	if err := writeJSON(&out, merge(a, b)); err != nil {
		return nil, fmt.Errorf("merge genesis configuration: %w", err)
	}
	return out.Bytes(), nil
}

func decodeJSON(b []byte, v *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the JSON value")
	}
	return nil
}

func merge(a, b any) any {
	to, isObject := a.(map[string]any)
	from, both := b.(map[string]any)
	if !isObject || !both {
		return b
	}
	for k, v := range from {
		if v == nil {
			delete(to, k)
		} else {
			to[k] = merge(to[k], v)
		}
	}
	return to
}
