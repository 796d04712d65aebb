package wasmlink

import (
	"fmt"

	"pileus/internal/wasm"
)

// lowering replaces what a relay chain's parser does not know. Sequences that need no
// scratch local stand where the instruction stood; the rest becomes a call of a helper,
// which is added when the first body asks for it.
//
//	memory.copy, memory.fill     ─► call: loops of eight bytes; where the compiler wrote a
//	                                constant size of up to 128 bytes, without a loop
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
	var before [2]constantAt // the two instructions before
	err := walk(in, func(x instr, from, to int) {
		put, rest := l.replace(x, from, &before)
		if x.op == opCall && int(x.index) >= len(l.index) {
			missing = true
		}
		before[0], before[1] = before[1], constantAt{x.op == opI32Const, x.value, from}
		if put == nil {
			return
		}
		out = append(append(out, in[done:rest]...), put...)
		done = to
	})
	if err == nil && missing {
		err = fmt.Errorf("%w: a call of no function", wasm.ErrFormat)
	}
	return append(out, in[done:]...), err
}

// constantAt is an instruction that may be an i32.const.
type constantAt struct {
	is    bool
	value int32
	at    int
}

// maxUnrolled is the largest size, in bytes, that is copied or filled without a loop.
const maxUnrolled = 128

// replace gives what stands in the place of an instruction, nil if it stays, and from
// where it replaces: constants before it may go with it.
func (l *lowering) replace(x instr, from int, before *[2]constantAt) (put code, start int) {
	switch {
	case x.op == opCall && int(x.index) < len(l.index) && l.index[x.index] != x.index:
		return code(nil).call(l.index[x.index]), from
	case x.op == opMemoryGrow && l.owned:
		put = code(nil).call(l.grow)
	case x.op == opMemorySize && l.owned:
		put = code(nil).call(l.size)
	case x.op >= 0xc0 && x.op <= 0xc4:
		put = extend(x.op)
	case x.op == opPrefixFC:
		size := before[1]
		known := size.is && size.value > 0 && size.value <= maxUnrolled
		switch {
		case known && x.sub == subMemoryCopy:
			put, from = code(nil).call(l.unrolled(x, size.value, copyConstant)), size.at
		case known && x.sub == subMemoryFill && before[0].is && before[0].value == 0:
			put, from = code(nil).call(l.unrolled(x, size.value, zeroConstant)), before[0].at
		default:
			put = code(nil).call(l.helper(x))
		}
	default:
		return nil, 0
	}
	l.counts[x.name()]++
	return put, from
}

// unrolled is the function that stands for an instruction with a constant size.
func (l *lowering) unrolled(x instr, size int32, make func(int32) ([]byte, body)) uint32 {
	name := fmt.Sprintf("%s %d", x.name(), size)
	at, ok := l.helpers[name]
	if !ok {
		params, b := make(size)
		at = l.m.add(params, nil, b)
		l.helpers[name] = at
	}
	return at
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
