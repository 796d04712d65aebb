package rpc_test

import (
	"strings"
	"testing"

	"pileus/dev"
	"pileus/dev/rpc"
	"pileus/dev/rpc/jsonrpc"
	"pileus/dev/store"
)

// Of a node that prunes old blocks have a hash and a header, and questions about their
// states are answered in a node's words; archive_v1 is not there.
func TestPrunedBlocks(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime, c.Pruning = dev.BlockTime{Mode: dev.Manual}, store.LeastPruning })
	if _, err := n.NewBlock(t.Context(), 3, 0); err != nil {
		t.Fatal(err)
	}
	c := dial(t, serve(t, rpc.Para(n, info), jsonrpc.Options{}))
	relay := dial(t, serve(t, rpc.Relay(n, info), jsonrpc.Options{}))
	var follow string
	c.ask(&follow, "chainHead_v1_follow", false)
	var e struct {
		Event  string   `json:"event"`
		Hash   string   `json:"blockHash"`
		Blocks []string `json:"finalizedBlockHashes"`
	}
	c.next(follow, &e)
	pinned := e.Blocks
	for e.Event != "bestBlockChanged" {
		if c.next(follow, &e); e.Event == "newBlock" {
			pinned = append(pinned, e.Hash)
		}
	}
	if len(pinned) < 3 {
		t.Fatalf("pinned are %v", pinned)
	}
	grow := func() {
		t.Helper()
		if _, err := n.NewBlock(t.Context(), 100, 0); err != nil {
			t.Fatal(err)
		}
	}
	grow()

	// What a follow has pinned keeps its state, and with it what comes after.
	for _, hash := range pinned {
		if got := c.text("state_getStorageHash", "0x3a636f6465", hash); !strings.HasPrefix(got, `"0x`) {
			t.Errorf("pinned %s: %s", hash, got)
		}
	}
	if got := c.text("chainHead_v1_unpin", follow, pinned); got != "null" {
		t.Fatal(got)
	}
	for got := ""; got != "true"; got = c.text("chainHead_v1_unfollow", follow) { // the newer ones
	}
	grow()

	old := pinned[2]
	discarded := "4003 Client error: UnknownBlock: State already discarded for " + old + " "
	for _, got := range []string{
		c.text("state_getStorage", "0x3a636f6465", old), c.text("state_getKeysPaged", "0x", 10, nil, old), c.text("state_getMetadata", old),
		c.text("state_getRuntimeVersion", old), c.text("state_call", "Core_version", "0x", old), c.text("state_queryStorageAt", []string{"0x00"}, old),
		c.text("state_getReadProof", []string{"0x00"}, old), c.text("childstate_getKeys", "0x3a6368696c645f73746f726167653a64656661756c743a78", "0x", old),
	} {
		if got != discarded {
			t.Errorf("%s\nnot %s", got, discarded)
		}
	}
	none := "0x" + strings.Repeat("01", 32)
	if got := c.text("state_getStorage", "0x00", none); got != "4003 Client error: UnknownBlock: Header was not found in the database: "+none+" " {
		t.Error(got)
	}
	if got := c.text("chain_getBlockHash", 2); got != `"`+old+`"` {
		t.Error(got)
	}
	if got := c.text("chain_getHeader", old); !strings.Contains(got, `"number":"0x2"`) {
		t.Error(got)
	}
	if got := c.text("chain_getBlock", old); got != "null" {
		t.Error(got)
	}
	if got := c.text("state_getStorageHash", "0x3a636f6465", n.Para().Genesis().Hash); !strings.HasPrefix(got, `"0x`) {
		t.Errorf("the state of genesis: %s", got)
	}
	first := n.Relay().Genesis().Number()
	var was string
	relay.ask(&was, "chain_getBlockHash", first+2)
	if got := relay.text("state_call", "ParachainHost_validators", "0x", was); got != "4003 Client error: UnknownBlock: State already discarded for "+was+" " {
		t.Error(got)
	}
	for _, c := range []*client{c, relay} {
		if got := c.text("rpc_methods"); strings.Contains(got, "archive_v1") || !strings.Contains(got, "chainHead_v1_follow") {
			t.Error(got)
		}
		if got := c.text("archive_v1_finalizedHeight"); !strings.HasPrefix(got, "-32601 Method not found") {
			t.Error(got)
		}
	}
}
