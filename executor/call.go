package executor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// DefaultTimeout stops a call that was given no timeout.
const DefaultTimeout = 60 * time.Second

// DefaultHeapPages is how many pages memory may grow beyond its start (HeapAllocStrategy::Static).
const DefaultHeapPages = 2048

// maxPages is all that 32-bit addresses reach: 4 GiB.
const maxPages = 65536

const keyHeapPages = ":heappages"

// CallOptions are what a call may use. The zero value has no storage.
type CallOptions struct {
	Storage   *Storage      // changes are kept on success; a failed call leaves none
	ReadOnly  bool          // no changes are kept on success either; what was read stays recorded
	HeapPages uint32        // by which memory may grow; 0: :heappages of the state, else [DefaultHeapPages]
	MaxPages  uint32        // of memory in all, the initial ones included; 0: those and HeapPages
	Timeout   time.Duration // of wall clock; 0: [DefaultTimeout]
	OnLog     func(level Level, target, text string)
	Keystore  Keystore // nil: functions that need it trap
	// ProofSize answers storage_proof_size; nil: [Storage.ProofSize].
	ProofSize func() uint64
}

// Level is how serious a log line is.
type Level uint8

// The levels.
const (
	LogError Level = iota
	LogWarn
	LogInfo
	LogDebug
	LogTrace
)

// Keystore holds keys for runtimes that ask for them.
type Keystore interface {
	Sr25519Keys(keyType [4]byte) [][32]byte
	Sr25519Sign(keyType [4]byte, public [32]byte, msg []byte) ([64]byte, bool)
	Sr25519Generate(keyType [4]byte, uri *string) ([32]byte, error)
}

// env is one call, as its host functions see it.
type env struct {
	ctx     context.Context // the caller's
	module  *Module
	mem     api.Memory // nil until the instance is ready
	alloc   *allocator
	opts    *CallOptions
	storage *Storage
	words   string // the last error that the runtime logged
	panic   string // what the runtime said when it aborted
	batch   *bool  // a batch of signatures is open

	deadline time.Time
}

// callContext carries the env to the host functions.
type callContext struct {
	context.Context
	env *env
}

type envKey struct{}

func (c *callContext) Value(key any) any {
	if key == (envKey{}) {
		return c.env
	}
	return c.Context.Value(key)
}

func envOf(ctx context.Context) *env {
	if c, ok := ctx.(*callContext); ok {
		return c.env
	}
	return ctx.Value(envKey{}).(*env)
}

// hostError is the panic by which a host function ends a call.
type hostError struct{ err error }

func (h *hostError) Error() string { return h.err.Error() }
func (h *hostError) Unwrap() error { return h.err }

func fail(err error) { panic(&hostError{err}) }

type missingError struct{ name string }

func (m *missingError) Error() string {
	return fmt.Sprintf("the runtime called %s, which this host does not have", m.name)
}

var errPanicked = errors.New("the runtime panicked")

