package parachain

import (
	"errors"
	"fmt"
	"testing"

	"pileus/executor"
)

func TestWords(t *testing.T) {
	for said, want := range map[string]string{
		"panicked at /deps//././pallet-aura-49.0.0/src/lib.rs:173:6:\nSlot must increase":         "Slot must increase (pallet-aura-49.0.0/src/lib.rs:173)",
		"panicked at /a/b/frame/executive/src/lib.rs:7:1:\nassertion failed\n left: 1\n right: 2": "assertion failed left: 1 right: 2 (executive/src/lib.rs:7)",
		"panicked at library/core.rs:1:2:\nboom":                                                  "boom (library/core.rs:1)",
		"something  else":                                                                         "something else",
	} {
		err := &BlockError{Number: 3, Stage: StageInherent, Err: fmt.Errorf("inherent 1 of 2: %w", &executor.CallError{Method: "BlockBuilder_apply_extrinsic", Panic: said})}
		if got := Words(err); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
	if got := Words(errors.New("plain")); got != "plain" {
		t.Error(got)
	}
	err := &BlockError{Number: 3, Stage: StageState, Err: errors.New("gone")}
	if got := err.Error(); got != "block #3: state: gone" {
		t.Error(got)
	}
}
