package trie

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"pileus/hashing"
	"pileus/internal/testdata"
	"pileus/scale"
)

// recorded is testdata/recorded.json: random reads, transactions and changes of states
// with child tries, made by the released crates, with what their recorder saw.
type recorded struct {
	Cases []struct {
		Seed   int
		Rounds []struct {
			Ops      []recordedOp
			Version  Version
			Top      []recordedChange
			Children []struct {
				ID      testdata.Hex
				Changes []recordedChange
			}
			Root, Proof, Compact, Written testdata.Hex
			Size                          uint64
		}
	}
}

type recordedOp struct {
	Op    string // get, has, next, iter; start, commit, rollback of a recorder transaction
	Child *testdata.Hex
	Key   testdata.Hex // of iter: the prefix
	From  *testdata.Hex
	Limit int
	Value *testdata.Hex
	Keys  []testdata.Hex
	Size  uint64 // recorded after it
}

type recordedChange [2]*testdata.Hex

func changesOf(list []recordedChange) []Change {
	out := make([]Change, len(list))
	for i, c := range list {
		out[i] = Change{Key: *c[0], Delete: c[1] == nil}
		if c[1] != nil {
			out[i].Value = *c[1]
		}
	}
	return out
}

// TestRecordedLikeTheReference repeats each case on three states: one that grew in
// memory, one that loads its nodes lazily from a store, and one that has nothing but the
// proof recorded on the first.
func TestRecordedLikeTheReference(t *testing.T) {
	file, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	var all recorded
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) < 20 {
		t.Fatalf("only %d cases", len(all.Cases))
	}
	for _, c := range all.Cases {
		store := NodeSet{}
		memory := NewState(New(), nil)
		for i := range c.Rounds {
			rd := &c.Rounds[i]
			run := func(kind string, s *State) (*State, *Recorder) {
				rec := NewRecorder()
				walk := s.Top().KeyWalk(rec)
				kids := map[string]*Trie{}
				var marks []int
				for j, op := range rd.Ops {
					at := func(what string, got, want any) {
						if got != want {
							t.Fatalf("seed %d round %d op %d %s (%s): %s %v, want %v", c.Seed, i, j, op.Op, kind, what, got, want)
						}
					}
					trie := s.Top()
					if op.Child != nil {
						id := string(*op.Child)
						kid, have := kids[id]
						if !have {
							var err error
							if kid, err = s.Child([]byte(id), rec); err != nil {
								t.Fatal(err)
							}
							kids[id] = kid
						}
						trie = kid
					}
					var got []byte
					var ok bool
					var err error
					switch op.Op {
					case "start":
						marks = append(marks, rec.Checkpoint())
					case "commit":
						marks = marks[:len(marks)-1]
					case "rollback":
						rec.Rollback(marks[len(marks)-1])
						marks = marks[:len(marks)-1]
					case "get":
						if trie != nil {
							got, ok, err = trie.Get(op.Key, rec)
						}
					case "has":
						if trie != nil {
							ok, err = trie.Has(op.Key, rec)
							got = []byte{1}
						}
					case "next":
						if op.Child == nil {
							got, ok, err = walk.Next(op.Key)
						} else if trie != nil {
							got, ok, err = trie.NextKey(op.Key, rec)
						}
					case "iter":
						var keys []string
						if trie != nil {
							var from []byte
							if op.From != nil {
								from = *op.From
							}
							it, err := trie.Iter(op.Key, from, rec)
							if err != nil {
								t.Fatal(err)
							}
							for len(keys) < op.Limit {
								k, ok, err := it.Next()
								if err != nil {
									t.Fatal(err)
								}
								if !ok {
									break
								}
								keys = append(keys, string(k))
							}
						}
						at("keys", len(keys), len(op.Keys))
						for x := range keys {
							at("key", keys[x], string(op.Keys[x]))
						}
					default:
						t.Fatalf("unknown op %q", op.Op)
					}
					if err != nil {
						t.Fatalf("seed %d round %d op %d %s (%s): %v", c.Seed, i, j, op.Op, kind, err)
					}
					if op.Op == "get" || op.Op == "has" || op.Op == "next" {
						at("found", ok, op.Value != nil)
						if ok {
							at("value", string(got), string(*op.Value))
						}
					}
					at("size", rec.Size(), op.Size)
				}
				children := make([]ChildChanges, len(rd.Children))
				for j, ch := range rd.Children {
					children[j] = ChildChanges{ch.ID, changesOf(ch.Changes)}
				}
				next, err := s.Apply(rd.Version, changesOf(rd.Top), children, rec)
				if err != nil {
					t.Fatalf("seed %d round %d (%s): %v", c.Seed, i, kind, err)
				}
				wantHash(t, kind+" root", next.Root(), rd.Root)
				wantHash(t, kind+" proof", hashing.Blake2b256(Proof(rec.Proof()).EncodeTo(nil)), rd.Proof)
				if rec.Size() != rd.Size {
					t.Errorf("size %d, want %d", rec.Size(), rd.Size)
				}
				if t.Failed() {
					t.Fatalf("seed %d round %d (%s)", c.Seed, i, kind)
				}
				return next, rec
			}
			run("store", StateFromSource(memory.Root(), store))
			next, rec := run("memory", memory)

			compact, err := EncodeCompactFrom(memory.Root(), rec)
			if (err == nil) != (rd.Compact != nil) {
				t.Fatalf("seed %d round %d compact: %v", c.Seed, i, err)
			}
			if err == nil {
				wantHash(t, "compact", hashing.Blake2b256(scale.AppendBytesVec(nil, compact)), rd.Compact)
				nodes, err := DecodeCompact(compact, memory.Root())
				if err != nil {
					t.Fatalf("seed %d round %d compact: %v", c.Seed, i, err)
				}
				partial, err := StateFromProof(memory.Root(), nodes)
				if err != nil {
					t.Fatal(err)
				}
				// What was rolled back is not in the proof.
				if !slices.ContainsFunc(rd.Ops, func(op recordedOp) bool { return op.Op == "rollback" }) {
					run("proof", partial)
				}
			}

			var written []hashing.Hash
			next.Written(memory, func(h hashing.Hash, data []byte) {
				if hashing.Blake2b256(data) != h {
					t.Fatalf("written node %s has another hash", h)
				}
				store[h] = data
				if !rec.Has(h) {
					written = append(written, h)
				}
			})
			slices.SortFunc(written, func(a, b hashing.Hash) int { return slices.Compare(a[:], b[:]) })
			var joined []byte
			for _, h := range slices.Compact(written) {
				joined = append(joined, h[:]...)
			}
			wantHash(t, "written", hashing.Blake2b256(joined), rd.Written)
			if t.Failed() {
				t.Fatalf("seed %d round %d", c.Seed, i)
			}
			memory = next
		}
	}
}
