package wasmlink

// wrap puts a function in front of every export, which runs the start function when it is
// called first:
//
//	started = 0 ─► export called ─► started = 1, _initialize ─► body
//	started = 1 ─► export called ─► body
func (l *linker) wrap() {
	started := l.m.addGlobal(0, true)
	for i := range l.calls {
		c := code(nil).global(started).op(opI32Eqz).when()
		c = c.i32(1).setGlobal(started).call(l.start).end()
		c = c.get(0).get(1).call(l.calls[i].Index)
		l.calls[i].Index = l.m.add([]byte{valI32, valI32}, []byte{valI64}, function(c))
	}
}
