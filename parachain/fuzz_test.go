package parachain

import (
	"testing"

	"pileus/chainspec"
	"pileus/trie"
)

// Whatever a runtime leaves in its state, or a relay chain has as a head, is read without a panic.
func FuzzStateValues(f *testing.F) {
	f.Add([]byte{4, 8, 12, 16, 0, 0})
	h := chainspec.Header(trie.EmptyRoot)
	f.Add(h.EncodeTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{{Key: keyBlockWeight, Value: b}, {Key: keySegment, Value: b}}), nil)
		if n := SegmentLength(s); n < 0 || n > len(b) {
			t.Errorf("segment of %d in %d bytes", n, len(b))
		}
		_ = BlockWeight(s)
		if _, number, ok := headOf(b); ok && len(b) < 98 {
			t.Errorf("%d bytes are no header, not even #%d", len(b), number)
		}
	})
}
