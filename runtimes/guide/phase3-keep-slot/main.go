// Command phase3-keep-slot is the guide's chain in the stage phase3-keep-slot, as a Wasm module.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/runtimes/guide"
)

func init() { export.Register(guide.New(guide.Phase3KeepSlot()).Runtime) }

func main() {}
