package pvf

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

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

func validator(t testing.TB, executeAll bool) *Validator {
	t.Helper()
	engine, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: filepath.Join(os.TempDir(), "pileus-test-cache")})
	if err != nil {
		t.Fatal(err)
	}
	v := New(engine, executeAll)
	t.Cleanup(func() { engine.Close(context.Background()) })
	return v
}

// candidate is a job whose validate_block is the given code, of type (i32, i32) -> i64 and
// function 0; at address 16 lies data.
func candidate(t testing.TB, code []byte, data []byte) *Job {
	t.Helper()
	entry := wasm.FuncType{Params: []byte{wasm.ValI32, wasm.ValI32}, Results: []byte{0x7e}}
	m, err := wasm.Parse(module(entry, append(code, wasm.OpEnd)))
	if err != nil {
		t.Fatal(err)
	}
	m.SetSection(wasm.GlobalSection, []byte{1, wasm.ValI32, 0, wasm.OpI32Const, 0x80, 0x20, wasm.OpEnd})
	m.SetSection(wasm.ExportSection, wasm.EncodeExports([]wasm.Export{{Name: "__heap_base", Kind: wasm.KindGlobal}, {Name: method, Kind: wasm.KindFunction}}))
	if data != nil {
		m.SetSection(wasm.DataSection, append(wasm.AppendU32([]byte{1, 0, wasm.OpI32Const, 16, wasm.OpEnd}, uint32(len(data))), data...))
	}
	b := m.Encode()
	return &Job{Code: b, CodeHash: hashing.Blake2b256(b), PoV: &primitives.PoV{}}
}

func answering(b []byte) []byte {
	return wasm.AppendS64([]byte{0x42}, int64(16|len(b)<<32))
}

// How candidates end, and which ends hold for others too.
func TestValidate(t *testing.T) {
	result := &primitives.ValidationResult{HeadData: []byte{1, 2}, HrmpWatermark: 7}
	good := result.EncodeTo(nil)
	loop := []byte{wasm.OpLoop, wasm.BlockEmpty, wasm.OpBr, 0, wasm.OpEnd, 0x42, 0}
	recursion := []byte{wasm.OpLocalGet, 0, wasm.OpLocalGet, 1, wasm.OpCall, 0}
	grow := []byte{wasm.OpI32Const, 0x80, 0x80, 0x04, 0x40, 0, 0xac} // memory.grow of 65536 pages gives -1: the result lies outside
	with := func(j *Job, f func(*Job)) *Job { f(j); return j }
	tests := map[string]struct {
		job     *Job
		stage   Stage // "" if it is valid
		words   string
		timeout bool
	}{
		"valid":         {job: candidate(t, answering(good), good)},
		"surplus bytes": {candidate(t, answering(append(good, 0)), append(good, 0)), Execution, "decode result", false},
		"cut":           {candidate(t, answering(good[:3]), good), Execution, "decode result", false},
		"trap":          {candidate(t, []byte{wasm.OpUnreachable}, nil), Execution, "unreachable", false},
		"loop":          {with(candidate(t, loop, nil), func(j *Job) { j.Timeout = 30 * time.Millisecond }), Execution, "stopped after 30ms", true},
		"stack":         {candidate(t, recursion, nil), Execution, "unreachable", false},
		"stack, at most": {with(candidate(t, recursion, nil), func(j *Job) {
			j.Executor = primitives.ExecutorParams{{Kind: primitives.StackLogicalMax, Value: 131072}}
		}), Execution, "unreachable", false},
		"memory":        {candidate(t, grow, nil), Execution, "exceeds the memory", false},
		"no module":     {&Job{Code: []byte("hello"), PoV: &primitives.PoV{}}, Preparation, "not a WebAssembly module", false},
		"later feature": {candidate(t, []byte{0xc0}, nil), Preparation, "opcode 0xc0", false},
		"bad code":      {candidate(t, []byte{wasm.OpI32Const, 0}, nil), Preparation, "", false},
		"no validate": {with(candidate(t, nil, nil), func(j *Job) {
			j.Code = bytes.Replace(answer(t), []byte(method), []byte("validate_blocc"), 1)
			j.CodeHash = hashing.Blake2b256(j.Code)
		}), Execution, "no such function", false},
		"code bomb":       {with(candidate(t, answering(good), good), func(j *Job) { j.Code = compress(j.Code); j.CodeLimit = 20; j.CodeHash[0]++ }), CodeDecompression, "larger than allowed", false},
		"PoV bomb":        {with(candidate(t, answering(good), good), func(j *Job) { j.PoV = &primitives.PoV{BlockData: compress(make([]byte, PoVBombLimit+1))} }), PoVDecompression, "larger than allowed", false},
		"PoV of nonsense": {with(candidate(t, answering(good), good), func(j *Job) { j.PoV = &primitives.PoV{BlockData: append(bytes.Clone(executor.CompressedPrefix), 1, 2)} }), PoVDecompression, "", false},
		"PoV, 33 MiB":     {with(candidate(t, answering(good), good), func(j *Job) { j.PoV = &primitives.PoV{BlockData: compress(make([]byte, 33<<20))} }), Execution, "too large", false},
	}
	v := validator(t, false)
	for name, c := range tests {
		executed, reused := v.Counts()
		for i := range 2 {
			got, err := v.Validate(context.Background(), c.job)
			var invalid *Error
			switch {
			case c.stage == "":
				if err != nil || !bytes.Equal(got.EncodeTo(nil), good) {
					t.Errorf("%s: %+v, %v", name, got, err)
				}
			case !errors.As(err, &invalid) || invalid.Stage != c.stage || !strings.Contains(err.Error(), c.words) || invalid.Timeout() != c.timeout:
				t.Errorf("%s, try %d: %v", name, i, err)
			}
		}
		nowExecuted, nowReused := v.Counts()
		if executed, reused = nowExecuted-executed, nowReused-reused; c.timeout && executed != 2 || !c.timeout && (executed != 1 || reused != 1) {
			t.Errorf("%s: %d executed, %d reused", name, executed, reused)
		}
	}
}

