package remote

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// Limits on what an answer may hold.
const (
	maxKeys       = 1000     // of one page, as nodes bound it too
	maxKey        = 4 << 10  // bytes of a storage key
	maxNodes      = 1 << 17  // of one proof
	maxProperties = 64 << 10 // bytes of JSON
	maxLogs       = 1 << 10  // of a header's digest
)

func malformed(what string, cause any) error { return fmt.Errorf("%w: %s: %v", ErrAnswer, what, cause) }

// parseBytes reads hex with 0x.
func parseBytes(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return nil, malformed("bytes", "they do not begin with 0x")
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, malformed("bytes", err)
	}
	return b, nil
}

func parseHash(text string) (h hashing.Hash, err error) {
	b, err := parseBytes(text)
	if err == nil && len(b) != len(h) {
		err = malformed("hash", fmt.Sprintf("it has %d bytes", len(b)))
	}
	if err != nil {
		return h, err
	}
	return hashing.Hash(b), nil
}

// decodeText reads a JSON text; ok is false for null.
func decodeText(raw json.RawMessage) (text string, ok bool, err error) {
	var p *string
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", false, malformed("text", err)
	}
	if p == nil {
		return "", false, nil
	}
	return *p, true, nil
}

// decodeHash reads a block hash; ok is false for null.
func decodeHash(raw json.RawMessage) (h hashing.Hash, ok bool, err error) {
	text, ok, err := decodeText(raw)
	if !ok || err != nil {
		return h, false, err
	}
	h, err = parseHash(text)
	return h, err == nil, err
}

// decodeValue reads a storage value; ok is false for null.
func decodeValue(raw json.RawMessage) (v []byte, ok bool, err error) {
	text, ok, err := decodeText(raw)
	if !ok || err != nil {
		return nil, false, err
	}
	v, err = parseBytes(text)
	return v, err == nil, err
}

// decodeHeader reads a header; ok is false for null.
func decodeHeader(raw json.RawMessage) (h primitives.Header, ok bool, err error) {
	var file *struct {
		ParentHash     string `json:"parentHash"`
		Number         string `json:"number"`
		StateRoot      string `json:"stateRoot"`
		ExtrinsicsRoot string `json:"extrinsicsRoot"`
		Digest         struct {
			Logs []string `json:"logs"`
		} `json:"digest"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return h, false, malformed("header", err)
	}
	if file == nil {
		return h, false, nil
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(file.Number, "0x"), 16, 32)
	if err != nil {
		return h, false, malformed("header", fmt.Sprintf("its number %q is not one", shorten(file.Number)))
	}
	if len(file.Digest.Logs) > maxLogs {
		return h, false, malformed("header", fmt.Sprintf("its digest has %d logs", len(file.Digest.Logs)))
	}
	// The bytes that are hashed, read back.
	var b []byte
	for i, text := range []string{file.ParentHash, file.StateRoot, file.ExtrinsicsRoot} {
		hash, err := parseHash(text)
		if err != nil {
			return h, false, err
		}
		b = append(b, hash[:]...)
		if i == 0 {
			b = scale.AppendCompact(b, number)
		}
	}
	b = scale.AppendCompact(b, uint64(len(file.Digest.Logs)))
	for _, text := range file.Digest.Logs {
		log, err := parseBytes(text)
		if err != nil {
			return h, false, err
		}
		b = append(b, log...)
	}
	if err := scale.Decode(b, &h); err != nil {
		return h, false, malformed("header", err)
	}
	return h, true, nil
}

// decodeProof reads a ReadProof: its nodes, in any order.
func decodeProof(raw json.RawMessage) ([][]byte, error) {
	var file *struct {
		Proof []string `json:"proof"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, malformed("proof", err)
	}
	if file == nil {
		return nil, malformed("proof", "it is null")
	}
	return decodeList("proof", file.Proof, maxNodes)
}

func decodeList(what string, texts []string, most int) ([][]byte, error) {
	if len(texts) > most {
		return nil, malformed(what, fmt.Sprintf("it has %d entries, more than %d", len(texts), most))
	}
	list := make([][]byte, 0, len(texts))
	for _, text := range texts {
		b, err := parseBytes(text)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// decodeKeys reads a page of storage keys.
func decodeKeys(raw json.RawMessage, most int) ([][]byte, error) {
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, malformed("keys", err)
	}
	keys, err := decodeList("keys", texts, most)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if len(key) > maxKey {
			return nil, malformed("keys", fmt.Sprintf("a key has %d bytes", len(key)))
		}
	}
	return keys, nil
}

// decodeChanges reads the answer of state_queryStorageAt: values by their keys. Keys
// without a value are left out.
func decodeChanges(raw json.RawMessage, most int) (map[string][]byte, error) {
	var sets []struct {
		Changes [][]*string `json:"changes"`
	}
	if err := json.Unmarshal(raw, &sets); err != nil {
		return nil, malformed("changes", err)
	}
	values := map[string][]byte{}
	for _, set := range sets {
		for _, change := range set.Changes {
			if len(change) != 2 || change[0] == nil {
				return nil, malformed("changes", "an entry is not a key with a value")
			}
			if change[1] == nil {
				continue
			}
			key, err := parseBytes(*change[0])
			if err != nil {
				return nil, err
			}
			if values[string(key)], err = parseBytes(*change[1]); err != nil {
				return nil, err
			}
			if len(values) > most {
				return nil, malformed("changes", fmt.Sprintf("more than the %d that were asked for", most))
			}
		}
	}
	return values, nil
}

// runtimeVersion is what is needed of a RuntimeVersion.
type runtimeVersion struct {
	StateVersion  *uint8   `json:"stateVersion"`
	SystemVersion *uint8   `json:"systemVersion"`
	APIs          [][2]any `json:"apis"` // id with 0x, version
}

func decodeVersion(raw json.RawMessage) (v runtimeVersion, err error) {
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, malformed("runtime version", err)
	}
	return v, nil
}

// layout is 1 if values stand apart from their nodes, else 0. Runtimes from before there
// were two do not say it.
func (v runtimeVersion) layout() uint8 {
	for _, p := range []*uint8{v.SystemVersion, v.StateVersion} {
		if p != nil {
			return min(*p, 1)
		}
	}
	return 0
}

// api is the version of a runtime API, 0 if it is not there.
func (v runtimeVersion) api(id string) uint32 {
	for _, a := range v.APIs {
		name, _ := a[0].(string)
		if version, ok := a[1].(float64); ok && name == id && version >= 0 && version < 1<<16 {
			return uint32(version)
		}
	}
	return 0
}
