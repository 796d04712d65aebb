// Package transactionpayment is pallet-transaction-payment: fees.
//
//	fee = WeightToFee(base extrinsic) + LengthToFee(length) + NextFeeMultiplier * WeightToFee(weight) + tip
package transactionpayment

import (
	"math"

	"pileus/frame"
	"pileus/scale"
)

// Currency is what fees are paid in.
type Currency interface {
	// CanWithdrawFee tells whether the fee can be taken and the account stays.
	CanWithdrawFee(who frame.AccountID, fee frame.Balance) bool
	// WithdrawFee takes the fee.
	WithdrawFee(who frame.AccountID, fee frame.Balance) error
	// Refund gives part of a taken fee back; false if there is nobody to give it to.
	Refund(who frame.AccountID, amount frame.Balance) bool
	// Settle disposes of what was paid in the end.
	Settle(paid frame.Balance)
}

// Config is what a runtime decides.
type Config struct {
	Currency    Currency
	WeightToFee func(frame.Weight) frame.Balance
	LengthToFee func(bytes uint32) frame.Balance
	// FeeMultiplierUpdate makes the next block's multiplier from this one's. Nil makes it
	// zero, as () of FRAME does: from block 2 on the weight is free.
	FeeMultiplierUpdate func(frame.Balance) frame.Balance
	// OperationalFeeMultiplier raises the priority of operational extrinsics.
	OperationalFeeMultiplier uint8
}

// IdentityFee is one unit per ref time.
func IdentityFee(w frame.Weight) frame.Balance { return frame.Amount(w.RefTime) }

// Pallet charges fees.
type Pallet struct {
	frame.Pallet
	Config
	NextFeeMultiplier frame.Value[frame.Balance]
	StorageVersion    frame.Value[uint8]
	feePaid           frame.Event3[frame.AccountID, frame.Balance, frame.Balance]
}

func field(name string, t frame.TypeOf, typeName string) frame.TypeField {
	return frame.TypeField{Name: name, Type: t, TypeName: typeName}
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	b := &p.Pallet
	b.Crate = "pallet_transaction_payment"
	p.NextFeeMultiplier = frame.NewValueWith(b, "NextFeeMultiplier", frame.FixedU128, frame.FixedOne)
	p.StorageVersion = frame.NewValue(b, "StorageVersion", frame.U8.Named(frame.Enum("pallet_transaction_payment::Releases", nil,
		frame.EnumVariant{Index: 0, Name: "V1Ancient"}, frame.EnumVariant{Index: 1, Name: "V2"})))
	imbalance := frame.Struct("frame_support::traits::tokens::fungible::imbalance::Imbalance", []frame.TypeParam{{Name: "B", Type: frame.TypeU128}, {Name: "OnDrop"}, {Name: "OppositeOnDrop"}},
		field("amount", frame.TypeU128, "B"))
	frame.NewOptionValue(b, "TxPaymentCredit", frame.U128.Named(frame.Struct("frame_support::traits::storage::NoDrop", []frame.TypeParam{{Name: "T", Type: imbalance}}, field("", imbalance, "T"))))
	p.feePaid = frame.NewEvent3(b, 0, "TransactionFeePaid", frame.Arg("who", frame.Account).As("T::AccountId"),
		frame.Arg("actual_fee", frame.U128).As("BalanceOf<T>"), frame.Arg("tip", frame.U128).As("BalanceOf<T>"))
	frame.NewConstant(b, "OperationalFeeMultiplier", frame.U8, func() uint8 { return p.OperationalFeeMultiplier })
	return p
}

// OnFinalize moves the multiplier on.
func (p *Pallet) OnFinalize(uint32) {
	var next frame.Balance
	old := p.NextFeeMultiplier.Get()
	if p.FeeMultiplierUpdate != nil {
		next = p.FeeMultiplierUpdate(old)
	}
	p.NextFeeMultiplier.Put(next)
}

// fees are the parts of a fee.
type fees struct {
	charged      bool // there is a fee besides the tip
	base, length frame.Balance
	weight       frame.Balance // adjusted by the multiplier
	tip          frame.Balance
}

