package rehearse

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"pileus/hashing"
	"pileus/metadata"
	"pileus/parachain"
	"pileus/trie"
)

// Which clock a pallet counts by is told, in this order:
//
//	by type, documentation or name    they say "relay"
//	by probing                        a call of the pallet is tried on the state with the own block number
//	                                  moved on, and with the relay chain's: what the outcome follows is the clock
//	by the stored numbers             those near the relay chain's number cannot be blocks of a chain that is far from it
//	else                              the own clock, which is FRAME's default
//
// A runtime whose BlockNumberProvider reads ParachainSystem.LastRelayChainBlockNumber
// follows the relay chain in a probe, and is unaffected by the chain's own pace.

// clocks are what probing has found: the call that followed a clock, by pallet and by
// storage item of a pallet ("Timers.Locks").
type clocks struct {
	own, relay map[string]string
	shifted    map[string]bool // items in which a moved clock shows as a number moved by as much
	snapshot   snapshot
}

const (
	mostCalls = 12        // of a pallet that are tried
	probeBy   = 100_000   // blocks by which a clock is moved
	farApart  = 2_000_000 // blocks by which own number and relay number differ at least to be told apart
)

func probeClocks(ctx context.Context, s snapshot, found []item) (*clocks, error) {
	c := &clocks{own: map[string]string{}, relay: map[string]string{}, shifted: map[string]bool{}, snapshot: s}
	m := s.runtime.Metadata
	transfers, err := parachain.NewTransfers(m, s.genesis, s.accounts, nil)
	if err != nil {
		return c, nil // without accounts there is nobody to try calls; documentation has to do
	}
	probe, err := parachain.NewProbe(ctx, s.runtime.Code, s.runtime.State)
	if err != nil {
		return nil, err
	}
	p := &prober{m: m, transfers: transfers, probe: probe, s: s, shifted: c.shifted}
	if call, err := m.EncodeCall("System", "remark", []byte{}); err != nil || p.follows(ctx, 0, "", call).any() {
		return c, ctx.Err() // even an empty call depends on the clocks here: nothing could be told
	}
	p.hooks(ctx, c)
	wanted := map[string]bool{}
	for _, x := range found {
		wanted[x.pallet] = true
	}
	for i := range m.Pallets {
		pallet := m.Pallets[i].Name
		if clockPallets[pallet] || !wanted[pallet] {
			continue
		}
		account := p.owner(pallet)
		for _, call := range p.calls(pallet, account) {
			f := p.follows(ctx, account, pallet, call.bytes)
			note(c.own, f.own, pallet, call.name)
			note(c.relay, f.relay, pallet, call.name)
		}
	}
	return c, ctx.Err()
}

// more are items that nothing but the probe has found: whole numbers that follow a clock.
func (c *clocks) more(found []item) (list []item) {
	m := c.snapshot.runtime.Metadata
	known := map[string]bool{}
	for _, x := range found {
		known[x.pallet+"."+x.entry] = true
	}
	for i := range m.Pallets {
		p := &m.Pallets[i]
		if p.Storage == nil {
			continue
		}
		for _, e := range p.Storage.Entries {
			name := p.Name + "." + e.Name
			if !known[name] && c.shifted[name] && integer(m.Types, e.Value) {
				list = append(list, item{pallet: p.Name, entry: e.Name, kind: kindMoment, why: "use: what is written there follows a clock"})
			}
		}
	}
	return list
}

// note keeps which call has shown that a pallet, and an item of it, follow a clock.
func note(into map[string]string, items map[string]bool, pallet, call string) {
	for item := range items {
		if into[pallet] == "" {
			into[pallet] = call
		}
		if name := pallet + "." + item; item != "" && into[name] == "" {
			into[name] = call
		}
	}
}

