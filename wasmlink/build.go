package wasmlink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// BuildOptions are how a runtime is built from its source.
type BuildOptions struct {
	Link Options
	Tags []string // build tags
	Env  []string // of the Go command, besides this process's
	Go   string   // the Go command; empty: go
}

// Runtime is a runtime that was built.
type Runtime struct {
	Code       []byte // not compressed
	Compressed []byte // as it goes to :code and to a relay chain
	Report     *Report
}

// BuildError says why source did not become a runtime, in the compiler's words if it is
// the compiler that refused: file, line, reason.
type BuildError struct {
	Dir   string
	Words string
	Err   error
}

// Error names the folder and the reason.
func (e *BuildError) Error() string { return fmt.Sprintf("build %s: %s", e.Dir, e.Words) }

// Unwrap returns the cause.
func (e *BuildError) Unwrap() error { return e.Err }

// ErrForbidden is wrapped by the error of a runtime that imports what has no place in one.
var ErrForbidden = errors.New("forbidden in a runtime")

// forbidden are packages of the standard library whose answers differ from machine to
// machine or that reach outside. Other packages of the standard library may import them.
var forbidden = map[string]string{
	"C":                "there is no C",
	"crypto/rand":      "chance differs from node to node",
	"math/rand":        "chance differs from node to node",
	"math/rand/v2":     "chance differs from node to node",
	"hash/maphash":     "its seed differs from process to process",
	"io/ioutil":        "there are no files",
	"net":              "there is no network",
	"net/http":         "there is no network",
	"os":               "there are no files, arguments or environment",
	"os/exec":          "there are no processes",
	"os/signal":        "there are no signals",
	"path/filepath":    "there are no files",
	"plugin":           "there are no plugins",
	"syscall":          "there is no operating system",
	"log":              "it writes to standard error with the time: log through the host",
	"golang.org/x/sys": "there is no operating system",
}

// clockUses are what the package time has that needs a clock. Its durations are harmless.
var clockUses = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// Build compiles the package in dir with the Go toolchain, links and compresses it. The
// same source and toolchain give the same bytes, wherever the source lies. The error is a
// [*BuildError].
func Build(ctx context.Context, dir string, o BuildOptions) (*Runtime, error) {
	program, err := Compile(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	r := &Runtime{}
	if r.Code, r.Report, err = Link(program, o.Link); err != nil {
		return nil, &BuildError{dir, err.Error(), err}
	}
	if r.Compressed, err = Compress(r.Code); err != nil {
		return nil, &BuildError{dir, err.Error(), err}
	}
	return r, nil
}

// Compile compiles the package in dir with the Go toolchain to a program for [Link]. The
// error is a [*BuildError].
func Compile(ctx context.Context, dir string, o BuildOptions) ([]byte, error) {
	b := &builder{dir: dir, o: o}
	if b.o.Go == "" {
		b.o.Go = "go"
	}
	if s, err := os.Stat(dir); err != nil || !s.IsDir() {
		return nil, &BuildError{dir, "there is no such folder", errors.Join(err, os.ErrNotExist)}
	}
	if err := b.imports(ctx); err != nil {
		return nil, err
	}
	return b.compile(ctx)
}

type builder struct {
	dir string
	o   BuildOptions
}

// run runs the Go command for Wasm and returns its output.
func (b *builder) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, b.o.Go, args...)
	cmd.Dir = b.dir
	cmd.Env = append(append(os.Environ(), b.o.Env...), "GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOEXPERIMENT=")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, &BuildError{b.dir, "the Go toolchain is not installed (https://go.dev/dl): " + err.Error(), err}
	case ctx.Err() != nil:
		return nil, &BuildError{b.dir, ctx.Err().Error(), ctx.Err()}
	case err != nil:
		return nil, &BuildError{b.dir, compilerWords(words.String()), err}
	}
	return out.Bytes(), nil
}

// compilerWords are what the Go command said, without its headings.
func compilerWords(s string) string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		if !strings.HasPrefix(l, "# ") && l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

func (b *builder) tags() string { return "-tags=" + strings.Join(b.o.Tags, ",") }

// imports looks for forbidden packages before the compiler runs.
func (b *builder) imports(ctx context.Context) error {
	out, err := b.run(ctx, "list", "-deps", b.tags(), "-json=ImportPath,Name,Dir,Standard,Imports,GoFiles,DepOnly", ".")
	if err != nil {
		return err
	}
	var bad []string
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Name, Dir string
			Standard, DepOnly     bool
			Imports, GoFiles      []string
		}
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return &BuildError{b.dir, "go list: " + err.Error(), err}
		}
		if !p.DepOnly && p.Name != "main" {
			return &BuildError{b.dir, "a runtime is a package main, not " + p.Name, ErrModule}
		}
		if p.Standard {
			continue
		}
		for _, i := range p.Imports {
			if why, ok := forbidden[i]; ok {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", p.ImportPath, i, why))
			} else if i == "time" {
				bad = append(bad, clocks(p.Dir, p.GoFiles)...)
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	sort.Strings(bad)
	return &BuildError{b.dir, strings.Join(bad, "\n"), ErrForbidden}
}

// clocks finds where files ask for the time. What does not parse is left to the compiler.
func clocks(dir string, files []string) (found []string) {
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		local := ""
		for _, i := range file.Imports {
			if i.Path.Value == `"time"` {
				if local = "time"; i.Name != nil {
					local = i.Name.Name
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clockUses, s.Sel.Name) {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
					at := set.Position(s.Pos())
					found = append(found, fmt.Sprintf("%s:%d:%d: time.%s: a runtime's clock stands still: take the time from the block", name, at.Line, at.Column, s.Sel.Name))
				}
			}
			return true
		})
	}
	return found
}

func (b *builder) compile(ctx context.Context) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "runtime")
	if err != nil {
		return nil, &BuildError{b.dir, err.Error(), err}
	}
	defer os.RemoveAll(tmp)
	file := filepath.Join(tmp, "runtime.wasm")
	if _, err := b.run(ctx, "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", b.tags(), "-o", file, "."); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(file)
	if err != nil {
		return nil, &BuildError{b.dir, err.Error(), err}
	}
	return program, nil
}
