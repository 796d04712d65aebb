package relay

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pileus/crypto"
	"pileus/primitives"
	"pileus/scale"
)

// Whatever validators offer, good, bad, late or twice: the author's block imports, and
// gives the same bytes when made again; what create_inherent keeps, Apply takes as it is;
// no candidate is included twice, and each that was backed is pending, included, timed out
// or dropped with a session.
func TestAnyOffer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		validators := rapid.IntRange(2, 7).Draw(rt, "validators")
		cfg := testGenesis(validators, alpha, beta)
		cfg.SessionBlocks = uint32(rapid.IntRange(4, 30).Draw(rt, "session"))
		cfg.Config.SchedulerParams.Lookahead = uint32(rapid.IntRange(1, 4).Draw(rt, "lookahead"))
		cfg.Config.SchedulerParams.GroupRotationFrequency = uint32(rapid.IntRange(1, 6).Draw(rt, "rotation"))
		cfg.Config.MinimumBackingVotes = 1
		cfg.Config.NodeFeatures = primitives.BitsOf(5, 0, 1, 3, 4)
		if rapid.Bool().Draw(rt, "shared") {
			cfg.Paras[0].Cores = []CoreSchedule{{Assignments: []Assignment{Task(alpha, 28800), Task(beta, 28800)}}, {Core: 1, Assignments: []Assignment{Task(alpha, 57600)}}}
			cfg.Paras[1].Cores = []CoreSchedule{}
		}
		c := newChain(t, cfg)
		heads := map[primitives.ParaID][]string{alpha: {alphaHead()}, beta: {string(cfg.Paras[1].Head)}}
		backed, gone := map[primitives.CandidateHash]bool{}, map[primitives.CandidateHash]EventKind{}
		names := 0
		for range rapid.IntRange(3, 14).Draw(rt, "blocks") {
			data := offer(rt, c, validators, heads, &names)
			slot := c.best().state.Slot() + primitives.Slot(rapid.IntRange(1, 3).Draw(rt, "slots"))
			parent := c.best()
			data.ParentHeader = parent.header
			signer := c.keys[SlotAuthor(parent.state, slot)].Pair
			block, state, events, _, err := Author(parent.state, &parent.header, slot, signer, &data)
			if err != nil {
				rt.Fatalf("author: %v", err)
			}
			// Once more, on a state that knows nothing but what stands in its trie.
			again, _, _, _, err := Author(bare(parent.state), &parent.header, slot, signer, &data)
			if err != nil || string(again.Header.EncodeTo(nil)) != string(block.Header.EncodeTo(nil)) {
				rt.Fatalf("two blocks from the same offer: %v", err)
			}
			imported, _, err := Import(parent.state, &parent.header, reencoded(t, block))
			if err != nil || imported.Root() != state.Root() {
				rt.Fatalf("import: %v", err)
			}
			pre := PreDigest{slot, SlotAuthor(parent.state, slot)}
			kept, _, err := CreateInherent(parent.state, &parent.header, pre, &data)
			if err != nil || string(kept.EncodeTo(nil)) != string(block.Inherent.EncodeTo(nil)) {
				rt.Fatalf("create_inherent differs from the author's: %v", err)
			}
			if _, dropped, _ := CreateInherent(parent.state, &parent.header, pre, kept); len(dropped) > 0 {
				rt.Fatalf("filtering twice drops more: %v", dropped)
			}
			sameInTrie(rt, imported)
			for _, e := range events {
				switch e.Kind {
				case Backed:
					if backed[e.Candidate] && gone[e.Candidate] == 0 {
						rt.Fatalf("backed twice: %v", e)
					}
					backed[e.Candidate], gone[e.Candidate] = true, 0
				case Included, TimedOut, DroppedAtSession:
					if !backed[e.Candidate] || gone[e.Candidate] != 0 {
						rt.Fatalf("%v, and before: %v", e, gone[e.Candidate])
					}
					gone[e.Candidate] = e.Kind
				}
			}
			pending := map[primitives.CandidateHash]bool{}
			cores := map[primitives.CoreIndex]bool{}
			for _, para := range imported.ParaIDs() {
				for _, p := range imported.Pending(para) {
					if pending[p.Hash] || cores[p.Core] {
						rt.Fatalf("pending twice, or two on core %d", p.Core)
					}
					pending[p.Hash], cores[p.Core] = true, true
				}
			}
			for hash := range backed {
				if pending[hash] != (gone[hash] == 0) {
					rt.Fatalf("candidate %s: pending %v, %v", hash.Short(), pending[hash], gone[hash])
				}
			}
			c.tips = append(c.tips, &tip{block.Header, imported})
		}
	})
}

// bare is the state without any value kept decoded.
func bare(s *State) *State {
	return Restore(s.trie, s.params)
}

// sameInTrie wants what the state answers from kept values to be what stands in its trie.
func sameInTrie(rt *rapid.T, s *State) {
	other := bare(s)
	for i, core := range s.AvailabilityCores() {
		if string(scale.Encode(&core)) != string(scale.Encode(&other.AvailabilityCores()[i])) {
			rt.Fatalf("core %d is not that in the trie", i)
		}
	}
	for _, para := range s.ParaIDs() {
		if a, b := scale.Encode(s.BackingConstraints(para)), scale.Encode(other.BackingConstraints(para)); string(a) != string(b) {
			rt.Fatalf("constraints %x, in the trie %x", a, b)
		}
	}
}

