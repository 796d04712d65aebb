package metadata

import (
	"fmt"

	"pileus/scale"
)

// TypeID is a type's place in the [Registry].
type TypeID uint32

// Registry is the list of all types that the metadata speaks of (scale_info::PortableRegistry).
// A type's id is its index.
type Registry []Type

// Type describes how values of one type are encoded.
type Type struct {
	Path   []string // module path and name; empty for built-in types
	Params []TypeParam
	Def    TypeDef
	Docs   []string
}

// TypeParam is a generic parameter; Type is nil if it does not enter the encoding.
type TypeParam struct {
	Name string
	Type *TypeID
}

// DefKind is the kind of a type definition, with the variant bytes of scale_info::TypeDef.
type DefKind uint8

// The kinds of type definitions.
const (
	DefComposite   DefKind = 0 // Fields
	DefVariant     DefKind = 1 // Variants
	DefSequence    DefKind = 2 // Elem
	DefArray       DefKind = 3 // Elem, Len
	DefTuple       DefKind = 4 // Tuple; empty is the unit
	DefPrimitive   DefKind = 5 // Primitive
	DefCompact     DefKind = 6 // Elem
	DefBitSequence DefKind = 7 // Store, Order
)

// TypeDef is the shape of a type. Which fields count depends on Kind.
type TypeDef struct {
	Kind         DefKind
	Fields       []Field
	Variants     []VariantDef
	Elem         TypeID
	Len          uint32
	Tuple        []TypeID
	Primitive    Primitive
	Store, Order TypeID
}

// Field is a field of a composite or of a variant; the name is empty in a tuple struct.
type Field struct {
	Name     string
	Type     TypeID
	TypeName string // as written in the source; may be empty
	Docs     []string
}

// VariantDef is one alternative of an enum.
type VariantDef struct {
	Name   string
	Fields []Field
	Index  uint8 // the byte that stands in the encoding
	Docs   []string
}

// Primitive is a built-in type, with the variant bytes of scale_info::TypeDefPrimitive.
type Primitive uint8

// The primitive types.
const (
	PrimBool Primitive = iota
	PrimChar
	PrimStr
	PrimU8
	PrimU16
	PrimU32
	PrimU64
	PrimU128
	PrimU256
	PrimI8
	PrimI16
	PrimI32
	PrimI64
	PrimI128
	PrimI256
)

var primitiveNames = [...]string{"bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256"}

// String is the name in Rust.
func (p Primitive) String() string {
	if int(p) < len(primitiveNames) {
		return primitiveNames[p]
	}
	return fmt.Sprintf("primitive %d", uint8(p))
}

// size is the width of an integer in bytes, 0 for bool, char and str.
func (p Primitive) size() int {
	switch {
	case p >= PrimU8 && p <= PrimU256:
		return 1 << (p - PrimU8)
	case p >= PrimI8 && p <= PrimI256:
		return 1 << (p - PrimI8)
	}
	return 0
}

func (p Primitive) signed() bool { return p >= PrimI8 }

// Name is the last segment of the path, empty for a built-in type.
func (t *Type) Name() string {
	if len(t.Path) == 0 {
		return ""
	}
	return t.Path[len(t.Path)-1]
}

// Variant is the alternative of that name, nil if there is none.
func (t *Type) Variant(name string) *VariantDef {
	for i := range t.Def.Variants {
		if t.Def.Variants[i].Name == name {
			return &t.Def.Variants[i]
		}
	}
	return nil
}

// VariantAt is the alternative with that index byte, nil if there is none.
func (t *Type) VariantAt(index uint8) *VariantDef {
	for i := range t.Def.Variants {
		if t.Def.Variants[i].Index == index {
			return &t.Def.Variants[i]
		}
	}
	return nil
}

// Param is the type of the generic parameter of that name.
func (t *Type) Param(name string) (TypeID, bool) {
	for _, p := range t.Params {
		if p.Name == name && p.Type != nil {
			return *p.Type, true
		}
	}
	return 0, false
}

// Type is the type with that id, nil if the registry has none.
func (r Registry) Type(id TypeID) *Type {
	if int(id) >= len(r) {
		return nil
	}
	return &r[id]
}

