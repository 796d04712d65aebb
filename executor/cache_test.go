package executor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pileus/executor"
	"pileus/internal/wasm"
)

// files lists the machine code that lies in a folder of the cache.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Name() != "sum" && info.Name() != "prepared" {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Whatever happens to the cache, the code runs, and the cache is whole afterwards.
func TestCache(t *testing.T) {
	code := (&assembly{funcs: []asmFunc{{"f", nothing}, {"g", forever}}}).encode()
	dir := t.TempDir()
	var notes []error
	use := func() error {
		e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir, OnCacheError: func(err error) { notes = append(notes, err) }})
		if err != nil {
			return err
		}
		defer e.Close(context.Background())
		m, err := e.Load(context.Background(), code)
		if err != nil {
			return err
		}
		_, err = m.Call(context.Background(), "f", nil, executor.CallOptions{})
		return err
	}
	if err := use(); err != nil {
		t.Fatal(err)
	}
	compiled := files(t, dir)
	if len(compiled) != 1 {
		t.Fatalf("the cache holds %v", compiled)
	}
	whole, err := os.ReadFile(compiled[0])
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(compiled[0])
	if err := use(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(compiled[0]); !os.SameFile(before, after) {
		t.Error("what was compiled is compiled again")
	}
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		return b
	}
	damage := map[string][]byte{"empty": {}, "half": whole[:len(whole)/2], "short of a byte": whole[:len(whole)-1], "longer": append(bytes.Clone(whole), 0),
		"another magic": flip(0), "an absurd number of functions": nil, "another code": flip(len(whole) - 20)}
	for at := range min(len(whole), 40) {
		damage[fmt.Sprintf("byte %d", at)] = flip(at)
	}
	absurd := bytes.Clone(whole)
	at := 7 + int(whole[6]) // behind magic and version
	copy(absurd[at:], []byte{0xff, 0xff, 0xff, 0xff})
	damage["an absurd number of functions"] = absurd
	for name, b := range damage {
		if err := os.WriteFile(compiled[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(compiled[0]); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%s: the cache was not mended: %v", name, err)
		}
	}
	prepared := filepath.Join(filepath.Dir(filepath.Dir(compiled[0])), "prepared")
	kept, err := os.ReadFile(prepared)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": {}, "half": kept[:len(kept)/2], "a byte": append(bytes.Clone(kept[:len(kept)-1]), 7), "gone": nil} {
		if err := os.WriteFile(prepared, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if b == nil {
			os.Remove(prepared)
		}
		if err := use(); err != nil {
			t.Errorf("prepared code, %s: %v", name, err)
		}
		if got, err := os.ReadFile(prepared); err != nil || !bytes.Equal(got, kept) {
			t.Errorf("prepared code, %s: the cache was not mended: %v", name, err)
		}
	}
	if len(notes) != 0 {
		t.Errorf("notes: %v", notes)
	}

	// Several at once, with the damage coming again and again.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 0 {
				_ = os.WriteFile(compiled[0], whole[:len(whole)/2], 0o600)
			}
			e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			defer e.Close(context.Background())
			m, err := e.Load(context.Background(), code)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := m.Call(context.Background(), "f", nil, executor.CallOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()

	// A cache that cannot be written is done without, and reported.
	folder := filepath.Dir(filepath.Dir(compiled[0]))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := use(); !errors.Is(err, executor.ErrCache) {
		t.Errorf("a cache that is a file: %v", err)
	}
}

// The cache stays within its limit: what was not used for longest goes, but never what is
// used now, what another process is compiling, or what is not compiled code.
func TestCacheLimit(t *testing.T) {
	dir := t.TempDir()
	code := func(n int32) []byte {
		return (&assembly{funcs: []asmFunc{{"f", join(i32Const(n), []byte{wasm.OpDrop}, nothing)}}}).encode()
	}
	use := func(n int32, limit int64) {
		t.Helper()
		e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir, CacheLimit: limit, OnCacheError: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		if _, err := e.Load(context.Background(), code(n)); err != nil {
			t.Fatal(err)
		}
	}
	sealed := func() (list []string) {
		t.Helper()
		list, err := filepath.Glob(filepath.Join(dir, "*", "sum"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	foreign, busy := filepath.Join(dir, "remote"), filepath.Join(dir, strings.Repeat("ab", 16))
	for _, d := range []string{foreign, busy} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "something"), make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	use(0, 1<<40)
	var size int64
	for _, f := range append(files(t, filepath.Dir(sealed()[0])), filepath.Join(filepath.Dir(sealed()[0]), "prepared")) {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	limit := 3*size + size/2
	age := func(path string, hours int) {
		t.Helper()
		at := time.Now().Add(-time.Duration(hours) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	oldest := sealed()[0]
	age(oldest, 9)
	for n := int32(1); n < 3; n++ {
		use(n, limit)
		for _, s := range sealed() {
			if s != oldest {
				age(s, 5)
			}
		}
	}
	use(0, limit) // it is the youngest now
	use(3, limit) // one too many
	if _, err := os.Stat(oldest); len(sealed()) != 3 || err != nil {
		t.Errorf("after four of which three fit: %v, %v", sealed(), err)
	}
	use(4, 1)
	if got := sealed(); len(got) != 1 {
		t.Errorf("what is used now stays alone: %v", got)
	}
	for _, d := range []string{foreign, busy} {
		if _, err := os.Stat(filepath.Join(d, "something")); err != nil {
			t.Error(err)
		}
	}
	age(busy, 2) // whoever was compiling is gone
	use(5, 1)
	if _, err := os.Stat(busy); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that nobody sealed: %v", err)
	}

	// Several at once, each within a limit that holds one.
	var wg sync.WaitGroup
	for w := range int32(4) {
		wg.Go(func() {
			for i := range int32(5) {
				e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir, CacheLimit: size})
				if err != nil {
					t.Error(err)
					return
				}
				m, err := e.Load(context.Background(), code(10+(w+i)%3))
				if err == nil {
					_, err = m.Call(context.Background(), "f", nil, executor.CallOptions{})
				}
				if err != nil {
					t.Error(err)
				}
				e.Close(context.Background())
			}
		})
	}
	wg.Wait()
}

// A cache that fails after it was opened, as on a full disk.
func TestCacheFails(t *testing.T) {
	dir := t.TempDir()
	var notes []error
	e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: dir, OnCacheError: func(err error) { notes = append(notes, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := e.Load(context.Background(), (&assembly{funcs: []asmFunc{{"f", nothing}}}).encode())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Call(context.Background(), "f", nil, executor.CallOptions{}); err != nil {
		t.Error(err)
	}
	if len(notes) != 1 || !errors.Is(notes[0], executor.ErrCache) {
		t.Errorf("notes: %v", notes)
	}
}
