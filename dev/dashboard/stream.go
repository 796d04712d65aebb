package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the stream. A reader that falls behind by more than its queue, or takes longer
// than WriteTimeout over one message, is dropped; it may come back and gets a snapshot.
const (
	MaxReaders   = 32
	UpdateEvery  = 100 * time.Millisecond // at most; what happens between is one update
	KeepAlive    = 15 * time.Second
	WriteTimeout = 10 * time.Second
	readerQueue  = 64      // messages
	keepUpdates  = 256     // for readers that come back
	keepBytes    = 1 << 20 // of them
)

// streams are the readers and what they were sent last.
type streams struct {
	readers map[*reader]bool
	recent  []message // in order of seq, without gaps
	bytes   int
	armed   bool // a flush will come
	closed  bool
}

type reader struct{ queue chan message }

// message is an update as it goes to readers.
type message struct {
	run  string
	seq  uint64
	data []byte
}

// publish sees to it that what has changed is sent soon.
func (b *Board) publish() {
	b.changed.any = true
	if len(b.streams.readers) == 0 || b.streams.armed || b.streams.closed {
		return
	}
	b.streams.armed = true
	time.AfterFunc(UpdateEvery, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.streams.armed = false
		b.flush()
	})
}

// flush sends what has changed to all readers.
func (b *Board) flush() {
	if !b.changed.any {
		return
	}
	s := &b.streams
	u := b.update()
	if len(s.readers) == 0 { // nobody has seen what came before either
		s.recent, s.bytes = nil, 0
		return
	}
	data, err := json.Marshal(u)
	if err != nil {
		panic(fmt.Sprintf("dashboard: a picture cannot be written as JSON: %v", err)) // its types are all ours
	}
	m := message{u.Run, u.Seq, data}
	s.recent, s.bytes = append(s.recent, m), s.bytes+len(data)
	for len(s.recent) > keepUpdates || s.bytes > keepBytes {
		s.bytes -= len(s.recent[0].data)
		s.recent = s.recent[1:]
	}
	for r := range s.readers {
		select {
		case r.queue <- m:
		default:
			b.drop(r)
		}
	}
}

// update takes the changes out, as the next update.
func (b *Board) update() *Picture {
	p, c := &b.p, &b.changed
	p.Seq++
	u := &Picture{Run: p.Run, Seq: p.Seq, NowMs: b.now()}
	if c.chain {
		u.Chain = p.Chain
	}
	if c.clock {
		u.Clock = p.Clock
	}
	if c.heads {
		u.Heads = p.Heads
	}
	if c.totals {
		u.Totals = p.Totals
	}
	if v := b.verdict(u.NowMs); v != *p.Verdict {
		p.Verdict = &v
		u.Verdict = &v
	}
	u.Relay = pick(p.Relay, func(r *RelayBlock) bool { return c.relay[r.Hash] })
	u.Missed = pick(p.Missed, func(m *Missed) bool { return c.missed[m.Slot] })
	u.Blocks = pick(p.Blocks, func(x *Block) bool { return c.blocks[x.Hash] })
	u.Collators = pick(p.Collators, func(x *Collator) bool { return c.collators[x.Name] })
	u.Log = pick(p.Log, func(l *Line) bool { return c.log[l.Seq] })
	b.changed = newChanges()
	return u
}

func pick[T any](list []T, wanted func(*T) bool) (out []T) {
	for i := range list {
		if wanted(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}

// Snapshot is the whole picture at this moment.
func (b *Board) Snapshot() *Picture {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snapshot()
}

func (b *Board) snapshot() *Picture {
	b.flush()
	p := b.p
	p.NowMs = b.now()
	chain, clock, heads, totals, verdict := *p.Chain, *p.Clock, *p.Heads, *p.Totals, b.verdict(p.NowMs)
	p.Chain, p.Clock, p.Heads, p.Totals, p.Verdict = &chain, &clock, &heads, &totals, &verdict
	p.Relay, p.Missed, p.Blocks = slices.Clone(p.Relay), slices.Clone(p.Missed), slices.Clone(p.Blocks)
	p.Collators, p.Log = slices.Clone(p.Collators), slices.Clone(p.Log)
	return &p
}

// join adds a reader. What it has missed since the update it names comes first, or else a
// snapshot; nil if there are too many readers.
func (b *Board) join(lastID string) (*reader, []message, *Picture) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.streams
	if len(s.readers) >= MaxReaders || s.closed {
		return nil, nil, nil
	}
	r := &reader{queue: make(chan message, readerQueue)}
	if s.readers == nil {
		s.readers = map[*reader]bool{}
	}
	b.flush()
	s.readers[r] = true
	if missed, ok := b.missedSince(lastID); ok {
		return r, missed, nil
	}
	return r, nil, b.snapshot()
}

// missedSince are the updates after the one with that id, if they are all here.
func (b *Board) missedSince(id string) ([]message, bool) {
	run, number, ok := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || run != b.p.Run || seq > b.p.Seq {
		return nil, false
	}
	recent := b.streams.recent
	behind := b.p.Seq - seq
	if behind > uint64(len(recent)) {
		return nil, false
	}
	return slices.Clone(recent[uint64(len(recent))-behind:]), true
}

// drop lets a reader go; the end of its queue ends its response.
func (b *Board) drop(r *reader) {
	if b.streams.readers[r] {
		delete(b.streams.readers, r)
		close(r.queue)
	}
}

// Close ends all streams, and lets no reader in any more.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams.closed = true
	for r := range b.streams.readers {
		b.drop(r)
	}
}

// serveEvents answers with the stream of server-sent events: "snapshot" or the updates
// missed since Last-Event-ID, then "update" upon update. The id of a message is RUN-SEQ.
func (b *Board) serveEvents(w http.ResponseWriter, req *http.Request) {
	r, missed, whole := b.join(req.Header.Get("Last-Event-ID"))
	if r == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d readers are here already, or the network is ending; try again later", MaxReaders), http.StatusServiceUnavailable)
		return
	}
	defer func() {
		b.mu.Lock()
		b.drop(r)
		b.mu.Unlock()
	}()
	control := http.NewResponseController(w)
	send := func(event string, m message) error {
		if err := control.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
			return err
		}
		var buf bytes.Buffer
		if event == "" {
			buf.WriteString(": still here\n\n")
		} else {
			fmt.Fprintf(&buf, "event: %s\nid: %s-%d\ndata: %s\n\n", event, m.run, m.seq, m.data)
		}
		if _, err := w.Write(buf.Bytes()); err != nil {
			return err
		}
		return control.Flush()
	}

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write([]byte("retry: 1000\n\n")); err != nil {
		return
	}
	if whole != nil {
		data, err := json.Marshal(whole)
		if err != nil || send("snapshot", message{whole.Run, whole.Seq, data}) != nil {
			return
		}
	}
	for _, m := range missed {
		if send("update", m) != nil {
			return
		}
	}
	alive := time.NewTicker(KeepAlive)
	defer alive.Stop()
	for {
		var err error
		select {
		case m, open := <-r.queue:
			if !open {
				return
			}
			err = send("update", m)
		case <-alive.C:
			err = send("", message{})
		case <-req.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}
