package dev_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pileus/dev"
	"pileus/dev/store"
	"pileus/primitives"
)

// finalized waits until the parachain's finalized block has at least that number.
func finalized(t *testing.T, n *dev.Node, number uint32) *store.Block {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for n.Para().Finalized().Number() < number {
		select {
		case <-n.Done():
			t.Fatal(n.Wait())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("finalized #%d, best #%d, relay #%d", n.Para().Finalized().Number(), n.Para().Best().Number(), n.Relay().Best().Number())
		}
	}
	return n.Para().Finalized()
}

func TestARestartGoesOn(t *testing.T) {
	dir := t.TempDir()
	onDisk := func(c *dev.Config) { c.DataDir = dir }
	first := start(t, onDisk)
	final := finalized(t, first, 3)
	next := transfers(t, first)
	next() // the nonce of the next one is ahead: it stays in the pool
	for range 5 {
		next()
	}
	ahead := next() // Alice's second
	hash, err := first.Submit(t.Context(), ahead)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	at, slot := first.Relay().Best(), first.Para().Best()

	again := start(t, onDisk)
	if _, ok := again.Relay().Get(at.Hash); !ok {
		t.Errorf("relay block #%d is lost", at.Number())
	}
	if b, ok := again.Para().Get(slot.Hash); !ok || b.Number() != slot.Number() {
		t.Errorf("block #%d is lost", slot.Number())
	}
	if got, ok := again.Para().CanonicalAt(final.Number()); !ok || got != final.Hash {
		t.Errorf("finalized #%d is %s, was %s", final.Number(), got, final.Hash)
	}
	finalized(t, again, final.Number()+8)
	list, err := again.Pending(t.Context())
	if err != nil || len(list) != 1 || list[0].Hash != hash {
		t.Errorf("pool %v, %v", list, err)
	}
	for n := range uint32(4) {
		h, ok := again.Para().CanonicalAt(n)
		if !ok {
			t.Fatalf("#%d is lost", n)
		}
		if _, err := again.Call(t.Context(), again.Para(), h, "AuraApi_authorities", nil); err != nil {
			t.Errorf("the state of #%d: %v", n, err)
		}
	}
}

func TestAStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := start(t, func(c *dev.Config) { c.DataDir = dir })
	finalized(t, first, 1)
	open := func(change func(*dev.Config)) error {
		cfg := first.Config()
		change(&cfg)
		n, err := dev.Start(context.Background(), cfg)
		if err == nil {
			n.Close()
		}
		return err
	}
	if err := open(func(*dev.Config) {}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(func(c *dev.Config) { c.Seed = 7 }); !errors.Is(err, dev.ErrOtherChain) || !strings.Contains(err.Error(), "--seed is 1, not 7") {
		t.Errorf("another seed: %v", err)
	}
	if err := open(func(c *dev.Config) { c.Runtime = "sync" }); !errors.Is(err, dev.ErrOtherChain) {
		t.Errorf("another chain: %v", err)
	}
	file := filepath.Join(dir, store.FileName)
	if err := os.Truncate(file, 20000); err != nil {
		t.Fatal(err)
	}
	if err := open(func(*dev.Config) {}); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), file) {
		t.Errorf("cut off: %v", err)
	}
}

// Bytes that are wrong anywhere, or missing, are found before anything is used.
func TestADamagedStoreIsNamed(t *testing.T) {
	dir := t.TempDir()
	n := start(t, func(c *dev.Config) { c.DataDir = dir })
	finalized(t, n, 2)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, store.FileName)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	found := 0
	for i := range 60 {
		bad := append([]byte{}, whole...)
		if i%4 == 3 {
			bad = bad[:chance.IntN(len(bad))]
		}
		for range 1 + i*i {
			if len(bad) > 0 {
				bad[chance.IntN(len(bad))] ^= 1 << chance.IntN(8)
			}
		}
		_ = os.Remove(file) // a file of its own: what the library has locked and given up stays locked
		if err := os.WriteFile(file, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		err := readAll(dir)
		if err != nil {
			found++
		}
		if err != nil && (!errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), file)) {
			t.Errorf("damage %d: %v", i, err)
		}
	}
	if found < 30 {
		t.Errorf("only %d damages of 60 were found", found)
	}
}

