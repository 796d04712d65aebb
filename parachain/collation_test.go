package parachain

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pileus/executor"
	"pileus/primitives"
)

func TestJoinInfos(t *testing.T) {
	code := []byte("new code")
	one := &primitives.CollationInfo{
		UpwardMessages:            [][]byte{{1}, {}, {0, 0, 0}},
		HorizontalMessages:        []primitives.OutboundHrmpMessage{{Recipient: 9, Data: []byte("a")}, {Recipient: 3, Data: []byte("b")}},
		NewValidationCode:         &code,
		ProcessedDownwardMessages: 1, HrmpWatermark: 5, HeadData: []byte("one"),
	}
	two := &primitives.CollationInfo{
		UpwardMessages:            [][]byte{{2}, {}, {0, 0, 1}},
		HorizontalMessages:        []primitives.OutboundHrmpMessage{{Recipient: 3, Data: []byte("c")}},
		ProcessedDownwardMessages: 2, HrmpWatermark: 6, HeadData: []byte("two"),
	}
	if diff := cmp.Diff(one.UpwardMessages, joinInfos([]*primitives.CollationInfo{one}).UpwardMessages); diff != "" {
		t.Error("a single block's messages stay as they are:", diff)
	}
	want := primitives.CandidateCommitments{
		UpwardMessages: [][]byte{{1}, {2}, {}, {0, 0, 0}, {0, 0, 1}},
		HorizontalMessages: []primitives.OutboundHrmpMessage{
			{Recipient: 3, Data: []byte("b")}, {Recipient: 3, Data: []byte("c")}, {Recipient: 9, Data: []byte("a")},
		},
		NewValidationCode: &code, HeadData: []byte("two"), ProcessedDownwardMessages: 3, HrmpWatermark: 6,
	}
	if diff := cmp.Diff(want, joinInfos([]*primitives.CollationInfo{one, two})); diff != "" {
		t.Error(diff)
	}
}

func TestCompress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.ByteRange(0, 3)).Draw(t, "data")
		pov := CompressPoV(data)
		back, err := executor.Decompress(pov, primitives.PoVBombLimit)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%x came back as %x, %v", data, back, err)
		}
		if !bytes.Equal(pov, CompressPoV(data)) {
			t.Fatal("equal data are packed differently")
		}
	})
	huge := make([]byte, primitives.PoVBombLimit+1)
	if got := CompressPoV(huge); len(got) != len(huge) {
		t.Error("what validators would not unpack is left as it is")
	}
	if got := CompressPoV(huge[1:]); len(got) > 1<<20 {
		t.Errorf("just at the limit: %d bytes", len(got))
	}
}
