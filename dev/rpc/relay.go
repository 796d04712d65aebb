package rpc

import (
	"context"
	"errors"

	"pileus/dev/rpc/jsonrpc"
	"pileus/relay"
	"pileus/runtimeapi"
)

// RelayNode is a [Node] that knows the relay chain's states; *dev.Node is one.
type RelayNode interface {
	Node
	RelayState(hash Hash) (*relay.State, error)
}

var errNoWasm = errors.New("the embedded relay chain is a program, not a Wasm runtime: it has no runtime version and no metadata; its storage has a relay chain's keys, and state_call answers ParachainHost_*")

// Relay returns the methods of the relay chain's endpoint: blocks, storage, subscriptions
// of heads, and ParachainHost_* by state_call. There is no runtime, no metadata and no
// transaction pool, so what needs one is not among them.
func Relay(n RelayNode, info Info) *jsonrpc.Methods {
	s := newSide(n.Relay(), info)
	s.execute = func(_ context.Context, at Hash, method string, args []byte) ([]byte, error) {
		state, err := n.RelayState(at)
		if err != nil {
			return nil, err
		}
		return state.CallHost(method, args)
	}
	s.version = func(_ context.Context, at Hash) (*runtimeapi.Version, error) {
		if _, err := s.store.State(at); err != nil {
			return nil, err
		}
		return nil, errNoWasm
	}
	m := jsonrpc.NewMethods()
	s.addChain(m)
	s.addHeads(m)
	s.addState(m)
	s.addStateSubscriptions(m)
	s.addSystem(m)
	s.addChainSpec(m)
	s.addChainHead(m)
	s.addArchive(m)
	addMethods(m)
	return m
}
