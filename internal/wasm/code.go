package wasm

import "fmt"

// Opcodes of WebAssembly 1.0 that rewriters look at or write.
const (
	OpUnreachable   = 0x00
	OpBlock         = 0x02
	OpLoop          = 0x03
	OpIf            = 0x04
	OpElse          = 0x05
	OpEnd           = 0x0b
	OpBr            = 0x0c
	OpBrIf          = 0x0d
	OpBrTable       = 0x0e
	OpReturn        = 0x0f
	OpCall          = 0x10
	OpCallIndirect  = 0x11
	OpDrop          = 0x1a
	OpSelect        = 0x1b
	OpLocalGet      = 0x20
	OpLocalSet      = 0x21
	OpLocalTee      = 0x22
	OpGlobalGet     = 0x23
	OpGlobalSet     = 0x24
	OpI64Load       = 0x29
	OpI64Store      = 0x37
	OpMemorySize    = 0x3f
	OpI32Const      = 0x41
	OpI64Const      = 0x42
	OpI32Eqz        = 0x45
	OpI32Ne         = 0x47
	OpI32LtU        = 0x49
	OpI32GtU        = 0x4b
	OpI32LeU        = 0x4d
	OpI32GeU        = 0x4f
	OpI64Eqz        = 0x50
	OpI64Ne         = 0x52
	OpI64LtU        = 0x54
	OpI64GtU        = 0x56
	OpI64GeU        = 0x5a
	OpI32Clz        = 0x67
	OpI32Add        = 0x6a
	OpI32Sub        = 0x6b
	OpI32And        = 0x71
	OpI32Or         = 0x72
	OpI32Shl        = 0x74
	OpI64Add        = 0x7c
	OpI64Sub        = 0x7d
	OpI64And        = 0x83
	OpI32WrapI64    = 0xa7
	OpI64ExtendI32U = 0xad

	ValI32     = 0x7f
	ValI64     = 0x7e
	BlockEmpty = 0x40
)

// maxLocals bounds the locals of a function.
const maxLocals = 50_000

// Instruction is one instruction with those of its immediates that a rewriter needs.
type Instruction struct {
	Op     byte
	Index  uint32   // of br, br_if, call; the type of call_indirect; the default of br_table
	Labels []uint32 // of br_table
	Block  byte     // type of a block
}

// Instruction reads one instruction. What is not in WebAssembly 1.0 is refused, as the
// first parser of a node and of a validator does (parity-wasm 0.45 without features).
func (r *Reader) Instruction() (in Instruction) {
	in.Op = r.Byte()
	switch op := in.Op; {
	case op == OpBlock, op == OpLoop, op == OpIf:
		in.Block = r.Byte()
		switch in.Block {
		case BlockEmpty, 0x7f, 0x7e, 0x7d, 0x7c:
		default:
			r.Fail("block type 0x%02x", in.Block)
		}
	case op == OpBr, op == OpBrIf, op == OpCall:
		in.Index = r.U32()
	case op == OpBrTable:
		for n := r.Count(); n > 0 && r.Err() == nil; n-- {
			in.Labels = append(in.Labels, r.U32())
		}
		in.Index = r.U32()
	case op == OpCallIndirect:
		in.Index = r.U32()
		if r.Byte() != 0 {
			r.Fail("call_indirect of another table than 0")
		}
	case op >= 0x20 && op <= 0x24: // locals, globals
		in.Index = r.U32()
	case op >= 0x28 && op <= 0x3e: // loads, stores
		r.U32()
		r.U32()
	case op == 0x3f, op == 0x40: // memory.size, memory.grow
		if r.Byte() != 0 {
			r.Fail("another memory than 0")
		}
	case op == OpI32Const:
		r.S64(32)
	case op == 0x42:
		r.S64(64)
	case op == 0x43:
		r.Take(4)
	case op == 0x44:
		r.Take(8)
	case op <= 0x01, op == OpElse, op == OpEnd, op == OpReturn, op == OpDrop, op == OpSelect, op >= 0x45 && op <= 0xbf:
	default:
		r.Fail("opcode 0x%02x is not in WebAssembly 1.0", op)
	}
	return in
}

// Body is the body of a function.
type Body struct {
	Locals []byte // as they stand in the file
	Count  uint32 // of locals
	Code   []byte // the instructions, the end included
}

// Bodies reads the code section.
func (m *Module) Bodies() (list []Body, err error) {
	r := NewReader(m.Section(CodeSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		whole := r.Bytes()
		inner := NewReader(whole)
		var b Body
		for k := inner.Count(); k > 0 && inner.Err() == nil; k-- {
			count := inner.U32()
			inner.Byte()
			if uint64(b.Count)+uint64(count) > maxLocals {
				inner.Fail("a function of more than %d locals", maxLocals)
			}
			b.Count += count
		}
		if inner.Err() != nil {
			return nil, inner.Err()
		}
		b.Locals = inner.Since(0)
		b.Code = whole[inner.Offset():]
		list = append(list, b)
	}
	return list, r.Err()
}

// EncodeBodies writes a code section.
func EncodeBodies(list []Body) []byte {
	if len(list) == 0 {
		return nil
	}
	size := 5
	for _, f := range list {
		size += 5 + len(f.Locals) + len(f.Code)
	}
	b := AppendU32(make([]byte, 0, size), uint32(len(list)))
	for _, f := range list {
		b = AppendU32(b, uint32(len(f.Locals)+len(f.Code)))
		b = append(append(b, f.Locals...), f.Code...)
	}
	return b
}

// Functions reads the function section: the types of the functions that are defined here.
func (m *Module) Functions() (types []uint32, err error) {
	r := NewReader(m.Section(FunctionSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		types = append(types, r.U32())
	}
	return types, r.Err()
}

// Element is one segment of a table.
type Element struct {
	Head  []byte // table and offset, as they stand in the file
	Funcs []uint32
}

// Elements reads the element section.
func (m *Module) Elements() (list []Element, err error) {
	r := NewReader(m.Section(ElementSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		from := r.Offset()
		if r.U32() != 0 {
			r.Fail("an element segment of another form than 0")
		}
		for r.Err() == nil && r.Instruction().Op != OpEnd { // offset expression
		}
		e := Element{Head: r.Since(from)}
		for k := r.Count(); k > 0 && r.Err() == nil; k-- {
			e.Funcs = append(e.Funcs, r.U32())
		}
		list = append(list, e)
	}
	return list, r.Err()
}

// EncodeElements writes an element section.
func EncodeElements(list []Element) []byte {
	if len(list) == 0 {
		return nil
	}
	b := AppendU32(nil, uint32(len(list)))
	for _, e := range list {
		b = AppendU32(append(b, e.Head...), uint32(len(e.Funcs)))
		for _, f := range e.Funcs {
			b = AppendU32(b, f)
		}
	}
	return b
}

// Append appends an encoded item to a section that is a list, and returns its index there.
func (m *Module) Append(id byte, item []byte) (index uint32, err error) {
	payload := m.Section(id)
	r := NewReader(payload)
	n := r.Count()
	if r.Err() != nil {
		return 0, fmt.Errorf("section %d: %w", id, r.Err())
	}
	b := append(AppendU32(nil, n+1), payload[r.Offset():]...)
	m.SetSection(id, append(b, item...))
	return n, nil
}
