package dev_test

import (
	"testing"

	"pileus/dev"
	"pileus/internal/fakenode"
)

// TestAForkIsKept forks a chain, stops, and goes on in the same folder from the block that
// it was forked at: by then another one is the live chain's finalized block.
func TestAForkIsKept(t *testing.T) {
	live := start(t, nil)
	base := finalized(t, live, 3)
	state, err := live.Para().State(base.Hash)
	if err != nil {
		t.Fatal(err)
	}
	node := fakenode.Start(t, &fakenode.Node{Name: "Live", Genesis: live.Chain().GenesisHash, Header: *base.Header, State: state})
	dir, kept := t.TempDir(), t.TempDir()
	fork := func(c *dev.Config) {
		c.Runtime, c.URL, c.DataDir, c.Collators, c.RemoteDir = "", node.WS(), dir, 3, kept
	}

	first := start(t, fork)
	final := finalized(t, first, base.Number()+3)
	if first.Chain().GenesisHash != live.Chain().GenesisHash {
		t.Error("another genesis")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	node.Refuse = func(params string) *fakenode.Answer {
		if params == "[]" { // asks for the finalized block
			return &fakenode.Answer{Code: 1, Message: "the finalized block is another one"}
		}
		return nil
	}
	again := start(t, fork)
	if got, ok := again.Para().CanonicalAt(final.Number()); !ok || got != final.Hash {
		t.Errorf("finalized #%d is %s, was %s", final.Number(), got, final.Hash)
	}
	finalized(t, again, final.Number()+5)
	for n := base.Number(); n <= final.Number(); n++ {
		h, ok := again.Para().CanonicalAt(n)
		if !ok {
			t.Fatalf("#%d is lost", n)
		}
		if _, err := again.Call(t.Context(), again.Para(), h, "AuraApi_authorities", nil); err != nil {
			t.Errorf("the state of #%d: %v", n, err)
		}
	}
}
