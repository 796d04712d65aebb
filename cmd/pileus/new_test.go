package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pileus/runtimes"
)

// What `pileus new` writes of this module is what the Go command compiles: file by file
// as it is here, natively and as a runtime.
func TestSDKIsWhatIsCompiled(t *testing.T) {
	files, err := sdk()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, system := range []string{"GOOS=linux GOARCH=amd64", "GOOS=wasip1 GOARCH=wasm"} {
		roots := []string{"./frame/..."}
		if strings.Contains(system, "linux") {
			roots = append(roots, ".", "./wasmlink")
		}
		cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Dir,ImportPath,GoFiles,EmbedFiles"}, roots...)...)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), strings.Fields(system)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir, ImportPath     string
				GoFiles, EmbedFiles []string
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			rest, ours := strings.CutPrefix(p.ImportPath+"/", "pileus/")
			if !ours || p.ImportPath == "pileus" {
				p.EmbedFiles = nil // the source of this module
			}
			if !ours {
				continue
			}
			for _, name := range slices.Concat(p.GoFiles, p.EmbedFiles) {
				want, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					t.Fatal(err)
				}
				stage, isStage := strings.CutPrefix(name, "wasm/")
				if isStage && p.ImportPath == "pileus/runtimes" && stage != runtimes.Default+".wasm" {
					continue
				}
				if seen++; !bytes.Equal(files[rest+name], want) {
					t.Errorf("%s%s is not in a new chain as it is here", rest, name)
				}
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d files compared", seen)
	}
	for name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "cmd/") {
			t.Errorf("%s is not needed", name)
		}
	}
}
