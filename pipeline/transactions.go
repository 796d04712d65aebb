package pipeline

import (
	"pileus/parachain"
	"pileus/runtimeapi"
	"pileus/txpool"
)

// submitTransfers puts the transfers of one relay block into the chain's pool.
func (n *Network) submitTransfers(c *chain) {
	if c.Transfers == 0 {
		return
	}
	best := c.nodes[0].Best()
	if err := n.renewTransfers(c, best); err != nil {
		n.fail(err)
		return
	}
	for range c.Transfers {
		xt, err := c.transfers.Next(parachain.TransferContext{Number: best.Number(), Hash: best.Hash})
		if err != nil {
			n.fail(err)
			return
		}
		n.pool(c, txpool.Submit{Extrinsic: xt, Source: txpool.External})
	}
}

// renewTransfers follows the runtime: new code may want other extrinsics.
func (n *Network) renewTransfers(c *chain, best *parachain.Entry) error {
	code, err := c.Host.CodeAt(n.ctx, best.State, parachain.OffChain)
	if err != nil || c.transfers != nil && code.Version.SpecVersion == c.spec {
		return err
	}
	meta, err := code.Metadata(n.ctx)
	if err != nil {
		return err
	}
	var nonces []uint64
	if c.transfers != nil {
		nonces = c.transfers.Nonces()
	}
	c.spec = code.Version.SpecVersion
	c.transfers, err = parachain.NewTransfers(meta, c.Chain.Genesis.Hash(), c.Chain.Accounts, nonces)
	return err
}

// pool tells the chain's pool what happened and does what it wants done.
func (n *Network) pool(c *chain, in txpool.Input) {
	for _, out := range c.pool.Step(n.world.Now(), in) {
		switch out := out.(type) {
		case txpool.Validate:
			n.pool(c, n.validity(c, out))
		case txpool.Answer:
			if out.Err != nil {
				n.tell(TransactionRefused{c.id, out.Err.Error()})
			}
		}
	}
}

// validity asks the runtime about a transaction.
func (n *Network) validity(c *chain, v txpool.Validate) txpool.Validated {
	done := txpool.Validated{ID: v.ID}
	at, ok := c.nodes[0].Get(v.At)
	if !ok {
		at = c.nodes[0].Best()
	}
	r, err := c.Host.At(n.ctx, at.State, parachain.OffChain)
	var raw []byte
	if err == nil {
		raw, err = r.ValidateTransactionRaw(n.ctx, runtimeapi.TransactionSource(v.Source), v.Extrinsic, at.Hash)
	}
	if err == nil {
		done.Valid, err = txpool.DecodeValidity(raw)
	}
	done.Err = err
	return done
}

// poolBest tells the pool of a new best block.
func (n *Network) poolBest(c *chain, b parachain.BestChanged) {
	body := func(list []*parachain.Entry) (bodies []txpool.Body) {
		for _, e := range list {
			bodies = append(bodies, txpool.Body{Hash: e.Hash, Parent: e.Block.Header.ParentHash, Extrinsics: e.Block.Extrinsics})
		}
		return bodies
	}
	n.pool(c, txpool.Best{Hash: b.Best.Hash, Number: b.Best.Number(), Enacted: body(b.Enacted), Retracted: body(b.Retracted)})
}

// refusedTransaction takes out of the pool what a block could not have.
func (n *Network) refusedTransaction(c *chain, r parachain.Refusal) {
	n.tell(TransactionRefused{c.id, r.Err.Error()})
	n.pool(c, txpool.Refused{Hash: txpool.HashOf(r.Extrinsic), Reason: r.Err})
}
