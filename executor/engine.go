// Package executor runs runtimes: WebAssembly on wazero with the host functions of a
// node, its allocator and its storage overlay. It knows nothing of parachains.
//
// An [Engine] compiles code once, on disk too; a [Module] is compiled code; each
// [Module.Call] runs in an instance of its own on a [Storage]:
//
//	code ─► decompress ─► rewrite memory and imports ─► compile (cached) ─► Module
//	Call: instance ─► arguments through the allocator ─► export ─► result copied ─► instance dropped
//	        ▲                                               │ storage, hashing, crypto, ...
//	        └────────────── host functions ◄────────────────┘
//
// Sources: sc-executor 0.51, sc-executor-common 0.47, sc-allocator 39, sp-io 49,
// sp-state-machine 0.54.
package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"pileus/crypto"
	"pileus/hashing"
	"pileus/internal/wasm"
)

// Config is what an [Engine] is made with.
type Config struct {
	CacheDir    string // for compiled code; empty: none. Processes may share it.
	CacheLimit  int64  // bytes in CacheDir, after code was added; 0: [DefaultCacheLimit]
	Interpreter bool   // interpret instead of compiling: a slow second opinion
	NodeOnly    bool   // without what validators need: interpreted, that is a fifth less memory; it has no cache
	Workers     int    // that compile one module together; 0: one for each processor
	Stats       bool   // measure calls and host functions, see [Engine.Stats]

	// Verifier checks the sr25519 signatures that runtimes ask about; nil: every time anew.
	Verifier *crypto.Verifier

	// OnCacheError is told when the cache cannot be used, such as on a full disk; the code
	// is then compiled without it. The error wraps [ErrCache].
	OnCacheError func(error)
}

// DefaultCacheLimit is 1 GiB: some forty runtimes of live chains, compiled.
const DefaultCacheLimit = 1 << 30

func (c *Config) cacheLimit() int64 {
	if c.CacheLimit == 0 {
		return DefaultCacheLimit
	}
	return c.CacheLimit
}

// maxWorkers bounds [Config.Workers].
const maxWorkers = 16

func (c *Config) workers() int {
	n := c.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, maxWorkers)
}

// Engine compiles runtimes. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	mu     sync.Mutex
	loaded map[loadKey]*loading

	calls meter
	host  map[string]*meter // by function; empty if nothing is measured
}

// loadKey is the code's hash and how large it may be decompressed.
type loadKey struct {
	hash  hashing.Hash
	limit int
}

type loading struct {
	once  sync.Once
	code  *machineCode
	node  *Module // the code as nodes call it
	err   error
	again bool // it was stopped: whoever waited does it again
}

// NewEngine returns an engine; its cache folder is made if need be.
func NewEngine(_ context.Context, cfg Config) (*Engine, error) {
	if cfg.CacheDir != "" {
		if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCache, err)
		}
	}
	e := &Engine{cfg: cfg, loaded: map[loadKey]*loading{}, host: map[string]*meter{}}
	if cfg.Stats {
		for name := range functions {
			e.host[name] = &meter{}
		}
	}
	return e, nil
}

// Verifier is that of the [Config].
func (e *Engine) Verifier() *crypto.Verifier { return e.cfg.Verifier }

// Close frees the compiled code. No call may be under way or follow.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, l := range e.loaded {
		if l.code != nil {
			errs = append(errs, l.code.close(ctx))
		}
	}
	clear(e.loaded)
	return errors.Join(errs...)
}

// Load makes code as it stands under :code ready for a node's calls. The same code is
// compiled once, for nodes and validators together.
func (e *Engine) Load(ctx context.Context, code []byte) (*Module, error) {
	hash := hashing.Blake2b256(code)
	l, err := e.loadOnce(ctx, code, loadKey{hash, CodeBombLimit})
	if err != nil {
		return nil, err
	}
	if l.node == nil {
		return l.code.module(hash, Node, noStack) // says why
	}
	return l.node, nil
}

