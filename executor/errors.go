package executor

import (
	"fmt"
	"strings"
)

// Kind is how a call ended without a result.
type Kind uint8

// The kinds.
const (
	KindTrap     Kind = iota // the code trapped: a panic, with the runtime's words in Panic, or a fault
	KindHost                 // a host function could not do what was asked
	KindMissing              // the code called a function that this host does not have
	KindTimeout              // it ran longer than allowed and was stopped
	KindCanceled             // the caller's context ended
	KindMemory               // the allocator ran out of space
	KindExport               // the function is not there, or of another type
	KindOutput               // the result lies outside the memory
	KindSetup                // the code could not be instantiated
)

// CallError says why a call into a runtime gave no result.
type CallError struct {
	Method string
	Kind   Kind
	Panic  string // the runtime's last words, if it panicked
	Cause  error
}

// Error prefers the runtime's own words, in one line.
func (e *CallError) Error() string {
	switch {
	case e.Panic != "":
		return fmt.Sprintf("%s: %s", e.Method, strings.Join(strings.Fields(e.Panic), " "))
	case e.Cause != nil:
		return fmt.Sprintf("%s: %v", e.Method, e.Cause)
	}
	return e.Method + ": failed"
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Cause }
