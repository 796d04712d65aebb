package rpc

import (
	"strconv"

	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
	"pileus/primitives"
	"pileus/runtimeapi"
	"pileus/scale"
)

type (
	header struct {
		ParentHash     Hash   `json:"parentHash"`
		Number         string `json:"number"`
		StateRoot      Hash   `json:"stateRoot"`
		ExtrinsicsRoot Hash   `json:"extrinsicsRoot"`
		Digest         digest `json:"digest"`
	}
	digest struct {
		Logs []jsonrpc.Hex `json:"logs"`
	}
	block struct {
		Header     header        `json:"header"`
		Extrinsics []jsonrpc.Hex `json:"extrinsics"`
	}
	signedBlock struct {
		Block          block `json:"block"`
		Justifications any   `json:"justifications"` // always null: there are none
	}
	runtimeVersion struct {
		SpecName           string   `json:"specName"`
		ImplName           string   `json:"implName"`
		AuthoringVersion   uint32   `json:"authoringVersion"`
		SpecVersion        uint32   `json:"specVersion"`
		ImplVersion        uint32   `json:"implVersion"`
		APIs               [][2]any `json:"apis"`
		TransactionVersion uint32   `json:"transactionVersion"`
		SystemVersion      uint8    `json:"systemVersion"`
		StateVersion       uint8    `json:"stateVersion"`
	}
	// changeSet is a StorageChangeSet; absent values are null.
	changeSet struct {
		Block   Hash             `json:"block"`
		Changes [][2]jsonrpc.Hex `json:"changes"`
	}
	readProof struct {
		At    Hash          `json:"at"`
		Proof []jsonrpc.Hex `json:"proof"`
	}
)

func hexNumber(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

func headerOf(h *primitives.Header) header {
	logs := make([]jsonrpc.Hex, len(h.Digest))
	for i, item := range h.Digest {
		logs[i] = item.EncodeTo(nil)
	}
	return header{h.ParentHash, hexNumber(uint64(h.Number)), h.StateRoot, h.ExtrinsicsRoot, digest{logs}}
}

// bodyOf is a block's extrinsics as they travel: each with its length prefix.
func bodyOf(b *store.Block) []jsonrpc.Hex {
	list := make([]jsonrpc.Hex, len(b.Extrinsics))
	for i, xt := range b.Extrinsics {
		list[i] = scale.AppendBytes(nil, xt)
	}
	return list
}

func hexes(list [][]byte) []jsonrpc.Hex {
	out := make([]jsonrpc.Hex, len(list))
	for i, b := range list {
		out[i] = b
	}
	return out
}

func versionOf(v *runtimeapi.Version) runtimeVersion {
	apis := make([][2]any, len(v.APIs))
	for i, a := range v.APIs {
		apis[i] = [2]any{jsonrpc.Hex(a.ID[:]), a.Version}
	}
	return runtimeVersion{v.SpecName, v.ImplName, v.AuthoringVersion, v.SpecVersion, v.ImplVersion, apis, v.TransactionVersion, v.SystemVersion, v.SystemVersion}
}
