package parachainsystem

import (
	"sort"
	"testing"

	"pgregory.net/rapid"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// relayState is a whole relay state of these pairs, for para 100.
func relayState(pairs map[string][]byte) *RelayStateProof {
	var list []trie.Pair
	for k, v := range pairs {
		list = append(list, trie.Pair{Key: []byte(k), Value: v})
	}
	return &RelayStateProof{para: 100, state: trie.FromPairs(trie.V1, list)}
}

// TestBandwidthSums: what is subtracted is what was added, in any order.
func TestBandwidthSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var blocks []UsedBandwidth
		var sum UsedBandwidth
		for range rapid.IntRange(1, 6).Draw(t, "blocks") {
			u := UsedBandwidth{UmpMsgCount: rapid.Uint32Range(0, 5).Draw(t, "count"), UmpTotalBytes: rapid.Uint32Range(0, 500).Draw(t, "bytes")}
			for range rapid.IntRange(0, 4).Draw(t, "channels") {
				u.add(HrmpUpdate{primitives.ParaID(rapid.Uint32Range(1, 4).Draw(t, "to")), 1, rapid.Uint32Range(0, 90).Draw(t, "size")})
			}
			blocks = append(blocks, u)
			sum.UmpMsgCount += u.UmpMsgCount
			sum.UmpTotalBytes += u.UmpTotalBytes
			for _, h := range u.HrmpOutgoing {
				sum.add(h)
			}
			if !sort.SliceIsSorted(sum.HrmpOutgoing, func(a, b int) bool { return sum.HrmpOutgoing[a].Recipient < sum.HrmpOutgoing[b].Recipient }) {
				t.Fatal("channels are out of order")
			}
		}
		for _, i := range rapid.Permutation(indices(len(blocks))).Draw(t, "order") {
			sum.subtract(blocks[i])
		}
		if sum.UmpMsgCount != 0 || sum.UmpTotalBytes != 0 || len(sum.HrmpOutgoing) != 0 {
			t.Fatalf("left: %+v", sum)
		}
	})
}

func indices(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// TestTrackerLimits: the sum never goes beyond the relay chain's limits.
func TestTrackerLimits(t *testing.T) {
	limits := &MessagingState{RemainingCount: 3, RemainingSize: 100, Egress: []Channel{{Peer: 7, MaxCapacity: 2, MaxTotalSize: 50, MsgCount: 1, TotalSize: 10}}}
	mark := func(n uint32) watermark { return watermark{number: n} }
	go1 := primitives.UpgradeApproved
	for _, tc := range []struct {
		name  string
		block Ancestor
		mark  watermark
		fits  bool
	}{
		{"nothing", Ancestor{}, mark(5), true},
		{"watermark stays", Ancestor{}, mark(5), true},
		{"watermark goes back", Ancestor{}, mark(4), false},
		{"watermark of the relay parent may be any", Ancestor{}, watermark{4, true}, true},
		{"messages", Ancestor{UsedBandwidth: UsedBandwidth{UmpMsgCount: 2, UmpTotalBytes: 60}}, mark(6), true},
		{"too many messages", Ancestor{UsedBandwidth: UsedBandwidth{UmpMsgCount: 2, UmpTotalBytes: 1}}, mark(6), false},
		{"too many bytes", Ancestor{UsedBandwidth: UsedBandwidth{UmpMsgCount: 1, UmpTotalBytes: 41}}, mark(6), false},
		{"a channel", Ancestor{UsedBandwidth: UsedBandwidth{HrmpOutgoing: []HrmpUpdate{{7, 1, 40}}}}, mark(6), true},
		{"a full channel", Ancestor{UsedBandwidth: UsedBandwidth{HrmpOutgoing: []HrmpUpdate{{7, 1, 0}}}}, mark(6), false},
		{"no channel", Ancestor{UsedBandwidth: UsedBandwidth{HrmpOutgoing: []HrmpUpdate{{8, 1, 0}}}}, mark(6), false},
		{"a signal", Ancestor{ConsumedGoAheadSignal: &go1}, mark(6), true},
		{"a second signal", Ancestor{ConsumedGoAheadSignal: &go1}, mark(6), false},
	} {
		before := tracker.EncodeTo(nil)
		err := tracker.append(&tc.block, tc.mark, limits)
		if (err == nil) != tc.fits {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err != nil && string(tracker.EncodeTo(nil)) != string(before) {
			t.Errorf("%s: refused, but it left something", tc.name)
		}
	}
}

var tracker SegmentTracker

func FuzzInherentData(f *testing.F) {
	f.Add([]byte{0, 0}, true)
	f.Fuzz(func(t *testing.T, b []byte, v0 bool) {
		data, err := decodeInherentData(b, v0)
		if err != nil {
			return
		}
		basic := BasicData{data.ValidationData, data.RelayChainState, data.Descendants, data.CollatorPeer}
		var back BasicData
		if err := scale.Decode(basic.EncodeTo(nil), &back); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzInboundMessages(f *testing.F) {
	m := InboundMessages{Downward: []primitives.InboundMessage{{SentAt: 1, Data: []byte("m")}}, HorizontalHashed: []HashedMessage{{1, 2, hashing.Hash{3}}}}
	f.Add(m.EncodeTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, back InboundMessages
		if scale.Decode(b, &m) == nil && (scale.Decode(m.EncodeTo(nil), &back) != nil || string(back.EncodeTo(nil)) != string(b)) {
			t.Fatalf("%x comes back as %x", b, back.EncodeTo(nil))
		}
	})
}
