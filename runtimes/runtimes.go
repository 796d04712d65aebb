// Package runtimes holds the guide's chain, compiled, in all its stages: what `pileus
// simulate` runs when it is given nothing else. The files under wasm are built from the
// packages under guide with the Go toolchain that go.mod names; a test builds them again
// and compares the bytes.
//
//go:generate go run ./generate
package runtimes

import (
	"embed"
	"slices"

	"pileus/runtimes/guide"
)

//go:embed wasm/*.wasm
var files embed.FS

// Default is the stage that runs when none is named.
const Default = "phase3"

// Code is the compressed code of a stage; ok is false for an unknown stage.
func Code(stage string) (code []byte, ok bool) {
	if !slices.Contains(Names(), stage) {
		return nil, false
	}
	code, err := files.ReadFile("wasm/" + stage + ".wasm")
	return code, err == nil
}

// Names lists the stages that are built in, in the order in which a chain passes them: all
// of them, but in the copy of this package that `pileus new` makes, which has the default
// stage.
func Names() (list []string) {
	for _, s := range guide.Stages {
		if _, err := files.Open("wasm/" + s.Name + ".wasm"); err == nil {
			list = append(list, s.Name)
		}
	}
	return list
}
