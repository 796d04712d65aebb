package frame

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeterminism holds the code that runs inside a runtime to what makes it
// deterministic: no goroutine, no channel, no map order, no floating point, and no package
// that knows a clock, chance or the machine.
func TestDeterminism(t *testing.T) {
	allowed := map[string]bool{"bytes": true, "encoding/hex": true, "errors": true, "fmt": true, "math": true, "math/bits": true, "runtime": true,
		"sort": true, "strconv": true, "strings": true, "sync": true, "unicode/utf8": true, "unsafe": true}
	ours := map[string]bool{"scale": true, "hashing": true, "trie": true, "primitives": true, "metadata": true}
	set := token.NewFileSet()
	compiled := importer.ForCompiler(set, "gc", exports(t))
	seen := 0
	for _, root := range []string{".", "../runtimes/guide"} {
		err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if name := d.Name(); name == "testdata" || name == "frametest" {
				return fs.SkipDir
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			var files []*ast.File
			for _, e := range entries {
				if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
					continue
				}
				file, err := parser.ParseFile(set, filepath.Join(dir, e.Name()), nil, parser.ParseComments)
				if err != nil {
					return err
				}
				for _, i := range file.Imports {
					path := strings.Trim(i.Path.Value, `"`)
					rest, own := strings.CutPrefix(path, "pileus/")
					inside := strings.HasPrefix(rest, "frame") || strings.HasPrefix(rest, "runtimes")
					if own && !ours[rest] && !inside || !own && !allowed[path] {
						t.Errorf("%s imports %s", set.Position(i.Pos()), path)
					}
				}
				if !strings.Contains(e.Name(), "wasm") {
					files = append(files, file)
				}
			}
			if len(files) == 0 {
				return nil
			}
			seen++
			info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
			c := types.Config{Importer: compiled, Error: func(error) {}}
			_, _ = c.Check(dir, set, files, info)
			for _, file := range files {
				ast.Inspect(file, func(n ast.Node) bool {
					at := func(what string) { t.Errorf("%s: %s", set.Position(n.Pos()), what) }
					switch n := n.(type) {
					case *ast.GoStmt:
						at("a goroutine")
					case *ast.SelectStmt, *ast.ChanType:
						at("a channel")
					case *ast.RangeStmt:
						typ := info.TypeOf(n.X)
						if typ == nil {
							at("the type of what is ranged over is not known")
						} else if _, ok := typ.Underlying().(*types.Map); ok {
							at("the order of a map")
						}
					case *ast.BasicLit:
						if n.Kind == token.FLOAT {
							at("floating point")
						}
					case *ast.Ident:
						if n.Name == "float64" || n.Name == "float32" {
							at("floating point")
						}
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 15 {
		t.Fatalf("only %d packages seen", seen)
	}
}

// exports finds what the compiler says of a package.
func exports(t *testing.T) importer.Lookup {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...", "../runtimes/guide").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if path, file, ok := strings.Cut(line, " "); ok {
			files[path] = file
		}
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}
