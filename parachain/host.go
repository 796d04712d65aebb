package parachain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pileus/chainspec"
	"pileus/executor"
	"pileus/hashing"
	"pileus/metadata"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/trie"
)

// keyPendingCode is where a runtime of system version 3 keeps new code for one block.
const keyPendingCode = ":pending_code"

// Context says which of two codes a call on a state runs.
//
// A runtime of system version 3 or more puts new code under :pending_code first. The next
// block already runs on it, and so does all that a node asks to build or import that
// block; other questions are answered by :code alone. (frame-system 49, sc-service 0.62)
type Context uint8

const (
	// OnChain is for building and importing on top of a state, for the authorities, the
	// slot duration and the code hash: :pending_code if it is there, else :code.
	OnChain Context = iota
	// OffChain is for everything else: :code.
	OffChain
)

// Host runs the runtimes of parachains. It finds the code that a state demands, keeps
// what is known about each code, and is safe for concurrent use.
type Host struct {
	engine  *executor.Engine
	timeout time.Duration // of a call; 0: the executor's

	mu    sync.Mutex
	codes map[primitives.Hash]*Code
}

// NewHost returns a host that runs runtimes on an engine.
func NewHost(engine *executor.Engine) *Host {
	return &Host{engine: engine, codes: map[primitives.Hash]*Code{}}
}

// Code is a runtime's code, ready to run.
type Code struct {
	Hash    primitives.Hash // blake2b-256 of the code as it stands in the state: the validation code hash
	Version *runtimeapi.Version

	module  *executor.Module
	timeout time.Duration

	metaMu sync.Mutex
	meta   *metadata.Metadata

	mu sync.Mutex
	// answers are the last ones to questions without arguments; nil where one hangs on more
	// than some values of the state.
	answers map[string]*answer
}

// ErrNoCode says that a state holds no runtime code.
var ErrNoCode = errors.New("state has no runtime code")

// CodeHash is the hash of the code that a state demands.
func CodeHash(s *trie.State, c Context) (primitives.Hash, error) {
	hash, _, err := codeAt(s, c)
	return hash, err
}

// codeAt finds the code that a state demands: its hash and the key under which it stands.
func codeAt(s *trie.State, c Context) (hash primitives.Hash, key []byte, err error) {
	for _, name := range []string{keyPendingCode, chainspec.CodeKey} {
		if name == keyPendingCode && c == OffChain {
			continue
		}
		hash, ok, err := s.Top().ValueHash([]byte(name), nil)
		if err != nil || ok {
			return hash, []byte(name), err
		}
	}
	return hash, nil, ErrNoCode
}

// CodeAt is the code that a state demands.
func (h *Host) CodeAt(ctx context.Context, s *trie.State, c Context) (*Code, error) {
	hash, key, err := codeAt(s, c)
	if err != nil {
		return nil, fmt.Errorf("find the runtime code: %w", err)
	}
	h.mu.Lock()
	code := h.codes[hash]
	h.mu.Unlock()
	if code != nil {
		return code, nil
	}
	raw, _, err := s.Top().Get(key, nil)
	if err != nil {
		return nil, fmt.Errorf("read the runtime code: %w", err)
	}
	return h.Load(ctx, raw)
}

