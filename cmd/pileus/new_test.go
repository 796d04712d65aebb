package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A new chain's own tests pass as it is made, without network; the runtime is built by
// those that are not short.
func TestNewChainPassesItsTests(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module of its own")
	}
	source, err := sourceFolder("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := newChain("my-chain", source); err != nil {
		t.Fatal(err)
	}
	in := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = filepath.Join(dir, "my-chain")
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	in("go", "vet", "./...")
	short := "-short"
	if os.Getenv("CI") != "" {
		short = "-short=false"
	}
	in("go", "test", short, "./...")
	if files, err := filepath.Glob(filepath.Join(dir, ".my-chain*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}
