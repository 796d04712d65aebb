// Package vesting is pallet-vesting: balances that become free block by block.
package vesting

import (
	"pileus/frame"
	"pileus/frame/pallet/balances"
	"pileus/scale"
)

// Config is what a runtime decides.
type Config struct {
	Balances            *balances.Pallet
	MinVestedTransfer   frame.Balance
	MaxVestingSchedules uint32
	// BlockNumber is the clock of the schedules: this chain's block number or the relay chain's.
	BlockNumber func() uint32
}

// Info is one schedule: Locked becomes free by PerBlock each block from StartingBlock on.
type Info struct {
	Locked, PerBlock frame.Balance
	StartingBlock    uint32
}

// EncodeTo appends the SCALE encoding.
func (v Info) EncodeTo(b []byte) []byte {
	return scale.AppendU32(scale.AppendU128(scale.AppendU128(b, v.Locked), v.PerBlock), v.StartingBlock)
}

// DecodeFrom reads the SCALE encoding.
func (v *Info) DecodeFrom(d *scale.Decoder) {
	v.Locked, v.PerBlock, v.StartingBlock = d.U128(), d.U128(), d.U32()
}

func (v Info) valid() bool { return !frame.IsZero(v.Locked) && !frame.IsZero(v.PerBlock) }

func (v Info) perBlock() frame.Balance {
	if frame.IsZero(v.PerBlock) {
		return frame.Amount(1)
	}
	return v.PerBlock
}

// lockedAt is what is still locked at a block.
func (v Info) lockedAt(n uint32) frame.Balance {
	if n <= v.StartingBlock {
		return v.Locked
	}
	return frame.Sub(v.Locked, frame.Mul(v.perBlock(), frame.Amount(uint64(n-v.StartingBlock))))
}

// end is the block at which everything is free.
func (v Info) end() frame.Balance {
	length := frame.Div(v.Locked, v.perBlock())
	if frame.Mul(length, v.perBlock()) != v.Locked || frame.IsZero(length) {
		length = frame.Add(length, frame.Amount(1))
	}
	return frame.Add(frame.Amount(uint64(v.StartingBlock)), length)
}

var lockID = balances.LockID{'v', 'e', 's', 't', 'i', 'n', 'g', ' '}

// Pallet keeps the schedules.
type Pallet struct {
	frame.Pallet
	Config
	Vesting        frame.Map[frame.AccountID, []Info]
	StorageVersion frame.Value[uint8]

	created   frame.Event2[frame.AccountID, uint32]
	updated   frame.Event2[frame.AccountID, frame.Balance]
	completed frame.Event1[frame.AccountID]

	ErrNotVesting               *frame.ModuleError
	ErrAtMaxVestingSchedules    *frame.ModuleError
	ErrAmountLow                *frame.ModuleError
	ErrScheduleIndexOutOfBounds *frame.ModuleError
	ErrInvalidScheduleParams    *frame.ModuleError
}

func field(name string, t frame.TypeOf, typeName string) frame.TypeField {
	return frame.TypeField{Name: name, Type: t, TypeName: typeName}
}