// readAll opens a store and reads the heads of its chains whole.
func readAll(dir string) error {
	db, err := store.Open(dir, 0, "para", "relay")
	if err != nil {
		return err
	}
	defer db.Close()
	memo := db.NewMemo()
	for _, name := range []string{"para", "relay"} {
		chain, err := db.Reopen(name, memo)
		if err != nil {
			return err
		}
		if chain == nil { // its first block is gone without a trace: nothing is used
			return fmt.Errorf("%s: %w", db.Path(), store.ErrDamaged)
		}
		state, err := chain.State(chain.Best().Hash)
		if err == nil {
			err = memo.Load(state)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", db.Path(), err)
		}
	}
	return nil
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	open := func(dir string) error {
		_, err := dev.Start(t.Context(), dev.Config{DataDir: dir})
		return err
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(filepath.Join(file, "data")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file in the way: %v", err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := filepath.Join(t.TempDir(), "read-only")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := open(dir); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}

// victim runs a node under load, says what is final, and waits to be killed.
func victim(dir string) error {
	cfg := config()
	cfg.DataDir, cfg.BlockTime.Interval = dir, 50*time.Millisecond
	if os.Getenv("PILEUS_VICTIM_PRUNES") != "" {
		cfg.Pruning = store.LeastPruning
	}
	n, err := dev.Start(context.Background(), cfg)
	if err != nil {
		return err
	}
	if cfg.Pruning.Prunes() { // so that there is something to discard at every instant
		if _, err := n.NewBlock(context.Background(), 0, 150); err != nil {
			return err
		}
	}
	next, err := newTransfers(n)
	if err != nil {
		return err
	}
	sub := n.Para().Subscribe(1 << 16)
	fmt.Println("ready")
	go func() {
		for {
			if xt, err := next(); err == nil {
				_, _ = n.Submit(context.Background(), xt)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	for e := range sub.Events() {
		if f, ok := e.(store.Finalized); ok {
			for _, b := range f.Blocks {
				fmt.Println(b.Number(), b.Hash)
			}
		}
	}
	return n.Wait()
}

// A node that is killed at any instant goes on; nothing that it has told to be final is
// lost or changed, and of one that prunes no state that is kept. PILEUS_KILLS says how often.
func TestKilledAtAnyInstant(t *testing.T) {
	t.Run("archive", func(t *testing.T) { killed(t, false) })
	t.Run("pruning", func(t *testing.T) { killed(t, true) })
}

func killed(t *testing.T, prunes bool) {
	kills := 4
	if s := os.Getenv("PILEUS_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	told := map[uint32]primitives.Hash{}
	highest := uint32(0)
	slowest := time.Duration(0)
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), "PILEUS_VICTIM="+dir)
		if prunes {
			cmd.Env = append(cmd.Env, "PILEUS_VICTIM_PRUNES=1")
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("start %d: the node did not come up: %q", i, lines.Text())
		}
		slowest = max(slowest, time.Since(began))
		time.AfterFunc(time.Duration(rand.IntN(3000))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			number, hash, ok := strings.Cut(lines.Text(), " ")
			at, err := strconv.Atoi(number)
			if !ok || err != nil {
				continue // cut off by the end
			}
			if raw, err := hex.DecodeString(strings.TrimPrefix(hash, "0x")); err == nil && len(raw) == 32 {
				told[uint32(at)], highest = primitives.Hash(raw), max(highest, uint32(at))
			}
		}
		_ = cmd.Wait()
		reopened(t, dir, told, highest)
	}
	t.Logf("killed %d times, finalized #%d, slowest start %v", kills, highest, slowest)
	if highest == 0 {
		t.Error("nothing became final between kills")
	}
}

// reopened looks whether all that was told to be final is in the store.
func reopened(t *testing.T, dir string, told map[uint32]primitives.Hash, highest uint32) {
	t.Helper()
	began := time.Now()
	db, err := store.Open(dir, 0, "para", "relay")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	chain, err := db.Reopen("para", db)
	if err != nil || chain == nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("reopening took %v", took)
	}
	for number, hash := range told {
		if got, ok := chain.CanonicalAt(number); !ok || got != hash {
			t.Errorf("#%d was told to be final as %s, it is %s now", number, hash, got)
		}
	}
	if highest == 0 {
		return
	}
	if chain.Pruning().Prunes() {
		allWhole(t, db)
		if _, err := chain.State(told[1]); !errors.Is(err, store.ErrDiscarded) && told[1] != (primitives.Hash{}) {
			t.Errorf("state of #1: %v", err)
		}
		return
	}
	if _, err := chain.State(told[highest]); err != nil {
		t.Error(err)
	}
}

// allWhole reads every node of every state that the chains of a store answer for.
func allWhole(t *testing.T, db *store.DB) {
	t.Helper()
	for _, name := range []string{"para", "relay"} {
		chain, err := db.Reopen(name, db)
		if err != nil || chain == nil {
			t.Fatal(name, err)
		}
		blocks := []*store.Block{chain.Genesis()}
		for n := chain.Genesis().Number() + 1; n <= chain.Finalized().Number(); n++ {
			if hash, ok := chain.CanonicalAt(n); ok {
				if b, _ := chain.Get(hash); !b.Pruned {
					blocks = append(blocks, b)
				}
			}
		}
		final := len(blocks)
		memo := db.NewMemo()
		for _, b := range append(blocks, chain.View().Unfinalized...) {
			state, err := chain.State(b.Hash)
			if err == nil {
				err = memo.Load(state)
			}
			if err != nil {
				t.Errorf("%s chain, state of #%d (final #%d): %v", name, b.Number(), chain.Finalized().Number(), err)
			}
		}
		if least := min(int(store.LeastPruning), int(chain.Finalized().Number()-chain.Genesis().Number())); final < least {
			t.Errorf("%s chain: only %d states of final blocks are left", name, final)
		}
	}
}
