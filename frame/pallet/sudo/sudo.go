// Package sudo is pallet-sudo: one account that may call as root.
package sudo

import (
	"pileus/frame"
)

// Pallet keeps the key.
type Pallet struct {
	frame.Pallet
	Key        frame.Value[frame.AccountID]
	sudid      frame.Event1[error]
	keyChanged frame.Event2[*frame.AccountID, frame.AccountID]
	keyRemoved frame.Event0
	asDone     frame.Event1[error]

	ErrRequireSudo *frame.ModuleError
}

// New declares the pallet.
func New() *Pallet {
	p := &Pallet{}
	b := &p.Pallet
	b.Crate = "pallet_sudo"
	p.Key = frame.NewOptionValue(b, "Key", frame.Account)
	p.sudid = frame.NewEvent1(b, 0, "Sudid", frame.Arg("sudo_result", frame.ResultCodec).As("DispatchResult"))
	p.keyChanged = frame.NewEvent2(b, 1, "KeyChanged", frame.Arg("old", frame.Option(frame.Account)).As("Option<T::AccountId>"), frame.Arg("new", frame.Account).As("T::AccountId"))
	p.keyRemoved = frame.NewEvent0(b, 2, "KeyRemoved")
	p.asDone = frame.NewEvent1(b, 3, "SudoAsDone", frame.Arg("sudo_result", frame.ResultCodec).As("DispatchResult"))
	p.ErrRequireSudo = frame.NewError(b, 0, "RequireSudo", "Only the sudo key may do this.")

	call := frame.Arg("call", b.CallCodec()).As("Box<<T as Config>::RuntimeCall>")
	address := func(name string) frame.Argument[frame.MultiAddress] {
		return frame.Arg(name, frame.AddressCodec).As("AccountIdLookupOf<T>")
	}
	overhead := func(refTime uint64) frame.Weight {
		return frame.RocksDbWeight.With(frame.Weight{RefTime: refTime, ProofSize: 1517}, 1, 0)
	}
	frame.NewCallWith(b, 0, "sudo", call, frame.DispatchInfo{},
		func(i *frame.DispatchInfo, c *frame.Call) {
			i.CallWeight, i.Class = overhead(7_939_000).Add(c.Info.CallWeight), c.Info.Class
		},
		func(o frame.Origin, c *frame.Call) (frame.PostInfo, error) { return p.sudo(o, c) }).
		Describe("Makes a call as root.")
	frame.NewCallWith2(b, 1, "sudo_unchecked_weight", call, frame.Arg("weight", frame.WeightCodec).As("Weight"), frame.DispatchInfo{},
		func(i *frame.DispatchInfo, c *frame.Call, w frame.Weight) { i.CallWeight, i.Class = w, c.Info.Class },
		func(o frame.Origin, c *frame.Call, _ frame.Weight) (frame.PostInfo, error) { return p.sudo(o, c) })
	frame.NewCallWith(b, 2, "set_key", address("new"), frame.DispatchInfo{CallWeight: frame.RocksDbWeight.With(overhead(7_237_000), 0, 1)}, nil, p.setKey)
	frame.NewCallWith2(b, 3, "sudo_as", address("who"), call, frame.DispatchInfo{},
		func(i *frame.DispatchInfo, _ frame.MultiAddress, c *frame.Call) {
			i.CallWeight, i.Class = overhead(7_870_000).Add(c.Info.CallWeight), c.Info.Class
		}, p.sudoAs)
	frame.NewCallWith0(b, 4, "remove_key", frame.DispatchInfo{CallWeight: frame.RocksDbWeight.With(overhead(6_417_000), 0, 1)}, p.removeKey)
	return p
}

// ensure refuses everybody but the key and root.
func (p *Pallet) ensure(o frame.Origin) error {
	if o.Kind == frame.OriginRoot {
		return nil
	}
	who, err := frame.EnsureSigned(o)
	if err != nil {
		return err
	}
	if key, ok := p.Key.TryGet(); !ok || key != who {
		return p.ErrRequireSudo
	}
	return nil
}

// sudo makes the call as root. That the call fails is an event, not an error: sudo was
// allowed, and pays nothing.
func (p *Pallet) sudo(o frame.Origin, c *frame.Call) (frame.PostInfo, error) {
	if err := p.ensure(o); err != nil {
		return frame.PostInfo{}, err
	}
	_, err := c.Dispatch(frame.Root)
	p.sudid.Deposit(err)
	return frame.PostInfo{Pays: frame.PaysNo}, nil
}

func (p *Pallet) sudoAs(o frame.Origin, address frame.MultiAddress, c *frame.Call) (frame.PostInfo, error) {
	if err := p.ensure(o); err != nil {
		return frame.PostInfo{}, err
	}
	who, err := address.Lookup()
	if err != nil {
		return frame.PostInfo{}, err
	}
	_, err = c.Dispatch(frame.Signed(who))
	p.asDone.Deposit(err)
	return frame.PostInfo{Pays: frame.PaysNo}, nil
}

func (p *Pallet) setKey(o frame.Origin, address frame.MultiAddress) (frame.PostInfo, error) {
	if err := p.ensure(o); err != nil {
		return frame.PostInfo{}, err
	}
	who, err := address.Lookup()
	if err != nil {
		return frame.PostInfo{}, err
	}
	var old *frame.AccountID
	if key, ok := p.Key.TryGet(); ok {
		old = &key
	}
	p.Key.Put(who)
	p.keyChanged.Deposit(old, who)
	return frame.PostInfo{Pays: frame.PaysNo}, nil
}

func (p *Pallet) removeKey(o frame.Origin) (frame.PostInfo, error) {
	if err := p.ensure(o); err != nil {
		return frame.PostInfo{}, err
	}
	p.Key.Kill()
	p.keyRemoved.Deposit()
	return frame.PostInfo{Pays: frame.PaysNo}, nil
}

// GenesisKey is the pallet's field in the genesis config.
func (p *Pallet) GenesisKey() string { return "sudo" }

// GenesisDefault is the default genesis config.
func (p *Pallet) GenesisDefault() string { return `{"key":null}` }

// BuildGenesis writes the key.
func (p *Pallet) BuildGenesis(c *frame.Config) error {
	if err := c.Only("key"); err != nil {
		return err
	}
	key, err := c.Field("key")
	if err != nil || key.IsNull() {
		return err
	}
	who, err := key.Account()
	if err == nil {
		p.Key.Put(who)
	}
	return err
}
