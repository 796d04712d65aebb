package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RPC counts sessions and calls of the JSON-RPC server, under the names of sc-rpc-server 34
// (middleware/metrics.rs, RpcMetrics). Protocol is "ws" or "http".
// Only methods that the server has are counted: a node counts all others as "unknown".
type RPC struct {
	opened, closed         prometheus.Counter
	started, finished      *prometheus.CounterVec
	callTime, sessionsTime *prometheus.HistogramVec
}

// microseconds are RpcMetrics' HISTOGRAM_BUCKETS; a node has them for sessions too, which
// it measures in seconds.
var microseconds = []float64{5, 25, 100, 500, 1e3, 2.5e3, 1e4, 2.5e4, 1e5, 1e6, 1e7}

func (r *RPC) register(in registrar) {
	r.opened = in.counter("substrate_rpc_sessions_opened", "Number of persistent RPC sessions opened")
	r.closed = in.counter("substrate_rpc_sessions_closed", "Number of persistent RPC sessions closed")
	r.sessionsTime = in.histograms("substrate_rpc_sessions_time", "Total time [s] for each websocket session", microseconds, "protocol")
	r.started = in.counters("substrate_rpc_calls_started", "Number of received RPC calls (unique un-batched requests)", "protocol", "method")
	r.finished = in.counters("substrate_rpc_calls_finished", "Number of processed RPC calls (unique un-batched requests)", "protocol", "method", "is_error", "is_rate_limited")
	r.callTime = in.histograms("substrate_rpc_calls_time", "Total time [μs] of processed RPC calls", microseconds, "protocol", "method", "is_rate_limited")
}

// SessionOpened counts a WebSocket connection.
func (r *RPC) SessionOpened() { r.opened.Inc() }

// SessionClosed counts the end of a WebSocket connection that was open for so long.
func (r *RPC) SessionClosed(open time.Duration) {
	r.closed.Inc()
	r.sessionsTime.WithLabelValues("ws").Observe(float64(int64(open.Seconds())))
}

// Call counts a call of a method that the server has, once it is answered; those of a batch are calls each.
func (r *RPC) Call(protocol, method string, took time.Duration, failed bool) {
	r.started.WithLabelValues(protocol, method).Inc()
	r.callTime.WithLabelValues(protocol, method, "false").Observe(float64(took.Microseconds()))
	r.finished.WithLabelValues(protocol, method, boolean(failed), "false").Inc()
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// registrar makes metrics and registers them.
type registrar struct{ prometheus.Registerer }

func add[M prometheus.Collector](r registrar, m M) M {
	r.MustRegister(m)
	return m
}

func (r registrar) gauge(name, help string) prometheus.Gauge {
	return add(r, prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}))
}

func (r registrar) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return add(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))
}

func (r registrar) counter(name, help string) prometheus.Counter {
	return add(r, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

func (r registrar) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return add(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

func (r registrar) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return add(r, prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}))
}

func (r registrar) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return add(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels))
}

// now is a gauge whose value is asked for at every scrape.
func (r registrar) now(name, help string, value func() float64) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}
