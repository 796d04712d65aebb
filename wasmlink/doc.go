// Package wasmlink turns a program of the standard Go toolchain into a runtime that nodes
// and validators accept: WebAssembly 1.0 with mutable globals, which imports only host
// functions.
//
// The toolchain writes for WASI, with instructions that came later, and a start function
// that nobody calls here. The passes, in order:
//
//	go build -buildmode=c-shared ─► parse
//	  ─► WASI imports become functions inside (wasi.go)
//	  ─► newer instructions become calls and short sequences (lower.go, helpers.go)
//	  ─► memory is laid out for two owners (below)
//	  ─► the start function runs now, and what it left in memory and globals is what an
//	     instance starts with (snapshot.go); or every export runs it first (wrap.go)
//	  ─► sections runtime_version and runtime_apis (sections.go)
//	  ─► encode ─► zstd behind the magic bytes (compress.go)
//
// # Memory
//
// Two allocators share a runtime's memory, and neither knows the other: the host's takes
// what lies above __heap_base and lets memory grow there; Go's takes what lies above its
// data. So the linker draws a border, and both come up against it instead of writing into
// each other's blocks:
//
//	0        data of the program     Go's heap ─►             border     host's blocks ─►
//	├────────┬───────────────────────┬────────────────────────┬─┬────────┬──────────────►
//	│ unused │ rodata, data, bss     │ handed out by "grow"   │w│ slack  │ grown by the host
//	└────────┴───────────────────────┴────────────────────────┴─┴────────┴──────────────►
//	                                                             __heap_base
//
// The module starts with all of it up to the slack, so its instruction memory.grow is
// gone: a function counts the pages that Go has taken, and refuses at the border. A node
// that grows memory to its maximum before the call (HeapAllocStrategy::Static) makes no
// difference. The page w collects what a dying program writes to standard error, so that
// its last words can be logged as a runtime's panic.
//
// An arena for the host inside Go's bss, below Go's heap, would do without the border, but
// not as well: the host does not know where such an arena ends and writes on into the heap.
//
// # Why the start function runs at link time
//
// Every runtime call gets a fresh instance, and initialising Go's runtime and the packages
// of a chain takes 26 ms (pallets declared, metadata made), against 0.9 ms for a call that
// finds all of it done: the guide's stage phase3, wazero, Core_version. The code is a
// seventh larger and, compressed, a twentieth smaller: 7.2 and 1.24 MB against 6.3 and 1.30.
//
// Sources: WebAssembly core specification 1.0 and 2.0; cmd/link/internal/wasm and
// runtime/mem_sbrk.go of Go 1.26; sc-executor-common runtime_blob, sc-allocator;
// sp-version embed; sp-maybe-compressed-blob.
package wasmlink
