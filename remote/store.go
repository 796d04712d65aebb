package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"pileus/hashing"
)

// store keeps trie nodes and hashed values by their hash, in memory or in a folder. What
// it hands out has been hashed again: a damaged file holds less, never something wrong.
//
// In the folder every process that has something to add writes a file of its own,
//
//	nodes-*: (hash 32 bytes, length u32, bytes)*
//
// and reads those of all others. Nobody changes what is there, so there are no locks, and
// a process that is killed leaves a last entry at most that is cut short and passed over.
// Nodes have the same hash in whatever block they stand: all blocks of a chain share them.
type store struct {
	dir string // empty: memory only

	mu    sync.RWMutex
	mem   map[hashing.Hash][]byte
	disk  map[hashing.Hash]location
	files []*os.File
	out   *os.File // this process's own; nil: none yet
	end   int64    // of out
	err   error    // why nothing more is written
}

type location struct {
	file   *os.File
	offset int64
	length uint32
}

const (
	entryHead = 32 + 4
	maxEntry  = maxAnswer
	// mergeFrom is the number of files from which on they are made one at the start.
	mergeFrom = 32
)

// openStore opens the nodes in a folder, which is made if it is not there.
func openStore(dir string) (*store, error) {
	s := &store{dir: dir, mem: map[hashing.Hash][]byte{}, disk: map[hashing.Hash]location{}}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "nodes-*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.scan(name); err != nil {
			s.close()
			return nil, err
		}
	}
	if len(names) >= mergeFrom {
		s.merge(names)
	}
	return s, nil
}

// scan notes where the entries of a file stand.
func (s *store) scan(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) { // merged by another process in this moment
		return nil
	}
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var head [entryHead]byte
	for offset := int64(0); ; {
		if _, err := f.ReadAt(head[:], offset); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		length := binary.LittleEndian.Uint32(head[32:])
		offset += entryHead
		if length > maxEntry || offset+int64(length) > info.Size() {
			return nil
		}
		s.disk[hashing.Hash(head[:32])] = location{f, offset, length}
		offset += int64(length)
	}
}

// merge puts all entries into one file of this process. Files that cannot be removed stay.
func (s *store) merge(names []string) {
	for hash := range s.disk {
		if data, ok := s.get(hash); ok {
			s.write([]node{{hash, data}})
		}
	}
	if s.err != nil {
		return
	}
	for _, name := range names {
		os.Remove(name)
	}
}

// get returns the node with that hash.
func (s *store) get(hash hashing.Hash) ([]byte, bool) {
	s.mu.RLock()
	data, ok := s.mem[hash]
	at, onDisk := s.disk[hash]
	s.mu.RUnlock()
	if ok || !onDisk {
		return data, ok
	}
	data = make([]byte, at.length)
	if _, err := at.file.ReadAt(data, at.offset); err != nil || hashing.Blake2b256(data) != hash {
		s.mu.Lock()
		delete(s.disk, hash) // it is fetched and written again
		s.mu.Unlock()
		return nil, false
	}
	return data, true
}

// node is what a store holds.
type node struct {
	hash hashing.Hash
	data []byte
}

// add keeps nodes whose hashes have been checked. What cannot be written is kept in memory.
func (s *store) add(list []node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []node
	for _, n := range list {
		_, inMem := s.mem[n.hash]
		_, onDisk := s.disk[n.hash]
		if !inMem && !onDisk {
			fresh = append(fresh, n)
		}
	}
	if s.dir != "" && s.err == nil {
		s.write(fresh)
	}
	for _, n := range fresh {
		if _, onDisk := s.disk[n.hash]; !onDisk {
			s.mem[n.hash] = n.data
		}
	}
}

// write appends nodes to this process's file in one go.
func (s *store) write(list []node) {
	if len(list) == 0 {
		return
	}
	if s.out == nil {
		if s.out, s.err = os.CreateTemp(s.dir, "nodes-*"); s.err != nil {
			return
		}
		s.files = append(s.files, s.out)
	}
	var b []byte
	for _, n := range list {
		b = append(b, n.hash[:]...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(n.data)))
		b = append(b, n.data...)
	}
	if _, s.err = s.out.WriteAt(b, s.end); s.err != nil {
		return
	}
	for _, n := range list {
		s.end += entryHead
		s.disk[n.hash] = location{s.out, s.end, uint32(len(n.data))}
		s.end += int64(len(n.data))
	}
}

// failed is why nothing is written any more; nil if all is well.
func (s *store) failed() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.err
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.Close()
	}
	s.files, s.out, s.disk = nil, nil, map[hashing.Hash]location{}
}

// record is what is kept of a block beside its nodes.
type record struct {
	Name       string         `json:"name"` // of the chain
	Properties map[string]any `json:"properties,omitempty"`
	Genesis    string         `json:"genesis"`
	Header     []byte         `json:"header"` // SCALE
	// Root is that of a state that was loaded whole; empty: the nodes are those of the header's root.
	Root string `json:"root,omitempty"`
}

// recordFile is where the record of a block stands that was asked for at an address.
func recordFile(dir string, a Address) string {
	name := hashing.Blake2b256([]byte(a.URL + "@" + a.Block))
	return filepath.Join(dir, "blocks", fmt.Sprintf("%x.json", name[:16]))
}

// saveRecord keeps a record; it is whole or not there.
func saveRecord(file string, r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// loadRecord reads a record; ok is false if there is none that is sound.
func loadRecord(file string) (r *record, ok bool) {
	f, err := os.Open(file)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil || json.Unmarshal(b, &r) != nil || r == nil {
		return nil, false
	}
	return r, true
}
