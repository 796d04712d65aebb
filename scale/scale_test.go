package scale_test

import (
	"bytes"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"pileus/internal/testdata"
	"pileus/scale"
)

func u128(t testing.TB, s string) scale.U128 {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0)))
	return scale.U128{Lo: low.Uint64(), Hi: new(big.Int).Rsh(n, 64).Uint64()}
}

func big128(v scale.U128) string {
	n := new(big.Int).Lsh(new(big.Int).SetUint64(v.Hi), 64)
	return n.Or(n, new(big.Int).SetUint64(v.Lo)).String()
}

// The bytes of the released crate, there and back.
func TestCompactVectors(t *testing.T) {
	var v struct {
		Compact []struct {
			Value string
			Bytes testdata.Hex
		}
		CompactDecode []struct {
			Name                    string
			Bytes                   testdata.Hex
			U8, U16, U32, U64, U128 string
		} `json:"compact_decode"`
	}
	testdata.ReadJSON(t, "vectors/scale.json", &v)
	if len(v.Compact) < 10 || len(v.CompactDecode) < 10 {
		t.Fatal("too few vectors")
	}
	for _, c := range v.Compact {
		n := u128(t, c.Value)
		if got := scale.AppendCompactU128(nil, n); !bytes.Equal(got, c.Bytes) {
			t.Errorf("compact %s: %x, want %x", c.Value, got, c.Bytes)
		}
		if n.Hi == 0 {
			if got := scale.AppendCompact(nil, n.Lo); !bytes.Equal(got, c.Bytes) || scale.CompactLen(n.Lo) != len(got) {
				t.Errorf("compact %s: %x, want %x", c.Value, got, c.Bytes)
			}
		}
	}
	for _, c := range v.CompactDecode {
		read := func(f func(*scale.Decoder) string) string {
			d := scale.NewDecoder(c.Bytes)
			if s := f(d); d.Err() == nil {
				return s
			}
			return "error"
		}
		for width, pair := range map[string][2]string{
			"u8":   {c.U8, read(func(d *scale.Decoder) string { return strconv.FormatUint(uint64(d.CompactU8()), 10) })},
			"u16":  {c.U16, read(func(d *scale.Decoder) string { return strconv.FormatUint(uint64(d.CompactU16()), 10) })},
			"u32":  {c.U32, read(func(d *scale.Decoder) string { return strconv.FormatUint(uint64(d.CompactU32()), 10) })},
			"u64":  {c.U64, read(func(d *scale.Decoder) string { return strconv.FormatUint(d.Compact(), 10) })},
			"u128": {c.U128, read(func(d *scale.Decoder) string { return big128(d.CompactU128()) })},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s as %s: %s, want %s", c.Name, width, pair[1], pair[0])
			}
		}
	}
}

