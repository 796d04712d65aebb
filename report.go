package pileus

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"time"

	"golang.org/x/crypto/blake2b"

	"pileus/hashing"
	"pileus/pipeline"
	"pileus/primitives"
)

// Report is what a run came to. Its JSON form is the output of `pileus simulate --json`.
type Report struct {
	VirtualMs   int64        `json:"virtual_ms"`
	RelayBlocks uint32       `json:"relay_blocks"`
	Digest      string       `json:"events_digest"` // blake2b-256 of the events as JSON lines
	Verdict     string       `json:"verdict"`
	Paras       []ParaReport `json:"paras"`
	Executions  Executions   `json:"executions"`
	Settings    any          `json:"settings"`
	Simplified  []string     `json:"simplified"`
	Notes       []string     `json:"notes,omitempty"` // what was changed in the state before the start, and other words to the reader
	Interrupted bool         `json:"interrupted,omitempty"`
}

// Executions counts real executions of validate_block and answers that were taken from one.
type Executions struct {
	Executed uint64 `json:"executed"`
	Reused   uint64 `json:"reused"`
}

// ParaReport is what became of one parachain's blocks.
type ParaReport struct {
	ID         primitives.ParaID `json:"id"`
	Name       string            `json:"name"`
	Authored   int               `json:"authored"` // blocks
	Seconded   int               `json:"seconded"` // candidates
	Backed     int               `json:"backed"`   // candidates
	Included   int               `json:"included"` // blocks
	Dropped    map[string]int    `json:"dropped"`
	Refused    map[string]int    `json:"refused"`
	Passed     map[string]int    `json:"passed"` // why relay parents were passed over
	Collators  []CollatorReport  `json:"collators"`
	PoV        Sizes             `json:"pov_bytes"`
	Stages     []Stage           `json:"stages"`
	LatencyMs  Latency           `json:"latency_ms"` // mean, of included blocks
	Extrinsics int               `json:"extrinsics"` // in authored blocks, with the inherents

	collatorKind string
	povLimit     uint32
	declined     map[string]int    // reasons of validators, candidates
	words        map[string]string // of a reason: the last words heard
	depths       []int             // of the segment, block by block
	intervals    []float64         // all, ms
}

// CollatorReport is one collator's share.
type CollatorReport struct {
	Name     string `json:"name"`
	Authored int    `json:"authored"`
	Included int    `json:"included"`
}

// Sizes are those of the PoVs, compressed, in bytes.
type Sizes struct {
	Mean int `json:"mean"`
	Max  int `json:"max"`
}

// Stage is a stretch under one code hash.
type Stage struct {
	CodeHash    hashing.Hash `json:"code_hash"`
	SpecVersion uint32       `json:"spec_version"`
	From        uint32       `json:"from_relay_block"`
	Interval    *Spread      `json:"block_interval_ms"`
	Intervals   int          `json:"intervals"`
	Depth       Depth        `json:"segment_depth"`

	intervals []float64
	depths    []int
}

// Spread describes a set of durations in milliseconds.
type Spread struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	Max  float64 `json:"max"`
}

// Depth is the length of the runtime's unincluded segment in the state after each authored block.
type Depth struct {
	Mean float64 `json:"mean"`
	Max  int     `json:"max"`
}

// Latency is the time from the start of the relay parent's slot to each step, milliseconds.
type Latency struct {
	Authored float64 `json:"authored"`
	Seconded float64 `json:"seconded"`
	Backable float64 `json:"backable"`
	Backed   float64 `json:"backed"`
	Included float64 `json:"included"`
}

// recorder makes a report of events, and their digest.
type recorder struct {
	digest hash.Hash
	sink   io.Writer // of JSON lines, or nil
	err    error     // of sink

	report  Report
	relayAt map[uint32]time.Duration // start of relay blocks, by number
	way     map[primitives.CandidateHash]*way
	blocks  map[hashing.Hash]*way
	last    map[primitives.ParaID]time.Duration // inclusion
	sums    map[primitives.ParaID]*sums
}

// way is the way of one candidate, as times since the start of the run.
type way struct {
	relayParent                            uint32
	authored, seconded, backable, backed   time.Duration
	isSeconded, isBackable, isBacked, done bool
}

