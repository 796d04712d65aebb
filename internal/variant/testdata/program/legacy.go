package main

import (
	"errors"

	"pileus/frame"
	"pileus/frame/pallet/parachainsystem"
	"pileus/hashing"
	"pileus/scale"
)

// legacy is ParachainSystem as it was until frame-system took authorised upgrades over
// (cumulus-pallet-parachain-system through 0.12): the authorisation stands in a storage item
// of its own, and anybody may bring the code.
type legacy struct {
	*parachainsystem.Pallet
	AuthorizedUpgrade frame.Value[authorization]
}

// authorization is CodeUpgradeAuthorization.
type authorization struct {
	Hash         hashing.Hash
	CheckVersion bool
}

// EncodeTo appends the SCALE encoding.
func (a authorization) EncodeTo(b []byte) []byte {
	return scale.AppendBool(append(b, a.Hash[:]...), a.CheckVersion)
}

// DecodeFrom reads the SCALE encoding.
func (a *authorization) DecodeFrom(d *scale.Decoder) {
	copy(a.Hash[:], d.Fixed(32))
	a.CheckVersion = d.Bool()
}

var errUnauthorized = errors.New("Unauthorized")

func newLegacy(p *parachainsystem.Pallet) *legacy {
	l := &legacy{Pallet: p}
	b := &p.Pallet
	codec := frame.Sized[authorization](frame.Struct("cumulus_pallet_parachain_system::CodeUpgradeAuthorization", nil,
		frame.TypeField{Name: "code_hash", Type: frame.TypeHash, TypeName: "T::Hash"}, frame.TypeField{Name: "check_version", Type: frame.TypeBool, TypeName: "bool"}))
	l.AuthorizedUpgrade = frame.NewOptionValue(b, "AuthorizedUpgrade", codec)
	frame.NewCall1(b, 3, "enact_authorized_upgrade", frame.Weight{RefTime: 1_000_000_000}, frame.Arg("code", frame.Bytes).As("Vec<u8>"), func(_ frame.Origin, code []byte) error {
		if err := l.authorized(code); err != nil {
			return err
		}
		l.AuthorizedUpgrade.Kill()
		return p.ScheduleCode(code)
	})
	return l
}

func (l *legacy) authorized(code []byte) error {
	if a, ok := l.AuthorizedUpgrade.TryGet(); !ok || a.Hash != hashing.Blake2b256(code) {
		return errUnauthorized
	}
	return nil
}

// ValidateUnsigned lets enact_authorized_upgrade through without a signature.
func (l *legacy) ValidateUnsigned(_ uint8, c *frame.Call) (frame.ValidTransaction, error) {
	code, _ := c.Arg.([]byte)
	if !c.Is(&l.Pallet.Pallet, "enact_authorized_upgrade") || l.authorized(code) != nil {
		return frame.ValidTransaction{}, frame.InvalidCall
	}
	hash := hashing.Blake2b256(code)
	return frame.ValidTransaction{Priority: 100, Provides: [][]byte{hash[:]}, Longevity: 1 << 62, Propagate: true}, nil
}
