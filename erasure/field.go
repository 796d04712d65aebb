package erasure

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// The field is GF(2^16) modulo x^16+x^5+x^3+x^2+1. Its elements are written in a Cantor
// basis: a symbol with bits b_i stands for Σ b_i·cantor[i]. Addition is XOR in either
// form; multiplication goes through the logarithm.
//
// In this basis cantor[0] = 1 and cantor[i]² + cantor[i] = cantor[i−1]. So the map
// s(x) = x²+x, whose zeros are the symbols 0 and 1, sends the symbol i to i>>1, and s
// applied j times, which is the polynomial that vanishes on the symbols 0…2^j−1, sends
// it to i>>j. All twiddle factors of the transform are such shifts.
// (crate reed-solomon-novelpoly 2.0, f2e16)
const (
	fieldSize  = 1 << 16
	fieldOrder = fieldSize - 1 // of the multiplicative group
	polynomial = 0x1002D
)

var cantor = [16]uint16{
	0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
	0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E,
}

// field holds the logarithm of each symbol and its inverse, to the base x. exp is
// written twice in a row, so that a sum of two logarithms needs no reduction. log[0] is
// 0 and must not be used.
type field struct {
	log [fieldSize]uint16
	exp [2 * fieldOrder]uint16
}

var theField = sync.OnceValue(func() *field {
	// toCantor of a standard basis element: by the inverse of the basis change, found
	// as a table over all symbols.
	standard := make([]uint16, fieldSize) // of each symbol
	for i := 1; i < fieldSize; i++ {
		low := bits.TrailingZeros(uint(i))
		standard[i] = standard[i&(i-1)] ^ cantor[low]
	}
	symbol := make([]uint16, fieldSize) // of each standard element
	for i, v := range standard {
		symbol[v] = uint16(i)
	}
	f := new(field)
	x := 1
	for i := range fieldOrder {
		s := symbol[x]
		f.exp[i], f.exp[i+fieldOrder] = s, s
		f.log[s] = uint16(i)
		if x <<= 1; x >= fieldSize {
			x ^= polynomial
		}
	}
	return f
})

func (f *field) mul(a, b uint16) uint16 {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+int(f.log[b])]
}

// mulTable multiplies by one constant, for the two bytes of a symbol apart. A row
// holds big-endian symbols and is read in little-endian words, so index and result are
// in that swapped form.
type mulTable struct {
	first, second [256]uint16 // by the high and the low byte of the symbol
}

func (f *field) table(c uint16) *mulTable {
	t := new(mulTable)
	for bit := range 8 {
		t.first[1<<bit] = bits.ReverseBytes16(f.mul(c, 1<<(8+bit)))
		t.second[1<<bit] = bits.ReverseBytes16(f.mul(c, 1<<bit))
	}
	for i := 1; i < 256; i++ {
		low := i & -i
		t.first[i] = t.first[i^low] ^ t.first[low]
		t.second[i] = t.second[i^low] ^ t.second[low]
	}
	return t
}

// product multiplies the four symbols of a little-endian word.
func (t *mulTable) product(w uint64) uint64 {
	return uint64(t.first[byte(w)]^t.second[byte(w>>8)]) |
		uint64(t.first[byte(w>>16)]^t.second[byte(w>>24)])<<16 |
		uint64(t.first[byte(w>>32)]^t.second[byte(w>>40)])<<32 |
		uint64(t.first[byte(w>>48)]^t.second[byte(w>>56)])<<48
}

func (t *mulTable) product16(w uint16) uint16 { return t.first[byte(w)] ^ t.second[byte(w>>8)] }

// tableFrom is the row length in bytes from which making a table pays.
const tableFrom = 512

// multiplier multiplies rows by constants and keeps the tables that it made.
type multiplier struct {
	f      *field
	tables map[uint16]*mulTable
}

func newMultiplier() *multiplier {
	return &multiplier{f: theField(), tables: map[uint16]*mulTable{}}
}

func (m *multiplier) table(c uint16) *mulTable {
	t := m.tables[c]
	if t == nil {
		t = m.f.table(c)
		m.tables[c] = t
	}
	return t
}

// addProduct adds c·src to dst. The rows have one even length.
func (m *multiplier) addProduct(dst, src []byte, c uint16) {
	le := binary.LittleEndian
	dst = dst[:len(src)]
	switch {
	case c == 0:
	case c == 1:
		addRow(dst, src)
	case len(src) < tableFrom:
		for i := 0; i+2 <= len(src); i += 2 {
			p := m.f.mul(binary.BigEndian.Uint16(src[i:]), c)
			binary.BigEndian.PutUint16(dst[i:], binary.BigEndian.Uint16(dst[i:])^p)
		}
	default:
		t := m.table(c)
		for len(src) >= 8 && len(dst) >= 8 {
			le.PutUint64(dst, le.Uint64(dst)^t.product(le.Uint64(src)))
			src, dst = src[8:], dst[8:]
		}
		for len(src) >= 2 {
			le.PutUint16(dst, le.Uint16(dst)^t.product16(le.Uint16(src)))
			src, dst = src[2:], dst[2:]
		}
	}
}

// scale multiplies a row by c.
func (m *multiplier) scale(row []byte, c uint16) {
	le := binary.LittleEndian
	if len(row) < tableFrom {
		for i := 0; i+2 <= len(row); i += 2 {
			binary.BigEndian.PutUint16(row[i:], m.f.mul(binary.BigEndian.Uint16(row[i:]), c))
		}
		return
	}
	t := m.table(c)
	for len(row) >= 8 {
		le.PutUint64(row, t.product(le.Uint64(row)))
		row = row[8:]
	}
	for len(row) >= 2 {
		le.PutUint16(row, t.product16(le.Uint16(row)))
		row = row[2:]
	}
}
