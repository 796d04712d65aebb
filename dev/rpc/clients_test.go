package rpc_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/internal/testdata"
	"pileus/runtimes"
)

// script runs a script of testdata/clients and returns what it says.
func script(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{name}, args...)...)
	cmd.Dir = filepath.Join("testdata", "clients")
	var out, warn bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &warn
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out.String(), warn.String())
	}
	return out.String()
}

// needClients skips where the clients are not installed.
func needClients(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("testdata", "clients", "node_modules"))
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("needs Node.js 20 and the clients: npm ci --ignore-scripts --prefix dev/rpc/testdata/clients (%v)", err)
}

// TestUnmodifiedClients lets @polkadot/api and polkadot-api, as they are published, use the
// chain in Go and one with a runtime in Rust, an upgrade of the code included.
func TestUnmodifiedClients(t *testing.T) {
	needClients(t)
	rust := func(name string) (path string, code []byte) {
		path = testdata.Shared(t, "runtimes/"+name+".wasm")
		code, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return path, code
	}
	phase1, _ := rust("phase1")
	_, phase3 := rust("phase3")
	goPhase3, _ := runtimes.Code("phase3")
	for _, x := range []struct {
		name   string
		change func(*dev.Config)
		code   []byte // to upgrade to
	}{
		{"Go", func(c *dev.Config) { c.Runtime = "phase1" }, goPhase3},
		{"Rust", func(c *dev.Config) { c.Wasm = phase1 }, phase3},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			n := start(t, func(c *dev.Config) { x.change(c); c.BlockTime.Interval = 250 * time.Millisecond })
			addr := "ws://" + serve(t, rpc.Para(n, info), jsonrpc.Options{})
			code := filepath.Join(t.TempDir(), "code.wasm")
			if err := os.WriteFile(code, x.code, 0o600); err != nil {
				t.Fatal(err)
			}
			var calm uint32
			for _, run := range []struct {
				script string
				args   []string
				want   []string
			}{
				{"pjs.mjs", []string{addr, code}, []string{"transfer: Ready InBlock Finalized\n", "outdated: refused\n", "upgrade: 2 to 3\n", "done: true\n"}},
				{"papi.mjs", []string{addr}, []string{"runtime: guide 3\n", "txBestBlocksState found, finalized\n", `"type": "Stale"`, "done: true\n"}},
			} {
				// polkadot-api 2.2.2 never stops asking for code hashes if the 16 final blocks
				// that a follow begins with hold an upgrade (docs/rpc.md).
				for n.Para().Finalized().Number() < calm {
					time.Sleep(50 * time.Millisecond)
				}
				said := script(t, run.script, run.args...)
				calm = n.Para().Best().Number() + 16
				for _, want := range run.want {
					if !strings.Contains(said, want) {
						t.Errorf("%s says\n%swithout %q", run.script, said, want)
					}
				}
			}
		})
	}
}

// TestReadme runs the script of the README as it stands there.
func TestReadme(t *testing.T) {
	needClients(t)
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, ok := strings.Cut(string(readme), "```js\n")
	code, _, end := strings.Cut(code, "```")
	if !ok || !end {
		t.Fatal("the README has no script")
	}
	n := start(t, nil)
	addr := "ws://" + serve(t, rpc.Para(n, info), jsonrpc.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--input-type=module", "-", addr)
	cmd.Dir, cmd.Stdin = filepath.Join("testdata", "clients"), strings.NewReader(code)
	out, err := cmd.Output()
	if err != nil || string(out) != "Ready\nInBlock\nFinalized\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReorg lets both clients send transfers while the relay chain forks: both tell of
// the blocks that are retracted, and no transfer is lost or included twice.
func TestReorg(t *testing.T) {
	needClients(t)
	n := start(t, func(c *dev.Config) { c.BlockTime.Interval = 250 * time.Millisecond })
	m := rpc.Para(n, info)
	rpc.AddControl(m, n)
	said := script(t, "reorg.mjs", "ws://"+serve(t, m, jsonrpc.Options{}))
	if !strings.HasSuffix(said, "done: true\n") {
		t.Error(said)
	}
}
