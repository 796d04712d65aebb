package frame

import (
	"math"
	"strconv"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/scale"
)

// The extensions of frame_system, as methods of the pallet, and CheckMetadataHash.

func extensionType(path string, fields ...TypeField) TypeOf {
	return Struct(path, []TypeParam{{"T", nil}}, fields...)
}

// AuthorizeCall makes calls valid that authorize themselves.
func (s *System) AuthorizeCall() Extension {
	return Extension{Identifier: "AuthorizeCall", Type: extensionType("frame_system::extensions::authorize_call::AuthorizeCall"), Implicit: TypeUnit,
		Decode: func(*scale.Decoder) Step { return authorizeCall{} }}
}

type authorizeCall struct{ Pass }

func (authorizeCall) Validate(tx *Tx, v *ValidTransaction) error {
	if tx.Origin.Kind != OriginNone || tx.Call.Def.authorize == nil {
		return nil
	}
	valid, err := tx.Call.Def.authorize(tx.Call)
	if err != nil {
		return err
	}
	tx.Origin = Origin{Kind: OriginAuthorized}
	v.combine(valid)
	return nil
}

// combine adds what one more extension says.
func (v *ValidTransaction) combine(w ValidTransaction) {
	v.Priority = satAdd(v.Priority, w.Priority)
	v.Requires = append(v.Requires, w.Requires...)
	v.Provides = append(v.Provides, w.Provides...)
	v.Longevity = min(v.Longevity, w.Longevity)
	v.Propagate = v.Propagate && w.Propagate
}

// CheckNonZeroSender refuses the zero account.
func (s *System) CheckNonZeroSender() Extension {
	return Extension{Identifier: "CheckNonZeroSender", Type: extensionType("frame_system::extensions::check_non_zero_sender::CheckNonZeroSender"), Implicit: TypeUnit,
		Decode: func(*scale.Decoder) Step { return checkNonZeroSender{} }}
}

type checkNonZeroSender struct{ Pass }

func (checkNonZeroSender) Weight(*Call) Weight { return Weight{RefTime: 570_000} }

func (checkNonZeroSender) Validate(tx *Tx, _ *ValidTransaction) error {
	if tx.Origin.Kind == OriginSigned && tx.Origin.Who == (AccountID{}) {
		return InvalidBadSigner
	}
	return nil
}

// CheckSpecVersion signs the spec version: a transaction made for another one is invalid.
func (s *System) CheckSpecVersion() Extension {
	return Extension{Identifier: "CheckSpecVersion", Type: extensionType("frame_system::extensions::check_spec_version::CheckSpecVersion"), Implicit: TypeU32,
		Decode: func(*scale.Decoder) Step { return checkSpecVersion{system: s} }}
}

type checkSpecVersion struct {
	Pass
	system *System
}

func (checkSpecVersion) Weight(*Call) Weight { return Weight{RefTime: 430_000} }

func (c checkSpecVersion) Implicit(b []byte) ([]byte, error) {
	return scale.AppendU32(b, c.system.runtime.Version.SpecVersion), nil
}

// CheckTxVersion signs the transaction version.
func (s *System) CheckTxVersion() Extension {
	return Extension{Identifier: "CheckTxVersion", Type: extensionType("frame_system::extensions::check_tx_version::CheckTxVersion"), Implicit: TypeU32,
		Decode: func(*scale.Decoder) Step { return checkTxVersion{system: s} }}
}

type checkTxVersion struct {
	Pass
	system *System
}

func (checkTxVersion) Weight(*Call) Weight { return Weight{RefTime: 455_000} }

func (c checkTxVersion) Implicit(b []byte) ([]byte, error) {
	return scale.AppendU32(b, c.system.runtime.Version.TransactionVersion), nil
}

// CheckGenesis signs the hash of block 0: a transaction is for one chain.
func (s *System) CheckGenesis() Extension {
	return Extension{Identifier: "CheckGenesis", Type: extensionType("frame_system::extensions::check_genesis::CheckGenesis"), Implicit: TypeHash,
		Decode: func(*scale.Decoder) Step { return checkGenesis{system: s} }}
}

type checkGenesis struct {
	Pass
	system *System
}

func (c checkGenesis) Weight(*Call) Weight {
	return c.system.DbWeight.With(Weight{RefTime: 3_577_000}, 1, 0)
}

func (c checkGenesis) Implicit(b []byte) ([]byte, error) {
	return c.system.BlockHash.Get(0).EncodeTo(b), nil
}

