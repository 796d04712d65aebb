// Command program is the guide's chain with one fault or one thing besides, for tests.
// Which one, words say that a test writes into the compiled program before it is linked:
// package variant.
//
//	stage=phase1            begin with that stage; else phase3
//	capacity= velocity= relay_slot= slot= weight= offset= multiple= strict=  settings of the stage
//	say.METHOD=ANSWER       an API method that does not tell the truth
//	order=wrong             AuraExt in front of Aura
//	timestamp=free          nothing ties the timestamp to the slot
//	validate=never|inherents  validate_block refuses all, or a timestamp within the slot
//	block=panic|loop        no block comes about
//	block_time=MS           a constant ExpectedBlockTime
//	spec=N                  the spec version; else 1
//	accounts=1              Balances and Sudo, and the extensions of a signed transaction
//	ballast=N               a genesis state with N times 64 KiB that nothing compresses
//	migrate=1               the first block of the code reads all of the ballast
//	mint=N                  each block makes N units for Alice
//	legacy=1                ParachainSystem.enact_authorized_upgrade, as older runtimes have it
package main

import (
	"strconv"
	"strings"

	"pileus/frame"
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/auraext"
	"pileus/frame/pallet/balances"
	"pileus/frame/pallet/parachaininfo"
	"pileus/frame/pallet/parachainsystem"
	"pileus/frame/pallet/sudo"
	"pileus/frame/pallet/timestamp"
	"pileus/frame/validateblock"
	"pileus/primitives"
	"pileus/runtimes/guide"
	"pileus/scale"
)

// words are "key=value key=value ...", in the room behind the marker.
var words = "PILEUS VARIANT:" + "                                                                                                                                                                                                                                                                "

func init() {
	v := variant{}
	for _, word := range strings.Fields(strings.TrimPrefix(words, "PILEUS VARIANT:")) {
		key, value, _ := strings.Cut(word, "=")
		v[key] = value
	}
	v.register()
}

func main() {}

// variant is what the words say.
type variant map[string]string

