// Package txpool keeps the transactions of one parachain until a block takes them.
//
// [Pool] is a pure machine: it asks for validity by [Validate] outputs and is told by
// [Validated]; it learns of blocks by [Best] and [Finalized]; it tells what becomes of a
// transaction by [Status]. Behaviour as in sc-transaction-pool (graph::{Pool,
// ValidatedPool, BasePool}), with two differences: a transaction that goes away leaves
// those that need it behind as future ones instead of taking them along, and only a
// bounded number of transactions is checked again after each block.
package txpool

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"pileus/hashing"
	"pileus/scale"
)

// Hash names a transaction or a block.
type Hash = hashing.Hash

// HashOf is the hash of a transaction given as its bytes without the length prefix:
// blake2b-256 over prefix and bytes.
func HashOf(xt []byte) Hash { return hashing.Blake2b256(scale.AppendBytes(nil, xt)) }

// Source says where a transaction comes from (sp_runtime TransactionSource).
type Source uint8

// The sources.
const (
	InBlock  Source = 0
	Local    Source = 1
	External Source = 2
)

// Limits bound a pool.
type Limits struct {
	Ready, ReadyBytes   int           // transactions that could go into a block now
	Future, FutureBytes int           // transactions that wait for others
	MaxBytes            int           // of one transaction
	Unchecked           int           // submissions whose check is not answered yet
	Revalidate          int           // transactions checked again after a block
	Ban                 time.Duration // how long an invalid or included one is refused
}

// DefaultLimits are those of a node: 8192 transactions and 20 480 kB ready, a tenth of
// it in future, bans of 30 minutes.
func DefaultLimits() Limits {
	return Limits{
		Ready: 8192, ReadyBytes: 20480 << 10, Future: 819, FutureBytes: 2048 << 10,
		MaxBytes: 5 << 20, Unchecked: 1024, Revalidate: 64, Ban: 30 * time.Minute,
	}
}

// Input is what a pool is told.
type Input interface{ input() }

type (
	// Submit offers a transaction, its bytes without the length prefix. The answer is an
	// [Answer], at once or after the transaction has been checked.
	Submit struct {
		Extrinsic []byte
		Source    Source
	}
	// Validated answers a [Validate]. Err is nil, an [*InvalidError], or why the runtime
	// did not answer.
	Validated struct {
		ID    uint64
		Valid *Valid
		Err   error
	}
	// Best says that another block is the best one. Enacted are the blocks between the
	// old and the new best (upwards, the new one last), Retracted those that are left.
	Best struct {
		Hash      Hash
		Number    uint32
		Enacted   []Body
		Retracted []Body
	}
	// Finalized says that a block and all below it are final.
	Finalized struct{ Blocks []Hash }
	// Remove takes transactions out, as author_removeExtrinsic does.
	Remove struct{ Hashes []Hash }
	// Refused says that a block builder found a transaction invalid.
	Refused struct {
		Hash   Hash
		Reason error
	}
)

// Body is a block as the pool looks at it.
type Body struct {
	Hash, Parent Hash
	Extrinsics   [][]byte
}

func (Submit) input()    {}
func (Validated) input() {}
func (Best) input()      {}
func (Finalized) input() {}
func (Remove) input()    {}
func (Refused) input()   {}

// Output is what a pool wants done or tells.
type Output interface{ output() }

type (
	// Validate asks for TaggedTransactionQueue_validate_transaction on the state of
	// block At, with At as its block hash.
	Validate struct {
		ID        uint64
		At        Hash
		Source    Source
		Extrinsic []byte
	}
	// Answer tells how a submission ended.
	Answer struct {
		Hash Hash
		Err  error
	}
	// Status tells what became of a transaction.
	Status struct {
		Hash  Hash
		Kind  StatusKind
		Block Hash  // InBlock, Retracted, Finalized, FinalityTimeout
		Index int   // of the extrinsic in Block
		By    Hash  // Usurped: the transaction that took the place
		Err   error // Invalid
	}
)

func (Validate) output() {}
func (Answer) output()   {}
func (Status) output()   {}

// StatusKind says what became of a transaction (sc_transaction_pool_api::TransactionStatus).
//
//	submitted ─► Future ─► Ready ─► InBlock ─► Finalized
//	                ▲        │ ▲       └─► FinalityTimeout
//	                └────────┘ └─ Retracted
//	Future, Ready ─► Usurped, Dropped, Invalid
type StatusKind uint8