// LoadPVF makes code ready for validate_block: of at most limit bytes decompressed, with a
// stack of at most that logical height. Errors of
// decompressing are a [*DecompressError].
func (e *Engine) LoadPVF(ctx context.Context, code []byte, hash hashing.Hash, limit int, stack uint32) (*Module, error) {
	l, err := e.loadOnce(ctx, code, loadKey{hash, max(limit, CodeBombLimit)})
	switch {
	case err != nil:
		return nil, err
	case l.code.prepared.size > limit:
		return nil, &DecompressError{tooLarge(limit)}
	case l.code.prepared.unmetered != nil:
		return nil, l.code.prepared.unmetered
	}
	return l.code.module(hash, PVF, stack)
}

func (e *Engine) loadOnce(ctx context.Context, code []byte, key loadKey) (*loading, error) {
	for {
		l := e.loading(key)
		l.once.Do(func() {
			if l.code, l.err = e.compileCached(ctx, code, key.limit); l.err == nil {
				l.node, _ = l.code.module(key.hash, Node, noStack) // validators may have what nodes have not
			}
			l.again = l.err != nil && ctx.Err() != nil // stopped, which says nothing of the code
		})
		if l.err == nil {
			return l, nil
		}
		e.forget(key, l)
		if !l.again || ctx.Err() != nil {
			return nil, l.err
		}
	}
}

func (e *Engine) loading(key loadKey) *loading {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.loaded[key]
	if l == nil {
		l = &loading{}
		e.loaded[key] = l
	}
	return l
}

func (e *Engine) forget(key loadKey, l *loading) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded[key] == l {
		delete(e.loaded, key)
	}
}

// Set is a set of host functions.
type Set uint8

const (
	// Node is what a node registers for its calls.
	Node Set = iota
	// PVF is what a validator registers for validate_block: misc, crypto, hashing,
	// allocator, logging and trie.
	PVF
)

// machineCode is what was compiled: once for nodes and validators, which differ in the
// host functions that they have and the height at which the stack ends.
type machineCode struct {
	engine   *Engine
	rt       wazero.Runtime
	cache    wazero.CompilationCache // nil: none
	compiled wazero.CompiledModule
	prepared *prepared
	mistyped []string // imports of another type than the host's
	image    *image
	memories sync.Pool
	idle     [2]idle // by set
}

// Module is compiled code with a set of host functions. It is safe for concurrent use.
type Module struct {
	*machineCode
	hash  hashing.Hash
	set   Set
	stack uint32 // logical height
}

// module gives code the functions of a set.
func (c *machineCode) module(hash hashing.Hash, set Set, stack uint32) (*Module, error) {
	for _, name := range c.mistyped {
		if functions[name].in(set) {
			return nil, fmt.Errorf("import %s: the host's function has another type", name)
		}
	}
	return &Module{machineCode: c, hash: hash, set: set, stack: stack}, nil
}

// CodeHash is the hash of the code as it was given to [Engine.Load].
func (m *Module) CodeHash() hashing.Hash { return m.hash }

// Custom is the payload of a custom section.
func (m *Module) Custom(name string) ([]byte, bool) {
	b, ok := m.prepared.custom[name]
	return b, ok
}

// Missing lists the functions that the code imports and this host does not have. They
// trap when they are called.
func (m *Module) Missing() (list []string) {
	for _, name := range m.prepared.imports {
		if f := functions[name]; f == nil || !f.in(m.set) {
			list = append(list, name)
		}
	}
	return list
}

// Exports tells whether the code has a function of that name.
func (m *Module) Exports(method string) bool {
	_, ok := m.compiled.ExportedFunctions()[method]
	return ok
}

// Close frees code that [Engine.Compile] returned.
func (m *Module) Close(ctx context.Context) error { return m.machineCode.close(ctx) }

func (c *machineCode) close(ctx context.Context) error {
	err := c.rt.Close(ctx)
	if c.cache != nil {
		err = errors.Join(err, c.cache.Close(ctx)) // it holds the machine code
	}
	return err
}

