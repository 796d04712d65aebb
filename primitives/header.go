package primitives

import (
	"bytes"

	"pileus/hashing"
	"pileus/scale"
)

// Header is a block header, of the relay chain and of a parachain alike.
//
// Encoding: parent hash, number as a compact, state root, extrinsics root, digest.
type Header struct {
	ParentHash     Hash
	Number         uint32
	StateRoot      Hash
	ExtrinsicsRoot Hash
	Digest         Digest
}

// EncodeTo appends the SCALE encoding.
func (h *Header) EncodeTo(b []byte) []byte {
	b = append(b, h.ParentHash[:]...)
	b = scale.AppendCompact(b, uint64(h.Number))
	b = append(b, h.StateRoot[:]...)
	b = append(b, h.ExtrinsicsRoot[:]...)
	return h.Digest.EncodeTo(b)
}

// DecodeFrom reads the SCALE encoding.
func (h *Header) DecodeFrom(d *scale.Decoder) {
	d.Array(h.ParentHash[:])
	h.Number = d.CompactU32()
	d.Array(h.StateRoot[:])
	d.Array(h.ExtrinsicsRoot[:])
	h.Digest.DecodeFrom(d)
}

// Hash is the blake2b-256 of the encoded header, seal included if it has one.
func (h *Header) Hash() Hash { return hashing.Blake2b256(h.EncodeTo(nil)) }

// WithoutSeal returns a copy without the last digest item, and that item, if it is a seal.
func (h *Header) WithoutSeal() (Header, DigestItem, bool) {
	n := len(h.Digest)
	if n == 0 || h.Digest[n-1].Kind != DigestSeal {
		return *h, DigestItem{}, false
	}
	c := *h
	c.Digest = h.Digest[: n-1 : n-1]
	return c, h.Digest[n-1], true
}

// Digest is the list of a header's log items.
type Digest []DigestItem

// EncodeTo appends the SCALE encoding.
func (g Digest) EncodeTo(b []byte) []byte { return scale.AppendVec(b, g) }

// DecodeFrom reads the SCALE encoding.
func (g *Digest) DecodeFrom(d *scale.Decoder) { *g = scale.DecodeVec[DigestItem](d, maxItems) }

// DigestKind is the variant byte of a digest item (sp_runtime::DigestItem).
type DigestKind uint8

// The variants that exist.
const (
	DigestOther              DigestKind = 0
	DigestConsensus          DigestKind = 4
	DigestSeal               DigestKind = 5
	DigestPreRuntime         DigestKind = 6
	DigestEnvironmentUpdated DigestKind = 8 // RuntimeEnvironmentUpdated
)

// EngineID names who wrote a digest item.
type EngineID [4]byte

// Engines of the relay chain and of parachains.
var (
	EngineBabe    = EngineID{'B', 'A', 'B', 'E'}
	EngineAura    = EngineID{'a', 'u', 'r', 'a'}
	EngineCumulus = EngineID{'C', 'M', 'L', 'S'} // CumulusDigestItem
	EngineRPSR    = EngineID{'R', 'P', 'S', 'R'} // relay parent storage root and number
	EngineParas   = EngineID{'P', 'O', 'L', '1'} // polkadot_primitives::ConsensusLog
)

// DigestItem is one log of a header. Engine and Data are empty where the variant has none.
type DigestItem struct {
	Kind   DigestKind
	Engine EngineID
	Data   []byte
}

// EncodeTo appends the SCALE encoding.
func (i DigestItem) EncodeTo(b []byte) []byte {
	b = append(b, byte(i.Kind))
	switch i.Kind {
	case DigestOther:
		return scale.AppendBytes(b, i.Data)
	case DigestEnvironmentUpdated:
		return b
	}
	b = append(b, i.Engine[:]...)
	return scale.AppendBytes(b, i.Data)
}

// DecodeFrom reads the SCALE encoding.
func (i *DigestItem) DecodeFrom(d *scale.Decoder) {
	*i = DigestItem{Kind: DigestKind(d.Variant())}
	switch i.Kind {
	case DigestOther:
		i.Data = d.Bytes(maxHeaderSize)
	case DigestConsensus, DigestSeal, DigestPreRuntime:
		d.Array(i.Engine[:])
		i.Data = d.Bytes(maxHeaderSize)
	case DigestEnvironmentUpdated:
	default:
		d.UnknownVariant("DigestItem", uint8(i.Kind))
	}
}

// Find returns the data of the first item of that kind and engine.
func (g Digest) Find(kind DigestKind, engine EngineID) ([]byte, bool) {
	for _, i := range g {
		if i.Kind == kind && i.Engine == engine {
			return i.Data, true
		}
	}
	return nil, false
}

// AuraPreDigest is the item by which an Aura author claims a slot of the parachain.
func AuraPreDigest(slot Slot) DigestItem {
	return DigestItem{DigestPreRuntime, EngineAura, scale.AppendU64(nil, uint64(slot))}
}

// AuraSlot is the slot that an Aura pre-digest claims.
func (g Digest) AuraSlot() (Slot, bool) {
	data, ok := g.Find(DigestPreRuntime, EngineAura)
	if !ok {
		return 0, false
	}
	d := scale.NewDecoder(data)
	slot := d.U64()
	return Slot(slot), d.Finish() == nil
}

