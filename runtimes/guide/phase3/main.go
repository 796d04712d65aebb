// Command phase3 is the guide's chain in the stage phase3, as a Wasm module.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/runtimes/guide"
)

func init() { export.Register(guide.New(guide.Phase3()).Runtime) }

func main() {}
