// Package wasm reads and writes the binary format of WebAssembly as far as a host needs
// it: sections, and the types, imports, memories and exports in them.
//
// Source: WebAssembly core specification 1.0, binary format.
package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Section ids.
const (
	CustomSection   = 0
	TypeSection     = 1
	ImportSection   = 2
	FunctionSection = 3
	TableSection    = 4
	MemorySection   = 5
	GlobalSection   = 6
	ExportSection   = 7
	StartSection    = 8
	ElementSection  = 9
	CodeSection     = 10
	DataSection     = 11
)

// Kinds of imports and exports.
const (
	KindFunction = 0
	KindTable    = 1
	KindMemory   = 2
	KindGlobal   = 3
)

// maxItems bounds every list.
const maxItems = 1 << 20

// ErrFormat is wrapped by errors of bytes that are no module.
var ErrFormat = errors.New("not a WebAssembly module")

var magic = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// Section is one section of a module. Name is that of a custom section, whose payload
// does not contain it.
type Section struct {
	ID      byte
	Name    string
	Payload []byte
}

// Module is a list of sections in the order of the file.
type Module struct{ Sections []Section }

// Parse splits a module into its sections.
func Parse(b []byte) (*Module, error) {
	if !bytes.HasPrefix(b, magic) {
		return nil, fmt.Errorf("%w: it does not begin with the magic bytes of version 1", ErrFormat)
	}
	m := &Module{}
	r := NewReader(b[len(magic):])
	last := byte(0)
	for r.Left() > 0 && r.Err() == nil {
		id := r.Byte()
		payload := r.Bytes()
		if r.Err() != nil {
			break
		}
		s := Section{ID: id, Payload: payload}
		switch {
		case id == CustomSection:
			inner := NewReader(payload)
			s.Name = inner.Name()
			s.Payload = payload[len(payload)-inner.Left():]
			if inner.Err() != nil {
				return nil, fmt.Errorf("custom section: %w", inner.Err())
			}
		case id > DataSection:
			return nil, fmt.Errorf("%w: unknown section %d", ErrFormat, id)
		case id <= last:
			return nil, fmt.Errorf("%w: section %d out of order", ErrFormat, id)
		default:
			last = id
		}
		m.Sections = append(m.Sections, s)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Encode writes the module.
func (m *Module) Encode() []byte {
	size := len(magic)
	for _, s := range m.Sections {
		size += len(s.Payload) + len(s.Name) + 12
	}
	b := append(make([]byte, 0, size), magic...)
	for _, s := range m.Sections {
		payload := s.Payload
		if s.ID == CustomSection {
			payload = append(AppendName(nil, s.Name), s.Payload...)
		}
		b = append(AppendU32(append(b, s.ID), uint32(len(payload))), payload...)
	}
	return b
}

// Section is the payload of the first section with that id; nil if there is none.
func (m *Module) Section(id byte) []byte {
	for i := range m.Sections {
		if m.Sections[i].ID == id {
			return m.Sections[i].Payload
		}
	}
	return nil
}

// Custom is the payload of the first custom section with that name.
func (m *Module) Custom(name string) ([]byte, bool) {
	for i := range m.Sections {
		if m.Sections[i].ID == CustomSection && m.Sections[i].Name == name {
			return m.Sections[i].Payload, true
		}
	}
	return nil, false
}

// SetSection replaces a section's payload, or puts a new section into its place in the
// order of ids. An empty payload takes the section out.
func (m *Module) SetSection(id byte, payload []byte) {
	for i := range m.Sections {
		if m.Sections[i].ID == id {
			if len(payload) == 0 {
				m.Sections = append(m.Sections[:i:i], m.Sections[i+1:]...)
				return
			}
			m.Sections[i].Payload = payload
			return
		}
	}
	if len(payload) == 0 {
		return
	}
	at := len(m.Sections)
	for i := range m.Sections {
		if m.Sections[i].ID > id {
			at = i
			break
		}
	}
	m.Sections = append(m.Sections[:at:at], append([]Section{{ID: id, Payload: payload}}, m.Sections[at:]...)...)
}

// FuncType is a function's type: value types of parameters and results.
type FuncType struct{ Params, Results []byte }

// Types reads the type section.
func (m *Module) Types() (list []FuncType, err error) {
	r := NewReader(m.Section(TypeSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		if form := r.Byte(); form != 0x60 {
			r.Fail("type form 0x%02x", form)
		}
		list = append(list, FuncType{r.Bytes(), r.Bytes()})
	}
	return list, r.Err()
}

// Import is one import. Type is the type index of a function; Rest are the bytes that
// follow the kind, as they stand in the file.
type Import struct {
	Module, Name string
	Kind         byte
	Type         uint32
	Limits       Limits // of a memory or table
	Rest         []byte
}

// Imports reads the import section.
func (m *Module) Imports() (list []Import, err error) {
	r := NewReader(m.Section(ImportSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		i := Import{Module: r.Name(), Name: r.Name(), Kind: r.Byte()}
		from := r.Offset()
		switch i.Kind {
		case KindFunction:
			i.Type = r.U32()
		case KindTable:
			r.Byte()
			i.Limits = r.Limits()
		case KindMemory:
			i.Limits = r.Limits()
		case KindGlobal:
			r.Byte()
			r.Byte()
		default:
			r.Fail("import kind %d", i.Kind)
		}
		i.Rest = r.Since(from)
		list = append(list, i)
	}
	return list, r.Err()
}

// EncodeImports writes an import section; the kinds' bytes are those of Rest.
func EncodeImports(list []Import) []byte {
	if len(list) == 0 {
		return nil
	}
	b := AppendU32(nil, uint32(len(list)))
	for _, i := range list {
		b = append(append(AppendName(AppendName(b, i.Module), i.Name), i.Kind), i.Rest...)
	}
	return b
}

// Limits bound a memory, in pages, or a table.
type Limits struct {
	Min uint32
	Max *uint32
}

// AppendLimits writes limits.
func AppendLimits(b []byte, l Limits) []byte {
	if l.Max == nil {
		return AppendU32(append(b, 0), l.Min)
	}
	return AppendU32(AppendU32(append(b, 1), l.Min), *l.Max)
}

// Export is one export.
type Export struct {
	Name  string
	Kind  byte
	Index uint32
}

// Exports reads the export section.
func (m *Module) Exports() (list []Export, err error) {
	r := NewReader(m.Section(ExportSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		list = append(list, Export{r.Name(), r.Byte(), r.U32()})
	}
	return list, r.Err()
}

// EncodeExports writes an export section.
func EncodeExports(list []Export) []byte {
	b := AppendU32(nil, uint32(len(list)))
	for _, e := range list {
		b = AppendU32(append(AppendName(b, e.Name), e.Kind), e.Index)
	}
	return b
}

// Reader reads numbers, names and bytes. After the first error it returns zeros.
type Reader struct {
	b   []byte
	off int
	err error
}

// NewReader reads from b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// Left is the number of bytes that are left.
func (r *Reader) Left() int { return len(r.b) - r.off }

// Offset is the position.
func (r *Reader) Offset() int { return r.off }

// Since is what was read since that position.
func (r *Reader) Since(from int) []byte { return r.b[from:r.off:r.off] }

// Fail sets an error, if there is none.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
		r.off = len(r.b)
	}
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.off >= len(r.b) {
		r.Fail("it ends too early")
		return 0
	}
	r.off++
	return r.b[r.off-1]
}

// U32 reads an unsigned LEB128 number.
func (r *Reader) U32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.Byte()
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.Fail("a number is too large")
	return 0
}

// S64 reads a signed LEB128 number of at most that many bits.
func (r *Reader) S64(bits int) int64 {
	var v int64
	for shift := 0; shift < bits+6; shift += 7 {
		b := r.Byte()
		v |= int64(b&0x7f) << shift
		if b&0x80 == 0 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.Fail("a number is too large")
	return 0
}

// Count reads the length of a list.
func (r *Reader) Count() uint32 {
	if len(r.b) == 0 {
		return 0
	}
	n := r.U32()
	if n > maxItems || int(n) > r.Left() {
		r.Fail("a list is too long")
		return 0
	}
	return n
}

// Bytes reads a length and that many bytes, as a view.
func (r *Reader) Bytes() []byte {
	n := r.U32()
	return r.Take(int(n))
}

// Take reads n bytes, as a view.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > r.Left() {
		r.Fail("it ends too early")
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

// Name reads a name, which is UTF-8.
func (r *Reader) Name() string {
	b := r.Bytes()
	if !utf8.Valid(b) {
		r.Fail("a name is not UTF-8")
		return ""
	}
	return string(b)
}

// Limits reads limits.
func (r *Reader) Limits() (l Limits) {
	switch flag := r.Byte(); flag {
	case 0:
		l.Min = r.U32()
	case 1:
		l.Min = r.U32()
		top := r.U32()
		l.Max = &top
	default:
		r.Fail("limits flag %d", flag)
	}
	return l
}

// AppendU32 writes an unsigned LEB128 number.
func AppendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// AppendS64 writes a signed LEB128 number.
func AppendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// AppendName writes a name.
func AppendName(b []byte, s string) []byte { return append(AppendU32(b, uint32(len(s))), s...) }
