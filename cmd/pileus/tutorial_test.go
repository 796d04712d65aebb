package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a block of code: ```LANGUAGE and, but for commands, a file.
var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$")

// The tutorial is done as it stands, without network: files are written, changes applied,
// commands run. Commands that build or run the compiled chain run with CI=true only.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles modules of its own")
	}
	page, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	env := append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "XDG_CACHE_HOME="+cache)
	blocks := fence.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 15 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	for _, b := range blocks {
		language, file, text := b[1], filepath.Join(dir, b[2]), b[3]
		switch {
		case language == "sh":
			for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
				words := strings.Fields(line)
				if words[0] == "cd" {
					dir = filepath.Join(dir, words[1])
					continue
				}
				if long := words[0] == "pileus" && words[1] != "new" || line == "go test ./..."; long && os.Getenv("CI") == "" {
					continue
				}
				cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
				cmd.Dir, cmd.Env = dir, env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", line, err, out)
				}
			}
		case language == "go" && b[2] != "":
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		case language == "diff" && b[2] != "":
			if err := apply(file, text); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("a block of %s that nothing is done with:\n%s", language, text)
		}
	}
	if out, err := exec.Command("gofmt", "-l", filepath.Join(dir, "chain"), filepath.Join(dir, "guestbook")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("not formatted: %s, %v", out, err)
	}
	vet := exec.Command("go", "vet", "./...")
	vet.Dir, vet.Env = dir, env
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

// apply changes a file at the one place where the lines of a diff stand that begin with
// space or minus.
func apply(file, diff string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before, after strings.Builder
	for _, line := range strings.SplitAfter(diff, "\n") {
		if line == "" {
			continue
		}
		if line[0] != '+' {
			before.WriteString(line[1:])
		}
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	if n := strings.Count(string(b), before.String()); n != 1 {
		return fmt.Errorf("%s has %d times\n%s", filepath.Base(file), n, before.String())
	}
	return os.WriteFile(file, []byte(strings.Replace(string(b), before.String(), after.String(), 1)), 0o644)
}
