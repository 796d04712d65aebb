package frame

import (
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// AccountInfo is what the chain keeps of an account. It exists as long as it has a
// provider or is sufficient by itself.
type AccountInfo struct {
	Nonce       uint32
	Consumers   uint32 // what depends on it
	Providers   uint32 // what makes it exist
	Sufficients uint32
	Data        AccountData
}

// AccountData are an account's balances (pallet_balances::AccountData).
type AccountData struct {
	Free     Balance
	Reserved Balance
	Frozen   Balance
	Flags    Balance
}

// newLogic is the flag of accounts whose references are counted in the present way.
var newLogic = Balance{Hi: 1 << 63}

// NewAccountData is that of an account that does not exist.
func NewAccountData() AccountData { return AccountData{Flags: newLogic} }

// EncodeTo appends the SCALE encoding.
func (a AccountData) EncodeTo(b []byte) []byte {
	b = scale.AppendU128(scale.AppendU128(b, a.Free), a.Reserved)
	return scale.AppendU128(scale.AppendU128(b, a.Frozen), a.Flags)
}

// DecodeFrom reads the SCALE encoding.
func (a *AccountData) DecodeFrom(d *scale.Decoder) {
	a.Free, a.Reserved, a.Frozen, a.Flags = d.U128(), d.U128(), d.U128(), d.U128()
}

// EncodeTo appends the SCALE encoding.
func (a AccountInfo) EncodeTo(b []byte) []byte {
	b = scale.AppendU32(scale.AppendU32(b, a.Nonce), a.Consumers)
	return a.Data.EncodeTo(scale.AppendU32(scale.AppendU32(b, a.Providers), a.Sufficients))
}

// DecodeFrom reads the SCALE encoding.
func (a *AccountInfo) DecodeFrom(d *scale.Decoder) {
	a.Nonce, a.Consumers, a.Providers, a.Sufficients = d.U32(), d.U32(), d.U32(), d.U32()
	a.Data.DecodeFrom(d)
}

// Plain functions: through [Sized] each value would lie on the heap.
func encodeAccountInfo(b []byte, a AccountInfo) []byte { return a.EncodeTo(b) }

func decodeAccountInfo(d *scale.Decoder) (a AccountInfo) {
	a.DecodeFrom(d)
	return a
}

func encodePhase(b []byte, p Phase) []byte { return p.EncodeTo(b) }

func decodePhase(d *scale.Decoder) (p Phase) {
	p.DecodeFrom(d)
	return p
}

// Phase is when in a block an event arises.
type Phase struct {
	Kind  uint8
	Index uint32 // of phaseApply: the extrinsic
}

const (
	phaseApply          = 0
	phaseFinalization   = 1
	phaseInitialization = 2
)

// EncodeTo appends the SCALE encoding.
func (p Phase) EncodeTo(b []byte) []byte {
	if b = append(b, p.Kind); p.Kind == phaseApply {
		b = scale.AppendU32(b, p.Index)
	}
	return b
}

// DecodeFrom reads the SCALE encoding.
func (p *Phase) DecodeFrom(d *scale.Decoder) {
	if *p = (Phase{Kind: d.Variant()}); p.Kind == phaseApply {
		p.Index = d.U32()
	}
}

// LastRuntimeUpgrade is the version that the chain last ran.
type LastRuntimeUpgrade struct {
	SpecVersion uint32
	SpecName    string
}

// EncodeTo appends the SCALE encoding.
func (l LastRuntimeUpgrade) EncodeTo(b []byte) []byte {
	return scale.AppendString(scale.AppendCompact(b, uint64(l.SpecVersion)), l.SpecName)
}

// DecodeFrom reads the SCALE encoding.
func (l *LastRuntimeUpgrade) DecodeFrom(d *scale.Decoder) {
	l.SpecVersion, l.SpecName = d.CompactU32(), d.String(MaxBytes)
}

// CodeUpgradeAuthorization is code that anybody may put in force.
type CodeUpgradeAuthorization struct {
	CodeHash     hashing.Hash
	CheckVersion bool
}

// EncodeTo appends the SCALE encoding.
func (c CodeUpgradeAuthorization) EncodeTo(b []byte) []byte {
	return scale.AppendBool(c.CodeHash.EncodeTo(b), c.CheckVersion)
}

// DecodeFrom reads the SCALE encoding.
func (c *CodeUpgradeAuthorization) DecodeFrom(d *scale.Decoder) {
	d.Array(c.CodeHash[:])
	c.CheckVersion = d.Bool()
}

// dispatchEventInfo is what events say of an extrinsic's cost.
type dispatchEventInfo struct {
	weight Weight
	class  DispatchClass
	pays   Pays
}

var (
	typeAccountData = Struct("pallet_balances::types::AccountData", []TypeParam{{"Balance", TypeU128}},
		TypeField{"free", TypeU128, "Balance"}, TypeField{"reserved", TypeU128, "Balance"}, TypeField{"frozen", TypeU128, "Balance"},
		TypeField{"flags", Struct("pallet_balances::types::ExtraFlags", nil, TypeField{"", TypeU128, "u128"}), "ExtraFlags"})
	accountInfoCodec = Codec[AccountInfo]{encodeAccountInfo, decodeAccountInfo, Struct("frame_system::AccountInfo", []TypeParam{{"Nonce", TypeU32}, {"AccountData", typeAccountData}},
		TypeField{"nonce", TypeU32, "Nonce"}, TypeField{"consumers", TypeU32, "RefCount"}, TypeField{"providers", TypeU32, "RefCount"},
		TypeField{"sufficients", TypeU32, "RefCount"}, TypeField{"data", typeAccountData, "AccountData"})}
	// AccountDataCodec is the codec of balances.
	AccountDataCodec = Sized[AccountData](typeAccountData)

	consumedCodec = Codec[PerDispatchClass]{
		func(b []byte, p PerDispatchClass) []byte { return p.EncodeTo(b) },
		func(d *scale.Decoder) (p PerDispatchClass) {
			for i := range p {
				p[i].DecodeFrom(d)
			}
			return p
		},
		perClass(TypeWeight),
	}

	typeEngine     = ArrayOf(TypeU8, 4)
	typeDigestItem = Enum("sp_runtime::generic::digest::DigestItem", nil,
		EnumVariant{6, "PreRuntime", []TypeField{{"", typeEngine, "ConsensusEngineId"}, {"", TypeBytes, "Vec<u8>"}}, ""},
		EnumVariant{4, "Consensus", []TypeField{{"", typeEngine, "ConsensusEngineId"}, {"", TypeBytes, "Vec<u8>"}}, ""},
		EnumVariant{5, "Seal", []TypeField{{"", typeEngine, "ConsensusEngineId"}, {"", TypeBytes, "Vec<u8>"}}, ""},
		EnumVariant{0, "Other", []TypeField{{"", TypeBytes, "Vec<u8>"}}, ""},
		EnumVariant{8, "RuntimeEnvironmentUpdated", nil, ""})
	// DigestCodec is the codec of a header's digest.
	DigestCodec = Codec[primitives.Digest]{
		func(b []byte, g primitives.Digest) []byte { return g.EncodeTo(b) },
		func(d *scale.Decoder) (g primitives.Digest) {
			g.DecodeFrom(d)
			return g
		},
		Struct("sp_runtime::generic::digest::Digest", nil, TypeField{"logs", SequenceOf(typeDigestItem), "Vec<DigestItem>"}),
	}
	// TypeHeader is a block header's type.
	TypeHeader = Struct("sp_runtime::generic::header::Header", []TypeParam{{"Number", TypeU32}, {"Hash", nil}},
		TypeField{"parent_hash", TypeHash, "Hash::Output"}, TypeField{"number", CompactOf(TypeU32), "Number"},
		TypeField{"state_root", TypeHash, "Hash::Output"}, TypeField{"extrinsics_root", TypeHash, "Hash::Output"},
		TypeField{"digest", DigestCodec.Type, "Digest"})

	typePhase = Enum("frame_system::Phase", nil,
		EnumVariant{0, "ApplyExtrinsic", []TypeField{{"", TypeU32, "u32"}}, ""}, EnumVariant{1, "Finalization", nil, ""}, EnumVariant{2, "Initialization", nil, ""})
	phaseCodec  = Codec[Phase]{encodePhase, decodePhase, typePhase}
	eventsCodec = rawList(SequenceOf(Struct("frame_system::EventRecord", []TypeParam{{"E", TypeRuntimeEvent}, {"T", TypeHash}},
		TypeField{"phase", typePhase, "Phase"}, TypeField{"event", TypeRuntimeEvent, "E"}, TypeField{"topics", SequenceOf(TypeHash), "Vec<T>"})))
	topicsCodec = rawList(SequenceOf(TupleOf(TypeU32, TypeU32)))

	lastUpgradeCodec = Sized[LastRuntimeUpgrade](Struct("frame_system::LastRuntimeUpgradeInfo", nil,
		TypeField{"spec_version", CompactOf(TypeU32), "codec::Compact<u32>"}, TypeField{"spec_name", cow(TypeStr), "Cow<'static, str>"}))
	authorizationCodec = Sized[CodeUpgradeAuthorization](Struct("frame_system::CodeUpgradeAuthorization", []TypeParam{{"T", nil}},
		TypeField{"code_hash", TypeHash, "T::Hash"}, TypeField{"check_version", TypeBool, "bool"}))
	eventInfoCodec = Codec[dispatchEventInfo]{
		Encode: func(b []byte, i dispatchEventInfo) []byte {
			return append(i.weight.EncodeTo(b), byte(i.class), byte(i.pays))
		},
		Type: Struct("frame_system::DispatchEventInfo", nil,
			TypeField{"weight", TypeWeight, "Weight"}, TypeField{"class", TypeClass, "DispatchClass"}, TypeField{"pays_fee", TypePays, "Pays"}),
	}

	optionWeight     = OptionOf(TypeWeight)
	typeWeightsClass = Struct("frame_system::limits::WeightsPerClass", nil,
		TypeField{"base_extrinsic", TypeWeight, "Weight"}, TypeField{"max_extrinsic", optionWeight, "Option<Weight>"},
		TypeField{"max_total", optionWeight, "Option<Weight>"}, TypeField{"reserved", optionWeight, "Option<Weight>"})
	typeBlockWeights = Struct("frame_system::limits::BlockWeights", nil,
		TypeField{"base_block", TypeWeight, "Weight"}, TypeField{"max_block", TypeWeight, "Weight"},
		TypeField{"per_class", perClass(typeWeightsClass), "PerDispatchClass<WeightsPerClass>"})
	typeBlockLength = Struct("frame_system::limits::BlockLength", nil,
		TypeField{"max", perClass(TypeU32), "PerDispatchClass<u32>"}, TypeField{"max_header_size", OptionOf(TypeU32), "Option<u32>"})
	typeDbWeight = Struct("sp_weights::RuntimeDbWeight", nil, TypeField{"read", TypeU64, "u64"}, TypeField{"write", TypeU64, "u64"})
	typeVersion  = Struct("sp_version::RuntimeVersion", nil,
		TypeField{"spec_name", cow(TypeStr), "Cow<'static, str>"}, TypeField{"impl_name", cow(TypeStr), "Cow<'static, str>"},
		TypeField{"authoring_version", TypeU32, "u32"}, TypeField{"spec_version", TypeU32, "u32"}, TypeField{"impl_version", TypeU32, "u32"},
		TypeField{"apis", cow(SequenceOf(TupleOf(ArrayOf(TypeU8, 8), TypeU32))), "ApisVec"},
		TypeField{"transaction_version", TypeU32, "u32"}, TypeField{"system_version", TypeU8, "u8"})
)

func perClass(t TypeOf) TypeOf {
	return Struct("frame_support::dispatch::PerDispatchClass", []TypeParam{{"T", t}},
		TypeField{"normal", t, "T"}, TypeField{"operational", t, "T"}, TypeField{"mandatory", t, "T"})
}

// rawList is a list that is kept as its bytes.
func rawList(t TypeOf) Codec[[]byte] {
	return Codec[[]byte]{
		func(b, v []byte) []byte { return append(b, v...) },
		func(d *scale.Decoder) []byte { return d.Fixed(d.Left()) },
		t,
	}
}

func cow(t TypeOf) TypeOf { return Struct("Cow", []TypeParam{{"T", t}}, TypeField{"", t, ""}) }
