package frame

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pileus/crypto"
	"pileus/frame/host"
	"pileus/metadata"
	"pileus/scale"
)

func bigOf(v Balance) *big.Int {
	n := new(big.Int).SetUint64(v.Hi)
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(v.Lo))
}

func TestArithmeticAgainstBig(t *testing.T) {
	most := bigOf(MaxBalance)
	capped := func(n *big.Int) *big.Int {
		if n.Cmp(most) > 0 {
			return most
		}
		return n
	}
	draw := func(t *rapid.T, name string) Balance {
		b := Balance{Lo: rapid.Uint64().Draw(t, name), Hi: rapid.Uint64().Draw(t, name)}
		if rapid.Bool().Draw(t, "small") {
			b.Hi = 0
		}
		return b
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := draw(t, "a"), draw(t, "b"), draw(t, "c")
		x, y, z := bigOf(a), bigOf(b), bigOf(c)
		if got, want := bigOf(Mul(a, b)), capped(new(big.Int).Mul(x, y)); got.Cmp(want) != 0 {
			t.Fatalf("%v * %v = %v", x, y, got)
		}
		if got, want := bigOf(Add(a, b)), capped(new(big.Int).Add(x, y)); got.Cmp(want) != 0 {
			t.Fatalf("%v + %v = %v", x, y, got)
		}
		if want := new(big.Int).Sub(x, y); want.Sign() >= 0 && bigOf(Sub(a, b)).Cmp(want) != 0 || want.Sign() < 0 && !IsZero(Sub(a, b)) {
			t.Fatalf("%v - %v = %v", x, y, Sub(a, b))
		}
		want := most
		if z.Sign() != 0 {
			want = capped(new(big.Int).Div(new(big.Int).Mul(x, y), z))
		}
		if got := bigOf(MulDiv(a, b, c)); got.Cmp(want) != 0 {
			t.Fatalf("%v * %v / %v = %v, want %v", x, y, z, got, want)
		}
	})
}

func TestEra(t *testing.T) {
	for _, tc := range []struct {
		encoded       string
		period, phase uint64
	}{{"00", 0, 0}, {"1500", 64, 1}, {"a502", 64, 42}, {"4e9c", 32768, 20000}, {"fbff", 4096, 4095}} {
		b, _ := hex.DecodeString(tc.encoded)
		var e Era
		if err := scale.Decode(b, &e); err != nil || e != (Era{tc.period, tc.phase}) {
			t.Errorf("%s is %+v, %v", tc.encoded, e, err)
		}
		if got := e.EncodeTo(nil); !bytes.Equal(got, b) {
			t.Errorf("%+v is %x", e, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<20).Draw(t, "block")
		m := metadata.MortalEra(rapid.Uint64Range(4, 1<<16).Draw(t, "period"), n)
		e := Era{m.Period, m.Phase}
		if e.Birth(n) != m.Birth(n) || e.Death(n) != m.Death(n) || !bytes.Equal(e.EncodeTo(nil), m.EncodeTo(nil)) {
			t.Fatalf("%+v and %+v differ at %d", e, m, n)
		}
	})
}

func TestParseAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a [32]byte
		copy(a[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "account"))
		s := crypto.SS58Encode(rapid.SampledFrom([]uint16{0, 2, 42, 63, 64, 255, 10041}).Draw(t, "prefix"), a)
		if got, err := ParseAccount(s); err != nil || got != AccountID(a) {
			t.Fatalf("%s is %v, %v", s, got, err)
		}
		if got, err := ParseAccount("0x" + hex.EncodeToString(a[:])); err != nil || got != AccountID(a) {
			t.Fatalf("hex: %v, %v", got, err)
		}
		changed := []byte(s)
		changed[rapid.IntRange(0, len(s)-1).Draw(t, "at")] = base58[rapid.IntRange(0, 57).Draw(t, "digit")]
		if got, err := ParseAccount(string(changed)); err == nil && string(changed) != s && got == AccountID(a) {
			t.Fatalf("%s is the same account as %s", changed, s)
		}
	})
	for _, s := range []string{"", "0x", "0x12", "5Grw", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ", strings.Repeat("z", 56), "lIO0"} {
		if a, err := ParseAccount(s); err == nil {
			t.Errorf("%q is %v", s, a)
		}
	}
}

