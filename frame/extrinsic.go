package frame

import (
	"math/bits"

	"pileus/frame/host"
	"pileus/hashing"
	"pileus/scale"
)

// ExtrinsicForm is the form of an extrinsic.
type ExtrinsicForm uint8

// The forms.
const (
	BareExtrinsic    ExtrinsicForm = iota // an inherent, or a call that needs no signature
	SignedExtrinsic                       // version 4 with a signature
	GeneralExtrinsic                      // version 5: an extension authorizes it
)

// The first bytes that exist.
const (
	bareV4    = 0x04
	bareV5    = 0x05
	signedV4  = 0x84
	generalV5 = 0x45
)

// Extrinsic is a decoded extrinsic (sp_runtime::generic::UncheckedExtrinsic).
//
//	length ++ 04 | 05 ++ call
//	length ++ 84 ++ address ++ signature ++ extensions ++ call
//	length ++ 45 ++ 00 ++ extensions ++ call
type Extrinsic struct {
	Form      ExtrinsicForm
	Address   MultiAddress
	Signature MultiSignature
	Steps     []Step // of the pipeline, one per extension
	Call      *Call
	Bytes     []byte // with the length
	explicit  []byte // the extensions as received
	call      []byte // the call as received
}

// DecodeExtrinsic reads an extrinsic with its length; nothing may be left over.
func (r *Runtime) DecodeExtrinsic(b []byte) (*Extrinsic, error) {
	x := &Extrinsic{Bytes: b}
	outer := scale.NewDecoder(b)
	n := outer.Len(len(b), 1)
	body := outer.Fixed(n)
	if err := outer.Finish(); err != nil {
		return nil, err
	}
	d := scale.NewDecoder(body)
	switch first := d.U8(); first {
	case bareV4, bareV5:
	case signedV4:
		x.Form = SignedExtrinsic
		x.Address.DecodeFrom(d)
		x.Signature.DecodeFrom(d)
		r.decodeSteps(d, body, x)
	case generalV5:
		x.Form = GeneralExtrinsic
		if v := d.U8(); v != 0 {
			d.UnknownVariant("extension version", v)
		}
		r.decodeSteps(d, body, x)
	default:
		d.UnknownVariant("extrinsic type and version", first)
	}
	x.call = body[d.Offset():]
	x.Call = r.DecodeCall(d)
	if err := d.Finish(); err != nil {
		return nil, err
	}
	return x, nil
}

func (r *Runtime) decodeSteps(d *scale.Decoder, body []byte, x *Extrinsic) {
	from := d.Offset()
	x.Steps = make([]Step, len(r.Extensions))
	for i := range r.Extensions {
		x.Steps[i] = r.Extensions[i].Decode(d)
	}
	x.explicit = body[from:d.Offset()]
}

// MultiSignature is a signature of one of four schemes (sp_runtime::MultiSignature).
type MultiSignature struct {
	Kind  uint8 // 0 Ed25519, 1 Sr25519, 2 Ecdsa, 3 Eth
	Bytes [65]byte
}

// DecodeFrom reads the SCALE encoding.
func (s *MultiSignature) DecodeFrom(d *scale.Decoder) {
	switch s.Kind = d.Variant(); s.Kind {
	case 0, 1:
		d.Array(s.Bytes[:64])
	case 2, 3:
		d.Array(s.Bytes[:])
	default:
		d.UnknownVariant("MultiSignature", s.Kind)
	}
}

// Verify tells whether who signed msg.
func (s *MultiSignature) Verify(msg []byte, who AccountID) bool {
	key := [32]byte(who)
	switch s.Kind {
	case 0:
		return host.Ed25519Verify((*[64]byte)(s.Bytes[:64]), msg, &key)
	case 1:
		return host.Sr25519Verify((*[64]byte)(s.Bytes[:64]), msg, &key)
	case 2:
		h := hashing.Blake2b256(msg)
		public, ok := host.EcdsaRecover(&s.Bytes, (*[32]byte)(&h))
		return ok && AccountID(hashing.Blake2b256(public[:])) == who
	case 3:
		h := hashing.Keccak256(msg)
		public, ok := host.EcdsaRecover(&s.Bytes, &h)
		if !ok {
			return false
		}
		id := hashing.Keccak256(public[:])
		var account AccountID
		copy(account[:], id[12:])
		for i := 20; i < 32; i++ {
			account[i] = 0xee
		}
		return account == who
	}
	return false
}

// Era is how long an extrinsic is valid; the zero value is forever.
type Era struct{ Period, Phase uint64 }

// DecodeFrom reads the SCALE encoding.
func (e *Era) DecodeFrom(d *scale.Decoder) {
	*e = Era{}
	first := d.U8()
	if first == 0 {
		return
	}
	v := uint64(first) | uint64(d.U8())<<8
	period := uint64(2) << (v & 15)
	phase := (v >> 4) * max(period>>12, 1)
	if period < 4 || phase >= period {
		d.UnknownVariant("Era", first)
		return
	}
	*e = Era{period, phase}
}

// EncodeTo appends the SCALE encoding.
func (e Era) EncodeTo(b []byte) []byte {
	if e.Period == 0 {
		return append(b, 0)
	}
	low := uint64(min(max(bits.TrailingZeros64(e.Period)-1, 1), 15))
	return scale.AppendU16(b, uint16(low|e.Phase/max(e.Period>>12, 1)<<4))
}

// Birth is the block at which the era began that holds block n.
func (e Era) Birth(n uint64) uint64 {
	if e.Period == 0 {
		return 0
	}
	return (max(n, e.Phase)-e.Phase)/e.Period*e.Period + e.Phase
}

// Death is the first block at which the extrinsic is no longer valid.
func (e Era) Death(n uint64) uint64 {
	if e.Period == 0 {
		return 1<<64 - 1
	}
	return e.Birth(n) + e.Period
}

// check looks the sender up and verifies the signature over call, extensions and what
// they imply. The origin is that with which the pipeline begins.
func (r *Runtime) check(x *Extrinsic) (Origin, error) {
	if x.Form == BareExtrinsic {
		return None, nil
	}
	if x.Form == GeneralExtrinsic {
		for _, s := range x.Steps {
			if _, err := s.Implicit(nil); err != nil {
				return None, err
			}
		}
		return None, nil
	}
	who, err := x.Address.Lookup()
	if err != nil {
		return None, UnknownCannotLookup
	}
	payload := make([]byte, 0, len(x.call)+len(x.explicit)+128)
	payload = append(append(payload, x.call...), x.explicit...)
	for _, s := range x.Steps {
		if payload, err = s.Implicit(payload); err != nil {
			return None, err
		}
	}
	if len(payload) > 256 {
		h := hashing.Blake2b256(payload)
		payload = h[:]
	}
	if !x.Signature.Verify(payload, who) {
		return None, InvalidBadProof
	}
	return Signed(who), nil
}
