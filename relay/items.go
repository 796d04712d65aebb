package relay

import (
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// The storage items of the relay chain, by pallet. Names, hashers and encodings are those
// of the released runtimes; what parachains read by proof stands in primitives/keys.go.
var (
	itemNumber    = value("System", "Number", u32Of[uint32]())
	itemTimestamp = value("Timestamp", "Now", u64Of[uint64]())

	itemSlot            = slot[primitives.Slot]{key: string(primitives.KeyCurrentSlot), codec: u64Of[primitives.Slot]()}
	itemGenesisSlot     = value("Babe", "GenesisSlot", u64Of[primitives.Slot]())
	itemEpoch           = slot[uint64]{key: string(primitives.KeyEpochIndex), codec: u64Of[uint64]()}
	itemRandomness      = slot[Hash]{key: string(primitives.KeyTwoEpochsAgo), codec: hashCodec}
	itemNextRandomness  = slot[Hash]{key: string(primitives.KeyOneEpochAgo), codec: hashCodec}
	itemBlockRandomness = slot[*Hash]{key: string(primitives.KeyBlockRandomness), codec: optionOf(hashCodec)}
	itemAuthorities     = slot[[]authority]{key: string(primitives.KeyAuthorities), codec: listOf(of[authority]())}
	itemNextAuthorities = slot[[]authority]{key: string(primitives.KeyNextAuthorities), codec: listOf(of[authority]())}
	itemSessionIndex    = value("Session", "CurrentIndex", u32Of[primitives.SessionIndex]())

	itemConfig  = slot[*primitives.HostConfiguration]{key: string(primitives.KeyActiveConfig), codec: configCodec}
	itemPending = value("Configuration", "PendingConfigs", listOf(both(u32Of[primitives.SessionIndex](), configCodec)))

	itemDisabled = value("Session", "DisabledValidators", listOf(u32Of[primitives.ValidatorIndex]()))

	itemSharedSession    = value("ParasShared", "CurrentSessionIndex", u32Of[primitives.SessionIndex]())
	itemActiveIndices    = value("ParasShared", "ActiveValidatorIndices", listOf(u32Of[uint32]()))
	itemActiveKeys       = value("ParasShared", "ActiveValidatorKeys", listOf(keyCodec))
	itemSchedulingBuffer = value("ParasShared", "AllowedSchedulingParents", of[schedulingParents]())
	itemRelayParents     = table[relayParentKey, relayParentInfo]{prefix: prefix("ParasShared", "AllowedRelayParents"),
		key: func(k relayParentKey) []byte {
			return append(twoxU32(k.session), hashing.Blake2_128Concat(k.hash[:])...)
		}, codec: of[relayParentInfo](), noKeep: true}
	itemOldestSession   = value("ParasShared", "OldestRelayParentSession", u32Of[primitives.SessionIndex]())
	itemMinimumRPNumber = table[primitives.SessionIndex, uint32]{prefix: prefix("ParasShared", "MinimumRelayParentNumber"),
		key: twoxU32[primitives.SessionIndex], codec: u32Of[uint32](), noKeep: true}
	itemEarliestSession = value("ParaSessionInfo", "EarliestStoredSession", u32Of[primitives.SessionIndex]())
	itemSessionInfo     = table[primitives.SessionIndex, *SessionInfo]{prefix: prefix("ParaSessionInfo", "Sessions"), key: identityU32[primitives.SessionIndex],
		codec: sessionInfoCodec, noKeep: true}
	itemSessionParams = table[primitives.SessionIndex, primitives.ExecutorParams]{prefix: prefix("ParaSessionInfo", "SessionExecutorParams"),
		key: identityU32[primitives.SessionIndex], codec: of[primitives.ExecutorParams](), noKeep: true}

	itemParas        = value("Paras", "Parachains", listOf(u32Of[primitives.ParaID]()))
	itemHead         = slotTable(primitives.KeyParaHead, bytesCodec)
	itemContext      = paraTable("Paras", "MostRecentContext", u32Of[uint32]())
	itemCodeHash     = paraTable("Paras", "CurrentCodeHash", hashCodec)
	itemFutureHash   = paraTable("Paras", "FutureCodeHash", hashCodec)
	itemFutureAt     = paraTable("Paras", "FutureCodeUpgrades", u32Of[uint32]())
	itemGoAhead      = slotTable(primitives.KeyUpgradeGoAhead, byteCodec)
	itemRestriction  = slotTable(primitives.KeyUpgradeRestriction, byteCodec)
	itemUpcoming     = value("Paras", "UpcomingUpgrades", listOf(both(u32Of[primitives.ParaID](), u32Of[uint32]())))
	itemCooldowns    = value("Paras", "UpgradeCooldowns", listOf(both(u32Of[primitives.ParaID](), u32Of[uint32]())))
	itemLifecycle    = paraTable("Paras", "ParaLifecycles", byteCodec)
	itemPastPruning  = value("Paras", "PastCodePruning", listOf(both(u32Of[primitives.ParaID](), u32Of[uint32]())))
	itemPastCode     = table[pastCodeKey, Hash]{prefix: prefix("Paras", "PastCodeHash"), key: pastCodeKey.hashed, codec: hashCodec}
	itemCode         = table[Hash, []byte]{prefix: prefix("Paras", "CodeByHash"), key: identity, codec: bytesCodec}
	itemCodeRefs     = table[Hash, uint32]{prefix: prefix("Paras", "CodeByHashRefs"), key: identity, codec: u32Of[uint32]()}
	itemPrecheckList = value("Paras", "PvfActiveVoteList", listOf(hashCodec))
	itemPrecheck     = table[Hash, *precheck]{prefix: prefix("Paras", "PvfActiveVoteMap"),
		key: func(h Hash) []byte { b := hashing.Twox64Concat(h[:]); return b }, codec: precheckCodec}

	itemGroups       = value("ParaScheduler", "ValidatorGroups", listOf(listOf(u32Of[primitives.ValidatorIndex]())))
	itemSessionStart = value("ParaScheduler", "SessionStartBlock", u32Of[uint32]())
	itemSchedules    = table[scheduleKey, *schedule]{prefix: prefix("ParaScheduler", "CoreSchedules"),
		key: func(k scheduleKey) []byte {
			return hashing.Twox64Concat(scale.AppendU32(scale.AppendU32(nil, k.begin), uint32(k.core)))
		}, codec: scheduleCodec}
	itemCores  = value("ParaScheduler", "CoreDescriptors", coresCodec)
	itemOrders = value("OnDemand", "OrderStatus", listOf(of[order]()))

	itemPendingCandidates = table[primitives.ParaID, []*PendingCandidate]{prefix: prefix("ParaInclusion", "V1"), key: twoxU32[primitives.ParaID],
		codec: listOf(pendingCodec)}

	itemDownward     = paraTable("Dmp", "DownwardMessageQueues", listOf(of[primitives.InboundMessage]()))
	itemDownwardHead = slotTable(primitives.KeyDmqMqcHead, hashCodec)

	itemUpward          = paraTable("MessageQueue", "Pages", listOf(bytesCodec))
	itemUpwardSize      = slotTable(primitives.KeyDispatchQueueSize, both(u32Of[uint32](), u32Of[uint32]()))
	itemUpwardRemaining = slotTable(primitives.KeyDispatchQueueRemaining, both(u32Of[uint32](), u32Of[uint32]()))

	itemWatermark       = paraTable("Hrmp", "HrmpWatermarks", u32Of[uint32]())
	itemChannel         = slotTable(primitives.KeyHrmpChannel, of[primitives.HrmpChannel]())
	itemIngress         = slotTable(primitives.KeyHrmpIngress, listOf(u32Of[primitives.ParaID]()))
	itemEgress          = slotTable(primitives.KeyHrmpEgress, listOf(u32Of[primitives.ParaID]()))
	itemChannelContents = table[primitives.ChannelID, []primitives.InboundMessage]{prefix: prefix("Hrmp", "HrmpChannelContents"),
		key: func(c primitives.ChannelID) []byte { return hashing.Twox64Concat(c.EncodeTo(nil)) }, codec: listOf(of[primitives.InboundMessage]())}
	itemChannelDigests = paraTable("Hrmp", "HrmpChannelDigests", listOf(both(u32Of[uint32](), listOf(u32Of[primitives.ParaID]()))))
	itemOpenRequests   = value("Hrmp", "HrmpOpenChannelRequestsList", listOf(of[openRequest]()))
	itemCloseRequests  = value("Hrmp", "HrmpCloseChannelRequestsList", listOf(both(u32Of[primitives.ParaID](), u32Of[primitives.ParaID]())))
)

func prefix(pallet, item string) string { return string(hashing.StorageKey(pallet, item)) }

func value[T any](pallet, item string, c codec[T]) slot[T] {
	return slot[T]{key: prefix(pallet, item), codec: c}
}

func paraTable[T any](pallet, item string, c codec[T]) table[primitives.ParaID, T] {
	return table[primitives.ParaID, T]{prefix: prefix(pallet, item), key: twoxU32[primitives.ParaID], codec: c}
}

// slotTable is a map whose full keys key makes.
func slotTable[K, T any](key func(K) []byte, c codec[T]) table[K, T] {
	return table[K, T]{key: key, codec: c}
}

func identityU32[K ~uint32](k K) []byte { return scale.AppendU32(nil, uint32(k)) }

var configCodec = codec[*primitives.HostConfiguration]{
	enc: func(b []byte, c *primitives.HostConfiguration) []byte { return c.EncodeTo(b) },
	dec: func(d *scale.Decoder) *primitives.HostConfiguration {
		c := &primitives.HostConfiguration{}
		c.DecodeFrom(d)
		return c
	},
}

// keyCodec is the codec of a validator's key.
var keyCodec = codec[[32]byte]{enc: func(b []byte, k [32]byte) []byte { return append(b, k[:]...) },
	dec: func(d *scale.Decoder) (k [32]byte) { d.Array(k[:]); return k }}

// authority is an author of relay blocks with its weight, which is 1.
type authority struct {
	key    [32]byte
	weight uint64
}

func (a authority) EncodeTo(b []byte) []byte {
	return scale.AppendU64(append(b, a.key[:]...), a.weight)
}

func (a *authority) DecodeFrom(d *scale.Decoder) { d.Array(a.key[:]); a.weight = d.U64() }

// pastCodeKey names code that a para had until block replaced.
type pastCodeKey struct {
	para     primitives.ParaID
	replaced uint32
}

func (k pastCodeKey) hashed() []byte {
	return hashing.Twox64Concat(scale.AppendU32(scale.AppendU32(nil, uint32(k.para)), k.replaced))
}
