package metadata

import (
	"errors"
	"fmt"

	"pileus/hashing"
	"pileus/scale"
)

// The first byte of an extrinsic's body: two bits for the form, six for the version
// (sp_runtime::generic::unchecked_extrinsic).
const (
	formBare    = 0x00
	formSigned  = 0x80 // only version 4
	formGeneral = 0x40 // only version 5
	formMask    = 0xc0
)

// maxPayload is the longest payload that is signed as it is; of a longer one the blake2b-256 is signed.
const maxPayload = 256

// ErrUnsupported is wrapped when the runtime does not take extrinsics of the asked form.
var ErrUnsupported = errors.New("the runtime does not take such extrinsics")

// SignatureScheme is the kind of a signature, with the variant bytes of sp_runtime::MultiSignature.
type SignatureScheme uint8

// The schemes. For a runtime whose accounts are Ethereum addresses the scheme does not
// matter: its signature type is not an enum.
const (
	Ed25519 SignatureScheme = iota
	Sr25519
	Ecdsa
	Eth
)

var schemeNames = [...]string{"Ed25519", "Sr25519", "Ecdsa", "Eth"}

// Signer signs for one account.
type Signer struct {
	Scheme  SignatureScheme
	Account []byte // account id: 32 bytes, or 20 where accounts are Ethereum addresses
	// Sign signs msg, with the scheme's own hashing of it: none for ed25519 and sr25519,
	// blake2b-256 for ecdsa, keccak-256 for Ethereum.
	Sign func(msg []byte) []byte
}

// TxParams is what an extrinsic says besides its call.
type TxParams struct {
	Nonce uint64
	Tip   scale.U128
	Era   Era
	// Genesis is the hash of block 0, Birth the hash of the block at which the era
	// begins; for an immortal era Birth is not used.
	Genesis, Birth hashing.Hash
	// Asset pays the fee where the runtime asks for one; nil is the native currency.
	Asset any
	// Explicit and Implicit give or replace the values of extensions, by identifier,
	// in the forms of [Registry.EncodeValue].
	Explicit, Implicit map[string]any
}

// SignedExtrinsic builds a signed extrinsic of version 4 for an encoded call. Extrinsics
// are given and taken without their length prefix here, as in [pileus/primitives.Block].
// The runtime's own list of extensions decides what is signed: see [Metadata.extensionValues].
func (m *Metadata) SignedExtrinsic(s Signer, call []byte, p TxParams) ([]byte, error) {
	list, err := m.extensionValues(0, p)
	if err != nil {
		return nil, fmt.Errorf("signed extrinsic: %w", err)
	}
	payload := append([]byte(nil), call...)
	for _, e := range list {
		payload = append(payload, e.explicit...)
	}
	for _, e := range list {
		payload = append(payload, e.implicit...)
	}
	if len(payload) > maxPayload {
		h := hashing.Blake2b256(payload)
		payload = h[:]
	}
	body := []byte{formSigned | 4}
	if body, err = m.Types.EncodeValue(body, m.Extrinsic.Address, Bytes(s.Account)); err != nil {
		return nil, fmt.Errorf("signed extrinsic: address: %w", err)
	}
	if body, err = m.Types.EncodeValue(body, m.Extrinsic.Signature, m.signature(m.Extrinsic.Signature, s, payload)); err != nil {
		return nil, fmt.Errorf("signed extrinsic: signature: %w", err)
	}
	for _, e := range list {
		body = append(body, e.explicit...)
	}
	return append(body, call...), nil
}

// signature signs and gives the signature the form of its type: a variant of MultiSignature, or plain bytes.
func (m *Metadata) signature(id TypeID, s Signer, payload []byte) Value {
	sig := Bytes(s.Sign(payload))
	if t := m.Types.Type(id); t != nil && t.Def.Kind == DefVariant && int(s.Scheme) < len(schemeNames) {
		return Variant(schemeNames[s.Scheme], sig)
	}
	return sig
}

// GeneralExtrinsic builds an extrinsic of version 5 for the given version of the
// extension pipeline. If the pipeline has an extension that verifies
// a signature (VerifyMultiSignature of pallet-verify-signature), s signs there; s may be
// nil, then that extension stays disabled and some other one has to authorize the call.
//
// It needs metadata 16: earlier ones do not say whether the runtime takes version 5.
func (m *Metadata) GeneralExtrinsic(s *Signer, call []byte, pipeline uint8, p TxParams) ([]byte, error) {
	if m.Version < 16 || indexByte(m.Extrinsic.Versions, 5) < 0 {
		return nil, fmt.Errorf("general extrinsic: %w: metadata %d names the versions %v", ErrUnsupported, m.Version, m.Extrinsic.Versions)
	}
	list, err := m.extensionValues(pipeline, p)
	if err != nil {
		return nil, fmt.Errorf("general extrinsic: %w", err)
	}
	if s != nil {
		if err := m.signGeneral(*s, call, pipeline, list); err != nil {
			return nil, fmt.Errorf("general extrinsic: %w", err)
		}
	}
	body := []byte{formGeneral | 5, pipeline}
	for _, e := range list {
		body = append(body, e.explicit...)
	}
	return append(body, call...), nil
}

