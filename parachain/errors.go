package parachain

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"pileus/executor"
)

// Stage is where in a block something went wrong.
type Stage string

// The stages of building and executing a block.
const (
	StageInitialize Stage = "initialize_block"
	StageInherents  Stage = "inherent_extrinsics"
	StageInherent   Stage = "inherent"
	StageExtrinsic  Stage = "extrinsic"
	StageFinalize   Stage = "finalize_block"
	StageState      Stage = "state"
	StageExecute    Stage = "execute_block"
)

// BlockError says that the runtime would not have a block. Err carries the runtime's own words.
type BlockError struct {
	Number uint32
	Stage  Stage
	Err    error
}

// Error names block, stage and cause.
func (e *BlockError) Error() string {
	cause := e.Err.Error()
	if strings.Contains(cause, string(e.Stage)) {
		return fmt.Sprintf("block #%d: %s", e.Number, cause)
	}
	return fmt.Sprintf("block #%d: %s: %s", e.Number, e.Stage, cause)
}

// Unwrap returns the cause.
func (e *BlockError) Unwrap() error { return e.Err }

// panicked is how Rust begins a panic: the place in the source, and on the next line the message.
var panicked = regexp.MustCompile(`(?s)^panicked at (\S+):(\d+):\d+:\s*(.*)$`)

// Words are what the runtime said when it panicked, in one line and with the place in its
// source behind: "Slot must increase (pallet-aura-49.0.0/src/lib.rs:173)". Of an error
// that is no panic of a runtime it is the error itself.
func Words(err error) string {
	var call *executor.CallError
	if !errors.As(err, &call) || call.Panic == "" {
		return err.Error()
	}
	m := panicked.FindStringSubmatch(strings.TrimSpace(call.Panic))
	if m == nil {
		words := strings.Join(strings.Fields(call.Panic), " ")
		return strings.TrimSuffix(strings.TrimPrefix(words, "panic: "), " [recovered, repanicked]") // of a runtime in Go
	}
	return fmt.Sprintf("%s (%s:%s)", strings.Join(strings.Fields(m[3]), " "), place(m[1]), m[2])
}

// place shortens the path of a source file to the crate's folder and what is in it.
func place(path string) string {
	parts := strings.Split(path, "/")
	from := max(len(parts)-2, 0)
	for i := range parts {
		if i > 0 && parts[i] == "src" {
			from = i - 1
		}
	}
	return strings.Join(parts[from:], "/")
}
