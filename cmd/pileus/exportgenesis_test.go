package main

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"pileus/chainspec"
	"pileus/internal/testdata"
)

// The genesis hashes of two live chains, as their explorers and node RPCs give them.
var genesisHashes = map[string]string{
	"coretime-polkadot": "efb56e30d9b4a24099f88820987d0f45fb645992416535d87650d98e00f46fc4",
	"mythos":            "f6ee56e9c5277df5b4ce6ae9983ee88f3cbed27d31beeb98f9f84f997a1ab0b9",
}

// The head of a real chain is the header of its block 0: no development key is in it. The
// code is what stands in :code.
func TestExportOfRealSpecs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "chainspecs"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	print := func(args ...string) []byte {
		cmd := exportGenesisHeadCommand()
		if args[0] == "wasm" {
			cmd = exportGenesisWasmCommand()
		}
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(args[1:])
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimPrefix(out.String(), "0x"))
		if err != nil || !strings.HasPrefix(out.String(), "0x") {
			t.Fatalf("not hex with 0x: %v", err)
		}
		return b
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if strings.Contains(name, "relay") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			spec, err := chainspec.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			head := print("head", "--chain", path)
			sum := blake2b.Sum256(head)
			if want, ok := genesisHashes[name]; ok && hex.EncodeToString(sum[:]) != want {
				t.Errorf("genesis hash %x, want %s", sum, want)
			}
			root := spec.Genesis.Raw.State(1).Root()
			emptyRoot := blake2b.Sum256([]byte{0})
			want := append(append(append(make([]byte, 33), root[:]...), emptyRoot[:]...), 0)
			if !bytes.Equal(head, want) {
				t.Errorf("head %x, want %x", head, want)
			}
			if !bytes.Equal(print("wasm", "--chain", path), spec.Genesis.Raw.Top[chainspec.CodeKey]) {
				t.Error("the code is another one")
			}
		})
	}
}
