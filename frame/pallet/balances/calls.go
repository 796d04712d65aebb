package balances

import (
	"pileus/frame"
	"pileus/scale"
)

type events struct {
	endowed     frame.Event2[frame.AccountID, frame.Balance]
	dustLost    frame.Event2[frame.AccountID, frame.Balance]
	transferred frame.Event3[frame.AccountID, frame.AccountID, frame.Balance]
	balanceSet  frame.Event2[frame.AccountID, frame.Balance]
	unreserved  frame.Event2[frame.AccountID, frame.Balance]
	deposited   frame.Event2[frame.AccountID, frame.Balance]
	withdrawn   frame.Event2[frame.AccountID, frame.Balance]
	burned      frame.Event2[frame.AccountID, frame.Balance]
	burnedDebt  frame.Event1[frame.Balance]
	upgraded    frame.Event1[frame.AccountID]
	issued      frame.Event1[frame.Balance]
	rescinded   frame.Event1[frame.Balance]
	locked      frame.Event2[frame.AccountID, frame.Balance]
	unlocked    frame.Event2[frame.AccountID, frame.Balance]
	forced      frame.Event2[frame.Balance, frame.Balance]
	unexpected  frame.Event1[uint8]
}

// failedToMutateAccount is the variant of UnexpectedKind.
const failedToMutateAccount = 1

type errors struct {
	ErrInsufficientBalance *frame.ModuleError
	ErrIssuanceDeactivated *frame.ModuleError
	ErrDeltaZero           *frame.ModuleError
}

var (
	lockCodec = frame.Sized[Lock](frame.Struct("pallet_balances::types::BalanceLock", []frame.TypeParam{{Name: "Balance", Type: frame.TypeU128}},
		field("id", typeID, "LockIdentifier"), field("amount", frame.TypeU128, "Balance"),
		field("reasons", units("pallet_balances::types::Reasons", "Fee", "Misc", "All"), "Reasons")))
	reserveCodec = frame.Sized[Reserve](frame.Struct("pallet_balances::types::ReserveData", []frame.TypeParam{{Name: "ReserveIdentifier", Type: typeID}, {Name: "Balance", Type: frame.TypeU128}},
		field("id", typeID, "ReserveIdentifier"), field("amount", frame.TypeU128, "Balance")))
	typeID        = frame.ArrayOf(frame.TypeU8, 8)
	typeDirection = units("pallet_balances::types::AdjustmentDirection", "Increase", "Decrease")
)

func field(name string, t frame.TypeOf, typeName string) frame.TypeField {
	return frame.TypeField{Name: name, Type: t, TypeName: typeName}
}

func units(path string, names ...string) frame.TypeOf {
	var list []frame.EnumVariant
	for i, n := range names {
		list = append(list, frame.EnumVariant{Index: uint8(i), Name: n})
	}
	return frame.Enum(path, nil, list...)
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	b := &p.Pallet
	b.Crate, b.StorageVersion, b.Instance = "pallet_balances", 1, true
	p.TotalIssuance = frame.NewValue(b, "TotalIssuance", frame.U128)
	p.InactiveIssuance = frame.NewValue(b, "InactiveIssuance", frame.U128)
	frame.NewMapWith(b, "Account", frame.Blake2_128Concat, frame.Account, frame.AccountDataCodec, frame.NewAccountData())
	weak := frame.Struct("bounded_collections::weak_bounded_vec::WeakBoundedVec", []frame.TypeParam{{Name: "T", Type: lockCodec.Type}, {Name: "S"}},
		field("", frame.SequenceOf(lockCodec.Type), "Vec<T>"))
	p.Locks = frame.NewMap(b, "Locks", frame.Blake2_128Concat, frame.Account, frame.Vec(lockCodec).Named(weak))
	p.Reserves = frame.NewMap(b, "Reserves", frame.Blake2_128Concat, frame.Account, frame.BoundedVec(reserveCodec, 1<<10))
	for _, held := range []struct {
		name   string
		reason frame.TypeOf
	}{{"Holds", frame.TypeHoldReason}, {"Freezes", frame.TypeFreezeReason}} {
		amount := frame.Struct("frame_support::traits::tokens::misc::IdAmount", []frame.TypeParam{{Name: "Id", Type: held.reason}, {Name: "Balance", Type: frame.TypeU128}},
			field("id", held.reason, "Id"), field("amount", frame.TypeU128, "Balance"))
		frame.NewMapWith(b, held.name, frame.Blake2_128Concat, frame.Account, frame.Encoded(frame.BoundedOf(amount)), []byte{0})
	}
	p.declareEvents(b)
	p.declareErrors(b)
	p.declareCalls(b)
	frame.NewConstant(b, "ExistentialDeposit", frame.U128, func() frame.Balance { return p.ExistentialDeposit })
	frame.NewConstant(b, "MaxLocks", frame.U32, func() uint32 { return p.MaxLocks })
	frame.NewConstant(b, "MaxReserves", frame.U32, func() uint32 { return p.MaxReserves })
	frame.NewConstant(b, "MaxFreezes", frame.U32, func() uint32 { return p.MaxFreezes })
	return p
}

