package pileus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"pileus/dev/store"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
	"pileus/txpool"
)

// TestingT is what [Start] needs of a test; *testing.T and *testing.B have it.
type TestingT interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Net is a whole network in a Go test: relay chain, validators, collators and the
// parachain, in virtual time. It stands still until it is told to advance, so that a test
// is the same every time:
//
//	net := pileus.Start(t)
//	tx := net.Submit("Alice", "Balances", "transfer_keep_alive", net.ID("Bob"), 1_000_000_000_000)
//	in := net.WaitIncluded(tx)
//	in.Succeeded()
//
// What cannot be done fails the test. It serves one goroutine.
type Net struct {
	t     TestingT
	sim   *Simulation
	chain *store.Chain
	txs   map[txpool.Hash]*Tx
	// included is the number of the parachain's highest block that the relay chain has included.
	included uint32
}

// Tx is a transaction that was submitted.
type Tx struct {
	Hash  primitives.Hash
	Block primitives.Hash // on the best chain that holds it; zero: none
	Index int             // in Block
	Err   error           // why the pool has given it up
}

// Inclusion is a transaction in a block.
type Inclusion struct {
	Block  *store.Block
	Index  int
	Events []metadata.Event // of the transaction
	Err    error            // the call's error, in the runtime's words; nil: it succeeded

	t TestingT
}

// patience is how many relay slots a test waits for something.
const patience = 64

// Start starts a network for a test: the built-in chain, or what change says. It ends with the test.
func Start(t TestingT, change ...func(*Settings)) *Net {
	t.Helper()
	s := Defaults()
	if base, err := os.UserCacheDir(); err == nil {
		s.CacheDir = filepath.Join(base, "pileus")
	}
	for _, f := range change {
		f(&s)
	}
	n := &Net{t: t, txs: map[txpool.Hash]*Tx{}}
	var err error
	n.sim, err = Open(context.Background(), s, Options{Steer: true, NoReport: true, Observer: netObserver{n}, OnEvent: n.event})
	if err != nil {
		t.Fatalf("start the network: %v", err)
	}
	t.Cleanup(func() { _ = n.sim.Close() })
	c := n.sim.Chain()
	n.chain = store.New(&store.Block{Hash: c.Genesis.Hash(), Header: &c.Genesis}, c.State)
	return n
}

// Advance lets relay slots pass.
func (n *Net) Advance(slots uint32) {
	n.t.Helper()
	if err := n.sim.network.Run(context.Background(), slots); err != nil {
		n.t.Fatalf("advance %d relay slots: %v", slots, err)
	}
}

// AdvanceUntil lets relay slots pass until the condition is met.
func (n *Net) AdvanceUntil(what string, met func() bool) {
	n.t.Helper()
	for range patience {
		if met() {
			return
		}
		n.Advance(1)
	}
	if !met() {
		n.t.Fatalf("%s: not within %d relay slots", what, patience)
	}
}

// Chain is the record of the parachain: best and finalized block, forks, states.
func (n *Net) Chain() *store.Chain { return n.chain }

// Simulation is the network's other side: relay settings, collators, runtime.
func (n *Net) Simulation() *Simulation { return n.sim }

// account is the place of a development account.
func (n *Net) account(name string) int {
	n.t.Helper()
	for i, a := range n.sim.chain.Accounts {
		if a.Name == name {
			return i
		}
	}
	n.t.Fatalf("account %q: there is no funded development account of that name", name)
	return -1
}

// ID is the account id of a funded development account, by its name.
func (n *Net) ID(name string) []byte { n.t.Helper(); return n.sim.chain.Accounts[n.account(name)].ID }

// Submit signs a call with a development account and offers it to the pool. Arguments are
// given in their order: integers, []byte, [metadata.Value] and the like.
func (n *Net) Submit(signer, pallet, call string, args ...any) *Tx {
	n.t.Helper()
	xt, err := n.sim.network.Sign(n.account(signer), pallet, call, args...)
	if err != nil {
		n.t.Fatalf("sign %s.%s: %v", pallet, call, err)
	}
	return n.SubmitRaw(xt)
}

// Sudo submits a call in the name of the chain's sudo key.
func (n *Net) Sudo(pallet, call string, args ...any) *Tx {
	n.t.Helper()
	xt, _, err := n.sim.network.SignSudo(pallet, call, args...)
	if err != nil {
		n.t.Fatalf("sudo %s.%s: %v", pallet, call, err)
	}
	return n.SubmitRaw(xt)
}

// SubmitRaw offers a transaction, its bytes without the length prefix, to the pool.
func (n *Net) SubmitRaw(xt []byte) *Tx {
	n.t.Helper()
	tx := &Tx{Hash: txpool.HashOf(xt)}
	n.txs[tx.Hash] = tx
	if _, err := n.sim.network.Submit(xt, txpool.External, pipeline.Checked{}); err != nil {
		n.t.Fatalf("submit the transaction %s: %v", tx.Hash, err)
	}
	return tx
}

// WaitIncluded lets slots pass until the relay chain has included the block with the transaction.
func (n *Net) WaitIncluded(tx *Tx) *Inclusion {
	n.t.Helper()
	n.AdvanceUntil(fmt.Sprintf("transaction %s included", tx.Hash), func() bool {
		if tx.Err != nil {
			n.t.Fatalf("transaction %s: %v", tx.Hash, tx.Err)
		}
		b, ok := n.chain.Get(tx.Block)
		return ok && b.Number() <= n.included
	})
	in := &Inclusion{Index: tx.Index, t: n.t}
	in.Block, _ = n.chain.Get(tx.Block)
	for _, e := range n.Events(in.Block.Hash) {
		if e.Phase == metadata.PhaseApply && e.Extrinsic == uint32(tx.Index) {
			in.Events = append(in.Events, e)
			if e.Pallet == "System" && e.Name == "ExtrinsicFailed" {
				in.Err = fmt.Errorf("%s", e.Fields)
			}
		}
	}
	return in
}

