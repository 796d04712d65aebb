package pvf

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
	"pileus/primitives"
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
		x := &metering{m: m, limit: 100}
		if err := x.read(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := x.costs[0]; got != c.want {
			t.Errorf("%s: height %d, want %d", name, got, c.want)
		}
	}
}

// Every shared runtime is metered, compiles, and fails in its own words on an empty PoV.
func TestPrepare(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "runtimes"), "phase*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	engine, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: cache + "/pileus"})
	if err != nil {
		t.Fatal(err)
	}
	v := New(engine, false)
	defer v.Close(context.Background())
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		job := &Job{Code: code, CodeHash: hashing.Blake2b256(code), PoV: &primitives.PoV{BlockData: []byte{1, 2, 3}}}
		_, err = v.Validate(context.Background(), job)
		var invalid *Error
		var call *executor.CallError
		if !errors.As(err, &invalid) || !errors.As(err, &call) || call.Kind != executor.KindTrap || call.Panic == "" {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		t.Log(err)
		if _, again := v.Validate(context.Background(), job); again != err {
			t.Errorf("%s: the second result is not the first", filepath.Base(file))
		}
	}
	if executed, reused := v.Counts(); executed != uint64(len(files)) || reused != executed {
		t.Errorf("%d executed, %d reused", executed, reused)
	}
}

func FuzzMeter(f *testing.F) {
	f.Add(module(wasm.FuncType{}, []byte{wasm.OpI32Const, 1, wasm.OpDrop, wasm.OpCall, 0, wasm.OpEnd}))
	f.Fuzz(func(t *testing.T, code []byte) {
		if out, err := meter(code, 100); err == nil {
			if _, err := wasm.Parse(out); err != nil {
				t.Fatalf("what metering made does not parse: %v", err)
			}
		}
	})
}