func TestGenesisErrorsNameThePath(t *testing.T) {
	r, _ := sampleRuntime()
	for config, words := range map[string]string{
		``:                          "expected a value",
		`{`:                         "expected a field",
		`{}`:                        "missing field `system`",
		`{"system":{},"x":1}`:       "unknown field `x`",
		`{"system":{}} 1`:           "trailing characters",
		`[]`:                        "expected an object",
		`{"system":{},"system":{}}`: "duplicate field `system`",
		strings.Repeat("[", 1000):   "nested too deeply",
	} {
		var out []byte
		host.Run(host.Empty(), func() { out = r.BuildState([]byte(config)) })
		if out[0] != 1 || !strings.Contains(string(out), words) {
			t.Errorf("%s: %q", config, out)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b\u00e4",null,true,{"c":-1.5e3}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseJSON(b); err == nil && c.kind == 0 {
			t.Fatal("a value without kind")
		}
	})
}

func FuzzExtrinsic(f *testing.F) {
	r, _ := sampleRuntime()
	f.Add(BareBytes([]byte{5, 0, 1, 0, 0, 0}))
	f.Add(append([]byte{0x95, 0x01, 0x84}, make([]byte, 101)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := r.DecodeExtrinsic(b)
		if err == nil && (x.Call == nil || x.Form != BareExtrinsic && len(x.Steps) != len(r.Extensions)) {
			t.Fatalf("%x decodes to half an extrinsic", b)
		}
	})
}

// TestMetadataDecodes: the metadata of any runtime is well-formed, and comes back.
func TestMetadataDecodes(t *testing.T) {
	r, _ := sampleRuntime()
	host.Run(host.Empty(), func() {
		for _, version := range []uint8{14, 15} {
			b := r.Metadata(version).Encode()
			m, err := metadata.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Encode(), b) {
				t.Errorf("metadata %d does not come back", version)
			}
			call, err := m.EncodeCall("Sample", "set", 7)
			if err != nil || !bytes.Equal(call, []byte{5, 0, 7, 0, 0, 0}) {
				t.Errorf("call %x, %v", call, err)
			}
			if name, ok := m.ErrorName(5, 3); !ok || name != "Sample.Full" {
				t.Errorf("error %q", name)
			}
			key, err := m.StorageKey("Sample", "Double", 1, make([]byte, 32))
			if err != nil || !bytes.Equal(key, r.Pallet("Sample").(*sample).Double.Key(1, AccountID{})) {
				t.Errorf("key %x, %v", key, err)
			}
		}
	})
}

// TestBlockLimits: a block takes transactions until its class is full, and no more.
func TestBlockLimits(t *testing.T) {
	limits := DefaultBlockWeights(Weight{2 * WeightRefTimePerSecond, 10 << 20})
	want, _ := hex.DecodeString("c2a0e766000b00204aa9d101020080022261c91900010bb8570ef045010200c001010b0098f73e5d010200e0010100002261c91900010bb8df605aba0102006002010b00204aa9d1010200800201070088526a740200a0002261c91900000000")
	if got := limits.EncodeTo(nil); !bytes.Equal(got, want) {
		t.Errorf("limits are\n%x, want\n%x", got, want)
	}
	r, _ := sampleRuntime()
	s := r.System
	host.Run(host.Empty(), func() {
		tx := &Tx{Len: 100, Info: DispatchInfo{CallWeight: Weight{RefTime: WeightRefTimePerSecond / 10}}}
		n := 0
		for ; s.validateWeight(tx) == nil && s.prepareWeight(tx) == nil; n++ {
		}
		if n != 14 { // 1.5 s of normal extrinsics, each 0.1 s and the base
			t.Errorf("%d extrinsics fit", n)
		}
		if used := s.BlockWeight.Get()[Normal]; used.Exceeds(*s.BlockWeights.PerClass[Normal].MaxTotal) {
			t.Errorf("used %v", used)
		}
		tx.Info.Class = Operational
		if s.prepareWeight(tx) != nil {
			t.Error("no room for an operational extrinsic")
		}
	})
}
