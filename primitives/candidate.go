package primitives

import (
	"math"

	"pileus/hashing"
	"pileus/scale"
)

// DescriptorSize is the length of an encoded descriptor of any version.
const DescriptorSize = 292

// DescriptorVersion tells how the middle of a descriptor is to be read.
type DescriptorVersion uint8

// The versions. They have the same length and are told apart by bytes that are zero in the newer ones.
const (
	DescriptorUnknown DescriptorVersion = iota
	DescriptorV1                        // collator key and signature
	DescriptorV2                        // core, session; scheduling parent = relay parent (RFC 103)
	DescriptorV3                        // scheduling parent of its own
)

// Descriptor says which block a candidate is, on which context it was built and by
// which hashes it can be checked. Its 292 bytes are kept as they are, so that a
// descriptor of any version, an unknown one included, travels unchanged.
//
// Layout V2 and V3: para u32 | relay parent 32 | version u8 | core u16 | session u32 |
// scheduling session offset u8 | 24 reserved | PVD hash 32 | PoV hash 32 | erasure root
// 32 | scheduling parent 32 | 32 reserved | para head 32 | code hash 32. V1 has the
// collator's key (32) and signature (64) where V2 has version … reserved and scheduling
// parent … reserved. Source: polkadot_primitives::CandidateDescriptorV2, RFC 103.
type Descriptor [DescriptorSize]byte

const (
	offRelayParent      = 4
	offVersion          = 36
	offCore             = 37
	offSession          = 39
	offSchedulingOffset = 43
	offReserved1        = 44
	offPVD              = 68
	offPoV              = 100
	offErasure          = 132
	offSchedulingParent = 164
	offReserved2        = 196
	offParaHead         = 228
	offCode             = 260
)

// DescriptorFields are the parts of a V2 or V3 descriptor, to make one from.
type DescriptorFields struct {
	Version            DescriptorVersion
	Para               ParaID
	RelayParent        Hash
	Core               CoreIndex
	Session            SessionIndex // of the relay parent
	SchedulingOffset   uint8        // V3: session of the scheduling parent minus Session
	PVDHash            Hash
	PoVHash            Hash
	ErasureRoot        Hash
	SchedulingParent   Hash // V3
	ParaHead           Hash
	ValidationCodeHash Hash
}

// Descriptor lays the fields out; V2 leaves scheduling parent and offset zero.
func (f DescriptorFields) Descriptor() (r Descriptor) {
	copy(r[:], scale.AppendU32(nil, uint32(f.Para)))
	copy(r[offRelayParent:], f.RelayParent[:])
	r[offCore], r[offCore+1] = byte(f.Core), byte(f.Core>>8)
	copy(r[offSession:], scale.AppendU32(nil, uint32(f.Session)))
	if f.Version == DescriptorV3 {
		r[offVersion] = 1
		r[offSchedulingOffset] = f.SchedulingOffset
		copy(r[offSchedulingParent:], f.SchedulingParent[:])
	}
	copy(r[offPVD:], f.PVDHash[:])
	copy(r[offPoV:], f.PoVHash[:])
	copy(r[offErasure:], f.ErasureRoot[:])
	copy(r[offParaHead:], f.ParaHead[:])
	copy(r[offCode:], f.ValidationCodeHash[:])
	return r
}

// EncodeTo appends the 292 bytes.
func (c *Descriptor) EncodeTo(b []byte) []byte { return append(b, c[:]...) }

// DecodeFrom reads 292 bytes.
func (c *Descriptor) DecodeFrom(d *scale.Decoder) { d.Array(c[:]) }

func (c *Descriptor) hashAt(off int) (h Hash) { copy(h[:], c[off:]); return h }

func (c *Descriptor) u32At(off int) uint32 {
	return uint32(c[off]) | uint32(c[off+1])<<8 | uint32(c[off+2])<<16 | uint32(c[off+3])<<24
}

// Para is the parachain.
func (c *Descriptor) Para() ParaID { return ParaID(c.u32At(0)) }

// RelayParent gives the execution context.
func (c *Descriptor) RelayParent() Hash { return c.hashAt(offRelayParent) }

// PVDHash is the hash of the persisted validation data.
func (c *Descriptor) PVDHash() Hash { return c.hashAt(offPVD) }

// PoVHash is the hash of the encoded PoV.
func (c *Descriptor) PoVHash() Hash { return c.hashAt(offPoV) }

// ErasureRoot commits to the erasure-coded available data.
func (c *Descriptor) ErasureRoot() Hash { return c.hashAt(offErasure) }

