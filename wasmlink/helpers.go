package wasmlink

// extend is sign extension by shifts.
func extend(op byte) code {
	switch op {
	case 0xc0:
		return code(nil).i32(24).op(opI32Shl).i32(24).op(opI32ShrS)
	case 0xc1:
		return code(nil).i32(16).op(opI32Shl).i32(16).op(opI32ShrS)
	case 0xc2:
		return code(nil).i64(56).op(opI64Shl).i64(56).op(opI64ShrS)
	case 0xc3:
		return code(nil).i64(48).op(opI64Shl).i64(48).op(opI64ShrS)
	}
	return code(nil).op(opI32WrapI64, opI64ExtendS)
}

// memoryCopy is memory.copy: parameters to, from, n. Eight bytes are loaded before they
// are stored, so with the direction right, overlapping ranges come out right too. Outside
// the memory it traps as memory.copy does, but later, with the part before already copied;
// an instance that trapped is gone. Nothing is copied from or to anywhere without a trap.
func memoryCopy() body {
	const to, from, n = 0, 1, 2
	c := code(nil)
	// to - from ≥ n, as unsigned: to does not lie inside the source
	c = c.get(to).get(from).op(opI32Sub).get(n).op(opI32GeU).when()
	word := func(c code, offset uint32) code {
		return c.get(to).get(from).mem(opI64Load, offset).mem(opI64Store, offset)
	}
	c = c.block().loop().get(n).i32(32).op(opI32LtU).brIf(1)
	c = word(word(word(word(c, 0), 8), 16), 24)
	c = advance(advance(c, to, 32), from, 32)
	c = c.get(n).i32(32).op(opI32Sub).set(n).br(0).end().end()
	c = c.block().loop().get(n).i32(8).op(opI32LtU).brIf(1)
	c = advance(advance(word(c, 0), to, 8), from, 8)
	c = c.get(n).i32(8).op(opI32Sub).set(n).br(0).end().end()
	c = c.block().loop().get(n).op(opI32Eqz).brIf(1)
	c = c.get(to).get(from).mem(opI32Load8U, 0).mem(opI32Store8, 0)
	c = advance(advance(c, to, 1), from, 1)
	c = c.get(n).i32(1).op(opI32Sub).set(n).br(0).end().end()
	// from the end backwards
	at := func(c code, base uint32) code { return c.get(base).get(n).op(opI32Add) }
	c = c.otherwise()
	c = c.block().loop().get(n).i32(8).op(opI32LtU).brIf(1)
	c = c.get(n).i32(8).op(opI32Sub).set(n)
	c = at(at(c, to), from).mem(opI64Load, 0).mem(opI64Store, 0)
	c = c.br(0).end().end()
	c = c.block().loop().get(n).op(opI32Eqz).brIf(1)
	c = c.get(n).i32(1).op(opI32Sub).set(n)
	c = at(at(c, to), from).mem(opI32Load8U, 0).mem(opI32Store8, 0)
	c = c.br(0).end().end()
	return function(c.end())
}

func advance(c code, local uint32, by int32) code {
	return c.get(local).i32(by).op(opI32Add).set(local)
}

// memoryFill is memory.fill: parameters to, byte, n.
func memoryFill() body {
	const to, value, n, word = 0, 1, 2, 3
	c := code(nil).get(value).i32(255).op(opI32And, opI64ExtendU).i64(0x0101010101010101).op(opI64Mul).set(word)
	c = c.block().loop().get(n).i32(32).op(opI32LtU).brIf(1)
	for offset := uint32(0); offset < 32; offset += 8 {
		c = c.get(to).get(word).mem(opI64Store, offset)
	}
	c = advance(c, to, 32).get(n).i32(32).op(opI32Sub).set(n).br(0).end().end()
	c = c.block().loop().get(n).i32(8).op(opI32LtU).brIf(1)
	c = c.get(to).get(word).mem(opI64Store, 0)
	c = advance(c, to, 8).get(n).i32(8).op(opI32Sub).set(n).br(0).end().end()
	c = c.block().loop().get(n).op(opI32Eqz).brIf(1)
	c = c.get(to).get(value).mem(opI32Store8, 0)
	c = advance(c, to, 1).get(n).i32(1).op(opI32Sub).set(n).br(0).end().end()
	return function(c, valI64)
}

