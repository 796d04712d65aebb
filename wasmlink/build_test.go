package wasmlink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// source writes files into a new folder.
func source(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if files["go.mod"] == "" {
		files["go.mod"] = "module example\n\ngo 1.26\n"
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	text, err := os.ReadFile("testdata/sample/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var codes [][]byte
	for range 2 {
		r, err := Build(context.Background(), source(t, map[string]string{"main.go": string(text)}), BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, r.Compressed)
		if len(r.Compressed) > MaxCodeSize || len(r.Compressed) > len(r.Code)/3 {
			t.Errorf("%d bytes compressed", len(r.Compressed))
		}
	}
	if !bytes.Equal(codes[0], codes[1]) {
		t.Error("the same source in two folders gives two codes")
	}
}

func TestBuildErrors(t *testing.T) {
	const entry = "\n//go:wasmexport Core_version\nfunc coreVersion(ptr, n uint32) uint64 { return 0 }\n\nfunc main() {}\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
		is    error
	}{
		{"does not compile", map[string]string{"main.go": "package main\n\nfunc f() int { return \"x\" }\n" + entry}, "main.go:3:23: cannot use \"x\"", nil},
		{"does not parse", map[string]string{"main.go": "package main\n\nfunc {\n"}, "main.go:3:6: syntax error", nil},
		{"forbidden", map[string]string{"main.go": "package main\n\nimport \"example/inner\"\n\nvar _ = inner.Now\n" + entry,
			"inner/inner.go": "package inner\n\nimport \"time\"\n\nvar Now = time.Now\n"}, "inner.go:5:11: time.Now: a runtime's clock stands still", ErrForbidden},
		{"forbidden package", map[string]string{"main.go": "package main\n\nimport \"os\"\n\nvar _ = os.Args\n" + entry}, "example imports os: there are no files", ErrForbidden},
		{"no program", map[string]string{"lib.go": "package lib\n"}, "a runtime is a package main, not lib", ErrModule},
		{"no Go", map[string]string{"x.txt": "x"}, "no Go files", nil},
		{"missing package", map[string]string{"main.go": "package main\n\nimport _ \"example/none\"\n" + entry}, "main.go:3:8: package example/none is not in", nil},
		{"missing host function", map[string]string{"main.go": "package main\n\n//go:wasmimport env ext_none_version_1\nfunc none()\n\nfunc init() { none() }\n" + entry},
			"it imports what is no host function: env.ext_none_version_1", ErrModule},
		{"panics when it starts", map[string]string{"main.go": "package main\n\nfunc init() { panic(\"no pallet\") }\n" + entry}, "initialise the program's packages: panic: no pallet", ErrModule},
		{"no entry", map[string]string{"main.go": "package main\n\nfunc main() {}\n"}, "exports no function", ErrModule},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Build(context.Background(), source(t, c.files), BuildOptions{})
			var failed *BuildError
			if !errors.As(err, &failed) || !strings.Contains(failed.Words, c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := Build(context.Background(), "testdata/none", BuildOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := Build(context.Background(), "testdata/sample", BuildOptions{Go: "no-such-go"}); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("no toolchain: %v", err)
	}
	short, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	if _, err := Build(short, "testdata/sample", BuildOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no time: %v", err)
	}
}
