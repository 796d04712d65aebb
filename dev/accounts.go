package dev

import (
	"context"
	"encoding/hex"
	"time"

	"pileus/crypto"
	"pileus/metadata"
	"pileus/parachain"
)

// Account is a funded development account.
type Account struct {
	Name    string
	ID      []byte
	Address string   // SS58 with the chain's prefix, or 0x and hex for Ethereum addresses
	Seed    [32]byte // secret; of the URI "//Name"
	Free    string   // balance in the chain's smallest unit, at genesis
}

// Accounts are the funded development accounts.
func (n *Node) Accounts() (list []Account) {
	prefix := n.ss58Prefix()
	for _, a := range n.Chain().Accounts {
		acc := Account{Name: a.Name, ID: a.ID, Address: "0x" + hex.EncodeToString(a.ID), Free: metadata.U128(a.Free).String(), Seed: a.Secret}
		if len(a.ID) == 32 {
			acc.Address = crypto.SS58Encode(prefix, [32]byte(a.ID))
		}
		list = append(list, acc)
	}
	return list
}

// genericPrefix is that of addresses of no particular chain.
const genericPrefix = 42

// ss58Prefix is the runtime's constant System.SS58Prefix.
func (n *Node) ss58Prefix() uint16 {
	code, err := n.Host().CodeAt(context.Background(), n.Chain().State, parachain.OffChain)
	if err != nil {
		return genericPrefix
	}
	meta, err := code.Metadata(context.Background())
	if err != nil {
		return genericPrefix
	}
	v, err := meta.Constant("System", "SS58Prefix")
	if err != nil {
		return genericPrefix
	}
	return uint16(v.Int.Lo)
}

// Now is the time that the world's clock shows.
func (n *Node) Now() time.Time {
	var now time.Duration
	if n.do(context.Background(), func() { now = n.network.World().Now() }) != nil {
		return time.Time{}
	}
	return time.UnixMilli(now.Milliseconds())
}
