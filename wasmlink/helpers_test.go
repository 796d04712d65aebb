package wasmlink

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"pileus/internal/wasm"
)

// small is a module of one page with one exported function f.
func small(params, results []byte, c code) *module {
	m := &module{memory: &wasm.Limits{Min: 1}}
	m.exports = []wasm.Export{{Name: "f", Index: m.add(params, results, function(c))}, {Name: "memory", Kind: wasm.KindMemory}}
	return m
}

// lowered is a copy of a small module after lowering.
func lowered(t testing.TB, m *module) *module {
	t.Helper()
	out, err := parse(m.encode())
	if err != nil {
		t.Fatal(err)
	}
	l := &lowering{m: out, index: []uint32{0}, helpers: map[string]uint32{}, counts: map[string]int{}}
	if err := l.lower(1); err != nil {
		t.Fatal(err)
	}
	if len(l.counts) == 0 {
		t.Fatal("nothing was lowered")
	}
	return out
}

// start runs a module with those features.
func start(t testing.TB, m *module, features api.CoreFeatures) api.Module {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
	t.Cleanup(func() { rt.Close(ctx) })
	i, err := rt.Instantiate(ctx, m.encode())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// pair is a small module before and after.
func pair(t testing.TB, m *module) (before, after api.Module) {
	if rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV1)); true {
		if _, err := rt.CompileModule(context.Background(), m.encode()); err == nil {
			t.Fatal("the module is WebAssembly 1.0 before lowering: the test would show nothing")
		}
	}
	return start(t, m, api.CoreFeaturesV2), start(t, lowered(t, m), api.CoreFeaturesV1)
}

func call(m api.Module, args ...uint64) (uint64, error) {
	out, err := m.ExportedFunction("f").Call(context.Background(), args...)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return out[0], nil
}

func TestSignExtension(t *testing.T) {
	for op := byte(0xc0); op <= 0xc4; op++ {
		typ := byte(valI64)
		if op < 0xc2 {
			typ = valI32
		}
		before, after := pair(t, small([]byte{typ}, []byte{typ}, code(nil).get(0).op(op)))
		rapid.Check(t, func(r *rapid.T) {
			v := rapid.Uint64().Draw(r, "v")
			if typ == valI32 {
				v &= math.MaxUint32
			}
			want, _ := call(before, v)
			got, err := call(after, v)
			if err != nil || got != want {
				r.Fatalf("%s(%x) = %x, want %x, %v", instr{op: op}.name(), v, got, want, err)
			}
		})
	}
}

func TestSaturatingConversion(t *testing.T) {
	edges := []float64{0, math.Copysign(0, -1), 0.99, -0.99, -1, 1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64,
		1 << 31, 1<<31 - 1, 1<<31 + 1, -1 << 31, -1<<31 - 1, -1<<31 - 0.5, 1 << 32, 1<<32 - 1, 1 << 63, 1<<63 - 1024, -1 << 63, -1<<63 - 2048, 1 << 64, 1<<64 - 2048, math.SmallestNonzeroFloat64}
	for sub := uint32(0); sub < 8; sub++ {
		from, to := truncTypes(sub)
		before, after := pair(t, small([]byte{from}, []byte{to}, code(nil).get(0).op(opPrefixFC, byte(sub))))
		same := func(fail func(string, ...any), v float64) {
			bits := math.Float64bits(v)
			if from == valF32 {
				bits = uint64(math.Float32bits(float32(v)))
			}
			want, _ := call(before, bits)
			got, err := call(after, bits)
			if err != nil || got != want {
				fail("%s(%v) = %x, want %x, %v", truncNames[sub], v, got, want, err)
			}
		}
		for _, v := range edges {
			same(t.Errorf, v)
			same(t.Errorf, float64(math.Nextafter32(float32(v), 0)))
			same(t.Errorf, math.Nextafter(v, 0))
		}
		rapid.Check(t, func(r *rapid.T) { same(r.Fatalf, math.Float64frombits(rapid.Uint64().Draw(r, "bits"))) })
	}
}

var threeNumbers = []byte{valI32, valI32, valI32}

type fataler interface{ Fatalf(string, ...any) }

// sameMemory runs both on the same memory and compares what is there afterwards.
func sameMemory(r fataler, before, after api.Module, seed uint32, args ...uint64) {
	image := make([]byte, pageSize)
	for i := range image {
		seed = seed*1664525 + 1013904223
		image[i] = byte(seed >> 24)
	}
	before.Memory().Write(0, image)
	after.Memory().Write(0, image)
	_, wantErr := call(before, args...)
	_, gotErr := call(after, args...)
	if nothing := args[2] == 0; (wantErr != nil) != (gotErr != nil) && !(nothing && gotErr == nil) {
		r.Fatalf("%v: error %v, want %v", args, gotErr, wantErr)
	}
	if wantErr != nil {
		return // a trapped instance is gone
	}
	want, _ := before.Memory().Read(0, pageSize)
	got, _ := after.Memory().Read(0, pageSize)
	if !bytes.Equal(got, want) {
		r.Fatalf("%v: the memory differs", args)
	}
}