// Compile makes code ready for calls with a set of host functions and no limit on the height
// of its stack, without looking for the same code among those already loaded.
func (e *Engine) Compile(ctx context.Context, code []byte, set Set) (*Module, error) {
	c, err := e.compileCached(ctx, code, CodeBombLimit)
	if err != nil {
		return nil, err
	}
	m, err := c.module(hashing.Hash{}, set, noStack)
	if err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	return m, nil
}

func (e *Engine) compileCached(ctx context.Context, code []byte, limit int) (*machineCode, error) {
	c, err := e.compiled(ctx, code, limit)
	if err == nil {
		c.prepared.bytes, c.prepared.stub, c.prepared.image = nil, nil, nil // compiled, and kept in the image
	}
	return c, err
}

func (e *Engine) compiled(ctx context.Context, code []byte, limit int) (*machineCode, error) {
	if e.cfg.CacheDir != "" && !e.cfg.Interpreter && !e.cfg.NodeOnly {
		return e.cached(ctx, code, limit)
	}
	p, err := unpack(code, limit, e.cfg.NodeOnly)
	if err != nil {
		return nil, err
	}
	return e.compile(ctx, p, nil)
}

// unpack decompresses and prepares code.
func unpack(code []byte, limit int, nodeOnly bool) (*prepared, error) {
	raw, err := Decompress(code, limit)
	if err != nil {
		return nil, &DecompressError{err}
	}
	return prepare(raw, nodeOnly)
}

// configured is how wazero runs all code.
func configured(c wazero.RuntimeConfig) wazero.RuntimeConfig {
	return c.WithCoreFeatures(api.CoreFeaturesV1).WithDebugInfoEnabled(false)
}

func (e *Engine) compile(ctx context.Context, p *prepared, cache wazero.CompilationCache) (c *machineCode, err error) {
	cfg := configured(wazero.NewRuntimeConfigCompiler())
	if e.cfg.Interpreter {
		cfg = configured(wazero.NewRuntimeConfigInterpreter())
	}
	if cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, cfg)
	defer func() {
		if err != nil {
			rt.Close(ctx)
		}
	}()
	compiled, err := rt.CompileModule(experimental.WithCompilationWorkers(ctx, e.cfg.workers()), p.bytes)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if start, ok := compiled.ExportedFunctions()[startName]; ok && len(start.ParamTypes())+len(start.ResultTypes()) > 0 {
		return nil, errors.New("compile: the start function has an invalid signature")
	}
	mistyped, err := e.bind(ctx, rt, compiled)
	if err != nil {
		return nil, err
	}
	return &machineCode{engine: e, rt: rt, cache: cache, compiled: compiled, prepared: p, mistyped: mistyped, image: newImage(p.image)}, nil
}

// bind gives the runtime the host functions that the code imports; those that this host
// does not have trap and name themselves, and so do those of another type, which it returns.
func (e *Engine) bind(ctx context.Context, rt wazero.Runtime, compiled wazero.CompiledModule) (mistyped []string, err error) {
	host := rt.NewHostModuleBuilder("env")
	done := map[string]bool{}
	for _, def := range compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		if module != "env" {
			continue
		}
		f, ok := functions[name]
		if ok && !f.hasType(wasm.FuncType{Params: def.ParamTypes(), Results: def.ResultTypes()}) {
			mistyped = append(mistyped, name)
			ok = false
		}
		if done[name] {
			continue
		}
		done[name] = true
		fn := api.GoModuleFunc(func(context.Context, api.Module, []uint64) { fail(&missingError{name}) })
		if ok {
			fn = f.goFunc(name, e.host[name])
		}
		host.NewFunctionBuilder().WithGoModuleFunction(fn, def.ParamTypes(), def.ResultTypes()).Export(name)
	}
	if _, err := host.Instantiate(ctx); err != nil {
		return nil, fmt.Errorf("host functions: %w", err)
	}
	_, err = rt.NewHostModuleBuilder(checkModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(check), nil, []api.ValueType{api.ValueTypeI32}).Export(checkName).Instantiate(ctx)
	return mistyped, err
}
