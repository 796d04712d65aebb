package frame

import (
	"strconv"
	"strings"

	"pileus/metadata"
)

// Types collects the types of a runtime for its metadata. Each stands there once.
type Types struct {
	reg     metadata.Registry
	known   map[string]metadata.TypeID // never ranged over
	runtime *Runtime
}

// TypeOf puts a type into the registry, with those it is made of, and returns its id. It
// runs only when metadata is asked for.
type TypeOf func(*Types) metadata.TypeID

// TypeField is a field of a [Struct] or variant. Without name it is one of a tuple struct.
type TypeField struct {
	Name     string
	Type     TypeOf
	TypeName string // as Rust source has it; may be empty
}

// TypeParam is a generic parameter of a type. A nil type does not enter the encoding.
type TypeParam struct {
	Name string
	Type TypeOf
}

// EnumVariant is a variant of an [Enum].
type EnumVariant struct {
	Index  uint8
	Name   string
	Fields []TypeField
	Docs   string
}

func (t *Types) add(key string, build func() metadata.Type) metadata.TypeID {
	if id, ok := t.known[key]; ok {
		return id
	}
	id := metadata.TypeID(len(t.reg))
	t.known[key] = id
	t.reg = append(t.reg, metadata.Type{}) // taken before its parts: types may contain themselves
	t.reg[id] = build()
	return id
}

func (t *Types) anonymous(key string, def func() metadata.TypeDef) metadata.TypeID {
	return t.add(key, func() metadata.Type { return metadata.Type{Def: def()} })
}

func number(id metadata.TypeID) string { return strconv.Itoa(int(id)) }

// Primitive is a built-in type.
func Primitive(p metadata.Primitive) TypeOf {
	return func(t *Types) metadata.TypeID {
		return t.anonymous("primitive "+strconv.Itoa(int(p)), func() metadata.TypeDef {
			return metadata.TypeDef{Kind: metadata.DefPrimitive, Primitive: p}
		})
	}
}

// SequenceOf is Vec<elem>.
func SequenceOf(elem TypeOf) TypeOf {
	return func(t *Types) metadata.TypeID {
		e := elem(t)
		return t.anonymous("sequence "+number(e), func() metadata.TypeDef {
			return metadata.TypeDef{Kind: metadata.DefSequence, Elem: e}
		})
	}
}

// ArrayOf is [elem; n].
func ArrayOf(elem TypeOf, n uint32) TypeOf {
	return func(t *Types) metadata.TypeID {
		e := elem(t)
		return t.anonymous("array "+number(e)+" "+strconv.Itoa(int(n)), func() metadata.TypeDef {
			return metadata.TypeDef{Kind: metadata.DefArray, Elem: e, Len: n}
		})
	}
}

// TupleOf is a tuple; empty it is the unit.
func TupleOf(parts ...TypeOf) TypeOf {
	return func(t *Types) metadata.TypeID {
		key, ids := "tuple", []metadata.TypeID(nil)
		for _, p := range parts {
			id := p(t)
			ids = append(ids, id)
			key += " " + number(id)
		}
		return t.anonymous(key, func() metadata.TypeDef {
			return metadata.TypeDef{Kind: metadata.DefTuple, Tuple: ids}
		})
	}
}

// CompactOf is Compact<elem>.
func CompactOf(elem TypeOf) TypeOf {
	return func(t *Types) metadata.TypeID {
		e := elem(t)
		return t.anonymous("compact "+number(e), func() metadata.TypeDef {
			return metadata.TypeDef{Kind: metadata.DefCompact, Elem: e}
		})
	}
}

// OptionOf is Option<elem>.
func OptionOf(elem TypeOf) TypeOf {
	return Enum("Option", []TypeParam{{"T", elem}},
		EnumVariant{Index: 0, Name: "None"},
		EnumVariant{Index: 1, Name: "Some", Fields: []TypeField{{Type: elem}}})
}

// ResultOf is Result<ok, err>.
func ResultOf(ok, err TypeOf) TypeOf {
	return Enum("Result", []TypeParam{{"T", ok}, {"E", err}},
		EnumVariant{Index: 0, Name: "Ok", Fields: []TypeField{{Type: ok}}},
		EnumVariant{Index: 1, Name: "Err", Fields: []TypeField{{Type: err}}})
}

// MapOf is BTreeMap<key, value>.
func MapOf(key, value TypeOf) TypeOf {
	return Struct("BTreeMap", []TypeParam{{"K", key}, {"V", value}}, TypeField{Type: SequenceOf(TupleOf(key, value))})
}

// BoundedOf is BoundedVec<elem, S>.
func BoundedOf(elem TypeOf) TypeOf {
	return Struct("bounded_collections::bounded_vec::BoundedVec", []TypeParam{{"T", elem}, {"S", nil}},
		TypeField{Type: SequenceOf(elem), TypeName: "Vec<T>"})
}

// Struct is a named type with fields. path is in Rust's form, a::b::Name.
func Struct(path string, params []TypeParam, fields ...TypeField) TypeOf {
	return named(path, params, func(t *Types) metadata.TypeDef {
		return metadata.TypeDef{Kind: metadata.DefComposite, Fields: t.fields(fields)}
	})
}

// Enum is a named type with variants.
func Enum(path string, params []TypeParam, variants ...EnumVariant) TypeOf {
	return named(path, params, func(t *Types) metadata.TypeDef {
		return metadata.TypeDef{Kind: metadata.DefVariant, Variants: t.variants(variants)}
	})
}

