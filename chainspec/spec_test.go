package chainspec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pileus/internal/testdata"
	"pileus/trie"
)

const small = `{
  "name": "Guide", "id": "guide", "chainType": {"Custom": "training"}, "bootNodes": ["/ip4/1.2.3.4/tcp/1"],
  "protocolId": null, "forkId": "f", "unheard": {"of": [1, 2.50]}, "properties": {"ss58Format": 42, "tokenSymbol": ["A", "B"], "tokenDecimals": 12},
  "paraId": 2000, "relayChain": "embedded", "codeSubstitutes": {"100": "0x02", "9": "0x01"},
  "genesis": {"raw": {"top": {"0x3a636f6465": "0x00", "0x01": "0x", "0x02": "0xabcd"}, "childrenDefault": {"0x6b": {"0x05": "0x06"}}}}
}`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	id := uint32(2000)
	want := &Spec{
		Name: "Guide", ID: "guide", ChainType: "training", BootNodes: []string{"/ip4/1.2.3.4/tcp/1"}, ForkID: "f",
		RelayChain: "embedded", ParaID: &id,
		CodeSubstitutes: []CodeSubstitute{{9, []byte{1}}, {100, []byte{2}}},
		Genesis: Genesis{Raw: &Raw{
			Top:      map[string][]byte{":code": {0}, "\x01": {}, "\x02": {0xab, 0xcd}},
			Children: map[string]map[string][]byte{"k": {"\x05": {6}}},
		}},
	}
	want.fields = s.fields
	if d := cmp.Diff(want, s, cmp.AllowUnexported(Spec{}, field{})); d != "" {
		t.Error(d)
	}
	format := uint16(42)
	if d := cmp.Diff(Properties{&format, []uint8{12}, []string{"A", "B"}}, s.Properties()); d != "" {
		t.Error(d)
	}
	if string(s.Extra("unheard")) != `{"of": [1, 2.50]}` || s.Extra("absent") != nil {
		t.Errorf("unknown key: %s", s.Extra("unheard"))
	}
}

