package frametest

import (
	"pileus/crypto"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Relay is a relay block as a parachain sees it: the state that it proves. The zero
// fields are those of a quiet relay chain.
type Relay struct {
	Number   uint32
	Slot     uint64
	Included []byte // head data of the para's included block
	Skew     uint64 // ms that the author's clock is ahead of the slot
	Digest   primitives.Digest

	GoAhead    *primitives.UpgradeGoAhead
	Restricted bool
	Downward   []primitives.InboundMessage // new ones
	DmqHead    primitives.Hash             // of the queue, new ones included
	Ingress    []Ingress                   // ascending by sender
	Config     *[11]uint32                 // AbridgedHostConfiguration
	Peer       []byte                      // the collator's peer id; nil: none

	state *trie.Trie
}

// Ingress is an open channel from another parachain.
type Ingress struct {
	Sender   primitives.ParaID
	Head     primitives.Hash             // of its message queue chain, new messages included
	Messages []primitives.InboundMessage // new ones
}

// DefaultConfig is the host configuration of a relay chain of today.
var DefaultConfig = [11]uint32{3 << 20, 20480, 174762, 1 << 20, 65531, 16, 10, 14400, 600, 3, 2}

// Timestamp is the start of the slot in ms.
func (r *Relay) Timestamp() uint64 { return r.Slot * primitives.RelaySlotMillis }

func (r *Relay) trie(para primitives.ParaID) *trie.Trie {
	if r.state != nil {
		return r.state
	}
	config := r.Config
	if config == nil {
		config = &DefaultConfig
	}
	var encoded []byte
	for _, v := range config {
		encoded = scale.AppendU32(encoded, v)
	}
	public := relayAuthor.Public()
	authorities := scale.AppendU64(append([]byte{4}, public[:]...), 1)
	pairs := []trie.Pair{
		{Key: primitives.KeyCurrentSlot, Value: scale.AppendU64(nil, r.Slot)},
		{Key: primitives.KeyActiveConfig, Value: encoded},
		{Key: primitives.KeyDispatchQueueRemaining(para), Value: scale.AppendU32(scale.AppendU32(nil, config[2]), config[3])},
		{Key: primitives.KeyAuthorities, Value: authorities},
		{Key: primitives.KeyNextAuthorities, Value: authorities},
		{Key: primitives.KeyOneEpochAgo, Value: make([]byte, 32)},
	}
	if r.Included != nil {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyParaHead(para), Value: scale.AppendBytes(nil, r.Included)})
	}
	if r.GoAhead != nil {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyUpgradeGoAhead(para), Value: []byte{byte(*r.GoAhead)}})
	}
	if r.Restricted {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyUpgradeRestriction(para), Value: []byte{0}})
	}
	if !r.DmqHead.IsZero() {
		pairs = append(pairs, trie.Pair{Key: primitives.KeyDmqMqcHead(para), Value: r.DmqHead[:]})
	}
	if len(r.Ingress) > 0 {
		index := scale.AppendCompact(nil, uint64(len(r.Ingress)))
		for _, c := range r.Ingress {
			index = c.Sender.EncodeTo(index)
			channel := primitives.HrmpChannel{MaxCapacity: 8, MaxTotalSize: 1 << 20, MaxMessageSize: 1 << 17}
			if !c.Head.IsZero() {
				channel.MQCHead = &c.Head
			}
			id := primitives.ChannelID{Sender: c.Sender, Recipient: para}
			pairs = append(pairs, trie.Pair{Key: primitives.KeyHrmpChannel(id), Value: channel.EncodeTo(nil)})
		}
		pairs = append(pairs, trie.Pair{Key: primitives.KeyHrmpIngress(para), Value: index})
	}
	r.state = trie.FromPairs(trie.V1, pairs)
	return r.state
}

var relayAuthor = crypto.NewDevKey("Alice").Pair

// Inherent is what a collator tells a block of the chain that is built on this relay parent.
func (r *Relay) Inherent(c *Chain) *primitives.ParachainInherentData {
	state := r.trie(c.Para)
	keys := [][]byte{
		primitives.KeyCurrentSlot, primitives.KeyActiveConfig, primitives.KeyParaHead(c.Para),
		primitives.KeyDispatchQueueRemaining(c.Para), primitives.KeyDispatchQueueSize(c.Para), primitives.KeyDmqMqcHead(c.Para),
		primitives.KeyHrmpIngress(c.Para), primitives.KeyHrmpEgress(c.Para), primitives.KeyUpgradeGoAhead(c.Para),
		primitives.KeyUpgradeRestriction(c.Para), primitives.KeyAuthorities, primitives.KeyNextAuthorities,
	}
	horizontal := map[primitives.ParaID][]primitives.InboundMessage{}
	for _, in := range r.Ingress {
		keys = append(keys, primitives.KeyHrmpChannel(primitives.ChannelID{Sender: in.Sender, Recipient: c.Para}))
		if len(in.Messages) > 0 {
			horizontal[in.Sender] = in.Messages
		}
	}
	proof, err := trie.ReadProof(state, keys)
	if err != nil {
		panic(err) // a trie in memory is whole
	}
	data := &primitives.ParachainInherentData{
		ValidationData: primitives.PersistedValidationData{
			ParentHead: c.Head.EncodeTo(nil), RelayParentNumber: r.Number, RelayParentStorageRoot: state.Root(), MaxPoVSize: primitives.MaxPoVSize,
		},
		RelayChainState: proof, DownwardMessages: r.Downward, HorizontalMessages: horizontal, CollatorPeerID: r.Peer,
	}
	if c.Offset > 0 {
		data.RelayParentDescendants = r.descendants(state.Root(), c.Offset)
	}
	return data
}

// descendants are the relay parent's header and n more, each sealed.
func (r *Relay) descendants(root primitives.Hash, n uint32) (list []primitives.Header) {
	parent := primitives.Hash{}
	for i := range n + 1 {
		h := primitives.Header{ParentHash: parent, Number: r.Number + i, StateRoot: root}
		claim := primitives.BabeClaim{Kind: primitives.BabeSecondaryPlain, Slot: primitives.Slot(r.Slot) + primitives.Slot(i)}
		h.Digest = primitives.Digest{{Kind: primitives.DigestPreRuntime, Engine: primitives.EngineBabe, Data: claim.EncodeTo(nil)}}
		hash := h.Hash()
		sig := relayAuthor.Sign(hash[:])
		h.Digest = append(h.Digest, primitives.DigestItem{Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: sig[:]})
		list = append(list, h)
		parent = h.Hash()
	}
	return list
}
