package rpc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
)

// Limits of the group chainHead_v1.
const (
	maxFollows    = 4   // per connection
	maxPinned     = 512 // different blocks over all follows
	maxOperations = 16  // per follow
	followBuffer  = 512 // events that a follow may be behind
	maxInitial    = 16  // finalized blocks at its start
	maxAhead      = 128 // of the finalized block, that a leaf may be
	pinAge        = 60 * time.Second
)

// follow is what a client follows: the tree of blocks as it has been told of them.
//
//	initialized ─► newBlock … ─► bestBlockChanged ─► (newBlock │ bestBlockChanged │ finalized) … ─► stop
//
// Every block that was told of stays pinned until the client lets go of it.
type follow struct {
	side        *side
	sub         *jsonrpc.Subscription
	withRuntime bool

	mu         sync.Mutex
	pinned     map[Hash]time.Time
	operations map[string]context.CancelFunc
	nextID     int
	stopped    chan struct{} // closed by end
	once       sync.Once
}

// pins counts the pinned blocks of all follows of a chain, and keeps their states.
type pins struct {
	hold    func(Hash) (release func(), ok bool)
	mu      sync.Mutex
	blocks  map[Hash]*pin
	follows []*follow
	limit   int
	age     time.Duration
}

type pin struct {
	follows int // that pin the block
	release func()
}

func newPins(chain *store.Chain) *pins {
	return &pins{hold: chain.Hold, blocks: map[Hash]*pin{}, limit: maxPinned, age: pinAge}
}

func (p *pins) enter(f *follow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follows = append(p.follows, f)
}

// leave gives back what a follow has pinned.
func (p *pins) leave(f *follow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.follows, f); i >= 0 {
		p.follows = slices.Delete(p.follows, i, i+1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for h := range f.pinned {
		p.release(h)
	}
	f.pinned = map[Hash]time.Time{}
}

func (p *pins) release(h Hash) {
	pin := p.blocks[h]
	if pin.follows--; pin.follows == 0 {
		pin.release()
		delete(p.blocks, h)
	}
}

// pin pins a block that a follow is about to tell of, and tells whether its state is still
// there. Where that makes too many, follows that have kept a block for long are stopped,
// and if there are none, all.
func (p *pins) pin(f *follow, h Hash) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.has(h) {
		return true
	}
	if p.blocks[h] == nil {
		release, ok := p.hold(h)
		if !ok {
			return false
		}
		p.blocks[h] = &pin{release: release}
	}
	p.blocks[h].follows++
	f.mu.Lock()
	f.pinned[h] = time.Now()
	f.mu.Unlock()
	if len(p.blocks) <= p.limit {
		return true
	}
	old := slices.DeleteFunc(slices.Clone(p.follows), func(f *follow) bool { return !f.keepsLong(p.age) })
	if len(old) == 0 {
		old = p.follows
	}
	for _, f := range old {
		f.end()
	}
	return true
}

// endAll stops all follows.
func (p *pins) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.follows {
		f.end()
	}
}

func (f *follow) end() { f.once.Do(func() { close(f.stopped) }) }

func (f *follow) ended() bool {
	select {
	case <-f.stopped:
		return true
	default:
		return false
	}
}

func (f *follow) keepsLong(age time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, since := range f.pinned {
		if time.Since(since) > age {
			return true
		}
	}
	return false
}

func (f *follow) has(h Hash) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.pinned[h]
	return ok
}

// unpin lets go of blocks: of all, or, with an error, of none.
func (f *follow) unpin(hashes []Hash) error {
	f.side.pins.mu.Lock()
	defer f.side.pins.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[Hash]bool{}
	for _, h := range hashes {
		if seen[h] {
			return errDuplicate
		}
		seen[h] = true
	}
	for h := range seen {
		if _, ok := f.pinned[h]; !ok {
			return errNotPinned
		}
	}
	for h := range seen {
		delete(f.pinned, h)
		f.side.pins.release(h)
	}
	return nil
}

// Events of a follow.
type (
	evInitialized struct {
		Event         string `json:"event"`
		Blocks        []Hash `json:"finalizedBlockHashes"`
		*firstRuntime        // only with withRuntime
	}
	firstRuntime struct {
		Runtime runtimeEvent `json:"finalizedBlockRuntime"`
	}
	evNewBlock struct {
		Event  string `json:"event"`
		Block  Hash   `json:"blockHash"`
		Parent Hash   `json:"parentBlockHash"`
		*newRuntime
	}
	newRuntime struct {
		Runtime *runtimeEvent `json:"newRuntime"` // null: as in the parent
	}
	evBest struct {
		Event string `json:"event"`
		Block Hash   `json:"bestBlockHash"`
	}
	evFinalized struct {
		Event     string `json:"event"`
		Finalized []Hash `json:"finalizedBlockHashes"`
		Pruned    []Hash `json:"prunedBlockHashes"`
	}
	evStop struct {
		Event string `json:"event"`
	}
	runtimeEvent struct {
		Type  string       `json:"type"`
		Spec  *runtimeSpec `json:"spec,omitempty"`
		Error string       `json:"error,omitempty"`
	}
	runtimeSpec struct {
		SpecName           string            `json:"specName"`
		ImplName           string            `json:"implName"`
		SpecVersion        uint32            `json:"specVersion"`
		ImplVersion        uint32            `json:"implVersion"`
		APIs               map[string]uint32 `json:"apis"`
		TransactionVersion uint32            `json:"transactionVersion"`
	}
)

