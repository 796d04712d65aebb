package guide

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pileus/frame/frametest"
	"pileus/wasmlink"
)

var compiled struct {
	sync.Mutex
	codes map[string][]byte
}

// linked is the Go runtime of a stage as a node runs it.
func linked(t testing.TB, stage string) frametest.Machine {
	t.Helper()
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.codes[stage] == nil {
		r, err := wasmlink.Build(context.Background(), stage, wasmlink.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", stage, len(r.Code), len(r.Compressed))
		if compiled.codes == nil {
			compiled.codes = map[string][]byte{}
		}
		compiled.codes[stage] = r.Compressed
		if dir := os.Getenv("KEEP_WASM"); dir != "" {
			os.WriteFile(filepath.Join(dir, stage+".wasm"), r.Compressed, 0o644)
		}
	}
	return wasm(t, compiled.codes[stage])
}
