package crypto

import (
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pileus/hashing"
)

// EcdsaPair is a secp256k1 key pair, as sp_core::ecdsa uses it. It is immutable.
type EcdsaPair struct {
	key  *secp256k1.PrivateKey
	seed [32]byte
}

// ErrBadSecret says that 32 bytes are no secp256k1 secret: zero, or not below the
// group order.
var ErrBadSecret = errors.New("secret is zero or not below the order of secp256k1")

// NewEcdsaFromSeed makes the pair whose secret scalar is seed, big-endian. The error
// is [ErrBadSecret].
func NewEcdsaFromSeed(seed [32]byte) (*EcdsaPair, error) {
	var k secp256k1.ModNScalar
	if overflow := k.SetByteSlice(seed[:]); overflow || k.IsZero() {
		return nil, ErrBadSecret
	}
	return &EcdsaPair{key: secp256k1.NewPrivateKey(&k), seed: seed}, nil
}

// NewEcdsaFromURI makes the pair of a secret URI, see [ParseURI]. Soft junctions are
// refused with [ErrSoftJunction].
func NewEcdsaFromURI(uri string) (*EcdsaPair, error) {
	seed, err := hardSeedFromURI("Secp256k1HDKD", uri)
	if err != nil {
		return nil, err
	}
	return NewEcdsaFromSeed(seed)
}

// Public is the compressed public key.
func (p *EcdsaPair) Public() (public [33]byte) {
	copy(public[:], p.key.PubKey().SerializeCompressed())
	return public
}

// PublicUncompressed is the public key as x ++ y, big-endian, without the prefix 4.
func (p *EcdsaPair) PublicUncompressed() (public [64]byte) {
	copy(public[:], p.key.PubKey().SerializeUncompressed()[1:])
	return public
}

// Seed is the secret scalar.
func (p *EcdsaPair) Seed() [32]byte { return p.seed }

// AccountID is the account of an ecdsa key in chains with 32-byte accounts:
// blake2b-256 of the compressed key (sp_runtime::MultiSigner).
func (p *EcdsaPair) AccountID() [32]byte {
	public := p.Public()
	return hashing.Blake2b256(public[:])
}

// EthereumAddress is the account in chains with Ethereum accounts: the last 20 bytes
// of keccak-256 over x ++ y.
func (p *EcdsaPair) EthereumAddress() (addr [20]byte) {
	public := p.PublicUncompressed()
	h := hashing.Keccak256(public[:])
	copy(addr[:], h[12:])
	return addr
}

// Sign signs blake2b-256 of msg. The nonce is that of RFC 6979 and s is low.
func (p *EcdsaPair) Sign(msg []byte) [65]byte {
	return p.SignPrehashed(hashing.Blake2b256(msg))
}

// SignPrehashed signs a digest: r, s and the recovery id 0…3.
func (p *EcdsaPair) SignPrehashed(digest [32]byte) (sig [65]byte) {
	compact := ecdsa.SignCompact(p.key, digest[:], false)
	copy(sig[:], compact[1:])
	sig[64] = compact[0] - compactOffset
	return sig
}

// compactOffset is added to the recovery id in the first byte of Bitcoin's compact
// form, which the library reads and writes.
const compactOffset = 27

// RecoverError is why no public key was recovered. Its value is the SCALE index of
// sp_io::EcdsaVerifyError.
type RecoverError uint8

// The reasons. BadV is found first.
const (
	BadRS        RecoverError = 0 // r or s is not below the group order
	BadV         RecoverError = 1 // the recovery id is not 0…3 (or 27…30)
	BadSignature RecoverError = 2 // there is no such key; also r or s zero
)

// Error names the reason.
func (e RecoverError) Error() string {
	switch e {
	case BadRS:
		return "recover secp256k1 key: r or s is not below the group order"
	case BadV:
		return "recover secp256k1 key: the recovery id is out of range"
	case BadSignature:
		return "recover secp256k1 key: no key fits the signature"
	}
	return fmt.Sprintf("recover secp256k1 key: error %d", uint8(e))
}

