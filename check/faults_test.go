package check

import (
	"bytes"
	"context"
	"encoding/binary"
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
	"pileus/scale"
)

func relaySide(change func(*RelaySide)) *RelaySide {
	r := &RelaySide{Config: pileus.DefaultRelayConfig()}
	change(r)
	return r
}

// Every row has a chain that fails exactly it. Those of p1.4, p3.1, p3.2, p3.5 and of the
// absence of p1.7 are Rust runtimes: TestRealRuntimes.
func TestEachRowAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, words, failing string
		set                  func(*Options)
	}{
		{"sound", "", "", nil},
		{"p1.1", "stage=phase1 velocity=3", "p1.1 warning", nil},
		{"p1.2", "relay_slot=12000", "p1.2 error", nil},
		{"p1.3", "slot=9000", "p1.3 warning", nil},
		{"p1.4c", "strict=1", "p1.4c warning", nil},
		{"p1.5a", "stage=phase1 multiple=1", "p1.5a warning", func(o *Options) { o.Profile = Phase1 }},
		{"p1.5b", "slot=0", "p1.5b error", nil},
		{"p1.6", "say.slot_duration=12000", "p1.6 error", nil},
		{"p1.7 yes", "capacity=3 say.can_build_upon=1", "p1.7 warning", nil},
		{"p1.7 no", "say.can_build_upon=0", "p1.7 error", nil},
		{"p1.8", "validate=inherents", "p1.8 warning", nil},
		{"p2.4", "", "p2.4 error", func(o *Options) { o.Collator = Basic }},
		{"p2.5", "", "p2.5 warning", func(o *Options) { o.AuthoringDuration = 500 * time.Millisecond }},
		{"p3.2", "capacity=2", "p3.2 warning", nil},
		{"p3.3", "slot=3000", "p3.3 warning", nil},
		{"p3.4", "weight=500000000000", "p3.4 warning", nil},
		{"t.1", "block_time=12000", "t.1 warning", nil},
		{"x.build", "block=panic", "x.build error", nil},
		{"x.validate", "validate=never", "x.validate error", nil},
		{"x.offset", "offset=1 capacity=4 say.relay_parent_offset=0", "x.offset error", nil},
		{"x.auraext", "order=wrong", "x.auraext error", nil},
		{"x.timestamp", "timestamp=free", "x.timestamp warning", nil},
		{"x.turns", "stage=phase1 slot=24000", "x.turns warning", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options()
			if c.set != nil {
				c.set(&o)
			}
			expect(t, parachain.RuntimeSpec("variant", variant.Code(t, c.words), "development"), o, c.failing)
		})
	}
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

// What stands in the state, in the sections of the code, and on the relay chain's side.
func TestEachRowAloneBesideTheCode(t *testing.T) {
	stage := func() []byte {
		s := pileus.Defaults()
		s.Runtime = "phase3"
		spec, err := s.Spec()
		if err != nil {
			t.Fatal(err)
		}
		return spec.Code()
	}()
	bare := parachain.RuntimeSpec("phase3", stage, "development")

	t.Run("x.heap", func(t *testing.T) {
		expect(t, withState(t, bare, ":heappages", binary.LittleEndian.AppendUint64(nil, 4096)), options(), "x.heap warning")
	})
	t.Run("x.slots", func(t *testing.T) {
		spec := withState(t, bare, string(hashing.StorageKey("Aura", "CurrentSlot")), scale.AppendU64(nil, 294_100_000))
		spec.Genesis.Raw.Top[string(hashing.StorageKey("Timestamp", "Now"))] = scale.AppendU64(nil, 294_000_000*6000)
		expect(t, spec, options(), "x.slots error")
	})
	t.Run("x.api", func(t *testing.T) {
		m := unpacked(t, stage)
		version, _ := m.Custom("runtime_version")
		changed := bytes.Replace(version, []byte("\x14guide"), []byte("\x14gride"), 1)
		setCustom(m, "runtime_version", changed)
		expect(t, parachain.RuntimeSpec("phase3", parachain.CompressPoV(m.Encode()), "development"), options(), "x.api warning")
	})
	t.Run("x.host", func(t *testing.T) {
		code := bytes.Replace(unpacked(t, stage).Encode(), []byte("ext_hashing_keccak_256_version_1"), []byte("ext_hashing_keccak_257_version_1"), 1)
		expect(t, parachain.RuntimeSpec("phase3", parachain.CompressPoV(code), "development"), options(), "x.host warning")
	})
	t.Run("x.code", func(t *testing.T) {
		m := unpacked(t, stage)
		m.Sections = append(m.Sections, wasm.Section{ID: wasm.CustomSection, Name: "debug", Payload: make([]byte, 4<<20)})
		expect(t, parachain.RuntimeSpec("phase3", m.Encode(), "development"), options(), "x.code warning")
	})
	t.Run("x.pov", func(t *testing.T) {
		o := options()
		o.Settings.Runtime = "phase3"
		o.Relay = relaySide(func(r *RelaySide) { r.Config.MaxPoVSize = 5 << 20 })
		expect(t, bare, o, "x.pov warning")
	})
	t.Run("code hash", func(t *testing.T) {
		o := options()
		o.Settings.Runtime = "phase3"
		o.Relay = relaySide(func(r *RelaySide) { r.Codes = map[primitives.ParaID]primitives.Hash{2000: {1}} })
		expect(t, bare, o, "p2.5 error")
	})
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
