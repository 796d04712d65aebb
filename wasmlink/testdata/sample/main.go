// A program that is linked and run by the tests of wasmlink: a runtime that can do little
// more than exist.
package main

import (
	"sort"
	"strings"
	"unsafe"
)

//go:wasmimport env ext_hashing_blake2_256_version_1
func blake2b256(data uint64) uint32

//go:wasmimport env ext_allocator_free_version_1
func free(ptr uint32)

// table is made when packages are initialised, with the host's hash.
var table = map[string][32]byte{}

func init() {
	for _, s := range []string{"alice", "bob", "charlie"} {
		table[s] = hash([]byte(s))
	}
}

func hash(b []byte) (h [32]byte) {
	at := blake2b256(fat(b))
	copy(h[:], bytes(at, 32))
	free(at)
	return h
}

func bytes(ptr, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), ptr)), n)
}

func fat(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) | uint64(len(b))<<32
}

// version is a SCALE-encoded RuntimeVersion with one API (Core, version 5).
var version = append(append([]byte("\x18sample\x18sample\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x04"),
	0xdf, 0x6a, 0xcb, 0x68, 0x99, 0x07, 0x60, 0x9b, 5, 0, 0, 0), 1, 0, 0, 0, 1)

//go:wasmexport Core_version
func coreVersion(_, _ uint32) uint64 { return fat(version) }

// hashes gives the hash of each argument byte's name, and of the arguments.
//
//go:wasmexport hashes
func hashes(ptr, n uint32) uint64 {
	in := bytes(ptr, n)
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	sort.Strings(names)
	out := []byte(strings.Join(names, ","))
	for _, name := range names {
		h := table[name]
		out = append(out, h[:]...)
	}
	h := hash(in)
	return fat(append(out, h[:]...))
}

var kept [][]byte

// allocate makes as many mebibytes of garbage as the first argument byte says, a quarter
// kibibyte at a time, and keeps every thousandth block; if there is a second byte it
// keeps all.
//
//go:wasmexport allocate
func allocate(ptr, n uint32) uint64 {
	in := bytes(ptr, n)
	sum := uint64(0)
	for i := range int(in[0]) << 12 {
		b := make([]byte, 256)
		b[i&255] = byte(i)
		if i%1000 == 0 || len(in) > 1 {
			kept = append(kept, b)
		}
	}
	for i, b := range kept {
		for k, v := range b {
			sum = sum*31 + uint64(v)*uint64(i+k)
		}
	}
	return fat([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
}

// numbers converts, extends, moves and clears in ways that the compiler has instructions for.
//
//go:wasmexport numbers
func numbers(ptr, n uint32) uint64 {
	in := bytes(ptr, n)
	var sum uint64
	add := func(v uint64) { sum = sum*1000003 + v }
	f := 1.0
	for _, b := range in {
		f = f*1.75 + float64(int8(b))
		add(uint64(int64(int8(b))))
		add(uint64(int64(int16(b) << 8)))
		add(uint64(int64(int32(b) << 24)))
		add(uint64(int64(f)))
		add(uint64(f))
		add(uint64(int32(f)))
		add(uint64(uint32(f)))
	}
	work := append([]byte(nil), in...)
	for at := range work {
		copy(work[at/2:], work[at:])
		copy(work[at:], work[at/3:])
		clear(work[at/4 : at/4+at%7])
	}
	for _, b := range work {
		add(uint64(b))
	}
	out := make([]byte, 8)
	for i := range out {
		out[i] = byte(sum >> (8 * i))
	}
	return fat(out)
}

// fail ends in a panic with the arguments as its text.
//
//go:wasmexport fail
func fail(ptr, n uint32) uint64 { panic(string(bytes(ptr, n))) }

// wait waits for what never comes.
//
//go:wasmexport wait
func wait(_, _ uint32) uint64 {
	<-make(chan int)
	return 0
}

func main() {}
