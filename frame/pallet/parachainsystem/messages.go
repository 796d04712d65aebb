package parachainsystem

import (
	"sort"

	"pileus/frame"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// receiveDownward takes the downward messages. Those in full go to the handler; with the
// hashed ones behind them the chain must end at the relay chain's head.
func (p *Pallet) receiveDownward(expected hashing.Hash, m *InboundMessages) (used frame.Weight) {
	if len(m.DownwardHashed) > 0 && len(m.Downward) == 0 {
		panic("Advancement rule violation: mandatory messages missing")
	}
	used = p.System().DbWeight.With(frame.Weight{RefTime: 1_735_000 + 25_300_108*uint64(len(m.Downward)), ProofSize: 8013}, 4, 4)
	head := p.LastDmqMqcHead.Get()
	if n := len(m.Downward); n > 0 {
		p.downwardReceived.Deposit(uint32(n))
		for _, msg := range m.Downward {
			head = primitives.ChainMessage(head, msg)
		}
		p.LastDmqMqcHead.Put(head)
		if p.DmpQueue != nil {
			used = used.Add(p.DmpQueue(m.Downward))
		}
		p.downwardProcessed.Deposit(used, head)
		last := MessageID{SentAt: m.Downward[n-1].SentAt}
		for _, h := range m.DownwardHashed {
			head = h.extend(head)
			if h.SentAt == last.SentAt {
				last.ReverseIndex++
			}
		}
		p.LastProcessedDownwardMessage.Put(last)
	}
	if head != expected {
		panic("DMQ head mismatch")
	}
	p.ProcessedDownwardMessages.Put(uint32(len(m.Downward)))
	return used
}

// heads are the message queue chains by sender, ascending.
type heads []MqcHead

// of finds a sender's chain, nil if there is none.
func (h heads) of(sender primitives.ParaID) *hashing.Hash {
	i := sort.Search(len(h), func(i int) bool { return h[i].Sender >= sender })
	if i < len(h) && h[i].Sender == sender {
		return &h[i].Head
	}
	return nil
}

// make finds a sender's chain, or begins one.
func (h *heads) make(sender primitives.ParaID) *hashing.Hash {
	if head := h.of(sender); head != nil {
		return head
	}
	i := sort.Search(len(*h), func(i int) bool { return (*h)[i].Sender >= sender })
	*h = append(*h, MqcHead{})
	copy((*h)[i+1:], (*h)[i:])
	(*h)[i] = MqcHead{Sender: sender}
	return &(*h)[i].Head
}

// check demands that every channel's chain ends where the relay chain says. Channels
// without a chain get an empty one.
func (h *heads) check(ingress []Channel) {
	for i := range ingress {
		var expected hashing.Hash
		if head := ingress[i].MQCHead; head != nil {
			expected = *head
		}
		if *h.make(ingress[i].Peer) != expected {
			panic("HRMP head mismatch")
		}
	}
}

// receiveHorizontal takes the HRMP messages, in the order (sent at, sender).
func (p *Pallet) receiveHorizontal(ingress []Channel, m *InboundMessages, relayParent uint32) (used frame.Weight) {
	p.checkOrder(ingress, m)
	var list heads
	for _, h := range p.LastHrmpMqcHeads.Get() { // chains of closed channels end
		if channel(ingress, h.Sender) != nil {
			list = append(list, h)
		}
	}
	if len(m.Horizontal) == 0 {
		list.check(ingress)
		p.LastProcessedHrmpMessage.Put(MessageID{SentAt: relayParent})
		p.HrmpWatermark.Put(relayParent)
		p.LastHrmpMqcHeads.Put(list)
		return used
	}
	used = p.System().DbWeight.With(used, 1, 1)
	mark := p.HrmpWatermark.Get()
	previous := m.Horizontal[0].SentAt
	for _, msg := range m.Horizontal {
		head := list.make(msg.Sender)
		*head = primitives.ChainMessage(*head, msg.InboundMessage)
		if msg.SentAt > previous {
			mark, previous = previous, msg.SentAt
		}
	}
	p.LastHrmpMqcHeads.Put(list)
	last := MessageID{SentAt: previous}
	rest := append(heads(nil), list...)
	for _, h := range m.HorizontalHashed {
		head := rest.make(h.Sender)
		*head = h.extend(*head)
		if h.SentAt == last.SentAt {
			last.ReverseIndex++
		}
	}
	rest.check(ingress)
	if last.ReverseIndex == 0 {
		mark = last.SentAt
	}
	p.LastProcessedHrmpMessage.Put(last)
	if p.XcmpMessageHandler != nil {
		used = used.Add(p.XcmpMessageHandler(m.Horizontal))
	}
	p.HrmpWatermark.Put(mark)
	return used
}

// checkOrder demands open channels, the right order, and that no more is hashed than must be.
func (p *Pallet) checkOrder(ingress []Channel, m *InboundMessages) {
	var before primitives.ParaID
	var at uint32
	var full uint64
	next := func(sentAt uint32, sender primitives.ParaID) {
		if sentAt < at || sentAt == at && sender < before {
			panic("[HRMP] Messages order violation")
		}
		at, before = sentAt, sender
		if channel(ingress, sender) == nil {
			panic("One of the messages submitted by the collator was sent from a sender that doesn't have a channel opened to this parachain")
		}
	}
	for i := range m.Horizontal {
		next(m.Horizontal[i].SentAt, m.Horizontal[i].Sender)
		full += uint64(len(m.Horizontal[i].Data))
	}
	for i, h := range m.HorizontalHashed {
		next(h.SentAt, h.Sender)
		if i == 0 && full+uint64(channel(ingress, h.Sender).MaxMessageSize) <= p.messageBudget() {
			panic("Advancement rule violation: full messages fit")
		}
	}
}

func channel(list []Channel, peer primitives.ParaID) *Channel {
	for i := range list {
		if list[i].Peer == peer {
			return &list[i]
		}
	}
	return nil
}

// SendUpwardMessage puts a message for the relay chain into the queue. Its fee factor
// grows while the queue is long.
func (p *Pallet) SendUpwardMessage(msg []byte) error {
	c, ok := p.HostConfiguration.TryGet()
	pending := p.PendingUpwardMessages.Get()
	if ok {
		if uint64(len(msg)) > uint64(c.MaxUpwardMessageSize) {
			return p.ErrTooBig
		}
		if total(pending)+uint64(len(msg)) > uint64(c.MaxUpwardQueueSize)/2 {
			p.UpwardDeliveryFeeFactor.Mutate(func(f *frame.Balance) {
				step := frame.Add(feeStep, frame.Mul(feePerKiB, frame.Amount(uint64(len(msg)/1024))))
				*f = frame.FixedMul(*f, step)
			})
		}
	}
	p.PendingUpwardMessages.Put(append(pending, msg))
	hash := [32]byte(hashing.Blake2b256(msg))
	p.upwardSent.Deposit(&hash)
	return nil
}

var (
	feeStep   = frame.Amount(1_050_000_000_000_000_000) // 1.05
	feePerKiB = frame.Amount(1_000_000_000_000_000)     // 0.001
)

func total(list [][]byte) (n uint64) {
	for _, m := range list {
		n += uint64(len(m))
	}
	return n
}

// sendUpward moves what fits of the queue into the block, and returns what it took.
func (p *Pallet) sendUpward(c *HostConfiguration, m *MessagingState, tracker *PoVMessages) UsedBandwidth {
	pending := p.PendingUpwardMessages.Get()
	count := min(m.RemainingCount, saturating(c.MaxUpwardMessageNumPerCandidate, tracker.UmpMessages))
	used := UsedBandwidth{}
	for _, msg := range pending {
		size := uint64(used.UmpTotalBytes) + uint64(len(msg))
		if used.UmpMsgCount >= count || size > uint64(m.RemainingSize) {
			break
		}
		used.UmpMsgCount, used.UmpTotalBytes = used.UmpMsgCount+1, uint32(size)
	}
	n := int(used.UmpMsgCount)
	p.UpwardMessages.Put(pending[:n])
	p.PendingUpwardMessages.Put(pending[n:])
	tracker.UmpMessages += used.UmpMsgCount
	if total(pending[n:]) <= uint64(c.MaxUpwardQueueSize)/2 {
		p.UpwardDeliveryFeeFactor.Mutate(func(f *frame.Balance) {
			*f = frame.FixedDiv(*f, feeStep)
			if frame.Less(*f, frame.FixedOne) {
				*f = frame.FixedOne
			}
		})
	}
	return used
}

// sendHorizontal takes what the source has for open channels.
func (p *Pallet) sendHorizontal(c *HostConfiguration, tracker *PoVMessages, used *UsedBandwidth) {
	announced, _ := p.AnnouncedHrmpMessagesPerCandidate.Take()
	limit := saturating(min(c.HrmpMaxMessageNumPerCandidate, announced), tracker.HrmpOutbound)
	var out []primitives.OutboundHrmpMessage
	if p.OutboundXcmpMessageSource != nil {
		out = p.OutboundXcmpMessageSource(int(limit), tracker.Recipients)
	}
	for _, msg := range out {
		used.add(HrmpUpdate{msg.Recipient, 1, uint32(len(msg.Data))})
		tracker.Recipients = append(tracker.Recipients, msg.Recipient)
	}
	tracker.HrmpOutbound += uint32(len(out))
	p.HrmpOutboundMessages.Put(out)
}

// signal is a message behind the separator, for the relay chain's own machinery.
func (p *Pallet) sendSignals(digest primitives.Digest) {
	if bundle, ok := digest.Cumulus(primitives.CumulusBundleInfo); ok && !bundle.Bundle.IsLast && !endsCore(digest) {
		return
	}
	signals, _ := p.PendingUpwardSignals.Take()
	if core, ok := digest.Cumulus(primitives.CumulusCoreInfo); ok {
		signals = append(signals, primitives.SelectCoreSignal(primitives.CoreSelection{Selector: core.Core.Selector, ClaimQueueOffset: core.Core.ClaimQueueOffset}))
	}
	if peer, ok := p.PendingApprovedPeer.Take(); ok {
		signals = append(signals, primitives.ApprovedPeerSignal(peer))
	}
	if len(signals) > 0 {
		p.UpwardMessages.Mutate(func(list *[][]byte) {
			*list = append(append(*list, []byte{}), signals...)
		})
	}
}

// endsCore tells whether the block must be the last on its core whatever its author said.
func endsCore(digest primitives.Digest) bool {
	if _, ok := digest.Cumulus(primitives.CumulusUseFullCore); ok {
		return true
	}
	for _, item := range digest {
		if item.Kind == primitives.DigestEnvironmentUpdated {
			return true
		}
	}
	return false
}

var bytesVec = frame.Codec[[][]byte]{
	Encode: scale.AppendBytesVec,
	Decode: func(d *scale.Decoder) [][]byte { return d.BytesVec(maxMessages, frame.MaxBytes) },
	Type:   frame.SequenceOf(frame.TypeBytes),
}