// offer is what a provisioner might have: candidates of either para on any head and relay
// parent, bitfields with any bits; some altered.
func offer(rt *rapid.T, c *chain, validators int, heads map[primitives.ParaID][]string, names *int) (data primitives.ParachainsInherentData) {
	s := c.best().state
	ctx := primitives.SigningContext{Session: s.SessionIndexForChild(), Parent: c.best().hash()}
	for v := range primitives.ValidatorIndex(len(s.Validators())) {
		if rapid.IntRange(0, 9).Draw(rt, "absent") == 0 {
			continue
		}
		bits := primitives.NewBitVec(len(s.AvailabilityCores()))
		for i := range bits.Len() {
			if rapid.IntRange(0, 4).Draw(rt, "bit") > 0 {
				bits.Set(i)
			}
		}
		f := primitives.SignedBitfield{Bits: bits, Validator: v, Signature: c.key(s, v).Sign(primitives.BitfieldPayload(bits, ctx))}
		if rapid.IntRange(0, 19).Draw(rt, "bad field") == 0 {
			f.Validator++
		}
		data.Bitfields = append(data.Bitfields, f)
	}
	for range rapid.IntRange(0, 4).Draw(rt, "candidates") {
		para := rapid.SampledFrom([]primitives.ParaID{alpha, beta}).Draw(rt, "para")
		known := heads[para]
		parent := known[max(0, len(known)-1-rapid.IntRange(0, 2).Draw(rt, "back"))]
		if rapid.Bool().Draw(rt, "on the tip") {
			parent = string(s.Head(para))
			if pending := s.Pending(para); len(pending) > 0 {
				parent = string(pending[len(pending)-1].Commitments.HeadData)
			}
		}
		rp := c.tips[max(0, len(c.tips)-1-rapid.IntRange(0, 4).Draw(rt, "age"))]
		core := primitives.CoreIndex(rapid.IntRange(0, 1).Draw(rt, "core"))
		*names++
		next := fmt.Sprintf("%d-%d", para, *names)
		spec := candidateSpec{para: para, relayParent: rp, parentHead: []byte(parent), head: []byte(next), core: core}
		switch rapid.IntRange(0, 5).Draw(rt, "version") {
		case 0:
			spec.v1 = true
		case 1:
			spec.v3, spec.scheduling = true, c.best()
		}
		if _, _, ok := group(rp.state, rp.state.Config(), core, rp.state.Number()); !ok {
			continue
		}
		b := c.candidate(spec)
		if rapid.IntRange(0, 19).Draw(rt, "bad candidate") == 0 {
			b.Candidate.Commitments.HrmpWatermark ^= 1
		}
		heads[para] = append(known, next)
		data.Backed = append(data.Backed, b)
		if rapid.IntRange(0, 19).Draw(rt, "twice") == 0 {
			data.Backed = append(data.Backed, b)
		}
	}
	return data
}

// No bytes of a block make an importer panic, and none that differ from the author's import.
func TestAlteredBytes(t *testing.T) {
	c := newChain(t, testGenesis(3, alpha))
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	c.next(primitives.ParachainsInherentData{Bitfields: c.available(3)})
	block, parent := c.last.block, c.tips[len(c.tips)-2]
	header, inherent := block.Header.EncodeTo(nil), block.Inherent.EncodeTo(nil)
	rapid.Check(t, func(rt *rapid.T) {
		b := &Block{Timestamp: block.Timestamp}
		h, i := slices.Clone(header), slices.Clone(inherent)
		if at := rapid.IntRange(0, len(h)+len(i)-1).Draw(rt, "at"); at < len(h) {
			h[at] ^= rapid.Byte().Draw(rt, "by") | 1
		} else {
			i[at-len(h)] ^= rapid.Byte().Draw(rt, "by") | 1
		}
		if scale.Decode(h, &b.Header) != nil || scale.Decode(i, &b.Inherent) != nil {
			return
		}
		if string(b.Header.EncodeTo(nil)) == string(header) && string(b.Inherent.EncodeTo(nil)) == string(inherent) {
			return // bits behind the end of a bit vector
		}
		if _, _, err := Import(parent.state, &parent.header, b); err == nil {
			rt.Fatalf("an altered block imports")
		}
	})
}

// An inherent of any bytes that decode gives a verdict, never a panic, even from the slot's author.
func FuzzInherent(f *testing.F) {
	c := newChain(f, testGenesis(3, alpha))
	c.empty(1)
	c.next(backing(c.candidate(simple(c.best(), alphaHead(), "x"))))
	f.Add(c.last.block.Inherent.EncodeTo(nil))
	parent := c.tips[len(c.tips)-2]
	pre := PreDigest{parent.state.Slot() + 1, 0}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var data primitives.ParachainsInherentData
		if scale.Decode(raw, &data) != nil {
			return
		}
		data.ParentHeader = parent.header
		kept, dropped, err := CreateInherent(parent.state, &parent.header, pre, &data)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Apply(parent.state, &parent.header, pre, kept)
		if err != nil {
			t.Fatalf("what was kept does not apply: %v", err)
		}
		if _, _, err := Apply(parent.state, &parent.header, pre, &data); err == nil && len(dropped) > 0 {
			t.Fatal("what had to be filtered applies")
		}
	})
}

// The author of a slot is one of the authorities, and its key makes the block.
func TestAuthors(t *testing.T) {
	c := newChain(t, testGenesis(5, alpha))
	seen := map[uint32]bool{}
	for range 40 {
		a := SlotAuthor(c.best().state, c.best().state.Slot()+1)
		seen[a] = true
		if int(a) >= len(crypto.DevKeys(5)) {
			t.Fatalf("author %d", a)
		}
		c.empty(1)
	}
	if len(seen) != 5 {
		t.Fatalf("authors %v", seen)
	}
}
