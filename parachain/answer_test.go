package parachain

import (
	"bytes"
	"context"
	"testing"

	"pileus/executor"
	"pileus/hashing"
	"pileus/trie"
)

// A runtime is asked again where something that it read has changed, and only there.
func TestAnswersHold(t *testing.T) {
	h := testHost(t)
	c := openRuntime(t, h, "phase3")
	authorities := hashing.StorageKey("Aura", "Authorities")
	with := func(key, value []byte) *trie.State {
		return must(c.State.Apply(c.Version.StateVersion(), []trie.Change{{Key: key, Value: value}}, nil, nil))
	}
	ask := func(s *trie.State) ([][32]byte, *answer) {
		code := must(h.CodeAt(context.Background(), s, OffChain))
		return must(code.on(s).Authorities(context.Background())), code.answers["AuraApi_authorities"]
	}
	list, first := ask(c.State)
	if len(list) != 2 || first == nil {
		t.Fatalf("%d authorities, kept: %v", len(list), first != nil)
	}
	if again, a := ask(with([]byte("something else"), []byte{1})); a != first || len(again) != 2 {
		t.Error("asked again, with nothing of it changed")
	}
	one := append([]byte{4}, bytes.Repeat([]byte{7}, 32)...)
	if list, a := ask(with(authorities, one)); a == first || len(list) != 1 || list[0][0] != 7 {
		t.Errorf("%x after the authorities changed", list)
	}
	if list, _ := ask(c.State); len(list) != 2 {
		t.Errorf("%x on the state of before", list)
	}
}

// What hangs on more than a few values is not kept.
func TestAnswersNotKept(t *testing.T) {
	s := trie.NewState(trie.New(), nil)
	for name, c := range map[string]struct {
		keep  bool
		out   []byte
		reads func(s *executor.Storage)
	}{
		"nothing read":   {true, []byte{1}, func(*executor.Storage) {}},
		"two values":     {true, []byte{1}, func(s *executor.Storage) { s.Get([]byte("a")); s.Exists([]byte("b")); s.Get([]byte("a")) }},
		"an append":      {true, []byte{1}, func(s *executor.Storage) { s.Append([]byte("a"), []byte{1}) }},
		"a next key":     {false, []byte{1}, func(s *executor.Storage) { s.NextKey([]byte("a")) }},
		"a prefix":       {false, []byte{1}, func(s *executor.Storage) { s.ClearPrefix([]byte("a"), nil, nil) }},
		"a child trie":   {false, []byte{1}, func(s *executor.Storage) { s.ChildGet([]byte("a"), []byte("b")) }},
		"a root":         {false, []byte{1}, func(s *executor.Storage) { s.Root(1) }},
		"a child's root": {false, []byte{1}, func(s *executor.Storage) { s.ChildRoot([]byte("a"), 1) }},
		"the proof":      {false, []byte{1}, func(s *executor.Storage) { s.ProofSize() }},
		"long":           {false, make([]byte, maxAnswer+1), func(*executor.Storage) {}},
		"many": {false, []byte{1}, func(s *executor.Storage) {
			for i := range maxReads + 1 {
				s.Get([]byte{byte(i)})
			}
		}},
	} {
		var reads executor.Reads
		storage := executor.NewStorage(s, nil)
		storage.NoteReads(&reads)
		c.reads(storage)
		if kept := newAnswer(s, c.out, &reads) != nil; kept != c.keep {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
}
