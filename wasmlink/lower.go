package wasmlink

import (
	"fmt"

	"pileus/internal/wasm"
)

// lowering replaces what a relay chain's parser does not know. Sequences that need no
// scratch local stand where the instruction stood; the rest becomes a call of a helper,
// which is added when the first body asks for it.
//
//	memory.copy, memory.fill     ─► call: loops of eight bytes
//	i32.extend8_s, ...           ─► shift left, shift right with sign
//	i64.extend32_s               ─► i32.wrap_i64, i64.extend_i32_s
//	i32.trunc_sat_f32_s, ...     ─► call: NaN and the bounds first, then the trapping one
//	memory.grow, memory.size     ─► call: pages that Go has taken (see the package comment)
type lowering struct {
	m       *module
	index   []uint32 // new index of every function of the original module
	grow    uint32   // function in the place of memory.grow, if owned
	size    uint32
	owned   bool              // memory.grow and memory.size are replaced
	helpers map[string]uint32 // by the instruction's name; looked up, never ranged over
	counts  map[string]int
}

// lower rewrites the first n bodies.
func (l *lowering) lower(n int) error {
	for i := range n {
		out, err := l.body(l.m.bodies[i].code)
		if err != nil {
			return fmt.Errorf("function %d: %w", l.m.imported(wasm.KindFunction)+i, err)
		}
		l.m.bodies[i].code = out
	}
	return nil
}

func (l *lowering) body(in []byte) ([]byte, error) {
	out := make(code, 0, len(in)+len(in)/16)
	done := 0
	missing := false
	err := walk(in, func(x instr, from, to int) {
		var put code
		switch {
		case x.op == opCall:
			if int(x.index) >= len(l.index) {
				missing = true
				return
			}
			if l.index[x.index] == x.index {
				return
			}
			put = code(nil).call(l.index[x.index])
		case x.op == opMemoryGrow && l.owned:
			l.counts[x.name()]++
			put = code(nil).call(l.grow)
		case x.op == opMemorySize && l.owned:
			l.counts[x.name()]++
			put = code(nil).call(l.size)
		case x.op >= 0xc0 && x.op <= 0xc4:
			l.counts[x.name()]++
			put = extend(x.op)
		case x.op == opPrefixFC:
			l.counts[x.name()]++
			put = code(nil).call(l.helper(x))
		default:
			return
		}
		out = append(append(out, in[done:from]...), put...)
		done = to
	})
	if err == nil && missing {
		err = fmt.Errorf("%w: a call of no function", wasm.ErrFormat)
	}
	return append(out, in[done:]...), err
}

// helper is the function that stands for an instruction behind 0xfc.
func (l *lowering) helper(x instr) uint32 {
	name := x.name()
	if at, ok := l.helpers[name]; ok {
		return at
	}
	var at uint32
	switch x.sub {
	case subMemoryCopy:
		at = l.m.add([]byte{valI32, valI32, valI32}, nil, memoryCopy())
	case subMemoryFill:
		at = l.m.add([]byte{valI32, valI32, valI32}, nil, memoryFill())
	default:
		from, to := truncTypes(x.sub)
		at = l.m.add([]byte{from}, []byte{to}, truncSat(x.sub))
	}
	l.helpers[name] = at
	return at
}
