package runtimeapi

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"pileus/primitives"
	"pileus/scale"
)

// Inclusion says which extrinsics a block may have (sp_runtime::ExtrinsicInclusionMode).
type Inclusion uint8

// The modes of inclusion.
const (
	AllExtrinsics Inclusion = 0
	OnlyInherents Inclusion = 1 // while a multi-block migration runs
)

// CoreVersion asks the runtime for its version (Core_version).
func (r *Runtime) CoreVersion(ctx context.Context) (*Version, error) {
	v, err := call(ctx, r, Core, "version", nil, sized[Version])
	return &v, err
}

// InitializeBlock begins a block: parent hash, number and digest of the header count.
// Before version 5 of Core the answer is always [AllExtrinsics].
func (r *Runtime) InitializeBlock(ctx context.Context, h *primitives.Header) (Inclusion, error) {
	version, _ := r.API(Core)
	return call(ctx, r, Core, "initialize_block", h.EncodeTo(nil), func(d *scale.Decoder) Inclusion {
		if version < 5 {
			return AllExtrinsics
		}
		m := Inclusion(d.Variant())
		if m > OnlyInherents {
			d.UnknownVariant("ExtrinsicInclusionMode", uint8(m))
		}
		return m
	})
}

// ExecuteBlock executes a whole block, whose seal must have been taken off; a block
// whose roots or digest turn out differently makes the runtime panic.
func (r *Runtime) ExecuteBlock(ctx context.Context, b *primitives.Block) error {
	_, err := call(ctx, r, Core, "execute_block", b.EncodeTo(nil), unit)
	return err
}

// ApplyExtrinsic adds an extrinsic, given without its length prefix, to the block. On
// [ApplyResult.Refused] the runtime may have left changes behind, which the caller of
// this method has to roll back.
func (r *Runtime) ApplyExtrinsic(ctx context.Context, xt []byte) (ApplyResult, error) {
	return call(ctx, r, BlockBuilder, "apply_extrinsic", scale.AppendBytes(nil, xt), sized[ApplyResult])
}

// FinalizeBlock ends the block and returns its header, without a seal.
func (r *Runtime) FinalizeBlock(ctx context.Context) (*primitives.Header, error) {
	h, err := call(ctx, r, BlockBuilder, "finalize_block", nil, sized[primitives.Header])
	if err != nil {
		return nil, err
	}
	return &h, nil
}

// InherentExtrinsics makes the extrinsics that the data demand, without length prefixes.
func (r *Runtime) InherentExtrinsics(ctx context.Context, data primitives.InherentData) ([][]byte, error) {
	return call(ctx, r, BlockBuilder, "inherent_extrinsics", data.EncodeTo(nil), func(d *scale.Decoder) [][]byte {
		return d.BytesVec(maxItems, maxBytes)
	})
}

// CheckInherents compares a block's inherents with the data that this node would have given.
func (r *Runtime) CheckInherents(ctx context.Context, b *primitives.Block, data primitives.InherentData) (*InherentCheck, error) {
	c, err := call(ctx, r, BlockBuilder, "check_inherents", data.EncodeTo(b.EncodeTo(nil)), sized[InherentCheck])
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// InherentCheck is the outcome of [Runtime.CheckInherents] (sp_inherents::CheckInherentsResult).
type InherentCheck struct {
	Okay   bool
	Fatal  bool                    // one of the errors is fatal
	Errors primitives.InherentData // encoded, by inherent
}

// DecodeFrom reads the SCALE encoding.
func (c *InherentCheck) DecodeFrom(d *scale.Decoder) {
	c.Okay, c.Fatal = d.Bool(), d.Bool()
	c.Errors = primitives.InherentData{}
	for n := d.Len(maxItems, 9); n > 0 && d.Err() == nil; n-- {
		var id primitives.InherentID
		d.Array(id[:])
		c.Errors[id] = d.Bytes(maxBytes)
	}
}

// Err is nil if the inherents are in order, else it lists what the runtime says.
func (c *InherentCheck) Err() error {
	if c.Okay {
		return nil
	}
	list := make([]string, 0, len(c.Errors))
	for id, raw := range c.Errors {
		list = append(list, inherentErrorText(id, raw))
	}
	sort.Strings(list)
	return fmt.Errorf("inherents are wrong: %s", strings.Join(list, ", "))
}

// inherentErrorText names the errors of the timestamp (sp_timestamp::InherentError); others in hex.
func inherentErrorText(id primitives.InherentID, raw []byte) string {
	if id == primitives.InherentTimestamp && len(raw) > 0 {
		switch raw[0] {
		case 0:
			return "the time since the last timestamp is too short"
		case 1:
			return "the timestamp is too far in the future"
		}
	}
	return fmt.Sprintf("%s: 0x%x", id[:], raw)
}

// TransactionSource says where a transaction comes from (sp_runtime::transaction_validity).
type TransactionSource uint8

// The sources of transactions.
const (
	SourceInBlock  TransactionSource = 0
	SourceLocal    TransactionSource = 1
	SourceExternal TransactionSource = 2
)

// ValidateTransaction asks whether a transaction, given without its length prefix, may
// stand in the block after the one with the hash at. A refusal is a [*ValidityError].
func (r *Runtime) ValidateTransaction(ctx context.Context, source TransactionSource, xt []byte, at primitives.Hash) (*ValidTransaction, error) {
	out, err := r.ValidateTransactionRaw(ctx, source, xt, at)
	if err != nil {
		return nil, err
	}
	return DecodeValidity(out)
}

// ValidateTransactionRaw is [Runtime.ValidateTransaction] with the encoded TransactionValidity as the answer.
func (r *Runtime) ValidateTransactionRaw(ctx context.Context, source TransactionSource, xt []byte, at primitives.Hash) ([]byte, error) {
	if _, err := r.need(TaggedTransactionQueue, 3); err != nil {
		return nil, err
	}
	args := scale.AppendBytes([]byte{byte(source)}, xt)
	return r.Call(ctx, TaggedTransactionQueue, "validate_transaction", append(args, at[:]...))
}

// AccountNonce is the number of transactions that an account has sent, which is the nonce of its next one.
func (r *Runtime) AccountNonce(ctx context.Context, account []byte) (uint64, error) {
	return call(ctx, r, AccountNonceApi, "account_nonce", account, func(d *scale.Decoder) uint64 {
		if d.Left() == 8 {
			return d.U64()
		}
		return uint64(d.U32())
	})
}

// FeeInfo is what an extrinsic weighs and costs (pallet_transaction_payment::RuntimeDispatchInfo).
type FeeInfo struct {
	RefTime, ProofSize uint64 // declared weight, without the base of every extrinsic
	Class              uint8  // 0 normal, 1 operational, 2 mandatory
	PartialFee         scale.U128
}

// QueryInfo asks for weight and fee of an extrinsic, given without its length prefix.
func (r *Runtime) QueryInfo(ctx context.Context, xt []byte) (FeeInfo, error) {
	full := scale.AppendBytes(nil, xt)
	args := scale.AppendU32(full[:len(full):len(full)], uint32(len(full)))
	return call(ctx, r, TransactionPaymentApi, "query_info", args, func(d *scale.Decoder) FeeInfo {
		return FeeInfo{d.Compact(), d.Compact(), d.U8(), d.U128()}
	})
}
