// The guide's stage phase3 with its validation function, for the tests of validateblock.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment"
	"pileus/frame/validateblock"
	"pileus/runtimes/guide"
)

func init() {
	r := guide.New(guide.Phase3())
	export.Register(r.Runtime)
	validateblock.RegisterValidateBlock(validateblock.Config{
		Runtime:         r.Runtime,
		ParachainSystem: r.ParachainSystem,
		BlockExecutor:   validateblock.Aura{Aura: r.Aura, AuraExt: r.AuraExt},
	})
}

func main() {}
