package primitives

import (
	"pileus/hashing"
	"pileus/scale"
)

// Well-known keys of the relay chain's state, which parachains read by proof
// (polkadot_primitives::well_known_keys). Maps are keyed by Twox64Concat.
var (
	KeyCurrentSlot       = hashing.StorageKey("Babe", "CurrentSlot")
	KeyEpochIndex        = hashing.StorageKey("Babe", "EpochIndex")
	KeyBlockRandomness   = hashing.StorageKey("Babe", "AuthorVrfRandomness")
	KeyOneEpochAgo       = hashing.StorageKey("Babe", "NextRandomness")
	KeyTwoEpochsAgo      = hashing.StorageKey("Babe", "Randomness")
	KeyAuthorities       = hashing.StorageKey("Babe", "Authorities")
	KeyNextAuthorities   = hashing.StorageKey("Babe", "NextAuthorities")
	KeyActiveConfig      = hashing.StorageKey("Configuration", "ActiveConfig")
	prefixParaHead       = hashing.StorageKey("Paras", "Heads")
	prefixGoAhead        = hashing.StorageKey("Paras", "UpgradeGoAheadSignal")
	prefixRestriction    = hashing.StorageKey("Paras", "UpgradeRestrictionSignal")
	prefixDmqHead        = hashing.StorageKey("Dmp", "DownwardMessageQueueHeads")
	prefixDispatchSize   = hashing.StorageKey("Ump", "RelayDispatchQueueSize")
	prefixIngress        = hashing.StorageKey("Hrmp", "HrmpIngressChannelsIndex")
	prefixEgress         = hashing.StorageKey("Hrmp", "HrmpEgressChannelsIndex")
	prefixChannels       = hashing.StorageKey("Hrmp", "HrmpChannels")
	prefixDispatchRemain = []byte(":relay_dispatch_queue_remaining_capacity")
)

// PrefixCurrentCodeHash stands before the validation code hashes of paras.
var PrefixCurrentCodeHash = hashing.StorageKey("Paras", "CurrentCodeHash")

// ParaKey is the key of a map entry that belongs to a para: prefix ++ twox64(id) ++ id.
func ParaKey(prefix []byte, id ParaID) []byte {
	return mapKey(prefix, id)
}

func mapKey(prefix []byte, id scale.Encoder) []byte {
	return append(append([]byte(nil), prefix...), hashing.Twox64Concat(id.EncodeTo(nil))...)
}

// KeyParaHead is the para's included head data.
func KeyParaHead(id ParaID) []byte { return mapKey(prefixParaHead, id) }

// KeyUpgradeGoAhead is the signal that a scheduled code upgrade may be applied.
func KeyUpgradeGoAhead(id ParaID) []byte { return mapKey(prefixGoAhead, id) }

// KeyUpgradeRestriction is the signal that no new code may be scheduled.
func KeyUpgradeRestriction(id ParaID) []byte { return mapKey(prefixRestriction, id) }

// KeyDmqMqcHead is the head of the downward message queue's chain.
func KeyDmqMqcHead(id ParaID) []byte { return mapKey(prefixDmqHead, id) }

// KeyDispatchQueueSize is the deprecated size of the upward queue: count and bytes.
func KeyDispatchQueueSize(id ParaID) []byte { return mapKey(prefixDispatchSize, id) }

// KeyDispatchQueueRemaining is the remaining capacity of the upward queue: count and bytes. It is not hashed.
func KeyDispatchQueueRemaining(id ParaID) []byte {
	return id.EncodeTo(append([]byte(nil), prefixDispatchRemain...))
}

// KeyHrmpIngress is the list of the para's senders.
func KeyHrmpIngress(id ParaID) []byte { return mapKey(prefixIngress, id) }

// KeyHrmpEgress is the list of the para's recipients.
func KeyHrmpEgress(id ParaID) []byte { return mapKey(prefixEgress, id) }

// KeyHrmpChannel is a channel's state.
func KeyHrmpChannel(c ChannelID) []byte { return mapKey(prefixChannels, c) }
