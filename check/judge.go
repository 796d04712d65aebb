package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pileus/runtimeapi"
	"pileus/wasmlink"
)

// judge goes through the rows in one profile.
type judge struct {
	*subject
	o        Options
	profile  string
	level    int // 0 sync, 1 phase 1, 2 phase 3, 3 elastic
	promise  uint64
	collator string
	slow     map[string]bool // rows whose fault makes the chain slower than it promises
	sims     *simulations    // nil: nothing is said of the relay chain
	rows     []Row
}

// judge judges every row.
func (s *subject) judge(profile string, o Options, sims *simulations) *judge {
	j := &judge{subject: s, o: o, profile: profile, level: level(profile), promise: s.promise(), collator: s.collator(o), sims: sims}
	if j.level >= 2 {
		j.promise = 6000
	}
	j.slow = j.culprits()
	for _, t := range texts {
		judge := judges[t.id]
		row := judge(j)
		row.ID, row.Step, row.Title, row.Why, row.Seen, row.Fix = t.id, t.step, t.title, t.why, t.seen, t.fix
		row.Links = append([]string{"docs/check/" + t.id + ".md"}, t.links...)
		if row.Severity == "" {
			row.Severity = Warning
			if j.slow[t.id] {
				row.Severity = Error
			}
		}
		if row.Evidence == nil {
			row.Evidence = []string{}
		}
		j.rows = append(j.rows, row)
	}
	return j
}

// judges has a function for each row.
var judges map[string]func(*judge) Row

func init() { // they refer to the rows themselves
	judges = map[string]func(*judge) Row{
		"pre.async": (*judge).preAsync, "pre.lookahead": (*judge).preLookahead,
		"p1.1": (*judge).velocity, "p1.2": (*judge).relaySlot, "p1.3": (*judge).constants, "p1.4": (*judge).hookWired, "p1.4c": (*judge).relayNumber,
		"p1.5a": (*judge).oneBlockPerSlot, "p1.5b": (*judge).slotDuration, "p1.6": (*judge).auraAPI, "p1.7": (*judge).segmentAPI, "p1.8": (*judge).noChecker,
		"p2.4": (*judge).theCollator, "p2.5": (*judge).authoring,
		"p3.1": (*judge).severalPerSlot, "p3.2": (*judge).capacity, "p3.3": (*judge).blockTime, "p3.4": (*judge).weight, "p3.5": (*judge).minimumPeriod,
		"t.1":     (*judge).timers,
		"x.build": (*judge).builds, "x.validate": (*judge).validates, "x.offset": (*judge).offset, "x.auraext": (*judge).auraExt, "x.api": (*judge).apis,
		"x.timestamp": (*judge).timestamp, "x.pov": (*judge).pov, "x.host": (*judge).hostFunctions, "x.heap": (*judge).heapPages, "x.code": (*judge).codeSize,
		"x.slots": (*judge).storedSlot, "x.turns": (*judge).turns, "x.cores": (*judge).cores,
	}
}

// collator is the one whose pace counts: the one that was named, else the one that `simulate` takes.
func (s *subject) collator(o Options) string {
	switch {
	case o.Collator != "" && o.Collator != Auto:
		return o.Collator
	case s.chain != nil && s.chain.Facts.RelayParentOffset > 0:
		return SlotBased
	}
	return Lookahead
}

// culprits finds the rows to which the losses of the collator's pace go back. There are
// none where the pace is what the runtime promises.
func (j *judge) culprits() map[string]bool {
	list := map[string]bool{}
	if !j.seen.Built {
		return map[string]bool{"x.build": true, "p1.2": true, "p1.5b": true, "p1.6": true, "x.offset": true}
	}
	if j.seen.Validated == No {
		list["x.validate"], list["x.host"], list["x.auraext"] = true, true, true
	}
	pace, ok := j.seen.Pace[j.collator]
	if interval := pace.Interval(); !ok || interval != 0 && interval <= j.promise+j.promise/20 {
		return list
	}
	for why := range pace.Reasons {
		switch {
		case why == reasonUpon && j.seen.Capacity < 2+j.offsetBlocks() && !j.seen.CapacityIsMore:
			list["p3.2"], list["p1.1"] = true, true
		case why == reasonUpon, why == reasonNoAPI:
			list["p1.7"] = true
		case why == reasonNotIncluded:
			list["p2.4"] = true
		default:
			j.blame(list)
		}
	}
	return list
}

