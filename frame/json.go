package frame

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"pileus/scale"
)

// Config is a piece of a genesis config: a JSON value that knows where it stands. Reading
// it in the wrong way is an error that names the path.
//
// It is a reader of its own because encoding/json would more than double the size of a
// small runtime, and because u128 numbers must stay exact.
type Config struct {
	path  string
	kind  byte // { [ " 0 t f n
	text  string
	names []string
	items []*Config
}

// parseJSON reads a JSON document.
func parseJSON(b []byte) (*Config, error) {
	p := &jsonParser{in: b}
	v := p.value("", 0)
	p.space()
	if p.err == nil && p.at < len(p.in) {
		p.fail("trailing characters")
	}
	return v, p.err
}

type jsonParser struct {
	in  []byte
	at  int
	err error
}

const maxJSONDepth = 64

func (p *jsonParser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s at byte %d", what, p.at)
	}
	p.at = len(p.in)
}

func (p *jsonParser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

func (p *jsonParser) peek() byte {
	p.space()
	if p.at >= len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *jsonParser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *jsonParser) value(path string, depth int) *Config {
	v := &Config{path: path}
	if depth > maxJSONDepth {
		p.fail("nested too deeply")
		return v
	}
	switch c := p.peek(); {
	case c == '{':
		v.kind = c
		p.at++
		for first := true; !p.take('}'); first = false {
			if !first && !p.take(',') || p.peek() != '"' {
				p.fail("expected a field")
				return v
			}
			name := p.str()
			if !p.take(':') {
				p.fail("expected `:`")
				return v
			}
			for _, n := range v.names {
				if n == name {
					p.fail("duplicate field `" + name + "`")
					return v
				}
			}
			v.names = append(v.names, name)
			v.items = append(v.items, p.value(join(path, name), depth+1))
			if p.err != nil {
				return v
			}
		}
	case c == '[':
		v.kind = c
		p.at++
		for first := true; !p.take(']'); first = false {
			if !first && !p.take(',') {
				p.fail("expected `,` or `]`")
				return v
			}
			v.items = append(v.items, p.value(path+"["+strconv.Itoa(len(v.items))+"]", depth+1))
			if p.err != nil {
				return v
			}
		}
	case c == '"':
		v.kind, v.text = c, p.str()
	case c == '-' || c >= '0' && c <= '9':
		from := p.at
		for p.at < len(p.in) && strings.IndexByte("+-.eE0123456789", p.in[p.at]) >= 0 {
			p.at++
		}
		v.kind, v.text = '0', string(p.in[from:p.at])
	default:
		for _, word := range []string{"true", "false", "null"} {
			if strings.HasPrefix(string(p.in[min(p.at, len(p.in)):min(p.at+5, len(p.in))]), word) {
				v.kind = word[0]
				p.at += len(word)
				return v
			}
		}
		p.fail("expected a value")
	}
	return v
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// str reads a string; the quote is next.
func (p *jsonParser) str() string {
	p.at++
	var b []byte
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				p.fail("string is not UTF-8")
			}
			return string(b)
		case c < 0x20:
			p.fail("control character in a string")
		case c != '\\':
			b = append(b, c)
		default:
			b = p.escape(b)
		}
	}
	p.fail("string does not end")
	return ""
}

func (p *jsonParser) escape(b []byte) []byte {
	if p.at >= len(p.in) {
		return b
	}
	c := p.in[p.at]
	p.at++
	if c == 'u' && p.at+4 <= len(p.in) {
		n, err := strconv.ParseUint(string(p.in[p.at:p.at+4]), 16, 16)
		if err == nil {
			p.at += 4
			return utf8.AppendRune(b, rune(n))
		}
	}
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[i])
	}
	p.fail("invalid escape")
	return b
}

func (v *Config) wrong(want string) error {
	return fmt.Errorf("%s: expected %s", v.where(), want)
}

func (v *Config) where() string {
	if v.path == "" {
		return "the genesis config"
	}
	return v.path
}

// Field is a field of an object; a missing one is an error.
func (v *Config) Field(name string) (*Config, error) {
	if v.kind != '{' {
		return nil, v.wrong("an object")
	}
	for i, n := range v.names {
		if n == name {
			return v.items[i], nil
		}
	}
	return nil, fmt.Errorf("%s: missing field `%s`", v.where(), name)
}

// Only refuses fields of an object that are not among names.
func (v *Config) Only(names ...string) error {
	if v.kind != '{' {
		return v.wrong("an object")
	}
	for _, n := range v.names {
		known := false
		for _, k := range names {
			known = known || k == n
		}
		if !known {
			return fmt.Errorf("%s: unknown field `%s`, expected one of `%s`", v.where(), n, strings.Join(names, "`, `"))
		}
	}
	return nil
}

// List is an array's items.
func (v *Config) List() ([]*Config, error) {
	if v.kind != '[' {
		return nil, v.wrong("a list")
	}
	return v.items, nil
}

// Tuple is an array of exactly n items.
func (v *Config) Tuple(n int) ([]*Config, error) {
	if v.kind != '[' || len(v.items) != n {
		return nil, v.wrong("a list of " + strconv.Itoa(n))
	}
	return v.items, nil
}

// IsNull tells whether the value is null.
func (v *Config) IsNull() bool { return v.kind == 'n' }

// U128 is a number; a string of digits is taken as well.
func (v *Config) U128() (n Balance, err error) {
	if v.kind != '0' && v.kind != '"' || v.text == "" || len(v.text) > 39 {
		return n, v.wrong("a number of at most 128 bits")
	}
	for _, c := range []byte(v.text) {
		if c < '0' || c > '9' {
			return n, v.wrong("a whole number")
		}
		m, over := mulChecked(n, Amount(10))
		sum, over2 := m.Add(Amount(uint64(c - '0')))
		if over || over2 {
			return n, v.wrong("a number of at most 128 bits")
		}
		n = sum
	}
	return n, nil
}

// U32 is a number of at most 32 bits.
func (v *Config) U32() (uint32, error) {
	n, err := v.U128()
	if err == nil && (v.kind != '0' || n.Hi != 0 || n.Lo > 1<<32-1) {
		err = v.wrong("a number of at most 32 bits")
	}
	return uint32(n.Lo), err
}

// Text is a string.
func (v *Config) Text() (string, error) {
	if v.kind != '"' {
		return "", v.wrong("a string")
	}
	return v.text, nil
}

// Account is an account: SS58 of any chain, or 32 bytes in hex with 0x.
func (v *Config) Account() (AccountID, error) {
	text, err := v.Text()
	if err != nil {
		return AccountID{}, err
	}
	a, err := ParseAccount(text)
	if err != nil {
		return a, fmt.Errorf("%s: %w", v.where(), err)
	}
	return a, nil
}

// jsonDefault writes the default genesis config of the pallets.
func (r *Runtime) jsonDefault() []byte {
	b := []byte{'{'}
	for _, m := range r.modules {
		g, ok := m.(GenesisPallet)
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), g.GenesisKey()...), `":`...), g.GenesisDefault()...)
	}
	return append(b, '}')
}

// resultOf appends Result<(), str>.
func resultOf(err error) []byte {
	if err == nil {
		return []byte{0}
	}
	return scale.AppendString([]byte{1}, err.Error())
}

// Refuse is an error about the value, with its path.
func (v *Config) Refuse(why string) error { return fmt.Errorf("%s: %s", v.where(), why) }