// BabeClaim is the BABE pre-digest of a relay block (sp_consensus_babe::PreDigest).
// Kind is 1 Primary, 2 SecondaryPlain, 3 SecondaryVRF; VRF holds pre-output and proof, 96 bytes, except for 2.
type BabeClaim struct {
	Kind      uint8
	Authority uint32
	Slot      Slot
	VRF       []byte
}

// The kinds of a BABE claim.
const (
	BabePrimary        = 1
	BabeSecondaryPlain = 2
	BabeSecondaryVRF   = 3
)

// EncodeTo appends the SCALE encoding.
func (c BabeClaim) EncodeTo(b []byte) []byte {
	b = scale.AppendU32(append(b, c.Kind), c.Authority)
	return append(scale.AppendU64(b, uint64(c.Slot)), c.VRF...)
}

// DecodeFrom reads the SCALE encoding.
func (c *BabeClaim) DecodeFrom(d *scale.Decoder) {
	*c = BabeClaim{Kind: d.Variant(), Authority: d.U32(), Slot: Slot(d.U64())}
	switch c.Kind {
	case BabePrimary, BabeSecondaryVRF:
		c.VRF = bytes.Clone(d.Fixed(96))
	case BabeSecondaryPlain:
	default:
		d.UnknownVariant("BABE PreDigest", c.Kind)
	}
}

// BabeClaim is the header's BABE pre-digest.
func (g Digest) BabeClaim() (BabeClaim, bool) {
	var c BabeClaim
	data, ok := g.Find(DigestPreRuntime, EngineBabe)
	return c, ok && scale.Decode(data, &c) == nil
}

// RelayStorageRoot is the item by which a parachain block names its relay parent:
// the relay parent's storage root and number (cumulus_primitives_core::rpsr_digest).
type RelayStorageRoot struct {
	Root   Hash
	Number uint32
}

// RelayStorageRoot is the header's RPSR item.
func (g Digest) RelayStorageRoot() (r RelayStorageRoot, ok bool) {
	data, ok := g.Find(DigestConsensus, EngineRPSR)
	if !ok {
		return r, false
	}
	d := scale.NewDecoder(data)
	r.Root = decodeHash(d)
	r.Number = d.CompactU32()
	return r, d.Finish() == nil
}

// CumulusItem is what stands under the engine id CMLS (cumulus_primitives_core::CumulusDigestItem).
// Exactly the field that belongs to Kind is set.
type CumulusItem struct {
	Kind        CumulusKind
	RelayParent Hash
	Core        CoreInfo
	Bundle      BundleInfo
}

// CumulusKind is the variant byte of a [CumulusItem].
type CumulusKind uint8

// The variants, with the kind of digest item that each travels in.
const (
	CumulusRelayParent CumulusKind = 0 // Consensus
	CumulusCoreInfo    CumulusKind = 1 // PreRuntime
	CumulusBundleInfo  CumulusKind = 2 // PreRuntime
	CumulusUseFullCore CumulusKind = 3 // Consensus, by the runtime
)

// CoreInfo says for which of its cores a parachain block was built.
type CoreInfo struct {
	Selector         uint8
	ClaimQueueOffset uint8
	NumberOfCores    uint16 // compact
}

// BundleInfo is a block's place among the blocks of one PoV.
type BundleInfo struct {
	Index  uint8
	IsLast bool
}

// EncodeTo appends the SCALE encoding.
func (c CumulusItem) EncodeTo(b []byte) []byte {
	b = append(b, byte(c.Kind))
	switch c.Kind {
	case CumulusRelayParent:
		b = append(b, c.RelayParent[:]...)
	case CumulusCoreInfo:
		b = append(b, c.Core.Selector, c.Core.ClaimQueueOffset)
		b = scale.AppendCompact(b, uint64(c.Core.NumberOfCores))
	case CumulusBundleInfo:
		b = scale.AppendBool(append(b, c.Bundle.Index), c.Bundle.IsLast)
	}
	return b
}

// DecodeFrom reads the SCALE encoding.
func (c *CumulusItem) DecodeFrom(d *scale.Decoder) {
	*c = CumulusItem{Kind: CumulusKind(d.Variant())}
	switch c.Kind {
	case CumulusRelayParent:
		c.RelayParent = decodeHash(d)
	case CumulusCoreInfo:
		c.Core = CoreInfo{d.U8(), d.U8(), d.CompactU16()}
	case CumulusBundleInfo:
		c.Bundle = BundleInfo{d.U8(), d.Bool()}
	case CumulusUseFullCore:
	default:
		d.UnknownVariant("CumulusDigestItem", uint8(c.Kind))
	}
}

// DigestItem is the log that carries c.
func (c CumulusItem) DigestItem() DigestItem {
	kind := DigestPreRuntime
	if c.Kind == CumulusRelayParent || c.Kind == CumulusUseFullCore {
		kind = DigestConsensus
	}
	return DigestItem{kind, EngineCumulus, c.EncodeTo(nil)}
}

// Cumulus returns the first CMLS item of that kind, in the kind of log that it must travel in.
func (g Digest) Cumulus(kind CumulusKind) (CumulusItem, bool) {
	for _, i := range g {
		var c CumulusItem
		if i.Engine == EngineCumulus && scale.Decode(i.Data, &c) == nil && c.Kind == kind && c.DigestItem().Kind == i.Kind {
			return c, true
		}
	}
	return CumulusItem{}, false
}
