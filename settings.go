package pileus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pileus/primitives"
	"pileus/remote"
	"pileus/runtimes"
)

// The kinds of collators and rule sets, by the names under which they are chosen.
const (
	Auto      = "auto"
	Basic     = "basic"
	Lookahead = "lookahead"
	SlotBased = "slot-based"

	current = "current"
	classic = "classic"
)

// Settings are everything that a run depends on. Start from [Defaults].
type Settings struct {
	Chain   string // chain spec of the parachain; or
	Wasm    string // its runtime, raw or compressed; or
	Runtime string // a stage of the guide's chain that is built in; or
	URL     string // a live chain: ws://host:port, with @block behind it or without; none of the four: phase3
	Preset  string // the genesis preset of a runtime

	RelayBlocks uint32 // slots that the relay chain runs
	Seed        uint64

	Collator          string        // auto, basic, lookahead, slot-based
	Collators         int           // and as many Aura authorities
	AuthoringDuration time.Duration // authoring_duration of the collator
	BlockCost         time.Duration // what every block costs; 0: what its weight says
	Transfers         int           // balance transfers submitted per relay block

	Rules         string // current, classic
	Relay         primitives.HostConfiguration
	Validators    int
	SessionBlocks uint32
	Fresh         bool      // the relay chain starts with session 0, in which no groups and cores exist
	Begin         time.Time // when the relay chain's first slot begins, rounded to slots; zero, or too early: a day of November 2025

	ExecuteAll  bool   // every validator executes, instead of sharing one real execution
	CacheDir    string // compiled runtimes; empty: none
	ExportPoVTo string // folder for PoV files; empty: none

	RemoteDir string // what is kept of live chains; empty: beside the compiled runtimes
}

// Defaults are the settings of `pileus simulate` without flags.
func Defaults() Settings {
	return Settings{
		Preset: "development", RelayBlocks: 100, Seed: 1,
		Collator: Auto, Collators: 2, AuthoringDuration: 2 * time.Second,
		Rules: current, Relay: DefaultRelayConfig(), Validators: 5, SessionBlocks: 600,
	}
}

func given(s string) int {
	if s != "" {
		return 1
	}
	return 0
}

// firstSlot is that of the relay block which the run begins with; 0 leaves it to the network.
func (s *Settings) firstSlot() primitives.Slot {
	if s.Begin.IsZero() {
		return 0
	}
	return primitives.Slot(max(0, s.Begin.UnixMilli()/primitives.RelaySlotMillis-1))
}

// stage is the built-in stage that the run begins with; empty if it begins with something else.
func (s *Settings) stage() string {
	if s.Chain == "" && s.Wasm == "" && s.Runtime == "" && s.URL == "" {
		return runtimes.Default
	}
	return s.Runtime
}

// Validate finds wrong values; its error is a [*SettingError].
func (s *Settings) Validate() error {
	bad := func(format string, args ...any) error { return &SettingError{fmt.Sprintf(format, args...)} }
	switch {
	case given(s.Chain)+given(s.Wasm)+given(s.Runtime)+given(s.URL) > 1:
		return bad("--chain, --wasm, --runtime and --url exclude each other")
	case s.Runtime != "" && !slices.Contains(runtimes.Names(), s.Runtime):
		return bad("--runtime %q: choose %s", s.Runtime, strings.Join(runtimes.Names(), ", "))
	case s.RelayBlocks == 0:
		return bad("--relay-blocks must be at least 1")
	case s.RelayBlocks > 10_000_000:
		return bad("--relay-blocks must be at most 10000000")
	case s.Collator != Auto && s.Collator != Basic && s.Collator != Lookahead && s.Collator != SlotBased:
		return bad("--collator %q: choose auto, basic, lookahead or slot-based", s.Collator)
	case s.Rules != current && s.Rules != classic:
		return bad("--rules %q: choose current or classic", s.Rules)
	case s.Collators < 1 || s.Collators > 100:
		return bad("--collators must be 1 to 100")
	case s.Validators < 2 || s.Validators > 1000:
		return bad("--validators must be 2 to 1000: a candidate needs backers, and availability a supermajority")
	case s.AuthoringDuration <= 0 || s.AuthoringDuration > time.Minute:
		return bad("--authoring-duration must be above 0 and at most 1m")
	case s.BlockCost < 0 || s.BlockCost > time.Minute:
		return bad("--block-cost must be above 0 and at most 1m")
	case s.SessionBlocks < 2:
		return bad("--session-blocks must be at least 2")
	case s.Transfers < 0 || s.Transfers > 10_000:
		return bad("--transfers must be 0 to 10000")
	}
	if s.URL != "" {
		if _, err := remote.ParseAddress(s.URL); err != nil {
			return bad("--url %q: %v", s.URL, err)
		}
	}
	if err := s.Relay.Validate(); err != nil {
		return &SettingError{"the relay chain would refuse this host configuration: " + oneLine(err)}
	}
	return nil
}

