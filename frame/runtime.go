package frame

import (
	"fmt"

	"pileus/frame/host"
	"pileus/primitives"
)

// RuntimeConfig is what a runtime is made of.
type RuntimeConfig struct {
	Version RuntimeVersion
	Crate   string // begins the paths of the runtime's own types in the metadata
	// Pallets in declaration order: the order of hooks, genesis and metadata. System comes first.
	Pallets    []PalletEntry
	Extensions func(*System) []Extension
	APIs       []API // besides those that every runtime has
	Presets    []Preset
	SessionKey [4]byte // key type of the one session key; zero: no session keys
}

// PalletEntry gives a pallet its place in the runtime.
type PalletEntry struct {
	Index  uint8
	Name   string
	Pallet Module
}

// Preset is a named genesis: a patch of the default genesis config, as JSON.
type Preset struct {
	Name  string
	Patch string
}

// Runtime is a runtime: pallets, extensions, APIs.
type Runtime struct {
	Version    RuntimeVersion
	Crate      string
	System     *System
	Extensions []Extension
	Presets    []Preset
	SessionKey [4]byte

	modules []Module
	bases   []*Pallet
	apis    []API
	layers  int // open storage layers

	inherents   []InherentProvider
	initializer []func(n uint32) Weight
	idlers      []func(n uint32, remaining Weight) Weight
	finalizers  []func(n uint32)
	upgraders   []func() Weight
}

// NewRuntime puts a runtime together. What cannot be right panics, naming the pallet.
func NewRuntime(c RuntimeConfig) *Runtime {
	r := &Runtime{Version: c.Version, Crate: c.Crate, Presets: c.Presets, SessionKey: c.SessionKey}
	for _, e := range c.Pallets {
		r.add(e)
	}
	if len(r.bases) == 0 || r.System == nil || r.bases[0] != &r.System.Pallet {
		panic("frame: the first pallet of a runtime is frame.System")
	}
	if c.Extensions != nil {
		r.Extensions = c.Extensions(r.System)
	}
	r.apis = r.coreAPIs(c.APIs)
	return r
}

func (r *Runtime) add(e PalletEntry) {
	p := e.Pallet.Base()
	if p.runtime != nil {
		panic("frame: pallet " + e.Name + " belongs to a runtime already")
	}
	p.Name, p.Index, p.runtime = e.Name, e.Index, r
	for _, other := range r.bases {
		if other.Index == p.Index || other.Name == p.Name {
			panic(fmt.Sprintf("frame: pallets %s and %s share name or index %d", other.Name, p.Name, p.Index))
		}
	}
	p.verify()
	for _, i := range p.items {
		i.key() // now, and not in every call: a compiled runtime starts with what is there
	}
	r.modules, r.bases = append(r.modules, e.Pallet), append(r.bases, p)
	if s, ok := e.Pallet.(*System); ok {
		r.System = s
	}
	if h, ok := e.Pallet.(OnInitializer); ok {
		r.initializer = append(r.initializer, h.OnInitialize)
	}
	if h, ok := e.Pallet.(OnIdler); ok {
		r.idlers = append(r.idlers, h.OnIdle)
	}
	if h, ok := e.Pallet.(OnFinalizer); ok {
		r.finalizers = append(r.finalizers, h.OnFinalize)
	}
	if h, ok := e.Pallet.(OnRuntimeUpgrader); ok {
		r.upgraders = append(r.upgraders, h.OnRuntimeUpgrade)
	}
	if h, ok := e.Pallet.(InherentProvider); ok {
		r.inherents = append(r.inherents, h)
	}
}

// verify finds declarations that contradict each other.
func (p *Pallet) verify() {
	if p.Crate == "" {
		panic("frame: pallet " + p.Name + " has no Crate: its types would have no path")
	}
	twice := func(what, name string) {
		panic("frame: pallet " + p.Name + " declares " + what + " " + name + " twice")
	}
	for i, a := range p.items {
		for _, b := range p.items[:i] {
			if a.name == b.name {
				twice("storage item", a.name)
			}
		}
	}
	for i, a := range p.calls {
		for _, b := range p.calls[:i] {
			if a.Index == b.Index || a.Name == b.Name {
				twice("call", a.Name)
			}
		}
	}
	for i, a := range p.events {
		for _, b := range p.events[:i] {
			if a.Index == b.Index || a.Name == b.Name {
				twice("event", a.Name)
			}
		}
	}
	for i, a := range p.errors {
		for _, b := range p.errors[:i] {
			if a.Index == b.Index || a.Name == b.Name {
				twice("error", a.Name)
			}
		}
	}
}

// module is the pallet with that base.
func (r *Runtime) module(p *Pallet) Module {
	for i, b := range r.bases {
		if b == p {
			return r.modules[i]
		}
	}
	return nil
}

// Pallet is the pallet of that name, nil if there is none.
func (r *Runtime) Pallet(name string) Module {
	for i, b := range r.bases {
		if b.Name == name {
			return r.modules[i]
		}
	}
	return nil
}

// maxLayers bounds nested storage layers.
const maxLayers = 255

// Transactional runs f in a storage layer of its own: if f fails, its changes are dropped.
func (r *Runtime) Transactional(f func() error) error {
	if r.layers >= maxLayers {
		return ErrLimitReached
	}
	r.layers++
	host.Begin()
	closed := false
	defer func() {
		r.layers--
		if !closed { // f panicked: under Wasm the call ends here, natively a test may go on
			host.Rollback()
		}
	}()
	err := f()
	closed = true
	if err != nil {
		host.Rollback()
		return err
	}
	host.Commit()
	return nil
}

// isInherentCall tells whether a pallet claims the call as its inherent.
func (r *Runtime) isInherentCall(c *Call) bool {
	for _, p := range r.inherents {
		if p.IsInherent(c) {
			return true
		}
	}
	return false
}

func (r *Runtime) isInherent(x *Extrinsic) bool {
	return x.Form == BareExtrinsic && r.isInherentCall(x.Call)
}

// InherentExtrinsics makes the inherents of a block, pallets in declaration order. They
// are bare extrinsics with their length.
func (r *Runtime) InherentExtrinsics(data primitives.InherentData) [][]byte {
	var list [][]byte
	for _, p := range r.inherents {
		if call := p.CreateInherent(data); call != nil {
			list = append(list, BareBytes(call))
		}
	}
	return list
}
