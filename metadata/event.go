package metadata

import (
	"fmt"

	"pileus/hashing"
	"pileus/scale"
)

// Event is one event of a block.
type Event struct {
	Phase     Phase
	Extrinsic uint32 // the index of the extrinsic, in [PhaseApply]
	Pallet    string
	Name      string
	Fields    Value // the event's variant, with its fields
	Topics    []hashing.Hash
}

// Phase is when in a block an event arose (frame_system::Phase).
type Phase uint8

// The phases.
const (
	PhaseApply          Phase = 0
	PhaseFinalization   Phase = 1
	PhaseInitialization Phase = 2
)

// String is the pallet, the event and its fields.
func (e Event) String() string { return e.Pallet + "." + e.Fields.String() }

// Events reads the value of System.Events (a Vec of frame_system::EventRecord).
func (m *Metadata) Events(raw []byte) ([]Event, error) {
	d := scale.NewDecoder(raw)
	list := scale.DecodeVecFunc(d, maxValues, func(d *scale.Decoder) (e Event) {
		e.Phase = Phase(d.Variant())
		switch {
		case e.Phase == PhaseApply:
			e.Extrinsic = d.U32()
		case e.Phase > PhaseInitialization:
			d.UnknownVariant("Phase", uint8(e.Phase))
		}
		v := m.Types.DecodeValueFrom(d, m.Outer.Event)
		if len(v.Items) == 1 {
			e.Pallet, e.Fields = v.Text, v.Items[0]
			e.Name = e.Fields.Text
		}
		e.Topics = scale.DecodeVecFunc(d, maxItems, func(d *scale.Decoder) (h hashing.Hash) {
			d.Array(h[:])
			return h
		})
		return e
	})
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("decode events: %w", err)
	}
	return list, nil
}

// ErrorName names the error that a call of the pallet with that index returned:
// "Balances.InsufficientBalance". code is the first byte of the module error.
func (m *Metadata) ErrorName(pallet, code uint8) (string, bool) {
	p := m.PalletAt(pallet)
	if p == nil || p.Error == nil {
		return "", false
	}
	v := m.Types.Type(p.Error.Type).VariantAt(code)
	if v == nil {
		return "", false
	}
	return p.Name + "." + v.Name, true
}

// EncodeCall encodes a call of a pallet, arguments in their order and in the forms of [Registry.EncodeValue].
func (m *Metadata) EncodeCall(pallet, call string, args ...any) ([]byte, error) {
	p := m.Pallet(pallet)
	if p == nil || p.Calls == nil {
		return nil, fmt.Errorf("call %s.%s: %w", pallet, call, ErrNotFound)
	}
	v := m.Types.Type(p.Calls.Type).Variant(call)
	if v == nil {
		return nil, fmt.Errorf("call %s.%s: %w", pallet, call, ErrNotFound)
	}
	if len(args) != len(v.Fields) {
		return nil, fmt.Errorf("call %s.%s: %w: %d arguments for %d", pallet, call, ErrValue, len(args), len(v.Fields))
	}
	b := []byte{p.Index, v.Index}
	for i, f := range v.Fields {
		var err error
		if b, err = m.Types.EncodeValue(b, f.Type, args[i]); err != nil {
			return nil, fmt.Errorf("call %s.%s: argument %s: %w", pallet, call, f.Name, err)
		}
	}
	return b, nil
}

// DecodeCall reads a call: a variant named after the pallet that holds the variant of its call.
func (m *Metadata) DecodeCall(b []byte) (Value, error) {
	v, err := m.Types.DecodeValue(m.Extrinsic.Call, b)
	if err != nil {
		return Value{}, fmt.Errorf("decode call: %w", err)
	}
	return v, nil
}