// blame finds the rows by which the runtime refuses what a collator builds.
func (j *judge) blame(list map[string]bool) {
	o := &j.seen
	if o.Hook == ExpectParentIncluded {
		list["p1.4"] = true
	}
	if o.SameSlot == No && j.slotMs() > 6000 {
		list["p3.1"], list["p3.3"] = true, true
	}
	if o.TimeStep > 0 {
		list["p3.5"] = true
	}
	if o.RelaySlotMs != 0 && o.RelaySlotMs != 6000 {
		list["p1.2"] = true
	}
	if o.SlotMs != j.chain.Facts.SlotDuration {
		list["p1.6"], list["p1.5b"] = true, true
	}
	if j.slotMs()%6000 != 0 {
		list["p1.3"] = true
	}
	if o.Headers != 0 && j.collator != SlotBased {
		list["p2.4"] = true
	}
	if o.Headers != j.apiHeaders() {
		list["x.offset"] = true
	}
	if len(list) == 0 {
		list["x.build"], list["p1.7"], list["p3.2"] = true, true, true
	}
}

// offsetBlocks is the relay parent offset that the pallet enforces.
func (j *judge) offsetBlocks() int { return max(0, j.seen.Headers-1) }

// apiHeaders is how many relay headers a collator hands over, by the API.
func (j *judge) apiHeaders() int {
	if f := &j.chain.Facts; f.RelayParentOffset > 0 && !f.SchedulingV3 {
		return int(f.RelayParentOffset) + 1
	}
	return 0
}

// evidence are the probes of those names.
func (j *judge) evidence(names ...string) (list []string) {
	for _, p := range j.seen.Probes {
		if slices.Contains(names, p.Name) {
			list = append(list, p.String())
		}
	}
	return list
}

func ok(found, expected string, evidence []string) Row {
	return Row{Verdict: OK, Found: found, Expected: expected, Evidence: evidence}
}

func fails(found, expected string, evidence []string) Row {
	return Row{Verdict: Fails, Found: found, Expected: expected, Evidence: evidence}
}

func decide(good bool, found, expected string, evidence []string) Row {
	if good {
		return ok(found, expected, evidence)
	}
	return fails(found, expected, evidence)
}

func unknown(why string) Row { return Row{Verdict: NotKnown, Found: why} }

func notApplicable(why string) Row { return Row{Verdict: NotApplicable, Found: why, Severity: Info} }

// notSeen is the row of a thing that only probes tell, where they could not.
func (j *judge) notSeen() (Row, bool) {
	switch {
	case j.absent != "":
		return unknown(j.absent), true
	case !j.seen.Built:
		return unknown("no block could be built"), true
	}
	return Row{}, false
}

// asked says whether the profile asks for a step of that level; if not, the row says so.
func (j *judge) asked(from int) (Row, bool) {
	if row, not := j.notSeen(); not {
		return row, true
	}
	if j.level < from {
		return notApplicable("asked from " + Profiles[from] + " on"), true
	}
	return Row{}, false
}

// Phase 1.

func (j *judge) velocity() Row {
	if row, not := j.asked(1); not {
		return row
	}
	if j.seen.Hook != FixedVelocity {
		return unknown("no velocity hook decides: see p1.4")
	}
	if j.seen.Velocity == 0 || j.seen.Capacity == 0 {
		return unknown(fmt.Sprintf("capacity %s, velocity %s", seenNumber(j.seen.Capacity, j.seen.CapacityIsMore), seenNumber(j.seen.Velocity, j.seen.VelocityIsMore)))
	}
	found := fmt.Sprintf("capacity %s, velocity %s", seenNumber(j.seen.Capacity, j.seen.CapacityIsMore), seenNumber(j.seen.Velocity, j.seen.VelocityIsMore))
	least := 1
	if j.level > 2 {
		least = 2 // blocks per relay block: what makes it elastic
	}
	good := j.seen.Velocity >= least && (j.seen.CapacityIsMore || j.seen.Capacity >= j.seen.Velocity)
	return decide(good, found, fmt.Sprintf("velocity %d or more, a capacity of at least the velocity", least), j.evidence("segment", "velocity", "one parent"))
}