// Succeeded fails the test if the call has failed.
func (in *Inclusion) Succeeded() {
	in.t.Helper()
	if in.Err != nil {
		in.t.Fatalf("the call in #%d failed: %v", in.Block.Number(), in.Err)
	}
}

// Event is the transaction's first event of that name; the test fails if there is none.
func (in *Inclusion) Event(pallet, name string) metadata.Event {
	in.t.Helper()
	for _, e := range in.Events {
		if e.Pallet == pallet && e.Name == name {
			return e
		}
	}
	in.t.Fatalf("no event %s.%s in #%d, but %v", pallet, name, in.Block.Number(), in.Events)
	return metadata.Event{}
}

// runtime is the runtime's metadata on the state after a block.
func (n *Net) runtime(at primitives.Hash) (*parachain.Code, *metadata.Metadata) {
	n.t.Helper()
	state, err := n.chain.State(at)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	code, err := n.sim.host.CodeAt(context.Background(), state, parachain.OffChain)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	meta, err := code.Metadata(context.Background())
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	return code, meta
}

// Events are the events of a block.
func (n *Net) Events(block primitives.Hash) []metadata.Event {
	n.t.Helper()
	b, ok := n.chain.Get(block)
	if !ok {
		n.t.Fatalf("events of block %s: it is not known", block)
	}
	_, meta := n.runtime(b.Parent()) // the block ran on the code of its parent's state
	key, err := meta.StorageKey("System", "Events")
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	list, err := meta.Events(n.raw(block, key))
	if err != nil {
		n.t.Fatalf("events of #%d: %v", b.Number(), err)
	}
	return list
}

func (n *Net) raw(at primitives.Hash, key []byte) []byte {
	n.t.Helper()
	state, err := n.chain.State(at)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	raw, _, err := state.Top().Get(key, nil)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	return raw
}

// Storage is a storage value at the best block; keys are those of a map. Of an absent
// value it is the default.
func (n *Net) Storage(pallet, item string, keys ...any) metadata.Value {
	n.t.Helper()
	best := n.chain.Best().Hash
	_, meta := n.runtime(best)
	key, err := meta.StorageKey(pallet, item, keys...)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	v, _, err := meta.DecodeStorage(pallet, item, n.raw(best, key))
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	return v
}

// Balance is an account's free balance at the best block, in the chain's smallest unit.
func (n *Net) Balance(account []byte) scale.U128 {
	n.t.Helper()
	free, _ := n.Storage("System", "Account", account).Get("data", "free")
	return free.Int
}

// Version is the version of the runtime at the best block.
func (n *Net) Version() *runtimeapi.Version {
	n.t.Helper()
	code, _ := n.runtime(n.chain.Best().Hash)
	return code.Version
}

// Upgrade gives the parachain new code in the name of its sudo key and lets slots pass
// until blocks run on it: submitted, pre-checked, restricted, go-ahead, applied.
func (n *Net) Upgrade(code []byte) {
	n.t.Helper()
	old := n.Version()
	if _, err := n.sim.Upgrade(code); err != nil {
		n.t.Fatalf("upgrade: %v", err)
	}
	n.AdvanceUntil("code upgrade from "+old.String(), func() bool { return n.Version().SpecVersion != old.SpecVersion })
}

func (n *Net) event(e pipeline.Timed) {
	if i, ok := e.Event.(pipeline.Included); ok {
		n.included = max(n.included, i.Number)
	}
}

// netObserver takes down what the network shows.
type netObserver struct{ n *Net }

// Relay implements [pipeline.Observer].
func (netObserver) Relay(*pipeline.RelayView, primitives.Hash) {}

// Para implements [pipeline.Observer].
func (o netObserver) Para(_ primitives.ParaID, out parachain.Output) {
	var err error
	switch out := out.(type) {
	case parachain.Imported:
		e := out.Entry
		header := e.Block.Header // a copy: the block is part of all that was built with it
		err = o.n.chain.Import(&store.Block{Hash: e.Hash, Header: &header, Extrinsics: e.Block.Extrinsics}, e.State)
	case parachain.BestChanged:
		err = o.n.chain.SetBest(out.Best.Hash)
	case parachain.Finalized:
		err = o.n.chain.Finalize(out.Hash)
	}
	if err != nil {
		o.n.sim.network.Fail(err)
	}
}

// Pool implements [pipeline.Observer].
func (o netObserver) Pool(_ primitives.ParaID, out txpool.Output) {
	s, ok := out.(txpool.Status)
	if !ok {
		return
	}
	tx := o.n.txs[s.Hash]
	if tx == nil {
		return
	}
	switch s.Kind {
	case txpool.StatusInBlock:
		tx.Block, tx.Index = s.Block, s.Index
	case txpool.StatusRetracted:
		tx.Block = primitives.Hash{}
	case txpool.StatusInvalid, txpool.StatusDropped, txpool.StatusUsurped:
		if tx.Err = s.Err; tx.Err == nil {
			tx.Err = fmt.Errorf("it is %v", s.Kind)
		}
	}
}