func TestMemoryCopy(t *testing.T) {
	before, after := pair(t, small(threeNumbers, nil, code(nil).get(0).get(1).get(2).op(opPrefixFC, subMemoryCopy, 0, 0)))
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Uint32Range(0, 200).Draw(r, "n")
		from := rapid.Uint32Range(0, pageSize-100).Draw(r, "from")
		to := from + uint32(rapid.Int32Range(-80, 80).Draw(r, "distance"))
		if rapid.Bool().Draw(r, "far") {
			to = rapid.Uint32Range(0, pageSize).Draw(r, "to")
		}
		sameMemory(r, before, after, n, uint64(to), uint64(from), uint64(n))
	})
}

func TestMemoryFill(t *testing.T) {
	before, after := pair(t, small(threeNumbers, nil, code(nil).get(0).get(1).get(2).op(opPrefixFC, subMemoryFill, 0)))
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Uint32Range(0, 200).Draw(r, "n")
		to := rapid.Uint32Range(0, pageSize-100).Draw(r, "to")
		sameMemory(r, before, after, n, uint64(to), rapid.Uint64Range(0, math.MaxUint32).Draw(r, "byte"), uint64(n))
	})
}

func TestConstantSize(t *testing.T) {
	for size := int32(1); size <= maxUnrolled+1; size++ {
		moved, movedLow := pair(t, small(threeNumbers, nil, code(nil).get(0).get(1).i32(size).op(opPrefixFC, subMemoryCopy, 0, 0)))
		zeroed, zeroedLow := pair(t, small(threeNumbers, nil, code(nil).get(0).i32(0).i32(size).op(opPrefixFC, subMemoryFill, 0)))
		for _, at := range [][2]uint64{{100, 300}, {300, 100}, {100, 103}, {103, 100}, {100, 100}, {pageSize - 5, 0}, {0, pageSize - 5}} {
			sameMemory(t, moved, movedLow, uint32(size), at[0], at[1], 1)
			sameMemory(t, zeroed, zeroedLow, uint32(size), at[0], at[1], 1)
		}
	}
	// Another byte than zero, and a size that is no constant, are left to the loops.
	filled, filledLow := pair(t, small(threeNumbers, nil, code(nil).get(0).i32(7).i32(20).op(opPrefixFC, subMemoryFill, 0)))
	sameMemory(t, filled, filledLow, 1, 100, 0, 1)
}

func TestGrow(t *testing.T) {
	m := &module{memory: &wasm.Limits{Min: 10}}
	taken := m.addGlobal(3, true)
	grow := m.add([]byte{valI32}, []byte{valI32}, growFunction(taken, 8))
	size := m.add(nil, []byte{valI32}, sizeFunction(taken))
	m.exports = []wasm.Export{{Name: "grow", Index: grow}, {Name: "size", Index: size}}
	i := start(t, m, api.CoreFeaturesV1)
	for _, c := range []struct{ pages, want, size int32 }{{0, 3, 3}, {2, 3, 5}, {4, -1, 5}, {-1, -1, 5}, {math.MaxInt32, -1, 5}, {3, 5, 8}, {1, -1, 8}, {0, 8, 8}} {
		out, err := i.ExportedFunction("grow").Call(context.Background(), uint64(uint32(c.pages)))
		if err != nil || int32(out[0]) != c.want {
			t.Errorf("grow(%d) = %d, want %d, %v", c.pages, int32(out[0]), c.want, err)
		}
		if out, _ = i.ExportedFunction("size").Call(context.Background()); int32(out[0]) != c.size {
			t.Errorf("size after grow(%d) = %d, want %d", c.pages, out[0], c.size)
		}
	}
}

func TestSegments(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := make([]byte, rapid.IntRange(0, 400).Draw(r, "n"))
		for range rapid.IntRange(0, 12).Draw(r, "runs") {
			if len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
			}
		}
		got, end := make([]byte, len(b)), 0
		for _, s := range segments(b) {
			if int(s.offset) < end || len(s.bytes) == 0 || s.bytes[0] == 0 || s.bytes[len(s.bytes)-1] == 0 {
				r.Fatalf("segment at %d: %x", s.offset, s.bytes)
			}
			end = int(s.offset) + copy(got[s.offset:], s.bytes)
		}
		if !bytes.Equal(got, b) {
			r.Fatalf("%x, want %x", got, b)
		}
	})
}

func TestStoreText(t *testing.T) {
	for _, text := range []string{"", "a", "12345678", "GOGC=off\x00GOMEMLIMIT=1\x00"} {
		i := start(t, small([]byte{valI32}, nil, storeText(nil, 0, text)), api.CoreFeaturesV1)
		if _, err := call(i, 100); err != nil {
			t.Fatal(err)
		}
		if b, _ := i.Memory().Read(100, uint32(len(text))+8); string(b) != text+string(make([]byte, 8)) {
			t.Errorf("%q, want %q", b, text)
		}
	}
	if binary.LittleEndian.Uint64([]byte(traceMarks[0])) == 0 || len(traceMarks[1]) != markSize {
		t.Error("marks of another size")
	}
}
