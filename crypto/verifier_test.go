package crypto

import (
	"encoding/binary"
	"sync"
	"testing"
)

// A verifier says what a check says, the first time and ever after, of whatever differs in
// one byte, and keeps no more than it may.
func TestVerifier(t *testing.T) {
	pair := NewSr25519FromSeed([32]byte{1})
	msg, public := []byte("a message of some length"), pair.Public()
	sig := pair.Sign(msg)
	v := NewVerifier()
	for range 2 {
		if !v.Sr25519Verify(sig, msg, public) {
			t.Fatal("a good signature")
		}
		for i := range sig {
			bad := sig
			bad[i] ^= 1
			if v.Sr25519Verify(bad, msg, public) {
				t.Errorf("byte %d of the signature", i)
			}
		}
		for i := range msg {
			bad := append([]byte{}, msg...)
			bad[i] ^= 1
			if v.Sr25519Verify(sig, bad, public) {
				t.Errorf("byte %d of the message", i)
			}
		}
		for i := range public {
			bad := public
			bad[i] ^= 1
			if v.Sr25519Verify(sig, msg, bad) {
				t.Errorf("byte %d of the key", i)
			}
		}
		if v.Sr25519Verify(sig, msg[:len(msg)-1], public) || v.Sr25519Verify(sig, append(msg, 0), public) {
			t.Error("another length")
		}
	}
	if !(*Verifier)(nil).Sr25519Verify(sig, msg, public) {
		t.Error("without a memory")
	}
	for i := range 2*keepKeys + 1 {
		v.Sr25519Verify(sig, msg, NewSr25519FromSeed([32]byte{1, byte(i), byte(i >> 8)}).Public())
	}
	if n := len(v.keys); n > keepKeys || !v.Sr25519Verify(sig, msg, public) {
		t.Errorf("%d keys are kept", n)
	}

	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var other [64]byte // not marked: refused at once
			for i := range 3 * keepVerified {
				binary.LittleEndian.PutUint32(other[:], uint32(i*4+w))
				if v.Sr25519Verify(other, msg, public) {
					t.Error("a signature of nothing")
				}
			}
		})
	}
	wg.Wait()
	if len(v.results) > keepVerified || len(v.older) > keepVerified {
		t.Errorf("%d and %d results are kept", len(v.results), len(v.older))
	}
	if !v.Sr25519Verify(sig, msg, public) {
		t.Error("a good signature, forgotten")
	}
}
