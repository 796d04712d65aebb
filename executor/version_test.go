package executor_test

import (
	"bytes"
	"context"
	"testing"

	"pileus/executor"
	"pileus/internal/wasm"
	"pileus/scale"
)

func TestVersion(t *testing.T) {
	core := []byte{0xdf, 0x6a, 0xcb, 0x68, 0x99, 0x07, 0x60, 0x9b}
	head := scale.AppendString(scale.AppendString(nil, "guide"), "guide")
	head = scale.AppendU32(scale.AppendU32(scale.AppendU32(head, 1), 3), 0)
	apis := scale.AppendU32(bytes.Clone(core), 5)
	section := append(bytes.Clone(head), 0, 1, 0, 0, 0, 1)
	full := append(append(append(bytes.Clone(head), 4), apis...), 1, 0, 0, 0, 1)
	embedded := map[string][]byte{"runtime_version": section, "runtime_apis": apis}
	// Version 2 of Core has neither transaction nor system version.
	old := append(append(append(bytes.Clone(head), 4), core...), 2, 0, 0, 0)
	answers := func(v []byte) []asmFunc { return []asmFunc{{"Core_version", i64Const(16 | uint64(len(v))<<32)}} }
	for name, c := range map[string]struct {
		a    *assembly
		want []byte
	}{
		"sections":              {&assembly{custom: embedded}, full},
		"a call":                {&assembly{data: string(full), funcs: answers(full)}, full},
		"a call, long ago":      {&assembly{data: string(old), funcs: answers(old)}, append(bytes.Clone(old), 1, 0, 0, 0, 0)},
		"sections win":          {&assembly{custom: embedded, funcs: []asmFunc{{"Core_version", panicked}}}, full},
		"nothing":               {&assembly{}, nil},
		"a trap":                {&assembly{funcs: []asmFunc{{"Core_version", panicked}}}, nil},
		"a section of nonsense": {&assembly{custom: map[string][]byte{"runtime_version": {0xff}}, data: string(full), funcs: answers(full)}, nil},
	} {
		m := load(t, executor.Config{}, c.a)
		got, err := m.Version(context.Background())
		if !bytes.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %x, %v; want %x", name, got, err, c.want)
		}
		// The same question, asked by a runtime: only a node looks beyond the sections.
		asker := &assembly{imports: []hostImport{{"ext_misc_runtime_version_version_1", []byte{i64}, []byte{i64}}},
			funcs: []asmFunc{{"ask", join([]byte{wasm.OpLocalGet, 0, 0xad, wasm.OpLocalGet, 1, 0xad}, i64Const(32), []byte{0x86, 0x84}, callOf(0))}}}
		want := []byte{0}
		if c.want != nil {
			want = scale.AppendBytes([]byte{1}, c.want)
		}
		out, err := load(t, executor.Config{}, asker).Call(context.Background(), "ask", c.a.encode(), executor.CallOptions{})
		if err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s, asked by a runtime: %x, %v; want %x", name, out, err, want)
		}
		pvf, err := engine(t).Compile(context.Background(), asker.encode(), executor.PVF)
		if err != nil {
			t.Fatal(err)
		}
		if c.a.custom == nil {
			want = []byte{0}
		}
		out, err = pvf.Call(context.Background(), "ask", c.a.encode(), executor.CallOptions{})
		if err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s, asked by a PVF: %x, %v; want %x", name, out, err, want)
		}
		pvf.Close(context.Background())
	}
}
