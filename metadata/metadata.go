// Package metadata reads and writes the description that a runtime gives of itself:
// its types, pallets, storage, calls, events, errors, constants and the form of its
// extrinsics, in the versions 14, 15 and 16 (crate frame-metadata 23).
//
// With it, bytes of a runtime that was unknown when this program was built become
// values ([Registry.DecodeValue], [Metadata.Constant], [Metadata.DecodeStorage],
// [Metadata.Events]), and values become bytes ([Registry.EncodeValue],
// [Metadata.EncodeCall], [Metadata.StorageKey], [Metadata.SignedExtrinsic]).
//
// A [Metadata] is not changed after it was made and may be shared.
package metadata

import (
	"errors"
	"fmt"

	"pileus/scale"
)

// Limits on what comes from outside.
const (
	maxTypes   = 1 << 20
	maxItems   = 1 << 16
	maxString  = 1 << 20
	maxBytes   = 16 << 20
	maxPallets = 256
)

// ErrNotFound is wrapped by errors about a pallet, item or type that the runtime does not have.
var ErrNotFound = errors.New("the runtime has no such item")

// ErrVersion is wrapped when metadata is of a version other than 14, 15 and 16.
var ErrVersion = errors.New("metadata version is not 14, 15 or 16")

// magic stands before every metadata: "meta".
var magic = [4]byte{'m', 'e', 't', 'a'}

// Metadata describes a runtime. Parts that a version does not have are empty.
type Metadata struct {
	Version   uint8 // 14, 15 or 16
	Types     Registry
	Pallets   []Pallet // in declaration order
	Extrinsic Extrinsic
	Runtime   TypeID // v14, v15: the type Runtime itself
	APIs      []API  // v15, v16
	Outer     OuterEnums
	Custom    []CustomValue // v15, v16; ascending by name
}

// Pallet is one pallet of the runtime.
type Pallet struct {
	Name          string
	Storage       *PalletStorage
	Calls         *EnumRef
	Event         *EnumRef
	Constants     []Constant
	Error         *EnumRef
	Associated    []AssociatedType // v16
	ViewFunctions []ViewFunction   // v16
	Index         uint8            // the byte that names the pallet in calls, events and errors
	Docs          []string         // v15, v16
	Deprecation   Deprecation      // v16
}

// EnumRef names an enum of a pallet, with the variants that are deprecated (v16), ascending by index.
type EnumRef struct {
	Type       TypeID
	Deprecated []DeprecatedVariant
}

// DeprecatedVariant marks the variant with that index.
type DeprecatedVariant struct {
	Index uint8
	Deprecation
}

// Deprecation says whether an item is deprecated (v16).
type Deprecation struct {
	Kind  DeprecationKind
	Note  string  // with DeprecatedNote
	Since *string // with DeprecatedNote, if known
}

// DeprecationKind is the variant byte of frame_metadata::v16::ItemDeprecationInfo.
type DeprecationKind uint8

// The kinds of deprecation.
const (
	NotDeprecated  DeprecationKind = 0
	DeprecatedBare DeprecationKind = 1 // without a note
	DeprecatedNote DeprecationKind = 2
)

// PalletStorage is a pallet's storage; Prefix is hashed into the keys and mostly equals the pallet's name.
type PalletStorage struct {
	Prefix  string
	Entries []StorageEntry
}

// StorageEntry is one storage item: a value, or a map if it has hashers.
type StorageEntry struct {
	Name        string
	Default     bool     // an absent key stands for DefaultData; otherwise for None
	Hashers     []Hasher // one per key; empty for a plain value
	Key         TypeID   // of a map; with several hashers a tuple
	Value       TypeID
	IsMap       bool
	DefaultData []byte // SCALE of the default; 00 if there is none
	Docs        []string
	Deprecation Deprecation
}

// Constant is a constant of a pallet, as SCALE bytes of its type.
type Constant struct {
	Name        string
	Type        TypeID
	Value       []byte
	Docs        []string
	Deprecation Deprecation
}

// AssociatedType is a type that the runtime configured for a pallet (v16).
type AssociatedType struct {
	Name string
	Type TypeID
	Docs []string
}

// ViewFunction is a read-only function of a pallet (v16), called by its id.
type ViewFunction struct {
	ID          [32]byte
	Name        string
	Inputs      []Param
	Output      TypeID
	Docs        []string
	Deprecation Deprecation
}

// Param is a named argument.
type Param struct {
	Name string
	Type TypeID
}

// Extrinsic describes the form of extrinsics. In v14 the four types are those of the
// generic parameters Address, Call, Signature and Extra of Type.
type Extrinsic struct {
	Type       TypeID  // v14
	Versions   []uint8 // v14, v15: exactly one, 4
	Address    TypeID
	Call       TypeID
	Signature  TypeID
	Extra      TypeID                // v14, v15: all explicit values as a tuple
	Pipelines  []ExtensionPipeline   // v16: which extensions each extension version uses
	Extensions []ExtensionDefinition // in the order in which their values are encoded
}

