package relay

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// Reasons why a candidate's outputs are not accepted (inclusion::AcceptanceCheckErr).
var (
	ErrHeadDataTooLarge = errors.New("HeadDataTooLarge")
	ErrPrematureUpgrade = errors.New("PrematureCodeUpgrade")
	ErrNewCodeTooLarge  = errors.New("NewCodeTooLarge")
	ErrDownward         = errors.New("IncorrectDownwardMessageHandling")
	ErrUpward           = errors.New("InvalidUpwardMessages")
	ErrWatermark        = errors.New("HrmpWatermarkMishandling")
	ErrOutbound         = errors.New("InvalidOutboundHrmp")
)

// checkOutputs judges what a candidate with a relay parent of that number commits to by
// the live state (inclusion::check_validation_outputs).
func checkOutputs(r reader, config *primitives.HostConfiguration, para primitives.ParaID, relayParent uint32, out *primitives.CandidateCommitments) error {
	if len(out.HeadData) > int(config.MaxHeadDataSize) {
		return fmt.Errorf("%w: %d bytes of at most %d", ErrHeadDataTooLarge, len(out.HeadData), config.MaxHeadDataSize)
	}
	if out.NewValidationCode != nil {
		if itemFutureHash.at(para).has(r) || itemRestriction.at(para).has(r) {
			return ErrPrematureUpgrade
		}
		if n := len(*out.NewValidationCode); n > int(config.MaxCodeSize) {
			return fmt.Errorf("%w: %d bytes of at most %d", ErrNewCodeTooLarge, n, config.MaxCodeSize)
		}
	}
	if err := checkDownward(r, para, relayParent, out.ProcessedDownwardMessages); err != nil {
		return err
	}
	if err := checkUpward(r, config, para, out.UpwardMessages); err != nil {
		return err
	}
	if err := checkWatermark(r, para, relayParent, out.HrmpWatermark); err != nil {
		return err
	}
	return checkOutbound(r, config, para, out.HorizontalMessages)
}

// Downward messages.

// checkDownward wants a para to process at least one message that was there at its relay
// parent, and not more than there are (dmp::check_processed_downward_messages).
func checkDownward(r reader, para primitives.ParaID, relayParent, processed uint32) error {
	queue := itemDownward.at(para).or(r)
	if len(queue) > 0 && processed == 0 && queue[0].SentAt <= relayParent {
		return fmt.Errorf("%w: AdvancementRule: none processed of %d, the first was sent at #%d", ErrDownward, len(queue), queue[0].SentAt)
	}
	if int64(processed) > int64(len(queue)) {
		return fmt.Errorf("%w: Underflow: %d processed of %d", ErrDownward, processed, len(queue))
	}
	return nil
}

// Errors of messages to a para.
var (
	ErrMessageTooLarge = errors.New("ExceedsMaxMessageSize")
	ErrUnroutable      = errors.New("Unroutable")
)

// sendDownward queues a message to a para (dmp::queue_downward_message).
func (x *execution) sendDownward(para primitives.ParaID, data []byte) error {
	if len(data) > int(x.config.MaxDownwardMessageSize) {
		return fmt.Errorf("%w: %d bytes of at most %d", ErrMessageTooLarge, len(data), x.config.MaxDownwardMessageSize)
	}
	if !itemHead.at(para).has(x.tx) {
		return fmt.Errorf("para %d: %w", para, ErrUnroutable)
	}
	m := primitives.InboundMessage{SentAt: x.now, Data: data}
	queue, head := itemDownward.at(para), itemDownwardHead.at(para)
	list := append(slices.Clone(queue.or(x.tx)), m)
	queue.put(x.tx, list)
	head.put(x.tx, primitives.ChainMessage(head.or(x.tx), m))
	x.emit(Event{Kind: DownwardQueued, Para: para, Count: uint32(len(list))})
	return nil
}

func (x *execution) pruneDownward(para primitives.ParaID, processed uint32) {
	if processed == 0 {
		return
	}
	queue := itemDownward.at(para)
	list := queue.or(x.tx)
	putOrDel(queue, x.tx, slices.Clone(list[min(int(processed), len(list)):]))
}

