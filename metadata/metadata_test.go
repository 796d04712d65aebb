package metadata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pileus/hashing"
	"pileus/scale"
)

func TestEncodeDecodeEveryVersion(t *testing.T) {
	for _, version := range []uint8{14, 15, 16} {
		m := sample(version)
		b := m.Encode()
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("v%d: %v", version, err)
		}
		if d := cmp.Diff(m, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("v%d: decoded metadata differs:\n%s", version, d)
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Errorf("v%d: the bytes change when encoded again", version)
		}
		if _, err := DecodeOpaque(scale.AppendBytes(nil, b)); err != nil {
			t.Errorf("v%d: %v", version, err)
		}
		if _, err := Decode(append(b, 0)); !errors.Is(err, scale.ErrTrailing) {
			t.Errorf("v%d: a byte too many: %v", version, err)
		}
		for cut := 0; cut < len(b); cut += 7 {
			if _, err := Decode(b[:cut]); err == nil {
				t.Errorf("v%d: accepts the first %d bytes of %d", version, cut, len(b))
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := sample(15)
	for name, spoil := range map[string]func(*Metadata){
		"element":   func(m *Metadata) { m.Types[tList].Def.Elem = tTypes },
		"field":     func(m *Metadata) { m.Types[tRecord].Def.Fields[1].Type = 4711 },
		"variant":   func(m *Metadata) { m.Types[tError].Def.Variants[0].Fields = []Field{{Type: 4711}} },
		"parameter": func(m *Metadata) { m.Types[tOption].Params[0].Type = id(4711) },
		"constant":  func(m *Metadata) { m.Pallets[0].Constants[0].Type = 4711 },
		"key":       func(m *Metadata) { m.Pallets[0].Storage.Entries[1].Key = 4711 },
		"extension": func(m *Metadata) { m.Extrinsic.Extensions[2].Implicit = 4711 },
		"method":    func(m *Metadata) { m.APIs[0].Methods[0].Output = 4711 },
	} {
		m := sample(15)
		spoil(m)
		if _, err := Decode(m.Encode()); err == nil || !strings.Contains(err.Error(), "type") {
			t.Errorf("%s: reference to an absent type: %v", name, err)
		}
	}
	b := good.Encode()
	b[4] = 13
	if _, err := Decode(b); !errors.Is(err, ErrVersion) {
		t.Errorf("version 13: %v", err)
	}
	b[0] = 'n'
	if _, err := Decode(b); err == nil {
		t.Error("accepts wrong magic bytes")
	}
}

func TestValues(t *testing.T) {
	r := sample(15).Types
	account := bytes.Repeat([]byte{0xab}, 32)
	for _, c := range []struct {
		id   TypeID
		x    any
		hex  string
		text string
	}{
		{tU8, 255, "ff", "255"},
		{tU32, 1, "01000000", "1"},
		{tU128, scale.U128{Lo: 0, Hi: 1}, "00000000000000000100000000000000", "18446744073709551616"},
		{tU128, scale.U128{Lo: math.MaxUint64, Hi: math.MaxUint64}, strings.Repeat("ff", 16), "340282366920938463463374607431768211455"},
		{tI16, -2, "feff", "-2"},
		{tI256, Bytes(account), hex.EncodeToString(account), "0x" + hex.EncodeToString(account)},
		{tBool, true, "01", "true"},
		{tStr, "hé", "0c68c3a9", `"hé"`},
		{tChar, Value{Kind: KindChar, Int: scale.U128{Lo: 'x'}}, "78000000", `'x'`},
		{tBytes, []byte{1, 2}, "080102", "0x0102"},
		{tHash, account, hex.EncodeToString(account), "0x" + hex.EncodeToString(account)},
		{tUnit, nil, "", "()"},
		{tCompact32, 70, "1901", "70"},
		{tAddress, account, "00" + hex.EncodeToString(account), "Id(0x" + hex.EncodeToString(account) + ")"},
		{tAddress, Variant("Index", Unit()), "01", "Index(())"},
		{tList, List(Tuple(Uint(1), String("a"))), "04010000000461", `[(1, "a")]`},
		{tBits, Value{Kind: KindBits, Bytes: []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}}, "240101", "0b100000001"},
		{tBitsMsb, Value{Kind: KindBits, Bytes: []byte{1, 1, 0}}, "0c00c0", "0b110"},
		{tOption, nil, "00", "None"},
		{tOption, 5, "0105000000", "Some(5)"},
		{tRecord, Unit().With("b", Bool(true)).With("a", Uint(2)), "0200000001", "{ a: 2, b: true }"},
		{tRecord, Tuple(Uint(2), Bool(true)), "0200000001", "{ a: 2, b: true }"},
		{tMode, "Enabled", "01", "Enabled"},
		{tMeta, Unit().With("mode", String("Disabled")), "00", "{ mode: Disabled }"},
		{tMeta, "Disabled", "00", "{ mode: Disabled }"},
		{tNonce, 3, "0c", "3"},
		{tU32, Raw{9, 0, 0, 0}, "09000000", "9"},
	} {
		b, err := r.EncodeValue(nil, c.id, c.x)
		if err != nil {
			t.Errorf("%s from %v: %v", r.Describe(c.id), c.x, err)
			continue
		}
		if got := hex.EncodeToString(b); got != c.hex {
			t.Errorf("%s from %v: %s, want %s", r.Describe(c.id), c.x, got, c.hex)
		}
		v, err := r.DecodeValue(c.id, b)
		if err != nil || v.String() != c.text || v.Type != c.id {
			t.Errorf("%s: reads %s (%v), want %s", r.Describe(c.id), v, err, c.text)
		}
		if again, err := r.EncodeValue(nil, c.id, v); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: %s encodes to %x (%v), want %x", r.Describe(c.id), v, again, err, b)
		}
	}
}