// words cuts a size into loads and stores: of eight bytes, and of four, two and one at the end.
func words(size int32, each func(offset uint32, load, store byte)) {
	at := int32(0)
	for _, w := range []struct {
		bytes       int32
		load, store byte
	}{{8, opI64Load, opI64Store}, {4, opI32Load, opI32Store}, {2, opI32Load16U, opI32Store16}, {1, opI32Load8U, opI32Store8}} {
		for ; size-at >= w.bytes; at += w.bytes {
			each(uint32(at), w.load, w.store)
		}
	}
}

// copyConstant is memory.copy of so many bytes: parameters to, from. All is loaded before
// anything is stored, so overlapping ranges come out right.
func copyConstant(size int32) (params []byte, b body) {
	const to, from = 0, 1
	c, stores := code(nil), code(nil)
	words(size, func(offset uint32, load, store byte) {
		c = c.get(to).get(from).mem(load, offset)
		stores = append(code(nil).mem(store, offset), stores...)
	})
	return []byte{valI32, valI32}, function(append(c, stores...))
}

// zeroConstant is memory.fill of so many zeros: parameter to.
func zeroConstant(size int32) (params []byte, b body) {
	c := code(nil)
	words(size, func(offset uint32, _, store byte) {
		if c = c.get(0); store == opI64Store {
			c = c.i64(0)
		} else {
			c = c.i32(0)
		}
		c = c.mem(store, offset)
	})
	return []byte{valI32}, function(c)
}

// truncTypes are parameter and result of a saturating conversion.
func truncTypes(sub uint32) (from, to byte) {
	from, to = valF32, valI32
	if sub&2 != 0 {
		from = valF64
	}
	if sub&4 != 0 {
		to = valI64
	}
	return from, to
}

// truncSat is a saturating conversion: 0 for NaN, the nearest number beyond the range.
func truncSat(sub uint32) body {
	from, to := truncTypes(sub)
	signed, wide := sub&1 == 0, to == valI64
	ne, lt, ge := byte(opF32Ne), byte(opF32Lt), byte(opF32Ge)
	trap := byte(0xa8) // i32.trunc_f32_s
	if from == valF64 {
		ne, lt, ge = opF64Ne, opF64Lt, opF64Ge
		trap += 2
	}
	if wide {
		trap += 0xae - 0xa8
	}
	if !signed {
		trap++
	}
	bits := 32
	if wide {
		bits = 64
	}
	value := func(c code, v int64) code {
		if wide {
			return c.i64(v)
		}
		return c.i32(int32(v))
	}
	low, high := 0.0, float64(uint64(1)<<(bits-1))
	least, most := int64(0), int64(-1)
	if signed {
		low, least, most = -high, -1<<(bits-1), 1<<(bits-1)-1
	} else {
		high *= 2
	}
	c := code(nil).get(0).get(0).op(ne).when()
	c = value(c, 0).op(opReturn).end()
	c = c.get(0).float(from, high).op(ge).when()
	c = value(c, most).op(opReturn).end()
	c = c.get(0).float(from, low).op(lt).when()
	c = value(c, least).op(opReturn).end()
	return function(c.get(0).op(trap))
}

// growFunction stands for memory.grow: parameter pages, result the pages before, or -1.
// taken is the global that counts; limit is the border, in pages.
func growFunction(taken uint32, limit int32) body {
	c := code(nil).i32(limit).global(taken).op(opI32Sub).get(0).op(opI32LtU).when()
	c = c.i32(-1).op(opReturn).end()
	c = c.global(taken)
	c = c.global(taken).get(0).op(opI32Add).setGlobal(taken)
	return function(c)
}

// sizeFunction stands for memory.size.
func sizeFunction(taken uint32) body { return function(code(nil).global(taken)) }
