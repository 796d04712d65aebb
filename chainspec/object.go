package chainspec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// field is a member of a JSON object.
type field struct {
	key   string
	value json.RawMessage
}

var errObject = errors.New("it is not a JSON object")

// parseObject is [members] of which none may stand twice.
func parseObject(b []byte, split ...string) ([]field, error) {
	list, err := members(b, split)
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.key] {
			return nil, fmt.Errorf("the key %q stands twice", f.key)
		}
		seen[f.key] = true
	}
	return list, err
}

// parseTable is the members of a JSON object by their keys, of equal ones the last; nil if it is absent or null.
func parseTable(b []byte, split ...string) (map[string]json.RawMessage, error) {
	if len(b) == 0 || string(b) == "null" {
		return nil, nil
	}
	list, err := members(b, split)
	if err != nil {
		return nil, err
	}
	table := make(map[string]json.RawMessage, len(list))
	for _, f := range list {
		table[f.key] = f.value
	}
	return table, nil
}

// members lists the members of a JSON object. Their values are valid JSON, but for those
// that the caller splits in turn: what is deep in the file is then looked at once, where
// package json goes over it several times, and a spec is mostly one string of megabytes.
func members(b []byte, split []string) (list []field, err error) {
	i := space(b, 0)
	if i == len(b) || b[i] != '{' {
		return nil, errObject
	}
	for i = space(b, i+1); i < len(b) && (b[i] != '}' || len(list) > 0); i = space(b, i+1) {
		from := i
		if i = skip(b, i); b[from] != '"' || i < 0 {
			return nil, errObject
		}
		f := field{}
		if f.key, err = text(b[from:i]); err != nil {
			return nil, err
		}
		if i = space(b, i); i == len(b) || b[i] != ':' {
			return nil, errObject
		}
		from = space(b, i+1)
		if i = skip(b, from); i < 0 {
			return nil, errObject
		}
		f.value = b[from:i:i]
		if !slices.Contains(split, f.key) && !isPlain(f.value) && !json.Valid(f.value) {
			return nil, errObject
		}
		list = append(list, f)
		if i = space(b, i); i == len(b) || b[i] != ',' {
			break
		}
	}
	if i == len(b) || b[i] != '}' || space(b, i+1) != len(b) {
		return nil, errObject
	}
	return list, nil
}

// space is the place of the first byte from i on that is no space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skip is the place behind the value at i, if it is valid JSON; -1: it is not.
func skip(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
		default:
			for i < len(b) && strings.IndexByte(",:]} \n\t\r\"", b[i]) < 0 {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return -1
}

func skipString(b []byte, i int) int {
	for from := i; ; {
		n := bytes.IndexByte(b[i+1:], '"')
		if n < 0 {
			return -1
		}
		i += 1 + n
		escapes := 0
		for i-escapes-1 > from && b[i-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// isPlain tells whether a value is a string that says what it is without escapes.
func isPlain(value []byte) bool {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return false
	}
	for _, c := range value[1 : len(value)-1] {
		if c < 0x20 || c >= 0x7f || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

// text is the text of a JSON string.
func text(value []byte) (s string, err error) {
	if isPlain(value) {
		return string(value[1 : len(value)-1]), nil
	}
	err = json.Unmarshal(value, &s)
	return s, err
}

// parseHex reads a JSON string of hex with 0x; path is for the error.
func parseHex(path string, value []byte) ([]byte, error) {
	if digits, ok := bytes.CutPrefix(value, []byte(`"0x`)); ok && len(digits)%2 == 1 {
		b := make([]byte, len(digits)/2)
		if _, err := hex.Decode(b, digits[:len(digits)-1]); err == nil {
			return b, nil
		}
	}
	s, err := text(value)
	if err != nil {
		return nil, &HexError{path, "it is not a string"}
	}
	return parseHexText(path, s)
}

// parseHexText reads hex with 0x.
func parseHexText(path, text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return nil, &HexError{path, "it does not begin with 0x"}
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		var bad hex.InvalidByteError
		if errors.As(err, &bad) {
			return nil, &HexError{path, fmt.Sprintf("%q is no hex digit", rune(bad))}
		}
		return nil, &HexError{path, "it has an odd number of hex digits"}
	}
	return b, nil
}
