package executor

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/tetratelabs/wazero"

	"pileus/hashing"
)

// ErrCache is wrapped by errors of the cache folder, which say nothing of the code.
var ErrCache = errors.New("cache of compiled runtimes")

// sumName is the file that seals a folder of the cache.
const sumName = "sum"

// cached compiles code through the folder that is its own in the cache. The folder holds
// what [prepare] found out about the code and, in a file of wazero's, the machine code.
//
// What lies there is machine code that will run, so a folder counts only while the
// checksum beside it fits: one with a torn file is made again. A folder is made under
// another name and takes its own when it is whole; of two processes that do so the last
// one's stays. A folder that cannot be made is reported to [Config.OnCacheError], and the
// code is compiled without it.
//
// The checksum's time is that of the last use. Whoever adds a folder takes away the ones
// that were not used for longest, until all of them are within [Config.CacheLimit]. One
// that another process is about to read is gone for it like one that is torn.
func (e *Engine) cached(ctx context.Context, code []byte, limit int) (*machineCode, error) {
	dir := filepath.Join(e.cfg.CacheDir, folderName(code))
	if isSealed(dir) {
		if c := e.kept(ctx, dir); c != nil {
			if c.prepared.size > limit && bytes.HasPrefix(code, CompressedPrefix) {
				return nil, errors.Join(&DecompressError{tooLarge(limit)}, c.close(ctx))
			}
			return c, nil
		}
	}
	p, err := unpack(code, limit, false)
	if err != nil {
		return nil, err
	}
	c, err := e.compileInto(ctx, dir, p)
	if c == nil && ctx.Err() != nil {
		return nil, err
	}
	if c == nil {
		// The code or the folder? Once without the folder tells.
		var bad error
		if c, bad = e.compile(ctx, p, nil); bad != nil {
			return nil, bad
		}
	}
	if err != nil && e.cfg.OnCacheError != nil {
		e.cfg.OnCacheError(fmt.Errorf("%w %s: %w", ErrCache, dir, err))
	}
	return c, nil
}

// folderName depends on everything that decides about the code as it is prepared, and on
// the version of the compiler.
func folderName(code []byte) string {
	sum := hashing.Blake2b256(code)
	return fmt.Sprintf("%x", hashing.Blake2b128(append(append(sum[:], rewriting), wazeroVersion()...)))
}

// wazeroVersion is the version with which this program was built; empty if it does not say.
var wazeroVersion = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, m := range info.Deps {
			if m.Path == "github.com/tetratelabs/wazero" {
				return m.Version
			}
		}
	}
	return ""
})

// kept makes ready what lies in a sealed folder; nil if it is not for this machine.
func (e *Engine) kept(ctx context.Context, dir string) *machineCode {
	p := readPrepared(dir)
	if p == nil {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil
	}
	p.bytes = p.stub
	c, err := e.compile(ctx, p, cache)
	if err != nil {
		cache.Close(ctx)
		return nil
	}
	if !c.isWhole(ctx) {
		_ = c.close(ctx)
		return nil
	}
	return c
}

// compileInto compiles code and makes the folder of it. Without machine code it is the
// compiling that failed; with it, the folder, and the code can be used all the same.
func (e *Engine) compileInto(ctx context.Context, dir string, p *prepared) (*machineCode, error) {
	made, err := os.MkdirTemp(e.cfg.CacheDir, filepath.Base(dir)+".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(made)
	full := filepath.Join(made, "full")
	cache, err := wazero.NewCompilationCacheWithDir(full)
	if err != nil {
		return nil, err
	}
	var stub string
	var stubErr error
	var beside sync.WaitGroup
	beside.Go(func() { stub, stubErr = stubFile(ctx, filepath.Join(made, "stub"), p.stub) })
	c, err := e.compile(ctx, p, cache)
	beside.Wait()
	if err != nil {
		cache.Close(ctx)
		return nil, err
	}
	if stubErr != nil {
		return c, stubErr
	}
	file, err := onlyFile(full)
	if err != nil {
		return c, err
	}
	keep := filepath.Join(made, "keep")
	place := filepath.Join(keep, filepath.Base(filepath.Dir(stub)))
	if err := errors.Join(os.MkdirAll(place, 0o700), os.Rename(file, filepath.Join(place, filepath.Base(stub))), writePrepared(keep, p), seal(keep)); err != nil {
		return c, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return c, err
	}
	if err := os.Rename(keep, dir); err != nil && lastUse(dir).IsZero() { // another process may have been faster
		return c, err
	}
	return c, evict(e.cfg.CacheDir, dir, e.cfg.cacheLimit())
}

// preparedName is the file of what is known of the code.
const preparedName = "prepared"

// keptCode is [prepared] as it is kept.
type keptCode struct {
	Stub, Image []byte
	HasImage    bool
	Size        int
	Imports     []string
	Custom      map[string][]byte
	Pages       uint32
	Globals     int
	Restartable bool
	Unmetered   string
}

// readPrepared returns nil if the folder holds none that can be read.
func readPrepared(dir string) *prepared {
	b, err := os.ReadFile(filepath.Join(dir, preparedName))
	var k keptCode
	if err != nil || gob.NewDecoder(bytes.NewReader(b)).Decode(&k) != nil {
		return nil
	}
	p := &prepared{stub: k.Stub, size: k.Size, imports: k.Imports, custom: k.Custom, pages: k.Pages, globals: k.Globals, restartable: k.Restartable}
	if k.HasImage {
		p.image = append([]byte{}, k.Image...)
	}
	if k.Unmetered != "" {
		p.unmetered = errors.New(k.Unmetered)
	}
	return p
}

func writePrepared(dir string, p *prepared) error {
	k := keptCode{p.stub, p.image, p.image != nil, p.size, p.imports, p.custom, p.pages, p.globals, p.restartable, ""}
	if p.unmetered != nil {
		k.Unmetered = p.unmetered.Error()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(k); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, preparedName), b.Bytes(), 0o600)
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

// folderSum is a checksum over names and contents of a folder. It finds damage; whoever
// may write into the folder may run code as this user anyway.
func folderSum(dir string) ([]byte, error) {
	h := xxhash.New()
	buf := make([]byte, 256<<10) // the file is larger than all that a start needs besides
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sumName {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		size := int64(0)
		for {
			n, err := f.Read(buf)
			h.Write(buf[:n])
			size += int64(n)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		fmt.Fprintf(h, "/%s/%d/", d.Name(), size)
		return nil
	})
	return h.Sum(nil), err
}

func seal(dir string) error {
	sum, err := folderSum(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sumName), sum, 0o600)
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
		if e := os.RemoveAll(f.path); e != nil {
			err = e // another process may be writing there: others will do
			continue
		}
		total -= f.size
	}
	if total <= limit {
		return nil
	}
	return err
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
	name, _, _ = strings.Cut(name, ".") // one that is being made has more behind it
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