// Load makes code ready to run: it may be compressed. The same code is made ready once.
func (h *Host) Load(ctx context.Context, raw []byte) (*Code, error) {
	if len(raw) == 0 {
		return nil, ErrNoCode
	}
	hash := hashing.Blake2b256(raw)
	h.mu.Lock()
	code, timeout := h.codes[hash], h.timeout
	h.mu.Unlock()
	if code != nil {
		return code, nil
	}
	module, err := h.engine.Load(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("load the runtime: %w", err)
	}
	code = &Code{Hash: hash, module: module, timeout: timeout}
	out, err := module.Call(ctx, "Core_version", nil, executor.CallOptions{Storage: executor.NewStorage(trie.NewState(trie.New(), nil), nil)})
	if err != nil {
		return nil, fmt.Errorf("Core_version: %w", err)
	}
	code.Version = &runtimeapi.Version{}
	if err := scale.Decode(out, code.Version); err != nil {
		return nil, fmt.Errorf("Core_version: decode result: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.codes[hash]; known != nil {
		return known, nil
	}
	h.codes[hash] = code
	return code, nil
}

// At binds the code that a state demands to the state, for questions: what a call writes is forgotten.
func (h *Host) At(ctx context.Context, s *trie.State, c Context) (*runtimeapi.Runtime, error) {
	code, err := h.CodeAt(ctx, s, c)
	if err != nil {
		return nil, err
	}
	return code.on(s), nil
}

// Call runs an exported function of the code that a state demands, by its name as in
// state_call, with encoded arguments; what it writes is forgotten, what it reads is
// recorded if rec is not nil. The error is a [*executor.CallError] where the function failed.
func (h *Host) Call(ctx context.Context, s *trie.State, method string, args []byte, rec *trie.Recorder) ([]byte, error) {
	code, err := h.CodeAt(ctx, s, OffChain)
	if err != nil {
		return nil, err
	}
	return code.call(ctx, executor.NewStorage(s, rec), method, args)
}

// Metadata is the runtime's metadata, decoded once.
func (c *Code) Metadata(ctx context.Context) (*metadata.Metadata, error) {
	c.metaMu.Lock()
	defer c.metaMu.Unlock()
	if c.meta == nil {
		m, err := c.on(trie.NewState(trie.New(), nil)).Metadata(ctx)
		if err != nil {
			return nil, err
		}
		c.meta = m
	}
	return c.meta, nil
}

// scheme is the kind of keys with which the authorities sign.
func (c *Code) scheme(ctx context.Context) (Scheme, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return 0, err
	}
	return schemeOf(m)
}

// on binds the code to a state for questions.
func (c *Code) on(s *trie.State) *runtimeapi.Runtime {
	return runtimeapi.New(c.Version, question{c, s})
}

// question answers each call on the same state.
type question struct {
	code  *Code
	state *trie.State
}

// Call implements [runtimeapi.Caller]. What a runtime is asked without arguments, such as who
// the authorities are, it is not asked again where all that it read last time stands unchanged.
func (q question) Call(ctx context.Context, method string, args []byte) ([]byte, error) {
	if len(args) > 0 {
		return q.code.call(ctx, executor.NewStorage(q.state, nil), method, args)
	}
	q.code.mu.Lock()
	last, seen := q.code.answers[method]
	q.code.mu.Unlock()
	switch {
	case last != nil && last.holds(q.state):
		return last.out, nil
	case last == nil && seen:
		return q.code.call(ctx, executor.NewStorage(q.state, nil), method, args)
	}
	var reads executor.Reads
	storage := executor.NewStorage(q.state, nil)
	storage.NoteReads(&reads)
	out, err := q.code.call(ctx, storage, method, args)
	if err != nil {
		return nil, err
	}
	q.code.mu.Lock()
	defer q.code.mu.Unlock()
	if q.code.answers == nil {
		q.code.answers = map[string]*answer{}
	}
	q.code.answers[method] = newAnswer(q.state, out, &reads)
	return out, nil
}

func (c *Code) call(ctx context.Context, s *executor.Storage, method string, args []byte) ([]byte, error) {
	return c.module.Call(ctx, method, args, executor.CallOptions{Storage: s, Timeout: c.timeout})
}

// session is a series of calls of which each sees what the earlier ones wrote: a block.
type session struct {
	code    *Code
	storage *executor.Storage
	runtime *runtimeapi.Runtime
}

// session begins a series of calls on a state; what it reads is recorded if rec is not nil.
func (c *Code) session(s *trie.State, rec *trie.Recorder) *session {
	x := &session{code: c, storage: executor.NewStorage(s, rec)}
	x.runtime = runtimeapi.New(c.Version, x)
	return x
}

// Call implements [runtimeapi.Caller].
func (x *session) Call(ctx context.Context, method string, args []byte) ([]byte, error) {
	return x.code.call(ctx, x.storage, method, args)
}

// finish returns the state after all calls.
func (x *session) finish() (*trie.State, error) {
	return x.storage.Finish(x.code.Version.StateVersion())
}

// begin opens a transaction of the node: what is written and recorded from here on can be taken back.
func (a *author) begin() (mark int) {
	a.storage.Begin()
	return a.rec.Checkpoint()
}

// commit keeps what was done since begin.
func (a *author) commit() { a.storage.Commit() }

// rollback takes back what was done since begin, in the storage and in the proof.
func (a *author) rollback(mark int) {
	a.storage.Rollback()
	a.rec.Rollback(mark)
}

// weight is the weight of the block so far.
func (a *author) weight() Weight {
	v, ok, err := a.storage.Get(keyBlockWeight)
	if err != nil || !ok {
		return Weight{}
	}
	return decodeBlockWeight(v)
}