type sums struct {
	pov, povs int
	latency   Latency
	counted   int
}

func newRecorder(sink io.Writer) *recorder {
	d, _ := blake2b.New256(nil)
	return &recorder{digest: d, sink: sink, relayAt: map[uint32]time.Duration{}, way: map[primitives.CandidateHash]*way{},
		blocks: map[hashing.Hash]*way{}, last: map[primitives.ParaID]time.Duration{}, sums: map[primitives.ParaID]*sums{}}
}

// observe takes in one event.
func (r *recorder) observe(t pipeline.Timed) {
	line, err := json.Marshal(t)
	if err != nil {
		r.err = err
		return
	}
	line = append(line, '\n')
	r.digest.Write(line)
	if r.sink != nil && r.err == nil {
		if _, err := r.sink.Write(line); err != nil {
			r.err = fmt.Errorf("write events: %w", err)
		}
	}
	switch e := t.Event.(type) {
	case pipeline.RelayBlock:
		r.report.RelayBlocks++
		r.relayAt[e.Number] = t.At
		r.prune(e.Number)
	case pipeline.ParaStarted:
		r.started(e)
	case pipeline.Authored:
		r.authored(t.At, e)
	case pipeline.Refused:
		p := r.para(e.Para)
		p.Refused[e.Reason]++
		p.words[e.Reason] = inWords(e.Cause)
	case pipeline.Passed:
		r.para(e.Para).Passed[e.Reason]++
	case pipeline.Advertised:
		p, s := r.para(e.Para), r.sums[e.Para]
		p.povLimit = e.PoVLimit
		s.pov += e.PoVBytes
		s.povs++
		p.PoV.Max = max(p.PoV.Max, e.PoVBytes)
	case pipeline.Seconded:
		if w := r.wayOf(e.Candidate); !w.isSeconded {
			w.isSeconded, w.seconded = true, t.At
			r.para(e.Para).Seconded++
		}
	case pipeline.Backable:
		if w := r.wayOf(e.Candidate); !w.isBackable {
			w.isBackable, w.backable = true, t.At
		}
	case pipeline.Declined:
		p := r.para(e.Para)
		p.declined[e.Reason]++
		p.words[e.Reason] = inWords(e.Detail)
	case pipeline.Backed:
		if w := r.wayOf(e.Candidate); !w.isBacked {
			w.isBacked, w.backed = true, t.At
			r.para(e.Para).Backed++
		}
	case pipeline.Included:
		r.included(t.At, e)
	case pipeline.Dropped:
		p := r.para(e.Para)
		p.Dropped[e.Reason]++
		if e.Detail != "" {
			p.words[e.Reason] = inWords(e.Detail)
		}
	case pipeline.Upgrade:
		if e.Step == "CodeUpgraded" {
			p := r.para(e.Para)
			p.Stages = append(p.Stages, Stage{CodeHash: e.Code, From: e.Relay})
		}
	}
}

func (r *recorder) started(e pipeline.ParaStarted) {
	p := ParaReport{ID: e.Para, Name: e.SpecName, collatorKind: e.Collator, Dropped: map[string]int{}, Refused: map[string]int{},
		Passed: map[string]int{}, declined: map[string]int{}, words: map[string]string{},
		Stages: []Stage{{CodeHash: e.Code, SpecVersion: e.SpecVersion, From: e.RelayBlock}}}
	for _, name := range e.Collators {
		p.Collators = append(p.Collators, CollatorReport{Name: name})
	}
	r.report.Paras = append(r.report.Paras, p)
	r.sums[e.Para] = &sums{}
}

func (r *recorder) para(id primitives.ParaID) *ParaReport {
	for i := range r.report.Paras {
		if r.report.Paras[i].ID == id {
			return &r.report.Paras[i]
		}
	}
	r.started(pipeline.ParaStarted{Para: id})
	return &r.report.Paras[len(r.report.Paras)-1]
}

func (p *ParaReport) collator(name string) *CollatorReport {
	for i := range p.Collators {
		if p.Collators[i].Name == name {
			return &p.Collators[i]
		}
	}
	return &CollatorReport{}
}

