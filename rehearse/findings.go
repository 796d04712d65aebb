package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"pileus"
	"pileus/collator"
)

// Finding is a known cause of a stall, a degradation or an upgrade that comes to nothing.
// docs/findings has a page of the same name for each.
type Finding struct {
	Name string
	// Cause is what is the matter, in plain words.
	Cause string
	// Advice is what to do.
	Advice string
	// Says are log lines of nodes and runtimes to search for; they are no evidence by themselves.
	Says []string

	// general findings name what is seen and not why; they count where no other fits.
	general bool
	// when judges evidence: what of it speaks for the finding; nil if it is another one.
	when func(e *Evidence) []string
}

// Findings are all findings, the more special ones first: of several that fit, the first
// is the cause.
var Findings = []Finding{
	// Upgrades that come to nothing.
	{
		Name:   "cooldown",
		Cause:  "the relay chain still forbids this parachain a further upgrade: the cooldown after the last one is not over",
		Advice: "Wait until the upgrade restriction signal is gone, validation_upgrade_cooldown relay blocks after the last upgrade was scheduled, and submit then.",
		Says:   []string{"ProhibitedByPolkadot", "PrematureCodeUpgrade", "CannotUpgradeCode"},
		when: func(e *Evidence) (b []string) {
			if !e.Upgrade.failed() || !strings.Contains(e.Upgrade.err, "ProhibitedByPolkadot") {
				return nil
			}
			b = append(b, "the runtime refuses the code: "+e.Upgrade.err)
			if a := e.Asked; a != nil {
				b = append(b, fmt.Sprintf("state read: the cooldown of this relay chain is %d blocks (%s)", a.Relay.ValidationUpgradeCooldown, span(float64(a.Relay.ValidationUpgradeCooldown)*6)))
				if a.Restricted {
					b = append(b, "state read: the relay chain holds the upgrade restriction signal")
				}
			}
			return b
		},
	}, {
		Name:   "overlapping-upgrades",
		Cause:  "an earlier upgrade is still pending in the parachain",
		Advice: "Wait for its go-ahead, or for the signal Abort, before the next one is submitted.",
		Says:   []string{"OverlappingUpgrades"},
		when:   dispatch("OverlappingUpgrades"),
	}, {
		Name:   "code-too-large",
		Cause:  "the code is larger than the relay chain's max_code_size",
		Advice: "Build with the compact, compressed file, drop what the runtime does not need, or raise max_code_size on the relay chain.",
		Says:   []string{"TooBig", "NewCodeTooLarge", "CodeSizeTooLarge"},
		when: func(e *Evidence) (b []string) {
			if !e.Upgrade.failed() {
				return nil
			}
			if a := e.Asked; a != nil && e.CodeSize > int(a.Relay.MaxCodeSize) {
				b = append(b, fmt.Sprintf("the code has %d bytes, max_code_size is %d", e.CodeSize, a.Relay.MaxCodeSize))
			}
			if strings.Contains(e.Upgrade.err, "TooBig") {
				b = append(b, "the runtime refuses the code: "+e.Upgrade.err)
			}
			return b
		},
	}, {
		Name:   "spec-version",
		Cause:  "the spec version of the new code is not higher than that of the old one, so the runtime does not take it for an upgrade",
		Advice: "Raise spec_version in the runtime and build again. The same code is never an upgrade: a relay chain would ignore it, and the parachain would wait for a go-ahead that never comes.",
		Says:   []string{"SpecVersionNeedsToIncrease"},
		when:   dispatch("SpecVersionNeedsToIncrease"),
	}, {
		Name:   "other-runtime",
		Cause:  "the new code is not a runtime of this chain, or cannot be read as one",
		Advice: "Check which file was built: its Core_version must answer, and its spec name must be that of the chain.",
		Says:   []string{"InvalidSpecName", "FailedToExtractRuntimeVersion"},
		when:   dispatch("InvalidSpecName", "FailedToExtractRuntimeVersion"),
	}, {
		Name:    "upgrade-refused",
		general: true,
		Cause:   "the runtime did not take the new code",
		Advice:  "The runtime's error says why; look it up in the pallet that it names.",
		Says:    []string{"ExtrinsicFailed", "Sudid { sudo_result: Err"},
		when: func(e *Evidence) []string {
			if e.Upgrade.failed() && e.Upgrade.err != "" {
				return []string{"the runtime refuses the code: " + e.Upgrade.err}
			}
			return nil
		},
	}, {
		Name:   "precheck-rejected",
		Cause:  "the relay chain's validators rejected the new code in the pre-check; the parachain saw the signal Abort and gave the upgrade up",
		Advice: "Find out what validators have against the code (imports that a PVF may not have, a Wasm feature beyond the first version, too large when unpacked, too slow to compile), mend it, and wait for the cooldown before the next try.",
		Says:   []string{"ValidationFunctionDiscarded", "PvfCheck", "PreparationFailed"},
		when: func(e *Evidence) []string {
			if !e.Upgrade.aborted && !(e.Upgrade.rejected && e.Upgrade.failed()) {
				return nil
			}
			return []string{"the signal Abort was seen", "validators: " + brief(e.Upgrade.precheck)}
		},
	}, {
		Name:   "upgrade-too-large-for-a-block",
		Cause:  "no block takes the transaction with the new code: it does not fit into what a collator fills of the largest PoV",
		Advice: "Make the code smaller, or raise max_pov_size on the relay chain. A collator fills 85 % of it.",
		Says:   []string{"PoV exceeded maximum", "hit_block_size_limit", "ExhaustsResources"},
		when: func(e *Evidence) []string {
			a := e.Asked
			if a == nil || !e.Upgrade.failed() || e.Upgrade.dispatched || e.Upgrade.poolSays != "" {
				return nil
			}
			if budget := int(uint64(a.Relay.MaxPoVSize) * 85 / 100); e.Upgrade.bytes > budget*95/100 {
				return []string{fmt.Sprintf("the transaction has %d bytes, a block may have %d with its proof (85 %% of max_pov_size %d)", e.Upgrade.bytes, budget, a.Relay.MaxPoVSize),
					"no block had it for as long as was waited"}
			}
			return nil
		},
	}, {
		Name:    "upgrade-not-taken",
		general: true,
		Cause:   "the transaction with the new code never got into a block",
		Advice:  "See what the pool or the runtime says against it. An authorised upgrade needs the very code whose hash was authorised.",
		Says:    []string{"InvalidTransaction", "Unauthorized", "NothingAuthorized"},
		when: func(e *Evidence) []string {
			if e.Upgrade.failed() && e.Upgrade.submitted && !e.Upgrade.dispatched && e.Included > 0 {
				return []string{"no block has the transaction", "the pool: " + orNothing(e.Upgrade.poolSays)}
			}
			return nil
		},
	},
	// The new code and the relay chain.
	{
		Name:   "pov-too-large",
		Cause:  "a block's PoV is larger than the relay chain's max_pov_size, so no validator looks at it",
		Advice: "Find what the block reads: all that migrations touch is in its PoV. Spread migrations over several blocks (pallet-migrations), or raise max_pov_size before the upgrade. A chain that has stopped so needs the relay chain: a higher max_pov_size there, or other code set by its governance.",
		Says:   []string{"PoV exceeded maximum", "PoV size too big", "ParamsTooLarge"},
		when: func(e *Evidence) (b []string) {
			if n := e.Refused[string(collator.PoVTooLarge)]; n > 0 {
				b = append(b, fmt.Sprintf("%d attempts refused by the collator: %s", n, e.Words[string(collator.PoVTooLarge)]))
			}
			if n := e.Declined["ParamsTooLarge"]; n > 0 {
				b = append(b, fmt.Sprintf("%d candidates declined: %s", n, e.Words["ParamsTooLarge"]))
			}
			return b
		},
	}, {
		Name:   "relay-late",
		Cause:  "the parachain runs the new code while the relay chain still validates by the old one, so no candidate is backed",
		Advice: "Nothing the parachain's node can do: the relay chain has to make the new code current (its governance can). Before the next upgrade, check on the test network that the relay chain promotes code at the go-ahead.",
		Says:   []string{"ValidationCodeMismatch", "CodeHashMismatch", "InvalidValidationCodeHash"},
		when: func(e *Evidence) (b []string) {
			o := &e.Upgrade
			if a := e.Asked; a != nil && a.Code != a.RelayCode && o.applied && !o.switched {
				b = append(b, fmt.Sprintf("state read: the parachain runs code %s, the relay chain has %s", a.Code.Short(), a.RelayCode.Short()))
			}
			if o.late != "" {
				b = append(b, o.late)
			}
			switch {
			case !o.applied:
			case !o.switched && e.Asked == nil:
				b = append(b, "events: the code was applied, and the relay chain did not switch")
			case o.switched && o.switchedAt > o.appliedAt+usualSwitch:
				b = append(b, fmt.Sprintf("events: the parachain applied the code at relay block #%d, the relay chain at #%d", o.appliedAt, o.switchedAt))
			}
			if reason, n := top(e.Declined); n > 0 && len(b) > 0 {
				b = append(b, fmt.Sprintf("validators turned %d candidates down: %s", n, reason))
			}
			return b
		},
	}, {
		Name:   "authority-cache-empty",
		Cause:  "AuraExt, by which validators check the author, has not the authorities that Aura has",
		Advice: "Declare AuraExt behind Aura and Session, and let a migration fill AuraExt.Authorities in the very block in which Aura comes.",
		Says:   []string{"Invalid AuRa author index", "author index"},
		when: func(e *Evidence) []string {
			if a := e.Asked; a != nil && a.Authorities != "" && a.After == nil {
				return []string{"state read: " + a.Authorities}
			}
			return nil
		},
	},
	// Collator and runtime.
	{
		Name:   "relay-parent-offset",
		Cause:  "the runtime has a relay parent offset, which only the slot-based collator serves",
		Advice: "Switch all collators to the slot-based one before the runtime with an offset is enacted, or keep the offset 0.",
		Says:   []string{"Only 1 is supported as valid claim queue offset", "is supported as valid claim queue offset left: 2 right: 1", "Unable to verify provided relay parent descendants"},
		when: func(e *Evidence) (b []string) {
			if n := e.Refused[string(collator.OffsetUnsupported)]; n > 0 {
				b = append(b, fmt.Sprintf("%d attempts refused: %s", n, e.Words[string(collator.OffsetUnsupported)]))
			}
			if a := e.Asked; a != nil && a.RelayParentOffset > 0 && e.Collator != pileus.SlotBased && len(b) > 0 {
				b = append(b, fmt.Sprintf("probe: RelayParentOffsetApi answers %d, the collators are %s", a.RelayParentOffset, e.Collator))
			}
			return b
		},
	}, {
		Name:   "backing-timeout",
		Cause:  "a block takes longer than validators may spend on it, so it is authored and never backed",
		Advice: "Bound the weight of a block to 2 s and the collators' authoring duration to 2000 ms (guide, phases 2 and 3); on the relay chain the backing timeout is an executor parameter.",
		Says:   []string{"Timeout", "execution timed out", "Took more than the execution timeout"},
		when: func(e *Evidence) (b []string) {
			if n := e.Declined["Timeout"]; n > 0 {
				b = append(b, fmt.Sprintf("%d candidates declined: %s", n, e.Words["Timeout"]))
			}
			if a := e.Asked; a != nil && len(b) > 0 {
				b = append(b, fmt.Sprintf("blocks cost up to %.0f ms; authoring may take %.0f ms, backing %.0f ms", e.CostMs, a.AuthoringMs, a.BackingTimeoutMs))
			}
			return b
		},
	}, {
		Name:   "authoring-duration",
		Cause:  "a block takes longer than the collators' authoring duration, so it is given up",
		Advice: "Set authoring_duration to 2000 ms in the collators (guide, phase 2), and bound the weight of a block to 2 s.",
		Says:   []string{"Proposing failed", "hit_deadline", "authoring_duration"},
		when: func(e *Evidence) []string {
			if n := e.Refused[string(collator.TooExpensive)]; n > 0 {
				return []string{fmt.Sprintf("%d attempts given up: %s", n, e.Words[string(collator.TooExpensive)])}
			}
			return nil
		},
	}, {
		Name:   "slot-goes-back",
		Cause:  "the new slot duration is longer, so the slot number became smaller than the one that is stored; every block is refused until time has caught up",
		Advice: "Ship the migration of Aura.CurrentSlot (pallet-aura 45, stable2603, has it) in the runtime that changes the slot duration, or keep the slot duration and let slots have several blocks.",
		Says:   []string{"Slot must not decrease", "Slot must increase", "slot number mismatch"},
		when: func(e *Evidence) (b []string) {
			a, words := e.Asked, ""
			ok := false
			if words, ok = e.says("slot must not decrease", "slot must increase"); !ok {
				return nil
			}
			if a != nil {
				if a.ParaSlot <= a.DerivedSlot+1 {
					return nil
				}
				b = append(b, fmt.Sprintf("state read: Aura.CurrentSlot is %d, the relay chain's slot comes to %d at %d ms per slot", a.ParaSlot, a.DerivedSlot, a.SlotMs))
			} else if !strings.Contains(strings.ToLower(words), "not decrease") {
				return nil
			}
			return append(b, "the runtime refuses blocks: "+words)
		},
	}, {
		Name:   "single-block-per-slot",
		Cause:  "the runtime takes one block per slot only, but more are due in a slot",
		Advice: "Set AllowMultipleBlocksPerSlot to true (guide, phase 3), or make slots as short as blocks.",
		Says:   []string{"Slot must increase"},
		when: func(e *Evidence) (b []string) {
			words, ok := e.says("slot must increase")
			if !ok {
				return nil
			}
			if a := e.Asked; a != nil {
				if !strings.Contains(strings.ToLower(a.Again), "must increase") {
					return nil
				}
				b = append(b, "probe: a second block in one slot is refused: "+a.Again)
			}
			return append(b, "the runtime refuses blocks: "+words)
		},
	}, {
		Name:   "minimum-period",
		Cause:  "the minimum period between two timestamps is longer than the time between two blocks",
		Advice: "Set pallet_timestamp's MinimumPeriod to 0 (guide, phase 3).",
		Says:   []string{"Timestamp must increment by at least"},
		when: func(e *Evidence) (b []string) {
			words, ok := e.says("timestamp must increment")
			if !ok || e.Asked != nil && e.Asked.MinimumPeriodMs == 0 {
				return nil
			}
			if a := e.Asked; a != nil {
				b = append(b, fmt.Sprintf("state read: Timestamp.MinimumPeriod is %d ms", a.MinimumPeriodMs))
			}
			return append(b, "the runtime refuses blocks: "+words)
		},
	}, {
		Name:   "strict-relay-numbers",
		Cause:  "the runtime demands a relay parent with a higher number for every block, so two blocks cannot share one",
		Advice: "Set CheckAssociatedRelayNumber to RelayNumberMonotonicallyIncreases (guide, phase 1).",
		Says:   []string{"Relay chain block number needs to strictly increase between Parachain blocks"},
		when: func(e *Evidence) []string {
			if words, ok := e.says("strictly increase"); ok {
				return []string{"the runtime refuses blocks: " + words}
			}
			return nil
		},
	}, {
		Name:   "hook-unwired",
		Cause:  "the runtime wants the parent of every block to be included first, although its API says that there is room: its ConsensusHook is not the one that it was meant to have",
		Advice: "Set cumulus_pallet_parachain_system::Config::ConsensusHook to the FixedVelocityConsensusHook with the chain's capacity (guide, phase 1); up to crate 0.13 also the feature parameterized-consensus-hook.",
		Says:   []string{"expected parent to be included", "set_validation_data inherent needs to be present in every block", "Slot must increase"},
		when: func(e *Evidence) (b []string) {
			words, ok := e.says("expected parent to be included")
			if !ok || e.Collator == pileus.Basic {
				return nil
			}
			if a := e.Asked; a != nil {
				if a.SegmentAPI == 0 {
					return nil
				}
				if a.Again != "" {
					b = append(b, "probe: a second block in front of an inclusion is refused: "+a.Again)
				}
				b = append(b, fmt.Sprintf("probe: AuraUnincludedSegmentApi (version %d) says that such a block may be built", a.SegmentAPI))
			}
			return append(b, fmt.Sprintf("state read: the unincluded segment had at most %s", blocks(e.MaxSegment)), "the runtime refuses blocks: "+words)
		},
	}, {
		Name:   "no-segment-api",
		Cause:  "the runtime has no AuraUnincludedSegmentApi, so collators build on the included block only",
		Advice: "Implement AuraUnincludedSegmentApi, delegating can_build_upon to the consensus hook (guide, phase 1).",
		Says:   []string{"AuraUnincludedSegmentApi bound missing", "Exported method AuraUnincludedSegmentApi_can_build_upon is not found"},
		when: func(e *Evidence) []string {
			a := e.Asked
			if a != nil && a.SegmentAPI == 0 && e.Collator != pileus.Basic && e.Passed[string(collator.SegmentFull)] > 0 {
				return []string{"state read: Core_version does not list AuraUnincludedSegmentApi",
					fmt.Sprintf("%d relay parents were passed over: %s", e.Passed[string(collator.SegmentFull)], e.Words[string(collator.SegmentFull)])}
			}
			if a == nil && strings.Contains(e.Words[string(collator.SegmentFull)], "without AuraUnincludedSegmentApi") {
				return []string{e.Words[string(collator.SegmentFull)]}
			}
			return nil
		},
	}, {
		Name:   "basic-collator",
		Cause:  "the basic collator waits for every block to be included before it makes the next one",
		Advice: "Switch the collators to the lookahead one (guide, phase 2) before the runtime asks for more than a block every 12 s.",
		Says:   []string{"aura_import_queue", "collators::basic"},
		when: func(e *Evidence) []string {
			n := e.Passed[string(collator.CoreOccupied)]
			if e.Collator != pileus.Basic || n == 0 || e.Asked != nil && e.Asked.Promised > relayMs {
				return nil
			}
			return []string{fmt.Sprintf("the collators are basic, and passed over %d relay parents: %s", n, e.Words[string(collator.CoreOccupied)])}
		},
	},
	// The relay chain's settings.
	{
		Name:   "window-of-one",
		Cause:  "a candidate may be backed in the very next relay block only: author, fetch, execute and vote must fit into one slot of 6 s, and a block of up to 2 s does not",
		Advice: "Raise scheduler_params.lookahead of the relay chain to 3 or more (guide, prerequisites); before stable2503 it is allowed_ancestry_len 2 and max_candidate_depth 3.",
		Says:   []string{"SecondedLimitReached", "not backed", "scheduling_lookahead"},
		when: func(e *Evidence) []string {
			late := e.Dropped["not_backed"] + e.Dropped["parent_dropped"] + e.Dropped["never_offered"]
			a := e.Asked
			if a == nil || a.Lookahead > 1 || late == 0 {
				return nil
			}
			return []string{fmt.Sprintf("state read: candidates have a window of %d relay block", a.Lookahead), fmt.Sprintf("%d blocks were dropped because no relay block backed them in time", late)}
		},
	}, {
		Name:   "candidate-depth-zero",
		Cause:  "the relay chain lets nobody build ahead: max_candidate_depth is 0, so one candidate at a time",
		Advice: "Set async_backing_params to max_candidate_depth 3 and allowed_ancestry_len 2 on the relay chain (guide, prerequisites). From stable2503 on they are not read any more.",
		Says:   []string{"max_candidate_depth", "RejectedByProspectiveParachains"},
		when: func(e *Evidence) []string {
			a := e.Asked
			if a == nil || !a.Classic || a.Relay.AsyncBackingParams.MaxCandidateDepth > 0 || e.Dropped["not_backed"]+e.Dropped["parent_dropped"]+e.Dropped["never_offered"] == 0 {
				return nil
			}
			return []string{fmt.Sprintf("state read: max_candidate_depth is 0, allowed_ancestry_len %d", a.Relay.AsyncBackingParams.AllowedAncestryLen)}
		},
	}, {
		Name:   "capacity-1",
		Cause:  "the unincluded segment holds one block only: the next one has to wait until it is included, two relay blocks later",
		Advice: "Raise UNINCLUDED_SEGMENT_CAPACITY to 3 (guide, phase 3).",
		Says:   []string{"no space left for the block in the unincluded segment"},
		when: func(e *Evidence) []string {
			n := e.Passed[string(collator.SegmentFull)]
			words, refused := e.says("no space left")
			a := e.Asked
			if e.MaxSegment > 1 || n == 0 && !refused || a != nil && (a.SegmentAPI == 0 || a.Promised > relayMs) || e.Collator == pileus.Basic {
				return nil
			}
			b := []string{fmt.Sprintf("state read: the unincluded segment had at most %s", blocks(e.MaxSegment))}
			if n > 0 {
				b = append(b, fmt.Sprintf("probe: can_build_upon says no on %d relay parents", n))
			}
			if a != nil && a.Again != "" {
				b = append(b, "probe: a second block in front of an inclusion is refused: "+a.Again)
			}
			if refused {
				b = append(b, "the runtime refuses blocks: "+words)
			}
			return b
		},
	}, {
		Name:    "segment-full",
		general: true,
		Cause:   "the unincluded segment is full: blocks are included more slowly than they are made",
		Advice:  "Raise UNINCLUDED_SEGMENT_CAPACITY ((3 + relay parent offset) x velocity is what system chains take), and look at why candidates are not backed at once.",
		Says:    []string{"no space left for the block in the unincluded segment"},
		when: func(e *Evidence) []string {
			if n := e.Passed[string(collator.SegmentFull)]; n > 0 && n >= e.Authored/3 {
				return []string{fmt.Sprintf("%d relay parents were passed over: %s", n, e.Words[string(collator.SegmentFull)]), fmt.Sprintf("state read: the unincluded segment had up to %s", blocks(e.MaxSegment))}
			}
			return nil
		},
	}, {
		Name:   "slot-mismatch",
		Cause:  "the parachain's slot is not the one that the relay parent's slot comes to",
		Advice: "Collators and runtime must agree on the slot duration: it is read at the parent block, not at the best one, and relay slots have 6000 ms.",
		Says:   []string{"slot number mismatch left: Slot(", "Timestamp slot must match `CurrentSlot`", "must match relay-derived slot", "too far in the future"},
		when: func(e *Evidence) []string {
			if words, ok := e.says("slot number mismatch", "timestamp slot must match", "relay-derived slot", "too far in the future", "slot moved backwards"); ok {
				return []string{"the runtime refuses blocks: " + words}
			}
			return nil
		},
	}, {
		Name:   "velocity",
		Cause:  "more blocks are tried on one relay slot than the runtime's velocity allows",
		Advice: "Raise BLOCK_PROCESSING_VELOCITY where several cores are to be used, or give the collators fewer cores.",
		Says:   []string{"authored blocks limit is reached for the slot"},
		when: func(e *Evidence) []string {
			if words, ok := e.says("authored blocks limit"); ok {
				return []string{"the runtime refuses blocks: " + words}
			}
			return nil
		},
	}, {
		Name:   "inherent",
		Cause:  "the runtime does not take the relay chain's data: the inherent set_validation_data fails, and no block can be without it",
		Advice: "The words name the part that fails. After an upgrade check that the type of the stored HostConfiguration has the fields that the relay chain's has (async_backing_params), and that a migration or kill goes with it.",
		Says:   []string{"set_validation_data inherent needs to be present in every block", "Invalid relay chain state proof", "included head not present in relay storage proof"},
		when: func(e *Evidence) (b []string) {
			if words, ok := e.says("set_validation_data", "relay chain state proof", "host configuration", "messaging state", "included head not present", "head mismatch", "unincluded segment limits", "goahead signal"); ok {
				b = append(b, "the runtime refuses blocks: "+words)
			}
			if a := e.Asked; a != nil && a.HostConfig != "" {
				b = append(b, "state read: "+a.HostConfig)
			}
			return b
		},
	}, {
		Name:    "runtime-refuses",
		general: true,
		Cause:   "the runtime refuses the blocks that its collators make",
		Advice:  "Its words are the cause; replay the block with the runtime's log to see more.",
		Says:    []string{"panicked at", "Proposing failed"},
		when: func(e *Evidence) []string {
			if n := e.Refused[string(collator.RefusedByRuntime)]; n > 0 && len(e.RuntimeHas) > 0 {
				return []string{fmt.Sprintf("%d attempts: %s", n, e.RuntimeHas[len(e.RuntimeHas)-1])}
			}
			return nil
		},
	}, {
		Name:    "validators-refuse",
		general: true,
		Cause:   "validators turn the candidates down",
		Advice:  "The reason says which check: outputs over a limit, another code, a PoV that does not execute.",
		Says:    []string{"InvalidCandidate", "ExecutionError"},
		when: func(e *Evidence) []string {
			if reason, n := top(e.Declined); n > 0 {
				return []string{fmt.Sprintf("%d candidates: %s: %s", n, reason, brief(e.Words[reason]))}
			}
			return nil
		},
	}, {
		Name:   "slow-slots",
		Cause:  "the new runtime's slots are longer than those before, so its blocks are due less often",
		Advice: "If that was not meant, set SLOT_DURATION back; a block every 6 s with longer slots needs several blocks per slot and a capacity of 3.",
		Says:   []string{"Slots per block"},
		when: func(e *Evidence) []string {
			if a := e.Asked; a != nil && a.Before != nil && a.After != nil && *a.After > *a.Before*1.1 && *a.After <= a.Promised*1.1 {
				return []string{fmt.Sprintf("probe: AuraApi.slot_duration answers %d ms", a.SlotMs)}
			}
			return nil
		},
	},
}

// dispatch is evidence by the runtime's error of an upgrade.
func dispatch(names ...string) func(e *Evidence) []string {
	return func(e *Evidence) []string {
		for _, name := range names {
			if e.Upgrade.failed() && strings.Contains(e.Upgrade.err, name) {
				return []string{"the runtime refuses the code: " + e.Upgrade.err}
			}
		}
		return nil
	}
}

// Explain finds the causes that evidence speaks for, the most special one first, each
// with what speaks for it.
func Explain(e *Evidence) (list []Explained) {
	for i := range Findings {
		if because := Findings[i].when(e); len(because) > 0 {
			list = append(list, Explained{&Findings[i], because})
		}
	}
	if slices.ContainsFunc(list, func(x Explained) bool { return !x.general }) {
		return slices.DeleteFunc(list, func(x Explained) bool { return x.general })
	}
	return list
}

// Explained is a finding with the evidence for it.
type Explained struct {
	*Finding
	Because []string
}

func orNothing(s string) string {
	if s == "" {
		return "says nothing against it"
	}
	return brief(s)
}

func blocks(n int) string {
	if n == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", n)
}
