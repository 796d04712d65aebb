package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
)

func newSet() *Set {
	value := func(v float64) func() float64 { return func() float64 { return v } }
	return New(Node{Chain: "guide", Para: 2000, Name: "Pileus", Version: "1", Leaves: value(2), Ready: value(7), Speed: value(12)})
}

// story is a block that goes its way, one that does not, and what happens beside them.
func story(s *Set) {
	at := func(seconds float64, e pipeline.Event) {
		s.Observe(pipeline.Timed{At: time.Duration(seconds * float64(time.Second)), Event: e})
	}
	para := func(n uint32) pipeline.ParaBlock {
		return pipeline.ParaBlock{Para: 2000, Number: n, Hash: hashing.Blake2b256([]byte{byte(n)})}
	}
	candidate := func(n uint32) pipeline.Candidate { return pipeline.Candidate{ParaBlock: para(n)} }
	block := func(n uint32) *store.Block {
		return &store.Block{Hash: para(n).Hash, Header: &primitives.Header{Number: n}}
	}

	at(0, pipeline.ParaStarted{Para: 2000, Collators: []string{"Alice", "Bob", "Charlie"}})
	at(0, pipeline.RelayBlock{Number: 1001})
	at(2, pipeline.Authored{ParaBlock: para(1), Collator: "Alice", RelayParent: 1001, CostMs: 250, Extrinsics: 5, End: parachain.EndWeight})
	s.Para(store.Imported{Block: block(1)})
	s.Para(store.Best{Block: block(1)})
	at(2.5, pipeline.Advertised{Candidate: candidate(1), PoVBytes: 5000})
	at(3, pipeline.Seconded{Candidate: candidate(1)})
	at(3.5, pipeline.Seconded{Candidate: candidate(1)})
	at(6, pipeline.RelayBlock{Number: 1002})
	at(6, pipeline.Backed{Candidate: candidate(1), Relay: 1002, RelayParent: 1001})
	at(8, pipeline.Authored{ParaBlock: para(2), Collator: "Bob", RelayParent: 1002, CostMs: 250, Extrinsics: 2, End: parachain.EndNoMore})
	s.Para(store.Best{Block: block(2), Retracted: []*store.Block{block(2)}})
	at(9, pipeline.Advertised{Candidate: candidate(2), PoVBytes: 5000})
	at(12, pipeline.SlotMissed{Slot: 3})
	at(18, pipeline.RelayBlock{Number: 1003})
	at(18, pipeline.Included{Candidate: candidate(1), Relay: 1003, BackedIn: 1002})
	at(30, pipeline.Dropped{ParaBlock: para(2), Relay: 1006, Reason: pipeline.DroppedNotBacked})
	at(31, pipeline.Refused{Para: 2000, Reason: "runtime"})
	at(31, pipeline.Passed{Para: 2000, Reason: "segment_full"})
	at(31, pipeline.Declined{Candidate: candidate(2), Reason: "Timeout"})
	at(31, pipeline.Passed{Para: 4711, Reason: "segment_full"}) // another para's
	s.Para(store.Finalized{Blocks: []*store.Block{block(1)}})
	s.Relay(store.Best{Block: block(100)})
	s.Relay(store.Finalized{Blocks: []*store.Block{block(98)}})
	s.Late(3 * time.Millisecond)
	s.RPC.SessionOpened()
	s.RPC.Call("ws", "chain_getHeader", 30*time.Microsecond, false)
	s.RPC.SessionClosed(90 * time.Second)
}

func TestValues(t *testing.T) {
	s := newSet()
	story(s)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	res, err := http.Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain; version=0.0.4") {
		t.Errorf("content type %s", ct)
	}
	for _, want := range strings.Fields(`
		substrate_block_height{chain="guide",status="best"}=2
		substrate_block_height{chain="guide",status="finalized"}=1
		substrate_block_height{chain="guide",status="sync_target"}=1
		substrate_number_leaves{chain="guide"}=2
		substrate_ready_transactions_number{chain="guide"}=7
		substrate_proposer_block_constructed_sum{chain="guide"}=0.5
		substrate_proposer_number_of_transactions{chain="guide"}=2
		substrate_proposer_end_proposal_reason{chain="guide",reason="hit_block_weight_limit"}=1
		substrate_sub_libp2p_peers_count{chain="guide"}=2
		substrate_rpc_calls_started{chain="guide",method="chain_getHeader",protocol="ws"}=1
		substrate_rpc_calls_finished{chain="guide",is_error="false",is_rate_limited="false",method="chain_getHeader",protocol="ws"}=1
		substrate_rpc_calls_time_sum{chain="guide",is_rate_limited="false",method="chain_getHeader",protocol="ws"}=30
		substrate_rpc_sessions_opened{chain="guide"}=1
		substrate_rpc_sessions_time_sum{chain="guide",protocol="ws"}=90
		polkadot_parachain_collations_generated_total{chain="guide"}=2
		polkadot_parachain_collation_backing_latency_sum{chain="guide"}=1
		polkadot_parachain_collation_backing_latency_time_sum{chain="guide"}=3
		polkadot_parachain_collation_inclusion_latency_sum{chain="guide"}=1
		polkadot_parachain_collation_expired_sum{chain="guide",state="advertised"}=4
		parachain_unincluded_segment_size_sum{chain="guide"}=1
		pileus_relay_block_height{chain="guide",status="best"}=100
		pileus_relay_slots_total{chain="guide",result="missed"}=1
		pileus_blocks_dropped_total{chain="guide",reason="not_backed"}=1
		pileus_authoring_passed_total{chain="guide",reason="segment_full"}=1
		pileus_reorgs_total{chain="guide"}=1
		pileus_slot_lateness_seconds_count{chain="guide"}=1
		pileus_clock_speed_ratio{chain="guide"}=12`) {
		name, value, _ := strings.Cut(strings.Replace(want, "}=", "}\x00", 1), "\x00")
		if !strings.Contains(string(body), "\n"+name+" "+value+"\n") {
			t.Errorf("%s is not %s:\n%s", name, value, linesWith(string(body), name[:strings.Index(name, "{")]))
		}
	}
	if len(s.waits) != 0 {
		t.Errorf("%d blocks are waited for that have ended", len(s.waits))
	}
	for _, path := range []string{"/", "/metrics/x"} {
		if res, err := http.Get(server.URL + path); err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v %v", path, res, err)
		}
	}
}

func linesWith(body, word string) string {
	var out []string
	for _, line := range strings.Split(body, "\n") {
		if strings.HasPrefix(line, word) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// Our own names follow the rules of Prometheus. Those of nodes do not all, and are kept.
func TestLint(t *testing.T) {
	s := newSet()
	story(s)
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "pileus_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// docs/metrics.md has every metric.
func TestDocumented(t *testing.T) {
	doc := readDoc(t)
	s := newSet()
	story(s)
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("docs/metrics.md lacks %s", name)
		}
	}
}

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
