package scale

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Errors that a decoder can end with, wrapped with the offset at which they arose.
var (
	ErrShort    = errors.New("input ends too early")
	ErrTrailing = errors.New("bytes left over")
	ErrLength   = errors.New("length above the limit")
	ErrCompact  = errors.New("compact integer is not in its shortest form or out of range")
	ErrVariant  = errors.New("unknown enum variant")
	ErrBool     = errors.New("boolean is neither 0 nor 1")
	ErrUTF8     = errors.New("string is not UTF-8")
	ErrDepth    = errors.New("nested too deeply")
)

// Decodable is a value that can be read from a [Decoder].
// It reads unconditionally: after an error the decoder yields zeros.
type Decodable interface {
	DecodeFrom(d *Decoder)
}

// Decoder reads SCALE from a byte slice. The first error sticks: every later read
// yields a zero value, and [Decoder.Err] reports it. So a type's DecodeFrom is a
// plain list of its fields, without a check behind each.
//
// Slices that it returns by [Decoder.Fixed] alias the input; those of
// [Decoder.Bytes] are copies.
type Decoder struct {
	buf   []byte
	off   int
	depth int
	err   error
}

// NewDecoder returns a decoder of b.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// Reset makes d a decoder of b that has read nothing.
func (d *Decoder) Reset(b []byte) { *d = Decoder{buf: b} }

// Decode reads v from b and demands that nothing is left over (DecodeAll of the crate).
func Decode(b []byte, v Decodable) error {
	d := NewDecoder(b)
	v.DecodeFrom(d)
	return d.Finish()
}

// DecodePrefix reads v from the start of b; what follows is ignored (Decode of the crate).
func DecodePrefix(b []byte, v Decodable) error {
	d := NewDecoder(b)
	v.DecodeFrom(d)
	return d.Err()
}

// Err is the first error, nil if there was none.
func (d *Decoder) Err() error { return d.err }

// Finish is the first error, or [ErrTrailing] if bytes are left over.
func (d *Decoder) Finish() error {
	if d.err == nil && d.off != len(d.buf) {
		d.Fail(fmt.Errorf("%w (%d)", ErrTrailing, len(d.buf)-d.off))
	}
	return d.err
}

// Fail makes err the decoder's error, with the offset, unless it already has one.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("scale: at byte %d: %w", d.off, err)
	}
}

// Left is the number of bytes not read yet.
func (d *Decoder) Left() int { return len(d.buf) - d.off }

// Offset is the number of bytes read so far.
func (d *Decoder) Offset() int { return d.off }

// Rest is what was not read yet; it aliases the input.
func (d *Decoder) Rest() []byte {
	if d.err != nil {
		return nil
	}
	return d.buf[d.off:]
}

