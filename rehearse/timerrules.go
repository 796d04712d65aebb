package rehearse

import (
	"regexp"
	"strings"

	"pileus/metadata"
	"pileus/scale"
	"pileus/trie"
)

// The rules by which the audit finds what counts blocks. They go by type and by use:
//
//	type   a field whose type is written BlockNumber, BlockNumberFor<T>, Timepoint's height, RelayBlockNumber, ...
//	use    documentation that gives blocks as the unit ("in blocks", "number of blocks", "the block at which")
//	key    a map that is indexed by a block number
//	rate   amounts per block beside an amount: what is left lasts as long as that takes (vesting)
//	known  constants of FRAME that are known to count blocks and do not say so
//	name   a name that ends with Period, Delay, Duration, ... and no unit: a guess
//
// Left out are the clocks themselves (pallets System, ParachainSystem, Timestamp, Aura,
// AuraExt, Authorship) except for System.BlockHashCount, and whatever its documentation
// gives in seconds.
var (
	typeBlocks = regexp.MustCompile(`BlockNumber`)
	typeRelay  = regexp.MustCompile(`(?i)relay`)
	// unitPeriod is how documentation says that a number is one of blocks, unitMoment that it is a block's.
	unitPeriod  = regexp.MustCompile(`(?i)\b(number of|in|many|of) (relay[- ]chain |own |parachain )?blocks\b|\(in blocks\)|relay[- ]chain blocks?|\bblock number`)
	unitMoment  = regexp.MustCompile(`(?i)\b(the|in|at|which|until|since) (relay[- ]chain |own |parachain )?block\b|relay[- ]chain block|block number`)
	unitSeconds = regexp.MustCompile(`(?i)\b(milli)?seconds?\b|\bunix|\btimestamp|\bsessions?\b|\beras?\b|\brounds?\b`)
	unitOther   = regexp.MustCompile(`(?i)\b(bytes|length|weight|batch|size|maximum number of|max(imum)? amount|how many|fee|cost|per block|every block|current block|each block|in a (single )?block|of the block|author)\b`)
	nameTime    = regexp.MustCompile(`(?i)(period|delay|duration|lifetime|interval|cooldown|timeout|window|term|deadline|tolerance|expiration|expiry|threshold_time|frequency)s?$`)
	keyByBlock  = regexp.MustCompile(`(?i)(indexed|keyed) by (the )?(relay[- ]chain )?block|block numbers? (to|->)|map of block numbers`)
	perBlock    = regexp.MustCompile(`^per_?block$`)
)

// known are constants of FRAME without a unit in their documentation.
var known = map[string]string{
	"System.BlockHashCount":              "how long a mortal transaction may be valid at most",
	"Proxy.AnnouncementPeriod":           "",
	"Scheduler.MaximumWeight":            "",
	"Babe.EpochDuration":                 "",
	"Democracy.EnactmentPeriod":          "",
	"Democracy.LaunchPeriod":             "",
	"Democracy.VotingPeriod":             "",
	"Democracy.VoteLockingPeriod":        "",
	"Democracy.CooloffPeriod":            "",
	"Treasury.SpendPeriod":               "",
	"Treasury.PayoutPeriod":              "",
	"Elections.TermDuration":             "",
	"ConvictionVoting.VoteLockingPeriod": "",
	"Referenda.UndecidingTimeout":        "",
	"Referenda.AlarmInterval":            "",
	"Bounties.BountyDepositPayoutDelay":  "",
	"Bounties.BountyUpdatePeriod":        "",
	"Session.Period":                     "",
	"ImOnline.UnsignedPriority":          "",
}

// clockPallets hold the clocks, not timers.
var clockPallets = map[string]bool{"System": true, "ParachainSystem": true, "Timestamp": true, "Aura": true, "AuraExt": true, "Authorship": true,
	"TransactionPayment": true, "CumulusXcm": true, "XcmpQueue": true, "ParachainInfo": true}

// The kinds of timers.
const (
	kindConstant   = "constant"
	kindPeriod     = "stored period"
	kindMoment     = "stored moment"
	kindMapByBlock = "map by block"
)

// item is a place in a runtime that counts blocks.
type item struct {
	pallet, entry string
	path          []string // to the number within the value; "[]" is each element of a list
	kind          string
	why           string
	guess         string
	meaning       string
	relay         bool // by type or documentation
	rate          bool // path leads to a record of an amount and an amount per block
}

func (x *item) name() string {
	s := x.pallet + "." + x.entry
	for _, p := range x.path {
		if p != "[]" && p != "0" {
			s += "." + p
		}
	}
	return s
}

func (x *item) moment() bool { return x.kind == kindMoment || x.kind == kindMapByBlock }

// search finds the items of a runtime, in the order of its metadata.
func search(m *metadata.Metadata) (list []item) {
	for i := range m.Pallets {
		p := &m.Pallets[i]
		for _, c := range p.Constants {
			list = append(list, constants(m, p.Name, &c)...)
		}
		if p.Storage == nil || clockPallets[p.Name] {
			continue
		}
		for j := range p.Storage.Entries {
			list = append(list, stored(m, p.Name, &p.Storage.Entries[j])...)
		}
	}
	return list
}

