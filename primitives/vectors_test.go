package primitives

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/scale"
)

// hexHash is a hash that stands in JSON as hex.
type hexHash Hash

func (h *hexHash) UnmarshalText(text []byte) error {
	_, err := hex.Decode(h[:], bytes.TrimPrefix(text, []byte("0x")))
	return err
}

type value interface {
	scale.Encoder
	scale.Decodable
}

// roundTrip decodes raw into v and demands the same bytes back.
func roundTrip(t *testing.T, name string, raw []byte, v value) {
	t.Helper()
	if err := scale.Decode(raw, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	sameBytes(t, name, v.EncodeTo(nil), raw)
}

func sameBytes(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", name, got, want)
	}
}

func sameHash(t *testing.T, name string, got Hash, want hexHash) {
	t.Helper()
	if got != Hash(want) {
		t.Errorf("%s: got %v, want %v", name, got, Hash(want))
	}
}

type outputs struct {
	UpwardMessages     []testdata.Hex `json:"upward_messages"`
	HorizontalMessages []struct {
		Recipient ParaID
		Data      testdata.Hex
	} `json:"horizontal_messages"`
	NewValidationCode *testdata.Hex `json:"new_validation_code"`
	HeadData          testdata.Hex  `json:"head_data"`
	Processed         uint32        `json:"processed_downward_messages"`
	Watermark         uint32        `json:"hrmp_watermark"`
}

func (o outputs) commitments() CandidateCommitments {
	c := CandidateCommitments{HeadData: o.HeadData, ProcessedDownwardMessages: o.Processed, HrmpWatermark: o.Watermark,
		UpwardMessages: bytesList(o.UpwardMessages)}
	for _, m := range o.HorizontalMessages {
		c.HorizontalMessages = append(c.HorizontalMessages, OutboundHrmpMessage{m.Recipient, m.Data})
	}
	if o.NewValidationCode != nil {
		code := []byte(*o.NewValidationCode)
		c.NewValidationCode = &code
	}
	return c
}

func bytesList(l []testdata.Hex) (list [][]byte) {
	for _, b := range l {
		list = append(list, b)
	}
	return list
}

type descriptorCase struct {
	Name   string
	Bytes  testdata.Hex
	Fields struct {
		Para              ParaID        `json:"para_id"`
		RelayParent       hexHash       `json:"relay_parent"`
		PVD               hexHash       `json:"persisted_validation_data_hash"`
		PoV               hexHash       `json:"pov_hash"`
		Erasure           hexHash       `json:"erasure_root"`
		ParaHead          hexHash       `json:"para_head"`
		Code              hexHash       `json:"validation_code_hash"`
		Version           string        `json:"version"`
		VersionOld        string        `json:"version_old_rules"`
		Core              *CoreIndex    `json:"core_index"`
		Session           *SessionIndex `json:"session_index"`
		SchedulingParent  hexHash       `json:"scheduling_parent"`
		SchedulingSession *SessionIndex `json:"scheduling_session"`
		AcceptedOff       string        `json:"accepted_v3_off"`
		AcceptedOn        string        `json:"accepted_v3_on"`
	}
}

var versionNames = map[DescriptorVersion]string{DescriptorUnknown: "Unknown", DescriptorV1: "V1", DescriptorV2: "V2", DescriptorV3: "V3"}

func optional[T comparable](t *testing.T, name string, got T, ok bool, want *T) {
	t.Helper()
	if ok != (want != nil) || ok && got != *want {
		t.Errorf("%s: got %v %v, want %v", name, got, ok, want)
	}
}