// Upward messages.

// checkUpward bounds the messages in front of the separator by what the queue still takes
// (inclusion::check_upward_messages).
func checkUpward(r reader, config *primitives.HostConfiguration, para primitives.ParaID, list [][]byte) error {
	messages, _, _ := primitives.SplitUpwardMessages(list)
	if n := len(messages); n > int(config.MaxUpwardMessageNumPerCandidate) {
		return fmt.Errorf("%w: MoreMessagesThanPermitted: %d of at most %d", ErrUpward, n, config.MaxUpwardMessageNumPerCandidate)
	}
	queued := itemUpwardSize.at(para).or(r)
	if n := uint64(queued.A) + uint64(len(messages)); n > uint64(config.MaxUpwardQueueCount) {
		return fmt.Errorf("%w: CapacityExceeded: %d of at most %d", ErrUpward, n, config.MaxUpwardQueueCount)
	}
	size := uint64(queued.B)
	for i, m := range messages {
		if len(m) > int(config.MaxUpwardMessageSize) {
			return fmt.Errorf("%w: MessageSize: message %d has %d bytes of at most %d", ErrUpward, i, len(m), config.MaxUpwardMessageSize)
		}
		if size += uint64(len(m)); size > uint64(config.MaxUpwardQueueSize) {
			return fmt.Errorf("%w: TotalSizeExceeded: %d bytes of at most %d", ErrUpward, size, config.MaxUpwardQueueSize)
		}
	}
	return nil
}

// queueUpward puts an included candidate's messages into the para's queue. They are
// served from the next block on.
func (x *execution) queueUpward(para primitives.ParaID, messages [][]byte) {
	if len(messages) == 0 {
		return
	}
	x.setUpward(para, append(slices.Clone(itemUpward.at(para).or(x.tx)), messages...))
}

// setUpward writes a queue and what paras read of it (inclusion on_queue_changed).
func (x *execution) setUpward(para primitives.ParaID, queue [][]byte) {
	var size uint32
	for _, m := range queue {
		size += uint32(len(m))
	}
	count := uint32(len(queue))
	putOrDel(itemUpward.at(para), x.tx, queue)
	itemUpwardSize.at(para).put(x.tx, pair[uint32, uint32]{count, size})
	itemUpwardRemaining.at(para).put(x.tx, pair[uint32, uint32]{
		x.config.MaxUpwardQueueCount - min(count, x.config.MaxUpwardQueueCount),
		x.config.MaxUpwardQueueSize - min(size, x.config.MaxUpwardQueueSize)})
}

// serveUpward processes what waits in the upward queues. What the messages say is not
// interpreted. (pallet_message_queue on_initialize)
func (x *execution) serveUpward() {
	for _, para := range itemParas.or(x.tx) {
		queue := itemUpward.at(para).or(x.tx)
		n := len(queue)
		if limit := int(x.params.UpwardPerBlock); limit > 0 {
			n = min(n, limit)
		}
		if n == 0 {
			continue
		}
		x.setUpward(para, slices.Clone(queue[n:]))
		x.emit(Event{Kind: UpwardServed, Para: para, Count: uint32(n)})
	}
}

// Horizontal messages.

// checkWatermark wants the watermark to be the relay parent, or a block at which messages
// to the para were sent; it never falls (hrmp::check_hrmp_watermark).
func checkWatermark(r reader, para primitives.ParaID, relayParent, watermark uint32) error {
	if watermark == relayParent {
		return nil
	}
	if watermark > relayParent {
		return fmt.Errorf("%w: AheadRelayParent: %d, relay parent #%d", ErrWatermark, watermark, relayParent)
	}
	if last, ok := itemWatermark.at(para).get(r); ok && watermark <= last {
		if watermark == last {
			return nil
		}
		return fmt.Errorf("%w: AdvancementRule: %d after %d", ErrWatermark, watermark, last)
	}
	for _, d := range itemChannelDigests.at(para).or(r) {
		if d.A == watermark {
			return nil
		}
	}
	return fmt.Errorf("%w: LandsOnBlockWithNoMessages: %d", ErrWatermark, watermark)
}

