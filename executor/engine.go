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
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"pileus/hashing"
	"pileus/internal/wasm"
)

// Config is what an [Engine] is made with.
type Config struct {
	CacheDir    string // for compiled code; empty: none. Processes may share it.
	Interpreter bool   // interpret instead of compiling: a slow second opinion
	Workers     int    // that compile one module together; 0: one for each processor
	Stats       bool   // measure calls and host functions, see [Engine.Stats]

	// OnCacheError is told when the cache cannot be used, such as on a full disk; the code
	// is then compiled without it. The error wraps [ErrCache].
	OnCacheError func(error)
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
	loaded map[hashing.Hash]*loading

	calls meter
	host  map[string]*meter // by function; empty if nothing is measured
}

type loading struct {
	once   sync.Once
	module *Module
	err    error
	again  bool // it was stopped: whoever waited does it again
}

// NewEngine returns an engine; its cache folder is made if need be.
func NewEngine(_ context.Context, cfg Config) (*Engine, error) {
	if cfg.CacheDir != "" {
		if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCache, err)
		}
	}
	e := &Engine{cfg: cfg, loaded: map[hashing.Hash]*loading{}, host: map[string]*meter{}}
	if cfg.Stats {
		for name := range functions {
			e.host[name] = &meter{}
		}
	}
	return e, nil
}

// Close frees the compiled code. No call may be under way or follow.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, l := range e.loaded {
		if l.module != nil {
			errs = append(errs, l.module.Close(ctx))
		}
	}
	clear(e.loaded)
	return errors.Join(errs...)
}

// Load makes code as it stands under :code ready for a node's calls. The same code is
// compiled once.
func (e *Engine) Load(ctx context.Context, code []byte) (*Module, error) {
	hash := hashing.Blake2b256(code)
	for {
		l := e.loading(hash)
		l.once.Do(func() {
			l.module, l.err = e.load(ctx, code, hash)
			l.again = l.err != nil && ctx.Err() != nil // stopped, which says nothing of the code
		})
		if l.err == nil {
			return l.module, nil
		}
		e.forget(hash, l)
		if !l.again || ctx.Err() != nil {
			return nil, l.err
		}
	}
}

func (e *Engine) loading(hash hashing.Hash) *loading {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.loaded[hash]
	if l == nil {
		l = &loading{}
		e.loaded[hash] = l
	}
	return l
}

func (e *Engine) forget(hash hashing.Hash, l *loading) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded[hash] == l {
		delete(e.loaded, hash)
	}
}

func (e *Engine) load(ctx context.Context, code []byte, hash hashing.Hash) (*Module, error) {
	raw, err := Decompress(code, CodeBombLimit)
	if err != nil {
		return nil, err
	}
	m, err := e.Compile(ctx, raw, Node)
	if err != nil {
		return nil, err
	}
	m.hash = hash
	return m, nil
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

// Module is compiled code. It is safe for concurrent use.
type Module struct {
	engine   *Engine
	hash     hashing.Hash
	set      Set
	rt       wazero.Runtime
	cache    wazero.CompilationCache // nil: none
	compiled wazero.CompiledModule
	prepared *prepared
	image    *image
	memories sync.Pool
	idle     idle
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
func (m *Module) Missing() []string {
	return slices.Clone(m.prepared.missing)
}

// Exports tells whether the code has a function of that name.
func (m *Module) Exports(method string) bool {
	_, ok := m.compiled.ExportedFunctions()[method]
	return ok
}

// Close frees the compiled code.
func (m *Module) Close(ctx context.Context) error {
	err := m.rt.Close(ctx)
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(ctx)) // it holds the machine code
	}
	return err
}

// Compile makes an uncompressed module ready for calls, without looking for the same
// code among those already loaded.
func (e *Engine) Compile(ctx context.Context, code []byte, set Set) (*Module, error) {
	p, err := prepare(code, functionTypes(set))
	if err != nil {
		return nil, err
	}
	if e.cfg.CacheDir == "" || e.cfg.Interpreter {
		return e.compile(ctx, p, set, nil)
	}
	return e.cached(ctx, p, set)
}

func (e *Engine) compile(ctx context.Context, p *prepared, set Set, cache wazero.CompilationCache) (m *Module, err error) {
	cfg := wazero.NewRuntimeConfigCompiler()
	if e.cfg.Interpreter {
		cfg = wazero.NewRuntimeConfigInterpreter()
	}
	cfg = cfg.WithCoreFeatures(api.CoreFeaturesV1).WithDebugInfoEnabled(false)
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
	if err := e.bind(ctx, rt, set, compiled); err != nil {
		return nil, err
	}
	m = &Module{engine: e, set: set, rt: rt, cache: cache, compiled: compiled, prepared: p, image: newImage(p.image)}
	p.bytes, p.image = nil, nil // compiled, and kept in the image
	return m, nil
}

// bind gives the runtime the host functions that the code imports; those that this host
// does not have trap and name themselves.
func (e *Engine) bind(ctx context.Context, rt wazero.Runtime, set Set, compiled wazero.CompiledModule) error {
	host := rt.NewHostModuleBuilder("env")
	done := map[string]bool{}
	for _, def := range compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		if module != "env" || done[name] {
			continue
		}
		done[name] = true
		var fn api.GoModuleFunc
		if f, ok := functions[name]; ok && f.in(set) {
			fn = f.goFunc(e.host[name])
		} else {
			fn = func(ctx context.Context, _ api.Module, _ []uint64) {
				fail(&missingError{name})
			}
		}
		host.NewFunctionBuilder().WithGoModuleFunction(fn, def.ParamTypes(), def.ResultTypes()).Export(name)
	}
	if _, err := host.Instantiate(ctx); err != nil {
		return fmt.Errorf("host functions: %w", err)
	}
	_, err := rt.NewHostModuleBuilder(checkModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(check), nil, []api.ValueType{api.ValueTypeI32}).Export(checkName).Instantiate(ctx)
	return err
}

// functionTypes are the types of the functions of a set.
func functionTypes(set Set) map[string]wasm.FuncType {
	types := map[string]wasm.FuncType{}
	for name, f := range functions {
		if f.in(set) {
			types[name] = f.typ
		}
	}
	return types
}