// The kinds.
const (
	StatusFuture StatusKind = iota
	StatusReady
	StatusInBlock
	StatusRetracted
	StatusFinalityTimeout
	StatusFinalized
	StatusUsurped
	StatusDropped
	StatusInvalid
)

func (k StatusKind) String() string {
	return [...]string{"future", "ready", "inBlock", "retracted", "finalityTimeout", "finalized", "usurped", "dropped", "invalid"}[k]
}

// Pool is the pool of one parachain. It serves one goroutine.
type Pool struct {
	limits Limits
	best   Hash
	number uint32
	round  uint64 // counts the best blocks

	queue    queue
	banned   map[Hash]time.Duration // until when
	asked    map[uint64]request
	waiting  map[Hash]bool // submissions being checked
	nextID   uint64
	included []inclusion // in order of inclusion

	now time.Duration
	out []Output
}

// purpose says why a transaction is being checked.
type purpose uint8

const (
	forSubmit   purpose = iota // somebody offers it
	forReturn                  // it was in a block that is no longer on the best branch
	forRecheck                 // the best block has changed
	forTagsOnly                // it was in a block, and others may wait for its tags
)

type request struct {
	purpose purpose
	hash    Hash
	xt      []byte
	source  Source
	at      Hash
	block   Hash // forTagsOnly: where it was included
}

// inclusion remembers where a transaction was included until that is final.
type inclusion struct {
	tx, block Hash
	index     int
}

const maxInclusions = 4096

// New returns an empty pool on top of the given best block.
func New(limits Limits, best Hash, number uint32) *Pool {
	return &Pool{
		limits: limits, best: best, number: number, queue: newQueue(),
		banned: map[Hash]time.Duration{}, asked: map[uint64]request{}, waiting: map[Hash]bool{},
	}
}

// Step takes an input at virtual time now and returns what follows.
func (p *Pool) Step(now time.Duration, in Input) []Output {
	p.now, p.out = now, nil
	switch in := in.(type) {
	case Submit:
		p.submit(in)
	case Validated:
		p.validated(in)
	case Best:
		p.newBest(in)
	case Finalized:
		p.finalized(in.Blocks)
	case Remove:
		for _, h := range in.Hashes {
			if t := p.queue.txs[h]; t != nil {
				p.queue.remove(t)
				p.ban(h)
				p.tell(Status{Hash: h, Kind: StatusDropped})
			}
		}
	case Refused:
		if t := p.queue.txs[in.Hash]; t != nil {
			p.invalid(t, in.Reason)
		}
	}
	p.tellMoves()
	return p.out
}

func (p *Pool) tell(o Output) { p.out = append(p.out, o) }

// Screen tells why an offered transaction is refused before anybody checks it; nil if it
// is not. now is the time of [Pool.Step].
func (p *Pool) Screen(now time.Duration, xt []byte) error { return p.screen(now, HashOf(xt), xt) }

func (p *Pool) screen(now time.Duration, h Hash, xt []byte) error {
	switch {
	case len(xt) > p.limits.MaxBytes:
		return fmt.Errorf("%w (%d bytes, limit %d)", ErrTooLarge, len(xt), p.limits.MaxBytes)
	case p.banned[h] > now:
		return ErrBanned
	case p.queue.txs[h] != nil || p.waiting[h]:
		return ErrKnown
	case len(p.waiting) >= p.limits.Unchecked:
		return ErrUnchecked
	}
	return nil
}

// Full tells whether a further transaction could be taken in only in the place of one of
// lower priority.
func (p *Pool) Full() bool {
	c := p.queue.count()
	return c.Ready >= p.limits.Ready || c.ReadyBytes >= p.limits.ReadyBytes
}

// submit begins the check of an offered transaction.
func (p *Pool) submit(in Submit) {
	h := HashOf(in.Extrinsic)
	if err := p.screen(p.now, h, in.Extrinsic); err != nil {
		p.tell(Answer{h, err})
		return
	}
	p.waiting[h] = true
	p.ask(request{purpose: forSubmit, hash: h, xt: in.Extrinsic, source: in.Source})
}

// ask wants a transaction checked on the best block, or where r.at says.
func (p *Pool) ask(r request) {
	if r.at.IsZero() {
		r.at = p.best
	}
	p.nextID++
	p.asked[p.nextID] = r
	p.tell(Validate{ID: p.nextID, At: r.at, Source: r.source, Extrinsic: r.xt})
}

