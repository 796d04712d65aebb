package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus"
	"pileus/executor"
	"pileus/parachain"
	"pileus/primitives"
	"pileus/trie"
)

// patience is how long one block may take to build. Real ones take milliseconds, on a busy
// machine perhaps a second.
const patience = 30 * time.Second

// livePatience is that where the state is fetched as it is read.
const livePatience = 5 * time.Minute

// prober builds blocks with the runtime on relay parents of its own making, and sees what
// the runtime takes.
//
// Relay slots go up by one block of the parachain's slots at a time unless a probe says
// otherwise, so that whatever is not in question lies far from every limit.
type prober struct {
	ctx      context.Context
	host     *parachain.Host
	chain    *parachain.Chain
	config   *primitives.HostConfiguration
	patience time.Duration // with one block
	kinds    []string      // collators to let build

	base    relayParent // the first relay parent, at the start of a slot of the parachain
	step    primitives.Slot
	slotMs  uint64 // of the parachain, as the runtime enforces it
	relayMs uint64 // of the relay chain, as the runtime assumes it
	headers int    // relay headers that the runtime wants

	built  map[builtKey]tried // blocks that were tried: several probes begin with the same ones
	seen   *Observations
	broken error // a fault that is not the runtime's word: nothing further is tried
}

// tip is a block to build on.
type tip struct {
	header *primitives.Header
	state  *trie.State
	built  *parachain.Built // nil: the block that the probes begin with
}

func (t tip) hash() primitives.Hash { return t.header.Hash() }

// attempt is a block to be built; zero fields are those of a correct block.
type attempt struct {
	on    tip
	relay relayParent
	slot  *primitives.Slot // of the parachain
	time  *uint64          // timestamp, ms
	heads *int             // relay headers
}

// builtKey is all that a block depends on.
type builtKey struct {
	on       *trie.State
	parent   primitives.Hash
	number   uint32
	relay    primitives.Slot
	included string
	noSlot   bool
	slot     primitives.Slot
	millis   uint64
	headers  int
}

// tried is what became of an attempt.
type tried struct {
	tip tip
	err error
}

// errStopped says that probing has ended early.
var errStopped = errors.New("not tried: an earlier probe was stopped")

// genesis is the tip that the probes begin with.
func (p *prober) genesis() tip { return tip{header: &p.chain.Genesis, state: p.chain.State} }

// relay is the n-th relay parent after the first, with that head included.
func (p *prober) relay(n int, included tip) relayParent {
	r := p.base
	r.number += uint32(n)
	r.slot += primitives.Slot(n) * p.step
	r.included = included.header.EncodeTo(nil)
	return r
}

// paraSlot is the slot of the parachain at a relay parent.
func (p *prober) paraSlot(r relayParent) primitives.Slot {
	return primitives.Slot(uint64(r.slot) * p.relayMs / p.slotMs)
}

// paraTime is when the parachain's slot at a relay parent begins.
func (p *prober) paraTime(r relayParent) uint64 { return uint64(p.paraSlot(r)) * p.slotMs }

// build tries a block. The error is the runtime's refusal unless the prober broke.
func (p *prober) build(a attempt) (tip, error) {
	if p.broken != nil {
		return tip{}, errStopped
	}
	slot, millis, headers := p.paraSlot(a.relay), p.paraTime(a.relay), p.headers
	if p.relayMs == primitives.RelaySlotMillis {
		millis = max(millis, a.relay.millis())
	}
	if a.slot != nil {
		slot = *a.slot
	}
	if a.time != nil {
		millis = *a.time
	}
	if a.heads != nil {
		headers = *a.heads
	}
	key := builtKey{a.on.state, a.on.hash(), a.relay.number, a.relay.slot, string(a.relay.included), a.relay.noSlot, slot, millis, headers}
	if was, ok := p.built[key]; ok {
		return was.tip, was.err
	}
	t, err := p.really(a, slot, millis, headers)
	if p.broken == nil {
		p.built[key] = tried{t, err}
	}
	return t, err
}

