// Package metrics counts what a running network does, under the names that Substrate and
// Cumulus nodes give to the same things, so that dashboards and alerts made for nodes fit.
// Every such name is cited with the crate that registers it; metrics of our own begin with
// pileus_. All carry the label chain, as a node's do (sc-service 0.63,
// PrometheusConfig::new_with_default_registry).
//
// Times are the network's own, in which a relay slot takes 6 s, however fast its clock
// runs; only those of the RPC server, the process and pileus_slot_lateness_seconds are the
// wall clock's. docs/metrics.md lists all of them.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pileus/dev/store"
	"pileus/pipeline"
	"pileus/primitives"
)

// Node says which node the metrics are of, and what only it knows.
type Node struct {
	Chain   string            // id of the chain
	Para    primitives.ParaID // whose events count
	Name    string            // of the node
	Version string            // of the program
	Leaves  func() float64    // blocks of the parachain without children
	Ready   func() float64    // transactions that could go into a block
	Speed   func() float64    // how much of the network's time passes per time of the wall clock
}

// Set is the metrics of one node. All methods may be called from any goroutine.
type Set struct {
	RPC RPC

	registry *prometheus.Registry
	para     primitives.ParaID

	// sc-service 0.63, metrics.rs
	height *prometheus.GaugeVec
	// sc-proposer-metrics 0.20, Metrics
	constructed  prometheus.Histogram
	transactions prometheus.Gauge
	ended        *prometheus.CounterVec
	// sc-consensus 0.60, metrics.rs
	imported   *prometheus.CounterVec
	importTime prometheus.Histogram
	// sc-network 0.61, service/metrics.rs
	peers prometheus.Gauge
	// polkadot-node-collation-generation 36, metrics.rs
	generated prometheus.Counter
	// polkadot-collator-protocol 36, collator_side/metrics.rs
	backing     prometheus.Histogram
	backingTime prometheus.Histogram
	inclusion   prometheus.Histogram
	expired     *prometheus.HistogramVec
	// cumulus-client-service 0.42, ParachainInformantMetrics
	backedEvery prometheus.Histogram
	segment     prometheus.Histogram
	// our own
	lateness    prometheus.Histogram
	relayHeight *prometheus.GaugeVec
	slots       *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	refused     *prometheus.CounterVec
	passed      *prometheus.CounterVec
	declined    *prometheus.CounterVec
	reorgs      prometheus.Counter
	authored    *prometheus.CounterVec
	pov         prometheus.Histogram

	mu         sync.Mutex
	waits      map[primitives.Hash]*wait // authored blocks that are neither included nor dropped
	lastBacked time.Duration
	best       uint32
}

// wait is a block on its way.
type wait struct {
	number      uint32
	relayParent uint32
	state       string        // in the words of polkadot_parachain_collation_expired, "" before it is offered
	fetched     time.Duration // when the first validator had it and found it good
}

// maxWaits bounds the blocks on their way.
const maxWaits = 4096