// answer is a module that does nothing.
func answer(t testing.TB) []byte { return candidate(t, answering(nil), nil).Code }

func compress(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, bytes.Clone(executor.CompressedPrefix))
}

// One caller gives up; those that wait for its execution do it themselves.
func TestCanceledForOne(t *testing.T) {
	v := validator(t, false)
	j := candidate(t, []byte{wasm.OpLoop, wasm.BlockEmpty, wasm.OpBr, 0, wasm.OpEnd, 0x42, 0}, nil)
	j.Timeout = 400 * time.Millisecond
	if _, err := v.Prepare(context.Background(), j.Code, j.CodeHash, 0, nil); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := v.Validate(short, j); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that gives up: %v", err)
		}
	})
	wg.Go(func() {
		time.Sleep(10 * time.Millisecond)
		var invalid *Error
		if _, err := v.Validate(context.Background(), j); !errors.As(err, &invalid) || !invalid.Timeout() {
			t.Errorf("the one that waits: %v", err)
		}
	})
	wg.Wait()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	other := candidate(t, []byte{0x42, 5}, nil)
	if _, err := v.Validate(gone, other); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone: %v", err)
	}
}

// With executeAll each is executed; without, equal ones at the same time are one.
func TestReuse(t *testing.T) {
	good := (&primitives.ValidationResult{HeadData: []byte{1}}).EncodeTo(nil)
	for _, all := range []bool{false, true} {
		v := validator(t, all)
		j := candidate(t, answering(good), good)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := v.Validate(context.Background(), j); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		want := [2]uint64{1, 4}
		if all {
			want = [2]uint64{5, 0}
		}
		if executed, reused := v.Counts(); [2]uint64{executed, reused} != want {
			t.Errorf("execute all %v: %d executed, %d reused", all, executed, reused)
		}
		other := *j
		other.RelayParentNumber++
		if _, err := v.Validate(context.Background(), &other); err != nil {
			t.Error(err)
		}
		if executed, _ := v.Counts(); executed != want[0]+1 {
			t.Error("another relay parent is another execution")
		}
	}
}

// Every shared runtime is metered, compiles, and fails in its own words on an empty PoV.
func TestPrepare(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "runtimes"), "phase*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	v := validator(t, false)
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
		if _, again := v.Validate(context.Background(), job); again != err {
			t.Errorf("%s: the second result is not the first", filepath.Base(file))
		}
	}
	if executed, reused := v.Counts(); executed != uint64(len(files)) || reused != executed {
		t.Errorf("%d executed, %d reused", executed, reused)
	}
}
