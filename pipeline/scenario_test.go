package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
)

// TestScenarios runs the scenarios of testdata: what a relay chain with asynchronous
// backing does in the cases that matter, one phenomenon a file, told as a timeline in
// relay blocks. `go test ./pipeline -run Scenarios -rewrite` writes what happens now.
//
// The relay chain, its validators and the network between them are those of every run.
// The parachains are test paras (scenario_para_test.go): they need no Wasm, and their
// collators do what the script says. R1 is the first relay block of the run, A3 the block
// number 3 of para A, A3b another block of that number, A3* a forged one.
//
// The commands are
//
//	run 20 [validators=5] [session-blocks=600] [rules=classic] [fresh] [seed=1] [claims] [groups]
//	continue 5 [claims] [groups]
//
// run begins with a new network. The lines below them say what is special:
//
//	set field=value...                         of the host configuration
//	para A [core=0] [capacity=3] [velocity=1] [cost=500ms] [ballast=bytes] [bomb]
//	late A4 by=5s                              the block is advertised so much later
//	late statements by=5s [from=R4] [to=R6]    so are all statements
//	sibling A                                  the next block gets a sibling
//	idle A
//	resume A
//	offline  validators=(0,1) or group=0 [first=1] [from=R4] [to=R6]
//	silent   validators=(0,1) or group=0 [from=R4] [to=R6]    their statements are lost
//	withhold validators=(0,1) or group=0 [from=R4] [to=R6]    their bitfields are lost
//	skip-slot R5 [slots=1]                     slots that pass without a block before R5
//	forge A fault [v1] [at=R4] [late=3s]       a bad candidate instead of the next block
//
// The faults are those of [forgery.change]. Validators are numbered by their place among
// the authorities; groups as the session has them.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t, s.d, s.args = t, d, d.CmdArgs
			switch d.Cmd {
			case "run":
				s.begin()
			case "continue":
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return s.run()
		})
	})
}

// scenario is one network with its script.
type scenario struct {
	t     *testing.T
	d     *datadriven.TestData
	args  []datadriven.CmdArg // of the command or the line at hand
	cfg   Config
	n     *Network // from the first run on
	paras []*testPara
	rules []rule
	*timeline
	forgeries []*forgery
}

// rule is a fault that lasts for some relay blocks.
type rule struct {
	kind       string // offline, silent, withhold, late, skip-slot
	validators []primitives.ValidatorIndex
	group      *int
	first      int    // of the group; 0: all
	from, to   uint32 // R numbers of the best block
	by         time.Duration
	slots      int
}

// begin begins with a new network.
func (s *scenario) begin() {
	*s = scenario{t: s.t, d: s.d, args: s.args, timeline: newTimeline()}
	s.cfg = Config{Seed: uint64(s.number("seed", 1)), Validators: int(s.number("validators", 5)), PVF: testPVF{}, Events: s.observe,
		Relay: relay.GenesisConfig{Config: testConfig(), SessionBlocks: s.number("session-blocks", 600), Fresh: s.d.HasArg("fresh")}}
	if s.word("rules", "") == "classic" {
		s.cfg.Relay.Rules = relay.Classic
	}
}

func (s *scenario) run() string {
	count, err := strconv.Atoi(s.args[0].Key)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(s.d.Input), "\n") {
		s.line(line)
	}
	if s.n == nil {
		s.start()
	}
	s.timeline.begin(s.d.HasArg("claims"), s.d.HasArg("groups"))
	if err := s.n.Run(context.Background(), uint32(count)); err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return s.timeline.text() + s.forged()
}

// line does what a line of the script says.
func (s *scenario) line(line string) {
	cmd, args, err := datadriven.ParseLine(line)
	if err != nil {
		s.d.Fatalf(s.t, "%q: %v", line, err)
	}
	s.args = args
	switch cmd {
	case "":
	case "set":
		s.set()
	case "para":
		s.para()
	case "late":
		if args[0].Key == "statements" {
			s.rule(cmd)
			return
		}
		for _, p := range s.paras {
			p.late[args[0].Key] = s.duration("by", 0)
		}
	case "sibling":
		s.named().siblings = 1
	case "idle", "resume":
		s.named().idle = cmd == "idle"
	case "offline", "silent", "withhold":
		s.rule(cmd)
	case "skip-slot":
		at := s.r(args[0].Key)
		s.rules = append(s.rules, rule{kind: cmd, from: at, slots: int(s.number("slots", 1))})
	case "forge":
		s.forgery()
	default:
		s.d.Fatalf(s.t, "unknown line %q", line)
	}
}

func (s *scenario) forgery() {
	p, fault := s.named(), s.args[1]
	f := &forgery{fault: fault.Key, at: s.rAt("at", 0), late: s.duration("late", 0), v1: s.has("v1")}
	if fault.Key == "relay-parent" && fault.Vals[0] != "unknown" {
		f.target = s.r(fault.Vals[0])
	}
	p.forge, s.forgeries = append(p.forge, f), append(s.forgeries, f)
}

