package jsonrpc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"pileus/hashing"
)

// Hex is bytes that are written as text: 0x and lowercase digits. Within another value
// nil is null.
type Hex []byte

// AppendText implements [encoding.TextAppender].
func (h Hex) AppendText(b []byte) ([]byte, error) {
	return hex.AppendEncode(append(b, "0x"...), h), nil
}

// MarshalJSON implements [json.Marshaler].
func (h Hex) MarshalJSON() ([]byte, error) {
	if h == nil {
		return []byte("null"), nil
	}
	b, _ := h.AppendText(append(make([]byte, 0, 4+2*len(h)), '"'))
	return append(b, '"'), nil
}

// String is the text.
func (h Hex) String() string { return "0x" + hex.EncodeToString(h) }

// ParseHex reads hex as the older methods do: any case, with or without 0x, a missing
// first digit is 0.
func ParseHex(s string) ([]byte, error) {
	if len(s) >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("not hex: %w", err)
	}
	return b, nil
}

// ParseHexStrict reads hex as the newer methods do: an even number of digits, with or
// without 0x.
func ParseHexStrict(s string) ([]byte, error) {
	s = strings.TrimPrefix(s, "0x")
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("not hex: %w", err)
	}
	return b, nil
}

// Hash32 reads the 32 bytes of a hash.
func Hash32(s string) (h hashing.Hash, err error) {
	b, err := ParseHex(s)
	if err == nil && len(b) != len(h) {
		err = fmt.Errorf("a hash has 32 bytes, not %d", len(b))
	}
	if err != nil {
		return h, err
	}
	copy(h[:], b)
	return h, nil
}

// Params are the parameters of a call, read one after the other in the order of their
// positions. A client may give them by name instead. The first error sticks, later reads
// yield zeros; [Params.Err] reports it. What is given beyond what is read is ignored.
type Params struct {
	list  []json.RawMessage
	named map[string]json.RawMessage
	next  int
	err   *Error
}

// maxParams is the longest list of parameters.
const maxParams = 64

// parseParams reads a list, an object or nothing.
func parseParams(raw json.RawMessage) *Params {
	p := &Params{}
	switch {
	case len(raw) == 0 || string(raw) == "null":
	case raw[0] == '[':
		if err := json.Unmarshal(raw, &p.list); err != nil || len(p.list) > maxParams {
			p.err = InvalidParams("too many parameters")
		}
	case raw[0] == '{':
		if err := json.Unmarshal(raw, &p.named); err != nil || len(p.named) > maxParams {
			p.err = InvalidParams("too many parameters")
		}
	default:
		p.err = InvalidParams("parameters are a list or an object")
	}
	return p
}

// Err is the first error, nil if there was none.
func (p *Params) Err() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

// Fail makes a reason the error, unless there is one already.
func (p *Params) Fail(name, reason string) {
	if p.err == nil {
		p.err = InvalidParams(name + ": " + reason)
	}
}

// take is the next parameter; false if it is absent or null.
func (p *Params) take(name string) (json.RawMessage, bool) {
	i := p.next
	p.next++
	var raw json.RawMessage
	if p.named != nil {
		raw = p.named[name]
	} else if i < len(p.list) {
		raw = p.list[i]
	}
	return raw, p.err == nil && len(raw) > 0 && string(raw) != "null"
}

// need is the next parameter, which must be there.
func (p *Params) need(name string) (json.RawMessage, bool) {
	raw, ok := p.take(name)
	if !ok {
		p.Fail(name, "is missing")
	}
	return raw, ok
}

// Has tells whether the next parameter is there and not null, without reading it.
func (p *Params) Has(name string) bool {
	defer func() { p.next-- }()
	_, ok := p.take(name)
	return ok
}

// text reads a JSON string.
func text(raw json.RawMessage) (string, error) {
	if n := len(raw); n >= 2 && raw[0] == '"' && n > 64 && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : n-1]), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("text expected")
	}
	return s, nil
}

func read[T any](p *Params, name string, raw json.RawMessage, ok bool, parse func(string) (T, error)) (v T) {
	if !ok {
		return v
	}
	s, err := text(raw)
	if err == nil {
		v, err = parse(s)
	}
	if err != nil {
		p.Fail(name, err.Error())
	}
	return v
}

