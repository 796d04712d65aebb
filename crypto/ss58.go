package crypto

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/crypto/blake2b"
)

// Errors of SS58 addresses, in the order in which an address is looked at.
var (
	ErrBase58       = errors.New("not base 58")
	ErrSS58Length   = errors.New("wrong length")
	ErrSS58Prefix   = errors.New("invalid prefix byte")
	ErrSS58Reserved = errors.New("reserved prefix")
	ErrSS58Checksum = errors.New("invalid checksum")
)

const (
	maxSS58Prefix = 1<<14 - 1
	maxSS58Length = 64 // characters; a two-byte prefix, 32 bytes and the checksum need 50
)

// SS58Encode writes an account of 32 bytes as an SS58 address: prefix, account and two
// bytes of blake2b-512 over "SS58PRE", prefix and account, in base 58. Prefixes below
// 64 take one byte, others two; only the low 14 bits of a prefix count.
func SS58Encode(prefix uint16, account [32]byte) string {
	p := prefix & maxSS58Prefix
	b := make([]byte, 0, 36)
	if p < 64 {
		b = append(b, byte(p))
	} else {
		b = append(b, byte(p&0b1111_1100>>2)|0b0100_0000, byte(p>>8)|byte(p&0b11<<6))
	}
	b = append(b, account[:]...)
	sum := ss58Checksum(b)
	return base58Encode(append(b, sum[:]...))
}

// SS58Decode reads an SS58 address of a 32-byte account. The errors wrap [ErrBase58],
// [ErrSS58Length], [ErrSS58Prefix], [ErrSS58Reserved] (prefixes 46 and 47) and
// [ErrSS58Checksum], as sp_core::crypto::Ss58Codec tells them apart.
func SS58Decode(s string) (prefix uint16, account [32]byte, err error) {
	fail := func(err error) (uint16, [32]byte, error) {
		return 0, [32]byte{}, fmt.Errorf("decode SS58 address: %w", err)
	}
	if len(s) > maxSS58Length {
		return fail(ErrSS58Length)
	}
	b, ok := base58Decode(s)
	if !ok {
		return fail(ErrBase58)
	}
	if len(b) < 2 {
		return fail(ErrSS58Length)
	}
	head := 1
	switch {
	case b[0] < 64:
		prefix = uint16(b[0])
	case b[0] < 128:
		head = 2
		prefix = uint16(b[0]<<2|b[1]>>6) | uint16(b[1]&0b0011_1111)<<8
	default:
		return fail(ErrSS58Prefix)
	}
	if len(b) != head+32+2 {
		return fail(ErrSS58Length)
	}
	if prefix == 46 || prefix == 47 {
		return fail(ErrSS58Reserved)
	}
	body := b[:head+32]
	if ss58Checksum(body) != [2]byte(b[head+32:]) {
		return fail(ErrSS58Checksum)
	}
	return prefix, [32]byte(body[head:]), nil
}

func ss58Checksum(body []byte) [2]byte {
	sum := blake2b.Sum512(append([]byte("SS58PRE"), body...))
	return [2]byte(sum[:2])
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58Digits maps a character to its digit plus one; zero means no digit.
var base58Digits = func() (t [256]byte) {
	for i := range base58Alphabet {
		t[base58Alphabet[i]] = byte(i + 1)
	}
	return t
}()

// base58Encode writes b as a big-endian number in Bitcoin's base 58, each leading zero
// byte as a leading 1. The cost is quadratic, so it is for short inputs.
func base58Encode(b []byte) string {
	zeros := leadingZeros(b)
	digits := make([]byte, 0, len(b)*138/100+1) // little-endian
	for _, v := range b[zeros:] {
		carry := int(v)
		for i, d := range digits {
			carry += int(d) << 8
			digits[i] = byte(carry % 58)
			carry /= 58
		}
		for ; carry > 0; carry /= 58 {
			digits = append(digits, byte(carry%58))
		}
	}
	out := make([]byte, 0, zeros+len(digits))
	for range zeros {
		out = append(out, '1')
	}
	for i := len(digits) - 1; i >= 0; i-- {
		out = append(out, base58Alphabet[digits[i]])
	}
	return string(out)
}

// base58Decode is the inverse of base58Encode; ok is false for a foreign character.
func base58Decode(s string) (b []byte, ok bool) {
	var zeros int
	for zeros < len(s) && s[zeros] == '1' {
		zeros++
	}
	number := make([]byte, 0, (len(s)*bits.Len(58)+7)/8) // little-endian
	for i := zeros; i < len(s); i++ {
		carry := int(base58Digits[s[i]]) - 1
		if carry < 0 {
			return nil, false
		}
		for j, v := range number {
			carry += int(v) * 58
			number[j] = byte(carry)
			carry >>= 8
		}
		for ; carry > 0; carry >>= 8 {
			number = append(number, byte(carry))
		}
	}
	b = make([]byte, zeros+len(number))
	for i, v := range number {
		b[len(b)-1-i] = v
	}
	return b, true
}

func leadingZeros(b []byte) int {
	n := 0
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}