// CheckMortality signs the block at which the transaction's era began; older than the
// known block hashes it cannot be.
func (s *System) CheckMortality() Extension {
	return Extension{Identifier: "CheckMortality", Type: extensionType("frame_system::extensions::check_mortality::CheckMortality", TypeField{"", typeEra, "Era"}), Implicit: TypeHash,
		Decode: func(d *scale.Decoder) Step {
			c := &checkMortality{system: s}
			c.era.DecodeFrom(d)
			return c
		}}
}

// CheckEra is the former name of [System.CheckMortality].
func (s *System) CheckEra() Extension { return s.CheckMortality() }

// typeEra has a variant for every first byte; it is made only when metadata is asked for.
func typeEra(t *Types) metadata.TypeID {
	list := []EnumVariant{{Index: 0, Name: "Immortal"}}
	for i := 1; i < 256; i++ {
		list = append(list, EnumVariant{Index: uint8(i), Name: "Mortal" + strconv.Itoa(i), Fields: []TypeField{{"", TypeU8, ""}}})
	}
	return Enum("sp_runtime::generic::era::Era", nil, list...)(t)
}

type checkMortality struct {
	Pass
	system *System
	era    Era
}

func (c *checkMortality) Weight(*Call) Weight {
	if c.era.Period == 0 {
		return c.system.DbWeight.With(Weight{RefTime: 6_605_000}, 1, 0)
	}
	return c.system.DbWeight.With(Weight{6_703_000, 3509}, 1, 0)
}

func (c *checkMortality) Implicit(b []byte) ([]byte, error) {
	birth := c.era.Birth(uint64(c.system.BlockNumber()))
	if birth > math.MaxUint32 {
		return b, InvalidAncientBirth
	}
	h, ok := c.system.BlockHash.TryGet(uint32(birth))
	if !ok {
		return b, InvalidAncientBirth
	}
	return h.EncodeTo(b), nil
}

func (c *checkMortality) Validate(_ *Tx, v *ValidTransaction) error {
	n := uint64(c.system.BlockNumber())
	v.Longevity = min(v.Longevity, satSub(c.era.Death(n), n))
	return nil
}

// CheckNonce counts the transactions of an account: each is valid once, in order.
func (s *System) CheckNonce() Extension {
	return Extension{Identifier: "CheckNonce", Type: extensionType("frame_system::extensions::check_nonce::CheckNonce", TypeField{"", CompactOf(TypeU32), "T::Nonce"}), Implicit: TypeUnit,
		Decode: func(d *scale.Decoder) Step { return &checkNonce{system: s, nonce: d.CompactU32()} }}
}

type checkNonce struct {
	Pass
	system *System
	nonce  uint32
}

func (c *checkNonce) Weight(*Call) Weight {
	return c.system.DbWeight.With(Weight{7_261_000, 3593}, 1, 1)
}

func (c *checkNonce) Validate(tx *Tx, v *ValidTransaction) error {
	if tx.Origin.Kind != OriginSigned {
		return nil
	}
	who := tx.Origin.Who
	a := c.system.Account.Get(who)
	switch {
	case a.Providers == 0 && a.Sufficients == 0:
		return InvalidPayment
	case c.nonce < a.Nonce:
		return InvalidStale
	}
	tag := func(n uint32) []byte { return scale.AppendU32(who.EncodeTo(nil), n) }
	v.Provides = append(v.Provides, tag(c.nonce))
	if c.nonce > a.Nonce {
		v.Requires = append(v.Requires, tag(c.nonce-1))
	}
	return nil
}

func (c *checkNonce) Prepare(tx *Tx) error {
	if tx.Origin.Kind != OriginSigned {
		return nil
	}
	a := c.system.Account.Get(tx.Origin.Who)
	if c.nonce != a.Nonce {
		if c.nonce < a.Nonce {
			return InvalidStale
		}
		return InvalidFuture
	}
	a.Nonce++
	c.system.Account.Put(tx.Origin.Who, a)
	return nil
}

func (c *checkNonce) PostDispatch(tx *Tx, _ PostInfo, _ error) (Weight, error) {
	if tx.Origin.Kind != OriginSigned {
		return c.Weight(tx.Call), nil
	}
	return Weight{}, nil
}

