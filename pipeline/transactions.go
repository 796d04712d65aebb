package pipeline

import (
	"context"

	"pileus/hashing"
	"pileus/parachain"
	"pileus/runtimeapi"
	"pileus/trie"
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
	c.transfers, err = parachain.NewTransfers(meta, c.Chain.GenesisHash, c.Chain.Accounts, nonces)
	return err
}

// pool tells the chain's pool what happened and does what it wants done.
func (n *Network) pool(c *chain, in txpool.Input) {
	for _, out := range c.pool.Step(n.world.Now(), in) {
		if n.cfg.Observer != nil {
			n.cfg.Observer.Pool(c.id, out)
		}
		switch out := out.(type) {
		case txpool.Validate:
			n.pool(c, n.validity(c, out))
		case txpool.Answer:
			if f := c.answers[out.Hash]; f != nil {
				delete(c.answers, out.Hash)
				f(out.Err)
			}
			if out.Err != nil {
				n.tell(TransactionRefused{c.id, out.Err.Error()})
			}
		}
	}
}

// validity asks the runtime about a transaction.
func (n *Network) validity(c *chain, v txpool.Validate) txpool.Validated {
	done := txpool.Validated{ID: v.ID}
	if k, ok := c.checked[txpool.HashOf(v.Extrinsic)]; ok && k.At == v.At {
		done.Valid, done.Err = k.Valid, k.Err
		return done
	}
	at, ok := c.nodes[0].Get(v.At)
	if !ok {
		at = c.nodes[0].Best()
	}
	k := Check(n.ctx, c.Host, at.Hash, at.State, v.Source, v.Extrinsic)
	done.Valid, done.Err = k.Valid, k.Err
	return done
}

// Checked is what the runtime says about a transaction on the state of a block.
type Checked struct {
	At    hashing.Hash
	Valid *txpool.Valid // nil with Err
	Err   error         // a [*txpool.InvalidError], or why there is no answer
}

// Check asks the runtime about a transaction. It may be called from any goroutine.
func Check(ctx context.Context, h *parachain.Host, at hashing.Hash, state *trie.State, source txpool.Source, xt []byte) Checked {
	k := Checked{At: at}
	r, err := h.At(ctx, state, parachain.OffChain)
	var raw []byte
	if err == nil {
		raw, err = r.ValidateTransactionRaw(ctx, runtimeapi.TransactionSource(source), xt, at)
	}
	if err == nil {
		k.Valid, err = txpool.DecodeValidity(raw)
	}
	k.Err = err
	return k
}

// Submit offers a transaction, its bytes without the length prefix, to the pool of the
// first parachain. ahead is what a [Check] on its best block has said; it is made again
// where that is not the best one any more. The error is one of package txpool.
func (n *Network) Submit(xt []byte, source txpool.Source, ahead Checked) (hashing.Hash, error) {
	c, hash := n.chains[0], txpool.HashOf(xt)
	err := txpool.ErrUnfinished
	c.answers[hash], c.checked[hash] = func(e error) { err = e }, ahead
	n.pool(c, txpool.Submit{Extrinsic: xt, Source: source})
	delete(c.answers, hash)
	delete(c.checked, hash)
	return hash, err
}

// Pool is the pool of the first parachain, to be looked at.
func (n *Network) Pool() *txpool.Pool { return n.chains[0].pool }

// RemoveTransactions takes transactions out of the pool of the first parachain.
func (n *Network) RemoveTransactions(hashes ...hashing.Hash) {
	n.pool(n.chains[0], txpool.Remove{Hashes: hashes})
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

// poolFinalized tells the pool of final blocks.
func (n *Network) poolFinalized(c *chain, f parachain.Finalized) {
	var hashes []hashing.Hash
	for _, e := range f.Blocks {
		hashes = append(hashes, e.Hash)
	}
	n.pool(c, txpool.Finalized{Blocks: hashes})
}

// refusedTransaction takes out of the pool what a block could not have.
func (n *Network) refusedTransaction(c *chain, r parachain.Refusal) {
	n.tell(TransactionRefused{c.id, r.Err.Error()})
	n.pool(c, txpool.Refused{Hash: txpool.HashOf(r.Extrinsic), Reason: r.Err})
}
