package executor

import (
	"fmt"

	"pileus/internal/wasm"
)

// takeData takes the data segments out of a module and returns the memory that they make,
// up to its last byte that is set. Segments whose place is not a constant, or lies outside
// the initial memory, stay where they are, and nil is returned.
func takeData(m *wasm.Module, pages uint32) []byte {
	image := []byte{}
	r := wasm.NewReader(m.Section(wasm.DataSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		if r.U32() != 0 || r.Byte() != wasm.OpI32Const {
			return nil
		}
		at := uint64(uint32(r.S64(32)))
		if r.Byte() != wasm.OpEnd {
			return nil
		}
		data := r.Bytes()
		end := at + uint64(len(data))
		if r.Err() != nil || end > uint64(pages)*pageSize {
			return nil
		}
		if end > uint64(len(image)) {
			image = append(image, make([]byte, end-uint64(len(image)))...)
		}
		copy(image[at:], data)
	}
	if r.Err() != nil {
		return nil
	}
	m.SetSection(wasm.DataSection, nil)
	return image
}

// globalName is the name under which the host sees a mutable global of the code.
func globalName(i int) string { return fmt.Sprintf("pileus.global.%d", i) }

// exportGlobals exports every mutable global, so that the host can put it back, and
// returns how many there are.
func exportGlobals(m *wasm.Module) (count int, err error) {
	exports, err := m.Exports()
	if err != nil {
		return 0, err
	}
	r := wasm.NewReader(m.Section(wasm.GlobalSection))
	for i, n := uint32(0), r.Count(); i < n && r.Err() == nil; i++ {
		r.Byte()
		mutable := r.Byte() == 1
		for r.Err() == nil && r.Instruction().Op != wasm.OpEnd {
		}
		if mutable {
			exports = append(exports, wasm.Export{Name: globalName(count), Kind: wasm.KindGlobal, Index: i})
			count++
		}
	}
	if r.Err() != nil {
		return 0, r.Err()
	}
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(exports))
	return count, nil
}
