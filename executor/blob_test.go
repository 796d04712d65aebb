package executor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/internal/wasm"
	"pileus/scale"
	"pileus/trie"
)

// What runtimes of running chains import, this host has, of the same type; two import a
// function for offchain workers, which no block calls.
func TestRealImports(t *testing.T) {
	offchain := []string{"ext_offchain_local_storage_get_version_1", "ext_offchain_submit_transaction_version_1"}
	for name, lacks := range map[string][]string{
		"mythos": nil, "coretime-polkadot": nil, "penpal-westend": nil, "bulletin-westend": nil,
		"people-next-paseo": offchain[1:], "versi-relay": offchain,
	} {
		spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := Decompress(spec.Code(), CodeBombLimit)
		if err != nil {
			t.Fatal(err)
		}
		p, err := prepare(raw, false)
		if err != nil {
			t.Fatal(name, err)
		}
		if missing := slices.Sorted(slices.Values(missing(p))); p.unmetered != nil || !slices.Equal(missing, lacks) {
			t.Errorf("%s: the host lacks %q, expected %q; %v", name, missing, lacks, p.unmetered)
		}
		if _, ok := mergeVersion(p.custom); !ok {
			t.Errorf("%s: no version in its sections", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "runtimes"), "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := Decompress(code, CodeBombLimit)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := prepare(raw, false); err != nil || len(missing(p)) != 0 || p.unmetered != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// What prepare makes is kept in the cache under the version of rewriting: whoever changes
// one raises the other.
func TestRewriting(t *testing.T) {
	body := []byte{0, wasm.OpBlock, 0x40, wasm.OpLoop, 0x40, wasm.OpBr, 0, wasm.OpEnd, wasm.OpEnd, wasm.OpI32Const, 0, wasm.OpCall, 0, wasm.OpEnd}
	m := &wasm.Module{Sections: []wasm.Section{
		{ID: wasm.TypeSection, Payload: []byte{2, 0x60, 0, 0, 0x60, 1, wasm.ValI32, 0}},
		{ID: wasm.ImportSection, Payload: append(append([]byte{1, 3}, "env"...), 4, 'm', 'i', 's', 'c', 0, 1)},
		{ID: wasm.FunctionSection, Payload: []byte{1, 0}}, {ID: wasm.TableSection, Payload: []byte{1, 0x70, 0, 1}}, {ID: wasm.MemorySection, Payload: []byte{1, 0, 1}},
		{ID: wasm.GlobalSection, Payload: []byte{1, wasm.ValI32, 1, wasm.OpI32Const, 0, wasm.OpEnd}},
		{ID: wasm.ExportSection, Payload: []byte{1, 1, 'f', 0, 1}}, {ID: wasm.ElementSection, Payload: []byte{1, 0, wasm.OpI32Const, 0, wasm.OpEnd, 1, 1}},
		{ID: wasm.CodeSection, Payload: append([]byte{1, byte(len(body))}, body...)},
		{ID: wasm.DataSection, Payload: []byte{1, 0, wasm.OpI32Const, 4, wasm.OpEnd, 2, 7, 8}},
	}}
	p, err := prepare(m.Encode(), false)
	if err != nil || p.unmetered != nil {
		t.Fatal(err, p)
	}
	const known = "f2ef7ed16997d56c96e2abf8d15aaa07"
	allocator := &heapGlobals{}
	// The last four: only with known functions, or for what is imported.
	made := slices.Concat(p.bytes, p.image, quickCopy(), quickCompare(), allocator.malloc(0).Code, allocator.free(0).Code)
	if got := hashing.Blake2b128(made); rewriting != 6 || fmt.Sprintf("%x", got) != known {
		t.Errorf("prepare makes %x, version %d of rewriting made %s: raise the version and write both here", got, rewriting, known)
	}
}

// The globals that the host adds are not the code's to export.
func TestExportOfNoGlobal(t *testing.T) {
	for index, exists := range []bool{true, false, false} {
		m := &wasm.Module{Sections: []wasm.Section{
			{ID: wasm.MemorySection, Payload: []byte{1, 0, 1}},
			{ID: wasm.GlobalSection, Payload: []byte{1, wasm.ValI32, 0, wasm.OpI32Const, 0, wasm.OpEnd}},
			{ID: wasm.ExportSection, Payload: wasm.EncodeExports([]wasm.Export{{Name: "__heap_base", Kind: wasm.KindGlobal, Index: uint32(index)}})},
		}}
		for _, nodeOnly := range []bool{false, true} {
			if _, err := prepare(m.Encode(), nodeOnly); (err == nil) != exists || err != nil && !errors.Is(err, wasm.ErrFormat) {
				t.Errorf("global %d, node only %v: %v", index, nodeOnly, err)
			}
		}
	}
}

func missing(p *prepared) []string {
	return (&Module{machineCode: &machineCode{prepared: p}}).Missing()
}

func TestDecompress(t *testing.T) {
	var file struct {
		Blobs struct {
			Cases []struct {
				Name, Outcome string
				Blob          testdata.Hex
				Limit         int
				Hash          testdata.Hex `json:"decompressed_blake2_256"`
			}
		} `json:"compressed_blobs"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &file)
	if len(file.Blobs.Cases) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range file.Blobs.Cases {
		out, err := Decompress(c.Blob, c.Limit)
		hash := hashing.Blake2b256(out)
		if (c.Outcome == "ok") != (err == nil) || (c.Outcome == "PossibleBomb") != errors.Is(err, ErrBomb) || err == nil && !bytes.Equal(hash[:], c.Hash) {
			t.Errorf("%s: %d bytes, %v; want %s", c.Name, len(out), err, c.Outcome)
		}
	}
}

// Whatever is given for a module, preparing it neither panics nor makes it unreadable.
func FuzzPrepare(f *testing.F) {
	body := []byte{0, wasm.OpLoop, wasm.BlockEmpty, wasm.OpCall, 0, wasm.OpEnd, wasm.OpEnd}
	m := wasm.Module{Sections: []wasm.Section{
		{ID: wasm.TypeSection, Payload: []byte{1, 0x60, 0, 0}}, {ID: wasm.FunctionSection, Payload: []byte{1, 0}},
		{ID: wasm.TableSection, Payload: []byte{1, 0x70, 0, 1}}, {ID: wasm.MemorySection, Payload: []byte{1, 0, 1}},
		{ID: wasm.ExportSection, Payload: []byte{1, 1, 'f', 0, 0}}, {ID: wasm.ElementSection, Payload: []byte{1, 0, wasm.OpI32Const, 0, wasm.OpEnd, 1, 0}},
		{ID: wasm.CodeSection, Payload: append([]byte{1, byte(len(body))}, body...)},
		{Name: sectionVersion, Payload: []byte{0, 0}}, {Name: sectionAPIs, Payload: make([]byte, 12)},
	}}
	f.Add(m.Encode())
	heap := heapProgram{}
	heap.malloc(8, false)
	heap.free(0, 0, true)
	f.Add(heap.module(pageSize))
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, code []byte) {
		p, err := prepare(code, false)
		if err != nil {
			return
		}
		mergeVersion(p.custom)
		if _, err := wasm.Parse(p.bytes); err != nil {
			t.Fatalf("what was prepared does not parse: %v", err)
		}
	})
}

// A version from outside is read to the end or not at all, and what is written is read again.
func FuzzVersion(f *testing.F) {
	f.Add([]byte("\x14guide\x14guide\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"), append(coreID[:], 5, 0, 0, 0))
	f.Add([]byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, version, apis []byte) {
		v, ok := mergeVersion(map[string][]byte{sectionVersion: version, sectionAPIs: apis})
		if !ok {
			return
		}
		d := scale.NewDecoder(v)
		d.String(1 << 10)
		d.String(1 << 10)
		d.Fixed(12)
		if n := d.Len(1<<16, apiSize); n*apiSize != len(apis) || !bytes.Equal(d.Fixed(len(apis)), apis) {
			t.Fatalf("%x lists other APIs than %x", v, apis)
		}
		d.Fixed(5)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever a runtime hands to a host function, the call ends in a result or an error.
func FuzzHostArguments(f *testing.F) {
	names := slices.Sorted(maps.Keys(functions))
	for i := range names {
		f.Add(uint(i), []byte{1, 2, 3}, []byte{4, 5, 6, 7}, uint64(8|64<<32), uint64(0))
	}
	f.Add(uint(0), bytes.Repeat([]byte{0xff}, 80), make([]byte, 80), ^uint64(0), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, which uint, a, b []byte, x, y uint64) {
		state := trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte{1}, Value: []byte{4, 9}}}), nil)
		name := names[which%uint(len(names))]
		if len(a)+len(b) > 1<<16 {
			return
		}
		for _, args := range [][]any{{a, b, a, b, a}, {x, y, x, y, x}, {a, x, b, y, b}, {y, a, b, a, x}} {
			g := newGuest(NewStorage(state, nil)) // an error of the allocator poisons it
			_, _ = g.call(name, args[:len(functions[name].typ.Params)]...)
		}
	})
}