// ExtensionPipeline lists, by index, the transaction extensions of one extension version.
type ExtensionPipeline struct {
	Version    uint8
	Extensions []uint32
}

// ExtensionDefinition is a transaction (formerly signed) extension: Type is the
// explicit value that travels in the extrinsic, Implicit the value that is only signed.
type ExtensionDefinition struct {
	Identifier string
	Type       TypeID
	Implicit   TypeID
}

// API is a runtime API with its methods.
type API struct {
	Name        string
	Methods     []APIMethod
	Docs        []string
	Version     uint32      // v16
	Deprecation Deprecation // v16
}

// APIMethod is one method of a runtime API.
type APIMethod struct {
	Name        string
	Inputs      []Param
	Output      TypeID
	Docs        []string
	Deprecation Deprecation // v16
}

// OuterEnums are the runtime's enums over all pallets (v15, v16; in v14 found by name).
type OuterEnums struct {
	Call, Event, Error TypeID
}

// CustomValue is a value that the runtime's author added.
type CustomValue struct {
	Name  string
	Type  TypeID
	Value []byte
}

// Decode reads metadata with its four magic bytes and version; nothing may be left over.
func Decode(b []byte) (*Metadata, error) {
	m := &Metadata{}
	d := scale.NewDecoder(b)
	var head [4]byte
	d.Array(head[:])
	if d.Err() == nil && head != magic {
		return nil, fmt.Errorf("decode metadata: starts with %x, not with \"meta\"", head)
	}
	m.Version = d.U8()
	if d.Err() == nil && (m.Version < 14 || m.Version > 16) {
		return nil, fmt.Errorf("decode metadata: %w: %d", ErrVersion, m.Version)
	}
	m.decodeBody(d)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	if m.Version == 14 {
		m.deriveV14()
	}
	return m, nil
}

// DecodeOpaque reads metadata behind one compact length: what Metadata_metadata returns.
func DecodeOpaque(b []byte) (*Metadata, error) {
	d := scale.NewDecoder(b)
	raw := d.Fixed(d.Len(maxBytes, 1))
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("decode opaque metadata: %w", err)
	}
	return Decode(raw)
}

// Encode writes the metadata in the form of its version, magic bytes first.
func (m *Metadata) Encode() []byte {
	return m.encodeBody(append(magic[:len(magic):len(magic)], m.Version))
}

// deriveV14 fills what later versions state: the types of an extrinsic's parts and the outer enums.
func (m *Metadata) deriveV14() {
	x := &m.Extrinsic
	if t := m.Types.Type(x.Type); t != nil {
		x.Address, _ = t.Param("Address")
		x.Call, _ = t.Param("Call")
		x.Signature, _ = t.Param("Signature")
		x.Extra, _ = t.Param("Extra")
	}
	m.Outer.Call, _ = m.Types.FindName("RuntimeCall")
	m.Outer.Event, _ = m.Types.FindName("RuntimeEvent")
	m.Outer.Error, _ = m.Types.FindName("RuntimeError")
}

// Pallet is the pallet of that name, nil if there is none.
func (m *Metadata) Pallet(name string) *Pallet {
	for i := range m.Pallets {
		if m.Pallets[i].Name == name {
			return &m.Pallets[i]
		}
	}
	return nil
}

// PalletAt is the pallet with that index byte, nil if there is none.
func (m *Metadata) PalletAt(index uint8) *Pallet {
	for i := range m.Pallets {
		if m.Pallets[i].Index == index {
			return &m.Pallets[i]
		}
	}
	return nil
}

// Constant is the value of a pallet's constant.
func (m *Metadata) Constant(pallet, name string) (Value, error) {
	p := m.Pallet(pallet)
	if p == nil {
		return Value{}, fmt.Errorf("constant %s.%s: %w", pallet, name, ErrNotFound)
	}
	for i := range p.Constants {
		c := &p.Constants[i]
		if c.Name != name {
			continue
		}
		v, err := m.Types.DecodeValue(c.Type, c.Value)
		if err != nil {
			return Value{}, fmt.Errorf("constant %s.%s: %w", pallet, name, err)
		}
		return v, nil
	}
	return Value{}, fmt.Errorf("constant %s.%s: %w", pallet, name, ErrNotFound)
}

// API is the runtime API of that name (v15, v16), nil if there is none.
func (m *Metadata) API(name string) *API {
	for i := range m.APIs {
		if m.APIs[i].Name == name {
			return &m.APIs[i]
		}
	}
	return nil
}
