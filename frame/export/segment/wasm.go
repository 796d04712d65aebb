//go:build wasip1

package segment

import "pileus/frame/export"

//go:wasmexport AuraUnincludedSegmentApi_can_build_upon
func canBuildUpon(ptr, n uint32) uint64 {
	return export.Fat(export.Call("AuraUnincludedSegmentApi_can_build_upon", export.At(ptr, n)))
}
