package guide

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pileus/executor"
	"pileus/frame/frametest"
	"pileus/internal/testdata"
	"pileus/trie"
)

// wasm runs a compiled runtime.
func wasm(t testing.TB, code []byte) frametest.Machine {
	t.Helper()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	return onEngine(t, e, code)
}

func onEngine(t testing.TB, e *executor.Engine, code []byte) frametest.Machine {
	t.Helper()
	m, err := e.Load(context.Background(), code)
	if err != nil {
		t.Fatal(err)
	}
	return func(state *trie.State, rec *trie.Recorder) frametest.Session {
		return &session{m, executor.NewStorage(state, rec)}
	}
}

var engine = sync.OnceValues(func() (*executor.Engine, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return executor.NewEngine(context.Background(), executor.Config{CacheDir: filepath.Join(dir, "pileus-test")})
})

// rust is the Rust runtime of the stage, with which the Go one is compared.
func rust(t testing.TB, stage string) frametest.Machine {
	t.Helper()
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/"+stage+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return wasm(t, code)
}

type session struct {
	module  *executor.Module
	storage *executor.Storage
}

func (s *session) Call(name string, args []byte) ([]byte, error) {
	return s.module.Call(context.Background(), name, args, executor.CallOptions{Storage: s.storage})
}

func (s *session) Begin()                       { s.storage.Begin() }
func (s *session) Commit()                      { _ = s.storage.Commit() }
func (s *session) Rollback()                    { _ = s.storage.Rollback() }
func (s *session) Finish() (*trie.State, error) { return s.storage.Finish(trie.V1) }

// builtIn is the stage as it is built in: compiled and linked.
func builtIn(t testing.TB, stage string) frametest.Machine {
	t.Helper()
	return wasm(t, builtInCode(t, stage))
}

func builtInCode(t testing.TB, stage string) []byte {
	t.Helper()
	code, err := os.ReadFile("../wasm/" + stage + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return code
}
