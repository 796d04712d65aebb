package wasmlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"pileus/hashing"
	"pileus/internal/wasm"
	"pileus/runtimeapi"
	"pileus/scale"
)

// initTimeout stops packages whose initialisation does not end.
const initTimeout = time.Minute

// image is what the start function leaves behind.
type image struct {
	memory      []byte   // below the page of last words
	globals     []uint64 // values of all globals
	taken       uint32   // pages
	versionCall []byte   // what Core_version returns; nil without that export
}

// initialise runs the start function, and then Core_version to learn what the sections say.
//
// What package initialisation may ask of the host is what has the same answer everywhere:
// hashes and memory. The rest is refused by name.
func (l *linker) initialise() (*image, error) {
	ctx, cancel := context.WithTimeout(context.Background(), initTimeout)
	defer cancel()
	probe := *l.m
	probe.exports = append([]wasm.Export{
		{Name: "memory", Kind: wasm.KindMemory},
		{Name: startFunction, Kind: wasm.KindFunction, Index: l.start},
	}, l.calls...)
	for i := range probe.globals {
		probe.exports = append(probe.exports, wasm.Export{Name: globalName(i), Kind: wasm.KindGlobal, Index: uint32(i)})
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().
		WithCoreFeatures(api.CoreFeaturesV1).WithCloseOnContextDone(true).WithDebugInfoEnabled(false))
	defer rt.Close(context.Background())
	h := &initHost{next: l.o.GoMemory}
	if err := h.install(ctx, rt, l.m); err != nil {
		return nil, err
	}
	compiled, err := rt.CompileModule(ctx, probe.encode())
	if err != nil {
		return nil, fmt.Errorf("linked module: %w", err)
	}
	instance, err := rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("linked module: %w", err)
	}
	if _, err := instance.ExportedFunction(startFunction).Call(ctx); err != nil {
		return nil, h.explain("initialise the program's packages", err)
	}
	return l.capture(ctx, instance, h)
}

func globalName(i int) string { return fmt.Sprintf("global %d", i) }

func (l *linker) capture(ctx context.Context, instance api.Module, h *initHost) (*image, error) {
	x := &image{}
	view, ok := instance.Memory().Read(0, l.o.GoMemory-pageSize)
	if !ok {
		return nil, errors.New("linked module: its memory is too small")
	}
	x.memory = append([]byte(nil), view...)
	for i := range l.m.globals {
		x.globals = append(x.globals, instance.ExportedGlobal(globalName(i)).Get())
	}
	x.taken = uint32(x.globals[l.taken])
	l.report.GoPages = x.taken
	f := instance.ExportedFunction("Core_version")
	if f == nil {
		return x, nil
	}
	out, err := f.Call(ctx, uint64(h.next), 0)
	if err != nil {
		return nil, h.explain("Core_version", err)
	}
	b, ok := instance.Memory().Read(uint32(out[0]), uint32(out[0]>>32))
	if !ok {
		return nil, fmt.Errorf("%w: Core_version returned bytes outside the memory", ErrModule)
	}
	x.versionCall = append([]byte{}, b...)
	return x, nil
}

// version decodes what Core_version returned.
func (x *image) version() (*runtimeapi.Version, error) {
	if x.versionCall == nil {
		return nil, nil
	}
	v := &runtimeapi.Version{}
	if err := scale.Decode(x.versionCall, v); err != nil {
		return nil, fmt.Errorf("%w: Core_version returned no version: %w", ErrModule, err)
	}
	return v, nil
}

// gap is how many zeros end a data segment: a new one costs some six bytes, and a
// little time at each start.
const gap = 32

// keep makes the image what an instance starts with.
func (l *linker) keep(x *image) {
	l.m.data = segments(x.memory)
	for i := range l.m.globals {
		g := &l.m.globals[i]
		if !g.mutable {
			continue
		}
		switch g.typ {
		case valI32:
			g.init = code(nil).i32(int32(x.globals[i])).end()
		case valI64:
			g.init = code(nil).i64(int64(x.globals[i])).end()
		case valF32:
			g.init = append(binary.LittleEndian.AppendUint32([]byte{opF32Const}, uint32(x.globals[i])), opEnd)
		case valF64:
			g.init = append(binary.LittleEndian.AppendUint64([]byte{opF64Const}, x.globals[i]), opEnd)
		}
	}
}