func TestValuesRefused(t *testing.T) {
	r := sample(15).Types
	for _, c := range []struct {
		id TypeID
		x  any
	}{
		{tU8, 256}, {tU8, -1}, {tI16, 32768}, {tI16, -32769}, {tU32, "1"}, {tBool, 1}, {tStr, 1},
		{tArray32, []byte{1}}, {tPair, Tuple(Uint(1))}, {tPair, 1}, {tRecord, Unit().With("a", Uint(1)).With("c", Bool(true))},
		{tMode, "Other"}, {tMode, 1}, {tCompact32, scale.U128{Hi: 1}}, {tCompact32, -1}, {tBits, 1}, {tList, List(Uint(1))},
		{tAddress, []byte{1, 2, 3}}, {tIndex, 1}, {tU32, struct{}{}}, {tU128, -1}, {tTypes, 1},
	} {
		if b, err := r.EncodeValue(nil, c.id, c.x); err == nil {
			t.Errorf("%s takes %v as %x", r.Describe(c.id), c.x, b)
		}
	}
	for id, h := range map[TypeID]string{tBool: "02", tChar: "00d80000", tOption: "02", tCompact32: "070000000001", tBytes: "08ff", tStr: "04ff", tMode: "05"} {
		b, _ := hex.DecodeString(h)
		if v, err := r.DecodeValue(id, b); err == nil {
			t.Errorf("%s reads %s as %s", r.Describe(id), h, v)
		}
	}
}

// A list of items that take no bytes, and a type that holds itself, must not fill memory or the stack.
func TestDecodeIsBounded(t *testing.T) {
	r := Registry{
		{Def: TypeDef{Kind: DefTuple}},
		{Def: TypeDef{Kind: DefSequence, Elem: 0}},
		{Def: TypeDef{Kind: DefArray, Elem: 0, Len: math.MaxUint32}},
		{Def: TypeDef{Kind: DefComposite, Fields: []Field{{Name: "a", Type: 3}, {Name: "b", Type: 3}}}},
		{Def: TypeDef{Kind: DefArray, Elem: 5, Len: math.MaxUint32}},
		prim(PrimU8),
	}
	for id, b := range map[TypeID][]byte{1: scale.AppendCompact(nil, 1<<30), 2: nil, 3: nil, 4: nil} {
		if _, err := r.DecodeValue(id, b); err == nil {
			t.Errorf("type %d is read", id)
		}
	}
	if _, ok := r.EmptyValue(nil, 3); ok {
		t.Error("a type that holds itself has an empty value")
	}
}