func (p *Pool) validated(in Validated) {
	r, ok := p.asked[in.ID]
	if !ok {
		return
	}
	delete(p.asked, in.ID)
	if r.purpose == forTagsOnly {
		if in.Err == nil {
			p.provided(in.Valid.Provides)
		}
		return
	}
	if r.at != p.best { // answered too late to say anything
		r.at = Hash{}
		p.ask(r)
		return
	}
	switch r.purpose {
	case forSubmit:
		delete(p.waiting, r.hash)
		p.tell(Answer{r.hash, p.admit(r, in)})
	case forReturn:
		if err := p.admit(r, in); err != nil && !errors.Is(err, ErrKnown) {
			p.tell(Status{Hash: r.hash, Kind: StatusInvalid, Err: err})
		}
	case forRecheck:
		p.recheck(r, in)
	}
}

// admit takes a checked transaction in.
func (p *Pool) admit(r request, in Validated) error {
	var invalid *InvalidError
	switch {
	case errors.As(in.Err, &invalid):
		if !invalid.Unknown {
			p.ban(r.hash)
		}
		return in.Err
	case in.Err != nil:
		return fmt.Errorf("%w: %w", ErrUnfinished, in.Err)
	case len(in.Valid.Provides) == 0:
		return ErrNoTags
	case p.queue.txs[r.hash] != nil:
		return ErrKnown
	}
	t := &tx{hash: r.hash, xt: r.xt, source: r.source, valid: *in.Valid, checked: p.round}
	t.until = satAdd(uint64(p.number), in.Valid.Longevity)
	if err := p.queue.add(t); err != nil {
		return err
	}
	var err error
	for _, d := range p.queue.shrink(p.limits) {
		if d == t {
			err = ErrDropped
			continue
		}
		p.tell(Status{Hash: d.hash, Kind: StatusDropped})
	}
	return err
}

// recheck takes the new answer for a transaction that is in the pool.
func (p *Pool) recheck(r request, in Validated) {
	t := p.queue.txs[r.hash]
	if t == nil {
		return
	}
	t.asked = false
	var invalid *InvalidError
	switch {
	case errors.As(in.Err, &invalid):
		p.invalid(t, in.Err)
	case in.Err != nil:
		t.checked = p.round // asked again after others
	default:
		t.checked = p.round
		t.until = satAdd(uint64(p.number), in.Valid.Longevity)
		p.queue.revise(t, *in.Valid)
	}
}

func (p *Pool) invalid(t *tx, reason error) {
	p.queue.remove(t)
	p.ban(t.hash)
	p.tell(Status{Hash: t.hash, Kind: StatusInvalid, Err: reason})
}

// newBest prunes what the new blocks hold, takes back what is no longer included, and
// has the rest checked again, those first whose check is the oldest.
func (p *Pool) newBest(in Best) {
	p.best, p.number = in.Hash, in.Number
	p.round++
	p.liftBans()
	p.queue.age()
	if len(in.Retracted) > 0 {
		p.queue.doubt()
	}
	enacted := map[Hash]bool{}
	for _, b := range in.Enacted {
		for i, xt := range b.Extrinsics {
			h := HashOf(xt)
			enacted[h] = true
			p.include(b, i, h, xt)
		}
	}
	for _, b := range in.Retracted {
		maps.DeleteFunc(p.asked, func(_ uint64, r request) bool { return r.purpose == forTagsOnly && r.block == b.Hash })
		for i, xt := range b.Extrinsics {
			h := HashOf(xt)
			if isBare(xt) || enacted[h] {
				continue
			}
			if p.forget(b.Hash, h) {
				p.tell(Status{Hash: h, Kind: StatusRetracted, Block: b.Hash, Index: i})
			}
			if p.queue.txs[h] == nil {
				delete(p.banned, h)
				p.ask(request{purpose: forReturn, hash: h, xt: xt, source: External})
			}
		}
	}
	for _, t := range p.queue.bySeq() {
		if t.until < uint64(p.number) {
			p.invalid(t, &InvalidError{Kind: InvalidStale})
		}
	}
	p.revalidate()
}

// include takes an included transaction out of the pool.
func (p *Pool) include(b Body, index int, h Hash, xt []byte) {
	t := p.queue.txs[h]
	if t == nil {
		if !isBare(xt) && p.queue.len() > 0 {
			p.ask(request{purpose: forTagsOnly, hash: h, xt: xt, source: InBlock, at: b.Parent, block: b.Hash})
		}
		return
	}
	rivals := p.queue.include(t)
	p.ban(h)
	for _, r := range rivals {
		p.checkAgain(r)
	}
	p.included = append(p.included, inclusion{h, b.Hash, index})
	p.tell(Status{Hash: h, Kind: StatusInBlock, Block: b.Hash, Index: index})
	if n := len(p.included) - maxInclusions; n > 0 {
		for _, old := range p.included[:n] {
			p.tell(Status{Hash: old.tx, Kind: StatusFinalityTimeout, Block: old.block, Index: old.index})
		}
		p.included = slices.Delete(p.included, 0, n)
	}
}

