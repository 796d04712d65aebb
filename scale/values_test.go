package scale_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"pileus/internal/testdata"
	"pileus/scale"
)

// plain is the enum of the vectors: A, B(u8, u16), C { x: Option<u32>, y: Vec<u8> }, D with index 15, E.
type plain struct {
	variant uint8
	b       uint8
	c       uint16
	x       *uint32
	y       []byte
}

func (p plain) EncodeTo(b []byte) []byte {
	b = append(b, p.variant)
	switch p.variant {
	case 1:
		b = scale.AppendU16(append(b, p.b), p.c)
	case 2:
		b = scale.AppendBytes(scale.AppendOption(b, p.x, scale.AppendU32), p.y)
	}
	return b
}

func (p *plain) DecodeFrom(d *scale.Decoder) {
	p.variant = d.Variant()
	switch p.variant {
	case 0, 15, 4:
	case 1:
		p.b, p.c = d.U8(), d.U16()
	case 2:
		p.x, p.y = scale.DecodeOption(d, (*scale.Decoder).U32), d.Bytes(100)
	default:
		d.UnknownVariant("Plain", p.variant)
	}
}

// rec is the struct of the vectors that holds itself: u8, compact u64, (u16, bool), [u8; 3], Vec<Rec>.
type rec struct {
	a     uint8
	b     uint64
	c     uint16
	flag  bool
	d     [3]byte
	e     []rec
	limit int
}

func (r rec) EncodeTo(b []byte) []byte {
	b = scale.AppendCompact(append(b, r.a), r.b)
	b = scale.AppendBool(scale.AppendU16(b, r.c), r.flag)
	return scale.AppendVec(append(b, r.d[:]...), r.e)
}

func (r *rec) DecodeFrom(d *scale.Decoder) {
	r.a, r.b, r.c, r.flag = d.U8(), d.Compact(), d.U16(), d.Bool()
	d.Array(r.d[:])
	if d.Enter(r.limit) {
		r.e = scale.DecodeVecFunc(d, 100, func(d *scale.Decoder) rec {
			in := rec{limit: r.limit}
			in.DecodeFrom(d)
			return in
		})
	}
	d.Leave()
}

func ptr[T any](v T) *T { return &v }

func opt8(b []byte, v *uint8) []byte {
	return scale.AppendOption(b, v, func(b []byte, v uint8) []byte { return append(b, v) })
}

// The values of the released crate: what this codec appends for them, and reads from them.
func TestValueVectors(t *testing.T) {
	var v struct {
		Values []struct {
			Name  string
			Bytes testdata.Hex
		}
	}
	testdata.ReadJSON(t, "vectors/scale.json", &v)
	boolOption := func(b []byte, v *bool) []byte { return scale.AppendOption(b, v, scale.AppendBool) }
	for name, got := range map[string][]byte{
		"bool false": scale.AppendBool(nil, false), "bool true": scale.AppendBool(nil, true),
		"u16 258": scale.AppendU16(nil, 258), "u32 16909060": scale.AppendU32(nil, 16909060), "u64 max - 1": scale.AppendU64(nil, math.MaxUint64-1),
		"i16 -2": scale.AppendU16(nil, math.MaxUint16-1), "i64 -3": scale.AppendU64(nil, math.MaxUint64-2),
		"u128 1": scale.AppendU128(nil, scale.U128{Lo: 1}), "u128 max": scale.AppendU128(nil, scale.U128{Lo: math.MaxUint64, Hi: math.MaxUint64}),
		"u128 0x0102030405060708090a0b0c0d0e0f10": scale.AppendU128(nil, scale.U128{Hi: 0x0102030405060708, Lo: 0x090a0b0c0d0e0f10}),
		"tuple (u8 1, u32 2, bool true)":          scale.AppendBool(scale.AppendU32([]byte{1}, 2), true),
		"Option<u8> None":                         opt8(nil, nil), "Option<u8> Some(1)": opt8(nil, ptr(uint8(1))),
		"Option<bool> None (general form)": boolOption(nil, nil), "Option<bool> Some(true) (general form)": boolOption(nil, ptr(true)),
		"Option<bool> Some(false) (general form)":       boolOption(nil, ptr(false)),
		"Option<Option<u8>> Some(None)":                 scale.AppendOption(nil, ptr((*uint8)(nil)), opt8),
		"Vec<u8> empty":                                 scale.AppendBytes(nil, nil),
		"Vec<u16> 4 8 15 16 23 42":                      scale.AppendVecFunc(nil, []uint16{4, 8, 15, 16, 23, 42}, scale.AppendU16),
		"Vec<u8> of 64 zeros":                           scale.AppendBytes(nil, make([]byte, 64)),
		"Vec<Option<bool>> Some(true) None Some(false)": scale.AppendVecFunc(nil, []*bool{ptr(true), nil, ptr(false)}, boolOption),
		"Vec<Vec<u8>> [], [1], [2, 3]":                  scale.AppendBytesVec(nil, [][]byte{{}, {1}, {2, 3}}),
		"Vec<Compact<u32>> 0 64 16384":                  scale.AppendVecFunc(nil, []uint64{0, 64, 16384}, scale.AppendCompact),
		"string empty":                                  scale.AppendString(nil, ""),
		"string Hamlet":                                 scale.AppendString(nil, "Hamlet"),
		"string with non-ASCII letters: Grüße, 世界":      scale.AppendString(nil, "Grüße, 世界"),
		"enum A":                     scale.Encode(plain{}),
		"enum B(1, 2)":               scale.Encode(plain{variant: 1, b: 1, c: 2}),
		"enum C { Some(3), [4, 5] }": scale.Encode(plain{variant: 2, x: ptr(uint32(3)), y: []byte{4, 5}}),
		"enum D (index 15 given)":    scale.Encode(plain{variant: 15}),
		"struct with a compact field and itself in a list": scale.Encode(rec{a: 1, b: 300, c: 2, flag: true, d: [3]byte{7, 8, 9}, e: []rec{{}}}),
	} {
		found := false
		for _, c := range v.Values {
			if c.Name == name {
				found = true
				if !bytes.Equal(got, c.Bytes) {
					t.Errorf("%s: %x, want %x", name, got, c.Bytes)
				}
			}
		}
		if !found {
			t.Errorf("no vector %q", name)
		}
	}
	for _, c := range v.Values {
		var back []byte
		var err error
		switch {
		case len(c.Name) > 4 && c.Name[:4] == "enum":
			var p plain
			err = scale.Decode(c.Bytes, &p)
			back = scale.Encode(p)
		case len(c.Name) > 6 && c.Name[:6] == "struct":
			r := rec{limit: 4}
			err = scale.Decode(c.Bytes, &r)
			back = scale.Encode(r)
		default:
			continue
		}
		if err != nil || !bytes.Equal(back, c.Bytes) {
			t.Errorf("%s: %v, %x", c.Name, err, back)
		}
	}
}

