package metadata

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"pileus/scale"
)

// Limits of one dynamic value.
const (
	maxDepth  = 128
	maxValues = 4 << 20 // items of one list, bits of one bit sequence
)

var errTooManyValues = errors.New("too many values in one")

// DecodeValue reads a value of the type with that id; nothing may be left over.
func (r Registry) DecodeValue(id TypeID, b []byte) (Value, error) {
	d := scale.NewDecoder(b)
	v := r.DecodeValueFrom(d, id)
	if err := d.Finish(); err != nil {
		return Value{}, fmt.Errorf("decode %s: %w", r.Describe(id), err)
	}
	return v, nil
}

// DecodeValueFrom reads a value of the type with that id from d, whose error it sets.
func (r Registry) DecodeValueFrom(d *scale.Decoder, id TypeID) Value {
	// Items of no bytes must not fill memory: the input has to justify how many there are.
	rd := valueReader{r: r, d: d, left: 1<<16 + 8*d.Left()}
	return rd.read(id, 0)
}

type valueReader struct {
	r    Registry
	d    *scale.Decoder
	left int // values that may still be made
}

// read reads one value; the result is meaningless once the decoder has failed.
func (rd *valueReader) read(id TypeID, depth int) (v Value) {
	d := rd.d
	t := rd.r.Type(id)
	switch rd.left--; {
	case d.Err() != nil:
		return v
	case t == nil:
		d.Fail(fmt.Errorf("type %d: %w", id, ErrNotFound))
		return v
	case depth > maxDepth:
		d.Fail(scale.ErrDepth)
		return v
	case rd.left < 0:
		d.Fail(errTooManyValues)
		return v
	}
	switch def := &t.Def; def.Kind {
	case DefComposite:
		if f := def.Fields; len(f) == 1 && f[0].Name == "" {
			v = rd.read(f[0].Type, depth+1)
			break
		}
		v.Items, v.Names = rd.fields(def.Fields, depth)
	case DefVariant:
		index := d.U8()
		alt := t.VariantAt(index)
		if alt == nil {
			if d.Err() == nil {
				d.UnknownVariant(rd.r.Describe(id), index)
			}
			return v
		}
		v = Value{Kind: KindVariant, Text: alt.Name, Index: index}
		v.Items, v.Names = rd.fields(alt.Fields, depth)
	case DefSequence:
		if rd.isByte(def.Elem) {
			v = Value{Kind: KindBytes, Bytes: d.Bytes(d.Left())}
			break
		}
		v = Value{Kind: KindList, Items: rd.list(def.Elem, d.Len(maxValues, 0), depth)}
	case DefArray:
		if rd.isByte(def.Elem) {
			v = Value{Kind: KindBytes, Bytes: append([]byte(nil), d.Fixed(int(def.Len))...)}
			break
		}
		v = Value{Kind: KindList, Items: rd.list(def.Elem, int(def.Len), depth)}
	case DefTuple:
		if len(def.Tuple) == 1 {
			v = rd.read(def.Tuple[0], depth+1)
			break
		}
		for _, e := range def.Tuple {
			v.Items = append(v.Items, rd.read(e, depth+1))
		}
	case DefPrimitive:
		v = rd.primitive(def.Primitive)
	case DefCompact:
		v = rd.compact(def.Elem)
	case DefBitSequence:
		v = rd.bits(def)
	}
	v.Type = id
	return v
}

func (rd *valueReader) isByte(id TypeID) bool {
	t := rd.r.Type(id)
	return t != nil && t.Def.Kind == DefPrimitive && t.Def.Primitive == PrimU8
}

func (rd *valueReader) fields(list []Field, depth int) (items []Value, names []string) {
	for i := range list {
		items = append(items, rd.read(list[i].Type, depth+1))
		if list[i].Name != "" {
			names = append(names, list[i].Name)
		}
		if rd.d.Err() != nil {
			return nil, nil
		}
	}
	if len(names) != len(items) {
		names = nil
	}
	return items, names
}

func (rd *valueReader) list(elem TypeID, n, depth int) []Value {
	if n > rd.left {
		rd.d.Fail(errTooManyValues)
		return nil
	}
	items := make([]Value, 0, min(n, 1024))
	for i := 0; i < n && rd.d.Err() == nil; i++ {
		items = append(items, rd.read(elem, depth+1))
	}
	return items
}

