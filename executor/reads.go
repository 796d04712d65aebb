package executor

// Reads are what calls looked at in the state, besides what they wrote themselves.
type Reads struct {
	Keys []string // of the main trie, whose values were read or looked for; some more than once
	More bool     // they looked at more: next keys, prefixes, child tries, roots, the size of the proof
}

// NoteReads lets r be told what the state is asked for from now on.
func (s *Storage) NoteReads(r *Reads) { s.reads = r }

func (s *Storage) readsKey(key []byte) {
	if s.reads != nil {
		s.reads.Keys = append(s.reads.Keys, string(key))
	}
}

func (s *Storage) readsMore() {
	if s.reads != nil {
		s.reads.More = true
	}
}
