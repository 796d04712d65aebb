// Package dev runs the whole network against the wall clock, for wallets, apps and
// indexers: what `pileus dev` starts.
//
//	                   ┌───────────────── loop: one goroutine ─────────────────┐
//	wall clock ──────► │ world.Follow ─► pipeline.Network (relay, para, pool) │
//	Submit, control ─► │ posted functions, between two callbacks              │
//	                   └──────────────┬────────────────────────────────────────┘
//	                                  │ Observer, Events
//	                                  ▼
//	          store.Chain (para, relay), pool statuses, events ──► any number of readers
//
// The network is the one of `pileus simulate`; with equal seeds and nothing from outside
// it makes the same blocks. It serves one goroutine. Questions about blocks and states are
// answered from the records ([Node.Para], [Node.Relay]) and never wait for it.
package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pileus"
	"pileus/dev/store"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
	"pileus/trie"
	"pileus/txpool"
	"pileus/world"
)

// Config says what to run.
type Config struct {
	pileus.Settings               // as of a simulation; RelayBlocks and Transfers play no part
	BlockTime       BlockTime     // the zero value is 6 s
	DataDir         string        // where the chains are kept; empty: in memory
	Pruning         store.Pruning // how much is kept of both chains; zero: all, or as the folder was made
	Log             *slog.Logger  // nil: nothing is logged
}

// maxLate is how far behind the wall clock the world may fall before its clock waits for it.
const maxLate = 30 * time.Second

// ErrStopped says that the node does not run any more.
var ErrStopped = errors.New("the node has stopped")

// Node is a running network as a parachain node shows it: that of the first collator.
// Its methods may be called from any goroutine.
type Node struct {
	cfg     Config
	log     *slog.Logger
	sim     *pileus.Simulation
	network *pipeline.Network
	clock   *world.Clock // of the loop
	steer   steering     // of the loop
	swap    func()       // of the loop: lets it go on with the network that is there then

	snapshots  []snapshot // of the loop
	snapshotID uint64
	back       [][]byte      // of the loop: transactions that come back into the pool
	turn       chan struct{} // of the loop: closed when the network is replaced
	inbox      *world.World  // to which everything is posted

	para, relay *store.Chain
	disk        *disk // nil: the chains are in memory
	events      store.Feed[pipeline.Timed]
	relayStates relayStates
	started     []pipeline.Timed // ParaStarted, told before anybody can listen

	mu      sync.Mutex
	watched map[txpool.Hash]*store.Feed[txpool.Status]
	checks  *checks

	ctx     context.Context // of the node
	stop    context.CancelFunc
	closing sync.Once
	done    chan struct{} // closed when the loop has ended
	err     error         // why, once done is closed
}

// ErrForkOnDisk says that a fork of a live chain cannot both be pruned and be kept in a folder:
// which of the live chain's nodes a state still needs is not known.
var ErrForkOnDisk = errors.New("a fork of a live chain is pruned in memory only: leave out --data-dir, or --pruning")

// Start opens the parachain and sets the network going. It runs until ctx ends, [Node.Close]
// is called, or it cannot go on ([Node.Wait]).
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, log: cfg.Log, watched: map[txpool.Hash]*store.Feed[txpool.Status]{}, checks: newChecks(), done: make(chan struct{})}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.release())
	}
	n.clock = world.NewClock(n.network.World().Now() - time.Millisecond) // the first slot has not begun
	n.clock.SetSpeed(cfg.BlockTime.speed())
	n.steer.mode = cfg.BlockTime
	n.clock.MaxLate = maxLate
	n.clock.Shifted = func(by time.Duration) {
		n.log.Warn("The machine is too slow for the block time; the clock was set back", "by", by.Round(time.Millisecond))
	}
	n.turn, n.inbox = make(chan struct{}), n.network.World()
	ctx, n.stop = context.WithCancel(ctx)
	n.ctx = ctx
	if n.log.Enabled(ctx, slog.LevelError) {
		go newNetworkLog(n).run(ctx)
	}
	go n.loop(ctx)
	go n.bringBack(ctx)
	return n, nil
}

