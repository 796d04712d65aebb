package parachain

import (
	"errors"
	"slices"
	"testing"

	"pileus/primitives"
)

func TestSeal(t *testing.T) {
	for _, scheme := range []Scheme{Sr25519, Ed25519} {
		keys := DevAuraKeys(scheme, 3)
		var authorities [][32]byte
		for _, k := range keys {
			authorities = append(authorities, k.Public)
		}
		header := primitives.Header{Number: 4, Digest: primitives.Digest{primitives.AuraPreDigest(7)}}
		sealed := header
		keys[7%3].Seal(&sealed)
		bare, slot, err := CheckSeal(&sealed, scheme, authorities, nil)
		if err != nil || slot != 7 || bare.Hash() != header.Hash() {
			t.Errorf("%s: %v, slot %d", scheme, err, slot)
		}
		with := func(change func(*primitives.Header)) *primitives.Header {
			h := sealed
			h.Digest = slices.Clone(h.Digest)
			change(&h)
			return &h
		}
		for name, tt := range map[string]struct {
			h    *primitives.Header
			want error
		}{
			"unsealed":          {&header, ErrNoSeal},
			"another slot":      {with(func(h *primitives.Header) { h.Digest[0] = primitives.AuraPreDigest(8) }), ErrBadSeal},
			"another header":    {with(func(h *primitives.Header) { h.Number++ }), ErrBadSeal},
			"two slots":         {with(func(h *primitives.Header) { h.Digest = slices.Insert(h.Digest, 0, h.Digest[0]) }), ErrNoSlot},
			"no slot":           {with(func(h *primitives.Header) { h.Digest = h.Digest[1:] }), ErrNoSlot},
			"two seals":         {with(func(h *primitives.Header) { h.Digest = append(h.Digest, h.Digest[1]) }), ErrNoSeal},
			"seal not last":     {with(func(h *primitives.Header) { slices.Reverse(h.Digest) }), ErrNoSeal},
			"another engine":    {with(func(h *primitives.Header) { h.Digest[1].Engine = primitives.EngineBabe }), ErrNoSeal},
			"another author":    {with(func(h *primitives.Header) { *h = header; keys[0].Seal(h) }), ErrBadSeal},
			"seal of 63 bytes":  {with(func(h *primitives.Header) { h.Digest[1].Data = h.Digest[1].Data[:63] }), ErrNoSeal},
			"slot of two bytes": {with(func(h *primitives.Header) { h.Digest[0].Data = []byte{1, 2} }), ErrNoSlot},
		} {
			if _, _, err := CheckSeal(tt.h, scheme, authorities, nil); !errors.Is(err, tt.want) {
				t.Errorf("%s, %s: %v, want %v", scheme, name, err, tt.want)
			}
		}
		if _, _, err := CheckSeal(&sealed, scheme, nil, nil); !errors.Is(err, ErrNoAuthors) {
			t.Error("no authorities:", err)
		}
	}
}
