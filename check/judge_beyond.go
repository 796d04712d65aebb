package check

import (
	"fmt"
	"strings"

	"pileus/runtimeapi"
	"pileus/wasmlink"
)

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
