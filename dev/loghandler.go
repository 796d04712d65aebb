package dev

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"pileus/internal/layout"
)

// consoleHandler writes records for people, as nodes do where only level info is logged
// (sc-tracing 49, EventFormat):
//
//	2026-11-29 12:00:00 [Parachain] 🏆 Imported #42 (0x1234…cdef → 0x5678…90ab)
//
// The level is written where it is not info, groups of attributes are for machines and left out.
type consoleHandler struct {
	mu     *sync.Mutex
	out    io.Writer
	level  slog.Leveler
	colour bool
	chain  string
	attrs  string
}

// NewLogHandler returns a handler that writes a line for people per record. With colour,
// block numbers and levels stand out.
func NewLogHandler(out io.Writer, level slog.Leveler, colour bool) slog.Handler {
	return &consoleHandler{mu: &sync.Mutex{}, out: out, level: level, colour: colour}
}

// Enabled implements [slog.Handler].
func (h *consoleHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements [slog.Handler].
func (h *consoleHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Time.Format("2006-01-02 15:04:05 "))
	if r.Level != slog.LevelInfo {
		b.WriteString(h.painted(levelColours[r.Level], r.Level.String()) + " ")
	}
	if h.chain != "" {
		b.WriteString("[" + h.chain + "] ")
	}
	message := layout.Plain(r.Message)
	if h.colour {
		message = blockNumber.ReplaceAllStringFunc(message, func(s string) string { return h.painted("1", s) })
	}
	b.WriteString(message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool { b.WriteString(attr(a)); return true })
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, b.String())
	return err
}

var (
	blockNumber  = regexp.MustCompile(`#\d+`)
	levelColours = map[slog.Level]string{slog.LevelDebug: "34", slog.LevelWarn: "33", slog.LevelError: "31"}
)

func (h *consoleHandler) painted(code, s string) string {
	if !h.colour || code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func attr(a slog.Attr) string {
	if a.Value.Kind() == slog.KindGroup {
		return ""
	}
	v := layout.Plain(a.Value.String())
	if v == "" || strings.ContainsAny(v, " \"=") {
		v = `"` + strings.ReplaceAll(v, `"`, `\"`) + `"`
	}
	return " " + a.Key + "=" + v
}

// WithAttrs implements [slog.Handler].
func (h *consoleHandler) WithAttrs(list []slog.Attr) slog.Handler {
	next := *h
	for _, a := range list {
		if a.Key == chainKey {
			next.chain = a.Value.String()
			continue
		}
		next.attrs += attr(a)
	}
	return &next
}

// WithGroup implements [slog.Handler]; groups are not shown.
func (h *consoleHandler) WithGroup(string) slog.Handler { return h }
