package validator_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/relay"
	"pileus/validator"
)

// TestScenarios runs the texts of testdata. A command changes something, lets time pass and shows what
// the five validators did meanwhile: one line per event with those who had it.
//
//	network [lookahead=3] [depth= ancestry=] [rules=classic] [cores=1] [shared] [session=600] [rotation=20] [period=4] [v3] [votes=2]
//	                                 begins; para 2000 has the cores, or shares one with para 2001
//	candidate A [on=B] [parent=A] [para=] [core=] [version=2] [sp=B] [offset=0] [upgrade] [cost=] [fails=reason] [slow=] [gone] [headless]
//	                                 is made, not offered yet: on the newest relay block, on the genesis head;
//	                                 headless: the collator does not send the parent's head data
//	offer A... [to=0,1] [by=peer] [protocol=3]
//	                                 in this order, to the group of the candidate's core
//	block B [on=B] [skip=0]          the rest of the slot passes, the author of the next makes its block
//	wait 1s                          time passes
//	offline 1 2 / online             validators, by place
//	lose statements=(1,2) bitfields=(3)  of these validators are lost from now on
//	chain A B                        the fragment chain of para 2000 in the eyes of validator A after relay block B
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t, s.d = t, d
			if s.n != nil {
				s.n.t = t
			}
			return s.run()
		})
	})
}

type scenario struct {
	t      *testing.T
	d      *datadriven.TestData
	n      *network
	cands  map[string]*candidate
	order  []string
	blocks map[string]primitives.Hash
}

type candidate struct {
	collation
	commitments primitives.CandidateCommitments
	para        primitives.ParaID
	core        primitives.CoreIndex
	sp          primitives.Hash
	rp          primitives.Hash
	version     primitives.DescriptorVersion
	cost        time.Duration
	fails       validator.Reason
}

func (s *scenario) run() string {
	names := []string{}
	for _, a := range s.d.CmdArgs {
		if len(a.Vals) == 0 {
			names = append(names, a.Key)
		}
	}
	if s.n != nil {
		s.n.notes = nil
	}
	switch s.d.Cmd {
	case "network":
		s.begin()
	case "candidate":
		s.candidate(names[0])
		return ""
	case "offer":
		for _, name := range names {
			s.offer(s.cands[name])
		}
		s.n.until(s.n.now + 500*time.Millisecond)
	case "wait":
		d, err := time.ParseDuration(names[0])
		if err != nil {
			s.d.Fatalf(s.t, "%v", err)
		}
		s.n.until(s.n.now + d)
	case "offline":
		for _, name := range names {
			s.n.offline[s.place(name)] = true
		}
		return ""
	case "online":
		clear(s.n.offline)
		return ""
	case "lose":
		s.lose()
		return ""
	case "block":
		return s.block(names[0])
	case "chain":
		return s.chain(s.place(names[0]), s.blocks[names[1]])
	default:
		s.d.Fatalf(s.t, "unknown command %s", s.d.Cmd)
	}
	return s.notes()
}

func (s *scenario) place(name string) int {
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= 5 {
		s.d.Fatalf(s.t, "%q is no validator", name)
	}
	return i
}

func (s *scenario) arg(name string) string {
	if a, ok := s.d.Arg(name); ok && len(a.Vals) == 1 {
		return a.Vals[0]
	}
	return ""
}

func (s *scenario) number(name string, otherwise int) int {
	if v := s.arg(name); v != "" {
		return s.atoi(v)
	}
	return otherwise
}