// signGeneral fills the extension that verifies a signature. What it signs is the hash of
// the pipeline's version, the call, and the explicit and the implicit values of the extensions
// after it (sp_runtime::traits::transaction_extension::ImplicationParts).
func (m *Metadata) signGeneral(s Signer, call []byte, pipeline uint8, list []extensionValue) error {
	for i := range list {
		if !list[i].verifiesSignature(m) {
			continue
		}
		payload := append([]byte{pipeline}, call...)
		for _, e := range list[i+1:] {
			payload = append(payload, e.explicit...)
		}
		for _, e := range list[i+1:] {
			payload = append(payload, e.implicit...)
		}
		h := hashing.Blake2b256(payload)
		v := Variant("Signed").
			With("signature", m.signature(m.Extrinsic.Signature, s, h[:])).
			With("account", Bytes(s.Account))
		b, err := m.Types.EncodeValue(nil, list[i].def.Type, v)
		if err != nil {
			return fmt.Errorf("extension %s: %w", list[i].def.Identifier, err)
		}
		list[i].explicit = b
		return nil
	}
	return fmt.Errorf("%w: no extension verifies a signature", ErrUnsupported)
}

// BareExtrinsic wraps a call without a signature; version is 4 or 5.
func BareExtrinsic(version uint8, call []byte) []byte {
	return append([]byte{formBare | version}, call...)
}

// ExtrinsicForm is the form of an extrinsic.
type ExtrinsicForm uint8

// The forms of extrinsics.
const (
	Bare    ExtrinsicForm = iota // inherents, and calls that authorize themselves
	Signed                       // version 4
	General                      // version 5
)

// DecodedExtrinsic is an extrinsic taken apart.
type DecodedExtrinsic struct {
	Form       ExtrinsicForm
	Version    uint8
	Pipeline   uint8 // the version of the extension pipeline, of a general one
	Address    Value // of a signed one
	Signature  Value // of a signed one
	Extensions []NamedValue
	Call       Value // a variant named after the pallet that holds the variant of its call
	CallBytes  []byte
}

// NamedValue is a value with the identifier of its extension.
type NamedValue struct {
	Name  string
	Value Value
}

// Pallet is the name of the pallet that is called.
func (x *DecodedExtrinsic) Pallet() string { return x.Call.Text }

// CallName is the name of the call within its pallet.
func (x *DecodedExtrinsic) CallName() string {
	if len(x.Call.Items) == 1 {
		return x.Call.Items[0].Text
	}
	return ""
}

// DecodeExtrinsic takes an extrinsic, without its length prefix, apart.
func (m *Metadata) DecodeExtrinsic(b []byte) (*DecodedExtrinsic, error) {
	d := scale.NewDecoder(b)
	x := &DecodedExtrinsic{}
	head := d.U8()
	x.Version = head &^ formMask
	switch {
	case d.Err() != nil:
	case head&formMask == formBare && (x.Version == 4 || x.Version == 5):
	case head == formSigned|4:
		x.Form = Signed
		x.Address = m.Types.DecodeValueFrom(d, m.Extrinsic.Address)
		x.Signature = m.Types.DecodeValueFrom(d, m.Extrinsic.Signature)
	case head == formGeneral|5:
		x.Form = General
		x.Pipeline = d.U8()
	default:
		d.Fail(fmt.Errorf("%w: first byte %#02x", ErrUnsupported, head))
	}
	if x.Form != Bare {
		defs, err := m.pipeline(x.Pipeline)
		if err != nil {
			d.Fail(err)
		}
		for _, e := range defs {
			x.Extensions = append(x.Extensions, NamedValue{e.Identifier, m.Types.DecodeValueFrom(d, e.Type)})
		}
	}
	x.CallBytes = d.Rest()
	x.Call = m.Types.DecodeValueFrom(d, m.Extrinsic.Call)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("decode extrinsic: %w", err)
	}
	return x, nil
}

func indexByte(list []uint8, b uint8) int {
	for i := range list {
		if list[i] == b {
			return i
		}
	}
	return -1
}
