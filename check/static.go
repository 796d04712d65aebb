package check

import (
	"bytes"
	"slices"
	"strings"

	"pileus/chainspec"
	"pileus/crypto"
	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/wasm"
	"pileus/metadata"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/wasmlink"
)

// Static is what code says of itself without building a block.
type Static struct {
	*wasmlink.Info                     // with the version that the sections say
	Version        *runtimeapi.Version // that Core_version says
	Meta           *metadata.Metadata
	Release        Release

	MinimumPeriod *uint64 // Timestamp.MinimumPeriod, ms; nil: not in the metadata
	SlotDuration  *uint64 // Aura.SlotDuration, ms; nil: not in the metadata
	RefTime       uint64  // of the largest block, picoseconds; 0: not in the metadata
	ProofSize     uint64
	Order         []string // pallets by declaration
	Counters      []Counter
	Checker       bool // the words with which an inherent checker of validate_block panics stand in the code
}

// Counter is a constant that counts blocks, as its name and type say.
type Counter struct {
	Name   string
	Blocks uint64
	Relay  bool
}

// inspect reads the sections of code.
func inspect(code []byte) (*Static, error) {
	info, err := wasmlink.Look(code)
	if err != nil {
		return nil, err
	}
	return &Static{Info: info, Checker: hasChecker(code)}, nil
}

// checkerWords are the panic of validate_block when its inherent checker refuses a block. A
// runtime that registers none has a dummy, whose answer the compiler knows: the panic is not
// in its code. (cumulus-pallet-parachain-system through 0.24, validate_block/implementation.rs)
const checkerWords = "Checking inherents failed"

func hasChecker(code []byte) bool {
	raw, err := executor.Decompress(code, executor.CodeBombLimit)
	if err != nil {
		return false
	}
	m, err := wasm.Parse(raw)
	return err == nil && bytes.Contains(m.Section(wasm.DataSection), []byte(checkerWords))
}

// read takes from the metadata what rows need.
func (s *Static) read() {
	s.Release = releaseOf(s.Meta, s.Version)
	s.MinimumPeriod = s.number("Timestamp", "MinimumPeriod")
	s.SlotDuration = s.number("Aura", "SlotDuration")
	if w, err := s.Meta.Constant("System", "BlockWeights"); err == nil {
		if max, ok := w.Get("max_block"); ok {
			s.RefTime, s.ProofSize = field(max, "ref_time"), field(max, "proof_size")
		}
	}
	for i := range s.Meta.Pallets {
		s.Order = append(s.Order, s.Meta.Pallets[i].Name)
	}
	s.Counters = s.counters()
}

func field(v metadata.Value, name string) uint64 {
	f, ok := v.Get(name)
	if !ok {
		return 0
	}
	n, _ := f.Uint64()
	return n
}

// number is a constant that is a whole number of at most 64 bits.
func (s *Static) number(pallet, name string) *uint64 {
	v, err := s.Meta.Constant(pallet, name)
	if err != nil {
		return nil
	}
	n, ok := v.Uint64()
	if !ok {
		return nil
	}
	return &n
}

// countEnds are the ends of names of constants that count blocks: FRAME has no type of its
// own for them, block numbers are plain u32.
var countEnds = []string{"Period", "Delay", "Duration", "Lifetime", "Interval", "Cooldown", "Timeout", "Window", "Term"}

// counters lists the constants that count blocks.
func (s *Static) counters() (list []Counter) {
	for i := range s.Meta.Pallets {
		p := &s.Meta.Pallets[i]
		for _, c := range p.Constants {
			ends := slices.ContainsFunc(countEnds, func(end string) bool { return strings.HasSuffix(c.Name, end) })
			if !ends || len(c.Value) != 4 || p.Name == "System" || c.Name == "MinimumPeriod" {
				continue
			}
			n := scale.NewDecoder(c.Value).U32()
			if n > 0 {
				list = append(list, Counter{p.Name + "." + c.Name, uint64(n), strings.Contains(strings.ToLower(c.Name), "relay")})
			}
		}
	}
	return list
}

// at is the place of a pallet in the order of declaration, -1 if it is not there.
func (s *Static) at(pallet string) int { return slices.Index(s.Order, pallet) }

// bareGenesis is a state with what a block needs: for runtimes without genesis presets.
func bareGenesis(v *runtimeapi.Version, code []byte) *chainspec.Spec {
	public := crypto.NewDevKey("Alice").Pair.Public()
	authorities := append([]byte{4}, public[:]...)
	upgrade := scale.AppendString(scale.AppendCompact(nil, uint64(v.SpecVersion)), v.SpecName)
	return &chainspec.Spec{Name: v.SpecName, ID: v.SpecName, Genesis: chainspec.Genesis{Raw: &chainspec.Raw{Top: map[string][]byte{
		chainspec.CodeKey: code,
		string(hashing.StorageKey("Aura", "Authorities")):                authorities,
		string(hashing.StorageKey("AuraExt", "Authorities")):             authorities,
		string(hashing.StorageKey("ParachainInfo", "ParachainId")):       scale.AppendU32(nil, uint32(probePara)),
		string(hashing.StorageKey("System", "LastRuntimeUpgrade")):       upgrade,
		string(hashing.StorageKey("System", "Number")):                   scale.AppendU32(nil, 0),
		string(hashing.StorageKey("System", "UpgradedToU32RefCount")):    {1},
		string(hashing.StorageKey("System", "UpgradedToTripleRefCount")): {1},
	}}}}
}
