package collator

import (
	"slices"

	"pileus/primitives"
	"pileus/scale"
)

// parents are what the parent search has found.
type parents struct {
	included *primitives.Header
	best     *primitives.Header // to build on; may be the included one
}

// defaultLookahead bounds the ancestry where the relay chain does not say
// (polkadot_primitives::DEFAULT_SCHEDULING_LOOKAHEAD).
const defaultLookahead = 3

// findParent finds the block to build on: the highest one on the pending block (else on
// the included one) whose chain was built on relay parents in the window of candidates
// (cumulus-client-consensus-common parent_search).
func (s *story) findParent(schedulingParent *primitives.Header) parents {
	at := schedulingParent.Hash()
	pvd := relay[*primitives.PersistedValidationData](s, schedulingParent, PersistedValidationData{at, s.c.p.ParaID, primitives.AssumeTimedOut})
	if pvd == nil {
		s.pass(schedulingParent, NoValidation, "")
	}
	found := parents{included: s.localHeader(schedulingParent, pvd.ParentHead)}
	found.best = found.included
	// A pending block that is not here must not be built beside: that would be a fork.
	if pvd := relay[*primitives.PersistedValidationData](s, schedulingParent, PersistedValidationData{at, s.c.p.ParaID, primitives.AssumeIncluded}); pvd != nil {
		found.best = s.localHeader(schedulingParent, pvd.ParentHead)
	}
	found.best = s.deepest(found.best, s.ancestry(schedulingParent))
	return found
}

// deepest is the highest descendant of start that can be reached over blocks in the
// window; start itself needs no relay parent there. Depth first, the child that was
// imported last first; among equals the one that is found first stays.
func (s *story) deepest(start *primitives.Header, window relayWindow) *primitives.Header {
	best := start
	todo := slices.Clone(s.c.p.ParaBackend.Children(start.Hash()))
	for len(todo) > 0 {
		hash := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		h, ok := s.c.p.ParaBackend.Header(hash)
		if !ok || !window.holds(h) {
			continue
		}
		if h.Number > best.Number {
			best = h
		}
		todo = append(todo, s.c.p.ParaBackend.Children(hash)...)
	}
	return best
}

// localHeader decodes head data and demands that the block is here.
func (s *story) localHeader(relayParent *primitives.Header, head []byte) *primitives.Header {
	var h primitives.Header
	if err := scale.Decode(head, &h); err != nil {
		s.pass(relayParent, NoParent, "the head data is not a header: "+err.Error())
	}
	own, ok := s.c.p.ParaBackend.Header(primitives.ParaHeadHash(head))
	if !ok {
		s.pass(relayParent, NoParent, "the block has not been imported here")
	}
	return own
}

// relayWindow are the relay parents that a candidate may still have.
type relayWindow struct {
	hashes map[Hash]bool
	roots  map[Hash]bool // of their states
}

// holds tells whether a block was built on a relay parent in the window.
func (w relayWindow) holds(h *primitives.Header) bool {
	if root, ok := h.Digest.RelayStorageRoot(); ok && w.roots[root.Root] {
		return true
	}
	item, ok := h.Digest.Cumulus(primitives.CumulusRelayParent)
	return ok && w.hashes[item.RelayParent]
}

// ancestry is the scheduling parent with its ancestors, as many as the lookahead. It ends
// with a block that begins an epoch, since candidates do not cross sessions, and with
// block 1.
func (s *story) ancestry(schedulingParent *primitives.Header) relayWindow {
	w := relayWindow{map[Hash]bool{}, map[Hash]bool{}}
	v, err := s.ask(func(id uint64) Output { return AskRelay{id, SchedulingLookahead{schedulingParent.Hash()}} })
	lookahead, ok := v.(uint32)
	if err != nil || !ok {
		lookahead = defaultLookahead
	}
	h := schedulingParent
	for i := uint32(1); ; i++ {
		w.hashes[h.Hash()] = true
		w.roots[h.StateRoot] = true
		if i >= lookahead || changesEpoch(h) || h.Number <= 1 {
			return w
		}
		if h = relay[*primitives.Header](s, schedulingParent, Header{h.ParentHash}); h == nil {
			return w
		}
	}
}

// changesEpoch tells whether a relay block announces a new epoch, which begins with it:
// the consensus log NextEpochData of BABE.
func changesEpoch(h *primitives.Header) bool {
	data, ok := h.Digest.Find(primitives.DigestConsensus, primitives.EngineBabe)
	return ok && len(data) > 0 && data[0] == 1
}

// endOfCore walks back from best to the last block of a core: one that ends a bundle, uses
// the full core or changes the runtime. A bundle that was given up half-way is not built on
// (slot-based only; the included block always serves).
func (s *story) endOfCore(p parents) *primitives.Header {
	h := p.best
	for h.Hash() != p.included.Hash() && !endsCore(h) {
		parent, ok := s.c.p.ParaBackend.Header(h.ParentHash)
		if !ok {
			return p.included
		}
		h = parent
	}
	return h
}

// endsCore tells whether nothing more was to come on the core of a block.
func endsCore(h *primitives.Header) bool {
	bundle, ok := h.Digest.Cumulus(primitives.CumulusBundleInfo)
	if !ok || bundle.Bundle.IsLast {
		return true
	}
	if _, full := h.Digest.Cumulus(primitives.CumulusUseFullCore); full {
		return true
	}
	return slices.ContainsFunc(h.Digest, func(i primitives.DigestItem) bool { return i.Kind == primitives.DigestEnvironmentUpdated })
}