func (f fees) total() frame.Balance {
	return frame.Add(frame.Add(f.base, f.length), frame.Add(f.weight, f.tip))
}

func (p *Pallet) weightToFee(w frame.Weight) frame.Balance {
	return p.WeightToFee(w.Min(p.System().BlockWeights.MaxBlock))
}

func (p *Pallet) compute(length uint32, w frame.Weight, class frame.DispatchClass, pays frame.Pays, tip frame.Balance) fees {
	if pays == frame.PaysNo {
		return fees{tip: tip}
	}
	return fees{
		charged: true,
		base:    p.weightToFee(p.System().BlockWeights.PerClass[class].BaseExtrinsic),
		length:  p.LengthToFee(length),
		weight:  frame.FixedMul(p.NextFeeMultiplier.Get(), p.weightToFee(w)),
		tip:     tip,
	}
}

// priority is the tip times how many such extrinsics a block holds; operational ones get
// a multiple of their fee on top.
func (p *Pallet) priority(info frame.DispatchInfo, length int, tip, fee frame.Balance) uint64 {
	s := p.System()
	limit := s.BlockWeights.MaxBlock
	w := info.Total().Max(frame.Weight{RefTime: 1, ProofSize: 1}).Min(limit)
	most := uint64(s.BlockLength.Max[info.Class])
	n := min(limit.RefTime/w.RefTime, limit.ProofSize/w.ProofSize, most/min(max(uint64(length), 1), most))
	reward := frame.Mul(frame.Add(tip, frame.Amount(1)), frame.Amount(n))
	if info.Class == frame.Operational {
		virtual := frame.Mul(fee, frame.Amount(uint64(p.OperationalFeeMultiplier)))
		reward = frame.Add(reward, frame.Mul(virtual, frame.Amount(n)))
	}
	if reward.Hi != 0 {
		return math.MaxUint64
	}
	return reward.Lo
}

// ChargeTransactionPayment is the extension that takes the fee before the call, and gives
// back after it what was not used.
func (p *Pallet) ChargeTransactionPayment() frame.Extension {
	return frame.Extension{
		Identifier: "ChargeTransactionPayment",
		Type:       frame.Struct("pallet_transaction_payment::ChargeTransactionPayment", []frame.TypeParam{{Name: "T"}}, field("", frame.CompactOf(frame.TypeU128), "BalanceOf<T>")),
		Implicit:   frame.TypeUnit,
		Decode:     func(d *scale.Decoder) frame.Step { return &charge{pallet: p, tip: d.CompactU128()} },
	}
}

type charge struct {
	frame.Pass
	pallet *Pallet
	tip    frame.Balance
	fee    frame.Balance // taken, tip included
}

func (c *charge) Weight(*frame.Call) frame.Weight {
	return c.pallet.System().DbWeight.With(frame.Weight{RefTime: 35_979_000, ProofSize: 3593}, 1, 1)
}

func (c *charge) Validate(tx *frame.Tx, v *frame.ValidTransaction) error {
	if tx.Origin.Kind != frame.OriginSigned {
		return nil
	}
	p := c.pallet
	c.fee = p.compute(uint32(tx.Len), tx.Info.Total(), tx.Info.Class, tx.Info.Pays, c.tip).total()
	if !frame.IsZero(c.fee) && !p.Currency.CanWithdrawFee(tx.Origin.Who, c.fee) {
		return frame.InvalidPayment
	}
	v.Priority += p.priority(tx.Info, tx.Len, c.tip, c.fee)
	return nil
}

func (c *charge) Prepare(tx *frame.Tx) error {
	if tx.Origin.Kind != frame.OriginSigned || frame.IsZero(c.fee) {
		return nil
	}
	if c.pallet.Currency.WithdrawFee(tx.Origin.Who, c.fee) != nil {
		return frame.InvalidPayment
	}
	return nil
}

