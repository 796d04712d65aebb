package validateblock

import (
	"sort"

	"pileus/frame/pallet/parachainsystem"
	"pileus/primitives"
	"pileus/scale"
)

// outputs are what the blocks of a PoV say to the relay chain, put together.
type outputs struct {
	code       *[]byte // of the first block that has one
	upward     [][]byte
	selectCore []byte // signals, encoded
	approved   []byte
	horizontal []primitives.OutboundHrmpMessage
	processed  uint32
	watermark  uint32
	head       []byte
}

// collect adds the outputs of the block that has just been executed.
func (o *outputs) collect(p *parachainsystem.Pallet, sealed *primitives.Header) {
	if code, ok := p.NewValidationCode.TryGet(); ok && o.code == nil {
		o.code = &code
	}
	messages := p.UpwardMessages.Get()
	signals := messages[len(messages):]
	for i, m := range messages {
		if len(m) == 0 {
			messages, signals = messages[:i], messages[i+1:]
			break
		}
	}
	for _, s := range signals {
		o.signal(s)
	}
	if o.upward = append(o.upward, messages...); len(o.upward) > primitives.MaxUpwardMessages {
		panic("Number of upward messages should not be greater than `MAX_UPWARD_MESSAGE_NUM`")
	}
	o.horizontal = append(o.horizontal, p.HrmpOutboundMessages.Get()...)
	if len(o.horizontal) > primitives.MaxHorizontalMessage {
		panic("Number of horizontal messages should not be greater than `MAX_HORIZONTAL_MESSAGE_NUM`")
	}
	o.processed += p.ProcessedDownwardMessages.Get()
	o.watermark = p.HrmpWatermark.Get()
	if custom, ok := p.CustomValidationHeadData.TryGet(); ok {
		o.head = custom
	} else {
		o.head = sealed.EncodeTo(nil)
	}
}

// signal adds a signal, of which a PoV may have one of each kind.
func (o *outputs) signal(raw []byte) {
	d := scale.NewDecoder(raw)
	switch d.Variant() {
	case 0:
		d.Fixed(2)
		if o.selectCore != nil {
			panic("Parachain emitted more than one `SelectCore` UMP signal")
		}
		o.selectCore = raw
	case 1:
		d.Fixed(d.Len(maxPeer, 1))
		if o.approved != nil {
			panic("Parachain emitted more than one `ApprovedPeer` UMP signal")
		}
		o.approved = raw
	default:
		panic("Failed to decode `UMPSignal`")
	}
	if d.Err() != nil {
		panic("Failed to decode `UMPSignal`")
	}
}

// maxPeer bounds a peer id, in bytes.
const maxPeer = 64

// result is the answer to the relay chain. Signals follow the messages behind an empty one.
func (o *outputs) result() *primitives.ValidationResult {
	upward := o.upward
	if o.selectCore != nil || o.approved != nil {
		upward = append(upward, []byte{})
		for _, s := range [][]byte{o.selectCore, o.approved} {
			if s != nil {
				upward = append(upward, s)
			}
		}
		if len(upward) > primitives.MaxUpwardMessages {
			panic("UMPSignals does not fit in UMPMessages")
		}
	}
	sort.SliceStable(o.horizontal, func(a, b int) bool { return o.horizontal[a].Recipient < o.horizontal[b].Recipient })
	return &primitives.ValidationResult{HeadData: o.head, NewValidationCode: o.code, UpwardMessages: upward,
		HorizontalMessages: o.horizontal, ProcessedDownwardMessages: o.processed, HrmpWatermark: o.watermark}
}
