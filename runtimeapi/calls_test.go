package runtimeapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/scale"
)

// script is a runtime that answers by method name and notes what it was asked.
type script struct {
	answers map[string][]byte
	asked   []string
}

func (s *script) Call(_ context.Context, method string, args []byte) ([]byte, error) {
	s.asked = append(s.asked, fmt.Sprintf("%s(%x)", method, args))
	out, ok := s.answers[method]
	if !ok {
		return nil, errors.New("the runtime panicked: no answer")
	}
	return out, nil
}

func fake(apis map[string]uint32, answers map[string][]byte) (*Runtime, *script) {
	v := &Version{SpecName: "fake", SpecVersion: 7}
	for trait, n := range apis {
		v.APIs = append(v.APIs, API{APIID(trait), n})
	}
	s := &script{answers: answers}
	return New(v, s), s
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The ids that stand in every runtime (parachain-system 0.32 and sp-api 44).
func TestAPIIDs(t *testing.T) {
	for trait, want := range map[string]string{
		Core: "df6acb689907609b", MetadataAPI: "37e397fc7c91f5e4", BlockBuilder: "40fe3ad401f8959a",
		TaggedTransactionQueue: "d2bc9897eed08f15", OffchainWorkerApi: "f78b278be53f454c", SessionKeys: "ab3c0572291feb8b",
		AuraApi: "dd718d5cc53262d4", AuraUnincludedSegmentApi: "d7bdd8a272ca0d65", CollectCollationInfo: "ea93e3f16f3d6962",
		RelayParentOffsetApi: "04e70521a0d3d2f8", GetParachainInfo: "a2ddb6a58477bf63", AccountNonceApi: "bc9d89904f5b923f",
		TransactionPaymentApi: "37c8bb1350a9a2a8", GenesisBuilder: "fbc577b9d747efd6", TargetBlockRate: "ad694c0c2537478a",
		KeyToIncludeInRelayProof: "075f8cd374350e84", SchedulingV3EnabledApi: "162bf19137abacbd", ParachainHost: "af2c0297a23e6d3d",
	} {
		if got := APIID(trait); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: %x, want %s", trait, got, want)
		}
		if apiIDs[trait] != APIID(trait) {
			t.Errorf("%s is not among the ids that are kept", trait)
		}
	}
}

