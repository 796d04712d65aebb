// Package scale is the SCALE codec: little-endian fixed-width integers, compact
// integers, length-prefixed sequences, options and enums.
//
// There is no reflection. A type that travels implements [Encoder] and
// [Decodable], each a list of its fields in encoding order:
//
//	func (h BlockRef) EncodeTo(b []byte) []byte {
//		b = append(b, h.Hash[:]...)
//		return scale.AppendU32(b, h.Number)
//	}
//
//	func (h *BlockRef) DecodeFrom(d *scale.Decoder) {
//		d.Array(h.Hash[:])
//		h.Number = d.U32()
//	}
//
// Decoding never panics and never allocates more than the input justifies: every
// length is checked against the bytes that are left before anything is made.
//
// Source of the encoding: crate parity-scale-codec 3.7 and
// https://spec.polkadot.network/id-cryptography-encoding#sect-scale-codec.
package scale

import (
	"encoding/binary"
	"math/bits"
)

// Encoder is a value that can append its SCALE encoding to a buffer.
type Encoder interface {
	EncodeTo(b []byte) []byte
}

// Encode returns the SCALE encoding of v in a buffer of its own.
func Encode(v Encoder) []byte { return v.EncodeTo(nil) }

// AppendBool appends 00 or 01.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendU16 appends v in 2 bytes, little-endian.
func AppendU16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }

// AppendU32 appends v in 4 bytes, little-endian.
func AppendU32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

// AppendU64 appends v in 8 bytes, little-endian.
func AppendU64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// AppendU128 appends v in 16 bytes, little-endian.
func AppendU128(b []byte, v U128) []byte {
	var w [16]byte
	binary.LittleEndian.PutUint64(w[:], v.Lo)
	binary.LittleEndian.PutUint64(w[8:], v.Hi)
	return append(b, w[:]...)
}

// AppendCompact appends v as a compact integer (1, 2, 4 or up to 9 bytes).
func AppendCompact(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v)<<2)
	case v < 1<<14:
		return AppendU16(b, uint16(v)<<2|1)
	case v < 1<<30:
		return AppendU32(b, uint32(v)<<2|2)
	}
	n := (bits.Len64(v) + 7) / 8
	b = append(b, byte(n-4)<<2|3)
	for ; n > 0; n-- {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

// AppendCompactU128 appends v as a compact integer (up to 17 bytes).
func AppendCompactU128(b []byte, v U128) []byte {
	if v.Hi == 0 {
		return AppendCompact(b, v.Lo)
	}
	n := (bits.Len64(v.Hi) + 7) / 8
	b = append(b, byte(8+n-4)<<2|3)
	b = AppendU64(b, v.Lo)
	for hi := v.Hi; n > 0; n-- {
		b = append(b, byte(hi))
		hi >>= 8
	}
	return b
}

// CompactLen is the number of bytes [AppendCompact] appends for v.
func CompactLen(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 1 + (bits.Len64(v)+7)/8
}

// AppendBytes appends v as Vec<u8>: its length as a compact, then the bytes.
func AppendBytes(b, v []byte) []byte {
	return append(AppendCompact(b, uint64(len(v))), v...)
}

// AppendString appends s as a length-prefixed UTF-8 string.
func AppendString(b []byte, s string) []byte {
	return append(AppendCompact(b, uint64(len(s))), s...)
}

// AppendVec appends the length of list as a compact, then every item.
func AppendVec[T Encoder](b []byte, list []T) []byte {
	b = AppendCompact(b, uint64(len(list)))
	for _, v := range list {
		b = v.EncodeTo(b)
	}
	return b
}

// AppendVecFunc appends the length of list as a compact, then every item as item appends it.
func AppendVecFunc[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	b = AppendCompact(b, uint64(len(list)))
	for _, v := range list {
		b = item(b, v)
	}
	return b
}

// AppendBytesVec appends list as Vec<Vec<u8>>.
func AppendBytesVec(b []byte, list [][]byte) []byte { return AppendVecFunc(b, list, AppendBytes) }

// AppendOption appends 00 for nil, else 01 and the value as item appends it.
func AppendOption[T any](b []byte, v *T, item func([]byte, T) []byte) []byte {
	if v == nil {
		return append(b, 0)
	}
	return item(append(b, 1), *v)
}

// U128 is an unsigned 128-bit integer, as balances are.
type U128 struct{ Lo, Hi uint64 }

// Add returns v+w and whether it overflowed.
func (v U128) Add(w U128) (U128, bool) {
	lo, c := bits.Add64(v.Lo, w.Lo, 0)
	hi, c := bits.Add64(v.Hi, w.Hi, c)
	return U128{lo, hi}, c != 0
}

// Sub returns v-w and whether it underflowed.
func (v U128) Sub(w U128) (U128, bool) {
	lo, c := bits.Sub64(v.Lo, w.Lo, 0)
	hi, c := bits.Sub64(v.Hi, w.Hi, c)
	return U128{lo, hi}, c != 0
}

// Cmp is -1, 0 or 1 as v is less than, equal to or greater than w.
func (v U128) Cmp(w U128) int {
	switch {
	case v.Hi != w.Hi && v.Hi < w.Hi, v.Hi == w.Hi && v.Lo < w.Lo:
		return -1
	case v == w:
		return 0
	}
	return 1
}
