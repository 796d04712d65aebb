package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
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
it at once. The module pileus comes along, as source in NAME/pileus, which go.mod puts in
its place; all other modules are those that pileus itself is built of, so that nothing is
asked of the network where their versions are in the module cache.` + exitHelp("the folder is made", "failed; nothing is left behind"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args[0]) > 32 || !chainName.MatchString(args[0]) || args[0] == "pileus" {
				return usageError{fmt.Errorf("%q: a chain's name has up to 32 lower-case letters, digits and single hyphens between them, begins with a letter, and is not pileus", args[0])}
			}
			files, err := newChain(args[0], source)
			if err != nil {
				return err
			}
			if err := writeFolder(args[0], files); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: made; try: cd %s && go test -short ./...\n", args[0], args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "checkout of pileus to use in place of a copy")
	return cmd
}

// chainName is what a spec name, a folder and an element of a module path may be at once.
var chainName = regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`)

// newChain gives the files of a new chain, by path with slashes. Its module pileus is the
// checkout, if one is named, and a copy in the folder pileus otherwise.
func newChain(name, checkout string) (files map[string][]byte, err error) {
	files = map[string][]byte{".gitignore": []byte("*.wasm\n")}
	place := "./pileus"
	if checkout != "" {
		if place, err = filepath.Abs(checkout); err != nil {
			return nil, err
		}
		if !isPileus(place) {
			return nil, fmt.Errorf("--source %s: there is no module pileus", checkout)
		}
	} else {
		copied, err := sdk()
		if err != nil {
			return nil, err
		}
		for file, b := range copied {
			files["pileus/"+file] = b
		}
	}
	module := "example.com/" + name
	if files["go.mod"], files["go.sum"], err = goMod(module, place, checkout); err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{{name}}", name, "{{module}}", module, "{{crate}}", strings.ReplaceAll(name, "-", "_")+"_runtime")
	err = fs.WalkDir(newFiles, "newchain", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := newFiles.ReadFile(at)
		files[strings.TrimSuffix(strings.TrimPrefix(at, "newchain/"), ".tmpl")] = []byte(fill.Replace(string(b)))
		return err
	})
	return files, err
}

// writeFolder makes the folder, whole or not at all. An empty folder of the name is filled.
func writeFolder(name string, files map[string][]byte) (err error) {
	if list, err := os.ReadDir(name); err == nil && len(list) > 0 {
		return fmt.Errorf("%s: the folder is not empty", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cause(name, err)
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
