// Package remote reads the state of a live chain from a node's JSON-RPC, as much of it as
// is needed and when it is needed.
//
//	Open ──► which block ──► its header ──► state root
//	                                            │  a read needs a node of the trie
//	                                            ▼
//	            store (disk, by hash) ──has it──► go on
//	                    ▲    │ has it not
//	                    │    ▼
//	             check ◄── state_getReadProof(key being read, keys that follow)
//
// Nothing is believed of what a node says about a state: a node of the trie counts only
// if proofs lead to it from the block's state root, and the root counts because the
// header that has it has the block's hash. What is believed is that the block is one of
// the chain, unless its hash was given.
//
// A node that cannot prove (it lacks state_getReadProof) has its state loaded whole; if
// the root of that is not the block's, the chain says so ([Chain.Notes]).
//
// The trie waits for the network where it reads; callers see a slow state, no other.
// Sources: the JSON-RPC of sc-rpc-api 0.60 and sc-rpc 56.
package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"pileus/hashing"
	"pileus/primitives"
	"pileus/scale"
	"pileus/trie"
)

// Options say how to read. The zero value keeps nothing on disk.
type Options struct {
	CacheDir string                      // folder in which trie nodes are kept; empty: in memory only
	Timeout  time.Duration               // of one request; 0: 20 s. Each is tried four times
	Progress func(Progress)              // is told of every answer, by one goroutine at a time
	Lacking  func(key []byte, err error) // is told of every read of the state that failed
}

// Progress is what has been read so far.
type Progress struct {
	What     string // "state of #4711 of Polkadot Asset Hub"
	Requests int
	Bytes    int // of answers
	Keys     int // that were proven or loaded
}

// Chain is a chain at one block.
type Chain struct {
	URL  string // without a password
	Name string // as its node names it
	// Properties are those that wallets show, as the node says them.
	Properties map[string]any
	Genesis    hashing.Hash
	Hash       hashing.Hash
	Header     primitives.Header
	// State is that after the block. It is fetched as it is read; what cannot be fetched
	// is a [*trie.MissingNodeError] around an [*Error].
	State *trie.State
	// Notes says in sentences what a reader of results should know.
	Notes []string

	node     *session
	source   *source // nil if the state was loaded whole
	store    *store
	shutdown context.CancelFunc
}

// Open finds the block of an address (see [ParseAddress]) and its state root. ctx bounds
// the whole life of the chain. The error is an [*Error] around one of this package's.
func Open(ctx context.Context, address string, o Options) (*Chain, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return nil, &Error{URL: address, Err: err}
	}
	ctx, shutdown := context.WithCancel(ctx)
	n := newSession(ctx, a, o)
	c, err := n.open()
	if errors.Is(err, ErrUnreachable) && o.CacheDir != "" {
		c, err = n.reopen(err)
	}
	if err != nil {
		n.close()
		shutdown()
		return nil, n.fail(err)
	}
	c.node, c.shutdown = n, shutdown
	return c, nil
}

// Close ends all requests. The state has then only what was read.
func (c *Chain) Close() error {
	c.shutdown()
	c.node.close()
	c.store.close()
	return nil
}

// Prefetch reads keys of the main trie in few requests. A state that was loaded has them.
func (c *Chain) Prefetch(keys [][]byte) error {
	s := c.source
	if s == nil || s.client == nil {
		return nil
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	var lacking [][]byte
	known := trie.StateFromSource(s.root, overlay{nil, s.store}).Top()
	for _, key := range keys {
		if _, _, err := known.Get(key, nil); err != nil {
			lacking = append(lacking, key)
		}
	}
	if err := s.prove(lacking); err != nil {
		return s.fail(err)
	}
	return nil
}

// Pinned is the address of the very block.
func (c *Chain) Pinned() string { return c.node.address.URL + "@" + c.Hash.String() }

// Progress is what has been read so far.
func (c *Chain) Progress() Progress { return c.node.seen() }

// Kept is why what is fetched is no longer written to the cache; nil if it is.
func (c *Chain) Kept() error { return c.store.failed() }

// session is a node that is asked about one block.
type session struct {
	ctx     context.Context
	address Address
	options Options
	client  *client
	block   string // for errors
	name    string

	mu       sync.Mutex
	progress Progress
}

func newSession(ctx context.Context, a Address, o Options) *session {
	n := &session{ctx: ctx, address: a, options: o}
	n.progress.What = a.shown()
	n.client = &client{url: a.URL, timeout: cmp.Or(o.Timeout, defaultTimeout), pause: firstPause, asked: func(bytes int) {
		n.report(func(p *Progress) { p.Requests++; p.Bytes += bytes })
	}}
	return n
}

func (n *session) close() { n.client.close() }

func (n *session) report(change func(*Progress)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.progress)
	if n.options.Progress != nil {
		n.options.Progress(n.progress)
	}
}