// CheckWeight keeps the block within its limits of weight and length.
func (s *System) CheckWeight() Extension {
	return Extension{Identifier: "CheckWeight", Type: extensionType("frame_system::extensions::check_weight::CheckWeight"), Implicit: TypeUnit,
		Decode:       func(*scale.Decoder) Step { return &checkWeight{system: s} },
		BareValidate: s.validateWeight, BarePrepare: s.prepareWeight,
		BarePost: func(tx *Tx, post PostInfo) { s.reclaim(tx.Info, post) }}
}

type checkWeight struct {
	Pass
	system *System
}

func (checkWeight) Weight(*Call) Weight { return Weight{RefTime: 3_006_000} }

func (c *checkWeight) Validate(tx *Tx, _ *ValidTransaction) error { return c.system.validateWeight(tx) }
func (c *checkWeight) Prepare(tx *Tx) error                       { return c.system.prepareWeight(tx) }

func (c *checkWeight) PostDispatch(tx *Tx, post PostInfo, _ error) (Weight, error) {
	c.system.reclaim(tx.Info, post)
	return Weight{}, nil
}

func (s *System) validateWeight(tx *Tx) error {
	limits := &s.BlockWeights.PerClass[tx.Info.Class]
	size := uint64(s.BlockSize.Get()) + uint64(tx.Len)
	if size > uint64(s.BlockLength.Max[tx.Info.Class]) {
		return InvalidExhaustsResource
	}
	w := tx.Info.Total().Add(Weight{ProofSize: uint64(tx.Len)})
	if limits.MaxExtrinsic != nil && w.Exceeds(*limits.MaxExtrinsic) {
		return InvalidExhaustsResource
	}
	return nil
}

func (s *System) prepareWeight(tx *Tx) error {
	class := tx.Info.Class
	limits := &s.BlockWeights.PerClass[class]
	w := tx.Info.Total().Add(limits.BaseExtrinsic).Add(Weight{ProofSize: uint64(tx.Len)})
	used := s.BlockWeight.Get()
	sum, fits := used[class].checkedAdd(w)
	if !fits && (limits.MaxTotal != nil || limits.Reserved != nil) {
		return InvalidExhaustsResource
	}
	used[class] = sum
	if limits.MaxTotal != nil && sum.Exceeds(*limits.MaxTotal) {
		return InvalidExhaustsResource
	}
	if used.Total().Exceeds(s.BlockWeights.MaxBlock) && limits.Reserved != nil && sum.Exceeds(*limits.Reserved) {
		return InvalidExhaustsResource
	}
	s.BlockSize.Put(s.BlockSize.Get() + uint32(tx.Len))
	s.BlockWeight.Put(used)
	return nil
}

// WeightReclaim returns the weight that extensions between it and CheckWeight gave back.
func (s *System) WeightReclaim() Extension {
	return Extension{Identifier: "WeightReclaim", Type: extensionType("frame_system::extensions::weight_reclaim::WeightReclaim"), Implicit: TypeUnit,
		Decode:   func(*scale.Decoder) Step { return &weightReclaim{system: s} },
		BarePost: func(tx *Tx, post PostInfo) { s.reclaim(tx.Info, post) }}
}

type weightReclaim struct {
	Pass
	system *System
}

func (w *weightReclaim) Weight(*Call) Weight {
	return w.system.DbWeight.With(Weight{4_747_000, 1489}, 1, 1)
}

func (w *weightReclaim) PostDispatch(tx *Tx, post PostInfo, _ error) (Weight, error) {
	w.system.reclaim(tx.Info, post)
	return Weight{}, nil
}

// CheckMetadataHash lets a transaction name the metadata it was made with. This runtime
// knows no hash: mode 0 is taken, mode 1 cannot be judged.
func CheckMetadataHash() Extension {
	mode := simpleEnum("frame_metadata_hash_extension::Mode", "Disabled", "Enabled")
	return Extension{Identifier: "CheckMetadataHash", Type: extensionType("frame_metadata_hash_extension::CheckMetadataHash", TypeField{"mode", mode, "Mode"}), Implicit: OptionOf(ArrayOf(TypeU8, 32)),
		Decode: func(d *scale.Decoder) Step {
			m := checkMetadataHash{mode: d.Variant()}
			if m.mode > 1 {
				d.UnknownVariant("Mode", m.mode)
			}
			return m
		}}
}

type checkMetadataHash struct {
	Pass
	mode uint8
}

func (c checkMetadataHash) Implicit(b []byte) ([]byte, error) {
	if c.mode != 0 {
		return b, UnknownCannotLookup
	}
	return scale.AppendOption(b, (*hashing.Hash)(nil), appendHash), nil
}
