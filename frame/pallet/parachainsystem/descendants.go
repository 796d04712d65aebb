package parachainsystem

import (
	"errors"
	"fmt"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// babeAuthority is a relay validator's BABE key.
type babeAuthority [32]byte

// maxAuthorities bounds the relay chain's validators.
const maxAuthorities = 1 << 14

func decodeAuthorities(d *scale.Decoder) []babeAuthority {
	return scale.DecodeVecFunc(d, maxAuthorities, func(d *scale.Decoder) (a babeAuthority) {
		d.Array(a[:])
		d.U64() // weight
		return a
	})
}

func (r *RelayStateProof) authorities(key []byte) ([]babeAuthority, error) {
	v, err := r.value("authorities", key)
	if err != nil {
		return nil, err
	}
	d := scale.NewDecoder(v)
	list := decodeAuthorities(d)
	return list, d.Err()
}

// verifyDescendants demands that the headers are the relay parent and its next
// descendants, each sealed by the authority that its BABE claim names
// (RelayParentOffset, descendant_validation.rs).
func verifyDescendants(proof *RelayStateProof, headers []primitives.Header, root hashing.Hash, offset uint32) error {
	if len(headers) != int(offset)+1 {
		return fmt.Errorf("%d headers, not %d", len(headers), offset+1)
	}
	current, err := proof.authorities(primitives.KeyAuthorities)
	if err != nil {
		return err
	}
	if headers[0].StateRoot != root {
		return errors.New("the first header is not the relay parent")
	}
	var next []babeAuthority
	var parent hashing.Hash
	for i := range headers {
		h := &headers[i]
		if i > 0 && h.ParentHash != parent {
			return errors.New("the headers are no chain")
		}
		parent = h.Hash()
		claim, ok := h.Digest.BabeClaim()
		if !ok {
			return errors.New("a header has no BABE claim")
		}
		if epoch, ok := nextEpoch(h.Digest); ok && i > 0 {
			if next == nil {
				if next, err = proof.authorities(primitives.KeyNextAuthorities); err != nil {
					return err
				}
			}
			current, next = next, epoch
		}
		if int(claim.Authority) >= len(current) {
			return errors.New("a BABE claim names no authority")
		}
		if err := verifySeal(h, current[claim.Authority]); err != nil {
			return err
		}
	}
	return nil
}

// nextEpoch is the set of authorities that a NextEpochDescriptor announces.
func nextEpoch(digest primitives.Digest) ([]babeAuthority, bool) {
	for _, item := range digest {
		if item.Kind == primitives.DigestConsensus && item.Engine == primitives.EngineBabe && len(item.Data) > 0 && item.Data[0] == 1 {
			d := scale.NewDecoder(item.Data[1:])
			list := decodeAuthorities(d)
			d.Fixed(32) // randomness
			return list, d.Finish() == nil
		}
	}
	return nil, false
}

func verifySeal(h *primitives.Header, by babeAuthority) error {
	bare, seal, ok := h.WithoutSeal()
	if !ok || seal.Engine != primitives.EngineBabe || len(seal.Data) != 64 {
		return errors.New("a header has no BABE seal")
	}
	hash := bare.Hash()
	key := [32]byte(by)
	if !host.Sr25519Verify((*[64]byte)(seal.Data), hash[:], &key) {
		return errors.New("a BABE seal does not verify")
	}
	return nil
}
