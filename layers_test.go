package pileus_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layers is the order of the rooms, lowest first: a package imports only from its own row
// or lower ones. Within a row the rooms may use each other as far as the compiler allows.
// Tests may look upwards: a room is shown against those that use it.
var layers = [][]string{
	{"internal/testdata", "internal/layout", "internal/wasm"},
	{"scale", "hashing", "crypto", "trie", "erasure", "metadata"},
	{"primitives", "chainspec"},
	{"executor", "runtimeapi", "pvf", "blocktree", "wasmlink", "frame", "runtimes", "remote", "internal/fakenode"},
	{"relay", "validator", "parachain", "txpool", "collator", "internal/variant"},
	{"world", "pipeline", "dev/store"},
	{"."},
	{"rehearse", "check", "dev"},
	{"dev/rpc", "dev/dashboard", "dev/metrics"},
	{"cmd/pileus"},
}

// pure are the rooms without clock, goroutines, disk, network or randomness of their own.
var pure = []string{"relay", "validator", "parachain", "collator", "blocktree", "txpool"}

var impure = []string{"net", "net/http", "os", "os/exec", "os/signal", "math/rand", "math/rand/v2", "crypto/rand", "path/filepath", "io/fs"}

func TestLayers(t *testing.T) {
	row := map[string]int{}
	for i, packages := range layers {
		for _, p := range packages {
			row[p] = i
		}
	}
	eachFile(t, func(dir, path string, imports []string) {
		at, known := row[room(dir)]
		if !known {
			t.Errorf("%s: package %q stands in no layer", path, dir)
			return
		}
		for _, imported := range imports {
			name, ours := strings.CutPrefix(imported, "pileus/")
			if imported == "pileus" {
				name, ours = ".", true
			}
			if ours && row[room(name)] > at && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports %s, which is higher", path, imported)
			}
		}
	})
}

// room is the room of a package: frame, runtimes and dev/rpc have many packages.
func room(dir string) string {
	for _, family := range []string{"frame", "runtimes", "dev/rpc"} {
		if strings.HasPrefix(dir, family+"/") {
			return family
		}
	}
	return dir
}

func TestPureRooms(t *testing.T) {
	eachFile(t, func(dir, path string, imports []string) {
		if strings.HasSuffix(path, "_test.go") || !contains(pure, dir) {
			return
		}
		for _, imported := range imports {
			if contains(impure, imported) {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func eachFile(t *testing.T, f func(dir, path string, imports []string)) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" && path != "internal/testdata" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range file.Imports {
			s, _ := strconv.Unquote(i.Path.Value)
			imports = append(imports, s)
		}
		files++
		f(filepath.ToSlash(filepath.Dir(path)), path, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files seen", files)
	}
}
