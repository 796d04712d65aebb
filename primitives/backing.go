package primitives

import (
	"pileus/scale"
)

// Signature is an sr25519 signature.
type Signature [64]byte

// EncodeTo appends the 64 bytes.
func (s Signature) EncodeTo(b []byte) []byte { return append(b, s[:]...) }

// SigningContext binds a validator's signature to a session and a relay block: the
// scheduling parent for statements, the parent of the carrying block for bitfields.
type SigningContext struct {
	Session SessionIndex
	Parent  Hash
}

// EncodeTo appends the SCALE encoding.
func (c SigningContext) EncodeTo(b []byte) []byte {
	return append(scale.AppendU32(b, uint32(c.Session)), c.Parent[:]...)
}

// StatementKind is what a validator says of a candidate.
type StatementKind uint8

// The two statements; the bytes are those of CompactStatement and of the ValidityAttestation alike.
const (
	Seconded StatementKind = 1 // Implicit on chain
	Valid    StatementKind = 2 // Explicit on chain
)

// String is the statement's name.
func (k StatementKind) String() string {
	if k == Seconded {
		return "Seconded"
	}
	return "Valid"
}

// StatementPayload is what is signed: "BKNG", kind, candidate hash, session, parent; 73 bytes
// (polkadot_primitives CompactStatement::signing_payload).
func StatementPayload(kind StatementKind, candidate CandidateHash, ctx SigningContext) []byte {
	b := append(make([]byte, 0, 73), 'B', 'K', 'N', 'G', byte(kind))
	return ctx.EncodeTo(append(b, candidate[:]...))
}

// ValidityAttestation is a backing vote as it travels in a block.
type ValidityAttestation struct {
	Kind      StatementKind
	Signature Signature
}

// EncodeTo appends the SCALE encoding.
func (a ValidityAttestation) EncodeTo(b []byte) []byte {
	return append(append(b, byte(a.Kind)), a.Signature[:]...)
}

// DecodeFrom reads the SCALE encoding.
func (a *ValidityAttestation) DecodeFrom(d *scale.Decoder) {
	a.Kind = StatementKind(d.Variant())
	if a.Kind != Seconded && a.Kind != Valid {
		d.UnknownVariant("ValidityAttestation", uint8(a.Kind))
	}
	d.Array(a.Signature[:])
}

// BackedCandidate is a candidate with the votes of its group.
//
// ValidatorIndices has a bit for each member of the group, then 8 bits with the low
// byte of the core index. Votes stand in the order of set bits.
type BackedCandidate struct {
	Candidate        CommittedCandidateReceipt
	Votes            []ValidityAttestation
	ValidatorIndices BitVec
}

// EncodeTo appends the SCALE encoding.
func (c *BackedCandidate) EncodeTo(b []byte) []byte {
	b = c.Candidate.EncodeTo(b)
	b = scale.AppendVec(b, c.Votes)
	return c.ValidatorIndices.EncodeTo(b)
}

// DecodeFrom reads the SCALE encoding.
func (c *BackedCandidate) DecodeFrom(d *scale.Decoder) {
	c.Candidate.DecodeFrom(d)
	c.Votes = scale.DecodeVec[ValidityAttestation](d, maxItems)
	c.ValidatorIndices.DecodeFrom(d)
}

// Group splits ValidatorIndices: if it has more than 8 bits, the last 8 are the core.
func (c *BackedCandidate) Group() (votes BitVec, core CoreIndex, injected bool) {
	n := c.ValidatorIndices.Len()
	if n <= 8 {
		return c.ValidatorIndices, 0, false
	}
	return c.ValidatorIndices.Slice(0, n-8), CoreIndex(c.ValidatorIndices.Uint(n-8, n)), true
}

// SignedBitfield is a validator's statement about which cores' candidates it holds its chunk of.
// Signed is encode(bits) followed by the signing context.
type SignedBitfield struct {
	Bits      BitVec
	Validator ValidatorIndex
	Signature Signature
}

// BitfieldPayload is what is signed for an availability bitfield.
func BitfieldPayload(bits BitVec, ctx SigningContext) []byte { return ctx.EncodeTo(bits.EncodeTo(nil)) }

// EncodeTo appends the SCALE encoding.
func (f SignedBitfield) EncodeTo(b []byte) []byte {
	b = f.Validator.EncodeTo(f.Bits.EncodeTo(b))
	return append(b, f.Signature[:]...)
}

// DecodeFrom reads the SCALE encoding.
func (f *SignedBitfield) DecodeFrom(d *scale.Decoder) {
	f.Bits.DecodeFrom(d)
	f.Validator = ValidatorIndex(d.U32())
	d.Array(f.Signature[:])
}

// ParachainsInherentData is the argument of ParaInherent.enter: what the author of a
// relay block tells about parachains. Disputes are not modelled: the list must be empty.
type ParachainsInherentData struct {
	Bitfields    []SignedBitfield
	Backed       []BackedCandidate
	ParentHeader Header
}

// EncodeTo appends the SCALE encoding.
func (p *ParachainsInherentData) EncodeTo(b []byte) []byte {
	b = scale.AppendVec(b, p.Bitfields)
	b = scale.AppendCompact(b, uint64(len(p.Backed)))
	for i := range p.Backed {
		b = p.Backed[i].EncodeTo(b)
	}
	b = append(b, 0) // no disputes
	return p.ParentHeader.EncodeTo(b)
}

// DecodeFrom reads the SCALE encoding; a dispute in it is an error.
func (p *ParachainsInherentData) DecodeFrom(d *scale.Decoder) {
	p.Bitfields = scale.DecodeVec[SignedBitfield](d, maxItems)
	p.Backed = scale.DecodeVec[BackedCandidate](d, maxItems)
	d.Len(0, 1)
	p.ParentHeader.DecodeFrom(d)
}

// SupermajorityThreshold is the number of n validators that exceeds two thirds:
// n - ⌊(n-1)/3⌋ (polkadot_primitives::supermajority_threshold).
func SupermajorityThreshold(n int) int {
	if n <= 0 {
		return 0
	}
	return n - (n-1)/3
}

// BackingThreshold is the number of votes that make a candidate of a group backable
// (polkadot_primitives::effective_minimum_backing_votes).
func BackingThreshold(groupLen int, minimumBackingVotes uint32) int {
	return min(groupLen, int(minimumBackingVotes))
}
