package rpc

import (
	"context"
	"encoding/binary"

	"pileus/crypto"
	"pileus/dev/rpc/jsonrpc"
	"pileus/scale"
	"pileus/txpool"
)

// peerID names the node, which has no network of its own, to clients that ask: that of
// the node key 0…01.
const peerID = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

// Health is the answer of system_health and GET /health. The network is in this process:
// there are no peers, and none should be.
func Health() (health any, ready bool, err error) {
	return map[string]any{"peers": 0, "isSyncing": false, "shouldHavePeers": false}, true, nil
}

// addSystem registers the group system, without what concerns transactions.
func (s *side) addSystem(m *jsonrpc.Methods) {
	constant := func(v any, name string) {
		answer := raw(v)
		m.Add(func(context.Context, *jsonrpc.Call) (any, error) { return answer, nil }, name)
	}
	constant(s.info.Name, "system_name")
	constant(s.info.Version, "system_version")
	constant(s.info.Chain, "system_chain")
	constant(chainType(s.info.ChainType), "system_chainType")
	constant(properties(s.info), "system_properties")
	health, _, _ := Health()
	constant(health, "system_health")
	constant([]string{"Authority"}, "system_nodeRoles")
	constant(peerID, "system_localPeerId")
	constant([]string{}, "system_localListenAddresses")
	constant([]string{}, "system_reservedPeers")
	m.AddUnsafe(func(context.Context, *jsonrpc.Call) (any, error) { return []any{}, nil }, "system_peers")
	start := s.store.Best().Number()
	m.Add(func(context.Context, *jsonrpc.Call) (any, error) {
		now := s.store.Best().Number()
		return map[string]uint32{"startingBlock": start, "currentBlock": now, "highestBlock": now}, nil
	}, "system_syncState")
}

func chainType(name string) any {
	switch name {
	case "Development", "Local", "Live":
		return name
	case "":
		return "Development"
	}
	return map[string]string{"Custom": name}
}

func properties(i Info) map[string]any {
	if i.Properties == nil {
		return map[string]any{}
	}
	return i.Properties
}

// addAccounts registers what of the group system concerns transactions.
func (p *pool) addAccounts(m *jsonrpc.Methods) {
	m.Add(p.accountNextIndex, "system_accountNextIndex", "account_nextIndex")
	m.AddUnsafe(p.dryRun, "system_dryRun", "system_dryRunAt")
}

// account reads an address: SS58, or the hex of an account of 20 or 32 bytes.
func account(c *jsonrpc.Call, name string) []byte {
	s := c.Text(name)
	if c.Err() != nil {
		return nil
	}
	if _, id, err := crypto.SS58Decode(s); err == nil {
		return id[:]
	}
	b, err := jsonrpc.ParseHexStrict(s)
	if err != nil || len(b) != 20 && len(b) != 32 {
		c.Fail(name, "an SS58 address or the hex of an account expected")
	}
	return b
}

// accountNextIndex is the nonce that the account's next transaction needs: that of the
// best block's state, and one more for each transaction of it that is ready.
func (p *pool) accountNextIndex(ctx context.Context, c *jsonrpc.Call) (any, error) {
	id := account(c, "account")
	if err := c.Err(); err != nil {
		return nil, err
	}
	best := p.store.Best().Hash
	out, err := p.call(ctx, best, "AccountNonceApi_account_nonce", id)
	if err != nil || len(out) != 4 && len(out) != 8 {
		return nil, fail(codeRuntime, "Unable to query nonce.", words(err))
	}
	list, err := p.node.Pending(ctx)
	if err != nil {
		return nil, jsonrpc.Internal(err.Error())
	}
	return nextNonce(id, out, list), nil
}

func words(err error) any {
	if err == nil {
		return nil
	}
	return err.Error()
}

// nextNonce walks along the ready transactions whose first tag is account and nonce.
func nextNonce(id, nonce []byte, list []txpool.Transaction) uint64 {
	provided := make(map[string]bool, len(list))
	for _, t := range list {
		if t.Ready && len(t.Valid.Provides) > 0 {
			provided[string(t.Valid.Provides[0])] = true
		}
	}
	wide := make([]byte, 8)
	copy(wide, nonce)
	n := binary.LittleEndian.Uint64(wide)
	for {
		binary.LittleEndian.PutUint64(wide, n)
		tag := append(append([]byte{}, id...), wide[:len(nonce)]...)
		if !provided[string(tag)] {
			return n
		}
		n++
	}
}

// dryRun applies an extrinsic on the state of a block and returns the encoded outcome.
func (p *pool) dryRun(ctx context.Context, c *jsonrpc.Call) (any, error) {
	given, hash := c.Bytes("extrinsic"), c.OptHash("at")
	if err := c.Err(); err != nil {
		return nil, err
	}
	xt, err := inner(given)
	if err != nil {
		return nil, fail(codeDecode, "Unable to dry run extrinsic", err.Error())
	}
	out, err := p.call(ctx, p.at(hash), "BlockBuilder_apply_extrinsic", scale.AppendBytes(nil, xt))
	if err != nil {
		return nil, fail(codeRuntime, "Unable to dry run extrinsic", err.Error())
	}
	return jsonrpc.Hex(out), nil
}
