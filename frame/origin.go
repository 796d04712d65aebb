package frame

import (
	"encoding/hex"

	"pileus/scale"
)

// AccountID names an account: an sr25519 or ed25519 key, or a hash.
type AccountID [32]byte

// EncodeTo appends the 32 bytes.
func (a AccountID) EncodeTo(b []byte) []byte { return append(b, a[:]...) }

// String is the account in hex with 0x.
func (a AccountID) String() string { return "0x" + hex.EncodeToString(a[:]) }

// OriginKind says who calls.
type OriginKind uint8

// The origins.
const (
	OriginRoot       OriginKind = iota // the chain itself, as through sudo
	OriginSigned                       // an account
	OriginNone                         // nobody: inherents
	OriginAuthorized                   // nobody, but the call authorized itself
)

// Origin is who calls.
type Origin struct {
	Kind OriginKind
	Who  AccountID // of OriginSigned
}

// The origins without an account.
var (
	Root = Origin{Kind: OriginRoot}
	None = Origin{Kind: OriginNone}
)

// Signed is the origin of an account.
func Signed(who AccountID) Origin { return Origin{Kind: OriginSigned, Who: who} }

// EnsureSigned is the account that calls, or [ErrBadOrigin].
func EnsureSigned(o Origin) (AccountID, error) {
	if o.Kind != OriginSigned {
		return AccountID{}, ErrBadOrigin
	}
	return o.Who, nil
}

// EnsureRoot is nil if the chain itself calls.
func EnsureRoot(o Origin) error { return ensure(o.Kind == OriginRoot) }

// EnsureNone is nil if nobody calls.
func EnsureNone(o Origin) error { return ensure(o.Kind == OriginNone) }

func ensure(ok bool) error {
	if !ok {
		return ErrBadOrigin
	}
	return nil
}

// MultiAddress is a way to name an account (sp_runtime::MultiAddress).
type MultiAddress struct {
	Kind    uint8 // 0 Id, 1 Index, 2 Raw, 3 Address32, 4 Address20
	Account AccountID
	Raw     []byte
}

// Address is the address that is the account itself.
func Address(a AccountID) MultiAddress { return MultiAddress{Account: a} }

// Lookup is the account; only addresses of kind Id resolve (AccountIdLookup).
func (a MultiAddress) Lookup() (AccountID, error) {
	if a.Kind != 0 {
		return AccountID{}, ErrCannotLookup
	}
	return a.Account, nil
}

// EncodeTo appends the SCALE encoding.
func (a MultiAddress) EncodeTo(b []byte) []byte {
	b = append(b, a.Kind)
	switch a.Kind {
	case 0:
		b = append(b, a.Account[:]...)
	case 2:
		b = scale.AppendBytes(b, a.Raw)
	case 3, 4:
		b = append(b, a.Raw...)
	}
	return b
}

// DecodeFrom reads the SCALE encoding. The index type is (): an Index has no bytes.
func (a *MultiAddress) DecodeFrom(d *scale.Decoder) {
	*a = MultiAddress{Kind: d.Variant()}
	switch a.Kind {
	case 0:
		d.Array(a.Account[:])
	case 1:
	case 2:
		a.Raw = d.Bytes(d.Left())
	case 3:
		a.Raw = d.Fixed(32)
	case 4:
		a.Raw = d.Fixed(20)
	default:
		d.UnknownVariant("MultiAddress", a.Kind)
	}
}
