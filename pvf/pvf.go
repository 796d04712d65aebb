// Package pvf runs the validation functions of parachains as validators do: it checks and
// prepares code, executes validate_block on a PoV, and can reuse the result of one real
// execution for those that would repeat it.
//
//	code ─► decompress ─► parse ─► meter the stack ─► compile           (prepare, once: package executor)
//	PoV  ─► decompress ─► ValidationParams ─► validate_block ─► ValidationResult
//
// Sources: polkadot-node-core-pvf 36, -pvf-common, -execute-worker and -prepare-worker 29,
// -candidate-validation 36; wasm-instrument 0.4.
package pvf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pileus/executor"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// method is the export that validators call.
const method = "validate_block"

// PoVBombLimit bounds the decompressed block data, in bytes (POV_BOMB_LIMIT).
const PoVBombLimit = primitives.PoVBombLimit

// Job is one execution.
type Job struct {
	Code      []byte // as the relay chain stores it, maybe compressed
	CodeHash  hashing.Hash
	CodeLimit uint32 // bytes that the code may have decompressed; 0: [executor.CodeBombLimit]
	Executor  primitives.ExecutorParams

	ParentHead             []byte
	PoV                    *primitives.PoV // maybe compressed
	RelayParentNumber      uint32
	RelayParentStorageRoot hashing.Hash
	Extension              *primitives.ValidationParamsV3

	// Timeout of wall clock; 0: [executor.DefaultTimeout]. A validator counts CPU time, so
	// this only guards the process.
	Timeout time.Duration
}

// Stage is where an execution failed.
type Stage string

// The stages.
const (
	CodeDecompression Stage = "decompress code"
	Preparation       Stage = "prepare code"
	PoVDecompression  Stage = "decompress PoV"
	Execution         Stage = "validate_block"
)

// Error says why a candidate is invalid.
type Error struct {
	Stage Stage
	Err   error
}

