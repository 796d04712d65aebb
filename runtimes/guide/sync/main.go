// Command sync is the guide's chain in the stage sync, as a Wasm module.
package main

import (
	"pileus/frame/export"
	"pileus/frame/validateblock"
	"pileus/runtimes/guide"
)

func init() {
	r := guide.New(guide.Sync())
	export.Register(r.Runtime)
	// Before the guide, register_validate_block took CheckInherents as well; the current
	// validation function has none.
	validateblock.RegisterValidateBlock(validateblock.Config{
		Runtime:         r.Runtime,
		ParachainSystem: r.ParachainSystem,
		BlockExecutor:   validateblock.Aura{Aura: r.Aura, AuraExt: r.AuraExt},
	})
}

func main() {}