// Find is the first type of exactly that path, for example "sp_runtime", "DispatchError".
func (r Registry) Find(path ...string) (TypeID, bool) {
	for i := range r {
		if equalPath(r[i].Path, path) {
			return TypeID(i), true
		}
	}
	return 0, false
}

// FindName is the first type whose path ends in that name. Outer enums
// (RuntimeCall, RuntimeEvent) are found by it, as their crate differs from runtime to runtime.
func (r Registry) FindName(name string) (TypeID, bool) {
	for i := range r {
		if r[i].Name() == name {
			return TypeID(i), true
		}
	}
	return 0, false
}

func equalPath(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Describe writes the type as Rust source would, to a small depth: Vec<(u32, H256)>.
func (r Registry) Describe(id TypeID) string { return r.describe(id, 4) }

func (r Registry) describe(id TypeID, depth int) string {
	t := r.Type(id)
	if t == nil {
		return fmt.Sprintf("type %d (absent)", id)
	}
	if depth == 0 {
		return "…"
	}
	if len(t.Path) > 0 {
		s := t.Name()
		for i, p := range t.Params {
			if p.Type == nil {
				continue
			}
			if s == t.Name() {
				s += "<"
			} else if i > 0 {
				s += ", "
			}
			s += r.describe(*p.Type, depth-1)
		}
		if len(s) > len(t.Name()) {
			s += ">"
		}
		return s
	}
	switch t.Def.Kind {
	case DefSequence:
		return "Vec<" + r.describe(t.Def.Elem, depth-1) + ">"
	case DefArray:
		return fmt.Sprintf("[%s; %d]", r.describe(t.Def.Elem, depth-1), t.Def.Len)
	case DefTuple:
		s := "("
		for i, e := range t.Def.Tuple {
			if i > 0 {
				s += ", "
			}
			s += r.describe(e, depth-1)
		}
		return s + ")"
	case DefPrimitive:
		return t.Def.Primitive.String()
	case DefCompact:
		return "Compact<" + r.describe(t.Def.Elem, depth-1) + ">"
	case DefBitSequence:
		return "BitVec"
	}
	return fmt.Sprintf("type %d", id)
}

// check verifies that every reference points into the registry.
func (r Registry) check() error {
	for i := range r {
		t := &r[i]
		var bad *TypeID
		see := func(id TypeID) {
			if int(id) >= len(r) && bad == nil {
				bad = &id
			}
		}
		for _, p := range t.Params {
			if p.Type != nil {
				see(*p.Type)
			}
		}
		for _, f := range t.Def.Fields {
			see(f.Type)
		}
		for _, v := range t.Def.Variants {
			for _, f := range v.Fields {
				see(f.Type)
			}
		}
		for _, e := range t.Def.Tuple {
			see(e)
		}
		switch t.Def.Kind {
		case DefSequence, DefArray, DefCompact:
			see(t.Def.Elem)
		case DefBitSequence:
			see(t.Def.Store)
			see(t.Def.Order)
		}
		if bad != nil {
			return fmt.Errorf("type %d refers to type %d of %d", i, *bad, len(r))
		}
	}
	return nil
}

// EncodeTo appends the SCALE encoding.
func (r Registry) EncodeTo(b []byte) []byte {
	b = scale.AppendCompact(b, uint64(len(r)))
	for i := range r {
		b = r[i].encodeTo(scale.AppendCompact(b, uint64(i)))
	}
	return b
}

// DecodeFrom reads the SCALE encoding; ids must count from 0.
func (r *Registry) DecodeFrom(d *scale.Decoder) {
	n := d.Len(maxTypes, 5)
	list := make(Registry, 0, min(n, 4096))
	for i := 0; i < n && d.Err() == nil; i++ {
		if id := d.CompactU32(); id != uint32(i) {
			d.Fail(fmt.Errorf("type %d of the registry has id %d", i, id))
			return
		}
		var t Type
		t.decodeFrom(d)
		list = append(list, t)
	}
	*r = list
}

func (t *Type) encodeTo(b []byte) []byte {
	b = appendStrings(b, t.Path)
	b = scale.AppendVecFunc(b, t.Params, func(b []byte, p TypeParam) []byte {
		return scale.AppendOption(scale.AppendString(b, p.Name), p.Type, appendTypeID)
	})
	b = append(b, byte(t.Def.Kind))
	switch d := &t.Def; d.Kind {
	case DefComposite:
		b = scale.AppendVecFunc(b, d.Fields, appendField)
	case DefVariant:
		b = scale.AppendVecFunc(b, d.Variants, func(b []byte, v VariantDef) []byte {
			b = scale.AppendVecFunc(scale.AppendString(b, v.Name), v.Fields, appendField)
			return appendStrings(append(b, v.Index), v.Docs)
		})
	case DefSequence, DefCompact:
		b = appendTypeID(b, d.Elem)
	case DefArray:
		b = appendTypeID(scale.AppendU32(b, d.Len), d.Elem)
	case DefTuple:
		b = scale.AppendVecFunc(b, d.Tuple, appendTypeID)
	case DefPrimitive:
		b = append(b, byte(d.Primitive))
	case DefBitSequence:
		b = appendTypeID(appendTypeID(b, d.Store), d.Order)
	}
	return appendStrings(b, t.Docs)
}

func (t *Type) decodeFrom(d *scale.Decoder) {
	t.Path = decodeStrings(d)
	t.Params = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) TypeParam {
		return TypeParam{Name: d.String(maxString), Type: scale.DecodeOption(d, decodeTypeID)}
	})
	f := &t.Def
	f.Kind = DefKind(d.Variant())
	switch f.Kind {
	case DefComposite:
		f.Fields = scale.DecodeVecFunc(d, maxItems, decodeField)
	case DefVariant:
		f.Variants = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) VariantDef {
			return VariantDef{
				Name:   d.String(maxString),
				Fields: scale.DecodeVecFunc(d, maxItems, decodeField),
				Index:  d.U8(),
				Docs:   decodeStrings(d),
			}
		})
	case DefSequence, DefCompact:
		f.Elem = decodeTypeID(d)
	case DefArray:
		f.Len = d.U32()
		f.Elem = decodeTypeID(d)
	case DefTuple:
		f.Tuple = scale.DecodeVecFunc(d, maxItems, decodeTypeID)
	case DefPrimitive:
		if f.Primitive = Primitive(d.U8()); f.Primitive > PrimI256 {
			d.UnknownVariant("TypeDefPrimitive", uint8(f.Primitive))
		}
	case DefBitSequence:
		f.Store = decodeTypeID(d)
		f.Order = decodeTypeID(d)
	default:
		d.UnknownVariant("TypeDef", uint8(f.Kind))
	}
	t.Docs = decodeStrings(d)
}

func appendField(b []byte, f Field) []byte {
	b = appendOptionString(b, f.Name)
	b = appendTypeID(b, f.Type)
	b = appendOptionString(b, f.TypeName)
	return appendStrings(b, f.Docs)
}

func decodeField(d *scale.Decoder) Field {
	return Field{
		Name:     decodeOptionString(d),
		Type:     decodeTypeID(d),
		TypeName: decodeOptionString(d),
		Docs:     decodeStrings(d),
	}
}

func appendTypeID(b []byte, id TypeID) []byte { return scale.AppendCompact(b, uint64(id)) }

func decodeTypeID(d *scale.Decoder) TypeID { return TypeID(d.CompactU32()) }

func appendStrings(b []byte, list []string) []byte {
	return scale.AppendVecFunc(b, list, scale.AppendString)
}

func decodeStrings(d *scale.Decoder) []string {
	return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) string { return d.String(maxString) })
}

// An absent name is encoded as None, and never as Some of the empty string.
func appendOptionString(b []byte, s string) []byte {
	if s == "" {
		return append(b, 0)
	}
	return scale.AppendString(append(b, 1), s)
}

func decodeOptionString(d *scale.Decoder) string {
	if !d.Option() {
		return ""
	}
	return d.String(maxString)
}
