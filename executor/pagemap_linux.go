package executor

import (
	"encoding/binary"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pagemap tells which pages of a private mapping were written since they were mapped or
// given back (proc_pid_pagemap(5), Documentation/admin-guide/mm/pagemap.rst).
type pagemap struct {
	file *os.File
	page int // bytes
}

// Bits of a page's entry.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61 // still that of the file behind the mapping
)

// written are the pagemap of this process; nil where the system has none that answers as it should.
var written = sync.OnceValue(func() *pagemap {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil
	}
	p := &pagemap{f, unix.Getpagesize()}
	if !p.works() {
		f.Close()
		return nil
	}
	return p
})

// works asks about pages that were not touched, read and written.
func (p *pagemap) works() bool {
	i := newImage(make([]byte, 3*p.page))
	if i.fd < 0 {
		return false
	}
	r := &region{image: i}
	b := r.take(nil, uint64(5*p.page))
	if b == nil || r.heap.b != nil {
		return false
	}
	read := b[p.page]
	b[2*p.page], b[4*p.page] = read+1, 1
	list, ok := p.of(b, nil)
	return ok && len(list) == 2 && list[0] == 2 && list[1] == 4
}

// entriesAtOnce are asked for in one read.
const entriesAtOnce = 512

// of appends the numbers of the written pages of b, which begins with a page.
func (p *pagemap) of(b []byte, list []int) (_ []int, ok bool) {
	if len(b) == 0 {
		return list, true
	}
	var room [8 * entriesAtOnce]byte
	first := int64(uintptr(unsafe.Pointer(&b[0])) / uintptr(p.page))
	for at, n := 0, len(b)/p.page; at < n; {
		part := room[:8*min(n-at, entriesAtOnce)]
		if _, err := p.file.ReadAt(part, 8*(first+int64(at))); err != nil {
			return list, false
		}
		for ; len(part) > 0; part = part[8:] {
			e := binary.NativeEndian.Uint64(part)
			if e&(pagePresent|pageSwapped) != 0 && e&pageOfFile == 0 {
				list = append(list, at)
			}
			at++
		}
	}
	return list, true
}
