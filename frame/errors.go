package frame

import (
	"errors"
	"fmt"

	"pileus/scale"
)

// DispatchError is why a call failed (sp_runtime::DispatchError).
type DispatchError struct {
	Kind   uint8
	Detail uint8   // of Token, Arithmetic, Transactional and Trie
	Module uint8   // of Module: the pallet's index
	Code   [4]byte // of Module: the encoded error
	Words  string  // of Other; they do not travel
}

const kindModule = 3

// Dispatch errors that any pallet may return.
var (
	ErrCannotLookup      = DispatchError{Kind: 1}
	ErrBadOrigin         = DispatchError{Kind: 2}
	ErrConsumerRemaining = DispatchError{Kind: 4}
	ErrNoProviders       = DispatchError{Kind: 5}
	ErrTooManyConsumers  = DispatchError{Kind: 6}
	ErrFundsUnavailable  = DispatchError{Kind: 7, Detail: 0}
	ErrOnlyProvider      = DispatchError{Kind: 7, Detail: 1}
	ErrBelowMinimum      = DispatchError{Kind: 7, Detail: 2}
	ErrCannotCreate      = DispatchError{Kind: 7, Detail: 3}
	ErrFrozen            = DispatchError{Kind: 7, Detail: 5}
	ErrNotExpendable     = DispatchError{Kind: 7, Detail: 8}
	ErrUnderflow         = DispatchError{Kind: 8, Detail: 0}
	ErrOverflow          = DispatchError{Kind: 8, Detail: 1}
	ErrDivisionByZero    = DispatchError{Kind: 8, Detail: 2}
	ErrLimitReached      = DispatchError{Kind: 9, Detail: 0}
	ErrRootNotAllowed    = DispatchError{Kind: 13}
)

// Other is an error that only its words describe. They go to the log; the block has
// nothing but the fact.
func Other(words string) DispatchError { return DispatchError{Words: words} }

var (
	dispatchNames   = [...]string{"Other", "CannotLookup", "BadOrigin", "Module", "ConsumerRemaining", "NoProviders", "TooManyConsumers", "Token", "Arithmetic", "Transactional", "Exhausted", "Corruption", "Unavailable", "RootNotAllowed", "Trie"}
	tokenNames      = [...]string{"FundsUnavailable", "OnlyProvider", "BelowMinimum", "CannotCreate", "UnknownAsset", "Frozen", "Unsupported", "CannotCreateHold", "NotExpendable", "Blocked"}
	arithmeticNames = [...]string{"Underflow", "Overflow", "DivisionByZero"}
	transactional   = [...]string{"LimitReached", "NoLayer"}
	trieErrors      = [...]string{"InvalidStateRoot", "IncompleteDatabase", "ValueAtIncompleteKey", "DecoderError", "InvalidHash", "DuplicateKey", "ExtraneousNode", "ExtraneousValue", "ExtraneousHashReference", "InvalidChildReference", "ValueMismatch", "IncompleteProof", "RootMismatch", "DecodeError"}
)

// Error names the error.
func (e DispatchError) Error() string {
	name := dispatchNames[0]
	if int(e.Kind) < len(dispatchNames) {
		name = dispatchNames[e.Kind]
	}
	switch e.Kind {
	case kindModule:
		return fmt.Sprintf("Module { index: %d, error: %d }", e.Module, e.Code[0])
	case 7, 8, 9, 14:
		return fmt.Sprintf("%s(%d)", name, e.Detail)
	}
	if e.Words != "" {
		return name + ": " + e.Words
	}
	return name
}

// EncodeTo appends the SCALE encoding.
func (e DispatchError) EncodeTo(b []byte) []byte {
	b = append(b, e.Kind)
	switch e.Kind {
	case kindModule:
		b = append(append(b, e.Module), e.Code[:]...)
	case 7, 8, 9, 14:
		b = append(b, e.Detail)
	}
	return b
}

// ModuleError is an error that a pallet declares with [NewError].
type ModuleError struct {
	pallet *Pallet
	Index  uint8
	Name   string
	Docs   string
}

// Error is pallet and name.
func (e *ModuleError) Error() string { return e.pallet.Name + "." + e.Name }

// Dispatch is the error as it stands in events and results.
func (e *ModuleError) Dispatch() DispatchError {
	return DispatchError{Kind: kindModule, Module: e.pallet.Index, Code: [4]byte{e.Index}}
}