func TestStorage(t *testing.T) {
	m := sample(14)
	key, err := m.StorageKey("System", "Number")
	if err != nil || hex.EncodeToString(key) != "26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac" {
		t.Errorf("System.Number: %x %v", key, err)
	}
	alice, _ := hex.DecodeString("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
	key, err = m.StorageKey("System", "Account", alice)
	want := "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9de1e86a9a8c739864cf3cc5ec2bea59f" + hex.EncodeToString(alice)
	if err != nil || hex.EncodeToString(key) != want {
		t.Errorf("System.Account(Alice): %x %v", key, err)
	}
	if n, ok := m.NameKey(key); !ok || n.Pallet != "System" || n.Entry.Name != "Account" || len(n.Keys) != 1 || !bytes.Equal(n.Keys[0].Bytes, alice) {
		t.Errorf("name of the key: %v %v", n, ok)
	}
	key, err = m.StorageKey("System", "Pairs", 7, "x")
	if err != nil || len(key) != 32+8+4+2 {
		t.Errorf("System.Pairs: %x %v", key, err)
	}
	if n, ok := m.NameKey(key); !ok || len(n.Keys) != 2 || n.Keys[1].Text != "x" {
		t.Errorf("name of the double key: %v %v", n, ok)
	}
	if prefix, err := m.StorageKey("System", "Pairs", 7); err != nil || !bytes.HasPrefix(key, prefix) || len(prefix) != 44 {
		t.Errorf("prefix: %x %v", prefix, err)
	}
	if _, err := m.StorageKey("System", "Number", 1); !errors.Is(err, ErrValue) {
		t.Errorf("a key for a plain value: %v", err)
	}
	if _, err := m.StorageKey("System", "Nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent item: %v", err)
	}
	if v, ok, err := m.DecodeStorage("System", "Number", nil); err != nil || !ok || v.String() != "7" {
		t.Errorf("default: %v %v %v", v, ok, err)
	}
	if _, ok, err := m.DecodeStorage("System", "Account", nil); err != nil || ok {
		t.Errorf("absent: %v %v", ok, err)
	}
	if v, ok, err := m.DecodeStorage("System", "Account", []byte{1, 0, 0, 0, 1}); err != nil || !ok || v.String() != "{ a: 1, b: true }" {
		t.Errorf("account: %v %v %v", v, ok, err)
	}
	if _, _, err := m.DecodeStorage("System", "Account", []byte{1}); !errors.Is(err, scale.ErrShort) {
		t.Errorf("cut value: %v", err)
	}
}

func TestHasherSizes(t *testing.T) {
	for h := Blake2_128; h <= Identity; h++ {
		n, concat := h.size()
		if concat {
			n += 3
		}
		if got := h.Append(nil, []byte("key")); len(got) != n {
			t.Errorf("%s: %d bytes, size says %d", h, len(got), n)
		}
	}
}

