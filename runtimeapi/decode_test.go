package runtimeapi

import (
	"bytes"
	"testing"

	"pileus/scale"
)

// Results of BlockBuilder_apply_extrinsic as a runtime of frame-system 49 gave them.
func TestApplyResults(t *testing.T) {
	for _, tt := range []struct{ bytes, want string }{
		{"0000", "<nil>"},
		{"000102", "BadOrigin"},
		{"00010702", "Token.BelowMinimum"},
		{"0001030c00000000", "error 0 of pallet 12"},
		{"00010801", "Arithmetic.Overflow"},
		{"00010901", "Transactional.NoLayer"},
		{"00010d", "RootNotAllowed"},
		{"00010e07", "Trie.ExtraneousValue"},
		{"010000", "invalid transaction: Call"},
		{"010006", "invalid transaction: ExhaustsResources"},
		{"01000709", "invalid transaction: Custom(9)"},
		{"01000c", "invalid transaction: UnknownOrigin"},
		{"010100", "transaction of unknown validity: CannotLookup"},
		{"01010205", "transaction of unknown validity: Custom(5)"},
	} {
		var a ApplyResult
		if err := scale.Decode(unhex(t, tt.bytes), &a); err != nil {
			t.Errorf("%s: %v", tt.bytes, err)
			continue
		}
		got := "<nil>"
		if err := a.Err(); err != nil {
			got = err.Error()
		}
		if got != tt.want || a.Refused() != (tt.bytes[:2] == "01") {
			t.Errorf("%s: %s, refused %v, want %s", tt.bytes, got, a.Refused(), tt.want)
		}
	}
	for _, bad := range []string{"", "02", "0002", "00010f", "000107ff", "0001030c0000", "01000d", "010103", "0101020500"} {
		var a ApplyResult
		if err := scale.Decode(unhex(t, bad), &a); err == nil {
			t.Errorf("%q decoded as %+v", bad, a)
		}
	}
}

func TestValidity(t *testing.T) {
	v, err := DecodeValidity(unhex(t, "00"+"0a00000000000000"+"00"+"04080102"+"4000000000000000"+"01"))
	if err != nil || v.Priority != 10 || len(v.Provides) != 1 || v.Longevity != 64 || !v.Propagate {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := DecodeValidity(unhex(t, "010006")); err == nil || !err.(*ValidityError).IsExhausted() {
		t.Errorf("refusal: %v", err)
	}
	for _, bad := range []string{"", "02", "0100", "0000"} {
		if _, err := DecodeValidity(unhex(t, bad)); err == nil {
			t.Errorf("%q is no validity", bad)
		}
	}
}

func TestVersion(t *testing.T) {
	v := Version{SpecName: "guide", ImplName: "guide", SpecVersion: 3, APIs: []API{{APIID(Core), 5}}, TransactionVersion: 1, SystemVersion: 1}
	var got Version
	if err := scale.Decode(v.EncodeTo(nil), &got); err != nil || got.String() != "guide-3" || got.SystemVersion != 1 || got.TransactionVersion != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	// Before Core 3 the two last fields are absent.
	old := Version{SpecName: "old", APIs: []API{{APIID(Core), 2}}}
	raw := old.EncodeTo(nil)
	if err := scale.Decode(raw[:len(raw)-5], &got); err != nil || got.TransactionVersion != 1 || got.SystemVersion != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for system, want := range map[uint8][2]uint8{0: {0, 0}, 1: {1, 0}, 2: {1, 1}, 3: {1, 1}} {
		v.SystemVersion = system
		if uint8(v.StateVersion()) != want[0] || uint8(v.ExtrinsicsVersion()) != want[1] {
			t.Errorf("system version %d: layouts %d and %d", system, v.StateVersion(), v.ExtrinsicsVersion())
		}
	}
}

// Whatever decodes encodes to the same bytes again.
func FuzzResults(f *testing.F) {
	for _, s := range []string{"0000", "00010702", "0001030c00000000", "01000709", "01010205"} {
		f.Add(unhex(f, s))
	}
	f.Add((&Version{SpecName: "guide", APIs: []API{{APIID(Core), 5}}}).EncodeTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e DispatchError
		if scale.Decode(b, &e) == nil && !bytes.Equal(e.EncodeTo(nil), b) {
			t.Errorf("dispatch error %x is %x again", b, e.EncodeTo(nil))
		}
		var v ValidityError
		if scale.Decode(b, &v) == nil && !bytes.Equal(v.EncodeTo(nil), b) {
			t.Errorf("validity error %x is %x again", b, v.EncodeTo(nil))
		}
		var a ApplyResult
		if scale.Decode(b, &a) == nil {
			_ = a.Err()
		}
		var ver Version
		if scale.Decode(b, &ver) == nil && ver.SystemVersion > 0 && !bytes.Equal(ver.EncodeTo(nil), b) {
			t.Errorf("version %x is %x again", b, ver.EncodeTo(nil))
		}
		var c InherentCheck
		if scale.Decode(b, &c) == nil {
			_ = c.Err()
		}
		_, _ = DecodeValidity(b)
	})
}
