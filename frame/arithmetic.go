package frame

import (
	"math"
	"math/bits"

	"pileus/scale"
)

// Balance is an amount of the native currency.
type Balance = scale.U128

// MaxBalance is the largest amount.
var MaxBalance = Balance{Lo: math.MaxUint64, Hi: math.MaxUint64}

// Amount is n as a balance.
func Amount(n uint64) Balance { return Balance{Lo: n} }

// Units is n times 10^12.
func Units(n uint64) Balance { return Mul(Amount(n), Amount(1_000_000_000_000)) }

// Add is the sum, at most [MaxBalance].
func Add(a, b Balance) Balance {
	s, over := a.Add(b)
	if over {
		return MaxBalance
	}
	return s
}

// Sub is the difference, at least zero.
func Sub(a, b Balance) Balance {
	s, under := a.Sub(b)
	if under {
		return Balance{}
	}
	return s
}

// Mul is the product, at most [MaxBalance].
func Mul(a, b Balance) Balance {
	p, over := mulChecked(a, b)
	if over {
		return MaxBalance
	}
	return p
}

// Less tells whether a is less than b.
func Less(a, b Balance) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// MinBalance is the smaller of two.
func MinBalance(a, b Balance) Balance {
	if Less(b, a) {
		return b
	}
	return a
}

// IsZero tells whether a is zero.
func IsZero(a Balance) bool { return a == Balance{} }

// Div is the quotient, rounded down; of a division by zero it is [MaxBalance].
func Div(a, b Balance) Balance { return MulDiv(a, Amount(1), b) }

// MulDiv is a·b/c, rounded down, at most [MaxBalance]. The product may exceed 128 bits.
func MulDiv(a, b, c Balance) Balance {
	if IsZero(c) {
		return MaxBalance
	}
	p := product(a, b)
	if c.Hi == 0 {
		var q [4]uint64
		var rest uint64
		for i := 3; i >= 0; i-- {
			q[i], rest = bits.Div64(rest, p[i], c.Lo)
		}
		if q[3]|q[2] != 0 {
			return MaxBalance
		}
		return Balance{Lo: q[0], Hi: q[1]}
	}
	return longDivide(p, c)
}

// product is a·b in 256 bits, lowest limb first.
func product(a, b Balance) (p [4]uint64) {
	h, l := bits.Mul64(a.Lo, b.Lo)
	p[0], p[1] = l, h
	var carry uint64
	h, l = bits.Mul64(a.Hi, b.Hi)
	p[2], p[3] = l, h
	for _, x := range [2][2]uint64{{a.Lo, b.Hi}, {a.Hi, b.Lo}} {
		h, l = bits.Mul64(x[0], x[1])
		p[1], carry = bits.Add64(p[1], l, 0)
		p[2], carry = bits.Add64(p[2], h, carry)
		p[3] += carry
	}
	return p
}

func mulChecked(a, b Balance) (Balance, bool) {
	p := product(a, b)
	return Balance{Lo: p[0], Hi: p[1]}, p[2]|p[3] != 0
}

// longDivide divides bit by bit.
func longDivide(p [4]uint64, c Balance) (q Balance) {
	var rest Balance
	for i := 255; i >= 0; i-- {
		over := rest.Hi>>63 != 0
		rest = Balance{Lo: rest.Lo<<1 | p[i/64]>>(i%64)&1, Hi: rest.Hi<<1 | rest.Lo>>63}
		if !over && Less(rest, c) {
			continue
		}
		rest, _ = rest.Sub(c)
		if i >= 128 {
			return MaxBalance
		}
		if i >= 64 {
			q.Hi |= 1 << (i - 64)
		} else {
			q.Lo |= 1 << i
		}
	}
	return q
}

// FixedOne is 1 as a FixedU128, a number with 18 decimal places.
var FixedOne = Amount(1_000_000_000_000_000_000)

// FixedMul is f·n, rounded down, where f is a FixedU128.
func FixedMul(f, n Balance) Balance { return MulDiv(f, n, FixedOne) }

// FixedDiv is n/f, rounded down, where f is a FixedU128.
func FixedDiv(n, f Balance) Balance { return MulDiv(n, FixedOne, f) }