func TestEventsErrorsCalls(t *testing.T) {
	m := sample(14)
	raw := scale.AppendCompact(nil, 2)
	raw = append(raw, 0, 2, 0, 0, 0, 9, 1)
	raw = append(raw, make([]byte, 32)...)
	raw = append(scale.AppendU128(raw, scale.U128{Lo: 10}), 4)
	raw = append(raw, bytes.Repeat([]byte{0xcc}, 32)...)
	raw = append(raw, 1, 9, 1)
	raw = append(raw, make([]byte, 48)...)
	raw = append(raw, 0)
	events, err := m.Events(raw)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	e := events[0]
	if e.Phase != PhaseApply || e.Extrinsic != 2 || e.Pallet != "System" || e.Name != "Sent" || len(e.Topics) != 1 {
		t.Errorf("event: %+v", e)
	}
	if got := e.String(); got != "System.Sent { to: 0x"+strings.Repeat("00", 32)+", amount: 10 }" {
		t.Error(got)
	}
	if _, err := m.Events(append(raw, 1)); err == nil {
		t.Error("events with a byte too many are read")
	}
	if name, ok := m.ErrorName(9, 4); !ok || name != "System.TooPoor" {
		t.Error(name, ok)
	}
	if _, ok := m.ErrorName(9, 5); ok {
		t.Error("an error that does not exist has a name")
	}
	call, err := m.EncodeCall("System", "transfer", make([]byte, 32), 10)
	if err != nil || hex.EncodeToString(call) != "090700"+strings.Repeat("00", 32)+"28" {
		t.Errorf("call: %x %v", call, err)
	}
	if v, err := m.DecodeCall(call); err != nil || !v.Is("System") || !v.Items[0].Is("transfer") {
		t.Error(v, err)
	}
	for _, args := range [][]any{{}, {1, 2}, {make([]byte, 32), "x"}} {
		if _, err := m.EncodeCall("System", "transfer", args...); err == nil {
			t.Errorf("accepts the arguments %v", args)
		}
	}
}

func TestEra(t *testing.T) {
	for _, c := range []struct {
		period, current uint64
		hex             string
		birth, death    uint64
	}{
		{64, 1, "1500", 1, 65},
		{64, 42, "a502", 42, 106},
		{32768, 20000, "4e9c", 20000, 52768},
		{4096, 4095, "fbff", 4095, 8191},
		{60, 42, "a502", 42, 106},
		{1 << 20, 65535, "ffff", 65520, 131056},
	} {
		e := MortalEra(c.period, c.current)
		if got := hex.EncodeToString(e.EncodeTo(nil)); got != c.hex {
			t.Errorf("era(%d, %d) = %s, want %s", c.period, c.current, got, c.hex)
		}
		if b, d := e.Birth(c.current), e.Death(c.current); b != c.birth || d != c.death {
			t.Errorf("era(%d, %d) lives %d to %d, want %d to %d", c.period, c.current, b, d, c.birth, c.death)
		}
	}
	if e := MortalEra(64, 42); e.Birth(110) != 106 || e.Birth(105) != 42 {
		t.Error("later births", e.Birth(110), e.Birth(105))
	}
	if b := (Era{}).EncodeTo(nil); !bytes.Equal(b, []byte{0}) {
		t.Errorf("immortal: %x", b)
	}
}

