package collator

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pileus/erasure"
	"pileus/internal/testdata"
	"pileus/primitives"
	"pileus/scale"
)

// The keys that are proven are those of the released crates, whatever the para.
func TestProvenKeysAreTheWellKnownOnes(t *testing.T) {
	var v struct {
		Keys map[string]any `json:"well_known_keys"`
	}
	testdata.ReadJSON(t, "vectors/parachain.json", &v)
	paras := v.Keys["per_para"].([]any)
	for _, p := range paras {
		p := p.(map[string]any)
		w := newWorld(t, SlotBased)
		w.c.p.ParaID = primitives.ParaID(p["para_id"].(float64))
		w.queue = map[primitives.CoreIndex][]primitives.ParaID{0: {w.c.p.ParaID, w.c.p.ParaID}}
		w.info.RelayParentOffset = 1
		w.info.KeysToProve = [][]byte{[]byte("asked for")}
		// The boundary of an epoch lies at the newest block: the next authorities are needed.
		s := &story{c: w.c}
		var proven [][]byte
		r1 := w.relayBlock(nil, 10, false)
		r2 := w.relayBlock(r1, 11, true)
		done := newStory(w.c, func(s *story) {
			s.inherent(r1, &primitives.PersistedValidationData{}, w.info, []primitives.Header{*r1, *r2})
		})
		for {
			o, ok := done.next()
			if !ok {
				break
			}
			q := o.(AskRelay)
			if read, ok := q.Query.(ProveRead); ok {
				proven = read.Keys
			}
			var value any
			value, err := w.answer(q.Query)
			if read, ok := q.Query.(StorageValue); ok && bytes.Equal(read.Key, primitives.KeyHrmpIngress(s.c.p.ParaID)) {
				value = []byte(nil)
			}
			done.answer = Answered{q.ID, value, err}
		}
		want := []string{hex.EncodeToString([]byte("asked for"))}
		add := func(name string, key any) {
			if k, ok := key.(string); ok && name != "EPOCH_INDEX" {
				want = append(want, strings.TrimPrefix(k, "0x"))
			}
		}
		for name, key := range v.Keys {
			add(name, key)
		}
		for name, key := range p {
			add(name, key)
		}
		var got []string
		for _, k := range proven {
			got = append(got, hex.EncodeToString(k))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("para %d:\ngot  %v\nwant %v", w.c.p.ParaID, got, want)
		}
	}
	if len(paras) == 0 {
		t.Error("no paras in the vectors")
	}
}

// Core and signals agree as the released crates say.
func TestSignalsAsTheCratesCheckThem(t *testing.T) {
	var v struct {
		Checks struct {
			ClaimQueue [][2]any `json:"claim_queue"`
			Cases      []struct {
				Name     string
				Version  int
				Para     primitives.ParaID    `json:"para_id"`
				Core     primitives.CoreIndex `json:"descriptor_core"`
				Messages []string             `json:"upward_messages"`
				Outcome  string
			}
		} `json:"ump_signal_checks"`
	}
	testdata.ReadJSON(t, "vectors/candidate.json", &v)
	queue := map[primitives.CoreIndex][]primitives.ParaID{}
	for _, e := range v.Checks.ClaimQueue {
		for _, p := range e[1].([]any) {
			core := primitives.CoreIndex(e[0].(float64))
			queue[core] = append(queue[core], primitives.ParaID(p.(float64)))
		}
	}
	tried := 0
	for _, c := range v.Checks.Cases {
		if c.Version != 2 {
			continue
		}
		tried++
		var messages [][]byte
		for _, m := range c.Messages {
			raw, err := hex.DecodeString(strings.TrimPrefix(m, "0x"))
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, raw)
		}
		g := Generation{Para: c.Para, Core: c.Core, Validators: 4, PVD: &primitives.PersistedValidationData{MaxPoVSize: 100}, ClaimQueue: queue}
		_, err := Generate(g, primitives.PoV{}, primitives.CandidateCommitments{UpwardMessages: messages})
		if got := err == nil; got != (c.Outcome == "ok") {
			t.Errorf("%s: %v, want %s", c.Name, err, c.Outcome)
		}
	}
	if tried == 0 {
		t.Error("no cases of version 2")
	}
}

