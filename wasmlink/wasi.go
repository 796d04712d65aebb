package wasmlink

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"pileus/internal/wasm"
)

// wasiModule is the module that the Go toolchain imports its system calls from.
const wasiModule = "wasi_snapshot_preview1"

// Results of system calls (WASI preview 1, errno).
const (
	errnoSuccess = 0
	errnoBadFile = 8
	errnoNoSys   = 52
)

// clock is what every clock shows, in nanoseconds: Go's runtime refuses zero.
const clock = 1_000_000_000

// The page of last words, from its begin.
const (
	wordsText   = 16      // behind the length, an i32
	wordsMost   = 8 << 10 // bytes of text
	wordsTarget = 16 << 10
)

// traceMarks begin the stack traces that Go writes behind the text of a panic or of a
// fatal error.
var traceMarks = [...]string{"\n\ngorout", "\n\nruntim"}

const logFunction = "ext_logging_log_version_1"

// wasi makes the functions that stand for WASI. A runtime has one clock that stands
// still, randomness that is zero, no arguments, no files; its environment tells the
// garbage collector to start only when memory gets short. What it writes to standard
// error is logged when it exits: a panic's text, without the stack trace behind it.
type wasi struct {
	m     *module
	words uint32 // address of the page of last words
	log   uint32 // function ext_logging_log_version_1
	copy  uint32 // function that copies memory
	fill  uint32
	find  uint32 // function that finds the begin of a stack trace
	die   uint32 // function that logs the last words and traps
	polls uint32 // global that counts calls of poll_oneoff
	env   []string
}

// stub is the function for a system call. Its type is that of the import.
func (w *wasi) stub(name string, t wasm.FuncType) (body, error) {
	special := map[string]struct {
		params, results string
		make            func() body
	}{
		"args_get":          {"ii", "i", zero},
		"args_sizes_get":    {"ii", "i", func() body { return storePair(0, 0) }},
		"environ_get":       {"ii", "i", w.environ},
		"environ_sizes_get": {"ii", "i", func() body { return storePair(len(w.env), len(w.environment())) }},
		"clock_time_get":    {"iIi", "i", clockTime},
		"random_get":        {"ii", "i", w.random},
		"fd_write":          {"iiii", "i", w.write},
		"poll_oneoff":       {"iiii", "i", w.poll},
		"proc_exit":         {"i", "", func() body { return function(code(nil).call(w.die)) }},
	}
	if s, ok := special[name]; ok {
		if string(t.Params) != string(valTypes(s.params)) || string(t.Results) != string(valTypes(s.results)) {
			return body{}, fmt.Errorf("import %s.%s has another type than in WASI preview 1", wasiModule, name)
		}
		return s.make(), nil
	}
	switch {
	case len(t.Results) != 1 || t.Results[0] != valI32:
		return function(code(nil).op(opUnreachable)), nil
	case strings.HasPrefix(name, "fd_"), strings.HasPrefix(name, "path_"):
		return function(code(nil).i32(errnoBadFile)), nil
	}
	return function(code(nil).i32(errnoNoSys)), nil
}

func valTypes(s string) (t []byte) {
	for _, c := range s {
		if c == 'I' {
			t = append(t, valI64)
		} else {
			t = append(t, valI32)
		}
	}
	return t
}

func zero() body { return function(code(nil).i32(errnoSuccess)) }

// storePair writes two numbers to the two addresses that are the parameters.
func storePair(a, b int) body {
	c := code(nil).get(0).i32(int32(a)).mem(opI32Store, 0)
	c = c.get(1).i32(int32(b)).mem(opI32Store, 0)
	return function(c.i32(errnoSuccess))
}

func clockTime() body {
	return function(code(nil).get(2).i64(clock).mem(opI64Store, 0).i32(errnoSuccess))
}

func (w *wasi) random() body {
	return function(code(nil).get(0).i32(0).get(1).call(w.fill).i32(errnoSuccess))
}

// environment is what the program finds as its environment, each entry ended by zero.
func (w *wasi) environment() string {
	s := ""
	for _, e := range w.env {
		s += e + "\x00"
	}
	return s
}

// environ writes addresses to the first parameter and what they point at to the second.
func (w *wasi) environ() body {
	c, at := code(nil), uint32(0)
	for i, e := range w.env {
		c = c.get(0).get(1).i32(int32(at)).op(opI32Add).mem(opI32Store, uint32(4*i))
		at += uint32(len(e)) + 1
	}
	return function(storeText(c, 1, w.environment()).i32(errnoSuccess))
}

// storeText writes text to the address in a local, without data in the module.
func storeText(c code, local uint32, text string) code {
	at := 0
	for ; at+8 <= len(text); at += 8 {
		var v uint64
		for k := 7; k >= 0; k-- {
			v = v<<8 | uint64(text[at+k])
		}
		c = c.get(local).i64(int64(v)).mem(opI64Store, uint32(at))
	}
	for ; at < len(text); at++ {
		c = c.get(local).i32(int32(text[at])).mem(opI32Store8, uint32(at))
	}
	return c
}