func (p *Pallet) declareEvents(b *frame.Pallet) {
	who := frame.Arg("who", frame.Account).As("T::AccountId")
	amount := frame.Arg("amount", frame.U128).As("T::Balance")
	pair := func(index uint8, name string) frame.Event2[frame.AccountID, frame.Balance] {
		return frame.NewEvent2(b, index, name, who, amount)
	}
	account := frame.Arg("account", frame.Account).As("T::AccountId")
	p.endowed = frame.NewEvent2(b, 0, "Endowed", account, frame.Arg("free_balance", frame.U128).As("T::Balance"))
	p.dustLost = frame.NewEvent2(b, 1, "DustLost", account, amount)
	p.transferred = frame.NewEvent3(b, 2, "Transfer", frame.Arg("from", frame.Account).As("T::AccountId"), frame.Arg("to", frame.Account).As("T::AccountId"), amount)
	p.balanceSet = frame.NewEvent2(b, 3, "BalanceSet", who, frame.Arg("free", frame.U128).As("T::Balance"))
	pair(4, "Reserved")
	p.unreserved = pair(5, "Unreserved")
	status := units("frame_support::traits::tokens::misc::BalanceStatus", "Free", "Reserved")
	frame.NewEvent4(b, 6, "ReserveRepatriated", frame.Arg("from", frame.Account).As("T::AccountId"), frame.Arg("to", frame.Account).As("T::AccountId"), amount, frame.Arg("destination_status", frame.U8.Named(status)).As("Status"))
	p.deposited = pair(7, "Deposit")
	p.withdrawn = pair(8, "Withdraw")
	pair(9, "Slashed")
	pair(10, "Minted")
	frame.NewEvent1(b, 11, "MintedCredit", amount)
	p.burned = pair(12, "Burned")
	p.burnedDebt = frame.NewEvent1(b, 13, "BurnedDebt", amount)
	pair(14, "Suspended")
	pair(15, "Restored")
	p.upgraded = frame.NewEvent1(b, 16, "Upgraded", who)
	p.issued = frame.NewEvent1(b, 17, "Issued", amount)
	p.rescinded = frame.NewEvent1(b, 18, "Rescinded", amount)
	p.locked = pair(19, "Locked")
	p.unlocked = pair(20, "Unlocked")
	pair(21, "Frozen")
	pair(22, "Thawed")
	p.forced = frame.NewEvent2(b, 23, "TotalIssuanceForced", frame.Arg("old", frame.U128).As("T::Balance"), frame.Arg("new", frame.U128).As("T::Balance"))
	reason := frame.Arg("reason", frame.U8.Named(frame.TypeHoldReason)).As("T::RuntimeHoldReason")
	source, dest := frame.Arg("source", frame.Account).As("T::AccountId"), frame.Arg("dest", frame.Account).As("T::AccountId")
	frame.NewEvent3(b, 24, "Held", reason, who, amount)
	frame.NewEvent3(b, 25, "BurnedHeld", reason, who, amount)
	frame.NewEvent4(b, 26, "TransferOnHold", reason, source, dest, amount)
	frame.NewEvent4(b, 27, "TransferAndHold", reason, source, dest, frame.Arg("transferred", frame.U128).As("T::Balance"))
	frame.NewEvent3(b, 28, "Released", reason, who, amount)
	p.unexpected = frame.NewEvent1(b, 29, "Unexpected", frame.Arg("", frame.U8.Named(units("pallet_balances::pallet::UnexpectedKind", "BalanceUpdated", "FailedToMutateAccount"))).As("UnexpectedKind"))
}

func (p *Pallet) declareErrors(b *frame.Pallet) {
	for i, name := range []string{"VestingBalance", "LiquidityRestrictions", "InsufficientBalance", "ExistentialDeposit", "Expendability", "ExistingVestingSchedule",
		"DeadAccount", "TooManyReserves", "TooManyHolds", "TooManyFreezes", "IssuanceDeactivated", "DeltaZero"} {
		e := frame.NewError(b, uint8(i), name, "")
		switch name {
		case "InsufficientBalance":
			p.ErrInsufficientBalance = e
		case "IssuanceDeactivated":
			p.ErrIssuanceDeactivated = e
		case "DeltaZero":
			p.ErrDeltaZero = e
		}
	}
}