// validWatermarks are the watermarks behind the relay parent that the para's next
// candidate may have (hrmp::valid_watermarks).
func validWatermarks(r reader, para primitives.ParaID) []uint32 {
	var list []uint32
	for _, d := range itemChannelDigests.at(para).or(r) {
		list = append(list, d.A)
	}
	if last, ok := itemWatermark.at(para).get(r); ok && len(list) > 0 && list[0] > last {
		list = slices.Insert(list, 0, last)
	}
	return list
}

// checkOutbound allows one message to each recipient, in ascending order, as far as
// channels take them (hrmp::check_outbound_hrmp).
func checkOutbound(r reader, config *primitives.HostConfiguration, sender primitives.ParaID, list []primitives.OutboundHrmpMessage) error {
	if len(list) > int(config.HrmpMaxMessageNumPerCandidate) {
		return fmt.Errorf("%w: MoreMessagesThanPermitted: %d of at most %d", ErrOutbound, len(list), config.HrmpMaxMessageNumPerCandidate)
	}
	for i, m := range list {
		if i > 0 && m.Recipient <= list[i-1].Recipient {
			return fmt.Errorf("%w: NotSorted: para %d after para %d", ErrOutbound, m.Recipient, list[i-1].Recipient)
		}
		c, ok := itemChannel.at(primitives.ChannelID{Sender: sender, Recipient: m.Recipient}).get(r)
		size := uint64(len(m.Data))
		switch {
		case !ok:
			return fmt.Errorf("%w: NoSuchChannel: to para %d", ErrOutbound, m.Recipient)
		case size > uint64(c.MaxMessageSize):
			return fmt.Errorf("%w: MaxMessageSizeExceeded: %d bytes of at most %d to para %d", ErrOutbound, size, c.MaxMessageSize, m.Recipient)
		case uint64(c.TotalSize)+size > uint64(c.MaxTotalSize):
			return fmt.Errorf("%w: TotalSizeExceeded: %d bytes of at most %d to para %d", ErrOutbound, uint64(c.TotalSize)+size, c.MaxTotalSize, m.Recipient)
		case uint64(c.MsgCount)+1 > uint64(c.MaxCapacity):
			return fmt.Errorf("%w: CapacityExceeded: %d messages of at most %d to para %d", ErrOutbound, uint64(c.MsgCount)+1, c.MaxCapacity, m.Recipient)
		}
	}
	return nil
}

// queueOutbound sends an included candidate's messages: they are there from this block on.
// Every channel keeps a hash chain of its messages, every recipient the blocks at which
// something came, and from whom. (hrmp::queue_outbound_hrmp)
func (x *execution) queueOutbound(sender primitives.ParaID, list []primitives.OutboundHrmpMessage) {
	for _, out := range list {
		id := primitives.ChannelID{Sender: sender, Recipient: out.Recipient}
		c, ok := itemChannel.at(id).get(x.tx)
		if !ok {
			continue
		}
		m := primitives.InboundMessage{SentAt: x.now, Data: out.Data}
		var head Hash
		if c.MQCHead != nil {
			head = *c.MQCHead
		}
		head = primitives.ChainMessage(head, m)
		c.MQCHead = &head
		c.MsgCount++
		c.TotalSize += uint32(len(m.Data))
		itemChannel.at(id).put(x.tx, c)
		contents := itemChannelContents.at(id)
		contents.put(x.tx, append(slices.Clone(contents.or(x.tx)), m))

		digests := slices.Clone(itemChannelDigests.at(out.Recipient).or(x.tx))
		if last := len(digests) - 1; last >= 0 && digests[last].A == x.now {
			digests[last].B = append(slices.Clone(digests[last].B), sender)
		} else {
			digests = append(digests, pair[uint32, []primitives.ParaID]{x.now, []primitives.ParaID{sender}})
		}
		itemChannelDigests.at(out.Recipient).put(x.tx, digests)
	}
}