func (v variant) number(key string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(v[key], 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

func (v variant) settings() guide.Settings {
	s := guide.Phase3()
	if v["stage"] == "phase1" {
		s = guide.Phase1()
	}
	s.UnincludedSegmentCapacity = uint32(v.number("capacity", uint64(s.UnincludedSegmentCapacity)))
	s.BlockProcessingVelocity = uint32(v.number("velocity", uint64(s.BlockProcessingVelocity)))
	s.RelayChainSlotDurationMillis = v.number("relay_slot", s.RelayChainSlotDurationMillis)
	s.SlotDuration = v.number("slot", s.SlotDuration)
	s.MaximumBlockWeight.RefTime = v.number("weight", s.MaximumBlockWeight.RefTime)
	s.RelayParentOffset = uint32(v.number("offset", uint64(s.RelayParentOffset)))
	s.AllowMultipleBlocksPerSlot = v.number("multiple", uint64(b2i(s.AllowMultipleBlocksPerSlot))) == 1
	if v["strict"] == "1" {
		s.CheckAssociatedRelayNumber = parachainsystem.RelayNumberStrictlyIncreases
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// register puts the runtime together as package guide does, smaller, and with the fault.
func (v variant) register() {
	s := v.settings()
	info := parachaininfo.New()
	var clock *timestamp.Pallet
	authors := aura.New(aura.Config{SlotDuration: s.SlotDuration, AllowMultipleBlocksPerSlot: s.AllowMultipleBlocksPerSlot, MaxAuthorities: s.MaxAuthorities,
		Now: func() uint64 { return clock.Now.Get() }})
	tell := authors.OnTimestampSet
	if v["timestamp"] == "free" {
		tell = nil
	}
	clock = timestamp.New(timestamp.Config{MinimumPeriod: s.MinimumPeriod, OnTimestampSet: tell})
	ext := auraext.New(authors)
	hook := auraext.FixedVelocityConsensusHook{Pallet: ext, RelayChainSlotDurationMillis: s.RelayChainSlotDurationMillis,
		BlockProcessingVelocity: s.BlockProcessingVelocity, UnincludedSegmentCapacity: s.UnincludedSegmentCapacity}
	system := parachainsystem.New(parachainsystem.Config{SelfParaID: info.SelfParaID, ConsensusHook: hook,
		CheckAssociatedRelayNumber: s.CheckAssociatedRelayNumber, RelayParentOffset: s.RelayParentOffset})
	root := frame.NewSystem(frame.SystemConfig{BlockWeights: frame.DefaultBlockWeights(s.MaximumBlockWeight), BlockLength: frame.DefaultBlockLength(5 << 20),
		BlockHashCount: 4096, DbWeight: frame.RocksDbWeight, SS58Prefix: 42, MaxConsumers: 16, OnSetCode: system.ScheduleCode})

	var messages frame.Module = system
	if v["legacy"] == "1" {
		messages = newLegacy(system)
	}
	pallets := []frame.PalletEntry{{Index: 0, Name: "System", Pallet: root}, {Index: 1, Name: "ParachainSystem", Pallet: messages},
		{Index: 2, Name: "Timestamp", Pallet: clock}, {Index: 3, Name: "ParachainInfo", Pallet: info}}
	order := []frame.PalletEntry{{Index: 23, Name: "Aura", Pallet: authors}, {Index: 24, Name: "AuraExt", Pallet: ext}}
	if v["order"] == "wrong" {
		order[0], order[1] = order[1], order[0]
	}
	pallets = append(pallets, order...)
	faults := v.faults(clock)
	genesis, extensions := preset, func(*frame.System) []frame.Extension { return nil }
	if v["accounts"] == "1" {
		faults.money = balances.New(balances.Config{ExistentialDeposit: frame.Units(1), MaxLocks: 50, MaxReserves: 50})
		pallets = append(pallets, frame.PalletEntry{Index: 10, Name: "Balances", Pallet: faults.money})
		if v["legacy"] == "" {
			pallets = append(pallets, frame.PalletEntry{Index: 15, Name: "Sudo", Pallet: sudo.New()})
		}
		genesis, extensions = v.presetWithAccounts(), signed
	}
	pallets = append(pallets, frame.PalletEntry{Index: 50, Name: "Faults", Pallet: faults})

	r := frame.NewRuntime(frame.RuntimeConfig{
		Version: frame.RuntimeVersion{SpecName: "variant", ImplName: "variant", AuthoringVersion: 1, SpecVersion: uint32(v.number("spec", 1)), TransactionVersion: 1, SystemVersion: 1},
		Crate:   "variant_runtime", Pallets: pallets, APIs: v.apis(authors, hook, system, info, root), Extensions: extensions,
		Presets: []frame.Preset{{Name: "development", Patch: genesis}}, SessionKey: [4]byte{'a', 'u', 'r', 'a'},
	})
	export.Register(r)
	executor := validateblock.BlockExecutor(validateblock.Aura{Aura: authors, AuraExt: ext})
	if v["validate"] != "" {
		executor = picky{executor, v["validate"]}
	}
	validateblock.RegisterValidateBlock(validateblock.Config{Runtime: r, ParachainSystem: system, BlockExecutor: executor})
}

// signed are the extensions of a signed transaction.
func signed(s *frame.System) []frame.Extension {
	return []frame.Extension{s.AuthorizeCall(), s.CheckNonZeroSender(), s.CheckSpecVersion(), s.CheckTxVersion(), s.CheckGenesis(),
		s.CheckMortality(), s.CheckNonce(), s.CheckWeight()}
}

const preset = `{"aura": {"authorities": ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"]}, "parachainInfo": {"parachainId": 2000}}`

// presetWithAccounts lets Alice and Bob hold something, and Alice be sudo.
func (v variant) presetWithAccounts() string {
	key := ""
	if v["legacy"] == "" {
		key = `, "sudo": {"key": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}`
	}
	return preset[:len(preset)-1] + key + `, "balances": {"balances": [["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", 1000000000000000000],
		["5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", 1000000000000000000]]}}`
}

// apis are those of the guide's chain, some of which do not tell the truth.
func (v variant) apis(a *aura.Pallet, hook auraext.FixedVelocityConsensusHook, system *parachainsystem.Pallet, info *parachaininfo.Pallet, root *frame.System) []frame.API {
	list := []frame.API{a.API(), hook.API(system), system.API(), info.API(), system.OffsetAPI(), root.AccountNonceAPI()}
	for i := range list {
		for k := range list[i].Methods {
			m := &list[i].Methods[k]
			if lie, ok := v["say."+m.Name]; ok {
				answer := []byte(lie)
				if n, err := strconv.ParseUint(lie, 10, 64); err == nil {
					answer = nil
					for range map[string]int{"slot_duration": 8, "relay_parent_offset": 4, "can_build_upon": 1}[m.Name] {
						answer, n = append(answer, byte(n)), n>>8
					}
				}
				m.Run = func(*scale.Decoder) []byte { return answer }
			}
		}
	}
	return list
}

// picky is a validate_block that refuses what nodes accept.
type picky struct {
	validateblock.BlockExecutor
	what string
}

// VerifyAndRemoveSeal refuses.
func (p picky) VerifyAndRemoveSeal(h primitives.Header) primitives.Header {
	validating = true
	if p.what == "never" {
		panic("no block is good enough")
	}
	return p.BlockExecutor.VerifyAndRemoveSeal(h)
}
