// Package guide is the default chain: a parachain's runtime in each stage of the guide
// "Configure Parachain for Asynchronous Backing". The stages differ in [Settings] only;
// this file is what they share.
package guide

import (
	"pileus/frame"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/auraext"
	"pileus/frame/pallet/authorship"
	"pileus/frame/pallet/balances"
	"pileus/frame/pallet/parachaininfo"
	"pileus/frame/pallet/parachainsystem"
	"pileus/frame/pallet/sudo"
	"pileus/frame/pallet/timers"
	"pileus/frame/pallet/timestamp"
	"pileus/frame/pallet/transactionpayment"
	"pileus/frame/pallet/vesting"
)

// Amounts and times.
const (
	Unit               = 1_000_000_000_000
	ExistentialDeposit = Unit / 1000
	TransactionByteFee = 1_000_000
	Minute             = 60_000 // ms
)

// Runtime is the runtime with its pallets.
type Runtime struct {
	*frame.Runtime
	Settings           Settings
	System             *frame.System
	ParachainSystem    *parachainsystem.Pallet
	Timestamp          *timestamp.Pallet
	ParachainInfo      *parachaininfo.Pallet
	Balances           *balances.Pallet
	TransactionPayment *transactionpayment.Pallet
	Vesting            *vesting.Pallet
	Sudo               *sudo.Pallet
	Authorship         *authorship.Pallet
	Aura               *aura.Pallet
	AuraExt            *auraext.Pallet
	Timers             *timers.Pallet
}

// New builds the runtime of a stage.
func New(s Settings) *Runtime {
	r := &Runtime{Settings: s}
	r.ParachainInfo = parachaininfo.New()
	r.Aura = aura.New(aura.Config{
		SlotDuration:               s.SlotDuration,
		AllowMultipleBlocksPerSlot: s.AllowMultipleBlocksPerSlot,
		MaxAuthorities:             s.MaxAuthorities,
		Now:                        func() uint64 { return r.Timestamp.Now.Get() },
	})
	r.Timestamp = timestamp.New(timestamp.Config{MinimumPeriod: s.MinimumPeriod, OnTimestampSet: r.Aura.OnTimestampSet})
	r.AuraExt = auraext.New(r.Aura)
	hook := auraext.FixedVelocityConsensusHook{
		Pallet:                       r.AuraExt,
		RelayChainSlotDurationMillis: s.RelayChainSlotDurationMillis,
		BlockProcessingVelocity:      s.BlockProcessingVelocity,
		UnincludedSegmentCapacity:    s.UnincludedSegmentCapacity,
	}
	config := parachainsystem.Config{
		SelfParaID:                 r.ParachainInfo.SelfParaID,
		ConsensusHook:              parachainsystem.ExpectParentIncluded{},
		CheckAssociatedRelayNumber: s.CheckAssociatedRelayNumber,
		RelayParentOffset:          s.RelayParentOffset,
	}
	if s.FixedVelocityConsensusHook {
		config.ConsensusHook = hook
	}
	r.ParachainSystem = parachainsystem.New(config)
	r.System = frame.NewSystem(frame.SystemConfig{
		BlockWeights:   frame.DefaultBlockWeights(s.MaximumBlockWeight),
		BlockLength:    frame.DefaultBlockLength(5 << 20),
		BlockHashCount: 4096,
		DbWeight:       frame.RocksDbWeight,
		SS58Prefix:     42,
		MaxConsumers:   16,
		OnSetCode:      r.ParachainSystem.ScheduleCode,
	})
	r.Balances = balances.New(balances.Config{ExistentialDeposit: frame.Amount(ExistentialDeposit), MaxLocks: 50, MaxReserves: 50})
	r.TransactionPayment = transactionpayment.New(transactionpayment.Config{
		Currency:                 r.Balances,
		WeightToFee:              transactionpayment.IdentityFee,
		LengthToFee:              func(bytes uint32) frame.Balance { return frame.Amount(uint64(bytes) * TransactionByteFee) },
		OperationalFeeMultiplier: 5,
	})
	r.Vesting = vesting.New(vesting.Config{Balances: r.Balances, MinVestedTransfer: frame.Units(1), MaxVestingSchedules: 28, BlockNumber: r.System.BlockNumber})
	r.Sudo = sudo.New()
	r.Authorship = authorship.New(authorship.Config{FindAuthor: r.findAuthor})
	r.Timers = timers.New(timers.Config{
		AuctionPeriod:    uint32(10 * Minute / s.MillisecsPerBlock),
		UnlockDelay:      7200,
		RelayUnlockDelay: 14400,
		RelayBlockNumber: r.ParachainSystem.RelayBlockNumber,
	})
	apis := []frame.API{r.Aura.API()}
	if s.AuraUnincludedSegmentApi {
		apis = append(apis, hook.API(r.ParachainSystem))
	}
	apis = append(apis, r.ParachainSystem.API(), r.ParachainInfo.API(), r.ParachainSystem.OffsetAPI(), r.System.AccountNonceAPI(), r.TransactionPayment.API())
	r.Runtime = frame.NewRuntime(frame.RuntimeConfig{
		Version: frame.RuntimeVersion{SpecName: "guide", ImplName: "guide", AuthoringVersion: 1, SpecVersion: s.SpecVersion, TransactionVersion: 1, SystemVersion: 1},
		Crate:   "guide_runtime",
		Pallets: []frame.PalletEntry{
			{Index: 0, Name: "System", Pallet: r.System},
			{Index: 1, Name: "ParachainSystem", Pallet: r.ParachainSystem},
			{Index: 2, Name: "Timestamp", Pallet: r.Timestamp},
			{Index: 3, Name: "ParachainInfo", Pallet: r.ParachainInfo},
			{Index: 10, Name: "Balances", Pallet: r.Balances},
			{Index: 11, Name: "TransactionPayment", Pallet: r.TransactionPayment},
			{Index: 12, Name: "Vesting", Pallet: r.Vesting},
			{Index: 15, Name: "Sudo", Pallet: r.Sudo},
			{Index: 20, Name: "Authorship", Pallet: r.Authorship},
			{Index: 23, Name: "Aura", Pallet: r.Aura},
			{Index: 24, Name: "AuraExt", Pallet: r.AuraExt},
			{Index: 40, Name: "Timers", Pallet: r.Timers},
		},
		Extensions: func(system *frame.System) []frame.Extension {
			return []frame.Extension{
				system.AuthorizeCall(), system.CheckNonZeroSender(), system.CheckSpecVersion(), system.CheckTxVersion(), system.CheckGenesis(),
				system.CheckMortality(), system.CheckNonce(), system.CheckWeight(),
				r.TransactionPayment.ChargeTransactionPayment(), frame.CheckMetadataHash(), system.WeightReclaim(),
			}
		},
		APIs:       apis,
		Presets:    []frame.Preset{{Name: "development", Patch: development}},
		SessionKey: [4]byte{'a', 'u', 'r', 'a'},
	})
	return r
}

// findAuthor is the Aura authority whose slot it is.
func (r *Runtime) findAuthor() (frame.AccountID, bool) {
	slot, ok := r.System.Digest.Get().AuraSlot()
	if !ok {
		return frame.AccountID{}, false
	}
	who, ok := r.Aura.Author(uint64(slot))
	return frame.AccountID(who), ok
}
