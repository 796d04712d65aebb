package pvf

import (
	"fmt"

	"pileus/internal/wasm"
)

// Opcodes of WebAssembly 1.0 that are named here.
const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opCall        = 0x10
	opCallInd     = 0x11
	opDrop        = 0x1a
	opSelect      = 0x1b
	opLocalGet    = 0x20
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI32Const    = 0x41
	opI32GtU      = 0x4b
	opI32Add      = 0x6a
	opI32Sub      = 0x6b

	valI32     = 0x7f
	blockEmpty = 0x40
)

// instruction is one instruction with what the analysis needs of its immediates.
type instruction struct {
	op     byte
	index  uint32   // of br, br_if, call; the type of call_indirect; the default of br_table
	labels []uint32 // of br_table
	block  byte     // type of a block
}

// next reads one instruction. What is not in WebAssembly 1.0 is refused, as a validator's
// first parser does (parity-wasm 0.45).
func next(r *wasm.Reader) (in instruction, err error) {
	in.op = r.Byte()
	switch op := in.op; {
	case op == opBlock, op == opLoop, op == opIf:
		in.block = r.Byte()
		switch in.block {
		case blockEmpty, 0x7f, 0x7e, 0x7d, 0x7c:
		default:
			r.Fail("block type 0x%02x", in.block)
		}
	case op == opBr, op == opBrIf, op == opCall:
		in.index = r.U32()
	case op == opBrTable:
		for n := r.Count(); n > 0 && r.Err() == nil; n-- {
			in.labels = append(in.labels, r.U32())
		}
		in.index = r.U32()
	case op == opCallInd:
		in.index = r.U32()
		if r.Byte() != 0 {
			r.Fail("call_indirect of another table than 0")
		}
	case op >= 0x20 && op <= 0x24: // locals, globals
		in.index = r.U32()
	case op >= 0x28 && op <= 0x3e: // loads, stores
		r.U32()
		r.U32()
	case op == 0x3f, op == 0x40: // memory.size, memory.grow
		if r.Byte() != 0 {
			r.Fail("another memory than 0")
		}
	case op == opI32Const:
		r.S64(32)
	case op == 0x42:
		r.S64(64)
	case op == 0x43:
		r.Take(4)
	case op == 0x44:
		r.Take(8)
	case op <= 0x01, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect, op >= 0x45 && op <= 0xbf:
	default:
		r.Fail("opcode 0x%02x is not in WebAssembly 1.0", op)
	}
	return in, r.Err()
}

// effect is how many operands a plain instruction takes and gives.
func effect(op byte) (takes, gives uint32) {
	switch {
	case op == opDrop, op == 0x21, op == opGlobalSet:
		return 1, 0
	case op == opSelect:
		return 3, 1
	case op == opLocalGet, op == opGlobalGet, op == 0x3f, op >= 0x41 && op <= 0x44:
		return 0, 1
	case op == 0x22, op == 0x40, op >= 0x28 && op <= 0x35:
		return 1, 1
	case op >= 0x36 && op <= 0x3e:
		return 2, 0
	case op == 0x45, op == 0x50, op >= 0x67 && op <= 0x69, op >= 0x79 && op <= 0x7b,
		op >= 0x8b && op <= 0x91, op >= 0x99 && op <= 0x9f, op >= 0xa7:
		return 1, 1
	case op >= 0x46:
		return 2, 1
	}
	return 0, 0
}

// frameCost is what every activation costs besides locals and operands.
const frameCost = 2

// frame is a block that is open.
type frame struct {
	unreachable   bool
	end, branch   uint32 // results at its end, and of a branch to it
	heightAtStart uint32
}

// stackHeight follows the height of the operand stack through a function.
type stackHeight struct {
	height, most uint32
	frames       []frame
}