func asIs(s string) (string, error) { return s, nil }

// Text reads a string.
func (p *Params) Text(name string) string {
	raw, ok := p.need(name)
	return read(p, name, raw, ok, asIs)
}

// Bytes reads bytes, see [ParseHex].
func (p *Params) Bytes(name string) []byte {
	raw, ok := p.need(name)
	return read(p, name, raw, ok, ParseHex)
}

// OptBytes reads bytes that may be absent: nil.
func (p *Params) OptBytes(name string) []byte {
	raw, ok := p.take(name)
	return read(p, name, raw, ok, ParseHex)
}

// StrictBytes reads bytes, see [ParseHexStrict].
func (p *Params) StrictBytes(name string) []byte {
	raw, ok := p.need(name)
	return read(p, name, raw, ok, ParseHexStrict)
}

// Hash reads a hash.
func (p *Params) Hash(name string) hashing.Hash {
	raw, ok := p.need(name)
	return read(p, name, raw, ok, Hash32)
}

// OptHash reads a hash that may be absent: nil.
func (p *Params) OptHash(name string) *hashing.Hash {
	raw, ok := p.take(name)
	h := read(p, name, raw, ok, Hash32)
	if !ok {
		return nil
	}
	return &h
}

// Hashes reads one hash or a list of them.
func (p *Params) Hashes(name string) []hashing.Hash { return list(p, name, Hash32, true) }

// BytesList reads a list of bytes.
func (p *Params) BytesList(name string) [][]byte { return list(p, name, ParseHex, false) }

func list[T any](p *Params, name string, parse func(string) (T, error), single bool) []T {
	raw, ok := p.need(name)
	if !ok {
		return nil
	}
	if single && raw[0] == '"' {
		return []T{read(p, name, raw, true, parse)}
	}
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		p.Fail(name, "a list of texts expected")
		return nil
	}
	items := make([]T, 0, len(texts))
	for _, s := range texts {
		v, err := parse(s)
		if err != nil {
			p.Fail(name, err.Error())
			return nil
		}
		items = append(items, v)
	}
	return items
}

// Bool reads true or false.
func (p *Params) Bool(name string) (v bool) {
	raw, ok := p.need(name)
	if ok && json.Unmarshal(raw, &v) != nil {
		p.Fail(name, "true or false expected")
	}
	return v
}

// Number reads a number, given as such or as hex text.
func (p *Params) Number(name string) uint64 {
	raw, _ := p.need(name)
	return p.number(name, raw)
}

// Numbers reads one number, a list of them, or nothing. single tells that it was one.
func (p *Params) Numbers(name string) (numbers []uint64, single bool) {
	raw, ok := p.take(name)
	if !ok {
		return nil, false
	}
	if raw[0] != '[' {
		return []uint64{p.number(name, raw)}, true
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		p.Fail(name, "a list of numbers expected")
	}
	numbers = make([]uint64, 0, len(items))
	for _, item := range items {
		numbers = append(numbers, p.number(name, item))
	}
	return numbers, false
}

func (p *Params) number(name string, raw json.RawMessage) uint64 {
	if p.err != nil {
		return 0
	}
	s, base := string(raw), 10
	if raw[0] == '"' {
		t, err := text(raw)
		if digits, ok := strings.CutPrefix(t, "0x"); ok && err == nil {
			s, base = digits, 16
		}
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		p.Fail(name, "a whole number or its hex expected")
	}
	return n
}

// JSON reads any value.
func (p *Params) JSON(name string, v any) {
	raw, ok := p.need(name)
	if ok {
		p.unmarshal(name, raw, v)
	}
}

// OptJSON reads any value that may be absent, and tells whether it was there.
func (p *Params) OptJSON(name string, v any) bool {
	raw, ok := p.take(name)
	if ok {
		p.unmarshal(name, raw, v)
	}
	return ok
}

func (p *Params) unmarshal(name string, raw json.RawMessage, v any) {
	if err := json.Unmarshal(raw, v); err != nil {
		p.Fail(name, strings.TrimPrefix(err.Error(), "json: "))
	}
}
