package metadata

import (
	"pileus/scale"
)

// Ids of the types of sample.
const (
	tU8 TypeID = iota
	tU32
	tU128
	tBool
	tStr
	tChar
	tI16
	tBytes      // Vec<u8>
	tHash       // H256([u8; 32])
	tArray32    // [u8; 32]
	tAccount    // AccountId32
	tUnit       // ()
	tCompact128 // Compact<u128>
	tCompact32  // Compact<u32>
	tIndex      // Compact<()>
	tAddress    // MultiAddress
	tSig64      // [u8; 64]
	tSignature  // MultiSignature
	tPair       // (u32, str)
	tList       // Vec<(u32, str)>
	tBits       // BitVec<u8, Lsb0>
	tBitsMsb    // BitVec<u16, Msb0>
	tMsb        // Msb0
	tU16
	tOption // Option<u32>
	tRecord // struct { a: u32, b: bool }
	tCall   // the pallet's calls
	tEvent
	tError
	tRuntimeCall
	tRuntimeEvent
	tVersion // RuntimeVersion
	tNonce   // CheckNonce(Compact<u32>)
	tPayment // ChargeTransactionPayment(Compact<u128>)
	tEra
	tMode    // Mode { Disabled, Enabled }
	tMeta    // CheckMetadataHash { mode }
	tOptHash // Option<[u8; 32]>
	tXt
	tI256
	tVerify // VerifySignature
	tAsset  // ChargeAssetTxPayment
	tOpaque // enum without an empty variant
	tTypes  // how many there are
)

func id(t TypeID) *TypeID { return &t }

func named(list ...any) (fields []Field) {
	for i := 0; i < len(list); i += 2 {
		fields = append(fields, Field{Name: list[i].(string), Type: list[i+1].(TypeID)})
	}
	return fields
}

func prim(p Primitive) Type { return Type{Def: TypeDef{Kind: DefPrimitive, Primitive: p}} }

func newtype(of TypeID, path ...string) Type {
	return Type{Path: path, Def: TypeDef{Kind: DefComposite, Fields: []Field{{Type: of}}}}
}

func enum(path []string, variants ...VariantDef) Type {
	return Type{Path: path, Def: TypeDef{Kind: DefVariant, Variants: variants}}
}

func option(of TypeID) Type {
	t := enum([]string{"Option"}, VariantDef{Name: "None"}, VariantDef{Name: "Some", Index: 1, Fields: []Field{{Type: of}}})
	t.Params = []TypeParam{{"T", id(of)}}
	return t
}

