package frame

import "pileus/metadata"

// Metadata describes the runtime from its declarations, in version 14 or 15. Constants
// are evaluated on the storage at hand.
func (r *Runtime) Metadata(version uint8) *metadata.Metadata {
	t := &Types{known: map[string]metadata.TypeID{}, runtime: r}
	m := &metadata.Metadata{Version: version}
	m.Extrinsic = r.describeExtrinsic(t, version)
	for _, p := range r.bases {
		m.Pallets = append(m.Pallets, p.describe(t, version))
	}
	m.Runtime = Struct(r.Crate+"::Runtime", nil)(t)
	event := r.eventType(t)
	if version >= 15 {
		m.Outer = metadata.OuterEnums{Call: r.callType(t), Event: event, Error: r.errorType(t)}
		for _, a := range r.apis {
			m.APIs = append(m.APIs, a.describe(t))
		}
	}
	m.Types = t.reg
	return m
}

// typeExtrinsic has the four parameters by which clients find address, call, signature
// and extensions.
func typeExtrinsic(t *Types) metadata.TypeID {
	return Struct("sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
		[]TypeParam{{"Address", TypeAddress}, {"Call", TypeRuntimeCall}, {"Signature", typeSignature}, {"Extra", t.runtime.extraType()}},
		TypeField{Type: TypeBytes})(t)
}

var typeSignature = Enum("sp_runtime::MultiSignature", nil,
	EnumVariant{0, "Ed25519", []TypeField{{"", ArrayOf(TypeU8, 64), "ed25519::Signature"}}, ""},
	EnumVariant{1, "Sr25519", []TypeField{{"", ArrayOf(TypeU8, 64), "sr25519::Signature"}}, ""},
	EnumVariant{2, "Ecdsa", []TypeField{{"", ArrayOf(TypeU8, 65), "ecdsa::Signature"}}, ""},
	EnumVariant{3, "Eth", []TypeField{{"", ArrayOf(TypeU8, 65), "ecdsa::KeccakSignature"}}, ""})

// extraType is the tuple of what the extensions put into an extrinsic.
func (r *Runtime) extraType() TypeOf {
	var parts []TypeOf
	for i := range r.Extensions {
		parts = append(parts, r.Extensions[i].Type)
	}
	return TupleOf(parts...)
}

func (r *Runtime) describeExtrinsic(t *Types, version uint8) metadata.Extrinsic {
	x := metadata.Extrinsic{Versions: []uint8{4}}
	x.Address, x.Call, x.Signature, x.Extra = TypeAddress(t), TypeRuntimeCall(t), typeSignature(t), r.extraType()(t)
	if version == 14 {
		x.Type = typeExtrinsic(t)
	}
	for i := range r.Extensions {
		e := &r.Extensions[i]
		x.Extensions = append(x.Extensions, metadata.ExtensionDefinition{Identifier: e.Identifier, Type: e.Type(t), Implicit: e.Implicit(t)})
	}
	return x
}

func (p *Pallet) describe(t *Types, version uint8) metadata.Pallet {
	out := metadata.Pallet{Name: p.Name, Index: p.Index}
	if len(p.items) > 0 {
		out.Storage = &metadata.PalletStorage{Prefix: p.Name}
		for _, i := range p.items {
			out.Storage.Entries = append(out.Storage.Entries, i.describe(t))
		}
	}
	if p.hasCalls {
		out.Calls = &metadata.EnumRef{Type: p.callType(t)}
	}
	if len(p.events) > 0 {
		out.Event = &metadata.EnumRef{Type: p.eventType(t)}
	}
	if len(p.errors) > 0 {
		out.Error = &metadata.EnumRef{Type: p.errorType(t)}
	}
	for _, c := range p.constants {
		out.Constants = append(out.Constants, metadata.Constant{Name: c.name, Type: c.typ(t), Value: c.value(), Docs: docLines(c.docs)})
	}
	return out
}

