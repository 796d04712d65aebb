package validateblock

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/runtimes/guide"
	"pileus/wasmlink"
)

// candidates are what validators may get at most, besides an empty block: a block full of
// bytes, a block full of transfers, and proofs of 5 MiB.
func candidates(t *testing.T) []candidate {
	if len(made) > 0 {
		return made
	}
	c := newChain(t, guide.Phase3())
	var transfers [][]byte
	for range 3000 {
		transfers = append(transfers, c.sign(t, "Balances", "transfer_keep_alive", account("Bob"), uint64(1e12)))
	}
	large, small := newChain(t, guide.Phase3()), newChain(t, guide.Phase3())
	large.fill(t, 1250, 4096)
	small.fill(t, 40_000, 40)
	for _, x := range []struct {
		name string
		*chain
		extrinsics [][]byte
	}{
		{"empty", c, nil},
		{"a large remark", c, [][]byte{newChain(t, guide.Phase3()).sign(t, "System", "remark", make([]byte, 3<<20))}},
		{"full of transfers", c, transfers},
		{"a proof of large values", large, nil},
		{"a proof of small values", small, nil},
	} {
		p := x.build(t, 1, false, x.extrinsics...)
		block := &p.data.Blocks[0]
		if n := len(block.Extrinsics) - 2; n < min(len(x.extrinsics), 100) {
			t.Errorf("%s: %d extrinsics are in the block", x.name, n)
		}
		params := p.encode()
		want, err := x.native(params)
		if err != nil {
			t.Fatal(x.name, err)
		}
		made = append(made, candidate{x.name, params, want, block})
	}
	return made
}

// made are kept for all tests: 3000 signatures take a while.
var made []candidate

// candidate is encoded ValidationParams and the answer of the code in memory.
type candidate struct {
	name         string
	params, want []byte
	block        *primitives.Block
}

func builtIn(t *testing.T) []byte {
	code, err := os.ReadFile("../../runtimes/wasm/phase3.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestWasm gives candidates to the built-in stage as a validator does, and to the Rust one.
func TestWasm(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a runtime")
	}
	ctx := context.Background()
	code := builtIn(t)
	e, err := executor.NewEngine(ctx, executor.Config{CacheDir: cacheDir})
	if err != nil {
		t.Fatal(err)
	}
	m, err := pvf.New(e, true).Prepare(ctx, code, hashing.Blake2b256(code), 0, primitives.ExecutorParams{})
	if err != nil {
		t.Fatal(err)
	}
	reference := rust(t, "phase3")
	for _, c := range candidates(t) {
		from := time.Now()
		got, err := m.Call(ctx, "validate_block", c.params, executor.CallOptions{MaxPages: wasmlink.MaxMemoryPages})
		if err != nil || string(got) != string(c.want) {
			t.Errorf("%s: %x, want %x, %v", c.name, got, c.want, err)
		}
		took := time.Since(from)
		from = time.Now()
		if got, err := reference.Call(ctx, "validate_block", c.params, executor.CallOptions{}); err != nil || string(got) != string(c.want) {
			t.Errorf("%s: Rust: %x, want %x, %v", c.name, got, c.want, err)
		}
		t.Logf("%s: %d extrinsics, %d bytes of arguments, %v; in Rust %v", c.name, len(c.block.Extrinsics)-2, len(c.params), took, time.Since(from))
	}
	p := newChain(t, guide.Phase3()).build(t, 1, false)
	p.RelayParentNumber++
	if _, err := m.Call(ctx, "validate_block", p.encode(), executor.CallOptions{MaxPages: wasmlink.MaxMemoryPages}); !says(err, "Relay parent number doesn't match") {
		t.Errorf("a forged number: %v", err)
	}
}

// TestWasmtime runs the same candidates on the engine of Rust nodes, with memory grown to
// its maximum before the call and with memory that grows. It needs a Python that has
// wasmlink/testdata/wasmtime.txt installed:
//
//	PILEUS_WASMTIME=venv/bin/python go test -run TestWasmtime -v ./frame/validateblock
func TestWasmtime(t *testing.T) {
	python := os.Getenv("PILEUS_WASMTIME")
	if python == "" {
		t.Skip("PILEUS_WASMTIME names no Python with wasmtime")
	}
	raw, err := executor.Decompress(builtIn(t), executor.CodeBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	code, args := filepath.Join(dir, "phase3.wasm"), filepath.Join(dir, "params")
	if err := os.WriteFile(code, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range candidates(t) {
		if err := os.WriteFile(args, c.params, 0o644); err != nil {
			t.Fatal(err)
		}
		root := c.block.Header.ExtrinsicsRoot
		cmd := exec.CommandContext(t.Context(), python, "../../wasmlink/testdata/run_wasmtime.py", code, "validate_block", args, hex.EncodeToString(root[:]))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		runs := 0
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			said, result, ok := strings.Cut(lines.Text(), ", result ")
			if !ok {
				continue
			}
			t.Logf("%s: %s", c.name, said)
			if runs++; result != hex.EncodeToString(c.want) {
				t.Errorf("%s: %s: %s, want %x", c.name, said, result, c.want)
			}
		}
		if runs != 2 {
			t.Errorf("%s: %d runs\n%s", c.name, runs, out)
		}
	}
}
