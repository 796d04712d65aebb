// Package balances is pallet-balances: the native currency. An account's balances lie in
// System.Account; an account that falls below the existential deposit goes.
//
// Source of the rules: pallet-balances 51.0.2 and the fungible traits of frame-support 49.
package balances

import (
	"pileus/frame"
	"pileus/scale"
)

// Config is what a runtime decides.
type Config struct {
	// ExistentialDeposit is the least that an account may hold.
	ExistentialDeposit frame.Balance
	MaxLocks           uint32
	MaxReserves        uint32
	MaxFreezes         uint32
}

// Pallet keeps the issuance, and the locks on accounts.
type Pallet struct {
	frame.Pallet
	Config
	TotalIssuance    frame.Value[frame.Balance]
	InactiveIssuance frame.Value[frame.Balance]
	Locks            frame.Map[frame.AccountID, []Lock]
	Reserves         frame.Map[frame.AccountID, []Reserve]
	events
	errors
}

// Reasons say what a lock keeps from being spent.
type Reasons uint8

// The reasons.
const (
	ReasonFee  Reasons = 0
	ReasonMisc Reasons = 1
	ReasonAll  Reasons = 2
)

// LockID names a lock.
type LockID [8]byte

// Lock keeps part of an account from being spent. Locks overlap: the greatest counts.
type Lock struct {
	ID      LockID
	Amount  frame.Balance
	Reasons Reasons
}

// EncodeTo appends the SCALE encoding.
func (l Lock) EncodeTo(b []byte) []byte {
	return append(scale.AppendU128(append(b, l.ID[:]...), l.Amount), byte(l.Reasons))
}

// DecodeFrom reads the SCALE encoding.
func (l *Lock) DecodeFrom(d *scale.Decoder) {
	d.Array(l.ID[:])
	l.Amount, l.Reasons = d.U128(), Reasons(d.Variant())
}

// Reserve is a named part of an account's reserved balance.
type Reserve struct {
	ID     LockID
	Amount frame.Balance
}

// EncodeTo appends the SCALE encoding.
func (r Reserve) EncodeTo(b []byte) []byte {
	return scale.AppendU128(append(b, r.ID[:]...), r.Amount)
}

// DecodeFrom reads the SCALE encoding.
func (r *Reserve) DecodeFrom(d *scale.Decoder) {
	d.Array(r.ID[:])
	r.Amount = d.U128()
}

// Preservation says what must be left of an account.
type Preservation uint8

// The kinds.
const (
	Expendable Preservation = iota // the account may go
	Protect                        // the account must not go by this
	Preserve                       // the existential deposit stays
)

// Account are an account's balances.
func (p *Pallet) Account(who frame.AccountID) frame.AccountData {
	return p.System().Account.Get(who).Data
}

// Free is what an account holds and has not reserved.
func (p *Pallet) Free(who frame.AccountID) frame.Balance { return p.Account(who).Free }

// mayGo tells whether the balance may stop providing for the account.
func mayGo(a *frame.AccountInfo) bool { return a.Consumers == 0 || a.Providers > 1 }

// Reducible is what may be taken from an account. With force locks do not count.
func (p *Pallet) Reducible(who frame.AccountID, keep Preservation, force bool) frame.Balance {
	info := p.System().Account.Get(who)
	return p.reducible(&info, keep, force)
}

func (p *Pallet) reducible(info *frame.AccountInfo, keep Preservation, force bool) frame.Balance {
	a := &info.Data
	var untouchable frame.Balance
	if !force {
		untouchable = frame.Sub(a.Frozen, a.Reserved)
	}
	if keep == Preserve || !frame.IsZero(a.Free) && (keep == Protect && info.Providers == 1 || keep == Expendable && !mayGo(info)) {
		if frame.Less(untouchable, p.ExistentialDeposit) {
			untouchable = p.ExistentialDeposit
		}
	}
	return frame.Sub(a.Free, untouchable)
}

// CanDeposit tells whether an account may receive an amount that exists already.
func (p *Pallet) CanDeposit(who frame.AccountID, amount frame.Balance) error {
	if frame.IsZero(amount) {
		return nil
	}
	a := p.Account(who)
	free, over := a.Free.Add(amount)
	if over {
		return frame.ErrOverflow
	}
	if frame.Less(free, p.ExistentialDeposit) {
		return frame.ErrBelowMinimum
	}
	if _, over := a.Reserved.Add(free); over {
		return frame.ErrOverflow
	}
	return nil
}

