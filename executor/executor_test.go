package executor_test

import (
	"context"
	"os"
	"testing"

	"pileus/executor"
	"pileus/internal/testdata"
	"pileus/trie"
)

func engine(t testing.TB) *executor.Engine {
	e, err := executor.NewEngine(context.Background(), executor.Config{CacheDir: cacheDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

// cacheDir is shared by runs of the tests.
func cacheDir(t testing.TB) string {
	base, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return base + "/pileus"
}

func phase3(t testing.TB) *executor.Module {
	code, err := os.ReadFile(testdata.Shared(t, "runtimes/phase3.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := engine(t).Load(context.Background(), code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func empty() *executor.Storage { return executor.NewStorage(trie.NewState(trie.New(), nil), nil) }

func TestRuntimeAnswers(t *testing.T) {
	m := phase3(t)
	for method, min := range map[string]int{"Core_version": 50, "Metadata_metadata": 10_000} {
		out, err := m.Call(context.Background(), method, nil, executor.CallOptions{Storage: empty()})
		if err != nil || len(out) < min {
			t.Errorf("%s: %d bytes, %v", method, len(out), err)
		}
	}
}

func BenchmarkCoreVersion(b *testing.B) {
	m := phase3(b)
	for b.Loop() {
		if _, err := m.Call(context.Background(), "Core_version", nil, executor.CallOptions{Storage: empty()}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMetadata(b *testing.B) {
	m := phase3(b)
	for b.Loop() {
		if _, err := m.Call(context.Background(), "Metadata_metadata", nil, executor.CallOptions{Storage: empty()}); err != nil {
			b.Fatal(err)
		}
	}
}
