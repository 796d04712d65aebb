// Package guide is the default chain: a parachain's runtime in each stage of the guide
// "Configure Parachain for Asynchronous Backing". The stages differ in [Settings] only;
// this file is what they share.
package guide

import (
	"pileus/frame"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/auraext"
	"pileus/frame/pallet/parachaininfo"
	"pileus/frame/pallet/parachainsystem"
	"pileus/frame/pallet/timestamp"
)

// Runtime is the runtime with its pallets.
type Runtime struct {
	*frame.Runtime
	Settings        Settings
	System          *frame.System
	ParachainSystem *parachainsystem.Pallet
	Timestamp       *timestamp.Pallet
	ParachainInfo   *parachaininfo.Pallet
	Aura            *aura.Pallet
	AuraExt         *auraext.Pallet
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
	apis := []frame.API{r.Aura.API()}
	if s.AuraUnincludedSegmentApi {
		apis = append(apis, hook.API(r.ParachainSystem))
	}
	apis = append(apis, r.ParachainSystem.API(), r.ParachainInfo.API(), r.ParachainSystem.OffsetAPI(), r.System.AccountNonceAPI())
	r.Runtime = frame.NewRuntime(frame.RuntimeConfig{
		Version: frame.RuntimeVersion{SpecName: "guide", ImplName: "guide", AuthoringVersion: 1, SpecVersion: s.SpecVersion, TransactionVersion: 1, SystemVersion: 1},
		Crate:   "guide_runtime",
		Pallets: []frame.PalletEntry{
			{Index: 0, Name: "System", Pallet: r.System},
			{Index: 1, Name: "ParachainSystem", Pallet: r.ParachainSystem},
			{Index: 2, Name: "Timestamp", Pallet: r.Timestamp},
			{Index: 3, Name: "ParachainInfo", Pallet: r.ParachainInfo},
			{Index: 23, Name: "Aura", Pallet: r.Aura},
			{Index: 24, Name: "AuraExt", Pallet: r.AuraExt},
		},
		Extensions: func(system *frame.System) []frame.Extension {
			return []frame.Extension{
				system.AuthorizeCall(), system.CheckNonZeroSender(), system.CheckSpecVersion(), system.CheckTxVersion(), system.CheckGenesis(),
				system.CheckMortality(), system.CheckNonce(), system.CheckWeight(), frame.CheckMetadataHash(), system.WeightReclaim(),
			}
		},
		APIs:       apis,
		Presets:    []frame.Preset{{Name: "development", Patch: `{"aura":{"authorities":["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"]},"parachainInfo":{"parachainId":2000}}`}},
		SessionKey: [4]byte{'a', 'u', 'r', 'a'},
	})
	return r
}
