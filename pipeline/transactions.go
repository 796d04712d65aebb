package pipeline

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"pileus/hashing"
	"pileus/parachain"
	"pileus/runtimeapi"
	"pileus/trie"
	"pileus/txpool"
)

// transfer is one balance transfer on its way: it is told apart by account and nonce, and
// signed anew where new code wants another signature, or where the pool has lost it.
type transfer struct {
	account int
	nonce   uint64
	spec    uint32 // of the runtime that it was signed for
	hash    hashing.Hash
	lost    bool // the pool or a block refused it
}

// TransferCount is what became of the transfers so far. Open ones are in the pool or in
// blocks that are not included yet. Doubled counts transfers that were included twice.
type TransferCount struct {
	Submitted int `json:"submitted"`
	Included  int `json:"included"`
	Open      int `json:"open"`
	Resigned  int `json:"resigned"` // signed again, for new code
	Doubled   int `json:"doubled"`
}

// Transfers counts the transfers of the first parachain.
func (n *Network) Transfers() TransferCount {
	c := n.chains[0]
	count := c.count
	count.Open = len(c.open)
	return count
}

// StopTransfers submits no more of them.
func (n *Network) StopTransfers() {
	for _, c := range n.chains {
		c.Para.Transfers = 0
	}
}

// submitTransfers puts the transfers of one relay block into the chain's pool, and those
// again that new code or a refusal has made void.
func (n *Network) submitTransfers(c *chain) {
	if c.Transfers == 0 && len(c.open) == 0 {
		return
	}
	best := c.nodes[0].Best()
	if err := n.renewTransfers(c, best); err != nil {
		n.fail(err)
		return
	}
	at := parachain.TransferContext{Number: best.Number(), Hash: best.Hash}
	if err := n.resign(c, best, at); err != nil {
		n.fail(err)
		return
	}
	for range c.Transfers {
		account, nonce := c.transfers.Upcoming()
		xt, err := c.transfers.Next(at)
		if err != nil {
			n.fail(err)
			return
		}
		t := &transfer{account: account, nonce: nonce, spec: c.spec, hash: txpool.HashOf(xt)}
		c.open[t.hash] = t
		c.order = append(c.order, t)
		c.count.Submitted++
		n.pool(c, txpool.Submit{Extrinsic: xt, Source: txpool.External})
	}
}

// resign makes open transfers anew that the best block's runtime no longer takes.
func (n *Network) resign(c *chain, best *parachain.Entry, at parachain.TransferContext) error {
	nonces := map[int]uint64{}
	for _, t := range c.order {
		if c.open[t.hash] != t || t.spec == c.spec && !t.lost && c.pool.Has(t.hash) {
			continue
		}
		next, known := nonces[t.account]
		if !known {
			var err error
			if next, err = c.transfers.Nonce(best.State, t.account); err != nil {
				return err
			}
			nonces[t.account] = next
		}
		if t.nonce < next { // it stands in a block of this branch
			continue
		}
		xt, err := c.transfers.Resign(t.account, t.nonce, at)
		if err != nil {
			return err
		}
		hash := txpool.HashOf(xt)
		if hash == t.hash { // nothing has changed since; it would be refused once more
			continue
		}
		delete(c.open, t.hash)
		if c.pool.Has(t.hash) {
			n.pool(c, txpool.Remove{Hashes: []hashing.Hash{t.hash}})
		}
		t.spec, t.lost, t.hash = c.spec, false, hash
		c.open[t.hash] = t
		c.count.Resigned++
		n.pool(c, txpool.Submit{Extrinsic: xt, Source: txpool.External})
	}
	return nil
}

// transfersIncluded takes account of an included block's transfers.
func (c *chain) transfersIncluded(b *builtBlock) {
	if len(c.open) == 0 && len(c.done) == 0 {
		return
	}
	for _, xt := range b.Pushed {
		hash := txpool.HashOf(xt)
		switch t := c.open[hash]; {
		case t != nil:
			delete(c.open, hash)
			c.done[hash] = true
			c.count.Included++
		case c.done[hash]:
			c.count.Doubled++
		}
	}
	keep := c.order[:0]
	for _, t := range c.order {
		if c.open[t.hash] == t {
			keep = append(keep, t)
		}
	}
	c.order = keep
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
	if err != nil || nonces != nil {
		return err
	}
	for i := range c.Chain.Accounts { // a chain that has been running has seen transactions of theirs
		nonce, err := c.transfers.Nonce(best.State, i)
		if err != nil {
			return err
		}
		c.transfers.Reset(i, nonce)
	}
	return nil
}