func TestDescriptorVectors(t *testing.T) {
	var v struct{ Descriptors []descriptorCase }
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	for _, c := range v.Descriptors {
		var d Descriptor
		roundTrip(t, c.Name, c.Bytes, &d)
		f := &c.Fields
		if d.Para() != f.Para {
			t.Errorf("%s: para %d, want %d", c.Name, d.Para(), f.Para)
		}
		sameHash(t, c.Name+" relay parent", d.RelayParent(), f.RelayParent)
		sameHash(t, c.Name+" PVD", d.PVDHash(), f.PVD)
		sameHash(t, c.Name+" PoV", d.PoVHash(), f.PoV)
		sameHash(t, c.Name+" erasure root", d.ErasureRoot(), f.Erasure)
		sameHash(t, c.Name+" para head", d.ParaHead(), f.ParaHead)
		sameHash(t, c.Name+" code", d.ValidationCodeHash(), f.Code)
		sameHash(t, c.Name+" scheduling parent", d.SchedulingParent(), f.SchedulingParent)
		if got, want := versionNames[d.Version()], strings.Split(f.Version, "(")[0]; got != want {
			t.Errorf("%s: version %s, want %s", c.Name, got, want)
		}
		if got, want := versionNames[d.versionOld()], strings.Split(f.VersionOld, "(")[0]; got != want {
			t.Errorf("%s: old version %s, want %s", c.Name, got, want)
		}
		if strings.HasPrefix(f.Version, "Unknown") {
			if d.Acceptable(true) || d.Acceptable(false) {
				t.Errorf("%s: an unknown version is accepted", c.Name)
			}
			continue // the crate reads core and session of unknown versions, which are refused anyway
		}
		core, ok := d.Core()
		optional(t, c.Name+" core", core, ok, f.Core)
		session, ok := d.Session()
		optional(t, c.Name+" session", session, ok, f.Session)
		session, ok = d.SchedulingSession()
		optional(t, c.Name+" scheduling session", session, ok, f.SchedulingSession)
		if got, want := d.Acceptable(false), f.AcceptedOff == "ok"; got != want {
			t.Errorf("%s: accepted without V3: %v, want %v", c.Name, got, want)
		}
		if got, want := d.Acceptable(true), f.AcceptedOn == "ok"; got != want {
			t.Errorf("%s: accepted with V3: %v, want %v", c.Name, got, want)
		}
	}
	for _, c := range v.Descriptors {
		f := &c.Fields
		if c.Name != "V2" && c.Name != "V3, scheduling session one later" && c.Name != "V2, core 300, session 70000" {
			continue
		}
		made := DescriptorFields{Version: DescriptorV2, Para: f.Para, RelayParent: Hash(f.RelayParent), Core: *f.Core, Session: *f.Session,
			PVDHash: Hash(f.PVD), PoVHash: Hash(f.PoV), ErasureRoot: Hash(f.Erasure), ParaHead: Hash(f.ParaHead), ValidationCodeHash: Hash(f.Code)}
		if f.Version == "V3" {
			made.Version, made.SchedulingParent, made.SchedulingOffset = DescriptorV3, Hash(f.SchedulingParent), uint8(*f.SchedulingSession-*f.Session)
		}
		d := made.Descriptor()
		sameBytes(t, "made "+c.Name, d[:], c.Bytes)
	}
}