func constants(m *metadata.Metadata, pallet string, c *metadata.Constant) []item {
	docs := strings.Join(c.Docs, " ")
	meaning, isKnown := known[pallet+"."+c.Name]
	base := item{pallet: pallet, entry: c.Name, kind: kindConstant, meaning: meaning, relay: typeRelay.MatchString(docs) || typeRelay.MatchString(c.Name)}
	if !integer(m.Types, c.Type) {
		if clockPallets[pallet] {
			return nil
		}
		return fields(m, base, c.Type)
	}
	switch {
	case isKnown:
		base.why = "known"
	case clockPallets[pallet] || unitSeconds.MatchString(docs):
		return nil
	case unitPeriod.MatchString(docs) && (!unitOther.MatchString(docs) || nameTime.MatchString(c.Name)):
		base.why = "use: its documentation gives blocks"
	case nameTime.MatchString(c.Name) && !strings.HasPrefix(c.Name, "Max"):
		base.why, base.guess = "name", "by its name only; the documentation gives no unit"
	default:
		return nil
	}
	return []item{base}
}

func stored(m *metadata.Metadata, pallet string, e *metadata.StorageEntry) (list []item) {
	docs := strings.Join(e.Docs, " ")
	base := item{pallet: pallet, entry: e.Name, kind: kindMoment, relay: typeRelay.MatchString(docs) || typeRelay.MatchString(e.Name)}
	if e.IsMap && keyByBlock.MatchString(docs) && integer(m.Types, firstKey(m, e)) {
		by := base
		by.kind, by.why = kindMapByBlock, "key: its documentation says that it is indexed by block number"
		list = append(list, by)
	}
	if !integer(m.Types, e.Value) {
		return append(list, fields(m, base, e.Value)...)
	}
	if unitMoment.MatchString(docs) && !unitSeconds.MatchString(docs) && !unitOther.MatchString(docs) {
		base.why = "use: its documentation gives blocks"
		if nameTime.MatchString(e.Name) {
			base.kind = kindPeriod
		}
		list = append(list, base)
	} else if nameTime.MatchString(e.Name) && !unitSeconds.MatchString(docs) && pallet != "Session" {
		base.kind, base.why, base.guess = kindPeriod, "name", "by its name only; the documentation gives no unit"
		list = append(list, base)
	}
	return list
}

func firstKey(m *metadata.Metadata, e *metadata.StorageEntry) metadata.TypeID {
	if types, err := e.KeyTypes(m.Types); err == nil && len(types) > 0 {
		return types[0]
	}
	return e.Key
}

// integer tells whether a type is a whole number of 32 or 64 bits, however wrapped.
func integer(r metadata.Registry, id metadata.TypeID) bool {
	for range 6 {
		t := r.Type(id)
		switch {
		case t == nil:
			return false
		case t.Def.Kind == metadata.DefPrimitive:
			return t.Def.Primitive == metadata.PrimU32 || t.Def.Primitive == metadata.PrimU64
		case t.Def.Kind == metadata.DefCompact:
			id = t.Def.Elem
		case t.Def.Kind == metadata.DefComposite && len(t.Def.Fields) == 1:
			id = t.Def.Fields[0].Type
		default:
			return false
		}
	}
	return false
}

// some is the type within an Option, else the type itself.
func some(r metadata.Registry, id metadata.TypeID) metadata.TypeID {
	if t := r.Type(id); t != nil && t.Name() == "Option" {
		for _, v := range t.Def.Variants {
			if len(v.Fields) == 1 {
				return v.Fields[0].Type
			}
		}
	}
	return id
}

// fields finds the block numbers within a type.
func fields(m *metadata.Metadata, base item, id metadata.TypeID) (list []item) {
	w := &typeWalk{m: m, base: base}
	w.walk(id, nil, 0)
	return w.found
}

type typeWalk struct {
	m     *metadata.Metadata
	base  item
	found []item
}

const (
	deepest = 7  // nested types that are looked into
	widest  = 40 // variants of an enum that is looked into; calls and events have more
)

func (w *typeWalk) walk(id metadata.TypeID, path []string, depth int) {
	t := w.m.Types.Type(id)
	if t == nil || depth > deepest {
		return
	}
	switch t.Def.Kind {
	case metadata.DefComposite:
		w.fields(t.Def.Fields, path, depth)
	case metadata.DefVariant:
		if len(t.Def.Variants) > widest {
			return
		}
		for _, v := range t.Def.Variants {
			at := path
			if t.Name() != "Option" {
				at = append(path[:len(path):len(path)], v.Name)
			}
			w.fields(v.Fields, at, depth)
		}
	case metadata.DefSequence, metadata.DefArray:
		w.walk(t.Def.Elem, append(path[:len(path):len(path)], "[]"), depth+1)
	case metadata.DefTuple:
		for i, e := range t.Def.Tuple {
			w.walk(e, append(path[:len(path):len(path)], string(rune('0'+i%10))), depth+1)
		}
	}
}

