package metadata

import (
	"errors"
	"fmt"

	"pileus/scale"
)

// ErrValue is wrapped when a value does not fit the type that it is encoded as.
var ErrValue = errors.New("the value does not fit the type")

// Raw is a value that is encoded already; it is copied as it stands.
type Raw []byte

// EncodeValue appends x as a value of the type with that id. x is anything that
// [ValueOf] takes, a [Raw], or a type that encodes itself ([scale.Encoder]).
//
// Records and variants match by field names where both sides have them, else by
// place. A value given for an Option is its Some, nil its None; a string names a
// variant without fields; bytes given for a MultiAddress are an account.
func (r Registry) EncodeValue(b []byte, id TypeID, x any) ([]byte, error) {
	switch x := x.(type) {
	case Raw:
		return append(b, x...), nil
	case scale.Encoder:
		return x.EncodeTo(b), nil
	}
	v, err := ValueOf(x)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.Describe(id), err)
	}
	if b, err = r.encode(b, id, v, 0); err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.Describe(id), err)
	}
	return b, nil
}

func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrValue, fmt.Sprintf(format, args...))
}

func (r Registry) encode(b []byte, id TypeID, v Value, depth int) ([]byte, error) {
	t := r.Type(id)
	if t == nil {
		return nil, fmt.Errorf("type %d: %w", id, ErrNotFound)
	}
	if depth > maxDepth {
		return nil, scale.ErrDepth
	}
	switch def := &t.Def; def.Kind {
	case DefComposite:
		if len(def.Fields) == 1 && !isWrapped(v, def.Fields[0].Name) {
			return r.encode(b, def.Fields[0].Type, v, depth+1)
		}
		if v.Kind != KindRecord && v.Kind != KindList {
			return nil, misfit("%s is a struct, not %s", r.Describe(id), v.Kind)
		}
		return r.encodeFields(b, def.Fields, v, depth)
	case DefVariant:
		return r.encodeVariant(b, t, v, depth)
	case DefSequence:
		if v.Kind == KindString {
			v = Bytes([]byte(v.Text))
		}
		if v.Kind == KindBytes {
			return r.encodeList(scale.AppendCompact(b, uint64(len(v.Bytes))), def.Elem, v, depth)
		}
		return r.encodeList(scale.AppendCompact(b, uint64(len(v.Items))), def.Elem, v, depth)
	case DefArray:
		if n := max(len(v.Items), len(v.Bytes)); n != int(def.Len) {
			return nil, misfit("%d items for an array of %d", n, def.Len)
		}
		return r.encodeList(b, def.Elem, v, depth)
	case DefTuple:
		if len(def.Tuple) == 1 && !isWrapped(v, "") {
			return r.encode(b, def.Tuple[0], v, depth+1)
		}
		if v.Kind != KindRecord && v.Kind != KindList {
			return nil, misfit("%s is a tuple, not %s", r.Describe(id), v.Kind)
		}
		if len(v.Items) != len(def.Tuple) {
			return nil, misfit("%d values for a tuple of %d", len(v.Items), len(def.Tuple))
		}
		var err error
		for i, e := range def.Tuple {
			if b, err = r.encode(b, e, v.Items[i], depth+1); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
		return b, nil
	case DefPrimitive:
		return encodePrimitive(b, def.Primitive, v)
	case DefCompact:
		return r.encodeCompact(b, def.Elem, v)
	case DefBitSequence:
		return r.encodeBits(b, def, v)
	}
	return nil, misfit("type %d has no known form", id)
}

// isWrapped tells whether v is a record of one field of that name, rather than the
// value of the field itself.
func isWrapped(v Value, name string) bool {
	if v.Kind != KindRecord || len(v.Items) != 1 {
		return false
	}
	if v.Names == nil {
		return true
	}
	return v.Names[0] == name
}

func (r Registry) encodeFields(b []byte, fields []Field, v Value, depth int) ([]byte, error) {
	if len(v.Items) != len(fields) {
		return nil, misfit("%d values for %d fields", len(v.Items), len(fields))
	}
	for i, f := range fields {
		at := i
		if v.Names != nil && f.Name != "" {
			if at = indexOf(v.Names, f.Name); at < 0 {
				return nil, misfit("no value for the field %s", f.Name)
			}
		}
		var err error
		if b, err = r.encode(b, f.Type, v.Items[at], depth+1); err != nil {
			if f.Name == "" {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return b, nil
}

func indexOf(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

func (r Registry) encodeVariant(b []byte, t *Type, v Value, depth int) ([]byte, error) {
	v, err := asVariant(t, v)
	if err != nil {
		return nil, err
	}
	alt := t.Variant(v.Text)
	if alt == nil {
		return nil, misfit("%s has no variant %s", t.Name(), v.Text)
	}
	b, err = r.encodeFields(append(b, alt.Index), alt.Fields, v, depth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Text, err)
	}
	return b, nil
}

// asVariant applies the shorthands of [Registry.EncodeValue].
func asVariant(t *Type, v Value) (Value, error) {
	unit := v.Kind == KindRecord && len(v.Items) == 0
	isOption := t.Name() == "Option" && len(t.Path) == 1
	switch {
	case isOption && (v.Kind != KindVariant || !v.Is("Some") && !v.Is("None")):
		if unit {
			return None(), nil
		}
		return Some(v), nil
	case v.Kind == KindVariant:
		return v, nil
	case v.Kind == KindString:
		return Variant(v.Text), nil
	case t.Name() == "MultiAddress" && v.Kind == KindBytes && len(v.Bytes) == 32:
		return Variant("Id", v), nil
	case t.Name() == "MultiAddress" && v.Kind == KindBytes && len(v.Bytes) == 20:
		return Variant("Address20", v), nil
	}
	return Value{}, misfit("%s for the enum %s", v.Kind, t.Name())
}

func (r Registry) encodeList(b []byte, elem TypeID, v Value, depth int) ([]byte, error) {
	isByte := (&valueReader{r: r}).isByte(elem)
	switch {
	case v.Kind == KindBytes && isByte:
		return append(b, v.Bytes...), nil
	case v.Kind == KindList, v.Kind == KindRecord:
	default:
		return nil, misfit("%s for a list of %s", v.Kind, r.Describe(elem))
	}
	var err error
	for i := range v.Items {
		if b, err = r.encode(b, elem, v.Items[i], depth+1); err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
	}
	return b, nil
}

func encodePrimitive(b []byte, p Primitive, v Value) ([]byte, error) {
	size := p.size()
	switch {
	case p == PrimBool && v.Kind == KindBool:
		return append(b, byte(v.Int.Lo)), nil
	case p == PrimChar && v.Kind == KindChar:
		return scale.AppendU32(b, uint32(v.Int.Lo)), nil
	case p == PrimStr && v.Kind == KindString:
		return scale.AppendString(b, v.Text), nil
	case size == 0 || v.Kind != KindUint && v.Kind != KindInt && v.Kind != KindBytes:
		return nil, misfit("%s for %s", v.Kind, p)
	case v.Kind == KindBytes:
		if size != 32 || len(v.Bytes) != 32 {
			return nil, misfit("%d bytes for %s", len(v.Bytes), p)
		}
		return append(b, v.Bytes...), nil
	}
	negative := v.Kind == KindInt && v.Int.Hi>>63 == 1
	if !inRange(v, p, negative) {
		return nil, misfit("%s for %s", v, p)
	}
	for i := range size {
		switch {
		case i < 8:
			b = append(b, byte(v.Int.Lo>>(8*i)))
		case i < 16:
			b = append(b, byte(v.Int.Hi>>(8*(i-8))))
		case negative:
			b = append(b, 0xff)
		default:
			b = append(b, 0)
		}
	}
	return b, nil
}

func inRange(v Value, p Primitive, negative bool) bool {
	if !p.signed() {
		return !negative && fits(v.Int, p.size())
	}
	if p.size() > 16 {
		return true
	}
	// In two's complement all bits from the sign bit on are equal.
	n := v.Int
	if negative {
		n = scale.U128{Lo: ^n.Lo, Hi: ^n.Hi}
	}
	sign := 8*p.size() - 1
	if sign >= 64 {
		return n.Hi>>(sign-64) == 0
	}
	return n.Hi == 0 && n.Lo>>sign == 0
}

func (r Registry) encodeCompact(b []byte, elem TypeID, v Value) ([]byte, error) {
	p, ok, err := r.compactOf(elem)
	if err != nil {
		return nil, err
	}
	if !ok {
		if v.Kind != KindRecord || len(v.Items) != 0 {
			return nil, misfit("%s for the unit", v.Kind)
		}
		return b, nil
	}
	isInt := v.Kind == KindUint || v.Kind == KindInt && v.Int.Hi>>63 == 0
	if !isInt || !fits(v.Int, p.size()) {
		return nil, misfit("%s %s for Compact<%s>", v.Kind, v, p)
	}
	return scale.AppendCompactU128(b, v.Int), nil
}

func (r Registry) encodeBits(b []byte, def *TypeDef, v Value) ([]byte, error) {
	size, msb, err := r.bitLayout(def)
	if err != nil {
		return nil, err
	}
	if v.Kind != KindBits {
		return nil, misfit("%s for a bit sequence", v.Kind)
	}
	n := len(v.Bytes)
	b = scale.AppendCompact(b, uint64(n))
	out := make([]byte, (n+8*size-1)/(8*size)*size)
	for i, bit := range v.Bytes {
		at, shift := bitPlace(i, size, msb)
		out[at] |= bit & 1 << shift
	}
	return append(b, out...), nil
}
