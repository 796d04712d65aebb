// Command variant is the guide's chain with one fault, for tests of package check. Which
// one, words say that a test writes into the compiled program before it is linked.
package main

import (
	"strconv"
	"strings"

	"pileus/frame"
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/frame/pallet/aura"
	"pileus/frame/pallet/auraext"
	"pileus/frame/pallet/parachaininfo"
	"pileus/frame/pallet/parachainsystem"
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

	pallets := []frame.PalletEntry{{Index: 0, Name: "System", Pallet: root}, {Index: 1, Name: "ParachainSystem", Pallet: system},
		{Index: 2, Name: "Timestamp", Pallet: clock}, {Index: 3, Name: "ParachainInfo", Pallet: info}}
	order := []frame.PalletEntry{{Index: 23, Name: "Aura", Pallet: authors}, {Index: 24, Name: "AuraExt", Pallet: ext}}
	if v["order"] == "wrong" {
		order[0], order[1] = order[1], order[0]
	}
	pallets = append(pallets, order...)
	pallets = append(pallets, frame.PalletEntry{Index: 50, Name: "Faults", Pallet: v.faults(clock)})

	r := frame.NewRuntime(frame.RuntimeConfig{
		Version: frame.RuntimeVersion{SpecName: "variant", ImplName: "variant", AuthoringVersion: 1, SpecVersion: 1, TransactionVersion: 1, SystemVersion: 1},
		Crate:   "variant_runtime", Pallets: pallets, APIs: v.apis(authors, hook, system, info, root),
		Presets: []frame.Preset{{Name: "development", Patch: preset}}, SessionKey: [4]byte{'a', 'u', 'r', 'a'},
	})
	export.Register(r)
	executor := validateblock.BlockExecutor(validateblock.Aura{Aura: authors, AuraExt: ext})
	if v["validate"] != "" {
		executor = picky{executor, v["validate"]}
	}
	validateblock.RegisterValidateBlock(validateblock.Config{Runtime: r, ParachainSystem: system, BlockExecutor: executor})
}

const preset = `{"aura": {"authorities": ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"]}, "parachainInfo": {"parachainId": 2000}}`

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

// faults is a pallet that only fails.
func (v variant) faults(clock *timestamp.Pallet) *faults {
	f := &faults{what: v["block"], checks: v["validate"] == "inherents", clock: clock}
	f.Crate = "variant_runtime::faults"
	if ms := v.number("block_time", 0); ms != 0 {
		frame.NewConstant(&f.Pallet, "ExpectedBlockTime", frame.U64, func() uint64 { return ms })
	}
	return f
}

type faults struct {
	frame.Pallet
	what   string
	checks bool // inherents, in validate_block
	clock  *timestamp.Pallet
}

// OnFinalize compares the timestamp with the relay chain's clock, which knows only slots.
func (f *faults) OnFinalize(uint32) {
	if f.checks && validating && f.clock.Now.Get()%6000 != 0 {
		panic("Checking inherents failed")
	}
}

// validating is set by validate_block alone.
var validating bool

// OnInitialize does what the words say.
func (f *faults) OnInitialize(uint32) frame.Weight {
	switch f.what {
	case "panic":
		panic("nothing works today")
	case "loop":
		for {
			f.System().DbWeight.With(frame.Weight{}, 1, 1)
		}
	}
	return frame.Weight{}
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
