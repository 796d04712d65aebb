package metadata

import (
	"fmt"
	"strings"

	"pileus/scale"
)

// decodeBody reads what follows the version byte. The three versions differ in what
// they add, so one reader serves all.
func (m *Metadata) decodeBody(d *scale.Decoder) {
	m.Types.DecodeFrom(d)
	m.Pallets = scale.DecodeVecFunc(d, maxPallets, m.decodePallet)
	m.decodeExtrinsic(d)
	if m.Version < 16 {
		m.Runtime = decodeTypeID(d)
	}
	if m.Version < 15 {
		return
	}
	m.APIs = scale.DecodeVecFunc(d, maxItems, m.decodeAPI)
	m.Outer = OuterEnums{decodeTypeID(d), decodeTypeID(d), decodeTypeID(d)}
	m.Custom = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) CustomValue {
		return CustomValue{d.String(maxString), decodeTypeID(d), d.Bytes(maxBytes)}
	})
}

func (m *Metadata) encodeBody(b []byte) []byte {
	b = m.Types.EncodeTo(b)
	b = scale.AppendVecFunc(b, m.Pallets, m.appendPallet)
	b = m.appendExtrinsic(b)
	if m.Version < 16 {
		b = appendTypeID(b, m.Runtime)
	}
	if m.Version < 15 {
		return b
	}
	b = scale.AppendVecFunc(b, m.APIs, m.appendAPI)
	b = appendTypeID(appendTypeID(appendTypeID(b, m.Outer.Call), m.Outer.Event), m.Outer.Error)
	return scale.AppendVecFunc(b, m.Custom, func(b []byte, c CustomValue) []byte {
		return scale.AppendBytes(appendTypeID(scale.AppendString(b, c.Name), c.Type), c.Value)
	})
}

func (m *Metadata) decodePallet(d *scale.Decoder) (p Pallet) {
	p.Name = d.String(maxString)
	p.Storage = scale.DecodeOption(d, func(d *scale.Decoder) PalletStorage {
		return PalletStorage{
			Prefix:  d.String(maxString),
			Entries: scale.DecodeVecFunc(d, maxItems, m.decodeStorageEntry),
		}
	})
	p.Calls = scale.DecodeOption(d, m.decodeEnumRef)
	p.Event = scale.DecodeOption(d, m.decodeEnumRef)
	p.Constants = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) Constant {
		return Constant{d.String(maxString), decodeTypeID(d), d.Bytes(maxBytes), decodeStrings(d), m.decodeDeprecation(d)}
	})
	p.Error = scale.DecodeOption(d, m.decodeEnumRef)
	if m.Version >= 16 {
		p.Associated = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) AssociatedType {
			return AssociatedType{d.String(maxString), decodeTypeID(d), decodeStrings(d)}
		})
		p.ViewFunctions = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (v ViewFunction) {
			d.Array(v.ID[:])
			v.Name = d.String(maxString)
			v.Inputs = decodeParams(d)
			v.Output = decodeTypeID(d)
			v.Docs = decodeStrings(d)
			v.Deprecation = m.decodeDeprecation(d)
			return v
		})
	}
	p.Index = d.U8()
	if m.Version >= 15 {
		p.Docs = decodeStrings(d)
	}
	p.Deprecation = m.decodeDeprecation(d)
	return p
}

func (m *Metadata) appendPallet(b []byte, p Pallet) []byte {
	b = scale.AppendString(b, p.Name)
	b = scale.AppendOption(b, p.Storage, func(b []byte, s PalletStorage) []byte {
		return scale.AppendVecFunc(scale.AppendString(b, s.Prefix), s.Entries, m.appendStorageEntry)
	})
	b = scale.AppendOption(b, p.Calls, m.appendEnumRef)
	b = scale.AppendOption(b, p.Event, m.appendEnumRef)
	b = scale.AppendVecFunc(b, p.Constants, func(b []byte, c Constant) []byte {
		b = scale.AppendBytes(appendTypeID(scale.AppendString(b, c.Name), c.Type), c.Value)
		return m.appendDeprecation(appendStrings(b, c.Docs), c.Deprecation)
	})
	b = scale.AppendOption(b, p.Error, m.appendEnumRef)
	if m.Version >= 16 {
		b = scale.AppendVecFunc(b, p.Associated, func(b []byte, a AssociatedType) []byte {
			return appendStrings(appendTypeID(scale.AppendString(b, a.Name), a.Type), a.Docs)
		})
		b = scale.AppendVecFunc(b, p.ViewFunctions, func(b []byte, v ViewFunction) []byte {
			b = scale.AppendString(append(b, v.ID[:]...), v.Name)
			b = appendTypeID(appendParams(b, v.Inputs), v.Output)
			return m.appendDeprecation(appendStrings(b, v.Docs), v.Deprecation)
		})
	}
	b = append(b, p.Index)
	if m.Version >= 15 {
		b = appendStrings(b, p.Docs)
	}
	return m.appendDeprecation(b, p.Deprecation)
}

