package executor

import "pileus/internal/wasm"

// code is made of parts: opcodes with their immediates.
func code(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func op(ops ...byte) []byte   { return ops }
func get(local byte) []byte   { return []byte{wasm.OpLocalGet, local} }
func set(local byte) []byte   { return []byte{wasm.OpLocalSet, local} }
func tee(local byte) []byte   { return []byte{wasm.OpLocalTee, local} }
func constant(n int64) []byte { return wasm.AppendS64([]byte{wasm.OpI32Const}, n) }
func wide(n int64) []byte     { return wasm.AppendS64([]byte{wasm.OpI64Const}, n) }

func getGlobal(index uint32) []byte { return wasm.AppendU32([]byte{wasm.OpGlobalGet}, index) }
func setGlobal(index uint32) []byte { return wasm.AppendU32([]byte{wasm.OpGlobalSet}, index) }
