package check

import (
	"slices"
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
