package executor

import (
	"encoding/hex"

	"pileus/hashing"
	"pileus/internal/wasm"
)

// Runtimes bring memcpy, memmove and memcmp along (compiler_builtins mem): there is no such
// instruction in the WebAssembly that they may use. Between addresses that are not aligned alike
// they copy word by word with shifts, and they compare byte by byte: a third of the time in a
// large runtime. The machine does not mind such addresses. So where a function is one of these
// to the byte, it gets a beginning that does the plain case eight bytes at a time:
//
//	memcpy, memmove   16 bytes or more that do not overlap, whole
//	memcmp            as long as eight bytes are equal
//
// Everything else is left to the function itself, which follows unchanged: what overlaps is
// copied in its order, and what lies outside the memory in part traps, or not, as it does. Its
// cost on the metered stack is that of the function as it was. What differs are bytes of no
// meaning below the stack pointer, where newer versions keep the edges of what they shift.

// builtin is a function of compiler_builtins.
type builtin uint8

const (
	copies   builtin = iota + 1 // memcpy, memmove: (to, from, n) to
	compares                    // memcmp: (a, b, n) order
)

// builtins are known by the hash of their body, locals and instructions, in the runtimes that
// are named here.
var builtins = []struct {
	is   builtin
	size int // of the body, in bytes
	hash string
}{
	// memcmp: all live chains, the guide's runtimes
	{compares, 75, "0cc66c27f1fb41703948038b42c68ca1bb6ed9004d8894ef0088a3ae721d882e"},
	{compares, 74, "cc804893591102226ba64bf5382f6807b66f286fb6b4aa8f47e8fb5b624f9724"},
	// memcpy and memmove: coretime-polkadot, mythos, penpal-westend
	{copies, 322, "6bf54808568d70adc92e94222f4ba31001019fa1712f2ec803c8ef65f7da3672"},
	{copies, 688, "4b23059cecf37164095dc93f76954dede7abaaf3a616b352bfaee55b6868e1d0"},
	// bulletin-westend
	{copies, 950, "a1e7f158cf782ef979577def1a0be6467d83af6ebafac37297d5e89f0860043b"},
	{copies, 1819, "2dfbeff9e76f8be3a5964fd155d9c500a03da9e0b26f1cca7e21e109149d8e25"},
	// people-next-paseo
	{copies, 950, "7689148003d9287284e014414055c4aeaa2410b5dc01c290ecafb4b089c64cf0"},
	{copies, 1820, "e2265a7e440d17b323311b08386c746d8a50795bb1a83d7f1a049092f1a6bab9"},
	// the guide's runtimes
	{copies, 940, "b29b0aac009658a8f3ec3714b97e6c295889a8fc8aa47f2b96710f4d0fcfe2bc"},
	{copies, 1807, "d569062532a4c01f969a7cc0ac1bb28e0f5452afc28ed4015490268bebc2bf3c"},
}

// quick returns the beginning that a function gets, nil for almost all.
func quick(b *wasm.Body) []byte {
	switch which(b) {
	case copies:
		return quickCopy()
	case compares:
		return quickCompare()
	}
	return nil
}

// which tells which builtin a function is; 0: none.
func which(b *wasm.Body) builtin {
	size := len(b.Locals) + len(b.Code)
	hash := ""
	for _, known := range builtins {
		if known.size != size {
			continue
		}
		if hash == "" {
			sum := hashing.Blake2b256(append(append(make([]byte, 0, size), b.Locals...), b.Code...))
			hash = hex.EncodeToString(sum[:])
		}
		if known.hash == hash {
			return known.is
		}
	}
	return 0
}

// inside tells whether n bytes at a and at b lie in the memory; never in one of 4 GiB, whose
// size is 0 here.
func inside(n, a, b byte) []byte {
	size := code(op(wasm.OpMemorySize, 0), constant(16), op(wasm.OpI32Shl))
	fits := func(p byte) []byte { return code(get(p), size, get(n), op(wasm.OpI32Sub, wasm.OpI32LeU)) }
	return code(get(n), size, op(wasm.OpI32LeU), fits(a), fits(b), op(wasm.OpI32And, wasm.OpI32And))
}

// quickCopy begins memcpy and memmove. Local 3, which the function has not used yet, is where
// to copy to.
func quickCopy() []byte {
	const to, from, n, at = 0, 1, 2, 3
	word := func(offset byte) []byte {
		return code(get(at), get(from), op(wasm.OpI64Load, 0, offset), op(wasm.OpI64Store, 0, offset))
	}
	add := func(local byte, what ...[]byte) []byte {
		return code(get(local), code(what...), op(wasm.OpI32Add), set(local))
	}
	return code(
		get(n), constant(16), op(wasm.OpI32GeU), op(wasm.OpIf, wasm.BlockEmpty),
		get(to), get(from), op(wasm.OpI32Sub), get(n), op(wasm.OpI32GeU),
		get(from), get(to), op(wasm.OpI32Sub), get(n), op(wasm.OpI32GeU, wasm.OpI32And),
		inside(n, to, from), op(wasm.OpI32And, wasm.OpIf, wasm.BlockEmpty),
		get(to), set(at),
		op(wasm.OpBlock, wasm.BlockEmpty, wasm.OpLoop, wasm.BlockEmpty),
		get(n), constant(32), op(wasm.OpI32LtU, wasm.OpBrIf, 1),
		word(24), word(16), word(8), word(0), // the farthest first: one check of the bounds for all
		add(at, constant(32)), add(from, constant(32)), add(n, constant(-32)),
		op(wasm.OpBr, 0, wasm.OpEnd, wasm.OpEnd),
		// Less than 32 are left; the last 16 may have been copied in part.
		get(n), constant(16), op(wasm.OpI32GtU, wasm.OpIf, wasm.BlockEmpty), word(8), word(0), op(wasm.OpEnd),
		add(n, constant(-16)), add(at, get(n)), add(from, get(n)),
		word(8), word(0),
		get(to), op(wasm.OpReturn),
		op(wasm.OpEnd, wasm.OpEnd),
	)
}

// quickCompare begins memcmp: it moves both sides and the length on to the first eight bytes
// that are not equal.
func quickCompare() []byte {
	const a, b, n = 0, 1, 2
	next := func(p byte, by int64) []byte { return code(get(p), constant(by), op(wasm.OpI32Add), set(p)) }
	return code(
		op(wasm.OpBlock, wasm.BlockEmpty),
		inside(n, a, b), op(wasm.OpI32Eqz, wasm.OpBrIf, 0),
		op(wasm.OpLoop, wasm.BlockEmpty),
		get(n), constant(8), op(wasm.OpI32LtU, wasm.OpBrIf, 1),
		get(a), op(wasm.OpI64Load, 0, 0), get(b), op(wasm.OpI64Load, 0, 0), op(wasm.OpI64Ne, wasm.OpBrIf, 1),
		next(a, 8), next(b, 8), next(n, -8),
		op(wasm.OpBr, 0, wasm.OpEnd, wasm.OpEnd),
	)
}