// Call runs an exported function on encoded arguments and returns its encoded result. The
// error is a [*CallError].
func (m *Module) Call(ctx context.Context, method string, args []byte, o CallOptions) (out []byte, err error) {
	e := &env{ctx: ctx, module: m, opts: &o, storage: o.Storage}
	if m.engine.cfg.Stats {
		defer m.engine.calls.add(time.Now())
	}
	if s := o.Storage; s != nil {
		done := s.call()
		defer func() { done(err == nil && !o.ReadOnly, err == nil) }()
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	e.deadline = time.Now().Add(timeout)
	out, err = m.run(&callContext{ctx, e}, e, method, args)
	if err != nil {
		return nil, e.explain(ctx, method, timeout, err)
	}
	return out, nil
}

// call opens the transaction that a runtime call runs in; done closes it and keeps what
// was written and recorded, or not.
func (s *Storage) call() (done func(keep, keepRecord bool)) {
	s.enter()
	checkpoint := 0
	if s.rec != nil {
		checkpoint = s.rec.Checkpoint()
	}
	floor := s.floor
	s.Begin()
	s.floor = s.depth
	return func(keep, keepRecord bool) {
		for s.depth > s.floor { // left open by the runtime
			_ = s.Rollback()
		}
		s.floor = floor
		root, version := s.root, s.rootV
		if keep {
			_ = s.Commit()
			s.root, s.rootV = root, version
			return
		}
		_ = s.Rollback()
		if s.rec != nil && !keepRecord {
			s.rec.Rollback(checkpoint)
		}
		s.enter()
	}
}

type setupError struct{ error }
type exportError struct{ error }
type outputError struct{ error }

func (m *Module) run(ctx *callContext, e *env, method string, args []byte) ([]byte, error) {
	pages := m.maxPages(e)
	if m.prepared.pages > pages {
		return nil, &hostError{fmt.Errorf("%w: the runtime begins with %d pages of memory, %d are allowed", errNoSpace, m.prepared.pages, pages)}
	}
	instance, err := m.instance(ctx, pages)
	if err != nil {
		return nil, setupError{err}
	}
	ok := false
	defer func() {
		if e.alloc != nil {
			instance.memory.memory.blocksFrom, instance.memory.memory.blocksTo = uint64(instance.base), e.alloc.bumper.Get()
		}
		m.done(instance, ok)
	}()
	fn := instance.entry(method)
	if fn == nil {
		return nil, exportError{errors.New("the runtime has no such function")}
	}
	if def := fn.Definition(); len(def.ParamTypes()) != 2 || def.ParamTypes()[0] != api.ValueTypeI32 || def.ParamTypes()[1] != api.ValueTypeI32 ||
		len(def.ResultTypes()) != 1 || def.ResultTypes()[0] != api.ValueTypeI64 {
		return nil, exportError{errors.New("the function has an invalid signature")}
	}
	e.mem = instance.Memory()
	e.alloc = newAllocator(instance.heap, instance.base, pages)
	ptr, err := e.alloc.allocate(e.mem, uint32(len(args)))
	if err != nil {
		return nil, &hostError{fmt.Errorf("%w, for %d bytes of arguments", err, len(args))}
	}
	if !e.mem.Write(ptr, args) {
		return nil, &hostError{errors.New("arguments lie outside the memory")}
	}
	stack := [2]uint64{uint64(ptr), uint64(uint32(len(args)))}
	if err := fn.CallWithStack(ctx, stack[:]); err != nil {
		return nil, err
	}
	at, size := uint32(stack[0]), uint32(stack[0]>>32)
	view, inside := e.mem.Read(at, size)
	if !inside {
		return nil, outputError{fmt.Errorf("the result at %d of %d bytes exceeds the memory of %d", at, size, e.mem.Size())}
	}
	ok = true
	return append(make([]byte, 0, size), view...), nil
}

// maxPages is how large the memory may become.
func (m *Module) maxPages(e *env) uint32 {
	if e.opts.MaxPages != 0 {
		return e.opts.MaxPages
	}
	extra := uint64(DefaultHeapPages)
	if e.opts.HeapPages != 0 {
		extra = uint64(e.opts.HeapPages)
	} else if e.storage != nil {
		e.storage.readsKey([]byte(keyHeapPages))
		if v, ok, err := e.storage.state.Top().Get([]byte(keyHeapPages), nil); ok && err == nil && len(v) == 8 {
			extra = binary.LittleEndian.Uint64(v)
		}
	}
	return uint32(min(uint64(m.prepared.pages)+min(extra, maxPages), maxPages))
}

// explain finds out how a call ended, and in whose words.
func (e *env) explain(ctx context.Context, method string, timeout time.Duration, err error) *CallError {
	c := &CallError{Method: method, Cause: err}
	var host *hostError
	var missing *missingError
	var bug runtime.Error
	isHost := errors.As(err, &host)
	switch {
	case errors.Is(err, errCanceled):
		c.Kind, c.Cause = KindCanceled, ctx.Err()
	case errors.Is(err, errTimeout):
		c.Kind, c.Cause = KindTimeout, fmt.Errorf("stopped after %v", timeout)
	case errors.As(err, &missing):
		c.Kind, c.Cause = KindMissing, missing
	case errors.Is(err, errNoSpace):
		c.Kind, c.Cause = KindMemory, host.err
	case e.panic != "":
		c.Kind, c.Panic, c.Cause = KindTrap, e.panic, errPanicked
	case isHost:
		c.Kind, c.Cause = KindHost, fmt.Errorf("host function: %w", host.err)
	case errors.As(err, &bug): // of this host, not of the runtime
		c.Kind, c.Cause = KindHost, fmt.Errorf("host function: %w", bug)
	case errors.As(err, &setupError{}):
		c.Kind = KindSetup
	case errors.As(err, &exportError{}):
		c.Kind = KindExport
	case errors.As(err, &outputError{}):
		c.Kind = KindOutput
	default:
		c.Kind, c.Cause = KindTrap, errors.New(firstLine(err.Error()))
		if strings.HasSuffix(c.Cause.Error(), "unreachable") { // what a panic ends in
			c.Panic = e.words
		}
	}
	return c
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(s, " (recovered by wazero)")
}
