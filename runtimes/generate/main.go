// Command generate builds the guide's chain in every stage anew, from the folder of the
// package runtimes: go generate ./runtimes
package main

import (
	"context"
	"fmt"
	"os"

	"pileus/runtimes"
	"pileus/wasmlink"
)

func main() {
	for _, stage := range runtimes.Names() {
		r, err := wasmlink.Build(context.Background(), "guide/"+stage, wasmlink.BuildOptions{})
		if err == nil {
			err = os.WriteFile("wasm/"+stage+".wasm", r.Compressed, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("%s: %d bytes\n", stage, len(r.Compressed))
	}
}