func (s *scenario) set() {
	c := &s.cfg.Relay.Config
	fields := map[string]*uint32{"scheduling_lookahead": &c.SchedulerParams.Lookahead, "group_rotation_frequency": &c.SchedulerParams.GroupRotationFrequency,
		"paras_availability_period": &c.SchedulerParams.ParasAvailabilityPeriod, "num_cores": &c.SchedulerParams.NumCores,
		"max_candidate_depth": &c.AsyncBackingParams.MaxCandidateDepth, "allowed_ancestry_len": &c.AsyncBackingParams.AllowedAncestryLen,
		"minimum_backing_votes": &c.MinimumBackingVotes, "max_pov_size": &c.MaxPoVSize}
	for _, a := range s.args {
		if fields[a.Key] == nil {
			s.d.Fatalf(s.t, "no field %s", a.Key)
		}
		*fields[a.Key] = s.number(a.Key, 0)
	}
}

// testConfig is the default configuration: lookahead 3, rotation 20, availability period 4, two votes.
func testConfig() primitives.HostConfiguration {
	return primitives.HostConfiguration{
		MaxCodeSize: 3 << 20, MaxHeadDataSize: 32 << 10,
		MaxUpwardQueueCount: 8, MaxUpwardQueueSize: 1 << 20, MaxUpwardMessageSize: 50 << 10, MaxUpwardMessageNumPerCandidate: 5,
		HrmpMaxMessageNumPerCandidate: 5, ValidationUpgradeCooldown: 2, ValidationUpgradeDelay: 2, MinimumValidationUpgradeDelay: 30,
		AsyncBackingParams: primitives.AsyncBackingParams{MaxCandidateDepth: 3, AllowedAncestryLen: 2},
		MaxPoVSize:         10 << 20, MaxDownwardMessageSize: 1 << 20,
		CodeRetentionPeriod: 1200, DisputePeriod: 6, DisputePostConclusionAcceptancePeriod: 100,
		NoShowSlots: 2, NDelayTranches: 25, NeededApprovals: 2, RelayVrfModuloSamples: 2, PvfVotingTTL: 2, MinimumBackingVotes: 2,
		NodeFeatures:             primitives.BitsOf(4, primitives.FeatureAssignmentsV2, primitives.FeatureElasticScaling, primitives.FeatureCandidateReceiptV2),
		MaxApprovalCoalesceCount: 1,
		SchedulerParams:          primitives.SchedulerParams{GroupRotationFrequency: 20, ParasAvailabilityPeriod: 4, Lookahead: 3, OnDemandQueueMaxSize: 500},
	}
}

// para adds a para before the start.
func (s *scenario) para() {
	p := &testPara{chain: &chain{id: primitives.ParaID(2000 + len(s.paras)), blocks: map[primitives.Hash]*builtBlock{}}, name: s.args[0].Key,
		core: primitives.CoreIndex(s.number("core", uint32(len(s.paras)))), capacity: int(s.number("capacity", 3)), velocity: int(s.number("velocity", 1)),
		cost: s.duration("cost", 500*time.Millisecond), ballast: int(s.number("ballast", 0)), bomb: s.has("bomb"),
		late: map[string]time.Duration{}, names: map[uint32]int{}}
	s.paras = append(s.paras, p)
	s.cfg.Relay.Paras = append(s.cfg.Relay.Paras, p.parachain())
}

// start starts the network with everything that the script has said so far.
func (s *scenario) start() {
	s.cfg.Faults = Faults{
		Offline:  func(v primitives.ValidatorIndex, number uint32) bool { return s.holds("offline", v, number) != nil },
		SkipSlot: func(primitives.Slot) bool { return s.n != nil && slices.ContainsFunc(s.rules, s.skip) },
		Statement: func(from primitives.ValidatorIndex, _ *validator.Statement) (time.Duration, bool) {
			if r := s.holds("late", from, s.n.best.number()); r != nil {
				return r.by, true
			}
			return 0, s.holds("silent", from, s.n.best.number()) == nil
		},
		Bitfield: func(from primitives.ValidatorIndex, number uint32, _ *validator.BitfieldReceived) bool {
			return s.holds("withhold", from, number) == nil
		},
		Inherent: s.inherent,
	}
	n, err := New(context.Background(), s.cfg)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	s.n, s.timeline.n = n, n
	for _, p := range s.paras {
		p.join(n)
		s.timeline.paras = append(s.timeline.paras, p)
	}
}

// skip tells whether the slot at hand is one of those that the rule skips.
func (s *scenario) skip(r rule) bool {
	if r.kind != "skip-slot" || s.rOf(s.n.best)+1 != r.from || s.skipped[r.from] == r.slots {
		return false
	}
	s.skipped[r.from]++
	return true
}

