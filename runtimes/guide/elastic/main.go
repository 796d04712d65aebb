// Command elastic is the guide's chain in the stage elastic, as a Wasm module.
package main

import (
	"pileus/frame/export"
	_ "pileus/frame/export/segment" // Guide, phase 1, step 7: AuraUnincludedSegmentApi
	"pileus/frame/validateblock"
	"pileus/runtimes/guide"
)

func init() {
	r := guide.New(guide.Elastic())
	export.Register(r.Runtime)
	// Guide, phase 1, step 8: register_validate_block without CheckInherents.
	validateblock.RegisterValidateBlock(validateblock.Config{
		Runtime:         r.Runtime,
		ParachainSystem: r.ParachainSystem,
		BlockExecutor:   validateblock.Aura{Aura: r.Aura, AuraExt: r.AuraExt},
	})
}

func main() {}
