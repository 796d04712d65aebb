package validator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pileus/internal/testdata"
	"pileus/primitives"
)

type vecConstraints struct {
	MinRelayParentNumber  uint32   `json:"min_relay_parent_number"`
	MaxPoVSize            uint32   `json:"max_pov_size"`
	MaxCodeSize           uint32   `json:"max_code_size"`
	MaxHeadDataSize       uint32   `json:"max_head_data_size"`
	UmpRemaining          uint32   `json:"ump_remaining"`
	UmpRemainingBytes     uint32   `json:"ump_remaining_bytes"`
	MaxUmpNumPerCandidate uint32   `json:"max_ump_num_per_candidate"`
	DmpRemainingMessages  []uint32 `json:"dmp_remaining_messages"`
	ValidWatermarks       []uint32 `json:"valid_watermarks"`
	HrmpChannelsOut       []struct {
		ParaID            primitives.ParaID `json:"para_id"`
		BytesRemaining    uint32            `json:"bytes_remaining"`
		MessagesRemaining uint32            `json:"messages_remaining"`
	} `json:"hrmp_channels_out"`
	MaxHrmpNumPerCandidate uint32         `json:"max_hrmp_num_per_candidate"`
	RequiredParent         testdata.Hex   `json:"required_parent"`
	ValidationCodeHash     testdata.Hex   `json:"validation_code_hash"`
	UpgradeRestriction     *string        `json:"upgrade_restriction"`
	FutureValidationCode   *vecFutureCode `json:"future_validation_code"`
}

type vecFutureCode struct{ primitives.FutureCode }

func (f *vecFutureCode) UnmarshalJSON(b []byte) error {
	var hash testdata.Hex
	if err := json.Unmarshal(b, &[]any{&f.At, &hash}); err != nil {
		return err
	}
	f.Hash = primitives.Hash(hash)
	return nil
}

func (v *vecConstraints) constraints() *primitives.Constraints {
	c := &primitives.Constraints{
		MinRelayParentNumber: v.MinRelayParentNumber, MaxPoVSize: v.MaxPoVSize, MaxCodeSize: v.MaxCodeSize,
		MaxHeadDataSize: v.MaxHeadDataSize, UmpRemaining: v.UmpRemaining, UmpRemainingBytes: v.UmpRemainingBytes,
		MaxUmpNumPerCandidate: v.MaxUmpNumPerCandidate, DmpRemainingMessages: v.DmpRemainingMessages,
		ValidWatermarks: v.ValidWatermarks, MaxHrmpNumPerCandidate: v.MaxHrmpNumPerCandidate,
		RequiredParent: v.RequiredParent, ValidationCodeHash: primitives.Hash(v.ValidationCodeHash),
		UpgradeRestricted: v.UpgradeRestriction != nil,
	}
	if v.FutureValidationCode != nil {
		c.FutureValidationCode = &v.FutureValidationCode.FutureCode
	}
	for _, l := range v.HrmpChannelsOut {
		c.HrmpChannelsOut = append(c.HrmpChannelsOut, primitives.OutboundChannelLimit{Recipient: l.ParaID, BytesRemaining: l.BytesRemaining, MessagesRemaining: l.MessagesRemaining})
	}
	return c
}

type vecCandidate struct {
	RelayParentNumber         uint32              `json:"relay_parent_number"`
	RelayParentStorageRoot    testdata.Hex        `json:"relay_parent_storage_root"`
	UpwardMessages            []testdata.Hex      `json:"upward_messages"`
	HorizontalMessages        [][]json.RawMessage `json:"horizontal_messages"`
	NewValidationCodeLen      *int                `json:"new_validation_code_len"`
	HeadDataLen               int                 `json:"head_data_len"`
	HeadData                  testdata.Hex        `json:"head_data"`
	ProcessedDownwardMessages uint32              `json:"processed_downward_messages"`
	HrmpWatermark             uint32              `json:"hrmp_watermark"`
	PVD                       struct {
		ParentHead             testdata.Hex `json:"parent_head"`
		RelayParentNumber      uint32       `json:"relay_parent_number"`
		RelayParentStorageRoot testdata.Hex `json:"relay_parent_storage_root"`
		MaxPoVSize             uint32       `json:"max_pov_size"`
	} `json:"pvd"`
	ValidationCodeHash testdata.Hex `json:"validation_code_hash"`
}

