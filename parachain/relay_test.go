package parachain

import (
	"testing"

	"pileus/crypto"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// standIn is a relay chain as far as a parachain can see it: states with the well-known keys.
type standIn struct {
	para   primitives.ParaID
	number uint32
	slot   primitives.Slot
	author *crypto.Sr25519Pair
	config []byte

	goAhead bool // for the para's code upgrade
}

func newStandIn(para primitives.ParaID, number uint32, slot primitives.Slot) *standIn {
	var config []byte
	for _, v := range []uint32{5 << 20, 20480, 174762, 1048576, 65531, 16, 10, 14400, 600, 3, 2} {
		config = scale.AppendU32(config, v) // AbridgedHostConfiguration
	}
	return &standIn{para: para, number: number, slot: slot, author: crypto.NewDevKey("Alice").Pair, config: config}
}

// relayPoint is a relay parent as a collator uses it.
type relayPoint struct {
	number      uint32
	slot        primitives.Slot
	root        primitives.Hash
	proof       [][]byte
	descendants []primitives.Header // relay parent first
}

// next makes a relay block in whose state the para's head is included, with offset blocks on top of it.
func (r *standIn) next(t testing.TB, included []byte, offset uint32) *relayPoint {
	t.Helper()
	r.number++
	r.slot++
	public := r.author.Public()
	authorities := scale.AppendU64(append([]byte{4}, public[:]...), 1)
	pairs := []trie.Pair{
		{Key: primitives.KeyCurrentSlot, Value: scale.AppendU64(nil, uint64(r.slot))},
		{Key: primitives.KeyActiveConfig, Value: r.config},
		{Key: primitives.KeyParaHead(r.para), Value: scale.AppendBytes(nil, included)},
		{Key: primitives.KeyDispatchQueueRemaining(r.para), Value: scale.AppendU32(scale.AppendU32(nil, 174762), 1048576)},
		{Key: primitives.KeyAuthorities, Value: authorities},
		{Key: primitives.KeyNextAuthorities, Value: authorities},
		{Key: primitives.KeyOneEpochAgo, Value: make([]byte, 32)},
		{Key: primitives.KeyTwoEpochsAgo, Value: make([]byte, 32)},
	}
	if r.goAhead {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyUpgradeGoAhead(r.para), Value: []byte{1}})
	}
	state := trie.FromPairs(trie.V1, pairs)
	keys := [][]byte{
		primitives.KeyCurrentSlot, primitives.KeyActiveConfig, primitives.KeyParaHead(r.para),
		primitives.KeyDispatchQueueRemaining(r.para), primitives.KeyDispatchQueueSize(r.para), primitives.KeyDmqMqcHead(r.para),
		primitives.KeyHrmpIngress(r.para), primitives.KeyHrmpEgress(r.para), primitives.KeyUpgradeGoAhead(r.para),
		primitives.KeyUpgradeRestriction(r.para), primitives.KeyOneEpochAgo, primitives.KeyTwoEpochsAgo, primitives.KeyBlockRandomness,
		primitives.KeyAuthorities, primitives.KeyNextAuthorities,
	}
	proof, err := trie.ReadProof(state, keys)
	if err != nil {
		t.Fatal(err)
	}
	p := &relayPoint{number: r.number, slot: r.slot, root: state.Root(), proof: proof}
	if offset > 0 {
		parent := primitives.Hash{}
		for i := range offset + 1 {
			h := primitives.Header{ParentHash: parent, Number: r.number + i, StateRoot: p.root}
			claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Slot: r.slot + primitives.Slot(i)}
			h.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
			hash := h.Hash()
			sig := r.author.Sign(hash[:])
			h.Digest = append(h.Digest, primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
			p.descendants = append(p.descendants, h)
			parent = h.Hash()
		}
	}
	return p
}

// params are those of a lookahead collator's block on a relay parent; of the slot-based
// one, which names its core, if the relay parent has descendants.
func (p *relayPoint) params(parent *primitives.Header, state *trie.State, c *Chain) BuildParams {
	millis := uint64(p.slot) * primitives.RelaySlotMillis
	slot := primitives.Slot(millis / c.Facts.SlotDuration)
	b := BuildParams{
		Parent: parent, ParentState: state, Slot: slot, Timestamp: millis,
		Inherent: &primitives.ParachainInherentData{
			ValidationData: primitives.PersistedValidationData{
				ParentHead: parent.EncodeTo(nil), RelayParentNumber: p.number, RelayParentStorageRoot: p.root, MaxPoVSize: primitives.MaxPoVSize,
			},
			RelayChainState: p.proof, RelayParentDescendants: p.descendants,
		},
		Limits: Limits{Bytes: PoVBudget(primitives.MaxPoVSize)},
	}
	if len(p.descendants) > 0 {
		b.Digest = []primitives.DigestItem{
			primitives.CumulusItem{Kind: primitives.CumulusCoreInfo, Core: primitives.CoreInfo{ClaimQueueOffset: uint8(len(p.descendants) - 1), NumberOfCores: 1}}.DigestItem(),
			primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{IsLast: true}}.DigestItem(),
		}
	}
	b.Key, _ = ClaimSlot(slot, c.Facts.Authorities, c.Keys)
	return b
}