func TestSignedExtrinsic(t *testing.T) {
	m := sample(15)
	genesis, birth := hashing.Hash{0xaa}, hashing.Hash{0xbb}
	var signed []byte
	s := Signer{Sr25519, bytes.Repeat([]byte{1}, 32), func(msg []byte) []byte {
		signed = append([]byte(nil), msg...)
		return bytes.Repeat([]byte{2}, 64)
	}}
	call := []byte{9, 3, 4, 'x'}
	p := TxParams{Nonce: 5, Tip: scale.U128{Lo: 1}, Era: MortalEra(64, 42), Genesis: genesis, Birth: birth}
	xt, err := m.SignedExtrinsic(s, call, p)
	if err != nil {
		t.Fatal(err)
	}
	explicit := []byte{0xa5, 0x02, 5 << 2, 1 << 2, 0}
	want := append([]byte{0x84, 0}, s.Account...)
	want = append(append(append(want, 1), bytes.Repeat([]byte{2}, 64)...), explicit...)
	want = append(want, call...)
	if !bytes.Equal(xt, want) {
		t.Errorf("extrinsic\n%x, want\n%x", xt, want)
	}
	implicit := append([]byte{3, 0, 0, 0, 1, 0, 0, 0}, genesis[:]...)
	implicit = append(append(implicit, birth[:]...), 0)
	if payload := append(append(append([]byte(nil), call...), explicit...), implicit...); !bytes.Equal(signed, payload) {
		t.Errorf("payload\n%x, want\n%x", signed, payload)
	}
	x, err := m.DecodeExtrinsic(xt)
	if err != nil || x.Form != Signed || x.Pallet() != "System" || x.CallName() != "remark" || !bytes.Equal(x.CallBytes, call) || x.Extensions[5].Value.Int.Lo != 5 {
		t.Errorf("%+v %v", x, err)
	}
	// A payload of 256 bytes is signed as it is, one of 257 as its hash.
	plain := 256 - len(explicit) - len(implicit)
	for n, size := range map[int]int{plain: 256, plain + 1: 32} {
		if _, err := m.SignedExtrinsic(s, make([]byte, n), p); err != nil || len(signed) != size {
			t.Errorf("call of %d bytes: signed %d bytes (%v)", n, len(signed), err)
		}
	}
	// Immortal: the genesis hash stands for the birth.
	if _, err := m.SignedExtrinsic(s, call, TxParams{Genesis: genesis}); err != nil || !bytes.Equal(signed[len(call)+4+8:][:64], append(genesis[:], genesis[:]...)) {
		t.Errorf("immortal payload %x %v", signed, err)
	}
}

