package txpool

import (
	"errors"
	"fmt"

	"pileus/scale"
)

// Valid is the runtime's answer for a transaction that it would take now or, once other
// transactions have provided the tags that it requires, later
// (sp_runtime::transaction_validity::ValidTransaction).
type Valid struct {
	Priority  uint64
	Requires  [][]byte
	Provides  [][]byte
	Longevity uint64 // blocks that it stays valid
	Propagate bool
}

// InvalidError is the runtime's refusal of a transaction
// (sp_runtime::transaction_validity::TransactionValidityError).
type InvalidError struct {
	Unknown bool  // the runtime cannot tell, rather than the transaction is wrong
	Kind    uint8 // variant of InvalidTransaction or UnknownTransaction
	Custom  uint8 // of the variant Custom
}

// Variants of InvalidTransaction that callers ask for.
const (
	InvalidFuture            = 2
	InvalidStale             = 3
	InvalidExhaustsResources = 6
)

var invalidTexts = [...]string{
	"transaction call is not expected",
	"inability to pay some fees (e.g. account balance too low)",
	"transaction will be valid in the future",
	"transaction is outdated",
	"transaction has a bad signature",
	"transaction has an ancient birth block",
	"transaction would exhaust the block limits",
	"custom error",
	"a call was labelled as mandatory, but resulted in an error",
	"transaction dispatch is mandatory; transactions must not be validated",
	"invalid signing address",
	"the implicit data was unable to be calculated",
	"the transaction extension did not authorize any origin",
}

var unknownTexts = [...]string{
	"could not look up information required to validate the transaction",
	"could not find an unsigned validator for the unsigned transaction",
	"custom error",
}

func (e *InvalidError) Error() string {
	texts, custom, what := invalidTexts[:], uint8(7), "invalid transaction"
	if e.Unknown {
		texts, custom, what = unknownTexts[:], 2, "unknown validity of transaction"
	}
	switch {
	case int(e.Kind) >= len(texts):
		return fmt.Sprintf("%s: kind %d", what, e.Kind)
	case e.Kind == custom:
		return fmt.Sprintf("%s: custom error %d", what, e.Custom)
	}
	return what + ": " + texts[e.Kind]
}

// DecodeFrom reads the SCALE encoding of a TransactionValidityError.
func (e *InvalidError) DecodeFrom(d *scale.Decoder) {
	*e = InvalidError{}
	v := d.Variant()
	if v > 1 {
		d.UnknownVariant("TransactionValidityError", v)
		return
	}
	e.Unknown, e.Kind = v == 1, d.Variant()
	limit, custom := uint8(len(invalidTexts)), uint8(7)
	if e.Unknown {
		limit, custom = uint8(len(unknownTexts)), 2
	}
	if d.Err() == nil && e.Kind >= limit {
		d.UnknownVariant("TransactionValidityError", e.Kind)
	}
	if e.Kind == custom {
		e.Custom = d.U8()
	}
}

const (
	maxTags      = 1024
	maxTagLength = 1 << 16
)

// DecodeValidity reads what TaggedTransactionQueue_validate_transaction returns: a
// [Valid], or an error that is an [*InvalidError]; other errors mean that the bytes are
// no answer.
func DecodeValidity(raw []byte) (*Valid, error) {
	d := scale.NewDecoder(raw)
	switch v := d.Variant(); v {
	case 0:
		t := &Valid{
			Priority:  d.U64(),
			Requires:  d.BytesVec(maxTags, maxTagLength),
			Provides:  d.BytesVec(maxTags, maxTagLength),
			Longevity: d.U64(),
			Propagate: d.Bool(),
		}
		if err := d.Finish(); err != nil {
			return nil, fmt.Errorf("decode transaction validity: %w", err)
		}
		return t, nil
	case 1:
		var e InvalidError
		e.DecodeFrom(d)
		if err := d.Finish(); err != nil {
			return nil, fmt.Errorf("decode transaction validity: %w", err)
		}
		return nil, &e
	default:
		d.UnknownVariant("TransactionValidity", v)
		return nil, fmt.Errorf("decode transaction validity: %w", d.Err())
	}
}

// Errors of a submission, besides [*InvalidError]. In brackets the code that the author
// RPC of a node gives.
var (
	ErrKnown      = errors.New("transaction is in the pool already")                        // 1013
	ErrBanned     = errors.New("transaction is temporarily banned")                         // 1012
	ErrPriority   = errors.New("priority too low to replace a transaction in the pool")     // 1014
	ErrDropped    = errors.New("the pool is full and the transaction's priority too low")   // 1016
	ErrNoTags     = errors.New("transaction provides no tags, so the pool cannot place it") // 1019
	ErrTooLarge   = errors.New("transaction is larger than the pool's limit")
	ErrUnchecked  = errors.New("too many transactions are waiting to be checked")
	ErrUnfinished = errors.New("the runtime could not check the transaction")
)