func (w *typeWalk) fields(list []metadata.Field, path []string, depth int) {
	for i, f := range list {
		at := path
		switch {
		case f.Name != "":
			at = append(path[:len(path):len(path)], f.Name)
		case len(list) > 1:
			at = append(path[:len(path):len(path)], string(rune('0'+i%10)))
		}
		if perBlock.MatchString(f.Name) && i > 0 {
			x := w.base
			x.path, x.kind, x.rate, x.why = at, kindPeriod, true, "rate: an amount per block; what is locked lasts as long as that takes"
			x.relay = x.relay || typeRelay.MatchString(f.TypeName)
			w.found = append(w.found, x)
			continue
		}
		if typeBlocks.MatchString(f.TypeName) && integer(w.m.Types, some(w.m.Types, f.Type)) {
			w.block(f, at)
			continue
		}
		relay := w.base.relay // Timepoint<RelayBlockNumber>
		w.base.relay = relay || typeBlocks.MatchString(f.TypeName) && typeRelay.MatchString(f.TypeName)
		w.walk(f.Type, at, depth+1)
		w.base.relay = relay
	}
}

func (w *typeWalk) block(f metadata.Field, path []string) {
	x := w.base
	x.path, x.why = path, "type: "+f.TypeName
	x.relay = x.relay || typeRelay.MatchString(f.TypeName)
	docs := strings.Join(f.Docs, " ")
	if x.kind != kindConstant && (nameTime.MatchString(f.Name) || strings.Contains(f.Name, "_period") || strings.Contains(strings.ToLower(docs), "length of")) {
		x.kind = kindPeriod
	}
	w.found = append(w.found, x)
}

// numbers reads the numbers to which a path leads in a value.
func numbers(v metadata.Value, path []string, list []uint64) []uint64 {
	for v.Kind == metadata.KindVariant && (v.Text == "Some" || v.Text == "None") {
		if len(v.Items) == 0 {
			return list
		}
		v = v.Items[0]
	}
	if len(path) == 0 {
		if v.Kind == metadata.KindUint && v.Int.Hi == 0 {
			list = append(list, v.Int.Lo)
		}
		return list
	}
	switch {
	case path[0] == "[]":
		for _, item := range v.Items {
			list = numbers(item, path[1:], list)
		}
		return list
	case v.Kind == metadata.KindVariant:
		if v.Text != path[0] {
			return list
		}
		v.Kind = metadata.KindRecord
		if len(path) == 1 && len(v.Items) == 1 {
			return numbers(v.Items[0], nil, list)
		}
		return numbers(v, path[1:], list)
	}
	if next, ok := v.Get(path[0]); ok {
		return numbers(next, path[1:], list)
	}
	return list
}

// rates reads how many blocks the amounts per block at the end of a path last.
func rates(v metadata.Value, path []string, list []uint64) []uint64 {
	if len(path) == 1 {
		per, ok := v.Get(path[0])
		if !ok || per.Int == (scale.U128{}) || len(v.Items) == 0 {
			return list
		}
		whole := v.Items[0].Int
		return append(list, uint64(wide(whole)/wide(per.Int)+0.5))
	}
	if path[0] == "[]" {
		for _, item := range v.Items {
			list = rates(item, path[1:], list)
		}
		return list
	}
	if next, ok := v.Get(path[0]); ok {
		return rates(next, path[1:], list)
	}
	return list
}

func wide(n scale.U128) float64 { return float64(n.Hi)*(1<<64) + float64(n.Lo) }

// mostEntries is how many entries of a map are read.
const mostEntries = 5000

// values reads the numbers of a storage item in a state, and counts its entries.
func (x *item) values(m *metadata.Metadata, s *trie.State) (list []uint64, entries int, err error) {
	prefix, err := m.StorageKey(x.pallet, x.entry)
	if err != nil {
		return nil, 0, nil // an earlier runtime lacks it
	}
	it, err := s.Top().Iter(prefix, nil, nil)
	if err != nil {
		return nil, 0, err
	}
	for entries < mostEntries {
		key, ok, err := it.Next()
		if err != nil || !ok {
			return list, entries, err
		}
		entries++
		if x.kind == kindMapByBlock {
			if name, ok := m.NameKey(key); ok && len(name.Keys) > 0 {
				list = numbers(name.Keys[0], nil, list)
			}
			continue
		}
		raw, _, err := s.Top().Get(key, nil)
		if err != nil {
			return list, entries, err
		}
		v, present, err := m.DecodeStorage(x.pallet, x.entry, raw)
		if err != nil || !present {
			continue // a value that its own runtime could not read either
		}
		if x.rate {
			list = rates(v, x.path, list)
		} else {
			list = numbers(v, x.path, list)
		}
	}
	return list, entries, nil
}
