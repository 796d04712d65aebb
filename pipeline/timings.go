package pipeline

import (
	"time"

	"pileus/validator"
)

// The table of timings: everything in virtual time that is not the cost of a block. Each
// has a source; where the field knows only a range, the moment is drawn from it by chance.
var (
	// relayArrival is when a relay block is in a node's hands, after the start of its slot:
	// the author has 2 s for its block at most (sc-consensus-slots, a third of the slot), and
	// gossip reaches the network in some 100 ms.
	relayArrival = span{1500 * time.Millisecond, 2000 * time.Millisecond}

	// gossip is how long a statement, a bitfield, an advertisement or a parachain's block
	// announcement travels between two nodes: one or two hops between continents.
	gossip = span{50 * time.Millisecond, 100 * time.Millisecond}

	// recovery is how long a collator waits for a block that the relay chain knows before it
	// recovers it from the validators (cumulus-client-pov-recovery).
	recovery = span{3 * time.Second, 6 * time.Second}

	// collationFetch is how long a validator takes to get a collation after it was advertised,
	// besides its bytes: connection, place in the queue, request and answer. Measured networks
	// need about a second from the block to the collation in a validator's hands.
	collationFetch = span{900 * time.Millisecond, 1100 * time.Millisecond}

	// roundTrip is what another request costs besides its bytes.
	roundTrip = span{100 * time.Millisecond, 200 * time.Millisecond}
)

const (
	// bytesPerSecond is how fast a collation, a PoV or a chunk is fetched: the 500 Mbit/s
	// that the reference hardware of validators asks for, shared among ten transfers.
	bytesPerSecond = 500_000_000 / 8 / 10

	// finalityLag is how many relay blocks finality is behind the best block.
	finalityLag = 2

	// bitfieldDelay is how long after a relay block's arrival a validator signs its bitfield.
	bitfieldDelay = validator.BitfieldDelay
)

// span is a range of times.
type span struct{ from, to time.Duration }

// fetchTime is what a number of bytes costs besides the round trip.
func fetchTime(bytes int) time.Duration {
	return time.Duration(bytes) * time.Second / bytesPerSecond
}

// Timings lists the table for people: what, how long, and where that is from.
func Timings() [][3]string {
	return [][3]string{
		{"relay block in a node's hands", "1.5 to 2 s after its slot start", "sc-consensus-slots proposing time, a third of the slot"},
		{"statement, bitfield, advertisement, announcement", "50 to 100 ms", "one or two hops of gossip"},
		{"fetch of a collation", "0.9 to 1.1 s and its bytes at 6.25 MB/s", "polkadot-collator-protocol in measured networks; validator reference hardware, 500 Mbit/s shared by ten"},
		{"fetch of a PoV or chunk between validators", "100 to 200 ms and its bytes at 6.25 MB/s", "as above"},
		{"bitfield signed", bitfieldDelay.String() + " after the relay block", "polkadot-node-core-bitfield-signing"},
		{"provisioner has its data", validator.ProvisionerDelay.String() + " after the relay block", "polkadot-node-core-provisioner"},
		{"next collator tried", validator.NextPeerDelay.String() + " after a fetch began", "polkadot-collator-protocol"},
		{"pre-check of new code", precheckTime.String() + " after the relay block", "assumed: polkadot-node-core-pvf-checker gives it up to a minute"},
		{"relay finality", "2 blocks behind the best", "assumed; GRANDPA is not simulated"},
	}
}
