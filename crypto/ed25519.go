package crypto

import (
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Ed25519Pair is an ed25519 key pair, as sp_core::ed25519 uses it. It is immutable.
type Ed25519Pair struct {
	key  ed25519.PrivateKey
	seed [32]byte
}

// NewEd25519FromSeed makes the pair of a seed of 32 bytes.
func NewEd25519FromSeed(seed [32]byte) *Ed25519Pair {
	return &Ed25519Pair{key: ed25519.NewKeyFromSeed(seed[:]), seed: seed}
}

// NewEd25519FromURI makes the pair of a secret URI, see [ParseURI]. Soft junctions are
// refused with [ErrSoftJunction].
func NewEd25519FromURI(uri string) (*Ed25519Pair, error) {
	seed, err := hardSeedFromURI("Ed25519HDKD", uri)
	if err != nil {
		return nil, err
	}
	return NewEd25519FromSeed(seed), nil
}

// Public is the public key, which is also the account id.
func (p *Ed25519Pair) Public() (public [32]byte) {
	copy(public[:], p.key[32:])
	return public
}

// Seed is the seed of the pair.
func (p *Ed25519Pair) Seed() [32]byte { return p.seed }

// Sign signs msg by RFC 8032.
func (p *Ed25519Pair) Sign(msg []byte) (sig [64]byte) {
	copy(sig[:], ed25519.Sign(p.key, msg))
	return sig
}

var (
	zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	dalek  = &ed25519.Options{Verify: &ed25519.VerifyOptions{
		AllowSmallOrderA:   true,
		AllowSmallOrderR:   true,
		AllowNonCanonicalA: true,
		CofactorlessVerify: true,
	}}
)

// Ed25519Verify checks a signature by the rules of ZIP 215, which ed25519-zebra and
// with it ext_crypto_ed25519_verify_version_1 follows: cofactored equation, points in
// any encoding, s below the group order.
func Ed25519Verify(sig [64]byte, msg []byte, public [32]byte) bool {
	return ed25519.VerifyWithOptions(public[:], msg, sig[:], zip215)
}

// Ed25519VerifyDalek checks a signature as ed25519-dalek 2 does with verify: the
// equation without cofactor, R compared byte by byte. The host uses it below the block
// up to which a chain asks for the old rule (sp_io::UseDalekExt).
func Ed25519VerifyDalek(sig [64]byte, msg []byte, public [32]byte) bool {
	return ed25519.VerifyWithOptions(public[:], msg, sig[:], dalek)
}
