package frame

import (
	"pileus/frame/host"
	"pileus/primitives"
	"pileus/scale"
)

// API is a runtime API: functions that the node calls by the name Trait_method.
type API struct {
	Name    string
	Version uint32
	Methods []Method
}

// Method is a function of an API. Run gets the encoded arguments and returns the encoded
// result; arguments that do not decode panic, which ends the call.
type Method struct {
	Name   string
	Inputs []TypeField
	Output TypeOf
	Run    func(args *scale.Decoder) []byte
}

// Call runs a function of the runtime, such as Core_version, on the storage at hand. It
// panics if the function does not exist, its arguments do not decode, or the runtime
// itself panics.
func (r *Runtime) Call(name string, args []byte) []byte {
	m := r.method(name)
	if m == nil {
		panic("the runtime has no function " + name)
	}
	r.layers = 0
	d := scale.NewDecoder(args)
	return m.Run(d)
}

// Has tells whether the runtime has a function of that name.
func (r *Runtime) Has(name string) bool { return r.method(name) != nil }

func (r *Runtime) method(name string) *Method {
	for i := range r.apis {
		a := &r.apis[i]
		n := len(a.Name)
		if len(name) <= n || name[:n] != a.Name || name[n] != '_' {
			continue
		}
		for j := range a.Methods {
			if a.Methods[j].Name == name[n+1:] {
				return &a.Methods[j]
			}
		}
	}
	return nil
}

// Functions lists the names of all functions, as the Wasm exports them.
func (r *Runtime) Functions() (names []string) {
	for _, a := range r.apis {
		for _, m := range a.Methods {
			names = append(names, a.Name+"_"+m.Name)
		}
	}
	return names
}

// must ends the call if the arguments did not decode.
func must(d *scale.Decoder) {
	if err := d.Finish(); err != nil {
		panic("Bad input data provided: " + err.Error())
	}
}

// Answer is a method without arguments.
func Answer[T any](name string, c Codec[T], f func() T) Method {
	return Method{Name: name, Output: c.Type, Run: func(d *scale.Decoder) []byte {
		must(d)
		return c.Encode(nil, f())
	}}
}

// Answer1 is a method with one argument.
func Answer1[A, T any](name string, a Argument[A], c Codec[T], f func(A) T) Method {
	return Method{Name: name, Inputs: []TypeField{a.field()}, Output: c.Type, Run: func(d *scale.Decoder) []byte {
		x := a.Codec.Decode(d)
		must(d)
		return c.Encode(nil, f(x))
	}}
}

// Answer2 is a method with two arguments.
func Answer2[A, B, T any](name string, a Argument[A], b Argument[B], c Codec[T], f func(A, B) T) Method {
	return Method{Name: name, Inputs: []TypeField{a.field(), b.field()}, Output: c.Type, Run: func(d *scale.Decoder) []byte {
		x, y := a.Codec.Decode(d), b.Codec.Decode(d)
		must(d)
		return c.Encode(nil, f(x, y))
	}}
}

// Answer3 is a method with three arguments.
func Answer3[A, B, C, T any](name string, a Argument[A], b Argument[B], c Argument[C], out Codec[T], f func(A, B, C) T) Method {
	return Method{Name: name, Inputs: []TypeField{a.field(), b.field(), c.field()}, Output: out.Type, Run: func(d *scale.Decoder) []byte {
		x, y, z := a.Codec.Decode(d), b.Codec.Decode(d), c.Codec.Decode(d)
		must(d)
		return out.Encode(nil, f(x, y, z))
	}}
}

// HeaderCodec is the codec of a block header.
var HeaderCodec = Codec[primitives.Header]{
	func(b []byte, h primitives.Header) []byte { return h.EncodeTo(b) },
	func(d *scale.Decoder) (h primitives.Header) {
		h.DecodeFrom(d)
		return h
	},
	TypeHeader,
}

// Encoded is the codec of a value that is encoded already.
func Encoded(t TypeOf) Codec[[]byte] { return rawList(t) }

// ExtrinsicCodec takes an extrinsic as its bytes, with the length.
var ExtrinsicCodec = Codec[[]byte]{Decode: decodeOpaque, Type: typeExtrinsic}