// runtimeOf describes the runtime of a block.
func (f *follow) runtimeOf(ctx context.Context, at Hash) runtimeEvent {
	v, err := f.side.version(ctx, at)
	if err != nil {
		return runtimeEvent{Type: "invalid", Error: err.Error()}
	}
	apis := map[string]uint32{}
	for _, a := range v.APIs {
		apis[jsonrpc.Hex(a.ID[:]).String()] = a.Version
	}
	return runtimeEvent{Type: "valid", Spec: &runtimeSpec{v.SpecName, v.ImplName, v.SpecVersion, v.ImplVersion, apis, v.TransactionVersion}}
}

// run tells the client of the chain until it lets go or has to be stopped.
func (f *follow) run(ctx context.Context) {
	events := f.side.store.Subscribe(followBuffer)
	defer events.Close()
	if tooFarAhead(events.View) {
		f.side.pins.endAll()
	} else if f.begin(ctx, events.View) {
		for f.next(ctx, events) {
		}
	}
	if ctx.Err() == nil {
		f.end() // first, so that what the client asks next finds no follow
		f.cancelAll()
		f.sub.Send(evStop{"stop"})
	}
}

func tooFarAhead(v store.View) bool {
	return slices.ContainsFunc(v.Unfinalized, func(b *store.Block) bool { return b.Number() > v.Finalized.Number()+maxAhead })
}

// begin tells of what is there: the newest finalized blocks, then those above, the best
// last. It returns false at the end.
func (f *follow) begin(ctx context.Context, v store.View) bool {
	finalized := []Hash{v.Finalized.Hash}
	for b := v.Finalized; len(finalized) < maxInitial; {
		parent, ok := f.side.store.Get(b.Parent())
		if !ok {
			break
		}
		finalized = append(finalized, parent.Hash)
		b = parent
	}
	slices.Reverse(finalized)
	for _, h := range finalized {
		if !f.side.pins.pin(f, h) {
			return false
		}
	}
	e := evInitialized{Event: "initialized", Blocks: finalized}
	if f.withRuntime {
		e.firstRuntime = &firstRuntime{f.runtimeOf(ctx, v.Finalized.Hash)}
	}
	if f.sub.Send(e) != nil {
		return false
	}
	for _, b := range v.Unfinalized {
		if f.newBlock(ctx, b) != nil {
			return false
		}
	}
	return f.sub.Send(evBest{"bestBlockChanged", v.Best.Hash}) == nil
}

// next tells of the next event; false at the end.
func (f *follow) next(ctx context.Context, events *store.Subscription) bool {
	var e store.Event
	select {
	case <-ctx.Done():
		return false
	case <-f.stopped:
		return false
	case event, ok := <-events.Events():
		if !ok {
			return false
		}
		e = event
	}
	switch e := e.(type) {
	case store.Imported:
		return f.newBlock(ctx, e.Block) == nil
	case store.Best:
		return f.sub.Send(evBest{"bestBlockChanged", e.Block.Hash}) == nil
	case store.Finalized:
		return f.sub.Send(evFinalized{"finalized", hashesOf(e.Blocks), hashesOf(e.Pruned)}) == nil
	}
	return true
}

func hashesOf(blocks []*store.Block) []Hash {
	hashes := make([]Hash, len(blocks))
	for i, b := range blocks {
		hashes[i] = b.Hash
	}
	return hashes
}

// errBehind says that the state of a block is discarded that a follow has not told of yet.
var errBehind = errors.New("too far behind the chain")

func (f *follow) newBlock(ctx context.Context, b *store.Block) error {
	if !f.side.pins.pin(f, b.Hash) {
		return errBehind
	}
	e := evNewBlock{Event: "newBlock", Block: b.Hash, Parent: b.Parent()}
	if f.withRuntime {
		e.newRuntime = &newRuntime{}
		if f.side.codeOf(b.Hash) != f.side.codeOf(b.Parent()) {
			r := f.runtimeOf(ctx, b.Hash)
			e.newRuntime.Runtime = &r
		}
	}
	return f.sub.Send(e)
}

// codeOf is the hash of a block's runtime code, zero if that is not known.
func (s *side) codeOf(at Hash) (h Hash) {
	if st, err := s.store.State(at); err == nil {
		h, _, _ = st.Top().ValueHash([]byte(":code"), nil)
	}
	return h
}

// operation takes a place for an operation and names it; false if there is none.
func (f *follow) operation() (id string, ctx context.Context, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.operations) >= maxOperations {
		return "", nil, false
	}
	if f.ended() {
		return "", nil, false
	}
	id = itoa(f.nextID)
	f.nextID++
	ctx, f.operations[id] = context.WithCancel(f.sub.Context())
	return id, ctx, true
}

func (f *follow) done(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.operations[id]; cancel != nil {
		cancel()
		delete(f.operations, id)
	}
}

// cancel stops an operation early and tells whether it was there.
func (f *follow) cancel(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	cancel := f.operations[id]
	if cancel != nil {
		cancel()
	}
	return cancel != nil
}

func (f *follow) cancelAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cancel := range f.operations {
		cancel()
	}
}