func seenNumber(n int, more bool) string {
	switch {
	case n == 0:
		return "not seen"
	case more:
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}

func (j *judge) relaySlot() Row {
	if j.absent == "" && !j.seen.Built {
		return unknown("no block could be built")
	}
	if row, not := j.asked(1); not {
		return row
	}
	if j.seen.Hook != FixedVelocity {
		return unknown("the hook does not look at the relay chain's slot: see p1.4")
	}
	const expected = "6000 ms"
	found := fmt.Sprintf("%d ms", j.seen.RelaySlotMs)
	evidence := j.evidence("first", "slots", "hook.far")
	if j.seen.RelaySlotMs == 6000 && j.seen.NextSlot == Yes && j.seen.PastSlot == Yes {
		if j.static.Release.Rule != ruleWindow && j.static.Release.Crates != "0.2 to 0.16" {
			return Row{Verdict: NotKnown, Found: "slots before and after that of the relay parent are accepted", Expected: expected, Evidence: evidence}
		}
	}
	return decide(j.seen.RelaySlotMs == 6000, found+", "+j.rule(), expected, evidence)
}

// rule is the hook's rule for slots, as it was seen.
func (j *judge) rule() string {
	switch {
	case j.seen.PastSlot == No && j.seen.NextSlot == No:
		return ruleEqual
	case j.seen.PastSlot == Yes && j.seen.NextSlot == No:
		return rulePast
	case j.seen.NextSlot == Yes:
		return ruleWindow
	}
	return "the slot must not be before the relay-derived one"
}

func (j *judge) constants() Row {
	if row, not := j.asked(1); not {
		return row
	}
	ms := j.slotMs()
	found := fmt.Sprintf("slots of %d ms", ms)
	evidence := append(j.evidence("timestamp.last", "timestamp.next"), fmt.Sprintf("AuraApi_slot_duration: %d", j.chain.Facts.SlotDuration))
	return decide(ms%6000 == 0 || 6000%ms == 0, found, "a multiple of 6000 ms, or a divisor of it", evidence)
}

func (j *judge) hookWired() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	evidence := j.evidence("hook.head", "hook.slot", "hook.far", "segment")
	const expected = "FixedVelocityConsensusHook"
	_, api := j.static.Version.API(runtimeapi.AuraUnincludedSegmentApi)
	switch {
	case j.seen.Hook == FixedVelocity:
		return ok(string(j.seen.Hook), expected, evidence)
	case j.seen.Hook == UnknownHook:
		return unknown("the probes ended before the hook was known")
	case j.seen.Hook == ExpectParentIncluded && j.level == 0 && !api && j.promise > 6000:
		return notApplicable("ExpectParentIncluded, as before the guide: asked from phase1 on")
	case j.seen.Hook == ExpectParentIncluded && api:
		return fails("ExpectParentIncluded decides, though AuraUnincludedSegmentApi is there", expected, evidence)
	}
	return fails(string(j.seen.Hook), expected, evidence)
}

func (j *judge) relayNumber() Row {
	if row, not := j.asked(1); not {
		return row
	}
	const expected = "RelayNumberMonotonicallyIncreases"
	evidence := j.evidence("number.same", "number.lower")
	switch {
	case j.seen.SameNumber == No:
		return fails("the relay block number must strictly increase", expected, evidence)
	case j.seen.SameNumber == Yes && j.seen.LowerNumber == Yes:
		return fails("any relay block number is accepted", expected, evidence)
	case j.seen.SameNumber == Yes && j.seen.LowerNumber == No:
		return ok("it may stay, not go back", expected, evidence)
	}
	return unknown("the probes ended before")
}

func (j *judge) oneBlockPerSlot() Row {
	if row, not := j.asked(1); not {
		return row
	}
	if j.level > 1 {
		return notApplicable("phase 3 asks for several: p3.1")
	}
	if j.seen.SameSlot == Unknown {
		return unknown("the probes ended before")
	}
	found := "one block per slot"
	if j.seen.SameSlot == Yes {
		found = "several blocks per slot"
	}
	return decide(j.seen.SameSlot == No, found, "one block per slot", j.evidence("slot.same"))
}

