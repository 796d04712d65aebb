package remote

import (
	"errors"
	"strings"
	"testing"

	"pileus/chainspec"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
	"pileus/trie"
)

// relayConfig is a configuration with something in every kind of field.
func relayConfig() primitives.HostConfiguration {
	none := uint32(7)
	return primitives.HostConfiguration{MaxCodeSize: 3 << 20, MaxHeadDataSize: 20 << 10, MaxPoVSize: 10 << 20, ValidationUpgradeDelay: 2, MinimumValidationUpgradeDelay: 5,
		NoShowSlots: 2, NDelayTranches: 25, MinimumBackingVotes: 2, MaxApprovalCoalesceCount: 1, MaxValidators: &none, NodeFeatures: primitives.BitsOf(4, 0, 3),
		ExecutorParams:  primitives.ExecutorParams{{Kind: primitives.PvfExecTimeout, Value: 2500}},
		SchedulerParams: primitives.SchedulerParams{GroupRotationFrequency: 20, ParasAvailabilityPeriod: 4, Lookahead: 5, OnDemandBaseFee: scale.U128{Lo: 10}}}
}

// relayState is that of a relay chain of ours, with two parachains.
func relayState(t *testing.T) *trie.State {
	t.Helper()
	s, _, err := relay.Genesis(relay.GenesisConfig{Config: relayConfig(), Number: 1000, Slot: 294_000_000, Validators: [][32]byte{{1}, {2}}, SessionBlocks: 600,
		Paras: []relay.ParaGenesis{{ID: 2000, Head: []byte("head"), Code: []byte("code")}, {ID: 2001, Head: []byte("head"), Code: []byte("more")}}})
	if err != nil {
		t.Fatal(err)
	}
	return trie.NewState(s.Trie(), nil)
}

func TestRelayConfiguration(t *testing.T) {
	for name, without := range map[string][]string{"proven": nil, "not proven": {"state_getReadProof"}} {
		n := serve(t, relayState(t))
		n.Without = without
		r, err := OpenRelay(t.Context(), n.WS(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := relayConfig()
		want.SchedulerParams.NumCores = 2 // one for each parachain
		if string(r.Config.EncodeTo(nil)) != string(want.EncodeTo(nil)) {
			t.Errorf("%s: %+v", name, r.Config)
		}
		if r.Verified != (without == nil) || r.Number != 4711 || r.Name != "Fake" || r.ParachainHost != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if len(r.Codes) != 2 || r.Codes[2001] != hashing.Blake2b256([]byte("more")) {
			t.Errorf("%s: codes %v", name, r.Codes)
		}
	}
}

func TestRelayConfigurationOfARealChain(t *testing.T) {
	spec, err := chainspec.Load(testdata.Shared(t, "chainspecs/versi-relay.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRelay(t.Context(), serve(t, spec.Genesis.Raw.State(trie.V0)).HTTP(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &r.Config
	if r.Layout != 12 || !r.Verified || c.MaxCodeSize != 3<<20 || c.AsyncBackingParams != (primitives.AsyncBackingParams{MaxCandidateDepth: 3, AllowedAncestryLen: 2}) || c.SchedulerParams.GroupRotationFrequency != 20 {
		t.Errorf("%+v", r)
	}
}

func TestNoRelayChain(t *testing.T) {
	with := func(pairs map[string][]byte) *trie.State {
		raw := chainspec.Raw{Top: map[string][]byte{"other": []byte("1")}}
		for k, v := range pairs {
			raw.Top[k] = v
		}
		return raw.State(trie.V1)
	}
	config := relayConfig()
	active := string(primitives.KeyActiveConfig)
	for _, c := range []struct {
		state *trie.State
		want  error
		words string
	}{
		{with(nil), ErrNotRelay, ""},
		{with(map[string][]byte{string(keyParaID): {210, 7, 0, 0}}), ErrNotRelay, "it is parachain 2002"},
		{with(map[string][]byte{active: append(config.EncodeTo(nil), 1, 2, 3), string(keyConfigVersion): {14, 0}}), ErrConfig, "storage version 14"},
		{with(map[string][]byte{active: append(config.EncodeTo(nil), 1, 2, 3)}), ErrConfig, ""},
		{with(map[string][]byte{active: {}}), ErrConfig, ""},
	} {
		_, err := OpenRelay(t.Context(), serve(t, c.state).WS(), Options{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v, not %v", err, c.want)
		}
		t.Log(err)
	}
}