// New declares the pallet.
func New(c Config) *Pallet {
	p := &Pallet{Config: c}
	b := &p.Pallet
	b.Crate = "pallet_vesting"
	info := frame.Sized[Info](frame.Struct("pallet_vesting::vesting_info::VestingInfo", []frame.TypeParam{{Name: "Balance", Type: frame.TypeU128}, {Name: "BlockNumber", Type: frame.TypeU32}},
		field("locked", frame.TypeU128, "Balance"), field("per_block", frame.TypeU128, "Balance"), field("starting_block", frame.TypeU32, "BlockNumber")))
	p.Vesting = frame.NewOptionMap(b, "Vesting", frame.Blake2_128Concat, frame.Account, frame.BoundedVec(info, 1<<10))
	p.StorageVersion = frame.NewValue(b, "StorageVersion", frame.U8.Named(frame.Enum("pallet_vesting::Releases", nil,
		frame.EnumVariant{Index: 0, Name: "V0"}, frame.EnumVariant{Index: 1, Name: "V1"})))

	account := frame.Arg("account", frame.Account).As("T::AccountId")
	p.created = frame.NewEvent2(b, 0, "VestingCreated", account, frame.Arg("schedule_index", frame.U32).As("u32"))
	p.updated = frame.NewEvent2(b, 1, "VestingUpdated", account, frame.Arg("unvested", frame.U128).As("BalanceOf<T>"))
	p.completed = frame.NewEvent1(b, 2, "VestingCompleted", account)

	p.ErrNotVesting = frame.NewError(b, 0, "NotVesting", "The account has no schedule.")
	p.ErrAtMaxVestingSchedules = frame.NewError(b, 1, "AtMaxVestingSchedules", "The account has as many schedules as it may.")
	p.ErrAmountLow = frame.NewError(b, 2, "AmountLow", "The amount is below the least vested transfer.")
	p.ErrScheduleIndexOutOfBounds = frame.NewError(b, 3, "ScheduleIndexOutOfBounds", "There is no schedule with that index.")
	p.ErrInvalidScheduleParams = frame.NewError(b, 4, "InvalidScheduleParams", "The schedule locks or frees nothing.")

	address := func(name string) frame.Argument[frame.MultiAddress] {
		return frame.Arg(name, frame.AddressCodec).As("AccountIdLookupOf<T>")
	}
	schedule := frame.Arg("schedule", info).As("VestingInfo<BalanceOf<T>, BlockNumberFor<T>>")
	index := func(name string) frame.Argument[uint32] { return frame.Arg(name, frame.U32).As("u32") }
	frame.NewCall0(b, 0, "vest", weight(308_746_428, 4764), func(o frame.Origin) error {
		who, err := frame.EnsureSigned(o)
		if err != nil {
			return err
		}
		return p.vest(who)
	}).Describe("Frees what the signer's schedules have released.")
	frame.NewCall1(b, 1, "vest_other", weight(436_244_436, 4764), address("target"), p.vestOther)
	frame.NewCall2(b, 2, "vested_transfer", weight(473_491_690, 4764), address("target"), schedule, p.vestedTransfer)
	frame.NewCall3(b, 3, "force_vested_transfer", weight(600_571_062, 6196), address("source"), address("target"), schedule, p.forceVestedTransfer)
	frame.NewCall2(b, 4, "merge_schedules", weight(310_252_101, 4764), index("schedule1_index"), index("schedule2_index"), p.mergeSchedules)
	frame.NewCall2(b, 5, "force_remove_vesting_schedule", weight(438_835_469, 4764), address("target"), index("schedule_index"), p.forceRemove)

	frame.NewConstant(b, "MinVestedTransfer", frame.U128, func() frame.Balance { return p.MinVestedTransfer })
	frame.NewConstant(b, "MaxVestingSchedules", frame.U32, func() uint32 { return p.MaxVestingSchedules })
	return p
}

// weight is that of the most locks and schedules that an account may have.
func weight(refTime, proof uint64) frame.Weight {
	return frame.Weight{RefTime: refTime, ProofSize: proof}
}

func (p *Pallet) vestOther(o frame.Origin, address frame.MultiAddress) error {
	if _, err := frame.EnsureSigned(o); err != nil {
		return err
	}
	who, err := address.Lookup()
	if err != nil {
		return err
	}
	return p.vest(who)
}

// vest frees what the schedules of an account have released.
func (p *Pallet) vest(who frame.AccountID) error {
	list, ok := p.Vesting.TryGet(who)
	if !ok {
		return p.ErrNotVesting
	}
	p.write(who, list)
	return nil
}

// write stores the schedules that still lock something, and locks that much.
func (p *Pallet) write(who frame.AccountID, list []Info) {
	now := p.BlockNumber()
	var left []Info
	var locked frame.Balance
	for _, v := range list {
		if at := v.lockedAt(now); !frame.IsZero(at) {
			left = append(left, v)
			locked = frame.Add(locked, at)
		}
	}
	if len(left) == 0 {
		p.Vesting.Remove(who)
	} else {
		p.Vesting.Put(who, left)
	}
	if frame.IsZero(locked) {
		p.Balances.RemoveLock(lockID, who)
		p.completed.Deposit(who)
		return
	}
	p.Balances.SetLock(lockID, who, locked, balances.ReasonMisc)
	p.updated.Deposit(who, locked)
}

func (p *Pallet) vestedTransfer(o frame.Origin, target frame.MultiAddress, v Info) error {
	from, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	to, err := target.Lookup()
	if err != nil {
		return err
	}
	return p.transfer(from, to, v)
}

