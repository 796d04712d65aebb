package runtimeapi

import (
	"fmt"

	"pileus/metadata"
	"pileus/scale"
)

// ApplyResult is what becomes of an extrinsic (sp_runtime::ApplyExtrinsicResult):
//
//	Invalid != nil             refused, not part of the block
//	Failed != nil              part of the block, but its call failed
//	both nil                   part of the block, its call succeeded
type ApplyResult struct {
	Invalid *ValidityError
	Failed  *DispatchError
}

// Refused tells whether the extrinsic is not part of the block.
func (a ApplyResult) Refused() bool { return a.Invalid != nil }

// Err is nil on success, else the refusal or the failure.
func (a ApplyResult) Err() error {
	switch {
	case a.Invalid != nil:
		return a.Invalid
	case a.Failed != nil:
		return a.Failed
	}
	return nil
}

// DecodeFrom reads the SCALE encoding.
func (a *ApplyResult) DecodeFrom(d *scale.Decoder) {
	*a = ApplyResult{}
	switch v := d.Variant(); v {
	case 0:
		switch w := d.Variant(); w {
		case 0:
		case 1:
			a.Failed = &DispatchError{}
			a.Failed.DecodeFrom(d)
		default:
			d.UnknownVariant("DispatchOutcome", w)
		}
	case 1:
		a.Invalid = &ValidityError{}
		a.Invalid.DecodeFrom(d)
	default:
		d.UnknownVariant("ApplyExtrinsicResult", v)
	}
}

// DispatchError is why a call failed (sp_runtime::DispatchError).
type DispatchError struct {
	Kind   DispatchErrorKind
	Detail uint8   // of Token, Arithmetic, Transactional and Trie
	Pallet uint8   // of Module: the pallet's index
	Code   [4]byte // of Module: the encoded error, its variant first
}

// DispatchErrorKind is the variant byte of a [DispatchError].
type DispatchErrorKind uint8

// The kinds of dispatch errors that carry something.
const (
	DispatchModule        DispatchErrorKind = 3
	DispatchToken         DispatchErrorKind = 7
	DispatchArithmetic    DispatchErrorKind = 8
	DispatchTransactional DispatchErrorKind = 9
	DispatchTrie          DispatchErrorKind = 14
)

var (
	dispatchNames      = [...]string{"Other", "CannotLookup", "BadOrigin", "Module", "ConsumerRemaining", "NoProviders", "TooManyConsumers", "Token", "Arithmetic", "Transactional", "Exhausted", "Corruption", "Unavailable", "RootNotAllowed", "Trie"}
	tokenNames         = []string{"FundsUnavailable", "OnlyProvider", "BelowMinimum", "CannotCreate", "UnknownAsset", "Frozen", "Unsupported", "CannotCreateHold", "NotExpendable", "Blocked"}
	arithmeticNames    = []string{"Underflow", "Overflow", "DivisionByZero"}
	transactionalNames = []string{"LimitReached", "NoLayer"}
	trieNames          = []string{"InvalidStateRoot", "IncompleteDatabase", "ValueAtIncompleteKey", "DecoderError", "InvalidHash", "DuplicateKey", "ExtraneousNode", "ExtraneousValue", "ExtraneousHashReference", "InvalidChildReference", "ValueMismatch", "IncompleteProof", "RootMismatch", "DecodeError"}
)

// details are the names of what a kind carries, nil if it carries nothing.
func (k DispatchErrorKind) details() []string {
	switch k {
	case DispatchToken:
		return tokenNames
	case DispatchArithmetic:
		return arithmeticNames
	case DispatchTransactional:
		return transactionalNames
	case DispatchTrie:
		return trieNames
	}
	return nil
}

// EncodeTo appends the SCALE encoding.
func (e *DispatchError) EncodeTo(b []byte) []byte {
	b = append(b, byte(e.Kind))
	switch {
	case e.Kind == DispatchModule:
		b = append(append(b, e.Pallet), e.Code[:]...)
	case e.Kind.details() != nil:
		b = append(b, e.Detail)
	}
	return b
}

// DecodeFrom reads the SCALE encoding.
func (e *DispatchError) DecodeFrom(d *scale.Decoder) {
	*e = DispatchError{Kind: DispatchErrorKind(d.Variant())}
	names := e.Kind.details()
	switch {
	case int(e.Kind) >= len(dispatchNames):
		d.UnknownVariant("DispatchError", uint8(e.Kind))
	case e.Kind == DispatchModule:
		e.Pallet = d.U8()
		d.Array(e.Code[:])
	case names != nil:
		if e.Detail = d.U8(); int(e.Detail) >= len(names) {
			d.UnknownVariant("DispatchError::"+dispatchNames[e.Kind], e.Detail)
		}
	}
}

// Error names the error as far as that is possible without metadata, see [DispatchError.Describe].
func (e *DispatchError) Error() string { return e.Describe(nil) }

