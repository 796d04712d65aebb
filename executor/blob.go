package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"pileus/internal/wasm"
)

// CompressedPrefix stands in front of compressed code and PoVs (sp-maybe-compressed-blob).
var CompressedPrefix = []byte{0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e, 0x05}

// CodeBombLimit bounds decompressed code, in bytes (sp_maybe_compressed_blob CODE_BLOB_BOMB_LIMIT).
const CodeBombLimit = 50 << 20

// maxWindow is the largest window that a frame may ask for, in bytes (zstd's 2^27).
const maxWindow = 128 << 20

// ErrBomb says that something is larger decompressed than it may be.
var ErrBomb = errors.New("larger than allowed when decompressed")

// DecompressError says that code could not be decompressed.
type DecompressError struct{ Err error }

// Error says why.
func (e *DecompressError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DecompressError) Unwrap() error { return e.Err }

func tooLarge(limit int) error { return fmt.Errorf("%w: limit %d bytes", ErrBomb, limit) }

// Decompress returns the blob as it is without the prefix, else what it decompresses to,
// of at most limit bytes.
func Decompress(blob []byte, limit int) ([]byte, error) {
	body, compressed := bytes.CutPrefix(blob, CompressedPrefix)
	if !compressed {
		return blob, nil
	}
	if len(body) == 0 {
		return nil, fmt.Errorf("decompress: %w", io.ErrUnexpectedEOF)
	}
	// Whole at once: a stream would allocate the frame's window first, 128 MiB in code that
	// was compressed at the highest level.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(limit+1, maxWindow))), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	defer d.Close()
	out, err := d.DecodeAll(body, nil)
	switch {
	case len(out) > limit, errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return out, nil
}

// prepared is a module as the host compiles it.
type prepared struct {
	bytes   []byte
	stub    []byte   // see [addStub]
	size    int      // of the module as it was given, in bytes
	imports []string // functions, as they are imported
	custom  map[string][]byte
	pages   uint32 // of memory at the start
	// image is what the data segments make of the memory; they are taken out of the code,
	// so that a memory can be mapped to it instead of being written. nil: they are left in.
	image       []byte
	globals     int   // mutable globals, exported under globalName
	restartable bool  // no start function: an instance can be put back to its beginning
	unmetered   error // why its stack cannot be metered, so that validators refuse it; nodes do not care
}

// errNodeOnly refuses validators code of an engine that is [Config.NodeOnly].
var errNodeOnly = errors.New("this engine makes code ready for nodes only")

// startName is the name under which the host calls the start function, once it has set the
// limit of the stack.
const startName = "pileus.start"

// rewriting is the version of what [prepare] makes; it is raised whenever that changes, since
// prepared code is kept in the cache.
const rewriting = 6

// prepare rewrites a module for the host (sc-executor-common RuntimeBlob): an imported
// memory becomes its own one, the memory loses its maximum and is exported, custom
// sections are taken out, the stack is metered, and the code is made to look at the time.
func prepare(code []byte, nodeOnly bool) (*prepared, error) {
	m, err := wasm.Parse(code)
	if err != nil {
		return nil, err
	}
	if err := checkExports(m); err != nil {
		return nil, err
	}
	p := &prepared{size: len(code), custom: map[string][]byte{}}
	if nodeOnly {
		p.unmetered = errNodeOnly
	} else if p.unmetered = meterShared(m); p.unmetered != nil {
		if m, err = wasm.Parse(code); err != nil {
			return nil, err
		}
	}
	types, err := m.Types()
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	imports, err := m.Imports()
	if err != nil {
		return nil, fmt.Errorf("imports: %w", err)
	}
	var memory *wasm.Import
	kept := imports[:0:0]
	for _, i := range imports {
		switch {
		case i.Module != "env":
			return nil, fmt.Errorf("import %s.%s: only functions of env can be imported", i.Module, i.Name)
		case i.Kind == wasm.KindMemory && memory == nil:
			memory = &i
			continue
		case i.Kind != wasm.KindFunction || int(i.Type) >= len(types):
			return nil, fmt.Errorf("import %s.%s: only functions of env can be imported", i.Module, i.Name)
		}
		p.imports = append(p.imports, i.Name)
		kept = append(kept, i)
	}
	m.SetSection(wasm.ImportSection, wasm.EncodeImports(kept))
	limits, err := memoryLimits(m, memory)
	if err != nil {
		return nil, err
	}
	if limits.Min > maxInitialPages {
		return nil, fmt.Errorf("it begins with %d pages of memory, %d are allowed", limits.Min, maxInitialPages)
	}
	if err := checkTable(m); err != nil {
		return nil, err
	}
	p.pages = limits.Min
	limits.Max = nil
	m.SetSection(wasm.MemorySection, wasm.AppendLimits([]byte{1}, limits))
	if err := exportMemory(m); err != nil {
		return nil, err
	}
	if p.restartable, err = exportStart(m); err != nil {
		return nil, err
	}
	if p.restartable {
		p.image = takeData(m, limits.Min)
		if p.globals, err = exportGlobals(m); err != nil {
			return nil, err
		}
	}
	if err := interruptible(m); err != nil {
		return nil, err
	}
	m.Sections = slices.DeleteFunc(m.Sections, func(s wasm.Section) bool {
		if s.ID != wasm.CustomSection {
			return false
		}
		if _, twice := p.custom[s.Name]; !twice {
			p.custom[s.Name] = bytes.Clone(s.Payload)
		}
		return true
	})
	if p.stub, err = addStub(m); err != nil {
		return nil, err
	}
	p.bytes = m.Encode()
	return p, nil
}

// checkExports refuses code that exports a global which it does not have: once the host has
// added its own, the compiler would take one of those for it.
func checkExports(m *wasm.Module) error {
	globals := wasm.NewReader(m.Section(wasm.GlobalSection))
	n := globals.Count()
	if globals.Err() != nil {
		return globals.Err()
	}
	exports, err := m.Exports()
	if err != nil {
		return fmt.Errorf("exports: %w", err)
	}
	for _, e := range exports {
		if e.Kind == wasm.KindGlobal && e.Index >= n {
			return fmt.Errorf("%w: export %s: global %d does not exist", wasm.ErrFormat, e.Name, e.Index)
		}
	}
	return nil
}

// exportStart makes an export of the start function; none tells that there is none.
func exportStart(m *wasm.Module) (none bool, err error) {
	section := m.Section(wasm.StartSection)
	if section == nil {
		return true, nil
	}
	exports, err := m.Exports()
	if err != nil {
		return false, fmt.Errorf("exports: %w", err)
	}
	r := wasm.NewReader(section)
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(append(exports, wasm.Export{Name: startName, Kind: wasm.KindFunction, Index: r.U32()})))
	m.SetSection(wasm.StartSection, nil)
	return false, r.Err()
}