// New makes the metrics of a node.
func New(node Node) *Set {
	s := &Set{registry: prometheus.NewRegistry(), para: node.Para, waits: map[primitives.Hash]*wait{}}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := registrar{prometheus.WrapRegistererWith(prometheus.Labels{"chain": node.Chain}, s.registry)}

	info := r.gauges("substrate_build_info", "A metric with a constant '1' value labeled by name, version", "name", "version")
	info.WithLabelValues(node.Name, node.Version).Set(1)
	r.gauge("substrate_node_roles", "The roles the node is running as").Set(4) // an authority
	r.gauge("substrate_process_start_time_seconds", "Number of seconds between the UNIX epoch and the moment the process started").Set(float64(time.Now().Unix()))
	s.height = r.gauges("substrate_block_height", "Block height info of the chain", "status")
	r.now("substrate_number_leaves", "Number of known chain leaves (aka forks)", node.Leaves)
	r.now("substrate_ready_transactions_number", "Number of transactions in the ready queue", node.Ready)

	s.constructed = r.histogram("substrate_proposer_block_constructed", "Histogram of time taken to construct new block", prometheus.DefBuckets)
	s.transactions = r.gauge("substrate_proposer_number_of_transactions", "Number of transactions included in block")
	s.ended = r.counters("substrate_proposer_end_proposal_reason", "The reason why the block proposing was ended. This doesn't include errors.", "reason")
	s.imported = r.counters("substrate_import_queue_processed_total", "Blocks processed by import queue", "result")
	s.importTime = r.histogram("substrate_block_verification_and_import_time", "Time taken to verify and import blocks", prometheus.DefBuckets)
	s.peers = r.gauge("substrate_sub_libp2p_peers_count", "Number of connected peers")
	r.gauge("substrate_sub_libp2p_is_major_syncing", "Whether the node is performing a major sync or not.").Set(0) // sc-network-sync 0.60, engine.rs

	s.generated = r.counter("polkadot_parachain_collations_generated_total", "Number of collations generated.")
	s.backing = r.histogram("polkadot_parachain_collation_backing_latency", "How many blocks away from the relay parent are collations backed", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9})
	s.backingTime = r.histogram("polkadot_parachain_collation_backing_latency_time", "How much time it takes for a fetched collation to be backed", []float64{1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 24, 30})
	s.inclusion = r.histogram("polkadot_parachain_collation_inclusion_latency", "How many blocks it takes for a backed collation to be included", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	s.expired = r.histograms("polkadot_parachain_collation_expired", "How many collations expired (not backed or not included)", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30}, "state")
	s.backedEvery = r.histogram("parachain_block_backed_duration", "Time between parachain blocks getting backed by the relaychain", prometheus.DefBuckets)
	s.segment = r.histogram("parachain_unincluded_segment_size", "Number of blocks between best block and last included block", prometheus.LinearBuckets(0, 1, 25))

	s.lateness = r.histogram("pileus_slot_lateness_seconds", "How much later than due by the wall clock what belongs to a moment of the network's time happens", []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 6})
	s.relayHeight = r.gauges("pileus_relay_block_height", "Block height of the embedded relay chain", "status")
	s.slots = r.counters("pileus_relay_slots_total", "Relay slots, with a block or without", "result")
	s.authored = r.counters("pileus_blocks_authored_total", "Parachain blocks authored", "collator")
	s.dropped = r.counters("pileus_blocks_dropped_total", "Authored blocks that can no longer be included", "reason")
	s.refused = r.counters("pileus_authoring_refused_total", "Attempts to author that came to nothing", "reason")
	s.passed = r.counters("pileus_authoring_passed_total", "Relay parents on which a collator made no attempt", "reason")
	s.declined = r.counters("pileus_candidates_declined_total", "Candidates that a validator turned down", "reason")
	s.reorgs = r.counter("pileus_reorgs_total", "Times that the parachain's best block moved to another branch")
	s.pov = r.histogram("pileus_pov_size_bytes", "Size of PoVs, compressed", prometheus.ExponentialBuckets(1<<10, 4, 8))
	r.now("pileus_clock_speed_ratio", "How much of the network's time passes per time of the wall clock", node.Speed)
	s.RPC.register(r)
	return s
}

// Handler serves the metrics at /metrics in the text format of Prometheus, and nothing else
// (substrate-prometheus-endpoint 0.17, request_metrics).
func (s *Set) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8, Timeout: 10 * time.Second}))
	return mux
}

// Late notes how late something happened by the wall clock.
func (s *Set) Late(d time.Duration) { s.lateness.Observe(d.Seconds()) }

// Relay takes in what happened to the relay chain's record.
func (s *Set) Relay(e store.Event) { heights(s.relayHeight, e) }

// Para takes in what happened to the parachain's record.
func (s *Set) Para(e store.Event) {
	heights(s.height, e)
	switch e := e.(type) {
	case store.Imported:
		s.imported.WithLabelValues("success").Inc()
		s.height.WithLabelValues("sync_target").Set(float64(e.Block.Number()))
	case store.Best:
		s.mu.Lock()
		s.best = e.Block.Number()
		s.mu.Unlock()
		if len(e.Retracted) > 0 {
			s.reorgs.Inc()
		}
	}
}

