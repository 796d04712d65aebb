package main

import (
	"bufio"
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"pileus"
	"pileus/runtimes"
)

// sdk is the part of the module pileus that a chain of one's own needs, by path: the
// packages of frame, the linker, the library that its tests run the pipeline with, and all
// that these import; no tests, no commands. Of the stages that are built in it has the
// default one.
func sdk() (map[string][]byte, error) {
	source := pileus.Source()
	files := map[string][]byte{"README.md": []byte(sdkReadme)}
	for _, name := range []string{"go.mod", "go.sum", "LICENSE"} {
		b, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	stage := "runtimes/wasm/" + runtimes.Default + ".wasm"
	files[stage], _ = runtimes.Code(runtimes.Default)

	todo := []string{".", "wasmlink"}
	err := fs.WalkDir(source, "frame", func(dir string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			todo = append(todo, dir)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		dir := todo[0]
		todo = todo[1:]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		imports, err := copyPackage(files, source, dir)
		if err != nil {
			return nil, err
		}
		todo = append(todo, imports...)
	}
	return files, nil
}

// copyPackage adds the files of the package in a folder, and names the folders of the
// packages of the same module that it imports, on whatever system.
func copyPackage(files map[string][]byte, source fs.FS, dir string) (imports []string, err error) {
	list, err := fs.ReadDir(source, dir)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		name := path.Join(dir, f.Name())
		if f.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = fs.ReadFile(source, name); err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, files[name], parser.ImportsOnly)
		if err != nil {
			return nil, err
		}
		for _, i := range parsed.Imports {
			if at, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "pileus"); ours && (at == "" || at[0] == '/') {
				imports = append(imports, path.Join(".", at))
			}
		}
	}
	return imports, nil
}

// sdkReadme stands in the copy.
var sdkReadme = `# pileus

The part of the module pileus that a chain needs, as source: what ` + "`pileus new`" + ` of pileus ` + pileus.Version + `
wrote. To take another version, replace the folder by that of a chain which that version makes.
Licence: Apache-2.0.
`

func isPileus(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	first, _, _ := strings.Cut(string(b), "\n")
	return err == nil && strings.TrimSpace(first) == "module pileus"
}

// goMod is the new chain's go.mod, which puts a folder in the place of the module pileus.
// It names the versions of all modules as pileus' own does, so that the Go command finds
// them where it found them for pileus and asks no network; sum is pileus' own.
func goMod(module, place, checkout string) (mod, sum []byte, err error) {
	from := pileus.Source()
	if checkout != "" {
		from = os.DirFS(place)
	}
	own, err := fs.ReadFile(from, "go.mod")
	if err != nil {
		return nil, nil, err
	}
	if sum, err = fs.ReadFile(from, "go.sum"); err != nil {
		return nil, nil, err
	}
	version, needs := requirements(own)
	if strings.ContainsAny(place, " \t\"'`()[]{},") || strings.Contains(place, "//") {
		place = strconv.Quote(place)
	}
	mod = fmt.Appendf(nil, "module %s\n\ngo %s\n\nrequire pileus v0.0.0\n\nreplace pileus => %s\n\nrequire (\n", module, version, place)
	for _, need := range needs {
		mod = fmt.Appendf(mod, "\t%s // indirect\n", need)
	}
	return append(mod, ")\n"...), sum, nil
}

// requirements reads a go.mod: its version of Go, and its modules with their versions.
func requirements(mod []byte) (version string, needs []string) {
	block := false
	for lines := bufio.NewScanner(bytes.NewReader(mod)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = false
		case words[0] == "require" && len(words) == 2:
			block = true
		case words[0] == "require" && len(words) == 3:
			needs = append(needs, words[1]+" "+words[2])
		case block && len(words) == 2:
			needs = append(needs, words[0]+" "+words[1])
		case words[0] == "go":
			version = words[1]
		}
	}
	return version, needs
}