// ParaHead is the hash of the new head data.
func (c *Descriptor) ParaHead() Hash { return c.hashAt(offParaHead) }

// ValidationCodeHash is the hash of the code that validates the candidate.
func (c *Descriptor) ValidationCodeHash() Hash { return c.hashAt(offCode) }

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// Version detects the version by the present rule (with V3 known): any of the first
// 16 reserved bytes set means V1, else the version byte decides.
func (c *Descriptor) Version() DescriptorVersion {
	if !allZero(c[offReserved1 : offReserved1+16]) {
		return DescriptorV1
	}
	switch c[offVersion] {
	case 0:
		return DescriptorV2
	case 1:
		return DescriptorV3
	}
	return DescriptorUnknown
}

// versionOld detects the version by the rule from before V3.
func (c *Descriptor) versionOld() DescriptorVersion {
	if !allZero(c[offSchedulingOffset:offPVD]) || !allZero(c[offSchedulingParent:offParaHead]) {
		return DescriptorV1
	}
	if c[offVersion] == 0 {
		return DescriptorV2
	}
	return DescriptorUnknown
}

// Acceptable tells whether the descriptor's version may be used while the node feature
// CandidateReceiptV3 is v3: the old and the new rule must agree unless it is a V3 with
// the feature on; unknown versions never pass.
func (c *Descriptor) Acceptable(v3 bool) bool {
	v := c.Version()
	if v == DescriptorUnknown {
		return false
	}
	if v == DescriptorV3 {
		return v3
	}
	return v == c.versionOld()
}

// SchedulingParent is the block whose claim queue and session schedule the candidate:
// the relay parent, except for V3.
func (c *Descriptor) SchedulingParent() Hash {
	if c.Version() == DescriptorV3 {
		return c.hashAt(offSchedulingParent)
	}
	return c.RelayParent()
}

// Core is the core named by a V2 or V3 descriptor.
func (c *Descriptor) Core() (CoreIndex, bool) {
	if v := c.Version(); v != DescriptorV2 && v != DescriptorV3 {
		return 0, false
	}
	return CoreIndex(uint16(c[offCore]) | uint16(c[offCore+1])<<8), true
}

// Session is the relay parent's session, named by a V2 or V3 descriptor.
func (c *Descriptor) Session() (SessionIndex, bool) {
	if v := c.Version(); v != DescriptorV2 && v != DescriptorV3 {
		return 0, false
	}
	return SessionIndex(c.u32At(offSession)), true
}

// SchedulingSession is the scheduling parent's session, named by a V2 or V3 descriptor.
func (c *Descriptor) SchedulingSession() (SessionIndex, bool) {
	s, ok := c.Session()
	if ok && c.Version() == DescriptorV3 {
		s += min(SessionIndex(c[offSchedulingOffset]), math.MaxUint32-s) // saturates
	}
	return s, ok
}

// CandidateReceipt is a descriptor and the hash of the commitments.
type CandidateReceipt struct {
	Descriptor      Descriptor
	CommitmentsHash Hash
}

// EncodeTo appends the SCALE encoding.
func (r *CandidateReceipt) EncodeTo(b []byte) []byte {
	return append(append(b, r.Descriptor[:]...), r.CommitmentsHash[:]...)
}

// DecodeFrom reads the SCALE encoding.
func (r *CandidateReceipt) DecodeFrom(d *scale.Decoder) {
	r.Descriptor.DecodeFrom(d)
	r.CommitmentsHash = decodeHash(d)
}

// CandidateHash names a candidate: the hash of its receipt.
type CandidateHash = Hash

// Hash is the candidate hash.
func (r *CandidateReceipt) Hash() CandidateHash { return hashing.Blake2b256(r.EncodeTo(nil)) }

// CommittedCandidateReceipt is a descriptor and the commitments themselves.
type CommittedCandidateReceipt struct {
	Descriptor  Descriptor
	Commitments CandidateCommitments
}

// EncodeTo appends the SCALE encoding.
func (r *CommittedCandidateReceipt) EncodeTo(b []byte) []byte {
	return r.Commitments.EncodeTo(append(b, r.Descriptor[:]...))
}

// DecodeFrom reads the SCALE encoding.
func (r *CommittedCandidateReceipt) DecodeFrom(d *scale.Decoder) {
	r.Descriptor.DecodeFrom(d)
	r.Commitments.DecodeFrom(d)
}

// Receipt is the plain receipt.
func (r *CommittedCandidateReceipt) Receipt() CandidateReceipt {
	return CandidateReceipt{r.Descriptor, HashOf(&r.Commitments)}
}

