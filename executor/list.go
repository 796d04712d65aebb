package executor

import "pileus/internal/wasm"

// HostFunctions are the names and types of the host functions in a set, as a runtime
// imports them from env.
func HostFunctions(set Set) map[string]wasm.FuncType {
	types := map[string]wasm.FuncType{}
	for name, f := range functions {
		if f.in(set) {
			types[name] = f.typ
		}
	}
	return types
}
