package main

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// newFiles are the files of a new chain. They end in .tmpl so that they are no packages of this module.
//
//go:embed newchain
var newFiles embed.FS

func newCommand() *cobra.Command {
	var source string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a chain of one's own: a runtime in Go with one pallet and its tests",
		Long: `Makes the folder NAME with a Go module: a runtime with a pallet, tests of it in memory and
in the whole pipeline, a genesis preset. "go test ./..." and "pileus runtime build" work in
it at once and without network: the module takes pileus from its source folder, and needs
no module that pileus was not built of.` + exitHelp("the folder is made", "failed; nothing is left behind"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args[0]) > 32 || !chainName.MatchString(args[0]) {
				return usageError{fmt.Errorf("%q: a chain's name has up to 32 lower-case letters, digits and single hyphens between them, and begins with a letter", args[0])}
			}
			dir, err := sourceFolder(source)
			if err != nil {
				return err
			}
			if err := newChain(args[0], dir); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: made; try: cd %s && go test -short ./...\n", args[0], args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "source folder of pileus (default: that of which this command was built)")
	return cmd
}

// chainName is what a spec name, a folder and an element of a module path may be at once.
var chainName = regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`)

// sourceFolder is where the module pileus lies.
func sourceFolder(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err == nil && !isSource(dir) {
			err = fmt.Errorf("--source %s: there is no module pileus", given)
		}
		return dir, err
	}
	var from []string
	if _, file, _, ok := goruntime.Caller(0); ok && filepath.IsAbs(file) { // not after go build -trimpath
		from = append(from, filepath.Dir(file))
	}
	if file, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(file); err == nil {
			file = real
		}
		from = append(from, filepath.Dir(file))
	}
	for _, dir := range from {
		for ; ; dir = filepath.Dir(dir) {
			if isSource(dir) {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("the source of pileus is not where this command was built: name it with --source DIR")
}

func isSource(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	first, _, _ := strings.Cut(string(b), "\n")
	return err == nil && strings.TrimSpace(first) == "module pileus"
}

// newChain makes the folder, whole or not at all. An empty folder of the name is filled.
func newChain(name, source string) (err error) {
	if list, err := os.ReadDir(name); err == nil && len(list) > 0 {
		return fmt.Errorf("%s: the folder is not empty", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cause(name, err)
	}
	module := "example.com/" + name
	mod, err := goMod(module, source)
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return err
	}
	files := map[string][]byte{"go.mod": mod, "go.sum": sum, ".gitignore": []byte("*.wasm\n")}
	fill := strings.NewReplacer("{{name}}", name, "{{module}}", module, "{{crate}}", strings.ReplaceAll(name, "-", "_")+"_runtime")
	err = fs.WalkDir(newFiles, "newchain", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := newFiles.ReadFile(at)
		files[strings.TrimSuffix(strings.TrimPrefix(at, "newchain/"), ".tmpl")] = []byte(fill.Replace(string(b)))
		return err
	})
	if err != nil {
		return err
	}
	made := temporary(name)
	defer func() {
		if err != nil {
			os.RemoveAll(made)
			err = cause(name, err)
		}
	}()
	for file, b := range files {
		if err := os.MkdirAll(filepath.Join(made, filepath.FromSlash(path.Dir(file))), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(made, filepath.FromSlash(file)), b, 0o644); err != nil {
			return err
		}
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(made, name)
}

// goMod names the versions of all modules as pileus' own go.mod does, so that the Go
// command finds them where it found them for pileus and asks no network.
func goMod(module, source string) ([]byte, error) {
	f, err := os.Open(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	version := ""
	var needs []string
	block := false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
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
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if strings.ContainsAny(source, " \t\"'`()[]{},") || strings.Contains(source, "//") {
		source = strconv.Quote(source)
	}
	b := fmt.Appendf(nil, "module %s\n\ngo %s\n\nrequire pileus v0.0.0\n\nreplace pileus => %s\n\nrequire (\n", module, version, source)
	for _, need := range needs {
		b = fmt.Appendf(b, "\t%s // indirect\n", need)
	}
	return append(b, ")\n"...), nil
}
