package crypto

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func hexString(b []byte) string { return "0x" + hex.EncodeToString(b) }

// checkOutcome compares an error with the crate's wording of it.
func checkOutcome(t *testing.T, name string, err error, outcome json.RawMessage) {
	t.Helper()
	kinds := map[string]error{
		"Invalid checksum":                                  ErrSS58Checksum,
		"Invalid SS58 prefix byte.":                         ErrSS58Prefix,
		"Base 58 requirement is violated":                   ErrBase58,
		"Length is bad":                                     ErrSS58Length,
		"Disallowed SS58 Address Format for this datatype.": ErrSS58Reserved,
	}
	var text string
	if err := json.Unmarshal(outcome, &text); err != nil {
		t.Fatal(err)
	}
	if kinds[text] == nil || !errors.Is(err, kinds[text]) {
		t.Errorf("%s: error %v, want %s", name, err, text)
	}
}

// TestSr25519SignsTheSameBytes pins one signature: if it changes, every simulation
// changes.
func TestSr25519SignsTheSameBytes(t *testing.T) {
	alice := NewDevKey("Alice").Pair
	sig := alice.Sign([]byte("a message"))
	if again := NewDevKey("Alice").Pair.Sign([]byte("a message")); again != sig {
		t.Fatal("the same key signs the same message with other bytes")
	}
	const want = "4489f11bf71fda2fad54ae3bdafc46206e2948c05e43f84214cc20586d9e6717ee0bb1496bd8083565d6869ae8be7eaf848530bba70068e1c6acfe291ec5db89"
	if got := hex.EncodeToString(sig[:]); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if !Sr25519Verify(sig, []byte("a message"), alice.Public()) {
		t.Error("the signature is refused")
	}
	if other := alice.Sign([]byte("another message")); [32]byte(other[:32]) == [32]byte(sig[:32]) {
		t.Error("two messages share a nonce, which gives the key away")
	}
	if other := NewDevKey("Bob").Pair.Sign([]byte("a message")); [32]byte(other[:32]) == [32]byte(sig[:32]) {
		t.Error("two keys share a nonce")
	}
}

// TestSoftDerivationIsDeterministic looks at what the public key does not show: the
// nonce of a derived key.
func TestSoftDerivationIsDeterministic(t *testing.T) {
	a, err := NewSr25519FromURI("//Alice/soft")
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSr25519FromURI("//Alice/soft")
	if err != nil {
		t.Fatal(err)
	}
	if a.secret != b.secret {
		t.Error("the same path gives two secrets")
	}
}

func TestDevKeys(t *testing.T) {
	keys := DevKeys(9)
	for i, want := range []string{"Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie", "Dev6", "Dev7", "Dev8"} {
		p, err := NewSr25519FromURI("//" + want)
		if err != nil {
			t.Fatal(err)
		}
		if keys[i].Name != want || keys[i].Pair.Public() != p.Public() {
			t.Errorf("account %d is %s", i, keys[i].Name)
		}
	}
	if len(DevKeys(-1)) != 0 {
		t.Error("a negative number of keys")
	}
}

func TestParseURI(t *testing.T) {
	hard := func(s string) Junction { return NewJunction(s, true) }
	soft := func(s string) Junction { return NewJunction(s, false) }
	for _, c := range []struct {
		in   string
		want URI
		err  error
	}{
		{"", URI{Phrase: DevPhrase}, nil},
		{"hello world/s//h///pass", URI{"hello world", []Junction{soft("s"), hard("h")}, "pass"}, nil},
		{"//a///x///y/z", URI{DevPhrase, []Junction{hard("a")}, "x///y/z"}, nil},
		{"////", URI{DevPhrase, nil, "/"}, nil},
		{"0x12//1", URI{"0x12", []Junction{hard("1")}, ""}, nil},
		{"//a\nb", URI{DevPhrase, []Junction{hard("a\nb")}, ""}, nil},
		{"/", URI{}, ErrURIFormat},
		{"//", URI{}, ErrURIFormat},
		{"//a//", URI{}, ErrURIFormat},
		{"wörter", URI{}, ErrURIFormat},
		{"///a\nb", URI{}, ErrURIFormat},
		{"//\xff", URI{}, ErrURIFormat},
		{"//" + strings.Repeat("a", MaxURILength), URI{}, ErrURIFormat},
	} {
		got, err := ParseURI(c.in)
		if !errors.Is(err, c.err) || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%.40q: %v %v, want %v %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestNewJunction(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"1", "0100000000000000"},
		{"+1", "0100000000000000"},
		{"00256", "0001000000000000"},
		{"+", "042b"},
		{"++1", "0c2b2b31"},
		{"-1", "082d31"},
		{"1_0", "0c315f30"},
		{"a", "0461"},
	} {
		want := c.want + strings.Repeat("0", 64-len(c.want))
		if j := NewJunction(c.name, true); hex.EncodeToString(j.Code[:]) != want || !j.Hard {
			t.Errorf("%q: %x, want %s", c.name, j.Code, want)
		}
	}
}

