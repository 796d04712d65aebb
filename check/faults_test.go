package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"pileus"
	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/variant"
	"pileus/internal/wasm"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/runtimes"
	"pileus/scale"
)

func relaySide(change func(*RelaySide)) *RelaySide {
	r := &RelaySide{Config: pileus.DefaultRelayConfig()}
	change(r)
	return r
}

// fault is a chain, with its relay chain and collator, that fails exactly one row.
type fault struct {
	row      string
	severity Severity
	how      string // in words
	chain    func(*testing.T) *chainspec.Spec
	set      func(*Options)
}

// made is a variant of the Go chain, rust a runtime of ../shared/runtimes, built one that is built in.
func made(words string) func(*testing.T) *chainspec.Spec {
	return func(t *testing.T) *chainspec.Spec {
		return parachain.RuntimeSpec("variant", variant.Code(t, words), "development")
	}
}

func rust(name string) func(*testing.T) *chainspec.Spec {
	return func(t *testing.T) *chainspec.Spec { return runtimeSpec(t, name) }
}

func built(stage string) func(*testing.T) *chainspec.Spec {
	return func(t *testing.T) *chainspec.Spec {
		code, _ := runtimes.Code(stage)
		return parachain.RuntimeSpec(stage, code, "development")
	}
}

// changed is phase 3 with another genesis state.
func changed(change func(*testing.T, *chainspec.Spec) *chainspec.Spec) func(*testing.T) *chainspec.Spec {
	return func(t *testing.T) *chainspec.Spec { return change(t, built("phase3")(t)) }
}

// remade is phase 3 with other code.
func remade(change func(*wasm.Module) []byte) func(*testing.T) *chainspec.Spec {
	return changed(func(t *testing.T, bare *chainspec.Spec) *chainspec.Spec {
		return parachain.RuntimeSpec("phase3", change(unpacked(t, bare.Code())), "development")
	})
}

// onRelay sets the relay chain, and the stage that simulations run on it.
func onRelay(stage string, change func(*RelaySide)) func(*Options) {
	return func(o *Options) { o.Settings.Runtime, o.Relay = stage, relaySide(change) }
}

// faults has each row at least once.
var faults = []fault{
	{"pre.async", Error, "depth 0 under classic rules", built("phase3"), onRelay("phase3", func(r *RelaySide) { r.Config.AsyncBackingParams, r.Classic = primitives.AsyncBackingParams{}, true })},
	{"pre.lookahead", Error, "lookahead 1", built("phase3"), onRelay("phase3", func(r *RelaySide) { r.Config.SchedulerParams.Lookahead = 1 })},
	{"p1.1", Warning, "velocity 3, capacity 1", made("stage=phase1 velocity=3"), nil},
	{"p1.2", Error, "relay slots of 12 s", made("relay_slot=12000"), nil},
	{"p1.3", Warning, "slots of 9 s", made("slot=9000"), nil},
	{"p1.4", Error, "ExpectParentIncluded", rust("f-hook-unwired"), nil},
	{"p1.4c", Warning, "relay numbers must increase", made("strict=1"), nil},
	{"p1.5a", Warning, "several blocks per slot in phase 1", made("stage=phase1 multiple=1"), func(o *Options) { o.Profile = Phase1 }},
	{"p1.5b", Error, "slots of 0 ms", made("slot=0"), nil},
	{"p1.6", Error, "AuraApi says 12 s", made("say.slot_duration=12000"), nil},
	{"p1.7", Error, "no AuraUnincludedSegmentApi", rust("f-no-segment-api"), nil},
	{"p1.7", Warning, "can_build_upon always says yes", made("capacity=3 say.can_build_upon=1"), nil},
	{"p1.7", Error, "can_build_upon always says no", made("say.can_build_upon=0"), nil},
	{"p1.8", Warning, "validate_block checks inherents", made("validate=inherents"), nil},
	{"p1.8", Warning, "an old release has a checker", withChecker, nil},
	{"p2.4", Error, "basic collators", made(""), func(o *Options) { o.Collator = Basic }},
	{"p2.5", Warning, "authoring for 0.5 s", made(""), func(o *Options) { o.AuthoringDuration = 500 * time.Millisecond }},
	{"p2.5", Error, "the relay chain has other code", built("phase3"), onRelay("phase3", func(r *RelaySide) { r.Codes = map[primitives.ParaID]primitives.Hash{2000: {1}} })},
	{"p3.1", Warning, "one block per slot", rust("f-single-block-per-slot"), nil},
	{"p3.2", Error, "capacity 1", rust("f-capacity-1"), nil},
	{"p3.2", Warning, "capacity 2", made("capacity=2"), nil},
	{"p3.3", Warning, "slots of 3 s, velocity 1", made("slot=3000"), nil},
	{"p3.4", Warning, "half a second of weight", made("weight=500000000000"), nil},
	{"p3.5", Warning, "minimum period 3 s", rust("f-min-period"), nil},
	{"t.1", Warning, "12 s expected", made("block_time=12000"), nil},
	{"x.build", Error, "every block panics", made("block=panic"), nil},
	{"x.validate", Error, "validate_block refuses all", made("validate=never"), nil},
	{"x.offset", Error, "offset 1, the API says 0", made("offset=1 capacity=4 say.relay_parent_offset=0"), nil},
	{"x.auraext", Error, "AuraExt in front of Aura", made("order=wrong"), nil},
	{"x.timestamp", Warning, "no OnTimestampSet", made("timestamp=free"), nil},
	{"x.turns", Warning, "slots of 24 s, one block each", made("stage=phase1 slot=24000"), nil},
	{"x.cores", Warning, "velocity 3, one core", built("elastic"), onRelay("elastic", func(r *RelaySide) { r.Config.SchedulerParams.NumCores = 1 })},
	{"x.pov", Warning, "max_pov_size 5 MiB", built("phase3"), onRelay("phase3", func(r *RelaySide) { r.Config.MaxPoVSize = 5 << 20 })},
	{"x.heap", Warning, "4096 heap pages", changed(func(t *testing.T, s *chainspec.Spec) *chainspec.Spec {
		return withState(t, s, ":heappages", binary.LittleEndian.AppendUint64(nil, 4096))
	}), nil},
	{"x.slots", Error, "CurrentSlot ahead of the time", changed(func(t *testing.T, s *chainspec.Spec) *chainspec.Spec {
		s = withState(t, s, string(hashing.StorageKey("Aura", "CurrentSlot")), scale.AppendU64(nil, 294_100_000))
		s.Genesis.Raw.Top[string(hashing.StorageKey("Timestamp", "Now"))] = scale.AppendU64(nil, 294_000_000*6000)
		return s
	}), nil},
	{"x.api", Warning, "another name in the section", remade(func(m *wasm.Module) []byte {
		version, _ := m.Custom("runtime_version")
		setCustom(m, "runtime_version", bytes.Replace(version, []byte("\x14guide"), []byte("\x14gride"), 1))
		return parachain.CompressPoV(m.Encode())
	}), nil},
	{"x.host", Warning, "an import that nodes lack", remade(func(m *wasm.Module) []byte {
		return parachain.CompressPoV(bytes.Replace(m.Encode(), []byte("ext_hashing_keccak_256_version_1"), []byte("ext_hashing_keccak_257_version_1"), 1))
	}), nil},
	{"x.code", Warning, "4 MiB of debug section", remade(func(m *wasm.Module) []byte {
		m.Sections = append(m.Sections, wasm.Section{ID: wasm.CustomSection, Name: "debug", Payload: make([]byte, 4<<20)})
		return m.Encode()
	}), nil},
}

