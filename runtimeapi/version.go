package runtimeapi

import (
	"fmt"

	"pileus/hashing"
	"pileus/scale"
	"pileus/trie"
)

// Version is what a runtime says of itself (sp_version::RuntimeVersion).
type Version struct {
	SpecName           string
	ImplName           string
	AuthoringVersion   uint32
	SpecVersion        uint32
	ImplVersion        uint32
	APIs               []API
	TransactionVersion uint32
	// SystemVersion decides the state trie's layout (from 1: V1), that of the extrinsics
	// root (from 2: V1), and whether new code waits a block under :pending_code (from 3).
	SystemVersion uint8
}

// API is a runtime API that the runtime has, by the hash of its trait's name.
type API struct {
	ID      [8]byte
	Version uint32
}

// APIID is the id of the runtime API with that trait name: its blake2b-64.
func APIID(trait string) [8]byte { return hashing.Blake2b64([]byte(trait)) }

// API is the version of the runtime API with that trait name; ok is false if the runtime lacks it.
func (v *Version) API(trait string) (version uint32, ok bool) {
	id, ok := apiIDs[trait]
	if !ok {
		id = APIID(trait)
	}
	for _, a := range v.APIs {
		if a.ID == id {
			return a.Version, true
		}
	}
	return 0, false
}

// StateVersion is the layout in which the runtime writes its state.
func (v *Version) StateVersion() trie.Version {
	if v.SystemVersion == 0 {
		return trie.V0
	}
	return trie.V1
}

// ExtrinsicsVersion is the layout of the trie whose root is a block's extrinsics root.
func (v *Version) ExtrinsicsVersion() trie.Version {
	if v.SystemVersion < 2 {
		return trie.V0
	}
	return trie.V1
}

// EncodeTo appends the SCALE encoding in its newest form.
func (v *Version) EncodeTo(b []byte) []byte {
	b = scale.AppendString(scale.AppendString(b, v.SpecName), v.ImplName)
	b = scale.AppendU32(scale.AppendU32(scale.AppendU32(b, v.AuthoringVersion), v.SpecVersion), v.ImplVersion)
	b = scale.AppendVecFunc(b, v.APIs, func(b []byte, a API) []byte {
		return scale.AppendU32(append(b, a.ID[:]...), a.Version)
	})
	return append(scale.AppendU32(b, v.TransactionVersion), v.SystemVersion)
}

// DecodeFrom reads the SCALE encoding. The transaction version is there from version 3 of
// the API Core on (else it is 1), the system version from 4 on (else 0).
func (v *Version) DecodeFrom(d *scale.Decoder) {
	*v = Version{
		SpecName:         d.String(maxName),
		ImplName:         d.String(maxName),
		AuthoringVersion: d.U32(),
		SpecVersion:      d.U32(),
		ImplVersion:      d.U32(),
	}
	v.APIs = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (a API) {
		d.Array(a.ID[:])
		a.Version = d.U32()
		return a
	})
	core, _ := v.API(Core)
	v.TransactionVersion = 1
	if core >= 3 {
		v.TransactionVersion = d.U32()
	}
	if core >= 4 {
		v.SystemVersion = d.U8()
	}
}

// String is the name and version for people: guide-3.
func (v *Version) String() string { return fmt.Sprintf("%s-%d", v.SpecName, v.SpecVersion) }