// Hash is the candidate hash; it equals that of the plain receipt.
func (r *CommittedCandidateReceipt) Hash() CandidateHash {
	p := r.Receipt()
	return p.Hash()
}

// CandidateCommitments are the outputs of a candidate's validation.
type CandidateCommitments struct {
	UpwardMessages            [][]byte
	HorizontalMessages        []OutboundHrmpMessage
	NewValidationCode         *[]byte
	HeadData                  []byte
	ProcessedDownwardMessages uint32
	HrmpWatermark             uint32
}

// EncodeTo appends the SCALE encoding.
func (c *CandidateCommitments) EncodeTo(b []byte) []byte {
	b = scale.AppendBytesVec(b, c.UpwardMessages)
	b = scale.AppendVec(b, c.HorizontalMessages)
	b = scale.AppendOption(b, c.NewValidationCode, scale.AppendBytes)
	b = scale.AppendBytes(b, c.HeadData)
	b = scale.AppendU32(b, c.ProcessedDownwardMessages)
	return scale.AppendU32(b, c.HrmpWatermark)
}

// DecodeFrom reads the SCALE encoding.
func (c *CandidateCommitments) DecodeFrom(d *scale.Decoder) {
	c.UpwardMessages = d.BytesVec(MaxUpwardMessages, maxHeaderSize)
	c.HorizontalMessages = scale.DecodeVec[OutboundHrmpMessage](d, MaxHorizontalMessage)
	c.NewValidationCode = decodeOptionBytes(d, PoVBombLimit)
	c.HeadData = d.Bytes(maxHeaderSize)
	c.ProcessedDownwardMessages = d.U32()
	c.HrmpWatermark = d.U32()
}

func decodeOptionBytes(d *scale.Decoder, max int) *[]byte {
	return scale.DecodeOption(d, func(d *scale.Decoder) []byte { return d.Bytes(max) })
}

// PersistedValidationData is what the relay chain promises to a candidate: its parent
// head, and number and storage root of its relay parent.
type PersistedValidationData struct {
	ParentHead             []byte
	RelayParentNumber      uint32
	RelayParentStorageRoot Hash
	MaxPoVSize             uint32
}

// EncodeTo appends the SCALE encoding.
func (p *PersistedValidationData) EncodeTo(b []byte) []byte {
	b = scale.AppendBytes(b, p.ParentHead)
	b = scale.AppendU32(b, p.RelayParentNumber)
	b = append(b, p.RelayParentStorageRoot[:]...)
	return scale.AppendU32(b, p.MaxPoVSize)
}

// DecodeFrom reads the SCALE encoding.
func (p *PersistedValidationData) DecodeFrom(d *scale.Decoder) {
	p.ParentHead = d.Bytes(maxHeaderSize)
	p.RelayParentNumber = d.U32()
	p.RelayParentStorageRoot = decodeHash(d)
	p.MaxPoVSize = d.U32()
}

// Hash is the hash that a descriptor names.
func (p *PersistedValidationData) Hash() Hash { return HashOf(p) }

// PoV is the proof of validity: the compressed block data of a candidate.
type PoV struct{ BlockData []byte }

// EncodeTo appends the SCALE encoding.
func (p *PoV) EncodeTo(b []byte) []byte { return scale.AppendBytes(b, p.BlockData) }

// DecodeFrom reads the SCALE encoding.
func (p *PoV) DecodeFrom(d *scale.Decoder) { p.BlockData = d.Bytes(2 * PoVBombLimit) }

// Hash is the hash that a descriptor names.
func (p *PoV) Hash() Hash { return HashOf(p) }

// EncodedSize is the size that is compared with max_pov_size: length prefix and bytes.
func (p *PoV) EncodedSize() int { return scale.CompactLen(uint64(len(p.BlockData))) + len(p.BlockData) }

// AvailableData is what is erasure-coded for a candidate.
type AvailableData struct {
	PoV            PoV
	ValidationData PersistedValidationData
}

// EncodeTo appends the SCALE encoding.
func (a *AvailableData) EncodeTo(b []byte) []byte {
	return a.ValidationData.EncodeTo(a.PoV.EncodeTo(b))
}

// DecodeFrom reads the SCALE encoding.
func (a *AvailableData) DecodeFrom(d *scale.Decoder) {
	a.PoV.DecodeFrom(d)
	a.ValidationData.DecodeFrom(d)
}

// ParaHeadHash is the hash of head data as descriptors and the unincluded segment name
// it: over the raw bytes, without a length.
func ParaHeadHash(head []byte) Hash { return hashing.Blake2b256(head) }
