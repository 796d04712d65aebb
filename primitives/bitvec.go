package primitives

import (
	"math/bits"

	"pileus/scale"
)

// BitVec is a BitVec<u8, Lsb0>: bit i stands in byte i/8 at position i%8.
// Encoding: the number of bits as a compact, then the bytes; unused bits of the last byte are zero.
type BitVec struct {
	n     int
	bytes []byte
}

// NewBitVec returns n bits, all clear.
func NewBitVec(n int) BitVec { return BitVec{n, make([]byte, (n+7)/8)} }

// BitsOf returns n bits with those of the list set.
func BitsOf(n int, set ...int) BitVec {
	v := NewBitVec(n)
	for _, i := range set {
		v.Set(i)
	}
	return v
}

// Len is the number of bits.
func (v BitVec) Len() int { return v.n }

// Get is bit i; false beyond the end.
func (v BitVec) Get(i int) bool { return i >= 0 && i < v.n && v.bytes[i/8]>>(i%8)&1 == 1 }

// Set sets bit i, which must exist.
func (v BitVec) Set(i int) { v.bytes[i/8] |= 1 << (i % 8) }

// Clear clears bit i, which must exist.
func (v BitVec) Clear(i int) { v.bytes[i/8] &^= 1 << (i % 8) }

// Ones counts the set bits.
func (v BitVec) Ones() (n int) {
	for _, b := range v.bytes {
		n += bits.OnesCount8(b)
	}
	return n
}

// Clone is a copy that shares nothing.
func (v BitVec) Clone() BitVec { return BitVec{v.n, append([]byte(nil), v.bytes...)} }

// Slice is a copy of bits from … to-1.
func (v BitVec) Slice(from, to int) BitVec {
	s := NewBitVec(to - from)
	for i := from; i < to; i++ {
		if v.Get(i) {
			s.Set(i - from)
		}
	}
	return s
}

// Append is a copy of v followed by the low count bits of value, lowest first.
func (v BitVec) Append(value uint64, count int) BitVec {
	s := NewBitVec(v.n + count)
	copy(s.bytes, v.bytes)
	for i := range count {
		if value>>i&1 == 1 {
			s.Set(v.n + i)
		}
	}
	return s
}

// Uint is the value of up to 64 bits from … to-1, lowest first.
func (v BitVec) Uint(from, to int) (value uint64) {
	for i := from; i < to; i++ {
		if v.Get(i) {
			value |= 1 << (i - from)
		}
	}
	return value
}

// String draws the bits, first to last, as 0 and 1.
func (v BitVec) String() string {
	s := make([]byte, v.n)
	for i := range s {
		s[i] = '0'
		if v.Get(i) {
			s[i] = '1'
		}
	}
	return string(s)
}

// EncodeTo appends the SCALE encoding.
func (v BitVec) EncodeTo(b []byte) []byte {
	return append(scale.AppendCompact(b, uint64(v.n)), v.bytes...)
}

// DecodeFrom reads the SCALE encoding; at most 2^17 bits. Set bits beyond the length are cleared.
func (v *BitVec) DecodeFrom(d *scale.Decoder) {
	n := d.Len(1<<17, 0)
	raw := d.Fixed((n + 7) / 8)
	if d.Err() != nil {
		*v = BitVec{}
		return
	}
	*v = BitVec{n, append([]byte(nil), raw...)}
	if n%8 != 0 {
		v.bytes[n/8] &= 1<<(n%8) - 1
	}
}