// weight is ref time and 3593 bytes, with one read and one write of an account.
func weight(refTime uint64) frame.Weight {
	return frame.RocksDbWeight.With(frame.Weight{RefTime: refTime, ProofSize: 3593}, 1, 1)
}

func (p *Pallet) declareCalls(b *frame.Pallet) {
	address := func(name string) frame.Argument[frame.MultiAddress] {
		return frame.Arg(name, frame.AddressCodec).As("AccountIdLookupOf<T>")
	}
	value := frame.Arg("value", frame.CompactU128).As("T::Balance")
	move := func(keep Preservation) func(frame.Origin, frame.MultiAddress, frame.Balance) error {
		return func(o frame.Origin, dest frame.MultiAddress, amount frame.Balance) error {
			from, err := frame.EnsureSigned(o)
			if err != nil {
				return err
			}
			to, err := dest.Lookup()
			if err != nil {
				return err
			}
			return p.Transfer(from, to, amount, keep)
		}
	}
	frame.NewCall2(b, 0, "transfer_allow_death", weight(48_834_000), address("dest"), value, move(Expendable)).
		Describe("Moves an amount; the sender's account may go by it.")
	frame.NewCall3(b, 2, "force_transfer", frame.RocksDbWeight.With(frame.Weight{RefTime: 49_519_000, ProofSize: 6196}, 2, 2), address("source"), address("dest"), value, p.forceTransfer)
	frame.NewCall2(b, 3, "transfer_keep_alive", weight(39_051_000), address("dest"), value, move(Preserve)).
		Describe("Moves an amount; the sender's account stays.")
	frame.NewCall2(b, 4, "transfer_all", weight(48_209_000), address("dest"), frame.Arg("keep_alive", frame.Bool).As("bool"), p.transferAll)
	frame.NewCall2(b, 5, "force_unreserve", weight(15_515_000), address("who"), frame.Arg("amount", frame.U128).As("T::Balance"), p.forceUnreserve)
	frame.NewCallWith(b, 6, "upgrade_accounts", frame.Arg("who", frame.Vec(frame.Account)).As("Vec<T::AccountId>"), frame.DispatchInfo{},
		func(i *frame.DispatchInfo, list []frame.AccountID) {
			n := uint64(len(list))
			i.CallWeight = frame.RocksDbWeight.With(frame.Weight{RefTime: 14_674_000 + 14_648_188*n, ProofSize: 990 + 2603*n}, n, n)
		}, p.upgradeAccounts)
	frame.NewCall2(b, 8, "force_set_balance", weight(19_206_000), address("who"), frame.Arg("new_free", frame.CompactU128).As("T::Balance"), p.forceSetBalance)
	frame.NewCall2(b, 9, "force_adjust_total_issuance", frame.Weight{RefTime: 5_351_000}, frame.Arg("direction", directionCodec).As("AdjustmentDirection"), frame.Arg("delta", frame.CompactU128).As("T::Balance"), p.forceAdjust)
	frame.NewCallWith2(b, 10, "burn", value, frame.Arg("keep_alive", frame.Bool).As("bool"), frame.DispatchInfo{},
		func(i *frame.DispatchInfo, _ frame.Balance, keep bool) {
			i.CallWeight = frame.Weight{RefTime: 30_219_000}
			if keep {
				i.CallWeight = frame.Weight{RefTime: 20_720_000}
			}
		}, p.burn)
}

var directionCodec = frame.Codec[uint8]{
	Encode: func(b []byte, v uint8) []byte { return append(b, v) },
	Decode: func(d *scale.Decoder) uint8 {
		v := d.Variant()
		if v > 1 {
			d.UnknownVariant("AdjustmentDirection", v)
		}
		return v
	},
	Type: typeDirection,
}

func (p *Pallet) forceTransfer(o frame.Origin, source, dest frame.MultiAddress, amount frame.Balance) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	from, err := source.Lookup()
	if err != nil {
		return err
	}
	to, err := dest.Lookup()
	if err != nil {
		return err
	}
	return p.Transfer(from, to, amount, Expendable)
}

func (p *Pallet) transferAll(o frame.Origin, dest frame.MultiAddress, keepAlive bool) error {
	from, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	keep := Expendable
	if keepAlive {
		keep = Preserve
	}
	amount := p.Reducible(from, keep, false)
	to, err := dest.Lookup()
	if err != nil {
		return err
	}
	return p.Transfer(from, to, amount, keep)
}