// pool tells the chain's pool what happened and does what it wants done.
func (n *Network) pool(c *chain, in txpool.Input) {
	outs := c.pool.Step(n.world.Now(), in)
	valid := n.validities(c, outs)
	for _, out := range outs {
		if n.cfg.Observer != nil {
			n.cfg.Observer.Pool(c.id, out)
		}
		switch out := out.(type) {
		case txpool.Validate:
			n.pool(c, valid[out.ID])
		case txpool.Answer:
			if f := c.answers[out.Hash]; f != nil {
				delete(c.answers, out.Hash)
				f(out.Err)
			}
			if out.Err != nil {
				n.transactionRefused(c, out.Hash, out.Err)
			}
		}
	}
}

// transactionRefused tells of a transaction that is out of the pool; a transfer is made anew.
func (n *Network) transactionRefused(c *chain, hash hashing.Hash, err error) {
	if t := c.open[hash]; t != nil {
		t.lost = true
		if t.spec != c.spec {
			return // new code came in between, that is what it is made anew for
		}
	}
	n.tell(TransactionRefused{c.id, err.Error(), c.upgrade != nil && c.upgrade.tx == hash})
}

// validities asks the runtime about transactions, all at once: a new best block has many
// checked again, and what comes next waits for the answers.
func (n *Network) validities(c *chain, outs []txpool.Output) map[uint64]txpool.Validated {
	var questions []func() Checked
	var ids []uint64
	for _, out := range outs {
		v, ok := out.(txpool.Validate)
		if !ok {
			continue
		}
		ids = append(ids, v.ID)
		if k, ok := c.checked[txpool.HashOf(v.Extrinsic)]; ok && k.At == v.At {
			questions = append(questions, func() Checked { return k })
			continue
		}
		at, ok := c.nodes[0].Get(v.At)
		if !ok {
			at = c.nodes[0].Best()
		}
		questions = append(questions, func() Checked { return Check(n.ctx, c.Host, at.Hash, at.State, v.Source, v.Extrinsic) })
	}
	if len(questions) == 0 {
		return nil
	}
	answers := make([]Checked, len(questions))
	var next atomic.Int64
	ask := func() {
		for i := next.Add(1) - 1; i < int64(len(questions)); i = next.Add(1) - 1 {
			answers[i] = questions[i]()
		}
	}
	var others sync.WaitGroup
	for range min(len(questions), runtime.GOMAXPROCS(0)) - 1 {
		others.Go(ask)
	}
	ask()
	others.Wait()
	valid := map[uint64]txpool.Validated{}
	for i, k := range answers {
		valid[ids[i]] = txpool.Validated{ID: ids[i], Valid: k.Valid, Err: k.Err}
	}
	return valid
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

// Screen tells why the pool of the first parachain refuses a transaction that nobody has
// checked; nil if it does not.
func (n *Network) Screen(xt []byte) error { return n.chains[0].pool.Screen(n.world.Now(), xt) }

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
	n.afterEdit(c, b.Best)
}

// poolFinalized tells the pool of final blocks.
func (n *Network) poolFinalized(c *chain, f parachain.Finalized) {
	var hashes []hashing.Hash
	for _, e := range f.Blocks {
		hashes = append(hashes, e.Hash)
	}
	n.pool(c, txpool.Finalized{Blocks: hashes})
}

// refusedTransaction takes out of the pool what a block on top of the best one could not
// have. A block on another branch may hold a transaction already, or not yet what it needs.
func (n *Network) refusedTransaction(c *chain, r parachain.Refusal, parent hashing.Hash) {
	hash := txpool.HashOf(r.Extrinsic)
	if parent == c.nodes[0].Best().Hash {
		n.transactionRefused(c, hash, r.Err)
		n.pool(c, txpool.Refused{Hash: hash, Reason: r.Err})
	}
}
