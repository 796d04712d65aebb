// Package testdata finds the real inputs and reference vectors that tests compare
// with: chain specs, compiled runtimes, bytes made by the released crates. They lie
// in a folder `shared` beside the checkout and are not part of it.
package testdata

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Shared returns the path of a file or folder under ../shared (seen from the root of
// the checkout). Where it is absent the test is skipped; with CI=true it fails, since
// there the inputs must be present.
func Shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "..", "shared", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the real input shared/%s is missing: %v", name, err)
		}
		t.Skipf("needs the real input shared/%s beside the checkout, which is absent here", name)
	}
	return path
}

// Root is the checkout: the folder with go.mod above the one that a test starts in.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test does not run inside a checkout")
		}
		dir = filepath.Dir(dir)
	}
}

// ReadJSON decodes the JSON file name under ../shared into v, see [Shared].
func ReadJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(Shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Hex is a byte string that stands in JSON as hex with 0x.
type Hex []byte

// UnmarshalText decodes the hex.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	*h = b
	return err
}