func (j *judge) slotDuration() Row {
	if strings.Contains(j.absent, "0 ms") {
		return Row{Verdict: Fails, Severity: Error, Found: "0 ms: MinimumPeriodTimesTwo with a minimum period of 0", Expected: "ConstU64<SLOT_DURATION>", Evidence: []string{"AuraApi_slot_duration: 0"}}
	}
	if row, not := j.notSeen(); not {
		return row
	}
	evidence := j.evidence("timestamp.last", "timestamp.next")
	enforced := j.slotMs()
	found := fmt.Sprintf("%d ms", enforced)
	if c := j.static.SlotDuration; c != nil && *c != enforced {
		return fails(fmt.Sprintf("%d ms enforced, the constant Aura.SlotDuration is %d", enforced, *c), "SLOT_DURATION", evidence)
	}
	if j.seen.SlotMsProven != Yes {
		return Row{Verdict: NotKnown, Found: found + ", but timestamps are not held to it", Expected: "SLOT_DURATION", Evidence: evidence}
	}
	if j.static.SlotDuration == nil {
		found += " (the metadata of this release does not have it)"
	}
	return ok(found, "SLOT_DURATION", evidence)
}

func (j *judge) auraAPI() Row {
	if _, ok := j.static.Version.API(runtimeapi.AuraApi); !ok {
		return unknown(j.absent)
	}
	if row, not := j.notSeen(); not {
		return row
	}
	said, enforced := j.chain.Facts.SlotDuration, j.slotMs()
	evidence := append([]string{fmt.Sprintf("AuraApi_slot_duration: %d", said)}, j.evidence("first", "timestamp.last", "timestamp.next")...)
	return decide(said == enforced, fmt.Sprintf("slot_duration says %d ms, enforced are %d", said, enforced), "the slot duration that Aura enforces", evidence)
}