// Fixed reads n bytes; the result aliases the input and is nil after an error.
func (d *Decoder) Fixed(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > len(d.buf)-d.off {
		d.Fail(ErrShort)
		return nil
	}
	b := d.buf[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// Array fills dst with the next len(dst) bytes, with zeros after an error.
func (d *Decoder) Array(dst []byte) {
	if !d.has(len(dst)) {
		clear(dst)
		return
	}
	copy(dst, d.buf[d.off:])
	d.off += len(dst)
}

// has tells whether n bytes are left; if not, that is the error.
func (d *Decoder) has(n int) bool {
	if d.err != nil || n > len(d.buf)-d.off {
		d.short()
		return false
	}
	return true
}

func (d *Decoder) short() { d.Fail(ErrShort) }

// U8 reads one byte.
func (d *Decoder) U8() uint8 {
	if !d.has(1) {
		return 0
	}
	v := d.buf[d.off]
	d.off++
	return v
}

// Bool reads 00 or 01.
func (d *Decoder) Bool() bool {
	v := d.U8()
	if v > 1 {
		d.Fail(ErrBool)
	}
	return v == 1
}

// U16 reads 2 bytes, little-endian.
func (d *Decoder) U16() uint16 {
	if !d.has(2) {
		return 0
	}
	v := binary.LittleEndian.Uint16(d.buf[d.off:])
	d.off += 2
	return v
}

// U32 reads 4 bytes, little-endian.
func (d *Decoder) U32() uint32 {
	if !d.has(4) {
		return 0
	}
	v := binary.LittleEndian.Uint32(d.buf[d.off:])
	d.off += 4
	return v
}

// U64 reads 8 bytes, little-endian.
func (d *Decoder) U64() uint64 {
	if !d.has(8) {
		return 0
	}
	v := binary.LittleEndian.Uint64(d.buf[d.off:])
	d.off += 8
	return v
}

// U128 reads 16 bytes, little-endian.
func (d *Decoder) U128() U128 {
	if !d.has(16) {
		return U128{}
	}
	b := d.buf[d.off : d.off+16]
	d.off += 16
	return U128{Lo: binary.LittleEndian.Uint64(b), Hi: binary.LittleEndian.Uint64(b[8:])}
}

// Compact reads a compact integer of at most 64 bits; forms longer than needed are refused.
func (d *Decoder) Compact() uint64 {
	if d.err == nil && d.off < len(d.buf) && d.buf[d.off]&3 == 0 {
		d.off++
		return uint64(d.buf[d.off-1] >> 2)
	}
	v := d.CompactU128()
	if v.Hi != 0 {
		d.Fail(ErrCompact)
		return 0
	}
	return v.Lo
}

// CompactU32 reads a compact integer of at most 32 bits.
func (d *Decoder) CompactU32() uint32 {
	v := d.Compact()
	if v > math.MaxUint32 {
		d.Fail(ErrCompact)
		return 0
	}
	return uint32(v)
}

// CompactU16 reads a compact integer of at most 16 bits.
func (d *Decoder) CompactU16() uint16 {
	v := d.Compact()
	if v > math.MaxUint16 {
		d.Fail(ErrCompact)
		return 0
	}
	return uint16(v)
}

// CompactU8 reads a compact integer of at most 8 bits.
func (d *Decoder) CompactU8() uint8 {
	v := d.Compact()
	if v > math.MaxUint8 {
		d.Fail(ErrCompact)
		return 0
	}
	return uint8(v)
}

// CompactU128 reads a compact integer of at most 128 bits; forms longer than needed are refused.
func (d *Decoder) CompactU128() U128 {
	first := d.U8()
	var v uint64
	switch first & 3 {
	case 0:
		return U128{Lo: uint64(first >> 2)}
	case 1:
		v = uint64(first>>2) | uint64(d.U8())<<6
		if v < 1<<6 {
			d.Fail(ErrCompact)
		}
	case 2:
		b := d.Fixed(3)
		if b == nil {
			return U128{}
		}
		v = uint64(first>>2) | uint64(b[0])<<6 | uint64(b[1])<<14 | uint64(b[2])<<22
		if v < 1<<14 {
			d.Fail(ErrCompact)
		}
	default:
		return d.bigCompact(int(first>>2) + 4)
	}
	if d.err != nil {
		return U128{}
	}
	return U128{Lo: v}
}

// bigCompact reads the n little-endian bytes of a compact in big-integer mode.
func (d *Decoder) bigCompact(n int) U128 {
	if n > 16 {
		d.Fail(ErrCompact)
		return U128{}
	}
	b := d.Fixed(n)
	if b == nil {
		return U128{}
	}
	var w [16]byte
	copy(w[:], b)
	if b[n-1] == 0 || n == 4 && b[3] < 0x40 {
		d.Fail(ErrCompact)
		return U128{}
	}
	return U128{Lo: binary.LittleEndian.Uint64(w[:8]), Hi: binary.LittleEndian.Uint64(w[8:])}
}

// Len reads the length of a sequence: at most max, and at most as many as the bytes
// that are left could hold if each item took at least itemSize bytes.
func (d *Decoder) Len(max, itemSize int) int {
	n := d.Compact()
	if d.err != nil {
		return 0
	}
	if n > uint64(max) {
		d.Fail(fmt.Errorf("%w: %d of at most %d", ErrLength, n, max))
		return 0
	}
	if itemSize > 0 && n > uint64(d.Left()/itemSize) {
		d.Fail(ErrShort)
		return 0
	}
	return int(n)
}

// Bytes reads a Vec<u8> of at most max bytes into a copy. An empty one is an empty, non-nil slice.
func (d *Decoder) Bytes(max int) []byte {
	b := d.Fixed(d.Len(max, 1))
	if d.err != nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// String reads a UTF-8 string of at most max bytes.
func (d *Decoder) String(max int) string {
	b := d.Fixed(d.Len(max, 1))
	if !utf8.Valid(b) {
		d.Fail(ErrUTF8)
		return ""
	}
	return string(b)
}

// BytesVec reads a Vec<Vec<u8>> of at most max items of at most maxItem bytes each.
func (d *Decoder) BytesVec(max, maxItem int) [][]byte {
	n := d.Len(max, 1)
	list := make([][]byte, 0, n)
	for i := 0; i < n && d.err == nil; i++ {
		list = append(list, d.Bytes(maxItem))
	}
	return list
}

// Option reads the presence byte of an Option.
func (d *Decoder) Option() bool {
	switch v := d.U8(); v {
	case 0:
		return false
	case 1:
		return d.err == nil
	default:
		d.Fail(ErrVariant)
		return false
	}
}

// Variant reads an enum's variant byte; the caller fails with [ErrVariant] for one that it does not know.
func (d *Decoder) Variant() uint8 { return d.U8() }

// UnknownVariant fails with [ErrVariant], naming the type and the byte.
func (d *Decoder) UnknownVariant(of string, v uint8) {
	d.Fail(fmt.Errorf("%w: %s has no variant %d", ErrVariant, of, v))
}

// Enter and Leave bracket a nested value; more than max levels at once are an error.
func (d *Decoder) Enter(max int) bool {
	if d.depth >= max {
		d.Fail(ErrDepth)
	}
	d.depth++
	return d.err == nil
}

// Leave ends what [Decoder.Enter] began.
func (d *Decoder) Leave() { d.depth-- }

// DecodeVec reads a Vec of at most max items, each of at least one byte, with DecodeFrom of *T.
func DecodeVec[T any, P interface {
	*T
	Decodable
}](d *Decoder, max int) []T {
	return DecodeVecFunc(d, max, func(d *Decoder) (v T) {
		P(&v).DecodeFrom(d)
		return v
	})
}

// DecodeVecFunc reads a Vec of at most max items, each of at least one byte, with item.
func DecodeVecFunc[T any](d *Decoder, max int, item func(*Decoder) T) []T {
	n := d.Len(max, 1)
	// The input justifies n items of one byte; a large T grows as its items really come.
	list := make([]T, 0, min(n, 1024))
	for i := 0; i < n && d.err == nil; i++ {
		list = append(list, item(d))
	}
	if d.err != nil {
		return nil
	}
	return list
}

// DecodeOption reads an Option with item; nil is None.
func DecodeOption[T any](d *Decoder, item func(*Decoder) T) *T {
	if !d.Option() {
		return nil
	}
	v := item(d)
	return &v
}