func (s *scenario) duration(name string, otherwise time.Duration) time.Duration {
	v := s.arg(name)
	if v == "" {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return d
}

func (s *scenario) atoi(v string) int {
	i, err := strconv.Atoi(v)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return i
}

func (s *scenario) begin() {
	cfg := relay.GenesisConfig{Config: config(), Number: 100, Slot: 1000, SessionBlocks: uint32(s.number("session", 600)), Seed: 7,
		Paras: []relay.ParaGenesis{{ID: para, Head: []byte("head 0"), Code: code}}}
	cfg.Config.SchedulerParams.Lookahead = uint32(s.number("lookahead", 3))
	cfg.Config.SchedulerParams.GroupRotationFrequency = uint32(s.number("rotation", 20))
	cfg.Config.SchedulerParams.ParasAvailabilityPeriod = uint32(s.number("period", 4))
	cfg.Config.MinimumBackingVotes = uint32(s.number("votes", 2))
	cfg.Config.AsyncBackingParams = primitives.AsyncBackingParams{MaxCandidateDepth: uint32(s.number("depth", 0)), AllowedAncestryLen: uint32(s.number("ancestry", 0))}
	if s.arg("rules") == "classic" {
		cfg.Rules = relay.Classic
	}
	if s.d.HasArg("v3") {
		cfg.Config.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
	}
	whole := []relay.Assignment{relay.Task(para, relay.PartsOfCore)}
	if s.d.HasArg("shared") {
		whole = []relay.Assignment{relay.Task(para, relay.PartsOfCore/2), relay.Task(para+1, relay.PartsOfCore/2)}
		cfg.Paras = append(cfg.Paras, relay.ParaGenesis{ID: para + 1, Head: []byte("head 0"), Code: code, Cores: []relay.CoreSchedule{}})
	}
	for core := range s.number("cores", 1) {
		cfg.Paras[0].Cores = append(cfg.Paras[0].Cores, relay.CoreSchedule{Core: primitives.CoreIndex(core), Assignments: whole})
	}
	s.n = startNetwork(s.t, cfg)
	s.cands, s.order, s.blocks = map[string]*candidate{}, nil, map[string]primitives.Hash{"R0": s.n.header.Hash()}
	s.n.execute = s.execute
	s.n.until(s.n.now)
}

// execute gives what the candidate commits to, unless it is to fail.
func (s *scenario) execute(v *validator.Validate) (*primitives.ValidationResult, time.Duration, error) {
	for _, c := range s.cands {
		if c.receipt != v.Receipt {
			continue
		}
		if c.fails != "" {
			return nil, c.cost, &validator.ExecutionError{Reason: c.fails, Detail: "as the test wants it"}
		}
		o := &c.commitments
		return &primitives.ValidationResult{HeadData: o.HeadData, NewValidationCode: o.NewValidationCode, UpwardMessages: o.UpwardMessages,
			HorizontalMessages: o.HorizontalMessages, ProcessedDownwardMessages: o.ProcessedDownwardMessages, HrmpWatermark: o.HrmpWatermark}, c.cost, nil
	}
	s.d.Fatalf(s.t, "an execution of an unknown candidate")
	return nil, 0, nil
}

func (s *scenario) relayBlock(arg string, otherwise primitives.Hash) primitives.Hash {
	name := s.arg(arg)
	if name == "" {
		return otherwise
	}
	hash, ok := s.blocks[name]
	if !ok {
		s.d.Fatalf(s.t, "no relay block %s", name)
	}
	return hash
}

func (s *scenario) candidate(name string) {
	c := &candidate{para: primitives.ParaID(s.number("para", int(para))), core: primitives.CoreIndex(s.number("core", 0)),
		fails: validator.Reason(s.arg("fails")), version: primitives.DescriptorVersion(s.number("version", 2))}
	c.cost = s.duration("cost", execution)
	c.rp = s.relayBlock("on", s.n.header.Hash())
	c.sp = s.relayBlock("sp", c.rp)
	at := s.n.blocks[c.rp]
	parent := "head 0"
	if p := s.arg("parent"); p != "" {
		parent = "head " + p
	}
	head := "head " + name
	d := &draft{
		fields: primitives.DescriptorFields{Version: c.version, Para: c.para, RelayParent: c.rp, Core: c.core, Session: at.state.SessionIndexForChild(),
			ValidationCodeHash: hashing.Blake2b256(code)},
		commitments: primitives.CandidateCommitments{HeadData: []byte(head), HrmpWatermark: at.state.Number()},
		pov:         primitives.PoV{BlockData: []byte(head)},
		pvd: primitives.PersistedValidationData{ParentHead: []byte(parent), RelayParentNumber: at.state.Number(), RelayParentStorageRoot: at.state.Root(),
			MaxPoVSize: at.state.Config().MaxPoVSize},
		parentHead: []byte(parent),
	}
	if c.version == primitives.DescriptorV3 {
		d.fields.SchedulingParent = c.sp
	}
	if c.version == primitives.DescriptorV3 || s.d.HasArg("offset") {
		core := primitives.CoreSelection{Selector: byte(c.core), ClaimQueueOffset: uint8(s.number("offset", 0))}
		d.commitments.UpwardMessages = [][]byte{{}, primitives.SelectCoreSignal(core)}
	}
	if s.d.HasArg("upgrade") {
		fresh := append(slices.Clone(code), 1)
		d.commitments.NewValidationCode = &fresh
	}
	c.collation, c.commitments = d.seal(s.t), d.commitments
	c.slow, c.gone = s.duration("slow", 0), s.d.HasArg("gone")
	s.cands[name] = c
	s.order = append(s.order, name)
	sent := c.collation
	if s.d.HasArg("headless") {
		sent.parentHead = nil
	}
	s.n.collations[c.receipt.Hash()] = sent
}

func (s *scenario) offer(c *candidate) {
	sp := s.n.blocks[c.sp]
	ad := validator.Advertised{From: validator.Peer(cmp.Or(s.arg("by"), "collator")), Para: c.para, SchedulingParent: c.sp,
		ParentHeadHash: primitives.ParaHeadHash(c.parentHead), CandidateHash: c.receipt.Hash()}
	if s.number("protocol", 2) == 3 {
		ad.Version, ad.RelayParent = c.version, c.rp
	}
	var to []int
	if a, ok := s.d.Arg("to"); ok {
		for _, v := range a.Vals {
			to = append(to, s.place(v))
		}
	} else {
		groups, rotation := sp.state.ValidatorGroups()
		if g, ok := rotation.GroupForCore(c.core, sp.state.Number()+1, len(groups)); ok {
			for _, v := range groups[g] {
				to = append(to, s.n.sessions[sp.state.SessionIndexForChild()][v])
			}
		}
	}
	slices.Sort(to)
	for _, i := range to {
		s.n.send(0, i, ad)
	}
}

func (s *scenario) lose() {
	lost := func(arg string) (list []int) {
		if a, ok := s.d.Arg(arg); ok {
			for _, v := range a.Vals {
				list = append(list, s.place(v))
			}
		}
		return list
	}
	statements, bitfields := lost("statements"), lost("bitfields")
	s.n.statement = func(from int, out *validator.Statement) {
		if slices.Contains(statements, from) {
			out.SchedulingParent = wrong // nobody will ever know that block
		}
	}
	s.n.bitfield = func(from int, out *validator.BitfieldReceived) {
		if slices.Contains(bitfields, from) {
			out.Block = wrong
		}
	}
}

func (s *scenario) block(name string) string {
	for range s.number("skip", 0) {
		s.n.until((s.n.now/(6*time.Second) + 1) * 6 * time.Second)
	}
	s.n.events, s.n.dropped = nil, nil
	before := s.n.header.Hash()
	s.n.slotOn(s.relayBlock("on", s.n.header.Hash()))
	var b strings.Builder
	b.WriteString(s.notes())
	if s.n.header.Hash() == before {
		b.WriteString("no block\n")
		return b.String()
	}
	s.blocks[name] = s.n.header.Hash()
	fmt.Fprintf(&b, "%s: #%d", name, s.n.header.Number)
	for _, e := range s.n.events {
		switch e.Kind {
		case relay.Included, relay.TimedOut, relay.Backed, relay.DroppedAtSession:
			fmt.Fprintf(&b, ", %s %s", e.Kind, s.name(e.Candidate))
		case relay.SessionChanged:
			fmt.Fprintf(&b, ", %s", e.Kind)
		}
	}
	b.WriteString("\n")
	for _, d := range s.n.dropped {
		fmt.Fprintf(&b, "dropped: %v\n", d.Reason)
	}
	return b.String()
}

func (s *scenario) name(hash primitives.CandidateHash) string {
	for _, name := range s.order {
		if s.cands[name].receipt.Hash() == hash {
			return name
		}
	}
	return hash.Short()
}

// notes are those of all validators since the last command, equal ones in one line at the place of the first.
func (s *scenario) notes() string {
	var lines []string
	who := map[string][]int{}
	for _, x := range s.n.notes {
		line := x.Kind.String()
		if !x.Candidate.IsZero() {
			line += " " + s.name(x.Candidate)
		}
		switch x.Kind {
		case validator.NoteExpired:
			line += " while " + x.Stage.String()
		case validator.NoteBitfield:
			line += " " + x.Bits.String()
		case validator.NoteMisbehaviour:
			line += fmt.Sprintf(" of %d", x.Validator)
		}
		if x.Reason != "" {
			line += ": " + string(x.Reason)
		}
		if x.Reason == validator.NoPotential || x.Kind == validator.NoteExpired && x.Reason == "" && x.Detail != "" {
			detail := x.Detail
			for _, name := range s.order {
				detail = strings.ReplaceAll(detail, s.cands[name].receipt.Hash().Short(), name)
			}
			line += " (" + detail + ")"
		}
		if who[line] == nil {
			lines = append(lines, line)
		}
		who[line] = append(who[line], x.node)
	}
	var b strings.Builder
	for _, line := range lines {
		slices.Sort(who[line])
		fmt.Fprintf(&b, "%v %s\n", slices.Compact(who[line]), line)
	}
	return b.String()
}

func (s *scenario) chain(node int, block primitives.Hash) string {
	c := s.n.nodes[node].Chain(block, para)
	if c == nil {
		return "none\n"
	}
	var b strings.Builder
	b.WriteString("chain")
	for _, f := range c.BestChain() {
		b.WriteString(" " + s.name(f.Hash))
	}
	b.WriteString("\nunconnected")
	for _, f := range c.Unconnected() {
		b.WriteString(" " + s.name(f.Hash))
	}
	b.WriteString("\n")
	return b.String()
}