// Describe names the error: "Token.BelowMinimum"; that of a pallet by the metadata,
// "Vesting.NotVesting", or by its numbers if m is nil or does not have it.
func (e *DispatchError) Describe(m *metadata.Metadata) string {
	if e.Kind == DispatchModule {
		if m != nil {
			if name, ok := m.ErrorName(e.Pallet, e.Code[0]); ok {
				return name
			}
		}
		return fmt.Sprintf("error %d of pallet %d", e.Code[0], e.Pallet)
	}
	if int(e.Kind) >= len(dispatchNames) {
		return fmt.Sprintf("dispatch error %d", e.Kind)
	}
	name := dispatchNames[e.Kind]
	if names := e.Kind.details(); int(e.Detail) < len(names) {
		return name + "." + names[e.Detail]
	}
	return name
}

// ValidityError is why an extrinsic is refused (sp_runtime::transaction_validity::TransactionValidityError).
type ValidityError struct {
	Unknown bool  // the runtime cannot tell; else the extrinsic is invalid
	Kind    uint8 // variant of UnknownTransaction or InvalidTransaction
	Custom  uint8 // of the variant Custom
}

// Variants of InvalidTransaction that a caller branches on.
const (
	InvalidPayment           = 1
	InvalidFuture            = 2
	InvalidStale             = 3
	InvalidBadProof          = 4
	InvalidExhaustsResources = 6
	InvalidCustom            = 7
	InvalidMandatory         = 9
	UnknownCustom            = 2 // of UnknownTransaction
)

var (
	invalidNames = [...]string{"Call", "Payment", "Future", "Stale", "BadProof", "AncientBirthBlock", "ExhaustsResources", "Custom", "BadMandatory", "MandatoryValidation", "BadSigner", "IndeterminateImplicit", "UnknownOrigin"}
	unknownNames = [...]string{"CannotLookup", "NoUnsignedValidator", "Custom"}
)

// IsExhausted tells whether the block has no room left for the extrinsic, which stays good for a later one.
func (e *ValidityError) IsExhausted() bool { return !e.Unknown && e.Kind == InvalidExhaustsResources }

func (e *ValidityError) isCustom() bool {
	return e.Unknown && e.Kind == UnknownCustom || !e.Unknown && e.Kind == InvalidCustom
}

// EncodeTo appends the SCALE encoding.
func (e *ValidityError) EncodeTo(b []byte) []byte {
	b = append(scale.AppendBool(b, e.Unknown), e.Kind)
	if e.isCustom() {
		b = append(b, e.Custom)
	}
	return b
}

// DecodeFrom reads the SCALE encoding.
func (e *ValidityError) DecodeFrom(d *scale.Decoder) {
	*e = ValidityError{}
	v := d.Variant()
	if v > 1 {
		d.UnknownVariant("TransactionValidityError", v)
	}
	e.Unknown, e.Kind = v == 1, d.Variant()
	if limit := len(e.names()); d.Err() == nil && int(e.Kind) >= limit {
		d.UnknownVariant("TransactionValidityError", e.Kind)
	}
	if e.isCustom() {
		e.Custom = d.U8()
	}
}

func (e *ValidityError) names() []string {
	if e.Unknown {
		return unknownNames[:]
	}
	return invalidNames[:]
}

// Error names the variant: "invalid transaction: Stale".
func (e *ValidityError) Error() string {
	what := "invalid transaction: "
	if e.Unknown {
		what = "transaction of unknown validity: "
	}
	switch {
	case e.isCustom():
		return fmt.Sprintf("%sCustom(%d)", what, e.Custom)
	case int(e.Kind) < len(e.names()):
		return what + e.names()[e.Kind]
	}
	return fmt.Sprintf("%skind %d", what, e.Kind)
}

// ValidTransaction is how a pool orders a transaction (sp_runtime::transaction_validity::ValidTransaction).
type ValidTransaction struct {
	Priority  uint64
	Requires  [][]byte // tags that earlier transactions must provide
	Provides  [][]byte // tags that it provides
	Longevity uint64   // blocks for which this answer is good
	Propagate bool
}

// DecodeValidity reads an encoded TransactionValidity; the error of a refused transaction is a [*ValidityError].
func DecodeValidity(b []byte) (*ValidTransaction, error) {
	d := scale.NewDecoder(b)
	v := &ValidTransaction{}
	var refused *ValidityError
	switch x := d.Variant(); x {
	case 0:
		*v = ValidTransaction{d.U64(), d.BytesVec(maxItems, maxBytes), d.BytesVec(maxItems, maxBytes), d.U64(), d.Bool()}
	case 1:
		refused = &ValidityError{}
		refused.DecodeFrom(d)
	default:
		d.UnknownVariant("TransactionValidity", x)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("decode transaction validity: %w", err)
	}
	if refused != nil {
		return nil, refused
	}
	return v, nil
}
