package parachain

import (
	"bytes"
	"context"
	"testing"

	"pileus/metadata"
	"pileus/primitives"
)

// A code upgrade on its whole way: scheduled by sudo, offered to the relay chain, applied
// at its go-ahead, and the next block runs on it.
func TestCodeUpgrade(t *testing.T) {
	ctx := context.Background()
	h := testHost(t)
	c := newTestChain(t, h, "sync")
	next := runtimeCode(t, "phase1")
	meta := must(must(h.CodeAt(ctx, c.state, OnChain)).Metadata(ctx))
	call := must(meta.EncodeCall("System", "set_code", next))
	sudo := must(meta.EncodeCall("Sudo", "sudo", metadata.Raw(call)))
	xt := must(meta.SignedExtrinsic(c.chain.Accounts[0].signer, sudo, metadata.TxParams{Genesis: c.chain.Genesis.Hash()}))

	build := func(xts ...[]byte) (*Built, *Collation) {
		t.Helper()
		c.relay.number, c.relay.slot = c.relay.number+1, c.relay.slot+1
		point := c.relay.next(t, c.parent.EncodeTo(nil), 0)
		p := point.params(c.parent, c.state, c.chain)
		p.Transactions = xts
		b, err := h.Build(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Execute(ctx, ExecuteParams{Parent: c.parent, ParentState: c.state, Block: &b.Block, Now: p.Timestamp}); err != nil {
			t.Fatal("import:", err)
		}
		col := must(h.Collation(ctx, CollationParams{Parent: c.parent, ParentState: c.state, Blocks: []*Built{b}}))
		checkCollation(t, h, col, c.parent, c.state, point)
		c.on(b)
		return b, col
	}
	b, col := build(xt)
	if len(b.Pushed) != 1 || len(failures(t, h, b)) > 0 {
		t.Fatalf("refused: %v, failed: %v", b.Refused, failures(t, h, b))
	}
	if code := col.Commitments.NewValidationCode; code == nil || !bytes.Equal(*code, next) {
		t.Fatal("the candidate does not offer the new code")
	}
	if _, col = build(); col.Commitments.NewValidationCode != nil {
		t.Error("the code is offered twice")
	}
	c.relay.goAhead = true
	old := must(CodeHash(c.state, OnChain))
	b, _ = build()
	if got := must(CodeHash(b.State, OnChain)); got == old || b.CodeHash != old || b.Version.SpecVersion != 1 {
		t.Errorf("the block at the go-ahead ran on %s and leaves code %s", b.Version, got.Short())
	}
	hasItem := false
	for _, item := range b.Block.Header.Digest {
		hasItem = hasItem || item.Kind == primitives.DigestEnvironmentUpdated
	}
	if !hasItem {
		t.Error("the header does not say that the environment was updated")
	}
	c.relay.goAhead = false
	if b, _ = build(); b.Version.SpecVersion != 2 {
		t.Errorf("the block after it runs on %s", b.Version)
	}
}
