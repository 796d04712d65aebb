package pipeline

import (
	"errors"
	"slices"

	"pileus/collator"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/relay"
	"pileus/scale"
)

// SwitchCollator lets every collator of the parachains be of another kind from now on, as
// if the nodes had been started anew with another binary. What they knew, they keep.
func (n *Network) SwitchCollator(kind collator.Kind) {
	for _, c := range n.chains {
		c.Collator = kind
		for _, p := range c.nodes {
			p.collator = c.newCollator(p)
		}
	}
}

// Govern gives the next relay block calls of the relay chain's own governance.
func (n *Network) Govern(calls ...relay.Call) { n.calls = append(n.calls, calls...) }

// RelayConfig is the relay chain's configuration as it is in force.
func (n *Network) RelayConfig() *primitives.HostConfiguration { return n.best.state.Config() }

// RelayState is the state of the newest relay block.
func (n *Network) RelayState() *relay.State { return n.best.state }

// RelayBlock is the number of the newest relay block.
func (n *Network) RelayBlock() uint32 { return n.best.number() }

// Runtime is the code that the first parachain's newest block in the hands of its first
// node demands, with that block's state.
func (n *Network) Runtime() (*parachain.Code, *parachain.Entry, error) {
	best := n.chains[0].nodes[0].Best()
	code, err := n.chains[0].Host.CodeAt(n.ctx, best.State, parachain.OnChain)
	return code, best, err
}

// takeCalls are the calls for the relay block that is being made.
func (n *Network) takeCalls() []relay.Call {
	calls := n.calls
	n.calls = nil
	return calls
}

// ErrNoSudo says that a chain has no sudo key that is a development account, so that
// nothing can be done in its governance's name.
var ErrNoSudo = errors.New("the chain has no sudo key that is a development account")

// SignSudo makes a transaction of the first parachain in the name of its sudo key, and says
// whose that is. The error is [ErrNoSudo] if that is no development account.
func (n *Network) SignSudo(pallet, call string, args ...any) (xt []byte, who string, err error) {
	c := n.chains[0]
	signer := c.sudo(c.nodes[0].Best())
	if signer < 0 {
		return nil, "", ErrNoSudo
	}
	meta, err := n.signing(c, signer)
	if err != nil {
		return nil, "", err
	}
	xt, err = c.transfers.Sudo(meta, signer, pallet, call, args...)
	return xt, c.Chain.Accounts[signer].Name, err
}

// Sign makes a transaction of the first parachain by one of its funded development
// accounts, with the nonce that comes next.
func (n *Network) Sign(account int, pallet, call string, args ...any) ([]byte, error) {
	c := n.chains[0]
	meta, err := n.signing(c, account)
	if err != nil {
		return nil, err
	}
	inner, err := meta.EncodeCall(pallet, call, args...)
	if err != nil {
		return nil, err
	}
	return c.transfers.Call(account, inner)
}

// signing prepares the signer of transactions for an account.
func (n *Network) signing(c *chain, account int) (*metadata.Metadata, error) {
	best := c.nodes[0].Best()
	runtime, err := c.Host.CodeAt(n.ctx, best.State, parachain.OffChain)
	if err != nil {
		return nil, err
	}
	meta, err := runtime.Metadata(n.ctx)
	if err != nil {
		return nil, err
	}
	if err := n.renewTransfers(c, best); err != nil {
		return nil, err
	}
	if c.Transfers == 0 { // others sign with the account, too
		nonce, err := n.nonce(c, c.Chain.Accounts[account].ID)
		if err != nil {
			return nil, err
		}
		c.transfers.Reset(account, nonce)
	}
	return meta, nil
}

// Again builds a second block on the relay parent, in the slot and at the time of the
// newest block of the first parachain, on top of it. It is thrown away; the error is what the runtime says against it.
// A chain makes such blocks if its slots are longer than 6 s or its velocity is above 1.
func (n *Network) Again() error {
	c := n.chains[0]
	if c.last == nil {
		return errors.New("no block was built yet")
	}
	params := *c.last
	params.Parent, params.ParentState, params.Transactions = &c.newest.Block.Header, c.newest.State, nil
	_, err := c.Host.Build(n.ctx, params)
	return err
}

// nonce is the nonce of an account's next transaction: that of the best block, and behind
// it what is ready in the pool (substrate-frame-rpc-system).
func (n *Network) nonce(c *chain, account []byte) (uint64, error) {
	r, err := c.Host.At(n.ctx, c.nodes[0].Best().State, parachain.OffChain)
	if err != nil {
		return 0, err
	}
	nonce, err := r.AccountNonce(n.ctx, account)
	if err != nil {
		return 0, err
	}
	for _, t := range c.pool.List() {
		if t.Ready && len(t.Valid.Provides) > 0 && string(t.Valid.Provides[0]) == string(scale.AppendU32(slices.Clone(account), uint32(nonce))) {
			nonce++
		}
	}
	return nonce, nil
}

// sudo is the development account that holds the sudo key; -1 if there is none.
func (c *chain) sudo(best *parachain.Entry) int {
	key, ok := parachain.SudoKey(best.State)
	if !ok {
		return -1
	}
	return slices.IndexFunc(c.Chain.Accounts, func(a parachain.Account) bool { return string(a.ID) == string(key) })
}
