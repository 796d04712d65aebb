package validateblock

import (
	"fmt"

	"pileus/frame/host"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/auraext"
	"pileus/primitives"
)

// Aura is the block executor of a chain whose authors take turns (cumulus-pallet-aura-ext
// BlockExecutor). A block's author must be an authority of its parent: a block cannot
// give itself the right to exist.
type Aura struct {
	Aura    *aura.Pallet
	AuraExt *auraext.Pallet
}

// VerifyAndRemoveSeal implements [BlockExecutor].
func (a Aura) VerifyAndRemoveSeal(header primitives.Header) primitives.Header {
	var seal *[64]byte
	bare := header
	bare.Digest = make(primitives.Digest, 0, len(header.Digest))
	for _, item := range header.Digest {
		switch {
		case item.Kind != primitives.DigestSeal || item.Engine != primitives.EngineAura || len(item.Data) != 64:
			bare.Digest = append(bare.Digest, item)
		case seal != nil:
			panic("Found multiple AuRa seal digests")
		default:
			seal = (*[64]byte)(item.Data)
		}
	}
	if seal == nil {
		panic("Could not find an AuRa seal digest!")
	}
	slot, ok := bare.Digest.AuraSlot()
	turns := uint64(len(a.Aura.Authorities.Get()))
	if !ok || turns == 0 {
		panic("Could not find AuRa author index!")
	}
	index := uint64(slot) % turns
	authorities := a.AuraExt.Authorities.Get()
	if index >= uint64(len(authorities)) {
		panic(fmt.Sprintf("Invalid AuRa author index %d", index))
	}
	hash := bare.Hash()
	if !host.Sr25519Verify(seal, hash[:], (*[32]byte)(&authorities[index])) {
		panic("Invalid AuRa seal")
	}
	return bare
}
