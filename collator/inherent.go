package collator

import (
	"pileus/primitives"
	"pileus/scale"
)

// maxPeerID is the longest peer id that a runtime takes (cumulus_primitives_core::ApprovedPeerId).
const maxPeerID = 64

// inherent gathers what the parachain inherent tells the runtime: the validation data,
// the messages to the para, and one proof of the relay state for all keys that the
// runtime reads (cumulus-client-parachain-inherent ParachainInherentDataProvider).
func (s *story) inherent(relayParent *primitives.Header, pvd *primitives.PersistedValidationData, info RuntimeInfo, descendants []primitives.Header) *primitives.ParachainInherentData {
	at, para := relayParent.Hash(), s.c.p.ParaID
	data := &primitives.ParachainInherentData{ValidationData: *pvd, RelayParentDescendants: descendants}
	if len(s.c.p.CollatorPeerID) <= maxPeerID {
		data.CollatorPeerID = s.c.p.CollatorPeerID
	}
	data.DownwardMessages = relay[[]primitives.InboundMessage](s, relayParent, DmqContents{at, para})
	data.HorizontalMessages = relay[map[primitives.ParaID][]primitives.InboundMessage](s, relayParent, InboundHrmpChannels{at, para})
	ingress := s.paraList(relayParent, primitives.KeyHrmpIngress(para))
	egress := s.paraList(relayParent, primitives.KeyHrmpEgress(para))
	keys := proofKeys(para, ingress, egress)
	if len(descendants) > 0 {
		keys = append(keys, primitives.KeyAuthorities)
		for i := range descendants[1:] {
			if changesEpoch(&descendants[1+i]) {
				keys = append(keys, primitives.KeyNextAuthorities)
				break
			}
		}
	}
	keys = append(keys, info.KeysToProve...)
	data.RelayChainState = relay[[][]byte](s, relayParent, ProveRead{at, keys})
	return data
}

// paraList reads a list of paras from the relay state; it is empty where nothing stands.
func (s *story) paraList(relayParent *primitives.Header, key []byte) []primitives.ParaID {
	return decodeParas(relay[[]byte](s, relayParent, StorageValue{relayParent.Hash(), key}))
}

// decodeParas decodes a list of paras; what is not one counts as empty, as in the node.
func decodeParas(raw []byte) []primitives.ParaID {
	d := scale.NewDecoder(raw)
	list := scale.DecodeVecFunc(d, 1<<16, func(d *scale.Decoder) primitives.ParaID { return primitives.ParaID(d.U32()) })
	if d.Err() != nil {
		return nil
	}
	return list
}

// proofKeys are the keys of the relay state that every parachain block reads.
func proofKeys(para primitives.ParaID, ingress, egress []primitives.ParaID) [][]byte {
	keys := [][]byte{
		primitives.KeyBlockRandomness, primitives.KeyOneEpochAgo, primitives.KeyTwoEpochsAgo, primitives.KeyCurrentSlot,
		primitives.KeyActiveConfig, primitives.KeyDmqMqcHead(para), primitives.KeyDispatchQueueSize(para), primitives.KeyDispatchQueueRemaining(para),
		primitives.KeyHrmpIngress(para), primitives.KeyHrmpEgress(para),
		primitives.KeyUpgradeGoAhead(para), primitives.KeyUpgradeRestriction(para), primitives.KeyParaHead(para),
	}
	for _, sender := range ingress {
		keys = append(keys, primitives.KeyHrmpChannel(primitives.ChannelID{Sender: sender, Recipient: para}))
	}
	for _, recipient := range egress {
		keys = append(keys, primitives.KeyHrmpChannel(primitives.ChannelID{Sender: para, Recipient: recipient}))
	}
	return keys
}
