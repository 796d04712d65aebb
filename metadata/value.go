package metadata

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"pileus/scale"
)

// Kind says which fields of a [Value] count.
type Kind uint8

// The kinds of values.
const (
	KindRecord  Kind = iota // a struct or tuple: Items, and Names if its fields are named; empty is the unit
	KindBool                // Int is 0 or 1
	KindUint                // Int
	KindInt                 // Int, two's complement in 128 bits
	KindChar                // Int is the code point
	KindString              // Text
	KindBytes               // Bytes: Vec<u8>, [u8; n], and integers of 256 bits (32 bytes, little-endian)
	KindList                // Items: Vec<T>, [T; n]
	KindVariant             // Text is the variant's name, Index its byte; Items and Names are its fields
	KindBits                // Bytes: one byte, 0 or 1, per bit
)

var kindNames = [...]string{"record", "bool", "unsigned integer", "integer", "char", "string", "bytes", "list", "variant", "bits"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Value is a value of a type that is known only from metadata.
//
// A struct or tuple with a single unnamed field (AccountId32, H256, BoundedVec,
// FixedU128, ...) is not a record of its own: the value is that of its field.
type Value struct {
	Kind  Kind
	Type  TypeID // the type that it was decoded as; not looked at when encoding
	Index uint8
	Int   scale.U128
	Text  string
	Bytes []byte
	Items []Value
	Names []string // nil, or one per item
}

// Unit is the value of ().
func Unit() Value { return Value{} }

// Uint is an unsigned integer of any width.
func Uint(v uint64) Value { return Value{Kind: KindUint, Int: scale.U128{Lo: v}} }

// U128 is an unsigned integer of any width.
func U128(v scale.U128) Value { return Value{Kind: KindUint, Int: v} }

// Int is a signed integer of any width.
func Int(v int64) Value {
	return Value{Kind: KindInt, Int: scale.U128{Lo: uint64(v), Hi: uint64(v >> 63)}}
}

// Bool is a boolean.
func Bool(v bool) Value {
	if v {
		return Value{Kind: KindBool, Int: scale.U128{Lo: 1}}
	}
	return Value{Kind: KindBool}
}

// String is a string, or the name of an enum's variant without fields.
func String(s string) Value { return Value{Kind: KindString, Text: s} }

// Bytes is a sequence or array of bytes. Given for a MultiAddress, 32 bytes are an
// account id and 20 bytes an Ethereum-like address.
func Bytes(b []byte) Value { return Value{Kind: KindBytes, Bytes: b} }

// List is a sequence or array.
func List(items ...Value) Value { return Value{Kind: KindList, Items: items} }

// Tuple is a tuple, or a struct's fields in their order.
func Tuple(items ...Value) Value { return Value{Kind: KindRecord, Items: items} }

// Variant is an enum's variant with its fields in their order.
func Variant(name string, fields ...Value) Value {
	return Value{Kind: KindVariant, Text: name, Items: fields}
}

// Some is the present value of an Option.
func Some(v Value) Value { return Variant("Some", v) }

// None is the absent value of an Option.
func None() Value { return Variant("None") }

// With returns the record or variant with one more field, a named one; use it with all fields or none.
func (v Value) With(name string, field Value) Value {
	v.Items = append(v.Items[:len(v.Items):len(v.Items)], field)
	v.Names = append(v.Names[:len(v.Names):len(v.Names)], name)
	return v
}

// ValueOf makes a value of a Go value: nil (the unit, or None), booleans, integers,
// [scale.U128], strings, []byte, [32]byte, [20]byte, []Value, []any, or a Value itself.
func ValueOf(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return Unit(), nil
	case Value:
		return x, nil
	case bool:
		return Bool(x), nil
	case uint8:
		return Uint(uint64(x)), nil
	case uint16:
		return Uint(uint64(x)), nil
	case uint32:
		return Uint(uint64(x)), nil
	case uint64:
		return Uint(x), nil
	case uint:
		return Uint(uint64(x)), nil
	case int:
		return Int(int64(x)), nil
	case int8:
		return Int(int64(x)), nil
	case int16:
		return Int(int64(x)), nil
	case int32:
		return Int(int64(x)), nil
	case int64:
		return Int(x), nil
	case scale.U128:
		return U128(x), nil
	case string:
		return String(x), nil
	case []byte:
		return Bytes(x), nil
	case [32]byte:
		return Bytes(x[:]), nil
	case [20]byte:
		return Bytes(x[:]), nil
	case []Value:
		return List(x...), nil
	case []any:
		items := make([]Value, len(x))
		for i := range x {
			var err error
			if items[i], err = ValueOf(x[i]); err != nil {
				return Value{}, err
			}
		}
		return List(items...), nil
	}
	return Value{}, fmt.Errorf("a Go %T is not a value; give a metadata.Value, Raw, or a type that encodes itself", x)
}

