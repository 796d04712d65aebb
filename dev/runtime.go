package dev

import (
	"context"
	"fmt"

	"pileus/dev/store"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/trie"
)

// Call runs a runtime function by its full name ("Core_version", "ParachainHost_validators")
// on the state of a block of one of the node's two chains, as state_call does; what it
// writes is forgotten. A function that fails is a [*executor.CallError].
func (n *Node) Call(ctx context.Context, chain *store.Chain, at primitives.Hash, method string, args []byte) ([]byte, error) {
	out, _, err := n.call(ctx, chain, at, method, args, nil)
	return out, err
}

// CallRecorded is [Node.Call] with the storage proof of what the call has read.
func (n *Node) CallRecorded(ctx context.Context, chain *store.Chain, at primitives.Hash, method string, args []byte) (out []byte, proof [][]byte, err error) {
	rec := trie.NewRecorder()
	out, _, err = n.call(ctx, chain, at, method, args, rec)
	if err != nil {
		return nil, nil, err
	}
	return out, rec.Proof(), nil
}

func (n *Node) call(ctx context.Context, chain *store.Chain, at primitives.Hash, method string, args []byte, rec *trie.Recorder) ([]byte, *trie.State, error) {
	state, err := chain.State(at)
	if err != nil {
		return nil, nil, err
	}
	if chain == n.relay {
		return nil, nil, fmt.Errorf("%s: the embedded relay chain has no such function", method)
	}
	out, err := n.Host().Call(ctx, state, method, args, rec)
	return out, state, err
}

// Version is the version of the parachain's runtime at a block.
func (n *Node) Version(ctx context.Context, at primitives.Hash) (*runtimeapi.Version, error) {
	state, err := n.para.State(at)
	if err != nil {
		return nil, err
	}
	code, err := n.Host().CodeAt(ctx, state, parachain.OffChain)
	if err != nil {
		return nil, err
	}
	return code.Version, nil
}