// Error names stage and cause.
func (e *Error) Error() string {
	if e.Stage == Execution {
		return e.Err.Error() // it names the function
	}
	return fmt.Sprintf("%s: %v", e.Stage, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether the execution was stopped at [Job.Timeout].
func (e *Error) Timeout() bool {
	var call *executor.CallError
	return errors.As(e.Err, &call) && call.Kind == executor.KindTimeout
}

// Validator prepares and executes. It is safe for concurrent use.
type Validator struct {
	engine *executor.Engine
	all    bool

	mu       sync.Mutex
	prepared map[hashing.Hash]*preparing
	results  map[hashing.Hash]*running
	order    []hashing.Hash // of results, oldest first

	executed, reused atomic.Uint64
}

// keepResults is how many results are kept to be used again.
const keepResults = 256

type preparing struct {
	once   sync.Once
	module *executor.Module
	err    error
}

// running is one real execution, which equal jobs share.
type running struct {
	begun  atomic.Bool
	done   chan struct{}
	result *primitives.ValidationResult
	err    error
	again  bool // it came to nothing that holds for others
}

// begin tells whether the execution is the caller's to do.
func (r *running) begin() bool { return r.begun.CompareAndSwap(false, true) }

func (r *running) end(result *primitives.ValidationResult, err error) {
	r.result, r.err, r.again = result, err, !decided(err)
	close(r.done)
}

// New returns a validator. With executeAll no result is used twice.
func New(engine *executor.Engine, executeAll bool) *Validator {
	return &Validator{engine: engine, all: executeAll, prepared: map[hashing.Hash]*preparing{}, results: map[hashing.Hash]*running{}}
}

// Counts are real executions, and results that were taken from one.
func (v *Validator) Counts() (executed, reused uint64) { return v.executed.Load(), v.reused.Load() }

// Validate executes a job, or waits for and returns the result of an equal one. The error
// is an [*Error] if the candidate is invalid; any other is a fault of this side.
func (v *Validator) Validate(ctx context.Context, j *Job) (*primitives.ValidationResult, error) {
	if v.all {
		v.executed.Add(1)
		return v.execute(ctx, j)
	}
	key := j.key()
	for {
		r := v.keep(key, nil)
		if r.begin() {
			v.executed.Add(1)
			r.end(v.execute(ctx, j))
			if r.again {
				v.forget(key, r)
			}
			return r.result, r.err
		}
		select {
		case <-r.done:
			if r.again {
				v.forget(key, r) // it was stopped, or could not be done there: do it here
				continue
			}
			v.reused.Add(1)
			return r.result, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// decided tells whether every execution must end like this one. One that was stopped by
// the clock or its caller, or met a fault of this side, says nothing of the next.
func decided(err error) bool {
	var invalid *Error
	return err == nil || errors.As(err, &invalid) && !invalid.Timeout()
}

// keep returns the execution with that key; if there is none yet, it becomes r, or a new one.
func (v *Validator) keep(key hashing.Hash, r *running) *running {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.results[key]; known != nil {
		return known
	}
	if r == nil {
		r = &running{done: make(chan struct{})}
	}
	v.results[key] = r
	if v.order = append(v.order, key); len(v.order) > keepResults {
		delete(v.results, v.order[0])
		v.order = v.order[1:]
	}
	return r
}

func (v *Validator) forget(key hashing.Hash, r *running) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.results[key] != r {
		return
	}
	delete(v.results, key)
	v.order = slices.DeleteFunc(v.order, func(k hashing.Hash) bool { return k == key })
}

// key is equal for jobs that must have equal results.
func (j *Job) key() hashing.Hash {
	b := append([]byte{}, j.CodeHash[:]...)
	b = scale.AppendU32(b, j.CodeLimit)
	b = j.Executor.EncodeTo(b)
	data := hashing.Blake2b256(j.PoV.BlockData)
	p := primitives.ValidationParams{ParentHead: j.ParentHead, BlockData: data[:], RelayParentNumber: j.RelayParentNumber,
		RelayParentStorageRoot: j.RelayParentStorageRoot, Extension: j.Extension}
	return hashing.Blake2b256(p.EncodeTo(b))
}

func (v *Validator) execute(ctx context.Context, j *Job) (*primitives.ValidationResult, error) {
	return v.executeOn(ctx, j, func() ([]byte, error) { return executor.Decompress(j.PoV.BlockData, PoVBombLimit) })
}

// executeOn does a job on block data as they are unpacked, once the code is ready.
func (v *Validator) executeOn(ctx context.Context, j *Job, unpack func() ([]byte, error)) (*primitives.ValidationResult, error) {
	module, err := v.Prepare(ctx, j.Code, j.CodeHash, j.CodeLimit, j.Executor)
	if err != nil {
		return nil, err
	}
	data, err := unpack()
	if err != nil {
		return nil, &Error{PoVDecompression, err}
	}
	params := primitives.ValidationParams{ParentHead: j.ParentHead, BlockData: data, RelayParentNumber: j.RelayParentNumber,
		RelayParentStorageRoot: j.RelayParentStorageRoot, Extension: j.Extension}
	args := params.EncodeTo(make([]byte, 0, len(data)+len(j.ParentHead)+128))
	out, err := module.Call(ctx, method, args, executor.CallOptions{MaxPages: j.Executor.MemoryPages(), Timeout: j.Timeout})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Error{Execution, err}
	}
	result := &primitives.ValidationResult{}
	if err := scale.Decode(out, result); err != nil {
		return nil, &Error{Execution, fmt.Errorf("%s: decode result: %w", method, err)}
	}
	return result, nil
}

// Prepare checks, meters and compiles code, once for each code and those executor
// parameters that matter to it. hash is that of code; limit bounds the decompressed code
// in bytes; 0: [executor.CodeBombLimit]. The error is an [*Error] if the code can never be
// prepared.
func (v *Validator) Prepare(ctx context.Context, code []byte, hash hashing.Hash, limit uint32, params primitives.ExecutorParams) (*executor.Module, error) {
	if limit == 0 {
		limit = executor.CodeBombLimit
	}
	stack := params.LogicalStack()
	key := hashing.Blake2b256(scale.AppendU32(scale.AppendU32(append([]byte{}, hash[:]...), limit), stack))
	for ctx.Err() == nil {
		v.mu.Lock()
		p := v.prepared[key]
		if p == nil {
			p = &preparing{}
			v.prepared[key] = p
		}
		v.mu.Unlock()
		p.once.Do(func() { p.module, p.err = v.prepare(ctx, code, hash, int(limit), stack) })
		if decided(p.err) {
			return p.module, p.err
		}
		v.mu.Lock()
		if v.prepared[key] == p {
			delete(v.prepared, key)
		}
		v.mu.Unlock()
	}
	return nil, ctx.Err()
}

func (v *Validator) prepare(ctx context.Context, code []byte, hash hashing.Hash, limit int, stack uint32) (*executor.Module, error) {
	module, err := v.engine.LoadPVF(ctx, code, hash, limit, stack)
	var blob *executor.DecompressError
	switch {
	case err == nil:
		return module, nil
	case ctx.Err() != nil:
		return nil, ctx.Err() // stopped, which says nothing of the code
	case errors.As(err, &blob):
		return nil, &Error{CodeDecompression, err}
	}
	return nil, &Error{Preparation, err}
}
