package guide

import (
	"bytes"
	"fmt"
	"testing"

	"pileus/frame/frametest"
	"pileus/metadata"
	"pileus/scale"
)

// describe writes what clients look at, one fact a line, so that two runtimes can be compared.
func describe(m *metadata.Metadata) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, p := range m.Pallets {
		say("pallet %d %s", p.Index, p.Name)
		if p.Storage != nil {
			for _, e := range p.Storage.Entries {
				key := ""
				if e.IsMap {
					key = m.Types.Describe(e.Key)
				}
				say("%s.%s %v %v %s %s %x", p.Storage.Prefix, e.Name, e.Default, e.Hashers, key, m.Types.Describe(e.Value), e.DefaultData)
			}
		}
		for _, part := range []*metadata.EnumRef{p.Calls, p.Event, p.Error} {
			if part != nil {
				lines = append(lines, describeType(m, part.Type)...)
			}
		}
		for _, c := range p.Constants {
			say("%s.%s %s %x", p.Name, c.Name, m.Types.Describe(c.Type), c.Value)
		}
	}
	for _, e := range m.Extrinsic.Extensions {
		say("extension %s %s %s", e.Identifier, m.Types.Describe(e.Type), m.Types.Describe(e.Implicit))
	}
	for _, a := range m.APIs {
		for _, f := range a.Methods {
			s := ""
			for _, i := range f.Inputs {
				s += i.Name + ": " + m.Types.Describe(i.Type) + ", "
			}
			say("%s_%s(%s) %s", a.Name, f.Name, s, m.Types.Describe(f.Output))
		}
	}
	for _, path := range [][]string{{"sp_runtime", "DispatchError"}, {"sp_runtime", "generic", "era", "Era"}, {"guide_runtime", "RuntimeCall"}, {"guide_runtime", "RuntimeEvent"}, {"guide_runtime", "Runtime"}} {
		id, ok := m.Types.Find(path...)
		if say("%v %v", path, ok); ok {
			lines = append(lines, describeType(m, id)...)
		}
	}
	return lines
}

func describeType(m *metadata.Metadata, id metadata.TypeID) (lines []string) {
	typ := m.Types.Type(id)
	params := ""
	for _, p := range typ.Params {
		params += p.Name + " "
	}
	lines = append(lines, fmt.Sprintf("%v %s", typ.Path, params))
	for _, v := range typ.Def.Variants {
		s := fmt.Sprintf("  %d %s", v.Index, v.Name)
		for _, f := range v.Fields {
			s += fmt.Sprintf(" %s: %s", f.Name, m.Types.Describe(f.Type))
		}
		lines = append(lines, s)
	}
	return lines
}

// TestMetadataAsRust: what clients find in the metadata is the same as in Rust.
func TestMetadataAsRust(t *testing.T) {
	for _, s := range Stages {
		for _, version := range []uint32{14, 15} {
			var said [2][]string
			for i, m := range []frametest.Machine{frametest.Native(New(s.Settings()).Runtime), rust(t, s.Name)} {
				c, err := frametest.New(m, "development")
				if err != nil {
					t.Fatal(err)
				}
				b, err := c.Query("Metadata_metadata_at_version", scale.AppendU32(nil, version))
				if err != nil {
					t.Fatal(err)
				}
				decoded, err := metadata.DecodeOpaque(b[1:])
				if err != nil {
					t.Fatal(err)
				}
				said[i] = describe(decoded)
			}
			other := map[string]bool{}
			for _, l := range said[1] {
				other[l] = true
			}
			mine := map[string]bool{}
			for _, l := range said[0] {
				if mine[l] = true; !other[l] {
					t.Errorf("%s, v%d: only in Go: %.300s", s.Name, version, l)
				}
			}
			for _, l := range said[1] {
				if !mine[l] {
					t.Errorf("%s, v%d: only in Rust: %.300s", s.Name, version, l)
				}
			}
		}
	}
}

// TestVersionAsRust: the version and its sections.
func TestVersionAsRust(t *testing.T) {
	for _, s := range Stages {
		var said [2][]byte
		for i, m := range []frametest.Machine{frametest.Native(New(s.Settings()).Runtime), rust(t, s.Name)} {
			c, err := frametest.New(m, "development")
			if err != nil {
				t.Fatal(err)
			}
			if said[i], err = c.Query("Core_version", nil); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(said[0], said[1]) {
			t.Errorf("%s: %x, in Rust %x", s.Name, said[0], said[1])
		}
	}
}