// coreAPIs are the APIs that every runtime has, with those of the runtime before GenesisBuilder.
func (r *Runtime) coreAPIs(more []API) []API {
	block := Codec[primitives.Block]{Decode: func(d *scale.Decoder) (b primitives.Block) {
		b.DecodeFrom(d)
		return b
	}, Type: typeLazyBlock}
	list := []API{
		{"Core", 5, []Method{
			Answer("version", Encoded(typeVersion), func() []byte { return r.Version.encode(nil, r.apis) }),
			Answer1("execute_block", Arg("block", block), Unit, func(b primitives.Block) struct{} {
				r.ExecuteBlock(&b)
				return struct{}{}
			}),
			Answer1("initialize_block", Arg("header", HeaderCodec), U8.Named(simpleEnum("sp_runtime::ExtrinsicInclusionMode", "AllExtrinsics", "OnlyInherents")), func(h primitives.Header) uint8 {
				r.InitializeBlock(&h)
				return 0
			}),
		}},
		{"Metadata", 2, []Method{
			Answer("metadata", Bytes.Named(typeOpaqueMetadata), func() []byte { return r.Metadata(14).Encode() }),
			Answer1("metadata_at_version", Arg("version", U32), Option(Bytes.Named(typeOpaqueMetadata)), r.metadataAt),
			Answer("metadata_versions", Vec(U32), func() []uint32 { return []uint32{14, 15} }),
		}},
		{"BlockBuilder", 6, []Method{
			Answer1("apply_extrinsic", Arg("extrinsic", ExtrinsicCodec), Encoded(ResultOf(TypeResult, typeValidityError)), r.ApplyExtrinsic),
			Answer("finalize_block", HeaderCodec, r.FinalizeBlock),
			Answer1("inherent_extrinsics", Arg("inherent", inherentCodec), Vec(Encoded(typeExtrinsic)), r.InherentExtrinsics),
			Answer2("check_inherents", Arg("block", block), Arg("data", inherentCodec), Encoded(typeCheckResult), r.checkInherents),
		}},
		{"TaggedTransactionQueue", 3, []Method{
			Answer3("validate_transaction", Arg("source", U8.Named(simpleEnum("sp_runtime::transaction_validity::TransactionSource", "InBlock", "Local", "External"))),
				Arg("tx", ExtrinsicCodec), Arg("block_hash", Hash), Encoded(ResultOf(typeValidTransaction, typeValidityError)), r.ValidateTransaction),
		}},
		{"OffchainWorkerApi", 2, []Method{
			Answer1("offchain_worker", Arg("header", HeaderCodec), Unit, func(primitives.Header) struct{} { return struct{}{} }),
		}},
	}
	if r.SessionKey != ([4]byte{}) {
		list = append(list, r.sessionKeysAPI())
	}
	list = append(list, more...)
	return append(list, API{"GenesisBuilder", 1, []Method{
		Answer1("build_state", Arg("json", Bytes), Encoded(ResultOf(TypeUnit, TypeStr)), r.BuildState),
		Answer1("get_preset", Arg("id", Option(String)), Option(Bytes), r.Preset),
		Answer("preset_names", Vec(String), func() (names []string) {
			for _, p := range r.Presets {
				names = append(names, p.Name)
			}
			return names
		}),
	}})
}

// decodeOpaque takes an extrinsic with its length.
func decodeOpaque(d *scale.Decoder) []byte {
	b := d.Rest()
	before := d.Left()
	n := d.Len(d.Left(), 1)
	d.Fixed(n)
	return b[:before-d.Left()]
}

func (r *Runtime) metadataAt(version uint32) *[]byte {
	if version != 14 && version != 15 {
		return nil
	}
	b := r.Metadata(uint8(version)).Encode()
	return &b
}

// checkInherents finds nothing: a block with a wrong inherent does not execute.
func (r *Runtime) checkInherents(primitives.Block, primitives.InherentData) []byte {
	return []byte{1, 0, 0}
}

