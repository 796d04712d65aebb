package primitives

import (
	"bytes"
	"reflect"
	"testing"

	"pileus/scale"
)

// decodables is one of each type that is decoded from outside bytes.
func decodables() []value {
	return []value{&Header{}, &Digest{}, &BabeClaim{}, &CumulusItem{}, &Block{}, &ExportedPoV{}, &Descriptor{}, &CandidateReceipt{},
		&CommittedCandidateReceipt{}, &CandidateCommitments{}, &PersistedValidationData{}, &PoV{}, &AvailableData{},
		&HostConfiguration{}, &ExecutorParams{}, &BackedCandidate{}, &SignedBitfield{}, &ParachainsInherentData{}, &BitVec{},
		&OutboundHrmpMessage{}, &InboundMessage{}, &HrmpChannel{}, &Constraints{}, &ValidationParams{}, &ValidationResult{}, &CollationInfo{}}
}

// FuzzDecoders feeds every decoder: none panics, and what decodes re-encodes to a fixed point.
func FuzzDecoders(f *testing.F) {
	for i, v := range decodables() {
		f.Add(uint8(i), v.EncodeTo(nil))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		list := decodables()
		v := list[int(which)%len(list)]
		if scale.DecodePrefix(raw, v) != nil {
			return
		}
		once := v.EncodeTo(nil)
		w := reflect.New(reflect.TypeOf(v).Elem()).Interface().(value)
		if err := scale.Decode(once, w); err != nil {
			t.Fatalf("%T: own encoding does not decode: %v", v, err)
		}
		if twice := w.EncodeTo(nil); !bytes.Equal(once, twice) {
			t.Fatalf("%T: %x re-encodes as %x", v, once, twice)
		}
	})
}

// FuzzBlockData feeds the decoder of parachain block data of all versions.
func FuzzBlockData(f *testing.F) {
	f.Add((&ParachainBlockData{Blocks: make([]Block, 1)}).EncodeTo(nil))
	f.Add((&ParachainBlockData{Version: BlockDataV1, Blocks: make([]Block, 2)}).EncodeTo(nil))
	f.Add((&ParachainBlockData{Version: BlockDataV2, Blocks: make([]Block, 1), SchedulingProof: []byte{1}}).EncodeTo(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := DecodeParachainBlockData(raw); err == nil && !bytes.Equal(p.EncodeTo(nil), raw) {
			t.Fatalf("%x re-encodes differently", raw)
		}
	})
}