// provided says that the chain has provided these tags: transactions that waited for
// them move on, others that would provide them too are checked again.
func (p *Pool) provided(tags [][]byte) {
	for _, rival := range p.queue.satisfy(tags) {
		p.checkAgain(rival)
	}
}

// forget drops the memory of an inclusion and tells whether there was one.
func (p *Pool) forget(block, tx Hash) bool {
	i := slices.IndexFunc(p.included, func(i inclusion) bool { return i.tx == tx && i.block == block })
	if i < 0 {
		return false
	}
	p.included = slices.Delete(p.included, i, i+1)
	return true
}

func (p *Pool) revalidate() {
	list := p.queue.bySeq()
	slices.SortStableFunc(list, func(a, b *tx) int { return cmp.Compare(a.checked, b.checked) })
	n := 0
	for _, t := range list {
		if n == p.limits.Revalidate {
			return
		}
		if t.checked < p.round {
			p.checkAgain(t)
			n++
		}
	}
}

func (p *Pool) checkAgain(t *tx) {
	if !t.asked {
		t.asked = true
		p.ask(request{purpose: forRecheck, hash: t.hash, xt: t.xt, source: t.source})
	}
}

func (p *Pool) finalized(blocks []Hash) {
	p.included = slices.DeleteFunc(p.included, func(i inclusion) bool {
		if !slices.Contains(blocks, i.block) {
			return false
		}
		p.tell(Status{Hash: i.tx, Kind: StatusFinalized, Block: i.block, Index: i.index})
		return true
	})
}

// tellMoves reports what the queue has moved between future and ready.
func (p *Pool) tellMoves() {
	usurped, moved := p.queue.takeMoves()
	for _, u := range usurped {
		p.tell(Status{Hash: u.old, Kind: StatusUsurped, By: u.by})
	}
	for _, t := range moved {
		kind := StatusFuture
		if t.ready {
			kind = StatusReady
		}
		p.tell(Status{Hash: t.hash, Kind: kind})
	}
}

const maxBans = 16384

func (p *Pool) ban(h Hash) {
	if len(p.banned) < maxBans {
		p.banned[h] = p.now + p.limits.Ban
	}
}

func (p *Pool) liftBans() {
	for h, until := range p.banned {
		if until <= p.now {
			delete(p.banned, h)
		}
	}
}

// Ready lists the transactions that could go into a block on the best one, in the order
// in which a block builder should try them: by priority, but none before one that it
// requires. The slices are shared and must not be changed.
func (p *Pool) Ready() [][]byte {
	list := p.queue.order()
	xts := make([][]byte, len(list))
	for i, t := range list {
		xts[i] = t.xt
	}
	return xts
}

// Transaction is a transaction in the pool. What it holds is shared and must not be changed.
type Transaction struct {
	Hash      Hash
	Extrinsic []byte
	Ready     bool // else it waits for others
	Valid     Valid
}

// List lists all transactions: the ready ones in the order of [Pool.Ready], then those that wait.
func (p *Pool) List() []Transaction {
	list := make([]Transaction, 0, p.queue.len())
	for _, t := range p.queue.order() {
		list = append(list, Transaction{t.hash, t.xt, true, t.valid})
	}
	for _, t := range p.queue.list {
		if !t.ready {
			list = append(list, Transaction{t.hash, t.xt, false, t.valid})
		}
	}
	return list
}

// Count is the number of transactions and their bytes, ready and future.
type Count struct{ Ready, ReadyBytes, Future, FutureBytes int }

// Count tells how full the pool is.
func (p *Pool) Count() Count { return p.queue.count() }

// Unfinal is the number of transactions in blocks of the best chain that are not final.
func (p *Pool) Unfinal() int { return len(p.included) }

// Has tells whether the transaction is in the pool, ready or future.
func (p *Pool) Has(h Hash) bool { return p.queue.txs[h] != nil }

// isBare tells whether an extrinsic is an inherent or unsigned: type bits 00.
func isBare(xt []byte) bool { return len(xt) == 0 || xt[0]&0xC0 == 0 }

func satAdd(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