// segments are the parts of an image that are not zero.
func segments(b []byte) (list []segment) {
	for at := 0; at < len(b); {
		if at = skipZeros(b, at); at == len(b) {
			break
		}
		end := at // behind the last byte that is not zero
		for i := at; i < len(b) && i-end < gap; i++ {
			if b[i] != 0 {
				end = i + 1
			}
		}
		list = append(list, segment{uint32(at), b[at:end]})
		at = end
	}
	return list
}

func skipZeros(b []byte, at int) int {
	for ; at+8 <= len(b) && binary.LittleEndian.Uint64(b[at:]) == 0; at += 8 {
	}
	for ; at < len(b) && b[at] == 0; at++ {
	}
	return at
}

// initHost are the host functions at link time.
type initHost struct {
	next  uint32 // address of the next block
	words string // the last error logged
}

type refusal struct{ name string }

func (r refusal) Error() string { return "host function " + r.name + " is not there at link time" }

// install defines every import of the module.
func (h *initHost) install(ctx context.Context, rt wazero.Runtime, m *module) error {
	b := rt.NewHostModuleBuilder("env")
	for _, i := range m.imports {
		t := m.types[i.Type]
		run := h.function(i.Name)
		b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, mod api.Module, s []uint64) {
			run(mod.Memory(), s)
		}), t.Params, t.Results).Export(i.Name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

func (h *initHost) function(name string) func(api.Memory, []uint64) {
	hash := func(f func([]byte) []byte) func(api.Memory, []uint64) {
		return func(mem api.Memory, s []uint64) {
			in, ok := mem.Read(uint32(s[0]), uint32(s[0]>>32))
			if !ok {
				panic("a host function was given bytes outside the memory")
			}
			out := f(in)
			at := h.allocate(mem, uint32(len(out)))
			mem.Write(at, out)
			s[0] = uint64(at)
		}
	}
	switch name {
	case "ext_hashing_blake2_256_version_1":
		return hash(func(b []byte) []byte { h := hashing.Blake2b256(b); return h[:] })
	case "ext_hashing_blake2_128_version_1":
		return hash(func(b []byte) []byte { h := hashing.Blake2b128(b); return h[:] })
	case "ext_hashing_twox_64_version_1":
		return hash(func(b []byte) []byte { h := hashing.Twox64(b); return h[:] })
	case "ext_hashing_twox_128_version_1":
		return hash(func(b []byte) []byte { h := hashing.Twox128(b); return h[:] })
	case "ext_hashing_twox_256_version_1":
		return hash(func(b []byte) []byte { h := hashing.Twox256(b); return h[:] })
	case "ext_hashing_keccak_256_version_1":
		return hash(func(b []byte) []byte { h := hashing.Keccak256(b); return h[:] })
	case "ext_hashing_keccak_512_version_1":
		return hash(func(b []byte) []byte { h := hashing.Keccak512(b); return h[:] })
	case "ext_hashing_sha2_256_version_1":
		return hash(func(b []byte) []byte { h := hashing.Sha2_256(b); return h[:] })
	case "ext_allocator_malloc_version_1":
		return func(mem api.Memory, s []uint64) { s[0] = uint64(h.allocate(mem, uint32(s[0]))) }
	case "ext_allocator_free_version_1":
		return func(api.Memory, []uint64) {}
	case logFunction:
		return func(mem api.Memory, s []uint64) {
			if b, ok := mem.Read(uint32(s[2]), uint32(s[2]>>32)); ok && s[0] == 0 {
				h.words = string(b)
			}
		}
	}
	return func(api.Memory, []uint64) { panic(refusal{name}) }
}

// allocate takes memory from the host's part, which no image keeps.
func (h *initHost) allocate(mem api.Memory, n uint32) uint32 {
	at := h.next + 8
	h.next = (at + n + 7) &^ 7
	if size := mem.Size(); h.next > size || h.next < at {
		if _, ok := mem.Grow((h.next-size)/pageSize + 1); !ok || h.next < at {
			panic("out of memory for the host")
		}
	}
	return at
}

// explain finds the words of a program that died.
func (h *initHost) explain(doing string, err error) error {
	var r refusal
	switch {
	case errors.As(err, &r):
		return fmt.Errorf("%w: %s: %w", ErrModule, doing, r)
	case h.words != "":
		return fmt.Errorf("%w: %s: %s", ErrModule, doing, h.words)
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "closed with context"):
		return fmt.Errorf("%w: %s: it takes more than %v", ErrModule, doing, initTimeout)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%w: %s: %s", ErrModule, doing, line)
}
