//go:build linux

package executor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/executor"
	"pileus/internal/wasm"
)

// On a disk that is full the code is compiled all the same, and the reason is told.
func TestCacheDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	a := &assembly{} // compiled larger than the disk
	for range 4000 {
		a.funcs = append(a.funcs, asmFunc{"", join(i32Const(4096), i32Const(1), []byte{0x36, 0, 0}, i32Const(1), []byte{wasm.OpDrop}, nothing)})
	}
	a.funcs = append(a.funcs, asmFunc{"f", nothing})
	var notes []error
	for range 2 {
		e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: filepath.Join(dir, "cache"), OnCacheError: func(err error) { notes = append(notes, err) }})
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.Load(context.Background(), a.encode())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Call(context.Background(), "f", nil, executor.CallOptions{}); err != nil {
			t.Error(err)
		}
		e.Close(context.Background())
	}
	for _, err := range notes {
		if !errors.Is(err, executor.ErrCache) || !errors.Is(err, unix.ENOSPC) {
			t.Errorf("note: %v", err)
		}
	}
	if len(notes) != 2 {
		t.Errorf("told %d times of 2: %v", len(notes), notes)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the disk of this test is not full: %v", err)
	}
}