// A receipt commits to all that travels with it.
func TestReceiptCommits(t *testing.T) {
	g := Generation{Para: para, RelayParent: Hash{1}, Core: 2, Session: 3, Validators: 5, ValidationCodeHash: Hash{4}, ParentHead: []byte("parent"),
		PVD:        &primitives.PersistedValidationData{ParentHead: []byte("parent"), RelayParentNumber: 9, RelayParentStorageRoot: Hash{5}, MaxPoVSize: 1000},
		ClaimQueue: map[primitives.CoreIndex][]primitives.ParaID{2: {para}}}
	pov := primitives.PoV{BlockData: bytes.Repeat([]byte{7}, 900)}
	commitments := primitives.CandidateCommitments{HeadData: []byte("head"), HrmpWatermark: 9}
	c, err := Generate(g, pov, commitments)
	if err != nil {
		t.Fatal(err)
	}
	root, err := erasure.RootOf(5, (&primitives.AvailableData{PoV: pov, ValidationData: *g.PVD}).EncodeTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	d := &c.Receipt.Descriptor
	core, _ := d.Core()
	session, _ := d.Session()
	for what, ok := range map[string]bool{
		"version": d.Version() == primitives.DescriptorV2 && d.Acceptable(false), "para": d.Para() == para, "core": core == 2, "session": session == 3,
		"relay parent": d.RelayParent() == Hash{1}, "scheduling parent": d.SchedulingParent() == Hash{1}, "PVD": d.PVDHash() == g.PVD.Hash(),
		"PoV": d.PoVHash() == pov.Hash(), "erasure root": d.ErasureRoot() == root, "head": d.ParaHead() == primitives.ParaHeadHash([]byte("head")),
		"code": d.ValidationCodeHash() == Hash{4}, "commitments": c.Receipt.CommitmentsHash == primitives.HashOf(&commitments), "hash": c.Hash == c.Receipt.Hash(),
	} {
		if !ok {
			t.Errorf("%s is not what was given", what)
		}
	}
	g.PVD.MaxPoVSize = uint32(pov.EncodedSize())
	if _, err := Generate(g, pov, commitments); err != nil {
		t.Errorf("a PoV of the very limit: %v", err)
	}
	if g.PVD.MaxPoVSize--; true {
		if _, err := Generate(g, pov, commitments); err == nil {
			t.Error("a PoV a byte above the limit passed")
		}
	}
}

// The slot-based collator goes back to a block that ends its core.
func TestHalfBundlesAreNotBuiltOn(t *testing.T) {
	bundle := func(index uint8, last bool) primitives.DigestItem {
		return primitives.CumulusItem{Kind: primitives.CumulusBundleInfo, Bundle: primitives.BundleInfo{Index: index, IsLast: last}}.DigestItem()
	}
	for name, c := range map[string]struct {
		first, second primitives.DigestItem
		back          int // how many blocks back from the best one
	}{
		"the second ends it":       {bundle(0, false), bundle(1, true), 0},
		"neither ends it":          {bundle(0, false), bundle(1, false), 2},
		"the first ended it":       {bundle(0, true), bundle(0, false), 1},
		"no bundles at all":        {primitives.AuraPreDigest(1), primitives.AuraPreDigest(2), 0},
		"the second has the core":  {bundle(0, false), primitives.CumulusItem{Kind: primitives.CumulusUseFullCore}.DigestItem(), 0},
		"the second is an upgrade": {bundle(0, false), primitives.DigestItem{Kind: primitives.DigestEnvironmentUpdated}, 0},
	} {
		w := newWorld(t, SlotBased)
		chain := []*primitives.Header{w.include}
		for _, item := range []primitives.DigestItem{c.first, c.second} {
			last := chain[len(chain)-1]
			h := &primitives.Header{Number: last.Number + 1, ParentHash: last.Hash(), Digest: primitives.Digest{item}}
			if item.Kind == primitives.DigestEnvironmentUpdated || item.Kind == primitives.DigestConsensus {
				h.Digest = append(h.Digest, bundle(1, false))
			}
			w.paras[h.Hash()] = h
			chain = append(chain, h)
		}
		s := &story{c: w.c}
		if got := s.endOfCore(parents{included: chain[0], best: chain[2]}); got != chain[2-c.back] {
			t.Errorf("%s: #%d, want #%d", name, got.Number, 2-c.back)
		}
	}
}

// The relay-side peer id goes to the runtime, unless it is longer than any peer id.
func TestPeerID(t *testing.T) {
	for length, want := range map[int]int{0: 0, 38: 38, 64: 64, 65: 0} {
		w := newWorld(t, Lookahead)
		w.c.p.CollatorPeerID = make([]byte, length)
		w.at(10.3, RelayImported{w.relayBlock(nil, 10, false)})
		if got := len(w.ask[0].Inherent.CollatorPeerID); got != want {
			t.Errorf("%d bytes became %d", length, got)
		}
	}
}

// Odd things that a runtime, a relay chain or a driver says are refusals, never a panic.
func TestOddAnswers(t *testing.T) {
	for name, arrange := range map[string]func(w *world){
		"slots of no length":       func(w *world) { w.info.SlotDuration = 0 },
		"slots of a nanosecond":    func(w *world) { w.info.SlotDuration = 1 },
		"an offset without end":    func(w *world) { w.info.RelayParentOffset, w.info.MaxClaimQueueOffset = 1<<32-1, 255 },
		"a queue out of reach":     func(w *world) { w.info.MaxClaimQueueOffset = 255 },
		"a head that is no header": func(w *world) { w.include = &primitives.Header{Digest: primitives.Digest{{Kind: 99}}} },
	} {
		for _, kind := range []Kind{Basic, Lookahead, SlotBased} {
			w := newWorld(t, kind)
			arrange(w)
			w.at(10.3, RelayImported{w.relayBlock(nil, 10, false)})
			w.at(10.4, Tick{})
			if len(w.log) != 1 || len(w.subs) > 0 && name != "a queue out of reach" {
				t.Errorf("%s, %v: %q", name, kind, w.log)
			}
		}
	}
	w := newWorld(t, Lookahead)
	out := w.c.Step(0, RelayImported{w.relayBlock(nil, 1, false)})
	id := out[0].(AskRelay).ID
	if out := w.c.Step(0, Answered{ID: id, Value: "what?"}); len(out) != 1 || out[0].(Note).Reason != RelayUnanswered {
		t.Errorf("%v", out)
	}
	w.c.Step(0, RelayImported{w.relayBlock(nil, 2, false)})
	w.c.Close()
	w.c.Close()
}

// Lists of paras come from the state of a relay chain that may be anybody's.
func FuzzParaList(f *testing.F) {
	f.Add(scale.AppendVecFunc(nil, []uint32{1, 2}, scale.AppendU32))
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		list := decodeParas(raw)
		if len(list)*4 > len(raw) {
			t.Errorf("%d paras from %d bytes", len(list), len(raw))
		}
	})
}
