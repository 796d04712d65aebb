package wasmlink

import (
	"pileus/internal/wasm"
	"pileus/runtimeapi"
	"pileus/scale"
)

// The sections by which a node knows a runtime's version without running it.
const (
	versionSection = "runtime_version"
	apisSection    = "runtime_apis"
)

// sections are the custom sections of a runtime with that version, none for nil: the
// version without its APIs, and the APIs as records of twelve bytes (sp-version
// embed_runtime_version, sp_api RUNTIME_API_INFO).
func sections(v *runtimeapi.Version) []wasm.Section {
	if v == nil {
		return nil
	}
	bare := *v
	bare.APIs = nil
	var apis []byte
	for _, a := range v.APIs {
		apis = scale.AppendU32(append(apis, a.ID[:]...), a.Version)
	}
	return []wasm.Section{
		{Name: versionSection, Payload: bare.EncodeTo(nil)},
		{Name: apisSection, Payload: apis},
	}
}
