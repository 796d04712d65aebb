package executor

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
)

// meterStack meters a module with a limit that is part of the code.
func meterStack(m *wasm.Module, limit []byte) error {
	x := &metering{m: m}
	if err := x.read(); err != nil {
		return err
	}
	return x.rewrite(limit)
}

// module puts function bodies of type () -> (), or the given type, into a module.
func module(typ wasm.FuncType, bodies ...[]byte) []byte {
	t := append([]byte{1, 0x60, byte(len(typ.Params))}, typ.Params...)
	t = append(append(t, byte(len(typ.Results))), typ.Results...)
	funcs, code := []byte{byte(len(bodies))}, []byte{byte(len(bodies))}
	for _, b := range bodies {
		funcs = append(funcs, 0)
		code = append(append(wasm.AppendU32(code, uint32(len(b)+1)), 0), b...)
	}
	m := wasm.Module{Sections: []wasm.Section{{ID: wasm.TypeSection, Payload: t}, {ID: wasm.FunctionSection, Payload: funcs},
		{ID: wasm.MemorySection, Payload: []byte{1, 0, 1}}, {ID: wasm.CodeSection, Payload: code}}}
	return m.Encode()
}

// The heights are those that the crate's own tests name.
func TestStackHeight(t *testing.T) {
	i32 := wasm.FuncType{Results: []byte{wasm.ValI32}}
	for name, c := range map[string]struct {
		typ  wasm.FuncType
		body []byte
		want uint32
	}{
		"three constants":          {wasm.FuncType{}, []byte{wasm.OpI32Const, 1, wasm.OpI32Const, 2, wasm.OpI32Const, 3, wasm.OpDrop, wasm.OpDrop, wasm.OpDrop, wasm.OpEnd}, 3 + frameCost},
		"implicit return":          {i32, []byte{wasm.OpI32Const, 0, wasm.OpReturn, wasm.OpEnd}, 1 + frameCost},
		"not counted: unreachable": {i32, []byte{wasm.OpUnreachable, 0x40, 0, wasm.OpEnd}, frameCost},
		"dead pushes":              {wasm.FuncType{}, []byte{wasm.OpI32Const, 0, wasm.OpI32Const, 1, wasm.OpDrop, wasm.OpDrop, wasm.OpUnreachable, wasm.OpI32Const, 0, wasm.OpI32Const, 1, wasm.OpI32Const, 2, wasm.OpEnd}, 2 + frameCost},
		"block result":             {i32, []byte{wasm.OpBlock, wasm.ValI32, wasm.OpI32Const, 0, wasm.OpI32Const, 1, wasm.OpDrop, wasm.OpEnd, wasm.OpEnd}, 2 + frameCost},
	} {
		m, err := wasm.Parse(module(c.typ, c.body))
		if err != nil {
			t.Fatal(err)
		}
		x := &metering{m: m}
		if err := x.read(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := x.costs[0]; got != c.want {
			t.Errorf("%s: height %d, want %d", name, got, c.want)
		}
	}
}

// The costs of functions of running chains are those of wasm-instrument 0.4.0: what is made
// with them in the crate's form is what the crate makes, blake2b-256 over id, length (u32) and payload of all sections but custom ones.
func TestMeteredAsTheCrate(t *testing.T) {
	for name, want := range map[string]string{
		"coretime-polkadot": "6451b38bb82dae65474491ece55fdd8561b4e83cacda3dd3099fe8eb70981fe5",
		"mythos":            "329545dccbaa35ab044242183e3bd3fc6635022472fe83948ce599c66cc9aaad",
		"people-next-paseo": "43f9cbfe30c91d9660cc96f7f2ec4b5dde8af8e0b9f65fb7e48cc85d5c658469",
	} {
		spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := Decompress(spec.Code(), CodeBombLimit)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wasm.Parse(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := meterAsCrate(m, wasm.AppendS64([]byte{wasm.OpI32Const}, 65536)); err != nil {
			t.Fatal(name, err)
		}
		var all []byte
		for _, s := range m.Sections {
			if s.ID != wasm.CustomSection {
				all = append(binary.LittleEndian.AppendUint32(append(all, s.ID), uint32(len(s.Payload))), s.Payload...)
			}
		}
		if got := hashing.Blake2b256(all); got.String() != "0x"+want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// program draws functions (fuel i32) -> i32 that call each other, directly and through the
// table, and leave their blocks in all ways.
type program struct {
	t     *rapid.T
	funcs int
	code  []byte
}

func (p *program) put(b ...byte) { p.code = append(p.code, b...) }

// value writes code that puts an i32 on the stack; that many labels are open, each of an i32.
func (p *program) value(size, labels int) {
	label := func() byte { return byte(rapid.IntRange(0, labels-1).Draw(p.t, "label")) }
	kind := 0
	if size > 0 {
		kind = rapid.SampledFrom([]int{8, 4, 2, 9, 6, 7, 5, 3, 2, 4, 8, 1, 0}).Draw(p.t, "kind")
	}
	size--
	switch kind {
	case 0:
		p.put(wasm.OpI32Const, byte(rapid.IntRange(0, 63).Draw(p.t, "constant")))
	case 1:
		p.put(wasm.OpLocalGet, 0)
	case 2:
		p.value(size/2, labels)
		p.value(size/2, labels)
		p.put(wasm.OpI32Add)
	case 3:
		p.put(wasm.OpBlock, wasm.ValI32)
		p.value(size, labels+1)
		p.put(wasm.OpEnd)
	case 4: // a return, or a branch out, and code behind it that nothing reaches
		p.put(wasm.OpBlock, wasm.ValI32)
		p.value(size, labels+1)
		if rapid.Bool().Draw(p.t, "return") {
			p.put(wasm.OpReturn)
		} else {
			labels++
			p.put(wasm.OpBr, label())
			labels--
		}
		p.put(wasm.OpEnd)
	case 5:
		p.put(wasm.OpLocalGet, 0, wasm.OpIf, wasm.ValI32)
		p.value(size/2, labels+1)
		p.put(wasm.OpElse)
		p.value(size/2, labels+1)
		p.put(wasm.OpEnd)
	case 6:
		p.value(size, labels)
		p.put(wasm.OpLocalGet, 0, wasm.OpBrIf, label())
	case 7:
		p.put(wasm.OpBlock, wasm.ValI32)
		labels++
		p.value(size, labels)
		p.put(wasm.OpLocalGet, 0, wasm.OpBrTable, 2, label(), label(), label(), wasm.OpEnd)
	default:
		callee := byte(rapid.IntRange(0, p.funcs-1).Draw(p.t, "callee"))
		p.put(wasm.OpLocalGet, 0, wasm.OpIf, wasm.ValI32, wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub)
		if kind == 8 {
			p.put(wasm.OpCall, callee)
		} else {
			p.put(wasm.OpI32Const, callee, wasm.OpCallIndirect, 0, 0)
		}
		p.put(wasm.OpElse, wasm.OpI32Const, 7, wasm.OpEnd)
	}
}

func (p *program) module() []byte {
	n := byte(p.funcs)
	functions, exports, table, bodies := []byte{n}, []byte{n}, []byte{1, 0, wasm.OpI32Const, 0, wasm.OpEnd, n}, []byte{n}
	for i := range n {
		p.code = nil
		p.value(24, 1)
		p.put(wasm.OpEnd)
		functions = append(functions, 0)
		exports = append(exports, 1, 'a'+i, 0, i)
		table = append(table, i)
		bodies = append(append(wasm.AppendU32(bodies, uint32(len(p.code)+1)), 0), p.code...)
	}
	m := wasm.Module{Sections: []wasm.Section{{ID: wasm.TypeSection, Payload: []byte{1, 0x60, 1, wasm.ValI32, 1, wasm.ValI32}}, {ID: wasm.FunctionSection, Payload: functions},
		{ID: wasm.TableSection, Payload: []byte{1, 0x70, 0, n}}, {ID: wasm.ExportSection, Payload: exports}, {ID: wasm.ElementSection, Payload: table}, {ID: wasm.CodeSection, Payload: bodies}}}
	return m.Encode()
}

// A metered program gives the results of the program, or traps where the crate's form does.
func TestMeteredTrapsAsTheCrate(t *testing.T) {
	ctx := context.Background()
	traps, results := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := &program{t: t, funcs: rapid.IntRange(1, 4).Draw(t, "functions")}
		code := p.module()
		limit := wasm.AppendS64([]byte{wasm.OpI32Const}, int64(rapid.IntRange(1, 60).Draw(t, "limit")))
		rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV1))
		defer rt.Close(ctx)
		start := func(meter func(*wasm.Module, []byte) error) api.Module {
			m, err := wasm.Parse(code)
			if err == nil && meter != nil {
				err = meter(m, limit)
			}
			if err != nil {
				t.Fatal(err)
			}
			x, err := rt.InstantiateWithConfig(ctx, m.Encode(), wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		for i := range p.funcs {
			for fuel := range uint64(5) {
				name := string(rune('a' + i))
				call := func(x api.Module) (uint64, bool) {
					out, err := x.ExportedFunction(name).Call(ctx, fuel)
					if err != nil {
						return 0, false
					}
					return out[0], true
				}
				plain, _ := call(start(nil))
				crate, fits := call(start(meterAsCrate))
				ours, ok := call(start(meterStack))
				if ok != fits || ok && (ours != plain || crate != plain) {
					t.Fatalf("%s(%d): %d; in the crate's form %d, %v; in ours %d, %v", name, fuel, plain, crate, fits, ours, ok)
				}
				if ok {
					results++
				} else {
					traps++
				}
			}
		}
	})
	if traps < 100 || results < 100 {
		t.Errorf("%d traps, %d results: the programs show nothing", traps, results)
	}
}

func FuzzMeter(f *testing.F) {
	f.Add(module(wasm.FuncType{}, []byte{wasm.OpI32Const, 1, wasm.OpDrop, wasm.OpCall, 0, wasm.OpEnd}))
	f.Fuzz(func(t *testing.T, code []byte) {
		if m, err := wasm.Parse(code); err == nil && meterShared(m) == nil {
			if _, err := wasm.Parse(m.Encode()); err != nil {
				t.Fatalf("what metering made does not parse: %v", err)
			}
		}
	})
}
