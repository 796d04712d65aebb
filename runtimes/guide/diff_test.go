package guide

import (
	"bytes"
	"fmt"
	"testing"

	"pileus/frame/frametest"
	"pileus/trie"
)

// differences are the keys in which two states differ, with names and values.
func differences(a, b *frametest.Chain) (list []string) {
	read := func(s *trie.State) map[string][]byte {
		m := map[string][]byte{}
		if err := s.Top().Visit(func(k, v []byte) bool {
			m[string(k)] = append([]byte(nil), v...)
			return true
		}); err != nil {
			list = append(list, err.Error())
		}
		return m
	}
	x, y := read(a.State), read(b.State)
	name := func(k string) string {
		if n, ok := b.Meta.NameKey([]byte(k)); ok {
			return fmt.Sprintf("%s.%s %v", n.Pallet, n.Entry.Name, n.Keys)
		}
		return fmt.Sprintf("%x %q", k, k)
	}
	for k, v := range x {
		if w, ok := y[k]; !ok {
			list = append(list, fmt.Sprintf("only first: %s = %x", name(k), v))
		} else if !bytes.Equal(v, w) {
			list = append(list, fmt.Sprintf("%s: %x, %x", name(k), v, w))
		}
	}
	for k, w := range y {
		if _, ok := x[k]; !ok {
			list = append(list, fmt.Sprintf("only second: %s = %x", name(k), w))
		}
	}
	return list
}

func TestGenesisAsRust(t *testing.T) {
	for _, s := range Stages {
		a, err := frametest.New(frametest.Native(New(s.Settings()).Runtime), "development")
		if err != nil {
			t.Fatal(err)
		}
		b, err := frametest.New(rust(t, s.Name), "development")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences(a, b) {
			t.Errorf("%s: %s", s.Name, d)
		}
	}
}
