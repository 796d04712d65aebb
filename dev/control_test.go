package dev_test

import (
	"testing"

	"pileus/dev"
	"pileus/dev/store"
	"pileus/parachain"
	"pileus/scale"
	"pileus/txpool"
)

// A relay fork retracts the parachain blocks that only the abandoned branch knew; their
// transactions come back and end up in one block each.
func TestARelayForkRetractsBlocks(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Manual} })
	if _, err := n.NewBlock(t.Context(), 4, 0); err != nil {
		t.Fatal(err)
	}
	if err := n.ForkRelay(t.Context(), 3); err == nil {
		t.Error("a fork below the final block was begun")
	}
	if err := n.SetFinalityLag(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	sub, relay := n.Para().Subscribe(10000), n.Relay().Subscribe(10000)
	defer sub.Close()
	defer relay.Close()
	next := transfers(t, n)
	sent := map[txpool.Hash]int{}
	submit := func() {
		for range 3 {
			hash, err := n.Submit(t.Context(), next())
			if err != nil {
				t.Fatal(err)
			}
			sent[hash] = 0
		}
	}
	for range 6 {
		submit()
		if _, err := n.NewBlock(t.Context(), 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.ForkRelay(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	best := n.Para().Best().Number()
	if _, err := n.NewBlock(t.Context(), 0, best+12); err != nil {
		t.Fatal(err)
	}
	retracted := func(s *store.Subscription) (most int) {
		for len(s.Events()) > 0 {
			if b, ok := (<-s.Events()).(store.Best); ok {
				most = max(most, len(b.Retracted))
			}
		}
		return most
	}
	if r := retracted(relay); r != 4 {
		t.Errorf("%d relay blocks were retracted, not 4", r)
	}
	if r := retracted(sub); r == 0 {
		t.Error("no parachain block was retracted")
	}
	for number := uint32(1); number <= n.Para().Best().Number(); number++ {
		hash, _ := n.Para().CanonicalAt(number)
		b, _ := n.Para().Get(hash)
		for _, xt := range b.Extrinsics {
			if h := txpool.HashOf(xt); len(xt) > 0 && xt[0]&0x80 != 0 {
				sent[h]++
			}
		}
	}
	for hash, times := range sent {
		if times != 1 {
			t.Errorf("transaction %s is in %d blocks of the best chain", hash, times)
		}
	}
}

func TestStorageIsSetThroughAForcedHead(t *testing.T) {
	n := start(t, func(c *dev.Config) { c.BlockTime = dev.BlockTime{Mode: dev.Manual} })
	if _, err := n.NewBlock(t.Context(), 3, 0); err != nil {
		t.Fatal(err)
	}
	key, value := []byte(":a key of no pallet"), []byte("and its value")
	hash, err := n.SetStorage(t.Context(), []dev.StorageChange{{Key: key, Value: value}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.SetStorage(t.Context(), []dev.StorageChange{{Key: []byte(":child_storage:default:x"), Value: make([]byte, 32)}}); err == nil {
		t.Error("the root of a child trie was set")
	}
	b, ok := n.Para().Get(hash)
	if !ok || len(b.Header.Digest) != 1 || string(b.Header.Digest[0].Data) != parachain.EditLabel {
		t.Fatalf("the forced block %s is not there, with a label", hash)
	}
	if at, _ := n.Para().CanonicalAt(b.Number()); at != hash {
		t.Errorf("the forced block %s is not on the best chain", hash)
	}
	account := n.Chain().Accounts[1].ID
	if _, err := n.Fund(t.Context(), account, scale.U128{Lo: 42_000_000_000_000}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.NewBlock(t.Context(), 6, 0); err != nil { // validators go on from there
		t.Fatal(err)
	}
	state, err := n.Para().State(n.Para().Finalized().Hash)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := state.Top().Get(key, nil); err != nil || string(got) != string(value) {
		t.Errorf("the value is %q, %v", got, err)
	}
	code, err := n.Host().CodeAt(t.Context(), state, parachain.OffChain)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := code.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, err := meta.StorageKey("System", "Account", account)
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := state.Top().Get(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, _, err := meta.DecodeStorage("System", "Account", raw)
	if free, _ := info.Get("data", "free"); err != nil || free.Int.Lo != 42_000_000_000_000 {
		t.Errorf("the balance is %v, %v", free, err)
	}
}

func TestASnapshotIsGoneBackTo(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		n := start(t, func(c *dev.Config) { c.BlockTime, c.DataDir = dev.BlockTime{Mode: dev.Manual}, dir })
		ctx := t.Context()
		if _, err := n.NewBlock(ctx, 4, 0); err != nil {
			t.Fatal(err)
		}
		next := transfers(t, n)
		if _, err := n.Submit(ctx, next()); err != nil {
			t.Fatal(err)
		}
		id, err := n.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		before := n.Para().View()
		sub := n.Para().Subscribe(1000)
		defer sub.Close()
		if _, err := n.NewBlock(ctx, 70, 0); err != nil { // more than is kept in memory
			t.Fatal(err)
		}
		if err := n.Revert(ctx, id); err != nil {
			t.Fatal(err)
		}
		for range sub.Events() {
		}
		if sub.Err() != store.ErrReverted {
			t.Errorf("the subscription ended with %v", sub.Err())
		}
		if after := n.Para().View(); after.Best.Hash != before.Best.Hash || after.Finalized.Hash != before.Finalized.Hash {
			t.Errorf("best #%d, final #%d; was #%d, #%d", after.Best.Number(), after.Finalized.Number(), before.Best.Number(), before.Finalized.Number())
		}
		if _, err := n.NewBlock(ctx, 8, 0); err != nil {
			t.Fatal(err)
		}
		found := 0
		for number := range n.Para().Best().Number() + 1 {
			hash, ok := n.Para().CanonicalAt(number)
			b, known := n.Para().Get(hash)
			if !ok || !known || b.Number() != number {
				t.Fatalf("#%d is missing", number)
			}
			for _, xt := range b.Extrinsics {
				if len(xt) > 0 && xt[0]&0x80 != 0 {
					found++
				}
			}
		}
		if found != 1 {
			t.Errorf("the transaction of the snapshot's pool is in %d blocks", found)
		}
		if err := n.Revert(ctx, id); err == nil {
			t.Error("a snapshot was used twice")
		}
	}
}
