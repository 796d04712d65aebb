package primitives

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pileus/scale"
)

// decodables is one of each type that is decoded from outside bytes.
func decodables() []value {
	return []value{&Header{}, &Digest{}, &BabeClaim{}, &CumulusItem{}, &Block{}, &ExportedPoV{}, &Descriptor{}, &CandidateReceipt{},
		&CommittedCandidateReceipt{}, &CandidateCommitments{}, &PersistedValidationData{}, &PoV{}, &AvailableData{},
		&HostConfiguration{}, &ExecutorParams{}, &BackedCandidate{}, &SignedBitfield{}, &ParachainsInherentData{}, &BitVec{},
		&OutboundHrmpMessage{}, &InboundMessage{}, &HrmpChannel{}, &Constraints{}, &ValidationParams{}, &ValidationResult{}, &CollationInfo{},
		&DigestItem{}, &SchedulerParams{}, &ValidityAttestation{}}
}

// TestEveryDecoderIsFuzzed looks for types of the package that decode themselves and are missing above.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	listed := map[string]bool{}
	for _, v := range decodables() {
		listed[reflect.TypeOf(v).Elem().Name()] = true
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "DecodeFrom" {
				continue
			}
			found++
			if name := f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name; !listed[name] {
				t.Errorf("%s decodes outside bytes and is not fuzzed", name)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d decoders found", found)
	}
}

// lossy types hold bit vectors, whose unused bits are cleared.
func lossy(v value) bool {
	switch v.(type) {
	case *BitVec, *HostConfiguration, *BackedCandidate, *SignedBitfield, *ParachainsInherentData:
		return true
	}
	return false
}

// FuzzDecoders feeds every decoder: none panics, and what decodes encodes to the bytes that were read; with
// bit vectors in it, to a fixed point.
func FuzzDecoders(f *testing.F) {
	for i, v := range decodables() {
		f.Add(uint8(i), v.EncodeTo(nil))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		list := decodables()
		v := list[int(which)%len(list)]
		d := scale.NewDecoder(raw)
		if v.DecodeFrom(d); d.Err() != nil {
			return
		}
		once := v.EncodeTo(nil)
		if read := raw[:d.Offset()]; !lossy(v) && !bytes.Equal(once, read) {
			t.Fatalf("%T: %x encodes as %x", v, read, once)
		}
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

// FuzzUMPSignals feeds what follows the separator: no panic, and the signals read are those written.
func FuzzUMPSignals(f *testing.F) {
	f.Add(SelectCoreSignal(CoreSelection{1, 2}), ApprovedPeerSignal([]byte("peer")), uint8(2))
	f.Add([]byte{}, []byte{1, 0}, uint8(3))
	f.Fuzz(func(t *testing.T, a, b []byte, count uint8) {
		list := [][]byte{{7}, {}, a, b, a, b}[:2+count%5]
		messages, s, err := SplitUpwardMessages(list)
		if len(messages) != 1 {
			t.Fatalf("%d messages before the separator", len(messages))
		}
		if err != nil {
			return
		}
		again := [][]byte{{7}, {}}
		if s.SelectCore != nil {
			again = append(again, SelectCoreSignal(*s.SelectCore))
		}
		if s.ApprovedPeer != nil {
			again = append(again, ApprovedPeerSignal(s.ApprovedPeer))
		}
		if s.Count != len(list)-2 || s.Count != len(again)-2 {
			t.Fatalf("%d signals of %d", s.Count, len(list)-2)
		}
		if _, back, err := SplitUpwardMessages(again); err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v comes back as %+v: %v", s, back, err)
		}
		for version, d := range map[string]DescriptorFields{"V2": {}, "V3": {Version: DescriptorV3}} {
			r := CommittedCandidateReceipt{Descriptor: d.Descriptor(), Commitments: CandidateCommitments{UpwardMessages: list}}
			if _, err := r.CheckUMPSignals(TransposedClaimQueue{}); err == nil {
				t.Fatalf("%s without any claim passes", version)
			}
		}
	})
}