func (rd *valueReader) primitive(p Primitive) Value {
	d := rd.d
	switch p {
	case PrimBool:
		return Bool(d.Bool())
	case PrimChar:
		c := d.U32()
		if !utf8.ValidRune(rune(c)) || c > utf8.MaxRune {
			d.Fail(fmt.Errorf("%w: char %#x", scale.ErrUTF8, c))
		}
		return Value{Kind: KindChar, Int: scale.U128{Lo: uint64(c)}}
	case PrimStr:
		return String(d.String(d.Left()))
	case PrimU256, PrimI256:
		return Bytes(append([]byte(nil), d.Fixed(32)...))
	}
	size := p.size()
	b := d.Fixed(size)
	var n scale.U128
	for i := range b {
		if i < 8 {
			n.Lo |= uint64(b[i]) << (8 * i)
		} else {
			n.Hi |= uint64(b[i]) << (8 * (i - 8))
		}
	}
	if !p.signed() {
		return U128(n)
	}
	if size <= 8 { // carry the sign to 128 bits
		shift := 64 - 8*size
		n = Int(int64(n.Lo<<shift) >> shift).Int
	}
	return Value{Kind: KindInt, Int: n}
}

// compactOf is the primitive that a Compact of the type with that id holds. It is
// found through single-field structs; ok is false, without error, for the unit, which
// takes no bytes (an AccountIndex of ()).
func (r Registry) compactOf(id TypeID) (p Primitive, ok bool, err error) {
	for range maxDepth {
		t := r.Type(id)
		if t == nil {
			break
		}
		switch def := &t.Def; {
		case def.Kind == DefPrimitive && def.Primitive.size() > 0 && def.Primitive.size() <= 16 && !def.Primitive.signed():
			return def.Primitive, true, nil
		case def.Kind == DefComposite && len(def.Fields) == 1:
			id = def.Fields[0].Type
		case def.Kind == DefTuple && len(def.Tuple) == 1:
			id = def.Tuple[0]
		case def.Kind == DefComposite && len(def.Fields) == 0, def.Kind == DefTuple && len(def.Tuple) == 0:
			return 0, false, nil
		default:
			return 0, false, fmt.Errorf("no compact form of %s", r.Describe(id))
		}
	}
	return 0, false, fmt.Errorf("no compact form of type %d", id)
}

func (rd *valueReader) compact(id TypeID) Value {
	p, ok, err := rd.r.compactOf(id)
	if err != nil {
		rd.d.Fail(err)
	}
	if !ok {
		return Unit()
	}
	n := rd.d.CompactU128()
	if !fits(n, p.size()) {
		rd.d.Fail(scale.ErrCompact)
	}
	return U128(n)
}

// fits tells whether n fits an unsigned integer of size bytes.
func fits(n scale.U128, size int) bool {
	return size >= 16 || n.Hi == 0 && (size >= 8 || n.Lo>>(8*size) == 0)
}

// bitLayout is the word size in bytes and whether the most significant bit comes first.
func (r Registry) bitLayout(def *TypeDef) (size int, msb bool, err error) {
	store, order := r.Type(def.Store), r.Type(def.Order)
	if store == nil || order == nil || store.Def.Kind != DefPrimitive || store.Def.Primitive < PrimU8 || store.Def.Primitive > PrimU64 {
		return 0, false, errors.New("bit sequence without a store of 8 to 64 bits")
	}
	return store.Def.Primitive.size(), order.Name() == "Msb0", nil
}

// bitPlace is where bit i stands: byte and shift.
func bitPlace(i, size int, msb bool) (int, int) {
	word, pos := i/(8*size), i%(8*size)
	if msb {
		pos = 8*size - 1 - pos
	}
	return word*size + pos/8, pos % 8
}

func (rd *valueReader) bits(def *TypeDef) Value {
	size, msb, err := rd.r.bitLayout(def)
	if err != nil {
		rd.d.Fail(err)
		return Value{}
	}
	n := rd.d.Len(8*rd.d.Left(), 0)
	if rd.left -= n; rd.left < 0 {
		rd.d.Fail(errTooManyValues)
	}
	raw := rd.d.Fixed((n + 8*size - 1) / (8 * size) * size)
	if rd.d.Err() != nil {
		return Value{}
	}
	out := make([]byte, n)
	for i := range out {
		at, shift := bitPlace(i, size, msb)
		out[i] = raw[at] >> shift & 1
	}
	return Value{Kind: KindBits, Bytes: out}
}
