package relay

import (
	"errors"
	"slices"
	"testing"

	"pileus/primitives"
)

// pump backs a candidate of alpha in each block and includes the one before it.
type pump struct {
	*chain
	head string
	n    byte
}

func newPump(t *testing.T, cfg GenesisConfig) *pump {
	p := &pump{chain: newChain(t, cfg), head: alphaHead()}
	p.empty(1)
	return p
}

// step backs a candidate on the best block with changed commitments.
func (p *pump) step(change func(*primitives.CandidateCommitments), calls ...Call) {
	p.t.Helper()
	p.stepOn(p.best(), change, nil, calls...)
}

func (p *pump) stepOn(rp *tip, change func(*primitives.CandidateCommitments), code *primitives.Hash, calls ...Call) {
	p.t.Helper()
	p.n++
	next := string([]byte{'h', p.n})
	spec := simple(rp, p.head, next)
	spec.change, spec.code = change, code
	p.next(primitives.ParachainsInherentData{Bitfields: p.available(5), Backed: []primitives.BackedCandidate{p.candidate(spec)}}, calls...)
	if count(p.last.events, Backed) == 1 {
		p.head = next
	}
}

// until makes blocks until one of them has an event of the kind.
func (p *pump) until(kind EventKind, step func()) {
	p.t.Helper()
	for range 100 {
		if step(); count(p.last.events, kind) > 0 {
			return
		}
	}
	p.t.Fatalf("no %v in 100 blocks", kind)
}

func (p *pump) wantBacked() {
	p.t.Helper()
	if count(p.last.events, Backed) != 1 || len(p.last.dropped) != 0 {
		p.t.Fatalf("#%d: %v, dropped %v", p.best().state.Number(), p.last.events, p.last.dropped)
	}
}

func (p *pump) wantRefused(want error) {
	p.t.Helper()
	if count(p.last.events, Backed) != 0 || !errors.Is(p.lastReason(), want) {
		p.t.Fatalf("#%d: %v, dropped %v; want %v", p.best().state.Number(), p.last.events, p.last.dropped, want)
	}
}

// A downward message must be processed once it was there at the relay parent. What counts
// is the live queue: that a pending predecessor took the message helps nobody.
func TestDownwardMessages(t *testing.T) {
	p := newPump(t, testGenesis(5, alpha))
	p.step(nil, SendDownward{alpha, []byte("one")}, SendDownward{4000, nil}, SendDownward{alpha, make([]byte, 1<<20+1)})
	p.wantOnlyCalls(1, ErrUnroutable, ErrMessageTooLarge)
	sent := p.best().state.Number()
	if q := p.best().state.DmqContents(alpha); len(q) != 1 || q[0].SentAt != sent {
		t.Fatalf("queue %v", q)
	}
	head := primitives.ChainMessage(Hash{}, primitives.InboundMessage{SentAt: sent, Data: []byte("one")})
	if got := itemDownwardHead.at(alpha).or(p.best().state); got != head {
		t.Fatalf("head %s, want %s", got, head)
	}
	if c := p.best().state.BackingConstraints(alpha); !slices.Equal(c.DmpRemainingMessages, []uint32{sent}) {
		t.Fatalf("constraints %+v", c)
	}
	p.stepOn(p.tips[len(p.tips)-2], nil, nil) // its relay parent did not see the message
	p.wantBacked()
	p.stepOn(p.tips[len(p.tips)-2], nil, nil) // the block in which it was sent
	p.wantRefused(ErrDownward)
	p.step(func(o *primitives.CandidateCommitments) { o.ProcessedDownwardMessages = 2 })
	p.wantRefused(ErrDownward)
	p.step(func(o *primitives.CandidateCommitments) { o.ProcessedDownwardMessages = 1 })
	p.wantBacked()
	taker := p.best()
	p.next(backing(p.candidate(simple(taker, p.head, "later")))) // the taker is pending still
	p.wantRefused(ErrDownward)
	p.step(nil) // included first, then this one
	p.wantBacked()
	if q := p.best().state.DmqContents(alpha); len(q) != 0 {
		t.Fatalf("queue %v", q)
	}
}

