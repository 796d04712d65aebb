package executor_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pileus/executor"
	"pileus/hashing"
	"pileus/internal/wasm"
	"pileus/scale"
	"pileus/trie"
)

func load(t testing.TB, cfg executor.Config, a *assembly) *executor.Module {
	t.Helper()
	e, err := executor.NewEngine(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	m, err := e.Load(context.Background(), a.encode())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantKind(t *testing.T, what string, err error, kind executor.Kind, words string) *executor.CallError {
	t.Helper()
	var call *executor.CallError
	if !errors.As(err, &call) || call.Kind != kind || !strings.Contains(call.Error(), words) {
		t.Fatalf("%s: %v (%+v), want kind %d and %q", what, err, call, kind, words)
	}
	return call
}

// How calls end.
func TestEndings(t *testing.T) {
	logFunction := hostImport{"ext_logging_log_version_1", []byte{i32, i64, i64}, nil}
	abort := hostImport{"ext_panic_handler_abort_on_panic_version_1", []byte{i64}, nil}
	malloc := hostImport{"ext_allocator_malloc_version_1", []byte{i32}, []byte{i32}}
	commit := hostImport{"ext_storage_commit_transaction_version_1", nil, nil}
	get := hostImport{"ext_storage_get_version_1", []byte{i64}, []byte{i64}}
	unknown := hostImport{"ext_fortune_tell_version_1", nil, nil}
	text := func(at, n uint64) []byte { return i64Const(at | n<<32) }
	a := &assembly{
		imports: []hostImport{logFunction, abort, malloc, commit, get, unknown},
		data:    "runtimethe sky fell",
		funcs: []asmFunc{
			{"nothing", nothing},
			{"echo", join([]byte{wasm.OpLocalGet, 0, 0xad, wasm.OpLocalGet, 1, 0xad}, i64Const(32), []byte{0x86, 0x84})},
			{"panic", join(i32Const(0), text(16, 7), text(23, 12), callOf(0), panicked)},
			{"abort", join(text(23, 12), callOf(1), nothing)},
			{"trap", panicked},
			{"loop", forever},
			{"recurse", nil}, // set below
			{"deep", nil},
			{"explode", join([]byte{wasm.OpLoop, wasm.BlockEmpty}, i32Const(1<<20), callOf(2), []byte{wasm.OpDrop, wasm.OpBr, 0, wasm.OpEnd}, nothing)},
			{"grow", join(i32Const(60000), []byte{opMemoryGrow, 0, 0xac})},
			{"commit", join(callOf(3), nothing)},
			{"outside", join(text(1<<31, 5), callOf(4))},
			{"get", join(text(16, 7), callOf(4))},
			{"result outside", i64Const(1<<31 | 10<<32)},
			{"out of bounds", join(i32Const(-1), []byte{0x28, 0, 0}, []byte{0xad})},
			{"unknown", join(callOf(5), nothing)},
		},
	}
	me := func(name string) uint32 {
		return uint32(len(a.imports) + slices.IndexFunc(a.funcs, func(f asmFunc) bool { return f.name == name }))
	}
	self := func(name string, code []byte) { a.funcs[me(name)-uint32(len(a.imports))].code = code }
	args := []byte{wasm.OpLocalGet, 0, wasm.OpLocalGet, 1}
	// Twice at each level, 60 levels deep: no loop, no deep stack, no end.
	self("recurse", join(
		[]byte{wasm.OpLocalGet, 1, wasm.OpI32Eqz, wasm.OpIf, i64}, nothing, []byte{wasm.OpElse},
		[]byte{wasm.OpLocalGet, 0, wasm.OpLocalGet, 1}, i32Const(1), []byte{wasm.OpI32Sub}, callOf(me("recurse")), []byte{wasm.OpDrop},
		[]byte{wasm.OpLocalGet, 0, wasm.OpLocalGet, 1}, i32Const(1), []byte{wasm.OpI32Sub}, callOf(me("recurse")),
		[]byte{wasm.OpEnd}))
	self("deep", join(args, callOf(me("deep"))))

	for _, interpreter := range []bool{false, true} {
		m := load(t, executor.Config{Interpreter: interpreter}, a)
		if got := m.Missing(); !slices.Equal(got, []string{"ext_fortune_tell_version_1"}) {
			t.Errorf("missing: %v", got)
		}
		short := executor.CallOptions{Timeout: 50 * time.Millisecond, Storage: empty()}
		call := func(method string) ([]byte, error) {
			return m.Call(context.Background(), method, make([]byte, 60), short)
		}
		fails := func(method string, kind executor.Kind, words string) *executor.CallError {
			t.Helper()
			from := time.Now()
			out, err := call(method)
			c := wantKind(t, method, err, kind, words)
			if out != nil || c.Method != method || time.Since(from) > 5*time.Second {
				t.Errorf("%s: %x, %+v after %v", method, out, c, time.Since(from))
			}
			return c
		}
		if out, err := m.Call(context.Background(), "echo", []byte("hello"), short); err != nil || string(out) != "hello" {
			t.Errorf("echo: %q, %v", out, err)
		}
		if out, err := m.Call(context.Background(), "echo", nil, short); err != nil || len(out) != 0 {
			t.Errorf("echo of nothing: %q, %v", out, err)
		}
		if c := fails("panic", executor.KindTrap, "panic: the sky fell"); c.Panic != "the sky fell" {
			t.Errorf("its last words: %q", c.Panic)
		}
		fails("abort", executor.KindTrap, "abort: the sky fell")
		if c := fails("trap", executor.KindTrap, "unreachable"); c.Panic != "" {
			t.Errorf("words that it did not say: %q", c.Panic)
		}
		fails("loop", executor.KindTimeout, "loop: stopped after 50ms")
		fails("recurse", executor.KindTimeout, "stopped after")
		_, err := m.Call(context.Background(), "deep", nil, executor.CallOptions{})
		wantKind(t, "deep", err, executor.KindTrap, "overflow")
		fails("explode", executor.KindMemory, "ran out of space")
		if out, err := call("grow"); err == nil || out != nil { // -1: it points outside
			t.Errorf("grow: %x, %v", out, err)
		}
		fails("commit", executor.KindHost, "no open transaction")
		fails("outside", executor.KindHost, "outside the memory")
		fails("result outside", executor.KindOutput, "exceeds the memory")
		fails("out of bounds", executor.KindTrap, "out of bounds")
		fails("unknown", executor.KindMissing, "ext_fortune_tell_version_1")
		fails("absent", executor.KindExport, "no such function")
		if _, err := m.Call(context.Background(), "get", nil, executor.CallOptions{}); err == nil {
			t.Error("a read without a storage")
		}
		_, err = m.Call(context.Background(), "nothing", make([]byte, 33<<20), short)
		wantKind(t, "large arguments", err, executor.KindHost, "too large")
		_, err = m.Call(context.Background(), "nothing", nil, executor.CallOptions{MaxPages: 1})
		if err != nil {
			t.Errorf("one page is enough: %v", err)
		}
		canceled, cancel := context.WithCancel(context.Background())
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err = m.Call(canceled, "loop", nil, executor.CallOptions{})
		wantKind(t, "canceled", err, executor.KindCanceled, "canceled")
		if !errors.Is(err, context.Canceled) {
			t.Error("the cause is not the context's")
		}
		// After all that the module still works.
		if out, err := m.Call(context.Background(), "echo", []byte("hello"), short); err != nil || string(out) != "hello" {
			t.Errorf("echo: %q, %v", out, err)
		}
	}
}

// A loop that never leaves the compiled code must not hold up the garbage collector.
func TestLoopIsPreempted(t *testing.T) {
	m := load(t, executor.Config{}, &assembly{funcs: []asmFunc{{"loop", forever}}})
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) + 1 {
		wg.Go(func() {
			_, err := m.Call(context.Background(), "loop", nil, executor.CallOptions{Timeout: 300 * time.Millisecond})
			wantKind(t, "loop", err, executor.KindTimeout, "")
		})
	}
	from := time.Now()
	for range 5 {
		runtime.GC()
	}
	wg.Wait()
	if took := time.Since(from); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What one call leaves in memory and globals no other sees, however the call ended and
// whether or not memory grew.
func TestFreshInstance(t *testing.T) {
	store := func(at, value int32) []byte { return join(i32Const(at), i32Const(value), []byte{0x36, 0, 0}) }
	dirty := join(store(16, -1), store(2048, -1), store(60000, -1), i32Const(-1), []byte{wasm.OpGlobalSet, 1, wasm.OpGlobalGet, 2}, i32Const(1), []byte{wasm.OpI32Add, wasm.OpGlobalSet, 2})
	// Twelve bytes at 4096: the word of the data, one of zeros, the sum of both globals.
	look := join(i32Const(4096), i32Const(16), []byte{0x28, 0, 0, 0x36, 0, 0},
		i32Const(4100), i32Const(2048), []byte{0x28, 0, 0}, i32Const(60000), []byte{0x28, 0, 0, 0x72, 0x36, 0, 0},
		i32Const(4104), []byte{wasm.OpGlobalGet, 1, wasm.OpGlobalGet, 2, wasm.OpI32Add, 0x36, 0, 0}, i64Const(4096|12<<32))
	malloc := hostImport{"ext_allocator_malloc_version_1", []byte{i32}, []byte{i32}}
	// The last word of a large block, which memory has to grow for, is read and written.
	block := join(i32Const(1<<20), callOf(0), i32Const(1<<20-4), []byte{wasm.OpI32Add, 0x21, 2})
	grown := join(block, dirty, []byte{wasm.OpLocalGet, 2, wasm.OpLocalGet, 2, 0x28, 0, 0, wasm.OpIf, wasm.BlockEmpty, wasm.OpUnreachable, wasm.OpEnd}, i32Const(-1), []byte{0x36, 0, 0}, nothing)
	pages := join(i32Const(4096), []byte{0x3f, 0, 0x36, 0, 0}, i64Const(4096|4<<32))
	a := &assembly{imports: []hostImport{malloc}, data: "data", globals: []int32{5, 7}, funcs: []asmFunc{
		{"pages", pages}, {"beyond", join(i32Const(70000), []byte{0x28, 0, 0, wasm.OpDrop}, nothing)}, {"dirty", join(dirty, nothing)}, {"dirty and trap", join(dirty, panicked)}, {"grow", grown}, {"look", look}}}
	want := append([]byte("data"), 0, 0, 0, 0, 12, 0, 0, 0)
	e := engine(t)
	pvf, err := e.Compile(context.Background(), a.encode(), executor.PVF)
	if err != nil {
		t.Fatal(err)
	}
	defer pvf.Close(context.Background())
	for what, m := range map[string]*executor.Module{"node": load(t, executor.Config{}, a), "interpreter": load(t, executor.Config{Interpreter: true}, a), "PVF": pvf} {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for i := range 30 {
					method := []string{"dirty", "dirty and trap", "grow"}[i%3]
					if _, err := m.Call(context.Background(), method, nil, executor.CallOptions{}); (err == nil) != (i%3 != 1) {
						t.Errorf("%s, %s: %v", what, method, err)
					}
					if out, err := m.Call(context.Background(), "look", nil, executor.CallOptions{}); err != nil || !bytes.Equal(out, want) {
						t.Errorf("%s, after %s: %x, %v", what, method, out, err)
					}
					// A validator's memory begins at the size that the code asks for.
					if out, err := m.Call(context.Background(), "pages", nil, executor.CallOptions{}); what == "PVF" && (err != nil || !bytes.Equal(out, []byte{1, 0, 0, 0})) {
						t.Errorf("%s, after %s: %x pages, %v", what, method, out, err)
					}
					if _, err := m.Call(context.Background(), "beyond", nil, executor.CallOptions{}); what == "PVF" && err == nil {
						t.Errorf("%s, after %s: it reads beyond its memory", what, method)
					}
				}
			})
		}
		wg.Wait()
	}
}

