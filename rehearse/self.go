package rehearse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"pileus"
	"pileus/executor"
	"pileus/internal/wasm"
	"pileus/scale"
	"pileus/wasmlink"
)

// Limits of finding a spec version in compiled code: the constant must be so large that
// it cannot well be anything else, and must not stand in more places than a runtime uses its version.
const (
	leastTelling = 10_000
	mostPlaces   = 24
)

// original is code as it was given, and how often its spec version is raised: always from
// the given code on, since a raised number might stand in the code for something else.
type original struct {
	raw    []byte
	spec   uint32
	raises uint32
}

// raise makes code that is the given one with a higher spec version, for chains whose next
// runtime is not at hand.
//
// The version stands in the custom section runtime_version, which System.set_code reads
// of new code, and as constants in the compiled code: in functions, alone or merged with
// the number beside it, and in data. All of them are rewritten where the number is large
// enough to be told from others, and the result is asked: Core_version and the metadata
// must both say the new number. Otherwise only the section is rewritten; the new runtime
// then still calls itself by the old number, so that its migrations do not run.
func raise(ctx context.Context, sim *pileus.Simulation, o original) (raised []byte, how string, err error) {
	raw, from, to := o.raw, o.spec, o.spec+o.raises
	blob, err := executor.Decompress(raw, executor.CodeBombLimit)
	if err != nil {
		return nil, "", err
	}
	m, err := wasm.Parse(blob)
	if err != nil {
		return nil, "", err
	}
	if !raiseSection(m, from, to) {
		return nil, "", fmt.Errorf("its code has no section runtime_version that could be raised; build it with a higher spec_version")
	}
	label := fmt.Sprintf("made here: the chain's own code, spec version raised from %d to %d", from, to)
	section, err := packedLike(raw, m.Encode())
	if err != nil {
		return nil, "", err
	}
	if from >= leastTelling {
		places, err := raiseConstants(m, from, to)
		if err == nil && places > 0 && places <= mostPlaces {
			all, err := packedLike(raw, m.Encode())
			if err == nil && saysVersion(ctx, sim, all, to) {
				return all, fmt.Sprintf("%s in the section runtime_version and in %d constants of code and data", label, places), nil
			}
		}
	}
	return section, label + " in the section runtime_version only: the constant in the code could not be told from other numbers, so the new runtime still calls itself by the old one, and migrations do not run", nil
}

// packedLike compresses code if the old code was.
func packedLike(old, code []byte) ([]byte, error) {
	if !bytes.HasPrefix(old, executor.CompressedPrefix) {
		return code, nil
	}
	return wasmlink.Compress(code)
}

// raiseSection raises the spec version in the custom section.
func raiseSection(m *wasm.Module, from, to uint32) bool {
	for i := range m.Sections {
		s := &m.Sections[i]
		if s.ID != wasm.CustomSection || s.Name != "runtime_version" {
			continue
		}
		d := scale.NewDecoder(s.Payload)
		d.String(1 << 10)
		d.String(1 << 10)
		d.U32() // authoring version
		at := d.Offset()
		if d.U32() != from || d.Err() != nil {
			return false
		}
		payload := append([]byte{}, s.Payload...)
		binary.LittleEndian.PutUint32(payload[at:], to)
		s.Payload = payload
		return true
	}
	return false
}

// raiseConstants raises the number wherever it stands as a constant, and counts the places.
func raiseConstants(m *wasm.Module, from, to uint32) (places int, err error) {
	bodies, err := m.Bodies()
	if err != nil {
		return 0, err
	}
	for i := range bodies {
		n, err := raiseBody(&bodies[i], from, to)
		if err != nil {
			return 0, err
		}
		places += n
	}
	m.SetSection(wasm.CodeSection, wasm.EncodeBodies(bodies))
	data := append([]byte{}, m.Section(wasm.DataSection)...)
	for at := 0; at+4 <= len(data); at++ {
		if binary.LittleEndian.Uint32(data[at:]) == from {
			binary.LittleEndian.PutUint32(data[at:], to)
			places++
		}
	}
	if len(data) > 0 {
		m.SetSection(wasm.DataSection, data)
	}
	return places, nil
}

// raiseBody rewrites i32.const and the halves of i64.const in a function.
func raiseBody(b *wasm.Body, from, to uint32) (places int, err error) {
	const i64Const = 0x42
	r := wasm.NewReader(b.Code)
	var out []byte
	for r.Left() > 0 && r.Err() == nil {
		at := r.Offset()
		op := b.Code[at]
		r.Instruction()
		if r.Err() != nil {
			break
		}
		whole := b.Code[at:r.Offset()]
		var v int64
		switch op {
		case wasm.OpI32Const:
			if v = wasm.NewReader(whole[1:]).S64(32); uint32(v) == from {
				places++
				whole = wasm.AppendS64([]byte{op}, int64(int32(to)))
			}
		case i64Const:
			v = wasm.NewReader(whole[1:]).S64(64)
			low, high := uint32(v), uint32(uint64(v)>>32)
			if low == from || high == from {
				places++
				if low == from {
					low = to
				}
				if high == from {
					high = to
				}
				whole = wasm.AppendS64([]byte{op}, int64(uint64(high)<<32|uint64(low)))
			}
		}
		out = append(out, whole...)
	}
	if places > 0 {
		b.Code = out
	}
	return places, r.Err()
}

// saysVersion asks code for its version, as a node and as a wallet does.
func saysVersion(ctx context.Context, sim *pileus.Simulation, raw []byte, want uint32) bool {
	code, err := sim.Load(ctx, raw)
	if err != nil || code.Version.SpecVersion != want {
		return false
	}
	meta, err := code.Metadata(ctx)
	if err != nil {
		return false
	}
	v, err := meta.Constant("System", "Version")
	if err != nil {
		return false
	}
	spec, ok := v.Get("spec_version")
	return ok && spec.Int.Lo == uint64(want)
}
