package check

import "slices"

// Verdict is what a row comes to.
type Verdict string

// The verdicts.
const (
	OK            Verdict = "ok"
	Fails         Verdict = "fails"
	NotKnown      Verdict = "unknown"        // it could not be found out, or nothing was said of it
	NotApplicable Verdict = "not_applicable" // this profile does not ask for it
)

// Severity says what a failing row means.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the chain stalls, or is slower than its runtime promises
	Warning Severity = "warning" // wrong by the guide, but latent as long as there is one block per relay parent
	Info    Severity = "info"    // for information
)

// Row is one step of the guide, or one thing beyond it, and how the chain stands to it.
type Row struct {
	ID       string   `json:"id"` // stable
	Step     string   `json:"step"`
	Title    string   `json:"title"`
	Verdict  Verdict  `json:"verdict"`
	Severity Severity `json:"severity"` // of the row if it fails
	Found    string   `json:"found"`
	Expected string   `json:"expected"`
	Evidence []string `json:"evidence"`
	Why      string   `json:"why"`
	Seen     string   `json:"seen"` // what is seen when it goes wrong
	Fix      string   `json:"fix"`
	Links    []string `json:"links"`
}

// text is what is always the same about a row.
type text struct {
	id, step, title string
	why, seen, fix  string
	links           []string
}

const (
	rustdoc   = "https://paritytech.github.io/polkadot-sdk/master/polkadot_sdk_docs/guides/async_backing_guide/index.html"
	sdkIssues = "https://github.com/paritytech/polkadot-sdk/"
	hookRS    = "cumulus-pallet-aura-ext src/consensus_hook.rs"
	systemRS  = "cumulus-pallet-parachain-system src/lib.rs"
)

