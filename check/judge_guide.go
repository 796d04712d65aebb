package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pileus/runtimeapi"
)

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
	gone := slices.Contains([]string{"0.25", "0.26", "0.27, 0.28", "0.27 or later", "0.29 to 0.32"}, j.static.Release.Crates)
	switch {
	case j.seen.Validated == Yes && j.seen.ValidatedLate == No:
		return Row{Verdict: Fails, Severity: Warning, Found: "validate_block refuses a timestamp that the node accepts", Expected: expected, Evidence: evidence}
	case j.seen.Validated == No && strings.Contains(strings.ToLower(j.seen.ValidateWords), "inherent"):
		return Row{Verdict: Fails, Severity: Error, Found: j.seen.ValidateWords, Expected: expected, Evidence: evidence}
	case j.seen.ValidatedLate == Yes && gone:
		return ok("none: this release has no such checker", expected, evidence)
	case j.seen.Validated == Yes && !gone && j.static.Checker:
		// The usual one refuses what lies 30 s from the relay chain's slot: no block here does.
		return fails("a checker is registered, and lets pass what was tried", expected, append(evidence, fmt.Sprintf("the code has the panic %q", checkerWords)))
	case j.seen.ValidatedLate == Yes:
		return ok("none: its panic is not in the code, and timestamps at both ends of the slot pass", expected, evidence)
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