// sessionKeysAPI hands out one session key, of the node's keystore.
func (r *Runtime) sessionKeysAPI() API {
	keys := Struct("sp_session::runtime_api::OpaqueGeneratedSessionKeys", nil, TypeField{"keys", TypeBytes, "Vec<u8>"}, TypeField{"proof", TypeBytes, "Vec<u8>"})
	keyType := Struct("sp_core::crypto::KeyTypeId", nil, TypeField{"", ArrayOf(TypeU8, 4), "[u8; 4]"})
	return API{"SessionKeys", 2, []Method{
		Answer2("generate_session_keys", Arg("owner", Bytes), Arg("seed", Option(Bytes)), Encoded(keys), func(owner []byte, seed *[]byte) []byte {
			var uri []byte
			if seed != nil {
				uri = append([]byte{}, *seed...)
			}
			public := host.Sr25519Generate(r.SessionKey, uri)
			sig, ok := host.Sr25519Sign(r.SessionKey, &public, append([]byte("POP_"), owner...))
			if !ok {
				panic("the keystore does not sign with the key that it made")
			}
			return scale.AppendBytes(scale.AppendBytes(nil, public[:]), sig[:])
		}),
		Answer1("decode_session_keys", Arg("encoded", Bytes), Encoded(OptionOf(SequenceOf(TupleOf(TypeBytes, keyType)))), func(b []byte) []byte {
			if len(b) != 32 {
				return []byte{0}
			}
			return append(scale.AppendBytes([]byte{1, 4}, b), r.SessionKey[:]...)
		}),
	}}
}

// AccountNonceAPI answers with the nonce that an account's next transaction needs.
func (s *System) AccountNonceAPI() API {
	return API{"AccountNonceApi", 1, []Method{
		Answer1("account_nonce", Arg("account", Account), U32, func(who AccountID) uint32 { return s.Account.Get(who).Nonce }),
	}}
}

// maxInherents bounds the items of inherent data.
const maxInherents = 1 << 10

var inherentCodec = Codec[primitives.InherentData]{
	Decode: func(d *scale.Decoder) primitives.InherentData {
		n := d.Len(maxInherents, 9)
		data := make(primitives.InherentData, n)
		for range n {
			var id primitives.InherentID
			d.Array(id[:])
			data[id] = d.Bytes(d.Left())
		}
		return data
	},
	Type: typeInherentData,
}

var (
	typeOpaqueMetadata = Struct("sp_core::OpaqueMetadata", nil, TypeField{"", TypeBytes, "Vec<u8>"})
	typeOpaque         = Struct("sp_runtime::OpaqueExtrinsic", nil, TypeField{"", TypeBytes, "Vec<u8>"})
	typeLazyBlock      = Struct("sp_runtime::generic::block::LazyBlock", []TypeParam{{"Header", TypeHeader}, {"Extrinsic", typeExtrinsic}},
		TypeField{"header", TypeHeader, "Header"}, TypeField{"extrinsics", SequenceOf(typeOpaque), "Vec<OpaqueExtrinsic>"})
	typeInherentData = Struct("sp_inherents::InherentData", nil, TypeField{"data", MapOf(ArrayOf(TypeU8, 8), TypeBytes), "BTreeMap<InherentIdentifier, Vec<u8>>"})
	typeCheckResult  = Struct("sp_inherents::CheckInherentsResult", nil,
		TypeField{"okay", TypeBool, "bool"}, TypeField{"fatal_error", TypeBool, "bool"}, TypeField{"errors", typeInherentData, "InherentData"})
	typeValidTransaction = Struct("sp_runtime::transaction_validity::ValidTransaction", nil,
		TypeField{"priority", TypeU64, "TransactionPriority"}, TypeField{"requires", SequenceOf(TypeBytes), "Vec<TransactionTag>"},
		TypeField{"provides", SequenceOf(TypeBytes), "Vec<TransactionTag>"}, TypeField{"longevity", TypeU64, "TransactionLongevity"}, TypeField{"propagate", TypeBool, "bool"})
	typeValidityError = Enum("sp_runtime::transaction_validity::TransactionValidityError", nil,
		EnumVariant{0, "Invalid", []TypeField{{"", withCustom("InvalidTransaction", invalidNames[:]), "InvalidTransaction"}}, ""},
		EnumVariant{1, "Unknown", []TypeField{{"", withCustom("UnknownTransaction", unknownNames[:]), "UnknownTransaction"}}, ""})
)

func withCustom(name string, names []string) TypeOf {
	var list []EnumVariant
	for i, n := range names {
		v := EnumVariant{Index: uint8(i), Name: n}
		if n == "Custom" {
			v.Fields = []TypeField{{"", TypeU8, "u8"}}
		}
		list = append(list, v)
	}
	return Enum("sp_runtime::transaction_validity::"+name, nil, list...)
}