func TestAliases(t *testing.T) {
	for _, keys := range [][2]string{{"para_id", "relay_chain"}, {"paraId", "relayChain"}, {"ParaId", "RelayChain"}} {
		s, err := Parse([]byte(fmt.Sprintf(`{%q: 7, %q: "west", "genesis": {"stateRootHash": "0x00"}}`, keys[0], keys[1])))
		if err != nil || s.ParaID == nil || *s.ParaID != 7 || s.RelayChain != "west" {
			t.Errorf("%v: %+v %v", keys, s, err)
			continue
		}
		if b, err := s.Marshal(); err != nil || !strings.Contains(string(b), `"`+keys[0]+`": 7`) {
			t.Errorf("%v: written as %s (%v)", keys, b, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	code := `"0x3a636f6465": "0x00"`
	for name, c := range map[string]struct {
		json string
		want error
		says string
	}{
		"empty":              {"", ErrNotJSON, ""},
		"not JSON":           {"name: x", ErrNotJSON, ""},
		"cut":                {small[:len(small)-3], ErrNotJSON, ""},
		"list":               {"[]", ErrNotJSON, ""},
		"two objects":        {"{} {}", ErrNotJSON, ""},
		"key twice":          {`{"id": "a", "id": "b"}`, ErrNotJSON, `"id" stands twice`},
		"no genesis":         {`{"name": "x"}`, ErrNoGenesis, ""},
		"genesis null":       {`{"genesis": null}`, ErrNoGenesis, ""},
		"genesis empty":      {`{"genesis": {}}`, ErrNoGenesis, ""},
		"old form":           {`{"genesis": {"runtime": {}}}`, ErrNoGenesis, "genesis.runtime"},
		"no top":             {`{"genesis": {"raw": {}}}`, ErrNoGenesis, "top"},
		"no code":            {`{"genesis": {"raw": {"top": {}}}}`, ErrNoCode, ""},
		"empty code":         {`{"genesis": {"raw": {"top": {"0x3a636f6465": "0x"}}}}`, ErrNoCode, ""},
		"runtime no code":    {`{"genesis": {"runtimeGenesis": {"patch": {}}}}`, ErrNoCode, ""},
		"neither":            {`{"genesis": {"runtimeGenesis": {"code": "0x00"}}}`, ErrNoGenesis, "0 of"},
		"both":               {`{"genesis": {"runtimeGenesis": {"code": "0x00", "patch": {}, "preset": "x"}}}`, ErrNoGenesis, "2 of"},
		"value without 0x":   {`{"genesis": {"raw": {"top": {` + code + `, "0x01": "ff"}}}}`, nil, `genesis.raw.top["0x01"]: it does not begin with 0x`},
		"value no hex":       {`{"genesis": {"raw": {"top": {` + code + `, "0x01": "0xfg"}}}}`, nil, `genesis.raw.top["0x01"]: 'g' is no hex digit`},
		"value odd":          {`{"genesis": {"raw": {"top": {` + code + `, "0x01": "0xfff"}}}}`, nil, `genesis.raw.top["0x01"]: it has an odd number`},
		"key no hex":         {`{"genesis": {"raw": {"top": {` + code + `, "0xzz": "0x"}}}}`, nil, `genesis.raw.top["0xzz"]`},
		"child no hex":       {`{"genesis": {"raw": {"top": {` + code + `}, "childrenDefault": {"0x01": {"0x02": "1"}}}}}`, nil, `genesis.raw.childrenDefault["0x01"]["0x02"]`},
		"child root in top":  {`{"genesis": {"raw": {"top": {` + code + `, "0x3a6368696c645f73746f726167653a64656661756c743a01": "0x00"}}}}`, nil, "child trie"},
		"substitute key":     {`{"codeSubstitutes": {"x": "0x"}, "genesis": {"stateRootHash": "0x00"}}`, nil, `codeSubstitutes["x"]`},
		"para id":            {`{"para_id": "x", "genesis": {"stateRootHash": "0x00"}}`, nil, "para_id"},
		"runtime code odd":   {`{"genesis": {"runtimeGenesis": {"code": "0x0", "patch": {}}}}`, nil, "genesis.runtimeGenesis.code"},
		"top is not a table": {`{"genesis": {"raw": {"top": [1]}}}`, nil, "genesis.raw"},
		"value no string":    {`{"genesis": {"raw": {"top": {` + code + `, "0x01": 7}}}}`, nil, `genesis.raw.top["0x01"]`},
		"comma at the end":   {`{"genesis": {"raw": {"top": {` + code + `,}}}}`, ErrNotJSON, ""},
		"no comma":           {`{"genesis": {"raw": {"top": {` + code + ` "0x01": "0x"}}}}`, ErrNotJSON, ""},
		"no colon":           {`{"genesis": {"raw": {"top": {"0x3a636f6465" "0x00"}}}}`, ErrNotJSON, ""},
		"no value":           {`{"genesis": {"raw": {"top": {"0x3a636f6465": }}}}`, ErrNotJSON, ""},
		"brackets crossed":   {`{"genesis": {"raw": {"x": [{]}, "top": {` + code + `}}}}`, ErrNotJSON, ""},
		"string not closed":  {`{"genesis": {"raw": {"top": {"0x3a636f6465": "0x00\"}}}}`, ErrNotJSON, ""},
		"line in a string":   {"{\"genesis\": {\"raw\": {\"top\": {" + code + "}, \"x\": \"\n\"}}}", ErrNotJSON, ""},
		"word cut":           {`{"telemetry": nul, "genesis": {"raw": {"top": {` + code + `}}}}`, ErrNotJSON, ""},
	} {
		_, err := Parse([]byte(c.json))
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
		var bad *HexError
		if strings.HasPrefix(c.says, "genesis.raw.top[") && !errors.As(err, &bad) {
			t.Errorf("%s: %T is no HexError", name, err)
		}
	}
}

func TestSizeLimit(t *testing.T) {
	if _, err := read(strings.NewReader(small), int64(len(small))); err != nil {
		t.Error(err)
	}
	if _, err := read(strings.NewReader(small), int64(len(small))-1); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestMarshalKeepsEverything(t *testing.T) {
	s, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var was, is any
	if json.Unmarshal([]byte(small), &was) != nil || json.Unmarshal(b, &is) != nil {
		t.Fatalf("not JSON: %s", b)
	}
	if d := cmp.Diff(was, is); d != "" {
		t.Error(d)
	}
	if !bytes.Contains(b, []byte("2.50")) || bytes.Index(b, []byte("forkId")) > bytes.Index(b, []byte("unheard")) {
		t.Errorf("order or digits are lost:\n%s", b)
	}
	s.Name, s.ParaID = "Other <&>", nil
	s.BootNodes = nil
	b, _ = s.Marshal()
	again, err := Parse(b)
	if err != nil || again.Name != "Other <&>" || again.ParaID != nil || again.BootNodes == nil || !bytes.Contains(b, []byte("<&>")) {
		t.Errorf("%+v %v", again, err)
	}
	// A spec made from nothing.
	id := uint32(5)
	b, err = (&Spec{Name: "n", ID: "i", ChainType: "Local", RelayChain: "r", ParaID: &id, Genesis: Genesis{Runtime: &Runtime{Code: []byte{1}, Preset: "development"}}}).Marshal()
	want := "{\n  \"name\": \"n\",\n  \"id\": \"i\",\n  \"chainType\": \"Local\",\n  \"relay_chain\": \"r\",\n  \"para_id\": 5,\n  \"genesis\": {\n    \"runtimeGenesis\": {\n      \"code\": \"0x01\",\n      \"preset\": \"development\"\n    }\n  }\n}\n"
	if err != nil || string(b) != want {
		t.Errorf("%s (%v), want %s", b, err, want)
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ base, patch, want string }{
		{`{"a": 1, "b": {"c": 2, "d": 3}}`, `{"b": {"c": 5}}`, `{"a":1,"b":{"c":5,"d":3}}`},
		{`{"a": 1, "b": 2}`, `{"a": null}`, `{"b":2}`},
		{`{"a": [1, 2]}`, `{"a": [3]}`, `{"a":[3]}`},
		{`{"a": 1}`, `{"a": {"b": null}}`, `{"a":{"b":null}}`},
		{`{}`, `{"new": {"x": null, "y": 1}}`, `{"new":{"x":null,"y":1}}`},
		{`{"n": 340282366920938463463374607431768211455}`, `{"m": 1000000000000000000000}`, `{"m":1000000000000000000000,"n":340282366920938463463374607431768211455}`},
		{`{"a": 1}`, `7`, `7`},
		{`{"a": "<&>"}`, `{}`, `{"a":"<&>"}`},
	} {
		got, err := Merge([]byte(c.base), []byte(c.patch))
		if err != nil || string(got) != c.want {
			t.Errorf("merge(%s, %s) = %s (%v), want %s", c.base, c.patch, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "{", "{} {}"} {
		if _, err := Merge([]byte("{}"), []byte(bad)); err == nil {
			t.Errorf("merges %q", bad)
		}
		if _, err := Merge([]byte(bad), []byte("{}")); err == nil {
			t.Errorf("merges into %q", bad)
		}
	}
}

// fakeBuilder stores the configuration itself under the key "config".
type fakeBuilder struct{ fail error }

func (fakeBuilder) Preset(name string) ([]byte, bool, error) {
	switch name {
	case "":
		return []byte(`{"a": 1, "b": {"c": 2}}`), true, nil
	case "development":
		return []byte(`{"b": {"c": 9}}`), true, nil
	}
	return nil, false, nil
}

func (fakeBuilder) PresetNames() ([]string, error) { return []string{"development", "other"}, nil }

func (b fakeBuilder) BuildState(config []byte) (*Raw, error) {
	return &Raw{Top: map[string][]byte{"config": config, ":code": {9, 9}}}, b.fail
}

func TestBuild(t *testing.T) {
	for form, want := range map[string]string{
		`"patch": {"a": 7}`:         `{"a":7,"b":{"c":2}}`,
		`"preset": "development"`:   `{"a":1,"b":{"c":9}}`,
		`"config": {"whole": true}`: `{"whole": true}`,
	} {
		s, err := Parse([]byte(`{"genesis": {"runtimeGenesis": {"code": "0x0102", ` + form + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Build(fakeBuilder{})
		if err != nil || string(r.Top["config"]) != want || !bytes.Equal(r.Top[CodeKey], []byte{1, 2}) {
			t.Errorf("%s: %q (%v)", form, r, err)
		}
		if !bytes.Equal(s.Code(), []byte{1, 2}) {
			t.Errorf("code %x", s.Code())
		}
		raw := s.WithRaw(r)
		b, err := raw.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(b); err != nil || !again.Genesis.Raw.Equal(r) {
			t.Errorf("%s: the raw spec reads differently: %v", form, err)
		}
		if _, err := s.Build(fakeBuilder{errors.New("balance too low")}); err == nil || !strings.Contains(err.Error(), "balance too low") {
			t.Errorf("failing build: %v", err)
		}
	}
	s, _ := Parse([]byte(`{"genesis": {"runtimeGenesis": {"code": "0x01", "preset": "nope"}}}`))
	if _, err := s.Build(fakeBuilder{}); err == nil || !strings.Contains(err.Error(), "it has development, other") {
		t.Errorf("unknown preset: %v", err)
	}
	s, _ = Parse([]byte(`{"genesis": {"stateRootHash": "0x01"}}`))
	if _, err := s.Build(fakeBuilder{}); !errors.Is(err, ErrNoGenesis) {
		t.Errorf("state root only: %v", err)
	}
}

func TestStateWithChildren(t *testing.T) {
	r := &Raw{Top: map[string][]byte{"a": {1}}, Children: map[string]map[string][]byte{"k": {"x": {2}}, "none": {}}}
	child := trie.RootOf(trie.V1, []trie.Pair{{Key: []byte("x"), Value: []byte{2}}})
	want := trie.RootOf(trie.V1, []trie.Pair{{Key: []byte("a"), Value: []byte{1}}, {Key: trie.ChildKey([]byte("k")), Value: child[:]}})
	s := r.State(trie.V1)
	if s.Root() != want {
		t.Errorf("root %s, want %s", s.Root(), want)
	}
	c, err := s.Child([]byte("k"), nil)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	if v, ok, err := c.Get([]byte("x"), nil); err != nil || !ok || v[0] != 2 {
		t.Error(v, ok, err)
	}
}

// The genesis hashes of two live chains, as their explorers and node RPCs give them.
var genesisHashes = map[string]string{
	"coretime-polkadot": "0xefb56e30d9b4a24099f88820987d0f45fb645992416535d87650d98e00f46fc4",
	"mythos":            "0xf6ee56e9c5277df5b4ce6ae9983ee88f3cbed27d31beeb98f9f84f997a1ab0b9",
}

func TestRealSpecs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "chainspecs"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			s, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if relay := strings.Contains(name, "relay"); s.LooksLikeRelay() != relay {
				t.Errorf("looks like a relay chain: %v", s.LooksLikeRelay())
			} else if id, ok := s.Genesis.Raw.ParachainID(); !relay && (!ok || s.ParaID == nil || id != *s.ParaID) {
				t.Errorf("para id %d %v in the storage, %v in the spec", id, ok, s.ParaID)
			}
			b, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(b)
			if err != nil || !again.Genesis.Raw.Equal(s.Genesis.Raw) {
				t.Fatalf("written and read again: %v", err)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var was, is any
			if json.Unmarshal(file, &was) != nil || json.Unmarshal(b, &is) != nil || !reflect.DeepEqual(was, is) {
				t.Error("writing changes the JSON")
			}
			header := Header(s.Genesis.Raw.State(trie.V1).Root())
			if want, ok := genesisHashes[name]; ok && header.Hash().String() != want {
				t.Errorf("genesis hash %s, want %s", header.Hash(), want)
			}
			if n := len(header.EncodeTo(nil)); n != 98 {
				t.Errorf("genesis header has %d bytes", n)
			}
		})
	}
}

// Whatever storage is written, is read back.
func TestRawRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.MapOf(rapid.StringN(0, 5, 8), rapid.SliceOf(rapid.Byte()))
		r := &Raw{Top: pairs.Draw(t, "top")}
		for id, child := range rapid.MapOf(rapid.StringN(0, 3, 4), pairs).Draw(t, "children") {
			if r.Children == nil {
				r.Children = map[string]map[string][]byte{}
			}
			r.Children[id] = child
		}
		r.Top[CodeKey] = []byte{1}
		b, err := (&Spec{ID: "x", Genesis: Genesis{Raw: r}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(b)
		if err != nil || !s.Genesis.Raw.Equal(r) {
			t.Fatalf("%s: %v", b, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"genesis": {"runtimeGenesis": {"code": "0x00", "patch": {}}}}`))
	f.Add([]byte(`{"\u0067enesis": {"raw": {"top": {"0x3a636f6465": "0\u007800", "0x3A636f6465": "0x01", "0x3a636f6465": "0x02"}, "x": ["\\\"", {"a": [-1e5]}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		asJSON(t, b, s)
		_ = s.Properties()
		_ = s.LooksLikeRelay()
		out, err := s.Marshal()
		if err != nil {
			t.Fatalf("written: %v", err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("read again: %v\n%s", err, out)
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("changes when written again: %v\n%s\n%s", err, out, twice)
		}
	})
}

// asJSON fails if package json reads a spec otherwise.
func asJSON(t *testing.T, b []byte, s *Spec) {
	t.Helper()
	var file struct {
		Name    string `json:"name"`
		Genesis struct {
			Raw struct {
				Top      map[string]string            `json:"top"`
				Children map[string]map[string]string `json:"childrenDefault"`
			} `json:"raw"`
		} `json:"genesis"`
	}
	if !json.Valid(b) {
		t.Fatalf("it is not JSON: %s", b)
	}
	if err := json.Unmarshal(b, &file); err != nil || s.Genesis.Raw == nil {
		return // package json matches the keys of other cases as well
	}
	pairs := func(file map[string]string) map[string][]byte {
		m := map[string][]byte{}
		for _, k := range slices.Sorted(maps.Keys(file)) {
			key, _ := hex.DecodeString(strings.TrimPrefix(k, "0x"))
			m[string(key)], _ = hex.DecodeString(strings.TrimPrefix(file[k], "0x"))
		}
		return m
	}
	want := &Raw{Top: pairs(file.Genesis.Raw.Top)}
	for id, table := range file.Genesis.Raw.Children {
		if want.Children == nil {
			want.Children = map[string]map[string][]byte{}
		}
		key, _ := hex.DecodeString(strings.TrimPrefix(id, "0x"))
		want.Children[string(key)] = pairs(table)
	}
	if !s.Genesis.Raw.Equal(want) {
		t.Fatalf("package json reads %s otherwise: %v, not %v", b, want, s.Genesis.Raw)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a": {"b": 1}}`), []byte(`{"a": {"b": null}}`))
	f.Fuzz(func(t *testing.T, base, patch []byte) {
		got, err := Merge(base, patch)
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("not JSON: %s", got)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	file, err := os.ReadFile(testdata.Shared(b, "chainspecs/coretime-polkadot.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := Parse(file); err != nil {
			b.Fatal(err)
		}
	}
}
