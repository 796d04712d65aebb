package crypto

import (
	"sync"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"
)

// keepVerified is how many results a [Verifier] keeps at least, and half of how many at most:
// all that a full transaction pool holds, which are checked once more when they get into a block.
const keepVerified = 16384

// keepKeys is how many public keys are kept as points of the curve; to find the point takes a
// fifth of a check.
const keepKeys = 1024

// Verifier checks sr25519 signatures and remembers what it has checked: in a process that
// holds a whole network the same signature is met again and again, by every node that gets
// it and every runtime that reads it. What it says is the result of a real check of the
// same signature, message and key. It is safe for concurrent use.
type Verifier struct {
	mu      sync.Mutex
	results map[signed]bool
	older   map[signed]bool // the generation before
	keys    map[[32]byte]*sr25519.PublicKey
}

type signed struct {
	sig         [64]byte
	public, msg [32]byte // msg: blake2b-256
}

// NewVerifier returns a verifier that has checked nothing.
func NewVerifier() *Verifier {
	return &Verifier{results: map[signed]bool{}, keys: map[[32]byte]*sr25519.PublicKey{}}
}

// Sr25519Verify is [Sr25519Verify]. A nil verifier remembers nothing.
func (v *Verifier) Sr25519Verify(sig [64]byte, msg []byte, public [32]byte) bool {
	if v == nil {
		return Sr25519Verify(sig, msg, public)
	}
	s := signed{sig, public, blake2b.Sum256(msg)}
	valid, known := v.known(s)
	if !known {
		key := v.key(public)
		valid = key != nil && sr25519Verify(sig, msg, key)
		v.keep(s, valid)
	}
	return valid
}

// key is the point of a public key; nil if there is none.
func (v *Verifier) key(public [32]byte) *sr25519.PublicKey {
	v.mu.Lock()
	key := v.keys[public]
	v.mu.Unlock()
	if key != nil {
		return key
	}
	key, err := sr25519.NewPublicKeyFromBytes(public[:])
	if err != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) == keepKeys {
		clear(v.keys)
	}
	v.keys[public] = key
	return key
}

func (v *Verifier) known(s signed) (valid, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if valid, known = v.results[s]; !known {
		valid, known = v.older[s]
	}
	return valid, known
}

func (v *Verifier) keep(s signed, valid bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.results) == keepVerified {
		v.older, v.results = v.results, make(map[signed]bool, keepVerified)
	}
	v.results[s] = valid
}