func (p *pump) wantOnlyCalls(n int, dropped ...error) {
	p.t.Helper()
	if len(p.last.block.Calls) != n || len(p.last.dropped) != len(dropped) {
		p.t.Fatalf("calls %v, dropped %v", p.last.block.Calls, p.last.dropped)
	}
	for i, want := range dropped {
		if !errors.Is(p.last.dropped[i].Err, want) {
			p.t.Fatalf("dropped %v, want %v", p.last.dropped, want)
		}
	}
}

// Upward messages fill the queue when they are included, and are served from the next
// block on; meanwhile the remaining capacity that the para reads has shrunk.
func TestUpwardMessages(t *testing.T) {
	cfg := testGenesis(5, alpha)
	cfg.UpwardPerBlock = 1
	p := newPump(t, cfg)
	send := func(n int) func(*primitives.CandidateCommitments) {
		return func(o *primitives.CandidateCommitments) {
			o.UpwardMessages = append(slices.Repeat([][]byte{{1, 2, 3}}, n), []byte{}, primitives.SelectCoreSignal(primitives.CoreSelection{}))
		}
	}
	p.step(send(5))
	p.wantBacked()
	p.step(send(5))
	p.wantRefused(ErrUpward) // 5 are queued by now, 10 would be too many
	s := p.best().state
	if size, left := itemUpwardSize.at(alpha).or(s), itemUpwardRemaining.at(alpha).or(s); size != (pair[uint32, uint32]{5, 15}) || left != (pair[uint32, uint32]{3, 1<<20 - 15}) {
		t.Fatalf("size %v, left %v", size, left)
	}
	if c := s.BackingConstraints(alpha); c.UmpRemaining != 3 || c.UmpRemainingBytes != 1<<20-15 {
		t.Fatalf("constraints %+v", c)
	}
	p.step(send(4)) // one was served: 4 and 4
	p.wantBacked()
	if served := p.last.events[0]; served.Kind != UpwardServed || served.Count != 1 || itemUpwardSize.at(alpha).or(p.best().state).A != 4 {
		t.Fatalf("events %v", p.last.events)
	}
}

// Messages between paras: open a channel, send, receive, close it.
func TestHorizontalMessages(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	cfg.SessionBlocks = 30
	p := newPump(t, cfg)
	open := OpenChannel{Sender: alpha, Recipient: beta, MaxCapacity: 2, MaxMessageSize: 100}
	self, missing, large, twice, now := open, open, open, open, open
	self.Recipient, missing.Recipient, large.MaxCapacity, now.Sender, now.Recipient, now.Now = alpha, 4000, 9, beta, alpha, true
	p.next(primitives.ParachainsInherentData{}, self, missing, large, open, twice, now)
	p.wantOnlyCalls(2, ErrChannelToSelf, ErrChannelPara, ErrChannelSize, ErrChannelExists)
	if _, ok := itemChannel.at(primitives.ChannelID{Sender: beta, Recipient: alpha}).get(p.best().state); !ok {
		t.Fatal("not opened at once")
	}
	send := func(data string) func(*primitives.CandidateCommitments) {
		return func(o *primitives.CandidateCommitments) {
			o.HorizontalMessages = []primitives.OutboundHrmpMessage{{Recipient: beta, Data: []byte(data)}}
		}
	}
	p.step(send("too early"))
	p.wantRefused(ErrOutbound)
	p.until(ChannelOpened, func() { p.empty(1) })
	p.step(send(string(make([]byte, 101))))
	p.wantRefused(ErrOutbound)
	p.step(send("hello"))
	p.wantBacked()
	p.step(nil)
	p.wantBacked()
	sent := p.best().state.Number()
	s := p.best().state
	id := primitives.ChannelID{Sender: alpha, Recipient: beta}
	ch := itemChannel.at(id).or(s)
	want := primitives.ChainMessage(Hash{}, primitives.InboundMessage{SentAt: sent, Data: []byte("hello")})
	if ch.MsgCount != 1 || ch.TotalSize != 5 || ch.MQCHead == nil || *ch.MQCHead != want {
		t.Fatalf("channel %+v", ch)
	}
	if m := s.InboundHrmpChannelsContents(beta)[alpha]; len(m) != 1 || m[0].SentAt != sent {
		t.Fatalf("contents %v", m)
	}
	if c := s.BackingConstraints(alpha); len(c.HrmpChannelsOut) != 1 || c.HrmpChannelsOut[0].MessagesRemaining != 1 {
		t.Fatalf("constraints %+v", c)
	}
	if w := s.BackingConstraints(beta).ValidWatermarks; !slices.Equal(w, []uint32{sent}) {
		t.Fatalf("watermarks %v", w)
	}
	// beta receives: its watermark lies on the block of sending or on its relay parent.
	p.empty(1)
	spec := candidateSpec{para: beta, relayParent: p.best(), parentHead: p.best().state.Head(beta), head: []byte("b"), core: 1,
		change: func(o *primitives.CandidateCommitments) { o.HrmpWatermark = sent }}
	p.next(backing(p.candidate(spec)))
	p.wantBacked()
	p.next(primitives.ParachainsInherentData{Bitfields: p.available(5)})
	s = p.best().state
	if ch := itemChannel.at(id).or(s); ch.MsgCount != 0 || ch.TotalSize != 0 || *ch.MQCHead != want || len(s.InboundHrmpChannelsContents(beta)[alpha]) != 0 {
		t.Fatalf("after receipt: %+v", ch)
	}
	p.next(primitives.ParachainsInherentData{}, CloseChannel{alpha, beta}, CloseChannel{alpha, beta}, CloseChannel{alpha, 4000})
	p.wantOnlyCalls(1, ErrChannelClosing, ErrChannelUnknown)
	p.until(ChannelClosed, func() { p.empty(1) })
	if s := p.best().state; itemChannel.at(id).has(s) || len(itemEgress.at(alpha).or(s)) != 0 || len(itemIngress.at(beta).or(s)) != 0 {
		t.Fatal("the channel is there still")
	}
}

