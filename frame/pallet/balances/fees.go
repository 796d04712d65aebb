package balances

import "pileus/frame"

// CanWithdrawFee, WithdrawFee, Refund and Settle let transaction fees be paid in the
// native currency; what was paid is burned (FungibleAdapter<Balances, ()>).

// CanWithdrawFee tells whether the fee can be taken without the account going.
func (p *Pallet) CanWithdrawFee(who frame.AccountID, fee frame.Balance) bool {
	dies, err := p.CanWithdraw(who, fee)
	return err == nil && !dies
}

// WithdrawFee takes the fee; the existential deposit stays.
func (p *Pallet) WithdrawFee(who frame.AccountID, fee frame.Balance) error {
	return p.Withdraw(who, fee, Preserve)
}

// Refund gives part of the fee back, if the account still exists.
func (p *Pallet) Refund(who frame.AccountID, amount frame.Balance) bool {
	return p.Deposit(who, amount)
}

// Settle burns what was paid.
func (p *Pallet) Settle(paid frame.Balance) { p.Burn(paid) }