func (j *judge) segmentAPI() Row {
	if row, not := j.asked(1); not {
		return row
	}
	const expected = "AuraUnincludedSegmentApi that answers as the hook decides"
	version, there := j.static.Version.API(runtimeapi.AuraUnincludedSegmentApi)
	if !there {
		return fails("AuraUnincludedSegmentApi is absent", expected, append([]string{"the runtime's version lists no AuraUnincludedSegmentApi"}, j.evidence("pace."+j.collator)...))
	}
	if j.seen.Hook != FixedVelocity {
		return unknown("the hook that it asks is not the one that decides: see p1.4")
	}
	var lies, agrees []string
	for _, u := range j.seen.Upon {
		s := fmt.Sprintf("can_build_upon, %s: %s; the block is %s", u.Where, yesNo(u.Said), accepted(u.Did))
		if u.Said != u.Did {
			lies = append(lies, s)
		} else {
			agrees = append(agrees, s)
		}
	}
	slot := "para"
	if version >= 2 {
		slot = "relay"
	}
	found := fmt.Sprintf("version %d (asked with the %s slot)", version, slot)
	switch {
	case len(lies) > 0:
		return fails(found+", and it does not answer truly", expected, append(lies, agrees...))
	case len(agrees) == 0:
		return unknown(found + ", its answers were not compared")
	}
	return ok(found+fmt.Sprintf(", %d answers are true", len(agrees)), expected, agrees)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func accepted(b bool) string {
	if b {
		return "accepted"
	}
	return "refused"
}

func (j *judge) noChecker() Row {
	if row, not := j.asked(1); not {
		return row
	}
	const expected = "validate_block accepts what nodes accept"
	evidence := j.evidence("validate", "validate.late")
	switch {
	case j.seen.Validated == Yes && j.seen.ValidatedLate == No:
		return Row{Verdict: Fails, Severity: Warning, Found: "validate_block refuses a timestamp that the node accepts", Expected: expected, Evidence: evidence}
	case j.seen.Validated == No && strings.Contains(strings.ToLower(j.seen.ValidateWords), "inherent"):
		return Row{Verdict: Fails, Severity: Error, Found: j.seen.ValidateWords, Expected: expected, Evidence: evidence}
	case j.seen.ValidatedLate == Yes && slices.Contains([]string{"0.25", "0.26", "0.27, 0.28", "0.27 or later", "0.29 to 0.32"}, j.static.Release.Crates):
		return ok("none: this release has no such checker", expected, evidence)
	case j.seen.ValidatedLate == Yes:
		return ok("none that shows: timestamps at both ends of the slot pass", expected, evidence)
	}
	return unknown("validate_block was not compared")
}

// Phase 2.

func (j *judge) theCollator() Row {
	if row, not := j.asked(1); not {
		return row
	}
	if j.o.Collator == "" || j.o.Collator == Auto {
		return unknown("nothing was said of it (--collator)")
	}
	expected := "lookahead or slot-based"
	if j.seen.Headers > 0 {
		expected = "slot-based, for the relay parent offset"
	}
	pace := j.seen.Pace[j.o.Collator]
	fits := j.o.Collator != Basic && (j.seen.Headers == 0 || j.o.Collator == SlotBased)
	return decide(fits, j.o.Collator+": "+pace.String(), expected, j.evidence("pace."+Basic, "pace."+Lookahead, "pace."+SlotBased))
}

func (j *judge) authoring() Row {
	if row, not := j.asked(1); not {
		return row
	}
	timeout := 2 * time.Second
	whose := "the default"
	if j.o.Relay != nil {
		timeout, whose = j.o.Relay.Config.ExecutorParams.BackingTimeout(), "of the given relay chain"
	}
	d := j.o.AuthoringDuration
	expected := fmt.Sprintf("2 s, at most the backing timeout (%s, %s)", seconds(timeout), whose)
	if j.sims != nil {
		if row, decided := j.sims.authoring(seconds(d), expected); decided {
			return row
		}
	}
	if h := j.o.Relay.codeHash(j.chain); h != "" && h != j.static.CodeHash.String() {
		return Row{Verdict: Fails, Severity: Error, Found: "the relay chain has code " + h, Expected: "code " + j.static.CodeHash.String(), Evidence: []string{"Paras.CurrentCodeHash of the relay chain's state"}}
	}
	switch {
	case d > timeout:
		return fails(seconds(d), expected, nil)
	case d < 2*time.Second && j.level >= 2:
		return fails(seconds(d), expected, nil)
	}
	return ok(seconds(d)+", code hash "+j.static.CodeHash.Short(), expected, nil)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%v s", d.Seconds()) }

// Phase 3.

func (j *judge) severalPerSlot() Row {
	if row, not := j.asked(2); not {
		return row
	}
	if j.seen.SameSlot == Unknown {
		return unknown("the probes ended before")
	}
	found := "one block per slot"
	if j.seen.SameSlot == Yes {
		found = "several blocks per slot"
	}
	return decide(j.seen.SameSlot == Yes, found, "several blocks per slot", j.evidence("slot.same", "one parent"))
}

// needed is the capacity that a chain needs: what is authored from the relay parent to the
// inclusion, and one relay block of slack.
func (j *judge) needed() int {
	return (2+j.offsetBlocks())*max(1, j.blocksPerRelayBlock()) + 1
}

// blocksPerRelayBlock is how many blocks the runtime means to have: what it targets, else its velocity.
func (j *judge) blocksPerRelayBlock() int {
	if j.chain.Facts.TargetBlockRate != nil {
		return int(min(*j.chain.Facts.TargetBlockRate, 1000))
	}
	return j.seen.Velocity
}

func (j *judge) capacity() Row {
	if row, not := j.asked(2); not {
		return row
	}
	if j.seen.Hook == ExpectParentIncluded {
		return unknown("no capacity decides: see p1.4")
	}
	if j.seen.Capacity == 0 {
		return unknown("not seen")
	}
	found := seenNumber(j.seen.Capacity, j.seen.CapacityIsMore)
	if j.seen.Trims == No {
		return fails(found+", and no room appears when a block is included", fmt.Sprintf("at least %d", j.needed()), j.evidence("segment", "segment.trim"))
	}
	good := j.seen.CapacityIsMore || j.seen.Capacity >= j.needed()
	return decide(good, found, fmt.Sprintf("at least %d", j.needed()), j.evidence("segment", "segment.trim", "pace."+j.collator))
}

func (j *judge) blockTime() Row {
	if row, not := j.asked(2); not {
		return row
	}
	ms := j.slotMs()
	const expected = "6000 ms per block, or several blocks per slot; below 6000 a velocity of 6000 / MILLISECS_PER_BLOCK"
	evidence := j.evidence("timestamp.last", "timestamp.next", "slot.same", "velocity")
	found := fmt.Sprintf("slots of %d ms", ms)
	switch {
	case ms > 6000 && j.seen.SameSlot != Yes:
		return fails(found+", one block per slot", expected, evidence)
	case ms < 6000 && uint64(max(j.seen.Velocity, 1)) < (6000+ms-1)/ms:
		return fails(fmt.Sprintf("%s, velocity %d", found, j.seen.Velocity), expected, evidence)
	case ms > 6000:
		found += ", several blocks per slot"
	}
	return ok(found, expected, evidence)
}

func (j *judge) weight() Row {
	if row, not := j.asked(2); not {
		return row
	}
	if j.static.RefTime == 0 {
		return unknown("the metadata does not say")
	}
	const second = 1_000_000_000_000
	found := fmt.Sprintf("%.3g s, %s", float64(j.static.RefTime)/second, mib(j.static.ProofSize))
	return decide(j.static.RefTime == 2*second, found, "2 s of execution", []string{fmt.Sprintf("System.BlockWeights.max_block.ref_time: %d ps", j.static.RefTime)})
}

func mib(bytes uint64) string {
	if bytes%(1<<20) == 0 || bytes > 1<<30 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%.2f MiB", float64(bytes)/(1<<20))
}

func (j *judge) minimumPeriod() Row {
	if row, not := j.asked(2); not {
		return row
	}
	evidence := j.evidence("slot.time")
	found, zero := "", true
	if c := j.static.MinimumPeriod; c != nil {
		evidence = append(evidence, fmt.Sprintf("Timestamp.MinimumPeriod: %d", *c))
		found, zero = fmt.Sprintf("%d ms", *c), *c == 0
	}
	if j.seen.TimeStepSeen {
		found, zero = fmt.Sprintf("%d ms", j.seen.TimeStep), j.seen.TimeStep == 0
	}
	if found == "" {
		return unknown("not seen")
	}
	return decide(zero, found, "0", evidence)
}

func (j *judge) timers() Row {
	if j.static.Meta == nil {
		return unknown("no metadata")
	}
	if ms := j.static.number("System", "ExpectedBlockTime"); ms != nil && j.seen.Built && *ms != j.promise {
		return fails(fmt.Sprintf("the runtime expects a block every %d ms", *ms), fmt.Sprintf("%d ms", j.promise), nil)
	}
	for _, pallet := range j.static.Order {
		ms := j.static.number(pallet, "ExpectedBlockTime")
		if ms != nil && j.seen.Built && *ms != j.promise && j.level < 3 {
			return fails(fmt.Sprintf("%s.ExpectedBlockTime is %d ms", pallet, *ms), fmt.Sprintf("%d ms, the block time by which timers were made", j.promise), j.evidence("pace."+j.collator))
		}
	}
	var list []string
	for _, c := range j.static.Counters {
		per := j.promise
		if c.Relay {
			per = 6000
		}
		list = append(list, fmt.Sprintf("%s: %d blocks, %s", c.Name, c.Blocks, span(time.Duration(c.Blocks*per)*time.Millisecond)))
	}
	if len(list) == 0 {
		return ok("no constant counts blocks", "", nil)
	}
	return Row{Verdict: NotKnown, Severity: Info, Found: plural(len(list), "constant") + " in blocks; only you know what they are meant to be", Expected: "the lengths that you mean", Evidence: list}
}

func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	return d.Round(time.Second).String()
}

// Beyond the guide.

func (j *judge) builds() Row {
	if j.absent != "" {
		return unknown(j.absent)
	}
	const expected = "a correct block is accepted"
	evidence := j.evidence("first")
	switch {
	case j.seen.Built && j.seen.Refusal == "":
		return ok("accepted", expected, evidence)
	case j.seen.Built:
		return notApplicable("accepted once something else was changed: see the failing rows")
	case j.seen.Broken != "":
		return Row{Verdict: Fails, Severity: Error, Found: "no block: " + j.seen.Broken, Expected: expected, Evidence: evidence}
	}
	return Row{Verdict: Fails, Severity: Error, Found: "every block is refused", Expected: expected, Evidence: evidence}
}

func (j *judge) validates() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	const expected = "the same head and messages as the node says"
	evidence := j.evidence("validate")
	switch {
	case j.seen.Validated == No && j.auraExt().Verdict == Fails:
		return unknown("validators have other authorities than the runtime: see x.auraext")
	case j.seen.Validated == No:
		return fails(j.seen.ValidateWords, expected, evidence)
	case len(j.seen.Differs) > 0:
		return fails("other "+strings.Join(j.seen.Differs, ", "), expected, evidence)
	case j.seen.Validated == Yes:
		return ok("accepted, with equal commitments", expected, evidence)
	}
	return unknown("validate_block was not tried")
}

