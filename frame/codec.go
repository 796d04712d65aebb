package frame

import (
	"pileus/hashing"
	"pileus/scale"
)

// Codec says how values of a Go type travel, and what metadata calls the type.
type Codec[T any] struct {
	Encode func(b []byte, v T) []byte
	Decode func(d *scale.Decoder) T
	Type   TypeOf
}

// Named is the codec with another type in the metadata: the bytes are the same.
func (c Codec[T]) Named(t TypeOf) Codec[T] {
	c.Type = t
	return c
}

// MaxBytes bounds a byte string from outside: what an extrinsic can hold.
const MaxBytes = 16 << 20

// Codecs of common types.
var (
	Bool          = Codec[bool]{scale.AppendBool, (*scale.Decoder).Bool, TypeBool}
	U8            = Codec[uint8]{func(b []byte, v uint8) []byte { return append(b, v) }, (*scale.Decoder).U8, TypeU8}
	U16           = Codec[uint16]{scale.AppendU16, (*scale.Decoder).U16, TypeU16}
	U32           = Codec[uint32]{scale.AppendU32, (*scale.Decoder).U32, TypeU32}
	U64           = Codec[uint64]{scale.AppendU64, (*scale.Decoder).U64, TypeU64}
	U128          = Codec[Balance]{scale.AppendU128, (*scale.Decoder).U128, TypeU128}
	FixedU128     = U128.Named(TypeFixed)
	CompactU16    = Codec[uint16]{func(b []byte, v uint16) []byte { return scale.AppendCompact(b, uint64(v)) }, (*scale.Decoder).CompactU16, CompactOf(TypeU16)}
	CompactU32    = Codec[uint32]{func(b []byte, v uint32) []byte { return scale.AppendCompact(b, uint64(v)) }, (*scale.Decoder).CompactU32, CompactOf(TypeU32)}
	CompactU64    = Codec[uint64]{scale.AppendCompact, (*scale.Decoder).Compact, CompactOf(TypeU64)}
	CompactU128   = Codec[Balance]{scale.AppendCompactU128, (*scale.Decoder).CompactU128, CompactOf(TypeU128)}
	Bytes         = Codec[[]byte]{scale.AppendBytes, func(d *scale.Decoder) []byte { return d.Bytes(MaxBytes) }, TypeBytes}
	String        = Codec[string]{scale.AppendString, func(d *scale.Decoder) string { return d.String(MaxBytes) }, TypeStr}
	Hash          = Codec[hashing.Hash]{appendHash, decodeHash, TypeHash}
	Account       = Codec[AccountID]{appendAccount, decodeAccount, TypeAccount}
	WeightCodec   = Codec[Weight]{func(b []byte, w Weight) []byte { return w.EncodeTo(b) }, decodeWeight, TypeWeight}
	AddressCodec  = Sized[MultiAddress](TypeAddress)
	Unit          = Codec[struct{}]{func(b []byte, _ struct{}) []byte { return b }, func(*scale.Decoder) struct{} { return struct{}{} }, TypeUnit}
	ResultCodec   = Codec[error]{appendResult, nil, TypeResult}
	DispatchCodec = Codec[error]{func(b []byte, e error) []byte { return AsDispatchError(e).EncodeTo(b) }, nil, TypeDispatchError}
)

func appendHash(b []byte, h hashing.Hash) []byte { return append(b, h[:]...) }

func decodeHash(d *scale.Decoder) (h hashing.Hash) {
	d.Array(h[:])
	return h
}

func appendAccount(b []byte, a AccountID) []byte { return append(b, a[:]...) }

func decodeAccount(d *scale.Decoder) (a AccountID) {
	d.Array(a[:])
	return a
}

func decodeWeight(d *scale.Decoder) (w Weight) {
	w.DecodeFrom(d)
	return w
}

// Sized is the codec of a type with EncodeTo and DecodeFrom.
func Sized[T any, P interface {
	*T
	scale.Encoder
	scale.Decodable
}](t TypeOf) Codec[T] {
	return Codec[T]{
		func(b []byte, v T) []byte { return P(&v).EncodeTo(b) },
		func(d *scale.Decoder) (v T) {
			P(&v).DecodeFrom(d)
			return v
		},
		t,
	}
}

// Vec is a list.
func Vec[T any](c Codec[T]) Codec[[]T] { return vec(c, MaxBytes, SequenceOf(c.Type)) }

// BoundedVec is a list of at most max items.
func BoundedVec[T any](c Codec[T], max int) Codec[[]T] { return vec(c, max, BoundedOf(c.Type)) }

func vec[T any](c Codec[T], max int, t TypeOf) Codec[[]T] {
	return Codec[[]T]{
		func(b []byte, list []T) []byte { return scale.AppendVecFunc(b, list, c.Encode) },
		func(d *scale.Decoder) []T { return scale.DecodeVecFunc(d, max, c.Decode) },
		t,
	}
}

// Option is a value that may be absent, as nil.
func Option[T any](c Codec[T]) Codec[*T] {
	return Codec[*T]{
		func(b []byte, v *T) []byte { return scale.AppendOption(b, v, c.Encode) },
		func(d *scale.Decoder) *T { return scale.DecodeOption(d, c.Decode) },
		OptionOf(c.Type),
	}
}

// Pair is two values, one behind the other.
type Pair[A, B any] struct {
	First  A
	Second B
}

// PairOf is the codec of a pair.
func PairOf[A, B any](a Codec[A], b Codec[B]) Codec[Pair[A, B]] {
	return Codec[Pair[A, B]]{
		func(out []byte, p Pair[A, B]) []byte { return b.Encode(a.Encode(out, p.First), p.Second) },
		func(d *scale.Decoder) Pair[A, B] { return Pair[A, B]{a.Decode(d), b.Decode(d)} },
		TupleOf(a.Type, b.Type),
	}
}
