package check

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pileus/chainspec"
	"pileus/internal/testdata"
	"pileus/internal/variant"
	"pileus/parachain"
)

// What is no sound parachain is said in a sentence or a row.
func TestBadInput(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(testdata.Shared(t, "runtimes/phase3.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	raw := decompress(t, whole)
	for name, code := range map[string][]byte{
		"empty":                 {},
		"text":                  []byte("not wasm at all"),
		"magic alone":           raw[:8],
		"truncated, compressed": whole[:len(whole)/2],
		"truncated":             raw[:len(raw)/2],
		"bomb":                  append(bytes.Clone(whole[:8]), 0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := Run(context.Background(), parachain.RuntimeSpec(name, code, "development"), options()); err == nil {
				t.Errorf("judged: %s", r.Verdict)
			} else {
				t.Log(err)
			}
		})
	}
	t.Run("relay chain", func(t *testing.T) {
		_, err := Run(context.Background(), chainSpec(t, "versi-relay"), options())
		if !errors.Is(err, ErrRelayChain) {
			t.Error(err)
		}
	})
	t.Run("no such preset", func(t *testing.T) {
		o := options()
		o.Preset = "nonsense"
		_, err := Run(context.Background(), parachain.RuntimeSpec("phase3", whole, "nonsense"), o)
		if err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Error(err)
		}
	})
	t.Run("without presets", func(t *testing.T) {
		// A runtime that has none is judged on a state with nothing but what a block needs.
		spec := chainSpec(t, "mythos")
		r, err := Run(context.Background(), parachain.RuntimeSpec("mythos", spec.Code(), "development"), options())
		if err != nil {
			t.Fatal(err)
		}
		if r.Profile != Phase1 || failing(r) != "" || len(r.Notes) == 0 {
			t.Errorf("%s: %s; %q", r.Profile, failing(r), r.Notes)
		}
	})
}

// A runtime that does not come to an end, and one without Aura.
func TestUnknownIsSaid(t *testing.T) {
	t.Parallel()
	t.Run("endless loop", func(t *testing.T) {
		o := options()
		o.Patience = 3 * time.Second
		r := expect(t, parachain.RuntimeSpec("variant", variant.Code(t, "block=loop"), "development"), o, "x.build error")
		if r.Row("p3.2").Verdict != NotKnown || !strings.Contains(r.Verdict, "stopped after 3s") {
			t.Error(r.Verdict)
		}
	})
	t.Run("nimbus", func(t *testing.T) {
		code, err := os.ReadFile(testdata.Shared(t, "runtimes/phase3.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(context.Background(), &chainspec.Spec{Genesis: parachain.RuntimeSpec("nimbus", nimbus(t, code), "development").Genesis}, options())
		if err != nil {
			t.Fatal(err)
		}
		if r.Row("p1.6").Verdict != NotKnown || r.Row("p3.2").Verdict != NotKnown || r.Unjudged == "" || failing(r) != "" {
			t.Errorf("%s; %s", r.Verdict, failing(r))
		}
	})
}

// nimbus is a runtime that says of itself that it has NimbusApi in the place of AuraApi.
func nimbus(t *testing.T, code []byte) []byte {
	t.Helper()
	aura := []byte{0xdd, 0x71, 0x8d, 0x5c, 0xc5, 0x32, 0x62, 0xd4} // blake2b-64 of AuraApi
	other := []byte{0x2a, 0xa6, 0x2f, 0xd5, 0x00, 0x00, 0x00, 0x01}
	return parachain.CompressPoV(bytes.ReplaceAll(decompress(t, code), aura, other))
}