func (j *judge) offset() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	said := j.chain.Facts.RelayParentOffset
	evidence := append(j.evidence("offset", "first"), fmt.Sprintf("RelayParentOffsetApi_relay_parent_offset: %d", said))
	enforced := j.offsetBlocks()
	expected := "the offset that collators are told"
	if j.seen.Headers != j.apiHeaders() {
		return fails(fmt.Sprintf("the API says %d, the pallet demands %d", said, enforced), expected, evidence)
	}
	if said > 0 && j.seen.HeadersProven == No {
		return fails(fmt.Sprintf("the API says %d, the pallet does not ask for it", said), expected, evidence)
	}
	found := fmt.Sprint(said)
	if j.o.Relay != nil {
		l := j.o.Relay.lookahead()
		row := decide(l >= said+2, fmt.Sprintf("offset %d, lookahead %d", said, l), fmt.Sprintf("a lookahead of at least %d", said+2), evidence)
		if said == 0 {
			row.Verdict = OK // what a lookahead alone does is pre.lookahead's
		}
		if j.sims != nil && row.Verdict == Fails && j.sims.slow() {
			row.Severity = Error
		}
		return row
	}
	return ok(found, expected, evidence)
}

func (j *judge) auraExt() Row {
	if j.static.at("AuraExt") < 0 {
		if j.level == 0 {
			return notApplicable("no AuraExt")
		}
		return Row{Verdict: NotKnown, Found: "the runtime has no pallet AuraExt"}
	}
	order := j.static.at("Aura") < j.static.at("AuraExt") && j.static.at("Session") < j.static.at("AuraExt")
	found := "AuraExt behind Aura and Session"
	if !order {
		found = "AuraExt stands in front of Aura or Session"
	}
	evidence := append([]string{"declared: " + strings.Join(j.static.Order, ", ")}, j.evidence("authorities")...)
	switch {
	case j.chain != nil && !j.copied():
		return fails(found+", the copy of the authorities differs in the state that was given", "AuraExt behind Aura and Session, an equal copy", append(evidence, j.evidence("validate")...))
	case j.seen.Cache == No:
		return fails(found+", the copy of the authorities differs", "AuraExt behind Aura and Session, an equal copy", evidence)
	case j.seen.Cache == Yes:
		found += ", an equal copy"
	}
	return decide(order, found, "AuraExt behind Aura and Session, an equal copy", evidence)
}