func (c *charge) PostDispatch(tx *frame.Tx, post frame.PostInfo, _ error) (frame.Weight, error) {
	if tx.Origin.Kind != frame.OriginSigned {
		return c.Weight(tx.Call), nil
	}
	p, who := c.pallet, tx.Origin.Who
	actual := p.compute(uint32(tx.Len), post.Actual(tx.Info), tx.Info.Class, post.PaysFee(tx.Info), c.tip).total()
	paid := c.fee
	if over := frame.Sub(paid, actual); !frame.IsZero(over) && p.Currency.Refund(who, over) {
		paid = actual
	}
	p.Currency.Settle(paid)
	p.feePaid.Deposit(who, actual, c.tip)
	return frame.Weight{}, nil
}

// API is TransactionPaymentApi.
func (p *Pallet) API() frame.API {
	xt := frame.Arg("uxt", frame.ExtrinsicCodec)
	length := frame.Arg("len", frame.U32)
	class := frame.TypeClass
	balance := []frame.TypeParam{{Name: "Balance", Type: frame.TypeU128}}
	info := frame.Struct("pallet_transaction_payment::types::RuntimeDispatchInfo", append(balance[:1:1], frame.TypeParam{Name: "Weight", Type: frame.TypeWeight}),
		field("weight", frame.TypeWeight, "Weight"), field("class", class, "DispatchClass"), field("partial_fee", frame.TypeU128, "Balance"))
	inclusion := frame.Struct("pallet_transaction_payment::types::InclusionFee", balance,
		field("base_fee", frame.TypeU128, "Balance"), field("len_fee", frame.TypeU128, "Balance"), field("adjusted_weight_fee", frame.TypeU128, "Balance"))
	details := frame.Struct("pallet_transaction_payment::types::FeeDetails", balance,
		field("inclusion_fee", frame.OptionOf(inclusion), "Option<InclusionFee<Balance>>"), field("tip", frame.TypeU128, "Balance"))
	return frame.API{Name: "TransactionPaymentApi", Version: 4, Methods: []frame.Method{
		frame.Answer2("query_info", xt, length, frame.Encoded(info), p.queryInfo),
		frame.Answer2("query_fee_details", xt, length, frame.Encoded(details), p.queryDetails),
		frame.Answer1("query_weight_to_fee", frame.Arg("weight", frame.WeightCodec), frame.U128, p.weightToFee),
		frame.Answer1("query_length_to_fee", frame.Arg("length", frame.U32), frame.U128, func(n uint32) frame.Balance { return p.LengthToFee(n) }),
	}}
}

func (p *Pallet) query(b []byte, length uint32) (x *frame.Extrinsic, info frame.DispatchInfo, f fees) {
	x, err := p.Runtime().DecodeExtrinsic(b)
	if err != nil {
		panic("extrinsic does not decode: " + err.Error())
	}
	info = x.DispatchInfo()
	if x.Form != frame.BareExtrinsic {
		f = p.compute(length, info.Total(), info.Class, info.Pays, frame.Balance{})
	}
	return x, info, f
}

func (p *Pallet) queryInfo(b []byte, length uint32) []byte {
	_, info, f := p.query(b, length)
	return scale.AppendU128(append(info.Total().EncodeTo(nil), byte(info.Class)), f.total())
}

func (p *Pallet) queryDetails(b []byte, length uint32) []byte {
	_, _, f := p.query(b, length)
	if !f.charged {
		return append([]byte{0}, make([]byte, 16)...)
	}
	out := scale.AppendU128(scale.AppendU128(scale.AppendU128([]byte{1}, f.base), f.length), f.weight)
	return scale.AppendU128(out, f.tip)
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "transactionPayment" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"multiplier":"1000000000000000000"}` }

// BuildGenesis writes the multiplier.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("multiplier"); err != nil {
		return err
	}
	field, err := c.Field("multiplier")
	if err != nil {
		return err
	}
	multiplier, err := field.U128()
	if err != nil {
		return err
	}
	p.StorageVersion.Put(1)
	p.NextFeeMultiplier.Put(multiplier)
	return nil
}