func (n *session) seen() Progress {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.progress
}

// fail names node and block.
func (n *session) fail(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &Error{URL: n.address.shown(), Block: n.block, Err: err}
}

// open asks the node for the block and prepares its state.
func (n *session) open() (*Chain, error) {
	c, err := n.find()
	if err != nil {
		return nil, err
	}
	if c.store, err = openStore(n.folder(c.Genesis)); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	n.read(c, n.client, c.Header.StateRoot)
	known := &record{Name: c.Name, Properties: c.Properties, Genesis: c.Genesis.String(), Header: c.Header.EncodeTo(nil)}
	err = c.source.prove([][]byte{[]byte(":heappages")}) // shows what the node can do
	if cannotProve(err) {
		err = n.load(c, known)
	}
	if err == nil {
		err = n.keep(known)
	}
	if err != nil {
		c.store.close()
		return nil, err
	}
	return c, nil
}

// cannotProve tells whether a node lacks state_getReadProof, or has it but in name:
// Chopsticks passes it on to the node that it has forked from, or fails.
func cannotProve(err error) bool {
	var server *ServerError
	return errors.As(err, &server) && !errors.Is(err, ErrPruned) && !errors.Is(err, ErrNoBlock) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrBusy)
}

// read makes the state one that is fetched as it is read.
func (n *session) read(c *Chain, from *client, root hashing.Hash) {
	c.source = &source{ctx: n.ctx, client: from, store: c.store, root: root, at: c.Hash.String(), fail: n.fail, lacking: n.options.Lacking,
		count: func(keys int) { n.report(func(p *Progress) { p.Keys += keys }) }, fetching: &sync.Mutex{}, missed: map[string]int{}}
	c.State = trie.StateFromSource(root, c.source)
}

// find asks for genesis, block and header.
func (n *session) find() (*Chain, error) {
	c := &Chain{URL: n.address.shown()}
	n.block = n.address.Block
	var ok bool
	var err error
	if c.Genesis, ok, err = n.hash("chain_getBlockHash", 0); err != nil || !ok {
		return nil, cmp.Or(err, fmt.Errorf("%w: it has no block 0", ErrNoBlock))
	}
	if c.Hash, err = n.which(); err != nil {
		return nil, err
	}
	raw, err := n.client.call(n.ctx, "chain_getHeader", c.Hash.String())
	if err != nil {
		return nil, explain(err)
	}
	if c.Header, ok, err = decodeHeader(raw); err != nil || !ok {
		return nil, cmp.Or(err, ErrNoBlock)
	}
	if c.Header.Hash() != c.Hash {
		return nil, fmt.Errorf("%w: %s, not %s", ErrHeader, c.Header.Hash(), c.Hash)
	}
	if number, err := strconv.ParseUint(n.address.Block, 10, 32); err == nil && uint32(number) != c.Header.Number {
		return nil, fmt.Errorf("%w: it is #%d, not #%d", ErrHeader, c.Header.Number, number)
	}
	if raw, err := n.client.call(n.ctx, "system_chain"); err == nil {
		c.Name, _, _ = decodeText(raw)
		c.Name = shorten(c.Name)
	}
	if raw, err := n.client.call(n.ctx, "system_properties"); err == nil && len(raw) < maxProperties {
		_ = json.Unmarshal(raw, &c.Properties) // what is no object is none
	}
	n.at(c)
	return c, nil
}

