package guide

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pileus/frame"
	"pileus/frame/frametest"
	"pileus/frame/host"
	"pileus/frame/pallet/parachainsystem"
	"pileus/primitives"
	"pileus/scale"
)

// inspect runs f on the chain's tip.
func inspect(c *frametest.Chain, f func()) { host.Run(host.NewMemory(c.State, nil), f) }

// developmentChain is a Go chain on the preset.
func developmentChain(t testing.TB, stage string) (*Runtime, *frametest.Chain) {
	t.Helper()
	for _, s := range Stages {
		if s.Name == stage {
			r := New(s.Settings())
			c, err := frametest.New(frametest.Native(r.Runtime), "development")
			if err != nil {
				t.Fatal(err)
			}
			return r, c
		}
	}
	t.Fatalf("no stage %q", stage)
	return nil, nil
}

// TestInvariants: whatever is in the blocks, money is conserved, weights stay within the
// limits, and the segment is what its blocks make it.
func TestInvariants(t *testing.T) {
	type chain struct {
		*Runtime
		start *frametest.Chain
	}
	var stages []chain
	for _, s := range Stages {
		r, c := developmentChain(t, s.Name)
		stages = append(stages, chain{r, c})
	}
	rapid.Check(t, func(t *rapid.T) {
		stage := stages[rapid.IntRange(0, len(stages)-1).Draw(t, "stage")]
		r, c := stage.Runtime, stage.start.Clone()
		included := c.Genesis.EncodeTo(nil)
		forced := false
		for n := range rapid.IntRange(1, 6).Draw(t, "blocks") {
			var list [][]byte
			for range rapid.IntRange(0, 6).Draw(t, "extrinsics") {
				x, _ := step(t, [2]*frametest.Chain{c, c})
				list = append(list, x[1])
			}
			if rapid.Bool().Draw(t, "parent included") {
				included = c.Head.EncodeTo(nil)
			}
			relay := &frametest.Relay{Number: 101 + uint32(n), Slot: firstSlot + uint64(n), Included: included}
			b, err := c.Advance(relay, list...)
			if err != nil {
				words := []string{"unincluded segment", "parent to be included"}
				if !r.Settings.AllowMultipleBlocksPerSlot {
					words = append(words, "Slot must increase")
				}
				if !slices.ContainsFunc(words, func(w string) bool { return frametest.Refused(err, w) }) {
					t.Fatal(err)
				}
				continue
			}
			for _, e := range b.Events {
				forced = forced || e.Name == "TotalIssuanceForced" // then it is what it is
			}
			inspect(c, func() { checkInvariants(t, r, relay, forced) })
		}
	})
}

func checkInvariants(t *rapid.T, r *Runtime, relay *frametest.Relay, forced bool) {
	var sum frame.Balance
	r.System.Account.Each(func(who frame.AccountID, a frame.AccountInfo) bool {
		sum = frame.Add(sum, frame.Add(a.Data.Free, a.Data.Reserved))
		if a.Providers == 0 || frame.Less(a.Data.Free, r.Balances.ExistentialDeposit) && a.Consumers == 0 {
			t.Fatalf("%v should not exist: %+v", who, a)
		}
		return true
	})
	if issuance := r.Balances.TotalIssuance.Get(); sum != issuance && !forced {
		t.Fatalf("issuance %v, accounts hold %v", issuance, sum)
	}
	used := r.System.BlockWeight.Get()
	limits := r.System.BlockWeights
	if used[frame.Normal].Exceeds(*limits.PerClass[frame.Normal].MaxTotal) {
		t.Fatalf("normal weight %v", used)
	}
	segment := r.ParachainSystem.UnincludedSegment.Get()
	if len(segment) > max(int(r.Settings.UnincludedSegmentCapacity), 1) { // 1: ExpectParentIncluded
		t.Fatalf("segment of %d blocks", len(segment))
	}
	var bandwidth parachainsystem.UsedBandwidth
	signals := 0
	for _, a := range segment {
		bandwidth.UmpMsgCount += a.UsedBandwidth.UmpMsgCount
		bandwidth.UmpTotalBytes += a.UsedBandwidth.UmpTotalBytes
		if a.ConsumedGoAheadSignal != nil {
			signals++
		}
	}
	aggregate := r.ParachainSystem.AggregatedUnincludedSegment.Get()
	if aggregate.UsedBandwidth.UmpMsgCount != bandwidth.UmpMsgCount || aggregate.UsedBandwidth.UmpTotalBytes != bandwidth.UmpTotalBytes || signals > 1 {
		t.Fatalf("the sum is %+v, the blocks are %+v", aggregate, segment)
	}
	if n := r.ParachainSystem.LastRelayChainBlockNumber.Get(); n != relay.Number {
		t.Fatalf("relay number %d, not %d", n, relay.Number)
	}
	slot := relay.Timestamp() / r.Settings.SlotDuration
	info, hooked := r.AuraExt.RelaySlotInfo.TryGet()
	if r.Aura.CurrentSlot.Get() != slot || r.Timestamp.Now.Get()/r.Settings.SlotDuration != slot || hooked != r.Settings.FixedVelocityConsensusHook ||
		hooked && (info.Slot != relay.Slot || info.Count > r.Settings.BlockProcessingVelocity+1) {
		t.Fatalf("slots: %d, %d, %+v", r.Aura.CurrentSlot.Get(), r.Timestamp.Now.Get(), info)
	}
	digest := r.System.Digest.Get()
	root, ok := digest.RelayStorageRoot()
	if vd := r.ParachainSystem.ValidationData.Get(); !ok || root.Root != vd.RelayParentStorageRoot || root.Number != vd.RelayParentNumber {
		t.Fatalf("digest %v names another relay parent than %+v", digest, vd)
	}
}