// write keeps what goes to standard output and error: parameters file, vectors, how many,
// address of the number written. Text that does not fit is cut, and takes the place of what
// was in the second half.
func (w *wasi) write() body {
	const file, vectors, count, written, total, n, kept = 0, 1, 2, 3, 4, 5, 6
	at := int32(w.words)
	c := code(nil).get(file).i32(1).op(opI32Sub).i32(2).op(opI32GeU).when()
	c = c.i32(errnoBadFile).op(opReturn).end()
	c = c.block().loop().get(count).op(opI32Eqz).brIf(1)
	c = c.get(vectors).mem(opI32Load, 4).tee(n).get(total).op(opI32Add).set(total)
	c = c.i32(wordsMost).i32(at).mem(opI32Load, 0).tee(kept).op(opI32Sub).get(n).op(opI32LtU).when()
	c = least(c, kept, func(c code) code { return c.i32(wordsMost / 2) })
	c = least(c, n, func(c code) code { return c.i32(wordsMost).get(kept).op(opI32Sub) }).end()
	c = c.i32(at+wordsText).get(kept).op(opI32Add).get(vectors).mem(opI32Load, 0).get(n).call(w.copy)
	c = c.i32(at).get(kept).get(n).op(opI32Add).mem(opI32Store, 0)
	// from where a mark may have been begun before
	c = c.i32(markSize-1).get(kept).get(kept).i32(markSize-1).op(opI32LtU, opSelect)
	c = c.i32(markSize - 1).op(opI32Sub) // never below zero: kept counts as at least a mark
	c = c.call(w.find).i32(-1).op(opI32Ne).when().call(w.die).end()
	c = advance(c, vectors, 8).get(count).i32(1).op(opI32Sub).set(count).br(0).end().end()
	c = c.get(written).get(total).mem(opI32Store, 0)
	return function(c.i32(errnoSuccess), valI32, valI32, valI32)
}

// least sets a local to the lesser of itself and a bound, as unsigned numbers.
func least(c code, local uint32, bound func(code) code) code {
	c = bound(c.get(local))
	return bound(c.get(local)).op(opI32LtU, opSelect).set(local)
}

// mostPolls is how often a program may sleep. A dying one does so a few times; one that
// waits for a clock that stands still would never end.
const mostPolls = 1000

// poll sleeps for no time, and no event comes.
func (w *wasi) poll() body {
	const text = 4
	c := code(nil).global(w.polls).i32(1).op(opI32Add).setGlobal(w.polls)
	c = c.global(w.polls).i32(mostPolls).op(opI32GtU).when()
	c = c.i32(int32(w.words) + wordsText).set(text)
	c = storeText(c, text, waiting)
	c = c.i32(int32(w.words)).i32(int32(len(waiting))).mem(opI32Store, 0).call(w.die).end()
	c = c.get(3).i32(0).mem(opI32Store, 0)
	return function(c.i32(errnoSuccess), valI32)
}

const markSize = 8

// search is the function that finds the begin of a stack trace in the text that is kept:
// parameter and result are places in it; -1 if there is none.
func (w *wasi) search() body {
	const i, word = 0, 1
	c := code(nil).block().loop()
	c = c.get(i).i32(markSize).op(opI32Add).i32(int32(w.words)).mem(opI32Load, 0).op(opI32GtU).brIf(1)
	c = c.get(i).mem(opI64Load, w.words+wordsText).set(word)
	for _, m := range traceMarks {
		c = c.get(word).i64(int64(binary.LittleEndian.Uint64([]byte(m)))).op(opI64Eq).when()
		c = c.get(i).op(opReturn).end()
	}
	c = advance(c, i, 1).br(0).end().end()
	return function(c.i32(-1), valI64)
}

// last is the function that logs the last words and ends the call.
func (w *wasi) last() body {
	const n, i, at = 0, 1, 2
	words := int32(w.words)
	fat := func(c code, text int32, length func(code) code) code {
		return length(c).op(opI64ExtendU).i64(32).op(opI64Shl).i64(int64(text)).op(opI64Or)
	}
	c := code(nil).i32(words).mem(opI32Load, 0).tee(n).op(opI32Eqz).when()
	c = c.i32(words + wordsText).set(at)
	c = storeText(c, at, noWords).i32(int32(len(noWords))).set(n).end()
	c = c.i32(0).call(w.find).tee(i).i32(-1).op(opI32Ne).when().get(i).set(n).end()
	c = c.i32(words + wordsTarget).set(at)
	c = storeText(c, at, logTarget).i32(0)
	c = fat(c, words+wordsTarget, func(c code) code { return c.i32(int32(len(logTarget))) })
	c = fat(c, words+wordsText, func(c code) code { return c.get(n) })
	c = c.call(w.log).op(opUnreachable)
	return function(c, valI32, valI32, valI32)
}

const (
	logTarget = "runtime"
	noWords   = "the runtime exited"
	waiting   = "the runtime waits for a clock that stands still"
)

// collectorSettings are the environment of a program with that many bytes for its heap:
// no collection while there is room, since an instance lives for one call.
func collectorSettings(heap uint32) []string {
	return []string{"GOGC=off", "GOMEMLIMIT=" + strconv.Itoa(int(heap/4*3))}
}