func (p *Pallet) forceUnreserve(o frame.Origin, address frame.MultiAddress, amount frame.Balance) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	who, err := address.Lookup()
	if err == nil {
		p.Unreserve(who, amount)
	}
	return err
}

// upgradeAccounts is free if nearly every account needed it.
func (p *Pallet) upgradeAccounts(o frame.Origin, list []frame.AccountID) (frame.PostInfo, error) {
	if _, err := frame.EnsureSigned(o); err != nil {
		return frame.PostInfo{}, err
	}
	if len(list) == 0 {
		return frame.PostInfo{}, nil
	}
	upgraded := 0
	for _, who := range list {
		if p.upgrade(who, p.System().Account.Get(who)) {
			upgraded++
		}
	}
	if upgraded*10 >= len(list)*9 {
		return frame.PostInfo{Pays: frame.PaysNo}, nil
	}
	return frame.PostInfo{}, nil
}

func (p *Pallet) forceSetBalance(o frame.Origin, address frame.MultiAddress, free frame.Balance) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	who, err := address.Lookup()
	if err != nil {
		return err
	}
	if frame.Less(free, p.ExistentialDeposit) {
		free = frame.Balance{}
	}
	var before frame.Balance
	dust, err := p.mutate(who, false, func(a *frame.AccountData) error {
		before, a.Free = a.Free, free
		return nil
	})
	if err != nil {
		return err
	}
	p.Burn(dust)
	issuance := p.TotalIssuance.Get()
	switch {
	case frame.Less(before, free):
		p.TotalIssuance.Put(frame.Add(issuance, frame.Sub(free, before)))
		p.issued.Deposit(frame.Sub(free, before))
	case frame.Less(free, before):
		p.TotalIssuance.Put(frame.Sub(issuance, frame.Sub(before, free)))
		p.rescinded.Deposit(frame.Sub(before, free))
	}
	p.balanceSet.Deposit(who, free)
	return nil
}

func (p *Pallet) forceAdjust(o frame.Origin, direction uint8, delta frame.Balance) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	if frame.IsZero(delta) {
		return p.ErrDeltaZero
	}
	before := p.TotalIssuance.Get()
	after, over := before.Add(delta)
	if direction == 1 {
		after, over = frame.Sub(before, delta), false
	}
	if over {
		return frame.ErrOverflow
	}
	if frame.Less(after, p.InactiveIssuance.Get()) {
		return p.ErrIssuanceDeactivated
	}
	p.TotalIssuance.Put(after)
	p.forced.Deposit(before, after)
	return nil
}

func (p *Pallet) burn(o frame.Origin, amount frame.Balance, keepAlive bool) (frame.PostInfo, error) {
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return frame.PostInfo{}, err
	}
	keep := Expendable
	if keepAlive {
		keep = Preserve
	}
	if frame.Less(p.Reducible(who, keep, false), amount) {
		return frame.PostInfo{}, frame.ErrFundsUnavailable
	}
	if frame.Less(p.TotalIssuance.Get(), amount) {
		return frame.PostInfo{}, frame.ErrOverflow
	}
	taken, err := p.decrease(who, amount, keep, false)
	if err != nil {
		return frame.PostInfo{}, err
	}
	p.TotalIssuance.Put(frame.Sub(p.TotalIssuance.Get(), taken))
	p.burned.Deposit(who, taken)
	return frame.PostInfo{}, nil
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "balances" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"balances":[],"devAccounts":null}` }

// BuildGenesis endows the accounts. Derived development accounts would need key
// derivation, which a runtime does not have: they are refused.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("balances", "devAccounts"); err != nil {
		return err
	}
	if dev, err := c.Field("devAccounts"); err == nil && !dev.IsNull() {
		return dev.Refuse("development accounts are not derived: list them under balances")
	}
	list, err := c.Field("balances")
	if err != nil {
		return err
	}
	items, err := list.List()
	if err != nil {
		return err
	}
	var issuance frame.Balance
	for _, item := range items {
		entry, err := item.Tuple(2)
		if err != nil {
			return err
		}
		who, err := entry[0].Account()
		if err != nil {
			return err
		}
		free, err := entry[1].U128()
		if err != nil {
			return err
		}
		if frame.Less(free, p.ExistentialDeposit) {
			return entry[1].Refuse("the balance of any account should always be at least the existential deposit.")
		}
		if p.System().Account.Contains(who) {
			return entry[0].Refuse("duplicate balances in genesis.")
		}
		p.System().IncProviders(who)
		info := p.System().Account.Get(who)
		info.Data.Free = free
		p.System().Account.Put(who, info)
		issuance = frame.Add(issuance, free)
	}
	p.TotalIssuance.Put(issuance)
	return nil
}