// Every row has a chain that fails exactly it.
func TestEachRowAlone(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		expect(t, made("")(t), options(), "")
	})
	shown := map[string]bool{}
	var table strings.Builder
	for _, f := range faults {
		shown[f.row] = true
		fmt.Fprintf(&table, "%-14s %-8s %s\n", f.row, f.severity, f.how)
		t.Run(f.row+" "+f.how, func(t *testing.T) {
			t.Parallel()
			o := options()
			if f.set != nil {
				f.set(&o)
			}
			expect(t, f.chain(t), o, f.row+" "+string(f.severity))
		})
	}
	for _, id := range IDs() {
		if !shown[id] {
			t.Errorf("no chain fails %s alone", id)
		}
	}
	t.Log("each of these fails its row and no other\n" + table.String())
}

func expect(t *testing.T, spec *chainspec.Spec, o Options, want string) *Report {
	t.Helper()
	r, err := Run(context.Background(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	if failing(r) != want {
		t.Errorf("failing: %s\n%s", failing(r), r.Verdict)
		for _, row := range r.Failures() {
			t.Logf("%s: %s; expected %s\n%s", row.ID, row.Found, row.Expected, strings.Join(row.Evidence, "\n"))
		}
		for _, p := range r.Probes {
			t.Log(p)
		}
	}
	return r
}

// withChecker is a chain of a release from before 0.25 with a checker's panic in its code, in
// the place of another text.
func withChecker(t *testing.T) *chainspec.Spec {
	spec := chainSpec(t, "mythos")
	raw := decompress(t, spec.Code())
	at := bytes.Index(raw, []byte("attempt to divide by zero"))
	if at < 0 {
		t.Fatal("no such text")
	}
	copy(raw[at:], checkerWords)
	spec.Genesis.Raw.Top[chainspec.CodeKey] = parachain.CompressPoV(raw)
	return spec
}

// withState is the chain of a spec with its state built and one item changed.
func withState(t *testing.T, spec *chainspec.Spec, key string, value []byte) *chainspec.Spec {
	t.Helper()
	raw := rawState(t, spec)
	raw.Top[key] = value
	return &chainspec.Spec{Name: spec.Name, ID: spec.ID, Genesis: chainspec.Genesis{Raw: raw}}
}

func unpacked(t *testing.T, code []byte) *wasm.Module {
	t.Helper()
	m, err := wasm.Parse(decompress(t, code))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func setCustom(m *wasm.Module, name string, payload []byte) {
	for i := range m.Sections {
		if m.Sections[i].ID == wasm.CustomSection && m.Sections[i].Name == name {
			m.Sections[i].Payload = payload
		}
	}
}
