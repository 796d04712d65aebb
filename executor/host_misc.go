package executor

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

func init() {
	define("allocator_malloc_version_1", "u", "P", true, func(e *env, s []uint64) {
		s[0] = uint64(must(e.alloc.allocate(e.mem, uint32(s[0]))))
	})
	define("allocator_free_version_1", "P", "", true, func(e *env, s []uint64) { must(0, e.alloc.free(e.mem, uint32(s[0]))) })

	define("logging_log_version_1", "uSS", "", true, func(e *env, s []uint64) {
		target := e.bytes(s[1])
		if uint32(s[0]) > uint32(LogTrace) || !utf8.Valid(target) {
			fail(errors.New("a log line of an unknown level or target"))
		}
		if text := e.bytes(s[2]); utf8.Valid(text) {
			e.log(Level(s[0]), string(target), string(text))
		}
	})
	define("logging_max_level_version_1", "", "u", true, func(e *env, s []uint64) {
		s[0] = uint64(LogError) + 1 // a panic is told as an error
		if e.opts.OnLog != nil {
			s[0] = uint64(LogTrace) + 1
		}
	})
	define("misc_print_utf8_version_1", "S", "", true, func(e *env, s []uint64) {
		if text := e.bytes(s[0]); utf8.Valid(text) {
			e.log(LogDebug, "runtime", string(text))
		}
	})
	define("misc_print_hex_version_1", "S", "", true, func(e *env, s []uint64) { e.log(LogDebug, "runtime", hex.EncodeToString(e.bytes(s[0]))) })
	define("misc_print_num_version_1", "U", "", true, func(e *env, s []uint64) { e.log(LogDebug, "runtime", fmt.Sprint(s[0])) })
	define("misc_runtime_version_version_1", "S", "S", true, func(e *env, s []uint64) {
		v, ok := e.versionOf(e.clone(s[0]))
		s[0] = e.option(v, ok)
	})
	define("panic_handler_abort_on_panic_version_1", "S", "", true, func(e *env, s []uint64) {
		e.panic = string(e.bytes(s[0]))
		fail(errPanicked)
	})

	// Tracing is answered as by a node that has none switched on.
	define("wasm_tracing_enabled_version_1", "S", "u", false, func(_ *env, s []uint64) { s[0] = 0 })
	define("wasm_tracing_enter_span_version_1", "S", "U", false, func(_ *env, s []uint64) { s[0] = 0 })
	define("wasm_tracing_event_version_1", "S", "", false, func(*env, []uint64) {})
	define("wasm_tracing_exit_version_1", "U", "", false, func(*env, []uint64) {})

	// A node without a statement store answers so.
	define("statement_store_submit_statement_version_1", "S", "u", false, func(_ *env, s []uint64) { s[0] = 3 })
	define("statement_store_statements_version_1", "", "S", false, func(e *env, s []uint64) { s[0] = e.fat([]byte{0}) })
	define("statement_store_broadcasts_version_1", "S", "S", false, func(e *env, s []uint64) { s[0] = e.fat([]byte{0}) })
	define("statement_store_posted_version_1", "SP", "S", false, func(e *env, s []uint64) { s[0] = e.fat([]byte{0}) })
	define("statement_store_posted_clear_version_1", "SP", "S", false, func(e *env, s []uint64) { s[0] = e.fat([]byte{0}) })
	define("statement_store_remove_version_1", "P", "", false, func(*env, []uint64) {})
	define("statement_store_remove_by_version_1", "P", "", false, func(*env, []uint64) {})
}

func (e *env) log(level Level, target, text string) {
	if level == LogError && (target == "runtime" || e.words == "") {
		e.words = text
	}
	if e.opts.OnLog != nil {
		e.opts.OnLog(level, target, text)
	}
}
