package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"pileus/chainspec"
	"pileus/runtimeapi"
)

// Report is what a check comes to. Its JSON form is the output of `pileus check --json`.
type Report struct {
	Verdict  string   `json:"verdict"` // one sentence
	Profile  string   `json:"profile"`
	Chosen   bool     `json:"profile_chosen"` // by --profile, not by what was found
	Next     *Next    `json:"next,omitempty"` // nil: there is none
	Promise  uint64   `json:"promised_interval_ms,omitempty"`
	Pace     uint64   `json:"expected_interval_ms,omitempty"` // 0: no block
	Runtime  Runtime  `json:"runtime"`
	Release  Release  `json:"release"`
	Rows     []Row    `json:"rows"`
	Notes    []string `json:"notes,omitempty"`
	Probes   []Probe  `json:"probes"`
	Unjudged string   `json:"unjudged,omitempty"` // why no block was built

	onRelay string // what becomes of the chain on the relay chain that was given, if it is slow there
}

// Next is the next profile and what it would ask besides.
type Next struct {
	Profile string   `json:"profile"`
	Missing []string `json:"missing"` // ids of rows
}

// Runtime is what was judged.
type Runtime struct {
	SpecName     string            `json:"spec_name"`
	SpecVersion  uint32            `json:"spec_version"`
	CodeHash     string            `json:"code_hash"`
	CodeSize     int               `json:"code_size"`
	APIs         map[string]uint32 `json:"apis"` // versions of those that matter here
	SlotDuration uint64            `json:"slot_duration_ms,omitempty"`
}

// Failures are the rows that fail: errors first, each in the order of the guide.
func (r *Report) Failures() (list []Row) {
	for _, row := range r.Rows {
		if row.Verdict == Fails {
			list = append(list, row)
		}
	}
	slices.SortStableFunc(list, func(a, b Row) int { return rank(a.Severity) - rank(b.Severity) })
	return list
}

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Info}, s) }

// Has tells whether a row of that severity fails.
func (r *Report) Has(s Severity) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Verdict == Fails && row.Severity == s })
}

// Row is the row with that id.
func (r *Report) Row(id string) *Row {
	for i := range r.Rows {
		if r.Rows[i].ID == id {
			return &r.Rows[i]
		}
	}
	return nil
}

// report judges what was seen.
func (s *subject) report(ctx context.Context, spec *chainspec.Spec, o Options) (*Report, error) {
	profile := s.profile()
	chosen := o.Profile != "" && o.Profile != Auto
	if chosen {
		profile = o.Profile
	}
	var sims *simulations
	if o.Relay != nil && s.seen.Built {
		var err error
		if sims, err = s.simulate(ctx, spec, o); err != nil {
			return nil, err
		}
	}
	j := s.judge(profile, o, sims)
	r := &Report{Profile: profile, Chosen: chosen, Promise: j.promise, Rows: j.rows, Release: s.static.Release, Notes: s.notes,
		Probes: s.seen.Probes, Runtime: s.runtime(), Unjudged: s.unjudged()}
	if pace, ok := s.seen.Pace[j.collator]; ok {
		r.Pace = pace.Interval()
	}
	if next := nextOf(profile); next != "" && s.seen.Built {
		n := &Next{Profile: next, Missing: []string{}}
		for _, row := range s.judge(next, o, nil).rows {
			if row.Verdict == Fails && r.Row(row.ID).Verdict != Fails {
				n.Missing = append(n.Missing, row.ID)
			}
		}
		r.Next = n
	}
	r.onRelay = sims.worst()
	r.Verdict = r.sentence()
	return r, nil
}

func (s *subject) runtime() Runtime {
	v := s.static.Version
	r := Runtime{SpecName: v.SpecName, SpecVersion: v.SpecVersion, CodeHash: s.static.CodeHash.String(), CodeSize: s.static.StoredSize, APIs: map[string]uint32{}}
	for _, trait := range []string{runtimeapi.Core, runtimeapi.AuraApi, runtimeapi.AuraUnincludedSegmentApi, runtimeapi.CollectCollationInfo,
		runtimeapi.RelayParentOffsetApi, runtimeapi.GetParachainInfo, runtimeapi.TargetBlockRate, runtimeapi.KeyToIncludeInRelayProof,
		runtimeapi.SchedulingV3EnabledApi, "GetCoreSelectorApi", runtimeapi.GenesisBuilder, "NimbusApi"} {
		if n, ok := v.API(trait); ok {
			r.APIs[trait] = n
		}
	}
	if s.chain != nil {
		r.SlotDuration = s.chain.Facts.SlotDuration
	}
	return r
}

// unjudged says why the probes say nothing, if they do not.
func (s *subject) unjudged() string {
	switch {
	case s.absent != "":
		return s.absent
	case s.seen.Broken != "" && !s.seen.Built:
		return "no block could be built: " + s.seen.Broken
	case s.seen.Broken != "":
		return "probing ended early: " + s.seen.Broken
	}
	return ""
}

// sentence is the verdict.
func (r *Report) sentence() string {
	failures := r.Failures()
	var errors, warnings []string
	for _, f := range failures {
		if f.Severity == Error {
			errors = append(errors, f.ID)
		} else {
			warnings = append(warnings, f.ID)
		}
	}
	unknown := 0
	for _, row := range r.Rows {
		if row.Verdict == NotKnown {
			unknown++
		}
	}
	s := ""
	switch {
	case len(errors) > 0:
		s = fmt.Sprintf("%s: %s", map[bool]string{true: "1 step fails", false: fmt.Sprintf("%d steps fail", len(errors))}[len(errors) == 1], strings.Join(errors, ", "))
	case len(warnings) > 0:
		s = fmt.Sprintf("Works as it is, but %s will bite: %s", plural(len(warnings), "step"), strings.Join(warnings, ", "))
	case r.Unjudged != "":
		s = "Not judged"
	default:
		s = "Sound"
	}
	if len(errors) > 0 && len(warnings) > 0 {
		s += fmt.Sprintf("; besides, %s", strings.Join(warnings, ", "))
	}
	if r.Unjudged != "" {
		return s + ": " + r.Unjudged
	}
	s += fmt.Sprintf(" (profile %s", r.Profile)
	switch {
	case r.onRelay != "":
		s += "; on this relay chain " + r.onRelay
	case r.Pace > 0:
		s += fmt.Sprintf(", a block every %.4g s", float64(r.Pace)/1000)
	default:
		s += ", no block"
	}
	return s + ")"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sortedByCount lists the names, the most frequent first.
func sortedByCount(counts map[string]int) []string {
	list := slices.Sorted(maps.Keys(counts))
	sort.SliceStable(list, func(i, j int) bool { return counts[list[i]] > counts[list[j]] })
	return list
}
