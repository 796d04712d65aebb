package relay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// raw writes bytes under a key.
func raw(t *tx, key string, value []byte) {
	t.changed[key] = change{enc: func() []byte { return value }}
}

// The state written through the items of this package has the root that the released
// crates give to the same values: keys, codecs and trie are theirs.
func TestStateRoots(t *testing.T) {
	type hrmp struct {
		Sender, Recipient primitives.ParaID
		Value             struct {
			MaxCapacity    uint32        `json:"max_capacity"`
			MaxTotalSize   uint32        `json:"max_total_size"`
			MaxMessageSize uint32        `json:"max_message_size"`
			MsgCount       uint32        `json:"msg_count"`
			TotalSize      uint32        `json:"total_size"`
			MqcHead        *testdata.Hex `json:"mqc_head"`
		}
	}
	var v struct {
		Proofs []struct {
			Name     string
			Root     testdata.Hex
			Nodes    []testdata.Hex
			Settings struct {
				Para       primitives.ParaID   `json:"para_id"`
				Slot       primitives.Slot     `json:"current_slot"`
				Epoch      uint64              `json:"current_epoch"`
				Randomness testdata.Hex        `json:"randomness"`
				Config     testdata.Hex        `json:"host_config_bytes"`
				Dmq        *testdata.Hex       `json:"dmq_mqc_head"`
				Head       *testdata.Hex       `json:"included_para_head"`
				GoAhead    *string             `json:"upgrade_go_ahead"`
				Remaining  *[2]uint32          `json:"relay_dispatch_queue_remaining_capacity"`
				Ingress    []primitives.ParaID `json:"ingress"`
				Egress     []primitives.ParaID `json:"egress"`
				Channels   []hrmp              `json:"channels"`
				Additional [][2]testdata.Hex   `json:"additional_key_values"`
			}
			Reads struct {
				Authorities string `json:"authorities"` // or why there are none
			}
		} `json:"relay_state_proofs"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	if len(v.Proofs) < 9 {
		t.Fatalf("%d cases", len(v.Proofs))
	}
	for _, c := range v.Proofs {
		s := c.Settings
		x := newTx(&store{trie: trie.New(), vals: map[string]any{}})
		raw(x, itemConfig.key, s.Config)
		itemSlot.put(x, s.Slot)
		itemEpoch.put(x, s.Epoch)
		seed := Hash(s.Randomness)
		itemNextRandomness.put(x, seed)
		if encoded, err := hex.DecodeString(strings.TrimPrefix(c.Reads.Authorities, "0x")); err == nil && len(encoded) > 0 {
			list := itemAuthorities.codec.dec(scale.NewDecoder(encoded))
			itemAuthorities.put(x, list)
			itemNextAuthorities.put(x, list)
		}
		if s.Dmq != nil {
			itemDownwardHead.at(s.Para).put(x, Hash(*s.Dmq))
		}
		if s.Head != nil {
			itemHead.at(s.Para).put(x, *s.Head)
		}
		if s.GoAhead != nil {
			signal := map[string]primitives.UpgradeGoAhead{"Abort": primitives.UpgradeAbort, "GoAhead": primitives.UpgradeApproved}[*s.GoAhead]
			itemGoAhead.at(s.Para).put(x, uint8(signal))
		}
		if s.Remaining != nil {
			itemUpwardRemaining.at(s.Para).put(x, pair[uint32, uint32]{s.Remaining[0], s.Remaining[1]})
		}
		if s.Ingress != nil {
			itemIngress.at(s.Para).put(x, s.Ingress)
		}
		if s.Egress != nil {
			itemEgress.at(s.Para).put(x, s.Egress)
		}
		for _, ch := range s.Channels {
			w := primitives.HrmpChannel{MaxCapacity: ch.Value.MaxCapacity, MaxTotalSize: ch.Value.MaxTotalSize, MaxMessageSize: ch.Value.MaxMessageSize,
				MsgCount: ch.Value.MsgCount, TotalSize: ch.Value.TotalSize}
			if ch.Value.MqcHead != nil {
				h := Hash(*ch.Value.MqcHead)
				w.MQCHead = &h
			}
			// The vectors hold the part that paras read, without deposits.
			full := w.EncodeTo(nil)
			raw(x, itemChannel.at(primitives.ChannelID{Sender: ch.Sender, Recipient: ch.Recipient}).key, full[:len(full)-32])
		}
		for _, kv := range s.Additional {
			raw(x, string(kv[0]), kv[1])
		}
		after, err := x.commit()
		if err != nil {
			t.Fatal(err)
		}
		if root := after.trie.Root(); root != Hash(c.Root) {
			t.Errorf("%s: root %s, want %x", c.Name, root, c.Root)
		}
	}
}

func TestStorageKeys(t *testing.T) {
	var v struct {
		Keys struct {
			PerPara []struct {
				Para        primitives.ParaID `json:"para_id"`
				Head        testdata.Hex      `json:"para_head"`
				Dmq         testdata.Hex      `json:"dmq_mqc_head"`
				Size        testdata.Hex      `json:"relay_dispatch_queue_size"`
				Remaining   testdata.Hex      `json:"relay_dispatch_queue_remaining_capacity"`
				Ingress     testdata.Hex      `json:"hrmp_ingress_channel_index"`
				Egress      testdata.Hex      `json:"hrmp_egress_channel_index"`
				Channel     testdata.Hex      `json:"hrmp_channel_to_3000"`
				GoAhead     testdata.Hex      `json:"upgrade_go_ahead_signal"`
				Restriction testdata.Hex      `json:"upgrade_restriction_signal"`
			} `json:"per_para"`
		} `json:"well_known_keys"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	if len(v.Keys.PerPara) == 0 {
		t.Fatal("no paras")
	}
	for _, p := range v.Keys.PerPara {
		for name, pair := range map[string][2]string{
			"head": {itemHead.at(p.Para).key, string(p.Head)}, "dmq head": {itemDownwardHead.at(p.Para).key, string(p.Dmq)},
			"queue size": {itemUpwardSize.at(p.Para).key, string(p.Size)}, "remaining capacity": {itemUpwardRemaining.at(p.Para).key, string(p.Remaining)},
			"ingress": {itemIngress.at(p.Para).key, string(p.Ingress)}, "egress": {itemEgress.at(p.Para).key, string(p.Egress)},
			"channel":  {itemChannel.at(primitives.ChannelID{Sender: p.Para, Recipient: 3000}).key, string(p.Channel)},
			"go-ahead": {itemGoAhead.at(p.Para).key, string(p.GoAhead)}, "restriction": {itemRestriction.at(p.Para).key, string(p.Restriction)},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s of para %d: %x, want %x", name, p.Para, pair[0], pair[1])
			}
		}
	}
	// Others, computed from the names by hand (first 16 bytes pallet, next 16 item).
	for key, want := range map[string]string{
		itemConfig.key:                              "06de3d8a54d27e44a9d5ce189618f22db4b49d95320d9021994c850f25b8e385",
		itemCodeHash.prefix:                         "cd710b30bd2eab0352ddcc26417aa194e2d1c22ba0a888147714a3487bd51c63",
		itemPendingCandidates.prefix:                "196e027349017067f9eb56e2c4d9ded594d373b60dded722a8c2fa795bda8971",
		itemCode.prefix:                             "cd710b30bd2eab0352ddcc26417aa194383e6dcb39e0be0a2e6aeb8b94951ab6",
		itemWatermark.prefix:                        "6a0da05ca59913bc38a8630590f2627c09d487abe9aa06b94c8e59c187429a80",
		itemChannelContents.prefix:                  "6a0da05ca59913bc38a8630590f2627cabe953bb90b08a3782523e6dcf0c086a",
		itemDownward.prefix:                         "63f78c98723ddc9073523ef3beefda0ca95dac46c07a40d91506e7637ec4ba57",
		string(hashing.StorageKey("Dmp", "x"))[:16]: "63f78c98723ddc9073523ef3beefda0c",
	} {
		if got := Hash(append([]byte(key), make([]byte, 32)...)[:32]).String(); got[2:2+len(want)] != want {
			t.Errorf("key %s, want %s", got, want)
		}
	}
}

