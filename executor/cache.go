package executor

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"

	"pileus/hashing"
)

// ErrCache is wrapped by errors of the cache folder, which say nothing of the code.
var ErrCache = errors.New("cache of compiled runtimes")

// sumName is the file that seals a folder of the cache.
const sumName = "sum"

// cached compiles a module through the folder that is its own in the cache. The folder
// holds the code as it was prepared and, in files of wazero's, as it was compiled.
//
// What lies there is machine code that will run, so a folder counts only while the
// checksum beside it fits: a file that is torn, or one that another process is just
// writing, is compiled again. Two processes may take turns in deleting and writing; each
// has its own result in memory. A folder that cannot be used is reported to
// [Config.OnCacheError], and the code is compiled without it.
//
// The checksum's time is that of the last use. Whoever adds a folder takes away the ones
// that were not used for longest, until all of them are within [Config.CacheLimit]. One
// that another process is about to read is gone for it like one that is torn.
func (e *Engine) cached(ctx context.Context, code []byte) (*machineCode, error) {
	dir := filepath.Join(e.cfg.CacheDir, folderName(code))
	sealed := isSealed(dir)
	var p *prepared
	if sealed {
		p = readPrepared(dir)
	}
	kept := p != nil
	if !kept {
		var err error
		if p, err = prepare(code, false); err != nil {
			return nil, err
		}
	}
	cache, err := openFolder(dir, sealed)
	files := countFiles(dir)
	var c *machineCode
	if err == nil {
		if c, err = e.compile(ctx, p, cache); err != nil {
			cache.Close(ctx)
		}
	}
	switch {
	case err == nil && (!kept || countFiles(dir) != files):
		// Programs with different versions of wazero keep their machine code side by side.
		if err = errors.Join(writePrepared(dir, p), seal(dir)); err == nil {
			err = evict(e.cfg.CacheDir, dir, e.cfg.cacheLimit())
		}
	case err != nil && ctx.Err() == nil:
		// The code or the folder? Once without the folder tells.
		var bad error
		if c, bad = e.compile(ctx, p, nil); bad != nil {
			return nil, bad
		}
	case err != nil:
		return nil, err
	}
	if err != nil && e.cfg.OnCacheError != nil {
		e.cfg.OnCacheError(fmt.Errorf("%w %s: %w", ErrCache, dir, err))
	}
	return c, nil
}

// folderName depends on everything that decides about the code as it is prepared.
func folderName(code []byte) string {
	sum := hashing.Blake2b128(append(bytes.Clone(code), rewriting))
	return fmt.Sprintf("%x", sum)
}

// preparedName is the file of the prepared code.
const preparedName = "prepared"

// keptCode is [prepared] as it is kept.
type keptCode struct {
	Bytes, Image []byte
	HasImage     bool
	Imports      []string
	Custom       map[string][]byte
	Pages        uint32
	Globals      int
	Restartable  bool
	Unmetered    string
}

// readPrepared returns nil if the folder holds none that can be read.
func readPrepared(dir string) *prepared {
	b, err := os.ReadFile(filepath.Join(dir, preparedName))
	var k keptCode
	if err != nil || gob.NewDecoder(bytes.NewReader(b)).Decode(&k) != nil {
		return nil
	}
	p := &prepared{bytes: k.Bytes, imports: k.Imports, custom: k.Custom, pages: k.Pages, globals: k.Globals, restartable: k.Restartable}
	if k.HasImage {
		p.image = append([]byte{}, k.Image...)
	}
	if k.Unmetered != "" {
		p.unmetered = errors.New(k.Unmetered)
	}
	return p
}

func writePrepared(dir string, p *prepared) error {
	k := keptCode{p.bytes, p.image, p.image != nil, p.imports, p.custom, p.pages, p.globals, p.restartable, ""}
	if p.unmetered != nil {
		k.Unmetered = p.unmetered.Error()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(k); err != nil {
		return err
	}
	return writeFile(dir, preparedName, b.Bytes())
}

// isSealed tells whether what is in a folder can be used, and notes that it is.
func isSealed(dir string) bool {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, sumName), now, now) // first, so that nobody takes it away meanwhile
	want, err := os.ReadFile(filepath.Join(dir, sumName))
	if err != nil {
		return false
	}
	got, err := folderSum(dir)
	return err == nil && bytes.Equal(got, want)
}

// openFolder opens a folder for compiled code; one that is not sealed is emptied.
func openFolder(dir string, sealed bool) (wazero.CompilationCache, error) {
	if !sealed {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// countFiles is how many files there are in a folder and those below.
func countFiles(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// folderSum is a checksum over names and contents of a folder. It finds damage; whoever
// may write into the folder may run code as this user anyway.
func folderSum(dir string) ([]byte, error) {
	var all []byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sumName {
			return err
		}
		content, err := os.ReadFile(path)
		sum := hashing.Twox256(content)
		all = append(append(all, filepath.Base(path)...), sum[:]...)
		return err
	})
	sum := hashing.Twox256(all)
	return sum[:], err
}

func seal(dir string) error {
	sum, err := folderSum(dir)
	if err != nil {
		return err
	}
	return writeFile(dir, sumName, sum)
}

// writeFile writes a file that is there as a whole or not at all.
func writeFile(dir, name string, content []byte) error {
	f, err := os.CreateTemp(dir, "*."+name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// folder is one of the cache with what it holds.
type folder struct {
	path string
	size int64
	used time.Time
}

// unsealedFor is how long a folder without a checksum is left alone: somebody may be
// compiling into it.
const unsealedFor = time.Hour

// evict takes away the folders that were not used for longest, but not the one at keep,
// until the rest are of at most limit bytes.
func evict(cache, keep string, limit int64) error {
	folders, err := foldersOf(cache)
	if err != nil {
		return err
	}
	slices.SortFunc(folders, func(a, b folder) int { return a.used.Compare(b.used) })
	var total int64
	for _, f := range folders {
		total += f.size
	}
	for _, f := range folders {
		if total <= limit {
			break
		}
		if f.path == keep || lastUse(f.path).After(f.used) {
			continue
		}
		if err := os.RemoveAll(f.path); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}

// foldersOf lists the folders of a cache that may be taken away. Others may do so meanwhile.
func foldersOf(cache string) (list []folder, err error) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || !isFolderName(entry.Name()) {
			continue
		}
		f := folder{path: filepath.Join(cache, entry.Name())}
		if f.used = lastUse(f.path); f.used.IsZero() {
			info, err := entry.Info()
			if err != nil || time.Since(info.ModTime()) < unsealedFor {
				continue
			}
			f.used = info.ModTime()
		}
		_ = filepath.WalkDir(f.path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone
			}
			if info, err := d.Info(); err == nil && !d.IsDir() {
				f.size += info.Size()
			}
			return nil
		})
		list = append(list, f)
	}
	return list, nil
}

// isFolderName tells whether something in the cache folder is a folder of compiled code.
func isFolderName(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == 16
}

// lastUse is zero if the folder is not sealed.
func lastUse(dir string) time.Time {
	info, err := os.Stat(filepath.Join(dir, sumName))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