func (v *vecCandidate) parts(t *testing.T) (RelayBlock, *primitives.CandidateCommitments, primitives.Hash, *primitives.PersistedValidationData) {
	t.Helper()
	rp := RelayBlock{Number: v.RelayParentNumber, StorageRoot: primitives.Hash(v.RelayParentStorageRoot)}
	out := &primitives.CandidateCommitments{HeadData: v.HeadData, ProcessedDownwardMessages: v.ProcessedDownwardMessages, HrmpWatermark: v.HrmpWatermark}
	for _, m := range v.UpwardMessages {
		out.UpwardMessages = append(out.UpwardMessages, m)
	}
	for _, m := range v.HorizontalMessages {
		var msg primitives.OutboundHrmpMessage
		var data testdata.Hex
		if json.Unmarshal(m[0], &msg.Recipient) != nil || json.Unmarshal(m[1], &data) != nil {
			t.Fatalf("horizontal message %s", m)
		}
		msg.Data = data
		out.HorizontalMessages = append(out.HorizontalMessages, msg)
	}
	if v.NewValidationCodeLen != nil {
		code := make([]byte, *v.NewValidationCodeLen)
		out.NewValidationCode = &code
	}
	pvd := &primitives.PersistedValidationData{ParentHead: v.PVD.ParentHead, RelayParentNumber: v.PVD.RelayParentNumber,
		RelayParentStorageRoot: primitives.Hash(v.PVD.RelayParentStorageRoot), MaxPoVSize: v.PVD.MaxPoVSize}
	return rp, out, primitives.Hash(v.ValidationCodeHash), pvd
}

type vecModifications struct {
	RequiredParent testdata.Hex `json:"required_parent"`
	HrmpWatermark  []any        `json:"hrmp_watermark"`
	OutboundHrmp   []struct {
		ParaID   primitives.ParaID `json:"para_id"`
		Bytes    uint32            `json:"bytes"`
		Messages uint32            `json:"messages"`
	} `json:"outbound_hrmp"`
	UmpMessagesSent      uint32 `json:"ump_messages_sent"`
	UmpBytesSent         uint32 `json:"ump_bytes_sent"`
	DmpMessagesProcessed uint32 `json:"dmp_messages_processed"`
	CodeUpgradeApplied   bool   `json:"code_upgrade_applied"`
}

func (v *vecModifications) modifications() Modifications {
	m := Modifications{RequiredParent: v.RequiredParent, UmpMessages: v.UmpMessagesSent, UmpBytes: v.UmpBytesSent,
		DmpProcessed: v.DmpMessagesProcessed, CodeUpgradeApplied: v.CodeUpgradeApplied}
	if len(v.HrmpWatermark) == 2 {
		m.Watermark = &Watermark{Trunk: v.HrmpWatermark[0] == "Trunk", At: uint32(v.HrmpWatermark[1].(float64))}
	}
	for _, u := range v.OutboundHrmp {
		m.OutboundHrmp = append(m.OutboundHrmp, OutboundUse{u.ParaID, u.Bytes, u.Messages})
	}
	return m
}

func kindOf(err *CheckError) string {
	if err == nil {
		return "ok"
	}
	if err.Inner != "" {
		return string(err.Kind) + "/" + string(err.Inner)
	}
	return string(err.Kind)
}

func sameConstraints(t *testing.T, got, want *primitives.Constraints) {
	t.Helper()
	if !bytes.Equal(got.EncodeTo(nil), want.EncodeTo(nil)) {
		t.Errorf("constraints differ:\n%s", cmp.Diff(want, got))
	}
}

