package rpc

import (
	"context"

	"pileus/dev/rpc/jsonrpc"
)

// addChainSpec registers the group chainSpec_v1.
func (s *side) addChainSpec(m *jsonrpc.Methods) {
	constant := func(v any, name string) {
		answer := raw(v)
		m.Add(func(context.Context, *jsonrpc.Call) (any, error) { return answer, nil }, name)
	}
	constant(s.info.Chain, "chainSpec_v1_chainName")
	constant(s.info.Genesis, "chainSpec_v1_genesisHash")
	constant(properties(s.info), "chainSpec_v1_properties")
}
