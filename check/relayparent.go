package check

import (
	"pileus/crypto"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// relayParent is a block of a relay chain as a parachain sees it: a state under the
// well-known keys, of which a collator proves a part. The relay chain is quiet: no
// messages, no upgrades.
type relayParent struct {
	number   uint32
	slot     primitives.Slot
	included []byte // head data of the para's included block; nil: none stands there
	noSlot   bool   // the state has no Babe.CurrentSlot
}

// relayAuthor seals the relay blocks on top of a relay parent.
var relayAuthor = crypto.NewDevKey("Alice").Pair

// millis is the start of the relay slot.
func (r relayParent) millis() uint64 { return uint64(r.slot) * primitives.RelaySlotMillis }

// state is the relay chain's state after the block.
func (r relayParent) state(c *parachain.Chain, config *primitives.HostConfiguration) *trie.Trie {
	public := relayAuthor.Public()
	authorities := scale.AppendU64(append([]byte{4}, public[:]...), 1)
	pairs := []trie.Pair{
		{Key: primitives.KeyActiveConfig, Value: config.EncodeTo(nil)},
		{Key: primitives.KeyDispatchQueueRemaining(c.ParaID), Value: scale.AppendU32(scale.AppendU32(nil, config.MaxUpwardQueueCount), config.MaxUpwardQueueSize)},
		{Key: primitives.KeyAuthorities, Value: authorities},
		{Key: primitives.KeyNextAuthorities, Value: authorities},
		{Key: primitives.KeyOneEpochAgo, Value: make([]byte, 32)},
		{Key: primitives.KeyTwoEpochsAgo, Value: make([]byte, 32)},
	}
	if !r.noSlot {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyCurrentSlot, Value: scale.AppendU64(nil, uint64(r.slot))})
	}
	if r.included != nil {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyParaHead(c.ParaID), Value: scale.AppendBytes(nil, r.included)})
	}
	if head := c.Facts.DmqHead; !head.IsZero() {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyDmqMqcHead(c.ParaID), Value: head[:]})
	}
	if len(c.Facts.HrmpHeads) > 0 {
		pairs = append(pairs, channels(c, config)...)
	}
	return trie.FromPairs(trie.V1, pairs)
}

// channels are the channels of which the parachain has received messages: their queues are empty.
func channels(c *parachain.Chain, config *primitives.HostConfiguration) (pairs []trie.Pair) {
	index := scale.AppendCompact(nil, uint64(len(c.Facts.HrmpHeads)))
	for _, h := range c.Facts.HrmpHeads {
		index = h.Sender.EncodeTo(index)
		channel := primitives.HrmpChannel{MaxCapacity: config.HrmpChannelMaxCapacity, MaxTotalSize: config.HrmpChannelMaxTotalSize, MaxMessageSize: config.HrmpChannelMaxMessageSize}
		if !h.Head.IsZero() {
			channel.MQCHead = &h.Head
		}
		id := primitives.ChannelID{Sender: h.Sender, Recipient: c.ParaID}
		pairs = append(pairs, trie.Pair{Key: primitives.KeyHrmpChannel(id), Value: channel.EncodeTo(nil)})
	}
	return append(pairs, trie.Pair{Key: primitives.KeyHrmpIngress(c.ParaID), Value: index})
}

// proof proves what a collator proves of the state (cumulus-client-parachain-inherent).
func (r relayParent) proof(c *parachain.Chain, state *trie.Trie) ([][]byte, error) {
	keys := [][]byte{
		primitives.KeyBlockRandomness, primitives.KeyOneEpochAgo, primitives.KeyTwoEpochsAgo, primitives.KeyActiveConfig,
		primitives.KeyDmqMqcHead(c.ParaID), primitives.KeyDispatchQueueSize(c.ParaID), primitives.KeyDispatchQueueRemaining(c.ParaID),
		primitives.KeyHrmpIngress(c.ParaID), primitives.KeyHrmpEgress(c.ParaID), primitives.KeyUpgradeGoAhead(c.ParaID),
		primitives.KeyUpgradeRestriction(c.ParaID), primitives.KeyParaHead(c.ParaID), primitives.KeyAuthorities, primitives.KeyNextAuthorities, primitives.KeyCurrentSlot,
	}
	for _, h := range c.Facts.HrmpHeads {
		keys = append(keys, primitives.KeyHrmpChannel(primitives.ChannelID{Sender: h.Sender, Recipient: c.ParaID}))
	}
	for _, k := range c.Facts.KeysToProve {
		if k.Child == nil {
			keys = append(keys, k.Key)
		}
	}
	return trie.ReadProof(state, keys)
}

// inherent is what a collator tells the block on that parent; headers is how many relay
// headers it hands over, the relay parent's first, as a relay parent offset asks for.
func (r relayParent) inherent(c *parachain.Chain, config *primitives.HostConfiguration, parent *primitives.Header, headers int) (*primitives.ParachainInherentData, error) {
	state := r.state(c, config)
	proof, err := r.proof(c, state)
	if err != nil {
		return nil, err
	}
	return &primitives.ParachainInherentData{
		ValidationData: primitives.PersistedValidationData{
			ParentHead: parent.EncodeTo(nil), RelayParentNumber: r.number, RelayParentStorageRoot: state.Root(), MaxPoVSize: config.MaxPoVSize,
		},
		RelayChainState: proof, RelayParentDescendants: r.descendants(state.Root(), headers),
	}, nil
}

// descendants are the relay parent's header and those that follow it, each sealed.
func (r relayParent) descendants(root primitives.Hash, n int) (list []primitives.Header) {
	parent := primitives.Hash{}
	for i := range n {
		h := primitives.Header{ParentHash: parent, Number: r.number + uint32(i), StateRoot: root}
		claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Slot: r.slot + primitives.Slot(i)}
		h.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
		hash := h.Hash()
		sig := relayAuthor.Sign(hash[:])
		h.Digest = append(h.Digest, primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
		list = append(list, h)
		parent = h.Hash()
	}
	return list
}
