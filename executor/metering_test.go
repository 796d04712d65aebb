package executor

import (
	"encoding/binary"
	"testing"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
)

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

// What metering makes of runtimes of running chains is what wasm-instrument 0.4.0 makes
// of them: blake2b-256 over id, length (u32) and payload of all sections but custom ones.
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
		if err := meterStack(m, wasm.AppendS64([]byte{wasm.OpI32Const}, 65536)); err != nil {
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