func (p *Pallet) forceVestedTransfer(o frame.Origin, source, target frame.MultiAddress, v Info) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	to, err := target.Lookup()
	if err != nil {
		return err
	}
	from, err := source.Lookup()
	if err != nil {
		return err
	}
	return p.transfer(from, to, v)
}

// transfer moves the amount of a schedule and locks it.
func (p *Pallet) transfer(from, to frame.AccountID, v Info) error {
	if frame.Less(v.Locked, p.MinVestedTransfer) {
		return p.ErrAmountLow
	}
	if !v.valid() {
		return p.ErrInvalidScheduleParams
	}
	list := p.Vesting.Get(to)
	if len(list) >= int(p.MaxVestingSchedules) {
		return p.ErrAtMaxVestingSchedules
	}
	if from != to {
		if err := p.Balances.Transfer(from, to, v.Locked, balances.Expendable); err != nil {
			return err
		}
	}
	p.created.Deposit(to, uint32(len(list)))
	p.write(to, append(list, v))
	return nil
}

func (p *Pallet) mergeSchedules(o frame.Origin, a, b uint32) error {
	who, err := frame.EnsureSigned(o)
	if err != nil || a == b {
		return err
	}
	list, ok := p.Vesting.TryGet(who)
	if !ok {
		return p.ErrNotVesting
	}
	if int(a) >= len(list) || int(b) >= len(list) {
		return p.ErrScheduleIndexOutOfBounds
	}
	var left []Info
	for i, v := range list {
		if uint32(i) != a && uint32(i) != b {
			left = append(left, v)
		}
	}
	if merged, ok := merge(p.BlockNumber(), list[a], list[b]); ok {
		left = append(left, merged)
	}
	p.write(who, left)
	return nil
}

// merge makes one schedule of two: what both lock now, until the later of their ends.
func merge(now uint32, a, b Info) (Info, bool) {
	at := frame.Amount(uint64(now))
	switch overA, overB := !frame.Less(at, a.end()), !frame.Less(at, b.end()); {
	case overA && overB:
		return Info{}, false
	case overA:
		return b, true
	case overB:
		return a, true
	}
	v := Info{Locked: frame.Add(a.lockedAt(now), b.lockedAt(now)), StartingBlock: max(now, a.StartingBlock, b.StartingBlock)}
	end := a.end()
	if frame.Less(end, b.end()) {
		end = b.end()
	}
	length := frame.Sub(end, frame.Amount(uint64(v.StartingBlock)))
	if frame.IsZero(length) {
		length = frame.Amount(1)
	}
	if v.PerBlock = frame.Div(v.Locked, length); frame.IsZero(v.PerBlock) {
		v.PerBlock = frame.Amount(1)
	}
	return v, true
}

func (p *Pallet) forceRemove(o frame.Origin, target frame.MultiAddress, index uint32) error {
	if err := frame.EnsureRoot(o); err != nil {
		return err
	}
	who, err := target.Lookup()
	if err != nil {
		return err
	}
	list := p.Vesting.Get(who)
	if int(index) >= len(list) {
		return p.ErrInvalidScheduleParams
	}
	p.write(who, append(list[:index:index], list[index+1:]...))
	return nil
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "vesting" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"vesting":[]}` }

// BuildGenesis makes the schedules: account, first block, length in blocks, what is free
// from the start.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("vesting"); err != nil {
		return err
	}
	p.StorageVersion.Put(1)
	list, err := c.Field("vesting")
	if err != nil {
		return err
	}
	items, err := list.List()
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := p.buildSchedule(item); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pallet) buildSchedule(item *frame.Config) error {
	entry, err := item.Tuple(4)
	if err != nil {
		return err
	}
	who, err := entry[0].Account()
	if err != nil {
		return err
	}
	begin, err := entry[1].U32()
	if err != nil {
		return err
	}
	length, err := entry[2].U32()
	if err != nil {
		return err
	}
	liquid, err := entry[3].U128()
	if err != nil {
		return err
	}
	free := p.Balances.Free(who)
	if frame.IsZero(free) {
		return item.Refuse("currencies must be init'd before vesting")
	}
	locked := frame.Sub(free, liquid)
	v := Info{locked, frame.Div(locked, frame.Amount(uint64(max(length, 1)))), begin}
	if !v.valid() {
		return item.Refuse("invalid VestingInfo params at genesis")
	}
	p.Vesting.Put(who, append(p.Vesting.Get(who), v))
	p.Balances.SetLock(lockID, who, locked, balances.ReasonMisc)
	return nil
}
