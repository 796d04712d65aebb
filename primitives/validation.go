package primitives

import "pileus/scale"

// ValidationParams is the argument of a PVF's validate_block.
// BlockData is decompressed. Extension is present for V3 descriptors only.
type ValidationParams struct {
	ParentHead             []byte
	BlockData              []byte
	RelayParentNumber      uint32
	RelayParentStorageRoot Hash
	Extension              *ValidationParamsV3
}

// ValidationParamsV3 is appended for V3 descriptors behind the byte 3, without a presence byte.
type ValidationParamsV3 struct{ RelayParent, SchedulingParent Hash }

// EncodeTo appends the SCALE encoding.
func (p *ValidationParams) EncodeTo(b []byte) []byte {
	b = scale.AppendBytes(b, p.ParentHead)
	b = scale.AppendBytes(b, p.BlockData)
	b = scale.AppendU32(b, p.RelayParentNumber)
	b = append(b, p.RelayParentStorageRoot[:]...)
	if e := p.Extension; e != nil {
		b = append(b, 3)
		b = append(append(b, e.RelayParent[:]...), e.SchedulingParent[:]...)
	}
	return b
}

// DecodeFrom reads the SCALE encoding; the extension is read if bytes remain.
func (p *ValidationParams) DecodeFrom(d *scale.Decoder) {
	p.ParentHead = d.Bytes(maxHeaderSize)
	p.BlockData = d.Bytes(PoVBombLimit)
	p.RelayParentNumber = d.U32()
	p.RelayParentStorageRoot = decodeHash(d)
	p.Extension = nil
	if d.Err() != nil || d.Left() == 0 {
		return
	}
	if v := d.Variant(); v != 3 {
		d.UnknownVariant("ValidationParamsExtension", v)
		return
	}
	p.Extension = &ValidationParamsV3{decodeHash(d), decodeHash(d)}
}

// ValidationResult is the answer of a PVF's validate_block.
type ValidationResult struct {
	HeadData                  []byte
	NewValidationCode         *[]byte
	UpwardMessages            [][]byte
	HorizontalMessages        []OutboundHrmpMessage
	ProcessedDownwardMessages uint32
	HrmpWatermark             uint32
}

// EncodeTo appends the SCALE encoding.
func (r *ValidationResult) EncodeTo(b []byte) []byte {
	b = scale.AppendBytes(b, r.HeadData)
	b = scale.AppendOption(b, r.NewValidationCode, scale.AppendBytes)
	b = scale.AppendBytesVec(b, r.UpwardMessages)
	b = scale.AppendVec(b, r.HorizontalMessages)
	b = scale.AppendU32(b, r.ProcessedDownwardMessages)
	return scale.AppendU32(b, r.HrmpWatermark)
}

// DecodeFrom reads the SCALE encoding.
func (r *ValidationResult) DecodeFrom(d *scale.Decoder) {
	r.HeadData = d.Bytes(maxHeaderSize)
	r.NewValidationCode = decodeOptionBytes(d, PoVBombLimit)
	r.UpwardMessages = d.BytesVec(MaxUpwardMessages, maxHeaderSize)
	r.HorizontalMessages = scale.DecodeVec[OutboundHrmpMessage](d, MaxHorizontalMessage)
	r.ProcessedDownwardMessages = d.U32()
	r.HrmpWatermark = d.U32()
}

// Commitments are the result in the order in which a candidate commits to it.
func (r *ValidationResult) Commitments() CandidateCommitments {
	return CandidateCommitments{r.UpwardMessages, r.HorizontalMessages, r.NewValidationCode, r.HeadData, r.ProcessedDownwardMessages, r.HrmpWatermark}
}

// CollationInfo is what a runtime answers about a block it has built
// (CollectCollationInfo version 2 and 3; version 1 lacks HeadData).
type CollationInfo struct {
	UpwardMessages            [][]byte
	HorizontalMessages        []OutboundHrmpMessage
	NewValidationCode         *[]byte
	ProcessedDownwardMessages uint32
	HrmpWatermark             uint32
	HeadData                  []byte
}

// EncodeTo appends the SCALE encoding.
func (c *CollationInfo) EncodeTo(b []byte) []byte {
	b = scale.AppendBytesVec(b, c.UpwardMessages)
	b = scale.AppendVec(b, c.HorizontalMessages)
	b = scale.AppendOption(b, c.NewValidationCode, scale.AppendBytes)
	b = scale.AppendU32(b, c.ProcessedDownwardMessages)
	b = scale.AppendU32(b, c.HrmpWatermark)
	return scale.AppendBytes(b, c.HeadData)
}

// DecodeFrom reads the encoding of version 2 and 3.
func (c *CollationInfo) DecodeFrom(d *scale.Decoder) {
	c.DecodeV1(d)
	c.HeadData = d.Bytes(maxHeaderSize)
}

// DecodeV1 reads the encoding of version 1, without head data.
func (c *CollationInfo) DecodeV1(d *scale.Decoder) {
	c.UpwardMessages = d.BytesVec(MaxUpwardMessages, maxHeaderSize)
	c.HorizontalMessages = scale.DecodeVec[OutboundHrmpMessage](d, MaxHorizontalMessage)
	c.NewValidationCode = decodeOptionBytes(d, PoVBombLimit)
	c.ProcessedDownwardMessages = d.U32()
	c.HrmpWatermark = d.U32()
}