// inherent is what a corrupt group adds to it, and what a withholding author leaves out.
func (s *scenario) inherent(slot primitives.Slot, data *primitives.ParachainsInherentData) {
	session := s.n.best.state.SessionIndexForChild()
	data.Bitfields = slices.DeleteFunc(data.Bitfields, func(f primitives.SignedBitfield) bool {
		return s.holds("withhold", s.n.validatorAt(session, f.Validator).index, s.n.best.number()) != nil
	})
	for _, f := range s.forgeries {
		f.inject(s.n, slot, data)
	}
}

// holds finds the rule of that kind that is in force for the validator at the relay block.
func (s *scenario) holds(kind string, v primitives.ValidatorIndex, number uint32) *rule {
	if s.n == nil {
		return nil
	}
	r := number + 1 - s.n.first
	for i := range s.rules {
		x := &s.rules[i]
		if x.kind != kind || r < x.from || r > x.to {
			continue
		}
		if x.group == nil && len(x.validators) == 0 || slices.Contains(x.validators, v) || x.group != nil && s.inGroup(x, v) {
			return x
		}
	}
	return nil
}

// inGroup tells whether the rule is about the validator as a member of a group.
func (s *scenario) inGroup(r *rule, v primitives.ValidatorIndex) bool {
	state := s.n.best.state
	groups, _ := state.ValidatorGroups()
	if *r.group >= len(groups) {
		return false
	}
	members := groups[*r.group]
	if r.first > 0 {
		members = members[:r.first]
	}
	return slices.ContainsFunc(members, func(i primitives.ValidatorIndex) bool {
		return s.n.validatorAt(state.SessionIndexForChild(), i).index == v
	})
}

// forged tells what became of the forgeries that were made.
func (s *scenario) forged() (text string) {
	s.forgeries = slices.DeleteFunc(s.forgeries, func(f *forgery) bool {
		done := f.importer != ""
		if done {
			text += s.readable(f.report())
		}
		return done
	})
	return text
}

// observe lets collators work on relay blocks, and keeps what happened for the timeline.
func (s *scenario) observe(e Timed) {
	for _, f := range s.forgeries {
		if f.block != nil {
			s.candidates[f.hash] = f.block.name
		}
		if f.heard(e.Event) {
			return
		}
	}
	s.timeline.observe(e.Event)
	if made, ok := e.Event.(RelayBlock); ok {
		b := s.n.relay[made.Hash]
		s.n.world.At(time.Duration(b.slot)*relaySlot+collatorArrival, func() {
			for _, p := range s.paras {
				p.imported(b)
			}
		})
	}
}

// collatorArrival is when the collators of test paras have a relay block, after its slot began.
const collatorArrival = 1750 * time.Millisecond

func (s *scenario) rule(kind string) {
	r := rule{kind: kind, from: s.rAt("from", 0), to: s.rAt("to", 1<<30), by: s.duration("by", 0)}
	if v := s.words("validators"); v != nil {
		for _, w := range v {
			i, err := strconv.Atoi(w)
			if err != nil {
				s.d.Fatalf(s.t, "%v", err)
			}
			r.validators = append(r.validators, primitives.ValidatorIndex(i))
		}
	}
	if s.has("group") {
		g := int(s.number("group", 0))
		r.group, r.first = &g, int(s.number("first", 0))
	}
	s.rules = append(s.rules, r)
}

// Arguments of commands.

func (s *scenario) named() *testPara {
	for _, p := range s.paras {
		if p.name == s.args[0].Key {
			return p
		}
	}
	s.d.Fatalf(s.t, "no para %s", s.args[0].Key)
	return nil
}

func (s *scenario) has(key string) bool {
	return slices.ContainsFunc(s.args, func(a datadriven.CmdArg) bool { return a.Key == key })
}

func (s *scenario) words(key string) []string {
	for _, a := range s.args {
		if a.Key == key {
			return a.Vals
		}
	}
	return nil
}

func (s *scenario) word(key, otherwise string) string {
	if v := s.words(key); len(v) > 0 {
		return v[0]
	}
	return otherwise
}

func (s *scenario) number(key string, otherwise uint32) uint32 {
	v, err := strconv.ParseUint(s.word(key, fmt.Sprint(otherwise)), 10, 32)
	if err != nil {
		s.d.Fatalf(s.t, "%s: %v", key, err)
	}
	return uint32(v)
}

func (s *scenario) duration(key string, otherwise time.Duration) time.Duration {
	v, err := time.ParseDuration(s.word(key, otherwise.String()))
	if err != nil {
		s.d.Fatalf(s.t, "%s: %v", key, err)
	}
	return v
}

func (s *scenario) r(word string) uint32 {
	v, err := strconv.Atoi(strings.TrimPrefix(word, "R"))
	if err != nil || !strings.HasPrefix(word, "R") {
		s.d.Fatalf(s.t, "%q is not a relay block like R3", word)
	}
	return uint32(v)
}

func (s *scenario) rAt(key string, otherwise uint32) uint32 {
	if w := s.word(key, ""); w != "" {
		return s.r(w)
	}
	return otherwise
}
