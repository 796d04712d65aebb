package parachainsystem

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"pileus/crypto"
	"pileus/frame"
	"pileus/frame/host"
	"pileus/frame/pallet/parachaininfo"
	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/scale"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		return err
	}
	var err error
	*h, err = hex.DecodeString(strings.TrimPrefix(*s, "0x"))
	if *h == nil {
		*h = hexBytes{}
	}
	return err
}

func vectors[T any](t *testing.T, name string) (v T) {
	t.Helper()
	b, err := os.ReadFile(testdata.Shared(t, "vectors/parachain.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[name], &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// pallet is one in a runtime of its own.
func pallet() *Pallet {
	info := parachaininfo.New()
	p := New(Config{SelfParaID: info.SelfParaID, ConsensusHook: ExpectParentIncluded{}, CheckAssociatedRelayNumber: AnyRelayNumber})
	system := frame.NewSystem(frame.SystemConfig{BlockWeights: frame.DefaultBlockWeights(frame.Weight{RefTime: 2e12, ProofSize: 10 << 20})})
	frame.NewRuntime(frame.RuntimeConfig{Crate: "test", Pallets: []frame.PalletEntry{{Index: 0, Name: "System", Pallet: system}, {Index: 1, Name: "ParachainSystem", Pallet: p}, {Index: 2, Name: "ParachainInfo", Pallet: info}}})
	return p
}

func TestProcessedVectors(t *testing.T) {
	v := vectors[struct {
		Messages [][2]uint32 `json:"messages_sent_at_and_length"`
		Cases    []struct {
			Last struct {
				SentAt  uint32 `json:"sent_at"`
				Reverse uint32 `json:"reverse_idx"`
			} `json:"last_processed"`
			Left []uint32
		}
	}](t, "drop_processed_messages")
	for _, c := range v.Cases {
		n := processed(len(v.Messages), func(i int) uint32 { return v.Messages[i][0] }, MessageID{c.Last.SentAt, c.Last.Reverse})
		if len(v.Messages)-n != len(c.Left) {
			t.Errorf("%+v: %d left, want %v", c.Last, len(v.Messages)-n, c.Left)
		}
	}
}

func TestInherentVectors(t *testing.T) {
	v := vectors[struct {
		Cases []struct {
			Name   string
			V0     hexBytes `json:"sysi1337_value"`
			V1     hexBytes `json:"sysi1338_value"`
			First  hexBytes `json:"call_first_argument"`
			Second []struct {
				Budget uint64   `json:"budget_per_queue"`
				Bytes  hexBytes `json:"second_argument"`
			} `json:"call_second_argument_by_budget"`
		}
	}](t, "parachain_inherent")
	p := pallet()
	for _, c := range v.Cases {
		data, err := decodeInherentData(c.V1, false)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if _, err := decodeInherentData(c.V0, true); err != nil {
			t.Errorf("%s: the old form: %v", c.Name, err)
		}
		basic := BasicData{data.ValidationData, data.RelayChainState, data.Descendants, data.CollatorPeer}
		if got := basic.EncodeTo(nil); string(got) != string(c.First) {
			t.Errorf("%s: first argument %x, want %x", c.Name, got, c.First)
		}
		var back BasicData
		if err := scale.Decode(c.First, &back); err != nil {
			t.Errorf("%s: first argument: %v", c.Name, err)
		}
		for _, second := range c.Second {
			host.Run(host.Empty(), func() {
				data, _ := decodeInherentData(c.V1, false)
				if got := p.selectMessages(&data, second.Budget).EncodeTo(nil); string(got) != string(second.Bytes) {
					t.Errorf("%s, budget %d: %x, want %x", c.Name, second.Budget, got, second.Bytes)
				}
			})
			var m InboundMessages
			if err := scale.Decode(second.Bytes, &m); err != nil || string(m.EncodeTo(nil)) != string(second.Bytes) {
				t.Errorf("%s: second argument does not come back: %v", c.Name, err)
			}
		}
	}
}

func TestRelayStateVectors(t *testing.T) {
	v := vectors[[]struct {
		Name     string
		Settings struct {
			Para primitives.ParaID `json:"para_id"`
		}
		Root  hexBytes
		Nodes []hexBytes
		Reads struct {
			Slot      uint64
			Included  *string  `json:"included_para_head"`
			Messaging hexBytes `json:"messaging_state_bytes"`
		}
	}](t, "relay_state_proofs")
	for _, c := range v {
		var nodes [][]byte
		for _, n := range c.Nodes {
			nodes = append(nodes, n)
		}
		proof, err := NewRelayStateProof(c.Settings.Para, hashing.Hash(c.Root), nodes)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if slot, err := proof.CurrentSlot(); err != nil || slot != c.Reads.Slot {
			t.Errorf("%s: slot %d, %v", c.Name, slot, err)
		}
		head, err := proof.IncludedParaHead()
		if want := *c.Reads.Included; strings.HasPrefix(want, "error") != (err != nil) || err == nil && "0x"+hex.EncodeToString(head) != want {
			t.Errorf("%s: head %x, %v, want %s", c.Name, head, err, want)
		}
		config, err := proof.HostConfiguration()
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		messaging, err := proof.MessagingState(&config)
		if err != nil || string(messaging.EncodeTo(nil)) != string(c.Reads.Messaging) {
			t.Errorf("%s: messaging state %x, %v, want %x", c.Name, messaging.EncodeTo(nil), err, c.Reads.Messaging)
		}
	}
	if _, err := NewRelayStateProof(1, hashing.Hash{1}, [][]byte{v[0].Nodes[0]}); err == nil {
		t.Error("a root that is not in the proof")
	}
}

func TestDescendantVectors(t *testing.T) {
	previous := host.SetNative(host.Native{Sr25519Verify: func(sig *[64]byte, msg []byte, public *[32]byte) bool {
		return crypto.Sr25519Verify(*sig, msg, *public)
	}})
	defer host.SetNative(previous)
	v := vectors[struct {
		Root        hexBytes `json:"state_root"`
		Authorities []hexBytes
		Headers     []struct{ Bytes hexBytes }
	}](t, "relay_parent_descendants")
	var headers []primitives.Header
	for _, h := range v.Headers {
		var header primitives.Header
		if err := scale.Decode(h.Bytes, &header); err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header)
	}
	keys := scale.AppendCompact(nil, uint64(len(v.Authorities)))
	for _, a := range v.Authorities {
		keys = scale.AppendU64(append(keys, a...), 1)
	}
	proof := relayState(map[string][]byte{string(primitives.KeyAuthorities): keys, string(primitives.KeyNextAuthorities): keys})
	root, n := hashing.Hash(v.Root), uint32(len(headers)-1)
	if err := verifyDescendants(proof, headers, root, n); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]func(h []primitives.Header) []primitives.Header{
		"one too few":   func(h []primitives.Header) []primitives.Header { return h[:len(h)-1] },
		"no chain":      func(h []primitives.Header) []primitives.Header { h[1].ParentHash[0]++; return h },
		"another state": func(h []primitives.Header) []primitives.Header { h[0].StateRoot[0]++; return h },
		"no seal": func(h []primitives.Header) []primitives.Header {
			h[len(h)-1].Digest = h[len(h)-1].Digest[:1]
			return h
		},
		"another seal": func(h []primitives.Header) []primitives.Header {
			last := &h[len(h)-1]
			data := append([]byte(nil), last.Digest[1].Data...)
			data[7] ^= 1
			last.Digest = primitives.Digest{last.Digest[0], {Kind: primitives.DigestSeal, Engine: primitives.EngineBabe, Data: data}}
			return h
		},
	} {
		if err := verifyDescendants(proof, broken(append([]primitives.Header(nil), headers...)), root, n); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