func sameModifications(t *testing.T, got, want Modifications) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("modifications differ:\n%s", diff)
	}
}

// TestEmulatorVectors compares every check with the crate's inclusion emulator.
func TestEmulatorVectors(t *testing.T) {
	var file struct {
		Checks []struct {
			Name             string
			Constraints      vecConstraints
			Candidate        vecCandidate
			CommitmentsAlone string `json:"commitments_alone"`
			Outcome          string
			Modifications    *vecModifications
			ConstraintsAfter *vecConstraints `json:"constraints_after"`
		}
		Chain []struct {
			Candidate            vecCandidate
			OperatingConstraints vecConstraints `json:"operating_constraints"`
			Outcome              string
			Modifications        *vecModifications
			Stacked              *vecModifications
			BaseAfterStacked     *vecConstraints `json:"base_after_stacked"`
		}
		AvailabilityChunkIndices []struct {
			NodeFeatures     string `json:"node_features"`
			Validators       int
			Core             primitives.CoreIndex
			ChunkOfValidator []uint32 `json:"chunk_of_validator"`
		} `json:"availability_chunk_indices"`
	}
	testdata.ReadJSON(t, "vectors/emulator.json", &file)
	if len(file.Checks) < 40 || len(file.Chain) < 5 || len(file.AvailabilityChunkIndices) < 20 {
		t.Fatalf("the vectors are not all there: %d checks, %d chain, %d chunk indices", len(file.Checks), len(file.Chain), len(file.AvailabilityChunkIndices))
	}
	for _, v := range file.Checks {
		t.Run(v.Name, func(t *testing.T) {
			c := v.Constraints.constraints()
			rp, out, code, pvd := v.Candidate.parts(t)
			if got := kindOf(CheckCommitments(c, rp, out, code)); got != v.CommitmentsAlone {
				t.Errorf("commitments alone: %s, want %s", got, v.CommitmentsAlone)
			}
			m, err := CheckCandidate(c, rp, out, code, pvd)
			if got := kindOf(err); got != v.Outcome {
				t.Fatalf("outcome %s, want %s", got, v.Outcome)
			}
			if err != nil {
				return
			}
			sameModifications(t, m, v.Modifications.modifications())
			after, err := ApplyModifications(c, m)
			if err != nil {
				t.Fatal(err)
			}
			sameConstraints(t, after, v.ConstraintsAfter.constraints())
		})
	}
	var stacked Modifications
	base := file.Chain[0].OperatingConstraints.constraints()
	for i, v := range file.Chain {
		t.Run(fmt.Sprintf("chain %d", i), func(t *testing.T) {
			at, err := ApplyModifications(base, stacked)
			if err != nil {
				t.Fatal(err)
			}
			sameConstraints(t, at, v.OperatingConstraints.constraints())
			rp, out, code, pvd := v.Candidate.parts(t)
			m, err := CheckCandidate(at, rp, out, code, pvd)
			if got := kindOf(err); got != v.Outcome {
				t.Fatalf("outcome %s, want %s", got, v.Outcome)
			}
			if err != nil {
				return
			}
			sameModifications(t, m, v.Modifications.modifications())
			stacked = stacked.Stack(m)
			sameModifications(t, stacked, v.Stacked.modifications())
			after, err := ApplyModifications(base, stacked)
			if err != nil {
				t.Fatal(err)
			}
			sameConstraints(t, after, v.BaseAfterStacked.constraints())
		})
	}
	for _, v := range file.AvailabilityChunkIndices {
		features := primitives.NewBitVec(len(v.NodeFeatures))
		for i, c := range v.NodeFeatures {
			if c == '1' {
				features.Set(i)
			}
		}
		for val, want := range v.ChunkOfValidator {
			if got := ChunkIndex(features, v.Validators, v.Core, primitives.ValidatorIndex(val)); got != want {
				t.Errorf("features %q, %d validators, core %d: chunk of validator %d is %d, want %d", v.NodeFeatures, v.Validators, v.Core, val, got, want)
			}
		}
	}
}