// at names the block for errors and progress.
func (n *session) at(c *Chain) {
	n.name, n.block = c.Name, fmt.Sprintf("#%d (%s)", c.Header.Number, c.Hash)
	n.report(func(p *Progress) { p.What = fmt.Sprintf("state of #%d of %s", c.Header.Number, cmp.Or(c.Name, c.URL)) })
}

// which is the hash of the block that was asked for.
func (n *session) which() (h hashing.Hash, err error) {
	var ok bool
	switch block := n.address.Block; {
	case block == Finalized:
		h, ok, err = n.hash("chain_getFinalizedHead")
	case block == Best:
		h, ok, err = n.hash("chain_getBlockHash")
	case strings.HasPrefix(block, "0x"):
		h, err = parseHash(block)
		ok = true
	default:
		number, _ := strconv.ParseUint(block, 10, 32)
		h, ok, err = n.hash("chain_getBlockHash", number)
	}
	if err == nil && !ok {
		err = ErrNoBlock
	}
	return h, err
}

func (n *session) hash(method string, params ...any) (h hashing.Hash, ok bool, err error) {
	raw, err := n.client.call(n.ctx, method, params...)
	if err != nil {
		return h, false, explain(err)
	}
	return decodeHash(raw)
}

// folder is where the nodes of a chain are kept.
func (n *session) folder(genesis hashing.Hash) string {
	if n.options.CacheDir == "" {
		return ""
	}
	return filepath.Join(n.options.CacheDir, fmt.Sprintf("%x", genesis[:16]))
}

// keep notes the block, under what was asked for and under its number and hash, so that
// it is found when the node does not answer.
func (n *session) keep(r *record) error {
	if n.options.CacheDir == "" {
		return nil
	}
	var h primitives.Header
	if err := scale.Decode(r.Header, &h); err != nil {
		return err
	}
	for _, block := range []string{n.address.Block, fmt.Sprint(h.Number), h.Hash().String()} {
		if err := saveRecord(recordFile(n.options.CacheDir, Address{n.address.URL, block}), r); err != nil {
			return fmt.Errorf("write the cache: %w", err)
		}
	}
	return nil
}

// reopen goes on with what is kept of a block whose node does not answer. Of a block that
// is another one at every moment it only names the one that is there.
func (n *session) reopen(unreachable error) (*Chain, error) {
	r, ok := loadRecord(recordFile(n.options.CacheDir, n.address))
	if !ok {
		return nil, unreachable
	}
	c := &Chain{URL: n.address.shown(), Name: shorten(r.Name), Properties: r.Properties}
	var err error
	if c.Genesis, err = parseHash(r.Genesis); err != nil || scale.Decode(r.Header, &c.Header) != nil {
		return nil, unreachable
	}
	c.Hash = c.Header.Hash()
	if n.address.Block == Finalized || n.address.Block == Best {
		return nil, fmt.Errorf("%w; of block #%d something is kept here: name it with @%d", unreachable, c.Header.Number, c.Header.Number)
	}
	if n.address.Block != c.Hash.String() && n.address.Block != fmt.Sprint(c.Header.Number) {
		return nil, unreachable
	}
	n.at(c)
	root := c.Header.StateRoot
	if r.Root != "" {
		if root, err = parseHash(r.Root); err != nil {
			return nil, unreachable
		}
	}
	if c.store, err = openStore(n.folder(c.Genesis)); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	n.read(c, nil, root)
	c.Notes = append(c.Notes, fmt.Sprintf("%s does not answer: the run goes on with what is kept of block #%d here.", c.URL, c.Header.Number))
	if root != c.Header.StateRoot {
		c.Notes = append(c.Notes, unverified(c, root))
	}
	return c, nil
}

func unverified(c *Chain, root hashing.Hash) string {
	return fmt.Sprintf("The state of %s is not verified: its node cannot prove it, and the root of what it sent is %s, not the block's %s.", c.URL, root.Short(), c.Header.StateRoot.Short())
}