// EcdsaRecover recovers the public key, as x ++ y, from a signature over a digest
// (ext_crypto_secp256k1_ecdsa_recover_version_2). A recovery id above 26 counts from
// 27, as Ethereum writes it; high s is accepted. The error is a [RecoverError].
func EcdsaRecover(sig [65]byte, digest [32]byte) (public [64]byte, err error) {
	key, err := recoverKey(sig, digest, ethereumID, refuseOverflow)
	if err == nil {
		copy(public[:], key.SerializeUncompressed()[1:])
	}
	return public, err
}

// EcdsaRecoverV1 is version 1 of [EcdsaRecover]: r and s are reduced by the group
// order instead of refused.
func EcdsaRecoverV1(sig [65]byte, digest [32]byte) (public [64]byte, err error) {
	key, err := recoverKey(sig, digest, ethereumID, reduceOverflow)
	if err == nil {
		copy(public[:], key.SerializeUncompressed()[1:])
	}
	return public, err
}

// EcdsaRecoverCompressed is [EcdsaRecover] with the key in compressed form.
func EcdsaRecoverCompressed(sig [65]byte, digest [32]byte) (public [33]byte, err error) {
	key, err := recoverKey(sig, digest, ethereumID, refuseOverflow)
	if err == nil {
		copy(public[:], key.SerializeCompressed())
	}
	return public, err
}

// EcdsaRecoverCompressedV1 is [EcdsaRecoverV1] with the key in compressed form.
func EcdsaRecoverCompressedV1(sig [65]byte, digest [32]byte) (public [33]byte, err error) {
	key, err := recoverKey(sig, digest, ethereumID, reduceOverflow)
	if err == nil {
		copy(public[:], key.SerializeCompressed())
	}
	return public, err
}

// EcdsaVerify checks a signature over blake2b-256 of msg
// (ext_crypto_ecdsa_verify_version_2): the recovered key must be public. The recovery
// id must be 0…3.
func EcdsaVerify(sig [65]byte, msg []byte, public [33]byte) bool {
	return EcdsaVerifyPrehashed(sig, hashing.Blake2b256(msg), public)
}

// EcdsaVerifyV1 is version 1 of [EcdsaVerify]: r and s are reduced by the group order
// instead of refused.
func EcdsaVerifyV1(sig [65]byte, msg []byte, public [33]byte) bool {
	key, err := recoverKey(sig, hashing.Blake2b256(msg), plainID, reduceOverflow)
	return err == nil && [33]byte(key.SerializeCompressed()) == public
}

// EcdsaVerifyPrehashed is [EcdsaVerify] for a message that is already a digest.
func EcdsaVerifyPrehashed(sig [65]byte, digest [32]byte, public [33]byte) bool {
	key, err := recoverKey(sig, digest, plainID, refuseOverflow)
	return err == nil && [33]byte(key.SerializeCompressed()) == public
}

type (
	idRule       bool
	overflowRule bool
)

const (
	plainID    idRule = false // 0…3
	ethereumID idRule = true  // 0…3 or 27…30

	refuseOverflow overflowRule = false
	reduceOverflow overflowRule = true
)

func recoverKey(sig [65]byte, digest [32]byte, ids idRule, overflow overflowRule) (*secp256k1.PublicKey, error) {
	id := sig[64]
	if ids == ethereumID && id > 26 {
		id -= 27
	}
	if id > 3 {
		return nil, BadV
	}
	var r, s secp256k1.ModNScalar
	over := r.SetByteSlice(sig[:32])
	over = s.SetByteSlice(sig[32:64]) || over
	if over && overflow == refuseOverflow {
		return nil, BadRS
	}
	var compact [65]byte
	compact[0] = id + compactOffset
	r.PutBytesUnchecked(compact[1:33])
	s.PutBytesUnchecked(compact[33:])
	key, _, err := ecdsa.RecoverCompact(compact[:], digest[:])
	if err != nil {
		return nil, BadSignature
	}
	return key, nil
}