func (m *Metadata) decodeStorageEntry(d *scale.Decoder) (e StorageEntry) {
	e.Name = d.String(maxString)
	modifier := d.U8()
	if modifier > 1 {
		d.UnknownVariant("StorageEntryModifier", modifier)
	}
	e.Default = modifier == 1
	switch v := d.U8(); v {
	case 0:
		e.Value = decodeTypeID(d)
	case 1:
		e.IsMap = true
		e.Hashers = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) Hasher {
			h := Hasher(d.U8())
			if h > Identity {
				d.UnknownVariant("StorageHasher", uint8(h))
			}
			return h
		})
		e.Key = decodeTypeID(d)
		e.Value = decodeTypeID(d)
	default:
		d.UnknownVariant("StorageEntryType", v)
	}
	e.DefaultData = d.Bytes(maxBytes)
	e.Docs = decodeStrings(d)
	e.Deprecation = m.decodeDeprecation(d)
	return e
}

func (m *Metadata) appendStorageEntry(b []byte, e StorageEntry) []byte {
	b = scale.AppendBool(scale.AppendString(b, e.Name), e.Default)
	b = scale.AppendBool(b, e.IsMap)
	if e.IsMap {
		b = scale.AppendVecFunc(b, e.Hashers, func(b []byte, h Hasher) []byte { return append(b, byte(h)) })
		b = appendTypeID(b, e.Key)
	}
	b = scale.AppendBytes(appendTypeID(b, e.Value), e.DefaultData)
	return m.appendDeprecation(appendStrings(b, e.Docs), e.Deprecation)
}

func (m *Metadata) decodeEnumRef(d *scale.Decoder) EnumRef {
	e := EnumRef{Type: decodeTypeID(d)}
	if m.Version < 16 {
		return e
	}
	e.Deprecated = scale.DecodeVecFunc(d, 256, func(d *scale.Decoder) DeprecatedVariant {
		v := DeprecatedVariant{Index: d.U8(), Deprecation: m.decodeDeprecation(d)}
		if v.Kind == NotDeprecated {
			d.UnknownVariant("VariantDeprecationInfo", 0)
		}
		return v
	})
	return e
}

func (m *Metadata) appendEnumRef(b []byte, e EnumRef) []byte {
	b = appendTypeID(b, e.Type)
	if m.Version < 16 {
		return b
	}
	return scale.AppendVecFunc(b, e.Deprecated, func(b []byte, v DeprecatedVariant) []byte {
		return m.appendDeprecation(append(b, v.Index), v.Deprecation)
	})
}

func (m *Metadata) decodeDeprecation(d *scale.Decoder) (v Deprecation) {
	if m.Version < 16 {
		return v
	}
	v.Kind = DeprecationKind(d.Variant())
	switch v.Kind {
	case NotDeprecated, DeprecatedBare:
	case DeprecatedNote:
		v.Note = d.String(maxString)
		v.Since = scale.DecodeOption(d, func(d *scale.Decoder) string { return d.String(maxString) })
	default:
		d.UnknownVariant("ItemDeprecationInfo", uint8(v.Kind))
	}
	return v
}

func (m *Metadata) appendDeprecation(b []byte, v Deprecation) []byte {
	if m.Version < 16 {
		return b
	}
	b = append(b, byte(v.Kind))
	if v.Kind == DeprecatedNote {
		b = scale.AppendOption(scale.AppendString(b, v.Note), v.Since, scale.AppendString)
	}
	return b
}

func (m *Metadata) decodeExtrinsic(d *scale.Decoder) {
	x := &m.Extrinsic
	switch m.Version {
	case 14:
		x.Type = decodeTypeID(d)
		x.Versions = []uint8{d.U8()}
	case 15:
		x.Versions = []uint8{d.U8()}
		x.Address, x.Call, x.Signature, x.Extra = decodeTypeID(d), decodeTypeID(d), decodeTypeID(d), decodeTypeID(d)
	default:
		x.Versions = d.Bytes(256)
		x.Address, x.Call, x.Signature = decodeTypeID(d), decodeTypeID(d), decodeTypeID(d)
		x.Pipelines = scale.DecodeVecFunc(d, 256, func(d *scale.Decoder) ExtensionPipeline {
			return ExtensionPipeline{d.U8(), scale.DecodeVecFunc(d, maxItems, (*scale.Decoder).CompactU32)}
		})
	}
	x.Extensions = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) ExtensionDefinition {
		return ExtensionDefinition{d.String(maxString), decodeTypeID(d), decodeTypeID(d)}
	})
}

