package wasmlink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
	"pileus/primitives"
	"pileus/pvf"
)

// sample is the program in testdata/sample as the Go toolchain writes it.
var sample = sync.OnceValues(func() ([]byte, error) { return Compile(context.Background(), "testdata/sample", BuildOptions{}) })

func sampleProgram(t testing.TB) []byte {
	t.Helper()
	b, err := sample()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func linkSample(t testing.TB, o Options) []byte {
	t.Helper()
	code, _, err := Link(sampleProgram(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// engines are shared: compiling takes most of the time.
var compilerEngine, _ = executor.NewEngine(context.Background(), executor.Config{})
var interpreterEngine, _ = executor.NewEngine(context.Background(), executor.Config{Interpreter: true})

func compile(t testing.TB, e *executor.Engine, code []byte, set executor.Set) *executor.Module {
	t.Helper()
	m, err := e.Compile(context.Background(), code, set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// calls are what the sample is asked, and part of what it answers or says when it dies.
var calls = []struct {
	method, args, words string
}{
	{"Core_version", "", ""},
	{"hashes", "some bytes", ""},
	{"numbers", "", ""},
	{"numbers", "\x00\x7f\x80\xffnumbers and \xf0\x9f\x98\x80 more", ""},
	{"allocate", "\x01", ""},
	{"allocate", "\x50", ""},
	{"allocate", "\x50\x01", "out of memory"},
	{"fail", "the reason", "panic: the reason"},
	{"fail", strings.Repeat("long ", 4000) + "end", "panic: long long"},
	{"wait", "", "all goroutines are asleep"},
}

// TestSample runs the sample as the toolchain wrote it on a host with WASI, and linked in
// every way, on a host that grows memory and on one that has grown it before.
func TestSample(t *testing.T) {
	plain := newWASI(t, sampleProgram(t))
	snapshot, wrapped := linkSample(t, Options{}), linkSample(t, Options{Wrap: true})
	modules := map[string]*executor.Module{
		"snapshot":              compile(t, compilerEngine, snapshot, executor.PVF),
		"wrapped, interpreted":  compile(t, interpreterEngine, wrapped, executor.PVF),
		"snapshot, interpreted": compile(t, interpreterEngine, snapshot, executor.Node),
	}
	for _, c := range calls {
		want, died := []byte(nil), c.words != ""
		if !died {
			want = plain.call(t, c.method, []byte(c.args))
		}
		for name, m := range modules {
			if name != "snapshot" && strings.HasPrefix(c.args, "\x50") {
				continue // slow
			}
			got, err := m.Call(context.Background(), c.method, []byte(c.args), executor.CallOptions{MaxPages: MaxMemoryPages})
			var failed *executor.CallError
			switch {
			case died && (!errors.As(err, &failed) || !strings.Contains(failed.Panic, c.words) || strings.Contains(failed.Panic, "goroutine 1")):
				t.Errorf("%s: %s: %.200v, want the words %q", name, c.method, err, c.words)
			case !died && (err != nil || !bytes.Equal(got, want)):
				t.Errorf("%s: %s: %x, want %x, %v", name, c.method, got, want, err)
			}
		}
	}
	grown := snapshotGrown(t, snapshot)
	for _, c := range calls[:6] {
		if want, got := plain.call(t, c.method, []byte(c.args)), grown.call(t, c.method, []byte(c.args)); !bytes.Equal(got, want) {
			t.Errorf("memory grown before: %s: %x, want %x", c.method, got, want)
		}
	}
}

// host runs a program in a fresh instance each time, with just enough of a host.
type host struct {
	rt       wazero.Runtime
	compiled wazero.CompiledModule
	pages    uint32 // that memory is grown to before
	args     uint32 // where arguments are put
}

func newHost(t *testing.T, code []byte, features api.CoreFeatures, install func(wazero.Runtime)) *host {
	ctx := context.Background()
	h := &host{rt: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features))}
	t.Cleanup(func() { h.rt.Close(ctx) })
	m, err := parse(code)
	if err != nil {
		t.Fatal(err)
	}
	b := h.rt.NewHostModuleBuilder("env")
	for _, i := range m.imports {
		if i.Module != "env" {
			continue
		}
		run := (&initHost{}).function(i.Name)
		if strings.HasPrefix(i.Name, "ext_hashing") {
			run = func(mem api.Memory, s []uint64) {
				in, _ := mem.Read(uint32(s[0]), uint32(s[0]>>32))
				out := hashing.Blake2b256(in)
				s[0] = 64 // nobody's memory: Go's begins at 4096
				mem.Write(64, out[:])
			}
		}
		b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, mod api.Module, s []uint64) {
			run(mod.Memory(), s)
		}), m.types[i.Type].Params, m.types[i.Type].Results).Export(i.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	if install != nil {
		install(h.rt)
	}
	if h.compiled, err = h.rt.CompileModule(ctx, code); err != nil {
		t.Fatal(err)
	}
	return h
}

// newWASI runs a program as the toolchain wrote it.
func newWASI(t *testing.T, program []byte) *host {
	m, err := parse(program)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, program, api.CoreFeaturesV2, func(rt wazero.Runtime) {
		b := rt.NewHostModuleBuilder(wasiModule)
		for _, i := range m.imports {
			if i.Module != wasiModule {
				continue
			}
			b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, mod api.Module, s []uint64) {
				mem := mod.Memory()
				switch i.Name {
				case "clock_time_get":
					mem.WriteUint64Le(uint32(s[2]), clock)
				case "random_get":
					mem.Write(uint32(s[0]), make([]byte, uint32(s[1])))
				case "args_sizes_get", "environ_sizes_get":
					mem.WriteUint32Le(uint32(s[0]), 0)
					mem.WriteUint32Le(uint32(s[1]), 0)
				case "proc_exit", "fd_write":
					panic("the program died")
				}
				if len(s) > 0 {
					s[0] = 0
				}
			}), m.types[i.Type].Params, m.types[i.Type].Results).Export(i.Name)
		}
		if _, err := b.Instantiate(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	return h
}

// snapshotGrown runs a linked module in memory that was grown to its maximum before.
func snapshotGrown(t *testing.T, code []byte) *host {
	h := newHost(t, code, api.CoreFeaturesV1, nil)
	h.pages = MaxMemoryPages
	h.args = DefaultGoMemory + pageSize
	return h
}

func (h *host) call(t *testing.T, method string, args []byte) []byte {
	t.Helper()
	ctx := context.Background()
	i, err := h.rt.InstantiateModule(ctx, h.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(ctx)
	mem := i.Memory()
	if h.pages > 0 {
		mem.Grow(h.pages - mem.Size()/pageSize)
	}
	if f := i.ExportedFunction(startFunction); f != nil {
		if _, err := f.Call(ctx); err != nil {
			t.Fatal(err)
		}
		at, _ := mem.Grow(2) // until Go has grown by a mebibyte, this is nobody's
		h.args = at * pageSize
		defer func() { h.args = 0 }()
	}
	mem.Write(h.args, args)
	out, err := i.ExportedFunction(method).Call(ctx, uint64(h.args), uint64(len(args)))
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	b, ok := mem.Read(uint32(out[0]), uint32(out[0]>>32))
	if !ok {
		t.Fatalf("%s: result outside the memory", method)
	}
	return append([]byte{}, b...)
}

func TestDeterministic(t *testing.T) {
	a, b := linkSample(t, Options{}), linkSample(t, Options{})
	if !bytes.Equal(a, b) {
		t.Fatal("linking twice gives other bytes")
	}
	x, err := Compress(a)
	if err != nil {
		t.Fatal(err)
	}
	y, _ := Compress(b)
	if !bytes.Equal(x, y) {
		t.Fatal("compressing twice gives other bytes")
	}
	if again, _ := Compress(x); !bytes.Equal(again, x) {
		t.Error("compressed code is compressed again")
	}
	if raw, err := executor.Decompress(x, executor.CodeBombLimit); err != nil || !bytes.Equal(raw, a) {
		t.Errorf("decompressed: %v", err)
	}
}

// TestPrepared holds a linked module against a validator's preparation and execution.
func TestPrepared(t *testing.T) {
	code, err := Compress(linkSample(t, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	v := pvf.New(compilerEngine, true)
	m, err := v.Prepare(context.Background(), code, hashing.Blake2b256(code), 0, primitives.ExecutorParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 5 << 20, 20 << 20, 32 << 20} {
		if _, err := m.Call(context.Background(), "hashes", make([]byte, size), executor.CallOptions{MaxPages: MaxMemoryPages}); err != nil {
			t.Errorf("%d bytes of arguments: %v", size, err)
		}
	}
}

func TestInspect(t *testing.T) {
	x, err := Inspect(linkSample(t, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if x.Version == nil || x.Version.SpecName != "sample" || x.Version.SpecVersion != 7 || len(x.Version.APIs) != 1 || x.Version.TransactionVersion != 1 || x.Version.SystemVersion != 1 {
		t.Errorf("version %+v", x.Version)
	}
	for _, c := range x.Checks {
		if c.OK == (c.Name == "validate_block") {
			t.Errorf("check %s: %v, %s", c.Name, c.OK, c.Words)
		}
	}
	if got := strings.Join(x.Exports, " "); got != "Core_version allocate fail hashes numbers wait" {
		t.Errorf("exports %s", got)
	}
	if got := strings.Join(x.Imports, " "); got != "env.ext_allocator_free_version_1 env.ext_hashing_blake2_256_version_1 env.ext_logging_log_version_1" {
		t.Errorf("imports %s", got)
	}
	raw, err := Inspect(sampleProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(raw.Features, ", "); got != "bulk memory, saturating conversion, sign extension" || raw.OK() {
		t.Errorf("the program before linking: features %s", got)
	}
}

// TestInspectRust looks at runtimes of the ecosystem, all of which a relay chain accepts.
func TestInspectRust(t *testing.T) {
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/phase3.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := Inspect(code)
	if err != nil {
		t.Fatal(err)
	}
	if !x.OK() || !x.Compressed || x.Version.String() != "guide-3" || x.CodeHash.String() != "0xf878d2b9110a4c7f53c3c761c5ae45a7d483ca582fca0d955c04a50d292e8aa2" {
		t.Errorf("%+v", x)
	}
	raw, _ := executor.Decompress(code, executor.CodeBombLimit)
	m, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.encode(); !bytes.Equal(got, raw) {
		again, err := parse(got)
		if err != nil || len(again.bodies) != len(m.bodies) {
			t.Errorf("encoded again: %v", err)
		}
	}
}

func TestLinkErrors(t *testing.T) {
	entry := func(m *module, name string) {
		m.exports = append(m.exports, wasm.Export{Name: name, Index: m.add([]byte{valI32, valI32}, []byte{valI64}, function(code(nil).i64(0)))})
	}
	good := func() *module {
		m := small(nil, nil, nil)
		m.exports[0].Name = startFunction
		entry(m, "Core_initialize_block")
		return m
	}
	if _, _, err := Link(good().encode(), Options{}); err != nil {
		t.Fatal(err)
	}
	imported := func(from, name string, params, results []byte) *module {
		m := new(module)
		t := m.typ(params, results)
		m.imports = []wasm.Import{{Module: from, Name: name, Type: t, Rest: wasm.AppendU32(nil, t)}}
		m.memory = &wasm.Limits{Min: 1}
		m.exports = []wasm.Export{{Name: startFunction, Index: m.add(nil, nil, function(nil))}, {Name: "memory", Kind: wasm.KindMemory}}
		entry(m, "Core_initialize_block")
		return m
	}
	for _, c := range []struct {
		name, want string
		m          func() *module
	}{
		{"no start", "buildmode=c-shared", func() *module { m := good(); m.exports = m.exports[1:]; return m }},
		{"no memory", "no memory", func() *module { m := good(); m.memory = nil; return m }},
		{"no entry", "exports no function", func() *module { m := good(); m.exports = m.exports[:2]; return m }},
		{"entry of another type", "func(ptr, n uint32) uint64", func() *module {
			m := good()
			m.exports = append(m.exports, wasm.Export{Name: "x", Index: m.add([]byte{valI64}, nil, function(nil))})
			return m
		}},
		{"start function", "start function", func() *module { m := good(); at := uint32(0); m.start = &at; return m }},
		{"too much data", "memory for Go", func() *module { m := good(); m.memory.Min = 2000; return m }},
		{"missing host function", "env.ext_other_version_1", func() *module { return imported("env", "ext_other_version_1", nil, nil) }},
		{"another module", "other.ext_allocator_free_version_1", func() *module { return imported("other", "ext_allocator_free_version_1", []byte{valI32}, nil) }},
		{"host function of another type", "has type (i64) → (i32), not (i32) → (i32)", func() *module {
			return imported("env", "ext_hashing_blake2_256_version_1", []byte{valI32}, []byte{valI32})
		}},
		{"WASI of another type", "another type", func() *module { return imported(wasiModule, "random_get", []byte{valI64}, nil) }},
		{"SIMD", "SIMD", func() *module { m := good(); m.bodies[0].code = []byte{0xfd, 0, opEnd}; return m }},
		{"call of nothing", "a call of no function", func() *module { m := good(); m.bodies[0] = function(code(nil).call(99)); return m }},
		{"dies when it starts", "initialise the program's packages", func() *module { m := good(); m.bodies[0] = function(code(nil).op(opUnreachable)); return m }},
		{"storage when it starts", "host function ext_storage_root_version_2 is not there at link time", func() *module {
			m := imported("env", "ext_storage_root_version_2", []byte{valI32}, []byte{valI64})
			m.bodies[0] = function(code(nil).i32(0).call(0).op(opDrop))
			return m
		}},
		{"bad version", "Core_version returned no version", func() *module { m := good(); entry(m, "Core_version"); return m }},
	} {
		_, _, err := Link(c.m().encode(), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		} else if !errors.Is(err, ErrModule) && !errors.Is(err, wasm.ErrFormat) {
			t.Errorf("%s: %v is of no kind", c.name, err)
		}
	}
	if _, _, err := Link(good().encode(), Options{GoMemory: 1000}); err == nil {
		t.Error("memory of 1000 bytes is accepted")
	}
}

func FuzzLink(f *testing.F) {
	m := small([]byte{valI32, valI32}, []byte{valI64}, code(nil).get(0).op(0xc0, opI64ExtendU))
	m.exports = append(m.exports, wasm.Export{Name: startFunction, Index: m.add(nil, nil, function(nil))})
	f.Add(m.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parse(b); err == nil {
			if again, err := parse(m.encode()); err != nil || len(again.bodies) != len(m.bodies) || len(again.data) != len(m.data) {
				t.Fatalf("encoded again: %v", err)
			}
			for _, x := range m.bodies {
				_ = walk(x.code, func(in instr, _, _ int) { _, _ = in.feature(), in.name() })
			}
			if m.memory != nil && m.memory.Min > 16 {
				return
			}
			if m.start != nil || bytes.Contains(b, []byte{opLoop}) {
				return // could run for a minute
			}
			_, _, _ = Link(b, Options{GoMemory: 32 * pageSize})
		}
		_, _ = Inspect(b)
	})
}

func BenchmarkLink(b *testing.B) {
	program := sampleProgram(b)
	for b.Loop() {
		if _, _, err := Link(program, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	code := linkSample(b, Options{})
	for b.Loop() {
		out, _ := Compress(code)
		b.ReportMetric(float64(len(out)), "bytes")
	}
}

func benchmarkCall(b *testing.B, o Options, method string, args []byte) {
	m := compile(b, compilerEngine, linkSample(b, o), executor.PVF)
	for b.Loop() {
		if _, err := m.Call(context.Background(), method, args, executor.CallOptions{MaxPages: MaxMemoryPages}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallSnapshot(b *testing.B) { benchmarkCall(b, Options{}, "Core_version", nil) }
func BenchmarkCallWrapped(b *testing.B)  { benchmarkCall(b, Options{Wrap: true}, "Core_version", nil) }
func BenchmarkCallAllocate(b *testing.B) { benchmarkCall(b, Options{}, "allocate", []byte{8}) }
func BenchmarkCallCollect(b *testing.B)  { benchmarkCall(b, Options{}, "allocate", []byte{100}) }