// CanWithdraw tells whether an amount may be taken; dies says that the account then goes.
func (p *Pallet) CanWithdraw(who frame.AccountID, amount frame.Balance) (dies bool, err error) {
	if frame.IsZero(amount) {
		return false, nil
	}
	if frame.Less(p.TotalIssuance.Get(), amount) {
		return false, frame.ErrUnderflow
	}
	info := p.System().Account.Get(who)
	free, under := info.Data.Free.Sub(amount)
	if under {
		return false, frame.ErrFundsUnavailable
	}
	if frame.Less(p.reducible(&info, Expendable, false), amount) {
		return false, frame.ErrFrozen
	}
	if frame.Less(free, p.ExistentialDeposit) {
		if !mayGo(&info) {
			return false, frame.ErrOnlyProvider
		}
		dies = true
	}
	if frame.Less(frame.Add(free, info.Data.Reserved), info.Data.Frozen) {
		return false, frame.ErrFrozen
	}
	return dies, nil
}

// mutate changes an account's balances and keeps its references right. What is left below
// the existential deposit is dust: it is returned, and no longer anybody's.
func (p *Pallet) mutate(who frame.AccountID, force bool, f func(*frame.AccountData) error) (dust frame.Balance, err error) {
	return p.change(who, p.System().Account.Get(who), force, f)
}

// change is mutate for an account that was just read.
func (p *Pallet) change(who frame.AccountID, info frame.AccountInfo, force bool, f func(*frame.AccountData) error) (dust frame.Balance, err error) {
	s := p.System()
	if p.upgrade(who, info) {
		info = s.Account.Get(who)
	}
	a := info.Data
	fresh := a == frame.NewAccountData()
	provided := !frame.Less(a.Free, p.ExistentialDeposit)
	consumed := !fresh && (!frame.IsZero(a.Reserved) || !frame.IsZero(a.Frozen))
	if err := f(&a); err != nil {
		return dust, err
	}
	provides := !frame.Less(a.Free, p.ExistentialDeposit)
	consumes := !frame.IsZero(a.Reserved) || !frame.IsZero(a.Frozen)
	if !provided && provides {
		s.IncProviders(who)
	}
	if consumed && !consumes {
		s.DecConsumers(who)
	}
	if !consumed && consumes {
		increase := s.IncConsumers
		if force {
			increase = s.IncConsumersUnlimited
		}
		if err := increase(who); err != nil {
			return dust, err
		}
	}
	if provided && !provides {
		if err := s.DecProviders(who); err != nil { // last: the account may go
			if consumed && !consumes {
				_ = s.IncConsumersUnlimited(who)
			}
			if !consumed && consumes {
				s.DecConsumers(who)
			}
			return dust, err
		}
	}
	endowed := a.Free
	if !provides && !consumes {
		dust, a = a.Free, frame.NewAccountData()
	}
	if provided != provides || consumed != consumes { // the references have changed
		info = s.Account.Get(who)
	}
	if info.Providers > 0 || info.Sufficients > 0 {
		info.Data = a
		s.Account.Put(who, info)
	} else {
		s.Account.Remove(who)
	}
	if fresh {
		p.endowed.Deposit(who, endowed)
	}
	if !frame.IsZero(dust) {
		p.dustLost.Deposit(who, dust)
	}
	return dust, nil
}

// upgrade brings an account of former times to the present way of counting references.
func (p *Pallet) upgrade(who frame.AccountID, info frame.AccountInfo) bool {
	s := p.System()
	if flag := frame.NewAccountData().Flags; info.Data.Flags.Hi&flag.Hi != 0 {
		return false
	}
	info.Data.Flags.Hi |= frame.NewAccountData().Flags.Hi
	s.Account.Put(who, info)
	if !frame.IsZero(info.Data.Reserved) && frame.IsZero(info.Data.Frozen) {
		_ = s.IncConsumersUnlimited(who) // without provider there is nothing to count
	}
	p.upgraded.Deposit(who)
	return true
}

// writeFree sets the free balance of an account that was just read; dust is burned.
func (p *Pallet) writeFree(who frame.AccountID, info frame.AccountInfo, amount frame.Balance) error {
	most := p.reducible(&info, Expendable, true)
	dust, err := p.change(who, info, false, func(a *frame.AccountData) error {
		if frame.Less(most, frame.Sub(a.Free, amount)) {
			return p.ErrInsufficientBalance
		}
		a.Free = amount
		return nil
	})
	if err == nil {
		p.Burn(dust)
	}
	return err
}

// Burn lowers the issuance by an amount that is nobody's (OnUnbalanced of ()).
func (p *Pallet) Burn(amount frame.Balance) {
	if frame.IsZero(amount) {
		return
	}
	p.TotalIssuance.Put(frame.Sub(p.TotalIssuance.Get(), amount))
	p.burnedDebt.Deposit(amount)
}

// decrease takes an amount, at most what may be taken, and returns what was.
func (p *Pallet) decrease(who frame.AccountID, amount frame.Balance, keep Preservation, force bool) (frame.Balance, error) {
	info := p.System().Account.Get(who)
	amount = frame.MinBalance(amount, p.reducible(&info, keep, force))
	free, under := info.Data.Free.Sub(amount)
	if under {
		return amount, frame.ErrFundsUnavailable
	}
	return amount, p.writeFree(who, info, free)
}