// Broken inputs of a few types are refused as by the crate, and leave as many bytes.
func TestInputVectors(t *testing.T) {
	var v struct {
		Inputs []struct {
			Type, Name, Outcome string
			Bytes               testdata.Hex
		}
	}
	testdata.ReadJSON(t, "vectors/scale.json", &v)
	types := map[string]func(*scale.Decoder){
		"bool":       func(d *scale.Decoder) { d.Bool() },
		"u8":         func(d *scale.Decoder) { d.U8() },
		"u16":        func(d *scale.Decoder) { d.U16() },
		"u32":        func(d *scale.Decoder) { d.U32() },
		"u64":        func(d *scale.Decoder) { d.U64() },
		"u128":       func(d *scale.Decoder) { d.U128() },
		"Vec<u8>":    func(d *scale.Decoder) { d.Bytes(1 << 20) },
		"String":     func(d *scale.Decoder) { _ = d.String(1 << 20) },
		"Option<u8>": func(d *scale.Decoder) { scale.DecodeOption(d, (*scale.Decoder).U8) },
		"Vec<u32>":   func(d *scale.Decoder) { scale.DecodeVecFunc(d, 1<<20, (*scale.Decoder).U32) },
	}
	seen := 0
	for _, c := range v.Inputs {
		read := types[c.Type]
		if read == nil {
			continue
		}
		seen++
		d := scale.NewDecoder(c.Bytes)
		read(d)
		if ok := d.Err() == nil; ok != (c.Outcome == "ok") {
			t.Errorf("%s, %s (%x): %v, want %s", c.Type, c.Name, c.Bytes, d.Err(), c.Outcome)
		}
	}
	if seen < 5 {
		t.Errorf("only %d inputs are of a type that is tried here", seen)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		v := scale.U128{Lo: rapid.Uint64().Draw(t, "lo"), Hi: rapid.Uint64().Draw(t, "hi")}
		list := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "list")
		s := rapid.String().Draw(t, "s")
		opt := rapid.Ptr(rapid.Uint32(), true).Draw(t, "option")
		b := scale.AppendCompact(nil, n)
		b = scale.AppendCompactU128(b, v)
		b = scale.AppendU128(b, v)
		b = scale.AppendBytesVec(b, list)
		b = scale.AppendString(b, s)
		b = scale.AppendOption(b, opt, scale.AppendU32)
		d := scale.NewDecoder(b)
		if d.Compact() != n || d.CompactU128() != v || d.U128() != v {
			t.Fatal("numbers differ")
		}
		got := d.BytesVec(1<<20, 1<<20)
		for i := range list {
			if !bytes.Equal(got[i], list[i]) {
				t.Fatal("lists differ")
			}
		}
		if d.String(1<<20) != s {
			t.Fatal("strings differ")
		}
		o := scale.DecodeOption(d, (*scale.Decoder).U32)
		if (o == nil) != (opt == nil) || o != nil && *o != *opt {
			t.Fatal("options differ")
		}
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestU128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := scale.U128{Lo: rapid.Uint64().Draw(t, "a.lo"), Hi: rapid.Uint64().Draw(t, "a.hi")}
		b := scale.U128{Lo: rapid.Uint64().Draw(t, "b.lo"), Hi: rapid.Uint64().Draw(t, "b.hi")}
		sum, over := a.Add(b)
		if back, under := sum.Sub(b); back != a || under != over {
			t.Fatalf("%v + %v - %v = %v", a, b, b, back)
		}
		if _, under := a.Sub(b); under != (a.Cmp(b) < 0) {
			t.Fatalf("%v - %v wraps: %v", a, b, under)
		}
	})
}

// A length that the input cannot hold is refused before anything is made for it.
func TestLengths(t *testing.T) {
	huge := scale.AppendCompact(nil, 1<<30-1)
	d := scale.NewDecoder(huge)
	if allocated := testing.AllocsPerRun(10, func() {
		d = scale.NewDecoder(huge)
		d.Bytes(1 << 31)
	}); d.Err() == nil || allocated > 20 {
		t.Errorf("%v, %v allocations", d.Err(), allocated)
	}
	d = scale.NewDecoder(scale.AppendBytes(nil, make([]byte, 10)))
	if d.Bytes(9); d.Err() == nil {
		t.Error("a list longer than its bound was read")
	}
}

// Any bytes: no panic, the offset never leaves the input, errors stick, and what was read
// in full is what it encodes to.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0x04, 1, 2, 3}, []byte{0, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, input, script []byte) {
		d := scale.NewDecoder(input)
		for _, op := range script {
			from := d.Offset()
			switch op % 8 {
			case 0:
				if v := d.Compact(); d.Err() == nil && !bytes.Equal(scale.AppendCompact(nil, v), input[from:d.Offset()]) {
					t.Fatalf("compact %d was not canonical", v)
				}
			case 1:
				if v := d.CompactU128(); d.Err() == nil && !bytes.Equal(scale.AppendCompactU128(nil, v), input[from:d.Offset()]) {
					t.Fatalf("compact %v was not canonical", v)
				}
			case 2:
				d.Bytes(1 << 16)
			case 3:
				_ = d.String(1 << 16)
			case 4:
				d.BytesVec(1<<16, 1<<16)
			case 5:
				scale.DecodeOption(d, (*scale.Decoder).U64)
			case 6:
				scale.DecodeVecFunc(d, 1<<16, (*scale.Decoder).U16)
			case 7:
				d.Fixed(int(op))
			}
			if d.Offset() < from || d.Offset() > len(input) {
				t.Fatalf("offset %d of %d", d.Offset(), len(input))
			}
		}
	})
}