// What decode_all and decode_with_depth_limit make of a few inputs.
func TestDecodeAllAndDepthVectors(t *testing.T) {
	var v struct {
		All []struct {
			Name   string
			Bytes  testdata.Hex
			Result string `json:"decode_all"`
		} `json:"decode_all"`
		Depth []struct {
			Name    string
			Bytes   testdata.Hex
			Limit   int
			Outcome string
		} `json:"depth_limit"`
		Inputs []struct {
			Type, Name, Outcome string
			Bytes               testdata.Hex
			Left                int `json:"bytes_left"`
		}
	}
	testdata.ReadJSON(t, "vectors/scale.json", &v)
	for _, c := range v.All {
		d := scale.NewDecoder(c.Bytes)
		d.U32()
		if err := d.Finish(); (err == nil) != (c.Result == "ok") {
			t.Errorf("%s: %v, want %s", c.Name, err, c.Result)
		}
	}
	for _, c := range v.Depth {
		// The crate counts the lists that are open at once, the innermost empty one included.
		r := rec{limit: c.Limit}
		if err := scale.Decode(c.Bytes, &r); (err == nil) != (c.Outcome == "ok") || err != nil && !errors.Is(err, scale.ErrDepth) {
			t.Errorf("%s, limit %d: %v, want %s", c.Name, c.Limit, err, c.Outcome)
		}
	}
	for _, c := range v.Inputs {
		d := scale.NewDecoder(c.Bytes)
		switch c.Type {
		case "Plain":
			new(plain).DecodeFrom(d)
		case "(u8, u8)":
			d.U8()
			d.U8()
		case "Compact<u32>":
			d.CompactU32()
		case "Option<bool>":
			scale.DecodeOption(d, (*scale.Decoder).Bool)
		case "[u8; 4]":
			d.Array(make([]byte, 4))
		default:
			continue
		}
		if (d.Err() == nil) != (c.Outcome == "ok") || d.Err() == nil && d.Left() != c.Left {
			t.Errorf("%s, %s: %v with %d bytes left, want %s with %d", c.Type, c.Name, d.Err(), d.Left(), c.Outcome, c.Left)
		}
	}
}

