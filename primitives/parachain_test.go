package primitives

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"pileus/internal/testdata"
	"pileus/scale"
)

func TestWellKnownKeyVectors(t *testing.T) {
	var v struct {
		Keys map[string]json.RawMessage `json:"well_known_keys"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	text := func(raw json.RawMessage) testdata.Hex {
		var h testdata.Hex
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, got := range map[string][]byte{
		"CURRENT_SLOT": KeyCurrentSlot, "EPOCH_INDEX": KeyEpochIndex, "CURRENT_BLOCK_RANDOMNESS": KeyBlockRandomness,
		"ONE_EPOCH_AGO_RANDOMNESS": KeyOneEpochAgo, "TWO_EPOCHS_AGO_RANDOMNESS": KeyTwoEpochsAgo,
		"AUTHORITIES": KeyAuthorities, "NEXT_AUTHORITIES": KeyNextAuthorities, "ACTIVE_CONFIG": KeyActiveConfig,
	} {
		sameBytes(t, name, got, text(v.Keys[name]))
	}
	var paras []map[string]json.RawMessage
	if err := json.Unmarshal(v.Keys["per_para"], &paras); err != nil {
		t.Fatal(err)
	}
	for _, p := range paras {
		var id ParaID
		if err := json.Unmarshal(p["para_id"], &id); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string][]byte{
			"para_head": KeyParaHead(id), "dmq_mqc_head": KeyDmqMqcHead(id), "relay_dispatch_queue_size": KeyDispatchQueueSize(id),
			"relay_dispatch_queue_remaining_capacity": KeyDispatchQueueRemaining(id), "hrmp_ingress_channel_index": KeyHrmpIngress(id),
			"hrmp_egress_channel_index": KeyHrmpEgress(id), "hrmp_channel_to_3000": KeyHrmpChannel(ChannelID{id, 3000}),
			"upgrade_go_ahead_signal": KeyUpgradeGoAhead(id), "upgrade_restriction_signal": KeyUpgradeRestriction(id),
		} {
			sameBytes(t, name, got, text(p[name]))
		}
	}
}

// The prefixes as parachains know them, written out: pallet and item hashed by twox128.
func TestRelayKeyPrefixes(t *testing.T) {
	const id = ParaID(1000)
	twox := "b6ff6f7d467b87a9e8030000" // Twox64Concat of 1000
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"CurrentSlot":                {KeyCurrentSlot, "1cb6f36e027abb2091cfb5110ab5087f06155b3cd9a8c9e5e9a23fd5dc13a5ed"},
		"EpochIndex":                 {KeyEpochIndex, "1cb6f36e027abb2091cfb5110ab5087f38316cbf8fa0da822a20ac1c55bf1be3"},
		"AuthorVrfRandomness":        {KeyBlockRandomness, "1cb6f36e027abb2091cfb5110ab5087fd077dfdb8adb10f78f10a5df8742c545"},
		"NextRandomness":             {KeyOneEpochAgo, "1cb6f36e027abb2091cfb5110ab5087f7ce678799d3eff024253b90e84927cc6"},
		"Randomness":                 {KeyTwoEpochsAgo, "1cb6f36e027abb2091cfb5110ab5087f7a414cb008e0e61e46722aa60abdd672"},
		"Authorities":                {KeyAuthorities, "1cb6f36e027abb2091cfb5110ab5087f5e0621c4869aa60c02be9adcc98a0d1d"},
		"NextAuthorities":            {KeyNextAuthorities, "1cb6f36e027abb2091cfb5110ab5087faacf00b9b41fda7a9268821c2a2b3e4c"},
		"ActiveConfig":               {KeyActiveConfig, "06de3d8a54d27e44a9d5ce189618f22db4b49d95320d9021994c850f25b8e385"},
		"Heads":                      {KeyParaHead(id), "cd710b30bd2eab0352ddcc26417aa1941b3c252fcb29d88eff4f3de5de4476c3" + twox},
		"UpgradeGoAheadSignal":       {KeyUpgradeGoAhead(id), "cd710b30bd2eab0352ddcc26417aa1949e94c040f5e73d9b7addd6cb603d15d3" + twox},
		"UpgradeRestrictionSignal":   {KeyUpgradeRestriction(id), "cd710b30bd2eab0352ddcc26417aa194f27bbb460270642b5bcaf032ea04d56a" + twox},
		"DownwardMessageQueueHeads":  {KeyDmqMqcHead(id), "63f78c98723ddc9073523ef3beefda0c4d7fefc408aac59dbfe80a72ac8e3ce5" + twox},
		"RelayDispatchQueueSize":     {KeyDispatchQueueSize(id), "f5207f03cfdce586301014700e2c2593fad157e461d71fd4c1f936839a5f1f3e" + twox},
		"remaining dispatch queue":   {KeyDispatchQueueRemaining(id), hex.EncodeToString([]byte(":relay_dispatch_queue_remaining_capacity")) + "e8030000"},
		"HrmpIngressChannelsIndex":   {KeyHrmpIngress(id), "6a0da05ca59913bc38a8630590f2627c1d3719f5b0b12c7105c073c507445948" + twox},
		"HrmpEgressChannelsIndex":    {KeyHrmpEgress(id), "6a0da05ca59913bc38a8630590f2627cf12b746dcf32e843354583c9702cc020" + twox},
		"HrmpChannels, its prefix":   {KeyHrmpChannel(ChannelID{id, 3000})[:32], "6a0da05ca59913bc38a8630590f2627cb6604cff828a6e3f579ca6c59ace013d"},
		"HrmpChannels, the id of it": {KeyHrmpChannel(ChannelID{id, 3000})[40:], "e8030000b80b0000"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMessageChainVectors(t *testing.T) {
	var v struct {
		Chains []struct {
			Name  string
			Start hexHash
			Steps []struct {
				SentAt  uint32 `json:"sent_at"`
				Msg     testdata.Hex
				Message testdata.Hex `json:"message_bytes"`
				Head    hexHash
			}
		} `json:"message_queue_chains"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	for _, c := range v.Chains {
		head := Hash(c.Start)
		for _, s := range c.Steps {
			m := InboundMessage{s.SentAt, s.Msg}
			sameBytes(t, c.Name, m.EncodeTo(nil), s.Message)
			head = ChainMessage(head, m)
			sameHash(t, c.Name, head, s.Head)
		}
	}
}

func TestParachainDigestVectors(t *testing.T) {
	var v struct {
		Digests []struct {
			Bytes       testdata.Hex `json:"digest_bytes"`
			Core        *[3]uint16   `json:"core_info"`
			RPSR        *[2]any      `json:"rpsr"`
			Bundle      *[2]any      `json:"bundle_info"`
			UseFullCore bool         `json:"use_full_core"`
		}
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	for i, c := range v.Digests {
		var g Digest
		roundTrip(t, "digest", c.Bytes, &g)
		item, ok := g.Cumulus(CumulusCoreInfo)
		optional(t, "core info", [3]uint16{uint16(item.Core.Selector), uint16(item.Core.ClaimQueueOffset), item.Core.NumberOfCores}, ok, c.Core)
		item, ok = g.Cumulus(CumulusBundleInfo)
		if ok != (c.Bundle != nil) || ok && (float64(item.Bundle.Index) != c.Bundle[0] || item.Bundle.IsLast != c.Bundle[1]) {
			t.Errorf("digest %d: bundle %v, want %v", i, item.Bundle, c.Bundle)
		}
		if _, ok = g.Cumulus(CumulusUseFullCore); ok != c.UseFullCore {
			t.Errorf("digest %d: use full core %v, want %v", i, ok, c.UseFullCore)
		}
		r, ok := g.RelayStorageRoot()
		if ok != (c.RPSR != nil) || ok && (r.Root.String() != c.RPSR[0] || float64(r.Number) != c.RPSR[1]) {
			t.Errorf("digest %d: storage root %v, want %v", i, r, c.RPSR)
		}
	}
}

func TestDescendantsAndInherentVectors(t *testing.T) {
	var v struct {
		Descendants struct {
			Headers []struct {
				Bytes   testdata.Hex
				Hash    hexHash
				PreSeal hexHash `json:"pre_seal_hash"`
			}
			Vec testdata.Hex `json:"vec_bytes"`
		} `json:"relay_parent_descendants"`
		Inherent struct {
			Cases []struct {
				Name        string
				ParentHead  testdata.Hex         `json:"parent_head"`
				Number      uint32               `json:"relay_parent_number"`
				Root        hexHash              `json:"relay_parent_storage_root"`
				MaxPoV      uint32               `json:"max_pov_size"`
				Proof       []testdata.Hex       `json:"proof_nodes"`
				Down        [][2]json.RawMessage `json:"downward"`
				Horizontal  [][2]json.RawMessage
				Descendants []hexHash     `json:"relay_parent_descendants"`
				Peer        *testdata.Hex `json:"collator_peer_id"`
				V0          testdata.Hex  `json:"sysi1337_value"`
				V1          testdata.Hex  `json:"sysi1338_value"`
				Timestamp   uint64        `json:"timestamp_ms"`
				All         testdata.Hex  `json:"inherent_data_bytes"`
			}
		} `json:"parachain_inherent"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	var headers []Header
	for _, c := range v.Descendants.Headers {
		var h Header
		roundTrip(t, "descendant", c.Bytes, &h)
		sameHash(t, "descendant", h.Hash(), c.Hash)
		bare, _, _ := h.WithoutSeal()
		sameHash(t, "descendant before its seal", bare.Hash(), c.PreSeal)
		headers = append(headers, h)
	}
	messages := func(list [][2]json.RawMessage) (out []InboundMessage) {
		for _, p := range list {
			var m InboundMessage
			var data testdata.Hex
			if json.Unmarshal(p[0], &m.SentAt) != nil || json.Unmarshal(p[1], &data) != nil {
				t.Fatal("message of the vectors does not read")
			}
			m.Data = data
			out = append(out, m)
		}
		return out
	}
	for _, c := range v.Inherent.Cases {
		p := ParachainInherentData{ValidationData: PersistedValidationData{c.ParentHead, c.Number, Hash(c.Root), c.MaxPoV},
			RelayChainState: bytesList(c.Proof), DownwardMessages: messages(c.Down), HorizontalMessages: map[ParaID][]InboundMessage{}}
		for _, h := range c.Horizontal {
			var sender ParaID
			var list [][2]json.RawMessage
			if json.Unmarshal(h[0], &sender) != nil || json.Unmarshal(h[1], &list) != nil {
				t.Fatal("channel of the vectors does not read")
			}
			p.HorizontalMessages[sender] = messages(list)
		}
		if len(c.Descendants) > 0 {
			p.RelayParentDescendants = headers
		}
		if c.Peer != nil {
			p.CollatorPeerID = append([]byte{}, *c.Peer...)
		}
		sameBytes(t, c.Name+" sysi1337", p.EncodeV0(nil), c.V0)
		sameBytes(t, c.Name+" sysi1338", p.EncodeTo(nil), c.V1)
		data := InherentData{InherentTimestamp: scale.AppendU64(nil, c.Timestamp)}
		p.Provide(data)
		sameBytes(t, c.Name+" all", data.EncodeTo(nil), c.All)
	}
}

func TestBlockDataVectors(t *testing.T) {
	var v struct {
		Data struct {
			Cases []struct {
				Name       string
				Bytes      testdata.Hex
				Hashes     []hexHash                     `json:"header_hashes"`
				Nodes      []testdata.Hex                `json:"compact_nodes"`
				Sched      *struct{ Bytes testdata.Hex } `json:"scheduling_proof"`
				AsV0       *testdata.Hex                 `json:"as_v0_bytes"`
				Extrinsics [][]testdata.Hex              `json:"extrinsics"`
				Headers    []testdata.Hex
			}
			Decode []struct {
				Name    string
				Bytes   testdata.Hex
				Decodes bool
			} `json:"decode_checks"`
		} `json:"parachain_block_data"`
		Info []struct {
			Name   string
			Fields json.RawMessage
			Bytes  testdata.Hex
		} `json:"collation_info"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	for _, c := range v.Data.Cases {
		p, err := DecodeParachainBlockData(c.Bytes)
		if len(c.Headers) == 0 {
			if err == nil {
				t.Errorf("%s: block data without a block is accepted", c.Name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		sameBytes(t, c.Name, p.EncodeTo(nil), c.Bytes)
		for i := range p.Blocks {
			sameHash(t, c.Name, p.Blocks[i].Header.Hash(), c.Hashes[i])
			if len(p.Blocks[i].Extrinsics) != len(c.Extrinsics[i]) {
				t.Errorf("%s: %d extrinsics, want %d", c.Name, len(p.Blocks[i].Extrinsics), len(c.Extrinsics[i]))
			}
		}
		if len(p.CompactProof) != len(c.Nodes) {
			t.Errorf("%s: %d proof nodes, want %d", c.Name, len(p.CompactProof), len(c.Nodes))
		}
		if c.Sched != nil {
			sameBytes(t, c.Name+" scheduling proof", p.SchedulingProof, c.Sched.Bytes)
		}
		if c.AsV0 != nil {
			p.Version, p.SchedulingProof = BlockDataV0, nil
			sameBytes(t, c.Name+" as V0", p.EncodeTo(nil), *c.AsV0)
		}
	}
	for _, c := range v.Data.Decode {
		// Bytes left over are refused here, and an undecoded scheduling proof is kept.
		if p, err := DecodeParachainBlockData(c.Bytes); err == nil && p.Version != BlockDataV2 {
			t.Errorf("%s: decoded", c.Name)
		}
	}
	for _, c := range v.Info {
		var i CollationInfo
		if c.Name == "v1" {
			d := scale.NewDecoder(c.Bytes)
			i.DecodeV1(d)
			if err := d.Finish(); err != nil {
				t.Error(err)
			}
			continue
		}
		roundTrip(t, c.Name, c.Bytes, &i)
	}
}
