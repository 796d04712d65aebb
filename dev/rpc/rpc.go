// Package rpc is what a parachain node answers over JSON-RPC, for the network of package
// dev: the legacy groups, chainHead_v1, chainSpec_v1, transaction_v1, transactionWatch_v1,
// archive_v1, and dev_* methods that control the network. A second set of methods serves
// the embedded relay chain.
//
//	jsonrpc.Server ──► methods by group ──► side: one chain's record (store.Chain) and runtime calls
//	                                   └──► Node: transactions, control
//
// Questions are answered from the records and never wait for the network. What is asked of the
// runtime runs on the state of the block in question, a bounded number of calls at once.
//
// Sources of shapes and codes: crates sc-rpc-api 0.60, sc-rpc 56, sc-rpc-spec-v2 0.61,
// substrate-frame-rpc-system 55, pallet-transaction-payment-rpc 53.
package rpc

import (
	"context"
	"encoding/json"
	"runtime"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/trie"
	"pileus/txpool"
)

// Hash is a hash of a block, a state, a transaction.
type Hash = primitives.Hash

// Node is the network whose chains are served; *dev.Node is one.
type Node interface {
	// Para and Relay are the records of the two chains.
	Para() *store.Chain
	Relay() *store.Chain
	// Call runs a function of the parachain's runtime on the state of a block.
	Call(ctx context.Context, chain *store.Chain, at Hash, method string, args []byte) ([]byte, error)
	// CallRecorded is Call with the storage proof of what was read.
	CallRecorded(ctx context.Context, chain *store.Chain, at Hash, method string, args []byte) (out []byte, proof [][]byte, err error)
	// Version is the version of the parachain's runtime at a block.
	Version(ctx context.Context, at Hash) (*runtimeapi.Version, error)
	// Submit offers a transaction, without its length prefix, to the pool.
	Submit(ctx context.Context, xt []byte) (txpool.Hash, error)
	// Watch is Submit with the stream of the transaction's statuses.
	Watch(ctx context.Context, xt []byte) (txpool.Hash, *store.Reader[txpool.Status], error)
	// Pending lists the pool, the ready transactions first.
	Pending(ctx context.Context) ([]txpool.Transaction, error)
	// RemoveExtrinsics takes transactions out of the pool.
	RemoveExtrinsics(ctx context.Context, hashes ...txpool.Hash) (removed []txpool.Hash, err error)
}

// Info is what the system group tells of a chain.
type Info struct {
	Name       string // of the node
	Version    string
	Chain      string
	ChainType  string         // "Development", "Local", "Live" or a name of its own
	Properties map[string]any // ss58Format, tokenDecimals, tokenSymbol
	SS58Prefix uint16         // of addresses in system_accountNextIndex; any is accepted
	Genesis    Hash           // of block 0; zero: the first of the record
}

// side is one chain with what answers for it.
type side struct {
	store   *store.Chain
	info    Info
	execute func(ctx context.Context, at Hash, method string, args []byte) ([]byte, error)
	record  func(ctx context.Context, at Hash, method string, args []byte) ([]byte, [][]byte, error) // nil: not possible
	version func(ctx context.Context, at Hash) (*runtimeapi.Version, error)
	calls   chan struct{} // one for each runtime call under way
	pins    *pins
}

// Para returns the methods of the parachain's endpoint.
func Para(n Node, info Info) *jsonrpc.Methods {
	s := newSide(n.Para(), info)
	s.execute = func(ctx context.Context, at Hash, method string, args []byte) ([]byte, error) {
		return n.Call(ctx, n.Para(), at, method, args)
	}
	s.record = func(ctx context.Context, at Hash, method string, args []byte) ([]byte, [][]byte, error) {
		return n.CallRecorded(ctx, n.Para(), at, method, args)
	}
	s.version = n.Version
	m := jsonrpc.NewMethods()
	s.addChain(m)
	s.addHeads(m)
	s.addState(m)
	s.addChildState(m)
	s.addStateSubscriptions(m)
	s.addSystem(m)
	s.addChainSpec(m)
	s.addChainHead(m)
	s.addArchive(m)
	p := &pool{side: s, node: n}
	p.addAuthor(m)
	p.addAccounts(m)
	p.addPayment(m)
	p.addTransaction(m)
	addOffchain(m)
	addMethods(m)
	return m
}

func newSide(chain *store.Chain, info Info) *side {
	if info.Genesis.IsZero() {
		info.Genesis = chain.Genesis().Hash
	}
	return &side{store: chain, info: info, calls: make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0))), pins: newPins(chain)}
}

// addMethods registers rpc_methods.
func addMethods(m *jsonrpc.Methods) {
	m.Add(func(context.Context, *jsonrpc.Call) (any, error) {
		return map[string][]string{"methods": m.List()}, nil
	}, "rpc_methods")
}

// Codes of errors by group.
const (
	codeBadFormat   = 1001
	codeVerify      = 1002
	codeInvalid     = 1010
	codeUnknown     = 1011
	codeBanned      = 1012
	codeKnown       = 1013
	codePriority    = 1014
	codeDropped     = 1016
	codeNoTags      = 1019
	codeAuthorOther = 1040

	codeStateRange  = 4001
	codeStateCount  = 4002
	codeStateClient = 4003

	codeRuntime = 1 // of the groups payment and system
	codeDecode  = 2
)

func fail(code int, message string, data any) *jsonrpc.Error {
	return &jsonrpc.Error{Code: code, Message: message, Data: data}
}

// clientError says that the chain or its runtime could not answer.
func clientError(err error) *jsonrpc.Error {
	return fail(codeStateClient, "Client error: "+err.Error(), nil)
}

// call runs a runtime function once there is room for it.
func (s *side) call(ctx context.Context, at Hash, method string, args []byte) ([]byte, error) {
	select {
	case s.calls <- struct{}{}:
		defer func() { <-s.calls }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.execute(ctx, at, method, args)
}

// runtimeAt is the typed runtime at a block.
func (s *side) runtimeAt(ctx context.Context, at Hash) (*runtimeapi.Runtime, error) {
	v, err := s.version(ctx, at)
	if err != nil {
		return nil, err
	}
	return runtimeapi.New(v, caller{s, at}), nil
}

type caller struct {
	side *side
	at   Hash
}

// Call implements [runtimeapi.Caller].
func (c caller) Call(ctx context.Context, method string, args []byte) ([]byte, error) {
	return c.side.call(ctx, c.at, method, args)
}

// at is the block that a parameter names; without one the best block.
func (s *side) at(hash *Hash) Hash {
	if hash == nil {
		return s.store.Best().Hash
	}
	return *hash
}

// state is the state after the block that a parameter names.
func (s *side) state(hash *Hash) (*trie.State, error) {
	st, err := s.store.State(s.at(hash))
	if err != nil {
		return nil, clientError(err)
	}
	return st, nil
}

// raw is JSON that is made once.
func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