// Every bound of the decoder, at it and one beyond.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		input []byte
		read  func(d *scale.Decoder)
		want  error
	}{
		"fixed, all":               {[]byte{1, 2}, func(d *scale.Decoder) { d.Fixed(2) }, nil},
		"fixed, one too many":      {[]byte{1, 2}, func(d *scale.Decoder) { d.Fixed(3) }, scale.ErrShort},
		"fixed, negative":          {[]byte{1, 2}, func(d *scale.Decoder) { d.Fixed(-1) }, scale.ErrShort},
		"fixed, largest":           {[]byte{1, 2}, func(d *scale.Decoder) { d.Fixed(math.MaxInt) }, scale.ErrShort},
		"u8 of nothing":            {nil, func(d *scale.Decoder) { d.U8() }, scale.ErrShort},
		"u16 cut":                  {[]byte{1}, func(d *scale.Decoder) { d.U16() }, scale.ErrShort},
		"u32 cut":                  {make([]byte, 3), func(d *scale.Decoder) { d.U32() }, scale.ErrShort},
		"u64 cut":                  {make([]byte, 7), func(d *scale.Decoder) { d.U64() }, scale.ErrShort},
		"u128 cut":                 {make([]byte, 15), func(d *scale.Decoder) { d.U128() }, scale.ErrShort},
		"bytes, at the limit":      {[]byte{8, 1, 2}, func(d *scale.Decoder) { d.Bytes(2) }, nil},
		"bytes, above the limit":   {[]byte{12, 1, 2, 3}, func(d *scale.Decoder) { d.Bytes(2) }, scale.ErrLength},
		"bytes, cut":               {[]byte{12, 1, 2}, func(d *scale.Decoder) { d.Bytes(9) }, scale.ErrShort},
		"string, at the limit":     {[]byte{8, 'a', 'b'}, func(d *scale.Decoder) { _ = d.String(2) }, nil},
		"string, above the limit":  {[]byte{8, 'a', 'b'}, func(d *scale.Decoder) { _ = d.String(1) }, scale.ErrLength},
		"string, not UTF-8":        {[]byte{4, 0xff}, func(d *scale.Decoder) { _ = d.String(1) }, scale.ErrUTF8},
		"list, at the limit":       {[]byte{8, 0, 0}, func(d *scale.Decoder) { d.BytesVec(2, 0) }, nil},
		"list, above the limit":    {[]byte{8, 0, 0}, func(d *scale.Decoder) { d.BytesVec(1, 0) }, scale.ErrLength},
		"list, an item above its":  {[]byte{4, 4, 0}, func(d *scale.Decoder) { d.BytesVec(1, 0) }, scale.ErrLength},
		"list of a type, limit":    {[]byte{8, 0, 0}, func(d *scale.Decoder) { scale.DecodeVec[plain](d, 2) }, nil},
		"list of a type, above":    {[]byte{8, 0, 0}, func(d *scale.Decoder) { scale.DecodeVec[plain](d, 1) }, scale.ErrLength},
		"list of a type, bad item": {[]byte{8, 0, 9}, func(d *scale.Decoder) { scale.DecodeVec[plain](d, 2) }, scale.ErrVariant},
		"length, by item size":     {[]byte{8, 0, 0, 0}, func(d *scale.Decoder) { d.Len(9, 2) }, scale.ErrShort},
		"length, items of nothing": {[]byte{8}, func(d *scale.Decoder) { d.Len(9, 0) }, nil},
		"length 2^64-1":            {scale.AppendCompact(nil, math.MaxUint64), func(d *scale.Decoder) { d.Len(math.MaxInt, 1) }, scale.ErrLength},
		"bool 2":                   {[]byte{2}, func(d *scale.Decoder) { d.Bool() }, scale.ErrBool},
		"option 2":                 {[]byte{2}, func(d *scale.Decoder) { d.Option() }, scale.ErrVariant},
		"compact cut":              {[]byte{1}, func(d *scale.Decoder) { d.Compact() }, scale.ErrShort},
		"compact too wide":         {scale.AppendCompact(nil, 1<<32), func(d *scale.Decoder) { d.CompactU32() }, scale.ErrCompact},
		"compact not shortest":     {[]byte{1, 0}, func(d *scale.Decoder) { d.Compact() }, scale.ErrCompact},
		"left over":                {[]byte{1, 2}, func(d *scale.Decoder) { d.U8(); d.Finish() }, scale.ErrTrailing},
	} {
		t.Run(name, func(t *testing.T) {
			d := scale.NewDecoder(c.input)
			c.read(d)
			if !errors.Is(d.Err(), c.want) || c.want == nil && d.Err() != nil {
				t.Fatalf("%v, want %v", d.Err(), c.want)
			}
			if c.want == nil {
				return
			}
			// The first error sticks, and everything after it is zero.
			first, at := d.Err(), d.Offset()
			if d.U8() != 0 || d.U64() != 0 || d.Compact() != 0 || d.Bool() || d.Option() || d.Fixed(0) != nil || d.Bytes(9) != nil || d.String(9) != "" || d.Rest() != nil || d.Len(9, 1) != 0 {
				t.Error("something is read after an error")
			}
			d.Fail(errors.New("another"))
			if d.Err() != first || d.Finish() != first || d.Offset() != at {
				t.Errorf("%v at %d became %v at %d", first, at, d.Err(), d.Offset())
			}
		})
	}
}