func (i *item) describe(t *Types) metadata.StorageEntry {
	e := metadata.StorageEntry{Name: i.name, Default: !i.optional, Value: i.value(t), DefaultData: []byte{0}}
	if !i.optional {
		e.DefaultData = i.initial()
	}
	if len(i.hashers) > 0 {
		e.IsMap, e.Hashers, e.Key = true, i.hashers, i.keys[0](t)
		if len(i.keys) > 1 {
			e.Key = TupleOf(i.keys...)(t)
		}
	}
	return e
}

// params are the type parameters of the pallet's enums.
func (p *Pallet) params() []TypeParam {
	if p.Instance {
		return []TypeParam{{"T", nil}, {"I", nil}}
	}
	return []TypeParam{{"T", nil}}
}

func (p *Pallet) callType(t *Types) metadata.TypeID {
	var list []EnumVariant
	for _, c := range p.calls {
		list = append(list, EnumVariant{c.Index, c.Name, c.fields, c.Docs})
	}
	return Enum(p.Crate+"::pallet::Call", p.params(), list...)(t)
}

func (p *Pallet) eventType(t *Types) metadata.TypeID {
	return Enum(p.Crate+"::pallet::Event", p.params(), p.events...)(t)
}

func (p *Pallet) errorType(t *Types) metadata.TypeID {
	var list []EnumVariant
	for _, e := range p.errors {
		list = append(list, EnumVariant{Index: e.Index, Name: e.Name, Docs: e.Docs})
	}
	return Enum(p.Crate+"::pallet::Error", p.params(), list...)(t)
}

// outer is an enum over the pallets that have what part describes.
func (r *Runtime) outer(t *Types, name string, has func(*Pallet) bool, part func(*Pallet) TypeOf) metadata.TypeID {
	var list []EnumVariant
	for _, p := range r.bases {
		if has(p) {
			list = append(list, EnumVariant{Index: p.Index, Name: p.Name, Fields: []TypeField{{"", part(p), p.Crate + "::" + name[len("Runtime"):] + "<Runtime>"}}})
		}
	}
	return Enum(r.Crate+"::"+name, nil, list...)(t)
}

func (r *Runtime) callType(t *Types) metadata.TypeID {
	return r.outer(t, "RuntimeCall", func(p *Pallet) bool { return p.hasCalls }, func(p *Pallet) TypeOf { return p.callType })
}

func (r *Runtime) eventType(t *Types) metadata.TypeID {
	return r.outer(t, "RuntimeEvent", func(p *Pallet) bool { return len(p.events) > 0 }, func(p *Pallet) TypeOf { return p.eventType })
}

func (r *Runtime) errorType(t *Types) metadata.TypeID {
	return r.outer(t, "RuntimeError", func(p *Pallet) bool { return len(p.errors) > 0 }, func(p *Pallet) TypeOf { return p.errorType })
}

func (a API) describe(t *Types) metadata.API {
	out := metadata.API{Name: a.Name, Version: a.Version}
	for _, m := range a.Methods {
		method := metadata.APIMethod{Name: m.Name, Output: m.Output(t)}
		for _, i := range m.Inputs {
			method.Inputs = append(method.Inputs, metadata.Param{Name: i.Name, Type: i.Type(t)})
		}
		out.Methods = append(out.Methods, method)
	}
	return out
}

// TypeHoldReason and TypeFreezeReason are the runtime's enums of what holds and freezes a
// balance. No pallet of the SDK does either: they have no variants.
var (
	TypeHoldReason   = TypeOf(func(t *Types) metadata.TypeID { return Enum(t.runtime.Crate+"::RuntimeHoldReason", nil)(t) })
	TypeFreezeReason = TypeOf(func(t *Types) metadata.TypeID { return Enum(t.runtime.Crate+"::RuntimeFreezeReason", nil)(t) })
)
