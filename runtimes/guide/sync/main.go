// Command sync is the guide's chain in the stage sync, as a Wasm module.
package main

import (
	"pileus/frame/export"
	"pileus/runtimes/guide"
)

func init() { export.Register(guide.New(guide.Sync()).Runtime) }

func main() {}