func TestSecondaryAuthors(t *testing.T) {
	var v struct {
		Cases []struct {
			Randomness  testdata.Hex
			Slot        primitives.Slot
			Authorities int
			Author      uint32 `json:"author_index"`
		} `json:"babe_secondary_authors"`
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	if len(v.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range v.Cases {
		if got := secondaryAuthor(Hash(c.Randomness), c.Slot, c.Authorities); got != c.Author {
			t.Errorf("slot %d of %d: author %d, want %d", c.Slot, c.Authorities, got, c.Author)
		}
	}
}

func TestBackingVotes(t *testing.T) {
	var v struct {
		Backed struct {
			Session primitives.SessionIndex `json:"session_index"`
			Parent  testdata.Hex            `json:"parent_hash"`
			Group   []testdata.Hex          `json:"group"`
			Cases   []struct {
				Name    string
				Bytes   testdata.Hex
				Hash    testdata.Hex `json:"candidate_hash"`
				Three   any          `json:"backing_check_group_of_3"`
				Four    any          `json:"backing_check_group_of_4"`
				Session any          `json:"backing_check_other_session"`
			}
		} `json:"backed_candidates"`
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	if len(v.Backed.Cases) < 6 {
		t.Fatalf("%d cases", len(v.Backed.Cases))
	}
	var group [][32]byte
	for _, k := range v.Backed.Group {
		group = append(group, [32]byte(k))
	}
	check := func(name string, want any, c *primitives.BackedCandidate, session primitives.SessionIndex, group [][32]byte) {
		if want == nil {
			return
		}
		voters, err := checkBacking(c, c.Candidate.Hash(), primitives.SigningContext{Session: session, Parent: Hash(v.Backed.Parent)}, group, Params{}.verify)
		n, good := want.(float64)
		if good != (err == nil) || good && len(voters) != int(n) || err != nil && !errors.Is(err, ErrInvalidBacking) {
			t.Errorf("%s: %d votes, %v; want %v", name, len(voters), err, want)
		}
	}
	for _, c := range v.Backed.Cases {
		var b primitives.BackedCandidate
		if err := scale.Decode(c.Bytes, &b); err != nil {
			t.Fatal(err)
		}
		if b.Candidate.Hash() != Hash(c.Hash) {
			t.Errorf("%s: candidate hash differs", c.Name)
		}
		check(c.Name, c.Three, &b, v.Backed.Session, group)
		check(c.Name, c.Four, &b, v.Backed.Session, append(group[:3:3], group[0]))
		check(c.Name, c.Session, &b, v.Backed.Session+1, group)
	}
}

func TestTransposedClaimQueue(t *testing.T) {
	var v struct {
		Checks struct {
			Queue      [][2]any     `json:"claim_queue"`
			Transposed testdata.Hex `json:"transposed_bytes"`
		} `json:"ump_signal_checks"`
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	queue := map[primitives.CoreIndex][]primitives.ParaID{}
	for _, q := range v.Checks.Queue {
		core := primitives.CoreIndex(q[0].(float64))
		for _, p := range q[1].([]any) {
			queue[core] = append(queue[core], primitives.ParaID(p.(float64)))
		}
	}
	hash := Hash{1}
	got := schedulingParents{buffer: []schedulingParent{{hash, transposed(queue)}}, latest: 9}.EncodeTo(nil)
	want := append(append([]byte{4}, hash[:]...), append(v.Checks.Transposed, 9, 0, 0, 0)...)
	if len(queue) == 0 || !bytes.Equal(got, want) {
		t.Errorf("transposed %x, want %x", got, want)
	}
	var back schedulingParents
	if err := scale.Decode(got, &back); err != nil || !bytes.Equal(back.EncodeTo(nil), got) {
		t.Errorf("decoded again: %v", err)
	}
}