// decide settles the clock of a timer and says how it is known.
func (c *clocks) decide(x *item, t *Timer) {
	own, relay := c.own[x.pallet+"."+x.entry], c.relay[x.pallet+"."+x.entry]
	if own == "" && relay == "" {
		own, relay = c.own[x.pallet], c.relay[x.pallet]
	}
	switch {
	case x.relay:
		t.Clock = RelayClock
		t.Why += "; clock: type, documentation or name say relay"
	case relay != "" && own == "":
		t.Clock = RelayClock
		t.Why += fmt.Sprintf("; clock: probe, %s.%s follows the relay chain's block number", x.pallet, relay)
	case own != "" && relay == "":
		t.Why += fmt.Sprintf("; clock: probe, %s.%s follows the chain's own block number", x.pallet, own)
	case x.kind != kindConstant && c.nearRelay(x):
		t.Clock = RelayClock
		t.Why += "; clock: the stored numbers are near the relay chain's"
	default:
		t.Why += "; clock: own, by default"
	}
}

// nearRelay tells whether the stored moments can only be block numbers of the relay chain.
func (c *clocks) nearRelay(x *item) bool {
	own, relay := uint64(c.snapshot.runtime.Number), uint64(c.snapshot.relay)
	if !x.moment() || relay < own+farApart {
		return false
	}
	values, _, err := x.values(c.snapshot.runtime.Metadata, c.snapshot.runtime.State)
	if err != nil || len(values) == 0 {
		return false
	}
	return slices.Min(values) > own+(relay-own)/2
}

// prober tries calls.
type prober struct {
	m         *metadata.Metadata
	transfers *parachain.Transfers
	probe     *parachain.Probe
	s         snapshot
	shifted   map[string]bool
}

// follow says what of an outcome depends on which clock: items of the pallet's storage,
// or "" for anything else.
type follow struct{ own, relay map[string]bool }

func (f follow) any() bool { return len(f.own)+len(f.relay) > 0 }

// follows applies a call with the clocks as they are, and with each of them moved.
func (p *prober) follows(ctx context.Context, account int, pallet string, call []byte) (f follow) {
	xt, err := p.transfers.CallAt(account, p.s.runtime.State, call)
	if err != nil {
		return f
	}
	as := func(by parachain.Moved) map[string]string {
		out, written, err := p.probe.Extrinsic(ctx, xt, by)
		if err != nil {
			return nil
		}
		return outcomeOf(out, written)
	}
	base := as(parachain.Moved{})
	f.own = p.differ(pallet, base, as(parachain.Moved{Own: probeBy}))
	f.relay = p.differ(pallet, base, as(parachain.Moved{Relay: probeBy}))
	return f
}

// hooks finds what the pallets write at the beginning of a block that follows a clock.
func (p *prober) hooks(ctx context.Context, c *clocks) {
	as := func(by parachain.Moved) map[string]string {
		out, written, err := p.probe.Hooks(ctx, by)
		if err != nil || len(out) > 0 {
			return nil
		}
		return outcomeOf(nil, written)
	}
	base := as(parachain.Moved{})
	if base == nil {
		return
	}
	for into, by := range map[*map[string]string]parachain.Moved{&c.own: {Own: probeBy}, &c.relay: {Relay: probeBy}} {
		moved := as(by)
		if moved == nil {
			continue
		}
		for i := range p.m.Pallets {
			if name := p.m.Pallets[i].Name; !clockPallets[name] {
				items := p.differ(name, base, moved)
				delete(items, "")
				note(*into, items, name, "on_initialize")
			}
		}
	}
}

// outcomeOf is what a call came to and what it wrote, but for what pallet System keeps of every extrinsic.
func outcomeOf(out []byte, written []trie.Change) map[string]string {
	system := hashing.Twox128([]byte("System"))
	m := map[string]string{"": string(out)}
	for _, c := range written {
		if !bytes.HasPrefix(c.Key, system[:]) {
			m[string(c.Key)] = string(c.Value)
		}
	}
	return m
}

// differ names the items of the pallet in which two outcomes differ.
func (p *prober) differ(pallet string, a, b map[string]string) map[string]bool {
	items := map[string]bool{}
	compare := func(a, b map[string]string) {
		for key, value := range a {
			if other, there := b[key]; there && other == value {
				continue
			}
			name := ""
			if s, ok := p.m.NameKey([]byte(key)); ok && s.Pallet == pallet {
				name = s.Entry.Name
				if n := little(b[key]) - little(value); n == probeBy || -n == probeBy {
					p.shifted[pallet+"."+name] = true
				}
			}
			items[name] = true
		}
	}
	compare(a, b)
	compare(b, a)
	return items
}