func heights(g *prometheus.GaugeVec, e store.Event) {
	switch e := e.(type) {
	case store.Best:
		g.WithLabelValues("best").Set(float64(e.Block.Number()))
	case store.Finalized:
		g.WithLabelValues("finalized").Set(float64(e.Blocks[len(e.Blocks)-1].Number()))
	}
}

// Observe takes an event in.
func (s *Set) Observe(t pipeline.Timed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := t.Event.(type) {
	case pipeline.RelayBlock:
		s.slots.WithLabelValues("block").Inc()
	case pipeline.SlotMissed:
		s.slots.WithLabelValues("missed").Inc()
	case pipeline.ParaStarted:
		s.lastBacked = 0
		clear(s.waits)
		if e.Para == s.para {
			s.peers.Set(float64(max(0, len(e.Collators)-1)))
		}
	case pipeline.Authored:
		if e.Para == s.para {
			s.authored.WithLabelValues(e.Collator).Inc()
			s.constructed.Observe(e.CostMs / 1000)
			s.transactions.Set(float64(e.Extrinsics))
			s.ended.WithLabelValues(string(e.End)).Inc()
			s.importTime.Observe(e.CostMs / 1000)
			if len(s.waits) < maxWaits {
				s.waits[e.Hash] = &wait{number: e.Number, relayParent: e.RelayParent}
			}
		}
	case pipeline.Refused:
		if e.Para != s.para {
			return
		}
		s.refused.WithLabelValues(e.Reason).Inc()
		if e.Reason == pipeline.RefusedImport {
			s.imported.WithLabelValues("bad_block").Inc()
		}
	case pipeline.Passed:
		if e.Para == s.para {
			s.passed.WithLabelValues(e.Reason).Inc()
		}
	default:
		s.candidate(t.At, e)
	}
}

// candidate counts what happens to candidates. A candidate of several blocks counts as its last one.
func (s *Set) candidate(at time.Duration, e pipeline.Event) {
	switch e := e.(type) {
	case pipeline.Advertised:
		if e.Para != s.para {
			return
		}
		s.generated.Inc()
		s.pov.Observe(float64(e.PoVBytes))
		if w := s.waits[e.Hash]; w != nil {
			w.state = "advertised"
		}
	case pipeline.Seconded:
		if w := s.waits[e.Hash]; w != nil && w.state == "advertised" {
			w.state, w.fetched = "fetched", at
		}
	case pipeline.Declined:
		if e.Para == s.para {
			s.declined.WithLabelValues(e.Reason).Inc()
		}
	case pipeline.Backed:
		if e.Para != s.para {
			return
		}
		s.backing.Observe(float64(e.Relay - e.RelayParent))
		if w := s.waits[e.Hash]; w != nil {
			if w.state == "fetched" {
				s.backingTime.Observe((at - w.fetched).Seconds())
			}
			w.state = "backed"
		}
		if s.lastBacked > 0 {
			s.backedEvery.Observe((at - s.lastBacked).Seconds())
		}
		s.lastBacked = at
	case pipeline.Included:
		if e.Para != s.para {
			return
		}
		s.inclusion.Observe(float64(e.Relay - e.BackedIn))
		s.segment.Observe(float64(max(s.best, e.Number) - e.Number))
		delete(s.waits, e.Hash)
		for hash, w := range s.waits {
			if w.state == "" && w.number < e.Number { // it came along in this candidate
				delete(s.waits, hash)
			}
		}
	case pipeline.Dropped:
		if e.Para != s.para {
			return
		}
		s.dropped.WithLabelValues(e.Reason).Inc()
		if w := s.waits[e.Hash]; w != nil && w.state != "" {
			s.expired.WithLabelValues(w.state).Observe(float64(e.Relay - w.relayParent))
		}
		delete(s.waits, e.Hash)
	}
}
