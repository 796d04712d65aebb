package rpc_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/primitives"
	"pileus/scale"
)

// TestBothSides follows a parachain block through both endpoints, as a tool would that
// looks for its inclusion.
func TestBothSides(t *testing.T) {
	n := start(t, nil)
	para := dial(t, serve(t, rpc.Para(n, info), jsonrpc.Options{}))
	relay := dial(t, serve(t, rpc.Relay(n, rpc.Info{Name: "pileus", Chain: "Embedded relay chain"}), jsonrpc.Options{}))
	reach(t, n, 2)
	var hash, header string
	para.ask(&hash, "chain_getFinalizedHead")
	para.ask(&header, "archive_v1_header", hash)
	// Final on the parachain means: included in a relay block that is final. Its head stands in
	// the relay chain's storage.
	var relayHead, stored string
	relay.ask(&relayHead, "chain_getFinalizedHead")
	id := n.Chain().ParaID
	relay.ask(&stored, "state_getStorage", hx(primitives.KeyParaHead(id)), relayHead)
	raw, _ := hex.DecodeString(stored[2:])
	head := scale.NewDecoder(raw).Bytes(1 << 20)
	var included primitives.Header
	if err := scale.Decode(head, &included); err != nil {
		t.Fatal(err)
	}
	var mine primitives.Header
	raw, _ = hex.DecodeString(header[2:])
	if err := scale.Decode(raw, &mine); err != nil || included.Number < mine.Number {
		t.Errorf("final #%d, included #%d: %v", mine.Number, included.Number, err)
	}
	// The same by state_call.
	var answer string
	relay.ask(&answer, "state_call", "ParachainHost_persisted_validation_data", hx(append(scale.AppendU32(nil, uint32(id)), 1)), relayHead)
	raw, _ = hex.DecodeString(answer[2:])
	var pvd primitives.PersistedValidationData
	if raw[0] != 1 || scale.Decode(raw[1:], &pvd) != nil || string(pvd.ParentHead) != string(head) {
		t.Errorf("%+v", pvd)
	}
	// A relay block in which a candidate of the parachain is included.
	var sub string
	relay.ask(&sub, "chain_subscribeNewHeads")
	for found := false; !found; {
		var h struct{ ParentHash string }
		relay.next(sub, &h)
		relay.ask(&answer, "state_call", "ParachainHost_candidate_events", "0x", h.ParentHash)
		raw, _ = hex.DecodeString(answer[2:])
		found = len(raw) > 1 && primitives.CandidateEventKind(raw[1]) == primitives.CandidateIncluded
	}
	var block struct {
		Block struct{ Extrinsics []string }
	}
	relay.ask(&block, "chain_getBlock")
	if len(block.Block.Extrinsics) < 2 {
		t.Errorf("a relay block with %d extrinsics", len(block.Block.Extrinsics))
	}
	for _, method := range []string{"state_getMetadata", "state_getRuntimeVersion"} {
		if got := relay.text(method); !strings.HasPrefix(got, "4003 Client error: ") {
			t.Errorf("%s: %.200s", method, got)
		}
	}
	if got := relay.text("author_submitExtrinsic", "0x00"); got != "-32601 Method not found " {
		t.Error(got)
	}
	// chainHead says at once that there is no runtime.
	relay.ask(&sub, "chainHead_v1_follow", true)
	var first struct {
		Event                string
		FinalizedBlockHashes []string
		Runtime              json.RawMessage `json:"finalizedBlockRuntime"`
	}
	relay.next(sub, &first)
	if first.Event != "initialized" || !strings.HasPrefix(string(first.Runtime), `{"type":"invalid","error":"`) {
		t.Errorf("%s %s", first.Event, first.Runtime)
	}
}
