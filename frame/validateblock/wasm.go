//go:build wasip1

package validateblock

import "pileus/frame/export"

//go:wasmexport validate_block
func validateBlock(ptr, n uint32) uint64 { return export.Fat(run(export.At(ptr, n))) }
