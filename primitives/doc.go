// Package primitives holds the words that the relay chain, its validators and the
// parachain's collators share: headers and digests, candidates and what they commit
// to, host configuration, statements, bitfields, inherent data, block data.
//
// Every type encodes to and decodes from SCALE as the released crates do
// (polkadot-primitives 26, polkadot-parachain-primitives 24, cumulus-primitives-core
// 0.27, sp-runtime); block numbers are u32, hashes blake2b-256.
package primitives

import (
	"pileus/hashing"
	"pileus/scale"
)

// Hash is a blake2b-256 hash.
type Hash = hashing.Hash

type (
	// ParaID names a parachain.
	ParaID uint32
	// CoreIndex names an execution core of the relay chain.
	CoreIndex uint32
	// GroupIndex names a backing group of the session.
	GroupIndex uint32
	// ValidatorIndex is a validator's place in the session's shuffled list.
	ValidatorIndex uint32
	// SessionIndex counts the relay chain's sessions.
	SessionIndex uint32
	// Slot counts 6 s slots of the relay chain, or the slots of a parachain, since 1970.
	Slot uint64
)

// EncodeTo appends 4 bytes, little-endian.
func (v ParaID) EncodeTo(b []byte) []byte { return scale.AppendU32(b, uint32(v)) }

// EncodeTo appends 4 bytes, little-endian.
func (v CoreIndex) EncodeTo(b []byte) []byte { return scale.AppendU32(b, uint32(v)) }

// EncodeTo appends 4 bytes, little-endian.
func (v ValidatorIndex) EncodeTo(b []byte) []byte { return scale.AppendU32(b, uint32(v)) }

// Limits of the released crates, in bytes unless said otherwise.
const (
	MaxHeadDataSize      = 1 << 20        // MAX_HEAD_DATA_SIZE
	MaxCodeSize          = 5 << 20        // MAX_CODE_SIZE (stable2606 on; 3 MiB before)
	MaxPoVSize           = 10 << 20       // MAX_POV_SIZE (stable2506 on; 5 MiB before)
	PoVBombLimit         = 4 * MaxPoVSize // POV_BOMB_LIMIT: decompressed block data
	MaxUpwardMessages    = 16384          // MAX_UPWARD_MESSAGE_NUM
	MaxHorizontalMessage = 16384          // MAX_HORIZONTAL_MESSAGE_NUM
	maxHeaderSize        = 16 << 20
	maxItems             = 1 << 20 // sequences without a limit of their own
)

// RelaySlotMillis is the length of a relay slot.
const RelaySlotMillis = 6000

// Hash decoding helper.
func decodeHash(d *scale.Decoder) (h Hash) { d.Array(h[:]); return h }

// HashOf is the blake2b-256 of v's encoding.
func HashOf(v scale.Encoder) Hash { return hashing.Blake2b256(v.EncodeTo(nil)) }
