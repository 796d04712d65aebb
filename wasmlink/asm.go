package wasmlink

import (
	"encoding/binary"
	"math"

	"pileus/internal/wasm"
)

// Opcodes of WebAssembly 1.0 that are written or looked at here.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opI32Load      = 0x28
	opI64Load      = 0x29
	opI32Load8U    = 0x2d
	opI32Load16U   = 0x2f
	opI32Store     = 0x36
	opI64Store     = 0x37
	opI32Store8    = 0x3a
	opI32Store16   = 0x3b
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Eq        = 0x46
	opI32Ne        = 0x47
	opI32LtU       = 0x49
	opI32GtU       = 0x4b
	opI32GeU       = 0x4f
	opI64Eq        = 0x51
	opF32Ne        = 0x5c
	opF32Lt        = 0x5d
	opF32Ge        = 0x60
	opF64Ne        = 0x62
	opF64Lt        = 0x63
	opF64Ge        = 0x66
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32And       = 0x71
	opI32Shl       = 0x74
	opI32ShrS      = 0x75
	opI64Mul       = 0x7e
	opI64Or        = 0x84
	opI64Shl       = 0x86
	opI64ShrS      = 0x87
	opI32WrapI64   = 0xa7
	opI64ExtendS   = 0xac // i64.extend_i32_s
	opI64ExtendU   = 0xad // i64.extend_i32_u
	opPrefixFC     = 0xfc

	valI32     = 0x7f
	valI64     = 0x7e
	valF32     = 0x7d
	valF64     = 0x7c
	blockEmpty = 0x40
)

// code is a sequence of instructions. Its methods append, so that helpers read like a
// listing.
type code []byte

func (c code) op(ops ...byte) code       { return append(c, ops...) }
func (c code) i32(v int32) code          { return wasm.AppendS64(append(c, opI32Const), int64(v)) }
func (c code) i64(v int64) code          { return wasm.AppendS64(append(c, opI64Const), v) }
func (c code) get(local uint32) code     { return wasm.AppendU32(append(c, opLocalGet), local) }
func (c code) set(local uint32) code     { return wasm.AppendU32(append(c, opLocalSet), local) }
func (c code) tee(local uint32) code     { return wasm.AppendU32(append(c, opLocalTee), local) }
func (c code) global(g uint32) code      { return wasm.AppendU32(append(c, opGlobalGet), g) }
func (c code) setGlobal(g uint32) code   { return wasm.AppendU32(append(c, opGlobalSet), g) }
func (c code) call(function uint32) code { return wasm.AppendU32(append(c, opCall), function) }
func (c code) br(depth uint32) code      { return wasm.AppendU32(append(c, opBr), depth) }
func (c code) brIf(depth uint32) code    { return wasm.AppendU32(append(c, opBrIf), depth) }
func (c code) block() code               { return append(c, opBlock, blockEmpty) }
func (c code) loop() code                { return append(c, opLoop, blockEmpty) }
func (c code) when() code                { return append(c, opIf, blockEmpty) }
func (c code) otherwise() code           { return append(c, opElse) }
func (c code) end() code                 { return append(c, opEnd) }

// mem is a load or store at an offset, of any alignment.
func (c code) mem(op byte, offset uint32) code { return wasm.AppendU32(append(c, op, 0), offset) }

// float is a constant of type valF32 or valF64.
func (c code) float(typ byte, v float64) code {
	if typ == valF32 {
		return binary.LittleEndian.AppendUint32(append(c, opF32Const), math.Float32bits(float32(v)))
	}
	return binary.LittleEndian.AppendUint64(append(c, opF64Const), math.Float64bits(v))
}

// body is a function: what it declares of locals, as it stands in the file, and its
// instructions with the last end.
type body struct {
	locals []byte
	code   []byte
}

// function makes a body of instructions without the last end.
func function(c code, locals ...byte) body {
	l := wasm.AppendU32(nil, uint32(len(locals)))
	for _, typ := range locals {
		l = append(l, 1, typ)
	}
	return body{l, c.end()}
}