// open opens the parachain, and the records where an earlier run has left some.
func (n *Node) open(ctx context.Context) (err error) {
	if n.cfg.DataDir != "" {
		if n.cfg.URL != "" && n.cfg.Pruning.Prunes() {
			return ErrForkOnDisk
		}
		if n.disk, err = openDisk(n.cfg.DataDir, n.cfg.Pruning); err != nil {
			return err
		}
		if err = n.disk.pin(&n.cfg.Settings); err != nil {
			return err
		}
	}
	options := pileus.Options{Steer: true, NoReport: true, Observer: observer{n}, OnEvent: n.event, Faults: n.faults()}
	if n.disk != nil {
		options.Resume = n.resume
	}
	if n.sim, err = pileus.Open(ctx, n.cfg.Settings, options); err != nil {
		return err
	}
	n.network = n.sim.Network()
	n.relayStates.keep(n.network.RelayRoot())
	if n.para != nil { // resumed
		return n.err
	}
	c, root := n.sim.Chain(), n.network.RelayRoot()
	para, relay := &store.Block{Hash: c.Genesis.Hash(), Header: &c.Genesis}, &store.Block{Hash: root.Hash, Header: root.Header}
	if n.disk == nil {
		n.para, n.relay = store.New(para, c.State), store.New(relay, relayState(root))
		n.para.SetPruning(n.cfg.Pruning)
		n.relay.SetPruning(n.cfg.Pruning)
		return nil
	}
	n.para, n.relay = n.disk.db.Create(paraName, para, c.State), n.disk.db.Create(relayName, relay, relayState(root))
	n.disk.behind(c)
	if live := n.sim.Live(); live != nil {
		n.disk.origin = live.Pinned()
	}
	return n.save()
}

// loop is the one goroutine that the network knows.
func (n *Node) loop(ctx context.Context) {
	var err error
	for {
		following, swap := context.WithCancel(ctx)
		n.swap = swap
		err = n.network.Follow(following, n.clock)
		swap()
		if !errors.Is(err, context.Canceled) || ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, context.Canceled) {
		err = n.save()
	}
	n.err = err
	close(n.done)
	n.para.Close()
	n.relay.Close()
	n.events.Close()
}

// do lets f happen on the loop and waits for it.
func (n *Node) do(ctx context.Context, f func()) error {
	happened := make(chan struct{})
	n.inbox.Post(func() { f(); close(happened) })
	select {
	case <-happened:
		return nil
	case <-n.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait waits until the node has stopped and returns why: nil if it was stopped.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// Done is closed when the node has stopped.
func (n *Node) Done() <-chan struct{} { return n.done }

// Close stops the node and frees what was compiled. It returns why the node had stopped
// before, if it had.
func (n *Node) Close() error {
	n.stop()
	err := n.Wait()
	n.closing.Do(func() { err = errors.Join(err, n.release()) })
	return err
}

// release frees what was opened.
func (n *Node) release() error {
	var errs []error
	if n.sim != nil {
		errs = append(errs, n.sim.Close())
	}
	if n.disk != nil {
		errs = append(errs, n.disk.db.Close())
	}
	return errors.Join(errs...)
}

// Para is the record of the parachain, as the first collator's node sees it.
func (n *Node) Para() *store.Chain { return n.para }

// Relay is the record of the relay chain.
func (n *Node) Relay() *store.Chain { return n.relay }

// Chain is the parachain at its genesis: name, para id, funded accounts.
func (n *Node) Chain() *parachain.Chain { return n.sim.Chain() }

// Host runs the parachain's runtimes on any state; see also [Node.Call].
func (n *Node) Host() *parachain.Host { return n.sim.Host() }

// Config is what the node was started with.
func (n *Node) Config() Config { return n.cfg }

// Events is the stream of everything that the network tells; the reader may be up to
// buffer events behind.
func (n *Node) Events(buffer int) *store.Reader[pipeline.Timed] { return n.events.Subscribe(buffer) }

func (n *Node) event(e pipeline.Timed) {
	if _, start := e.Event.(pipeline.ParaStarted); start && n.ctx == nil {
		n.started = append(n.started, e) // the loop has not begun
	}
	n.events.Tell(e)
}

// observer takes down what the network shows.
type observer struct{ *Node }

// Relay implements [pipeline.Observer].
func (o observer) Relay(b *pipeline.RelayView, final primitives.Hash) {
	o.relayStates.keep(b)
	o.record(o.relay.Import(&store.Block{Hash: b.Hash, Header: b.Header, Extrinsics: b.Extrinsics}, relayState(b)))
	if b.Best {
		o.record(o.relay.SetBest(b.Hash))
	}
	o.record(o.relay.Finalize(final))
	o.record(o.save())
}

// Para implements [pipeline.Observer].
func (o observer) Para(_ primitives.ParaID, out parachain.Output) {
	switch out := out.(type) {
	case parachain.Imported:
		e := out.Entry
		header := e.Block.Header // a copy: the block is part of all that was built with it
		o.record(o.para.Import(&store.Block{Hash: e.Hash, Header: &header, Extrinsics: e.Block.Extrinsics}, e.State))
	case parachain.BestChanged:
		o.record(o.para.SetBest(out.Best.Hash))
	case parachain.Finalized:
		o.record(o.para.Finalize(out.Hash))
	}
}

// record ends the node where its records cannot follow the network.
func (n *Node) record(err error) {
	if err == nil {
		return
	}
	err = fmt.Errorf("keep the chain's record: %w", err)
	if n.network == nil { // not yet: Start fails
		n.err = err
		return
	}
	n.network.Fail(err)
}

func relayState(b *pipeline.RelayView) *trie.State { return trie.NewState(b.State.Trie(), nil) }
