// Command phase1 is the guide's chain in the stage phase1, as a Wasm module.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/runtimes/guide"
)

func init() { export.Register(guide.New(guide.Phase1()).Runtime) }

func main() {}
