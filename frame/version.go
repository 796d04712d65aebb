package frame

import (
	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// RuntimeVersion says which runtime this is (sp_version::RuntimeVersion). The list of APIs
// that travels with it is the runtime's own.
type RuntimeVersion struct {
	SpecName           string
	ImplName           string
	AuthoringVersion   uint32
	SpecVersion        uint32
	ImplVersion        uint32
	TransactionVersion uint32
	SystemVersion      uint8 // 0 state V0; 1 state V1; 2 also extrinsics root V1; 3 also delayed code
}

// StateVersion is the layout of the state trie.
func (v RuntimeVersion) StateVersion() trie.Version {
	if v.SystemVersion == 0 {
		return trie.V0
	}
	return trie.V1
}

// ExtrinsicsRootVersion is the layout of the extrinsics trie.
func (v RuntimeVersion) ExtrinsicsRootVersion() trie.Version {
	if v.SystemVersion < 2 {
		return trie.V0
	}
	return trie.V1
}

// encode appends the version with the given APIs.
func (v RuntimeVersion) encode(b []byte, apis []API) []byte {
	b = scale.AppendString(scale.AppendString(b, v.SpecName), v.ImplName)
	b = scale.AppendU32(scale.AppendU32(scale.AppendU32(b, v.AuthoringVersion), v.SpecVersion), v.ImplVersion)
	b = scale.AppendCompact(b, uint64(len(apis)))
	b = appendAPIs(b, apis)
	return append(scale.AppendU32(b, v.TransactionVersion), v.SystemVersion)
}

func appendAPIs(b []byte, apis []API) []byte {
	for _, a := range apis {
		id := hashing.Blake2b64([]byte(a.Name))
		b = scale.AppendU32(append(b, id[:]...), a.Version)
	}
	return b
}

// VersionSection is the custom section runtime_version of the Wasm: the version with an
// empty list of APIs.
func (r *Runtime) VersionSection() []byte { return r.Version.encode(nil, nil) }

// APIsSection is the custom section runtime_apis of the Wasm: id and version of each API,
// without a count.
func (r *Runtime) APIsSection() []byte { return appendAPIs(nil, r.apis) }

// decodeSpec reads name and spec version of an encoded version.
func decodeSpec(b []byte) (name string, spec uint32, ok bool) {
	d := scale.NewDecoder(b)
	name = d.String(MaxBytes)
	d.String(MaxBytes)
	d.U32()
	spec = d.U32()
	return name, spec, d.Err() == nil
}
