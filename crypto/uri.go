package crypto

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	bip39 "github.com/tyler-smith/go-bip39"
	"golang.org/x/crypto/pbkdf2"

	"pileus/hashing"
)

// URI is a parsed secret URI: a phrase or seed, a path and a password. The form is
//
//	[phrase or 0xseed] ( /soft | //hard )* [ ///password ]
//
// as sp_core::crypto::SecretUri reads it. Without a phrase the development phrase is
// meant, so "//Alice" names a well-known development key.
type URI struct {
	Phrase    string     // words of BIP39, or 0x and 64 hex digits
	Junctions []Junction // the path, from left to right
	Password  string
}

// Junction is one step of a derivation path.
type Junction struct {
	Hard bool
	Code [32]byte // see [NewJunction]
}

// DevPhrase is the phrase of the development keys. Everybody knows it.
const DevPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

// MaxURILength is the largest accepted length of a secret URI in bytes.
const MaxURILength = 8192

// Errors of secret URIs.
var (
	ErrURIFormat    = errors.New("secret URI is malformed")
	ErrPhrase       = errors.New("phrase is no BIP39 phrase of 12, 15, 18, 21 or 24 English words")
	ErrSeed         = errors.New("seed is not 0x and 64 hex digits")
	ErrSoftJunction = errors.New("the scheme has no soft derivation")
)

// ParseURI splits a secret URI. Its error wraps [ErrURIFormat]; phrase and seed are
// looked at only by [URI.Seed].
func ParseURI(s string) (URI, error) {
	if len(s) > MaxURILength {
		return URI{}, fmt.Errorf("parse secret URI: %w: longer than %d bytes", ErrURIFormat, MaxURILength)
	}
	if !utf8.ValidString(s) {
		return URI{}, fmt.Errorf("parse secret URI: %w: not UTF-8", ErrURIFormat)
	}

	// No error repeats the text, which is a secret.
	var u URI
	var rest string
	u.Phrase, rest = cutWhere(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == ' ')
	})
	if u.Phrase == "" {
		u.Phrase = DevPhrase
	}
	slash := func(r rune) bool { return r == '/' }
	for rest != "" {
		if password, ok := strings.CutPrefix(rest, "///"); ok {
			if strings.Contains(password, "\n") {
				return URI{}, fmt.Errorf("parse secret URI: %w: line break in the password", ErrURIFormat)
			}
			u.Password = password
			break
		}
		path, ok := strings.CutPrefix(rest, "/")
		if !ok {
			return URI{}, fmt.Errorf("parse secret URI: %w: unexpected character in the phrase", ErrURIFormat)
		}
		path, hard := strings.CutPrefix(path, "/")
		var name string
		name, rest = cutWhere(path, slash)
		if name == "" {
			return URI{}, fmt.Errorf("parse secret URI: %w: empty junction", ErrURIFormat)
		}
		u.Junctions = append(u.Junctions, NewJunction(name, hard))
	}
	return u, nil
}

// cutWhere splits s before the first rune for which stop holds.
func cutWhere(s string, stop func(rune) bool) (head, tail string) {
	if i := strings.IndexFunc(s, stop); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// NewJunction makes a junction of its name. A decimal number below 2^64 becomes 8
// little-endian bytes, any other name a SCALE string; the code is that, filled up
// with zeros to 32 bytes, or blake2b-256 of it where it is longer
// (sp_core::crypto::DeriveJunction).
func NewJunction(name string, hard bool) Junction {
	j := Junction{Hard: hard}
	// Rust's parser of integers takes one plus sign, Go's does not.
	digits := name
	if len(name) > 1 && name[0] == '+' {
		digits = name[1:]
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		binary.LittleEndian.PutUint64(j.Code[:], n)
		return j
	}
	if b := scaleString(name); len(b) > len(j.Code) {
		j.Code = hashing.Blake2b256(b)
	} else {
		copy(j.Code[:], b)
	}
	return j
}

// scaleString is the SCALE encoding of a string of less than 2^30 bytes.
func scaleString(s string) []byte {
	var b []byte
	switch n := uint32(len(s)); {
	case n < 1<<6:
		b = []byte{byte(n << 2)}
	case n < 1<<14:
		b = binary.LittleEndian.AppendUint16(nil, uint16(n<<2|1))
	default:
		b = binary.LittleEndian.AppendUint32(nil, n<<2|2)
	}
	return append(b, s...)
}

// Seed is the seed that the phrase and the password stand for, before any junction.
// The errors are [ErrSeed] and [ErrPhrase].
func (u URI) Seed() ([32]byte, error) {
	if digits, ok := strings.CutPrefix(u.Phrase, "0x"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) != 32 {
			return [32]byte{}, ErrSeed
		}
		return [32]byte(b), nil
	}
	if u.Phrase == DevPhrase && u.Password == "" {
		return devSeed(), nil
	}
	return SeedFromPhrase(u.Phrase, u.Password)
}

// devSeed keeps the seed of the development phrase, since most keys of a simulation
// start from it and the key stretching is slow on purpose.
var devSeed = sync.OnceValue(func() [32]byte {
	seed, err := SeedFromPhrase(DevPhrase, "")
	if err != nil {
		panic(err) // the phrase is a constant
	}
	return seed
})

// SeedFromPhrase is the seed of a BIP39 phrase in English. Other than BIP39 says, the
// key is stretched from the entropy, not from the words (crate substrate-bip39):
// PBKDF2-HMAC-SHA512, salt "mnemonic" ++ password, 2048 rounds, first 32 of 64 bytes.
// The error is [ErrPhrase].
func SeedFromPhrase(phrase, password string) ([32]byte, error) {
	entropy, err := bip39.EntropyFromMnemonic(phrase)
	if err != nil {
		return [32]byte{}, ErrPhrase
	}
	stretched := pbkdf2.Key(entropy, []byte("mnemonic"+password), 2048, 64, sha512.New)
	return [32]byte(stretched[:32]), nil
}

// PhraseFromEntropy is the BIP39 phrase of 16, 20, 24, 28 or 32 bytes of entropy.
func PhraseFromEntropy(entropy []byte) (string, error) {
	phrase, err := bip39.NewMnemonic(entropy)
	if err != nil {
		return "", fmt.Errorf("make a phrase of %d bytes of entropy: want 16, 20, 24, 28 or 32", len(entropy))
	}
	return phrase, nil
}

// hardSeedFromURI walks a path of hard junctions as sp_core::ed25519 and ecdsa do:
// the next seed is blake2b-256 of SCALE (label, seed, code).
func hardSeedFromURI(label, uri string) ([32]byte, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return [32]byte{}, err
	}
	seed, err := u.Seed()
	if err != nil {
		return [32]byte{}, err
	}
	for _, j := range u.Junctions {
		if !j.Hard {
			return [32]byte{}, ErrSoftJunction
		}
		b := append(scaleString(label), seed[:]...)
		seed = hashing.Blake2b256(append(b, j.Code[:]...))
	}
	return seed, nil
}
