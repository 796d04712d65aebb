package frame

import (
	"pileus/frame/host"
	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
)

// Pallet is the part of a pallet that the SDK keeps; a pallet embeds it.
//
//	type Pallet struct {
//		frame.Pallet
//		Counter frame.Value[uint32]
//		Bumped  frame.Event1[uint32]
//	}
//
//	func New() *Pallet {
//		p := &Pallet{}
//		p.Crate = "pallet_counter"
//		p.Counter = frame.NewValue(&p.Pallet, "Counter", frame.U32)
//		p.Bumped = frame.NewEvent1(&p.Pallet, 0, "Bumped", frame.Arg("to", frame.U32))
//		frame.NewCall0(&p.Pallet, 0, "bump", frame.Weight{RefTime: 10_000_000}, p.Bump)
//		return p
//	}
//
// Declaration order is the order in the metadata. Hooks are methods of the interfaces
// below; a pallet has those that it defines.
type Pallet struct {
	Name  string // within the runtime; set by [NewRuntime]
	Index uint8  // names the pallet in calls, events and errors; set by [NewRuntime]
	// Crate begins the paths of the pallet's types in the metadata, e.g. pallet_balances.
	Crate string
	// StorageVersion is stored at genesis and by upgrades.
	StorageVersion uint16
	// Instance says that the type parameters of the pallet's enums are T and I.
	Instance bool

	runtime   *Runtime
	items     []*item
	calls     []*CallDef
	events    []EnumVariant
	errors    []*ModuleError
	constants []constant
	hasCalls  bool
	twox      []byte
}

// Module is a pallet: any type that embeds [Pallet].
type Module interface{ Base() *Pallet }

// Base is the embedded part.
func (p *Pallet) Base() *Pallet { return p }

// Runtime is the runtime that the pallet belongs to.
func (p *Pallet) Runtime() *Runtime { return p.runtime }

// System is the runtime's system pallet.
func (p *Pallet) System() *System { return p.runtime.System }

// NoCalls declares that the pallet has a call type without any call.
func (p *Pallet) NoCalls() { p.hasCalls = true }

// hash is twox128 of the name.
func (p *Pallet) hash() []byte {
	if p.twox == nil {
		h := hashing.Twox128([]byte(p.Name))
		p.twox = h[:]
	}
	return p.twox
}

// versionKey is where the storage version lies.
func (p *Pallet) versionKey() []byte {
	h := hashing.Twox128([]byte(":__STORAGE_VERSION__:"))
	return append(append([]byte(nil), p.hash()...), h[:]...)
}

// OnChainStorageVersion is the version of the pallet's storage on this chain. Where it is
// behind StorageVersion a migration is due, which ends with [Pallet.PutStorageVersion].
func (p *Pallet) OnChainStorageVersion() uint16 {
	raw, _ := host.Get(p.versionKey())
	if len(raw) == 0 {
		return 0
	}
	d := scale.NewDecoder(raw)
	v := d.U16()
	if d.Err() != nil {
		host.Log(host.LogError, "runtime::storage", "corrupted storage version of "+p.Name+": "+d.Err().Error())
	}
	return v
}

// PutStorageVersion stores the version of the pallet's storage.
func (p *Pallet) PutStorageVersion(v uint16) { host.Set(p.versionKey(), scale.AppendU16(nil, v)) }

// Hooks of a block, called in declaration order.
type (
	// OnInitializer runs before the block's extrinsics and returns the weight it used.
	OnInitializer interface{ OnInitialize(n uint32) Weight }
	// OnIdler runs behind the extrinsics with the weight that is left.
	OnIdler interface {
		OnIdle(n uint32, remaining Weight) Weight
	}
	// OnFinalizer runs at the end of the block; its weight belongs to OnInitialize.
	OnFinalizer interface{ OnFinalize(n uint32) }
	// OnRuntimeUpgrader runs in the first block of a new spec version.
	OnRuntimeUpgrader interface{ OnRuntimeUpgrade() Weight }
)

// InherentProvider is a pallet with an inherent.
type InherentProvider interface {
	// CreateInherent makes the call from the node's data; nil if there is none to make.
	CreateInherent(data primitives.InherentData) (call []byte)
	// IsInherent tells whether the call is the pallet's inherent.
	IsInherent(call *Call) bool
}

// UnsignedValidator is a pallet with calls that need no signature besides inherents.
type UnsignedValidator interface {
	ValidateUnsigned(source uint8, call *Call) (ValidTransaction, error)
}

