package parachain

import (
	"bytes"
	"slices"

	"pileus/executor"
	"pileus/trie"
)

// Limits of an answer that is kept: its bytes and those of the values that it hangs on, and
// how many these are.
const (
	maxAnswer  = 4096
	maxReads   = 16
	maxReading = 16384
)

// answer is what a runtime answered, with all that it read of the state for it: on every
// state that says the same there, it would answer the same.
type answer struct {
	out   []byte
	reads []reading
}

type reading struct {
	key, value []byte
	present    bool
}

// newAnswer returns nil where an answer is not to be kept.
func newAnswer(s *trie.State, out []byte, reads *executor.Reads) *answer {
	keys := slices.Compact(slices.Sorted(slices.Values(reads.Keys)))
	if reads.More || len(out) > maxAnswer || len(keys) > maxReads {
		return nil
	}
	a := &answer{out: out}
	size := 0
	for _, key := range keys {
		value, ok, err := s.Top().Get([]byte(key), nil)
		if size += len(value); err != nil || size > maxReading {
			return nil
		}
		a.reads = append(a.reads, reading{[]byte(key), value, ok})
	}
	return a
}

// holds tells whether a state says what the answer hangs on.
func (a *answer) holds(s *trie.State) bool {
	for _, r := range a.reads {
		if value, ok, err := s.Top().Get(r.key, nil); err != nil || ok != r.present || !bytes.Equal(value, r.value) {
			return false
		}
	}
	return true
}