// Uint64 is the integer, if it is one and fits.
func (v Value) Uint64() (uint64, bool) {
	ok := (v.Kind == KindUint || v.Kind == KindInt) && v.Int.Hi == 0
	return v.Int.Lo, ok
}

// IsTrue tells whether the value is the boolean true.
func (v Value) IsTrue() bool { return v.Kind == KindBool && v.Int.Lo == 1 }

// Is tells whether the value is the variant of that name.
func (v Value) Is(variant string) bool { return v.Kind == KindVariant && v.Text == variant }

// Some is what an Option holds, if it holds something.
func (v Value) Some() (Value, bool) {
	if v.Is("Some") && len(v.Items) == 1 {
		return v.Items[0], true
	}
	return Value{}, false
}

// Get follows a path of field names, or of indices in decimal where fields have no
// names. It steps into records, variants and lists.
func (v Value) Get(path ...string) (Value, bool) {
	for _, name := range path {
		i := v.find(name)
		if i < 0 {
			return Value{}, false
		}
		v = v.Items[i]
	}
	return v, true
}

func (v Value) find(name string) int {
	for i, n := range v.Names {
		if n == name {
			return i
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v.Items) {
		return i
	}
	return -1
}

// String writes the value as Rust's debug format would, bytes in hex:
// Transfer { from: 0xd435…, to: 0x8eaf…, amount: 10 }. It is not abbreviated.
func (v Value) String() string {
	var s strings.Builder
	v.write(&s)
	return s.String()
}

func (v Value) write(s *strings.Builder) {
	switch v.Kind {
	case KindBool:
		s.WriteString(strconv.FormatBool(v.Int.Lo == 1))
	case KindUint:
		s.WriteString(formatU128(v.Int))
	case KindInt:
		if v.Int.Hi>>63 == 1 {
			s.WriteByte('-')
			v.Int, _ = scale.U128{}.Sub(v.Int)
		}
		s.WriteString(formatU128(v.Int))
	case KindChar:
		s.WriteString(strconv.QuoteRune(rune(v.Int.Lo)))
	case KindString:
		s.WriteString(strconv.Quote(v.Text))
	case KindBytes:
		s.WriteString("0x" + hex.EncodeToString(v.Bytes))
	case KindBits:
		s.WriteString("0b")
		for _, b := range v.Bytes {
			s.WriteByte('0' + b)
		}
	case KindList:
		s.WriteByte('[')
		v.writeItems(s)
		s.WriteByte(']')
	case KindVariant:
		s.WriteString(v.Text)
		if len(v.Items) > 0 {
			v.writeFields(s, v.Names != nil)
		}
	default:
		v.writeFields(s, v.Names != nil)
	}
}

func (v Value) writeFields(s *strings.Builder, named bool) {
	if named {
		if v.Kind == KindVariant {
			s.WriteByte(' ')
		}
		s.WriteString("{ ")
		v.writeItems(s)
		s.WriteString(" }")
		return
	}
	s.WriteByte('(')
	v.writeItems(s)
	s.WriteByte(')')
}

func (v Value) writeItems(s *strings.Builder) {
	for i := range v.Items {
		if i > 0 {
			s.WriteString(", ")
		}
		if v.Names != nil {
			s.WriteString(v.Names[i] + ": ")
		}
		v.Items[i].write(s)
	}
}

// formatU128 is the decimal form.
func formatU128(v scale.U128) string {
	const e19 = 1e19
	if v.Hi == 0 {
		return strconv.FormatUint(v.Lo, 10)
	}
	hi, rest := v.Hi/e19, v.Hi%e19
	lo, r := bits.Div64(rest, v.Lo, e19)
	head := formatU128(scale.U128{Lo: lo, Hi: hi})
	tail := strconv.FormatUint(r, 10)
	return head + strings.Repeat("0", 19-len(tail)) + tail
}
