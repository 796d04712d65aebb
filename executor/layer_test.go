package executor

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pileus/scale"
	"pileus/trie"
)

// The overlay against a plain map that is copied at each transaction. The keys are of one
// length: clearing an absent key in front of a longer one is refused by the trie, which
// does not repeat a defect of the reference (trie.ErrUpstreamDefect).
func TestStorageAgainstMap(t *testing.T) {
	keys := []string{"aa", "ab", "ac", "ba", "bb", "ca"}
	rapid.Check(t, func(t *rapid.T) {
		base := map[string]string{}
		var pairs []trie.Pair
		for _, k := range keys {
			if rapid.Bool().Draw(t, "base") {
				base[k] = "base"
				pairs = append(pairs, trie.Pair{Key: []byte(k), Value: []byte("base")})
			}
		}
		s := NewStorage(trie.NewState(trie.FromPairs(trie.V1, pairs), nil), nil)
		levels := []map[string]string{maps.Clone(base)}
		key := rapid.SampledFrom(keys)
		for i := range rapid.IntRange(1, 80).Draw(t, "steps") {
			now := levels[len(levels)-1]
			k := key.Draw(t, "key")
			switch rapid.IntRange(0, 7).Draw(t, "op") {
			case 0, 1:
				v := fmt.Sprint(i)
				s.Set([]byte(k), []byte(v))
				now[k] = v
			case 2:
				s.Clear([]byte(k))
				delete(now, k)
			case 3:
				s.Begin()
				levels = append(levels, maps.Clone(now))
			case 4, 5:
				commit := rapid.Bool().Draw(t, "commit")
				err := ErrTransaction
				if commit {
					err = s.Commit()
				} else {
					err = s.Rollback()
				}
				if (err == nil) != (len(levels) > 1) {
					t.Fatalf("closing a transaction at depth %d: %v", len(levels)-1, err)
				}
				if n := len(levels); err == nil {
					if commit {
						levels[n-2] = now
					}
					levels = levels[:n-1]
				}
			case 6:
				k = k[:rapid.IntRange(1, 2).Draw(t, "prefix")]
				if _, err := s.ClearPrefix([]byte(k), nil, nil); err != nil {
					t.Fatal(err)
				}
				maps.DeleteFunc(now, func(key, _ string) bool { return len(key) >= len(k) && key[:len(k)] == k })
			case 7:
				if _, err := s.Root(trie.V1); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, s, levels[len(levels)-1])
		}
		final, err := s.Finish(trie.V1)
		if err != nil {
			t.Fatal(err)
		}
		var want []trie.Pair
		for k, v := range levels[0] {
			want = append(want, trie.Pair{Key: []byte(k), Value: []byte(v)})
		}
		if final.Root() != trie.RootOf(trie.V1, want) {
			t.Fatalf("the final root is not that of %v", levels[0])
		}
	})
}

func compare(t *rapid.T, s *Storage, want map[string]string) {
	var got []string
	key := []byte{}
	for {
		next, ok, err := s.NextKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		v, there, err := s.Get(next)
		exists, _ := s.Exists(next)
		if err != nil || !there || !exists || string(v) != want[string(next)] {
			t.Fatalf("%q: %q, %v, %v, want %q", next, v, there, err, want[string(next)])
		}
		got = append(got, string(next))
		key = next
	}
	if all := slices.Sorted(maps.Keys(want)); !slices.Equal(got, all) {
		t.Fatalf("keys %q, want %q", got, all)
	}
}

// appended is the value after an append, made anew.
func appended(old, element string) string {
	d := scale.NewDecoder([]byte(old))
	if n := d.Compact(); d.Err() == nil && n < 1<<32-1 {
		return string(scale.AppendCompact(nil, n+1)) + string(d.Rest()) + element
	}
	return "\x04" + element
}

// Lists that grow in nested transactions are what they would be if each append made the
// value anew, however seldom they are read.
func TestAppendAgainstCopies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]string{"", "\x00", "\x00rest", "\x08ab", "\xfcab", "\x03\xff\xff\xff\xff", "no"}).Draw(t, "base")
		s := NewStorage(trie.NewState(trie.FromPairs(trie.V1, []trie.Pair{{Key: []byte("k"), Value: []byte(base)}}), nil), nil)
		levels := []string{base}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := len(levels)
			switch rapid.IntRange(0, 8).Draw(t, "op") {
			case 0, 1, 2, 3:
				element := fmt.Sprint(i)
				if err := s.Append([]byte("k"), []byte(element)); err != nil {
					t.Fatal(err)
				}
				levels[n-1] = appended(levels[n-1], element)
			case 4:
				levels[n-1] = rapid.SampledFrom([]string{"\xfcset", "?"}).Draw(t, "set")
				s.Set([]byte("k"), []byte(levels[n-1]))
			case 5:
				s.Begin()
				levels = append(levels, levels[n-1])
			case 6:
				if s.Commit() == nil {
					levels = append(levels[:n-2], levels[n-1])
				}
			case 7:
				if s.Rollback() == nil {
					levels = levels[:n-1]
				}
			case 8:
				v, _, err := s.Get([]byte("k"))
				if want := levels[n-1]; err != nil || string(v) != want {
					t.Fatalf("%q, %v, want %q", v, err, want)
				}
			}
		}
		for i := len(levels) - 1; i >= 0; i-- {
			if v, _, err := s.Get([]byte("k")); err != nil || string(v) != levels[i] {
				t.Fatalf("%q, %v, want %q", v, err, levels[i])
			}
			_ = s.Rollback()
		}
	})
}