// sample is hand-made metadata that has every kind of type, in the given version.
func sample(version uint8) *Metadata {
	r := make(Registry, tTypes)
	for p, at := range map[Primitive]TypeID{PrimU8: tU8, PrimU16: tU16, PrimU32: tU32, PrimU128: tU128, PrimBool: tBool, PrimStr: tStr, PrimChar: tChar, PrimI16: tI16, PrimI256: tI256} {
		r[at] = prim(p)
	}
	r[tBytes] = Type{Def: TypeDef{Kind: DefSequence, Elem: tU8}}
	r[tArray32] = Type{Def: TypeDef{Kind: DefArray, Elem: tU8, Len: 32}}
	r[tSig64] = Type{Def: TypeDef{Kind: DefArray, Elem: tU8, Len: 64}}
	r[tHash] = newtype(tArray32, "primitive_types", "H256")
	r[tAccount] = newtype(tArray32, "sp_core", "crypto", "AccountId32")
	r[tUnit] = Type{Def: TypeDef{Kind: DefTuple}}
	r[tCompact128] = Type{Def: TypeDef{Kind: DefCompact, Elem: tU128}}
	r[tCompact32] = Type{Def: TypeDef{Kind: DefCompact, Elem: tU32}}
	r[tIndex] = Type{Def: TypeDef{Kind: DefCompact, Elem: tUnit}}
	r[tAddress] = enum([]string{"sp_runtime", "multiaddress", "MultiAddress"},
		VariantDef{Name: "Id", Fields: []Field{{Type: tAccount}}},
		VariantDef{Name: "Index", Index: 1, Fields: []Field{{Type: tIndex}}},
		VariantDef{Name: "Raw", Index: 2, Fields: []Field{{Type: tBytes}}})
	r[tSignature] = enum([]string{"sp_runtime", "MultiSignature"},
		VariantDef{Name: "Ed25519", Fields: []Field{{Type: tSig64}}},
		VariantDef{Name: "Sr25519", Index: 1, Fields: []Field{{Type: tSig64}}})
	r[tPair] = Type{Def: TypeDef{Kind: DefTuple, Tuple: []TypeID{tU32, tStr}}}
	r[tList] = Type{Def: TypeDef{Kind: DefSequence, Elem: tPair}}
	r[tMsb] = Type{Path: []string{"bitvec", "order", "Msb0"}, Def: TypeDef{Kind: DefComposite}}
	r[tBits] = Type{Def: TypeDef{Kind: DefBitSequence, Store: tU8, Order: tUnit}}
	r[tBitsMsb] = Type{Def: TypeDef{Kind: DefBitSequence, Store: tU16, Order: tMsb}}
	r[tOption] = option(tU32)
	r[tOptHash] = option(tArray32)
	r[tRecord] = Type{Path: []string{"sample", "Record"}, Def: TypeDef{Kind: DefComposite, Fields: named("a", tU32, "b", tBool)}}
	r[tCall] = enum([]string{"sample", "Call"},
		VariantDef{Name: "remark", Index: 3, Fields: named("remark", tBytes), Docs: []string{"Says something."}},
		VariantDef{Name: "transfer", Index: 7, Fields: named("dest", tAddress, "value", tCompact128)})
	r[tEvent] = enum([]string{"sample", "Event"}, VariantDef{Name: "Sent", Index: 1, Fields: named("to", tAccount, "amount", tU128)})
	r[tError] = enum([]string{"sample", "Error"}, VariantDef{Name: "TooPoor", Index: 4})
	r[tRuntimeCall] = enum([]string{"guide", "RuntimeCall"}, VariantDef{Name: "System", Index: 9, Fields: []Field{{Type: tCall}}})
	r[tRuntimeEvent] = enum([]string{"guide", "RuntimeEvent"}, VariantDef{Name: "System", Index: 9, Fields: []Field{{Type: tEvent}}})
	r[tVersion] = Type{Def: TypeDef{Kind: DefComposite, Fields: named("spec_name", tStr, "spec_version", tU32, "transaction_version", tU32)}}
	r[tNonce] = newtype(tCompact32, "frame_system", "CheckNonce")
	r[tPayment] = newtype(tCompact128, "pallet_transaction_payment", "ChargeTransactionPayment")
	r[tEra] = enum([]string{"sp_runtime", "generic", "era", "Era"}, VariantDef{Name: "Immortal"}, VariantDef{Name: "Mortal165", Index: 165, Fields: []Field{{Type: tU8}}})
	r[tMode] = enum([]string{"Mode"}, VariantDef{Name: "Disabled"}, VariantDef{Name: "Enabled", Index: 1})
	r[tMeta] = Type{Path: []string{"CheckMetadataHash"}, Def: TypeDef{Kind: DefComposite, Fields: named("mode", tMode)}}
	r[tXt] = newtype(tBytes, "sp_runtime", "generic", "unchecked_extrinsic", "UncheckedExtrinsic")
	r[tXt].Params = []TypeParam{{"Address", id(tAddress)}, {"Call", id(tRuntimeCall)}, {"Signature", id(tSignature)}, {"Extra", nil}}
	r[tVerify] = enum([]string{"pallet_verify_signature", "extension", "VerifySignature"},
		VariantDef{Name: "Disabled"}, VariantDef{Name: "Signed", Index: 1, Fields: named("signature", tSignature, "account", tAccount)})
	r[tAsset] = Type{Path: []string{"ChargeAssetTxPayment"}, Def: TypeDef{Kind: DefComposite, Fields: named("tip", tCompact128, "asset_id", tOption)}}
	r[tOpaque] = enum([]string{"Opaque"}, VariantDef{Name: "Must", Fields: []Field{{Type: tU32}}})
	since := "2.0"
	m := &Metadata{
		Version: version,
		Types:   r,
		Pallets: []Pallet{{
			Name: "System",
			Storage: &PalletStorage{Prefix: "System", Entries: []StorageEntry{
				{Name: "Number", Default: true, Value: tU32, DefaultData: []byte{7, 0, 0, 0}, Docs: []string{"The block's number."}},
				{Name: "Account", IsMap: true, Hashers: []Hasher{Blake2_128Concat}, Key: tAccount, Value: tRecord, DefaultData: []byte{0}},
				{Name: "Pairs", IsMap: true, Hashers: []Hasher{Twox64Concat, Identity}, Key: tPair, Value: tU32, DefaultData: []byte{0}},
			}},
			Calls:     &EnumRef{Type: tCall},
			Event:     &EnumRef{Type: tEvent},
			Error:     &EnumRef{Type: tError},
			Constants: []Constant{{Name: "Version", Type: tVersion, Value: append(scale.AppendString(nil, "guide"), 3, 0, 0, 0, 1, 0, 0, 0)}},
			Index:     9,
		}},
		Extrinsic: Extrinsic{
			Versions: []uint8{4}, Address: tAddress, Call: tRuntimeCall, Signature: tSignature,
			Extensions: []ExtensionDefinition{
				{"CheckNonZeroSender", tUnit, tUnit},
				{"CheckSpecVersion", tUnit, tU32},
				{"CheckTxVersion", tUnit, tU32},
				{"CheckGenesis", tUnit, tHash},
				{"CheckMortality", tEra, tHash},
				{"CheckNonce", tNonce, tUnit},
				{"ChargeTransactionPayment", tPayment, tUnit},
				{"CheckMetadataHash", tMeta, tOptHash},
			},
		},
		Outer: OuterEnums{tRuntimeCall, tRuntimeEvent, tError},
	}
	switch version {
	case 14:
		m.Extrinsic.Type = tXt
		m.Outer.Error = 0
	case 15:
		m.Extrinsic.Extra = tUnit
	case 16:
		m.Extrinsic.Versions = []uint8{4, 5}
		m.Extrinsic.Pipelines = []ExtensionPipeline{{0, []uint32{0, 1, 2, 3, 4, 5, 6, 7}}}
		p := &m.Pallets[0]
		p.Calls.Deprecated = []DeprecatedVariant{{3, Deprecation{DeprecatedNote, "use another", &since}}}
		p.Constants[0].Deprecation = Deprecation{Kind: DeprecatedBare}
		p.Associated = []AssociatedType{{Name: "AccountId", Type: tAccount}}
		p.ViewFunctions = []ViewFunction{{ID: [32]byte{1, 2}, Name: "look", Inputs: []Param{{"at", tU32}}, Output: tBool}}
	}
	if version >= 15 {
		m.Pallets[0].Docs = []string{"The base."}
		m.APIs = []API{{Name: "Core", Methods: []APIMethod{{Name: "version", Inputs: []Param{{"x", tU8}}, Output: tVersion}}}}
		m.Custom = []CustomValue{{"note", tU8, []byte{5}}}
	} else {
		m.Runtime = tUnit
	}
	return m
}
