// Package variant builds the guide's chain with one fault or one thing besides, for tests:
// each from words, which testdata/program lists.
package variant

import (
	"bytes"
	"context"
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
		dir := filepath.Join(testdata.Root(t), "internal/variant/testdata/program")
		program.code, program.err = wasmlink.Compile(context.Background(), dir, wasmlink.BuildOptions{})
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
