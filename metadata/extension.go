package metadata

import (
	"errors"
	"fmt"
)

// ErrExtension is wrapped when the value of a transaction extension is not known and
// cannot be left empty; give it in [TxParams].
var ErrExtension = errors.New("no value for the transaction extension")

// extensionValue is an extension with its two encoded values.
type extensionValue struct {
	def                *ExtensionDefinition
	explicit, implicit []byte
}

// verifiesSignature tells whether this is the extension of pallet-verify-signature.
func (e *extensionValue) verifiesSignature(m *Metadata) bool {
	return e.def.Identifier == "VerifyMultiSignature" || m.Types.Type(e.def.Type).Name() == "VerifySignature"
}

// pipeline lists the extensions of a version of the pipeline. Metadata before 16 knows one, version 0.
func (m *Metadata) pipeline(version uint8) ([]*ExtensionDefinition, error) {
	x := &m.Extrinsic
	var list []*ExtensionDefinition
	if len(x.Pipelines) == 0 {
		if version != 0 {
			return nil, fmt.Errorf("%w: extension version %d", ErrUnsupported, version)
		}
		for i := range x.Extensions {
			list = append(list, &x.Extensions[i])
		}
		return list, nil
	}
	for _, p := range x.Pipelines {
		if p.Version != version {
			continue
		}
		for _, i := range p.Extensions {
			list = append(list, &x.Extensions[i])
		}
		return list, nil
	}
	return nil, fmt.Errorf("%w: extension version %d", ErrUnsupported, version)
}

// extensionValues encodes the values of all extensions of a pipeline, in order.
//
// Where the caller gave no value, an extension that is known by its identifier, or by the
// name of its type, gets what its pallet demands. Of any other the explicit value is the
// empty one of its type ([Registry.EmptyValue]). Implicit values are what the runtime
// itself computes and compares, so an unknown one must be the unit or an Option (None).
func (m *Metadata) extensionValues(version uint8, p TxParams) ([]extensionValue, error) {
	defs, err := m.pipeline(version)
	if err != nil {
		return nil, err
	}
	list := make([]extensionValue, 0, len(defs))
	for _, def := range defs {
		e := extensionValue{def: def}
		if e.explicit, err = m.explicitValue(def, p); err == nil {
			e.implicit, err = m.implicitValue(def, p)
		}
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", def.Identifier, err)
		}
		list = append(list, e)
	}
	return list, nil
}

// explicitValue is the value that travels in the extrinsic.
func (m *Metadata) explicitValue(def *ExtensionDefinition, p TxParams) ([]byte, error) {
	if x, ok := p.Explicit[def.Identifier]; ok {
		return m.Types.EncodeValue(nil, def.Type, x)
	}
	for _, name := range []string{def.Identifier, m.Types.Type(def.Type).Name()} {
		switch name {
		case "CheckMortality", "CheckEra":
			return p.Era.EncodeTo(nil), nil
		case "CheckNonce":
			return m.Types.EncodeValue(nil, def.Type, p.Nonce)
		case "ChargeTransactionPayment":
			return m.Types.EncodeValue(nil, def.Type, p.Tip)
		case "ChargeAssetTxPayment":
			asset, err := ValueOf(p.Asset)
			if err != nil {
				return nil, err
			}
			return m.Types.EncodeValue(nil, def.Type, Tuple(U128(p.Tip), asset))
		}
	}
	b, ok := m.Types.EmptyValue(nil, def.Type)
	if !ok {
		return nil, fmt.Errorf("%w: its type %s has no empty value", ErrExtension, m.Types.Describe(def.Type))
	}
	return b, nil
}

// implicitValue is the value that is signed, but does not travel.
func (m *Metadata) implicitValue(def *ExtensionDefinition, p TxParams) ([]byte, error) {
	if x, ok := p.Implicit[def.Identifier]; ok {
		return m.Types.EncodeValue(nil, def.Implicit, x)
	}
	switch def.Identifier {
	case "CheckSpecVersion":
		return m.versionField(def, "spec_version")
	case "CheckTxVersion":
		return m.versionField(def, "transaction_version")
	case "CheckGenesis":
		return m.Types.EncodeValue(nil, def.Implicit, p.Genesis)
	case "CheckMortality", "CheckEra":
		if p.Era.Period == 0 {
			return m.Types.EncodeValue(nil, def.Implicit, p.Genesis)
		}
		return m.Types.EncodeValue(nil, def.Implicit, p.Birth)
	}
	t := m.Types.Type(def.Implicit)
	if isOption(t) {
		return []byte{0}, nil
	}
	if b, ok := m.Types.EmptyValue(nil, def.Implicit); ok && len(b) == 0 {
		return b, nil
	}
	return nil, fmt.Errorf("%w: the runtime compares a %s", ErrExtension, m.Types.Describe(def.Implicit))
}

// versionField takes a number from the constant System.Version, which is the RuntimeVersion.
func (m *Metadata) versionField(def *ExtensionDefinition, name string) ([]byte, error) {
	v, err := m.Constant("System", "Version")
	if err != nil {
		return nil, err
	}
	n, ok := v.Get(name)
	if !ok {
		return nil, fmt.Errorf("System.Version.%s: %w", name, ErrNotFound)
	}
	return m.Types.EncodeValue(nil, def.Implicit, n)
}

func isOption(t *Type) bool { return t != nil && t.Name() == "Option" && len(t.Path) == 1 }

// EmptyValue appends the value of a type that says nothing: zero, false, no items, None, or
// the variant Disabled or Default of an enum, and structs of such. Of another
// enum it is the first variant, if that one has no fields; else ok is false.
func (r Registry) EmptyValue(b []byte, id TypeID) (_ []byte, ok bool) {
	left := 4096 // types that may be visited; the value of an extension is never that large
	return r.empty(b, id, &left)
}

func (r Registry) empty(b []byte, id TypeID, left *int) ([]byte, bool) {
	t := r.Type(id)
	if *left--; t == nil || *left < 0 {
		return nil, false
	}
	ok := true
	switch def := &t.Def; def.Kind {
	case DefComposite:
		for i := 0; i < len(def.Fields) && ok; i++ {
			b, ok = r.empty(b, def.Fields[i].Type, left)
		}
		return b, ok
	case DefTuple:
		for i := 0; i < len(def.Tuple) && ok; i++ {
			b, ok = r.empty(b, def.Tuple[i], left)
		}
		return b, ok
	case DefArray:
		for i := uint32(0); i < def.Len && ok; i++ {
			b, ok = r.empty(b, def.Elem, left)
		}
		return b, ok
	case DefVariant:
		if isOption(t) {
			return append(b, 0), true
		}
		v := t.emptyVariant()
		if v == nil {
			return nil, false
		}
		return append(b, v.Index), true
	case DefPrimitive:
		n := def.Primitive.size()
		switch def.Primitive {
		case PrimBool, PrimStr:
			n = 1
		case PrimChar:
			n = 4
		}
		return append(b, make([]byte, n)...), true
	case DefCompact:
		if _, hasBytes, err := r.compactOf(def.Elem); err != nil || !hasBytes {
			return b, err == nil
		}
	}
	return append(b, 0), true // a compact zero, or a sequence of no items
}

// emptyVariant is the variant, without fields, that stands for nothing.
func (t *Type) emptyVariant() *VariantDef {
	for _, name := range []string{"None", "Disabled", "Default"} {
		if v := t.Variant(name); v != nil && len(v.Fields) == 0 {
			return v
		}
	}
	if len(t.Def.Variants) > 0 && len(t.Def.Variants[0].Fields) == 0 {
		return &t.Def.Variants[0]
	}
	return nil
}