// Tables and start functions follow the functions that the host's own import moves.
func TestIndirect(t *testing.T) {
	answer := func(v int32) []byte {
		return join(i32Const(4096), i32Const(v), []byte{0x36, 0, 0}, i64Const(4096|4<<32))
	}
	call := func(i int32) []byte {
		return join([]byte{wasm.OpLocalGet, 0, wasm.OpLocalGet, 1}, i32Const(i), []byte{wasm.OpCallIndirect, 0, 0})
	}
	m := load(t, executor.Config{}, &assembly{
		imports: []hostImport{{"ext_storage_start_transaction_version_1", nil, nil}},
		funcs:   []asmFunc{{"one", answer(1)}, {"two", answer(2)}, {"first", call(0)}, {"second", call(1)}},
		table:   []uint32{2, 1},
	})
	for name, want := range map[string]byte{"one": 1, "first": 2, "second": 1} {
		out, err := m.Call(context.Background(), name, nil, executor.CallOptions{})
		if err != nil || !bytes.Equal(out, []byte{want, 0, 0, 0}) {
			t.Errorf("%s: %x, %v", name, out, err)
		}
	}
	started := load(t, executor.Config{}, &assembly{
		start: true, funcs: []asmFunc{{"", join(i32Const(2048), i32Const(9), []byte{0x36, 0, 0})}, {"look", i64Const(2048 | 4<<32)}}})
	if out, err := started.Call(context.Background(), "look", nil, executor.CallOptions{}); err != nil || !bytes.Equal(out, []byte{9, 0, 0, 0}) {
		t.Errorf("after the start function: %x, %v", out, err)
	}
	for name, code := range map[string][]byte{"calls the host": callOf(0), "allocates": join(i32Const(8), callOf(1), []byte{wasm.OpDrop}), "frees": join(i32Const(64), callOf(2)), "loops": {wasm.OpLoop, wasm.BlockEmpty, wasm.OpBr, 0, wasm.OpEnd}} {
		bad := load(t, executor.Config{}, &assembly{start: true, imports: []hostImport{{"ext_storage_start_transaction_version_1", nil, nil},
			{"ext_allocator_malloc_version_1", []byte{i32}, []byte{i32}}, {"ext_allocator_free_version_1", []byte{i32}, nil}},
			funcs: []asmFunc{{"", code}, {"look", nothing}}})
		if _, err := bad.Call(context.Background(), "look", nil, executor.CallOptions{Storage: empty(), Timeout: 50 * time.Millisecond}); err == nil {
			t.Errorf("a start function that %s", name)
		}
	}
}

