package executor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"pileus/internal/wasm"
)

// A stub that wazero had to compile, because the machine code lies under a name for another
// processor, is not taken for the code; the folder is made again.
func TestStubIsNotRun(t *testing.T) {
	ctx := context.Background()
	answer := wasm.AppendS64([]byte{0, 0x42}, 0) // no locals; an i64 that says an empty result
	answer = append(answer, wasm.OpEnd)
	m := &wasm.Module{Sections: []wasm.Section{
		{ID: wasm.TypeSection, Payload: []byte{1, 0x60, 2, wasm.ValI32, wasm.ValI32, 1, 0x7e}},
		{ID: wasm.FunctionSection, Payload: []byte{1, 0}}, {ID: wasm.MemorySection, Payload: []byte{1, 0, 1}},
		{ID: wasm.GlobalSection, Payload: []byte{1, wasm.ValI32, 0, wasm.OpI32Const, 0x80, 0x20, wasm.OpEnd}},
		{ID: wasm.ExportSection, Payload: wasm.EncodeExports([]wasm.Export{{Name: "__heap_base", Kind: wasm.KindGlobal}, {Name: "f", Kind: wasm.KindFunction}})},
		{ID: wasm.CodeSection, Payload: append([]byte{1, byte(len(answer))}, answer...)},
	}}
	code, dir := m.Encode(), t.TempDir()
	folder := filepath.Join(dir, folderName(code))
	use := func() {
		t.Helper()
		e, err := NewEngine(ctx, Config{CacheDir: dir, OnCacheError: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(ctx)
		module, err := e.Load(ctx, code)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := module.Call(ctx, "f", nil, CallOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	use()
	if !isSealed(folder) {
		t.Fatal("the folder is not sealed")
	}
	file := func() string {
		t.Helper()
		list, err := filepath.Glob(filepath.Join(folder, "*", "*"))
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	compiled := file()
	if err := os.Rename(compiled, filepath.Join(filepath.Dir(compiled), "other")); err != nil {
		t.Fatal(err)
	}
	if err := seal(folder); err != nil {
		t.Fatal(err)
	}
	use()
	if again := file(); again != compiled {
		t.Errorf("the machine code is %s, not %s", again, compiled)
	}
	before, err := os.Stat(compiled)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	use()
	if after, err := os.Stat(file()); err != nil || !os.SameFile(before, after) {
		t.Errorf("a whole folder is made again: %v", err)
	}
}

// Code of the cache is as large decompressed as it was when it was put there.
func TestKeptCodeLimit(t *testing.T) {
	ctx := context.Background()
	e, err := NewEngine(ctx, Config{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	raw := (&wasm.Module{Sections: []wasm.Section{{ID: wasm.MemorySection, Payload: []byte{1, 0, 1}}}}).Encode()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	code := w.EncodeAll(raw, bytes.Clone(CompressedPrefix))
	for range 2 {
		c, err := e.compileCached(ctx, code, len(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.close(ctx); err != nil {
			t.Error(err)
		}
		var blob *DecompressError
		if _, err := e.compileCached(ctx, code, len(raw)-1); !errors.As(err, &blob) || !errors.Is(err, ErrBomb) {
			t.Errorf("one byte less: %v", err)
		}
	}
}
