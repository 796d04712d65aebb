package erasure

import (
	"crypto/subtle"
	"math/bits"
)

// The additive Fourier transform of Lin, Chung and Han (arXiv 1404.3458). A polynomial
// of degree below 2^m is given by its coefficients in the basis
//
//	X_i = Π_{bit j of i} s_j        s_j vanishes on the symbols 0…2^j−1
//
// and evaluated at the 2^m symbols from shift on, shift a multiple of 2^m. Each row
// holds one coefficient, or value, of many polynomials at once.

// forward turns coefficients into values. Only the first need values come out right.
func (m *multiplier) forward(rows [][]byte, shift, need int) {
	for j := bits.Len(uint(len(rows))) - 2; j >= 0; j-- {
		half := 1 << j
		for r := 0; r < need; r += 2 * half {
			w := uint16((shift + r) >> j)
			for i := r; i < r+half; i++ {
				m.addProduct(rows[i], rows[i+half], w)
				addRow(rows[i+half], rows[i])
			}
		}
	}
}

// backward turns values into coefficients.
func (m *multiplier) backward(rows [][]byte, shift int) {
	for half, j := 1, 0; half < len(rows); half, j = half<<1, j+1 {
		for r := 0; r < len(rows); r += 2 * half {
			w := uint16((shift + r) >> j)
			for i := r; i < r+half; i++ {
				addRow(rows[i+half], rows[i])
				m.addProduct(rows[i], rows[i+half], w)
			}
		}
	}
}

// addDerivative adds the formal derivative of the polynomial to itself. Every s_j has
// the derivative 1 in a Cantor basis, so that of X_i is the sum of the X with one bit
// of i cleared: row r gets, for each bit that r lacks, the row that has it. A caller
// looks only where the polynomial itself is zero.
func addDerivative(rows [][]byte) {
	for i := 1; i < len(rows); i++ {
		width := i & -i
		for r := i - width; r < i; r++ {
			addRow(rows[r], rows[r+width]) // rows from i on are as they were
		}
	}
}

func addRow(dst, src []byte) { subtle.XORBytes(dst, dst, src) }
