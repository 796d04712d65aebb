package store

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// A file of another version is told from one that is damaged.
func TestFormats(t *testing.T) {
	for is, damaged := range map[string]bool{
		"pileus chain store 2":         false,
		"pileus chain store 2, pruned": false,
		"":                             true,
		"pileus chain store ":          true,
		"pileus chain store -1":        true,
		"pileus chaIn store 1":         true,
		"1":                            true,
	} {
		dir := t.TempDir()
		db, err := Open(dir, Archive, "para")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte(is)) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = Open(dir, Archive, "para")
		if err == nil || errors.Is(err, ErrDamaged) != damaged || !strings.Contains(err.Error(), filepath.Join(dir, FileName)) {
			t.Errorf("format %q: %v", is, err)
		}
	}
}