// really builds a block that was not tried yet.
func (p *prober) really(a attempt, slot primitives.Slot, millis uint64, headers int) (tip, error) {
	inherent, err := a.relay.inherent(p.chain, p.config, a.on.header, headers)
	if err != nil {
		p.broken = err
		return tip{}, err
	}
	params := parachain.BuildParams{Parent: a.on.header, ParentState: a.on.state, Slot: slot, Timestamp: millis, Inherent: inherent, Digest: digest(headers)}
	params.Key, _ = parachain.ClaimSlot(slot, p.chain.Facts.Authorities, p.chain.Keys)
	ctx, stop := context.WithTimeout(p.ctx, p.patience)
	defer stop()
	p.seen.Builds++
	built, err := p.host.Build(ctx, params)
	if err != nil {
		p.fault(err)
		return tip{}, err
	}
	return tip{&built.Block.Header, built.State, built}, nil
}

// fault ends the probes if err is not a refusal by the runtime: a block that takes too
// long would take as long the next time.
func (p *prober) fault(err error) {
	var call *executor.CallError
	switch {
	case p.ctx.Err() != nil:
		p.broken = p.ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		p.broken = fmt.Errorf("stopped after %v", p.patience)
	case errors.As(err, &call) && (call.Kind == executor.KindTimeout || call.Kind == executor.KindMemory || call.Kind == executor.KindSetup):
		p.broken = err
	}
}

// digest are the items by which a slot-based collator names its core: it is the one that
// hands relay headers over.
func digest(headers int) []primitives.DigestItem {
	if headers == 0 {
		return nil
	}
	return []primitives.DigestItem{
		primitives.CumulusItem{Kind: primitives.CumulusCoreInfo, Core: primitives.CoreInfo{ClaimQueueOffset: uint8(headers - 1), NumberOfCores: 1}}.DigestItem(),
		primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{IsLast: true}}.DigestItem(),
	}
}

// edit is the tip with another value of a storage item, as if earlier blocks had left it
// so. The tip's header is kept: a block's inherents do not look at its parent's state root.
func (p *prober) edit(t tip, key, value []byte) (tip, error) {
	change := trie.Change{Key: key, Value: value}
	state, err := t.state.Apply(p.chain.Version.StateVersion(), []trie.Change{change}, nil, nil)
	if err != nil {
		return tip{}, err
	}
	return tip{header: t.header, state: state}, nil
}

// note keeps what a probe did and saw, and returns it as a sentence.
func (p *prober) note(probe, did string, err error, saw string) string {
	x := Probe{Name: probe, Did: did, Saw: saw}
	if err != nil {
		x.Saw, x.Refused = "refused: "+parachain.Words(err), true
		if p.broken != nil {
			x.Saw, x.Refused = err.Error(), false
		}
	} else if saw == "" {
		x.Saw = "accepted"
	}
	p.seen.Probes = append(p.seen.Probes, x)
	return x.String()
}

// Where the relay chain of the probes stands: above whatever a chain at its genesis has stored.
const (
	firstNumber = 1000
	firstSlot   = primitives.Slot(294_000_000)
)

// probeConfig is the host configuration of the relay chain that the probes play.
func probeConfig() primitives.HostConfiguration { return pileus.DefaultRelayConfig() }

// newProber begins where the chain stands.
func newProber(ctx context.Context, s *subject, kinds []string) *prober {
	f, config := &s.chain.Facts, probeConfig()
	p := &prober{ctx: ctx, host: s.host, chain: s.chain, config: &config, relayMs: primitives.RelaySlotMillis, slotMs: f.SlotDuration, built: map[builtKey]tried{}, seen: &s.seen}
	p.patience, p.kinds = s.patience, kinds
	p.base = relayParent{number: max(firstNumber, f.MinRelayNumber()), slot: max(firstSlot, f.MinRelaySlot())}
	p.headers = p.collatorHeaders()
	if s.static.SlotDuration != nil {
		p.seen.SlotMs = *s.static.SlotDuration
	}
	p.align()
	return p
}
