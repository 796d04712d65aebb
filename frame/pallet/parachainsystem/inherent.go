package parachainsystem

import (
	"sort"

	"pileus/frame"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// InherentData is what the node says of the relay chain (ParachainInherentData).
type InherentData struct {
	ValidationData  primitives.PersistedValidationData
	RelayChainState trie.Proof
	Downward        []primitives.InboundMessage
	Horizontal      []HrmpMessage // ascending by sender, then in the order of sending
	Descendants     []primitives.Header
	CollatorPeer    *[]byte
}

// HrmpMessage is a message with its sender.
type HrmpMessage struct {
	Sender primitives.ParaID
	primitives.InboundMessage
}

// decodeInherentData reads the form of sysi1338, or of sysi1337, which ends earlier.
func decodeInherentData(b []byte, v0 bool) (data InherentData, err error) {
	d := scale.NewDecoder(b)
	data.ValidationData.DecodeFrom(d)
	data.RelayChainState.DecodeFrom(d)
	data.Downward = scale.DecodeVec[primitives.InboundMessage](d, maxMessages)
	for range d.Len(maxChannels, 5) {
		sender := primitives.ParaID(d.U32())
		for _, m := range scale.DecodeVec[primitives.InboundMessage](d, maxMessages) {
			data.Horizontal = append(data.Horizontal, HrmpMessage{sender, m})
		}
	}
	if !v0 {
		data.Descendants = scale.DecodeVec[primitives.Header](d, maxMessages)
		data.CollatorPeer = peerCodec.Decode(d)
	}
	return data, d.Err()
}

var peerCodec = frame.Option(frame.Codec[[]byte]{Encode: scale.AppendBytes, Decode: func(d *scale.Decoder) []byte { return d.Bytes(maxPeerID) }, Type: typePeer})

// BasicData is the first argument of set_validation_data.
type BasicData struct {
	ValidationData  primitives.PersistedValidationData
	RelayChainState trie.Proof
	Descendants     []primitives.Header
	CollatorPeer    *[]byte
}

// EncodeTo appends the SCALE encoding.
func (v *BasicData) EncodeTo(b []byte) []byte {
	b = v.RelayChainState.EncodeTo(v.ValidationData.EncodeTo(b))
	b = scale.AppendCompact(b, uint64(len(v.Descendants)))
	for i := range v.Descendants {
		b = v.Descendants[i].EncodeTo(b)
	}
	return peerCodec.Encode(b, v.CollatorPeer)
}

// DecodeFrom reads the SCALE encoding.
func (v *BasicData) DecodeFrom(d *scale.Decoder) {
	v.ValidationData.DecodeFrom(d)
	v.RelayChainState.DecodeFrom(d)
	v.Descendants = scale.DecodeVec[primitives.Header](d, maxMessages)
	v.CollatorPeer = peerCodec.Decode(d)
}

// HashedMessage stands for a message that a block does not hold in full: a later one will.
type HashedMessage struct {
	Sender primitives.ParaID // of an HRMP message
	SentAt uint32
	Hash   hashing.Hash
}

func hashMessage(sender primitives.ParaID, m primitives.InboundMessage) HashedMessage {
	return HashedMessage{sender, m.SentAt, hashing.Blake2b256(scale.AppendBytes(nil, m.Data))}
}

// extend is the message queue chain behind prev with the message.
func (h HashedMessage) extend(prev hashing.Hash) hashing.Hash {
	b := scale.AppendU32(append(make([]byte, 0, 68), prev[:]...), h.SentAt)
	return hashing.Blake2b256(append(b, h.Hash[:]...))
}

// InboundMessages is the second argument of set_validation_data.
type InboundMessages struct {
	Downward         []primitives.InboundMessage
	DownwardHashed   []HashedMessage
	Horizontal       []HrmpMessage
	HorizontalHashed []HashedMessage
}

// EncodeTo appends the SCALE encoding.
func (m *InboundMessages) EncodeTo(b []byte) []byte {
	b = scale.AppendVec(b, m.Downward)
	b = scale.AppendVecFunc(b, m.DownwardHashed, func(b []byte, h HashedMessage) []byte {
		return h.Hash.EncodeTo(scale.AppendU32(b, h.SentAt))
	})
	b = scale.AppendVecFunc(b, m.Horizontal, func(b []byte, h HrmpMessage) []byte {
		return h.InboundMessage.EncodeTo(h.Sender.EncodeTo(b))
	})
	return scale.AppendVecFunc(b, m.HorizontalHashed, func(b []byte, h HashedMessage) []byte {
		return h.Hash.EncodeTo(scale.AppendU32(h.Sender.EncodeTo(b), h.SentAt))
	})
}

// DecodeFrom reads the SCALE encoding.
func (m *InboundMessages) DecodeFrom(d *scale.Decoder) {
	m.Downward = scale.DecodeVec[primitives.InboundMessage](d, maxMessages)
	m.DownwardHashed = scale.DecodeVecFunc(d, maxMessages, func(d *scale.Decoder) (h HashedMessage) {
		h.SentAt = d.U32()
		d.Array(h.Hash[:])
		return h
	})
	m.Horizontal = scale.DecodeVecFunc(d, maxMessages, func(d *scale.Decoder) (h HrmpMessage) {
		h.Sender = primitives.ParaID(d.U32())
		h.InboundMessage.DecodeFrom(d)
		return h
	})
	m.HorizontalHashed = scale.DecodeVecFunc(d, maxMessages, func(d *scale.Decoder) (h HashedMessage) {
		h.Sender = primitives.ParaID(d.U32())
		h.SentAt = d.U32()
		d.Array(h.Hash[:])
		return h
	})
}

// CreateInherent makes set_validation_data from the node's data: processed messages are
// dropped, and those that no longer fit stand as hashes. Without data there is no call,
// and the block will not finalize.
func (p *Pallet) CreateInherent(all primitives.InherentData) []byte {
	raw, ok := all[primitives.InherentParachain]
	v0 := !ok
	if v0 {
		if raw, ok = all[primitives.InherentParachainV0]; !ok {
			return nil
		}
	}
	data, err := decodeInherentData(raw, v0)
	if err != nil {
		panic("inherent data of the relay chain does not decode: " + err.Error())
	}
	inbound := p.selectMessages(&data, p.messageBudget())
	basic := BasicData{data.ValidationData, data.RelayChainState, data.Descendants, data.CollatorPeer}
	return inbound.EncodeTo(basic.EncodeTo([]byte{p.Index, 0}))
}

// IsInherent tells whether the call is set_validation_data.
func (p *Pallet) IsInherent(c *frame.Call) bool { return c.Is(&p.Pallet, "set_validation_data") }

// selectMessages drops what was processed and decides what the block holds in full: of
// each queue as many bytes as the budget says, of HRMP also what downward messages left.
func (p *Pallet) selectMessages(data *InherentData, budget uint64) *InboundMessages {
	fallback := MessageID{SentAt: p.LastRelayChainBlockNumber.Get()}
	last := func(v *frame.Value[MessageID]) MessageID {
		if id, ok := v.TryGet(); ok {
			return id
		}
		return fallback
	}
	downward := data.Downward[processed(len(data.Downward), func(i int) uint32 { return data.Downward[i].SentAt }, last(&p.LastProcessedDownwardMessage)):]
	horizontal := data.Horizontal
	sort.SliceStable(horizontal, func(a, b int) bool {
		if horizontal[a].SentAt != horizontal[b].SentAt {
			return horizontal[a].SentAt < horizontal[b].SentAt
		}
		return horizontal[a].Sender < horizontal[b].Sender
	})
	horizontal = horizontal[processed(len(horizontal), func(i int) uint32 { return horizontal[i].SentAt }, last(&p.LastProcessedHrmpMessage)):]

	left := budget
	m := &InboundMessages{}
	n := fitting(len(downward), func(i int) int { return len(downward[i].Data) }, &left)
	m.Downward = downward[:n]
	for _, msg := range downward[n:] {
		m.DownwardHashed = append(m.DownwardHashed, hashMessage(0, msg))
	}
	left += budget
	n = fitting(len(horizontal), func(i int) int { return len(horizontal[i].Data) }, &left)
	m.Horizontal = horizontal[:n]
	for _, msg := range horizontal[n:] {
		m.HorizontalHashed = append(m.HorizontalHashed, hashMessage(msg.Sender, msg.InboundMessage))
	}
	return m
}

// messageBudget is how many bytes of messages of one queue a block holds in full.
func (p *Pallet) messageBudget() uint64 {
	s := p.System()
	return min(s.BlockWeights.MaxBlock.ProofSize/6, s.RemainingWeight().ProofSize)
}

// processed is how many of n messages were processed before, up to the one that last names.
func processed(n int, sentAt func(int) uint32, last MessageID) int {
	for i := n - 1; i >= 0; i-- {
		switch at := sentAt(i); {
		case at == last.SentAt:
			return max(0, i-int(min(last.ReverseIndex, maxMessages))+1)
		case at < last.SentAt:
			return i + 1
		}
	}
	return 0
}

// fitting is how many messages fit into the budget. If not even the first does, all are
// held, and nothing is spent: a queue must go on.
func fitting(n int, length func(int) int, budget *uint64) int {
	if n > 0 && uint64(length(0)) > *budget {
		return n
	}
	for i := range n {
		if uint64(length(i)) > *budget {
			return i
		}
		*budget -= uint64(length(i))
	}
	return n
}
