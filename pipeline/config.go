package pipeline

import (
	"context"
	"time"

	"pileus/crypto"
	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/pvf"
	"pileus/relay"
	"pileus/validator"
)

// Config is what a network is made of.
type Config struct {
	Seed       uint64
	Relay      relay.GenesisConfig // its validators' keys are made by the network
	Validators int
	PVF        PVF
	Paras      []Para // besides those that only stand in Relay.Paras
	ExecuteAll bool   // every node executes, instead of sharing one real execution
	// RejectPrecheck lets validators vote against all new code, whatever preparing it says.
	RejectPrecheck bool
	Verifier       *crypto.Verifier // of all signatures of the relay chain; nil: one of its own
	Events         func(Timed)
	Observer       Observer // nil: nobody
	Faults         Faults
	Resume         *Resume // nil: the network begins anew
}

// PVF executes candidates for validators and prepares code; [*pvf.Validator] does.
type PVF interface {
	Prepare(ctx context.Context, code []byte, hash hashing.Hash, limit uint32, params primitives.ExecutorParams) (*executor.Module, error)
	Validate(ctx context.Context, job *pvf.Job) (*primitives.ValidationResult, error)
	Ahead(job pvf.Job, data []byte) *pvf.Ahead
}

// Faults are what goes wrong in a network; in the zero value nothing does. Numbers are
// those of the best relay block at that time.
type Faults struct {
	SkipSlot  func(primitives.Slot) bool                                                                 // its author makes no block
	Offline   func(v primitives.ValidatorIndex, number uint32) bool                                      // hears and says nothing
	Statement func(from primitives.ValidatorIndex, s *validator.Statement) (late time.Duration, ok bool) // false: it is lost
	Bitfield  func(from primitives.ValidatorIndex, number uint32, b *validator.BitfieldReceived) bool    // false: it is lost
	Inherent  func(slot primitives.Slot, data *primitives.ParachainsInherentData)                        // what the author is given
	Calls     func(primitives.Slot) []relay.Call                                                         // of the relay chain's own governance
}

func (f *Faults) calls(slot primitives.Slot) []relay.Call {
	if f.Calls == nil {
		return nil
	}
	return f.Calls(slot)
}
