package executor

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
)

// withBuiltins are runtimes of all ages, whose builtins must be known: if they are not, they
// are only slow, which nobody would notice.
var withBuiltins = []string{"people-next-paseo", "bulletin-westend", "coretime-polkadot", "mythos", "penpal-westend", "elastic", "phase3", "sync"}

// realBuiltins are the builtins of a runtime.
func realBuiltins(t *testing.T, name string) (list []wasm.Body) {
	var code []byte
	if path := testdata.Shared(t, "runtimes"); hasFile(path + "/" + name + ".wasm") {
		code, _ = os.ReadFile(path + "/" + name + ".wasm")
	} else {
		spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		code = spec.Code()
	}
	raw, err := Decompress(code, CodeBombLimit)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := m.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	for i := range bodies {
		if quick(&bodies[i]) != nil {
			list = append(list, bodies[i])
		}
	}
	return list
}

func hasFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// memcpy, memmove and memcmp of real runtimes do with their new beginning what they do
// without it.
func TestBuiltins(t *testing.T) {
	tried := map[hashing.Hash]bool{}
	for _, name := range withBuiltins {
		list := realBuiltins(t, name)
		if len(list) != 3 {
			t.Errorf("%s: %d of its 3 functions are known", name, len(list))
		}
		for _, b := range list {
			hash := hashing.Blake2b256(append(bytes.Clone(b.Locals), b.Code...))
			if !tried[hash] {
				tried[hash] = true
				t.Run(hash.Short(), func(t *testing.T) { alike(t, b, which(&b)) })
			}
		}
	}
	if len(tried) != len(builtins) {
		t.Errorf("%d of %d known functions were tried", len(tried), len(builtins))
	}
}

// The memory that the functions are tried in: below stackAt they keep bytes of no meaning.
const (
	stackAt    = 4096
	memorySpan = 2 * pageSize
)

// alike compares a function with and without its beginning.
func alike(t *testing.T, b wasm.Body, is builtin) {
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	quickened := wasm.Body{Locals: b.Locals, Code: append(quick(&b), b.Code...)}
	m := wasm.Module{Sections: []wasm.Section{
		{ID: wasm.TypeSection, Payload: []byte{1, 0x60, 3, wasm.ValI32, wasm.ValI32, wasm.ValI32, 1, wasm.ValI32}},
		{ID: wasm.FunctionSection, Payload: []byte{2, 0, 0}},
		{ID: wasm.MemorySection, Payload: []byte{1, 0, memorySpan / pageSize}},
		{ID: wasm.GlobalSection, Payload: append(wasm.AppendS64([]byte{1, wasm.ValI32, 1, wasm.OpI32Const}, stackAt), wasm.OpEnd)},
		{ID: wasm.ExportSection, Payload: wasm.EncodeExports([]wasm.Export{{Name: "plain", Index: 0}, {Name: "quick", Index: 1}})},
		{ID: wasm.CodeSection, Payload: wasm.EncodeBodies([]wasm.Body{b, quickened})},
	}}
	compiled, err := rt.CompileModule(ctx, m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, memory []byte, args ...uint64) (result uint64, trap string, after []byte) {
		x, err := rt.InstantiateModule(ctx, compiled, anonymous)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close(ctx)
		x.Memory().Write(0, memory)
		r, err := x.ExportedFunction(name).Call(ctx, args...)
		if err != nil {
			return 0, firstLine(err.Error()), nil // nothing of it is seen after a trap
		}
		after, _ = x.Memory().Read(0, memorySpan)
		clear(after[stackAt-64 : stackAt])
		return r[0], "", bytes.Clone(after)
	}
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.OneOf(rapid.Uint32Range(2*stackAt, 2*stackAt+100), rapid.Uint32Range(2*stackAt, memorySpan), rapid.Uint32Range(memorySpan-100, memorySpan+2), rapid.Uint32Range(1<<32-40, 1<<32-1))
		left, right := address.Draw(t, "left"), address.Draw(t, "right")
		if rapid.Bool().Draw(t, "near") { // they overlap, or touch
			right = left + rapid.Uint32Range(0, 80).Draw(t, "by") - 40
		}
		n := rapid.OneOf(rapid.Uint32Range(0, 40), rapid.Uint32Range(0, 1000), rapid.Uint32Range(0, memorySpan), rapid.Uint32()).Draw(t, "n")
		memory := make([]byte, memorySpan)
		period := uint32(rapid.SampledFrom([]int{1, 16, 251}).Draw(t, "period"))
		for i := range memory {
			memory[i] = byte(uint32(i) % period)
		}
		if is == compares {
			if uint64(left)+uint64(n) < memorySpan && uint64(right)+uint64(n) < memorySpan && n > 0 {
				copy(memory[left:], memory[right:right+n])
				memory[left+rapid.Uint32Range(0, n).Draw(t, "other")] ^= rapid.Byte().Draw(t, "bits")
			}
		}
		r, trap, after := run("plain", memory, uint64(left), uint64(right), uint64(n))
		r2, trap2, after2 := run("quick", memory, uint64(left), uint64(right), uint64(n))
		if r != r2 || trap != trap2 || !bytes.Equal(after, after2) {
			t.Fatalf("%d, %d, %d bytes: %d %q with, %d %q without", left, right, n, r2, trap2, r, trap)
		}
	})
}