func (s *stackHeight) pop(n uint32) error {
	if n == 0 {
		return nil
	}
	top := &s.frames[len(s.frames)-1]
	if s.height == top.heightAtStart {
		if top.unreachable {
			return nil
		}
		return fmt.Errorf("%w: it takes more operands than there are", wasm.ErrFormat)
	}
	if s.height < n {
		return fmt.Errorf("%w: stack underflow", wasm.ErrFormat)
	}
	s.height -= n
	return nil
}

func (s *stackHeight) label(depth uint32) (frame, error) {
	if int(depth) >= len(s.frames) {
		return frame{}, fmt.Errorf("%w: a branch to nowhere", wasm.ErrFormat)
	}
	return s.frames[len(s.frames)-1-int(depth)], nil
}

// height is the most operands that a defined function has on its stack, frame included.
// Unreachable code does not raise it.
func (x *metering) height(defined int) (uint32, error) {
	results := uint32(len(x.types[x.funcs[x.imports+defined]].Results))
	s := &stackHeight{height: frameCost, frames: []frame{{end: results, branch: results}}}
	r := wasm.NewReader(x.bodies[defined].code)
	for r.Left() > 0 {
		if len(s.frames) == 0 {
			return 0, fmt.Errorf("%w: code behind the end", wasm.ErrFormat)
		}
		if s.height > s.most && !s.frames[len(s.frames)-1].unreachable {
			s.most = s.height
		}
		in, err := next(r)
		if err != nil {
			return 0, err
		}
		if err := x.step(s, in, results); err != nil {
			return 0, err
		}
	}
	return s.most, nil
}

func (x *metering) step(s *stackHeight, in instruction, results uint32) error {
	top := &s.frames[len(s.frames)-1]
	switch in.op {
	case opBlock, opLoop, opIf:
		f := frame{}
		if in.block != blockEmpty {
			f.end = 1
		}
		if in.op != opLoop {
			f.branch = f.end
		}
		if in.op == opIf {
			if err := s.pop(1); err != nil {
				return err
			}
		}
		f.heightAtStart = s.height
		s.frames = append(s.frames, f)
	case opElse:
	case opEnd:
		s.frames = s.frames[:len(s.frames)-1]
		s.height = top.heightAtStart + top.end
	case opUnreachable:
		top.unreachable = true
	case opBr, opBrTable:
		f, err := s.label(in.index)
		if err != nil {
			return err
		}
		for _, l := range in.labels {
			if other, err := s.label(l); err != nil || other.branch != f.branch {
				return fmt.Errorf("%w: the labels of br_table differ", wasm.ErrFormat)
			}
		}
		if err := s.pop(f.branch); err != nil {
			return err
		}
		top.unreachable = true
	case opBrIf:
		f, err := s.label(in.index)
		if err != nil {
			return err
		}
		if err := s.pop(f.branch); err != nil {
			return err
		}
		if err := s.pop(1); err != nil {
			return err
		}
		s.height += f.branch
	case opReturn:
		if err := s.pop(results); err != nil {
			return err
		}
		top.unreachable = true
	case opCall, opCallInd:
		t := in.index
		if in.op == opCall {
			if int(in.index) >= len(x.funcs) {
				return fmt.Errorf("%w: function %d does not exist", wasm.ErrFormat, in.index)
			}
			t = x.funcs[in.index]
		} else if err := s.pop(1); err != nil {
			return err
		}
		if int(t) >= len(x.types) {
			return fmt.Errorf("%w: type %d does not exist", wasm.ErrFormat, t)
		}
		if err := s.pop(uint32(len(x.types[t].Params))); err != nil {
			return err
		}
		s.height += uint32(len(x.types[t].Results))
	case opSelect: // two at a time, as the crate does: it matters in unreachable code
		if err := s.pop(2); err != nil {
			return err
		}
		if err := s.pop(1); err != nil {
			return err
		}
		s.height++
	default:
		takes, gives := effect(in.op)
		if err := s.pop(takes); err != nil {
			return err
		}
		s.height += gives
	}
	return nil
}