// What a call is asked with and how its answer is read, by the version of its API.
func TestCalls(t *testing.T) {
	ctx := context.Background()
	header := &primitives.Header{Number: 5, ParentHash: primitives.Hash{1}}
	h := hex.EncodeToString(header.EncodeTo(nil))
	included := primitives.Hash{9}
	inc := hex.EncodeToString(included[:])
	one := map[string]uint32{}
	for trait := range apiIDs {
		one[trait] = 1
	}
	with := func(trait string, version uint32) map[string]uint32 {
		m := map[string]uint32{}
		for k, v := range one {
			m[k] = v
		}
		m[trait] = version
		return m
	}
	without := func(trait string) map[string]uint32 {
		m := with(trait, 0)
		delete(m, trait)
		return m
	}
	seed := "//Alice"
	tests := []struct {
		name   string
		apis   map[string]uint32
		method string // "" if the runtime must not be asked
		args   string
		answer string
		call   func(*Runtime) (any, error)
		want   string // %v of the result
	}{
		{"initialize before Core 5", with(Core, 4), "Core_initialize_block", h, "",
			func(r *Runtime) (any, error) { return r.InitializeBlock(ctx, header) }, "0"},
		{"initialize from Core 5", with(Core, 5), "Core_initialize_block", h, "01",
			func(r *Runtime) (any, error) { return r.InitializeBlock(ctx, header) }, "1"},
		{"execute", one, "Core_execute_block", h + "0408aabb", "",
			func(r *Runtime) (any, error) {
				return nil, r.ExecuteBlock(ctx, &primitives.Block{Header: *header, Extrinsics: [][]byte{{0xaa, 0xbb}}})
			}, "<nil>"},
		{"apply", one, "BlockBuilder_apply_extrinsic", "08aabb", "010003",
			func(r *Runtime) (any, error) {
				a, err := r.ApplyExtrinsic(ctx, []byte{0xaa, 0xbb})
				return a.Err(), err
			}, "invalid transaction: Stale"},
		{"apply, failed call", one, "BlockBuilder_apply_extrinsic", "00", "00010702",
			func(r *Runtime) (any, error) {
				a, err := r.ApplyExtrinsic(ctx, nil)
				if a.Refused() {
					return nil, errors.New("a failed call is part of the block")
				}
				return a.Err(), err
			}, "Token.BelowMinimum"},
		{"inherents", one, "BlockBuilder_inherent_extrinsics", "04" + hex.EncodeToString([]byte("timstap0")) + "20" + "0100000000000000", "0408aabb",
			func(r *Runtime) (any, error) {
				return r.InherentExtrinsics(ctx, primitives.InherentData{primitives.InherentTimestamp: scale.AppendU64(nil, 1)})
			}, "[[170 187]]"},
		{"slot duration", one, "AuraApi_slot_duration", "", "7017000000000000",
			func(r *Runtime) (any, error) { return r.SlotDuration(ctx) }, "6000"},
		{"can build upon, para slot", one, "AuraUnincludedSegmentApi_can_build_upon", inc + "0300000000000000", "01",
			func(r *Runtime) (any, error) { return r.CanBuildUpon(ctx, included, 3, 4) }, "true"},
		{"can build upon, relay slot", with(AuraUnincludedSegmentApi, 2), "AuraUnincludedSegmentApi_can_build_upon", inc + "0400000000000000", "00",
			func(r *Runtime) (any, error) { return r.CanBuildUpon(ctx, included, 3, 4) }, "false"},
		{"relay parent offset", one, "RelayParentOffsetApi_relay_parent_offset", "", "01000000",
			func(r *Runtime) (any, error) { return r.RelayParentOffset(ctx) }, "1"},
		{"relay parent offset, absent", without(RelayParentOffsetApi), "", "", "",
			func(r *Runtime) (any, error) { return r.RelayParentOffset(ctx) }, "0"},
		{"claim queue offset", with(RelayParentOffsetApi, 2), "RelayParentOffsetApi_max_claim_queue_offset", "", "02",
			func(r *Runtime) (any, error) { return r.MaxClaimQueueOffset(ctx) }, "2"},
		{"para id", one, "GetParachainInfo_parachain_id", "", "d0070000",
			func(r *Runtime) (any, error) { return r.ParachainID(ctx) }, "2000"},
		{"block rate", one, "TargetBlockRate_target_block_rate", "", "03000000",
			func(r *Runtime) (any, error) { return r.TargetBlockRate(ctx) }, "3"},
		{"scheduling V3", one, "SchedulingV3EnabledApi_scheduling_v3_enabled", "", "01",
			func(r *Runtime) (any, error) { return r.SchedulingV3Enabled(ctx) }, "true"},
		{"scheduling V3, absent", without(SchedulingV3EnabledApi), "", "", "",
			func(r *Runtime) (any, error) { return r.SchedulingV3Enabled(ctx) }, "false"},
		{"keys to prove", one, "KeyToIncludeInRelayProof_keys_to_prove", "", "080004ff" + "0104010402",
			func(r *Runtime) (any, error) { return r.KeysToProve(ctx) }, "[{[] [255]} {[1] [2]}]"},
		{"keys to prove, absent", without(KeyToIncludeInRelayProof), "", "", "",
			func(r *Runtime) (any, error) { return r.KeysToProve(ctx) }, "[]"},
		{"nonce", one, "AccountNonceApi_account_nonce", "0102", "05000000",
			func(r *Runtime) (any, error) { return r.AccountNonce(ctx, []byte{1, 2}) }, "5"},
		{"fee", one, "TransactionPaymentApi_query_info", "08aabb" + "03000000", "040800" + "09000000000000000000000000000000",
			func(r *Runtime) (any, error) {
				f, err := r.QueryInfo(ctx, []byte{0xaa, 0xbb})
				return fmt.Sprint(f.RefTime, f.ProofSize, f.Class, f.PartialFee.Lo), err
			}, "1 2 0 9"},
		{"session keys", one, "SessionKeys_generate_session_keys", "011c" + hex.EncodeToString([]byte(seed)), "0407",
			func(r *Runtime) (any, error) {
				k, p, err := r.GenerateSessionKeys(ctx, []byte{8}, &seed)
				return fmt.Sprint(k, p == nil), err
			}, "[7] true"},
		{"session keys with an owner", with(SessionKeys, 2), "SessionKeys_generate_session_keys", "0408" + "00", "04070409",
			func(r *Runtime) (any, error) {
				k, p, err := r.GenerateSessionKeys(ctx, []byte{8}, nil)
				return fmt.Sprint(k, p), err
			}, "[7] [9]"},
		{"presets", one, "GenesisBuilder_preset_names", "", "082c646576656c6f706d656e740461",
			func(r *Runtime) (any, error) { return r.GenesisPresetNames(ctx) }, "[development a]"},
		{"whole default preset", one, "GenesisBuilder_get_preset", "00", "01087b7d",
			func(r *Runtime) (any, error) {
				b, ok, err := r.GenesisPreset(ctx, "")
				return fmt.Sprint(string(b), ok), err
			}, "{}true"},
		{"unknown preset", one, "GenesisBuilder_get_preset", "010461", "00",
			func(r *Runtime) (any, error) { _, ok, err := r.GenesisPreset(ctx, "a"); return ok, err }, "false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, s := fake(tt.apis, map[string][]byte{tt.method: unhex(t, tt.answer)})
			got, err := tt.call(r)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("answer %v, want %s", got, tt.want)
			}
			var want []string
			if tt.method != "" {
				want = []string{tt.method + "(" + tt.args + ")"}
			}
			if diff := cmp.Diff(want, s.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCollationInfo(t *testing.T) {
	var vectors struct {
		Info []struct {
			Name   string
			Fields *struct {
				Upward    []testdata.Hex `json:"upward_messages"`
				Watermark uint32         `json:"hrmp_watermark"`
				Head      *testdata.Hex  `json:"head_data"`
			}
			Bytes testdata.Hex
		} `json:"collation_info"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &vectors)
	header := &primitives.Header{Number: 3}
	for _, v := range vectors.Info {
		version := uint32(2)
		if v.Fields != nil && v.Fields.Head == nil {
			version = 1
		}
		r, s := fake(map[string]uint32{CollectCollationInfo: version}, map[string][]byte{"CollectCollationInfo_collect_collation_info": v.Bytes})
		info, err := r.CollationInfo(context.Background(), header)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if v.Fields == nil {
			continue
		}
		want := header.EncodeTo(nil)
		if v.Fields.Head != nil {
			want = *v.Fields.Head
		}
		if !bytes.Equal(info.HeadData, want) || info.HrmpWatermark != v.Fields.Watermark || len(info.UpwardMessages) != len(v.Fields.Upward) {
			t.Errorf("%s: got %+v", v.Name, info)
		}
		if takesHeader := s.asked[0] != "CollectCollationInfo_collect_collation_info()"; takesHeader != (version >= 2) {
			t.Errorf("%s: asked %s", v.Name, s.asked[0])
		}
	}
	for version, want := range map[uint32]primitives.BlockDataVersion{1: 0, 2: 0, 3: 1, 4: 1} {
		r, _ := fake(map[string]uint32{CollectCollationInfo: version}, nil)
		if got := r.BlockDataVersion(); got != want {
			t.Errorf("API version %d: block data version %d, want %d", version, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	r, s := fake(map[string]uint32{AuraApi: 1, RelayParentOffsetApi: 1, TaggedTransactionQueue: 3, GenesisBuilder: 1, BlockBuilder: 6}, map[string][]byte{
		"AuraApi_slot_duration":         scale.AppendU64(nil, 0),
		"AuraApi_authorities":           {4, 1, 2},
		"GenesisBuilder_build_state":    append([]byte{1, 12}, "bad"...),
		"BlockBuilder_finalize_block":   append((&primitives.Header{}).EncodeTo(nil), 0),
		"BlockBuilder_check_inherents":  append(append([]byte{0, 1, 4}, "timstap0"...), 4, 1),
		"BlockBuilder_apply_extrinsic":  {0, 2},
		"TaggedTransactionQueue_absent": nil,
	})
	var missing *NoAPIError
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"no API":          {second(r.CollationInfo(ctx, &primitives.Header{})), "runtime fake-7 lacks the API CollectCollationInfo"},
		"older API":       {second(r.MaxClaimQueueOffset(ctx)), "runtime fake-7 has version 1 of the API RelayParentOffsetApi, not 2"},
		"zero duration":   {second(r.SlotDuration(ctx)), "AuraApi_slot_duration: the runtime says 0 ms"},
		"short answer":    {second(r.Authorities(ctx)), "AuraApi_authorities: decode result"},
		"genesis":         {r.GenesisBuildState(ctx, []byte("{}")), "GenesisBuilder_build_state: the runtime says: bad"},
		"surplus":         {second(r.FinalizeBlock(ctx)), "BlockBuilder_finalize_block: decode result"},
		"unknown variant": {second(r.ApplyExtrinsic(ctx, nil)), "BlockBuilder_apply_extrinsic: decode result"},
		"panic":           {second(r.ValidateTransaction(ctx, SourceExternal, nil, primitives.Hash{})), "TaggedTransactionQueue_validate_transaction: the runtime panicked"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", name, tt.err, tt.want)
		}
	}
	if _, err := r.CollationInfo(ctx, &primitives.Header{}); !errors.As(err, &missing) || missing.Trait != CollectCollationInfo {
		t.Errorf("no *NoAPIError but %v", err)
	}
	if last := s.asked[len(s.asked)-1]; strings.Contains(last, "collect") {
		t.Error("a runtime without the API was asked")
	}
	c, err := r.CheckInherents(ctx, &primitives.Block{}, primitives.InherentData{})
	if err != nil || c.Err() == nil || c.Err().Error() != "inherents are wrong: the timestamp is too far in the future" {
		t.Errorf("check inherents: %v, %v", c, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMetadataNewest(t *testing.T) {
	r, s := fake(map[string]uint32{MetadataAPI: 2}, map[string][]byte{
		"Metadata_metadata_versions":   {12, 14, 0, 0, 0, 15, 0, 0, 0, 16, 0, 0, 0},
		"Metadata_metadata_at_version": {1, 8, 1, 2},
	})
	raw, err := r.RawMetadata(context.Background())
	if err != nil || !bytes.Equal(raw, []byte{1, 2}) || s.asked[1] != "Metadata_metadata_at_version(10000000)" {
		t.Errorf("%x %v, asked %v", raw, err, s.asked)
	}
	r, s = fake(map[string]uint32{MetadataAPI: 1}, map[string][]byte{"Metadata_metadata": {8, 1, 2}})
	if raw, err = r.RawMetadata(context.Background()); err != nil || !bytes.Equal(raw, []byte{1, 2}) || len(s.asked) != 1 {
		t.Errorf("%x %v, asked %v", raw, err, s.asked)
	}
}