func TestUnknownExtensions(t *testing.T) {
	s := Signer{Sr25519, make([]byte, 32), func([]byte) []byte { return make([]byte, 64) }}
	for _, c := range []struct {
		def      ExtensionDefinition
		explicit string // hex; "refused" where it has to be
	}{
		{ExtensionDefinition{"Mystery", tUnit, tUnit}, ""},
		{ExtensionDefinition{"Mystery", tOption, tOptHash}, "00"},
		{ExtensionDefinition{"Mystery", tVerify, tUnit}, "00"},
		{ExtensionDefinition{"Mystery", tRecord, tUnit}, "0000000000"},
		{ExtensionDefinition{"Fees", tAsset, tUnit}, "2400"},
		{ExtensionDefinition{"Mystery", tOpaque, tUnit}, "refused"},
		{ExtensionDefinition{"Mystery", tUnit, tU32}, "refused"},
	} {
		m := sample(15)
		m.Extrinsic.Extensions = []ExtensionDefinition{c.def}
		xt, err := m.SignedExtrinsic(s, []byte{9, 3, 0}, TxParams{Tip: scale.U128{Lo: 9}})
		if c.explicit == "refused" {
			if !errors.Is(err, ErrExtension) || !strings.Contains(err.Error(), "Mystery") {
				t.Errorf("%v: %v", c.def, err)
			}
			p := TxParams{Explicit: map[string]any{"Mystery": Raw{0, 1, 0, 0, 0}}, Implicit: map[string]any{"Mystery": Raw{}}}
			if _, err := m.SignedExtrinsic(s, nil, p); err != nil {
				t.Errorf("with a given value: %v", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.def, err)
			continue
		}
		want, _ := hex.DecodeString(c.explicit)
		if !bytes.HasSuffix(xt, append(want, 9, 3, 0)) || len(xt) != 1+33+65+len(want)+3 {
			t.Errorf("%v: %x", c.def, xt)
		}
	}
}

func TestGeneralExtrinsic(t *testing.T) {
	m := sample(16)
	m.Extrinsic.Extensions = []ExtensionDefinition{{"Before", tOption, tUnit}, {"VerifyMultiSignature", tVerify, tUnit}, {"CheckNonce", tNonce, tUnit}, {"CheckSpecVersion", tUnit, tU32}}
	m.Extrinsic.Pipelines = []ExtensionPipeline{{0, []uint32{0, 2}}, {1, []uint32{0, 1, 2, 3}}}
	var signed []byte
	s := &Signer{Ed25519, bytes.Repeat([]byte{1}, 32), func(msg []byte) []byte { signed = msg; return make([]byte, 64) }}
	call := []byte{9, 3, 0}
	xt, err := m.GeneralExtrinsic(s, call, 1, TxParams{Nonce: 2})
	if err != nil {
		t.Fatal(err)
	}
	if h := hashing.Blake2b256(append([]byte{1}, append(call, 8, 3, 0, 0, 0)...)); !bytes.Equal(signed, h[:]) {
		t.Errorf("signed %x, want %x", signed, h)
	}
	x, err := m.DecodeExtrinsic(xt)
	if err != nil || x.Form != General || x.Pipeline != 1 || len(x.Extensions) != 4 || !x.Extensions[1].Value.Is("Signed") {
		t.Errorf("%+v %v", x, err)
	}
	if xt, err = m.GeneralExtrinsic(nil, call, 0, TxParams{Nonce: 2}); err != nil || hex.EncodeToString(xt) != "45000008090300" {
		t.Errorf("%x %v", xt, err)
	}
	for name, try := range map[string]func() error{
		"no signing extension": func() error { _, err := m.GeneralExtrinsic(s, call, 0, TxParams{}); return err },
		"no such pipeline":     func() error { _, err := m.GeneralExtrinsic(nil, call, 7, TxParams{}); return err },
		"metadata 15":          func() error { _, err := sample(15).GeneralExtrinsic(nil, call, 0, TxParams{}); return err },
		"unknown form":         func() error { _, err := m.DecodeExtrinsic([]byte{0x85, 0}); return err },
	} {
		if err := try(); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := BareExtrinsic(5, call); hex.EncodeToString(b) != "05090300" {
		t.Errorf("%x", b)
	}
	if _, err := m.DecodeExtrinsic([]byte{5, 9, 3, 0, 0}); err == nil {
		t.Error("accepts a byte too many")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range []uint8{14, 15, 16} {
		f.Add(sample(v).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		written := m.Encode()
		again, err := Decode(written)
		if err != nil {
			t.Fatalf("encoded again: %v", err)
		}
		if !bytes.Equal(again.Encode(), written) {
			t.Fatal("changes when it is read and written again")
		}
		for i := range m.Types {
			m.Types.EmptyValue(nil, TypeID(i))
			_ = m.Types.Describe(TypeID(i))
		}
		for i := range m.Pallets {
			for _, c := range m.Pallets[i].Constants {
				_, _ = m.Types.DecodeValue(c.Type, c.Value)
			}
		}
		_, _ = m.SignedExtrinsic(Signer{Account: make([]byte, 32), Sign: func([]byte) []byte { return nil }}, nil, TxParams{})
	})
}

// Whatever reads as a value encodes to the same bytes.
func FuzzValue(f *testing.F) {
	r := sample(15).Types
	f.Add(uint8(tList), []byte{4, 1, 0, 0, 0, 4, 'a'})
	f.Add(uint8(tBitsMsb), []byte{12, 0, 0xc0})
	f.Add(uint8(tRuntimeCall), []byte{9, 7, 1, 8})
	f.Fuzz(func(t *testing.T, id uint8, b []byte) {
		v, err := r.DecodeValue(TypeID(id), b)
		if err != nil {
			return
		}
		_ = v.String()
		again, err := r.EncodeValue(nil, TypeID(id), v)
		if err != nil {
			t.Fatalf("%s: %s: %v", r.Describe(TypeID(id)), v, err)
		}
		if k := r[id].Def.Kind; !bytes.Equal(again, b) && k != DefBitSequence {
			t.Fatalf("%s: %s from %x becomes %x", r.Describe(TypeID(id)), v, b, again)
		}
	})
}

func FuzzExtrinsicAndEvents(f *testing.F) {
	m := sample(16)
	f.Add([]byte{5, 9, 3, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = m.DecodeExtrinsic(b)
		_, _ = m.Events(b)
		m.NameKey(b)
	})
}
