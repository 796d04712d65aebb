package executor

import "pileus/internal/wasm"

// HostFunctions are the names and types of the host functions in a set, as a runtime
// imports them from env.
func HostFunctions(set Set) map[string]wasm.FuncType { return functionTypes(set) }