// named is told apart by path and parameters.
func named(path string, params []TypeParam, def func(*Types) metadata.TypeDef) TypeOf {
	return func(t *Types) metadata.TypeID {
		key, list := path, []metadata.TypeParam(nil)
		for _, p := range params {
			param := metadata.TypeParam{Name: p.Name}
			if p.Type != nil {
				id := p.Type(t)
				param.Type = &id
				key += " " + number(id)
			}
			list = append(list, param)
		}
		return t.add(key, func() metadata.Type {
			return metadata.Type{Path: strings.Split(path, "::"), Params: list, Def: def(t)}
		})
	}
}

func (t *Types) fields(list []TypeField) (out []metadata.Field) {
	for _, f := range list {
		out = append(out, metadata.Field{Name: f.Name, Type: f.Type(t), TypeName: f.TypeName})
	}
	return out
}

func (t *Types) variants(list []EnumVariant) (out []metadata.VariantDef) {
	for _, v := range list {
		out = append(out, metadata.VariantDef{Name: v.Name, Fields: t.fields(v.Fields), Index: v.Index, Docs: docLines(v.Docs)})
	}
	return out
}

func docLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// Types that many pallets speak of.
var (
	TypeBool    = Primitive(metadata.PrimBool)
	TypeStr     = Primitive(metadata.PrimStr)
	TypeU8      = Primitive(metadata.PrimU8)
	TypeU16     = Primitive(metadata.PrimU16)
	TypeU32     = Primitive(metadata.PrimU32)
	TypeU64     = Primitive(metadata.PrimU64)
	TypeU128    = Primitive(metadata.PrimU128)
	TypeUnit    = TupleOf()
	TypeBytes   = SequenceOf(TypeU8)
	TypeHash    = Struct("primitive_types::H256", nil, TypeField{Type: ArrayOf(TypeU8, 32), TypeName: "[u8; 32]"})
	TypeAccount = Struct("sp_core::crypto::AccountId32", nil, TypeField{Type: ArrayOf(TypeU8, 32), TypeName: "[u8; 32]"})
	TypeFixed   = Struct("sp_arithmetic::fixed_point::FixedU128", nil, TypeField{Type: TypeU128, TypeName: "u128"})
	TypeWeight  = Struct("sp_weights::weight_v2::Weight", nil,
		TypeField{"ref_time", CompactOf(TypeU64), "u64"}, TypeField{"proof_size", CompactOf(TypeU64), "u64"})
	TypeAddress = Enum("sp_runtime::multiaddress::MultiAddress", []TypeParam{{"AccountId", TypeAccount}, {"AccountIndex", TypeUnit}},
		EnumVariant{0, "Id", []TypeField{{"", TypeAccount, "AccountId"}}, ""},
		EnumVariant{1, "Index", []TypeField{{"", CompactOf(TypeUnit), "AccountIndex"}}, ""},
		EnumVariant{2, "Raw", []TypeField{{"", TypeBytes, "Vec<u8>"}}, ""},
		EnumVariant{3, "Address32", []TypeField{{"", ArrayOf(TypeU8, 32), "[u8; 32]"}}, ""},
		EnumVariant{4, "Address20", []TypeField{{"", ArrayOf(TypeU8, 20), "[u8; 20]"}}, ""})
	TypeClass  = simpleEnum("frame_support::dispatch::DispatchClass", "Normal", "Operational", "Mandatory")
	TypePays   = simpleEnum("frame_support::dispatch::Pays", "Yes", "No")
	TypeResult = ResultOf(TypeUnit, TypeDispatchError)

	TypeDispatchError = Enum("sp_runtime::DispatchError", nil, dispatchVariants()...)
	TypeRuntimeCall   = TypeOf(func(t *Types) metadata.TypeID { return t.runtime.callType(t) })
	TypeRuntimeEvent  = TypeOf(func(t *Types) metadata.TypeID { return t.runtime.eventType(t) })
)

func simpleEnum(path string, names ...string) TypeOf {
	var variants []EnumVariant
	for i, n := range names {
		variants = append(variants, EnumVariant{Index: uint8(i), Name: n})
	}
	return Enum(path, nil, variants...)
}

func dispatchVariants() (list []EnumVariant) {
	payload := map[string]TypeField{
		"Module": {"", Struct("sp_runtime::ModuleError", nil,
			TypeField{"index", TypeU8, "u8"}, TypeField{"error", ArrayOf(TypeU8, 4), "[u8; MAX_MODULE_ERROR_ENCODED_SIZE]"}), "ModuleError"},
		"Token":         {"", simpleEnum("sp_runtime::TokenError", tokenNames[:]...), "TokenError"},
		"Arithmetic":    {"", simpleEnum("sp_arithmetic::ArithmeticError", arithmeticNames[:]...), "ArithmeticError"},
		"Transactional": {"", simpleEnum("sp_runtime::TransactionalError", transactional[:]...), "TransactionalError"},
		"Trie":          {"", simpleEnum("sp_runtime::proving_trie::TrieError", trieErrors[:]...), "TrieError"},
	}
	for i, name := range dispatchNames {
		v := EnumVariant{Index: uint8(i), Name: name}
		if f, ok := payload[name]; ok {
			v.Fields = []TypeField{f}
		}
		list = append(list, v)
	}
	return list
}
