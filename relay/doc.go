// Package relay is the relay chain as a pure transition: what it does for parachains,
// and nothing else.
//
// One function decides what a relay block means. The author runs it on what the
// validators offer and drops whatever cannot stand ([CreateInherent], [Author]); every
// importer runs it again and refuses a block in which anything had to be dropped
// ([Apply], [Import]). A bad block is never repaired.
//
//	parent state ──► on_initialize ──► inherent ─────────────────► calls ──► on_finalize ──► state
//	                 slot, epoch,      new_block: allowed parents            cooldowns,
//	                 GoAhead signals,  bitfields ─► enact ─► freed cores     session change
//	                 upward queues     timeouts ─► advance claims
//	                                   candidates ─► backed
//
// A [State] is immutable and wraps a real state trie (layout V1) with the keys under
// which parachains read by proof, so its root is an honest state root and its read
// proofs verify. States share structure; a fork is two children of one state.
//
// # What is simplified
//
// Slots are claimed as BABE's secondary plain slots, with real seals but without the VRF
// lottery, so a block has no randomness of its own. There are no approvals, disputes,
// GRANDPA, fees, staking or accounts: the validator set is fixed, cores are scheduled
// directly, and calls ([Call]) carry no signature of an account. Unless told otherwise,
// validators accept new code one block after it was scheduled.
//
// Sources: polkadot_runtime_parachains 26 to 30 (paras_inherent, inclusion, scheduler,
// shared, paras, configuration, dmp, ump, hrmp, initializer, runtime_api_impl),
// pallet-babe, pallet-session; RFC 103 (descriptors), RFC 5 (coretime interface).
package relay

import (
	"pileus/crypto"
	"pileus/hashing"
	"pileus/primitives"
)

// Hash is a blake2b-256 hash.
type Hash = hashing.Hash

// Rules chooses what bounds the depth and age of candidates.
type Rules uint8

const (
	// Current is what relay chains do since stable2503: scheduler_params.lookahead bounds
	// the scheduling parents, async_backing_params is stored and not read.
	Current Rules = iota
	// Classic is what they did before: allowed_ancestry_len bounds the relay parents (a
	// candidate anchored at block p may be backed in p+1 … p+1+allowed_ancestry_len), and
	// max_candidate_depth how far validators build ahead. Formats and API are those of today.
	Classic
)

// String is the name by which rules are chosen.
func (r Rules) String() string {
	if r == Classic {
		return "classic"
	}
	return "current"
}

// Params is what is fixed in a relay chain's runtime, outside its state.
type Params struct {
	Rules Rules
	// SessionBlocks is the length of an epoch, and so of a session, in slots.
	SessionBlocks uint32
	// UpwardPerBlock is how many upward messages of a para one block processes; 0: all that are there.
	UpwardPerBlock uint32
	// ManualPrecheck leaves the votes on new code to [PrecheckVote] calls. Otherwise all
	// validators accept it in the block after it was scheduled.
	ManualPrecheck bool
	// UpgradesLate is how many blocks later than they should new code becomes current, once a
	// candidate has reached its block. The rule is 0; more is a fault that networks have had.
	UpgradesLate uint32
	// Verify checks an sr25519 signature; nil: [crypto.Sr25519Verify]. A process that holds
	// a whole network can give one that remembers what it has checked. It must be safe for
	// concurrent use.
	Verify func(sig [64]byte, msg []byte, public [32]byte) bool
}

func (p Params) verify(sig [64]byte, msg []byte, public [32]byte) bool {
	if p.Verify == nil {
		return crypto.Sr25519Verify(sig, msg, public)
	}
	return p.Verify(sig, msg, public)
}

// lookahead is the number of scheduling parents a block accepts and of claims that are visible per core.
func (p Params) lookahead(c *primitives.HostConfiguration) uint32 {
	if p.Rules == Classic {
		return c.AsyncBackingParams.AllowedAncestryLen + 1
	}
	return c.SchedulerParams.Lookahead
}