// pruneInbound removes the messages up to the watermark (hrmp::prune_hrmp).
func (x *execution) pruneInbound(recipient primitives.ParaID, watermark uint32) {
	senders := map[primitives.ParaID]bool{}
	digests := itemChannelDigests.at(recipient)
	old := digests.or(x.tx)
	left := slices.Clone(old)
	for len(left) > 0 && left[0].A <= watermark {
		for _, s := range left[0].B {
			senders[s] = true
		}
		left = left[1:]
	}
	if len(left) < len(old) {
		putOrDel(digests, x.tx, left)
	}
	for _, sender := range sortedKeys(senders) {
		id := primitives.ChannelID{Sender: sender, Recipient: recipient}
		contents := slices.Clone(itemChannelContents.at(id).or(x.tx))
		c, ok := itemChannel.at(id).get(x.tx)
		for len(contents) > 0 && contents[0].SentAt <= watermark {
			c.MsgCount--
			c.TotalSize -= uint32(len(contents[0].Data))
			contents = contents[1:]
		}
		putOrDel(itemChannelContents.at(id), x.tx, contents)
		if ok {
			itemChannel.at(id).put(x.tx, c)
		}
	}
	itemWatermark.at(recipient).put(x.tx, watermark)
}

// openRequest is a channel that both sides want and that opens with the next session.
type openRequest struct {
	sender, recipient                      primitives.ParaID
	maxCapacity, maxMessageSize, totalSize uint32
	senderDeposit                          scale.U128
}

func (o openRequest) EncodeTo(b []byte) []byte {
	b = primitives.ChannelID{Sender: o.sender, Recipient: o.recipient}.EncodeTo(b)
	for _, v := range []uint32{o.maxCapacity, o.maxMessageSize, o.totalSize} {
		b = scale.AppendU32(b, v)
	}
	return scale.AppendU128(b, o.senderDeposit)
}

func (o *openRequest) DecodeFrom(d *scale.Decoder) {
	*o = openRequest{primitives.ParaID(d.U32()), primitives.ParaID(d.U32()), d.U32(), d.U32(), d.U32(), d.U128()}
}

// changeChannels opens and closes what was asked for in the session
// (hrmp::initializer_on_new_session).
func (x *execution) changeChannels() {
	for _, r := range itemOpenRequests.or(x.tx) {
		x.openChannel(r)
	}
	itemOpenRequests.del(x.tx)
	for _, c := range itemCloseRequests.or(x.tx) {
		id := primitives.ChannelID{Sender: c.A, Recipient: c.B}
		itemChannel.at(id).del(x.tx)
		itemChannelContents.at(id).del(x.tx)
		x.index(itemEgress.at(c.A), c.B, false)
		x.index(itemIngress.at(c.B), c.A, false)
		x.emit(Event{Kind: ChannelClosed, Para: c.A, Peer: c.B})
	}
	itemCloseRequests.del(x.tx)
}

func (x *execution) openChannel(r openRequest) {
	id := primitives.ChannelID{Sender: r.sender, Recipient: r.recipient}
	itemChannel.at(id).put(x.tx, primitives.HrmpChannel{MaxCapacity: r.maxCapacity, MaxTotalSize: r.totalSize, MaxMessageSize: r.maxMessageSize,
		SenderDeposit: r.senderDeposit, RecipientDeposit: x.deposit(x.config.HrmpRecipientDeposit, id)})
	x.index(itemEgress.at(r.sender), r.recipient, true)
	x.index(itemIngress.at(r.recipient), r.sender, true)
	x.emit(Event{Kind: ChannelOpened, Para: r.sender, Peer: r.recipient})
}

// deposit is what a channel costs: nothing where a system parachain (an id below 2000) takes part.
func (x *execution) deposit(amount scale.U128, id primitives.ChannelID) scale.U128 {
	if id.Sender < 2000 || id.Recipient < 2000 {
		return scale.U128{}
	}
	return amount
}

// index puts a para into an ascending list or takes it out.
func (x *execution) index(s slot[[]primitives.ParaID], para primitives.ParaID, in bool) {
	set := map[primitives.ParaID]bool{}
	for _, p := range s.or(x.tx) {
		set[p] = true
	}
	delete(set, para)
	if in {
		set[para] = true
	}
	putOrDel(s, x.tx, slices.Sorted(maps.Keys(set)))
}