func TestPhraseRoundTrip(t *testing.T) {
	phrase, err := PhraseFromEntropy(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SeedFromPhrase(phrase, ""); err != nil {
		t.Errorf("%q: %v", phrase, err)
	}
	if _, err := PhraseFromEntropy(make([]byte, 17)); err == nil {
		t.Error("17 bytes of entropy are accepted")
	}
}

func TestEcdsaSecrets(t *testing.T) {
	if _, err := NewEcdsaFromSeed([32]byte{}); err != ErrBadSecret {
		t.Errorf("zero: %v", err)
	}
	var ones [32]byte
	for i := range ones {
		ones[i] = 0xff
	}
	if _, err := NewEcdsaFromSeed(ones); err != ErrBadSecret {
		t.Errorf("all ones: %v", err)
	}
}

// TestOneFlippedBit changes one bit of signature, message or key: nothing verifies.
func TestOneFlippedBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		seed[31] |= 1
		seed[0] &= 0x7f
		msg := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "message")
		sr, ed := NewSr25519FromSeed(seed), NewEd25519FromSeed(seed)
		ec, err := NewEcdsaFromSeed(seed)
		if err != nil {
			t.Fatal(err)
		}
		srSig, edSig, ecSig := sr.Sign(msg), ed.Sign(msg), ec.Sign(msg)
		if !Sr25519Verify(srSig, msg, sr.Public()) || !Sr25519VerifyV1(srSig, msg, sr.Public()) ||
			!Ed25519Verify(edSig, msg, ed.Public()) || !Ed25519VerifyDalek(edSig, msg, ed.Public()) ||
			!EcdsaVerify(ecSig, msg, ec.Public()) || !EcdsaVerifyV1(ecSig, msg, ec.Public()) {
			t.Fatal("a good signature is refused")
		}
		flip := func(b []byte) {
			i := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
			b[i/8] ^= 1 << (i % 8)
		}
		srPub, edPub, ecPub := sr.Public(), ed.Public(), ec.Public()
		switch rapid.IntRange(0, 2).Draw(t, "part") {
		case 0:
			flip(srSig[:])
			flip(edSig[:])
			flip(ecSig[:])
		case 1:
			flip(msg)
		case 2:
			flip(srPub[:])
			flip(edPub[:])
			flip(ecPub[:])
		}
		if Sr25519Verify(srSig, msg, srPub) || Sr25519VerifyV1(srSig, msg, srPub) ||
			Ed25519Verify(edSig, msg, edPub) || EcdsaVerify(ecSig, msg, ecPub) {
			t.Fatal("a changed signature verifies")
		}
	})
}

func TestSS58RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.Uint16Range(0, 1<<14-1).Filter(func(p uint16) bool { return p != 46 && p != 47 }).Draw(t, "prefix")
		account := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "account"))
		p, a, err := SS58Decode(SS58Encode(prefix, account))
		if err != nil || p != prefix || a != account {
			t.Fatalf("%d %x: back as %d %x %v", prefix, account, p, a, err)
		}
	})
}

func TestSS58TooLong(t *testing.T) {
	if _, _, err := SS58Decode(strings.Repeat("1", 1<<20)); !errors.Is(err, ErrSS58Length) {
		t.Errorf("a megabyte of ones: %v", err)
	}
}

func FuzzSS58Decode(f *testing.F) {
	f.Add("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	f.Add("VdvKmYJfD4VXA9fzz1SbmCo2eYHSzUFbaDCZSuaNKJAe8YNg6")
	f.Add("")
	f.Add("1111111111111111111111111111111111")
	f.Fuzz(func(t *testing.T, s string) {
		prefix, account, err := SS58Decode(s)
		if err != nil {
			return
		}
		// A prefix below 64 may be written in two bytes, which the crate accepts too.
		p, a, err := SS58Decode(SS58Encode(prefix, account))
		if err != nil || p != prefix || a != account {
			t.Fatalf("%q: %d %x, encoded and back %d %x %v", s, prefix, account, p, a, err)
		}
	})
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"", "//Alice", "/a//b///c", "0x00", "///", "//", "ä", DevPhrase + "//1/2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			if !errors.Is(err, ErrURIFormat) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if len(u.Junctions) > len(s)/2 {
			t.Fatalf("%q: %d junctions", s, len(u.Junctions))
		}
		if strings.HasPrefix(u.Phrase, "0x") || u.Phrase == DevPhrase && u.Password == "" {
			if seed, err := u.Seed(); err != nil && err != ErrSeed {
				t.Fatalf("%q: %x %v", s, seed, err)
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(make([]byte, 65), make([]byte, 33), []byte("message"))
	f.Fuzz(func(t *testing.T, sig, public, msg []byte) {
		var s [65]byte
		var p [33]byte
		copy(s[:], sig)
		copy(p[:], public)
		s64, p32 := [64]byte(s[:64]), [32]byte(p[:32])
		if Sr25519Verify(s64, msg, p32) && !Sr25519VerifyV1(s64, msg, p32) {
			t.Fatal("version 1 of sr25519 refuses what version 2 accepts")
		}
		if Ed25519VerifyDalek(s64, msg, p32) && !Ed25519Verify(s64, msg, p32) {
			t.Fatal("ZIP 215 refuses what dalek accepts")
		}
		if EcdsaVerify(s, msg, p) && !EcdsaVerifyV1(s, msg, p) {
			t.Fatal("version 1 of ecdsa refuses what version 2 accepts")
		}
	})
}

func BenchmarkSr25519(b *testing.B) {
	p, msg := NewDevKey("Alice").Pair, make([]byte, 100)
	sig, public := p.Sign(msg), p.Public()
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			p.Sign(msg)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			Sr25519Verify(sig, msg, public)
		}
	})
}

func BenchmarkEd25519(b *testing.B) {
	p, msg := NewEd25519FromSeed([32]byte{1}), make([]byte, 100)
	sig, public := p.Sign(msg), p.Public()
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			p.Sign(msg)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			Ed25519Verify(sig, msg, public)
		}
	})
}

func BenchmarkEcdsa(b *testing.B) {
	p, err := NewEcdsaFromSeed([32]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 100)
	sig, public := p.Sign(msg), p.Public()
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			p.Sign(msg)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			EcdsaVerify(sig, msg, public)
		}
	})
}

func BenchmarkDevKey(b *testing.B) {
	for b.Loop() {
		NewDevKey("Alice")
	}
}