// A caller that gives up while code is compiled takes nobody with it.
func TestLoadCanceled(t *testing.T) {
	e, err := executor.NewEngine(context.Background(), executor.Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	a := &assembly{} // takes some tenths of a second to compile
	for range 4000 {
		a.funcs = append(a.funcs, asmFunc{code: join(bytes.Repeat(join(i32Const(4096), i32Const(1), []byte{0x36, 0, 0}), 20), nothing)})
	}
	code := a.encode()
	gone, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := e.Load(gone, code); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the one that gives up: %v", err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	for range 3 {
		wg.Go(func() {
			if _, err := e.Load(context.Background(), code); err != nil {
				t.Errorf("one that waits: %v", err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	cancel()
	wg.Wait()
	first, err := e.Load(context.Background(), code)
	again, _ := e.Load(context.Background(), code)
	if err != nil || first != again {
		t.Errorf("the same code is loaded twice: %v", err)
	}
}

// Modules that are refused before they run.
func TestRefused(t *testing.T) {
	e := engine(t)
	for name, c := range map[string]struct {
		a     *assembly
		words string
	}{
		"a host function of another type": {&assembly{imports: []hostImport{{"ext_storage_set_version_1", []byte{i64}, nil}}}, "another type"},
		"much memory":                     {&assembly{pages: 60000}, "60000 pages"},
		"an unknown instruction":          {&assembly{funcs: []asmFunc{{"f", []byte{0xc0}}}}, "opcode 0xc0"},
		"a call of no function":           {&assembly{funcs: []asmFunc{{"f", join(callOf(1), nothing)}}}, "function 1 does not exist"},
		"a table of no function":          {&assembly{funcs: []asmFunc{{"f", nothing}}, table: []uint32{1}}, "function 1 does not exist"},
		"a global that is none":           {&assembly{funcs: []asmFunc{{"f", join([]byte{wasm.OpI32Const, 0, wasm.OpGlobalSet, 1}, nothing)}}}, "global 1 does not exist"},
		"an invalid body":                 {&assembly{funcs: []asmFunc{{"f", []byte{wasm.OpDrop}}}}, "compile"},
	} {
		if _, err := e.Load(context.Background(), c.a.encode()); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, code := range map[string][]byte{"nothing": nil, "no module": []byte("hello"), "only a prefix": executor.CompressedPrefix} {
		if _, err := e.Load(context.Background(), code); err == nil {
			t.Errorf("%s is loaded", name)
		}
	}
	m := load(t, executor.Config{}, &assembly{pages: 20, funcs: []asmFunc{{"f", nothing}}})
	_, err := m.Call(context.Background(), "f", nil, executor.CallOptions{MaxPages: 10})
	wantKind(t, "more pages than allowed", err, executor.KindMemory, "20 pages")
}

// Storage transactions and changes of a call.
func TestCallTransactions(t *testing.T) {
	set := hostImport{"ext_storage_set_version_1", []byte{i64, i64}, nil}
	begin := hostImport{"ext_storage_start_transaction_version_1", nil, nil}
	text := i64Const(16 | 1<<32)
	write := join(text, text, callOf(0))
	m := load(t, executor.Config{}, &assembly{imports: []hostImport{set, begin}, data: "k", funcs: []asmFunc{
		{"write", join(write, nothing)}, {"write and trap", join(write, panicked)}, {"leave open", join(callOf(1), write, nothing)}}})
	for _, c := range []struct {
		method   string
		readOnly bool
		kept     bool
	}{{"write", false, true}, {"write", true, false}, {"write and trap", false, false}, {"leave open", false, false}} {
		s := empty()
		_, _ = m.Call(context.Background(), c.method, nil, executor.CallOptions{Storage: s, ReadOnly: c.readOnly})
		if kept, _ := s.Exists([]byte("k")); kept != c.kept {
			t.Errorf("%s (read only: %v): kept is %v", c.method, c.readOnly, kept)
		}
		if top, _ := s.Changes(); (len(top) == 1) != c.kept {
			t.Errorf("%s: changes %v", c.method, top)
		}
		if err := s.Commit(); !errors.Is(err, executor.ErrTransaction) {
			t.Errorf("%s: a transaction is left open: %v", c.method, err)
		}
	}
}

// What a failed call has read is not in the proof; a read-only call's is.
func TestCallRecords(t *testing.T) {
	get := hostImport{"ext_storage_get_version_1", []byte{i64}, []byte{i64}}
	size := hostImport{"ext_storage_proof_size_storage_proof_size_version_1", nil, []byte{i64}}
	read := join(i64Const(16|1<<32), callOf(0), []byte{wasm.OpDrop})
	// The proof's size is written to 4096 and returned.
	told := join(read, i32Const(4096), callOf(1), []byte{0x37, 0, 0}, i64Const(4096|8<<32))
	m := load(t, executor.Config{}, &assembly{imports: []hostImport{get, size}, data: "k", funcs: []asmFunc{{"read", told}, {"read and trap", join(read, panicked)}}})
	state := trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte("k"), Value: bytes.Repeat([]byte{1}, 50)}}), nil)
	for _, c := range []struct {
		method   string
		readOnly bool
		entries  int
	}{{"read", false, 2}, {"read", true, 2}, {"read and trap", false, 0}} {
		rec := trie.NewRecorder()
		out, err := m.Call(context.Background(), c.method, nil, executor.CallOptions{Storage: executor.NewStorage(state, rec), ReadOnly: c.readOnly})
		if rec.Len() != c.entries || err == nil && !bytes.Equal(out, scale.AppendU64(nil, rec.Size())) {
			t.Errorf("%s: %d entries of %d bytes recorded, the runtime was told %x (%v)", c.method, rec.Len(), rec.Size(), out, err)
		}
	}
	out, err := m.Call(context.Background(), "read", nil, executor.CallOptions{Storage: executor.NewStorage(state, nil)})
	if err != nil || !bytes.Equal(out, bytes.Repeat([]byte{0xff}, 8)) {
		t.Errorf("without a recorder: %x, %v", out, err)
	}
	out, err = m.Call(context.Background(), "read", nil, executor.CallOptions{Storage: executor.NewStorage(state, nil), ProofSize: func() uint64 { return 77 }})
	if err != nil || !bytes.Equal(out, scale.AppendU64(nil, 77)) {
		t.Errorf("with a size of the caller's: %x, %v", out, err)
	}
}

// The heap may grow by :heappages of the state, unless the caller says otherwise.
func TestHeapPages(t *testing.T) {
	malloc := hostImport{"ext_allocator_malloc_version_1", []byte{i32}, []byte{i32}}
	m := load(t, executor.Config{}, &assembly{imports: []hostImport{malloc}, funcs: []asmFunc{
		{"allocate", join(i32Const(1<<20), callOf(0), []byte{wasm.OpDrop}, nothing)}}})
	small := trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte(":heappages"), Value: scale.AppendU64(nil, 3)}})
	for name, c := range map[string]struct {
		o  executor.CallOptions
		ok bool
	}{
		"as usual":        {executor.CallOptions{}, true},
		"by the state":    {executor.CallOptions{Storage: executor.NewStorage(trie.NewState(small, nil), nil)}, false},
		"by the caller":   {executor.CallOptions{HeapPages: 17, Storage: executor.NewStorage(trie.NewState(small, nil), nil)}, true},
		"caller, too few": {executor.CallOptions{HeapPages: 15}, false},
		"in all, too few": {executor.CallOptions{MaxPages: 16}, false},
		"in all":          {executor.CallOptions{MaxPages: 17}, true},
	} {
		if _, err := m.Call(context.Background(), "allocate", nil, c.o); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A PVF's host has no storage: such a function traps when it is called, not before.
func TestPVFSet(t *testing.T) {
	a := &assembly{imports: []hostImport{{"ext_storage_start_transaction_version_1", nil, nil}},
		funcs: []asmFunc{{"f", nothing}, {"g", join(callOf(0), nothing)}}}
	m, err := engine(t).Compile(context.Background(), a.encode(), executor.PVF)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	if _, err := m.Call(context.Background(), "f", nil, executor.CallOptions{}); err != nil {
		t.Error(err)
	}
	_, err = m.Call(context.Background(), "g", nil, executor.CallOptions{})
	wantKind(t, "g", err, executor.KindMissing, "ext_storage_start_transaction_version_1")
}

// Nodes and validators run the same compiled code; only for validators the stack ends at a
// logical height, also in a start function.
func TestStackLimit(t *testing.T) {
	// The function calls itself as often as its second argument says. That it allocates and frees costs nothing.
	down := func(first []byte, self uint32) []byte {
		return join(first, []byte{wasm.OpLocalGet, 1, wasm.OpIf, wasm.BlockEmpty, wasm.OpLocalGet, 0, wasm.OpLocalGet, 1}, i32Const(1),
			[]byte{wasm.OpI32Sub}, callOf(self), []byte{wasm.OpDrop, wasm.OpEnd}, nothing)
	}
	imports := []hostImport{{"ext_allocator_malloc_version_1", []byte{i32}, []byte{i32}}, {"ext_allocator_free_version_1", []byte{i32}, nil}}
	code := (&assembly{imports: imports, funcs: []asmFunc{{"down", down(join(i32Const(8), callOf(0), callOf(1)), 2)}}}).encode()
	dir := t.TempDir()
	e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	node, err := e.Load(context.Background(), code)
	if err != nil {
		t.Fatal(err)
	}
	const deep = 400
	for _, limit := range []uint32{100, 1000, 65536} {
		validator, err := e.LoadPVF(context.Background(), code, node.CodeHash(), executor.CodeBombLimit, limit)
		if err != nil {
			t.Fatal(err)
		}
		var reached int
		for reached = 0; reached < deep; reached++ {
			if _, err := validator.Call(context.Background(), "down", make([]byte, reached), executor.CallOptions{}); err != nil {
				wantKind(t, "too deep", err, executor.KindTrap, "unreachable")
				break
			}
			if _, err := node.Call(context.Background(), "down", make([]byte, reached), executor.CallOptions{}); err != nil {
				t.Fatal("a node: ", err)
			}
		}
		if want := min(deep, int(limit)/stackCost); reached != want {
			t.Errorf("limit %d: ends at %d calls, want %d", limit, reached, want)
		}
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("compiled: %v", got)
	}

	// A start function that goes down 50 times.
	start := (&assembly{start: true, funcs: []asmFunc{{"", join(i32Const(0), i32Const(50), callOf(1), []byte{wasm.OpDrop})}, {"down", down(nil, 1)}}}).encode()
	for limit, ok := range map[uint32]bool{100: false, 1000: true} {
		m, err := e.LoadPVF(context.Background(), start, hashing.Blake2b256(start), executor.CodeBombLimit, limit)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Call(context.Background(), "down", nil, executor.CallOptions{}); (err == nil) != ok {
			t.Errorf("a start function under a limit of %d: %v", limit, err)
		}
	}
}

// stackCost is what a call of the test's function costs: its local, three operands, the frame.
const stackCost = 1 + 3 + 2

// A function of another type than the host's: whose set has it refuses the code.
func TestMistyped(t *testing.T) {
	for name, validators := range map[string]bool{"ext_storage_start_transaction_version_1": true, "ext_allocator_free_version_1": false} {
		code := (&assembly{imports: []hostImport{{name, []byte{i64}, nil}}, funcs: []asmFunc{{"f", nothing}, {"g", join(i64Const(0), callOf(0), nothing)}}}).encode()
		e := engine(t)
		if _, err := e.Load(context.Background(), code); err == nil || !strings.Contains(err.Error(), "another type") {
			t.Errorf("%s: %v", name, err)
		}
		m, err := e.LoadPVF(context.Background(), code, hashing.Blake2b256(code), executor.CodeBombLimit, 65536)
		if (err == nil) != validators {
			t.Errorf("%s, validators: %v", name, err)
		}
		if err == nil {
			_, err := m.Call(context.Background(), "g", nil, executor.CallOptions{})
			wantKind(t, "g", err, executor.KindMissing, name)
		}
	}
}

func TestStats(t *testing.T) {
	e, err := executor.NewEngine(context.Background(), executor.Config{Stats: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	level := hostImport{"ext_logging_max_level_version_1", nil, []byte{i32}}
	m, err := e.Load(context.Background(), (&assembly{imports: []hostImport{level}, funcs: []asmFunc{
		{"f", join(callOf(0), callOf(0), []byte{wasm.OpDrop, wasm.OpDrop}, nothing)}}}).encode())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := m.Call(context.Background(), "f", nil, executor.CallOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := e.Stats()
	if s.Calls != 3 || s.Time <= 0 || len(s.Host) != 1 || s.Host[0].Name != "ext_logging_max_level_version_1" || s.Host[0].Calls != 6 || s.HostTime() > s.Time {
		t.Errorf("%+v", s)
	}
}

func isMissing(err error) bool {
	var missing *trie.MissingNodeError
	return errors.As(err, &missing)
}
