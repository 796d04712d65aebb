// Package frame is a runtime SDK: what a parachain's runtime is made of, in plain Go.
//
// A runtime is a list of pallets. A [Pallet] declares storage ([Value], [Map],
// [DoubleMap], [CountedMap]), calls, events, errors, constants and hooks, as values of
// Go types; a [Runtime] puts pallets together, executes blocks, answers runtime APIs and
// describes itself in metadata:
//
//	extrinsic ─► decode ─► pipeline of extensions (nonce, weight, fee) ─► call ─► pallet ─► storage, events
//	                                                                               │
//	initialize_block ─► hooks in declaration order ◄──── one block ────► finalize_block ─► header
//
// The names are those of FRAME (crates frame-support 49, frame-system 49, frame-executive
// 49), and so are the bytes: keys, calls, events, errors and metadata are what clients of
// FRAME chains expect.
//
// The same code runs natively on a storage in memory (package host), under go test, and
// compiled with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
//
// as the runtime itself. It has no clock, no chance, no goroutine and no floating point,
// and never ranges over a map: equal inputs give equal bytes.
package frame
