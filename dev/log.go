package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"pileus/dev/store"
	"pileus/hashing"
	"pileus/parachain"
	"pileus/pipeline"
	"pileus/primitives"
)

// logHandler writes records as nodes do: time, level where it is not the usual one, message, attributes.
type logHandler struct {
	mu    *sync.Mutex
	out   io.Writer
	attrs string
}

// NewLogHandler returns a handler that writes a line for people per record.
func NewLogHandler(out io.Writer) slog.Handler { return &logHandler{mu: &sync.Mutex{}, out: out} }

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements [slog.Handler].
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Time.Format("2006-01-02 15:04:05.000 "))
	if r.Level != slog.LevelInfo {
		b.WriteString(r.Level.String() + " ")
	}
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool { b.WriteString(attr(a)); return true })
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, b.String())
	return err
}

func attr(a slog.Attr) string {
	v := a.Value.String()
	if strings.ContainsAny(v, " \n\"") {
		v = fmt.Sprintf("%q", v)
	}
	return " " + a.Key + "=" + v
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(list []slog.Attr) slog.Handler {
	next := *h
	for _, a := range list {
		next.attrs += attr(a)
	}
	return &next
}

// WithGroup implements [slog.Handler]; groups are not shown.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

// short is a hash as logs show it.
func short(h hashing.Hash) string {
	s := h.String()
	return s[:6] + "…" + s[len(s)-4:]
}

func (n *Node) logImported(b *store.Block) {
	n.log.Info(fmt.Sprintf("Imported #%d (%s → %s)", b.Number(), short(b.Parent()), short(b.Hash)), "extrinsics", len(b.Extrinsics))
}

func (n *Node) logBest(b parachain.BestChanged) {
	if len(b.Retracted) > 0 {
		old := b.Retracted[0]
		n.log.Info(fmt.Sprintf("Reorg on #%d,%s to #%d,%s, common ancestor #%d", old.Number(), short(old.Hash), b.Best.Number(), short(b.Best.Hash),
			b.Retracted[len(b.Retracted)-1].Number()-1))
	}
}

// logEvent writes what of the network's events a node's operator would want to know.
func (n *Node) logEvent(e pipeline.Timed) {
	switch e := e.Event.(type) {
	case pipeline.Authored:
		n.log.Info(fmt.Sprintf("Prepared block for proposing at #%d", e.Number), "hash", short(e.Hash), "collator", e.Collator, "relay_parent", e.RelayParent, "segment", e.Segment)
	case pipeline.Backed:
		n.log.Info(fmt.Sprintf("Backed #%d", e.Number), "hash", short(e.Hash), "relay_block", e.Relay)
	case pipeline.Included:
		n.log.Info(fmt.Sprintf("Included #%d", e.Number), "hash", short(e.Hash), "relay_block", e.Relay)
	case pipeline.Dropped:
		n.log.Warn(fmt.Sprintf("Dropped #%d", e.Number), "hash", short(e.Hash), "reason", e.Reason, "detail", e.Detail)
	case pipeline.Refused:
		n.log.Warn("Refused", "collator", e.Collator, "reason", e.Reason, "cause", e.Cause)
	case pipeline.TimedOut:
		n.log.Warn(fmt.Sprintf("Timed out #%d", e.Number), "hash", short(e.Hash), "relay_block", e.Relay)
	case pipeline.SlotMissed:
		n.log.Warn("Relay slot missed", "slot", uint64(e.Slot), "why", e.Why)
	case pipeline.SessionChanged:
		n.log.Info("New session", "session", uint32(e.Session), "relay_block", e.Relay)
	case pipeline.Upgrade:
		n.log.Info("Code upgrade: "+e.Step, "code", short(e.Code), "relay_block", e.Relay)
	case pipeline.CodeApplied:
		n.log.Info(fmt.Sprintf("New runtime from #%d", e.Number), "code", short(e.Code))
	}
}

func (n *Node) logFinalized(hash primitives.Hash, number uint32) {
	n.log.Info(fmt.Sprintf("Finalized #%d", number), "hash", short(hash))
}
