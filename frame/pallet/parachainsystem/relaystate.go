package parachainsystem

import (
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// RelayStateProof is the part of the relay chain's state that a block carries.
type RelayStateProof struct {
	para  primitives.ParaID
	state *trie.Trie
}

// errAbsent says that a key that must be there is proven absent.
var errAbsent = errors.New("the key is absent")

// NewRelayStateProof opens the proof of a relay block with that storage root.
func NewRelayStateProof(para primitives.ParaID, root hashing.Hash, nodes [][]byte) (*RelayStateProof, error) {
	t, err := trie.FromProof(root, nodes)
	if err != nil {
		return nil, err
	}
	return &RelayStateProof{para, t}, nil
}

func (r *RelayStateProof) optional(key []byte) ([]byte, bool, error) { return r.state.Get(key, nil) }

func (r *RelayStateProof) value(what string, key []byte) ([]byte, error) {
	v, ok, err := r.optional(key)
	if err == nil && !ok {
		err = errAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}

// CurrentSlot is the relay parent's slot.
func (r *RelayStateProof) CurrentSlot() (uint64, error) {
	v, err := r.value("slot", primitives.KeyCurrentSlot)
	if err != nil {
		return 0, err
	}
	d := scale.NewDecoder(v)
	slot := d.U64()
	return slot, d.Err()
}

// IncludedParaHead is the head data of the para's last included block.
func (r *RelayStateProof) IncludedParaHead() ([]byte, error) {
	v, err := r.value("included head", primitives.KeyParaHead(r.para))
	if err != nil {
		return nil, err
	}
	d := scale.NewDecoder(v)
	head := d.Bytes(primitives.MaxHeadDataSize)
	return head, d.Err()
}

// HostConfiguration is the relay chain's configuration.
func (r *RelayStateProof) HostConfiguration() (c HostConfiguration, err error) {
	v, err := r.value("host configuration", primitives.KeyActiveConfig)
	if err != nil {
		return c, err
	}
	return c, scale.DecodePrefix(v, &c)
}

// UpgradeGoAhead is the relay chain's word on scheduled code, nil if it has none.
func (r *RelayStateProof) UpgradeGoAhead() (*primitives.UpgradeGoAhead, error) {
	v, ok, err := r.optional(primitives.KeyUpgradeGoAhead(r.para))
	if err != nil || !ok {
		return nil, err
	}
	d := scale.NewDecoder(append([]byte{1}, v...))
	signal := goAheadCodec.Decode(d)
	return signal, d.Err()
}

// UpgradeRestriction tells whether no new code may be scheduled.
func (r *RelayStateProof) UpgradeRestriction() (bool, error) {
	_, ok, err := r.optional(primitives.KeyUpgradeRestriction(r.para))
	return ok, err
}

// MessagingState reads the state of the queues.
func (r *RelayStateProof) MessagingState(c *HostConfiguration) (m MessagingState, err error) {
	v, ok, err := r.optional(primitives.KeyDmqMqcHead(r.para))
	if err != nil {
		return m, fmt.Errorf("downward queue head: %w", err)
	}
	if ok && len(v) >= 32 {
		copy(m.DmqMqcHead[:], v)
	}
	if m.RemainingCount, m.RemainingSize, err = r.dispatchQueue(c); err != nil {
		return m, err
	}
	if m.Ingress, err = r.channels(primitives.KeyHrmpIngress(r.para), func(peer primitives.ParaID) primitives.ChannelID {
		return primitives.ChannelID{Sender: peer, Recipient: r.para}
	}); err != nil {
		return m, fmt.Errorf("ingress channels: %w", err)
	}
	if m.Egress, err = r.channels(primitives.KeyHrmpEgress(r.para), func(peer primitives.ParaID) primitives.ChannelID {
		return primitives.ChannelID{Sender: r.para, Recipient: peer}
	}); err != nil {
		return m, fmt.Errorf("egress channels: %w", err)
	}
	return m, nil
}

// dispatchQueue is what the upward queue still takes: as the relay chain says, or its
// limits less what older relay chains say is in it.
func (r *RelayStateProof) dispatchQueue(c *HostConfiguration) (count, size uint32, err error) {
	pair := func(v []byte) (a, b uint32, err error) {
		d := scale.NewDecoder(v)
		a, b = d.U32(), d.U32()
		return a, b, d.Err()
	}
	v, ok, err := r.optional(primitives.KeyDispatchQueueRemaining(r.para))
	if err != nil {
		return 0, 0, fmt.Errorf("upward queue: %w", err)
	}
	if ok {
		return pair(v)
	}
	if v, ok, err = r.optional(primitives.KeyDispatchQueueSize(r.para)); err != nil {
		return 0, 0, fmt.Errorf("upward queue: %w", err)
	}
	if ok {
		if count, size, err = pair(v); err != nil {
			return 0, 0, fmt.Errorf("upward queue: %w", err)
		}
	}
	return saturating(c.MaxUpwardQueueCount, count), saturating(c.MaxUpwardQueueSize, size), nil
}

func (r *RelayStateProof) channels(index []byte, id func(primitives.ParaID) primitives.ChannelID) ([]Channel, error) {
	v, ok, err := r.optional(index)
	if err != nil || !ok {
		return nil, err
	}
	d := scale.NewDecoder(v)
	peers := scale.DecodeVecFunc(d, maxChannels, func(d *scale.Decoder) primitives.ParaID { return primitives.ParaID(d.U32()) })
	if err := d.Err(); err != nil {
		return nil, err
	}
	var list []Channel
	for _, peer := range peers {
		v, err := r.value("channel", primitives.KeyHrmpChannel(id(peer)))
		if err != nil {
			return nil, err
		}
		c := Channel{Peer: peer}
		d := scale.NewDecoder(v)
		c.decodeChannel(d)
		if err := d.Err(); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