// Watermarks as the pallet judges them: table of cases over one digest.
func TestWatermarks(t *testing.T) {
	x := newTx(newChain(t, testGenesis(5, alpha)).best().state.store)
	itemWatermark.at(alpha).put(x, 10)
	itemChannelDigests.at(alpha).put(x, []pair[uint32, []primitives.ParaID]{{12, []primitives.ParaID{beta}}, {15, []primitives.ParaID{beta}}})
	for _, c := range []struct {
		relayParent, watermark uint32
		ok                     bool
	}{{20, 20, true}, {20, 21, false}, {20, 9, false}, {20, 10, true}, {20, 11, false}, {20, 12, true}, {20, 15, true}, {14, 15, false}, {9, 9, true}} {
		if err := checkWatermark(x, alpha, c.relayParent, c.watermark); (err == nil) != c.ok {
			t.Errorf("watermark %d on #%d: %v", c.watermark, c.relayParent, err)
		}
	}
	if w := validWatermarks(x, alpha); !slices.Equal(w, []uint32{10, 12, 15}) {
		t.Errorf("valid watermarks %v", w)
	}
}

// A chain that starts with what paras have stored of earlier messages goes on from there.
func TestGenesisChannels(t *testing.T) {
	cfg := testGenesis(5, alpha, beta)
	in, dmq := Hash{1}, Hash{2}
	cfg.Paras[0].DmqHead = dmq
	cfg.Paras[0].Ingress = []ChannelGenesis{{Peer: beta, Head: in}, {Peer: 1000}}
	cfg.Paras[1].Egress = []ChannelGenesis{{Peer: alpha}}
	s, _, err := Genesis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ch := itemChannel.at(primitives.ChannelID{Sender: beta, Recipient: alpha}).or(s)
	if *ch.MQCHead != in || ch.MaxCapacity != 8 || itemDownwardHead.at(alpha).or(s) != dmq {
		t.Fatalf("channel %+v", ch)
	}
	if got := itemIngress.at(alpha).or(s); !slices.Equal(got, []primitives.ParaID{1000, beta}) {
		t.Fatalf("ingress %v", got)
	}
	cfg.Paras[1].Egress[0].Head = Hash{3}
	if _, _, err := Genesis(cfg); !errors.Is(err, ErrChannelHeads) {
		t.Fatalf("two heads: %v", err)
	}
}