func (j *judge) apis() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	var wrong []string
	if rate := j.chain.Facts.TargetBlockRate; rate != nil && j.seen.Velocity > 0 && !j.seen.VelocityIsMore && int(*rate) > j.seen.Velocity+1 {
		wrong = append(wrong, fmt.Sprintf("target_block_rate says %d blocks per relay slot, the hook takes %d", *rate, j.seen.Velocity+1))
	}
	if e := j.static.Info.Version; e != nil && (e.SpecName != j.static.Version.SpecName || e.SpecVersion != j.static.Version.SpecVersion) {
		wrong = append(wrong, fmt.Sprintf("the section runtime_version says %s, Core_version %s", e, j.static.Version))
	}
	wrong = append(wrong, j.disagreements()...)
	return decide(len(wrong) == 0, strings.Join(append(wrong, map[bool]string{true: "no disagreement seen", false: ""}[len(wrong) == 0]), "; "), "APIs answer as the pallets act", nil)
}

func (j *judge) timestamp() Row {
	if row, not := j.notSeen(); not {
		return row
	}
	if j.seen.TimestampTied == Unknown {
		return unknown("the probes ended before")
	}
	found := "a timestamp of another slot is refused"
	if j.seen.TimestampTied == No {
		found = "a timestamp two slots ahead is accepted"
	}
	return decide(j.seen.TimestampTied == Yes, found, "OnTimestampSet = Aura", j.evidence("timestamp.next", "timestamp.two"))
}