// texts are all rows in the order of the guide, then what lies beyond it.
var texts = []text{
	{"pre.async", "Prerequisites", "the relay chain allows asynchronous backing",
		"Under rules from before stable2503, max_candidate_depth and allowed_ancestry_len of 0 let a candidate be built only on the included block and its newest relay parent.",
		"The chain keeps its old pace, or stalls: candidates are not backed.",
		"On the relay chain: configuration.setAsyncBackingParams { max_candidate_depth: 3, allowed_ancestry_len: 2 }.",
		[]string{rustdoc, sdkIssues + "issues/2606"}},
	{"pre.lookahead", "Prerequisites", "the relay chain's scheduling lookahead",
		"The lookahead bounds how old a candidate's relay parent may be. With 1 a block must be authored, sent, executed and voted on within one relay slot.",
		"Blocks are authored and not backed; the chain is slower than it was before the guide.",
		"On the relay chain: configuration.setSchedulingLookahead(3); on a shared core at least paras + RELAY_PARENT_OFFSET + 1.",
		[]string{rustdoc, sdkIssues + "issues/11914"}},

	{"p1.1", "Phase 1, step 1", "capacity and velocity",
		"BLOCK_PROCESSING_VELOCITY blocks may come per relay block, and UNINCLUDED_SEGMENT_CAPACITY must hold at least those.",
		`Velocity is never reached: "No space left for the block in the unincluded segment".`,
		"UNINCLUDED_SEGMENT_CAPACITY: u32 = 1 and BLOCK_PROCESSING_VELOCITY: u32 = 1 in phase 1; a capacity of at least the velocity everywhere.",
		[]string{rustdoc, hookRS}},
	{"p1.2", "Phase 1, step 2", "relay chain slot duration",
		"The hook computes the parachain's slot from the relay chain's; with another duration it demands slots that no collator claims.",
		`Every block is refused: "Parachain slot must match relay-derived slot", "slot is too far in the future" or "slot number mismatch".`,
		"RELAY_CHAIN_SLOT_DURATION_MILLIS: u32 = 6000.",
		[]string{rustdoc, hookRS}},
	{"p1.3", "Phase 1, step 3", "block and slot constants",
		"A slot of the parachain must begin with a relay slot: be a multiple of 6000 ms, or divide it.",
		"Slots have now more, now fewer relay blocks; authors lose turns; with one block per slot the interval jumps.",
		"MILLISECS_PER_BLOCK: u64 = 12000 and SLOT_DURATION: u64 = MILLISECS_PER_BLOCK in phase 1; always a multiple of 6000.",
		[]string{rustdoc}},
	{"p1.4", "Phase 1, step 4", "ConsensusHook is wired",
		"Only the type that stands in cumulus_pallet_parachain_system::Config::ConsensusHook decides. Defined but not wired, the velocity hook changes nothing.",
		`The chain stays at one block per two relay blocks: "expected parent to be included".`,
		"impl cumulus_pallet_parachain_system::Config: type ConsensusHook = FixedVelocityConsensusHook<Runtime, RELAY_CHAIN_SLOT_DURATION_MILLIS, BLOCK_PROCESSING_VELOCITY, UNINCLUDED_SEGMENT_CAPACITY>.",
		[]string{rustdoc, "https://github.com/litentry/heima/issues/4050"}},
	{"p1.4c", "Phase 1, step 4", "relay number check",
		"Several blocks may have one relay parent, so its number must be allowed to stay; it must not go back.",
		`With more than one block per relay parent: "Relay chain block number needs to strictly increase".`,
		"type CheckAssociatedRelayNumber = RelayNumberMonotonicallyIncreases.",
		[]string{rustdoc, systemRS}},
	{"p1.5a", "Phase 1, step 5", "one block per slot in phase 1",
		"Until phase 3 the chain must not become faster than its constants, by which timers are counted.",
		"Two blocks share a slot now and then; timers that count blocks run out early.",
		"impl pallet_aura::Config: type AllowMultipleBlocksPerSlot = ConstBool<false>.",
		[]string{rustdoc}},
	{"p1.5b", "Phase 1, step 5", "SlotDuration",
		"Aura's SlotDuration must be the constant SLOT_DURATION. Left at MinimumPeriodTimesTwo it becomes 0 together with the minimum period.",
		`"Aura slot duration cannot be zero", or "Timestamp slot must match CurrentSlot" in every block.`,
		"impl pallet_aura::Config: type SlotDuration = ConstU64<SLOT_DURATION>.",
		[]string{rustdoc, "pallet-aura src/lib.rs"}},
	{"p1.6", "Phase 1, step 6", "AuraApi",
		"Collators claim slots by what AuraApi says; the runtime judges them by Aura.",
		`Blocks are refused: "Timestamp slot must match CurrentSlot", or their seals are.`,
		"impl sp_consensus_aura::AuraApi: slot_duration() = SlotDuration::from_millis(SLOT_DURATION), authorities() = pallet_aura::Authorities::<Runtime>::get().",
		[]string{rustdoc}},
	{"p1.7", "Phase 1, step 7", "AuraUnincludedSegmentApi",
		"A collator asks can_build_upon before it builds ahead of inclusion. Without the API it never does; with wrong answers it builds what is refused, or nothing.",
		`The log says nothing; blocks come only when the parent is included. With wrong answers: "No space left", "authored blocks limit".`,
		"impl cumulus_primitives_aura::AuraUnincludedSegmentApi: can_build_upon(included_hash, slot) = ConsensusHook::can_build_upon(included_hash, slot).",
		[]string{rustdoc, sdkIssues + "issues/2826"}},
	{"p1.8", "Phase 1, step 8", "no inherent checker in validate_block",
		"CheckInherents compares the timestamp with the relay chain's slot; the hook does that better. Blocks that collators hold for good are refused by validators.",
		`Validators say "Checking inherents failed"; candidates are never backed.`,
		"register_validate_block! { Runtime = Runtime, BlockExecutor = cumulus_pallet_aura_ext::BlockExecutor::<Runtime, Executive> }, without CheckInherents.",
		[]string{rustdoc, "cumulus-pallet-parachain-system src/validate_block/implementation.rs"}},

	{"p2.4", "Phase 2", "the collator",
		"The basic collator waits until its parent is included; only the lookahead one builds ahead, and a runtime with a relay parent offset needs the slot-based one.",
		"The chain keeps its old pace, or the runtime refuses every block for lack of relay headers.",
		"Replace the basic collator by aura::run with AuraParams of lookahead (--authoring lookahead), or by slot-based (--authoring slot-based) with a relay parent offset or several cores.",
		[]string{rustdoc, sdkIssues + "issues/11295"}},
	{"p2.5", "Phase 2", "authoring duration, code hash",
		"A block is worth what backers finish: the authoring duration must not exceed their timeout, and must reach the runtime's 2 s. The code hash that the collator names must be the relay chain's.",
		`Long blocks are authored and not backed ("Timeout"); with 500 ms blocks stay three quarters empty; with another code hash nothing is backed.`,
		"AuraParams: authoring_duration: Duration::from_millis(2000), code_hash_provider: hash of :code at the block.",
		[]string{rustdoc, sdkIssues + "issues/3565"}},

	{"p3.1", "Phase 3, step 1", "several blocks per slot",
		"Velocity above 1, slots longer than 6 s and a relay fork all put a second block into a slot.",
		`"Slot must increase"; blocks become sparse as soon as two fall into one slot.`,
		"impl pallet_aura::Config: type AllowMultipleBlocksPerSlot = ConstBool<true>; MaxAuthorities = ConstU32<100_000>.",
		[]string{rustdoc, "https://github.com/polkadot-fellows/runtimes/pull/1174"}},
	{"p3.2", "Phase 3, step 2", "unincluded segment capacity",
		"From its relay parent to its inclusion a block takes two relay blocks; one more is slack. The segment must hold what is authored meanwhile.",
		`can_build_upon says no: with capacity 1 there is a block every 12 s; "No space left for the block in the unincluded segment".`,
		"UNINCLUDED_SEGMENT_CAPACITY: u32 = 3; in general (2 + RELAY_PARENT_OFFSET) * BLOCK_PROCESSING_VELOCITY + 1 at least.",
		[]string{rustdoc, sdkIssues + "issues/5260"}},
	{"p3.3", "Phase 3, step 3", "6000 ms per block, or a higher velocity",
		"The relay chain gives one block per relay block and core; a chain that means to be faster than 6 s needs the velocity for it.",
		"The chain does not reach the block time that its constants promise.",
		"MILLISECS_PER_BLOCK: u64 = 6000 (SLOT_DURATION may stay with several blocks per slot); below 6000 BLOCK_PROCESSING_VELOCITY = 6000 / MILLISECS_PER_BLOCK.",
		[]string{rustdoc}},
	{"p3.4", "Phase 3, step 4", "block weight",
		"Asynchronous backing gives a block 2 s of execution. A lower limit leaves room unused; a higher one makes blocks that backers do not finish.",
		`Blocks stay small; or full blocks are not backed ("Timeout").`,
		"MAXIMUM_BLOCK_WEIGHT = Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2), MAX_POV_SIZE as u64).",
		[]string{rustdoc}},
	{"p3.5", "Phase 3, step 5", "MinimumPeriod",
		"Blocks of one slot have one timestamp. With a minimum period each is moved on by it, until it lies in the next slot.",
		`"Timestamp slot must match CurrentSlot", or "Timestamp must increment by at least <MinimumPeriod>".`,
		"impl pallet_timestamp::Config: type MinimumPeriod = ConstU64<0>.",
		[]string{rustdoc, "https://github.com/AstarNetwork/Astar/pull/1481"}},

	{"t.1", "Timing by block number", "timers",
		"What counts time in blocks of the parachain changes its length with the block time.",
		"Auctions, locks, periods and emissions take half as long, or twice.",
		"Count in relay chain blocks, or derive the constants from MILLISECS_PER_BLOCK; `pileus rehearse` shows what an upgrade makes of them.",
		[]string{rustdoc, sdkIssues + "issues/3268"}},

	{"x.build", "Beyond the guide", "the runtime builds a block",
		"A block without transactions, on a relay state in which all is as it should be, must be accepted.",
		"The chain stalls; the collator's log has the runtime's words.",
		"See the runtime's words in the evidence.",
		[]string{systemRS}},
	{"x.validate", "Beyond the guide", "validate_block accepts what was built",
		"Validators run validate_block on the collator's proof; what it refuses is never backed, and what it commits to must be what the collator says.",
		"Candidates are seconded by nobody; validators say why.",
		"See the words in the evidence: most often host functions, keys outside the proof, or a BlockExecutor of another consensus.",
		[]string{"cumulus-pallet-parachain-system src/validate_block/implementation.rs"}},
	{"x.offset", "Beyond the guide", "relay parent offset",
		"Collators hand over as many relay headers as RelayParentOffsetApi says, and look that deep into the claim queue; the pallet demands its own RelayParentOffset.",
		`"Unable to verify provided relay parent descendants", "Only 1 is supported as valid claim queue offset"; the chain stalls.`,
		"impl RelayParentOffsetApi: relay_parent_offset() = RELAY_PARENT_OFFSET, the same as parachain_system::Config::RelayParentOffset; a scheduling lookahead of at least RELAY_PARENT_OFFSET + 2.",
		[]string{"https://github.com/moonbeam-foundation/moonbeam/pull/3740", "https://github.com/paseo-network/runtimes/pull/416"}},
	{"x.auraext", "Beyond the guide", "AuraExt: order and authority cache",
		"AuraExt copies Aura's authorities at the end of each block; validators check the next seal by the copy. It must stand behind Aura and Session.",
		`Validators refuse every block: "Invalid AuRa author index", after a session change or a migration that ran late.`,
		"construct_runtime!: AuraExt behind Aura and Session; genesis and migrations fill AuraExt::Authorities.",
		[]string{"cumulus-pallet-aura-ext src/lib.rs", sdkIssues + "issues/10428"}},
	{"x.api", "Beyond the guide", "APIs agree with the pallets",
		"Nodes ask the APIs, the runtime acts by its pallets.",
		"Collators claim other slots, ask for other cores or name another para than the runtime means.",
		"Answer every API from the pallet that decides.",
		[]string{sdkIssues + "issues/6825"}},
	{"x.timestamp", "Beyond the guide", "the timestamp is tied to the slot",
		"OnTimestampSet = Aura makes a block's time lie in its slot. Without it an author may claim any time.",
		"Clocks run ahead; nothing in the log.",
		"impl pallet_timestamp::Config: type OnTimestampSet = Aura.",
		[]string{"pallet-aura src/lib.rs", "https://github.com/AstarNetwork/Astar/pull/1481"}},
	{"x.pov", "Beyond the guide", "PoV size",
		"A block may fill the proof size of its weight; the relay chain takes PoVs of max_pov_size.",
		`A full block is refused: "PoV exceeded maximum size".`,
		"MAXIMUM_BLOCK_WEIGHT's proof size = MAX_POV_SIZE of the relay chain's polkadot_primitives, at most its max_pov_size.",
		[]string{sdkIssues + "issues/5334", sdkIssues + "issues/7702"}},
	{"x.host", "Beyond the guide", "host functions",
		"A node refuses a runtime that imports functions that it does not have; a validator traps when one is called.",
		`"Runtime requires function imports which are not present on the host".`,
		"Build without features that add host functions, or register them in every node; never call them in validate_block.",
		[]string{"sp-io", "polkadot-node-core-pvf-common src/executor_interface.rs"}},
	{"x.heap", "Beyond the guide", ":heappages",
		"A node gives the runtime the memory that :heappages says; a validator gives 2048 pages or the relay chain's MaxMemoryPages.",
		"A block that a collator builds runs out of memory in validators, or the other way round.",
		"Delete :heappages, or keep it at 2048.",
		[]string{"sc-executor", "polkadot-primitives ExecutorParam::MaxMemoryPages"}},
	{"x.code", "Beyond the guide", "code size",
		"The relay chain takes code of at most max_code_size, as it is stored, and its own upgrade limits apply.",
		"The upgrade is refused: TooBig; the chain cannot be registered.",
		"Compress the runtime (substrate-wasm-builder's compact.compressed), leave out debug sections, build with the production profile.",
		[]string{"polkadot-primitives MAX_CODE_SIZE"}},
	{"x.slots", "Beyond the guide", "the stored slot fits the slot duration",
		"A longer slot makes slot numbers smaller. pallet-aura before 45 does not migrate Aura.CurrentSlot.",
		`"Slot must not decrease" in every block until the old number is reached, years later.`,
		"Ship a migration of Aura.CurrentSlot with or before the change, or pallet-aura 45 or later.",
		[]string{sdkIssues + "pull/10022", "https://github.com/paseo-network/runtimes/pull/388"}},
	{"x.turns", "Beyond the guide", "long slots have several blocks",
		"An author has the whole slot. Slots of 24 s are for chains whose slots take several blocks; with one block per slot they are the block time.",
		"A block every 24 s; and \"Slot must increase\" for all that collators build besides.",
		"impl pallet_aura::Config: type AllowMultipleBlocksPerSlot = ConstBool<true>, or SLOT_DURATION = 12000.",
		[]string{"https://github.com/polkadot-fellows/runtimes/pull/1174", sdkIssues + "issues/6667"}},
	{"x.cores", "Beyond the guide", "velocity and cores",
		"Above a block per relay block the chain needs as many cores, or bundles of blocks; what the runtime targets must be within its velocity.",
		"The chain stays at 6 s on one core; beyond the velocity: \"authored blocks limit\".",
		"Assign as many cores as TargetBlockRate asks for; BLOCK_PROCESSING_VELOCITY >= target_block_rate.",
		[]string{sdkIssues + "issues/10425"}},
}

// IDs are the ids of all rows, in the order of the report.
func IDs() (list []string) {
	for _, t := range texts {
		list = append(list, t.id)
	}
	return list
}

func textOf(id string) *text {
	i := slices.IndexFunc(texts, func(t text) bool { return t.id == id })
	return &texts[i]
}