// TestAnyExtrinsic: any bytes as an extrinsic are refused or applied, and the chain goes on.
func TestAnyExtrinsic(t *testing.T) {
	_, start := developmentChain(t, "phase3")
	bob := frametest.Account("Bob")
	good, err := start.Clone().Sign("Alice", 0, "Balances", "transfer_keep_alive", bob[:], uint64(1e12))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := start.Clone()
		x := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			x = append([]byte{rapid.SampledFrom([]byte{4, 5, 0x84, 0x45}).Draw(t, "type")}, x...)
		case 1: // a good one, changed
			x = append([]byte(nil), good...)
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				x[rapid.IntRange(0, len(x)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
		case 2: // a bare call
			x = append([]byte{5, rapid.SampledFrom([]byte{0, 1, 2, 10, 12, 15, 40}).Draw(t, "pallet"), rapid.ByteRange(0, 12).Draw(t, "call")}, x...)
		}
		relay := &frametest.Relay{Number: 101, Slot: firstSlot, Included: c.Genesis.EncodeTo(nil)}
		b, err := c.Advance(relay, x)
		if err != nil {
			t.Fatalf("the chain stops: %v", err)
		}
		if len(b.Included) == 3 && b.Results[2][0] != 0 {
			t.Fatal("a refused extrinsic is in the block")
		}
		for _, source := range []byte{0, 1, 2} {
			args := append(scale.AppendBytes([]byte{source}, x), make([]byte, 32)...)
			if out, err := c.Query("TaggedTransactionQueue_validate_transaction", args); err == nil && len(out) == 0 {
				t.Fatal("no answer")
			}
		}
	})
}

// TestAnyInherent: any bytes as inherent data end the block at most, never the runtime.
func TestAnyInherent(t *testing.T) {
	_, c := developmentChain(t, "phase3")
	rapid.Check(t, func(t *rapid.T) {
		data := primitives.InherentData{}
		for _, id := range []primitives.InherentID{primitives.InherentTimestamp, primitives.InherentParachain, primitives.InherentParachainV0} {
			if rapid.Bool().Draw(t, "there") {
				data[id] = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
			}
		}
		s := c.Machine(c.State, nil)
		h := primitives.Header{ParentHash: c.Head.Hash(), Number: 1, Digest: primitives.Digest{primitives.AuraPreDigest(firstSlot)}}
		if _, err := s.Call("Core_initialize_block", h.EncodeTo(nil)); err != nil {
			t.Fatal(err)
		}
		_, err := s.Call("BlockBuilder_inherent_extrinsics", data.EncodeTo(nil))
		var words *frametest.PanicError
		if err != nil && !errors.As(err, &words) {
			t.Fatal(err)
		}
	})
}