// Prefixes are read without their rest, whole values only with nothing behind.
func TestDecodePrefix(t *testing.T) {
	var p plain
	if err := scale.DecodePrefix([]byte{1, 2, 3, 0, 9}, &p); err != nil || p.variant != 1 || p.b != 2 || p.c != 3 {
		t.Errorf("%v, %+v", err, p)
	}
	if err := scale.Decode([]byte{1, 2, 3, 0, 9}, &p); !errors.Is(err, scale.ErrTrailing) {
		t.Errorf("%v", err)
	}
}

func TestCompactBorders(t *testing.T) {
	for _, c := range []struct {
		v   scale.U128
		len int
	}{
		{scale.U128{}, 1}, {scale.U128{Lo: 1<<6 - 1}, 1}, {scale.U128{Lo: 1 << 6}, 2}, {scale.U128{Lo: 1<<14 - 1}, 2}, {scale.U128{Lo: 1 << 14}, 4}, {scale.U128{Lo: 1<<30 - 1}, 4},
		{scale.U128{Lo: 1 << 30}, 5}, {scale.U128{Lo: 1<<32 - 1}, 5}, {scale.U128{Lo: 1 << 32}, 6}, {scale.U128{Lo: 1<<56 - 1}, 8}, {scale.U128{Lo: 1 << 56}, 9}, {scale.U128{Lo: math.MaxUint64}, 9},
		{scale.U128{Hi: 1}, 10}, {scale.U128{Lo: math.MaxUint64, Hi: 255}, 10}, {scale.U128{Hi: 256}, 11}, {scale.U128{Lo: math.MaxUint64, Hi: math.MaxUint64}, 17},
	} {
		b := scale.AppendCompactU128(nil, c.v)
		if len(b) != c.len || c.v.Hi == 0 && scale.CompactLen(c.v.Lo) != c.len {
			t.Errorf("%v takes %d bytes, want %d", c.v, len(b), c.len)
		}
		if d := scale.NewDecoder(b); d.CompactU128() != c.v || d.Finish() != nil {
			t.Errorf("%v does not come back: %v", c.v, d.Err())
		}
	}
}

func TestU128Arithmetic(t *testing.T) {
	const top = math.MaxUint64
	for _, c := range []struct {
		a, b, sum scale.U128
		over      bool
		cmp       int
	}{
		{scale.U128{}, scale.U128{}, scale.U128{}, false, 0},
		{scale.U128{Lo: top}, scale.U128{Lo: 1}, scale.U128{Hi: 1}, false, 1},
		{scale.U128{Lo: top, Hi: top}, scale.U128{Lo: 1}, scale.U128{}, true, 1},
		{scale.U128{Hi: 1 << 63}, scale.U128{Hi: 1 << 63}, scale.U128{}, true, 0},
		{scale.U128{Lo: 1}, scale.U128{Hi: 1}, scale.U128{Lo: 1, Hi: 1}, false, -1},
		{scale.U128{Lo: 5, Hi: 1}, scale.U128{Lo: 6, Hi: 1}, scale.U128{Lo: 11, Hi: 2}, false, -1},
	} {
		t.Run(fmt.Sprintf("%v and %v", c.a, c.b), func(t *testing.T) {
			if sum, over := c.a.Add(c.b); sum != c.sum || over != c.over {
				t.Errorf("sum %v, %v", sum, over)
			}
			if back, under := c.sum.Sub(c.b); back != c.a || under != c.over {
				t.Errorf("back to %v, %v", back, under)
			}
			if c.a.Cmp(c.b) != c.cmp || c.b.Cmp(c.a) != -c.cmp {
				t.Errorf("compare as %d", c.a.Cmp(c.b))
			}
		})
	}
}

// FuzzValues decodes a nested struct and an enum: no panic, and what decodes encodes to the same bytes.
func FuzzValues(f *testing.F) {
	f.Add(scale.Encode(rec{a: 1, b: 300, c: 2, e: []rec{{}, {b: 1 << 40}}}))
	f.Add(scale.Encode(plain{variant: 2, x: ptr(uint32(3)), y: []byte{4, 5}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := rec{limit: 8}
		if scale.Decode(raw, &r) == nil && !bytes.Equal(scale.Encode(r), raw) {
			t.Errorf("%x encodes as %x", raw, scale.Encode(r))
		}
		var p plain
		if scale.Decode(raw, &p) == nil && !bytes.Equal(scale.Encode(p), raw) {
			t.Errorf("%x encodes as %x", raw, scale.Encode(p))
		}
	})
}
