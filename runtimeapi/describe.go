package runtimeapi

import (
	"context"
	"fmt"
	"slices"

	"pileus/metadata"
	"pileus/scale"
)

// Metadata reads the runtime's metadata in the newest version that is known here: 16,
// 15, else 14 (Metadata_metadata_versions, _metadata_at_version, _metadata).
func (r *Runtime) Metadata(ctx context.Context) (*metadata.Metadata, error) {
	raw, err := r.RawMetadata(ctx)
	if err != nil {
		return nil, err
	}
	return metadata.Decode(raw)
}

// RawMetadata is [Runtime.Metadata] as bytes, beginning with "meta".
func (r *Runtime) RawMetadata(ctx context.Context) ([]byte, error) {
	if v, _ := r.API(MetadataAPI); v >= 2 {
		versions, err := r.MetadataVersions(ctx)
		if err != nil {
			return nil, err
		}
		for _, version := range []uint32{16, 15} {
			if !slices.Contains(versions, version) {
				continue
			}
			raw, ok, err := r.MetadataAtVersion(ctx, version)
			if ok || err != nil {
				return raw, err
			}
		}
	}
	return call(ctx, r, MetadataAPI, "metadata", nil, bytesResult)
}

// MetadataVersions lists the versions in which the runtime can describe itself.
func (r *Runtime) MetadataVersions(ctx context.Context) ([]uint32, error) {
	if _, err := r.need(MetadataAPI, 2); err != nil {
		return nil, err
	}
	return call(ctx, r, MetadataAPI, "metadata_versions", nil, func(d *scale.Decoder) []uint32 {
		return scale.DecodeVecFunc(d, maxItems, (*scale.Decoder).U32)
	})
}

// MetadataAtVersion is the metadata in that version, beginning with "meta"; ok is false if the runtime does not have it.
func (r *Runtime) MetadataAtVersion(ctx context.Context, version uint32) (raw []byte, ok bool, err error) {
	if _, err := r.need(MetadataAPI, 2); err != nil {
		return nil, false, err
	}
	b, err := call(ctx, r, MetadataAPI, "metadata_at_version", scale.AppendU32(nil, version), optionBytes)
	if b == nil || err != nil {
		return nil, false, err
	}
	return *b, true, nil
}

// GenesisPresetNames lists the genesis configurations that the runtime holds (GenesisBuilder_preset_names).
func (r *Runtime) GenesisPresetNames(ctx context.Context) ([]string, error) {
	return call(ctx, r, GenesisBuilder, "preset_names", nil, func(d *scale.Decoder) []string {
		return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) string { return d.String(maxName) })
	})
}

// GenesisPreset is a genesis configuration in JSON (GenesisBuilder_get_preset): the
// whole default for the empty name, else a patch of it. ok is false if there is none of that name.
func (r *Runtime) GenesisPreset(ctx context.Context, name string) (json []byte, ok bool, err error) {
	args := []byte{0}
	if name != "" {
		args = scale.AppendString([]byte{1}, name)
	}
	b, err := call(ctx, r, GenesisBuilder, "get_preset", args, optionBytes)
	if b == nil || err != nil {
		return nil, false, err
	}
	return *b, true, nil
}

// GenesisBuildState writes the genesis of a whole configuration into the state (GenesisBuilder_build_state).
func (r *Runtime) GenesisBuildState(ctx context.Context, config []byte) error {
	return r.buildGenesis(ctx, "build_state", config)
}

// GenesisDefaultConfig is the whole default configuration of a runtime of before presets
// (GenesisBuilder_create_default_config, sp-genesis-builder up to 0.7).
func (r *Runtime) GenesisDefaultConfig(ctx context.Context) ([]byte, error) {
	return call(ctx, r, GenesisBuilder, "create_default_config", nil, bytesResult)
}

// GenesisBuildConfig is [Runtime.GenesisBuildState] of a runtime of before presets (GenesisBuilder_build_config).
func (r *Runtime) GenesisBuildConfig(ctx context.Context, config []byte) error {
	return r.buildGenesis(ctx, "build_config", config)
}

func (r *Runtime) buildGenesis(ctx context.Context, method string, config []byte) error {
	said, err := call(ctx, r, GenesisBuilder, method, scale.AppendBytes(nil, config), func(d *scale.Decoder) string {
		switch v := d.Variant(); v {
		case 0:
		case 1:
			return "the runtime says: " + d.String(maxBytes)
		default:
			d.UnknownVariant("Result", v)
		}
		return ""
	})
	if err == nil && said != "" {
		return fmt.Errorf("GenesisBuilder_%s: %s", method, said)
	}
	return err
}

// SessionKey is one of the keys of a session, with the keystore type it belongs to.
type SessionKey struct {
	Key  []byte
	Type [4]byte
}

// GenerateSessionKeys makes the runtime's session keys in the keystore, from seed if it
// is not nil, and returns their public keys one after the other. From version 2 on it
// also returns the proof that their holder gives them to owner; before, proof is nil.
func (r *Runtime) GenerateSessionKeys(ctx context.Context, owner []byte, seed *string) (keys, proof []byte, err error) {
	version, err := r.need(SessionKeys, 1)
	if err != nil {
		return nil, nil, err
	}
	var args []byte
	if version >= 2 {
		args = scale.AppendBytes(nil, owner)
	}
	args = scale.AppendOption(args, seed, scale.AppendString)
	type result struct{ keys, proof []byte }
	out, err := call(ctx, r, SessionKeys, "generate_session_keys", args, func(d *scale.Decoder) (v result) {
		v.keys = bytesResult(d)
		if version >= 2 {
			v.proof = bytesResult(d)
		}
		return v
	})
	return out.keys, out.proof, err
}

// DecodeSessionKeys splits encoded session keys; ok is false if the runtime cannot read them.
func (r *Runtime) DecodeSessionKeys(ctx context.Context, keys []byte) (list []SessionKey, ok bool, err error) {
	v, err := call(ctx, r, SessionKeys, "decode_session_keys", scale.AppendBytes(nil, keys), func(d *scale.Decoder) *[]SessionKey {
		return scale.DecodeOption(d, func(d *scale.Decoder) []SessionKey {
			return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (k SessionKey) {
				k.Key = bytesResult(d)
				d.Array(k.Type[:])
				return k
			})
		})
	})
	if v == nil || err != nil {
		return nil, false, err
	}
	return *v, true, nil
}