// increase gives an amount that exists already; too little to begin an account gives nothing.
func (p *Pallet) increase(who frame.AccountID, amount frame.Balance) error {
	info := p.System().Account.Get(who)
	free := frame.Add(info.Data.Free, amount)
	if frame.IsZero(amount) || frame.Less(free, p.ExistentialDeposit) {
		return nil
	}
	return p.writeFree(who, info, free)
}

// Transfer moves an amount. To itself an account may move what it could move to others;
// nothing happens then.
func (p *Pallet) Transfer(from, to frame.AccountID, amount frame.Balance, keep Preservation) error {
	dies, err := p.CanWithdraw(from, amount)
	if err != nil {
		return err
	}
	if dies && keep != Expendable {
		return frame.ErrNotExpendable
	}
	if err := p.CanDeposit(to, amount); err != nil {
		return err
	}
	if from == to {
		return nil
	}
	if _, err := p.decrease(from, amount, keep, false); err != nil {
		return err
	}
	if err := p.increase(to, amount); err != nil {
		return err
	}
	p.transferred.Deposit(from, to, amount)
	return nil
}

// Withdraw takes exactly an amount out of an account, as a fee; the issuance stays until
// it is given to somebody or burned.
func (p *Pallet) Withdraw(who frame.AccountID, amount frame.Balance, keep Preservation) error {
	if frame.Less(p.Reducible(who, keep, false), amount) {
		return frame.ErrFundsUnavailable
	}
	if _, err := p.decrease(who, amount, keep, false); err != nil {
		return err
	}
	p.withdrawn.Deposit(who, amount)
	return nil
}

// Deposit gives an amount that was withdrawn before; false if the account does not exist.
func (p *Pallet) Deposit(who frame.AccountID, amount frame.Balance) bool {
	if a := p.Account(who); frame.IsZero(frame.Add(a.Free, a.Reserved)) {
		return false
	}
	if p.increase(who, amount) != nil {
		return false
	}
	p.deposited.Deposit(who, amount)
	return true
}

// SetLock sets or replaces a lock; an amount of zero leaves everything as it is.
func (p *Pallet) SetLock(id LockID, who frame.AccountID, amount frame.Balance, reasons Reasons) {
	if frame.IsZero(amount) {
		return
	}
	lock := Lock{id, amount, reasons}
	locks, replaced := p.Locks.Get(who), false
	for i := range locks {
		if locks[i].ID == id {
			locks[i], replaced = lock, true
		}
	}
	if !replaced {
		locks = append(locks, lock)
	}
	p.updateLocks(who, locks)
}

// RemoveLock removes a lock.
func (p *Pallet) RemoveLock(id LockID, who frame.AccountID) {
	var left []Lock
	for _, l := range p.Locks.Get(who) {
		if l.ID != id {
			left = append(left, l)
		}
	}
	p.updateLocks(who, left)
}

func (p *Pallet) updateLocks(who frame.AccountID, locks []Lock) {
	var before, after frame.Balance
	for _, l := range locks {
		if frame.Less(after, l.Amount) {
			after = l.Amount
		}
	}
	dust, err := p.mutate(who, true, func(a *frame.AccountData) error {
		before, a.Frozen = a.Frozen, after
		return nil
	})
	if err != nil { // an account that does not exist: the lock waits for it
		p.unexpected.Deposit(failedToMutateAccount)
	}
	if len(locks) == 0 {
		p.Locks.Remove(who)
	} else {
		p.Locks.Put(who, locks)
	}
	p.Burn(dust)
	switch {
	case frame.Less(after, before):
		p.unlocked.Deposit(who, frame.Sub(before, after))
	case frame.Less(before, after):
		p.locked.Deposit(who, frame.Sub(after, before))
	}
}

// Unreserve moves reserved balance back to the free one, as far as there is any, and
// returns what was missing.
func (p *Pallet) Unreserve(who frame.AccountID, amount frame.Balance) frame.Balance {
	if frame.IsZero(amount) { // the account is not even read
		return amount
	}
	a := p.Account(who)
	if frame.IsZero(frame.Add(a.Free, a.Reserved)) {
		return amount
	}
	actual := frame.MinBalance(a.Reserved, amount)
	dust, err := p.mutate(who, false, func(a *frame.AccountData) error {
		a.Reserved = frame.Sub(a.Reserved, actual)
		a.Free = frame.Add(a.Free, actual)
		return nil
	})
	if err != nil {
		return amount
	}
	p.Burn(dust)
	p.unreserved.Deposit(who, actual)
	return frame.Sub(amount, actual)
}
