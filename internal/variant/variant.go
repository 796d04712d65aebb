// Package variant builds the guide's chain with one fault or one thing besides, for tests:
// each from words, which testdata/program lists.
package variant

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pileus/internal/testdata"
	"pileus/parachain"
	"pileus/wasmlink"
)

// marker stands in the program in front of the room for the words.
const marker = "PILEUS VARIANT:"

var program struct {
	sync.Once
	code []byte
	err  error
}

// Code links the program with those words written into it. The program is compiled once
// in a process. With legacy=1 System.apply_authorized_upgrade, by which newer runtimes take
// code, has another name.
func Code(t testing.TB, words string) []byte {
	t.Helper()
	program.Do(func() {
		program.code, program.err = compile(filepath.Join(testdata.Root(t), "internal/variant/testdata/program"))
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	at := bytes.Index(program.code, []byte(marker+"    "))
	if at < 0 {
		t.Fatal("the marker is not in the program")
	}
	patched := bytes.Clone(program.code)
	copy(patched[at+len(marker):], words)
	if strings.Contains(words, "legacy=1") {
		patched = bytes.ReplaceAll(patched, []byte("apply_authorized_upgrade"), []byte("apply_authorised_upgrade"))
	}
	code, _, err := wasmlink.Link(patched, wasmlink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return parachain.CompressPoV(code) // it has the same form, and is quick
}

// compile compiles the program for the linker.
func compile(dir string) ([]byte, error) {
	out, err := os.MkdirTemp("", "variant")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	file := filepath.Join(out, "variant.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", "-o", file, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOEXPERIMENT=")
	if words, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(err.Error() + ": " + string(words))
	}
	return os.ReadFile(file)
}
