package frame

import "pileus/scale"

// Call is a decoded call of the runtime (RuntimeCall).
type Call struct {
	Pallet *Pallet
	Def    *CallDef
	Info   DispatchInfo // as declared, without extensions
	Arg    any          // the first argument
	run    func(o Origin) (PostInfo, error)
}

// CallDef is a declared call.
type CallDef struct {
	Index  uint8
	Name   string
	Docs   string
	Info   DispatchInfo
	fields []TypeField
	decode func(d *scale.Decoder, c *Call)
	// authorize makes the call valid without a signature (pallet::authorize); nil: never.
	authorize func(c *Call) (ValidTransaction, error)
}

// Operational moves the call to that class.
func (c *CallDef) Operational() *CallDef { return c.class(Operational) }

// Mandatory moves the call to that class: it is an inherent.
func (c *CallDef) Mandatory() *CallDef { return c.class(Mandatory) }

func (c *CallDef) class(class DispatchClass) *CallDef {
	c.Info.Class = class
	return c
}

// Describe sets the documentation in the metadata.
func (c *CallDef) Describe(docs string) *CallDef {
	c.Docs = docs
	return c
}

func (p *Pallet) call(c *CallDef) *CallDef {
	p.hasCalls = true
	p.calls = append(p.calls, c)
	return c
}

// NewCall0 declares a call without arguments.
func NewCall0(p *Pallet, index uint8, name string, w Weight, run func(Origin) error) *CallDef {
	return NewCallWith0(p, index, name, DispatchInfo{CallWeight: w}, func(o Origin) (PostInfo, error) { return PostInfo{}, run(o) })
}

// NewCallWith0 declares a call without arguments that may say what it cost.
func NewCallWith0(p *Pallet, index uint8, name string, info DispatchInfo, run func(Origin) (PostInfo, error)) *CallDef {
	return p.call(&CallDef{Index: index, Name: name, Info: info, decode: func(_ *scale.Decoder, c *Call) { c.run = run }})
}

// NewCall1 declares a call with one argument.
func NewCall1[A any](p *Pallet, index uint8, name string, w Weight, a Argument[A], run func(Origin, A) error) *CallDef {
	return NewCallWith(p, index, name, a, DispatchInfo{CallWeight: w}, nil,
		func(o Origin, x A) (PostInfo, error) { return PostInfo{}, run(o, x) })
}

// NewCallWith declares a call with one argument whose cost depends on it: weigh changes
// the declared info, run may return the actual one.
func NewCallWith[A any](p *Pallet, index uint8, name string, a Argument[A], info DispatchInfo, weigh func(*DispatchInfo, A), run func(Origin, A) (PostInfo, error)) *CallDef {
	return p.call(&CallDef{Index: index, Name: name, Info: info, fields: []TypeField{a.field()},
		decode: func(d *scale.Decoder, c *Call) {
			x := a.Codec.Decode(d)
			c.Arg = x
			if weigh != nil && d.Err() == nil {
				weigh(&c.Info, x)
			}
			c.run = func(o Origin) (PostInfo, error) { return run(o, x) }
		}})
}

// NewCall2 declares a call with two arguments.
func NewCall2[A, B any](p *Pallet, index uint8, name string, w Weight, a Argument[A], b Argument[B], run func(Origin, A, B) error) *CallDef {
	return NewCallWith2(p, index, name, a, b, DispatchInfo{CallWeight: w}, nil,
		func(o Origin, x A, y B) (PostInfo, error) { return PostInfo{}, run(o, x, y) })
}

// NewCallWith2 is NewCallWith for two arguments.
func NewCallWith2[A, B any](p *Pallet, index uint8, name string, a Argument[A], b Argument[B], info DispatchInfo, weigh func(*DispatchInfo, A, B), run func(Origin, A, B) (PostInfo, error)) *CallDef {
	return p.call(&CallDef{Index: index, Name: name, Info: info, fields: []TypeField{a.field(), b.field()},
		decode: func(d *scale.Decoder, c *Call) {
			x, y := a.Codec.Decode(d), b.Codec.Decode(d)
			c.Arg = x
			if weigh != nil && d.Err() == nil {
				weigh(&c.Info, x, y)
			}
			c.run = func(o Origin) (PostInfo, error) { return run(o, x, y) }
		}})
}

// NewCall3 declares a call with three arguments.
func NewCall3[A, B, C any](p *Pallet, index uint8, name string, w Weight, a Argument[A], b Argument[B], c Argument[C], run func(Origin, A, B, C) error) *CallDef {
	return p.call(&CallDef{Index: index, Name: name, Info: DispatchInfo{CallWeight: w}, fields: []TypeField{a.field(), b.field(), c.field()},
		decode: func(d *scale.Decoder, call *Call) {
			x, y, z := a.Codec.Decode(d), b.Codec.Decode(d), c.Codec.Decode(d)
			call.Arg = x
			call.run = func(o Origin) (PostInfo, error) { return PostInfo{}, run(o, x, y, z) }
		}})
}

// maxCallDepth bounds calls within calls (frame-executive's MAX_EXTRINSIC_DEPTH).
const maxCallDepth = 256

// DecodeCall reads a call: pallet index, call index, arguments. The decoder's error tells
// of a call that does not exist.
func (r *Runtime) DecodeCall(d *scale.Decoder) *Call {
	if !d.Enter(maxCallDepth) {
		return nil
	}
	defer d.Leave()
	pallet, index := d.U8(), d.U8()
	if d.Err() != nil {
		return nil
	}
	for _, p := range r.bases {
		if p.Index != pallet || !p.hasCalls {
			continue
		}
		for _, def := range p.calls {
			if def.Index == index {
				c := &Call{Pallet: p, Def: def, Info: def.Info}
				def.decode(d, c)
				return c
			}
		}
		d.UnknownVariant("call of "+p.Name, index)
		return nil
	}
	d.UnknownVariant("RuntimeCall", pallet)
	return nil
}

// CallCodec is the codec of a call within a call; it only decodes.
func (p *Pallet) CallCodec() Codec[*Call] {
	return Codec[*Call]{nil, func(d *scale.Decoder) *Call { return p.runtime.DecodeCall(d) }, TypeRuntimeCall}
}

// Is tells whether the call is the one with that name in the pallet.
func (c *Call) Is(p *Pallet, name string) bool {
	return c != nil && c.Pallet == p && c.Def.Name == name
}

// Dispatch runs the call: in a storage transaction of its own, so that a failed call
// leaves nothing. A call that the base filter refuses fails.
func (c *Call) Dispatch(o Origin) (PostInfo, error) {
	r := c.Pallet.runtime
	if o.Kind != OriginRoot && r.System.BaseCallFilter != nil && !r.System.BaseCallFilter(c) {
		return PostInfo{}, r.System.ErrCallFiltered
	}
	var post PostInfo
	err := r.Transactional(func() (err error) {
		post, err = c.run(o)
		return err
	})
	return post, err
}