func (j *judge) pov() Row {
	if j.static.ProofSize == 0 {
		return unknown("the metadata does not say")
	}
	found := mib(j.static.ProofSize)
	evidence := []string{fmt.Sprintf("System.BlockWeights.max_block.proof_size: %d", j.static.ProofSize)}
	if j.o.Relay == nil {
		return Row{Verdict: NotKnown, Found: found + "; nothing was said of the relay chain (--relay-config)", Expected: "at most the relay chain's max_pov_size", Evidence: evidence}
	}
	most := j.o.Relay.Config.MaxPoVSize
	return decide(j.static.ProofSize <= uint64(most), found, "at most max_pov_size, "+mib(uint64(most)), evidence)
}

func (j *judge) codeSize() Row {
	most := uint32(wasmlink.MaxCodeSize)
	whose := "the limit of relay chains through 2025"
	if j.o.Relay != nil {
		most, whose = j.o.Relay.Config.MaxCodeSize, "max_code_size of the given relay chain"
	}
	found := mib(uint64(j.static.StoredSize))
	if !j.static.Compressed {
		found += ", not compressed"
	}
	return decide(j.static.StoredSize <= int(most), found, fmt.Sprintf("at most %s, %s", mib(uint64(most)), whose), []string{fmt.Sprintf("%d bytes, unpacked %d", j.static.StoredSize, j.static.UnpackedSize)})
}

func (j *judge) turns() Row {
	if row, not := j.asked(1); not {
		return row
	}
	ms := j.slotMs()
	found := fmt.Sprintf("%.4g s, one block per slot", float64(ms)/1000)
	if j.seen.SameSlot == Yes {
		found = fmt.Sprintf("%.4g s, several blocks per slot", float64(ms)/1000)
	}
	return decide(ms <= 12000 || j.seen.SameSlot == Yes, found, "at most 12 s, or several blocks per slot", j.evidence("slot.same", "pace."+j.collator))
}

func (j *judge) cores() Row {
	if row, not := j.asked(2); not {
		return row
	}
	if j.seen.Velocity == 0 {
		return unknown("the velocity was not seen")
	}
	n := j.blocksPerRelayBlock()
	expected := fmt.Sprintf("%d cores, or bundles of blocks", n)
	switch {
	case n <= 1:
		return ok("one block per relay block, one core", "", nil)
	case j.o.Relay == nil || j.o.Relay.Config.SchedulerParams.NumCores == 0:
		return Row{Verdict: NotKnown, Severity: Info, Found: fmt.Sprintf("up to %d blocks per relay block; nothing was said of the cores", n), Expected: expected}
	case j.canBundle():
		return ok(fmt.Sprintf("%d blocks per relay block, bundled on one core", n), expected, []string{fmt.Sprintf("TargetBlockRate_target_block_rate: %d", n)})
	}
	cores := j.o.Relay.Config.SchedulerParams.NumCores
	return decide(cores >= uint32(n), fmt.Sprintf("up to %d blocks per relay block; the relay chain has %s in all", n, plural(int(cores), "core")), expected, nil)
}

// canBundle tells whether a collator may put several blocks on one core: the runtime
// names how many it wants, and its validate_block takes more than one.
func (j *judge) canBundle() bool {
	v, _ := j.static.Version.API(runtimeapi.CollectCollationInfo)
	return j.chain.Facts.TargetBlockRate != nil && v >= 3
}
