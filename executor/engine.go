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
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"pileus/hashing"
	"pileus/internal/wasm"
)

// ErrCache is wrapped by errors of the cache folder, which say nothing of the code.
var ErrCache = errors.New("cache of compiled runtimes")

// Config is what an [Engine] is made with.
type Config struct {
	CacheDir    string // for compiled code; empty: none. Two processes may share it.
	Interpreter bool   // interpret instead of compiling: a slow second opinion
	Stats       bool   // measure the time in host functions, at some cost
}

// Engine compiles runtimes. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	mu     sync.Mutex
	loaded map[hashing.Hash]*loading
	stats  Stats
}

type loading struct {
	once   sync.Once
	module *Module
	err    error
}

// NewEngine returns an engine; its cache folder is made if need be.
func NewEngine(_ context.Context, cfg Config) (*Engine, error) {
	if cfg.CacheDir != "" {
		if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCache, err)
		}
	}
	return &Engine{cfg: cfg, loaded: map[hashing.Hash]*loading{}}, nil
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
	e.mu.Lock()
	l := e.loaded[hash]
	if l == nil {
		l = &loading{}
		e.loaded[hash] = l
	}
	e.mu.Unlock()
	l.once.Do(func() {
		var raw []byte
		if raw, l.err = Decompress(code, CodeBombLimit); l.err == nil {
			l.module, l.err = e.Compile(ctx, raw, Node)
		}
		if l.err == nil {
			l.module.hash = hash
		}
	})
	if l.err != nil {
		e.mu.Lock()
		if e.loaded[hash] == l {
			delete(e.loaded, hash)
		}
		e.mu.Unlock()
		return nil, l.err
	}
	return l.module, nil
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
	rt       wazero.Runtime
	compiled wazero.CompiledModule
	prepared *prepared
	memories sync.Pool
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
	var names []string
	for _, i := range m.prepared.missing {
		names = append(names, i.name)
	}
	return names
}

// Exports tells whether the code has a function of that name.
func (m *Module) Exports(method string) bool {
	_, ok := m.compiled.ExportedFunctions()[method]
	return ok
}

// Close frees the compiled code.
func (m *Module) Close(ctx context.Context) error { return m.rt.Close(ctx) }

// Compile makes an uncompressed module ready for calls, without looking for the same
// code among those already loaded.
func (e *Engine) Compile(ctx context.Context, code []byte, set Set) (*Module, error) {
	p, err := prepare(code, "env", functionTypes(set), "env")
	if err != nil {
		return nil, err
	}
	if e.cfg.CacheDir == "" || e.cfg.Interpreter {
		return e.compile(ctx, p, set, nil)
	}
	sum := hashing.Blake2b128(p.bytes)
	dir := filepath.Join(e.cfg.CacheDir, hex.EncodeToString(sum[:]))
	for attempt := 0; ; attempt++ {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCache, err)
		}
		m, err := e.compile(ctx, p, set, cache)
		if err == nil {
			return m, nil
		}
		if diskFault(err) {
			return nil, fmt.Errorf("%w %s: %w", ErrCache, dir, err)
		}
		// A torn or foreign file in the cache looks like an error of the code. Once without it tells.
		if attempt > 0 || !strings.Contains(err.Error(), "compilationcache") {
			return nil, err
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCache, err)
		}
	}
}

func diskFault(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
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
	compiled, err := rt.CompileModule(ctx, p.bytes)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if err := e.bind(ctx, rt, set, p, compiled); err != nil {
		return nil, err
	}
	return &Module{engine: e, rt: rt, compiled: compiled, prepared: p}, nil
}

// bind gives the runtime the host functions that the code imports; those that this host
// does not have trap and name themselves.
func (e *Engine) bind(ctx context.Context, rt wazero.Runtime, set Set, p *prepared, compiled wazero.CompiledModule) error {
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
			fn = f.goFunc(e, name)
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
