package executor

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Stats are what an engine's calls took. They are measured only with [Config.Stats]:
// looking at the clock twice costs as much as a small host function.
type Stats struct {
	Calls uint64
	Time  time.Duration // in calls, host functions included
	Host  []HostStats   // those that were called, the longest first
}

// HostStats are the calls of one host function.
type HostStats struct {
	Name  string
	Calls uint64
	Time  time.Duration
}

// HostTime is the time in all host functions.
func (s *Stats) HostTime() (sum time.Duration) {
	for _, h := range s.Host {
		sum += h.Time
	}
	return sum
}

// meter counts calls and their time.
type meter struct {
	calls atomic.Uint64
	nanos atomic.Int64
}

func (m *meter) add(from time.Time) {
	m.calls.Add(1)
	m.nanos.Add(int64(time.Since(from)))
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	s := Stats{Calls: e.calls.calls.Load(), Time: time.Duration(e.calls.nanos.Load())}
	for name, m := range e.host {
		if n := m.calls.Load(); n > 0 {
			s.Host = append(s.Host, HostStats{name, n, time.Duration(m.nanos.Load())})
		}
	}
	slices.SortFunc(s.Host, func(a, b HostStats) int {
		if a.Time != b.Time {
			return int(b.Time - a.Time)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s
}
