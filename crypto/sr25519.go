package crypto

import (
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"github.com/oasisprotocol/curve25519-voi/primitives/merlin"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"
)

// Sr25519Pair is a Schnorr key pair on ristretto255, as schnorrkel and
// sp_core::sr25519 use it. It is immutable.
type Sr25519Pair struct {
	pair    *sr25519.KeyPair
	secret  [64]byte // scalar, canonical little-endian, and nonce
	public  [32]byte
	seed    [32]byte
	hasSeed bool
}

var signingContext = sr25519.NewSigningContext([]byte("substrate"))

// NewSr25519FromSeed makes the pair of a mini secret key of 32 bytes. It is expanded
// in the Ed25519 mode, as sp_core::sr25519 does.
func NewSr25519FromSeed(seed [32]byte) *Sr25519Pair {
	mini := sr25519.MiniSecretKey(seed)
	p := newSr25519(mini.ExpandEd25519())
	p.seed, p.hasSeed = seed, true
	return p
}

// NewSr25519FromURI makes the pair of a secret URI, see [ParseURI].
func NewSr25519FromURI(uri string) (*Sr25519Pair, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return nil, err
	}
	seed, err := u.Seed()
	if err != nil {
		return nil, err
	}
	p := NewSr25519FromSeed(seed)
	for _, j := range u.Junctions {
		if j.Hard {
			p = p.DeriveHard(j.Code)
		} else {
			p = p.DeriveSoft(j.Code)
		}
	}
	return p, nil
}

func newSr25519(key *sr25519.SecretKey) *Sr25519Pair {
	p := &Sr25519Pair{pair: key.KeyPair()}
	secret, err := key.MarshalBinary()
	if err != nil {
		panic(err) // the key is always complete here
	}
	public, err := p.pair.PublicKey().MarshalBinary()
	if err != nil {
		panic(err)
	}
	copy(p.secret[:], secret)
	copy(p.public[:], public)
	return p
}

// Public is the public key, which is also the account id.
func (p *Sr25519Pair) Public() [32]byte { return p.public }

// Seed is the mini secret key. It does not exist after a soft derivation.
func (p *Sr25519Pair) Seed() (seed [32]byte, ok bool) { return p.seed, p.hasSeed }

// Sign signs msg in the context "substrate". The bytes depend on nothing but the key
// and the message; any verifier accepts them.
func (p *Sr25519Pair) Sign(msg []byte) (sig [64]byte) {
	s, err := p.pair.Sign(p.witness("sign", msg), signingContext.NewTranscriptBytes(msg))
	if err != nil {
		panic(err) // only from a reader that fails, and ours cannot
	}
	b, err := s.MarshalBinary()
	if err != nil {
		panic(err)
	}
	copy(sig[:], b)
	return sig
}

// witness gives the bytes that stand in for randomness: blake2b in its extendable form
// over the purpose, the secret key and the message. The signing transcript mixes them
// with the key's nonce and everything that is signed.
func (p *Sr25519Pair) witness(purpose string, msg []byte) blake2b.XOF {
	x, err := blake2b.NewXOF(blake2b.OutputLengthUnknown, p.secret[:])
	if err != nil {
		panic(err) // only for a key of more than 64 bytes
	}
	x.Write([]byte("pileus sr25519 " + purpose + "\x00"))
	x.Write(msg)
	return x
}

// DeriveHard is schnorrkel's hard_derive_mini_secret_key with the junction code as
// chain code. The child has a seed if the parent has one.
func (p *Sr25519Pair) DeriveHard(code [32]byte) *Sr25519Pair {
	t := merlin.NewTranscript("SchnorrRistrettoHDKD")
	t.AppendMessage("sign-bytes", nil)
	t.AppendMessage("chain-code", code[:])
	t.AppendMessage("secret-key", p.secret[:32])
	var mini [32]byte
	t.ExtractBytes(mini[:], "HDKD-hard")
	child := NewSr25519FromSeed(mini)
	if !p.hasSeed {
		child.seed, child.hasSeed = [32]byte{}, false
	}
	return child
}

// DeriveSoft is schnorrkel's derived_key_simple with the junction code as chain code.
// The child's nonce, which schnorrkel draws at random, is derived from the parent.
func (p *Sr25519Pair) DeriveSoft(code [32]byte) *Sr25519Pair {
	t := merlin.NewTranscript("SchnorrRistrettoHDKD")
	t.AppendMessage("sign-bytes", nil)
	t.AppendMessage("chain-code", code[:])
	t.AppendMessage("public-key", p.public[:])
	var wide [64]byte
	t.ExtractBytes(wide[:], "HDKD-scalar")

	tweak, err := scalar.NewFromBytesModOrderWide(wide[:])
	if err != nil {
		panic(err) // only for a wrong length
	}
	key, err := scalar.NewFromCanonicalBytes(p.secret[:32])
	if err != nil {
		panic(err) // the secret scalar is always written canonically
	}
	var secret [64]byte
	if err := key.Add(key, tweak).ToBytes(secret[:32]); err != nil {
		panic(err)
	}
	p.witness("nonce", code[:]).Read(secret[32:])
	child, err := sr25519.NewSecretKeyFromBytes(secret[:])
	if err != nil {
		panic(err)
	}
	return newSr25519(child)
}

// Sr25519Verify checks a signature in the context "substrate": the marker bit of
// schnorrkel must be set, the scalar canonical, both points valid ristretto encodings.
// It is the host function ext_crypto_sr25519_verify_version_2.
func Sr25519Verify(sig [64]byte, msg []byte, public [32]byte) bool {
	key, err := sr25519.NewPublicKeyFromBytes(public[:])
	return err == nil && sr25519Verify(sig, msg, key)
}

func sr25519Verify(sig [64]byte, msg []byte, key *sr25519.PublicKey) bool {
	s, err := sr25519.NewSignatureFromBytes(sig[:])
	return err == nil && key.Verify(signingContext.NewTranscriptBytes(msg), s)
}

// Sr25519VerifyV1 is ext_crypto_sr25519_verify_version_1. A signature with the marker
// bit is judged as by [Sr25519Verify]; one without it must be a signature of schnorrkel
// before 0.8 (verify_simple_preaudit_deprecated).
func Sr25519VerifyV1(sig [64]byte, msg []byte, public [32]byte) bool {
	if sig[63]&0x80 != 0 {
		return Sr25519Verify(sig, msg, public)
	}

	var r, a curve.CompressedRistretto
	copy(r[:], sig[:32])
	copy(a[:], public[:])
	var point curve.RistrettoPoint
	if _, err := point.SetCompressed(&a); err != nil {
		return false
	}
	s, err := scalar.NewFromCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}

	t := merlin.NewTranscript("substrate")
	t.AppendMessage("sign-bytes", msg)
	t.AppendMessage("proto-name", []byte("Schnorr-sig"))
	t.AppendMessage("pk", a[:])
	t.AppendMessage("no", r[:])
	var wide [64]byte
	t.ExtractBytes(wide[:], "")
	k, err := scalar.NewFromBytesModOrderWide(wide[:])
	if err != nil {
		return false
	}

	// R must be s·B − k·A, compared in encoded form.
	var diff curve.RistrettoPoint
	diff.DoubleScalarMulBasepointVartime(k, point.Neg(&point), s)
	var got curve.CompressedRistretto
	return got.SetRistrettoPoint(&diff).Equal(&r) == 1
}
