package executor_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pileus/chainspec"
	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/scale"
	"pileus/trie"
)

// engine keeps compiled runtimes between runs of the tests, since that takes seconds each.
func engine(t testing.TB) *executor.Engine {
	t.Helper()
	e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: filepath.Join(os.TempDir(), "pileus-test-cache")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func runtimeCode(t testing.TB, name string) []byte {
	t.Helper()
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/"+name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func loadCode(t testing.TB, e *executor.Engine, code []byte) *executor.Module {
	t.Helper()
	m, err := e.Load(context.Background(), code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func empty() *executor.Storage { return executor.NewStorage(trie.NewState(trie.New(), nil), nil) }

func call(t testing.TB, m *executor.Module, s *executor.Storage, method string, args []byte) []byte {
	t.Helper()
	out, err := m.Call(context.Background(), method, args, executor.CallOptions{Storage: s})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// genesis builds the genesis state of a runtime from its development preset.
func genesis(t testing.TB, m *executor.Module) *trie.State {
	t.Helper()
	preset := func(name []byte) []byte {
		out := scale.NewDecoder(call(t, m, empty(), "GenesisBuilder_get_preset", name))
		json := scale.DecodeOption(out, func(d *scale.Decoder) []byte { return d.Bytes(1 << 20) })
		if json == nil || out.Finish() != nil {
			t.Fatalf("there is no preset %q", name)
		}
		return *json
	}
	config, err := chainspec.Merge(preset([]byte{0}), preset(scale.AppendString([]byte{1}, "development")))
	if err != nil {
		t.Fatal(err)
	}
	s := empty()
	if out := call(t, m, s, "GenesisBuilder_build_state", scale.AppendBytes(nil, config)); !bytes.Equal(out, []byte{0}) {
		t.Fatalf("build_state: %q", out)
	}
	state, err := s.Finish(trie.V1)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// A runtime of the guide answers, and its compiled and interpreted answers are the same.
func TestGuideRuntime(t *testing.T) {
	code := runtimeCode(t, "phase3")
	compiled := loadCode(t, engine(t), code)
	if compiled.CodeHash() != hashing.Blake2b256(code) {
		t.Error("the code hash is not that of the code as it stands in the state")
	}
	if missing := compiled.Missing(); len(missing) != 0 {
		t.Errorf("the host lacks %v", missing)
	}
	slow, err := executor.NewEngine(context.Background(), executor.Config{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close(context.Background())
	interpreted := loadCode(t, slow, code)

	version := call(t, compiled, empty(), "Core_version", nil)
	embedded, err := compiled.Version(context.Background())
	if err != nil || !bytes.Equal(embedded, version) {
		t.Errorf("the sections say %x (%v), Core_version says %x", embedded, err, version)
	}
	if meta := call(t, compiled, empty(), "Metadata_metadata", nil); !bytes.Contains(meta[:16], []byte("meta")) ||
		!bytes.Equal(meta, call(t, interpreted, empty(), "Metadata_metadata", nil)) {
		t.Error("compiled and interpreted metadata differ")
	}
	state := genesis(t, compiled)
	if other := genesis(t, interpreted); state.Root() != other.Root() || state.Top().IsEmpty() {
		t.Errorf("genesis is %v compiled, %v interpreted", state.Root(), other.Root())
	}
	rec := trie.NewRecorder()
	s := executor.NewStorage(state, rec)
	if slot := call(t, compiled, s, "AuraApi_slot_duration", nil); !bytes.Equal(slot, scale.AppendU64(nil, 6000)) {
		t.Errorf("slot duration %x", slot)
	}
	authorities := call(t, compiled, s, "AuraApi_authorities", nil)
	if len(authorities) != 1+2*32 || rec.Len() == 0 {
		t.Errorf("authorities %x, %d nodes recorded", authorities, rec.Len())
	}
	// The proof of that read shows the same.
	part, err := trie.StateFromProof(state.Root(), rec.Proof())
	if err != nil {
		t.Fatal(err)
	}
	if again := call(t, compiled, executor.NewStorage(part, nil), "AuraApi_authorities", nil); !bytes.Equal(again, authorities) {
		t.Errorf("on the proof: %x", again)
	}
	_, err = compiled.Call(context.Background(), "AccountNonceApi_account_nonce", make([]byte, 32), executor.CallOptions{Storage: executor.NewStorage(part, nil)})
	if c := wantKind(t, "beyond the proof", err, executor.KindHost, "host function"); !isMissing(c) {
		t.Errorf("beyond the proof: %v", c)
	}
}

// Runtimes of running chains: an old one and a new one.
func TestRealRuntimes(t *testing.T) {
	e := engine(t)
	for _, name := range []string{"mythos", "people-next-paseo"} {
		spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		m := loadCode(t, e, spec.Code())
		version := call(t, m, empty(), "Core_version", nil)
		// The sections list the APIs in another order.
		if embedded, err := m.Version(context.Background()); err != nil || !bytes.Equal(sorted(embedded), sorted(version)) {
			t.Errorf("%s: the sections say %x (%v), Core_version says %x", name, embedded, err, version)
		}
		if meta := call(t, m, empty(), "Metadata_metadata", nil); len(meta) < 10_000 {
			t.Errorf("%s: metadata of %d bytes", name, len(meta))
		}
	}
}

func sorted(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Sort(b)
	return b
}

func BenchmarkCoreVersion(b *testing.B) {
	m := loadCode(b, engine(b), runtimeCode(b, "phase3"))
	for b.Loop() {
		call(b, m, empty(), "Core_version", nil)
	}
}

func BenchmarkMetadata(b *testing.B) {
	m := loadCode(b, engine(b), runtimeCode(b, "phase3"))
	for b.Loop() {
		call(b, m, empty(), "Metadata_metadata", nil)
	}
}

func BenchmarkGenesis(b *testing.B) {
	m := loadCode(b, engine(b), runtimeCode(b, "phase3"))
	for b.Loop() {
		genesis(b, m)
	}
}

// BenchmarkCompile is what a runtime costs that is not in the cache.
func BenchmarkCompile(b *testing.B) {
	code := runtimeCode(b, "phase3")
	for b.Loop() {
		e, err := executor.NewEngine(context.Background(), executor.Config{})
		if err != nil {
			b.Fatal(err)
		}
		loadCode(b, e, code)
		e.Close(context.Background())
	}
}