// MarshalJSON writes what determines the run. Where compiled code is cached and PoVs are
// exported does not.
func (s *Settings) MarshalJSON() ([]byte, error) {
	var cost any = "by weight"
	if s.BlockCost > 0 {
		cost = s.BlockCost.Seconds() * 1000
	}
	object := map[string]any{
		"chain": s.Chain, "wasm": s.Wasm, "runtime": s.stage(), "preset": s.Preset, "relay_blocks": s.RelayBlocks, "seed": s.Seed,
		"collator": s.Collator, "collators": s.Collators, "authoring_duration_ms": s.AuthoringDuration.Seconds() * 1000,
		"block_cost_ms": cost, "transfers": s.Transfers, "rules": s.Rules, "validators": s.Validators,
		"session_blocks": s.SessionBlocks, "execute_all": s.ExecuteAll, "relay": relayConfigJSON(&s.Relay),
	}
	if s.URL != "" {
		object["url"] = s.address()
	}
	return json.Marshal(object)
}

// simplified lists what a run simulates, for the report.
func (s *Settings) simplified() []string {
	list := []string{
		"The network: latencies and fetch times follow a table, messages are not lost.",
		"Time: a block costs what its weight says (or --block-cost), never what this machine's clock says.",
		"BABE: slots are claimed as secondary plain slots with real seals; there is no VRF lottery and no randomness of a block's own.",
		"Relay chain: a fixed validator set, cores assigned directly; no approvals, disputes, GRANDPA (finality lags 2 blocks), fees or accounts.",
		"Upward messages are queued and counted but not executed.",
	}
	list = append(list, "What several do with the same bytes is done once for all of them: verifying a signature, and erasure-coding a candidate's data.")
	if !s.ExecuteAll {
		list = append(list, "Validators share the result of one real execution of validate_block per code and parameters (--execute-all runs every one).")
	}
	if s.Rules == classic {
		list = append(list, "Rules classic: formats and runtime API of today, but allowed_ancestry_len bounds the window and max_candidate_depth the depth, as before stable2503.")
	}
	return list
}

// address is the URL without a password.
func (s *Settings) address() string {
	if a, err := remote.ParseAddress(s.URL); err == nil {
		return a.String()
	}
	return s.URL
}

func (r *Report) settings() *Settings { return r.Settings.(*Settings) }

func (w *textWriter) settings(any any) {
	s := any.(*Settings)
	chain := s.Chain + s.address()
	if chain == "" {
		chain = s.Wasm
		if stage := s.stage(); stage != "" {
			chain = "the guide's chain, stage " + stage
		}
		chain += ", preset " + s.Preset
	}
	cost := "by weight"
	if s.BlockCost > 0 {
		cost = duration(s.BlockCost)
	}
	w.row("chain", chain)
	w.row("seed", fmt.Sprint(s.Seed))
	w.row("collators", fmt.Sprintf("%d, %s, authoring duration %s, block cost %s", s.Collators, s.Collator, duration(s.AuthoringDuration), cost))
	w.row("transfers", fmt.Sprintf("%d per relay block", s.Transfers))
	w.row("relay chain", fmt.Sprintf("rules %s, %d validators, sessions of %d blocks", s.Rules, s.Validators, s.SessionBlocks))
	c := &s.Relay
	w.row("", fmt.Sprintf("lookahead %d, max_candidate_depth %d, allowed_ancestry_len %d, minimum_backing_votes %d, group rotation %d, availability period %d, backing timeout %s, node features %v",
		c.SchedulerParams.Lookahead, c.AsyncBackingParams.MaxCandidateDepth, c.AsyncBackingParams.AllowedAncestryLen, c.MinimumBackingVotes,
		c.SchedulerParams.GroupRotationFrequency, c.SchedulerParams.ParasAvailabilityPeriod, duration(c.ExecutorParams.BackingTimeout()), relayConfigJSON(c)["node_features"]))
}