func (m *Metadata) appendExtrinsic(b []byte) []byte {
	x := &m.Extrinsic
	switch m.Version {
	case 14:
		b = append(appendTypeID(b, x.Type), x.version())
	case 15:
		b = append(b, x.version())
		b = appendTypeID(appendTypeID(appendTypeID(appendTypeID(b, x.Address), x.Call), x.Signature), x.Extra)
	default:
		b = scale.AppendBytes(b, x.Versions)
		b = appendTypeID(appendTypeID(appendTypeID(b, x.Address), x.Call), x.Signature)
		b = scale.AppendVecFunc(b, x.Pipelines, func(b []byte, p ExtensionPipeline) []byte {
			return scale.AppendVecFunc(append(b, p.Version), p.Extensions, func(b []byte, i uint32) []byte {
				return scale.AppendCompact(b, uint64(i))
			})
		})
	}
	return scale.AppendVecFunc(b, x.Extensions, func(b []byte, e ExtensionDefinition) []byte {
		return appendTypeID(appendTypeID(scale.AppendString(b, e.Identifier), e.Type), e.Implicit)
	})
}

// version is the one version that v14 and v15 can state.
func (x *Extrinsic) version() uint8 {
	if len(x.Versions) == 0 {
		return 4
	}
	return x.Versions[0]
}

func (m *Metadata) decodeAPI(d *scale.Decoder) (a API) {
	a.Name = d.String(maxString)
	a.Methods = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) APIMethod {
		return APIMethod{d.String(maxString), decodeParams(d), decodeTypeID(d), decodeStrings(d), m.decodeDeprecation(d)}
	})
	a.Docs = decodeStrings(d)
	if m.Version >= 16 {
		a.Version = d.CompactU32()
	}
	a.Deprecation = m.decodeDeprecation(d)
	return a
}

func (m *Metadata) appendAPI(b []byte, a API) []byte {
	b = scale.AppendString(b, a.Name)
	b = scale.AppendVecFunc(b, a.Methods, func(b []byte, f APIMethod) []byte {
		b = appendTypeID(appendParams(scale.AppendString(b, f.Name), f.Inputs), f.Output)
		return m.appendDeprecation(appendStrings(b, f.Docs), f.Deprecation)
	})
	b = appendStrings(b, a.Docs)
	if m.Version >= 16 {
		b = scale.AppendCompact(b, uint64(a.Version))
	}
	return m.appendDeprecation(b, a.Deprecation)
}

func decodeParams(d *scale.Decoder) []Param {
	return scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) Param {
		return Param{d.String(maxString), decodeTypeID(d)}
	})
}

func appendParams(b []byte, list []Param) []byte {
	return scale.AppendVecFunc(b, list, func(b []byte, p Param) []byte {
		return appendTypeID(scale.AppendString(b, p.Name), p.Type)
	})
}

// check verifies all references to types, so that later code may follow them.
func (m *Metadata) check() error {
	if err := m.Types.check(); err != nil {
		return err
	}
	var bad error
	see := func(id TypeID, where ...string) {
		if int(id) >= len(m.Types) && bad == nil {
			bad = fmt.Errorf("%s has type %d of %d", strings.Join(where, "."), id, len(m.Types))
		}
	}
	seeEnum := func(e *EnumRef, where ...string) {
		if e != nil {
			see(e.Type, where...)
		}
	}
	for i := range m.Pallets {
		p := &m.Pallets[i]
		seeEnum(p.Calls, p.Name, "calls")
		seeEnum(p.Event, p.Name, "event")
		seeEnum(p.Error, p.Name, "error")
		for _, c := range p.Constants {
			see(c.Type, p.Name, c.Name)
		}
		for _, a := range p.Associated {
			see(a.Type, p.Name, a.Name)
		}
		for _, v := range p.ViewFunctions {
			see(v.Output, p.Name, v.Name)
			for _, in := range v.Inputs {
				see(in.Type, p.Name, v.Name, in.Name)
			}
		}
		if p.Storage == nil {
			continue
		}
		for _, e := range p.Storage.Entries {
			see(e.Value, p.Name, e.Name)
			see(e.Key, p.Name, e.Name)
		}
	}
	x := &m.Extrinsic
	for _, id := range []TypeID{x.Type, x.Address, x.Call, x.Signature, x.Extra, m.Runtime, m.Outer.Call, m.Outer.Event, m.Outer.Error} {
		see(id, "extrinsic")
	}
	for _, e := range x.Extensions {
		see(e.Type, "extension", e.Identifier)
		see(e.Implicit, "extension", e.Identifier)
	}
	for _, p := range x.Pipelines {
		for _, i := range p.Extensions {
			if int(i) >= len(x.Extensions) && bad == nil {
				bad = fmt.Errorf("extension version %d names extension %d of %d", p.Version, i, len(x.Extensions))
			}
		}
	}
	for _, a := range m.APIs {
		for _, f := range a.Methods {
			see(f.Output, a.Name, f.Name)
			for _, in := range f.Inputs {
				see(in.Type, a.Name, f.Name, in.Name)
			}
		}
	}
	for _, c := range m.Custom {
		see(c.Type, "custom", c.Name)
	}
	return bad
}