// little is a little-endian number of 4 or 8 bytes, 0 for anything else.
func little(v string) (n int64) {
	if len(v) != 4 && len(v) != 8 {
		return 0
	}
	for i := len(v) - 1; i >= 0; i-- {
		n = n<<8 | int64(v[i])
	}
	return n
}

// owner is the account that holds something in the pallet's storage, else the first one.
func (p *prober) owner(pallet string) int {
	s := p.m.Pallet(pallet).Storage
	if s == nil {
		return 0
	}
	prefix := hashing.Twox128([]byte(s.Prefix))
	it, err := p.s.runtime.State.Top().Iter(prefix[:], nil, nil)
	for n := 0; err == nil && n < mostEntries; n++ {
		key, ok, e := it.Next()
		if e != nil || !ok {
			break
		}
		for i, a := range p.s.accounts {
			if bytes.HasSuffix(key, a.ID) {
				return i
			}
		}
	}
	return 0
}

// call is one to be tried.
type call struct {
	name  string
	bytes []byte
}

// calls are those of a pallet, with arguments of zeros and the account itself.
func (p *prober) calls(pallet string, account int) (list []call) {
	pal := p.m.Pallet(pallet)
	if pal.Calls == nil {
		return nil
	}
	t := p.m.Types.Type(pal.Calls.Type)
	if t == nil {
		return nil
	}
	for i := range t.Def.Variants {
		v := &t.Def.Variants[i]
		b, ok := []byte{pal.Index, v.Index}, true
		for _, f := range v.Fields {
			if b, ok = p.zero(b, f.Type, account, 0); !ok {
				break
			}
		}
		if ok && len(list) < mostCalls {
			list = append(list, call{v.Name, b})
		}
	}
	return list
}

// zero appends the smallest value of a type; an account is the one that signs.
func (p *prober) zero(b []byte, id metadata.TypeID, account, depth int) ([]byte, bool) {
	t := p.m.Types.Type(id)
	if t == nil || depth > 8 {
		return b, false
	}
	switch t.Def.Kind {
	case metadata.DefPrimitive:
		switch t.Def.Primitive {
		case metadata.PrimBool, metadata.PrimStr:
			return append(b, 0), true
		case metadata.PrimChar:
			return append(b, 0, 0, 0, 0), true
		}
		return append(b, make([]byte, width(t.Def.Primitive))...), true
	case metadata.DefCompact, metadata.DefSequence, metadata.DefBitSequence:
		return append(b, 0), true
	case metadata.DefArray:
		if t.Def.Len > 1024 {
			return b, false
		}
		ok := true
		for range t.Def.Len {
			if b, ok = p.zero(b, t.Def.Elem, account, depth+1); !ok {
				return b, false
			}
		}
		return b, true
	case metadata.DefTuple:
		ok := true
		for _, e := range t.Def.Tuple {
			if b, ok = p.zero(b, e, account, depth+1); !ok {
				return b, false
			}
		}
		return b, true
	case metadata.DefComposite:
		if name := t.Name(); name == "AccountId32" || name == "AccountId20" {
			return append(b, p.s.accounts[account].ID...), true
		}
		return p.zeroFields(b, t.Def.Fields, account, depth)
	case metadata.DefVariant:
		if len(t.Def.Variants) == 0 || len(t.Def.Variants) > widest {
			return b, false
		}
		v := &t.Def.Variants[0]
		return p.zeroFields(append(b, v.Index), v.Fields, account, depth)
	}
	return b, false
}

func (p *prober) zeroFields(b []byte, list []metadata.Field, account, depth int) ([]byte, bool) {
	ok := true
	for _, f := range list {
		if b, ok = p.zero(b, f.Type, account, depth+1); !ok {
			return b, false
		}
	}
	return b, true
}

// width of a whole number in bytes.
func width(p metadata.Primitive) int {
	if p >= metadata.PrimI8 {
		p -= metadata.PrimI8 - metadata.PrimU8
	}
	return 1 << (p - metadata.PrimU8)
}