func TestCandidateVectors(t *testing.T) {
	var v struct {
		Descriptors []descriptorCase
		Commitments []struct {
			Name   string
			Fields outputs
			Bytes  testdata.Hex
			Hash   hexHash
		}
		Receipts []struct {
			Name                    string
			Descriptor, Commitments int
			CommittedBytes          *testdata.Hex `json:"committed_bytes"`
			CommittedHash           hexHash       `json:"committed_blake2_256"`
			Plain                   testdata.Hex  `json:"plain_bytes"`
			CommitmentsHash         hexHash       `json:"commitments_hash"`
			CandidateHash           hexHash       `json:"candidate_hash"`
		}
		Results []struct {
			Name   string
			Fields outputs
			Bytes  testdata.Hex
		} `json:"validation_results"`
		Params []struct {
			Name    string
			Bytes   testdata.Hex
			ReadsAs string `json:"reads_as"`
		} `json:"validation_params"`
		PVD []struct {
			Name       string
			ParentHead testdata.Hex `json:"parent_head"`
			HeadHash   hexHash      `json:"parent_head_hash"`
			Number     uint32       `json:"relay_parent_number"`
			Root       hexHash      `json:"relay_parent_storage_root"`
			MaxPoV     uint32       `json:"max_pov_size"`
			Bytes      testdata.Hex
			Hash       hexHash
		} `json:"persisted_validation_data"`
		PoVs []struct {
			Name      string
			BlockData testdata.Hex `json:"block_data"`
			Bytes     testdata.Hex
			Hash      hexHash
		}
		Available []struct {
			Name     string
			PoV, PVD int
			Bytes    testdata.Hex
		} `json:"available_data"`
		Hashes []struct {
			Name  string
			Input testdata.Hex
			Hash  hexHash
		}
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	for _, c := range v.Commitments {
		var got CandidateCommitments
		roundTrip(t, c.Name, c.Bytes, &got)
		made := c.Fields.commitments()
		sameBytes(t, "made "+c.Name, made.EncodeTo(nil), c.Bytes)
		sameHash(t, c.Name, HashOf(&got), c.Hash)
	}
	for _, c := range v.Receipts {
		r := CommittedCandidateReceipt{Descriptor: Descriptor(v.Descriptors[c.Descriptor].Bytes), Commitments: v.Commitments[c.Commitments].Fields.commitments()}
		sameHash(t, c.Name+" committed", hashing.Blake2b256(r.EncodeTo(nil)), c.CommittedHash)
		if c.CommittedBytes != nil {
			roundTrip(t, c.Name, *c.CommittedBytes, &CommittedCandidateReceipt{})
		}
		var plain CandidateReceipt
		roundTrip(t, c.Name+" plain", c.Plain, &plain)
		if plain != r.Receipt() {
			t.Errorf("%s: receipt differs", c.Name)
		}
		sameHash(t, c.Name+" commitments", plain.CommitmentsHash, c.CommitmentsHash)
		sameHash(t, c.Name, r.Hash(), c.CandidateHash)
		sameHash(t, c.Name, plain.Hash(), c.CandidateHash)
	}
	for _, c := range v.Results {
		var r ValidationResult
		roundTrip(t, c.Name, c.Bytes, &r)
		got, want := r.Commitments(), c.Fields.commitments()
		sameBytes(t, c.Name+" as commitments", got.EncodeTo(nil), want.EncodeTo(nil))
	}
	for _, c := range v.Params {
		var p ValidationParams
		err := scale.Decode(c.Bytes, &p)
		switch {
		case c.ReadsAs == "no extension":
			if err != nil || p.Extension != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			sameBytes(t, c.Name, p.EncodeTo(nil), c.Bytes)
		case strings.HasPrefix(c.ReadsAs, "V3"):
			if err := scale.DecodePrefix(c.Bytes, &p); err != nil || p.Extension == nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			got := p.EncodeTo(nil)
			sameBytes(t, c.Name, got, c.Bytes[:len(got)])
			if !strings.Contains(c.ReadsAs, p.Extension.RelayParent.String()) {
				t.Errorf("%s: %v is not %s", c.Name, p.Extension.RelayParent, c.ReadsAs)
			}
		default:
			if err == nil {
				t.Errorf("%s: decoded, the crate says %s", c.Name, c.ReadsAs)
			}
		}
	}
	for _, c := range v.PVD {
		p := PersistedValidationData{c.ParentHead, c.Number, Hash(c.Root), c.MaxPoV}
		sameBytes(t, c.Name, p.EncodeTo(nil), c.Bytes)
		roundTrip(t, c.Name, c.Bytes, &PersistedValidationData{})
		sameHash(t, c.Name, p.Hash(), c.Hash)
		sameHash(t, c.Name+" head", ParaHeadHash(c.ParentHead), c.HeadHash)
	}
	for _, c := range v.PoVs {
		p := PoV{c.BlockData}
		sameBytes(t, c.Name, p.EncodeTo(nil), c.Bytes)
		roundTrip(t, c.Name, c.Bytes, &PoV{})
		sameHash(t, c.Name, p.Hash(), c.Hash)
		if p.EncodedSize() != len(c.Bytes) {
			t.Errorf("%s: size %d, want %d", c.Name, p.EncodedSize(), len(c.Bytes))
		}
	}
	for _, c := range v.Available {
		roundTrip(t, c.Name, c.Bytes, &AvailableData{})
	}
	for _, c := range v.Hashes {
		sameHash(t, c.Name, hashing.Blake2b256(c.Input), c.Hash)
	}
}

func TestUMPSignalVectors(t *testing.T) {
	var v struct {
		Signals []struct {
			Name  string
			Bytes testdata.Hex
		} `json:"ump_signals"`
		Checks struct {
			ClaimQueue [][2]json.RawMessage `json:"claim_queue"`
			Cases      []struct {
				Name     string
				Version  uint8
				Para     ParaID         `json:"para_id"`
				Core     CoreIndex      `json:"descriptor_core"`
				Messages []testdata.Hex `json:"upward_messages"`
				Before   int            `json:"messages_before_separator"`
				Outcome  string
				Selector *[2]uint8     `json:"core_selector"`
				Peer     *testdata.Hex `json:"approved_peer"`
			}
		} `json:"ump_signal_checks"`
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	for _, c := range v.Signals {
		if len(c.Bytes) == 3 && c.Bytes[0] == 0 {
			sameBytes(t, c.Name, SelectCoreSignal(CoreSelection{c.Bytes[1], c.Bytes[2]}), c.Bytes)
		} else if c.Bytes[0] == 1 {
			_, s, err := SplitUpwardMessages([][]byte{{}, c.Bytes})
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			sameBytes(t, c.Name, ApprovedPeerSignal(s.ApprovedPeer), c.Bytes)
		}
	}
	queue := TransposedClaimQueue{}
	for _, pair := range v.Checks.ClaimQueue {
		var core CoreIndex
		var paras []ParaID
		if json.Unmarshal(pair[0], &core) != nil || json.Unmarshal(pair[1], &paras) != nil {
			t.Fatal("claim queue of the vectors does not read")
		}
		for depth, p := range paras {
			if queue[p] == nil {
				queue[p] = map[uint8][]CoreIndex{}
			}
			queue[p][uint8(depth)] = append(queue[p][uint8(depth)], core)
		}
	}
	for _, c := range v.Checks.Cases {
		f := DescriptorFields{Version: DescriptorV2, Para: c.Para, Core: c.Core}
		if c.Version == 3 {
			f.Version = DescriptorV3
		}
		r := CommittedCandidateReceipt{Descriptor: f.Descriptor()}
		switch c.Version {
		case 1:
			r.Descriptor[offReserved1] = 1
		case 2, 3:
		default:
			r.Descriptor[offVersion] = c.Version
		}
		r.Commitments.UpwardMessages = bytesList(c.Messages)
		s, err := r.CheckUMPSignals(queue)
		want := strings.FieldsFunc(c.Outcome, func(r rune) bool { return r == ' ' || r == '(' })[0]
		if want == "ok" {
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
			if (s.SelectCore != nil) != (c.Selector != nil) || s.SelectCore != nil && [2]uint8{s.SelectCore.Selector, s.SelectCore.ClaimQueueOffset} != *c.Selector {
				t.Errorf("%s: selector %v, want %v", c.Name, s.SelectCore, c.Selector)
			}
			if c.Peer != nil {
				sameBytes(t, c.Name, s.ApprovedPeer, *c.Peer)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", c.Name, err, want)
		}
		if before, _, _ := SplitUpwardMessages(r.Commitments.UpwardMessages); len(before) != c.Before {
			t.Errorf("%s: %d messages before the separator, want %d", c.Name, len(before), c.Before)
		}
	}
}
