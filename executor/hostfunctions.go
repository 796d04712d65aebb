package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"pileus/internal/wasm"
	"pileus/scale"
)

// function is one host function: its type, and what it does with the arguments on the
// stack. Its result goes to s[0].
//
// Parameters are written as letters: S fat pointer to bytes (i64), P pointer (i32), u i32,
// U i64; the result likewise.
type function struct {
	typ wasm.FuncType
	run func(e *env, s []uint64)
	pvf bool
}

func (f *function) in(set Set) bool { return set == Node || f.pvf }

// functions are all host functions by their import names.
var functions = map[string]*function{}

func (f *function) hasType(t wasm.FuncType) bool {
	return bytes.Equal(f.typ.Params, t.Params) && bytes.Equal(f.typ.Results, t.Results)
}

func define(name, params, result string, pvf bool, run func(e *env, s []uint64)) {
	functions["ext_"+name] = &function{wasm.FuncType{Params: letters(params), Results: letters(result)}, run, pvf}
}

func letters(s string) (types []byte) {
	for _, c := range s {
		switch c {
		case 'S', 'U':
			types = append(types, api.ValueTypeI64)
		default:
			types = append(types, api.ValueTypeI32)
		}
	}
	return types
}

var errNotReady = errors.New("called before the instance was ready")

// goFunc is the function as wazero calls it; m may be nil.
func (f *function) goFunc(name string, m *meter) api.GoModuleFunc {
	run := f.run
	if !f.pvf {
		run = func(e *env, s []uint64) {
			if e.module.set == PVF {
				fail(&missingError{name})
			}
			f.run(e, s)
		}
	}
	if m == nil {
		return func(ctx context.Context, _ api.Module, s []uint64) { run(ready(ctx), s) }
	}
	return func(ctx context.Context, _ api.Module, s []uint64) {
		from := time.Now()
		defer m.add(from)
		run(ready(ctx), s)
	}
}

// ready is the call's env, once there is a memory: a start function runs before.
func ready(ctx context.Context) *env {
	e := envOf(ctx)
	if e.mem == nil {
		fail(errNotReady)
	}
	return e
}

var errBounds = errors.New("it points outside the memory")

// bytes is a view of the bytes of a fat pointer: low half pointer, high half length.
func (e *env) bytes(fat uint64) []byte {
	b, ok := e.mem.Read(uint32(fat), uint32(fat>>32))
	if !ok {
		fail(errBounds)
	}
	return b
}

// at is a view of n bytes at a pointer.
func (e *env) at(ptr uint64, n uint32) []byte {
	b, ok := e.mem.Read(uint32(ptr), n)
	if !ok {
		fail(errBounds)
	}
	return b
}

func (e *env) clone(fat uint64) []byte { return append([]byte{}, e.bytes(fat)...) }

// place puts bytes into fresh memory.
func (e *env) place(b []byte) uint32 {
	ptr, err := e.alloc.allocate(e.mem, uint32(len(b)))
	if err != nil {
		fail(err)
	}
	e.mem.Write(ptr, b)
	return ptr
}

// fat returns fresh bytes as a fat pointer.
func (e *env) fat(b []byte) uint64 { return uint64(e.place(b)) | uint64(len(b))<<32 }

// option returns an encoded Option<Vec<u8>>.
func (e *env) option(v []byte, ok bool) uint64 {
	if !ok {
		return e.fat([]byte{0})
	}
	n := len(v)
	var head [6]byte
	h := scale.AppendCompact(append(head[:0], 1), uint64(n))
	ptr, err := e.alloc.allocate(e.mem, uint32(len(h)+n))
	if err != nil {
		fail(err)
	}
	e.mem.Write(ptr, h)
	e.mem.Write(ptr+uint32(len(h)), v)
	return uint64(ptr) | uint64(len(h)+n)<<32
}

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// decode reads a SCALE value of an argument; bytes behind it are ignored.
func decode[T any](b []byte, read func(*scale.Decoder) T) T {
	d := scale.NewDecoder(b)
	v := read(d)
	if err := d.Err(); err != nil {
		fail(fmt.Errorf("decode argument: %w", err))
	}
	return v
}

func must[T any](v T, err error) T {
	if err != nil {
		fail(err)
	}
	return v
}
