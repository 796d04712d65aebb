package wasmlink

import (
	"fmt"

	"pileus/internal/wasm"
)

// instr is one instruction: its opcode, behind the prefix 0xfc the second one, the
// immediate index of a call, and the value of an i32.const.
type instr struct {
	op    byte
	sub   uint32
	index uint32
	value int32
}

// Second opcodes behind 0xfc.
const (
	subTruncSat   = 0 // to 7
	subMemoryCopy = 10
	subMemoryFill = 11
)

// next reads one instruction. Those of WebAssembly 1.0 are known, and those that the Go
// toolchain writes besides: sign extension, saturating conversion, memory.copy and
// memory.fill.
func next(r *wasm.Reader) (in instr) {
	in.op = r.Byte()
	switch op := in.op; {
	case op == opBlock, op == opLoop, op == opIf:
		switch t := r.Byte(); t {
		case blockEmpty, valI32, valI64, valF32, valF64:
		default:
			r.Fail("block type 0x%02x, which is not in WebAssembly 1.0 (multi-value)", t)
		}
	case op == opBr, op == opBrIf, op == opCall:
		in.index = r.U32()
	case op == opBrTable:
		for n := r.Count(); n > 0 && r.Err() == nil; n-- {
			r.U32()
		}
		r.U32()
	case op == opCallIndirect:
		in.index = r.U32()
		if r.Byte() != 0 {
			r.Fail("call_indirect of another table than 0 (reference types)")
		}
	case op >= opLocalGet && op <= opGlobalSet:
		in.index = r.U32()
	case op >= opI32Load && op <= 0x3e:
		r.U32()
		r.U32()
	case op == opMemorySize, op == opMemoryGrow:
		if r.Byte() != 0 {
			r.Fail("another memory than 0 (multi-memory)")
		}
	case op == opI32Const:
		in.value = int32(r.S64(32))
	case op == opI64Const:
		r.S64(64)
	case op == opF32Const:
		r.Take(4)
	case op == opF64Const:
		r.Take(8)
	case op == opPrefixFC:
		in.sub = r.U32()
		switch {
		case in.sub <= 7:
		case in.sub == subMemoryCopy:
			if r.Byte() != 0 || r.Byte() != 0 {
				r.Fail("memory.copy of another memory than 0")
			}
		case in.sub == subMemoryFill:
			if r.Byte() != 0 {
				r.Fail("memory.fill of another memory than 0")
			}
		default:
			r.Fail("opcode 0xfc %d (bulk memory, tables) is not known here", in.sub)
		}
	case op == 0xfd:
		r.Fail("SIMD (opcode 0xfd)")
	case op == 0xfe:
		r.Fail("threads (opcode 0xfe)")
	case op <= 0x01, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect, op >= opI32Eqz && op <= 0xc4:
	default:
		r.Fail("opcode 0x%02x is not known here", op)
	}
	return in
}

// feature names the proposal that an instruction came with; empty: WebAssembly 1.0.
func (in instr) feature() string {
	switch {
	case in.op == opPrefixFC && in.sub <= 7:
		return "saturating conversion"
	case in.op == opPrefixFC:
		return "bulk memory"
	case in.op >= 0xc0 && in.op <= 0xc4:
		return "sign extension"
	}
	return ""
}

// name is the name of an instruction that is not in WebAssembly 1.0.
func (in instr) name() string {
	switch {
	case in.op == opPrefixFC && in.sub == subMemoryCopy:
		return "memory.copy"
	case in.op == opPrefixFC && in.sub == subMemoryFill:
		return "memory.fill"
	case in.op == opPrefixFC:
		return truncNames[in.sub&7]
	case in.op >= 0xc0 && in.op <= 0xc4:
		return extendNames[in.op-0xc0]
	case in.op == opMemoryGrow:
		return "memory.grow"
	case in.op == opMemorySize:
		return "memory.size"
	}
	return fmt.Sprintf("0x%02x", in.op)
}

var truncNames = [8]string{
	"i32.trunc_sat_f32_s", "i32.trunc_sat_f32_u", "i32.trunc_sat_f64_s", "i32.trunc_sat_f64_u",
	"i64.trunc_sat_f32_s", "i64.trunc_sat_f32_u", "i64.trunc_sat_f64_s", "i64.trunc_sat_f64_u",
}

var extendNames = [5]string{"i32.extend8_s", "i32.extend16_s", "i64.extend8_s", "i64.extend16_s", "i64.extend32_s"}

// walk calls see for every instruction of a body.
func walk(code []byte, see func(in instr, from, to int)) error {
	r := wasm.NewReader(code)
	depth := 1
	for r.Left() > 0 && r.Err() == nil {
		if depth == 0 {
			r.Fail("code behind the end")
			break
		}
		from := r.Offset()
		in := next(r)
		if r.Err() != nil {
			break
		}
		switch in.op {
		case opBlock, opLoop, opIf:
			depth++
		case opEnd:
			depth--
		}
		see(in, from, r.Offset())
	}
	if r.Err() == nil && depth != 0 {
		r.Fail("a function has no end")
	}
	return r.Err()
}
