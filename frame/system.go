package frame

import (
	"pileus/frame/host"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// SystemConfig is what a runtime decides about its system pallet.
type SystemConfig struct {
	BlockWeights   BlockWeights
	BlockLength    BlockLength
	BlockHashCount uint32 // how many block hashes stay known
	DbWeight       RuntimeDbWeight
	SS58Prefix     uint16
	MaxConsumers   uint32
	// BaseCallFilter tells which calls may be made; nil is all. The root origin passes it.
	BaseCallFilter func(*Call) bool
	// OnSetCode takes new code; nil puts it in force at once. A parachain asks the relay chain first.
	OnSetCode func(code []byte) error
}

// System is frame_system: accounts, the block under construction, events, code.
type System struct {
	Pallet
	SystemConfig
	SystemCalls

	Account            Map[AccountID, AccountInfo]
	ExtrinsicCount     Value[uint32]
	InherentsApplied   Value[bool]
	BlockWeight        Value[PerDispatchClass]
	BlockSize          Value[uint32]
	BlockHash          Map[uint32, hashing.Hash]
	ExtrinsicData      Map[uint32, []byte]
	Number             Value[uint32]
	ParentHash         Value[hashing.Hash]
	Digest             Value[primitives.Digest]
	Events             Value[[]byte]
	EventCount         Value[uint32]
	EventTopics        Map[hashing.Hash, []byte]
	LastRuntimeUpgrade Value[LastRuntimeUpgrade]
	BlocksTillUpgrade  Value[uint8]
	UpgradedToU32      Value[bool]
	UpgradedToTriple   Value[bool]
	ExecutionPhase     Value[Phase]
	AuthorizedUpgrade  Value[CodeUpgradeAuthorization]
	Reclaimed          Value[Weight]
}

// Keys outside any pallet.
var (
	keyExtrinsicIndex = []byte(":extrinsic_index")
	keyEntropy        = []byte(":intrablock_entropy")
	keyCode           = []byte(":code")
	keyPendingCode    = []byte(":pending_code")
	keyHeapPages      = []byte(":heappages")
)

// NewSystem declares the pallet.
func NewSystem(c SystemConfig) *System {
	s := &System{SystemConfig: c}
	p := &s.Pallet
	p.Crate = "frame_system"
	s.Account = NewMapWith(p, "Account", Blake2_128Concat, Account, accountInfoCodec, AccountInfo{Data: NewAccountData()})
	s.ExtrinsicCount = NewOptionValue(p, "ExtrinsicCount", U32)
	s.InherentsApplied = NewValue(p, "InherentsApplied", Bool)
	s.BlockWeight = NewValue(p, "BlockWeight", consumedCodec)
	s.BlockSize = NewOptionValue(p, "BlockSize", U32)
	s.BlockHash = NewMap(p, "BlockHash", Twox64Concat, U32, Hash)
	s.ExtrinsicData = NewMap(p, "ExtrinsicData", Twox64Concat, U32, Bytes)
	s.Number = NewValue(p, "Number", U32)
	s.ParentHash = NewValue(p, "ParentHash", Hash)
	s.Digest = NewValue(p, "Digest", DigestCodec)
	s.Events = NewValueWith(p, "Events", eventsCodec, []byte{0})
	s.EventCount = NewValue(p, "EventCount", U32)
	s.EventTopics = NewMapWith(p, "EventTopics", Blake2_128Concat, Hash, topicsCodec, []byte{0})
	s.LastRuntimeUpgrade = NewOptionValue(p, "LastRuntimeUpgrade", lastUpgradeCodec)
	s.BlocksTillUpgrade = NewOptionValue(p, "BlocksTillUpgrade", U8)
	s.UpgradedToU32 = NewValue(p, "UpgradedToU32RefCount", Bool)
	s.UpgradedToTriple = NewValue(p, "UpgradedToTripleRefCount", Bool)
	s.ExecutionPhase = NewOptionValue(p, "ExecutionPhase", phaseCodec)
	s.AuthorizedUpgrade = NewOptionValue(p, "AuthorizedUpgrade", authorizationCodec)
	s.Reclaimed = NewValue(p, "ExtrinsicWeightReclaimed", WeightCodec)
	s.declareCalls()
	NewConstant(p, "BlockWeights", Codec[BlockWeights]{Encode: func(b []byte, w BlockWeights) []byte { return w.EncodeTo(b) }, Type: typeBlockWeights}, func() BlockWeights { return s.BlockWeights })
	NewConstant(p, "BlockLength", Codec[BlockLength]{Encode: func(b []byte, l BlockLength) []byte { return l.EncodeTo(b) }, Type: typeBlockLength}, func() BlockLength { return s.BlockLength })
	NewConstant(p, "BlockHashCount", U32, func() uint32 { return s.BlockHashCount })
	NewConstant(p, "DbWeight", Codec[RuntimeDbWeight]{Encode: func(b []byte, w RuntimeDbWeight) []byte {
		return scale.AppendU64(scale.AppendU64(b, w.Read), w.Write)
	}, Type: typeDbWeight}, func() RuntimeDbWeight { return s.DbWeight })
	NewConstant(p, "Version", Codec[RuntimeVersion]{Encode: func(b []byte, v RuntimeVersion) []byte { return v.encode(b, p.runtime.apis) }, Type: typeVersion}, func() RuntimeVersion { return p.runtime.Version })
	NewConstant(p, "SS58Prefix", U16, func() uint16 { return s.SS58Prefix })
	return s
}

// initialize opens a block (frame_system::Pallet::initialize).
func (s *System) initialize(number uint32, parent hashing.Hash, digest primitives.Digest) {
	if number != s.Number.Get()+1 {
		panic("Block number must be strictly increasing.")
	}
	s.ExecutionPhase.Put(Phase{Kind: phaseInitialization})
	host.Set(keyExtrinsicIndex, []byte{0, 0, 0, 0})
	entropy := hashing.Blake2b256(append([]byte("frame_system::initialize"), parent[:]...))
	host.Set(keyEntropy, entropy[:])
	s.Number.Put(number)
	encoded := digest.EncodeTo(nil)
	host.Set(s.Digest.Key(), encoded)
	s.ParentHash.Put(parent)
	s.BlockHash.Put(number-1, parent)
	s.BlockWeight.Kill()
	size := uint32(97 + scale.CompactLen(uint64(number)) + len(encoded))
	s.BlockSize.Put(size)
	if max := s.BlockLength.header(); size > max {
		panic("Header size exceeds max header size limit")
	}
}

// resetEvents drops what the previous block left to be read.
func (s *System) resetEvents() {
	s.Events.Kill()
	s.EventCount.Kill()
	s.EventTopics.Clear(nil)
}

// finalize closes the block and returns its header (frame_system::Pallet::finalize).
func (s *System) finalize() primitives.Header {
	s.ExecutionPhase.Kill()
	s.BlockSize.Kill()
	host.Clear(keyEntropy)
	s.InherentsApplied.Kill()
	header := primitives.Header{Number: s.Number.Get(), ParentHash: s.ParentHash.Get(), Digest: s.Digest.Get()}
	count, _ := s.ExtrinsicCount.Take()
	list := make([][]byte, count)
	for i := range list {
		list[i], _ = s.ExtrinsicData.Take(uint32(i))
	}
	header.ExtrinsicsRoot = host.OrderedRoot(s.runtime.Version.ExtrinsicsRootVersion(), list)
	if header.Number > s.BlockHashCount+1 {
		s.BlockHash.Remove(header.Number - s.BlockHashCount - 1)
	}
	header.StateRoot = host.Root(s.runtime.Version.StateVersion())
	return header
}

// BlockNumber is the number of the block under construction.
func (s *System) BlockNumber() uint32 { return s.Number.Get() }

// DepositLog adds an item to the header's digest.
func (s *System) DepositLog(item primitives.DigestItem) {
	b := item.EncodeTo(nil)
	s.BlockSize.Put(uint32(min(uint64(s.BlockSize.Get())+uint64(len(b)), 1<<32-1)))
	host.Append(s.Digest.Key(), b)
}

// DepositEvent adds an encoded event: pallet index, event index, fields. Before block 1
// there are no events.
func (s *System) DepositEvent(event []byte) {
	if s.Number.Get() == 0 {
		return
	}
	phase, _ := s.ExecutionPhase.TryGet()
	s.EventCount.Put(s.EventCount.Get() + 1)
	record := phase.EncodeTo(valueRoom)
	record = append(append(record, event...), 0) // no topics
	host.Append(s.Events.Key(), record)
}

// ExtrinsicIndex is the index of the extrinsic that is being applied.
func (s *System) ExtrinsicIndex() (uint32, bool) {
	raw, ok := host.Get(keyExtrinsicIndex)
	if !ok || len(raw) != 4 {
		return 0, false
	}
	return scale.NewDecoder(raw).U32(), true
}

// RegisterWeight adds weight that no extrinsic declared.
func (s *System) RegisterWeight(w Weight, class DispatchClass) {
	used := s.BlockWeight.Get()
	used[class] = used[class].Add(w)
	s.BlockWeight.Put(used)
}

// RemainingWeight is what the block may still use.
func (s *System) RemainingWeight() Weight {
	return s.BlockWeights.MaxBlock.Sub(s.BlockWeight.Get().Total())
}

// noteApplied deposits the outcome of an extrinsic and moves on to the next one.
func (s *System) noteApplied(info DispatchInfo, post PostInfo, err error) {
	event := dispatchEventInfo{post.Actual(info).Add(s.BlockWeights.PerClass[info.Class].BaseExtrinsic), info.Class, post.PaysFee(info)}
	if err == nil {
		s.extrinsicSuccess.Deposit(event)
	} else {
		s.extrinsicFailed.Deposit(err, event)
	}
	next, _ := s.ExtrinsicIndex()
	next++
	host.Set(keyExtrinsicIndex, scale.AppendU32(nil, next))
	s.ExecutionPhase.Put(Phase{phaseApply, next})
	s.Reclaimed.Kill()
}

// reclaim returns weight that was declared and not used to the block.
func (s *System) reclaim(info DispatchInfo, post PostInfo) {
	already := s.Reclaimed.Get()
	unspent := info.Total().Sub(post.Actual(info)).Max(already)
	if more := unspent.Sub(already); more != (Weight{}) {
		used := s.BlockWeight.Get()
		used[info.Class] = used[info.Class].Sub(more)
		s.BlockWeight.Put(used)
		s.Reclaimed.Put(unspent)
	}
}

// SetCode brings new runtime code in force: at once, or with system version 3 two blocks
// later (update_code_in_storage).
func (s *System) SetCode(code []byte) {
	if s.runtime.Version.SystemVersion >= 3 {
		host.Set(keyPendingCode, code)
		s.BlocksTillUpgrade.Put(2)
	} else {
		host.Set(keyCode, code)
	}
	s.DepositLog(primitives.DigestItem{Kind: primitives.DigestEnvironmentUpdated})
	s.codeUpdated.Deposit(hashing.Blake2b256(code))
}

// countPendingCode brings pending code in force when its time has come.
func (s *System) countPendingCode() {
	left, ok := s.BlocksTillUpgrade.TryGet()
	if !ok {
		return
	}
	if left > 1 {
		s.BlocksTillUpgrade.Put(left - 1)
		return
	}
	s.BlocksTillUpgrade.Kill()
	if code, ok := host.Get(keyPendingCode); ok {
		host.Set(keyCode, code)
		host.Clear(keyPendingCode)
	}
}

// IncProviders adds a reason for the account to exist, and creates it with the first.
func (s *System) IncProviders(who AccountID) {
	a := s.Account.Get(who)
	if a.Providers == 0 && a.Sufficients == 0 {
		a.Providers = 1
		s.Account.Put(who, a)
		s.newAccount.Deposit(who)
		return
	}
	a.Providers++
	s.Account.Put(who, a)
}

// DecProviders takes a reason to exist away; with the last one the account goes. While
// something depends on the account it must not.
func (s *System) DecProviders(who AccountID) error {
	a := s.Account.Get(who)
	switch {
	case a.Providers <= 1 && a.Consumers == 0 && a.Sufficients == 0:
		s.Account.Remove(who)
		s.killedAccount.Deposit(who)
	case a.Providers <= 1 && a.Consumers > 0:
		return ErrConsumerRemaining
	default:
		a.Providers = uint32(satSub(uint64(a.Providers), 1))
		s.Account.Put(who, a)
	}
	return nil
}

// IncConsumers notes that something depends on the account.
func (s *System) IncConsumers(who AccountID) error {
	a := s.Account.Get(who)
	switch {
	case a.Providers == 0:
		return ErrNoProviders
	case a.Consumers >= s.MaxConsumers:
		return ErrTooManyConsumers
	}
	a.Consumers++
	s.Account.Put(who, a)
	return nil
}

// IncConsumersUnlimited is IncConsumers without the limit.
func (s *System) IncConsumersUnlimited(who AccountID) error {
	a := s.Account.Get(who)
	if a.Providers == 0 {
		return ErrNoProviders
	}
	a.Consumers++
	s.Account.Put(who, a)
	return nil
}

// DecConsumers notes that one thing less depends on the account.
func (s *System) DecConsumers(who AccountID) {
	a := s.Account.Get(who)
	if a.Consumers > 0 {
		a.Consumers--
		s.Account.Put(who, a)
	}
}

// GenesisKey is the pallet's field in the genesis config.
func (s *System) GenesisKey() string { return "system" }

// GenesisDefault is the empty genesis config.
func (s *System) GenesisDefault() string { return "{}" }

// BuildGenesis writes what block 0 has of the pallet.
func (s *System) BuildGenesis(*Config) error {
	s.BlockHash.Put(0, genesisParent)
	s.ParentHash.Put(genesisParent)
	s.LastRuntimeUpgrade.Put(LastRuntimeUpgrade{s.runtime.Version.SpecVersion, s.runtime.Version.SpecName})
	s.UpgradedToU32.Put(true)
	s.UpgradedToTriple.Put(true)
	host.Set(keyExtrinsicIndex, []byte{0, 0, 0, 0})
	return nil
}

// genesisParent stands for the parent of block 0 (hash69).
var genesisParent = func() (h hashing.Hash) {
	for i := range h {
		h[i] = 0x45
	}
	return h
}()
