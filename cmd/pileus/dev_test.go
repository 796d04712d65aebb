package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is an output that can be read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// pileusDev runs pileus dev with manual blocks and returns its address and what ends it.
func pileusDev(t *testing.T, args ...string) (url string, out *screen, end func() error) {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out = &screen{}
	cmd := newRoot(append([]string{"dev", "--block-time", "manual", "--rpc-port", "0", "--relay-rpc-port", "0", "--no-prometheus", "--no-dashboard",
		"--cache", filepath.Join(base, "pileus")}, args...))
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = end() })
	address := regexp.MustCompile(`JSON-RPC +(ws://\S+)`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m := address.FindStringSubmatch(out.String()); m != nil && strings.Contains(out.String(), "Ferdie") {
			return m[1], out, end
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, out)
		default:
		}
	}
	t.Fatalf("no address: %s", out)
	return
}

// ctl runs pileus dev ctl.
func ctl(t *testing.T, url string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newRoot(append([]string{"dev", "ctl", "--url", url}, args...))
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return strings.TrimSpace(out.String()), err
}

func TestDevIsSteeredAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	url, out, end := pileusDev(t, "--data-dir", dir)
	for _, want := range []string{"para 2000", "manual", dir, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	best, err := ctl(t, url, "newBlock", "3")
	if err != nil || !strings.HasPrefix(best, `"0x`) {
		t.Fatal(best, err)
	}
	header := struct{ Number string }{}
	got, err := ctl(t, url, "chain_getHeader", strings.Trim(best, `"`))
	if err != nil || json.Unmarshal([]byte(got), &header) != nil || header.Number != "0x3" {
		t.Error(got, err)
	}
	if _, err := ctl(t, url, "noSuchMethod"); err == nil || !strings.Contains(err.Error(), "dev_noSuchMethod") {
		t.Error(err)
	}
	if err := end(); err != nil {
		t.Fatalf("ended by its context: %v", err)
	}
	if _, err := ctl(t, url, "chain_getHeader"); err == nil || !strings.Contains(err.Error(), "is the node running?") {
		t.Error(err)
	}

	url, _, _ = pileusDev(t, "--data-dir", dir)
	if got, err := ctl(t, url, "chain_getBlockHash", "3"); err != nil || got != best {
		t.Errorf("#3 was %s and is %s, %v", best, got, err)
	}
}

func TestDevPrunes(t *testing.T) {
	dir := t.TempDir()
	url, out, end := pileusDev(t, "--data-dir", dir, "--state-pruning", "64")
	if !strings.Contains(out.String(), "the 64 newest final blocks keep state and body") {
		t.Errorf("it does not say so:\n%s", out)
	}
	methods, err := ctl(t, url, "rpc_methods")
	if err != nil || strings.Contains(methods, "archive_v1") {
		t.Error(methods, err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if _, out, end = pileusDev(t, "--data-dir", dir); !strings.Contains(out.String(), "the 64 newest final blocks") {
		t.Errorf("opened anew it does not say so:\n%s", out)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	cmd := newRoot([]string{"dev", "--data-dir", dir, "--pruning", "archive", "--rpc-port", "0", "--relay-rpc-port", "0"})
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "it was made with --pruning 64, and states that it has discarded do not come back") {
		t.Error(err)
	}
}

func TestDevRefusesWrongValues(t *testing.T) {
	for _, args := range [][]string{
		{"--block-time", "1ms"}, {"--block-time", "soon"}, {"--pruning", "10"}, {"--pruning", "all"}, {"--start-time", "tomorrow"}, {"--log-format", "xml"}, {"--seed", "x"}, {"--validators", "1"}, {"ctl"},
	} {
		cmd := newRoot(append([]string{"dev"}, args...))
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		err := cmd.ExecuteContext(t.Context())
		var usage usageError
		if err == nil || !errors.As(err, &usage) && report(err) != exitUsage {
			t.Errorf("%v: %v", args, err)
		}
	}
}
