package executor

import (
	"fmt"

	"pileus/internal/wasm"
)

// effect is how many operands a plain instruction takes and gives.
func effect(op byte) (takes, gives uint32) {
	switch {
	case op == wasm.OpDrop, op == 0x21, op == wasm.OpGlobalSet:
		return 1, 0
	case op == wasm.OpSelect:
		return 3, 1
	case op == wasm.OpLocalGet, op == wasm.OpGlobalGet, op == 0x3f, op >= 0x41 && op <= 0x44:
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
	r := wasm.NewReader(x.bodies[defined].Code)
	for r.Left() > 0 {
		if len(s.frames) == 0 {
			return 0, fmt.Errorf("%w: code behind the end", wasm.ErrFormat)
		}
		if s.height > s.most && !s.frames[len(s.frames)-1].unreachable {
			s.most = s.height
		}
		in := r.Instruction()
		if r.Err() != nil {
			return 0, r.Err()
		}
		if err := x.step(s, in, results); err != nil {
			return 0, err
		}
	}
	return s.most, nil
}

// checkGlobal refuses code that uses globals which the host is about to add.
func checkGlobal(in wasm.Instruction, globals uint32) error {
	if (in.Op == wasm.OpGlobalGet || in.Op == wasm.OpGlobalSet) && in.Index >= globals {
		return fmt.Errorf("%w: global %d does not exist", wasm.ErrFormat, in.Index)
	}
	return nil
}

func (x *metering) step(s *stackHeight, in wasm.Instruction, results uint32) error {
	top := &s.frames[len(s.frames)-1]
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		f := frame{}
		if in.Block != wasm.BlockEmpty {
			f.end = 1
		}
		if in.Op != wasm.OpLoop {
			f.branch = f.end
		}
		if in.Op == wasm.OpIf {
			if err := s.pop(1); err != nil {
				return err
			}
		}
		f.heightAtStart = s.height
		s.frames = append(s.frames, f)
	case wasm.OpElse:
	case wasm.OpEnd:
		s.frames = s.frames[:len(s.frames)-1]
		s.height = top.heightAtStart + top.end
	case wasm.OpUnreachable:
		top.unreachable = true
	case wasm.OpBr, wasm.OpBrTable:
		f, err := s.label(in.Index)
		if err != nil {
			return err
		}
		for _, l := range in.Labels {
			if other, err := s.label(l); err != nil || other.branch != f.branch {
				return fmt.Errorf("%w: the labels of br_table differ", wasm.ErrFormat)
			}
		}
		if err := s.pop(f.branch); err != nil {
			return err
		}
		top.unreachable = true
	case wasm.OpBrIf:
		f, err := s.label(in.Index)
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
	case wasm.OpReturn:
		if err := s.pop(results); err != nil {
			return err
		}
		top.unreachable = true
	case wasm.OpCall, wasm.OpCallIndirect:
		t := in.Index
		if in.Op == wasm.OpCall {
			if int(in.Index) >= len(x.funcs) {
				return fmt.Errorf("%w: function %d does not exist", wasm.ErrFormat, in.Index)
			}
			t = x.funcs[in.Index]
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
	case wasm.OpSelect: // two at a time, as the crate does: it matters in unreachable code
		if err := s.pop(2); err != nil {
			return err
		}
		if err := s.pop(1); err != nil {
			return err
		}
		s.height++
	default:
		if err := checkGlobal(in, x.globals); err != nil {
			return err
		}
		takes, gives := effect(in.Op)
		if err := s.pop(takes); err != nil {
			return err
		}
		s.height += gives
	}
	return nil
}
