// Package timers shows what becomes of blocks as a measure of time when a chain gets
// faster (the guide's last section).
//
// An auction period in blocks of this chain has to follow the block time, or auctions
// get shorter; a lock that ends at a block of this chain ends earlier when the chain gets
// faster; a lock that ends at a block of the relay chain does not.
package timers

import "pileus/frame"

// Config is what a runtime decides.
type Config struct {
	AuctionPeriod    uint32 // blocks of this chain
	UnlockDelay      uint32 // blocks of this chain
	RelayUnlockDelay uint32 // blocks of the relay chain
	// RelayBlockNumber is the number of the relay chain's block.
	RelayBlockNumber func() uint32
}

// Pallet counts auctions and keeps locks.
type Pallet struct {
	frame.Pallet
	Config
	NextAuctionAt frame.Value[uint32]
	AuctionCount  frame.Value[uint32]
	Locks         frame.Map[frame.AccountID, uint32] // until which block of this chain
	RelayLocks    frame.Map[frame.AccountID, uint32] // until which block of the relay chain

	auctionStarted frame.Event2[uint32, uint32]
	locked         frame.Event2[frame.AccountID, uint32]
	relayLocked    frame.Event2[frame.AccountID, uint32]
	unlocked       frame.Event1[frame.AccountID]

	ErrTooEarly  *frame.ModuleError
	ErrNotLocked *frame.ModuleError
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	b := &p.Pallet
	b.Crate = "guide_runtime::timers"
	p.NextAuctionAt = frame.NewValue(b, "NextAuctionAt", frame.U32)
	p.AuctionCount = frame.NewValue(b, "AuctionCount", frame.U32)
	p.Locks = frame.NewOptionMap(b, "Locks", frame.Blake2_128Concat, frame.Account, frame.U32)
	p.RelayLocks = frame.NewOptionMap(b, "RelayLocks", frame.Blake2_128Concat, frame.Account, frame.U32)

	who := frame.Arg("who", frame.Account).As("T::AccountId")
	p.auctionStarted = frame.NewEvent2(b, 0, "AuctionStarted", frame.Arg("index", frame.U32).As("u32"), frame.Arg("ends_at", frame.U32).As("BlockNumberFor<T>"))
	p.locked = frame.NewEvent2(b, 1, "Locked", who, frame.Arg("until", frame.U32).As("BlockNumberFor<T>"))
	p.relayLocked = frame.NewEvent2(b, 2, "RelayLocked", who, frame.Arg("until", frame.U32).As("u32"))
	p.unlocked = frame.NewEvent1(b, 3, "Unlocked", who)

	p.ErrTooEarly = frame.NewError(b, 0, "TooEarly", "The lock has not ended yet.")
	p.ErrNotLocked = frame.NewError(b, 1, "NotLocked", "There is no lock.")

	work := frame.Weight{RefTime: 20_000_000, ProofSize: 4000}
	frame.NewCall0(b, 0, "lock", frame.RocksDbWeight.With(work, 0, 1), p.lock).Describe("Locks for UnlockDelay blocks of this chain.")
	frame.NewCall0(b, 1, "lock_by_relay", frame.RocksDbWeight.With(work, 1, 1), p.lockByRelay).Describe("Locks for RelayUnlockDelay blocks of the relay chain.")
	frame.NewCall0(b, 2, "unlock", frame.RocksDbWeight.With(work, 1, 1), p.unlock).Describe("Ends the locks that have run out.")

	frame.NewConstant(b, "AuctionPeriod", frame.U32, func() uint32 { return p.AuctionPeriod })
	frame.NewConstant(b, "UnlockDelay", frame.U32, func() uint32 { return p.UnlockDelay })
	frame.NewConstant(b, "RelayUnlockDelay", frame.U32, func() uint32 { return p.RelayUnlockDelay })
	return p
}

// OnInitialize starts an auction when the last one has ended.
func (p *Pallet) OnInitialize(n uint32) frame.Weight {
	db := p.System().DbWeight
	if n < p.NextAuctionAt.Get() {
		return db.With(frame.Weight{}, 1, 0)
	}
	index := p.AuctionCount.Get() + 1
	p.AuctionCount.Put(index)
	p.NextAuctionAt.Put(n + p.AuctionPeriod)
	p.auctionStarted.Deposit(index, n+p.AuctionPeriod)
	return db.With(frame.Weight{}, 2, 2)
}

func (p *Pallet) lock(o frame.Origin) error {
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	until := p.System().BlockNumber() + p.UnlockDelay
	p.Locks.Put(who, until)
	p.locked.Deposit(who, until)
	return nil
}

func (p *Pallet) lockByRelay(o frame.Origin) error {
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	until := p.RelayBlockNumber() + p.RelayUnlockDelay
	p.RelayLocks.Put(who, until)
	p.relayLocked.Deposit(who, until)
	return nil
}

func (p *Pallet) unlock(o frame.Origin) error {
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	found := false
	if until, ok := p.Locks.TryGet(who); ok {
		if p.System().BlockNumber() < until {
			return p.ErrTooEarly
		}
		p.Locks.Remove(who)
		found = true
	}
	if until, ok := p.RelayLocks.TryGet(who); ok {
		if p.RelayBlockNumber() < until {
			return p.ErrTooEarly // and the other lock stays: a failed call leaves nothing
		}
		p.RelayLocks.Remove(who)
		found = true
	}
	if !found {
		return p.ErrNotLocked
	}
	p.unlocked.Deposit(who)
	return nil
}
