// Command elastic is the guide's chain in the stage elastic, as a Wasm module.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/runtimes/guide"
)

func init() { export.Register(guide.New(guide.Elastic()).Runtime) }

func main() {}