func (p *ParaReport) stage() *Stage { return &p.Stages[len(p.Stages)-1] }

func (r *recorder) wayOf(c pipeline.Candidate) *way {
	w := r.way[c.Candidate]
	if w == nil {
		if w = r.blocks[c.Hash]; w == nil {
			w = &way{}
		}
		r.way[c.Candidate] = w
	}
	return w
}

func (r *recorder) authored(at time.Duration, e pipeline.Authored) {
	p := r.para(e.Para)
	p.Authored++
	p.collator(e.Collator).Authored++
	p.Extrinsics += e.Extrinsics
	p.depths = append(p.depths, e.Segment)
	stage := p.stage()
	stage.depths = append(stage.depths, e.Segment)
	if stage.SpecVersion == 0 {
		stage.SpecVersion = e.SpecVersion
	}
	r.blocks[e.Hash] = &way{relayParent: e.RelayParent, authored: at}
}

func (r *recorder) included(at time.Duration, e pipeline.Included) {
	p, s := r.para(e.Para), r.sums[e.Para]
	p.Included += e.Blocks
	p.collator(e.Collator).Included += e.Blocks
	if last, ok := r.last[e.Para]; ok {
		ms := float64((at - last).Microseconds()) / 1000
		p.intervals = append(p.intervals, ms)
		stage := p.stage()
		stage.intervals = append(stage.intervals, ms)
	}
	r.last[e.Para] = at
	w := r.wayOf(e.Candidate)
	if from, ok := r.relayAt[w.relayParent]; ok && !w.done && w.isSeconded && w.isBackable && w.isBacked {
		w.done = true
		since := func(t time.Duration) float64 { return float64((t - from).Microseconds()) / 1000 }
		s.counted++
		s.latency.Authored += since(w.authored)
		s.latency.Seconded += since(w.seconded)
		s.latency.Backable += since(w.backable)
		s.latency.Backed += since(w.backed)
		s.latency.Included += since(at)
	}
}

// prune forgets what no candidate can need any more.
func (r *recorder) prune(number uint32) {
	const keep = 64
	if number%32 != 0 {
		return
	}
	for n := range r.relayAt {
		if n+keep < number {
			delete(r.relayAt, n)
		}
	}
	for hash, w := range r.blocks {
		if w.relayParent+keep < number {
			delete(r.blocks, hash)
		}
	}
	for hash, w := range r.way {
		if w.relayParent+keep < number {
			delete(r.way, hash)
		}
	}
}

// finish is the report up to now. The recorder can go on afterwards.
func (r *recorder) finish(now time.Duration) *Report {
	report := r.report
	report.VirtualMs = now.Milliseconds()
	report.Digest = hex.EncodeToString(r.digest.Sum(nil))
	report.Paras = slices.Clone(r.report.Paras)
	for i := range report.Paras {
		p := &report.Paras[i]
		s := r.sums[p.ID]
		if s.povs > 0 {
			p.PoV.Mean = s.pov / s.povs
		}
		if n := float64(s.counted); n > 0 {
			l := s.latency
			p.LatencyMs = Latency{round(l.Authored / n), round(l.Seconded / n), round(l.Backable / n), round(l.Backed / n), round(l.Included / n)}
		}
		p.Stages = slices.Clone(p.Stages)
		for j := range p.Stages {
			p.Stages[j].finish()
		}
	}
	report.Verdict = report.verdict()
	return &report
}

func (s *Stage) finish() {
	s.Interval, s.Intervals = spread(s.intervals), len(s.intervals)
	s.Depth = Depth{}
	sum := 0
	for _, d := range s.depths {
		sum += d
		s.Depth.Max = max(s.Depth.Max, d)
	}
	if len(s.depths) > 0 {
		s.Depth.Mean = round(float64(sum) / float64(len(s.depths)))
	}
}

// spread is nil for no durations.
func spread(list []float64) *Spread {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(list))
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	at := func(q float64) float64 { return sorted[int(math.Ceil(q*float64(len(sorted))))-1] }
	return &Spread{round(sum / float64(len(sorted))), at(0.5), at(0.95), sorted[len(sorted)-1]}
}

// round keeps microseconds: figures are for people and must not end in noise.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }
