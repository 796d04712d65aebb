package frame

import "pileus/scale"

// Extension is a transaction extension: a part of every extrinsic that says something
// about it and checks it. A runtime lists them in the order of their encoding.
type Extension struct {
	Identifier string
	Type       TypeOf // what travels in the extrinsic
	Implicit   TypeOf // what is only signed
	Decode     func(d *scale.Decoder) Step
	// For bare extrinsics, which have no extensions: nil is nothing.
	BareValidate func(tx *Tx) error
	BarePrepare  func(tx *Tx) error
	BarePost     func(tx *Tx, post PostInfo)
}

// Tx is an extrinsic on its way through the pipeline.
type Tx struct {
	Origin Origin
	Call   *Call
	Info   DispatchInfo
	Len    int   // bytes, with the length prefix
	Source uint8 // 0 in a block, 1 local, 2 external
}

// Step is one extension of one extrinsic.
//
//	Implicit ─► Validate ─► Prepare (changes state) ─► the call ─► PostDispatch
type Step interface {
	// Weight is what the step costs.
	Weight(c *Call) Weight
	// Implicit appends what is signed without travelling.
	Implicit(b []byte) ([]byte, error)
	// Validate judges the extrinsic, and may change the origin. It leaves the state alone.
	Validate(tx *Tx, v *ValidTransaction) error
	// Prepare does what must be done even if the call fails.
	Prepare(tx *Tx) error
	// PostDispatch settles. It may return weight of its own that was not used.
	PostDispatch(tx *Tx, post PostInfo, result error) (unused Weight, err error)
}

// Pass is a step that does nothing; steps embed it.
type Pass struct{}

// Weight is zero.
func (Pass) Weight(*Call) Weight { return Weight{} }

// Implicit appends nothing.
func (Pass) Implicit(b []byte) ([]byte, error) { return b, nil }

// Validate lets everything through.
func (Pass) Validate(*Tx, *ValidTransaction) error { return nil }

// Prepare does nothing.
func (Pass) Prepare(*Tx) error { return nil }

// PostDispatch does nothing.
func (Pass) PostDispatch(*Tx, PostInfo, error) (Weight, error) { return Weight{}, nil }

// extensionWeight is what the whole pipeline costs.
func (x *Extrinsic) extensionWeight() (w Weight) {
	for _, s := range x.Steps {
		w = w.Add(s.Weight(x.Call))
	}
	return w
}

// validate runs the pipeline's judgement.
func (x *Extrinsic) validate(tx *Tx, v *ValidTransaction) error {
	for _, s := range x.Steps {
		if err := s.Validate(tx, v); err != nil {
			return err
		}
	}
	if tx.Origin.Kind == OriginNone {
		return InvalidUnknownOrigin
	}
	return nil
}

// apply runs an extrinsic. The first result is the outcome of the call, the second says
// that the extrinsic does not belong into the block.
func (r *Runtime) apply(x *Extrinsic, tx *Tx) (post PostInfo, failed, invalid error) {
	if x.Form == BareExtrinsic {
		return r.applyBare(tx)
	}
	if err := x.validate(tx, &ValidTransaction{}); err != nil {
		return post, nil, err
	}
	for _, s := range x.Steps {
		if err := s.Prepare(tx); err != nil {
			return post, nil, err
		}
	}
	post, failed = tx.Call.Dispatch(tx.Origin)
	actual := tx.Call.Info.CallWeight
	if post.ActualWeight != nil {
		actual = *post.ActualWeight
	}
	actual = actual.Add(tx.Info.ExtensionWeight)
	for _, s := range x.Steps {
		post.ActualWeight = &actual
		unused, err := s.PostDispatch(tx, post, failed)
		if err != nil {
			return post, nil, err
		}
		actual = actual.Sub(unused)
	}
	return post, failed, nil
}

// applyBare runs an extrinsic without signature. The pallet's rule judges it; a pallet
// without one lets everything through, and the call's own check of the origin stands.
func (r *Runtime) applyBare(tx *Tx) (post PostInfo, failed, invalid error) {
	if v, ok := r.module(tx.Call.Pallet).(UnsignedValidator); ok && !r.isInherentCall(tx.Call) {
		if _, err := v.ValidateUnsigned(0, tx.Call); err != nil {
			return post, nil, err
		}
	}
	for i := range r.Extensions {
		if f := r.Extensions[i].BareValidate; f != nil {
			if err := f(tx); err != nil {
				return post, nil, err
			}
		}
		if f := r.Extensions[i].BarePrepare; f != nil {
			if err := f(tx); err != nil {
				return post, nil, err
			}
		}
	}
	post, failed = tx.Call.Dispatch(None)
	for i := range r.Extensions {
		if f := r.Extensions[i].BarePost; f != nil {
			f(tx, post)
		}
	}
	return post, failed, nil
}

// DispatchInfo is what is known of the extrinsic before it runs.
func (x *Extrinsic) DispatchInfo() DispatchInfo {
	info := x.Call.Info
	info.ExtensionWeight = x.extensionWeight()
	return info
}
