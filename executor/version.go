package executor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"pileus/scale"
	"pileus/trie"
)

// Names of the custom sections in which a runtime carries its version (sp-version).
const (
	sectionVersion = "runtime_version"
	sectionAPIs    = "runtime_apis"
)

// apiSize is the size of a record of the second section: id, version.
const apiSize = 12

// coreID is the id of the runtime API Core: blake2b-64 of its name.
var coreID = [8]byte{0xdf, 0x6a, 0xcb, 0x68, 0x99, 0x07, 0x60, 0x9b}

// ErrVersion says that code does not tell its version.
var ErrVersion = errors.New("the runtime does not tell its version")

// Version is the runtime's version as an encoded RuntimeVersion with all fields: that of
// the custom sections, else what Core_version answers on an empty state
// (sc_executor read_runtime_version). Its error wraps [ErrVersion] or is a [*CallError].
func (m *Module) Version(ctx context.Context) ([]byte, error) {
	if v, ok := mergeVersion(m.prepared.custom); ok {
		return v, nil
	}
	if _, there := m.prepared.custom[sectionVersion]; there {
		return nil, fmt.Errorf("%w: its section %s cannot be read", ErrVersion, sectionVersion)
	}
	out, err := m.Call(ctx, "Core_version", nil, CallOptions{Storage: NewStorage(trie.NewState(trie.New(), nil), nil)})
	if err != nil {
		return nil, err
	}
	v, ok := fullVersion(out, nil)
	if !ok {
		return nil, fmt.Errorf("%w: the answer of Core_version cannot be read", ErrVersion)
	}
	return v, nil
}

// EmbeddedVersion is the encoded RuntimeVersion in the sections runtime_version and
// runtime_apis of code, which may be compressed; ok is false where it has none or one
// that does not decode (sp_version embed).
func EmbeddedVersion(code []byte) (version []byte, ok bool) {
	raw, err := Decompress(code, CodeBombLimit)
	if err != nil {
		return nil, false
	}
	custom, err := customSections(raw)
	if err != nil {
		return nil, false
	}
	return mergeVersion(custom)
}

// mergeVersion puts the API list of one section into the version of the other.
func mergeVersion(custom map[string][]byte) ([]byte, bool) {
	head, ok := custom[sectionVersion]
	apis := custom[sectionAPIs]
	if !ok || len(apis)%apiSize != 0 {
		return nil, false
	}
	return fullVersion(head, append([]byte{}, apis...))
}

// fullVersion reads a RuntimeVersion in any form and writes it in the newest. apis, if
// not nil, are its APIs in place of those that it lists itself.
func fullVersion(b, apis []byte) ([]byte, bool) {
	d := scale.NewDecoder(b)
	spec, impl := d.String(1<<10), d.String(1<<10)
	authoring, specVersion, implVersion := d.U32(), d.U32(), d.U32()
	own := d.Fixed(d.Len(1<<16, apiSize) * apiSize)
	if apis == nil {
		apis = own
	}
	core := uint32(0)
	for i := 0; i < len(apis); i += apiSize {
		if [8]byte(apis[i:]) == coreID {
			core = binary.LittleEndian.Uint32(apis[i+8:])
			break
		}
	}
	transaction, system := uint32(1), uint8(0)
	if core >= 3 {
		transaction = d.U32()
	}
	if core >= 4 {
		system = d.U8()
	}
	if d.Err() != nil {
		return nil, false
	}
	out := scale.AppendString(scale.AppendString(nil, spec), impl)
	out = scale.AppendU32(scale.AppendU32(scale.AppendU32(out, authoring), specVersion), implVersion)
	out = append(scale.AppendCompact(out, uint64(len(apis)/apiSize)), apis...)
	return append(scale.AppendU32(out, transaction), system), true
}

// versionOf answers the runtime's question for the version of some code.
func (e *env) versionOf(code []byte) ([]byte, bool) {
	if v, ok := EmbeddedVersion(code); ok || e.module.set == PVF {
		return v, ok
	}
	m, err := e.module.engine.Load(e.ctx, code)
	if err != nil {
		return nil, false
	}
	v, err := m.Version(e.ctx)
	return v, err == nil
}