func memoryLimits(m *wasm.Module, imported *wasm.Import) (wasm.Limits, error) {
	if imported != nil {
		return imported.Limits, nil
	}
	r := wasm.NewReader(m.Section(wasm.MemorySection))
	if r.Count() != 1 {
		return wasm.Limits{}, fmt.Errorf("%w: it has no memory", wasm.ErrFormat)
	}
	l := r.Limits()
	return l, r.Err()
}

func checkTable(m *wasm.Module) error {
	r := wasm.NewReader(m.Section(wasm.TableSection))
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		r.Byte()
		if l := r.Limits(); l.Min > maxTable {
			return fmt.Errorf("it has a table of %d elements, %d are allowed", l.Min, maxTable)
		}
	}
	return r.Err()
}

func exportMemory(m *wasm.Module) error {
	exports, err := m.Exports()
	if err != nil {
		return fmt.Errorf("exports: %w", err)
	}
	for _, e := range exports {
		if e.Name == "memory" {
			if e.Kind != wasm.KindMemory {
				return fmt.Errorf("%w: export memory is no memory", wasm.ErrFormat)
			}
			return nil
		}
	}
	m.SetSection(wasm.ExportSection, wasm.EncodeExports(append(exports, wasm.Export{Name: "memory", Kind: wasm.KindMemory})))
	return nil
}

// customSections are the custom sections of a module, the first of each name.
func customSections(code []byte) (map[string][]byte, error) {
	m, err := wasm.Parse(code)
	if err != nil {
		return nil, err
	}
	custom := map[string][]byte{}
	for _, s := range m.Sections {
		if _, twice := custom[s.Name]; s.ID == wasm.CustomSection && !twice {
			custom[s.Name] = s.Payload
		}
	}
	return custom, nil
}