// AsDispatchError is the form of err in events and results.
func AsDispatchError(err error) DispatchError {
	var module *ModuleError
	if errors.As(err, &module) {
		return module.Dispatch()
	}
	var dispatch DispatchError
	if errors.As(err, &dispatch) {
		return dispatch
	}
	return Other(err.Error())
}

// appendResult appends Result<(), DispatchError>.
func appendResult(b []byte, err error) []byte {
	if err == nil {
		return append(b, 0)
	}
	return AsDispatchError(err).EncodeTo(append(b, 1))
}

// ValidityError is why an extrinsic does not belong into a block
// (sp_runtime::transaction_validity::TransactionValidityError).
type ValidityError struct {
	Unknown bool // it could not be judged
	Code    uint8
	Custom  uint8 // of the variant Custom
}

// The reasons.
var (
	InvalidCall             = ValidityError{Code: 0}
	InvalidPayment          = ValidityError{Code: 1}
	InvalidFuture           = ValidityError{Code: 2}
	InvalidStale            = ValidityError{Code: 3}
	InvalidBadProof         = ValidityError{Code: 4}
	InvalidAncientBirth     = ValidityError{Code: 5}
	InvalidExhaustsResource = ValidityError{Code: 6}
	InvalidBadMandatory     = ValidityError{Code: 8}
	InvalidMandatory        = ValidityError{Code: 9}
	InvalidBadSigner        = ValidityError{Code: 10}
	InvalidIndeterminate    = ValidityError{Code: 11}
	InvalidUnknownOrigin    = ValidityError{Code: 12}
	UnknownCannotLookup     = ValidityError{Unknown: true, Code: 0}
	UnknownNoValidator      = ValidityError{Unknown: true, Code: 1}
)

// InvalidCustom is a reason of one's own.
func InvalidCustom(code uint8) ValidityError { return ValidityError{Code: 7, Custom: code} }

var (
	invalidNames = [...]string{"Call", "Payment", "Future", "Stale", "BadProof", "AncientBirthBlock", "ExhaustsResources", "Custom", "BadMandatory", "MandatoryValidation", "BadSigner", "IndeterminateImplicit", "UnknownOrigin"}
	unknownNames = [...]string{"CannotLookup", "NoUnsignedValidator", "Custom"}
)

// What the reasons are called in logs (sp-runtime 49, From<InvalidTransaction> for &'static str).
var (
	invalidWords = [...]string{
		"Transaction call is not expected", "Inability to pay some fees (e.g. account balance too low)", "Transaction will be valid in the future",
		"Transaction is outdated", "Transaction has a bad signature", "Transaction has an ancient birth block", "Transaction would exhaust the block limits",
		"InvalidTransaction custom error", "A call was labelled as mandatory, but resulted in an Error.",
		"Transaction dispatch is mandatory; transactions must not be validated.", "Invalid signing address",
		"The implicit data was unable to be calculated", "The transaction extension did not authorize any origin",
	}
	unknownWords = [...]string{"Could not lookup information required to validate the transaction", "Could not find an unsigned validator for the unsigned transaction", "UnknownTransaction custom error"}
)

// Error gives the field's words for the reason.
func (e ValidityError) Error() string {
	if e.Unknown {
		return unknownWords[min(int(e.Code), len(unknownWords)-1)]
	}
	return invalidWords[min(int(e.Code), len(invalidWords)-1)]
}

// EncodeTo appends the SCALE encoding.
func (e ValidityError) EncodeTo(b []byte) []byte {
	custom := uint8(7)
	if e.Unknown {
		b, custom = append(b, 1), 2
	} else {
		b = append(b, 0)
	}
	if b = append(b, e.Code); e.Code == custom {
		b = append(b, e.Custom)
	}
	return b
}

// ValidTransaction is what a pool needs to know of a valid transaction.
type ValidTransaction struct {
	Priority  uint64
	Requires  [][]byte
	Provides  [][]byte
	Longevity uint64 // blocks
	Propagate bool
}

// EncodeTo appends the SCALE encoding.
func (v ValidTransaction) EncodeTo(b []byte) []byte {
	b = scale.AppendU64(b, v.Priority)
	b = scale.AppendBytesVec(scale.AppendBytesVec(b, v.Requires), v.Provides)
	return scale.AppendBool(scale.AppendU64(b, v.Longevity), v.Propagate)
}