// NewError declares an error.
func NewError(p *Pallet, index uint8, name, docs string) *ModuleError {
	e := &ModuleError{pallet: p, Index: index, Name: name, Docs: docs}
	p.errors = append(p.errors, e)
	return e
}

type constant struct {
	name  string
	typ   TypeOf
	value func() []byte
	docs  string
}

// NewConstant declares a constant for the metadata. It may depend on state.
func NewConstant[T any](p *Pallet, name string, c Codec[T], value func() T) {
	p.constants = append(p.constants, constant{name, c.Type, func() []byte { return c.Encode(nil, value()) }, ""})
}

// Argument is a named value of a call or event.
type Argument[T any] struct {
	Name     string
	Codec    Codec[T]
	TypeName string
}

// Arg names a value.
func Arg[T any](name string, c Codec[T]) Argument[T] { return Argument[T]{Name: name, Codec: c} }

// As gives the name of the type as Rust source has it; clients show it.
func (a Argument[T]) As(typeName string) Argument[T] {
	a.TypeName = typeName
	return a
}

func (a Argument[T]) field() TypeField { return TypeField{a.Name, a.Codec.Type, a.TypeName} }

// event is what the kinds of events share.
type event struct {
	pallet *Pallet
	index  uint8
}

func newEvent(p *Pallet, index uint8, name string, fields ...TypeField) event {
	p.events = append(p.events, EnumVariant{Index: index, Name: name, Fields: fields})
	return event{p, index}
}

// eventRoom is where events are made: the host copies them.
var eventRoom = make([]byte, 0, 256)

func (e *event) begin() []byte { return append(eventRoom, e.pallet.Index, e.index) }

func (e *event) deposit(b []byte) { e.pallet.runtime.System.DepositEvent(b) }

// Event0 is an event without fields, Event1 to Event4 have as many.
type (
	Event0        struct{ event }
	Event1[A any] struct {
		event
		a Argument[A]
	}
	Event2[A, B any] struct {
		event
		a Argument[A]
		b Argument[B]
	}
	Event3[A, B, C any] struct {
		event
		a Argument[A]
		b Argument[B]
		c Argument[C]
	}
	Event4[A, B, C, D any] struct {
		event
		a Argument[A]
		b Argument[B]
		c Argument[C]
		d Argument[D]
	}
)

// NewEvent0 declares an event without fields.
func NewEvent0(p *Pallet, index uint8, name string) Event0 { return Event0{newEvent(p, index, name)} }

// NewEvent1 declares an event with one field.
func NewEvent1[A any](p *Pallet, index uint8, name string, a Argument[A]) Event1[A] {
	return Event1[A]{newEvent(p, index, name, a.field()), a}
}

// NewEvent2 declares an event with two fields.
func NewEvent2[A, B any](p *Pallet, index uint8, name string, a Argument[A], b Argument[B]) Event2[A, B] {
	return Event2[A, B]{newEvent(p, index, name, a.field(), b.field()), a, b}
}

// NewEvent3 declares an event with three fields.
func NewEvent3[A, B, C any](p *Pallet, index uint8, name string, a Argument[A], b Argument[B], c Argument[C]) Event3[A, B, C] {
	return Event3[A, B, C]{newEvent(p, index, name, a.field(), b.field(), c.field()), a, b, c}
}

// NewEvent4 declares an event with four fields.
func NewEvent4[A, B, C, D any](p *Pallet, index uint8, name string, a Argument[A], b Argument[B], c Argument[C], d Argument[D]) Event4[A, B, C, D] {
	return Event4[A, B, C, D]{newEvent(p, index, name, a.field(), b.field(), c.field(), d.field()), a, b, c, d}
}

// Deposit puts the event into the block.
func (e *Event0) Deposit() { e.deposit(e.begin()) }

// Deposit puts the event into the block.
func (e *Event1[A]) Deposit(a A) { e.deposit(e.a.Codec.Encode(e.begin(), a)) }

// Deposit puts the event into the block.
func (e *Event2[A, B]) Deposit(a A, b B) {
	e.deposit(e.b.Codec.Encode(e.a.Codec.Encode(e.begin(), a), b))
}

// Deposit puts the event into the block.
func (e *Event3[A, B, C]) Deposit(a A, b B, c C) {
	e.deposit(e.c.Codec.Encode(e.b.Codec.Encode(e.a.Codec.Encode(e.begin(), a), b), c))
}

// Deposit puts the event into the block.
func (e *Event4[A, B, C, D]) Deposit(a A, b B, c C, d D) {
	e.deposit(e.d.Codec.Encode(e.c.Codec.Encode(e.b.Codec.Encode(e.a.Codec.Encode(e.begin(), a), b), c), d))
}
