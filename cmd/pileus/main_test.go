package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/blake2b"

	"pileus/internal/testdata"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pileus": func() { os.Exit(run(os.Args[1:])) }})
}

// The scripts of testdata/script use, besides the usual commands:
//
//	code N ARG...        runs pileus ARG..., which must end with exit code N
//	sentence TEXT        stderr is one line that begins "pileus: " and contains TEXT
//	unchanged            no file was made, changed or left behind since the script's start
//	json FILE PATH=VALUE... FILE is one JSON object and has these values
//	digest FILE EVENTS   events_digest in FILE is blake2b-256 of the file EVENTS
//	width N FILE         no line of FILE is wider than N columns
//	interrupt ARG...     runs pileus ARG... --export-pov-to povs, SIGINT at the third PoV
//	cut FILE N NEW       the first N bytes of FILE
//
// $SHARED are the real inputs; scripts named real_* are skipped without them.
func TestScripts(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	for _, kind := range []struct{ name, pattern string }{{"made", "made_*.txt"}, {"real", "real_*.txt"}} {
		t.Run(kind.name, func(t *testing.T) {
			shared := ""
			if kind.name == "real" {
				shared = testdata.Shared(t, "")
			}
			files, err := filepath.Glob(filepath.Join("testdata", "script", kind.pattern))
			if err != nil || len(files) == 0 {
				t.Fatal("no scripts: ", err)
			}
			testscript.Run(t, testscript.Params{
				Files: files,
				Setup: func(env *testscript.Env) error {
					env.Setenv("SHARED", shared)
					env.Setenv("XDG_CACHE_HOME", cache)
					if err := makeRuntimes(env.WorkDir, shared); err != nil {
						return err
					}
					before, err := listing(env.WorkDir)
					env.Values["before"] = before
					return err
				},
				Condition: func(name string) (bool, error) {
					if name != "devfull" { // a device that is always full
						return false, fmt.Errorf("unknown condition %s", name)
					}
					_, err := os.Stat("/dev/full")
					return err == nil, nil
				},
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"code": cmdCode, "sentence": cmdSentence, "unchanged": cmdUnchanged, "json": cmdJSON, "digest": cmdDigest,
					"width": cmdWidth, "interrupt": cmdInterrupt, "cut": cmdCut,
				},
			})
		})
	}
}

// Every help, of whatever command, says the exit codes.
func TestHelp(t *testing.T) {
	n := 0
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		n++
		if !strings.Contains(c.Long, "Exit codes: 0 ") || !strings.Contains(c.Long, "130 interrupted") || !strings.Contains(c.Long, "2 wrong flags") {
			t.Errorf("%s: %q", c.CommandPath(), c.Long)
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(newRoot(nil))
	if n < 4 {
		t.Errorf("%d commands", n)
	}
}

// listing names every file of the folder with its content, but for what the script engine
// keeps there itself.
func listing(dir string) (map[string]string, error) {
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == filepath.Join(dir, ".tmp") || path == filepath.Join(dir, ".gocache") {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if !d.Type().IsRegular() {
			list[name] = d.Type().String()
			return nil
		}
		b, err := os.ReadFile(path)
		list[name] = string(b)
		if errors.Is(err, os.ErrPermission) {
			err = nil
		}
		return err
	})
	return list, err
}

func cmdUnchanged(ts *testscript.TestScript, _ bool, _ []string) {
	now, err := listing(ts.MkAbs("."))
	ts.Check(err)
	before := ts.Value("before").(map[string]string)
	for name := range now {
		if _, known := before[name]; !known {
			ts.Fatalf("%s was left behind", name)
		}
	}
	if !reflect.DeepEqual(before, now) {
		ts.Fatalf("a file has changed or is gone")
	}
}

// cmdCode runs pileus and compares its exit code. Its output is that of the last command.
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("pileus", args[1:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, _ := strconv.Atoi(args[0]); got != want {
		ts.Fatalf("exit code %d, want %d; stderr: %s", got, want, ts.ReadFile("stderr"))
	}
}

func cmdSentence(ts *testscript.TestScript, _ bool, args []string) {
	said := ts.ReadFile("stderr")
	if !strings.HasPrefix(said, "pileus: ") || strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n") {
		ts.Fatalf("not one line that begins with the program's name: %q", said)
	}
	if strings.Contains(said, "goroutine") || strings.Contains(said, "/deps") {
		ts.Fatalf("not a sentence: %q", said)
	}
	if want := strings.Join(args, " "); !strings.Contains(said, want) {
		ts.Fatalf("%q does not say %q", said, want)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("something on stdout as well: %s", out)
	}
}

func readObject(ts *testscript.TestScript, file string) map[string]any {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || d.More() {
		ts.Fatalf("%s is not one JSON object: %v", file, err)
	}
	return object
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	object := readObject(ts, args[0])
	for _, arg := range args[1:] {
		path, want, compare := strings.Cut(arg, "=")
		var v any = object
		for _, name := range strings.Split(path, ".") {
			switch x := v.(type) {
			case map[string]any:
				next, ok := x[name]
				if !ok {
					ts.Fatalf("%s: there is no %s", args[0], path)
				}
				v = next
			case []any:
				i, err := strconv.Atoi(name)
				if err != nil || i >= len(x) {
					ts.Fatalf("%s: there is no %s", args[0], path)
				}
				v = x[i]
			default:
				ts.Fatalf("%s: there is no %s", args[0], path)
			}
		}
		b, err := json.Marshal(v)
		ts.Check(err)
		if got := strings.Trim(string(b), `"`); compare && (got == want) == neg {
			ts.Fatalf("%s: %s is %s", args[0], path, got)
		}
	}
}

func cmdDigest(ts *testscript.TestScript, _ bool, args []string) {
	sum := blake2b.Sum256([]byte(ts.ReadFile(args[1])))
	if got := readObject(ts, args[0])["events_digest"]; got != hex.EncodeToString(sum[:]) {
		ts.Fatalf("events_digest %v, the file has %x", got, sum)
	}
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		var event struct {
			Ms    *float64
			Event string
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Ms == nil || event.Event == "" {
			ts.Fatalf("not an event: %s", line)
		}
	}
}

func cmdWidth(ts *testscript.TestScript, _ bool, args []string) {
	limit, _ := strconv.Atoi(args[0])
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > limit {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}

func cmdCut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(ts.ReadFile(args[0])[:n]), 0o644))
}

// cmdInterrupt writes what the command says to the files out and err.
func cmdInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	povs := ts.MkAbs("povs")
	path, err := exec.LookPath("pileus")
	if err != nil {
		path = filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "pileus")
	}
	var out, said bytes.Buffer
	cmd := exec.Command(path, append(args, "--export-pov-to", povs)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &out, &said
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+ts.Getenv("XDG_CACHE_HOME"))
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(time.Minute)
	for sent := false; ; {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !sent || !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
				ts.Fatalf("signal sent: %v; it ended with %v, want exit code %d; stderr: %s", sent, err, exitInterrupted, &said)
			}
			ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o644))
			ts.Check(os.WriteFile(ts.MkAbs("err"), said.Bytes(), 0o644))
			return
		case <-deadline:
			cmd.Process.Kill()
			ts.Fatalf("it does not end")
		case <-time.After(2 * time.Millisecond):
			if files, _ := os.ReadDir(povs); !sent && len(files) >= 3 {
				sent = true
				ts.Check(cmd.Process.Signal(syscall.SIGINT))
			}
		}
	}
}
