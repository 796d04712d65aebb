package runtimes_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"pileus/runtimes"
	"pileus/wasmlink"
)

// What is embedded is what the source gives: a stage in every run, all of them with
// PILEUS_ALL_STAGES=1.
func TestEmbeddedIsReproducible(t *testing.T) {
	stages := []string{runtimes.Default}
	if os.Getenv("PILEUS_ALL_STAGES") != "" {
		stages = runtimes.Names()
	}
	for _, stage := range stages {
		want, ok := runtimes.Code(stage)
		if !ok {
			t.Fatalf("%s is not embedded", stage)
		}
		r, err := wasmlink.Build(context.Background(), "guide/"+stage, wasmlink.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.Compressed, want) {
			t.Errorf("%s: built %d bytes, embedded are %d others: run go generate ./runtimes", stage, len(r.Compressed), len(want))
		}
	}
	if _, ok := runtimes.Code("phase2"); ok {
		t.Error("phase 2 of the guide is the node's, there is no runtime of it")
	}
}

func TestEmbeddedPassesWhatARelayChainChecks(t *testing.T) {
	for _, stage := range runtimes.Names() {
		code, ok := runtimes.Code(stage)
		if !ok {
			t.Fatalf("%s is not embedded", stage)
		}
		info, err := wasmlink.Inspect(code)
		if err != nil || !info.OK() {
			t.Errorf("%s: %v, %+v", stage, err, info)
		}
	}
}
